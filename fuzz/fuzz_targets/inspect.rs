#![no_main]
//! Octets as streams and datagrams of the protocols whose transactions are logged, and of none of them.

/// HTTP, DNS, mail, logins, SSH, and nobody's port.
const PORTS: &[u16] = &[80, 53, 25, 21, 110, 143, 22, 50_001];

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    for port in PORTS {
        fuzz::flows::inspect(6, *port, input);
    }
    for port in [53, 5353, 5355] {
        fuzz::flows::inspect(17, port, input);
    }
});
