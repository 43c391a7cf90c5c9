//! Bundles on USB sticks and other media that are plugged in.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::disks::Block;
use crate::place::Place;

/// What sticks may be formatted with.
pub const FILE_SYSTEMS: [&str; 4] = ["vfat", "exfat", "iso9660", "ext4"];
/// Bundles that are listed.
const BUNDLES_MAX: usize = 32;
/// Entries of a folder that are looked at.
const ENTRIES_MAX: usize = 10_000;
/// The largest bundle: two root images would not fit into a slot.
const BUNDLE_MAX: u64 = 400 << 20;
const PART: usize = 1 << 20;

/// A bundle that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The partition that it is on.
    pub block: Block,
    /// Its path from the file system's root.
    pub path: PathBuf,
    /// Its size in octets.
    pub octets: u64,
}

/// Looks for bundles on these partitions, in their first two levels of folders.
#[must_use]
pub fn find(blocks: &[Block], mount_point: &Path) -> Vec<Found> {
    let mut found = Vec::new();
    for block in blocks {
        if let Ok(place) = Place::mount(&block.device(), mount_point, &FILE_SYSTEMS, false) {
            let bundles = bundles(place.path());
            found.extend(bundles.into_iter().map(|(path, octets)| Found {
                block: block.clone(),
                path,
                octets,
            }));
        }
    }
    found.truncate(BUNDLES_MAX);
    found
}

/// Files that end in `.raucb`, by path from `root`, with their sizes.
fn bundles(root: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    let mut folders = vec![(root.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in std::fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .flatten()
            .take(ENTRIES_MAX)
        {
            let path = entry.path();
            let Ok(data) = std::fs::symlink_metadata(&path) else {
                continue;
            };
            let bundle = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("raucb"));
            if data.is_dir() && depth == 0 {
                folders.push((path, 1));
            } else if data.is_file()
                && bundle
                && let Ok(inside) = path.strip_prefix(root)
            {
                found.push((inside.to_owned(), data.len()));
            }
        }
    }
    found.sort();
    found.truncate(BUNDLES_MAX);
    found
}

impl Found {
    /// Copies the bundle into memory: what is checked is what is installed, whatever the stick does meanwhile.
    ///
    /// # Errors
    /// The stick cannot be read, or the bundle is too large.
    pub fn fetch(&self, mount_point: &Path, to: &Path, mut progress: impl FnMut(u8)) -> Result<()> {
        ensure!(
            self.octets <= BUNDLE_MAX,
            "{} is larger than a bundle can be",
            self.path.display()
        );
        let place = Place::mount(&self.block.device(), mount_point, &FILE_SYSTEMS, false)?;
        let from = place.path().join(&self.path);
        copy(&from, to, self.octets, &mut progress).with_context(|| format!("cannot read {}", self.path.display()))
    }
}

/// Copies so many octets; tells how far it is, in per cent.
pub(crate) fn copy(from: &Path, to: &Path, octets: u64, progress: &mut impl FnMut(u8)) -> Result<()> {
    let mut source = File::open(from)?.take(octets);
    let mut target = File::create(to)?;
    let mut part = vec![0; PART];
    let mut done = 0_u64;
    loop {
        let read = source.read(&mut part)?;
        if read == 0 {
            ensure!(done == octets, "it ends after {done} of {octets} octets");
            return Ok(());
        }
        target.write_all(part.get(..read).unwrap_or_default())?;
        done += read as u64;
        progress(percent(done, octets));
    }
}

/// So much of the whole, in per cent.
pub(crate) fn percent(done: u64, whole: u64) -> u8 {
    u8::try_from(done.saturating_mul(100) / whole.max(1))
        .unwrap_or(100)
        .min(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_are_found_in_two_levels_and_links_are_not_followed() {
        let root = tempfile::tempdir().expect("a folder");
        let at = root.path();
        std::fs::create_dir_all(at.join("updates/old")).expect("folders");
        for (file, size) in [
            ("a.raucb", 3),
            ("updates/B.RAUCB", 4),
            ("updates/old/c.raucb", 5),
            ("d.img", 6),
        ] {
            std::fs::write(at.join(file), vec![0; size]).expect("a file");
        }
        std::os::unix::fs::symlink("/etc/passwd", at.join("e.raucb")).expect("a link");
        let expected = [(PathBuf::from("a.raucb"), 3), (PathBuf::from("updates/B.RAUCB"), 4)];
        assert_eq!(bundles(at), expected);
        assert!(bundles(&at.join("nowhere")).is_empty());
    }

    #[test]
    fn a_copy_is_whole_or_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        std::fs::write(&from, vec![7; 3_000_000]).expect("a file");
        let mut last = 0;
        copy(&from, &to, 3_000_000, &mut |percent| last = percent).expect("copied");
        assert_eq!((std::fs::read(&to).expect("a file").len(), last), (3_000_000, 100));
        let short = copy(&from, &to, 3_000_001, &mut |_| ()).expect_err("it is shorter");
        assert!(short.to_string().contains("3000000 of 3000001"));
        assert_eq!((percent(1, 0), percent(5, 10), percent(u64::MAX, 1)), (100, 50, 100));
    }
}
