//! `make release`: everything that goes to users for one version, signed.

mod notes;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::keys::Keys;
use crate::rootfs::{Release, Tools};
use crate::step::{exec, exec_logged, output, step};

/// The environment variables that say where release keys are.
const KEYS: [&str; 2] = ["SPANWATCH_KEYS", "SPANWATCH_BUNDLE_KEY"];

/// Builds the release into `build/release/VERSION` and returns that folder.
pub(crate) fn build() -> Result<PathBuf> {
    let release = Release::current()?;
    let notes = ready(&release)?;
    let bundle = crate::image::bundle::build(&release)?;
    let bom = crate::sbom::build()?;
    crate::sbom::validate(&bom)?;
    let dir = crate::build_dir()?.join("release").join(&release.version);
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir)?;
    step("release", "compress, list, sign", || {
        fill(&dir, &release, &bundle, &bom, &notes)?;
        sign(&dir)
    })?;
    eprintln!("    {}", dir.display());
    Ok(dir)
}

/// Refuses what must not be released, and returns the notes of this version.
fn ready(release: &Release) -> Result<String> {
    let dirty = output(
        Command::new("git")
            .current_dir(crate::root())
            .args(["status", "--porcelain"]),
    )?;
    ensure!(
        dirty.is_empty(),
        "a release is made of a commit, and these files differ from it:\n{dirty}"
    );
    ensure!(
        KEYS.iter().any(|name| std::env::var_os(name).is_some()),
        "no release keys: set SPANWATCH_KEYS to their folder, or the variables of docs/release.md"
    );
    let floor = floor(release)?;
    ensure!(
        notes::number(&floor)? <= notes::number(&release.version)?,
        "the version floor {floor} is above the version {}: nothing could be installed any more",
        release.version
    );
    let changelog = std::fs::read_to_string(crate::root().join("CHANGELOG.md")).context("cannot read CHANGELOG.md")?;
    let changes = notes::of(&changelog, &release.version)?;
    let commit = output(
        Command::new("git")
            .current_dir(crate::root())
            .args(["rev-parse", "HEAD"]),
    )?;
    Ok(format!(
        "# Spanwatch {}\n\n{changes}\nOnce a box runs this version and found it good, it takes no version below {floor}.\n\n\
         Built from commit {}. SHA256SUMS lists every file; SHA256SUMS.p7s signs it:\n\n\
         ```\nopenssl cms -verify -binary -inform PEM -in SHA256SUMS.p7s -content SHA256SUMS -CAfile bundle-ca.crt -purpose any -out /dev/null\n\
         sha256sum --check SHA256SUMS\n```\n",
        release.version,
        commit.trim()
    ))
}

/// The lowest version that may follow this release.
fn floor(release: &Release) -> Result<String> {
    match &release.floor {
        Some(floor) => Ok(floor.clone()),
        None => {
            let path = crate::root().join("rootfs-overlay/usr/lib/spanwatch/version-floor");
            let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            Ok(text.trim().to_owned())
        }
    }
}

fn fill(dir: &Path, release: &Release, bundle: &Path, bom: &Path, notes: &str) -> Result<()> {
    let name = format!("spanwatch-x86_64-{}", release.version);
    let built = &release.dir;
    let epoch = crate::image::epoch()?;
    exec(
        Command::new("zstd")
            .args(["-q", "-f", "-12", "-T0", "-o"])
            .arg(dir.join(format!("{name}.img.zst")))
            .arg(built.join("spanwatch-x86_64.img")),
    )?;
    let bundle_name = bundle.file_name().context("the bundle has no name")?;
    let copies = [
        (bundle.to_owned(), PathBuf::from(bundle_name)),
        (bom.to_owned(), format!("{name}.cdx.json").into()),
        (
            built.join("spanwatch-x86_64.manifest.json"),
            format!("{name}.manifest.json").into(),
        ),
        (built.join("kernel.config"), "kernel.config".into()),
        (Keys::get()?.bundle_ca, "bundle-ca.crt".into()),
    ];
    for (from, to) in copies {
        std::fs::copy(&from, dir.join(to)).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    std::fs::write(dir.join("RELEASE-NOTES.md"), notes)?;
    let tar = dir.join(format!("{name}-licences.tar"));
    exec(
        Command::new("tar")
            .args([
                "--sort=name",
                "--owner=0",
                "--group=0",
                "--numeric-owner",
                "--mode=a+rX,go-w",
            ])
            .arg(format!("--mtime=@{epoch}"))
            .arg("-C")
            .arg(crate::build_dir()?)
            .arg("-cf")
            .arg(&tar)
            .arg("licences"),
    )?;
    exec(Command::new("zstd").args(["-q", "-f", "-19", "--rm"]).arg(&tar))
}

/// Lists the files in SHA256SUMS and signs that with the key that signs bundles.
fn sign(dir: &Path) -> Result<()> {
    let mut names: Vec<String> = std::fs::read_dir(dir)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    names.sort();
    let sums = output(Command::new("sha256sum").current_dir(dir).args(&names))?;
    std::fs::write(dir.join("SHA256SUMS"), sums)?;
    let keys = Keys::get()?;
    let tools = Tools::get()?;
    let log = crate::build_dir()?.join("release.log");
    let mut sign = tools.command("openssl");
    // Without signed attributes there is no time in it: equal files have equal signatures.
    sign.current_dir(dir)
        .args(["cms", "-sign", "-binary", "-noattr", "-md", "sha256", "-outform", "PEM"])
        .args(["-in", "SHA256SUMS", "-out", "SHA256SUMS.p7s"])
        .arg("-signer")
        .arg(&keys.bundle_cert)
        .args(["-inkey", &keys.bundle_key]);
    if keys.bundle_key.starts_with("pkcs11:") {
        sign.args(["-engine", "pkcs11", "-keyform", "engine"]);
    }
    exec_logged(&mut sign, &log)?;
    verify(dir)
}

/// Checks a release's folder as docs/release.md tells users to.
pub(crate) fn verify(dir: &Path) -> Result<()> {
    let log = crate::build_dir()?.join("release-verify.log");
    let mut verify = Tools::get()?.command("openssl");
    verify
        .current_dir(dir)
        .args(["cms", "-verify", "-binary", "-inform", "PEM", "-in", "SHA256SUMS.p7s"])
        .args(["-content", "SHA256SUMS", "-CAfile", "bundle-ca.crt", "-purpose", "any"])
        .args(["-out", "/dev/null"]);
    exec_logged(&mut verify, &log).context("the signature of SHA256SUMS does not hold")?;
    let mut check = Command::new("sha256sum");
    check.current_dir(dir).args(["--check", "--quiet", "SHA256SUMS"]);
    exec_logged(&mut check, &log).context("a file differs from SHA256SUMS")?;
    let listed = std::fs::read_to_string(dir.join("SHA256SUMS"))?;
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let sums = ["SHA256SUMS", "SHA256SUMS.p7s"].contains(&name.as_str());
        if !sums && !listed.lines().any(|line| line.ends_with(&format!("  {name}"))) {
            bail!("SHA256SUMS does not list {name}");
        }
    }
    Ok(())
}
