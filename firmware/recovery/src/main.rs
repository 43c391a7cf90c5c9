//! `/init` of the recovery system.

mod menu;
mod tasks;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use recovery::terminal::{self, Terminal};
use rustix::mount::{MountFlags, mount};
use rustix::system::{RebootCommand, reboot};

use menu::Watch;

/// How long the kernel may take to find its disks and USB sticks.
const SETTLE: Duration = Duration::from_secs(3);
/// How long a failure stays on the screen before the box starts again.
const READ: Duration = Duration::from_secs(30);

fn main() {
    if let Err(error) = run() {
        eprintln!("The recovery system ends: {error:#}");
        std::thread::sleep(READ);
    }
    leave(RebootCommand::Restart);
}

/// Restarts, or switches off.
pub(crate) fn leave(how: RebootCommand) -> ! {
    rustix::fs::sync();
    let _ = reboot(how);
    // The kernel refuses only those who are not allowed to.
    loop {
        std::thread::sleep(READ);
    }
}

fn run() -> Result<()> {
    let (none, no_programs) = (
        MountFlags::NOSUID | MountFlags::NOEXEC | MountFlags::NODEV,
        MountFlags::NOSUID | MountFlags::NOEXEC,
    );
    for (kind, place, flags) in [
        (c"proc", "/proc", none),
        (c"sysfs", "/sys", none),
        (c"devtmpfs", "/dev", no_programs),
        (c"tmpfs", "/run", none),
        (c"tmpfs", "/tmp", none),
    ] {
        std::fs::create_dir_all(place).with_context(|| format!("cannot make {place}"))?;
        mount(kind, place, kind, flags, c"").with_context(|| format!("cannot mount {place}"))?;
    }
    std::thread::sleep(SETTLE);
    let active = std::fs::read_to_string("/sys/class/tty/console/active").context("the kernel names no console")?;
    let watch = Watch::new();
    let terminals: Vec<_> = terminal::devices(&active)
        .into_iter()
        .filter_map(|device| Terminal::open(Path::new(&device)).ok())
        .map(|terminal| {
            let watch = watch.clone();
            std::thread::spawn(move || menu::serve(terminal, &watch))
        })
        .collect();
    // A box without any terminal still goes on by itself.
    menu::go_on(&watch);
    drop(terminals);
    Ok(())
}
