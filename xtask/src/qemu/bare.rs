//! A machine without firmware and disks: a kernel, its initramfs, the serial console and a network port without a network.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::power::Power;
use super::{Guest, accel};

/// What the machine starts with.
pub(crate) struct Bare<'a> {
    /// A bzImage.
    pub(crate) kernel: &'a Path,
    /// An archive with the first program.
    pub(crate) initramfs: &'a Path,
    /// The kernel's command line; the console is told already.
    pub(crate) line: &'a str,
    /// In MiB.
    pub(crate) memory: u32,
}

impl Bare<'_> {
    /// Starts it with one processor; sockets and logs are made in `dir`.
    pub(crate) fn start(&self, dir: PathBuf) -> Result<Guest> {
        std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let at = |name: &str| dir.join(name);
        for name in ["serial.log", "serial.sock", "qmp.sock"] {
            let _ = std::fs::remove_file(at(name));
        }
        let accel = accel::choose()?;
        // the machine ends with us, however we end
        let mut qemu = Command::new("setpriv");
        qemu.args(["--pdeathsig", "KILL", "qemu-system-x86_64", "-name", "spanwatch-bare"]);
        qemu.args([
            "-machine",
            "q35,smbus=off",
            "-no-user-config",
            "-nodefaults",
            "-no-reboot",
        ]);
        qemu.args(["-accel", accel.option(), "-cpu", accel.cpu(), "-display", "none"]);
        qemu.args(["-m", &format!("{}M", self.memory), "-kernel"])
            .arg(self.kernel);
        qemu.arg("-initrd").arg(self.initramfs);
        qemu.args(["-append", &format!("console=ttyS0 panic=-1 {}", self.line)]);
        qemu.args(["-netdev", "user,id=nowhere,restrict=on"]);
        qemu.args(["-device", "virtio-net-pci,netdev=nowhere,id=nic0,romfile="]);
        qemu.arg("-chardev").arg(format!(
            "socket,id=serial,path={},server=on,wait=off,logfile={},logappend=on",
            at("serial.sock").display(),
            at("serial.log").display()
        ));
        qemu.args(["-serial", "chardev:serial", "-qmp"]);
        qemu.arg(format!("unix:{},server=on,wait=off", at("qmp.sock").display()));
        let out = File::create(at("qemu.log"))?;
        std::os::unix::process::CommandExt::process_group(&mut qemu, 0);
        qemu.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        let power = Power::on(qemu, false)?;
        Ok(Guest::new(power, dir, None, Vec::new(), accel.name()))
    }
}
