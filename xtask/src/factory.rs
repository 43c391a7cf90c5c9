//! The factory's media: one signed kernel image with the disk image inside, alone for booting from the network
//! and on a medium that is a CD and a USB stick at once.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::cache::Key;
use crate::initramfs::Archive;
use crate::keys::Keys;
use crate::rootfs::{Release, Tools};
use crate::step::{cached, exec_logged, step};

/// What the kernel takes of a command line, see board/x86_64/post-image.sh.
const COMMAND_LINE: usize = 2047;

/// Room on the medium beside the kernel image: the answer file and reports of many boxes, in octets.
const SPARE: u64 = 8 << 20;

/// What `make factory` leaves.
pub(crate) struct Media {
    /// The disk image to flash.
    pub(crate) image: PathBuf,
    /// The installer for UEFI HTTP boot, PXE, or a stick's EFI/BOOT/BOOTX64.EFI.
    pub(crate) efi: PathBuf,
    /// The same for CDs, virtual CDs and USB sticks.
    pub(crate) iso: PathBuf,
}

/// A signed kernel image with an initramfs of firmware/init and a payload.
pub(crate) struct Uki<'a> {
    /// `installer` or `recovery`, see firmware/init/src/order.rs.
    pub(crate) mode: &'a str,
    /// What the boot menu sorts it by and shows.
    pub(crate) os_release: &'a str,
    /// What is unpacked, compressed with zstd.
    pub(crate) payload: &'a Path,
    /// Where the root is in the unpacked payload: its first octet, and how many it has; no octets for all.
    pub(crate) root: (u64, u64),
    /// The folder of `bzImage` and `kernel.release`; what is made on the way goes there as well.
    pub(crate) parts: &'a Path,
}

/// Builds the current release's media into `build/`.
pub(crate) fn build() -> Result<Media> {
    build_release(&Release::current()?)
}

/// Builds a release's media into its folder, unless nothing that they are made of changed.
pub(crate) fn build_release(release: &Release) -> Result<Media> {
    let image = crate::image::build_release(release)?;
    let init = crate::programs::build_init()?;
    let keys = Keys::get()?;
    let tools = Tools::get()?;
    let name = format!("spanwatch-installer-x86_64-{}", release.version);
    let media = Media {
        image,
        efi: release.dir.join(format!("{name}.efi")),
        iso: release.dir.join(format!("{name}.iso")),
    };
    let stamp = release.dir.join("factory.built-from");
    let key = Key::default()
        .text("image", &std::fs::read_to_string(release.dir.join("image.built-from"))?)
        .text("source", include_str!("factory.rs"))
        .text("initramfs", include_str!("initramfs.rs"))
        .text("tools", &tools.key)
        .file(&init)?
        .finish();
    let done = media.efi.exists() && media.iso.exists();
    if done && std::fs::read_to_string(&stamp).is_ok_and(|last| last == key) {
        cached("factory", "image, first program and keys are unchanged");
        return Ok(media);
    }
    let _ = std::fs::remove_file(&stamp);
    let parts = release.dir.join("image");
    let payload = parts.join("payload.zst");
    step("payload", "compress the disk image", || {
        let mut zstd = Command::new("zstd");
        zstd.args(["-q", "-f", "-12", "-T0", "-o"])
            .arg(&payload)
            .arg(&media.image);
        exec_logged(&mut zstd, &release.dir.join("payload.log"))
    })?;
    step("installer", "signed kernel image with the disk image inside", || {
        let uki = Uki {
            mode: "installer",
            os_release: "ID=spanwatch-installer\nNAME=\"Spanwatch installer\"\nPRETTY_NAME=\"Spanwatch installer\"\n",
            payload: &payload,
            root: (root_start()?, std::fs::metadata(parts.join("rootfs.erofs"))?.len()),
            parts: &parts,
        };
        uki.build(&init, &keys, &tools, &media.efi)
    })?;
    step("medium", "CD and USB stick in one", || medium(&media, &tools, &parts))?;
    std::fs::write(&stamp, key)?;
    for file in [&media.image, &media.efi, &media.iso] {
        eprintln!("    {}", file.display());
    }
    Ok(media)
}

impl Uki<'_> {
    /// Builds and signs it; `init` is the static program of firmware/init.
    pub(crate) fn build(&self, init: &Path, keys: &Keys, tools: &Tools, target: &Path) -> Result<()> {
        let in_parts = |suffix: &str| self.parts.join(format!("{}.{suffix}", self.mode));
        let (initramfs, line, os_release) = (in_parts("cpio"), in_parts("cmdline"), in_parts("os-release"));
        let mut archive = Archive::create(&initramfs)?;
        archive.file("init", 0o755, init)?;
        archive.file("payload.zst", 0o600, self.payload)?;
        archive.finish()?;
        std::fs::write(&line, self.command_line()?)?;
        std::fs::write(&os_release, self.os_release)?;
        let release = std::fs::read_to_string(self.parts.join("kernel.release"))?;
        let mut ukify = tools.command("ukify");
        ukify.arg("build").arg("--linux").arg(self.parts.join("bzImage"));
        ukify.arg("--stub").arg(tools.boot().join("linuxx64.efi.stub"));
        ukify.arg("--initrd").arg(&initramfs);
        ukify.arg(format!("--cmdline=@{}", line.display()));
        ukify.arg(format!("--os-release=@{}", os_release.display()));
        ukify.arg(format!("--uname={}", release.trim()));
        ukify.arg("--output").arg(target);
        ukify.env("SOURCE_DATE_EPOCH", crate::image::epoch()?);
        exec_logged(&mut ukify, &in_parts("ukify.log"))?;
        std::fs::remove_file(&initramfs)?;
        keys.sign_efi(tools, &crate::image::epoch()?, target)?;
        std::fs::remove_file(target.with_extension("sbsign.log")).context("cannot remove the signer's log")
    }

    /// As long as the kernel takes, so that nothing fits behind it. What this says first counts.
    fn command_line(&self) -> Result<String> {
        let path = crate::root().join("board/x86_64/cmdline");
        let board = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut line: Vec<&str> = board.lines().filter(|line| !line.starts_with('#')).collect();
        let own = format!(
            "ro systemd.machine_id=firmware systemd.import_credentials=no systemd.unit=spanwatch-{0}.target spanwatch.mode={0} spanwatch.root={1}:{2} spanwatch.end=",
            self.mode, self.root.0, self.root.1
        );
        line.push(&own);
        let line = line.join(" ");
        ensure!(
            line.len() < COMMAND_LINE,
            "the command line has {} octets, the kernel takes {COMMAND_LINE}",
            line.len()
        );
        Ok(format!("{line:0<COMMAND_LINE$}"))
    }
}

/// Where slot A's root starts in the disk image, in octets.
fn root_start() -> Result<u64> {
    let table = std::fs::read_to_string(crate::root().join("board/x86_64/partitions.sfdisk"))?;
    let line = table
        .lines()
        .find(|line| line.contains("name=\"spanwatch-root-a\""))
        .context("partitions.sfdisk has no spanwatch-root-a")?;
    let start = line
        .strip_prefix("start=")
        .and_then(|rest| rest.split(',').next())
        .context("partitions.sfdisk does not start a line with start=")?;
    Ok(start.trim().parse::<u64>()? * 512)
}

/// A file system for the firmware that holds the kernel image, and around it what makes it a CD
/// (El Torito) and a disk (GPT). Its names and numbers are none of an installed box.
fn medium(media: &Media, tools: &Tools, parts: &Path) -> Result<()> {
    let epoch = crate::image::epoch()?;
    let (esp, contents) = (parts.join("medium.fat"), parts.join("medium"));
    let _ = std::fs::remove_dir_all(&contents);
    std::fs::create_dir_all(&contents)?;
    std::fs::write(contents.join("README.TXT"), README)?;
    let size = (std::fs::metadata(&media.efi)?.len() + SPARE).next_multiple_of(1 << 20);
    std::fs::File::create(&esp)?.set_len(size)?;
    let log = parts.join("medium.log");
    let mtool = |name: &str, args: &[&str]| {
        let mut command = Command::new(name);
        command
            .env("SOURCE_DATE_EPOCH", &epoch)
            .env("TZ", "UTC")
            .arg("-i")
            .arg(&esp)
            .args(args);
        exec_logged(&mut command, &log)
    };
    mtool("mformat", &["-c", "4", "-N", "53504153", "-v", "SPW-INSTALL", "::"])?;
    mtool("mmd", &["::/EFI", "::/EFI/BOOT"])?;
    let kernel = media.efi.to_string_lossy();
    mtool("mcopy", &[&kernel, "::/EFI/BOOT/BOOTX64.EFI"])?;
    let mut xorriso = tools.command("xorriso");
    xorriso.env("SOURCE_DATE_EPOCH", &epoch);
    xorriso
        .args(["-as", "mkisofs", "-quiet", "-V", "SPANWATCH_INSTALL", "-J", "-r", "-o"])
        .arg(&media.iso);
    // the firmware's file system stands once in the file: as partition 2 and as the CD's boot image
    xorriso.args([
        "-partition_offset",
        "16",
        "-append_partition",
        "2",
        "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
    ]);
    xorriso.arg(&esp).arg("-appended_part_as_gpt");
    xorriso.args(["-e", "--interval:appended_partition_2:all::", "-no-emul-boot"]);
    xorriso.arg(&contents);
    exec_logged(&mut xorriso, &log)?;
    std::fs::remove_file(&esp).context("cannot remove the medium's file system")
}

const README: &str = "\
Spanwatch installer / 网镜安装介质

Boot a machine from this medium with UEFI. It writes the appliance's firmware to a disk that
you choose, reads it back, tests the hardware and saves a signed report.
用 UEFI 从本介质启动机器：选择磁盘后写入固件、回读校验、检测硬件并保存签名报告。

Unattended installation: put spanwatch-install.json onto the stick's FAT partition or onto a
second stick; docs/factory.md says what is in it.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_leaves_no_room() {
        let uki = Uki {
            mode: "installer",
            os_release: "",
            payload: Path::new(""),
            root: (59_768_832, 33_000_000),
            parts: Path::new(""),
        };
        let line = uki.command_line().expect("a line");
        assert_eq!(line.len(), COMMAND_LINE);
        assert!(line.contains(" spanwatch.mode=installer spanwatch.root=59768832:33000000 spanwatch.end=000"));
        assert!(!line.contains("noinitrd"));
    }

    #[test]
    fn slot_a_is_found_in_the_table() {
        assert_eq!(root_start().expect("a start"), 116_736 * 512);
    }
}
