//! The captures that the offline tools read.

use std::io;
use std::path::Path;

use anyhow::{Context, bail};
use capture::file::CaptureFile;

/// Opens a capture; `-` is standard input.
///
/// # Errors
/// When it cannot be read, or is no capture; the file is named.
pub(crate) fn open(path: &Path) -> anyhow::Result<CaptureFile> {
    if path == Path::new("-") {
        return CaptureFile::from_reader(Box::new(io::stdin())).context("standard input");
    }
    match CaptureFile::open(path) {
        // An error of opening names the file itself.
        Err(error @ capture::Error::Open { .. }) => Err(error.into()),
        opened => opened.with_context(|| path.display().to_string()),
    }
}

/// All failures as one.
pub(crate) fn report(mut failures: Vec<anyhow::Error>, files: usize) -> anyhow::Result<()> {
    match failures.len() {
        0 => Ok(()),
        1 => Err(failures.swap_remove(0)),
        failed => {
            for error in &failures {
                eprintln!("{error:#}");
            }
            bail!("{failed} of {files} captures could not be read to their end");
        }
    }
}
