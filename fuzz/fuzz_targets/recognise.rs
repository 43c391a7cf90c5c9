#![no_main]
//! Octets as streams and datagrams of protocols without a reader of their own, away from their ports and on one of them.

/// Ports of protocols whose octets alone are too plain.
const PORTS: &[u16] = &[
    23, 43, 79, 102, 111, 123, 137, 138, 161, 177, 427, 445, 500, 502, 515, 520, 546, 1119, 1153, 1433, 1434, 1521,
    1812, 1883, 1985, 2000, 2049, 2123, 2152, 2181, 2222, 2404, 3306, 3389, 3544, 3702, 3784, 4059, 4244, 4341, 4500,
    4569, 4662, 4672, 4712, 4789, 5050, 5055, 5060, 5246, 5351, 6081, 7001, 7985, 8000, 8801, 8805, 9000, 9600, 9993,
    10_001, 11_211, 18_246, 25_565, 34_964, 44_818, 47_808, 61_613,
];

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let port = PORTS[input.len() % PORTS.len()];
    for protocol in [6, 17] {
        fuzz::flows::inspect(protocol, 50_001, input);
        fuzz::flows::inspect(protocol, port, input);
    }
});
