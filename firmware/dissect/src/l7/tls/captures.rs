//! Handshakes in real captures, compared with what nDPI, tshark and people say of them. SPANWATCH_CAPTURES names the folder
//! of captures; where it is absent these tests are skipped, and say so.

mod flows;
mod flowtest;
mod inspected;
mod ndpi;
mod tshark;

use std::path::{Path, PathBuf};

/// A folder of the corpus; `None`, said aloud, where it is absent.
fn folder(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SPANWATCH_CAPTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures"),
        PathBuf::from,
    );
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!(
        "skipped: {} is not there; SPANWATCH_CAPTURES names the folder of captures",
        folder.display()
    );
    None
}

/// The captures of a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder can be listed");
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}
