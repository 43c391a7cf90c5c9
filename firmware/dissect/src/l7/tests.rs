//! Flows of our own making and of captures, through the inspector.

mod captures;
mod play;
mod streams;
mod transactions;
mod tshark;
