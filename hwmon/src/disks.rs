//! Disks, asked themselves: ATA by SMART commands inside of SCSI ones, SCSI by log pages, `NVMe` by logs of its admin queue.
//!
//! What comes back is decoded by pure functions over octets ([`ata`], [`scsi`], [`nvme`]); [`read`] asks a device, and blocks for
//! as long as that does. A disk that sleeps is not woken.

mod ask;
pub mod ata;
mod names;
pub mod nvme;
mod octets;
pub mod scsi;
mod start;

pub use ask::{device, read};
pub use start::{Extent, TestError, start_test};
