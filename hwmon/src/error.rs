//! What goes wrong, where, and what to do next.

use std::path::PathBuf;

/// Why a source gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be opened or read.
    #[error("cannot read {path}: check that the file is there and that this user may read it", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A path names something that is no file.
    #[error("{path} is {what}: name a file with smartctl's output", path = path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What is there.
        what: &'static str,
    },
    /// A file holds more than smartctl prints.
    #[error("{path} is larger than {limit} octets, which no output of smartctl is: name a file that holds it alone", path = path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most octets that are read.
        limit: u64,
    },
    /// The file is empty.
    #[error("{whence} is empty: run smartctl again and look at its exit status")]
    Empty {
        /// File, and the drive's number in it.
        whence: String,
    },
    /// No JSON, or cut off.
    #[error(
        "{whence} is no whole JSON document: make it by `smartctl --json -x DEVICE`, and give plain output by --smartctl-text"
    )]
    Json {
        /// The file.
        whence: String,
        /// Where it stops being JSON.
        source: serde_json::Error,
    },
    /// JSON or text of something else.
    #[error("{whence} is no output of smartctl ({why}): make it by `{make}`")]
    NotSmartctl {
        /// The file, and the drive's number in it.
        whence: String,
        /// What is missing.
        why: &'static str,
        /// The command that makes a good one.
        make: &'static str,
    },
    /// A folder is no /sys.
    #[error("{path} holds neither class, devices nor block: name /sys, or a copy of it", path = path.display())]
    NoSysfs {
        /// The folder.
        path: PathBuf,
    },
}
