//! Quality of TCP connections against a naive model: it knows each octet's place in its stream, counted from the
//! beginning in 64 bits, and remembers of every octet that is missing since when.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use dissect::{Packet, Payload};
use meter::{Config, Meter};
use model::{Delays, FlowRecord, Quality, SideQuality, Timestamp};
use proptest::prelude::*;

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const PSH: u8 = 8;
const ACK: u8 = 16;

/// A stream's own numbers begin here, so that there is something before the first octet seen.
const BASE: u64 = 1 << 40;
/// Holes of a side that a meter remembers (docs: bounded); cases that open more are left out.
const HOLES: usize = 16;
/// How far ahead or behind a segment belongs to the same connection.
const FAR: u64 = 1 << 29;

/// Where a segment lies, by what its side sent so far.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// Goes on.
    Next,
    /// So many octets further: those between were lost before the capture, or come later.
    Ahead(u64),
    /// So many octets back.
    Back(u64),
    /// At the beginning of the oldest hole (or of the youngest), if there is one.
    Hole { youngest: bool },
    /// Beyond all windows: another connection, or nonsense.
    Far { back: bool },
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    /// 0: the flow's first sender.
    side: usize,
    place: Place,
    octets: u32,
    flags: u8,
    window: u16,
    /// Nanoseconds after the one before.
    gap: u64,
}

/// What the model knows of one direction.
#[derive(Debug, Default)]
struct Side {
    /// Behind the last octet that was seen of it; none so far.
    end: Option<u64>,
    /// Octets before `end` that were not seen, with the time at which a later one was.
    missing: BTreeMap<u64, u64>,
    window_is_closed: bool,
    counted: SideQuality,
}

/// Where the handshake is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shake {
    /// None goes on.
    No,
    /// A SYN of the client at this time.
    Asked(u64),
    /// A SYN/ACK of the server at this time.
    Answered(u64),
}

#[derive(Debug)]
struct Model {
    sides: [Side; 2],
    client: usize,
    shake: Shake,
    connect: [Option<u64>; 2],
    /// Time of the latest octet of a request.
    request: Option<u64>,
    response: Delays,
}

impl Model {
    fn new(first: &Segment, ports: [u16; 2]) -> Self {
        let client = match first.flags & (SYN | ACK) {
            SYN => 0,
            flags if flags & SYN != 0 => 1,
            _ => usize::from(ports[0] < 1024 && ports[1] >= 1024),
        };
        Self {
            sides: Default::default(),
            client,
            shake: Shake::No,
            connect: [None; 2],
            request: None,
            response: Delays::default(),
        }
    }

    /// Where in its stream a segment begins; `None` where there is no such place.
    fn locate(&self, segment: &Segment) -> u64 {
        let side = &self.sides[segment.side];
        let end = side.end.unwrap_or(BASE);
        if segment.flags & SYN != 0 {
            return BASE - 1;
        }
        match segment.place {
            Place::Next => end,
            Place::Ahead(octets) => end + octets,
            Place::Back(octets) => end - octets,
            Place::Hole { youngest } => {
                let mut missing = side.missing.iter();
                let hole = if youngest {
                    side.missing
                        .iter()
                        .max_by_key(|(at, since)| (**since, std::cmp::Reverse(**at)))
                } else {
                    missing.next()
                };
                hole.map_or(end, |(at, _)| *at)
            }
            Place::Far { back: true } => end - 2 * FAR,
            Place::Far { back: false } => end + FAR + 1,
        }
    }

    /// Holes of a side: runs of missing octets of one age.
    fn holes(&self, side: usize) -> usize {
        let mut before = None;
        let mut holes = 0;
        for (at, since) in &self.sides[side].missing {
            holes += usize::from(before != Some((at.wrapping_sub(1), *since)));
            before = Some((*at, *since));
        }
        holes
    }

    /// A SYN so far from what its side sent that it opens another connection on the same ports.
    fn is_anew(&self, segment: &Segment) -> bool {
        segment.flags & (SYN | ACK | RST) == SYN
            && self.sides[segment.side]
                .end
                .is_some_and(|end| end.abs_diff(BASE - 1) > 1 << 16)
    }

    fn see(&mut self, segment: &Segment, now: u64) {
        let at = self.locate(segment);
        let Segment {
            side, octets, flags, ..
        } = *segment;
        if flags & RST != 0 {
            self.sides[side].counted.resets += 1;
            return;
        }
        if flags & (SYN | FIN | ACK) == 0 {
            return;
        }
        if self.is_anew(segment) {
            for of in &mut self.sides {
                (of.end, of.window_is_closed) = (None, false);
                of.missing.clear();
            }
            (self.shake, self.connect, self.request) = (Shake::No, [None; 2], None);
        }
        let bare = flags & (SYN | FIN) == 0;
        let closes = bare && segment.window == 0;
        self.sides[side].counted.zero_windows += u32::from(closes);
        self.sides[side].window_is_closed = closes;
        self.shake(segment, now);

        let other_is_closed = self.sides[1 - side].window_is_closed;
        let span = u64::from(octets) + u64::from(flags & SYN != 0) + u64::from(flags & FIN != 0);
        let end = at + span;
        let round_trip = match self.connect {
            [Some(client), Some(server)] => (client + server) * 1_000,
            _ => 3_000_000,
        };
        let of = &mut self.sides[side];
        let seen = of.end;
        let news = match seen {
            None => true,
            Some(seen) if at.abs_diff(seen) > FAR => {
                if span == 0 && at < seen {
                    return;
                }
                of.missing.clear();
                true
            }
            // A probe of a closed window.
            Some(seen) if at == seen => !(bare && octets == 1 && other_is_closed),
            Some(seen) if at > seen => {
                of.missing.extend((seen..at).map(|octet| (octet, now)));
                true
            }
            // A keep-alive, or nothing.
            Some(seen) if span == 0 || (bare && span == 1 && at + 1 == seen) => false,
            Some(seen) => {
                let youngest = of.missing.range(at..end).map(|(_, since)| *since).max();
                of.missing.retain(|octet, _| !(at..end).contains(octet));
                if youngest.is_some_and(|since| now - since < round_trip) {
                    of.counted.out_of_order += 1;
                } else {
                    of.counted.retransmitted += 1;
                }
                end > seen
            }
        };
        if !news {
            return;
        }
        of.end = Some(end);
        // A request's last octet, and the first octet of what answers it.
        if octets == 0 || self.shake != Shake::No {
            return;
        }
        if side == self.client {
            self.request = Some(now);
        } else if let Some(asked) = self.request.take() {
            self.response
                .add(u32::try_from((now - asked) / 1_000).expect("a short time"));
        }
    }

    /// What was asked before a handshake is no request of its connection.
    fn begin(&mut self, shake: Shake) {
        (self.shake, self.request) = (shake, None);
    }

    /// The client's SYN (its last one before the answer), the server's SYN/ACK (its last one), the client's ACK.
    fn shake(&mut self, segment: &Segment, now: u64) {
        let from_client = segment.side == self.client;
        let nothing_followed = self.sides[segment.side].end.is_none_or(|end| end == BASE);
        let is_known = self.sides[1 - segment.side].end.is_some();
        match (segment.flags & (SYN | ACK), self.shake) {
            // The sender of a SYN is the client.
            (SYN, Shake::No | Shake::Asked(_)) if self.connect == [None; 2] && nothing_followed => {
                self.client = segment.side;
                self.begin(Shake::Asked(now));
            }
            (SYN, _) => {}
            (ACK, Shake::Answered(then)) if from_client => {
                self.connect[0] = Some((now - then) / 1_000);
                self.shake = Shake::No;
            }
            // The server's answer went another way.
            (ACK, Shake::Asked(_)) if from_client => self.shake = Shake::No,
            (flags, _) if flags & SYN == 0 => {}
            (_, Shake::Asked(then)) if !from_client => {
                self.connect[1] = Some((now - then) / 1_000);
                self.begin(Shake::Answered(now));
            }
            (_, Shake::Asked(_)) => {}
            (_, Shake::Answered(_)) => {
                self.client = 1 - segment.side;
                self.begin(Shake::Answered(now));
            }
            // A capture that begins with it; else one that comes again when the connection is open.
            (_, Shake::No) if !is_known => {
                self.client = 1 - segment.side;
                self.begin(Shake::Answered(now));
            }
            (_, Shake::No) => {}
        }
    }

    fn quality(&self) -> Quality {
        let us = |us: Option<u64>| us.map(|us| u32::try_from(us).expect("a short time"));
        Quality {
            connect_client_us: us(self.connect[0]),
            connect_server_us: us(self.connect[1]),
            response: self.response,
            forward: self.sides[0].counted,
            reverse: self.sides[1].counted,
        }
    }
}

fn packet(segment: &Segment, at: u64, first: u32, ports: [u16; 2]) -> Packet {
    let ends = [(1, ports[0]), (2, ports[1])].map(|(last, port)| (IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)), port));
    let ((src, src_port), (dst, dst_port)) = (ends[segment.side], ends[1 - segment.side]);
    #[allow(clippy::cast_possible_truncation, reason = "what numbers of 32 bits do")]
    let tcp_seq = first.wrapping_add(at.wrapping_sub(BASE) as u32);
    Packet {
        src,
        dst,
        src_port,
        dst_port,
        protocol: 6,
        tos: 0,
        ttl: 64,
        tcp_flags: segment.flags,
        tcp_seq,
        tcp_ack: 0,
        tcp_window: Some(segment.window),
        ip_bytes: 40 + segment.octets,
        icmp: None,
        fragment: None,
        has_transport: true,
        vlan: None,
        vlan_inner: None,
        src_mac: None,
        dst_mac: None,
        tunnels: 0,
        payload: Payload {
            offset: 0,
            captured: 0,
            length: segment.octets,
        },
    }
}

/// The sum of the records of a flow.
fn sum(records: &[FlowRecord]) -> Quality {
    let mut sum = Quality::default();
    for quality in records.iter().filter_map(|r| r.quality.as_deref()) {
        for (one, all) in [
            (quality.connect_client_us, &mut sum.connect_client_us),
            (quality.connect_server_us, &mut sum.connect_server_us),
        ] {
            assert!(one.is_none() || all.is_none(), "a handshake is told once");
            *all = all.or(one);
        }
        sum.response += quality.response;
        for (one, all) in [(quality.forward, &mut sum.forward), (quality.reverse, &mut sum.reverse)] {
            all.retransmitted += one.retransmitted;
            all.out_of_order += one.out_of_order;
            all.zero_windows += one.zero_windows;
            all.resets += one.resets;
        }
    }
    sum
}

/// Plays segments to a meter and to the model; `None` where more holes are open than a meter remembers, or a larger one
/// than the model.
fn play(segments: &[Segment], firsts: [u32; 2], ports: [u16; 2], active: Option<Duration>) -> Option<[Quality; 2]> {
    let mut meter = Meter::new(Config {
        layer7: None,
        active,
        ..Config::offline()
    });
    let mut records = Vec::new();
    let mut model = Model::new(&segments[0], ports);
    let mut now = 1_700_000_000_000_000_000;
    let mut over = 0;
    for segment in segments {
        now += segment.gap;
        // The sum of the parts is of one connection; so is a flow that is over.
        let opens = segment.flags & (SYN | ACK) == SYN;
        let is_first_again = segments[0].flags == SYN && segment.side == 0;
        if (active.is_some() && model.is_anew(segment)) || (opens && over == 3 && !is_first_again) {
            continue;
        }
        over |= match segment.flags {
            flags if flags & RST != 0 => 3,
            flags if flags & FIN != 0 => 1 << segment.side,
            _ => 0,
        };
        let at = model.locate(segment);
        let ahead = at.saturating_sub(model.sides[segment.side].end.unwrap_or(at));
        if (100_000..=FAR).contains(&ahead) {
            return None;
        }
        let packet = packet(segment, at, firsts[segment.side], ports);
        meter.observe(&packet, &[], Timestamp::from_nanos(now), &mut |r: FlowRecord| {
            records.push(r)
        });
        model.see(segment, now);
        if model.holes(segment.side) > HOLES {
            return None;
        }
    }
    meter.flush(&mut |r: FlowRecord| records.push(r));
    Some([sum(&records), model.quality()])
}

fn any_place() -> impl Strategy<Value = Place> {
    prop_oneof![
        12 => Just(Place::Next),
        3 => (1_u64..3_000).prop_map(Place::Ahead),
        3 => (1_u64..4_000).prop_map(Place::Back),
        4 => any::<bool>().prop_map(|youngest| Place::Hole { youngest }),
        // Just below what was sent: keep-alives, and what looks like them.
        2 => Just(Place::Back(1)),
        1 => any::<bool>().prop_map(|back| Place::Far { back }),
    ]
}

fn any_segment() -> impl Strategy<Value = Segment> {
    let octets = prop_oneof![4 => Just(0), 2 => Just(1), 6 => 2_u32..1_461];
    let flags = prop_oneof![
        12 => Just(ACK),
        6 => Just(ACK | PSH),
        1 => Just(ACK | FIN),
        1 => Just(FIN),
        1 => Just(0),
        1 => Just(SYN),
        1 => Just(SYN | ACK),
        1 => Just(RST),
        1 => Just(RST | ACK),
    ];
    let window = prop_oneof![5 => Just(1_000), 1 => Just(0)];
    // About the round trips that there are, and the limit where none is known.
    let gap = prop_oneof![3 => 0_u64..300_000, 1 => 0_u64..4_000_000, 1 => 0_u64..50_000_000];
    (0_usize..2, any_place(), octets, flags, window, gap).prop_map(|(side, place, octets, flags, window, gap)| {
        // A SYN of another connection would begin another flow.
        let octets = if flags & SYN == 0 { octets } else { 0 };
        Segment {
            side,
            place,
            octets,
            flags,
            window,
            gap,
        }
    })
}

/// Sequence numbers that wrap around within a case, or may.
fn any_first() -> impl Strategy<Value = u32> {
    prop_oneof![
        Just(0),
        Just(1),
        (0_u32..20_000).prop_map(|back| u32::MAX - back),
        any::<u32>()
    ]
}

fn shaken() -> impl Strategy<Value = Vec<Segment>> {
    let step = |side, flags| {
        (1_usize..3, 0_u64..6_000_000).prop_map(move |(times, gap)| {
            let one = Segment {
                side,
                place: Place::Next,
                octets: 0,
                flags,
                window: 1_000,
                gap,
            };
            vec![one; times]
        })
    };
    let keep = prop::sample::select(vec![0b111_u8, 0b111, 0b111, 0b101, 0b110, 0b011, 0b001, 0b000]);
    (step(0, SYN), step(1, SYN | ACK), step(0, ACK), keep).prop_map(|(syn, both, ack, keep)| {
        let parts = [(1, syn), (2, both), (4, ack)];
        parts
            .into_iter()
            .filter(|(bit, _)| keep & bit != 0)
            .flat_map(|(_, part)| part)
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_judges_segments_as_the_naive_one(
        start in shaken(),
        rest in prop::collection::vec(any_segment(), 1..120),
        firsts in [any_first(), any_first()],
        server_first in any::<bool>(),
        parts in any::<bool>(),
    ) {
        let mut segments = [start, rest].concat();
        // Forward is from who sends first.
        let first = segments[0].side;
        segments.iter_mut().for_each(|segment| segment.side ^= first);
        let ports = if server_first { [443, 40_000] } else { [40_000, 443] };
        let active = parts.then(|| Duration::from_millis(20));
        if let Some([got, expected]) = play(&segments, firsts, ports, active) {
            prop_assert_eq!(got, expected);
        }
    }
}
