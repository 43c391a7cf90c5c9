use super::*;

fn hello(octets: &[u8]) -> Handshake {
    let mut handshake = Handshake::default();
    handshake.push(true, octets);
    handshake
}

#[test]
fn other_octets_are_not_tls() {
    assert_eq!(hello(b"GET / HTTP/1.1\r\n").progress(), Progress::No);
    assert_eq!(hello(b"\x16\x03\x01").progress(), Progress::More);
    assert_eq!(hello(b"").progress(), Progress::More);
}
