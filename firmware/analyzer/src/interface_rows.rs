//! A top-N table of one interface from records. As in the interfaces' minutes, what comes in is counted from records
//! that were not seen on egress; what goes out from those that were, if there are such, else from the others.

use std::collections::HashMap;

use model::{Conversation, Counters, Dimension, Observed, Split, Timestamp, TopKey, TopTable};
use store::InterfaceRecord;

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
    pub(crate) fn observe(&mut self, record: &InterfaceRecord) {
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

    fn carried(&mut self, record: &InterfaceRecord) -> Option<Carried> {
        let at = |index: Option<u32>| index == Some(self.index);
        let (comes, leaves) = (at(record.ingress), at(record.egress));
        let forward = self.within(record, record.forward);
        let reverse = self.within(record, record.reverse);
        let mut carried = Carried::default();
        if record.observed == Observed::Egress {
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
    fn within(&self, record: &InterfaceRecord, counters: Counters) -> Counters {
        let (from, to) = self.span;
        let (start, end) = (record.start, record.end.max(record.start));
        if (from <= start && end < to) || start == end {
            return counters;
        }
        let part = u128::from(end.min(to).nanos_since(start.max(from)));
        let all = u128::from(end.nanos_since(start));
        let share = |n: u64| u64::try_from((u128::from(n) * part + all / 2) / all).unwrap_or(n);
        Counters {
            packets: share(counters.packets),
            bytes: share(counters.bytes),
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

#[cfg(test)]
mod tests {
    use model::App;

    use super::*;

    fn record(src: u8, dst: u8, ingress: u32, egress: u32, observed: Observed, bytes: u64) -> InterfaceRecord {
        let ip = |n| std::net::Ipv4Addr::new(10, 0, 0, n).into();
        InterfaceRecord {
            start: Timestamp::from_secs(100),
            end: Timestamp::from_secs(110),
            src_ip: ip(src),
            dst_ip: ip(dst),
            protocol: 6,
            app: App::UNKNOWN,
            ingress: Some(ingress),
            egress: Some(egress),
            observed,
            forward: Counters { packets: 10, bytes },
            reverse: Counters::default(),
        }
    }

    fn finish(records: &[InterfaceRecord], by: Dimension, span: (u64, u64), limit: usize) -> (TopTable, Split) {
        let span = (Timestamp::from_secs(span.0), Timestamp::from_secs(span.1));
        let mut rows = InterfaceRows::new(7, by, span);
        records.iter().for_each(|r| rows.observe(r));
        rows.finish(limit)
    }

    fn octets(split: &Split) -> (u64, u64, u64) {
        (split.total.bytes, split.inbound.bytes, split.outbound.bytes)
    }

    #[test]
    fn in_and_out_are_the_interfaces() {
        let mut biflow = record(1, 2, 7, 3, Observed::Ingress, 100);
        biflow.reverse = Counters { packets: 1, bytes: 40 };
        let records = [
            biflow,
            record(2, 1, 3, 7, Observed::Ingress, 500),
            record(8, 9, 3, 4, Observed::Ingress, 9_999),
        ];
        let (table, total) = finish(&records, Dimension::Conversation, (0, 1_000), 10);
        assert_eq!(octets(&total), (640, 100, 540));
        assert_eq!(table.rows.len(), 1);
        assert_eq!(octets(&table.rows[0].1), (640, 100, 540));
    }

    #[test]
    fn what_is_seen_on_both_sides_counts_once() {
        let records = [
            record(1, 2, 3, 7, Observed::Ingress, 500),
            record(1, 2, 3, 7, Observed::Egress, 500),
            record(2, 1, 7, 3, Observed::Ingress, 20),
            record(2, 1, 7, 3, Observed::Egress, 20),
            // Seen when it came in alone: the exporter says what leaves by 7 itself.
            record(5, 6, 4, 7, Observed::Ingress, 77),
        ];
        let (table, total) = finish(&records, Dimension::Host, (0, 1_000), 10);
        assert_eq!(octets(&total), (520, 20, 500));
        assert_eq!(table.rows.len(), 2, "{table:?}");
    }

    #[test]
    fn a_part_of_a_record_counts_by_its_time_and_the_rest_is_others() {
        let records = [
            record(1, 2, 7, 3, Observed::Unknown, 1_000),
            record(3, 4, 7, 3, Observed::Unknown, 10),
        ];
        let (table, total) = finish(&records, Dimension::Conversation, (105, 1_000), 1);
        assert_eq!(octets(&total), (505, 505, 0));
        assert_eq!(total.inbound.packets, 10);
        assert_eq!((octets(&table.rows[0].1).0, octets(&table.others).0), (500, 5));
        // A record of one moment counts whole.
        let mut moment = record(1, 2, 7, 3, Observed::Unknown, 1_000);
        moment.end = moment.start;
        assert_eq!(finish(&[moment], Dimension::App, (100, 101), 1).1.total.bytes, 1_000);
    }

    #[test]
    fn keys_are_bounded() {
        let mut rows = InterfaceRows::new(7, Dimension::Host, (Timestamp::EPOCH, Timestamp::from_secs(1_000)));
        for n in 0..80_000u32 {
            let mut one = record(1, 2, 7, 3, Observed::Unknown, 1);
            one.src_ip = std::net::Ipv4Addr::from(n + 0x0b00_0000).into();
            rows.observe(&one);
        }
        assert_eq!(rows.rows.len(), KEYS_MAX);
        let (table, total) = rows.finish(1);
        assert_eq!(total.total.bytes, 80_000);
        // Each record has two ends, the same one every time.
        assert_eq!(table.rows[0].1.total.bytes + table.others.total.bytes, 160_000);
    }
}
