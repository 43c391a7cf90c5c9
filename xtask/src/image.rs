//! The disk image.

pub(crate) mod bundle;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::cache::Key;
use crate::kernel::Kernel;
use crate::keys::Keys;
use crate::rootfs::{Release, Rootfs, Tools};
use crate::step::{cached, exec_logged, output, step};

/// The most that the image may take, raw and compressed, in bytes.
pub(crate) const LIMITS: (u64, u64) = (400_000_000, 90_000_000);

/// How the root image is packed; chosen by measurement, see docs/decisions/image.md.
pub(crate) const EROFS: [&str; 4] = ["-zlz4hc,12", "-C16384", "--all-root", "-x-1"];

/// Builds the image of the current release, see [`build_release`].
pub(crate) fn build() -> Result<PathBuf> {
    build_release(&Release::current()?)
}

/// Builds `spanwatch-x86_64.img` with its manifest and kernel.config in the release's folder, and
/// returns the image's path. What it is made of stays in `image/` beside it: root.img, the signed kernels.
pub(crate) fn build_release(release: &Release) -> Result<PathBuf> {
    let kernel = crate::kernel::build()?;
    let rootfs = crate::rootfs::build_release(release)?;
    let tools = Tools::get()?;
    let keys = Keys::get()?;
    let build = &release.dir;
    let image = build.join("spanwatch-x86_64.img");
    let manifest = build.join("spanwatch-x86_64.manifest.json");
    let stamp = build.join("image.built-from");
    let epoch = epoch()?;
    let key = key(&kernel, &rootfs, &tools, &keys, &epoch)?;
    let done = [&image, &manifest, &build.join("kernel.config")]
        .iter()
        .all(|file| file.exists());
    if done && std::fs::read_to_string(&stamp).is_ok_and(|last| last == key) {
        cached("image", "kernel, root tree and boot files are unchanged");
        return Ok(image);
    }
    let _ = std::fs::remove_file(&stamp);
    std::fs::copy(&kernel.config, build.join("kernel.config"))?;
    let parts = build.join("image");
    std::fs::create_dir_all(&parts)?;
    step("erofs", "pack the root tree", || {
        let target = parts.join("rootfs.erofs");
        let _ = std::fs::remove_file(&target);
        let mut mkfs = tools.command("mkfs.erofs");
        mkfs.args(EROFS)
            .args(["-T", &epoch, "--all-time", "-Uclear"])
            .arg(&target)
            .arg(&rootfs.tree);
        exec_logged(&mut mkfs, &build.join("erofs.log"))
    })?;
    step("image", "dm-verity, signed kernels, partitions", || {
        std::fs::copy(&kernel.image, parts.join("bzImage"))?;
        std::fs::write(parts.join("kernel.release"), &kernel.release)?;
        let mut script = Command::new(crate::root().join("board/x86_64/post-image.sh"));
        script
            .arg(&parts)
            .env("PATH", tools.path())
            .env("TARGET_DIR", &rootfs.tree)
            .env("SOURCE_DATE_EPOCH", &epoch)
            .env("SYSTEMD_BOOT_DIR", tools.boot())
            .env("SPANWATCH_SB_KEY", &keys.sb_key)
            .env("SPANWATCH_SB_CERT", &keys.sb_cert);
        exec_logged(&mut script, &build.join("post-image.log"))?;
        std::fs::rename(parts.join("disk.img"), &image)?;
        Ok(())
    })?;
    let text = step("manifest", "sizes, hashes, versions", || {
        let value = describe(release, &image, &parts, &kernel, &rootfs)?;
        Ok(format!("{}\n", serde_json::to_string_pretty(&value)?))
    })?;
    std::fs::write(&manifest, text)?;
    std::fs::write(&stamp, key)?;
    eprintln!("    {}", image.display());
    Ok(image)
}

/// The time that every file of the image bears: that of the last commit.
pub(crate) fn epoch() -> Result<String> {
    if let Ok(epoch) = std::env::var("SOURCE_DATE_EPOCH") {
        return Ok(epoch);
    }
    let text = output(
        Command::new("git")
            .current_dir(crate::root())
            .args(["log", "-1", "--format=%ct"]),
    )
    .context("no SOURCE_DATE_EPOCH and no commit to take the time from")?;
    Ok(text.trim().to_owned())
}

fn key(kernel: &Kernel, rootfs: &Rootfs, tools: &Tools, keys: &Keys, epoch: &str) -> Result<String> {
    let board = crate::root().join("board/x86_64");
    let mut key = Key::default()
        .text("rootfs", &rootfs.key)
        .text("tools", &tools.key)
        .text("epoch", epoch);
    key = key
        .text("erofs", &EROFS.join(" "))
        .text("release", &kernel.release)
        .file(&kernel.image)?;
    for file in [
        "cmdline",
        "guard.lds",
        "guard.rs",
        "initramfs.sh",
        "loader.conf",
        "partitions.sfdisk",
        "post-image.sh",
    ] {
        key = key.file(&board.join(file))?;
    }
    Ok(keys
        .key(key)?
        .file(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/image.rs")))?
        .finish())
}

fn describe(release: &Release, image: &Path, parts: &Path, kernel: &Kernel, rootfs: &Rootfs) -> Result<Value> {
    let raw = std::fs::metadata(image)?.len();
    let compressed = compressed_size(image)?;
    anyhow::ensure!(raw <= LIMITS.0, "the image has {raw} bytes, more than {}", LIMITS.0);
    anyhow::ensure!(
        compressed <= LIMITS.1,
        "the compressed image has {compressed} bytes, more than {}",
        LIMITS.1
    );
    let packages: Vec<Value> = rootfs
        .packages
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, version)| json!({"name": name, "version": version}))
        .collect();
    let version_of = |wanted: &str| {
        let found = rootfs
            .packages
            .lines()
            .filter_map(|line| line.split_once(' '))
            .find(|(name, _)| *name == wanted);
        found.map(|(_, version)| version)
    };
    let verity = std::fs::read_to_string(parts.join("verity.txt"))?;
    let root_hash = verity
        .lines()
        .find_map(|line| line.strip_prefix("Root hash:"))
        .map(str::trim);
    let programs: Vec<Value> = crate::programs::PROGRAMS
        .iter()
        .map(|name| json!({"name": name, "version": release.version}))
        .collect();
    Ok(json!({
        "name": "spanwatch",
        "board": "x86_64",
        "version": release.version,
        "commit": output(Command::new("git").current_dir(crate::root()).args(["rev-parse", "HEAD"])).ok().map(|text| text.trim().to_owned()),
        "image": {
            "file": "spanwatch-x86_64.img",
            "bytes": raw,
            "compressed_bytes": compressed,
            "compression": "zstd -9",
            "sha256": sha256(image)?,
        },
        "rootfs": file(&parts.join("root.img"))?,
        "root_hash": root_hash,
        "signer": sha256(&Keys::get()?.sb_cert)?,
        "uki": {
            "a": file(&parts.join("spanwatch-a.efi"))?,
            "b": file(&parts.join("spanwatch-b.efi"))?,
            "recovery": file(&parts.join("spanwatch-recovery.efi"))?,
        },
        "kernel": {
            "release": kernel.release,
            "bytes": std::fs::metadata(&kernel.image)?.len(),
            "sha256": sha256(&kernel.image)?,
            "config_sha256": sha256(&kernel.config)?,
        },
        "components": {
            "systemd": version_of("systemd"),
            "openssh": version_of("openssh-server"),
            "nftables": version_of("nftables"),
            "libc": version_of("libc6"),
            "openssl": version_of("libssl3t64"),
        },
        "programs": programs,
        "packages": packages,
    }))
}

fn file(path: &Path) -> Result<Value> {
    Ok(json!({"bytes": std::fs::metadata(path)?.len(), "sha256": sha256(path)?}))
}

/// The image's size after `zstd -9`, in bytes; nothing is left on disk.
fn compressed_size(image: &Path) -> Result<u64> {
    let out = output(
        Command::new("sh")
            .args(["-c", "zstd -q -9 -T0 -c \"$0\" | wc -c"])
            .arg(image),
    )?;
    out.trim().parse().context("cannot compress the image with zstd")
}

/// The SHA-256 of a file, in hexadecimal.
pub(crate) fn sha256(path: &Path) -> Result<String> {
    let mut file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let got = file.read(&mut buffer)?;
        if got == 0 {
            return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hash.update(buffer.get(..got).unwrap_or_default());
    }
}
