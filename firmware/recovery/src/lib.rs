//! The recovery system: what the box starts when neither slot does, or when somebody at the box chooses it in the boot
//! menu. It runs as the only process of an initramfs, speaks on the screen and on the serial port, has no network and
//! no shell, and writes the boot loader's files, a slot and the identity partition; never the data partition.

pub mod bundle;
pub mod disks;
pub mod place;
pub mod state;
pub mod stick;
pub mod terminal;
