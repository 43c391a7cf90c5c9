//! How full file systems are: space and inodes, by statvfs(3).

use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;

use crate::why::{Phrase, Why, phrases};
use crate::{Kind, NoData, Reading, State, Unit};

/// The most file systems.
const MOUNTS_MAX: usize = 64;
/// Percent that are used: attention, and harm. What the analyzer keeps fills its disk up to a setting of at most 95.
const LIMITS: (f64, f64) = (97.0, 99.0);

/// Where file systems are mounted that can be written and have a disk behind them, each disk once, from the text of
/// /proc/self/mountinfo. What counts is whether the file system can be written, not whether its reader may. Network file systems,
/// which could hang, are not among them.
#[must_use]
pub fn mounts(text: &str) -> Vec<PathBuf> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    for line in text.lines() {
        // `36 35 9:127 / /data ro,noatime shared:1 - ext4 /dev/md127 rw,stripe=64`
        let Some((before, behind)) = line.split_once(" - ") else {
            continue;
        };
        let (mut before, mut behind) = (before.split(' ').skip(2), behind.split(' ').skip(1));
        let (Some(number), Some(at)) = (before.next(), before.nth(1)) else {
            continue;
        };
        let (Some(device), Some(options)) = (behind.next(), behind.next()) else {
            continue;
        };
        if !device.starts_with("/dev/") || !options.split(',').any(|option| option == "rw") {
            continue;
        }
        if let Some((_, known)) = found.iter_mut().find(|(known, _)| *known == number) {
            // a part of it that is mounted elsewhere has a longer name
            if at.len() < known.len() {
                *known = at;
            }
        } else if found.len() < MOUNTS_MAX {
            found.push((number, at));
        }
    }
    found.into_iter().map(|(_, at)| PathBuf::from(unescaped(at))).collect()
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
        share(&path, "fill", phrases::R_SPACE, space),
        share(&path, "inodes", phrases::R_INODES, inodes),
    ]
}

/// `used` of `all`; file systems that count nothing have no share.
fn share(path: &str, id: &str, name: &'static Phrase, told: Result<(f64, f64), NoData>) -> Reading {
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
        Why::of(path, name),
        Kind::Share,
        Unit::Percent,
        value,
    );
    let (warning, critical) = LIMITS;
    match value {
        Ok(percent) if percent >= critical => reading.judged(
            State::Critical,
            phrases::AT_OR_ABOVE.with([format!("{critical} %").into()]),
        ),
        Ok(percent) if percent >= warning => reading.judged(
            State::Warning,
            phrases::AT_OR_ABOVE.with([format!("{warning} %").into()]),
        ),
        _ => reading.judged(State::Ok, phrases::BELOW.with([format!("{warning} %").into()])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Component;

    #[test]
    fn only_disks_that_are_written_count_and_each_once() {
        let text = "22 1 253:0 / / ro,relatime - erofs /dev/dm-0 ro\n23 22 0:21 / /run rw,nosuid - tmpfs tmpfs rw,size=1\n\
24 22 9:127 /hwmon /data/hwmon rw,noatime master:1 - ext4 /dev/md127 rw\n25 22 9:127 / /data ro,noatime shared:1 - ext4 /dev/md127 rw\n\
26 22 0:40 / /mnt rw - nfs server:/x rw\n27 22 8:17 / /media/a\\040b rw - vfat /dev/sdb1 rw\nshort - x\n";
        assert_eq!(mounts(text), [PathBuf::from("/data"), PathBuf::from("/media/a b")]);
        assert_eq!(unescaped("a\\\\b\\0x"), "a\\\\b\\0x");
    }

    #[test]
    fn a_share_is_judged_and_belongs_to_its_folder() {
        let state = |used| share("/data", "fill", phrases::R_SPACE, Ok((used, 1_000.0))).state();
        assert_eq!(
            (state(969.0), state(970.0), state(990.0)),
            (State::Ok, State::Warning, State::Critical)
        );
        assert_eq!(
            share("/", "inodes", phrases::R_INODES, Ok((0.0, 0.0))).value(),
            Err(NoData::Unsupported)
        );
        let reading = share("/data", "fill", phrases::R_SPACE, Ok((1.0, 10.0)));
        assert_eq!(Component::of(&reading), Component::FileSystem("/data".to_owned()));
        let live = readings(&[PathBuf::from("/"), PathBuf::from("/nowhere at all")]);
        assert_eq!(live.len(), 4);
        assert!(live[0].value().is_ok());
        assert_eq!(live[2].value(), Err(NoData::NotPresent));
    }
}
