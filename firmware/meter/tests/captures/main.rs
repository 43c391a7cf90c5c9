//! Real captures through dissection and metering.

mod applications;
mod causes;
mod corpus;
mod flowtest;
#[path = "../crafted/frames.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod frames;
mod layer7;
mod mapping;
mod media;
mod names;
mod ndpi;
mod preambles;
mod quality;
mod totals;
mod tshark;
mod tunnels;
