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

/// Opens the store in a folder, and says on standard error which files were damaged and set aside; a folder without a
/// store gets one where `may_make`. Nothing in it is ever removed for its age or size here.
///
/// # Errors
/// When there is none, or it cannot be read, or another program works in it; the folder is named.
pub(crate) fn open(folder: &Path, may_make: bool) -> anyhow::Result<Store> {
    let (store, aside) = open_quietly(folder, may_make)?;
    aside.iter().for_each(|text| eprintln!("{text}"));
    Ok(store)
}

/// The same, with what is to be said of damaged files.
///
/// # Errors
/// As [`open`].
pub(crate) fn open_quietly(folder: &Path, may_make: bool) -> anyhow::Result<(Store, Vec<String>)> {
    if !may_make && !is_store(folder) {
        bail!(
            "{}: there is no store in this folder; `spanwatch import FILES --store DIR` makes one",
            folder.display()
        );
    }
    let name = || folder.display().to_string();
    let disk = Folder::open(folder).with_context(name)?;
    mark_files_that_panic(folder);
    let store = Store::open(Arc::new(disk), Keep::default(), now()).with_context(name)?;
    let aside = store.take_events().iter().filter_map(said).collect();
    Ok((store, aside))
}

/// redb answers some damage with a panic. The file is marked, and checked when the store is next opened.
fn mark_files_that_panic(folder: &Path) {
    let folder = folder.to_owned();
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let Some(file) = store::file_in_use() else {
            return report(panic);
        };
        // Where the mark cannot be made, the file is trusted once more.
        let _ = std::fs::write(folder.join(format!("{file}.suspect")), "");
        if cfg!(panic = "abort") {
            eprintln!(
                "spanwatch: {file} is damaged: run the command again, which sets it aside and goes on without it"
            );
            std::process::exit(1);
        }
    }));
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
    store
        .take_events()
        .iter()
        .filter_map(said)
        .for_each(|text| eprintln!("{text}"));
}

fn said(event: &Event) -> Option<String> {
    match event {
        Event::SetAside { file, aside, reason } => {
            Some(format!("{file} is damaged and was set aside as {aside}: {reason}"))
        }
        _ => None,
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
