//! A top-N table of one interface from records. As in the interfaces' minutes, what comes in is counted from records
//! that were not seen on egress; what goes out from those that were, if there are such, else from the others.

use std::collections::HashMap;

use model::{Conversation, Counters, Dimension, FlowRecord, Observed, Split, Timestamp, TopKey, TopTable};

/// Keys that are counted apart; what comes beyond goes to the rest.
const KEYS_MAX: usize = 65_536;

/// What the interface carried of one key.
#[derive(Debug, Clone, Copy, Default)]
struct Carried {
    inbound: Counters,
    out_by_ingress: Counters,
    out_by_egress: Counters,
}

impl Carried {
    fn add(&mut self, other: Self) {
        self.inbound += other.inbound;
        self.out_by_ingress += other.out_by_ingress;
        self.out_by_egress += other.out_by_egress;
    }

    fn split(self, by_egress: bool) -> Split {
        let outbound = if by_egress {
            self.out_by_egress
        } else {
            self.out_by_ingress
        };
        let mut total = self.inbound;
        total += outbound;
        Split {
            total,
            inbound: self.inbound,
            outbound,
        }
    }
}

/// The sums of an interface by one dimension.
#[derive(Debug)]
pub(crate) struct InterfaceRows {
    index: u32,
    by: Dimension,
    span: (Timestamp, Timestamp),
    rows: HashMap<TopKey, Carried>,
    others: Carried,
    total: Carried,
    by_egress: bool,
}

impl InterfaceRows {
    /// Nothing yet of the interface `index`, in `[from, to)`.
    pub(crate) fn new(index: u32, by: Dimension, span: (Timestamp, Timestamp)) -> Self {
        Self {
            index,
            by,
            span,
            rows: HashMap::new(),
            others: Carried::default(),
            total: Carried::default(),
            by_egress: false,
        }
    }

    /// Counts a record of the interface's exporter, the part of it that lies in the span.
    pub(crate) fn observe(&mut self, record: &FlowRecord) {
        let Some(carried) = self.carried(record) else { return };
        self.total.add(carried);
        let mut count = |key| {
            let known = self.rows.len() < KEYS_MAX || self.rows.contains_key(&key);
            let row = if known {
                self.rows.entry(key).or_default()
            } else {
                &mut self.others
            };
            row.add(carried);
        };
        match self.by {
            Dimension::Protocol => count(TopKey::Protocol(record.protocol)),
            Dimension::App => count(TopKey::App(record.app)),
            Dimension::Conversation => {
                count(TopKey::Conversation(Conversation::of(record.src_ip, record.dst_ip).0));
            }
            Dimension::Host => {
                count(TopKey::Host(record.src_ip));
                if record.src_ip != record.dst_ip {
                    count(TopKey::Host(record.dst_ip));
                }
            }
        }
    }

    fn carried(&mut self, record: &FlowRecord) -> Option<Carried> {
        let export = record.export.as_ref()?;
        let at = |index: Option<u32>| index == Some(self.index);
        let (comes, leaves) = (at(export.ingress_if), at(export.egress_if));
        let forward = self.within(record, record.packets, record.bytes);
        let reverse = self.within(record, record.packets_rev, record.bytes_rev);
        let mut carried = Carried::default();
        if export.observed == Observed::Egress {
            if !leaves {
                return None;
            }
            self.by_egress = true;
            carried.out_by_egress = forward;
            carried.inbound = reverse;
            return Some(carried);
        }
        if comes {
            carried.inbound += forward;
            carried.out_by_ingress += reverse;
        }
        if leaves {
            carried.out_by_ingress += forward;
            carried.inbound += reverse;
        }
        (comes || leaves).then_some(carried)
    }

    /// The part of a record's counts that lies in the span, as if the flow had gone on evenly.
    fn within(&self, record: &FlowRecord, packets: u64, bytes: u64) -> Counters {
        let (from, to) = self.span;
        let (start, end) = (record.start, record.end.max(record.start));
        if (from <= start && end < to) || start == end {
            return Counters { packets, bytes };
        }
        let part = u128::from(end.min(to).nanos_since(start.max(from)));
        let all = u128::from(end.nanos_since(start));
        let share = |n: u64| u64::try_from((u128::from(n) * part + all / 2) / all).unwrap_or(n);
        Counters {
            packets: share(packets),
            bytes: share(bytes),
        }
    }

    /// The `limit` heaviest rows with the sum of the rest, and the sum of everything.
    pub(crate) fn finish(self, limit: usize) -> (TopTable, Split) {
        let by_egress = self.by_egress;
        let mut rows: Vec<(TopKey, Split)> = self.rows.into_iter().map(|(k, c)| (k, c.split(by_egress))).collect();
        // Other records may have been seen of what goes out.
        rows.retain(|(_, split)| *split != Split::default());
        let weight = |s: &Split| (s.total.bytes, s.total.packets);
        rows.sort_unstable_by(|a, b| weight(&b.1).cmp(&weight(&a.1)).then(a.0.cmp(&b.0)));
        let mut others = self.others.split(by_egress);
        let rest = rows.split_off(limit.min(rows.len()));
        rest.into_iter().for_each(|(_, split)| others += split);
        (TopTable { rows, others }, self.total.split(by_egress))
    }
}
