//! What the rollups of hours and days hold: which tables there are, and how a table's rows are written.
//!
//! A table has the sums of the records of one scope that end in one period, by the value of one key. Large tables are
//! cut to the heaviest rows; the sum of what was left out is kept. docs/formats.md, "Rollups", has every octet.

mod rows;

use model::{Key, LinkId};

pub use rows::{RollupError, Rows};

/// A table of the rollups. The numbers are stored, so they never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// All records: one row of no value.
    Total = 0,
    /// By link; of all ports and all exporters alone.
    Link = 1,
    /// By the interface that records came in by.
    InIf = 2,
    /// By the interface that they left by.
    OutIf = 3,
    /// By either interface.
    Interface = 4,
    /// By application.
    App = 5,
    /// By either address.
    Host = 6,
    /// By source address.
    SrcIp = 7,
    /// By destination address.
    DstIp = 8,
    /// By both addresses.
    Conversation = 9,
    /// By protocol.
    Protocol = 10,
    /// By DSCP.
    Dscp = 11,
    /// By class of the mean packet size.
    PacketSize = 12,
    /// By direction.
    Direction = 13,
    /// By IP version.
    IpVersion = 14,
    /// By IP group of either end.
    IpGroup = 15,
    /// By IP group of the source.
    SrcGroup = 16,
    /// By IP group of the destination.
    DstGroup = 17,
    /// By business.
    Business = 18,
}

/// Rows that a table of many values keeps, of all ports or all exporters.
const ROWS_MAX: usize = 1_000;
/// Rows that a table of few values keeps: more than most networks have of them.
const FEW_ROWS_MAX: usize = 10_000;
/// Rows that the tables of one key keep of all links together, and at least of each.
const LINKS_ROWS: usize = 16_000;
const LINK_ROWS_MIN: usize = 50;

impl Table {
    /// All of them.
    pub const ALL: [Table; 19] = [
        Self::Total,
        Self::Link,
        Self::InIf,
        Self::OutIf,
        Self::Interface,
        Self::App,
        Self::Host,
        Self::SrcIp,
        Self::DstIp,
        Self::Conversation,
        Self::Protocol,
        Self::Dscp,
        Self::PacketSize,
        Self::Direction,
        Self::IpVersion,
        Self::IpGroup,
        Self::SrcGroup,
        Self::DstGroup,
        Self::Business,
    ];

    /// The key whose values its rows are of; `None` for the total.
    #[must_use]
    pub const fn key(self) -> Option<Key> {
        Some(match self {
            Self::Total => return None,
            Self::Link => Key::Link,
            Self::InIf => Key::InIf,
            Self::OutIf => Key::OutIf,
            Self::Interface => Key::Interface,
            Self::App => Key::App,
            Self::Host => Key::Host,
            Self::SrcIp => Key::SrcIp,
            Self::DstIp => Key::DstIp,
            Self::Conversation => Key::Conversation,
            Self::Protocol => Key::Protocol,
            Self::Dscp => Key::Dscp,
            Self::PacketSize => Key::PacketSize,
            Self::Direction => Key::Direction,
            Self::IpVersion => Key::IpVersion,
            Self::IpGroup => Key::IpGroup,
            Self::SrcGroup => Key::SrcGroup,
            Self::DstGroup => Key::DstGroup,
            Self::Business => Key::Business,
        })
    }

    /// The table of a key, where there is one.
    #[must_use]
    pub fn of(key: Key) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.key() == Some(key))
    }

    /// Whether its rows change when an administrator changes definitions.
    #[must_use]
    pub const fn follows_definitions(self) -> bool {
        matches!(
            self,
            Self::App | Self::IpGroup | Self::SrcGroup | Self::DstGroup | Self::Business
        )
    }

    /// Whether it has so many values that it is cut to the heaviest.
    pub(crate) const fn is_large(self) -> bool {
        matches!(self, Self::Host | Self::SrcIp | Self::DstIp | Self::Conversation)
    }

    /// The most rows that it keeps of a scope, where so many links had records in the period.
    #[must_use]
    pub fn rows_max(self, scope: RollupScope, links: usize) -> usize {
        if !self.is_large() {
            return FEW_ROWS_MAX;
        }
        match scope {
            RollupScope::PORTS | RollupScope::EXPORTERS => ROWS_MAX,
            _ => (LINKS_ROWS / links.max(1)).clamp(LINK_ROWS_MIN, ROWS_MAX),
        }
    }
}

/// What a table is of, as its key in the store has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RollupScope(u32);

impl RollupScope {
    /// All capture ports.
    pub const PORTS: Self = Self(0);
    /// All exporters.
    pub const EXPORTERS: Self = Self(LinkId::EXPORTERS);

    /// One link; `None` for the two numbers that stand for all ports and all exporters.
    #[must_use]
    pub const fn of_link(link: LinkId) -> Option<Self> {
        match link.0 {
            0 | LinkId::EXPORTERS => None,
            number => Some(Self(number)),
        }
    }

    /// All links of the kind of this one.
    #[must_use]
    pub const fn all_like(link: LinkId) -> Self {
        match link.exporter() {
            None => Self::PORTS,
            Some(_) => Self::EXPORTERS,
        }
    }

    /// The number that is stored.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_found_by_their_keys() {
        for table in Table::ALL {
            assert_eq!(table.key().map_or(Some(Table::Total), Table::of), Some(table));
        }
        let numbers: Vec<u8> = Table::ALL.iter().map(|t| *t as u8).collect();
        assert!(numbers.is_sorted() && numbers.iter().all(|n| usize::from(*n) < Table::ALL.len()));
        assert_eq!(Table::of(Key::DstPort), None);
    }

    #[test]
    fn two_numbers_stand_for_all_links_of_a_kind() {
        assert_eq!(RollupScope::of_link(LinkId(0)), None);
        assert_eq!(RollupScope::of_link(LinkId(0xffff)), None);
        assert_eq!(RollupScope::of_link(LinkId(7)).map(RollupScope::number), Some(7));
        assert_eq!(RollupScope::all_like(LinkId(7)), RollupScope::PORTS);
        assert_eq!(RollupScope::all_like(LinkId::of_exporter(1)), RollupScope::EXPORTERS);
        assert_eq!(Table::Host.rows_max(RollupScope::PORTS, 500), 1_000);
        let one = RollupScope::of_link(LinkId(7)).unwrap();
        let kept = |links| Table::Host.rows_max(one, links);
        assert_eq!((kept(1), kept(100), kept(10_000)), (1_000, 160, 50));
    }
}
