//! What the offline tools have in common: a store in a folder, and settings in a file.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, bail};
use model::Timestamp;
use settings::Settings;
use store::{Event, Folder, Keep, Store};

/// The time now.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// Opens the store in a folder; one that has no store gets one where `may_make`. Nothing in it is ever removed for its
/// age or size here.
///
/// # Errors
/// When there is none, or it cannot be read; the folder is named.
pub(crate) fn open(folder: &Path, may_make: bool) -> anyhow::Result<Store> {
    if !may_make && !is_store(folder) {
        bail!(
            "{}: there is no store in this folder; `spanwatch import FILES --store DIR` makes one",
            folder.display()
        );
    }
    let disk = Folder::open(folder).with_context(|| format!("{}: it cannot be made", folder.display()))?;
    let store = Store::open(Arc::new(disk), Keep::default(), now()).with_context(|| folder.display().to_string())?;
    tell(&store);
    Ok(store)
}

/// Whether a folder has files of a store.
fn is_store(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    let mut names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.any(|name| name.ends_with(".redb"))
}

/// Says on standard error what happened to the store's files.
pub(crate) fn tell(store: &Store) {
    for event in store.take_events() {
        if let Event::SetAside { file, aside, reason } = event {
            eprintln!("{file} is damaged and was set aside as {aside}: {reason}");
        }
    }
}

/// Settings from a file, as `show settings | json` or the appliance's backup writes them.
///
/// # Errors
/// When it cannot be read or is none; the file is named.
pub(crate) fn settings(path: &Path) -> anyhow::Result<Settings> {
    let name = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(name)?;
    Settings::parse(&text).with_context(name)
}
