//! NetFlow v1, v5 and v7: headers, and records of one shape, described as a template would.

use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock};

use model::Timestamp;

use crate::plan::Compiled;
use crate::record::Version;
use crate::template::{FieldSpec, Shape};
use crate::wire::Reader;

/// A header of one of the versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) version: Version,
    /// Records that follow, by its own account.
    pub(crate) count: u16,
    pub(crate) uptime: u32,
    pub(crate) exported: Timestamp,
    /// Of records; v1 has none.
    pub(crate) sequence: Option<u32>,
    /// Engine type × 256 + engine id (v5).
    pub(crate) engine: u16,
    pub(crate) rate: Option<NonZeroU32>,
}

/// Reads the header behind the version number.
pub(crate) fn header(version: Version, rest: &mut Reader<'_>) -> Option<Header> {
    let count = rest.u16()?;
    let uptime = rest.u32()?;
    let (secs, nanos) = (rest.u32()?, rest.u32()?);
    let exported = Timestamp::from_secs(u64::from(secs)).plus_nanos(u64::from(nanos.min(999_999_999)));
    let mut header = Header {
        version,
        count,
        uptime,
        exported,
        sequence: None,
        engine: 0,
        rate: None,
    };
    match version {
        Version::NetflowV5 => {
            header.sequence = Some(rest.u32()?);
            header.engine = rest.u16()?;
            // Two bits of mode, 14 of interval.
            header.rate = NonZeroU32::new(u32::from(rest.u16()? & 0x3fff));
        }
        Version::NetflowV7 => {
            header.sequence = Some(rest.u32()?);
            rest.u32()?;
        }
        _ => {}
    }
    Some(header)
}

const fn field(number: u16, length: u16) -> FieldSpec {
    FieldSpec::iana(number, length)
}

/// paddingOctets.
const PAD: u16 = 210;

/// What all three begin with: addresses, next hop, interfaces, counters, uptimes, ports.
const COMMON: [FieldSpec; 11] = [
    field(8, 4),
    field(12, 4),
    field(15, 4),
    field(10, 2),
    field(14, 2),
    field(2, 4),
    field(1, 4),
    field(22, 4),
    field(21, 4),
    field(7, 2),
    field(11, 2),
];

fn compiled(rest: &[FieldSpec]) -> Arc<Compiled> {
    let fields: Vec<FieldSpec> = COMMON.iter().chain(rest).copied().collect();
    Arc::new(Compiled::new(Shape::data(fields)))
}

/// The records of a version, of which there are so many in so many octets.
pub(crate) fn records(version: Version, count: u16, octets: usize) -> &'static Arc<Compiled> {
    // 52 octets with some exporters, 48 with others: padding ends them.
    static V1_SHORT: LazyLock<Arc<Compiled>> =
        LazyLock::new(|| compiled(&[field(PAD, 2), field(4, 1), field(5, 1), field(6, 1), field(PAD, 7)]));
    static V1: LazyLock<Arc<Compiled>> =
        LazyLock::new(|| compiled(&[field(PAD, 2), field(4, 1), field(5, 1), field(6, 1), field(PAD, 11)]));
    // 48 octets.
    static V5: LazyLock<Arc<Compiled>> = LazyLock::new(|| {
        compiled(&[
            field(PAD, 1),
            field(6, 1),
            field(4, 1),
            field(5, 1),
            field(16, 2),
            field(17, 2),
            field(9, 1),
            field(13, 1),
            field(PAD, 2),
        ])
    });
    // 52 octets: the first octet of flags says which fields are not valid, as the last ones do; then the router that
    // was bypassed.
    static V7: LazyLock<Arc<Compiled>> = LazyLock::new(|| {
        compiled(&[
            field(PAD, 1),
            field(6, 1),
            field(4, 1),
            field(5, 1),
            field(16, 2),
            field(17, 2),
            field(9, 1),
            field(13, 1),
            field(PAD, 2),
            field(130, 4),
        ])
    });
    match version {
        Version::NetflowV1 if octets < usize::from(count) * 52 => &V1_SHORT,
        Version::NetflowV1 => &V1,
        Version::NetflowV7 => &V7,
        _ => &V5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_their_lengths() {
        assert_eq!(records(Version::NetflowV1, 2, 104).plan.length, Some(52));
        assert_eq!(records(Version::NetflowV1, 2, 96).plan.length, Some(48));
        assert_eq!(records(Version::NetflowV5, 1, 48).plan.length, Some(48));
        assert_eq!(records(Version::NetflowV7, 1, 52).plan.length, Some(52));
    }
}
