//! The flow cache: packets go in, bidirectional flow records come out. Pure: time is a parameter,
//! records leave through a sink.
//!
//! A flow is what shares IP version, protocol, both addresses and both ports. "Forward" is the
//! direction of its first packet, whatever the ports. VLAN tags are no part of the key by default:
//! a routed or asymmetrically tagged conversation keeps one record, as in other meters;
//! [`Config::vlan_in_key`] separates networks that use the same addresses in several VLANs.
//!
//! ICMP has no ports: what two hosts send each other, queries, replies and errors, is one flow. Only
//! IPv6 neighbour discovery is told apart by type and direction, since its messages come unasked as
//! well, and an advertisement would otherwise make its sender the one who started the conversation.
//!
//! Everything is bounded: flows by [`Config::max_flows`] (the longest silent one makes room),
//! fragments by a table of their own. The hash is keyed with random numbers, so that nobody can
//! choose addresses that collide.

mod config;
#[cfg(feature = "craft")]
pub mod craft;
mod flow;
mod flows;
mod fragments;
mod identity;
mod index;
mod key;
mod layer7;
mod looks;
mod meter;
mod rtp;
mod sink;
mod tcp;
mod trouble;
mod wheel;

pub use config::Config;
pub use meter::{Meter, Observed, Statistics};
pub use sink::Sink;

#[cfg(test)]
mod tests;
