//! What is kept of the firmware: the journal on /data, and what the image and the board say.

use std::fs;
use std::path::Path;

use semver::Version;

use super::boots::Evidence;
use super::machine::{FORMAT, Journal};
use super::rules;
use crate::disk::{self, Disk};

const JOURNAL: &str = "firmware.json";
const IMAGE_FLOOR: &str = "/usr/lib/spanwatch/version-floor";
const KEPT_FLOOR: &str = "/identity/version-floor";
const SECURE_BOOT: &str = "firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

/// Reads the journal; one that is damaged is set aside. Gives the trouble, if any, in words.
pub(crate) fn load(disk: &mut dyn Disk) -> (Journal, Option<String>) {
    let bytes = match disk.read(JOURNAL) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return (Journal::default(), None),
        Err(e) => return (Journal::default(), Some(format!("{JOURNAL} cannot be read: {e}"))),
    };
    match serde_json::from_slice::<Journal>(&bytes) {
        Ok(journal) => (
            Journal {
                format: FORMAT,
                ..journal
            },
            None,
        ),
        Err(e) => {
            let aside = format!("{JOURNAL}.damaged");
            let kept = disk.rename(JOURNAL, &aside).and_then(|()| disk.sync());
            let fate = kept.map_or_else(
                |e| format!("cannot be set aside: {e}"),
                |()| format!("is set aside as {aside}"),
            );
            (
                Journal::default(),
                Some(format!(
                    "{JOURNAL} is damaged ({e}) and {fate}: past updates are forgotten"
                )),
            )
        }
    }
}

/// The journal as it is, without a word about one that cannot be read.
pub(crate) fn peek(disk: &dyn Disk) -> Journal {
    let bytes = disk.read(JOURNAL).ok().flatten().unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// Puts the journal on the disk.
pub(crate) fn store(disk: &mut dyn Disk, journal: &Journal) -> std::io::Result<()> {
    let text = serde_json::to_string_pretty(journal).map_err(std::io::Error::other)?;
    disk::replace(disk, JOURNAL, text.as_bytes(), 0o600)
}

/// The version floor in force.
pub(crate) fn floor() -> Option<Version> {
    let read = |file: &str| fs::read_to_string(file).ok();
    rules::floor(read(IMAGE_FLOOR).as_deref(), read(KEPT_FLOOR).as_deref())
}

/// Whether the board's firmware checked signatures; `None` where it does not say.
pub(crate) fn secure_boot(sys: &Path) -> Option<bool> {
    let bytes = fs::read(sys.join(SECURE_BOOT)).ok()?;
    // Four octets of attributes, then the value (UEFI 2.10, 8.2 and 3.3).
    bytes.get(4).map(|value| *value == 1)
}

/// What tells how the boot before ended.
pub(crate) fn evidence(sys: &Path) -> Evidence {
    // WDIOF_CARDRESET of linux/watchdog.h.
    const CARD_RESET: u64 = 0x20;
    let status = fs::read_dir(sys.join("class/watchdog")).into_iter().flatten().flatten();
    let watchdog = status
        .filter_map(|dog| fs::read_to_string(dog.path().join("bootstatus")).ok())
        .filter_map(|text| text.trim().parse::<u64>().ok())
        .any(|status| status & CARD_RESET != 0);
    Evidence {
        words: last_words(&sys.join("fs/pstore")),
        watchdog,
    }
}

/// The records that the kernel left when it failed, by name.
fn last_words(folder: &Path) -> Vec<(String, String)> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut words: Vec<(String, String)> = names
        .filter(|name| name.starts_with("dmesg-"))
        .filter_map(|name| fs::read_to_string(folder.join(&name)).ok().map(|text| (name, text)))
        .collect();
    words.sort();
    words
}

/// Removes the kernel's last words once the journal has what they say: they take the firmware's scarce memory.
pub(crate) fn forget_words(sys: &Path) {
    let folder = sys.join("fs/pstore");
    for (name, _) in last_words(&folder) {
        if let Err(e) = fs::remove_file(folder.join(&name)) {
            log::warn!(event = "pstore"; "{name} cannot be removed: {e}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::tests::Fragile;

    #[test]
    fn the_journal_survives_power_cuts_whole() {
        let old = Journal {
            rolled_back: vec!["1.0.0".to_owned()],
            ..Journal::default()
        };
        let new = Journal {
            rolled_back: vec!["2.0.0".to_owned()],
            ..Journal::default()
        };
        for operations in 0..4 {
            let mut disk = Fragile::default();
            store(&mut disk, &old).unwrap();
            *disk.operations_left.lock().unwrap() = Some(operations);
            let stored = store(&mut disk, &new).is_ok();
            *disk.operations_left.lock().unwrap() = None;
            let (found, trouble) = load(&mut disk);
            assert!(found == new || (found == old && !stored), "{operations}");
            assert_eq!(trouble, None);
        }
    }

    #[test]
    fn a_damaged_journal_is_set_aside_and_told_of() {
        let mut disk = Fragile::default();
        disk.files.lock().unwrap().insert(JOURNAL.to_owned(), b"{".to_vec());
        let (journal, trouble) = load(&mut disk);
        assert_eq!(journal, Journal::default());
        assert!(trouble.unwrap().contains("set aside"));
        assert!(disk.files.lock().unwrap().contains_key("firmware.json.damaged"));
        assert_eq!(load(&mut disk).1, None);
    }

    #[test]
    fn what_a_newer_release_added_is_passed_over() {
        let mut disk = Fragile::default();
        let mut value = serde_json::to_value(Journal::default()).unwrap();
        value["format"] = 2.into();
        value["new"] = "thing".into();
        disk.files
            .lock()
            .unwrap()
            .insert(JOURNAL.to_owned(), value.to_string().into_bytes());
        assert_eq!(load(&mut disk), (Journal::default(), None));
    }

    #[test]
    fn the_board_says_whether_it_checked_signatures() {
        let sys = tempfile::tempdir().unwrap();
        assert_eq!(secure_boot(sys.path()), None);
        let file = sys.path().join(SECURE_BOOT);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        for (value, expected) in [(1, true), (0, false)] {
            fs::write(&file, [6, 0, 0, 0, value]).unwrap();
            assert_eq!(secure_boot(sys.path()), Some(expected));
        }
    }

    #[test]
    fn last_words_and_watchdog_are_found() {
        let sys = tempfile::tempdir().unwrap();
        let none = evidence(sys.path());
        assert!(none.words.is_empty() && !none.watchdog);
        fs::create_dir_all(sys.path().join("class/watchdog/watchdog0")).unwrap();
        fs::write(sys.path().join("class/watchdog/watchdog0/bootstatus"), "32\n").unwrap();
        fs::create_dir_all(sys.path().join("fs/pstore")).unwrap();
        fs::write(
            sys.path().join("fs/pstore/dmesg-efi-1"),
            "Panic#1\n<0>[ 1.0] Kernel panic - not syncing: x\n",
        )
        .unwrap();
        let found = evidence(sys.path());
        assert!(found.watchdog);
        assert_eq!((found.words.len(), found.words[0].0.as_str()), (1, "dmesg-efi-1"));
        forget_words(sys.path());
        assert!(evidence(sys.path()).words.is_empty());
    }
}
