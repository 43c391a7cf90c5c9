//! Comma-separated values (RFC 4180) with a header line; what is missing is empty. Only what layer 7
//! said may need quotes.

use std::io::{self, Write};

use model::{DetailKey, FlowRecord, Quality};

use super::{facts, text};

const HEADER: &[u8] =
    b"src_ip,dst_ip,src_port,dst_port,protocol,ip_version,start,end,packets,bytes,packets_rev,bytes_rev,\
tcp_flags,tcp_flags_rev,vlan,src_mac,dst_mac,app,confidence,host";

/// Writes the header and the flows.
pub(crate) fn write<'a>(flows: impl Iterator<Item = &'a FlowRecord>, out: &mut impl Write) -> io::Result<()> {
    let mut line = Vec::with_capacity(1024);
    header(&mut line);
    out.write_all(&line)?;
    for flow in flows {
        line.clear();
        row(&mut line, flow);
        out.write_all(&line)?;
    }
    Ok(())
}

fn header(out: &mut Vec<u8>) {
    out.extend_from_slice(HEADER);
    let mut push = |name: &str, suffix: &str| {
        out.push(b',');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(suffix.as_bytes());
    };
    for key in DetailKey::ALL {
        push(key.name(), "");
    }
    for (name, _) in facts::delays(&Quality::default()) {
        push(name, "");
    }
    for suffix in ["", "_rev"] {
        for name in facts::SIDE {
            push(name, suffix);
        }
    }
    out.extend_from_slice(b"\r\n");
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
    let l7 = flow.l7.as_deref();
    out.push(b',');
    if let Some(l7) = l7 {
        out.extend_from_slice(facts::confidence(l7).as_bytes());
    }
    out.push(b',');
    value(out, l7.and_then(|l7| l7.host.as_deref()));
    for key in DetailKey::ALL {
        out.push(b',');
        value(out, l7.and_then(|l7| l7.details.get(key)));
    }
    let mut push = |value: Option<u64>| {
        out.push(b',');
        if let Some(value) = value {
            text::number(out, value);
        }
    };
    let quality = flow.quality.as_deref();
    let measured = quality.copied().unwrap_or_default();
    for (_, value) in facts::delays(&measured) {
        push(value.filter(|_| quality.is_some()));
    }
    for side in [&measured.forward, &measured.reverse] {
        for value in facts::side(side, facts::is_tcp(flow)) {
            push(value.filter(|_| quality.is_some()));
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Text that may hold anything.
pub(super) fn value(out: &mut Vec<u8>, value: Option<&str>) {
    let Some(value) = value else { return };
    if !value.contains([',', '"', '\r', '\n']) {
        out.extend_from_slice(value.as_bytes());
        return;
    }
    out.push(b'"');
    out.extend_from_slice(value.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}
