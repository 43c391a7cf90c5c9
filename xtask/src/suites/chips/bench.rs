//! A machine on the test kernel, used over its serial console: a line is done, and answers with what it prints.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::initramfs::Archive;
use crate::qemu::{Bare, Guest};
use crate::step::output;

/// How long a line may take under emulation.
const LINE_WITHIN: Duration = Duration::from_secs(120);
const STARTED_WITHIN: Duration = Duration::from_secs(300);
/// Programs of this machine that the guest uses, beside ours and busybox.
const TOOLS: [&str; 2] = ["/usr/sbin/mdadm", "/usr/sbin/dmsetup"];
/// The stub's chips: a supply and a memory module's sensor. Ram disks are members, 24 MiB each.
const LINE: &str = "quiet loglevel=1 i2c_stub.chip_addr=0x58,0x18 brd.rd_nr=3 brd.rd_size=24576 scsi_debug.dev_size_mb=8 scsi_debug.ndelay=1000";

/// The machine.
pub(super) struct Bench {
    guest: Guest,
    console: BufReader<UnixStream>,
}

impl Bench {
    /// Builds kernel and initramfs, and starts.
    pub(super) fn start() -> Result<Self> {
        let kernel = crate::kernel::build_for_hwmon()?;
        let programs = crate::programs::build()?;
        let dir = crate::build_dir()?.join("test/chips");
        std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let initramfs = dir.join("initramfs.cpio");
        pack(&initramfs, &programs)?;
        let machine = Bare {
            kernel: &kernel.image,
            initramfs: &initramfs,
            line: LINE,
            memory: 512,
        };
        let mut guest = machine.start(dir)?;
        let console = guest.serial_console()?;
        guest.wait_for("@ready", STARTED_WITHIN)?;
        console.set_read_timeout(Some(LINE_WITHIN))?;
        Ok(Self {
            guest,
            console: BufReader::new(console),
        })
    }

    /// Has a line done, and returns what it printed; fails where it does.
    pub(super) fn run(&mut self, line: &str) -> Result<String> {
        self.console.get_mut().write_all(format!("{line}\n").as_bytes())?;
        let mut said = String::new();
        loop {
            let mut next = String::new();
            let read = self.console.read_line(&mut next);
            ensure!(
                read.with_context(|| format!("`{line}` does not end; it said {said}"))? > 0,
                "the machine ended in `{line}`: {said}"
            );
            match next.trim_end().strip_prefix("@end ") {
                Some("0") => return Ok(said),
                Some(status) => bail!("`{line}` ended with {status}: {said}"),
                None if next.trim_end() == "@ready" => {}
                None => said += &next,
            }
        }
    }

    /// Pulls or plugs the cable of its network port.
    pub(super) fn link(&self, up: bool) -> Result<()> {
        self.guest.set_link(0, up)
    }

    /// Seconds since the guest's start.
    pub(super) fn uptime(&mut self) -> Result<f64> {
        let told = self.run("cat /proc/uptime")?;
        let first = told.split_whitespace().next().context("no time")?;
        first.parse().with_context(|| format!("the uptime is {told:?}"))
    }

    /// What the monitor says.
    pub(super) fn hardware(&mut self) -> Result<Value> {
        let told = self.run("spanwatch --lang en -c 'show hardware | json'")?;
        serde_json::from_str(&told).with_context(|| format!("the monitor says {told}"))
    }

    /// Asks the monitor until `check` finds what it waits for.
    pub(super) fn wait_for<T>(&mut self, within: Duration, mut check: impl FnMut(&Value) -> Option<T>) -> Result<T> {
        let begun = Instant::now();
        loop {
            let hardware = self.hardware();
            if let Some(found) = hardware.as_ref().ok().and_then(&mut check) {
                return Ok(found);
            }
            if begun.elapsed() > within {
                bail!("not within {} s; the monitor says {hardware:?}", within.as_secs());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// Packs the first program, our programs and the tools with their libraries.
fn pack(archive: &Path, programs: &Path) -> Result<()> {
    let tests = crate::root().join("tests/hwmon");
    let mut files = vec![
        ("init".to_owned(), tests.join("init")),
        ("board.toml".to_owned(), tests.join("board.toml")),
        ("bin/busybox".to_owned(), PathBuf::from("/usr/bin/busybox")),
    ];
    for name in ["hwmon", "spanwatch"] {
        files.push((format!("usr/bin/{name}"), programs.join(name)));
    }
    for tool in TOOLS {
        files.push((tool.trim_start_matches('/').to_owned(), PathBuf::from(tool)));
    }
    let mut libraries = Vec::new();
    for (name, path) in &files {
        if name.starts_with("usr/") {
            libraries.extend(needs(path)?);
        }
    }
    files.extend(libraries.into_iter().map(|path| {
        let name = path.to_string_lossy().trim_start_matches('/').to_owned();
        (name, path)
    }));
    files.sort();
    files.dedup();
    let mut folders: Vec<String> = ["proc", "sys", "run", "tmp"].map(str::to_owned).to_vec();
    for (name, _) in &files {
        let parents = name.match_indices('/').filter_map(|(at, _)| name.get(..at));
        folders.extend(parents.map(str::to_owned));
    }
    folders.sort();
    folders.dedup();
    let mut out = Archive::create(archive)?;
    for folder in &folders {
        out.folder(folder)?;
    }
    for (name, path) in &files {
        out.file(name, 0o755, path)?;
    }
    out.finish()
}

/// The libraries of a program, by the paths where its loader looks for them.
fn needs(program: &Path) -> Result<Vec<PathBuf>> {
    let text = output(Command::new("ldd").arg(program))?;
    let paths = text.split_whitespace().filter(|word| word.starts_with('/'));
    Ok(paths.map(PathBuf::from).collect())
}
