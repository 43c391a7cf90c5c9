//! Comma-separated values (RFC 4180) with a header line; what is missing is empty. No value needs quotes.

use std::io::{self, Write};

use model::FlowRecord;

use super::text;

const HEADER: &[u8] =
    b"src_ip,dst_ip,src_port,dst_port,protocol,ip_version,start,end,packets,bytes,packets_rev,bytes_rev,\
tcp_flags,tcp_flags_rev,vlan,src_mac,dst_mac,app\r\n";

/// Writes the header and the flows.
pub(crate) fn write<'a>(flows: impl Iterator<Item = &'a FlowRecord>, out: &mut impl Write) -> io::Result<()> {
    out.write_all(HEADER)?;
    let mut line = Vec::with_capacity(512);
    for flow in flows {
        line.clear();
        row(&mut line, flow);
        out.write_all(&line)?;
    }
    Ok(())
}

fn row(out: &mut Vec<u8>, flow: &FlowRecord) {
    text::address(out, flow.src_ip);
    out.push(b',');
    text::address(out, flow.dst_ip);
    for value in [flow.src_port, flow.dst_port] {
        out.push(b',');
        text::number(out, u64::from(value));
    }
    for value in [flow.protocol, flow.ip_version()] {
        out.push(b',');
        text::number(out, u64::from(value));
    }
    for value in [flow.start, flow.end] {
        out.push(b',');
        text::time(out, value);
    }
    for value in [
        flow.packets,
        flow.bytes,
        flow.packets_rev,
        flow.bytes_rev,
        u64::from(flow.tcp_flags),
        u64::from(flow.tcp_flags_rev),
    ] {
        out.push(b',');
        text::number(out, value);
    }
    out.push(b',');
    if let Some(vlan) = flow.vlan {
        text::number(out, u64::from(vlan));
    }
    for mac in [flow.src_mac, flow.dst_mac] {
        out.push(b',');
        if let Some(mac) = mac {
            text::mac(out, mac);
        }
    }
    out.push(b',');
    text::app(out, flow.app);
    out.extend_from_slice(b"\r\n");
}
