//! A test's disk from the outside: its partitions, and the files of the EFI system partition.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::step::{exec, output};

/// A partition's place on a disk, in bytes.
#[derive(Clone, Copy)]
pub(super) struct Partition {
    pub(super) start: u64,
    pub(super) bytes: u64,
}

impl Partition {
    /// The partition with this name.
    pub(super) fn named(disk: &Path, name: &str) -> Result<Self> {
        // a disk that is larger than its image makes it complain
        let text = output(Command::new("sfdisk").args(["--quiet", "--json"]).arg(disk))?;
        let table: Value = serde_json::from_str(&text)?;
        let partitions = table.pointer("/partitiontable/partitions").and_then(Value::as_array);
        let found = partitions
            .into_iter()
            .flatten()
            .find(|partition| partition.get("name").and_then(Value::as_str) == Some(name));
        let field = |name: &str| found.and_then(|found| found.get(name)).and_then(Value::as_u64);
        let (start, size) = field("start")
            .zip(field("size"))
            .with_context(|| format!("{} has no partition {name}", disk.display()))?;
        Ok(Self {
            start: start * 512,
            bytes: size * 512,
        })
    }

    /// Writes a file to the partition's begin.
    pub(super) fn write(&self, disk: &Path, contents: &Path) -> Result<()> {
        let bytes = std::fs::read(contents).with_context(|| format!("cannot read {}", contents.display()))?;
        ensure!(bytes.len() as u64 <= self.bytes, "{} is too large", contents.display());
        let mut disk = File::options().write(true).open(disk)?;
        disk.seek(SeekFrom::Start(self.start))?;
        disk.write_all(&bytes)?;
        Ok(())
    }

    /// Copies the partition into a file, without the octets that are zero.
    pub(super) fn copy(&self, disk: &Path, to: &Path) -> Result<()> {
        let _ = std::fs::remove_file(to);
        let mut copy = Command::new("dd");
        copy.args(["bs=1M", "conv=sparse", "status=none", "iflag=skip_bytes,count_bytes"])
            .arg(format!("if={}", disk.display()))
            .arg(format!("of={}", to.display()))
            .arg(format!("skip={}", self.start))
            .arg(format!("count={}", self.bytes));
        exec(&mut copy)?;
        // what it left out at the end
        File::options().write(true).open(to)?.set_len(self.bytes)?;
        Ok(())
    }

    /// Flips the bits of one byte.
    pub(super) fn flip(&self, disk: &Path, at: u64) -> Result<()> {
        flip(disk, self.start + at)
    }
}

/// Flips the bits of one byte of a file.
pub(super) fn flip(file: &Path, at: u64) -> Result<()> {
    let mut file = File::options().read(true).write(true).open(file)?;
    let mut byte = [0];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut byte)?;
    file.seek(SeekFrom::Start(at))?;
    file.write_all(&byte.map(|byte| !byte))?;
    Ok(())
}

/// The EFI system partition of a disk that no guest uses.
pub(super) struct Esp {
    image: String,
}

impl Esp {
    /// The EFI system partition of a disk.
    pub(super) fn of(disk: &Path) -> Result<Self> {
        let start = Partition::named(disk, "spanwatch-esp")?.start;
        Ok(Self {
            image: format!("{}@@{start}", disk.display()),
        })
    }

    fn mtool(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.env("MTOOLS_SKIP_CHECK", "1").args(["-i", &self.image]);
        command
    }

    /// The names of the kernels, sorted.
    pub(super) fn kernels(&self) -> Result<Vec<String>> {
        let text = output(self.mtool("mdir").args(["-b", "::/EFI/Linux"]))?;
        let names = text.lines().filter_map(|line| line.rsplit('/').next());
        let mut names: Vec<String> = names.filter(|name| !name.is_empty()).map(str::to_owned).collect();
        names.sort();
        Ok(names)
    }

    /// A file's octets.
    pub(super) fn contents(&self, name: &str) -> Result<Vec<u8>> {
        let out = self.mtool("mtype").arg(format!("::/{name}")).output();
        let out = out.context("cannot start mtype: install mtools")?;
        ensure!(
            out.status.success(),
            "{name} cannot be read: {}",
            String::from_utf8_lossy(&out.stderr).trim()
        );
        Ok(out.stdout)
    }

    /// Puts a file there, in the place of one that may be there already.
    pub(super) fn put(&self, file: &Path, name: &str) -> Result<()> {
        exec(self.mtool("mcopy").arg("-o").arg(file).arg(format!("::/{name}")))
    }

    /// Removes a file.
    pub(super) fn remove(&self, name: &str) -> Result<()> {
        exec(self.mtool("mdel").arg(format!("::/{name}")))
    }

    /// Makes a folder.
    pub(super) fn folder(&self, name: &str) -> Result<()> {
        exec(self.mtool("mmd").arg(format!("::/{name}")))
    }

    /// Gives a kernel another name.
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<()> {
        let (from, to) = (format!("::/EFI/Linux/{from}"), format!("::/EFI/Linux/{to}"));
        exec(self.mtool("mren").args([from, to]))
    }
}
