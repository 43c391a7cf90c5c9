//! Hardware health: what the box's drives, sensors, supplies, fans and memory say, and what follows from it.
//!
//! Bytes and text go in, readings and verdicts come out; nothing here opens a device or asks a clock, except where a
//! root path or a transport is handed in. [`smartctl`] reads what smartctl printed into a [`drive::Drive`],
//! [`verdict::judge`] says how that drive is; [`sysfs::Root`] reads
//! what the kernel says. What is missing is a [`NoData`] and never a zero.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

pub mod board;
pub mod clock;
pub mod disks;
pub mod drive;
mod error;
pub mod filesystems;
pub mod input;
pub mod ipmi;
pub mod memory;
pub mod optics;
pub mod outbox;
pub mod policy;
mod reading;
pub mod report;
pub mod series;
pub mod smartctl;
pub mod sysfs;
pub mod uevent;
pub mod verdict;
pub mod watch;
pub mod why;

pub use error::Error;
pub use reading::{Kind, NoData, Reading, State, Unit};
