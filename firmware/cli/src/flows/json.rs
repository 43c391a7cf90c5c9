//! JSON, one object a line. All values are numbers or text without characters to escape.

use std::io::{self, Write};

use model::FlowRecord;

use super::text;

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
    out.extend_from_slice(b"}\n");
}

fn number(out: &mut Vec<u8>, member: &str, value: u64) {
    out.extend_from_slice(member.as_bytes());
    text::number(out, value);
}

fn quoted(out: &mut Vec<u8>, member: &str, value: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(member.as_bytes());
    out.push(b'"');
    value(out);
    out.push(b'"');
}
