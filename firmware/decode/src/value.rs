//! Values of information elements, and how RFC 7373 writes them.

use std::borrow::Cow;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use model::{MacAddr, Timestamp};

use crate::registry::DataType;
use crate::wire::{number, signed};

/// Seconds from 1900, NTP's epoch, to 1970.
const NTP_EPOCH: u64 = 2_208_988_800;
const NANOS: u64 = 1_000_000_000;

/// A decoded value; what does not fit its type stays octets.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Any of the unsigned types, reduced or not.
    Unsigned(u64),
    /// Any of the signed types.
    Signed(i64),
    /// float32 and float64.
    Float(f64),
    /// boolean.
    Bool(bool),
    /// macAddress.
    Mac(MacAddr),
    /// string, without the NULs that pad it; what is no UTF-8 is replaced by U+FFFD.
    Text(Cow<'a, str>),
    /// Any of the times; the digits of the second's fraction that the type has: 0, 3, 6 or 9.
    Time(Timestamp, u8),
    /// ipv4Address.
    Ipv4(Ipv4Addr),
    /// ipv6Address.
    Ipv6(Ipv6Addr),
    /// octetArray, lists, and what has a length that its type does not allow.
    Octets(&'a [u8]),
}

impl<'a> Value<'a> {
    /// Reads octets as a type.
    #[must_use]
    pub fn read(data_type: DataType, octets: &'a [u8]) -> Self {
        Self::typed(data_type, octets).unwrap_or(Self::Octets(octets))
    }

    fn typed(data_type: DataType, octets: &'a [u8]) -> Option<Self> {
        let is_number = (1..=8).contains(&octets.len());
        Some(match data_type {
            DataType::Unsigned8 | DataType::Unsigned16 | DataType::Unsigned32 | DataType::Unsigned64 if is_number => {
                Self::Unsigned(number(octets))
            }
            // RFC 9740. What exceeds 64 bits stays octets.
            DataType::Unsigned256 if (1..=32).contains(&octets.len()) => {
                let (high, low) = octets.split_at(octets.len().saturating_sub(8));
                match high.iter().all(|octet| *octet == 0) {
                    true => Self::Unsigned(number(low)),
                    false => return None,
                }
            }
            DataType::Signed8 | DataType::Signed16 | DataType::Signed32 | DataType::Signed64 if is_number => {
                Self::Signed(signed(octets))
            }
            DataType::Float32 | DataType::Float64 => Self::Float(match octets.len() {
                4 => f64::from(f32::from_be_bytes(*octets.first_chunk()?)),
                8 => f64::from_be_bytes(*octets.first_chunk()?),
                _ => return None,
            }),
            DataType::Boolean => match octets {
                [1] => Self::Bool(true),
                [2] => Self::Bool(false),
                _ => return None,
            },
            DataType::MacAddress => Self::Mac(MacAddr(octets.try_into().ok()?)),
            DataType::String => {
                let end = octets.iter().rposition(|&octet| octet != 0).map_or(0, |last| last + 1);
                Self::Text(String::from_utf8_lossy(octets.get(..end)?))
            }
            DataType::DateTimeSeconds if is_number => Self::Time(times(number(octets), NANOS)?, 0),
            DataType::DateTimeMilliseconds if is_number => Self::Time(times(number(octets), NANOS / 1_000)?, 3),
            DataType::DateTimeMicroseconds => Self::Time(ntp(u64::from_be_bytes(octets.try_into().ok()?), true)?, 6),
            DataType::DateTimeNanoseconds => Self::Time(ntp(u64::from_be_bytes(octets.try_into().ok()?), false)?, 9),
            DataType::Ipv4Address => Self::Ipv4(<[u8; 4]>::try_from(octets).ok()?.into()),
            DataType::Ipv6Address => Self::Ipv6(<[u8; 16]>::try_from(octets).ok()?.into()),
            _ => return None,
        })
    }
}

fn times(n: u64, unit: u64) -> Option<Timestamp> {
    n.checked_mul(unit).map(Timestamp::from_nanos)
}

/// A time in NTP's format (RFC 7011, sections 6.1.9 and 6.1.10): seconds since 1900 and 2⁻³² of them. Of
/// microseconds the lower 11 bits say nothing. `None` before 1970.
pub(crate) fn ntp(ntp: u64, micros: bool) -> Option<Timestamp> {
    let fraction = ntp & if micros { 0xffff_f800 } else { 0xffff_ffff };
    let seconds = (ntp >> 32).checked_sub(NTP_EPOCH)?;
    // Rounded: exporters cut their fractions off.
    let nanos = if micros {
        ((fraction * 1_000_000 + (1 << 31)) >> 32) * 1_000
    } else {
        (fraction * NANOS + (1 << 31)) >> 32
    };
    Some(Timestamp::from_nanos(seconds * NANOS + nanos))
}

/// The text of RFC 7373: times in UTC with the digits that the type has, octets in hexadecimal.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned(n) => n.fmt(f),
            Self::Signed(n) => n.fmt(f),
            Self::Float(n) => n.fmt(f),
            Self::Bool(b) => b.fmt(f),
            Self::Mac(mac) => mac.fmt(f),
            Self::Text(text) => f.write_str(text),
            Self::Time(time, digits) => write_time(*time, *digits, f),
            Self::Ipv4(addr) => addr.fmt(f),
            Self::Ipv6(addr) => addr.fmt(f),
            Self::Octets(octets) => octets.iter().try_for_each(|octet| write!(f, "{octet:02x}")),
        }
    }
}

fn write_time(time: Timestamp, digits: u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let whole = Timestamp::from_secs(time.as_secs()).to_string();
    f.write_str(whole.split_once('.').map_or(whole.as_str(), |(seconds, _)| seconds))?;
    let nanos = time.as_nanos() % NANOS;
    match digits {
        0 => f.write_str("Z"),
        3 => write!(f, ".{:03}Z", nanos / 1_000_000),
        6 => write!(f, ".{:06}Z", nanos / 1_000),
        _ => write!(f, ".{nanos:09}Z"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(data_type: DataType, octets: &[u8]) -> String {
        Value::read(data_type, octets).to_string()
    }

    #[test]
    fn values_read_as_rfc_7373_writes_them() {
        assert_eq!(text(DataType::Unsigned32, &[1, 0]), "256");
        assert_eq!(text(DataType::Signed32, &[0xff]), "-1");
        assert_eq!(text(DataType::Float32, &1.5f32.to_be_bytes()), "1.5");
        assert_eq!(text(DataType::Boolean, &[2]), "false");
        assert_eq!(text(DataType::Boolean, &[3]), "03");
        assert_eq!(text(DataType::MacAddress, &[0, 1, 2, 3, 4, 0xff]), "00:01:02:03:04:ff");
        assert_eq!(text(DataType::String, b"Gi0/1\0\0"), "Gi0/1");
        assert_eq!(text(DataType::Ipv4Address, &[192, 0, 2, 1]), "192.0.2.1");
        assert_eq!(text(DataType::Ipv4Address, &[192, 0]), "c000");
        assert_eq!(text(DataType::OctetArray, &[0xca, 0xfe]), "cafe");
    }

    #[test]
    fn times_have_the_digits_of_their_type() {
        assert_eq!(text(DataType::DateTimeSeconds, &[0, 0, 0, 1]), "1970-01-01T00:00:01Z");
        let ms = 1_700_000_000_123_u64.to_be_bytes();
        assert_eq!(text(DataType::DateTimeMilliseconds, &ms), "2023-11-14T22:13:20.123Z");
        let half = ((1_700_000_000 + NTP_EPOCH) << 32 | 1 << 31).to_be_bytes();
        assert_eq!(
            text(DataType::DateTimeMicroseconds, &half),
            "2023-11-14T22:13:20.500000Z"
        );
        assert_eq!(
            text(DataType::DateTimeNanoseconds, &half),
            "2023-11-14T22:13:20.500000000Z"
        );
        assert_eq!(
            text(DataType::DateTimeNanoseconds, &[0; 8]),
            "0000000000000000",
            "before 1970"
        );
    }
}
