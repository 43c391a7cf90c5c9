//! The messages in an SCTP packet (RFC 9260, section 3): several chunks may be in one, those of control before the data.

/// DATA (RFC 9260, section 3.3.1) and I-DATA (RFC 8260, section 2.1), with the lengths of their headers.
const DATA: [(u8, usize); 2] = [(0, 16), (64, 20)];
/// The flag of a message's first fragment.
const BEGINNING: u8 = 2;

/// The octets of each message that begins in a packet, behind the common header; of one in fragments those of the first.
pub(super) fn messages(mut chunks: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        while let Some(&[kind, flags, high, low]) = chunks.first_chunk::<4>() {
            let length = usize::from(u16::from_be_bytes([high, low]));
            if length < 4 {
                return None;
            }
            // What the capture cut off is missing from the last one.
            let chunk = chunks.get(..length).unwrap_or(chunks);
            chunks = chunks.get(length.next_multiple_of(4)..).unwrap_or_default();
            let header = DATA.iter().find(|(data, _)| *data == kind).map(|(_, header)| *header);
            let octets = header.and_then(|header| chunk.get(header..)).unwrap_or_default();
            if flags & BEGINNING != 0 && !octets.is_empty() {
                return Some(octets);
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(kind: u8, flags: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len() + 4).expect("short");
        let mut chunk = vec![kind, flags];
        chunk.extend(length.to_be_bytes());
        chunk.extend(body);
        chunk.resize(chunk.len().next_multiple_of(4), 0);
        chunk
    }

    #[test]
    fn messages_stand_behind_control_and_each_other() {
        let data = |flags, text: &[u8]| chunk(0, flags, &[&[0; 12], text].concat());
        let packet = [
            chunk(3, 0, &[0; 12]),
            data(3, b"first"),
            data(0, b"middle"),
            chunk(64, 2, &[&[0; 16][..], b"second"].concat()),
            data(3, b""),
            data(3, b"third"),
        ]
        .concat();
        let found: Vec<&[u8]> = messages(&packet).collect();
        assert_eq!(found, [&b"first"[..], b"second", b"third"]);
        // Wherever it is cut, nothing but the cut message changes.
        for cut in 0..packet.len() {
            let found: Vec<&[u8]> = messages(&packet[..cut]).collect();
            let whole = [&b"first"[..], b"second", b"third"];
            assert!(found.len() <= 3 && found.iter().zip(whole).all(|(got, all)| all.starts_with(got)));
        }
        assert_eq!(messages(&[0, 2, 0, 3, 1, 2, 3, 4]).count(), 0);
    }
}
