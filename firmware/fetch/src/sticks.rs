//! Bundles on USB sticks: which partitions there are, what file system each has, which files may be bundles.
//!
//! A stick is foreign: whatever it holds is bounded, names are judged before they are shown, links are not followed,
//! and the mount is read-only, without programs, devices and set-user bits.

mod devices;
mod kind;
mod listing;
mod mounted;

pub use devices::{Device, devices};
pub use kind::Kind;
pub use listing::admits;
pub use mounted::{Mounted, Places, copy, look};

use std::io;

use crate::staging::StagingError;

/// Why a bundle cannot be brought from a stick.
#[derive(Debug, thiserror::Error)]
pub enum StickError {
    /// There is no such partition on a stick.
    #[error("no USB stick has a partition {0:?}: plug it in again and look once more")]
    Gone(String),
    /// The name is not one that is listed.
    #[error("this name is not taken: rename the file to letters, digits and . _ - + ( )")]
    Name,
    /// The file system is none that is read.
    #[error("there is no file system that is read here (vfat, exfat, ext4, iso9660)")]
    Kind,
    /// The file system is broken, or claims to be what it is not.
    #[error("its {kind} file system cannot be read: {source}")]
    Mount {
        /// What it looks like.
        kind: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The file is gone, no plain file, or cannot be read.
    #[error("the file cannot be read: {0}")]
    Read(io::Error),
    /// A folder, a link, a device.
    #[error("it is no plain file")]
    NoFile,
    /// The staging place.
    #[error("{0}")]
    Staging(#[from] StagingError),
}
