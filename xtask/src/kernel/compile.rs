//! Configuring and compiling the kernel tree.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::{fragment, read};
use crate::step::{exec_logged, human, output};

/// How often the build's progress is printed.
const PROGRESS: Duration = Duration::from_secs(30);
/// Compiled files of a whole build, to show how far one is.
const FILES: u32 = 2400;

/// A source tree and the folder that it is compiled in, held by this process alone.
pub(super) struct Tree {
    source: PathBuf,
    work: PathBuf,
    timestamp: String,
    _lock: File,
}

impl Tree {
    /// Takes the folder `work`, waiting while another build has it.
    pub(super) fn lock(source: PathBuf, work: PathBuf, timestamp: &str) -> Result<Self> {
        std::fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
        let path = work.join(".lock");
        let lock = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        if lock.try_lock().is_err() {
            eprintln!("    kernel: another build has {}: waiting", work.display());
            lock.lock().with_context(|| format!("cannot lock {}", path.display()))?;
        }
        Ok(Self {
            source,
            work,
            timestamp: timestamp.to_owned(),
            _lock: lock,
        })
    }

    /// Writes the configuration: `tinyconfig`, then `fragment` of the files `names`; fails when an option of it is lost.
    pub(super) fn configure(&self, names: &str, fragment: &str) -> Result<()> {
        let log = crate::build_dir()?.join("kernel-config.log");
        exec_logged(self.make().arg("tinyconfig"), &log)?;
        let config = self.work.join(".config");
        let tiny = read(&config)?;
        std::fs::write(&config, tiny + fragment).with_context(|| format!("cannot write {}", config.display()))?;
        exec_logged(self.make().arg("olddefconfig"), &log)?;
        let lost = fragment::lost(fragment, &read(&config)?);
        if !lost.is_empty() {
            bail!(
                "Kconfig did not take {} of the options in {names} (a dependency is missing, or the name is wrong):\n  {}",
                lost.len(),
                lost.join("\n  ")
            );
        }
        Ok(())
    }

    /// Compiles bzImage with every core and what make is told besides, the output in `log`, and prints how far it is.
    pub(super) fn compile(&self, log: &Path, told: &[&str]) -> Result<()> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let out = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut make = self.make();
        make.arg(format!("-j{cores}"))
            .arg("bzImage")
            .args(told)
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out);
        let mut child = make
            .spawn()
            .context("cannot start make (cargo xtask deps installs it)")?;
        let mut progress = Progress::start(log)?;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            std::thread::sleep(Duration::from_millis(200));
            progress.show()?;
        };
        if !status.success() {
            bail!("the kernel's build ended with {status}:\n{}", complaint(log)?);
        }
        Ok(())
    }

    /// Copies what the build left to `dir`, all or nothing.
    pub(super) fn save(&self, dir: &Path) -> Result<()> {
        let release = output(self.make().args(["-s", "kernelrelease"]))?;
        let part = dir.with_extension("part");
        let _ = std::fs::remove_dir_all(&part);
        std::fs::create_dir_all(&part).with_context(|| format!("cannot make {}", part.display()))?;
        for (from, to) in [
            ("arch/x86/boot/bzImage", "bzImage"),
            (".config", "config"),
            ("System.map", "System.map"),
        ] {
            let from = self.work.join(from);
            std::fs::copy(&from, part.join(to)).with_context(|| format!("cannot copy {}", from.display()))?;
        }
        std::fs::write(part.join("release"), release)?;
        let _ = std::fs::remove_dir_all(dir);
        std::fs::rename(&part, dir).with_context(|| format!("cannot rename {}", part.display()))
    }

    /// `make` with all that could make two builds differ fixed, and nothing of cargo's own environment that make reads.
    fn make(&self) -> Command {
        let mut make = Command::new("make");
        make.arg("-C")
            .arg(&self.source)
            .arg(format!("O={}", self.work.display()));
        make.env("LC_ALL", "C")
            .env("KBUILD_BUILD_TIMESTAMP", &self.timestamp)
            .env("KBUILD_BUILD_VERSION", "1")
            .env("KBUILD_BUILD_USER", "spanwatch")
            .env("KBUILD_BUILD_HOST", "spanwatch");
        for name in [
            "MAKEFLAGS",
            "MFLAGS",
            "MAKELEVEL",
            "CFLAGS",
            "ARCH",
            "CROSS_COMPILE",
            "LOCALVERSION",
            "O",
        ] {
            make.env_remove(name);
        }
        make
    }
}

/// Counts the compiled files in a growing log.
struct Progress {
    log: BufReader<File>,
    line: String,
    files: u32,
    began: Instant,
    shown: Instant,
}

impl Progress {
    fn start(log: &Path) -> Result<Self> {
        let mut log = BufReader::new(File::open(log)?);
        log.seek(SeekFrom::Start(0))?;
        let now = Instant::now();
        Ok(Self {
            log,
            line: String::new(),
            files: 0,
            began: now,
            shown: now,
        })
    }

    fn show(&mut self) -> Result<()> {
        // A line may be read in two parts: only its start, once whole, is looked at.
        while self.log.read_line(&mut self.line)? > 0 {
            if self.line.ends_with('\n') {
                self.files += u32::from(compiles(&self.line));
                self.line.clear();
            }
        }
        if self.shown.elapsed() >= PROGRESS {
            self.shown = Instant::now();
            eprintln!(
                "    kernel: {} files compiled of about {FILES}, {}",
                self.files,
                human(self.began.elapsed())
            );
        }
        Ok(())
    }
}

/// Whether a line of Kbuild's output says that a file was compiled.
fn compiles(line: &str) -> bool {
    ["  CC ", "  AS "].iter().any(|start| line.starts_with(start))
}

/// What a failed build's log says about the failure: with `-j` the last lines may be another job's.
fn complaint(log: &Path) -> Result<String> {
    let text = String::from_utf8_lossy(&std::fs::read(log)?).into_owned();
    let errors: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("error:") || line.contains("Error "))
        .collect();
    let shown = errors.get(..20).unwrap_or(&errors).join("\n");
    Ok(format!("{shown}\nthe whole output is in {}", log.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kbuild_lines_are_told_apart() {
        assert!(compiles("  CC      kernel/fork.o\n"));
        assert!(compiles("  AS      arch/x86/entry/entry.o\n"));
        assert!(!compiles("  AR      kernel/built-in.a\n"));
        assert!(!compiles("  HOSTCC  scripts/basic/fixdep\n"));
    }
}
