//! Columns for people.

use std::io::{self, Write};
use std::net::IpAddr;

use model::FlowRecord;

use super::text;

const COLUMNS: usize = 15;
const HEADER: [&str; COLUMNS] = [
    "START (UTC)",
    "DURATION",
    "PROTO",
    "SOURCE",
    "DESTINATION",
    "PACKETS",
    "BACK",
    "BYTES",
    "BACK",
    "FLAGS",
    "CONNECT",
    "RESPONSE",
    "RETRANS",
    "APP",
    "HOST",
];
/// Numbers stand to the right.
const RIGHT: [bool; COLUMNS] = [
    false, true, false, false, false, true, true, true, true, false, true, true, true, false, false,
];

/// Writes the header and the flows, with columns as wide as their contents.
pub(crate) fn write<'a>(flows: impl Iterator<Item = &'a FlowRecord> + Clone, out: &mut impl Write) -> io::Result<()> {
    let mut widths = HEADER.map(str::len);
    for flow in flows.clone() {
        for (width, cell) in widths.iter_mut().zip(cells(flow)) {
            *width = (*width).max(cell.len());
        }
    }
    line(out, &HEADER.map(str::to_owned), &widths)?;
    for flow in flows {
        line(out, &cells(flow), &widths)?;
    }
    Ok(())
}

fn line(out: &mut impl Write, cells: &[String; COLUMNS], widths: &[usize; COLUMNS]) -> io::Result<()> {
    let mut text = String::with_capacity(160);
    for ((cell, &width), right) in cells.iter().zip(widths).zip(RIGHT) {
        if !text.is_empty() {
            text.push_str("  ");
        }
        if right {
            text.push_str(&format!("{cell:>width$}"));
        } else {
            text.push_str(&format!("{cell:<width$}"));
        }
    }
    out.write_all(text.trim_end().as_bytes())?;
    out.write_all(b"\n")
}

fn cells(flow: &FlowRecord) -> [String; COLUMNS] {
    let mut start = Vec::new();
    text::time(&mut start, flow.start);
    // To the millisecond: 2026-11-21 08:00:00.000
    let mut start = String::from_utf8(start).unwrap_or_default().replace('T', " ");
    start.truncate(23);
    let quality = flow.quality.as_deref();
    [
        start,
        duration(flow.end.nanos_since(flow.start)),
        protocol(flow.protocol),
        end(flow.src_ip, flow.src_port),
        end(flow.dst_ip, flow.dst_port),
        flow.packets.to_string(),
        flow.packets_rev.to_string(),
        text::octets(flow.bytes),
        text::octets(flow.bytes_rev),
        match flow.protocol {
            6 => flags(flow.tcp_flags | flow.tcp_flags_rev),
            _ => String::new(),
        },
        delay(quality.and_then(|q| Some(u64::from(q.connect_client_us?) + u64::from(q.connect_server_us?)))),
        delay(quality.and_then(|q| q.response.mean_us())),
        match quality {
            Some(q) if flow.protocol == 6 => {
                (u64::from(q.forward.retransmitted) + u64::from(q.reverse.retransmitted)).to_string()
            }
            _ => String::new(),
        },
        flow.app.to_string(),
        flow.l7
            .as_ref()
            .and_then(|l7| l7.host.as_deref())
            .unwrap_or_default()
            .to_owned(),
    ]
}

/// A delay in microseconds; nothing where none was measured.
fn delay(us: Option<u64>) -> String {
    let Some(us) = us else { return String::new() };
    match us {
        0..10_000_000 => format!("{}.{:03} ms", us / 1_000, us % 1_000),
        _ => format!("{}.{} s", us / 1_000_000, us / 100_000 % 10),
    }
}

fn end(addr: IpAddr, port: u16) -> String {
    match (addr, port) {
        (addr, 0) => addr.to_string(),
        (IpAddr::V4(v4), port) => format!("{v4}:{port}"),
        (IpAddr::V6(v6), port) => format!("[{v6}]:{port}"),
    }
}

fn duration(nanos: u64) -> String {
    let seconds = nanos / 1_000_000_000;
    match seconds {
        0..60 => format!("{seconds}.{:03} s", nanos / 1_000_000 % 1_000),
        60..3_600 => format!("{}:{:02} min", seconds / 60, seconds % 60),
        _ => format!("{}:{:02}:{:02} h", seconds / 3_600, seconds / 60 % 60, seconds % 60),
    }
}

fn protocol(number: u8) -> String {
    let name = match number {
        1 => "ICMP",
        2 => "IGMP",
        6 => "TCP",
        17 => "UDP",
        33 => "DCCP",
        47 => "GRE",
        50 => "ESP",
        51 => "AH",
        58 => "ICMPv6",
        89 => "OSPF",
        103 => "PIM",
        112 => "VRRP",
        132 => "SCTP",
        136 => "UDPLite",
        other => return other.to_string(),
    };
    name.to_owned()
}

/// The control bits of both directions, a dot for each that was not seen.
fn flags(bits: u8) -> String {
    "CEUAPRSF"
        .chars()
        .enumerate()
        .map(|(place, name)| if bits & (0x80 >> place) != 0 { name } else { '.' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_the_headers_bits() {
        assert_eq!(flags(0x12), "...A..S.");
        assert_eq!(flags(0xff), "CEUAPRSF");
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(duration(1_234_567_890), "1.234 s");
        assert_eq!(duration(61_000_000_000), "1:01 min");
        assert_eq!(duration(3_661_000_000_000), "1:01:01 h");
    }
}
