//! The flow cache: packets go in, bidirectional flow records come out. Pure: time is a parameter,
//! records leave through a sink.
//!
//! A flow is what shares IP version, protocol, both addresses and both ports. "Forward" is the
//! direction of its first packet, whatever the ports. VLAN tags are no part of the key by default:
//! a routed or asymmetrically tagged conversation keeps one record, as in other meters;
//! [`Config::vlan_in_key`] separates networks that use the same addresses in several VLANs.
//!
//! ICMP queries and their replies (echo, timestamp, node information …) are one flow. Other ICMP
//! messages answer nothing of their own kind: each type and direction is a flow.
//!
//! Everything is bounded: flows by [`Config::max_flows`] (the longest silent one makes room),
//! fragments by a table of their own. The hash is keyed with random numbers, so that nobody can
//! choose addresses that collide.

mod config;
mod flow;
mod fragments;
mod index;
mod key;
mod meter;
mod wheel;

pub use config::Config;
pub use meter::{Meter, Statistics};

#[cfg(test)]
mod tests;
