//! The first program of the installer's and the recovery's kernel image, alone in its initramfs with
//! a compressed payload. It unpacks that into memory and starts the root inside it: what runs is
//! what the image holds, and no disk of the box is touched.
//!
//! Linked statically (xtask/src/factory.rs), as there is no library beside it.

mod order;
mod unpack;

use std::ffi::CStr;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Error, Result};
use rustix::mount::{MountFlags, mount, mount_move};

use order::{Mode, Order};

const PAYLOAD: &str = "/payload.zst";

/// Where the unpacked disk image is for the installer: on the tmpfs that becomes its /run.
const IMAGE: &str = "/run/spanwatch-payload/disk.img";

/// Units and rules of an installed box that would use its disks, by the folders where a link hides them.
const MASKED: [(&str, &[&str]); 2] = [
    (
        "/run/systemd/system",
        &[
            "data.mount",
            "identity.mount",
            "spanwatch-storage.service",
            "systemd-repart.service",
        ],
    ),
    ("/run/udev/rules.d", &["64-spanwatch-array.rules"]),
];

fn main() -> ExitCode {
    let Err(error) = start();
    println!("\nSpanwatch cannot start from this medium: {error:#}\nThe machine restarts in a minute.");
    std::thread::sleep(Duration::from_secs(50));
    // the end of the first process is a kernel panic, and panic= resets the machine
    ExitCode::FAILURE
}

/// Prepares the root and becomes its first program.
fn start() -> Result<std::convert::Infallible> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    attach("devtmpfs", "/dev", c"devtmpfs", MountFlags::NOSUID, c"mode=0755")?;
    attach("proc", "/proc", c"proc", flags | MountFlags::NOEXEC, c"")?;
    attach("sysfs", "/sys", c"sysfs", flags | MountFlags::NOEXEC, c"")?;
    attach("tmpfs", "/run", c"tmpfs", flags, c"mode=0755,size=75%")?;
    let line = std::fs::read_to_string("/proc/cmdline").context("cannot read the kernel's command line")?;
    let order = Order::parse(&line)?;

    // ramfs, as EROFS takes a file of tmpfs for its device no more than tmpfs has pages to read in
    attach("ramfs", "/backing", c"ramfs", flags, c"mode=0700")?;
    let root = Path::new("/backing/root");
    let whole = (order.mode == Mode::Installer).then_some(Path::new(IMAGE));
    if let Some(dir) = whole.and_then(Path::parent) {
        std::fs::create_dir_all(dir)?;
    }
    println!("Spanwatch: unpacking");
    let packed = File::open(PAYLOAD).context("the medium has no payload: fetch it anew")?;
    unpack::unpack(packed, &order, root, whole)?;
    attach(
        "/backing/root",
        "/root",
        c"erofs",
        MountFlags::RDONLY | MountFlags::NODEV,
        c"",
    )?;

    for (dir, names) in MASKED {
        std::fs::create_dir_all(dir)?;
        for name in names {
            std::os::unix::fs::symlink("/dev/null", Path::new(dir).join(name))?;
        }
    }
    for name in [PAYLOAD, "/init"] {
        std::fs::remove_file(name).with_context(|| format!("cannot remove {name}"))?;
    }
    switch()
}

/// Mounts a file system at a folder, which it makes.
fn attach(source: &str, target: &str, kind: &CStr, flags: MountFlags, data: &CStr) -> Result<()> {
    std::fs::create_dir_all(target).with_context(|| format!("cannot make {target}"))?;
    mount(source, target, kind, flags, data).with_context(|| format!("cannot mount {source} at {target}"))
}

/// Makes /root the root of everything and starts its first program.
fn switch() -> Result<std::convert::Infallible> {
    for name in ["dev", "proc", "sys", "run"] {
        mount_move(format!("/{name}"), format!("/root/{name}")).with_context(|| format!("cannot move /{name}"))?;
    }
    std::env::set_current_dir("/root")?;
    mount_move(".", "/").context("cannot move the root")?;
    rustix::process::chroot(".").context("cannot enter the root")?;
    std::env::set_current_dir("/")?;
    let error = Command::new("/usr/sbin/init").exec();
    Err(Error::new(error).context("cannot start /usr/sbin/init of the image"))
}
