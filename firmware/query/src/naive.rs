//! Answers from records one by one, as the documentation of questions and filters says it: slow, and simple enough to be
//! believed. Tests hold the engine against it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use filter::{Compare, End, Expr, InterfaceEnd, Quantity, Sign, Test};
use model::{
    AddressRange, App, Ask, Confidence, Conversation, Endpoint, FlowRecord, Found, InterfaceId, Key, KeyValue, LinkId,
    Measure, Prefix, QualitySums, Query, SeriesRow, SideQuality, Sums, Timestamp, TopRow,
};

use crate::Context;

fn pair<T>(end: End, src: T, dst: T, test: impl Fn(T) -> bool) -> bool {
    match end {
        End::Src => test(src),
        End::Dst => test(dst),
        End::Any => test(src) || test(dst),
    }
}

fn in_ranges(ranges: &[AddressRange], address: IpAddr) -> bool {
    ranges.iter().any(|range| range.contains(address))
}

fn has_ports(r: &FlowRecord) -> bool {
    [6, 17, 132].contains(&r.protocol)
}

fn endpoints_match(endpoints: &[Endpoint], r: &FlowRecord) -> bool {
    endpoints.iter().any(|e| {
        [(r.src_ip, r.src_port), (r.dst_ip, r.dst_port)]
            .iter()
            .any(|(address, port)| {
                e.protocol.is_none_or(|p| p == r.protocol)
                    && (e.ports.is_empty() || e.ports.iter().any(|p| p.contains(*port)))
                    && (e.addresses.is_empty() || in_ranges(&e.addresses, *address))
            })
    })
}

/// The application, by today's definitions where the record's is unknown.
pub(crate) fn app(r: &FlowRecord, context: &Context) -> App {
    if r.app != App::UNKNOWN {
        return r.app;
    }
    let mut defined = context.objects.applications.iter();
    let number = defined.find(|(_, a)| endpoints_match(&a.endpoints, r)).map(|(n, _)| *n);
    number.and_then(App::defined).unwrap_or(App::UNKNOWN)
}

fn if_of(r: &FlowRecord, end: InterfaceEnd) -> Vec<InterfaceId> {
    let Some(e) = &r.export else { return Vec::new() };
    let list = match end {
        InterfaceEnd::In => vec![e.ingress_if],
        InterfaceEnd::Out => vec![e.egress_if],
        InterfaceEnd::Any => vec![e.ingress_if, e.egress_if],
    };
    let id = |index| InterfaceId {
        exporter: r.link,
        index,
    };
    list.into_iter().flatten().map(id).collect()
}

fn bytes(r: &FlowRecord) -> u64 {
    r.bytes.saturating_add(r.bytes_rev)
}

fn packets(r: &FlowRecord) -> u64 {
    r.packets.saturating_add(r.packets_rev)
}

fn a_second(n: u128, r: &FlowRecord) -> u64 {
    let duration = match r.end.nanos_since(r.start) {
        0 => 1_000_000,
        d => u128::from(d),
    };
    u64::try_from(n * 1_000_000_000 / duration).unwrap_or(u64::MAX)
}

fn micros(us: impl Into<u64>) -> u64 {
    us.into() * 1_000
}

/// `None`: the record meets no comparison.
fn quantity(q: Quantity, r: &FlowRecord) -> Option<u64> {
    let quality = r.quality.as_deref();
    let both = |of: fn(&SideQuality) -> u32| quality.map(|q| u64::from(of(&q.forward)) + u64::from(of(&q.reverse)));
    let tcp = |n: Option<u64>| n.filter(|_| r.protocol == 6);
    let rtp = |n: Option<u64>| n.filter(|_| both(|s| s.rtp_packets) > Some(0));
    Some(match q {
        Quantity::ConnectClient => return quality?.connect_client_us.map(micros),
        Quantity::ConnectServer => return quality?.connect_server_us.map(micros),
        Quantity::Connect => micros(quality?.connect_client_us?) + micros(quality?.connect_server_us?),
        Quantity::Response => {
            let mean = quality?.response.mean_us()?;
            // A mean that nobody can have measured is as long as can be told.
            mean.saturating_mul(1_000)
        }
        Quantity::ResponseMax => micros(quality.filter(|q| q.response.count > 0)?.response.max_us),
        Quantity::Retransmissions => return tcp(both(|s| s.retransmitted)),
        Quantity::OutOfOrder => return tcp(both(|s| s.out_of_order)),
        Quantity::ZeroWindows => return tcp(both(|s| s.zero_windows)),
        Quantity::Resets => return tcp(both(|s| s.resets)),
        Quantity::RtpPackets => return rtp(both(|s| s.rtp_packets)),
        Quantity::RtpLost => return rtp(both(|s| s.rtp_lost)),
        Quantity::Jitter => {
            let higher = quality.map(|q| micros(q.forward.rtp_jitter_us.max(q.reverse.rtp_jitter_us)));
            return rtp(higher);
        }
        Quantity::Bytes => bytes(r),
        Quantity::BytesForward => r.bytes,
        Quantity::BytesReverse => r.bytes_rev,
        Quantity::Packets => packets(r),
        Quantity::PacketsForward => r.packets,
        Quantity::PacketsReverse => r.packets_rev,
        Quantity::Duration => r.end.nanos_since(r.start),
        Quantity::BitsPerSecond => a_second(u128::from(bytes(r)) * 8, r),
        Quantity::PacketsPerSecond => a_second(packets(r).into(), r),
        Quantity::BytesPerPacket => bytes(r).checked_div(packets(r)).unwrap_or(0),
    })
}

/// Whether a text is like a pattern in which `*` stands for any characters.
fn is_like(text: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => text.eq_ignore_ascii_case(pattern),
        Some((before, after)) => {
            let Some((head, _)) = text.split_at_checked(before.len()) else {
                return false;
            };
            let mut ends = (before.len()..=text.len()).filter_map(|at| text.get(at..));
            head.eq_ignore_ascii_case(before) && ends.any(|rest| is_like(rest, after))
        }
    }
}

fn names_link(context: &Context, name: &str, link: LinkId, exporter: bool) -> bool {
    if exporter && link.exporter().is_none() {
        return false;
    }
    let candidates = context
        .links
        .iter()
        .filter(|(l, _)| !exporter || l.exporter().is_some());
    let named: Vec<LinkId> = candidates
        .filter(|(_, names)| names.iter().any(|n| n == name))
        .map(|(l, _)| *l)
        .collect();
    if !named.is_empty() {
        return named.contains(&link);
    }
    match (name.parse::<u32>(), exporter) {
        (Ok(n), true) => link.exporter() == Some(n),
        (Ok(n), false) => link.0 == n,
        _ => false,
    }
}

fn test(t: &Test, r: &FlowRecord, c: &Context) -> bool {
    let export = r.export.as_deref();
    let o = &c.objects;
    match t {
        Test::Address(end, ranges) => pair(*end, r.src_ip, r.dst_ip, |a| in_ranges(ranges, a)),
        Test::IpGroup(end, names) => pair(*end, r.src_ip, r.dst_ip, |a| {
            o.ip_groups
                .values()
                .any(|g| names.contains(&g.name) && in_ranges(&g.addresses, a))
        }),
        Test::Port(end, ranges) => {
            has_ports(r)
                && pair(*end, r.src_port, r.dst_port, |p| {
                    ranges.iter().any(|range| range.contains(p))
                })
        }
        Test::Protocol(list) => list.contains(&r.protocol),
        Test::App(names) => names.iter().any(|n| o.app_of(n) == Some(app(r, c))),
        Test::Business(names) => {
            let mut all = o.businesses.values().filter(|b| names.contains(&b.name));
            all.any(|b| endpoints_match(&b.endpoints, r))
        }
        Test::Link(names) => names.iter().any(|n| names_link(c, n, r.link, false)),
        Test::LinkGroup(names) => {
            let mut all = o.link_groups.values().filter(|g| names.contains(&g.name));
            all.any(|g| g.links.contains(&r.link))
        }
        Test::Exporter(names) => names.iter().any(|n| names_link(c, n, r.link, true)),
        Test::Interface(end, terms) => if_of(r, *end).iter().any(|id| {
            terms.iter().any(|term| {
                let exporter = term
                    .exporter
                    .as_ref()
                    .is_none_or(|n| names_link(c, n, id.exporter, true));
                let of_exporter = |i: &InterfaceId| {
                    term.exporter
                        .as_ref()
                        .is_none_or(|n| names_link(c, n, i.exporter, true))
                };
                let named: Vec<_> = c
                    .interfaces
                    .iter()
                    .filter(|(i, names)| of_exporter(i) && names.contains(&term.interface))
                    .map(|(i, _)| *i)
                    .collect();
                if named.is_empty() {
                    exporter && term.interface.parse() == Ok(id.index)
                } else {
                    named.contains(id)
                }
            })
        }),
        Test::InterfaceGroup(end, names) => if_of(r, *end).iter().any(|id| {
            let mut all = o.interface_groups.values().filter(|g| names.contains(&g.name));
            all.any(|g| g.interfaces.contains(id))
        }),
        Test::Direction(list) => list.contains(&r.direction),
        Test::Flags(set, unset) => {
            let flags = r.tcp_flags | r.tcp_flags_rev;
            r.protocol == 6 && flags & set == *set && flags & unset == 0
        }
        Test::Compare(Compare { quantity, sign, value }) => {
            let Some(ours) = self::quantity(*quantity, r) else {
                return false;
            };
            match sign {
                Sign::Less => ours < *value,
                Sign::LessOrEqual => ours <= *value,
                Sign::Equal => ours == *value,
                Sign::NotEqual => ours != *value,
                Sign::GreaterOrEqual => ours >= *value,
                Sign::Greater => ours > *value,
            }
        }
        Test::Vlan(ranges) => {
            let mut tags = [r.vlan, r.vlan_inner].into_iter().flatten();
            tags.any(|v| ranges.iter().any(|(a, b)| (*a..=*b).contains(&v)))
        }
        Test::Mac(end, list) => pair(*end, r.src_mac, r.dst_mac, |m| m.is_some_and(|m| list.contains(&m))),
        Test::As(end, ranges) => {
            let (src, dst) = (export.and_then(|e| e.src_as), export.and_then(|e| e.dst_as));
            pair(*end, src, dst, |a| {
                a.is_some_and(|a| ranges.iter().any(|(x, y)| (*x..=*y).contains(&a)))
            })
        }
        Test::Dscp(list) => list.contains(&(r.tos >> 2)),
        Test::Country(end, list) => pair(*end, r.src_ip, r.dst_ip, |a| {
            let country = c.countries.as_ref().and_then(|t| t.country(a));
            country.is_some_and(|country| list.contains(&country))
        }),
        Test::IpVersion(v) => r.ip_version() == *v,
        Test::Icmp(kind, code) => {
            let mut both = [r.icmp, r.icmp_rev].into_iter().flatten();
            [1, 58].contains(&r.protocol) && both.any(|i| i.kind == *kind && code.is_none_or(|c| c == i.code))
        }
        Test::EndReason(list) => list.contains(&r.end_reason),
        Test::Domain(names) => {
            let host = r.l7.as_ref().and_then(|l7| l7.host.as_deref());
            host.is_some_and(|host| names.iter().any(|n| host == n || host.ends_with(&format!(".{n}"))))
        }
        Test::Confidence(list) => {
            let confidence = r.l7.as_ref().map_or(Confidence::Port, |l7| l7.confidence);
            list.contains(&confidence)
        }
        Test::Detail(key, texts) => {
            let said = r.l7.as_ref().and_then(|l7| l7.details.get(*key));
            said.is_some_and(|said| texts.iter().any(|text| is_like(said, text)))
        }
        Test::Measured => r.quality.is_some(),
        Test::NextHop(ranges) => export.and_then(|e| e.next_hop).is_some_and(|a| in_ranges(ranges, a)),
    }
}

/// Whether a filter means a record.
pub(crate) fn matches(expr: &Expr, r: &FlowRecord, c: &Context) -> bool {
    match expr {
        Expr::All => true,
        Expr::And(all) => all.iter().all(|e| matches(e, r, c)),
        Expr::Or(any) => any.iter().any(|e| matches(e, r, c)),
        Expr::Not(e) => !matches(e, r, c),
        Expr::Test(t) => test(t, r, c),
    }
}

fn objects(numbers: impl Iterator<Item = u32>) -> Vec<KeyValue> {
    let all: BTreeSet<u32> = numbers.collect();
    all.into_iter().map(KeyValue::Object).collect()
}

/// The values of a key that a record has; none is one of them.
pub(crate) fn values(key: Key, r: &FlowRecord, c: &Context) -> Vec<KeyValue> {
    let o = &c.objects;
    let export = r.export.as_deref();
    let number = |n: Option<u64>| n.map(KeyValue::Number).into_iter().collect::<Vec<_>>();
    let port = |p: u16| number(has_ports(r).then_some(u64::from(p)));
    let network = |a: IpAddr| {
        Prefix::new(a, if a.is_ipv4() { 24 } else { 64 })
            .map(KeyValue::Network)
            .into_iter()
            .collect()
    };
    let groups = |list: &[IpAddr]| {
        let all = o
            .ip_groups
            .iter()
            .filter(|(_, g)| list.iter().any(|a| in_ranges(&g.addresses, *a)));
        objects(all.map(|(n, _)| *n))
    };
    let interfaces = |end| {
        if_of(r, end)
            .into_iter()
            .map(KeyValue::Interface)
            .collect::<BTreeSet<_>>()
    };
    let country = |a: IpAddr| {
        let country = c.countries.as_ref().and_then(|t| t.country(a));
        country.map(KeyValue::Country).into_iter().collect()
    };
    let mut found: Vec<KeyValue> = match key {
        Key::SrcIp => vec![KeyValue::Address(r.src_ip)],
        Key::DstIp => vec![KeyValue::Address(r.dst_ip)],
        Key::Host => vec![KeyValue::Address(r.src_ip), KeyValue::Address(r.dst_ip)],
        Key::Conversation => vec![KeyValue::Conversation(Conversation::of(r.src_ip, r.dst_ip).0)],
        Key::SrcNet => network(r.src_ip),
        Key::DstNet => network(r.dst_ip),
        Key::SrcPort => port(r.src_port),
        Key::DstPort => port(r.dst_port),
        Key::Protocol => number(Some(r.protocol.into())),
        Key::App => vec![KeyValue::App(app(r, c))],
        Key::Business => objects(
            o.businesses
                .iter()
                .filter(|(_, b)| endpoints_match(&b.endpoints, r))
                .map(|(n, _)| *n),
        ),
        Key::IpGroup => groups(&[r.src_ip, r.dst_ip]),
        Key::SrcGroup => groups(&[r.src_ip]),
        Key::DstGroup => groups(&[r.dst_ip]),
        Key::Link => vec![KeyValue::Link(r.link)],
        Key::LinkGroup => objects(
            o.link_groups
                .iter()
                .filter(|(_, g)| g.links.contains(&r.link))
                .map(|(n, _)| *n),
        ),
        Key::InIf => interfaces(InterfaceEnd::In).into_iter().collect(),
        Key::OutIf => interfaces(InterfaceEnd::Out).into_iter().collect(),
        Key::Interface => interfaces(InterfaceEnd::Any).into_iter().collect(),
        Key::InterfaceGroup => {
            let ours = if_of(r, InterfaceEnd::Any);
            let all = o
                .interface_groups
                .iter()
                .filter(|(_, g)| ours.iter().any(|id| g.interfaces.contains(id)));
            objects(all.map(|(n, _)| *n))
        }
        Key::Direction => vec![KeyValue::Direction(r.direction)],
        Key::TcpFlags => number((r.protocol == 6).then_some((r.tcp_flags | r.tcp_flags_rev).into())),
        Key::Vlan => number(r.vlan.map(u64::from)),
        Key::SrcMac => r.src_mac.map(KeyValue::Mac).into_iter().collect(),
        Key::DstMac => r.dst_mac.map(KeyValue::Mac).into_iter().collect(),
        Key::SrcAs => number(export.and_then(|e| e.src_as).map(u64::from)),
        Key::DstAs => number(export.and_then(|e| e.dst_as).map(u64::from)),
        Key::Dscp => number(Some((r.tos >> 2).into())),
        Key::SrcCountry => country(r.src_ip),
        Key::DstCountry => country(r.dst_ip),
        Key::PacketSize => {
            let (bytes, packets) = (u128::from(bytes(r)), u128::from(packets(r)));
            let class = [64u128, 128, 256, 512, 1_024, 1_518]
                .iter()
                .filter(|b| bytes > **b * packets)
                .count();
            vec![KeyValue::Number(if packets == 0 { 0 } else { class as u64 })]
        }
        Key::IpVersion => vec![KeyValue::Number(r.ip_version().into())],
        Key::EndReason => vec![KeyValue::EndReason(r.end_reason)],
        Key::Domain => {
            let host = r.l7.as_ref().and_then(|l7| l7.host.clone());
            host.map(KeyValue::Text).into_iter().collect()
        }
    };
    found.sort();
    found.dedup();
    if found.is_empty() {
        found.push(KeyValue::None);
    }
    found
}

/// Every combination of the values of several keys.
fn combinations(keys: &[Key], r: &FlowRecord, c: &Context) -> Vec<Vec<KeyValue>> {
    keys.iter().fold(vec![Vec::new()], |so_far, key| {
        let values = values(*key, r, c);
        let with = |before: &Vec<KeyValue>| -> Vec<Vec<KeyValue>> {
            values
                .iter()
                .map(|v| [before.as_slice(), std::slice::from_ref(v)].concat())
                .collect()
        };
        so_far.iter().flat_map(with).collect()
    })
}

fn sums(r: &FlowRecord) -> Sums {
    Sums {
        flows: 1,
        packets: r.packets,
        bytes: r.bytes,
        packets_rev: r.packets_rev,
        bytes_rev: r.bytes_rev,
    }
}

fn weight(measure: Measure, s: &Sums) -> u64 {
    match measure {
        Measure::Bytes
        | Measure::Rate
        | Measure::P95
        | Measure::Response
        | Measure::Connect
        | Measure::Retransmissions => s.bytes.saturating_add(s.bytes_rev),
        Measure::Packets => s.packets.saturating_add(s.packets_rev),
        Measure::Flows => s.flows,
        Measure::BytesForward => s.bytes,
        Measure::BytesReverse => s.bytes_rev,
    }
}

const SECOND: i128 = 1_000_000_000;

/// What of a count is due until a time.
fn due(r: &FlowRecord, count: u64, time: i128) -> u64 {
    let (start, end) = (i128::from(r.start.as_nanos()), i128::from(r.end.as_nanos()));
    if start >= end {
        // All of it in the moment of its end.
        return if time > end { count } else { 0 };
    }
    let time = time.clamp(start, end);
    u64::try_from(i128::from(count) * (time - start) / (end - start)).unwrap()
}

/// A record's sums from one time to another, spread.
fn share(r: &FlowRecord, from: i128, to: i128) -> Sums {
    let part = |count| due(r, count, to) - due(r, count, from);
    let end = i128::from(r.end.as_nanos());
    Sums {
        flows: u64::from(from <= end && end < to),
        packets: part(r.packets),
        bytes: part(r.bytes),
        packets_rev: part(r.packets_rev),
        bytes_rev: part(r.bytes_rev),
    }
}

fn nanos(t: Timestamp) -> i128 {
    t.as_nanos().into()
}

fn add(to: &mut Sums, more: Sums) {
    *to += more;
}

/// The answer to all but [`Ask::Records`]: these are checked otherwise.
pub(crate) fn answer(query: &Query, expr: &Expr, c: &Context, now: Timestamp, records: &[FlowRecord]) -> Found {
    let (from, to) = (query.from, query.to.unwrap_or(now));
    let length = to.nanos_since(from);
    let before_from = Timestamp::from_nanos(from.as_nanos() - length);
    let meant: Vec<&FlowRecord> = records
        .iter()
        .filter(|r| query.scope.is_none_or(|s| s.holds(r.link)) && matches(expr, r, c))
        .collect();
    let ended = |from: Timestamp, to: Timestamp| meant.iter().copied().filter(move |r| from <= r.end && r.end < to);
    let total = |from, to| {
        let mut total = Sums::default();
        ended(from, to).for_each(|r| total += sums(r));
        total
    };
    // Of all records, or of those of a group.
    let quality_of = |asked: bool, of: &dyn Fn(&FlowRecord) -> bool| {
        let mut all: Option<Box<QualitySums>> = None;
        for quality in ended(from, to).filter(|r| asked && of(r)).filter_map(QualitySums::of) {
            **all.get_or_insert_default() += quality;
        }
        all
    };
    match &query.ask {
        Ask::Records { .. } => unreachable!(),
        Ask::Totals {
            distinct,
            compare,
            quality,
        } => Found::Totals {
            quality: quality_of(*quality, &|_| true),
            total: total(from, to),
            before: compare.then(|| total(before_from, from)),
            distinct: distinct
                .iter()
                .map(|key| {
                    let all: BTreeSet<_> = ended(from, to).flat_map(|r| values(*key, r, c)).collect();
                    (*key, all.iter().filter(|v| **v != KeyValue::None).count() as u64)
                })
                .collect(),
        },
        Ask::Top {
            by,
            measure,
            limit,
            ascending,
            compare,
            quality,
        } => {
            let quality = *quality || measure.is_quality();
            let groups = |from, to| {
                let mut groups = BTreeMap::<Vec<KeyValue>, Sums>::new();
                for r in ended(from, to) {
                    combinations(by, r, c)
                        .into_iter()
                        .for_each(|v| add(groups.entry(v).or_default(), sums(r)));
                }
                groups
            };
            let (now, before) = (groups(from, to), groups(before_from, from));
            let percentile = |values: &Vec<KeyValue>| {
                let step = if length >= 6 * 3_600 * 1_000_000_000 { 300 } else { 60 };
                let mut intervals = Vec::new();
                let mut start = nanos(from);
                while start < nanos(to) {
                    let end = (start + step * SECOND).min(nanos(to));
                    let mut octets = 0;
                    for r in ended(from, to).filter(|r| combinations(by, r, c).contains(values)) {
                        let s = share(r, start, end);
                        octets += s.bytes + s.bytes_rev;
                    }
                    intervals.push(octets);
                    start += step * SECOND;
                }
                intervals.sort_unstable();
                let rank = (intervals.len() * 95).div_ceil(100);
                intervals[rank - 1] as f64 * 8.0 / step as f64
            };
            let p95 = *measure == Measure::P95;
            let mut rows: Vec<TopRow> = now
                .iter()
                .map(|(values, sums)| TopRow {
                    values: values.clone(),
                    sums: *sums,
                    p95_bps: p95.then(|| percentile(values)),
                    before: compare.then(|| before.get(values).copied().unwrap_or_default()),
                    quality: quality_of(quality, &|r| combinations(by, r, c).contains(values)),
                })
                .collect();
            // The map gave them in the order of their values, which a stable sort keeps.
            if let (true, false) = (p95, *ascending) {
                rows.sort_by(|a, b| b.p95_bps.partial_cmp(&a.p95_bps).unwrap());
            } else if p95 {
                rows.sort_by(|a, b| a.p95_bps.partial_cmp(&b.p95_bps).unwrap());
            } else if measure.is_quality() {
                let value = |row: &TopRow| match measure {
                    Measure::Response => row.quality.as_ref()?.response.mean_us(),
                    Measure::Connect => row.quality.as_ref()?.connect_server.mean_us(),
                    _ => Some(row.quality.as_ref().map_or(0, |quality| quality.retransmitted())),
                };
                rows.sort_by_key(|row| match (value(row), *ascending) {
                    (None, _) => (true, 0),
                    (Some(value), true) => (false, value),
                    (Some(value), false) => (false, u64::MAX - value),
                });
            } else if *ascending {
                rows.sort_by_key(|row| weight(*measure, &row.sums));
            } else {
                rows.sort_by_key(|row| std::cmp::Reverse(weight(*measure, &row.sums)));
            }
            rows.truncate(*limit as usize);
            Found::Top {
                rows,
                total: total(from, to),
                before: compare.then(|| total(before_from, from)),
                groups: now.len() as u64,
                quality: quality_of(quality, &|_| true),
            }
        }
        Ask::Series {
            step_s,
            zone_s,
            by,
            measure,
            limit,
            compare,
            quality,
        } => {
            let quality = *quality || measure.is_quality();
            let step = i128::from(step_s.unwrap());
            let zone = i128::from(*zone_s);
            let mut starts = Vec::new();
            let mut start = (nanos(from) + zone * SECOND).div_euclid(step * SECOND) * step * SECOND - zone * SECOND;
            while start < nanos(to) {
                starts.push(start);
                start += step * SECOND;
            }
            let later = i128::from(length);
            // Each group's points, and those of the span before.
            let mut groups = BTreeMap::<Vec<KeyValue>, [Vec<Sums>; 2]>::new();
            let mut there = BTreeSet::new();
            let empty = || [vec![Sums::default(); starts.len()], vec![Sums::default(); starts.len()]];
            for r in &meant {
                for (which, earlier) in [(0, 0), (1, later)] {
                    let (first, last) = (nanos(from) - earlier, nanos(to) - earlier);
                    let end = nanos(r.end);
                    if step < 3_600 && (end < first || end >= last + 3_600 * SECOND) {
                        continue;
                    }
                    for (point, start) in starts.iter().enumerate() {
                        let start = start - earlier;
                        let (a, b) = (start.max(first), (start + step * SECOND).min(last));
                        let part = if step < 3_600 {
                            share(r, a, b)
                        } else if a <= end && end < b {
                            sums(r)
                        } else {
                            continue;
                        };
                        if part == Sums::default() {
                            continue;
                        }
                        for values in combinations(by, r, c) {
                            if which == 0 {
                                there.insert(values.clone());
                            }
                            add(&mut groups.entry(values).or_insert_with(empty)[which][point], part);
                        }
                    }
                }
            }
            // Of each group, or of those that others than some have: by the point of the end.
            let qualities = |of: &dyn Fn(&Vec<KeyValue>) -> bool| {
                let mut points = vec![QualitySums::default(); if quality { starts.len() } else { 0 }];
                for r in ended(from, to).filter(|_| quality) {
                    let point = starts.iter().rposition(|start| *start <= nanos(r.end)).unwrap();
                    for values in combinations(by, r, c).iter().filter(|values| of(values)) {
                        let _ = values;
                        points[point] += QualitySums::of(r).unwrap_or_default();
                    }
                }
                points
            };
            let row = |values: Vec<KeyValue>, rest, points: &[Vec<Sums>; 2], quality| SeriesRow {
                quality,
                values,
                rest,
                points: points[0].clone(),
                before: if *compare { points[1].clone() } else { Vec::new() },
            };
            let series = if by.is_empty() {
                vec![row(
                    Vec::new(),
                    false,
                    &groups.get(&Vec::new()).cloned().unwrap_or_else(empty),
                    qualities(&|_| true),
                )]
            } else {
                let mut order: Vec<_> = there.into_iter().collect();
                order.sort_by_cached_key(|values| {
                    let mut all = Sums::default();
                    groups[values][0].iter().for_each(|s| all += *s);
                    std::cmp::Reverse(weight(*measure, &all))
                });
                order.truncate(*limit as usize);
                let mut series: Vec<_> = order
                    .iter()
                    .map(|v| row(v.clone(), false, &groups[v], qualities(&|values| values == v)))
                    .collect();
                let mut rest = empty();
                for (values, points) in &groups {
                    if !order.contains(values) {
                        for (rest, points) in rest.iter_mut().zip(points) {
                            rest.iter_mut().zip(points).for_each(|(a, b)| add(a, *b));
                        }
                    }
                }
                let spans = if *compare { 2 } else { 1 };
                if rest[..spans].iter().flatten().any(|s| *s != Sums::default()) {
                    let quality = qualities(&|values| !order.contains(values));
                    series.push(row(Vec::new(), true, &rest, quality));
                }
                series
            };
            Found::Series {
                step_s: step_s.unwrap(),
                at: starts
                    .iter()
                    .map(|s| Timestamp::from_nanos(u64::try_from(*s).unwrap()))
                    .collect(),
                series,
            }
        }
    }
}
