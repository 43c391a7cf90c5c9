//! The captures that others recorded, for tests; they are not part of the project. SPANWATCH_CAPTURES names their folder,
//! else it is `shared/captures` beside the project's.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::file::CaptureFile;
use crate::{Frame, Polled, Source};

/// A folder of the corpus; `None`, said aloud, where it is absent.
#[must_use]
pub fn folder(name: &str) -> Option<PathBuf> {
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

/// The files of a folder, in order; none where it cannot be listed.
#[must_use]
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}

/// Hands over the frames of a file.
///
/// # Errors
/// What stopped the reading before the file's end, in words; the frames before that were handed over.
pub fn frames(path: &Path, mut on_frame: impl FnMut(&Frame<'_>)) -> Result<(), String> {
    let mut source = CaptureFile::open(path).map_err(|error| error.to_string())?;
    loop {
        match source.poll(Duration::ZERO, |frame| on_frame(frame)) {
            Ok(Polled::End) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}
