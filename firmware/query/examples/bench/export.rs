//! The same records for peers: as IPFIX datagrams over loopback, and as rows of a fixed length.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::Duration;

use model::{FlowRecord, LinkId, Timestamp};

use crate::Result;
use crate::traffic::{Scale, Traffic};

/// (element, length) of a record of IPv4; of IPv6 only the addresses and prefix lengths differ (RFC 7012).
const FIELDS: [(u16, u16); 20] = [
    (8, 4),
    (12, 4),
    (15, 4),
    (10, 4),
    (14, 4),
    (2, 8),
    (1, 8),
    (152, 8),
    (153, 8),
    (7, 2),
    (11, 2),
    (6, 1),
    (4, 1),
    (5, 1),
    (9, 1),
    (13, 1),
    (61, 1),
    (136, 1),
    (16, 4),
    (17, 4),
];
const SIX: [(u16, (u16, u16)); 5] = [
    (8, (27, 16)),
    (12, (28, 16)),
    (15, (62, 16)),
    (9, (29, 1)),
    (13, (30, 1)),
];
/// Octets of records in a datagram at most.
const FULL: usize = 1_400;
/// Exporters, each with an address of its own: 127.0.1.1 and so on.
const EXPORTERS: u32 = 4;
/// Octets that may wait in the receiver's buffer.
const WAITING: u64 = 2 << 20;

fn fields(six: bool) -> Vec<(u16, u16)> {
    let own = |field: (u16, u16)| {
        let of_six = SIX.iter().find(|(four, _)| six && *four == field.0);
        of_six.map_or(field, |(_, own)| *own)
    };
    FIELDS.into_iter().map(own).collect()
}

struct Exporter {
    socket: UdpSocket,
    sequence: u32,
    /// Of IPv4 and of IPv6.
    bodies: [Vec<u8>; 2],
    waiting: u32,
}

impl Exporter {
    fn new(number: u8, port: u16) -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 1, number), 0))?;
        socket.connect((Ipv4Addr::LOCALHOST, port))?;
        Ok(Self {
            socket,
            sequence: 0,
            bodies: [Vec::new(), Vec::new()],
            waiting: 0,
        })
    }

    fn templates(&mut self, now: Timestamp) -> Result<()> {
        let mut set = Vec::new();
        for (id, six) in [(256_u16, false), (257, true)] {
            set.extend(id.to_be_bytes());
            set.extend(u16::try_from(FIELDS.len())?.to_be_bytes());
            for (element, length) in fields(six) {
                set.extend(element.to_be_bytes());
                set.extend(length.to_be_bytes());
            }
        }
        self.send(now, &[(2, &set)])
    }

    fn send(&self, now: Timestamp, sets: &[(u16, &[u8])]) -> Result<()> {
        let length: usize = sets.iter().map(|(_, body)| 4 + body.len()).sum();
        let mut out = Vec::with_capacity(16 + length);
        out.extend(10_u16.to_be_bytes());
        out.extend(u16::try_from(16 + length)?.to_be_bytes());
        out.extend(u32::try_from(now.as_secs())?.to_be_bytes());
        out.extend(self.sequence.to_be_bytes());
        out.extend(0_u32.to_be_bytes());
        for (id, body) in sets {
            out.extend(id.to_be_bytes());
            out.extend(u16::try_from(4 + body.len())?.to_be_bytes());
            out.extend_from_slice(body);
        }
        self.socket.send(&out)?;
        Ok(())
    }

    /// Adds a record; answers whether a datagram went.
    fn push(&mut self, record: &FlowRecord) -> Result<bool> {
        put(record, &mut self.bodies[usize::from(record.ip_version() == 6)]);
        self.waiting += 1;
        let full = self.bodies.iter().map(Vec::len).sum::<usize>() > FULL;
        if full {
            self.flush(record.end)?;
        }
        Ok(full)
    }

    fn flush(&mut self, now: Timestamp) -> Result<()> {
        let bodies = std::mem::take(&mut self.bodies);
        let sets: Vec<(u16, &[u8])> = [256, 257]
            .into_iter()
            .zip(bodies.iter().map(Vec::as_slice))
            .filter(|(_, body)| !body.is_empty())
            .collect();
        self.send(now, &sets)?;
        self.sequence = self.sequence.wrapping_add(self.waiting);
        self.waiting = 0;
        self.bodies = bodies;
        self.bodies.iter_mut().for_each(Vec::clear);
        Ok(())
    }
}

fn put(record: &FlowRecord, out: &mut Vec<u8>) {
    let export = record.export.clone().unwrap_or_default();
    let next_hop = export.next_hop.unwrap_or(record.src_ip);
    for address in [record.src_ip, record.dst_ip, next_hop] {
        match address {
            IpAddr::V4(four) => out.extend(four.octets()),
            IpAddr::V6(six) => out.extend(six.octets()),
        }
    }
    let number = |number: Option<u32>| number.unwrap_or(0).to_be_bytes();
    out.extend(number(export.ingress_if));
    out.extend(number(export.egress_if));
    out.extend(record.packets.to_be_bytes());
    out.extend(record.bytes.to_be_bytes());
    for time in [record.start, record.end] {
        out.extend((time.as_nanos() / 1_000_000).to_be_bytes());
    }
    out.extend(record.src_port.to_be_bytes());
    out.extend(record.dst_port.to_be_bytes());
    let (src_prefix, dst_prefix) = (export.src_prefix.unwrap_or(0), export.dst_prefix.unwrap_or(0));
    out.extend([record.tcp_flags, record.protocol, record.tos, src_prefix, dst_prefix, 0]);
    out.push(record.end_reason as u8);
    out.extend(number(export.src_as));
    out.extend(number(export.dst_as));
}

/// Sends all records to a UDP port of this machine, as quickly as its owner reads them.
pub(crate) fn ipfix(scale: Scale, port: u16) -> Result<()> {
    let traffic = Traffic::new(scale);
    let mut exporters = (1..=4)
        .map(|number| Exporter::new(number, port))
        .collect::<Result<Vec<_>>>()?;
    let mut records = Vec::new();
    let mut sent = 0_u32;
    for block in 0..scale.blocks() {
        traffic.fill(block, &mut records);
        for exporter in &mut exporters {
            exporter.templates(records.first().map_or(Timestamp::EPOCH, |record| record.end))?;
        }
        for record in &records {
            let number = (record.link.0 - LinkId::of_exporter(1).0) % EXPORTERS;
            let Some(exporter) = exporters.get_mut(number as usize) else {
                continue;
            };
            if exporter.push(record)? {
                sent += 1;
                if sent.is_multiple_of(128) {
                    settle(port, WAITING)?;
                }
            }
        }
    }
    for exporter in &mut exporters {
        exporter.flush(Timestamp::from_nanos(scale.until_s() * 1_000_000_000))?;
    }
    settle(port, 0)
}

/// Waits until no more than so many octets wait for the port's owner.
fn settle(port: u16, waiting: u64) -> Result<()> {
    let wanted = format!(":{port:04X} 00000000:0000 ");
    loop {
        let table = std::fs::read_to_string("/proc/net/udp")?;
        // sl, local, remote, state, tx_queue:rx_queue (proc(5)); the last column counts what was dropped
        let line = table
            .lines()
            .find(|line| line.contains(&wanted))
            .ok_or("nobody listens any more")?;
        let fields: Vec<&str> = line.split_whitespace().collect();
        if fields.last() != Some(&"0") {
            return Err("the receiver was too slow: datagrams were dropped".into());
        }
        let queue = fields
            .get(4)
            .and_then(|queues| queues.split_once(':'))
            .ok_or("no queue")?;
        if u64::from_str_radix(queue.1, 16)? <= waiting {
            return Ok(());
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Writes all records as rows of 128 octets, little endian: see `bench.py`.
pub(crate) fn rows(scale: Scale, out: &mut impl Write) -> Result<()> {
    let traffic = Traffic::new(scale);
    let (mut records, mut row) = (Vec::new(), Vec::new());
    for block in 0..scale.blocks() {
        traffic.fill(block, &mut records);
        for record in &records {
            row.clear();
            let export = record.export.clone().unwrap_or_default();
            for address in [record.src_ip, record.dst_ip, export.next_hop.unwrap_or(record.src_ip)] {
                let order = model::address_order(address);
                let [high, low] = [order >> 64, order & u128::from(u64::MAX)];
                for half in [high, low] {
                    row.extend(u64::try_from(half)?.to_le_bytes());
                }
            }
            for time in [record.start, record.end] {
                row.extend((time.as_nanos() / 1_000_000).to_le_bytes());
            }
            row.extend(record.packets.to_le_bytes());
            row.extend(record.bytes.to_le_bytes());
            for number in [export.ingress_if, export.egress_if, export.src_as, export.dst_as] {
                row.extend(number.unwrap_or(0).to_le_bytes());
            }
            row.extend(record.link.0.to_le_bytes());
            for number in [record.src_port, record.dst_port, record.app.number()] {
                row.extend(number.to_le_bytes());
            }
            row.extend([record.protocol, record.tcp_flags, record.tos]);
            row.extend([export.src_prefix.unwrap_or(0), export.dst_prefix.unwrap_or(0)]);
            row.extend([record.direction as u8, record.end_reason as u8]);
            row.resize(128, 0);
            out.write_all(&row)?;
        }
    }
    Ok(out.flush()?)
}
