//! Frames of any link type that carries IP, as they would look on an Ethernet wire.

/// Locally administered addresses for frames that had none.
const MADE_UP: [u8; 12] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];

/// The frame with an Ethernet header; `None` where the link type cannot be put onto Ethernet.
/// Numbers: <https://www.tcpdump.org/linktypes.html>. A frame too short for its own header goes
/// out as it is: bad frames are part of what a port sees.
pub(super) fn frame(link_type: u16, data: &[u8]) -> Option<Vec<u8>> {
    let (ethertype, payload) = match link_type {
        1 => return Some(data.to_vec()),
        // raw IP, in its several numbers
        12 | 14 | 101 | 228 | 229 => (by_version(data), data),
        // BSD loopback: four octets of address family
        0 | 108 => (
            by_version(data.get(4..).unwrap_or_default()),
            data.get(4..).unwrap_or_default(),
        ),
        // Linux cooked: the protocol at 14, the packet at 16
        113 => (pair(data, 14), data.get(16..).unwrap_or_default()),
        // Linux cooked v2: the protocol at 0, the packet at 20
        276 => (pair(data, 0), data.get(20..).unwrap_or_default()),
        _ => return None,
    };
    let mut out = Vec::with_capacity(MADE_UP.len() + 2 + payload.len());
    out.extend(MADE_UP);
    out.extend(ethertype);
    out.extend(payload);
    Some(out)
}

fn by_version(packet: &[u8]) -> [u8; 2] {
    match packet.first().map(|octet| octet >> 4) {
        Some(6) => [0x86, 0xdd],
        _ => [0x08, 0x00],
    }
}

fn pair(data: &[u8], at: usize) -> [u8; 2] {
    data.get(at..at + 2)
        .and_then(|two| two.try_into().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::frame;

    #[test]
    fn raw_and_cooked_packets_get_an_ethernet_header() {
        let ipv6 = [0x60, 1, 2, 3];
        assert_eq!(frame(101, &ipv6).unwrap()[12..], [0x86, 0xdd, 0x60, 1, 2, 3]);
        assert_eq!(frame(0, &[30, 0, 0, 0, 0x45, 9]).unwrap()[12..], [8, 0, 0x45, 9]);
        let mut cooked = vec![0; 14];
        cooked.extend([0x08, 0x06, 7]);
        assert_eq!(frame(113, &cooked).unwrap()[12..], [0x08, 0x06, 7]);
        assert_eq!(frame(1, b"as it is").unwrap(), b"as it is");
        assert!(frame(105, b"802.11").is_none());
        assert!(frame(113, &[1, 2]).is_some());
    }
}
