//! Brings a firmware bundle to the staging place: from a web server (program `fetch`), or from a USB stick (program
//! `sticks`). Both run in units of their own, with what they need and nothing else; the supervisor starts them and reads
//! what they report. Nothing here decides whether a bundle is good: its signature does, later.

pub mod download;
pub mod order;
pub mod staging;
pub mod sticks;
