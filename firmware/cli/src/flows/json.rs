//! JSON, one object a line.

use std::io::{self, Write};

use model::{App, FlowRecord, L7, Quality};

use super::{facts, text};

/// Writes the flows.
pub(crate) fn write<'a>(flows: impl Iterator<Item = &'a FlowRecord>, out: &mut impl Write) -> io::Result<()> {
    let mut line = Vec::with_capacity(512);
    for flow in flows {
        line.clear();
        object(&mut line, flow);
        out.write_all(&line)?;
    }
    Ok(())
}

fn object(out: &mut Vec<u8>, flow: &FlowRecord) {
    quoted(out, "{\"src_ip\":", |out| text::address(out, flow.src_ip));
    quoted(out, ",\"dst_ip\":", |out| text::address(out, flow.dst_ip));
    number(out, ",\"src_port\":", u64::from(flow.src_port));
    number(out, ",\"dst_port\":", u64::from(flow.dst_port));
    number(out, ",\"protocol\":", u64::from(flow.protocol));
    number(out, ",\"ip_version\":", u64::from(flow.ip_version()));
    quoted(out, ",\"start\":", |out| text::time(out, flow.start));
    quoted(out, ",\"end\":", |out| text::time(out, flow.end));
    number(out, ",\"packets\":", flow.packets);
    number(out, ",\"bytes\":", flow.bytes);
    number(out, ",\"packets_rev\":", flow.packets_rev);
    number(out, ",\"bytes_rev\":", flow.bytes_rev);
    number(out, ",\"tcp_flags\":", u64::from(flow.tcp_flags));
    number(out, ",\"tcp_flags_rev\":", u64::from(flow.tcp_flags_rev));
    match flow.vlan {
        Some(vlan) => number(out, ",\"vlan\":", u64::from(vlan)),
        None => out.extend_from_slice(b",\"vlan\":null"),
    }
    for (member, mac) in [(",\"src_mac\":", flow.src_mac), (",\"dst_mac\":", flow.dst_mac)] {
        match mac {
            Some(mac) => quoted(out, member, |out| text::mac(out, mac)),
            None => {
                out.extend_from_slice(member.as_bytes());
                out.extend_from_slice(b"null");
            }
        }
    }
    quoted(out, ",\"app\":", |out| text::app(out, flow.app));
    match &flow.l7 {
        Some(l7) => layer7(out, flow.app, l7),
        None => out.extend_from_slice(b",\"l7\":null"),
    }
    match &flow.quality {
        Some(q) => quality(out, flow, q),
        None => out.extend_from_slice(b",\"quality\":null"),
    }
    out.extend_from_slice(b"}\n");
}

fn layer7(out: &mut Vec<u8>, app: App, l7: &L7) {
    quoted(out, ",\"l7\":{\"app\":", |out| text::app(out, app));
    quoted(out, ",\"confidence\":", |out| {
        out.extend_from_slice(facts::confidence(l7).as_bytes());
    });
    if let Some(host) = &l7.host {
        escaped(out, ",\"host\":", host);
    }
    if let Some(name) = facts::server_name(l7) {
        escaped(out, ",\"sni\":", name);
    }
    if let Some(name) = facts::query(app, l7) {
        escaped(out, ",\"dns\":{\"query\":", name);
        for (key, member) in facts::DNS {
            if let Some(value) = l7.details.get(key) {
                escaped(out, &format!(",\"{member}\":"), value);
            }
        }
        out.push(b'}');
    }
    for (key, value) in l7.details.iter() {
        if facts::DNS.iter().all(|(dns, _)| *dns != key) {
            escaped(out, &format!(",\"{}\":", key.name()), value);
        }
    }
    out.push(b'}');
}

fn quality(out: &mut Vec<u8>, flow: &FlowRecord, quality: &Quality) {
    let mut member = ",\"quality\":{\"".to_owned();
    let mut push = |name: &str, suffix: &str, value: Option<u64>| {
        if let Some(value) = value {
            member.push_str(name);
            member.push_str(suffix);
            member.push_str("\":");
            number(out, &member, value);
            member.clear();
            member.push_str(",\"");
        }
    };
    for (name, value) in facts::delays(quality) {
        push(name, "", value);
    }
    for (side, suffix) in [(&quality.forward, ""), (&quality.reverse, "_rev")] {
        for (name, value) in facts::SIDE.into_iter().zip(facts::side(side, facts::is_tcp(flow))) {
            push(name, suffix, value);
        }
    }
    out.push(b'}');
}

/// A member whose text may hold anything.
pub(super) fn escaped(out: &mut Vec<u8>, member: &str, value: &str) {
    out.extend_from_slice(member.as_bytes());
    text::json(out, value);
}

fn number(out: &mut Vec<u8>, member: &str, value: u64) {
    out.extend_from_slice(member.as_bytes());
    text::number(out, value);
}

pub(super) fn quoted(out: &mut Vec<u8>, member: &str, value: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(member.as_bytes());
    out.push(b'"');
    value(out);
    out.push(b'"');
}
