//! One record as a text names it, column by column, and the flow record that it makes.

mod columns;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;

use model::{
    App, EndReason, Exported, FlowRecord, HomeNetworks, IcmpType, LinkId, MacAddr, MplsLabels, Observed, Timestamp,
};

pub(super) use columns::Column;

use crate::when::{When, duration_nanos};

/// A value as it is written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Datum<'a> {
    Text(&'a str),
    Number(u64),
}

impl fmt::Display for Datum<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // What is quoted in an error is short, whatever the file holds.
            Self::Text(text) => write!(f, "{:?}", text.chars().take(64).collect::<String>()),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl Datum<'_> {
    fn number(self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }

    fn small<T: TryFrom<u64>>(self) -> Option<T> {
        self.number().and_then(|n| T::try_from(n).ok())
    }

    fn address(self) -> Option<IpAddr> {
        match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Number(_) => None,
        }
    }

    fn mac(self) -> Option<MacAddr> {
        let Self::Text(text) = self else { return None };
        let mut octets = [0; 6];
        let mut parts = text.trim().split([':', '-']);
        for octet in &mut octets {
            *octet = u8::from_str_radix(parts.next()?, 16).ok()?;
        }
        parts.next().is_none().then_some(MacAddr(octets))
    }

    /// `...AP.SF`, whatever the length; `0x1b`; `27`.
    fn flags(self) -> Option<u8> {
        let Self::Text(text) = self else { return self.small() };
        let text = text.trim();
        if let Some(hex) = text.strip_prefix("0x") {
            return u8::from_str_radix(hex, 16).ok();
        }
        if let Ok(number) = text.parse() {
            return Some(number);
        }
        let mut flags = 0;
        for letter in text.bytes() {
            flags |= match letter {
                b'F' => 1,
                b'S' => 2,
                b'R' => 4,
                b'P' => 8,
                b'A' => 16,
                b'U' => 32,
                b'E' => 64,
                b'C' | b'W' => 128,
                b'.' => 0,
                _ => return None,
            };
        }
        Some(flags)
    }
}

/// What a record is made with besides its columns.
#[derive(Debug)]
pub(super) struct Around<'a> {
    /// Seconds east of UTC of times that name no zone.
    pub(super) zone_s: i32,
    /// What is inside.
    pub(super) home: &'a HomeNetworks,
}

/// A record, column by column. Zeros of what only some records have are nothing: nfdump writes 0 for what it does not know.
#[derive(Debug, Default)]
pub(super) struct Row {
    first: Option<When>,
    last: Option<When>,
    duration: Option<u64>,
    received: Option<When>,
    event: Option<When>,
    src: Option<IpAddr>,
    dst: Option<IpAddr>,
    src_port: u16,
    dst_port: u16,
    protocol: u8,
    flags: u8,
    flags_rev: u8,
    tos: u8,
    packets: u64,
    bytes: u64,
    packets_rev: u64,
    bytes_rev: u64,
    icmp_type: Option<u8>,
    icmp_code: Option<u8>,
    vlan: Option<u16>,
    src_mac: Option<MacAddr>,
    dst_mac: Option<MacAddr>,
    app: Option<App>,
    end_reason: Option<EndReason>,
    router: Option<IpAddr>,
    ttl: (Option<u8>, Option<u8>),
    export: Exported,
}

impl Row {
    /// Puts a column's value in; an empty one is none.
    ///
    /// # Errors
    /// What the value should have been.
    pub(super) fn set(&mut self, column: Column, value: Datum<'_>, around: &Around<'_>) -> Result<(), &'static str> {
        if matches!(value, Datum::Text(text) if text.trim().is_empty()) {
            return Ok(());
        }
        self.set_flow(column, value, around)
            .or_else(|| self.set_besides(column, value))
            .unwrap_or(Ok(()))
    }

    /// What every flow has; `None`: the column is none of these.
    fn set_flow(&mut self, column: Column, value: Datum<'_>, around: &Around<'_>) -> Option<Result<(), &'static str>> {
        const NUMBER: &str = "a number that fits";
        fn put<T>(place: &mut T, value: Option<T>, what: &'static str) -> Option<Result<(), &'static str>> {
            Some(value.ok_or(what).map(|value| *place = value))
        }
        let time = || match value {
            Datum::Text(text) => When::parse(text, around.zone_s),
            Datum::Number(number) => Some(When::of_number(number)),
        };
        match column {
            Column::First => put(&mut self.first, time(), "a time"),
            Column::Last => put(&mut self.last, time(), "a time"),
            Column::Received => put(&mut self.received, time(), "a time"),
            // Events without a time have "<unknown>".
            Column::Event => {
                self.event = time().flatten();
                Some(Ok(()))
            }
            Column::Duration => put(&mut self.duration, duration(value).map(Some), "a duration"),
            Column::SrcAddr => put(&mut self.src, value.address().map(Some), "an IP address"),
            Column::DstAddr => put(&mut self.dst, value.address().map(Some), "an IP address"),
            Column::SrcPort => put(&mut self.src_port, value.small(), "a port"),
            Column::DstPort => self.dst_port(value),
            Column::Protocol => put(&mut self.protocol, protocol(value), "a protocol"),
            Column::Flags => put(&mut self.flags, value.flags(), "TCP flags"),
            Column::FlagsRev => put(&mut self.flags_rev, value.flags(), "TCP flags"),
            Column::Tos => put(&mut self.tos, value.small(), NUMBER),
            Column::Packets => put(&mut self.packets, value.number(), NUMBER),
            Column::Bytes => put(&mut self.bytes, value.number(), NUMBER),
            Column::PacketsRev => put(&mut self.packets_rev, value.number(), NUMBER),
            Column::BytesRev => put(&mut self.bytes_rev, value.number(), NUMBER),
            Column::IcmpType => put(&mut self.icmp_type, value.small().map(Some), NUMBER),
            Column::IcmpCode => put(&mut self.icmp_code, value.small().map(Some), NUMBER),
            Column::App => {
                self.app = match value {
                    Datum::Text(text) => App::by_name(text.trim()),
                    Datum::Number(_) => None,
                };
                Some(Ok(()))
            }
            Column::EndReason => {
                self.end_reason = match value {
                    Datum::Text(text) => crate::kinds::one_of(text.trim()),
                    Datum::Number(_) => None,
                };
                Some(Ok(()))
            }
            _ => None,
        }
    }

    /// What only some flows have.
    fn set_besides(&mut self, column: Column, value: Datum<'_>) -> Option<Result<(), &'static str>> {
        const NUMBER: &str = "a number that fits";
        const ADDRESS: &str = "an IP address";
        const MAC: &str = "a MAC address";
        /// Zero is nothing; so is what is there already.
        fn put<T: PartialEq + Default>(
            place: &mut Option<T>,
            value: Option<T>,
            what: &'static str,
        ) -> Option<Result<(), &'static str>> {
            Some(value.ok_or(what).map(|value| {
                if value != T::default() && place.is_none() {
                    *place = Some(value);
                }
            }))
        }
        fn put_address(place: &mut Option<IpAddr>, value: Option<IpAddr>) -> Option<Result<(), &'static str>> {
            Some(value.ok_or(ADDRESS).map(|value| {
                if !value.is_unspecified() {
                    *place = Some(value);
                }
            }))
        }
        let export = &mut self.export;
        match column {
            Column::InIf => put(&mut export.ingress_if, value.small(), NUMBER),
            Column::OutIf => put(&mut export.egress_if, value.small(), NUMBER),
            Column::SrcAs => put(&mut export.src_as, value.small(), NUMBER),
            Column::DstAs => put(&mut export.dst_as, value.small(), NUMBER),
            Column::SrcMask => put(&mut export.src_prefix, value.small(), NUMBER),
            Column::DstMask => put(&mut export.dst_prefix, value.small(), NUMBER),
            Column::Observed => {
                if value.number() == Some(1) {
                    export.observed = Observed::Egress;
                }
                Some(Ok(()))
            }
            Column::NextHop => put_address(&mut export.next_hop, value.address()),
            Column::BgpNextHop => put_address(&mut export.bgp_next_hop, value.address()),
            Column::SrcXlateIp => put_address(&mut export.translated.src_ip, value.address()),
            Column::DstXlateIp => put_address(&mut export.translated.dst_ip, value.address()),
            Column::SrcXlatePort => put(&mut export.translated.src_port, value.small(), NUMBER),
            Column::DstXlatePort => put(&mut export.translated.dst_port, value.small(), NUMBER),
            Column::NatEvent => put(&mut export.nat_event, value.small(), NUMBER),
            Column::FirewallEvent => put(&mut export.firewall_event, value.small(), NUMBER),
            Column::ForwardingStatus => put(&mut export.forwarding_status, value.small(), NUMBER),
            Column::IngressVrf => put(&mut export.ingress_vrf, value.small(), NUMBER),
            Column::EgressVrf => put(&mut export.egress_vrf, value.small(), NUMBER),
            Column::Domain => Some(value.small().ok_or(NUMBER).map(|domain| export.domain = domain)),
            Column::Router => put_address(&mut self.router, value.address()),
            Column::SrcVlan | Column::DstVlan => put(&mut self.vlan, value.small(), NUMBER),
            Column::SrcMac | Column::OutSrcMac => put(&mut self.src_mac, value.mac(), MAC),
            Column::DstMac | Column::OutDstMac => put(&mut self.dst_mac, value.mac(), MAC),
            Column::SeenVlan => Some(value.small().ok_or(NUMBER).map(|vlan| self.vlan = Some(vlan))),
            Column::SeenSrcMac => Some(value.mac().ok_or(MAC).map(|mac| self.src_mac = Some(mac))),
            Column::SeenDstMac => Some(value.mac().ok_or(MAC).map(|mac| self.dst_mac = Some(mac))),
            Column::MinTtl => put(&mut self.ttl.0, value.small(), NUMBER),
            Column::MaxTtl => put(&mut self.ttl.1, value.small(), NUMBER),
            Column::Mpls => Some(label(&mut export.mpls, value).ok_or("a label such as 16-0-1")),
            _ => None,
        }
    }

    /// A port, or of ICMP `TYPE.CODE`.
    fn dst_port(&mut self, value: Datum<'_>) -> Option<Result<(), &'static str>> {
        if let Datum::Text(text) = value
            && let Some((kind, code)) = text.trim().split_once('.')
        {
            let parsed = kind.parse().ok().zip(code.parse().ok());
            return Some(parsed.ok_or("a port, or type and code").map(|(kind, code)| {
                (self.icmp_type, self.icmp_code) = (Some(kind), Some(code));
            }));
        }
        Some(value.small().ok_or("a port").map(|port| self.dst_port = port))
    }

    /// The exporter that sent it.
    pub(super) fn router(&self) -> Option<IpAddr> {
        self.router
    }

    /// The record; `exported` where an exporter made it.
    ///
    /// # Errors
    /// What it lacks.
    pub(super) fn record(self, link: LinkId, exported: bool, around: &Around<'_>) -> Result<FlowRecord, &'static str> {
        let (Some(src_ip), Some(dst_ip)) = (self.src, self.dst) else {
            return Err("it has no addresses");
        };
        if src_ip.is_ipv4() != dst_ip.is_ipv4() {
            return Err("its addresses are of two IP versions");
        }
        let (start, end) = self.times().ok_or("it has no time")?;
        let is_icmp = matches!(self.protocol, 1 | 58);
        let [port_type, port_code] = self.dst_port.to_be_bytes();
        let has_icmp = is_icmp && (self.icmp_type.is_some() || exported);
        let icmp = has_icmp.then(|| IcmpType {
            kind: self.icmp_type.unwrap_or(port_type),
            code: self.icmp_code.unwrap_or(port_code),
        });
        let (src_port, dst_port) = if is_icmp {
            (0, 0)
        } else {
            (self.src_port, self.dst_port)
        };
        let by_port = || App::by_port(self.protocol, src_port, dst_port);
        let both = self.flags | self.flags_rev;
        let by_flags = || match self.protocol == 6 && both & 5 != 0 {
            true => EndReason::EndOfFlow,
            false => EndReason::Idle,
        };
        let export = exported.then(|| {
            let (low, high) = self.ttl;
            let ttl = low.or(high).zip(high.or(low));
            Box::new(Exported { ttl, ..self.export })
        });
        Ok(FlowRecord {
            link,
            start,
            end,
            src_ip,
            dst_ip,
            src_port,
            dst_port,
            protocol: self.protocol,
            vlan: self.vlan,
            vlan_inner: None,
            src_mac: self.src_mac,
            dst_mac: self.dst_mac,
            packets: self.packets,
            bytes: self.bytes,
            packets_rev: self.packets_rev,
            bytes_rev: self.bytes_rev,
            tcp_flags: self.flags,
            tcp_flags_rev: self.flags_rev,
            icmp,
            icmp_rev: None,
            tos: self.tos,
            app: self.app.unwrap_or_else(by_port),
            direction: around.home.direction(src_ip, dst_ip),
            end_reason: self.end_reason.unwrap_or_else(by_flags),
            export,
            l7: None,
            quality: None,
        })
    }

    /// Start and end. Where both were cut to seconds and the duration was not, they are the earliest that fit all three.
    fn times(&self) -> Option<(Timestamp, Timestamp)> {
        let nanos = |when: When| when.nanos;
        let (start, end) = match (self.first, self.last, self.duration) {
            (Some(first), Some(last), Some(duration)) if first.is_cut && last.is_cut => {
                let start = first.nanos.max(last.nanos.saturating_sub(duration));
                (start, start.saturating_add(duration))
            }
            (Some(first), Some(last), _) => (first.nanos.min(last.nanos), first.nanos.max(last.nanos)),
            (Some(first), None, duration) => (first.nanos, first.nanos.saturating_add(duration.unwrap_or(0))),
            (None, Some(last), duration) => (last.nanos.saturating_sub(duration.unwrap_or(0)), last.nanos),
            (None, None, _) => {
                let at = nanos(self.event.or(self.received)?);
                (at, at)
            }
        };
        Some((Timestamp::from_nanos(start), Timestamp::from_nanos(end)))
    }
}

fn duration(value: Datum<'_>) -> Option<u64> {
    match value {
        Datum::Text(text) => duration_nanos(text),
        Datum::Number(seconds) => seconds.checked_mul(1_000_000_000),
    }
}

/// `label-experimental-bottom`; a label of 0 is none.
fn label(labels: &mut MplsLabels, value: Datum<'_>) -> Option<()> {
    let label: u32 = match value {
        Datum::Number(number) => u32::try_from(number).ok()?,
        Datum::Text(text) => text.trim().split('-').next()?.parse().ok()?,
    };
    if label != 0 {
        labels.push(label);
    }
    Some(())
}

/// A protocol's number, or its name as nfdump writes it.
fn protocol(value: Datum<'_>) -> Option<u8> {
    let Datum::Text(text) = value else { return value.small() };
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let at = PROTOCOLS.iter().position(|name| name.eq_ignore_ascii_case(text));
        let own = || (0..=u8::MAX).find(|number| api::labels::protocol(*number).eq_ignore_ascii_case(text));
        at.and_then(|at| u8::try_from(at).ok()).or_else(own)
    })
}

/// How nfdump's CSV calls protocols, by number. Two share a name: the first is taken.
#[rustfmt::skip]
const PROTOCOLS: &[&str] = &[
    "0", "ICMP", "IGMP", "GGP", "IPIP", "ST", "TCP", "CBT", "EGP", "IGP", "BBN", "NVPII", "PUP", "ARGUS", "ENCOM",
    "XNET", "CHAOS", "UDP", "MUX", "DCN", "HMP", "PRM", "XNS", "Trnk1", "Trnk2", "Leaf1", "Leaf2", "RDP", "IRTP",
    "ISO-4", "NETBK", "MFESP", "MEINP", "DCCP", "3PC", "IDPR", "XTP", "DDP", "IDPR", "TP++", "IL", "IPv6", "SDRP",
    "Rte6", "Frag6", "IDRP", "RSVP", "GRE", "MHRP", "BNA", "ESP", "AH", "INLSP", "SWIPE", "NARP", "MOBIL", "TLSP",
    "SKIP", "ICMP6", "NOHE6", "OPTS6", "HOST", "CFTP", "NET", "SATNT", "KLAN", "RVD", "IPPC", "FS", "SATM", "VISA",
    "IPCV", "CPNX", "CPHB", "WSN", "PVP", "BSATM", "SUNND", "WBMON", "WBEXP", "ISOIP", "VMTP", "SVMTP", "VINES",
    "TTP", "NSIGP", "DGP", "TCF", "EIGRP", "OSPF", "S-RPC", "LARP", "MTP", "AX.25", "OS", "MICP", "SCCSP", "ETHIP",
    "ENCAP", "99", "GMTP", "IFMP", "PNNI", "PIM", "ARIS", "SCPS", "QNX", "A/N", "IPcmp", "SNP", "CpqPP", "IPXIP",
    "VRRP", "PGM", "0hop", "L2TP", "DDX", "IATP", "STP", "SRP", "UTI", "SMP", "SM", "PTP", "ISIS4", "FIRE", "CRTP",
    "CRUDP", "128", "IPLT", "SPS", "PIPE", "SCTP", "FC", "134", "MHEAD", "UDP-L", "MPLS",
];
