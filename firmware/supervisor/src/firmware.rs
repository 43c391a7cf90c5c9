//! Firmware updates: what may be installed, how an update goes on, and what became of it.

mod books;
mod boots;
mod fetching;
mod gate;
mod machine;
mod office;
mod rauc;
mod rules;
mod trial;

pub(crate) use machine::Happened;
pub(crate) use office::{Counter, Order, before_settings, end, open};
