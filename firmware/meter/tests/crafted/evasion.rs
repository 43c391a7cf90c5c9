//! What evasion is made of: fragments and segments that overlap, cut headers, or lie where nothing may.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use proptest::prelude::*;

use crate::frames::{self, CLIENT, SERVER, anomaly, host};

const V6: (Ipv6Addr, Ipv6Addr) = (
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 5),
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9),
);
const MORE: u16 = 0x2000;

/// A fragment in an Ethernet frame; `offset` in octets.
fn fragment(v6: bool, protocol: u8, id: u16, offset: u16, more: bool, octets: &[u8]) -> Vec<u8> {
    if v6 {
        let mut body = vec![protocol, 0];
        body.extend((offset | u16::from(more)).to_be_bytes());
        body.extend(u32::from(id).to_be_bytes());
        body.extend(octets);
        return frames::ethernet(0x86dd, &frames::ipv6(V6, 44, &body));
    }
    let flags = (offset / 8) | if more { MORE } else { 0 };
    frames::ethernet(0x0800, &frames::ipv4((CLIENT, SERVER), protocol, (id, flags), octets))
}

/// Name, frames, what the record says, and how many fragments are counted for overlaps and for else.
type Case<'a> = (&'a str, &'a [Vec<u8>], Option<&'a str>, [u64; 2]);

#[test]
fn fragments_are_flagged_for_what_is_wrong_with_them() {
    let udp = frames::udp((4_000, 53), &[7; 56]);
    let tcp = frames::tcp((4_000, 80), 1, 0, 2, &[7; 44]);
    for v6 in [false, true] {
        let part = |protocol, offset: u16, more, octets: &[u8]| fragment(v6, protocol, 9, offset, more, octets);
        let sound = [part(17, 0, true, &udp[..32]), part(17, 32, false, &udp[32..])];
        let again = [sound[0].clone(), sound[0].clone(), sound[1].clone()];
        // The second one within the first, and with an end before its end.
        let teardrop = [part(17, 0, true, &udp[..40]), part(17, 24, false, &udp[24..32])];
        let shifted = [part(17, 0, true, &udp[..40]), part(17, 32, false, &udp[32..])];
        // The overlap is there before the ports are.
        let early = [
            part(17, 32, false, &udp[32..]),
            part(17, 24, true, &udp[24..48]),
            part(17, 0, true, &udp[..24]),
        ];
        let mut other = udp[..32].to_vec();
        other[2..4].copy_from_slice(&80_u16.to_be_bytes());
        let twice = [
            part(17, 0, true, &udp[..32]),
            part(17, 0, true, &other),
            part(17, 32, false, &udp[32..]),
        ];
        let tiny = [part(6, 0, true, &tcp[..8]), part(6, 8, false, &tcp[8..])];
        let death = [part(17, 0, true, &udp[..32]), part(17, 65_528, false, &[7; 64])];
        let cases: [Case<'_>; 8] = [
            ("sound", &sound, None, [0, 0]),
            ("the same again", &again, None, [0, 0]),
            ("teardrop", &teardrop, Some("overlapping fragments"), [1, 0]),
            ("shifted", &shifted, Some("overlapping fragments"), [1, 0]),
            ("early", &early, Some("overlapping fragments"), [1, 0]),
            ("two beginnings", &twice, Some("overlapping fragments"), [1, 0]),
            ("tiny", &tiny, Some("tiny fragments"), [0, 1]),
            ("too long", &death, Some("fragments too long"), [0, 1]),
        ];
        for (name, frames, expected, [overlapping, odd]) in cases {
            let got = frames::meter(frames);
            let [record] = got.records.as_slice() else {
                panic!("{name}: {:?} {:?}", got.records, got.refused)
            };
            let dst_port = if name == "tiny" { 80 } else { 53 };
            assert_eq!(
                (record.src_port, record.dst_port),
                (4_000, dst_port),
                "{name}, IPv6: {v6}"
            );
            assert_eq!(record.packets, frames.len() as u64, "{name}");
            assert_eq!(anomaly(record), expected, "{name}, IPv6: {v6}");
            let counted = (got.statistics.overlapping_fragments, got.statistics.odd_fragments);
            assert_eq!(counted, (overlapping, odd), "{name}, IPv6: {v6}");
        }
    }
}

#[test]
fn an_identification_that_comes_again_is_another_datagram() {
    let frames: Vec<Vec<u8>> = [53_u16, 80, 443]
        .iter()
        .flat_map(|port| {
            let udp = frames::udp((4_000, *port), &[7; 56]);
            [
                fragment(false, 17, 9, 0, true, &udp[..32]),
                fragment(false, 17, 9, 32, false, &udp[32..]),
            ]
        })
        .collect();
    let got = frames::meter(&frames);
    let mut seen: Vec<_> = got
        .records
        .iter()
        .map(|r| (r.dst_port, r.packets, anomaly(r)))
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, [(53, 2, None), (80, 2, None), (443, 2, None)]);
}

/// A fragment of one of a few datagrams.
#[derive(Debug, Clone, Copy)]
struct Part {
    id: u16,
    /// In units of eight octets.
    offset: u16,
    units: u16,
    more: bool,
    port: u16,
}

/// Ports of a datagram are those of its first beginning, and what came before it is counted with it.
#[derive(Debug, Default)]
struct Datagram {
    port: Option<u16>,
    waiting: u64,
    places: Vec<(u16, u16)>,
    end: Option<u16>,
    overlaps: bool,
}

#[derive(Debug, Default)]
struct Model {
    datagrams: BTreeMap<u16, Datagram>,
    /// By destination port, 0 where no beginning came: packets, and whether an overlap is known.
    flows: BTreeMap<u16, (u64, bool)>,
    overlapping: u64,
}

impl Model {
    fn see(&mut self, part: &Part) {
        let of = self.datagrams.entry(part.id).or_default();
        let place = (part.offset, part.offset + part.units);
        if of.places.is_empty() && part.offset == 0 && of.port.is_some() {
            // The datagram before was whole: this one begins.
            of.port = None;
        }
        let is_new = !of.places.contains(&place);
        let mut overlaps = is_new && of.places.iter().any(|(from, to)| *from < place.1 && place.0 < *to);
        if part.offset == 0 {
            overlaps |= of.port.is_some_and(|port| port != part.port);
            of.port.get_or_insert(part.port);
        }
        self.overlapping += u64::from(overlaps);
        of.overlaps |= overlaps;
        of.waiting += 1;
        let known = of.overlaps;
        if is_new {
            of.places.push(place);
            of.end = if part.more { of.end } else { Some(place.1) };
            let sum: u16 = of.places.iter().map(|(from, to)| to - from).sum();
            if !of.overlaps && of.end == Some(sum) {
                (of.places, of.end) = (Vec::new(), None);
            }
        }
        if let Some(port) = of.port {
            let flow = self.flows.entry(port).or_default();
            flow.0 += std::mem::take(&mut of.waiting);
            flow.1 |= known;
        }
    }

    fn end(mut self) -> (BTreeMap<u16, (u64, bool)>, u64) {
        for of in self.datagrams.into_values().filter(|of| of.waiting > 0) {
            self.flows.entry(0).or_default().0 += of.waiting;
        }
        (self.flows, self.overlapping)
    }
}

fn any_part() -> impl Strategy<Value = Part> {
    (0_u16..3, 0_u16..6, 1_u16..4, any::<bool>(), 0_u16..2).prop_map(|(id, offset, units, more, port)| Part {
        id,
        offset,
        units,
        // A beginning without more is no fragment.
        more: more || offset == 0,
        port: 5_000 + port,
    })
}

/// A piece of a request: from an octet on, so many, the request's own or others.
fn any_piece() -> impl Strategy<Value = (usize, usize, bool)> {
    (0_usize..60, 1_usize..24, prop::bool::weighted(0.3))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fragments_go_where_the_naive_ones_go(parts in prop::collection::vec(any_part(), 1..40), v6 in any::<bool>()) {
        let mut model = Model::default();
        let frames: Vec<Vec<u8>> = parts.iter().map(|part| {
            model.see(part);
            let mut octets = vec![7; usize::from(part.units) * 8];
            if part.offset == 0 {
                // As long as a sender says that it is.
                let udp = frames::udp((4_000, part.port), &[7; 100]);
                octets[..8].copy_from_slice(&udp[..8]);
            }
            fragment(v6, 17, part.id, part.offset * 8, part.more, &octets)
        }).collect();
        let got = frames::meter(&frames);
        prop_assert!(got.refused.is_empty(), "{:?}", got.refused);
        let mut flows: BTreeMap<u16, (u64, bool)> = BTreeMap::new();
        for r in &got.records {
            let flow = flows.entry(r.dst_port).or_default();
            flow.0 += r.packets + r.packets_rev;
            flow.1 |= anomaly(r) == Some("overlapping fragments");
        }
        let (expected, overlapping) = model.end();
        prop_assert_eq!(flows, expected);
        prop_assert_eq!(got.statistics.overlapping_fragments, overlapping);
    }

    #[test]
    fn of_segments_that_overlap_the_first_octets_win(
        pieces in prop::collection::vec(any_piece(), 0..20),
        first in prop_oneof![Just(u32::MAX - 20), any::<u32>()],
    ) {
        let good = b"GET / HTTP/1.1\r\nHost: good.example.com\r\nAccept: */*\r\n\r\n";
        let evil = b"GET / HTTP/1.1\r\nHost: evil.example.net\r\nAccept: */*\r\n\r\n";
        prop_assert_eq!(good.len(), evil.len());
        let ports = (4_000, 80);
        let v4 = |segment: &[u8]| frames::ethernet(0x0800, &frames::ipv4((CLIENT, SERVER), 6, (0, 0), segment));
        let mut frames = Vec::new();
        frames.push(v4(&frames::tcp(ports, first.wrapping_sub(1), 0, 2, b"")));
        // By octet: what came first.
        let mut stream: [Option<u8>; 55] = [None; 55];
        let mut contradicts = false;
        let whole = [(0, 20, false), (20, 20, false), (40, 20, false)];
        for (from, octets, is_evil) in pieces.iter().copied().chain(whole) {
            let text = if is_evil { evil } else { good };
            let to = (from + octets).min(text.len());
            let Some(octets) = text.get(from..to).filter(|octets| !octets.is_empty()) else { continue };
            let seq = first.wrapping_add(u32::try_from(from).expect("short"));
            frames.push(v4(&frames::tcp(ports, seq, 1, 24, octets)));
            for (place, octet) in stream[from..to].iter_mut().zip(octets) {
                contradicts |= *place.get_or_insert(*octet) != *octet;
            }
        }
        let got = frames::meter(&frames);
        let [record] = got.records.as_slice() else { panic!("{:?}", got.records) };
        let stream: Vec<u8> = stream.into_iter().flatten().collect();
        let text = String::from_utf8_lossy(&stream);
        let expected = text.lines().find_map(|line| line.strip_prefix("Host: "));
        prop_assert_eq!(host(record), expected, "{}", text);
        prop_assert_eq!(record.app.to_string(), "http");
        if anomaly(record).is_some() {
            prop_assert!(contradicts, "{:?}", anomaly(record));
        }
    }
}
