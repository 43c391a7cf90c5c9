//! Firmware updates: what may be installed, how an update goes on, and what became of it.

mod books;
mod boots;
mod gate;
mod machine;
mod office;
mod rauc;
mod rules;

pub(crate) use office::{Counter, Order, end, open};
