//! Flow records such as four routers of a company export: the same for the same numbers, whole blocks apart from each
//! other, so that several threads make them.
//!
//! 20,000 clients in four /16s and 200,000 servers by Zipf's law; days with a peak in the afternoon and weekends at half;
//! 60 % short flows (at most three packets), the others' packets, sizes and durations log-normal; both directions of most
//! conversations, a record each; one in twenty IPv6; one in twelve conversations of a few thousand that last for days.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::{App, Block, Direction, EndReason, Exported, FlowRecord, LinkId, Observed, Timestamp};

/// Changes whenever the records do: what was made of others is not used again.
pub(crate) const VERSION: u32 = 1;

/// Records of a block.
pub(crate) const BLOCK: u64 = Block::RECORDS_MAX as u64;
/// 2026-01-01T00:00:00Z, a Thursday.
pub(crate) const FROM_S: u64 = 1_767_225_600;

const CLIENTS: u64 = 20_000;
const SERVERS: u64 = 200_000;
/// Servers of the company itself.
const OWN: u64 = 200;
/// Conversations that last for days.
const LASTING: u64 = 4_000;
/// Of a working day's traffic, by hour.
const HOURS: [u64; 24] = [
    12, 10, 9, 8, 8, 10, 16, 30, 60, 85, 95, 98, 88, 92, 100, 99, 95, 85, 65, 50, 42, 36, 26, 18,
];
const MILLI: u64 = 1_000_000;
/// A record waits for so long without a packet before it is exported.
const IDLE_MS: u64 = 15_000;
/// And goes at the latest after so long.
const ACTIVE_MS: f64 = 60_000.0;

/// xorshift64* (Vigna, 2016).
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `n`, which has 32 bits.
    const fn below(&mut self, n: u64) -> u64 {
        ((self.next() >> 32) * n) >> 32
    }

    /// From 0 to below 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    const fn percent(&mut self, of: u64) -> bool {
        self.below(100) < of
    }

    /// A rank below `n`, by Zipf's law of exponent 1.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank")]
    fn zipf(&mut self, n: u64) -> u64 {
        ((self.unit() * (n as f64).log2()).exp2() as u64).min(n) - 1
    }

    /// Log-normal: the median, and the deviation of the logarithm.
    fn log_normal(&mut self, median: f64, deviation: f64) -> f64 {
        // The bits that are set are a binomial count: nearly normal, of mean 32 and deviation 4.
        let normal = (f64::from(self.next().count_ones()) - 32.0 + self.unit() - 0.5) / 4.0;
        median * (normal * deviation).exp()
    }
}

/// An unrelated number for each number.
const fn scatter(n: u64) -> u64 {
    let n = (n ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ n >> 29).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ n >> 32
}

/// (port, protocol, weight): what is asked of servers.
const SERVICES: [(u16, u8, usize); 24] = [
    (443, 6, 400),
    (53, 17, 260),
    (443, 17, 140),
    (80, 6, 60),
    (123, 17, 20),
    (22, 6, 14),
    (993, 6, 12),
    (25, 6, 10),
    (445, 6, 16),
    (389, 6, 10),
    (88, 6, 8),
    (161, 17, 14),
    (3389, 6, 8),
    (8080, 6, 10),
    (1433, 6, 6),
    (3306, 6, 6),
    (5432, 6, 5),
    (514, 17, 10),
    (5060, 17, 4),
    (1883, 6, 3),
    (6881, 6, 3),
    (853, 6, 3),
    (4500, 17, 3),
    (9200, 6, 3),
];

/// So many records over so many days.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) records: u64,
    pub(crate) days: u64,
}

impl Scale {
    /// Blocks that the records fill; only whole ones are made.
    pub(crate) const fn blocks(self) -> u64 {
        self.records / BLOCK
    }

    /// Seconds since 1970 of the end of the last day.
    pub(crate) const fn until_s(self) -> u64 {
        FROM_S + self.days * 86_400
    }
}

/// Makes records, block by block.
#[derive(Debug)]
pub(crate) struct Traffic {
    scale: Scale,
    /// Weights of the hours before each hour.
    before: Vec<u64>,
    services: Vec<(u16, u8)>,
    /// Servers at the end of the list.
    rare: HashSet<Ipv4Addr>,
}

/// One direction of a conversation.
struct Side {
    packets: u64,
    bytes: u64,
    flags: u8,
}

impl Traffic {
    pub(crate) fn new(scale: Scale) -> Self {
        let mut before = vec![0];
        let mut sum = 0;
        for hour in 0..scale.days * 24 {
            // The first day is a Thursday.
            let weekend = matches!((hour / 24 + 4) % 7, 6 | 0);
            let weight = HOURS.get((hour % 24) as usize).copied().unwrap_or(1);
            sum += if weekend { weight } else { 2 * weight };
            before.push(sum);
        }
        let services = SERVICES
            .iter()
            .flat_map(|(port, protocol, weight)| std::iter::repeat_n((*port, *protocol), *weight))
            .collect();
        let rare = (SERVERS - 2_000..SERVERS).map(outside);
        Self {
            scale,
            before,
            services,
            rare: rare.collect(),
        }
    }

    /// Milliseconds since 1970 when the record of a number is exported.
    #[allow(clippy::cast_possible_truncation, reason = "a sum of hours' weights, in millionths")]
    fn exported_ms(&self, number: u64) -> u64 {
        let all = self.before.last().copied().unwrap_or(1);
        // In millionths of a weight.
        let at = u128::from(number) * u128::from(all) * 1_000_000 / u128::from(self.scale.records);
        let at = at as u64;
        let hour = self.before.partition_point(|before| before * 1_000_000 <= at) - 1;
        let (from, to) = match self.before.get(hour..hour + 2) {
            Some([from, to]) => (*from, *to),
            _ => (0, 1),
        };
        FROM_S * 1_000 + hour as u64 * 3_600_000 + (at - from * 1_000_000) * 3_600 / (1_000 * (to - from))
    }

    /// Replaces the records by those of a block.
    #[allow(clippy::cast_possible_truncation, reason = "below 60")]
    pub(crate) fn fill(&self, block: u64, records: &mut Vec<FlowRecord>) {
        let mut random = Random(scatter(block.wrapping_mul(0x1_0001) ^ 0x5eed) | 1);
        records.resize(Block::RECORDS_MAX, blank());
        let first = block * BLOCK;
        // The clock of exports goes evenly within a block.
        let (from, to) = (self.exported_ms(first), self.exported_ms(first + BLOCK - 1));
        let mut rest = records.iter_mut().zip(0u64..);
        while let Some((record, number)) = rest.next() {
            let now = from + (to - from) * number / BLOCK;
            let back = if random.percent(88) { rest.next() } else { None };
            self.converse(&mut random, now, record, back.map(|(record, _)| record));
        }
        // Of the two directions none is always first, and others come between them.
        for at in (0..records.len() - 64).step_by(3) {
            records.swap(at, at + 1 + random.below(60) as usize);
        }
    }

    /// Whether the record is to a server that few talk with: over half a year some hundred records are.
    #[allow(clippy::cast_possible_truncation, reason = "made up numbers")]
    pub(crate) fn is_rare(&self, record: &FlowRecord) -> bool {
        let IpAddr::V4(dst) = record.dst_ip else { return false };
        record.direction == Direction::Out && self.rare.contains(&dst)
    }

    /// A conversation's records.
    #[allow(clippy::cast_possible_truncation, reason = "made up numbers")]
    fn converse(&self, random: &mut Random, now: u64, there: &mut FlowRecord, back: Option<&mut FlowRecord>) {
        let lasting = random.below(12) == 0;
        // A lasting conversation's ends follow from its number.
        let seed = if lasting {
            let day = now / 86_400_000 / 2;
            scatter(day * LASTING + random.zipf(LASTING))
        } else {
            random.next()
        };
        let mut ends = Random(seed | 1);
        let client = ends.zipf(CLIENTS);
        let (port, protocol) = if ends.percent(6) {
            (1_024 + ends.below(60_000) as u16, if ends.percent(30) { 17 } else { 6 })
        } else {
            let at = ends.below(self.services.len() as u64) as usize;
            self.services.get(at).copied().unwrap_or_default()
        };
        let own = matches!(port, 53 | 445 | 389 | 88 | 161 | 514 | 1433 | 3306 | 5432 | 9200) || ends.percent(8);
        let server = if own { ends.zipf(OWN) } else { ends.zipf(SERVERS) };
        let six = ends.below(20) == 0;
        let client_port = if client.is_multiple_of(3) {
            32_768 + ends.below(28_232)
        } else {
            49_152 + ends.below(16_384)
        } as u16;
        let echo = !lasting && random.below(60) == 0;
        let (protocol, port, client_port) = match echo {
            true if six => (58, 0, 0),
            true => (1, 0, 0),
            false => (protocol, port, client_port),
        };

        let kind = if lasting { 99 } else { random.below(100) };
        let (ask, answer, ms) = sides(random, protocol, kind, back.is_some());
        let late = match (protocol, kind) {
            (_, 90..) if ms >= 59_000 => random.below(1_000),
            (6, 25..) if random.percent(70) => random.below(1_200),
            _ => IDLE_MS + random.below(1_200),
        };
        let end = now - late;
        let reason = match late {
            0..1_200 if ms >= 59_000 => EndReason::Active,
            0..1_200 => EndReason::EndOfFlow,
            _ => EndReason::Idle,
        };
        let hosts = Hosts {
            client,
            server,
            own,
            six,
        };
        let tos = match scatter(seed ^ 7) % 40 {
            0 => 0xb8,
            1 | 2 => 0x28,
            _ => 0,
        };
        set(
            there,
            &hosts,
            true,
            (client_port, port, protocol),
            (end - ms, end),
            &ask,
            (tos, reason),
        );
        if let Some(back) = back {
            // The answer begins a little later, and its last packet is a little before or after.
            let rtt = (1 + scatter(server) % 60).min(ms);
            let end = if ms == 0 {
                end
            } else {
                end - random.below(1 + rtt.min(8))
            };
            let start = (end.saturating_sub(ms) + rtt).min(end);
            set(
                back,
                &hosts,
                false,
                (port, client_port, protocol),
                (start, end),
                &answer,
                (tos, reason),
            );
        }
    }
}

/// What is sent, what is answered, and for how many milliseconds.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts")]
fn sides(random: &mut Random, protocol: u8, kind: u64, answered: bool) -> (Side, Side, u64) {
    let side = |packets: u64, bytes: u64, flags: u8| Side { packets, bytes, flags };
    match (protocol, kind) {
        (1 | 58, _) => {
            let packets = 1 + random.below(3);
            (
                side(packets, packets * 84, 0),
                side(packets, packets * 84, 0),
                (packets - 1) * 1_000,
            )
        }
        // Nobody answers, or refuses.
        (6, 0..25) => {
            let packets = if answered { 1 } else { 1 + random.below(3) };
            let ms = if packets == 1 {
                0
            } else {
                1_000 * (packets * 2 - 3) + random.below(30)
            };
            let size = [40, 52, 60][random.below(3) as usize];
            (side(packets, packets * size, 2), side(1, 40, 0x14), ms)
        }
        (6, 25..60) => {
            let packets = 2 + random.below(2);
            let bytes = 40 * packets + 4 * random.below(60);
            let back = 2 + random.below(2);
            let ms = random.log_normal(40.0, 1.2) as u64;
            (
                side(packets, bytes, 0x11),
                side(back, 40 * back + 4 * random.below(90), 0x11),
                ms,
            )
        }
        (17, 0..75) => {
            let size = 56 + random.below(44);
            let size_back = size + random.below(12) * 16;
            let ms = if random.percent(70) {
                0
            } else {
                random.log_normal(20.0, 1.0) as u64
            };
            let packets = if ms == 0 { 1 } else { 2 };
            (
                side(packets, packets * size, 0),
                side(packets, packets * size_back, 0),
                ms,
            )
        }
        _ => {
            let packets = 4 + random.log_normal(12.0, 1.5) as u64;
            let size = (52.0 + random.log_normal(60.0, 1.0)).min(1_400.0);
            let packets_back = 2 + (packets as f64 * (0.6 + random.unit())) as u64;
            let size_back = random.log_normal(500.0, 0.8).clamp(52.0, 1_460.0);
            let ms = if kind == 99 {
                59_000 + random.below(1_000)
            } else {
                random.log_normal(900.0, 1.8).min(ACTIVE_MS) as u64
            };
            let flags = if protocol == 6 {
                [0x1b, 0x1a, 0x13, 0x18][random.zipf(4) as usize]
            } else {
                0
            };
            (
                side(packets, (packets as f64 * size) as u64, flags),
                side(packets_back, (packets_back as f64 * size_back) as u64, flags),
                ms,
            )
        }
    }
}

/// The ends of a conversation, by their ranks.
struct Hosts {
    client: u64,
    server: u64,
    /// The server is the company's.
    own: bool,
    six: bool,
}

#[allow(clippy::cast_possible_truncation, reason = "made up numbers")]
impl Hosts {
    fn client(&self) -> IpAddr {
        let n = scatter(self.client);
        if self.six {
            let network = 0x2001_0db8_0010_0000_u128 | u128::from(n % 64);
            return Ipv6Addr::from(network << 64 | u128::from(n)).into();
        }
        Ipv4Addr::from(0x0a00_0000 | ((n % 4) << 16) as u32 | (self.client % 65_521) as u32).into()
    }

    fn server(&self) -> IpAddr {
        // Popular services share networks.
        let n = scatter(self.server / 8 + 1_000_000);
        match (self.six, self.own) {
            (true, true) => Ipv6Addr::from(0x2001_0db8_0010_00ff_u128 << 64 | u128::from(self.server)).into(),
            (true, false) => {
                Ipv6Addr::from(0x2a00 << 112 | u128::from(n % 5_000) << 64 | u128::from(self.server)).into()
            }
            (false, true) => Ipv4Addr::from(0x0a0f_0000 | self.server as u32).into(),
            (false, false) => outside(self.server).into(),
        }
    }
}

/// The IPv4 address of a server outside.
#[allow(clippy::cast_possible_truncation, reason = "made up numbers")]
fn outside(server: u64) -> Ipv4Addr {
    // Popular services share networks.
    let n = scatter(server / 8 + 1_000_000);
    let network = (0x1000_0000 + (n % 0xb000_0000) as u32) & !0xff;
    Ipv4Addr::from(network | (server * 37 % 256) as u32)
}

#[allow(clippy::cast_possible_truncation, reason = "made up numbers")]
fn set(
    record: &mut FlowRecord,
    hosts: &Hosts,
    forward: bool,
    (src_port, dst_port, protocol): (u16, u16, u8),
    (start, end): (u64, u64),
    side: &Side,
    (tos, reason): (u8, EndReason),
) {
    // Each client's, and the link to each part of the world.
    let access = 1 + (scatter(hosts.client) % 16) as u32;
    let uplink = match hosts.own {
        true => 201,
        false => 101 + (scatter(hosts.server / 64) % 3) as u32,
    };
    let (client_as, server_as) = (0, if hosts.own { 0 } else { autonomous(hosts.server) });
    let (client_prefix, server_prefix) = match (hosts.six, hosts.own) {
        (true, true) => (64, 64),
        (true, false) => (64, 48),
        (false, true) => (24, 24),
        (false, false) => (24, 16 + (scatter(hosts.server / 8) % 9) as u8),
    };
    let turned = |ends: (IpAddr, IpAddr)| if forward { ends } else { (ends.1, ends.0) };
    (record.src_ip, record.dst_ip) = turned((hosts.client(), hosts.server()));
    record.link = LinkId::of_exporter(1 + (hosts.client % 4) as u32);
    record.start = Timestamp::from_nanos(start * MILLI);
    record.end = Timestamp::from_nanos(end * MILLI);
    (record.src_port, record.dst_port, record.protocol) = (src_port, dst_port, protocol);
    (record.packets, record.bytes, record.tcp_flags) = (side.packets, side.bytes, side.flags);
    record.tos = tos;
    record.app = App::by_port(protocol, src_port, dst_port);
    record.direction = match (hosts.own, forward) {
        (true, _) => Direction::Internal,
        (false, true) => Direction::Out,
        (false, false) => Direction::In,
    };
    record.end_reason = reason;
    let hop = if forward { uplink } else { access };
    let next_hop = if hosts.six {
        IpAddr::from(Ipv6Addr::from(0xfe80_u128 << 112 | u128::from(hop)))
    } else {
        Ipv4Addr::from(0xc0a8_0000 + hop).into()
    };
    let export = record.export.get_or_insert_default();
    export.domain = 0;
    let (ingress, egress) = if forward { (access, uplink) } else { (uplink, access) };
    (export.ingress_if, export.egress_if) = (Some(ingress), Some(egress));
    export.observed = Observed::Ingress;
    let (src_as, dst_as) = if forward {
        (client_as, server_as)
    } else {
        (server_as, client_as)
    };
    (export.src_as, export.dst_as) = (Some(src_as), Some(dst_as));
    let (src, dst) = if forward {
        (client_prefix, server_prefix)
    } else {
        (server_prefix, client_prefix)
    };
    (export.src_prefix, export.dst_prefix) = (Some(src), Some(dst));
    export.next_hop = Some(next_hop);
}

#[allow(clippy::cast_possible_truncation, reason = "made up numbers")]
const fn autonomous(server: u64) -> u32 {
    let few = 1 + 300 * (1 + server / 500);
    100 + (scatter(server / 64) % 65_000 % few) as u32
}

fn blank() -> FlowRecord {
    FlowRecord {
        link: LinkId(0),
        start: Timestamp::EPOCH,
        end: Timestamp::EPOCH,
        src_ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        dst_ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        src_port: 0,
        dst_port: 0,
        protocol: 0,
        vlan: None,
        vlan_inner: None,
        src_mac: None,
        dst_mac: None,
        packets: 0,
        bytes: 0,
        packets_rev: 0,
        bytes_rev: 0,
        tcp_flags: 0,
        tcp_flags_rev: 0,
        icmp: None,
        icmp_rev: None,
        tos: 0,
        app: App::UNKNOWN,
        direction: Direction::Unknown,
        end_reason: EndReason::Idle,
        export: Some(Box::<Exported>::default()),
        l7: None,
        quality: None,
    }
}
