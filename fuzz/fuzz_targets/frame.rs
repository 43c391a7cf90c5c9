#![no_main]
//! Octets as frames of a link.

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::frames::meter(input));
