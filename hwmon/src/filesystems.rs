//! How full file systems are: space and inodes, by statvfs(3).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;

use crate::{Kind, NoData, Reading, State, Unit};

/// The most file systems.
const MOUNTS_MAX: usize = 64;
/// Percent that are used: attention, and harm.
const LIMITS: (f64, f64) = (95.0, 98.0);

/// Where file systems are mounted that can be written and have a disk behind them, each disk once, from the text of
/// /proc/self/mounts. Network file systems, which could hang, are not among them.
#[must_use]
pub fn mounts(text: &str) -> Vec<PathBuf> {
    let mut seen = BTreeSet::new();
    text.lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (device, at, _, options) = (words.next()?, words.next()?, words.next()?, words.next()?);
            let written = options.split(',').any(|option| option == "rw");
            let fresh = device.starts_with("/dev/") && written && seen.insert(device.to_owned());
            fresh.then(|| PathBuf::from(unescaped(at)))
        })
        .take(MOUNTS_MAX)
        .collect()
}

/// The kernel writes blanks and backslashes as `\040` and the like.
fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let octal = after.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match octal {
            Some(octet) => {
                out.push(char::from(octet));
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                out.push('\\');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// The readings of the file systems that are mounted there.
#[must_use]
pub fn readings(mounts: &[PathBuf]) -> Vec<Reading> {
    mounts.iter().flat_map(|at| one(at)).collect()
}

fn one(at: &Path) -> [Reading; 2] {
    let told = statvfs(at).map_err(|error| match error {
        nix::errno::Errno::ENOENT => NoData::NotPresent,
        nix::errno::Errno::EACCES => NoData::Denied,
        _ => NoData::Failed,
    });
    #[allow(clippy::cast_precision_loss, reason = "a share has few digits")]
    let space = told.map(|s| {
        let used = s.blocks().saturating_sub(s.blocks_free());
        (used as f64, used.saturating_add(s.blocks_available()) as f64)
    });
    #[allow(clippy::cast_precision_loss, reason = "a share has few digits")]
    let inodes = told.map(|s| (s.files().saturating_sub(s.files_free()) as f64, s.files() as f64));
    let path = at.display().to_string();
    [
        share(&path, "fill", "space used", space),
        share(&path, "inodes", "inodes used", inodes),
    ]
}

/// `used` of `all`; file systems that count nothing have no share.
fn share(path: &str, id: &str, name: &str, told: Result<(f64, f64), NoData>) -> Reading {
    let value = told.and_then(|(used, all)| {
        let percent = (used / all * 1_000.0).round() / 10.0;
        if all > 0.0 {
            Ok(percent)
        } else {
            Err(NoData::Unsupported)
        }
    });
    let reading = Reading::fact(
        // an id's parts are divided by slashes
        format!("fs/{}/{id}", path.replace('/', "\\")),
        format!("{path} {name}"),
        Kind::Share,
        Unit::Percent,
        value,
    );
    let (warning, critical) = LIMITS;
    match value {
        Ok(percent) if percent >= critical => reading.judged(State::Critical, format!("at or above {critical} %")),
        Ok(percent) if percent >= warning => reading.judged(State::Warning, format!("at or above {warning} %")),
        _ => reading.judged(State::Ok, format!("below {warning} %")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Component;

    #[test]
    fn only_disks_that_are_written_count_and_each_once() {
        let text = "/dev/dm-0 / erofs ro,relatime 0 0\ntmpfs /run tmpfs rw,nosuid 0 0\n/dev/md127 /data ext4 rw,noatime 0 0\n\
/dev/md127 /var/lib ext4 rw,noatime 0 0\nserver:/x /mnt nfs rw 0 0\n/dev/sdb1 /media/a\\040b vfat rw 0 0\nshort\n";
        assert_eq!(mounts(text), [PathBuf::from("/data"), PathBuf::from("/media/a b")]);
        assert_eq!(unescaped("a\\\\b\\0x"), "a\\\\b\\0x");
    }

    #[test]
    fn a_share_is_judged_and_belongs_to_its_folder() {
        let state = |used| share("/data", "fill", "space used", Ok((used, 1_000.0))).state();
        assert_eq!(
            (state(949.0), state(950.0), state(980.0)),
            (State::Ok, State::Warning, State::Critical)
        );
        assert_eq!(
            share("/", "inodes", "", Ok((0.0, 0.0))).value(),
            Err(NoData::Unsupported)
        );
        let reading = share("/data", "fill", "space used", Ok((1.0, 10.0)));
        assert_eq!(Component::of(&reading), Component::FileSystem("/data".to_owned()));
        let live = readings(&[PathBuf::from("/"), PathBuf::from("/nowhere at all")]);
        assert_eq!(live.len(), 4);
        assert!(live[0].value().is_ok());
        assert_eq!(live[2].value(), Err(NoData::NotPresent));
    }
}
