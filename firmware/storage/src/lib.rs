//! The data partition before it is mounted: its file system is made where it is blank and mended where it was used,
//! and what is not known is left alone. A factory reset that was asked for begins with an empty one.

mod contents;
pub mod password;
mod prepare;
pub mod reset;

pub use prepare::{Unusable, prepare};
