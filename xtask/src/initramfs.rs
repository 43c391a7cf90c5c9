//! An initramfs: a cpio archive in the "newc" format (Linux, Documentation/driver-api/early-userspace/buffer-format.rst).

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};

const REGULAR: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;
const CHARACTERS: u32 = 0o020_000;

/// An archive that is being written. The same inputs give the same octets.
pub(crate) struct Archive {
    out: BufWriter<File>,
    inode: u32,
}

impl Archive {
    /// Begins a file with the console's device, which the kernel opens for the first program.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut archive = Self {
            out: BufWriter::new(file),
            inode: 0,
        };
        archive.folder("dev")?;
        archive.entry("dev/console", CHARACTERS | 0o600, (5, 1), &[])?;
        Ok(archive)
    }

    /// Adds a folder.
    pub(crate) fn folder(&mut self, name: &str) -> Result<()> {
        self.entry(name, FOLDER | 0o755, (0, 0), &[])
    }

    /// Adds a file with what is in another one.
    pub(crate) fn file(&mut self, name: &str, mode: u32, from: &Path) -> Result<()> {
        let contents = std::fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
        self.entry(name, REGULAR | mode, (0, 0), &contents)
    }

    /// Ends it.
    pub(crate) fn finish(mut self) -> Result<()> {
        write_entry(&mut self.out, 0, "TRAILER!!!", 0, (0, 0), &[])?;
        self.out.flush().context("cannot write the initramfs")
    }

    fn entry(&mut self, name: &str, mode: u32, device: (u32, u32), contents: &[u8]) -> Result<()> {
        self.inode += 1;
        write_entry(&mut self.out, self.inode, name, mode, device, contents)
    }
}

fn write_entry(
    out: &mut impl Write,
    inode: u32,
    name: &str,
    mode: u32,
    device: (u32, u32),
    contents: &[u8],
) -> Result<()> {
    let size = u32::try_from(contents.len()).context("a file of an initramfs has at most 4 GiB")?;
    let name_size = u32::try_from(name.len() + 1)?;
    write!(out, "070701")?;
    // inode, mode, user, group, links, time, size, device of the file, device, name's size, no checksum
    for field in [inode, mode, 0, 0, 1, 0, size, 0, 0, device.0, device.1, name_size, 0] {
        write!(out, "{field:08x}")?;
    }
    out.write_all(name.as_bytes())?;
    out.write_all(&[0])?;
    pad(out, 110 + name.len() + 1)?;
    out.write_all(contents)?;
    pad(out, contents.len())
}

/// Every part ends at a multiple of four.
fn pad(out: &mut impl Write, written: usize) -> Result<()> {
    let missing = written.next_multiple_of(4) - written;
    Ok(out.write_all([0; 3].get(..missing).unwrap_or_default())?)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn cpio_lists_what_was_put_in() {
        let dir = std::env::temp_dir().join(format!("spanwatch-initramfs-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a folder");
        let (init, payload, archive) = (dir.join("init"), dir.join("payload"), dir.join("archive"));
        std::fs::write(&init, "program").expect("a file");
        std::fs::write(&payload, [7; 4099]).expect("a file");
        let mut written = Archive::create(&archive).expect("an archive");
        written.file("init", 0o755, &init).expect("the program");
        written.file("payload.zst", 0o600, &payload).expect("the payload");
        written.finish().expect("the end");
        let listing = Command::new("cpio")
            .args(["-t", "-v", "-n", "--quiet"])
            .stdin(Stdio::from(File::open(&archive).expect("the archive")))
            .output()
            .expect("cpio (package cpio)");
        let text = String::from_utf8_lossy(&listing.stdout).into_owned();
        std::fs::remove_dir_all(&dir).expect("removed");
        assert!(listing.status.success(), "{}", String::from_utf8_lossy(&listing.stderr));
        for wanted in ["drwxr-xr-x", "crw-------", "5,   1", "-rwxr-xr-x", "4099"] {
            assert!(text.contains(wanted), "no {wanted:?} in\n{text}");
        }
    }
}
