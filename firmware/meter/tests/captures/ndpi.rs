//! The flows that nDPI's reader printed, compared by protocol, addresses, ports, packets and sender.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::corpus;

/// Captures where the flows differ, and why.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        "capwap.pcap",
        "nDPI enters CAPWAP (RFC 5415), which is metered as the UDP flow that it is",
    ),
    (
        "capwap_data.pcapng",
        "nDPI enters CAPWAP (RFC 5415), which is metered as the UDP flow that it is",
    ),
    (
        "dnscrypt-v1-and-resolver-pings.pcap",
        "nDPI leaves out later fragments; they belong to their datagram's flow",
    ),
    (
        "fuzz-2020-02-16-11740.pcap",
        "nDPI takes UDP headers with impossible lengths, and leaves out fragments",
    ),
    (
        "fuzz-2021-06-07-c6c72a0a56.pcap",
        "a GTP-U port with no IP inside: nDPI drops the packet, the UDP flow is metered here",
    ),
    ("fuzz-2021-10-13.pcap", "the file ends within its only packet"),
    (
        "ip_fragmented_garbage.pcap",
        "nDPI reads no ports of fragments, and leaves out the later ones",
    ),
    (
        "kerberos_fuzz.pcapng",
        "a TCP header length of 8 is impossible (RFC 9293): malformed",
    ),
    (
        "mongodb.pcap",
        "nDPI has the VLAN in its key; the mirror shows packets twice, in VLAN 300 and in 50 (Config::vlan_in_key parts them)",
    ),
    (
        "pinterest.pcap",
        "nDPI prints addresses such as 2600:1901:0:7a0b:: wrongly",
    ),
    (
        "reasm_crash_anon.pcapng",
        "a TCP header that ends beyond its packet: malformed",
    ),
    ("sctp.cap", "nDPI does not read SCTP's ports"),
    (
        "stun.pcap",
        "nDPI prints addresses such as 2600:1900:4160:5999:0:19:: wrongly",
    ),
];

/// Address and port.
pub(crate) type End = (String, u16);
/// Protocol and ends, the smaller first.
pub(crate) type Key = (u8, End, End);
/// With packets in all and who sent first.
type Flows = BTreeMap<Key, Vec<(u64, End)>>;

/// The key of a flow between two ends.
pub(crate) fn key(protocol: u8, src: End, dst: End) -> Key {
    (protocol, src.clone().min(dst.clone()), src.max(dst))
}

fn add(flows: &mut Flows, protocol: u8, src: End, dst: End, packets: u64) {
    let key = key(protocol, src.clone(), dst);
    flows.entry(key).or_default().push((packets, src));
}

fn parse(line: &str, flows: &mut Flows) -> Option<()> {
    let flow = read(line)?;
    flows.entry(flow.key).or_default().push((flow.packets, flow.first));
    Some(())
}

/// A flow that nDPI printed.
pub(crate) struct Printed {
    pub(crate) key: Key,
    /// Packets in all.
    pub(crate) packets: u64,
    /// Who sent first.
    first: End,
}

/// A line such as `\t1\tTCP 1.2.3.4:5 <-> [::1]:6 [...][2 pkts/3 bytes <-> 4 pkts/5 bytes]`.
pub(crate) fn read(line: &str) -> Option<Printed> {
    let mut words = line.strip_prefix('\t')?.split_once('\t')?.1.split(' ');
    let protocol = match words.next()? {
        "TCP" => 6,
        "UDP" => 17,
        "ICMP" => 1,
        "ICMPV6" => 58,
        "ESP" => 50,
        "AH" => 51,
        "GRE" => 47,
        "IGMP" => 2,
        "SCTP" => 132,
        "PGM" => 113,
        "PIM" => 103,
        "OSPF" => 89,
        "VRRP" => 112,
        other => other.parse().ok()?,
    };
    let (src, arrow, dst) = (words.next()?, words.next()?, words.next()?);
    if arrow != "<->" && arrow != "->" {
        return None;
    }
    let packets = line.split('[').find(|part| part.contains(" pkts/"))?;
    let counts = packets
        .split(" pkts/")
        .filter_map(|part| part.split(' ').next_back()?.parse::<u64>().ok());
    let packets = counts.take(2).sum();
    let (first, other) = (end(src)?, end(dst)?);
    Some(Printed {
        key: key(protocol, first.clone(), other),
        packets,
        first,
    })
}

fn end(text: &str) -> Option<End> {
    let (addr, port) = text.rsplit_once(':')?;
    let addr = addr.trim_matches(['[', ']']);
    let addr = addr.parse::<IpAddr>().map_or(addr.to_owned(), |a| a.to_string());
    Some((addr, port.parse().ok()?))
}

#[test]
fn flows_are_those_of_ndpi() {
    let Some(folder) = corpus::folder("ndpi") else { return };
    let mut compared = 0;
    let mut differing = Vec::new();
    for path in corpus::files(&folder.join("pcap")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Ok(text) = std::fs::read(folder.join("expected").join(format!("{name}.out"))) else {
            continue;
        };
        let mut theirs = Flows::new();
        for line in String::from_utf8_lossy(&text).lines() {
            parse(line, &mut theirs);
        }
        let mut ours = Flows::new();
        for r in corpus::meter(&path).records {
            let (src, dst) = ((r.src_ip.to_string(), r.src_port), (r.dst_ip.to_string(), r.dst_port));
            add(&mut ours, r.protocol, src, dst, r.packets + r.packets_rev);
        }
        compared += theirs.len();
        for flows in [&mut ours, &mut theirs] {
            flows.values_mut().for_each(|f| f.sort());
        }
        if ours != theirs {
            let lines = |a: &Flows, b: &Flows| {
                a.iter()
                    .filter(|(k, v)| b.get(*k) != Some(v))
                    .map(|f| format!("{f:?}"))
                    .collect::<Vec<_>>()
            };
            differing.push((name, lines(&ours, &theirs), lines(&theirs, &ours)));
        }
    }
    assert!(compared > 2_000, "only {compared} flows were compared");
    let known = |name: &str| DIFFERENCES.iter().any(|(known, _)| *known == name);
    let news: Vec<_> = differing.iter().filter(|(name, ..)| !known(name)).collect();
    let gone: Vec<_> = DIFFERENCES
        .iter()
        .filter(|(name, _)| !differing.iter().any(|(d, ..)| d == name))
        .collect();
    assert!(news.is_empty() && gone.is_empty(), "new: {news:#?}\ngone: {gone:#?}");
}
