//! Reading of first octets, and how a look at them becomes a verdict.
//!
//! A look is a function of the first octets of one side: `Some(true)` where they are the protocol's, `Some(false)` where
//! they cannot be, `None` where more octets are needed.

use model::{App, Confidence};

use super::super::sample::{Sample, Verdict};

/// Two octets, the high one first.
pub(super) fn be16(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..)?.first_chunk().map(|chunk| u16::from_be_bytes(*chunk))
}

/// Three octets, the high one first.
pub(super) fn be24(octets: &[u8], at: usize) -> Option<u32> {
    let [a, b, c] = *octets.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes([0, a, b, c]))
}

/// Four octets, the high one first.
pub(super) fn be32(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..)?.first_chunk().map(|chunk| u32::from_be_bytes(*chunk))
}

/// Eight octets, the high one first.
pub(super) fn be64(octets: &[u8], at: usize) -> Option<u64> {
    octets.get(at..)?.first_chunk().map(|chunk| u64::from_be_bytes(*chunk))
}

/// Two octets, the low one first.
pub(super) fn le16(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..)?.first_chunk().map(|chunk| u16::from_le_bytes(*chunk))
}

/// Four octets, the low one first.
pub(super) fn le32(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..)?.first_chunk().map(|chunk| u32::from_le_bytes(*chunk))
}

/// One octet.
pub(super) fn octet(octets: &[u8], at: usize) -> Option<u8> {
    octets.get(at).copied()
}

/// Whether the octets begin so, as far as they are there.
#[inline]
pub(super) fn begins(octets: &[u8], with: &[u8]) -> Option<bool> {
    // Most often the first octet says no.
    if octets.first().zip(with.first()).is_some_and(|(a, b)| a != b) {
        return Some(false);
    }
    match octets.get(..with.len()) {
        Some(there) => Some(there == with),
        None if with.starts_with(octets) => None,
        None => Some(false),
    }
}

/// Whether the octets begin with one of these.
pub(super) fn begins_any(octets: &[u8], with: &[&[u8]]) -> Option<bool> {
    let mut answer = Some(false);
    for with in with {
        match begins(octets, with) {
            Some(true) => return Some(true),
            Some(false) => {}
            None => answer = None,
        }
    }
    answer
}

/// Whether a needle lies in the octets.
pub(super) fn contains(octets: &[u8], needle: &[u8]) -> bool {
    let (Some(first), Some(last)) = (needle.first(), octets.len().checked_sub(needle.len())) else {
        return false;
    };
    let starts = octets.get(..=last).unwrap_or_default();
    memchr::memchr_iter(*first, starts).any(|at| octets.get(at..).is_some_and(|rest| rest.starts_with(needle)))
}

/// Whether a length field counts what is there: `wanted` octets in all, or more than a stream has shown yet.
pub(super) fn is_length(octets: &[u8], wanted: usize) -> bool {
    octets.len() == wanted
}

/// The first line, without its end, as far as it is text; at most 255 octets.
pub(super) fn first_line(octets: &[u8]) -> &str {
    let end = octets
        .iter()
        .position(|octet| matches!(octet, b'\r' | b'\n' | 0))
        .unwrap_or(octets.len());
    text(octets.get(..end.min(255)).unwrap_or_default())
}

/// The text that octets begin with.
pub(super) fn text(octets: &[u8]) -> &str {
    match std::str::from_utf8(octets) {
        Ok(text) => text,
        Err(error) => octets
            .get(..error.valid_up_to())
            .and_then(|sound| std::str::from_utf8(sound).ok())
            .unwrap_or_default(),
    }
}

/// The value of a header line of a text protocol; the name in lower case.
pub(super) fn header<'a>(octets: &'a [u8], name: &str) -> Option<&'a str> {
    octets.split(|octet| *octet == b'\n').take(64).find_map(|line| {
        let (key, value) = line.split_at_checked(name.len())?;
        let value = key
            .eq_ignore_ascii_case(name.as_bytes())
            .then(|| value.strip_prefix(b":"))
            .flatten()?;
        Some(text(value).trim())
    })
}

/// Known by messages that were read.
pub(super) fn parsed(app: App) -> Verdict {
    Verdict::Is(app, Confidence::Parsed)
}

/// Known by a pattern that others might show too.
pub(super) fn pattern(app: App) -> Verdict {
    Verdict::Is(app, Confidence::Pattern)
}

/// What a look says of a stream: of either side's octets, since a capture may begin with the server.
pub(super) fn stream(app: App, sample: &Sample<'_>, look: impl Fn(&[u8]) -> Option<bool>) -> Verdict {
    let mut open = false;
    for side in [sample.client, sample.server] {
        match if side.is_empty() { None } else { look(side) } {
            Some(true) => return parsed(app),
            Some(false) => {}
            None => open = true,
        }
    }
    // A side that said nothing in the first packets will not say what it is.
    match open && packets(sample) < 6 {
        true => Verdict::More,
        false => Verdict::No,
    }
}

/// What a look says of datagrams: of the latest. The first ones of both sides were the latest when they came, so `look` must
/// be a function of the octets, the ports and the addresses alone.
pub(super) fn datagram(app: App, sample: &Sample<'_>, look: impl Fn(&[u8]) -> Option<bool>) -> Verdict {
    if !sample.latest.is_empty() && look(sample.latest) == Some(true) {
        return parsed(app);
    }
    more_until(sample, 3)
}

/// What a look says of a transport's messages: streams and datagrams alike.
pub(super) fn either(app: App, sample: &Sample<'_>, look: impl Fn(&[u8]) -> Option<bool>) -> Verdict {
    match sample.transport {
        17 => datagram(app, sample, look),
        _ => stream(app, sample, look),
    }
}

/// [`Verdict::More`] for some packets, then [`Verdict::No`].
pub(super) fn more_until(sample: &Sample<'_>, count: u8) -> Verdict {
    match packets(sample) < count {
        true => Verdict::More,
        false => Verdict::No,
    }
}

/// Packets with payload that were seen.
pub(super) fn packets(sample: &Sample<'_>) -> u8 {
    sample.client_packets.saturating_add(sample.server_packets)
}

/// Whether one of the flow's ports is among these.
pub(super) fn on_port(sample: &Sample<'_>, ports: &[u16]) -> bool {
    ports
        .iter()
        .any(|port| *port == sample.dst_port || *port == sample.src_port)
}

/// A BER or DER element: its tag, its content as far as it is there, the content's whole length and what follows. `None`
/// where its header is not there whole, or is longer than four octets of length.
pub(super) fn element(octets: &[u8]) -> Option<Element<'_>> {
    let (tag, rest) = octets.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match *first {
        short @ 0..=0x7f => (usize::from(short), rest),
        long @ 0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            let length = digits
                .iter()
                .fold(0_usize, |length, digit| length << 8 | usize::from(*digit));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length).unwrap_or((rest, &[]));
    Some(Element {
        tag: *tag,
        content,
        length,
        rest,
    })
}

/// See [`element`].
pub(super) struct Element<'a> {
    pub tag: u8,
    pub content: &'a [u8],
    pub length: usize,
    pub rest: &'a [u8],
}
