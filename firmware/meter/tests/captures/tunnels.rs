//! What is inside each encapsulation, made here, is metered and looked into as what is outside of any; tshark sees the
//! same ends and names in the same frames.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use meter::craft::{Opening, Random};
use model::{DetailKey, FlowRecord};

use crate::frames::{self, ethernet, ipv4, ipv6, udp};
use crate::ndpi::{Key, key};
use crate::tshark;

const OUTER: (Ipv4Addr, Ipv4Addr) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2));
const OUTER_V6: (Ipv6Addr, Ipv6Addr) = (
    Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 2),
);
const INNER: (Ipv4Addr, Ipv4Addr) = (frames::CLIENT, frames::SERVER);
const INNER_V6: (Ipv6Addr, Ipv6Addr) = (
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 5),
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9),
);
/// What names the flows.
const TLS_HOST: &str = "inner.example.com";
const HTTP_HOST: &str = "plain.example.org";
const QUESTION: &str = "asked.example.net";

/// What stands around an inner IP packet, whose EtherType and octets it gets.
type Wrap = fn(u16, &[u8]) -> Vec<u8>;

fn v4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &ipv4(OUTER, protocol, (1, 0), payload))
}

fn v6(next: u8, payload: &[u8]) -> Vec<u8> {
    ethernet(0x86dd, &ipv6(OUTER_V6, next, payload))
}

fn octets(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// The protocol number of an IP packet inside another one.
fn number(ether_type: u16) -> u8 {
    if ether_type == 0x86dd { 41 } else { 4 }
}

fn ppp(ether_type: u16) -> [u8; 2] {
    if ether_type == 0x86dd { [0, 0x57] } else { [0, 0x21] }
}

/// GTP-U's header with its optional part and an extension header: a PDU session container (3GPP TS 38.415).
fn gtp(packet: &[u8], extended: bool) -> Vec<u8> {
    let optional: &[u8] = if extended { &[0, 0, 0, 0x85, 1, 0, 9, 0] } else { &[] };
    let length = u16::try_from(packet.len() + optional.len())
        .expect("a short packet")
        .to_be_bytes();
    let flags = if extended { 0x34 } else { 0x30 };
    octets(&[&[flags, 255, length[0], length[1], 0, 0, 0, 7], optional, packet])
}

const WRAPS: &[(&str, Wrap)] = &[
    ("none", |t, p| ethernet(t, p)),
    ("802.1Q", |t, p| {
        ethernet(0x8100, &octets(&[&[0x20, 100], &t.to_be_bytes(), p]))
    }),
    ("QinQ", |t, p| {
        ethernet(0x88a8, &octets(&[&[0, 100, 0x81, 0, 0, 200], &t.to_be_bytes(), p]))
    }),
    ("PPPoE", |t, p| {
        let length = u16::try_from(p.len() + 2).expect("a short packet").to_be_bytes();
        ethernet(0x8864, &octets(&[&[0x11, 0, 0, 9], &length, &ppp(t), p]))
    }),
    ("QinQ, PPPoE", |t, p| {
        let length = u16::try_from(p.len() + 2).expect("a short packet").to_be_bytes();
        ethernet(
            0x88a8,
            &octets(&[
                &[0, 100, 0x81, 0, 0, 200, 0x88, 0x64, 0x11, 0, 0, 9],
                &length,
                &ppp(t),
                p,
            ]),
        )
    }),
    ("MPLS", |_, p| {
        ethernet(0x8847, &octets(&[&[0, 1, 0, 64, 0, 2, 1, 64], p]))
    }),
    ("MPLS pseudo-wire", |t, p| {
        ethernet(0x8847, &octets(&[&[0xf4, 0x24, 1, 64, 0, 0, 0, 0], &ethernet(t, p)]))
    }),
    ("MPLS pseudo-wire, 802.1Q", |t, p| {
        let inner = ethernet(0x8100, &octets(&[&[0, 100], &t.to_be_bytes(), p]));
        ethernet(
            0x8847,
            &octets(&[&[0, 1, 0, 64, 0xf4, 0x24, 1, 64, 0, 0, 0, 0], &inner]),
        )
    }),
    ("IP in IP", |t, p| v4(number(t), p)),
    ("IP in IPv6", |t, p| v6(number(t), p)),
    ("GRE", |t, p| v4(47, &octets(&[&[0, 0], &t.to_be_bytes(), p]))),
    ("GRE with checksum, key and number, over IPv6", |t, p| {
        v6(
            47,
            &octets(&[&[0xb0, 0], &t.to_be_bytes(), &[0; 4], &[0, 0, 0, 7, 0, 0, 0, 1], p]),
        )
    }),
    ("NVGRE", |t, p| {
        v4(47, &octets(&[&[0x20, 0, 0x65, 0x58, 0, 0, 7, 0], &ethernet(t, p)]))
    }),
    ("MPLS in GRE", |_, p| {
        v4(47, &octets(&[&[0, 0, 0x88, 0x47, 0, 1, 1, 64], p]))
    }),
    ("ERSPAN type I", |t, p| {
        v4(47, &octets(&[&[0, 0, 0x88, 0xbe], &ethernet(t, p)]))
    }),
    ("ERSPAN type II", |t, p| {
        let header = [0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 100, 0, 1, 0, 0, 0, 0];
        v4(47, &octets(&[&header, &ethernet(t, p)]))
    }),
    ("ERSPAN type III", |t, p| {
        let header = [0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 100, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        v4(47, &octets(&[&header, &ethernet(t, p)]))
    }),
    ("VXLAN", |t, p| {
        v4(
            17,
            &udp((50_000, 4_789), &octets(&[&[8, 0, 0, 0, 0, 0, 7, 0], &ethernet(t, p)])),
        )
    }),
    ("VXLAN over IPv6", |t, p| {
        v6(
            17,
            &udp((50_000, 4_789), &octets(&[&[8, 0, 0, 0, 0, 0, 7, 0], &ethernet(t, p)])),
        )
    }),
    ("Geneve with options", |t, p| {
        let header = [2, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 2, 0x80, 1, 0, 0, 0, 5];
        v4(17, &udp((50_000, 6_081), &octets(&[&header, &ethernet(t, p)])))
    }),
    ("Geneve with IP", |t, p| {
        v4(
            17,
            &udp((50_000, 6_081), &octets(&[&[0, 0], &t.to_be_bytes(), &[0, 0, 7, 0], p])),
        )
    }),
    ("GTP-U", |_, p| v4(17, &udp((2_152, 2_152), &gtp(p, false)))),
    ("GTP-U with an extension header", |_, p| {
        v4(17, &udp((2_152, 2_152), &gtp(p, true)))
    }),
    ("VXLAN in QinQ with IP in IP inside", |t, p| {
        let inner = ethernet(0x0800, &ipv4(OUTER, number(t), (1, 0), p));
        let vxlan = udp((50_000, 4_789), &octets(&[&[8, 0, 0, 0, 0, 0, 7, 0], &inner]));
        let outer = ipv4(OUTER, 17, (1, 0), &vxlan);
        ethernet(0x88a8, &octets(&[&[0, 100, 0x81, 0, 0, 200, 8, 0], &outer]))
    }),
];

/// The IP packets of a TLS handshake, an HTTP request with its answer and a DNS question with its answer.
fn talk(is_v6: bool) -> Vec<(u16, Vec<u8>)> {
    let mut random = Random::new(7);
    let mut packets = Vec::new();
    let ip = |forward: bool, protocol: u8, payload: &[u8]| {
        let turn = |(a, b): (Ipv4Addr, Ipv4Addr)| if forward { (a, b) } else { (b, a) };
        let turn_v6 = |(a, b): (Ipv6Addr, Ipv6Addr)| if forward { (a, b) } else { (b, a) };
        if is_v6 {
            (0x86dd, ipv6(turn_v6(INNER_V6), protocol, payload))
        } else {
            (0x0800, ipv4(turn(INNER), protocol, (1, 0), payload))
        }
    };
    for (port, opening) in [
        (40_000, Opening::tls13(TLS_HOST, &mut random)),
        (40_001, Opening::http(HTTP_HOST, &mut random)),
    ] {
        let ports = |forward| {
            if forward {
                (port, opening.port)
            } else {
                (opening.port, port)
            }
        };
        let mut next = [100_u32, 200];
        packets.push(ip(true, 6, &frames::tcp(ports(true), 99, 0, 2, &[])));
        packets.push(ip(false, 6, &frames::tcp(ports(false), 199, 100, 18, &[])));
        packets.push(ip(true, 6, &frames::tcp(ports(true), 100, 200, 16, &[])));
        for (forward, message) in &opening.messages {
            for part in message.chunks(1_200) {
                let (own, other) = if *forward { (0, 1) } else { (1, 0) };
                let segment = frames::tcp(ports(*forward), next[own], next[other], 24, part);
                packets.push(ip(*forward, 6, &segment));
                next[own] += u32::try_from(part.len()).expect("short");
            }
        }
    }
    let mut question = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in QUESTION.split('.') {
        question.push(u8::try_from(label.len()).expect("a label"));
        question.extend(label.as_bytes());
    }
    question.extend([0, 0, 1, 0, 1]);
    let mut answer = question.clone();
    (answer[2], answer[3], answer[7]) = (0x81, 0x80, 1);
    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 198, 51, 100, 7]);
    packets.push(ip(true, 17, &udp((40_002, 53), &question)));
    packets.push(ip(false, 17, &udp((53, 40_002), &answer)));
    packets
}

/// What of a record does not depend on what is around it.
fn inside(record: &FlowRecord) -> (Key, u64, u64, String, Option<String>, Option<String>, Option<u32>) {
    let (src, dst) = (
        (record.src_ip.to_string(), record.src_port),
        (record.dst_ip.to_string(), record.dst_port),
    );
    let l7 = record.l7.as_deref();
    (
        key(record.protocol, src, dst),
        record.packets,
        record.packets_rev,
        record.app.to_string(),
        l7.and_then(|l7| l7.host.as_deref()).map(str::to_owned),
        l7.and_then(|l7| l7.details.get(DetailKey::Ja4)).map(str::to_owned),
        record.quality.as_deref().and_then(|quality| quality.connect_server_us),
    )
}

#[test]
fn flows_inside_tunnels_are_as_those_outside() {
    for is_v6 in [false, true] {
        let talk = talk(is_v6);
        let mut expected: Option<Vec<_>> = None;
        for (name, wrap) in WRAPS {
            let frames: Vec<Vec<u8>> = talk
                .iter()
                .map(|(ether_type, packet)| wrap(*ether_type, packet))
                .collect();
            let got = frames::meter(&frames);
            assert!(got.refused.is_empty(), "{name}: {:?}", got.refused);
            let mut flows: Vec<_> = got.records.iter().map(inside).collect();
            flows.sort();
            let lines: Vec<String> = got.logs.iter().map(|log| log.text.clone()).collect();
            assert_eq!((flows.len(), lines.len()), (3, 3), "{name}: {flows:?} {lines:?}");
            let (found, names): (Vec<_>, Vec<_>) = flows.iter().map(|f| (f.3.as_str(), f.4.as_deref())).unzip();
            assert_eq!(found, ["https", "http", "dns"], "{name}");
            assert_eq!(names, [Some(TLS_HOST), Some(HTTP_HOST), Some(QUESTION)], "{name}");
            assert_eq!(*expected.get_or_insert(flows.clone()), flows, "{name}");
        }
    }
}

#[test]
fn tshark_sees_the_same_ends_and_names_inside() {
    for is_v6 in [false, true] {
        let talk = talk(is_v6);
        for (name, wrap) in WRAPS {
            let frames: Vec<Vec<u8>> = talk
                .iter()
                .map(|(ether_type, packet)| wrap(*ether_type, packet))
                .collect();
            let path = tshark::written("tunnel", frames.iter().map(|frame| (0, frame.as_slice())));
            let Some(rows) = tshark::rows(&path) else { return };
            let ours: BTreeMap<Key, (u64, Option<String>)> = frames::meter(&frames)
                .records
                .iter()
                .map(inside)
                .map(|(key, forward, reverse, _, host, ..)| (key, (forward + reverse, host)))
                .collect();
            let mut theirs: BTreeMap<Key, (u64, Option<String>)> = BTreeMap::new();
            for row in &rows {
                let is_ours = |key: &Key| ours.contains_key(key);
                let (key, _) = row
                    .key(is_ours)
                    .unwrap_or_else(|| panic!("{name}: not among ours: {row:?}"));
                let flow = theirs.entry(key).or_default();
                flow.0 += 1;
                let fields = ["tls.handshake.extensions_server_name", "http.host", "dns.qry.name"];
                let said = fields.iter().find_map(|field| row.get(field)).map(str::to_owned);
                flow.1 = flow.1.take().or(said);
            }
            assert_eq!(ours, theirs, "{name}");
        }
    }
}

/// An SCTP association of Diameter (RFC 6733): the messages stand behind the chunks of control.
#[test]
fn messages_of_sctp_are_looked_into_behind_other_chunks() {
    let sctp = |ports: (u16, u16), chunks: &[Vec<u8>]| {
        let mut packet = Vec::new();
        packet.extend(ports.0.to_be_bytes());
        packet.extend(ports.1.to_be_bytes());
        packet.extend([0, 0, 0, 1, 0, 0, 0, 0]);
        packet.extend(chunks.concat());
        packet
    };
    let chunk = |kind: u8, body: &[u8]| {
        let length = u16::try_from(body.len() + 4).expect("a short chunk").to_be_bytes();
        octets(&[&[kind, 3, length[0], length[1]], body])
    };
    // Capabilities-Exchange, request and answer, with Origin-Host.
    let diameter = |request: bool| {
        let avp = [&[0, 0, 1, 8, 0x40, 0, 0, 16][..], b"a.exampl"].concat();
        let header = [
            1,
            0,
            0,
            36,
            if request { 0x80 } else { 0 },
            0,
            1,
            1,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            1,
            0,
            0,
            0,
            2,
        ];
        let mut data = vec![0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 46];
        data.extend(header);
        data.extend(avp);
        data
    };
    let (there, back) = ((50_000, 50_001), (50_001, 50_000));
    let sack = chunk(3, &[0; 12]);
    let packets = [
        (true, sctp(there, &[chunk(1, &[0; 16])])),
        (false, sctp(back, &[chunk(2, &[0; 16])])),
        (true, sctp(there, &[chunk(10, &[0; 8]), chunk(0, &diameter(true))])),
        (
            false,
            sctp(back, &[chunk(11, &[]), sack.clone(), chunk(0, &diameter(false))]),
        ),
        (true, sctp(there, &[sack])),
    ];
    for (name, wrap) in WRAPS {
        let frames: Vec<Vec<u8>> = packets
            .iter()
            .map(|(forward, packet)| {
                let (a, b) = INNER;
                let ends = if *forward { (a, b) } else { (b, a) };
                wrap(0x0800, &ipv4(ends, 132, (1, 0), packet))
            })
            .collect();
        let got = frames::meter(&frames);
        let [record] = got.records.as_slice() else {
            panic!("{name}: {:?}", got.records)
        };
        assert_eq!(
            (record.src_port, record.dst_port, record.protocol),
            (50_000, 50_001, 132),
            "{name}"
        );
        assert_eq!((record.packets, record.packets_rev), (3, 2), "{name}");
        assert_eq!(record.app.to_string(), "diameter", "{name}");
    }
}
