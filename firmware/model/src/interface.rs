//! Interfaces of exporters, and what they carried.

use serde::{Deserialize, Serialize};

use crate::{Counters, LinkId, Timestamp};

/// An interface of an exporter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InterfaceId {
    /// The exporter's link.
    pub exporter: LinkId,
    /// The exporter's ifIndex.
    pub index: u32,
}

/// Who counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum CounterSource {
    /// Flow records, with sampling applied; octets of the IP layer.
    Flow = 1,
    /// SNMP; octets as ifInOctets counts them, with framing.
    Snmp = 2,
    /// sFlow counter samples; octets as SNMP's.
    Sflow = 3,
}

/// What an interface carried in a part of a minute. Several of the same minute and source add up. `None`: not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceMinute {
    /// The interface.
    pub interface: InterfaceId,
    /// The minute's start.
    pub start: Timestamp,
    /// Who counted.
    pub source: CounterSource,
    /// Seconds of the minute that this covers, 0–60; 0 from flow records, which cover what they happen to.
    pub seconds: u8,
    /// What came in.
    pub inbound: Counters,
    /// What went out.
    pub outbound: Counters,
    /// What an agent counts besides.
    pub detail: InterfaceDetail,
}

macro_rules! detail {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What agents count besides octets and packets (IF-MIB, EtherLike-MIB, RMON, sFlow). `None`: the agent has no such counter.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        pub struct InterfaceDetail { $($(#[$doc])* pub $name: Option<u64>,)* }

        impl InterfaceDetail {
            /// The counters' names, in the order of [`InterfaceDetail::values`].
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name),)*];

            /// The counters in the order of [`InterfaceDetail::NAMES`].
            pub fn values(&self) -> impl Iterator<Item = Option<u64>> {
                [$(self.$name,)*].into_iter()
            }

            /// Counters from their values in the order of [`InterfaceDetail::NAMES`]; those that are missing are unknown.
            #[must_use]
            pub fn from_values(values: impl IntoIterator<Item = Option<u64>>) -> Self {
                let mut values = values.into_iter();
                Self { $($name: values.next().flatten(),)* }
            }

            /// Adds what is known of `other`; what neither knows stays unknown.
            pub fn add(&mut self, other: &Self) {
                $(self.$name = match (self.$name, other.$name) {
                    (Some(a), Some(b)) => Some(a.saturating_add(b)),
                    (a, b) => a.or(b),
                };)*
            }
        }
    };
}

detail! {
    /// Multicast packets in.
    in_multicast,
    /// Broadcast packets in.
    in_broadcast,
    /// Multicast packets out.
    out_multicast,
    /// Broadcast packets out.
    out_broadcast,
    /// Packets in that were discarded though sound.
    in_discards,
    /// Packets out that were discarded though sound.
    out_discards,
    /// Packets in with errors.
    in_errors,
    /// Packets out that failed with errors.
    out_errors,
    /// Packets in of an unknown protocol.
    in_unknown,
    /// Frames with a wrong checksum (dot3StatsFCSErrors).
    fcs_errors,
    /// Frames of no whole number of octets (dot3StatsAlignmentErrors).
    alignment_errors,
    /// Frames with CRC or alignment errors (etherStatsCRCAlignErrors).
    crc_alignment_errors,
    /// Collisions (etherStatsCollisions, or the sum of EtherLike's single and multiple collision frames).
    collisions,
    /// Late collisions (dot3StatsLateCollisions).
    late_collisions,
    /// Frames too short with a wrong checksum (etherStatsFragments).
    fragments,
    /// Frames too long with a wrong checksum (etherStatsJabbers).
    jabbers,
    /// Frames too short (etherStatsUndersizePkts).
    undersize,
    /// Frames too long (etherStatsOversizePkts, dot3StatsFrameTooLongs).
    oversize,
    /// Frames of 64 octets.
    size_64,
    /// Frames of 65 to 127 octets.
    size_65_127,
    /// Frames of 128 to 255 octets.
    size_128_255,
    /// Frames of 256 to 511 octets.
    size_256_511,
    /// Frames of 512 to 1,023 octets.
    size_512_1023,
    /// Frames of 1,024 to 1,518 octets.
    size_1024_1518,
}

impl InterfaceMinute {
    /// Adds another part of the same minute.
    pub fn add(&mut self, other: &Self) {
        self.seconds = self.seconds.saturating_add(other.seconds).min(60);
        self.inbound += other.inbound;
        self.outbound += other.outbound;
        self.detail.add(&other.detail);
    }
}

/// Whether something works: ifOperStatus and ifAdminStatus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// Nobody said.
    #[default]
    Unknown,
    /// It works.
    Up,
    /// It does not.
    Down,
    /// Something else: testing, dormant, not present, lower layer down.
    Other,
}

/// What is known of an exporter's interface, from SNMP, from the exporter's option records, or from settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct InterfaceFacts {
    /// ifIndex.
    pub index: u32,
    /// ifName, or the name in option records; may be empty.
    pub name: String,
    /// ifDescr, or the description in option records; may be empty.
    pub description: String,
    /// ifAlias; may be empty.
    pub alias: String,
    /// ifType (IANAifType); `None` where unknown.
    pub kind: Option<u32>,
    /// Speed in bit/s, in and out the same; `None` where unknown.
    pub speed_bps: Option<u64>,
    /// Hardware address as text; may be empty.
    pub mac: String,
    /// Whether it is to work.
    pub admin: LinkState,
    /// Whether it works.
    pub oper: LinkState,
    /// Whether it is full duplex, where known (dot3StatsDuplexStatus).
    pub full_duplex: Option<bool>,
    /// The name that people gave it in the settings; may be empty.
    pub label: String,
    /// Bounds of the utilisation from the settings, in percent: in min, in max, out min, out max.
    pub limits: [Option<u8>; 4],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_minute_add_up_and_unknown_stays_unknown() {
        let part = |seconds, errors, fcs| InterfaceMinute {
            interface: InterfaceId {
                exporter: LinkId(70_000),
                index: 3,
            },
            start: Timestamp::from_secs(60),
            source: CounterSource::Snmp,
            seconds,
            inbound: Counters { packets: 1, bytes: 100 },
            outbound: Counters::default(),
            detail: InterfaceDetail {
                in_errors: errors,
                fcs_errors: fcs,
                ..InterfaceDetail::default()
            },
        };
        let mut sum = part(40, Some(2), None);
        sum.add(&part(20, Some(3), Some(1)));
        assert_eq!((sum.seconds, sum.inbound.bytes), (60, 200));
        assert_eq!(
            (sum.detail.in_errors, sum.detail.fcs_errors, sum.detail.jabbers),
            (Some(5), Some(1), None)
        );
        assert_eq!(InterfaceDetail::NAMES.len(), sum.detail.values().count());
        assert_eq!(InterfaceDetail::from_values(sum.detail.values()), sum.detail);
    }
}
