//! The settings from before a trial: a version on trial may write settings that the one before it does not read, so
//! that one's are kept, and put back when it runs again.
//!
//! What is kept is one file, so it is there whole or not at all; putting it back may be done again after a power cut.

use std::collections::BTreeMap;
use std::io;

use api::firmware::Slot;
use serde::{Deserialize, Serialize};

use super::books;
use super::machine::Phase;
use crate::disk::{self, Disk};

/// What is kept of before the trial, and what the trial left, once it was rolled back.
const BEFORE: &str = "before-trial.json";
const AFTER: &str = "after-trial.json";
/// The files that are kept.
const FILES: [&str; 5] = [
    "settings.json",
    "settings.previous.json",
    "unconfirmed.json",
    "accounts.json",
    "metrics.json",
];

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    /// The slot that was tried.
    slot: Slot,
    /// The version in it.
    version: String,
    /// Each file's text; `None` where there was none.
    files: BTreeMap<String, Option<String>>,
}

/// Keeps the settings at the first start of a trial, or puts them back after the last. Done before the settings are
/// read. Gives what an administrator must know, in words.
pub(crate) fn at_start(disk: &mut dyn Disk, slot: Slot, version: &str) -> Option<String> {
    let journal = books::peek(disk);
    let tried = target(&journal.phase);
    let known = read(disk, BEFORE);
    let done = match known {
        Some(kept) if kept.slot != slot && (tried == Some(kept.slot) || journal.home.is_none()) => {
            return put_back(disk, &kept)
                .unwrap_or_else(|e| Some(format!("the settings from before the trial cannot be put back: {e}")));
        }
        Some(kept) if kept.slot == slot && tried == Some(slot) => Ok(()),
        _ if tried == Some(slot) => keep(disk, slot, version),
        // The trial is over, and what it left could not be removed then.
        Some(_) => forget(disk),
        None => Ok(()),
    };
    done.err()
        .map(|e| format!("the settings cannot be kept for the way back to the version before: {e}"))
}

/// The trial is over: what runs keeps its settings.
pub(crate) fn forget(disk: &mut dyn Disk) -> io::Result<()> {
    disk.remove(BEFORE)?;
    disk.sync()
}

fn target(phase: &Phase) -> Option<Slot> {
    match phase {
        Phase::Idle => None,
        Phase::Installing { pending, .. }
        | Phase::Ready { pending, .. }
        | Phase::Cancelling { pending }
        | Phase::Trying { pending, .. } => Some(pending.target),
    }
}

fn read(disk: &dyn Disk, name: &str) -> Option<Kept> {
    serde_json::from_slice(&disk.read(name).ok()??).ok()
}

/// The files as they are; one that is not text is left alone.
fn files(disk: &dyn Disk) -> io::Result<BTreeMap<String, Option<String>>> {
    let mut files = BTreeMap::new();
    for name in FILES {
        match disk.read(name)?.map(String::from_utf8) {
            None => drop(files.insert(name.to_owned(), None)),
            Some(Ok(text)) => drop(files.insert(name.to_owned(), Some(text))),
            Some(Err(_)) => {}
        }
    }
    Ok(files)
}

fn store(disk: &mut dyn Disk, name: &str, kept: &Kept) -> io::Result<()> {
    let text = serde_json::to_vec(kept).map_err(io::Error::other)?;
    disk::replace(disk, name, &text, 0o600)
}

fn keep(disk: &mut dyn Disk, slot: Slot, version: &str) -> io::Result<()> {
    let kept = Kept {
        slot,
        version: version.to_owned(),
        files: files(disk)?,
    };
    // What an earlier trial left must not be taken for this one's.
    disk.remove(AFTER)?;
    store(disk, BEFORE, &kept)
}

fn put_back(disk: &mut dyn Disk, kept: &Kept) -> io::Result<Option<String>> {
    // After a power cut some files are back already: what the trial left is known from the first time.
    let left = match read(disk, AFTER) {
        Some(left) => left.files,
        None => {
            let left = files(disk)?;
            let aside = Kept {
                files: left.clone(),
                ..kept.clone()
            };
            store(disk, AFTER, &aside)?;
            left
        }
    };
    for (name, text) in &kept.files {
        match text {
            Some(text) => disk::replace(disk, name, text.as_bytes(), 0o600)?,
            None => {
                disk.remove(name)?;
                disk.sync()?;
            }
        }
    }
    forget(disk)?;
    // A release that kept fewer files says nothing of the others: they were not put back.
    if kept.files.iter().all(|(name, text)| left.get(name) == Some(text)) {
        return Ok(None);
    }
    let version = &kept.version;
    Ok(Some(format!(
        "settings were changed while version {version} was on trial: those from before are in force again, and its own \
         are kept as {AFTER}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::tests::Fragile;
    use crate::firmware::machine::{Journal, Pending};

    const SETTINGS: &str = "settings.json";

    fn journal(disk: &mut Fragile, phase: Phase) {
        let journal = Journal {
            phase,
            home: Some(Slot::A),
            ..Journal::default()
        };
        books::store(disk, &journal).unwrap();
    }

    fn ready() -> Phase {
        Phase::Ready {
            pending: Pending {
                version: "2.0.0".to_owned(),
                manifest: "m".to_owned(),
                target: Slot::B,
                user: "admin".to_owned(),
            },
            boot: "one".to_owned(),
            at: None,
        }
    }

    fn put(disk: &Fragile, name: &str, text: &str) {
        let mut files = disk.files.lock().unwrap();
        files.insert(name.to_owned(), text.as_bytes().to_vec());
    }

    fn text(disk: &Fragile, name: &str) -> Option<String> {
        let files = disk.files.lock().unwrap();
        files.get(name).map(|bytes| String::from_utf8(bytes.clone()).unwrap())
    }

    #[test]
    fn the_settings_from_before_a_trial_come_back() {
        let mut disk = Fragile::default();
        put(&disk, SETTINGS, "old");
        assert_eq!(at_start(&mut disk, Slot::A, "1.0.0"), None);
        assert!(text(&disk, BEFORE).is_none(), "there is no trial");
        journal(&mut disk, ready());
        assert_eq!(at_start(&mut disk, Slot::B, "2.0.0"), None);
        put(&disk, SETTINGS, "new");
        put(&disk, "accounts.json", "made by the trial");
        // The second start of the trial keeps what the first one kept.
        assert_eq!(at_start(&mut disk, Slot::B, "2.0.0"), None);
        let said = at_start(&mut disk, Slot::A, "1.0.0").unwrap();
        assert!(said.contains("2.0.0") && said.contains(AFTER), "{said}");
        assert_eq!(text(&disk, SETTINGS).as_deref(), Some("old"));
        assert_eq!(text(&disk, "accounts.json"), None);
        assert!(text(&disk, AFTER).unwrap().contains("made by the trial"));
        assert!(text(&disk, BEFORE).is_none());
    }

    #[test]
    fn a_trial_that_changed_nothing_leaves_no_word() {
        let mut disk = Fragile::default();
        put(&disk, SETTINGS, "old");
        journal(&mut disk, ready());
        at_start(&mut disk, Slot::B, "2.0.0");
        assert_eq!(at_start(&mut disk, Slot::A, "1.0.0"), None);
        assert_eq!(text(&disk, SETTINGS).as_deref(), Some("old"));
    }

    #[test]
    fn a_file_that_the_release_before_did_not_keep_is_no_change() {
        for changed in [false, true] {
            let mut disk = Fragile::default();
            put(&disk, SETTINGS, "old");
            put(&disk, "metrics.json", "token");
            journal(&mut disk, ready());
            at_start(&mut disk, Slot::B, "2.0.0");
            let mut kept = read(&disk, BEFORE).unwrap();
            assert!(kept.files.remove("metrics.json").is_some());
            store(&mut disk, BEFORE, &kept).unwrap();
            if changed {
                put(&disk, SETTINGS, "new");
            }
            assert_eq!(at_start(&mut disk, Slot::A, "1.0.0").is_some(), changed);
            assert_eq!(text(&disk, SETTINGS).as_deref(), Some("old"));
            assert_eq!(text(&disk, "metrics.json").as_deref(), Some("token"));
        }
    }

    #[test]
    fn a_version_that_proved_itself_keeps_its_settings() {
        let mut disk = Fragile::default();
        put(&disk, SETTINGS, "old");
        journal(&mut disk, ready());
        at_start(&mut disk, Slot::B, "2.0.0");
        put(&disk, SETTINGS, "new");
        forget(&mut disk).unwrap();
        journal(&mut disk, Phase::Idle);
        for slot in [Slot::B, Slot::A] {
            assert_eq!(at_start(&mut disk, slot, "2.0.0"), None);
            assert_eq!(text(&disk, SETTINGS).as_deref(), Some("new"));
        }
        // Also when what was kept could not be removed then.
        let mut disk = Fragile::default();
        put(&disk, SETTINGS, "old");
        journal(&mut disk, ready());
        at_start(&mut disk, Slot::B, "2.0.0");
        put(&disk, SETTINGS, "new");
        journal(&mut disk, Phase::Idle);
        assert_eq!(at_start(&mut disk, Slot::A, "1.0.0"), None);
        assert_eq!(text(&disk, SETTINGS).as_deref(), Some("new"));
        assert!(text(&disk, BEFORE).is_none());
    }

    #[test]
    fn a_power_cut_anywhere_on_the_way_back_loses_nothing() {
        for operations in 0.. {
            let mut disk = Fragile::default();
            put(&disk, SETTINGS, "old");
            journal(&mut disk, ready());
            at_start(&mut disk, Slot::B, "2.0.0");
            put(&disk, SETTINGS, "new");
            *disk.operations_left.lock().unwrap() = Some(operations);
            let first = at_start(&mut disk, Slot::A, "1.0.0");
            let cut = *disk.operations_left.lock().unwrap() == Some(0);
            *disk.operations_left.lock().unwrap() = None;
            if cut {
                at_start(&mut disk, Slot::A, "1.0.0");
            }
            assert_eq!(text(&disk, SETTINGS).as_deref(), Some("old"), "{operations} {first:?}");
            assert!(text(&disk, AFTER).unwrap().contains("new"), "{operations}");
            assert!(text(&disk, BEFORE).is_none(), "{operations}");
            if !cut {
                break;
            }
        }
    }
}
