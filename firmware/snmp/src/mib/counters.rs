//! What interfaces count: IF-MIB (RFC 2863), EtherLike-MIB (RFC 3635) and RMON's etherStatsTable (RFC 2819).

use std::collections::BTreeMap;

use async_snmp::{Oid, Value};
use model::{Counters, InterfaceDetail, LinkState};

use crate::delta::{Counted, Counter, Step, step};
use crate::error::Failure;
use crate::mib::interfaces::{DOT3_ENTRY, IF_ENTRY, IF_X_ENTRY, INTERFACES_MAX, state};
use crate::mib::{column, small};
use crate::spread::Part;
use crate::walk::{Limits, Row, Walk};
use crate::wire::Session;

const ETHER_STATS_ENTRY: &[u32] = &[1, 3, 6, 1, 2, 1, 16, 1, 1, 1];

/// A table, or several that have ifIndex in common, with counters that are read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    /// ifTable and ifXTable.
    Interfaces,
    /// dot3StatsTable.
    EtherLike,
    /// etherStatsTable.
    Rmon,
}

impl Group {
    fn slots(self) -> &'static [Slot] {
        match self {
            Self::Interfaces => INTERFACES,
            Self::EtherLike => ETHER_LIKE,
            Self::Rmon => RMON,
        }
    }
}

/// A counter: its column of 64 bits, its column of 32 bits, and what it is.
#[derive(Debug)]
struct Slot {
    what: What,
    counted: Counted,
    wide: Option<(&'static [u32], u32)>,
    narrow: Option<(&'static [u32], u32)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    InOctets,
    OutOctets,
    InUnicast,
    OutUnicast,
    InMulticast,
    InBroadcast,
    OutMulticast,
    OutBroadcast,
    InOthers,
    OutOthers,
    InDiscards,
    OutDiscards,
    InErrors,
    OutErrors,
    InUnknown,
    Fcs,
    Alignment,
    CrcAlignment,
    SingleCollisions,
    MultipleCollisions,
    Collisions,
    LateCollisions,
    Fragments,
    Jabbers,
    Undersize,
    Oversize,
    Size64,
    Size127,
    Size255,
    Size511,
    Size1023,
    Size1518,
}

const fn both(what: What, counted: Counted, wide: u32, entry: &'static [u32], narrow: u32) -> Slot {
    Slot {
        what,
        counted,
        wide: Some((IF_X_ENTRY, wide)),
        narrow: Some((entry, narrow)),
    }
}

const fn narrow(what: What, counted: Counted, entry: &'static [u32], narrow: u32) -> Slot {
    Slot {
        what,
        counted,
        wide: None,
        narrow: Some((entry, narrow)),
    }
}

const INTERFACES: &[Slot] = &[
    both(What::InOctets, Counted::Octets, 6, IF_ENTRY, 10),
    both(What::OutOctets, Counted::Octets, 10, IF_ENTRY, 16),
    both(What::InUnicast, Counted::Packets, 7, IF_ENTRY, 11),
    both(What::OutUnicast, Counted::Packets, 11, IF_ENTRY, 17),
    both(What::InMulticast, Counted::Packets, 8, IF_X_ENTRY, 2),
    both(What::InBroadcast, Counted::Packets, 9, IF_X_ENTRY, 3),
    both(What::OutMulticast, Counted::Packets, 12, IF_X_ENTRY, 4),
    both(What::OutBroadcast, Counted::Packets, 13, IF_X_ENTRY, 5),
    narrow(What::InOthers, Counted::Packets, IF_ENTRY, 12),
    narrow(What::OutOthers, Counted::Packets, IF_ENTRY, 18),
    narrow(What::InDiscards, Counted::Events, IF_ENTRY, 13),
    narrow(What::OutDiscards, Counted::Events, IF_ENTRY, 19),
    narrow(What::InErrors, Counted::Events, IF_ENTRY, 14),
    narrow(What::OutErrors, Counted::Events, IF_ENTRY, 20),
    narrow(What::InUnknown, Counted::Events, IF_ENTRY, 15),
];

const ETHER_LIKE: &[Slot] = &[
    narrow(What::Alignment, Counted::Events, DOT3_ENTRY, 2),
    narrow(What::Fcs, Counted::Events, DOT3_ENTRY, 3),
    narrow(What::SingleCollisions, Counted::Events, DOT3_ENTRY, 4),
    narrow(What::MultipleCollisions, Counted::Events, DOT3_ENTRY, 5),
    narrow(What::LateCollisions, Counted::Events, DOT3_ENTRY, 8),
    narrow(What::Oversize, Counted::Events, DOT3_ENTRY, 13),
];

const RMON: &[Slot] = &[
    narrow(What::CrcAlignment, Counted::Events, ETHER_STATS_ENTRY, 8),
    narrow(What::Undersize, Counted::Events, ETHER_STATS_ENTRY, 9),
    narrow(What::Oversize, Counted::Events, ETHER_STATS_ENTRY, 10),
    narrow(What::Fragments, Counted::Events, ETHER_STATS_ENTRY, 11),
    narrow(What::Jabbers, Counted::Events, ETHER_STATS_ENTRY, 12),
    narrow(What::Collisions, Counted::Events, ETHER_STATS_ENTRY, 13),
    narrow(What::Size64, Counted::Packets, ETHER_STATS_ENTRY, 14),
    narrow(What::Size127, Counted::Packets, ETHER_STATS_ENTRY, 15),
    narrow(What::Size255, Counted::Packets, ETHER_STATS_ENTRY, 16),
    narrow(What::Size511, Counted::Packets, ETHER_STATS_ENTRY, 17),
    narrow(What::Size1023, Counted::Packets, ETHER_STATS_ENTRY, 18),
    narrow(What::Size1518, Counted::Packets, ETHER_STATS_ENTRY, 19),
];

/// Which columns of [`Group::Interfaces`] an agent is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// Both, since nobody knows yet.
    Both,
    /// Each interface has counters of 64 bits: their 32-bit twins are left out.
    Wide,
}

/// The counters of one interface at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    /// When they were read.
    pub(crate) at: u64,
    /// ifCounterDiscontinuityTime, where the agent has it.
    discontinuity: Option<u32>,
    counters: BTreeMap<What, Counter>,
    /// ifAdminStatus and ifOperStatus ([`Group::Interfaces`]).
    pub(crate) states: Option<(LinkState, LinkState)>,
}

impl Sample {
    /// Whether octets are counted with 64 bits both ways.
    pub(crate) fn is_wide(&self) -> bool {
        [What::InOctets, What::OutOctets]
            .iter()
            .all(|what| matches!(self.counters.get(what), Some(Counter::C64(_))))
    }
}

/// Samples of a group by ifIndex. An empty map: the agent has none of it.
pub(crate) async fn read(session: &Session, group: Group, width: Width) -> Result<BTreeMap<u32, Sample>, Failure> {
    let plan = Plan::new(group, width);
    let table = session
        .walk(Walk::new(plan.columns.iter().cloned(), Limits::rows(INTERFACES_MAX)))
        .await?;
    Ok(table
        .by_number()
        .filter_map(|(index, row)| plan.sample(index, row))
        .collect())
}

/// The columns to read and where each of them goes.
struct Plan {
    group: Group,
    columns: Vec<Oid>,
    cells: Vec<Cell>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Counter(What, bool),
    Discontinuity,
    Admin,
    Oper,
    Source,
}

impl Plan {
    fn new(group: Group, width: Width) -> Self {
        let mut columns = Vec::new();
        let mut cells = Vec::new();
        let mut add = |entry: &[u32], number: u32, cell: Cell| {
            columns.push(column(entry, number));
            cells.push(cell);
        };
        for slot in group.slots() {
            if let Some((entry, number)) = slot.wide {
                add(entry, number, Cell::Counter(slot.what, true));
            }
            let replaced = slot.wide.is_some() || matches!(slot.what, What::InOthers | What::OutOthers);
            if let Some((entry, number)) = slot.narrow.filter(|_| width == Width::Both || !replaced) {
                add(entry, number, Cell::Counter(slot.what, false));
            }
        }
        match group {
            Group::Interfaces => {
                add(IF_X_ENTRY, 19, Cell::Discontinuity);
                add(IF_ENTRY, 7, Cell::Admin);
                add(IF_ENTRY, 8, Cell::Oper);
            }
            Group::EtherLike => (),
            Group::Rmon => add(ETHER_STATS_ENTRY, 2, Cell::Source),
        }
        Self { group, columns, cells }
    }

    /// A row's sample with the ifIndex it is of.
    fn sample(&self, index: u32, row: &Row) -> Option<(u32, Sample)> {
        let mut sample = Sample {
            at: row.at,
            discontinuity: None,
            counters: BTreeMap::new(),
            states: None,
        };
        let (mut admin, mut oper, mut source) = (None, None, None);
        for (place, cell) in self.cells.iter().enumerate() {
            let Some(value) = row.cell(place) else { continue };
            match cell {
                Cell::Counter(what, wide) => {
                    let counter = match value {
                        Value::Counter64(n) => Counter::C64(*n),
                        Value::Counter32(n) | Value::Gauge32(n) | Value::UInteger32(n) if !wide => Counter::C32(*n),
                        _ => continue,
                    };
                    sample.counters.entry(*what).or_insert(counter);
                }
                Cell::Discontinuity => sample.discontinuity = small(value),
                Cell::Admin => admin = Some(value),
                Cell::Oper => oper = Some(value),
                Cell::Source => source = value.as_oid(),
            }
        }
        if oper.is_some() {
            sample.states = Some((state(admin), state(oper)));
        }
        let index = match self.group {
            Group::Interfaces | Group::EtherLike => index,
            // etherStatsDataSource is ifIndex with its index.
            Group::Rmon => *source?.arcs().strip_prefix(IF_ENTRY)?.strip_prefix(&[1])?.first()?,
        };
        (!sample.counters.is_empty()).then_some((index, sample))
    }
}

/// What the counters of an interface moved by between two samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    deltas: BTreeMap<What, u64>,
}

/// What an interface carried in a span, or in a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Carried {
    /// In and out, where octets are known both ways. Packets are 0 where the agent counts none.
    pub(crate) traffic: Option<(Counters, Counters)>,
    pub(crate) detail: InterfaceDetail,
}

/// Compares two samples of an interface in one group. `None` where its counters were set to zero in between, or nothing is
/// certain.
pub(crate) fn moved(group: Group, before: &Sample, after: &Sample, speed: Option<u64>) -> Option<Moved> {
    if before.discontinuity != after.discontinuity || after.at <= before.at {
        return None;
    }
    let elapsed = after.at - before.at;
    let mut deltas = BTreeMap::new();
    for slot in group.slots() {
        let (Some(&a), Some(&b)) = (before.counters.get(&slot.what), after.counters.get(&slot.what)) else {
            continue;
        };
        match step(a, b, slot.counted, elapsed, speed) {
            Step::By(amount) => {
                deltas.insert(slot.what, amount);
            }
            Step::Unknown => (),
            // One counter that was set to zero says that all of the interface's were.
            Step::Reset => return None,
        }
    }
    (!deltas.is_empty()).then_some(Moved { deltas })
}

/// Whether an interface's octets moved by nobody knows how much, since 32 bits are too few for its speed or that is unknown.
pub(crate) fn is_ambiguous(before: &Sample, after: &Sample, speed: Option<u64>) -> bool {
    let elapsed = after.at.saturating_sub(before.at);
    [What::InOctets, What::OutOctets].iter().any(|what| {
        let counters = before.counters.get(what).zip(after.counters.get(what));
        counters.is_some_and(|(&a, &b)| a != b && step(a, b, Counted::Octets, elapsed, speed) == Step::Unknown)
    })
}

impl Moved {
    /// Leaves out what etherStatsTable says of the same interface as well.
    pub(crate) fn leave_to_rmon(&mut self) {
        self.deltas
            .retain(|what, _| !matches!(what, What::Oversize | What::SingleCollisions | What::MultipleCollisions));
    }

    /// What falls into a part of the span.
    pub(crate) fn carried(&self, part: &Part) -> Carried {
        let get = |what| self.deltas.get(&what).map(|&amount| part.share(amount));
        let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
        };
        // Multicast and broadcast packets have their own counters, or one in common in old agents.
        let packets = |unicast, multicast, broadcast, others| {
            sum(get(unicast), sum(get(multicast), get(broadcast)).or(get(others))).unwrap_or(0)
        };
        let inbound = packets(What::InUnicast, What::InMulticast, What::InBroadcast, What::InOthers);
        let outbound = packets(
            What::OutUnicast,
            What::OutMulticast,
            What::OutBroadcast,
            What::OutOthers,
        );
        let traffic = get(What::InOctets)
            .zip(get(What::OutOctets))
            .map(|(in_octets, out_octets)| {
                (
                    Counters {
                        packets: inbound,
                        bytes: in_octets,
                    },
                    Counters {
                        packets: outbound,
                        bytes: out_octets,
                    },
                )
            });
        let detail = InterfaceDetail {
            in_multicast: get(What::InMulticast),
            in_broadcast: get(What::InBroadcast),
            out_multicast: get(What::OutMulticast),
            out_broadcast: get(What::OutBroadcast),
            in_discards: get(What::InDiscards),
            out_discards: get(What::OutDiscards),
            in_errors: get(What::InErrors),
            out_errors: get(What::OutErrors),
            in_unknown: get(What::InUnknown),
            fcs_errors: get(What::Fcs),
            alignment_errors: get(What::Alignment),
            crc_alignment_errors: get(What::CrcAlignment),
            collisions: get(What::Collisions).or(sum(get(What::SingleCollisions), get(What::MultipleCollisions))),
            late_collisions: get(What::LateCollisions),
            fragments: get(What::Fragments),
            jabbers: get(What::Jabbers),
            undersize: get(What::Undersize),
            oversize: get(What::Oversize),
            size_64: get(What::Size64),
            size_65_127: get(What::Size127),
            size_128_255: get(What::Size255),
            size_256_511: get(What::Size511),
            size_512_1023: get(What::Size1023),
            size_1024_1518: get(What::Size1518),
        };
        Carried { traffic, detail }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use async_snmp::VarBind;

    /// A sample of an interface that has these objects: columns of a table's entry with their values.
    pub(crate) fn sample_of(
        group: Group,
        index: u32,
        at: u64,
        objects: &[(&[u32], u32, Value)],
    ) -> Option<(u32, Sample)> {
        let plan = Plan::new(group, Width::Both);
        let mut walk = Walk::new(plan.columns.iter().cloned(), Limits::rows(10));
        while let Some(ask) = walk.ask(100, true) {
            let variables: Vec<_> = ask
                .oids
                .iter()
                .map(|asked| {
                    let found = objects
                        .iter()
                        .find(|(entry, number, _)| column(entry, *number) == *asked);
                    match found {
                        Some((_, _, value)) => VarBind::new(asked.child(index), value.clone()),
                        None => VarBind::new(asked.clone(), Value::EndOfMibView),
                    }
                })
                .collect();
            walk.push(&ask, &variables, at);
        }
        let table = walk.finish();
        table.by_number().find_map(|(index, row)| plan.sample(index, row))
    }

    pub(crate) const IN_OCTETS: (&[u32], u32) = (IF_X_ENTRY, 6);
    pub(crate) const OUT_OCTETS: (&[u32], u32) = (IF_X_ENTRY, 10);

    /// Every group's reading of a table.
    pub(crate) fn samples_of(table: &crate::walk::Table) -> usize {
        let groups = [Group::Interfaces, Group::EtherLike, Group::Rmon].map(|group| Plan::new(group, Width::Both));
        let samples = |plan: &Plan| {
            table
                .by_number()
                .filter_map(|(index, row)| plan.sample(index, row))
                .count()
        };
        groups.iter().map(samples).sum()
    }

    #[test]
    fn rmon_rows_are_of_the_interface_that_they_name() {
        let source = Value::ObjectIdentifier(column(IF_ENTRY, 1).child(10_101));
        let objects = [
            (ETHER_STATS_ENTRY, 2, source),
            (ETHER_STATS_ENTRY, 8, Value::Counter32(5)),
            (ETHER_STATS_ENTRY, 14, Value::Counter32(9)),
        ];
        let (index, before) = sample_of(Group::Rmon, 1, 1, &objects).unwrap();
        assert_eq!(index, 10_101);
        let mut later = objects.clone();
        later[1].2 = Value::Counter32(7);
        let (_, after) = sample_of(Group::Rmon, 1, 60_000_000_000, &later).unwrap();
        let moved = moved(Group::Rmon, &before, &after, Some(1_000_000_000)).unwrap();
        let part = crate::spread::spread(model::Timestamp::EPOCH, model::Timestamp::from_secs(60));
        let carried = moved.carried(&part[0]);
        assert_eq!((carried.traffic, carried.detail.crc_alignment_errors), (None, Some(2)));
        assert_eq!((carried.detail.size_64, carried.detail.jabbers), (Some(0), None));
        assert!(
            sample_of(Group::Rmon, 1, 1, &objects[1..]).is_none(),
            "nobody knows whose row it is"
        );
    }

    #[test]
    fn the_narrow_twin_is_taken_where_there_is_no_wide_one() {
        let narrow = [(IF_ENTRY, 10, Value::Counter32(1)), (IF_ENTRY, 16, Value::Counter32(2))];
        let (_, sample) = sample_of(Group::Interfaces, 3, 1, &narrow).unwrap();
        assert!(!sample.is_wide());
        assert_eq!(sample.counters[&What::InOctets], Counter::C32(1));
        let both = [
            narrow[0].clone(),
            narrow[1].clone(),
            (IF_X_ENTRY, 6, Value::Counter64(1 << 40)),
            (IF_X_ENTRY, 10, Value::Counter64(2)),
        ];
        let (_, sample) = sample_of(Group::Interfaces, 3, 1, &both).unwrap();
        assert!(sample.is_wide());
        assert_eq!(sample.counters[&What::InOctets], Counter::C64(1 << 40));
    }

    #[test]
    fn a_cleared_counter_voids_all_of_the_interface() {
        let at = |octets, errors| {
            [
                (IF_X_ENTRY, 6, Value::Counter64(octets)),
                (IF_X_ENTRY, 10, Value::Counter64(octets)),
                (IF_ENTRY, 14, Value::Counter32(errors)),
            ]
        };
        let (_, before) = sample_of(Group::Interfaces, 1, 1, &at(1_000, 900)).unwrap();
        // The octets have passed where they were, so that they alone would look well.
        let (_, after) = sample_of(Group::Interfaces, 1, 60_000_000_000, &at(5_000, 0)).unwrap();
        assert_eq!(moved(Group::Interfaces, &before, &after, None), None);
    }
}
