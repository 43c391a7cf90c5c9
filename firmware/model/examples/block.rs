//! How fast blocks are made and read, and how large they are, on records such as a router exports and such as the
//! meter makes: `cargo run --release -p model --example block`. Times are the thread's CPU time.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::{
    App, Block, BlockBuilder, BlockRef, Codes, Confidence, DetailKey, Details, Direction, EndReason, Exported, Field,
    FlowRecord, L7, LinkId, MacAddr, Observed, Quality, Timestamp, Unpacker, Values,
};

/// Marsaglia's xorshift: the same records in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// 0 to 1.
    fn unit(&mut self) -> f64 {
        self.below(1 << 53) as f64 / (1u64 << 53) as f64
    }

    /// A rank below `n`, by Zipf's law of exponent 1.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank")]
    fn zipf(&mut self, n: u64) -> u64 {
        ((n as f64).powf(self.unit()) as u64).min(n) - 1
    }

    /// From `low` to `high`, each order of magnitude as likely.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    fn log(&mut self, low: f64, high: f64) -> u64 {
        (low * (high / low).powf(self.unit())) as u64
    }
}

/// An unrelated number for each number.
const fn scatter(n: u64) -> u64 {
    let n = (n ^ 0x9e37_79b9).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    n ^ n >> 29
}

const SECOND: u64 = 1_000_000_000;
const PORTS: [u16; 16] = [
    443, 53, 80, 22, 25, 123, 3389, 445, 8080, 993, 161, 389, 5060, 1433, 3306, 8443,
];

#[allow(clippy::cast_possible_truncation, reason = "made up numbers")]
fn inside(rank: u64, six: bool) -> IpAddr {
    let n = scatter(rank);
    if six {
        return Ipv6Addr::from(0x2001_0db8_0001_0000_0000_0000_0000_0000 | u128::from(n % 64) << 64 | u128::from(n))
            .into();
    }
    Ipv4Addr::from(0x0a00_0000 | ((n % 64) << 10) as u32 | (rank % 1_024) as u32).into()
}

#[allow(clippy::cast_possible_truncation, reason = "made up numbers")]
fn outside(rank: u64, six: bool) -> IpAddr {
    // Popular services share networks.
    let n = scatter(rank / 8);
    if six {
        return Ipv6Addr::from(0x2a00 << 112 | u128::from(n % 5_000) << 64 | u128::from(rank)).into();
    }
    Ipv4Addr::from(((0x1000_0000 + (n % 0xb000_0000) as u32) & !0xff) | (rank * 37 % 256) as u32).into()
}

/// One side of a conversation, as an exporter or the meter has it.
#[allow(clippy::cast_possible_truncation, reason = "made up numbers")]
fn record(random: &mut Random, now: u64, kind_of: Kind) -> FlowRecord {
    let metered = kind_of != Kind::Exported;
    let six = random.below(100) < 5;
    let (host_rank, peer_rank) = (random.zipf(6_000), random.zipf(200_000));
    let (host, peer) = (inside(host_rank, six), outside(peer_rank, six));
    let server = match random.below(100) {
        0..92 => PORTS[random.zipf(16) as usize],
        _ => 1_024 + random.below(60_000) as u16,
    };
    let client = if host_rank % 3 == 0 {
        49_152 + random.below(16_384)
    } else {
        32_768 + random.below(28_232)
    } as u16;
    let protocol = match server {
        53 | 123 | 161 | 5060 => 17,
        443 if random.below(3) == 0 => 17,
        _ => 6,
    };
    // 60 % of flows are short.
    let kind = random.below(100);
    let (packets, millis) = match kind {
        0..60 => (
            1 + random.below(3),
            if random.below(2) == 0 {
                0
            } else {
                random.log(1.0, 200.0)
            },
        ),
        60..90 => (random.log(4.0, 60.0), random.log(50.0, 15_000.0)),
        _ => (random.log(40.0, 50_000.0), random.log(1_000.0, 60_000.0)),
    };
    let to_host = random.below(2) == 0;
    let size = match (protocol, to_host) {
        (17, _) => 60 + random.below(140),
        (_, true) if kind >= 60 => 400 + random.below(1_050),
        (_, false) if kind >= 60 => 52 + random.below(200),
        _ => 40 + 4 * random.below(6),
    };
    // Closed by FIN, or after 15 s of silence.
    let late = if random.below(10) < 4 {
        random.below(1_000)
    } else {
        15_000 + random.below(1_000)
    };
    let mut end = now - late * 1_000_000;
    let mut duration = millis * 1_000_000;
    if metered {
        end += random.below(1_000_000);
        duration += if packets > 1 { random.below(1_000_000) } else { 0 };
    } else {
        end -= end % 1_000_000;
    }
    let (src, dst, src_port, dst_port) = if to_host {
        (peer, host, server, client)
    } else {
        (host, peer, client, server)
    };
    let tcp = protocol == 6;
    let flags = match kind {
        _ if !tcp => 0,
        0..20 => 2,
        20..40 => 0x14,
        _ => [0x1b, 0x1a, 0x13, 0x18][random.zipf(4) as usize],
    };
    let access = 1 + scatter(host_rank) as u32 % 8;
    let uplink = 101 + (scatter(peer_rank / 64) as u32 % 3);
    let (ingress, egress) = if to_host { (uplink, access) } else { (access, uplink) };
    let autonomous = |rank: u64| 100 + scatter(rank / 64) as u32 % 65_000 % (1 + 300 * (1 + rank as u32 / 500));
    let next_hop = Ipv4Addr::from(0xc0a8_0000 + egress);
    let export = Exported {
        domain: 0,
        sampling: None,
        ingress_if: Some(ingress),
        egress_if: Some(egress),
        observed: Observed::Ingress,
        src_as: Some(if to_host { autonomous(peer_rank) } else { 0 }),
        dst_as: Some(if to_host { 0 } else { autonomous(peer_rank) }),
        src_prefix: Some(if to_host {
            16 + (scatter(peer_rank / 8) % 9) as u8
        } else {
            24
        }),
        dst_prefix: Some(if to_host {
            24
        } else {
            16 + (scatter(peer_rank / 8) % 9) as u8
        }),
        next_hop: Some(next_hop.into()),
        ..Exported::default()
    };
    let answered = metered && kind >= 10;
    let mac = |n: u32| metered.then_some(MacAddr([0, 0x1b, 0x21, 0, 0, n as u8]));
    let mut record = FlowRecord {
        link: if metered {
            LinkId(1)
        } else {
            LinkId::of_exporter(1 + scatter(host_rank) as u32 % 4)
        },
        start: Timestamp::from_nanos(end - duration),
        end: Timestamp::from_nanos(end),
        src_ip: src,
        dst_ip: dst,
        src_port,
        dst_port,
        protocol,
        vlan: metered.then_some(100 + access as u16),
        vlan_inner: None,
        src_mac: mac(ingress),
        dst_mac: mac(egress),
        packets,
        bytes: packets * size,
        packets_rev: if answered { packets.div_ceil(2) } else { 0 },
        bytes_rev: if answered {
            packets.div_ceil(2) * (52 + random.below(600))
        } else {
            0
        },
        tcp_flags: flags,
        tcp_flags_rev: if answered { flags | 0x10 } else { 0 },
        icmp: None,
        icmp_rev: None,
        tos: if random.below(20) == 0 { 0xb8 } else { 0 },
        app: App::by_port(protocol, src_port, dst_port),
        direction: if to_host { Direction::In } else { Direction::Out },
        end_reason: if tcp && late < 1_000 {
            EndReason::EndOfFlow
        } else {
            EndReason::Idle
        },
        export: (!metered).then(|| Box::new(export)),
        l7: None,
        quality: None,
    };
    if kind_of == Kind::Inspected && kind >= 10 {
        (record.l7, record.quality) = (
            l7(random, &record, host_rank, peer_rank),
            Some(Box::new(quality(random, tcp))),
        );
    }
    record
}

#[allow(clippy::cast_possible_truncation, reason = "made up numbers")]
/// What the first packets said: names as many as popular services have, a path where it is in the clear.
fn l7(random: &mut Random, record: &FlowRecord, host: u64, peer: u64) -> Option<Box<L7>> {
    let port = record.src_port.min(record.dst_port);
    let mut details = Details::default();
    let name = |rank: u64| {
        let service = ["cdn", "api", "www", "img", "static", "log"][scatter(rank) as usize % 6];
        let site = scatter(rank / 4) % 50_000;
        let top = ["com", "cn", "net", "com.cn"][site as usize % 4];
        match site % 5 {
            0 => format!("{service}{}.{site:x}.cloudfront.{top}", rank % 40),
            1 => format!(
                "r{}---sn-{:06x}.video-{site}.{top}",
                rank % 9,
                scatter(rank) % 0xff_ffff
            ),
            _ => format!("{service}.shop{site}.{top}"),
        }
    };
    let host_name = match port {
        443 | 8443 | 993 | 853 => {
            details.set(
                DetailKey::Alpn,
                ["h2", "h2,http/1.1", "http/1.1", "h3"][random.zipf(4) as usize],
            );
            details.set(DetailKey::TlsVersion, ["TLS 1.3", "TLS 1.2"][random.zipf(2) as usize]);
            details.set(
                DetailKey::Cipher,
                ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"][random.zipf(2) as usize],
            );
            let client = scatter(host * 7 + random.zipf(6)) % 300;
            details.set(
                DetailKey::Ja4,
                &format!(
                    "t13d{:04}h2_{:012x}_{:012x}",
                    client,
                    scatter(client),
                    scatter(client + 7)
                ),
            );
            if record.tcp_flags & 2 != 0 && random.below(3) == 0 {
                details.set(DetailKey::Subject, &name(peer));
                details.set(
                    DetailKey::Issuer,
                    ["R11", "DigiCert TLS RSA SHA256 2020 CA1", "WR2"][random.zipf(3) as usize],
                );
            }
            Some(name(peer))
        }
        80 | 8080 => {
            details.set(DetailKey::Method, ["GET", "POST", "HEAD"][random.zipf(3) as usize]);
            let page = random.below(5_000_000);
            details.set(
                DetailKey::Path,
                &format!(
                    "/v{}/item/{page}?session={:016x}&t={}",
                    page % 3,
                    random.next(),
                    record.start.as_nanos() / SECOND
                ),
            );
            details.set(
                DetailKey::Status,
                ["200", "304", "404", "302", "500"][random.zipf(5) as usize],
            );
            details.set(
                DetailKey::Agent,
                &format!(
                    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/{}.0",
                    90 + scatter(host) % 40
                ),
            );
            details.set(
                DetailKey::ContentType,
                ["text/html", "application/json", "image/png"][random.zipf(3) as usize],
            );
            Some(name(peer))
        }
        53 => {
            details.set(
                DetailKey::DnsType,
                ["A", "AAAA", "HTTPS", "PTR"][random.zipf(4) as usize],
            );
            details.set(DetailKey::DnsCode, ["NOERROR", "NXDOMAIN"][random.zipf(2) as usize]);
            Some(name(random.zipf(200_000)))
        }
        _ => None,
    };
    Some(Box::new(L7 {
        confidence: if host_name.is_some() {
            Confidence::Parsed
        } else {
            Confidence::Pattern
        },
        host: host_name.map(Box::from),
        details,
    }))
}

#[allow(clippy::cast_possible_truncation, reason = "made up numbers")]
fn quality(random: &mut Random, tcp: bool) -> Quality {
    let mut quality = Quality::default();
    if tcp {
        quality.connect_client_us = Some(random.log(100.0, 5_000.0) as u32);
        quality.connect_server_us = Some(random.log(2_000.0, 200_000.0) as u32);
        if random.below(10) == 0 {
            quality.forward.retransmitted = 1 + random.zipf(20) as u32;
            quality.reverse.retransmitted = random.zipf(20) as u32;
        }
        quality.forward.resets = u32::from(random.below(8) == 0);
        quality.reverse.out_of_order = if random.below(20) == 0 {
            random.zipf(9) as u32
        } else {
            0
        };
    }
    (0..1 + random.zipf(4)).for_each(|_| quality.response.add(random.log(1_000.0, 900_000.0) as u32));
    quality
}

/// Who made a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A router.
    Exported,
    /// The meter.
    Metered,
    /// The meter, which also says what the first packets said and how well the flow was served.
    Inspected,
}

/// Blocks of records over a day: 2,000 to 20,000 a second.
fn day(kind: Kind, blocks: u64) -> Vec<Vec<FlowRecord>> {
    let mut random = Random(0x1234_5678_9abc_def1);
    let block = |number: u64| {
        let hour = number * 24 / blocks;
        let rate = 2_000 + 18_000 * hour.min(24 - hour) / 12;
        let from = 1_790_000_000 * SECOND + hour * 3_600 * SECOND;
        (0..Block::RECORDS_MAX as u64)
            .map(|n| record(&mut random, from + n * SECOND / rate, kind))
            .collect()
    };
    (0..blocks).map(block).collect()
}

/// The thread's CPU time in nanoseconds (proc(5), schedstat).
fn cpu() -> Result<u64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split_whitespace().next().ok_or("schedstat is empty")?.parse()?)
}

/// Says how many records a CPU-second an action handles, at its best of some rounds.
fn timed<T>(
    what: &str,
    records: u64,
    mut action: impl FnMut() -> Result<T, Box<dyn Error>>,
) -> Result<T, Box<dyn Error>> {
    let mut best = f64::MAX;
    let mut last = None;
    for _ in 0..ROUNDS {
        let before = cpu()?;
        last = Some(action()?);
        best = best.min((cpu()? - before) as f64 / records as f64);
    }
    println!(
        "  {what:44} {:7.1} M records a CPU-second, {best:6.1} ns each",
        1e3 / best
    );
    last.ok_or_else(|| "no round".into())
}

const BLOCKS: u64 = 6;
const ROUNDS: u64 = 12;

fn run(name: &str, kind: Kind) -> Result<(), Box<dyn Error>> {
    let days = day(kind, BLOCKS);
    let total = BLOCKS * Block::RECORDS_MAX as u64;
    println!("{name}");
    let mut builder = BlockBuilder::new();
    let blocks = timed("push and finish", total, || {
        let mut blocks = Vec::new();
        for records in &days {
            for record in records {
                builder.push(record)?;
            }
            blocks.push(builder.finish()?);
        }
        Ok(blocks)
    })?;
    if std::env::args().any(|a| a == "encode") {
        return Ok(());
    }
    timed("push alone", total, || {
        for records in &days {
            for record in records {
                builder.push(record)?;
            }
            builder.clear();
        }
        Ok(())
    })?;
    // As a decoder's are: in the cache.
    timed("push alone, 64 records again and again", total, || {
        for record in days[0].iter().take(64).cycle().take(days.len() * Block::RECORDS_MAX) {
            builder.push(record)?;
            if builder.is_full() {
                builder.clear();
            }
        }
        Ok(())
    })?;
    builder.clear();
    let octets: usize = blocks.iter().map(|b| b.bytes().len()).sum();
    println!(
        "  {:44} {:7.2} octets a record",
        "size",
        octets as f64 / (BLOCKS * 65_536) as f64
    );
    if std::env::args().any(|a| a == "columns") {
        let mut octets = std::collections::BTreeMap::new();
        for (number, taken) in blocks.iter().flat_map(|b| b.view().octets()) {
            *octets.entry(number).or_insert(0) += taken;
        }
        for (number, octets) in octets.into_iter().filter(|(_, octets)| *octets > 0) {
            println!("    {number}: {:.3}", octets as f64 / (BLOCKS * 65_536) as f64);
        }
    }
    // The clock ticks a few milliseconds at a time: what is quick is done again and again.
    let again = || blocks.iter().cycle().take(blocks.len() * 20);
    timed("parse (every checksum)", total * 20, || {
        for block in again() {
            Block::parse(block.bytes().to_vec())?;
        }
        Ok(())
    })?;
    timed("decode to records", total, || {
        for (block, records) in blocks.iter().zip(&days) {
            if block.records()? != *records {
                return Err("the records do not come back".into());
            }
        }
        Ok(())
    })?;
    let (mut unpacker, mut ports, mut bytes, mut hosts) =
        (Unpacker::new(), Values::default(), Values::default(), Values::default());
    timed("sum bytes where dst_port = 443", total * 20, || {
        let mut sum = 0u64;
        for block in again() {
            let block = BlockRef::open(block.bytes())?;
            unpacker.unpack(&block.column(Field::DstPort)?, &mut ports)?;
            unpacker.unpack(&block.column(Field::Bytes)?, &mut bytes)?;
            sum += (0..block.len())
                .filter(|at| ports.get(*at) == Some(443))
                .filter_map(|at| bytes.get(at))
                .sum::<u64>();
        }
        Ok(std::hint::black_box(sum))
    })?;
    timed("bytes by source, by places", total * 20, || {
        let mut most = 0;
        let mut sums = Vec::new();
        let mut plain = vec![0; Block::RECORDS_MAX];
        for block in again() {
            let block = BlockRef::open(block.bytes())?;
            unpacker.unpack(&block.column(Field::SrcIp)?, &mut hosts)?;
            unpacker.unpack(&block.column(Field::Bytes)?, &mut bytes)?;
            bytes.copy(0, &mut plain);
            sums.clear();
            sums.resize(1 << 17, 0u64);
            match hosts.codes() {
                Codes::U16(codes) => codes
                    .iter()
                    .zip(&plain)
                    .for_each(|(code, bytes)| sums[*code as usize] += bytes),
                Codes::U32(codes) => codes
                    .iter()
                    .zip(&plain)
                    .for_each(|(code, bytes)| sums[*code as usize] += bytes),
                _ => {}
            }
            most = most.max(sums.iter().copied().max().unwrap_or(0));
        }
        Ok(std::hint::black_box(most))
    })?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    run("A router's NetFlow v9, milliseconds:", Kind::Exported)?;
    run("The meter's, nanoseconds, both directions in a record:", Kind::Metered)?;
    run("The meter's, with layer 7 and quality:", Kind::Inspected)
}
