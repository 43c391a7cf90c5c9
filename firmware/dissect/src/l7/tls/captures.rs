//! Handshakes in real captures, compared with what nDPI, tshark and people say of them. SPANWATCH_CAPTURES names the folder
//! of captures; where it is absent these tests are skipped, and say so.

mod flows;
mod flowtest;
mod inspected;
mod ndpi;
mod tshark;

use capture::corpus::{files, folder};
