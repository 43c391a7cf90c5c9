#![no_main]
//! Octets as a stream of TLS, as one that goes over to it, and as datagrams of QUIC and DTLS.

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    fuzz::flows::inspect(6, 443, input);
    fuzz::flows::inspect(6, 25, input);
    fuzz::flows::inspect(17, 443, input);
});
