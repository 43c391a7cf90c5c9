//! Shows packets to an inspector as a meter does.

use std::collections::HashMap;
use std::net::IpAddr;

use model::{App, L7, LogRecord, Timestamp};

use crate::l7::{Begin, Config, Inspection, Inspector, Progress, Statistics};
use crate::{Packet, Payload};

const SYN: u8 = 2;

type End = (IpAddr, u16);

/// A flow as the player sees it.
#[derive(Debug)]
struct Seen {
    client: End,
    expected: [Option<u32>; 2],
    inspection: Option<Inspection>,
    done: bool,
    identity: (Option<App>, L7),
    number: usize,
}

/// What a flow turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) client: End,
    pub(super) server: End,
    pub(super) protocol: u8,
    pub(super) app: Option<App>,
    pub(super) l7: L7,
}

/// An inspector with its flows.
#[derive(Debug)]
pub(super) struct Player {
    pub(super) inspector: Inspector,
    flows: HashMap<(u8, End, End), Seen>,
    pub(super) logs: Vec<LogRecord>,
}

impl Player {
    pub(super) fn new(config: Config) -> Self {
        Self {
            inspector: Inspector::new(config),
            flows: HashMap::new(),
            logs: Vec::new(),
        }
    }

    pub(super) fn show(&mut self, packet: &Packet, payload: &[u8], now: Timestamp) {
        let (src, dst) = ((packet.src, packet.src_port), (packet.dst, packet.dst_port));
        let key = (packet.protocol, src.min(dst), src.max(dst));
        let number = self.flows.len();
        let seen = self.flows.entry(key).or_insert_with(|| Seen {
            client: src,
            expected: [None; 2],
            inspection: None,
            done: false,
            identity: (None, L7::default()),
            number,
        });
        let forward = seen.client == src;
        if packet.protocol == 6 && packet.tcp_flags & SYN != 0 {
            seen.expected[usize::from(!forward)] = Some(packet.tcp_seq.wrapping_add(1));
        }
        let wanted = packet.payload.length > 0 || (packet.protocol == 6 && packet.tcp_flags & 7 != 0);
        if seen.done || !wanted {
            return;
        }
        let logs = &mut self.logs;
        if seen.inspection.is_none() {
            if packet.payload.length == 0 {
                return;
            }
            let begin = Begin {
                forward,
                expected: seen.expected,
            };
            seen.inspection = self.inspector.open(packet, begin, now);
        }
        let Some(inspection) = &mut seen.inspection else { return };
        let mut out = |log| logs.push(log);
        match self
            .inspector
            .observe(inspection, packet, payload, forward, now, &mut out)
        {
            Progress::More | Progress::Transactions => {}
            Progress::Done => {
                if let Some(inspection) = seen.inspection.take() {
                    seen.identity = self.inspector.close(inspection, &mut out);
                }
                seen.done = true;
            }
        }
    }

    /// Ends all flows, in the order in which they began.
    pub(super) fn end(&mut self) -> Vec<Known> {
        let mut flows: Vec<_> = self.flows.drain().collect();
        flows.sort_by_key(|(_, seen)| seen.number);
        let logs = &mut self.logs;
        let known = flows.into_iter().map(|((protocol, a, b), seen)| {
            let (app, l7) = match seen.inspection {
                Some(inspection) => self.inspector.close(inspection, &mut |log| logs.push(log)),
                None => seen.identity,
            };
            Known {
                client: seen.client,
                server: if a == seen.client { b } else { a },
                protocol,
                app,
                l7,
            }
        });
        let known = known.collect();
        let Statistics { open, held, .. } = self.inspector.statistics();
        assert_eq!((open, held), (0, 0), "everything is given back");
        known
    }

    pub(super) fn lines(&self) -> Vec<&str> {
        self.logs.iter().map(|log| log.text.as_str()).collect()
    }
}

/// A packet of a flow between 10.0.0.5:50000 and 192.0.2.1.
pub(super) fn packet(protocol: u8, port: u16, forward: bool, seq: u32, length: usize) -> Packet {
    let ends = [
        (IpAddr::from([10, 0, 0, 5]), 50_000),
        (IpAddr::from([192, 0, 2, 1]), port),
    ];
    let ((src, src_port), (dst, dst_port)) = if forward {
        (ends[0], ends[1])
    } else {
        (ends[1], ends[0])
    };
    let length = u32::try_from(length).expect("a packet is short");
    Packet {
        src,
        dst,
        src_port,
        dst_port,
        protocol,
        tos: 0,
        ttl: 64,
        tcp_flags: 0,
        tcp_seq: seq,
        tcp_ack: 0,
        tcp_window: None,
        ip_bytes: 40 + length,
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
            captured: length,
            length,
        },
    }
}

/// One turn of a conversation: whether the client speaks, and what.
pub(super) type Turn<'a> = (bool, &'a [u8]);

/// Where streams begin: they wrap.
pub(super) const ISN: [u32; 2] = [u32::MAX - 20, 7_000];

/// Plays a conversation over TCP, each turn cut into segments of so many octets, a millisecond apart.
pub(super) fn tcp(config: Config, port: u16, turns: &[Turn<'_>], cut: usize) -> (Player, Known) {
    let mut player = Player::new(config);
    let mut next = ISN;
    for (forward, side) in [(true, 0), (false, 1)] {
        let mut syn = packet(6, port, forward, next[side].wrapping_sub(1), 0);
        syn.tcp_flags = SYN;
        player.show(&syn, &[], Timestamp::from_secs(1_000));
    }
    for (number, (forward, octets)) in turns.iter().enumerate() {
        let now = Timestamp::from_secs(1_000).plus_nanos(1_000_000 * (number as u64 + 1));
        for part in octets.chunks(cut.max(1)) {
            let side = usize::from(!forward);
            player.show(&packet(6, port, *forward, next[side], part.len()), part, now);
            next[side] = next[side].wrapping_add(u32::try_from(part.len()).expect("short"));
        }
    }
    let known = player.end().remove(0);
    (player, known)
}

/// Plays datagrams, a millisecond apart.
pub(super) fn udp(config: Config, port: u16, turns: &[Turn<'_>]) -> (Player, Known) {
    let mut player = Player::new(config);
    for (number, (forward, octets)) in turns.iter().enumerate() {
        let now = Timestamp::from_secs(1_000).plus_nanos(1_000_000 * (number as u64 + 1));
        player.show(&packet(17, port, *forward, 0, octets.len()), octets, now);
    }
    let known = player.end().remove(0);
    (player, known)
}
