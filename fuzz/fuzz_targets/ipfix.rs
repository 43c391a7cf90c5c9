#![no_main]
//! Octets as an exporter's datagrams.

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::decode(&[0, 10], input));
