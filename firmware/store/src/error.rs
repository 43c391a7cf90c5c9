//! What can go wrong.

use model::{BlockError, LinkId, Timestamp};

use crate::BatchKey;

/// Something could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full.
    #[error("no room to write {file}: free space on the data disk, or keep records for a shorter time")]
    Full {
        /// The file.
        file: String,
    },
    /// The disk is so full that nothing is begun on it.
    #[error("only {available} octets are free on the data disk and {needed} are kept for the system: free space on it")]
    Reserve {
        /// Octets that are free.
        available: u64,
        /// Octets that are left free.
        needed: u64,
    },
    /// A file is not what was written.
    #[error("{file} is damaged: {reason}")]
    Damaged {
        /// The file.
        file: String,
        /// What redb said.
        reason: String,
    },
    /// A block is not what was written.
    #[error("batch {}-{} in {file} is lost: {source}", batch.epoch, batch.sequence)]
    Block {
        /// The file.
        file: String,
        /// The batch.
        batch: BatchKey,
        /// What is wrong with the block.
        source: BlockError,
    },
    /// What was read for was removed, by retention or because its file was damaged.
    #[error("records of {file} are gone: they were removed, or the file was set aside as damaged")]
    Gone {
        /// The file.
        file: String,
    },
    /// Was not read, because something else in the file could not be.
    #[error("records of {file} were not read, since others in it cannot be")]
    Unread {
        /// The file.
        file: String,
    },
    /// Another program works in the folder.
    #[error("{file} is in use by another program: stop that first, or work with a copy of the folder")]
    InUse {
        /// The file.
        file: String,
    },
    /// The disk cannot be written.
    #[error("{file} cannot be written, the disk is read-only: check its health and how it is mounted")]
    ReadOnly {
        /// The file.
        file: String,
    },
    /// The disk or redb failed.
    #[error("{file} cannot be used: {source}; check the disk's health")]
    Failed {
        /// The file.
        file: String,
        /// What was said.
        source: Box<redb::Error>,
    },
    /// The folder failed.
    #[error("{doing} failed: {source}; check the disk's health")]
    Disk {
        /// What was being done.
        doing: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A window is not one that a collector may send.
    #[error(
        "the batch holds a window of link {link} of {seconds} s that starts at {start}: collectors send aligned windows \
         of 1 s of ports, and of 60 s of exporters"
    )]
    Window {
        /// The link.
        link: LinkId,
        /// The window's start.
        start: Timestamp,
        /// Its length.
        seconds: u32,
    },
    /// A part of an interface's minute is not one that a collector may send.
    #[error(
        "the batch holds {seconds} s of interface {index} of link {exporter} at {start}: collectors send parts of whole \
         minutes of exporters' interfaces"
    )]
    InterfaceMinute {
        /// The link.
        exporter: LinkId,
        /// The interface.
        index: u32,
        /// The minute's start.
        start: Timestamp,
        /// Seconds that are covered.
        seconds: u8,
    },
    /// A batch holds more than it may.
    #[error("the batch holds {found} windows: collectors send at most {most} at a time")]
    TooMany {
        /// How many it holds.
        found: usize,
        /// How many it may hold.
        most: usize,
    },
}
