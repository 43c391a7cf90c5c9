//! The MIB modules that are read: which objects, and what they become. Nothing here does I/O but ask a [`Session`].

pub(crate) mod addresses;
pub(crate) mod bridge;
pub(crate) mod counters;
pub(crate) mod host;
pub(crate) mod interfaces;
pub(crate) mod neighbours;
pub(crate) mod sensors;
pub(crate) mod system;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use async_snmp::{Oid, Value};
use model::MacAddr;

#[cfg(doc)]
use crate::wire::Session;

/// Characters of a text that are kept.
pub(crate) const TEXT_MAX: usize = 256;

/// The object identifier of a column.
pub(crate) fn column(entry: &[u32], number: u32) -> Oid {
    Oid::new(entry.iter().copied().chain([number]))
}

/// A number of any of the types that agents use for it; a negative one is taken as its 32 bits, as agents that count past
/// 2^31 in an INTEGER mean it.
pub(crate) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Integer(n) => Some(u64::from(n.cast_unsigned())),
        other => other.as_u64(),
    }
}

/// A small number such as an index or an enumeration.
pub(crate) fn small(value: &Value) -> Option<u32> {
    u32::try_from(number(value)?).ok()
}

/// Octets as text: UTF-8 where it is, else Latin-1; without control characters, at most [`TEXT_MAX`] characters.
pub(crate) fn text(value: &Value) -> Option<String> {
    Some(text_of(value.as_bytes()?, TEXT_MAX))
}

/// See [`text`].
pub(crate) fn text_of(bytes: &[u8], most: usize) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let trimmed = |text: String| text.trim().to_owned();
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => trimmed(text.chars().map(clean).take(most).collect()),
        Err(_) => trimmed(bytes.iter().map(|&b| clean(char::from(b))).take(most).collect()),
    }
}

/// A hardware address of six octets.
pub(crate) fn mac(value: &Value) -> Option<MacAddr> {
    Some(MacAddr(value.as_bytes()?.try_into().ok()?))
}

/// A hardware address of any length as text; empty where there is none.
pub(crate) fn mac_text(bytes: &[u8]) -> String {
    bytes
        .iter()
        .take(32)
        .map(|b| format!("{b:02x}"))
        .collect::<Vec<_>>()
        .join(":")
}

/// A hardware address that is part of an index, an arc an octet.
pub(crate) fn mac_of_index(arcs: &[u32]) -> Option<MacAddr> {
    Some(MacAddr(octets(arcs)?.as_slice().try_into().ok()?))
}

/// An address of the octets that InetAddress has (RFC 4001): 4, 8, 16 or 20, a zone being left out.
pub(crate) fn ip_of_octets(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 | 8 => Some(Ipv4Addr::from(*octets.first_chunk::<4>()?).into()),
        16 | 20 => Some(Ipv6Addr::from(*octets.first_chunk::<16>()?).into()),
        _ => None,
    }
}

/// Arcs that are octets.
pub(crate) fn octets(arcs: &[u32]) -> Option<Vec<u8>> {
    arcs.iter().map(|&arc| u8::try_from(arc).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cleaned() {
        assert_eq!(text_of("核心 1\r\n\0".as_bytes(), 20), "核心 1");
        assert_eq!(text_of(b"Stra\xdfe", 20), "Straße");
        assert_eq!(text_of(b"a\x1b[31mb", 3), "a [");
    }

    #[test]
    fn addresses_come_of_their_octets() {
        assert_eq!(ip_of_octets(&[192, 0, 2, 7]), Some(IpAddr::from([192, 0, 2, 7])));
        assert_eq!(ip_of_octets(&[0; 5]), None);
        assert_eq!(mac_of_index(&[1, 2, 3, 4, 5, 256]), None);
        assert_eq!(number(&Value::Integer(-1)), Some(u64::from(u32::MAX)));
    }
}
