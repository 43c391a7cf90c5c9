//! What is measured with: the same records in our stores and in the peers' files, made once for each version of the
//! records and kept in the cache (14 GB, most of it the store of half a year; removing the folder is safe).

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::step::{cached, exec_logged, output, step};

/// So many records over so many days.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) records: u64,
    pub(super) days: u64,
}

/// Beside the peers.
pub(super) const WEEK: Scale = Scale {
    records: 763 * 65_536,
    days: 5,
};
/// Half a year, made of whole blocks.
pub(super) const HALF_YEAR: Scale = Scale {
    records: 7_630 * 65_536,
    days: 180,
};
/// What every change is tested with.
pub(super) const SMALL: Scale = Scale {
    records: 16 * 65_536,
    days: 1,
};

/// The first record's day, in seconds since 1970: 2026-01-01.
pub(super) const FROM_S: u64 = 1_767_225_600;

impl Scale {
    pub(super) fn args(self) -> [String; 2] {
        [self.records.to_string(), self.days.to_string()]
    }

    /// A span that all records end in: from, to in seconds since 1970.
    pub(super) const fn span(self) -> (u64, u64) {
        (FROM_S - 86_400, FROM_S + (self.days + 1) * 86_400)
    }
}

/// Where things are.
pub(super) struct Data {
    /// The example of the crate `query` that makes and asks.
    pub(super) bench: PathBuf,
    /// Python with the peers' libraries, and what they are asked by.
    pub(super) python: Option<(PathBuf, PathBuf)>,
    folder: PathBuf,
}

impl Data {
    /// Builds the example; makes the folder. `peers`: with DuckDB and chdb.
    pub(super) fn new(folder: PathBuf, peers: bool) -> Result<Self> {
        let bench = example()?;
        let version = output(Command::new(&bench).arg("version"))?;
        let folder = folder.join(format!("store-{}", version.trim()));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let python = if peers { Some(python()?) } else { None };
        Ok(Self { bench, python, folder })
    }

    /// Makes a file or folder, whole or not at all.
    fn made(&self, name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let path = self.folder.join(name);
        if path.exists() {
            cached("bench", path.display());
            return Ok(path);
        }
        let part = self.folder.join(format!("{name}.part"));
        let _ = std::fs::remove_dir_all(&part);
        let _ = std::fs::remove_file(&part);
        step("bench", format!("making {}", path.display()), || make(&part))?;
        std::fs::rename(&part, &path)?;
        Ok(path)
    }

    /// A store of records alone: neither index nor rollups.
    pub(super) fn store(&self, name: &str, scale: Scale) -> Result<PathBuf> {
        self.made(name, |part| {
            output(Command::new(&self.bench).arg("fill").arg(part).args(scale.args())).map(drop)
        })
    }

    /// A store whose hours are indexed, and those of the last days rolled up.
    pub(super) fn closed(&self, name: &str, scale: Scale, rolled_days: u64) -> Result<PathBuf> {
        self.made(name, |part| {
            output(Command::new(&self.bench).arg("fill").arg(part).args(scale.args()))?;
            let mut close = Command::new(&self.bench);
            close
                .arg("close")
                .arg(part)
                .args(scale.args())
                .arg(rolled_days.to_string());
            output(&mut close).map(drop)
        })
    }

    /// nfcapd's files, from datagrams over loopback.
    pub(super) fn nfdump(&self, name: &str, scale: Scale) -> Result<PathBuf> {
        self.made(name, |part| {
            std::fs::create_dir_all(part)?;
            let port = super::super::ingest::free_port()?;
            let mut nfcapd = Command::new("nfcapd");
            nfcapd.args([
                "-y",
                "-t",
                "60",
                "-B",
                "8388608",
                "-b",
                "127.0.0.1",
                "-p",
                &port.to_string(),
            ]);
            nfcapd.arg("-w").arg(part);
            let child = nfcapd
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            let child = child.context("nfcapd is in Debian's package nfdump")?;
            std::thread::sleep(Duration::from_secs(1));
            let sent = output(
                Command::new(&self.bench)
                    .arg("ipfix")
                    .arg(port.to_string())
                    .args(scale.args()),
            );
            std::thread::sleep(Duration::from_secs(1));
            end(child)?;
            sent?;
            let text = output(Command::new("nfdump").arg("-I").arg("-R").arg(part))?;
            let flows = text.lines().find_map(|line| line.strip_prefix("Flows: "));
            ensure!(
                flows == Some(&scale.records.to_string()),
                "nfcapd stored {flows:?} records of {}",
                scale.records
            );
            Ok(())
        })
    }

    /// A Parquet file, zstd.
    pub(super) fn parquet(&self, name: &str, scale: Scale) -> Result<PathBuf> {
        self.made(name, |part| {
            let (python, script) = self.python.as_ref().context("no Python")?;
            let mut rows = Command::new(&self.bench)
                .arg("rows")
                .args(scale.args())
                .stdout(Stdio::piped())
                .spawn()?;
            let from = rows.stdout.take().context("no rows")?;
            let status = Command::new(python)
                .arg(script)
                .arg("parquet")
                .arg(part)
                .stdin(from)
                .status()?;
            ensure!(
                rows.wait()?.success() && status.success(),
                "the Parquet file could not be written"
            );
            Ok(())
        })
    }

    /// A table of chdb.
    pub(super) fn chdb(&self, name: &str, parquet: &Path) -> Result<PathBuf> {
        self.made(name, |part| {
            let (python, script) = self.python.as_ref().context("no Python")?;
            output(Command::new(python).arg(script).arg("chdb").arg(parquet).arg(part)).map(drop)
        })
    }
}

fn end(mut child: Child) -> Result<()> {
    let pid = i32::try_from(child.id()).context("no such process number")?;
    kill(Pid::from_raw(pid), Signal::SIGTERM)?;
    child.wait()?;
    Ok(())
}

fn example() -> Result<PathBuf> {
    let log = crate::build_dir()?.join("bench-build.log");
    let args = ["build", "--release", "--locked", "-p", "query", "--example", "bench"];
    step("bench", format!("cargo {}", args.join(" ")), || {
        exec_logged(Command::new("cargo").current_dir(crate::root()).args(args), &log)
    })?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::root().join("target"), PathBuf::from);
    Ok(target.join("release/examples/bench"))
}

/// A Python of its own with what peers.py needs, in the cache; its versions are pinned by their checksums.
fn python() -> Result<(PathBuf, PathBuf)> {
    let here = crate::root().join("xtask/src/bench/store");
    let requirements = here.join("requirements.txt");
    let key = crate::cache::Key::default().file(&requirements)?.finish();
    let folder = crate::cache::dir()?.join(format!("python-{key}"));
    let python = folder.join("bin/python");
    if !python.exists() {
        let log = crate::build_dir()?.join("bench-python.log");
        step("bench", "a Python with DuckDB and chdb (1 GB)", || {
            let part = folder.with_extension("part");
            let _ = std::fs::remove_dir_all(&part);
            // Scripts of a virtual environment name its folder, but nothing here runs one.
            exec_logged(Command::new("python3").args(["-m", "venv"]).arg(&part), &log)
                .context("a virtual environment needs Debian's package python3-venv")?;
            let mut pip = Command::new(part.join("bin/python"));
            pip.args(["-m", "pip", "install", "--require-hashes", "-r"])
                .arg(&requirements);
            exec_logged(&mut pip, &log)?;
            Ok(std::fs::rename(&part, &folder)?)
        })?;
    }
    Ok((python, here.join("peers.py")))
}

/// Octets on disk of the files whose names the function takes.
pub(super) fn octets(path: &Path, takes: &dyn Fn(&str) -> bool) -> Result<u64> {
    let meta = std::fs::metadata(path)?;
    if meta.is_file() {
        use std::os::unix::fs::MetadataExt;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Blocks of 512 octets; redb's files have holes.
        return Ok(if takes(&name) { meta.blocks() * 512 } else { 0 });
    }
    let mut sum = 0;
    for entry in std::fs::read_dir(path)? {
        sum += octets(&entry?.path(), takes)?;
    }
    Ok(sum)
}
