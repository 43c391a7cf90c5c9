//! Frames made octet by octet.

use std::net::IpAddr;

use model::{IcmpType, MacAddr, MalformedKind};
use proptest::prelude::*;

use super::*;

const DST: [u8; 6] = [2, 0, 0, 0, 0, 1];
const SRC: [u8; 6] = [2, 0, 0, 0, 0, 2];

fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [&DST[..], &SRC, &ether_type.to_be_bytes(), payload].concat()
}

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 20).unwrap().to_be_bytes();
    let mut packet = vec![0x45, 0xb8, length[0], length[1], 0, 7, 0, 0, 64, protocol, 0, 0];
    packet.extend([10, 0, 0, 1, 10, 0, 0, 2]);
    packet.extend(payload);
    packet
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let mut packet = vec![0x6b, 0x80, 0, 0, length[0], length[1], next, 63];
    for last in [1, 2] {
        packet.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    packet.extend(payload);
    packet
}

fn udp(src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap();
    [
        &src.to_be_bytes()[..],
        &dst.to_be_bytes(),
        &length.to_be_bytes(),
        &[0, 0],
        payload,
    ]
    .concat()
}

fn tcp(flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut segment = vec![0x30, 0x39, 0, 80, 1, 2, 3, 4, 0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0];
    segment.extend(payload);
    segment
}

fn of(link_type: u16, data: &[u8]) -> Result<Packet, NotMetered> {
    dissect(&Frame {
        link_type,
        data,
        wire_len: u32::try_from(data.len()).unwrap(),
        vlan_tci: None,
    })
}

fn malformed(kind: MalformedKind) -> Result<Packet, NotMetered> {
    Err(NotMetered::Malformed(kind))
}

fn v4(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

#[test]
fn a_plain_frame_gives_all_its_fields() {
    let mut frame = ethernet(0x0800, &ipv4(6, &tcp(0x12, b"hello")));
    // Padding does not count.
    frame.extend([0; 9]);
    let packet = of(1, &frame).unwrap();
    assert_eq!((packet.src, packet.dst), (v4(1), v4(2)));
    assert_eq!((packet.src_port, packet.dst_port, packet.protocol), (12_345, 80, 6));
    assert_eq!((packet.tos, packet.ttl, packet.ip_bytes), (0xb8, 64, 45));
    assert_eq!((packet.tcp_flags, packet.tcp_seq), (0x12, 0x0102_0304));
    assert_eq!(
        (packet.src_mac, packet.dst_mac),
        (Some(MacAddr(SRC)), Some(MacAddr(DST)))
    );
    assert_eq!(
        packet.payload,
        Payload {
            offset: 54,
            captured: 5,
            length: 5
        }
    );
    let place = packet.payload.offset as usize;
    assert_eq!(&frame[place..place + 5], b"hello");
    let packet = of(1, &ethernet(0x86dd, &ipv6(17, &udp(53, 54, b"x")))).unwrap();
    assert_eq!(
        (packet.tos, packet.ttl, packet.ip_bytes, packet.src_port),
        (0xb8, 63, 49, 53)
    );
}

#[test]
fn tags_and_shims_are_taken_off() {
    let ip = ipv4(17, &udp(1, 2, b""));
    let inner = |header: &[u8]| [header, &ip].concat();
    // 802.1ad around 802.1Q.
    let packet = of(1, &ethernet(0x88a8, &inner(&[0x20, 118, 0x81, 0, 0, 10, 8, 0]))).unwrap();
    assert_eq!(
        (packet.vlan, packet.vlan_inner, packet.dst_port),
        (Some(118), Some(10), 2)
    );
    // A tag that the NIC took off is the outer one.
    let frame = Frame {
        link_type: 1,
        data: &ethernet(0x8100, &inner(&[0, 10, 8, 0])),
        wire_len: 0,
        vlan_tci: Some(7),
    };
    let packet = dissect(&frame).unwrap();
    assert_eq!((packet.vlan, packet.vlan_inner), (Some(7), Some(10)));
    // Two labels; PPPoE; SNAP; VN-Tag.
    for (ether_type, header) in [
        (0x8847, &[0, 1, 0x10, 64, 0, 1, 0x31, 64][..]),
        (0x8864, &[0x11, 0, 0, 1, 0, 30, 0, 0x21]),
        (36, &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0]),
        (0x8926, &[0, 0, 0, 0, 8, 0]),
    ] {
        let packet = of(1, &ethernet(ether_type, &inner(header))).unwrap();
        assert_eq!((packet.dst_port, packet.ip_bytes), (2, 28), "{ether_type:04x}");
    }
    // Ethernet over MPLS with a control word.
    let wire = [&[0, 1, 0x31, 64, 0, 0, 0, 0][..], &ethernet(0x0800, &ip)].concat();
    assert_eq!(of(1, &ethernet(0x8847, &wire)).unwrap().dst_port, 2);
    assert_eq!(of(1, &ethernet(0x88cc, &[0; 46])), Err(NotMetered::NonIp(0x88cc)));
    assert_eq!(of(1, &ethernet(38, &[0x42, 0x42, 3])), Err(NotMetered::NonIp(0)));
    assert_eq!(NotMetered::Arp.ether_type(), Some(0x0806));
}

#[test]
fn other_link_types() {
    let ip = ipv4(17, &udp(1, 2, b""));
    let six = ipv6(17, &udp(1, 2, b""));
    let radiotap = [0, 0, 8, 0, 0, 0, 0, 0];
    let mut wifi = vec![0x88, 0x01, 0, 0];
    wifi.extend([[9; 6], SRC, DST].concat());
    wifi.extend([0, 0, 0, 0]);
    wifi.extend([0xaa, 0xaa, 3, 0, 0, 0, 8, 0]);
    let cases: Vec<(u16, Vec<u8>, &[u8])> = vec![
        (0, vec![2, 0, 0, 0], &ip),
        (0, vec![0, 0, 0, 30], &six),
        (108, vec![0, 0, 0, 2], &ip),
        (9, vec![0xff, 3, 0, 0x21], &ip),
        (9, vec![0x57], &six),
        (12, vec![], &ip),
        (101, vec![], &six),
        (228, vec![], &ip),
        (229, vec![], &six),
        (50, vec![0x0f, 0, 8, 0], &ip),
        (51, vec![0x11, 0, 0, 1, 0, 30, 0, 0x21], &ip),
        (104, vec![0x0f, 0, 8, 0], &ip),
        (105, wifi.clone(), &ip),
        (127, [&radiotap[..], &wifi].concat(), &ip),
        (192, [&[0, 0, 8, 0, 105, 0, 0, 0][..], &wifi].concat(), &ip),
        (107, vec![0x18, 0x41, 3, 0xcc], &ip),
        (107, vec![0x18, 0x41, 0x86, 0xdd], &six),
        (113, [&[0, 0, 0, 1, 0, 6][..], &SRC, &[0, 0, 8, 0]].concat(), &ip),
        (204, vec![1, 0xff, 3, 0, 0x21], &ip),
        (239, vec![2, 0, 0, 0, 8, 0, 1, 0, 8, 0, 0, 3, 32, 0, 9, 0], &ip),
        (
            276,
            [&[8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6][..], &SRC, &[0, 0]].concat(),
            &ip,
        ),
    ];
    for (link_type, header, payload) in cases {
        assert!(is_supported(link_type));
        let frame = [&header[..], payload].concat();
        let packet = of(link_type, &frame).unwrap_or_else(|e| panic!("{link_type}: {e:?}"));
        assert_eq!((packet.src_port, packet.dst_port), (1, 2), "{link_type}");
        if [105, 113, 127, 192, 276].contains(&link_type) {
            assert_eq!(packet.src_mac, Some(MacAddr(SRC)), "{link_type}");
        }
        for cut in 0..header.len() {
            assert!(of(link_type, &frame[..cut]).is_err(), "{link_type} of {cut}");
        }
    }
    wifi[1] |= 0x40;
    assert_eq!(of(105, &wifi), Err(NotMetered::NonIp(0)), "encrypted");
    assert_eq!(of(189, &ip), Err(NotMetered::UnsupportedLink(189)));
    assert!(!is_supported(189));
}

#[test]
fn each_contradiction_has_its_kind() {
    use MalformedKind as Kind;
    let ip = |change: fn(&mut Vec<u8>)| {
        let mut packet = ipv4(6, &tcp(2, b""));
        change(&mut packet);
        of(1, &ethernet(0x0800, &packet))
    };
    assert_eq!(of(1, &[0; 13]), malformed(Kind::LinkHeader));
    assert_eq!(of(1, &[]), malformed(Kind::LinkHeader));
    assert_eq!(ip(|p| p[0] = 0x55), malformed(Kind::IpVersion));
    assert_eq!(ip(|p| p[0] = 0x44), malformed(Kind::IpHeader));
    assert_eq!(ip(|p| p.truncate(19)), malformed(Kind::IpHeader));
    assert_eq!(ip(|p| p[3] = 19), malformed(Kind::IpLength));
    assert_eq!(ip(|p| p[3] = 41), malformed(Kind::IpLength));
    assert_eq!(ip(|p| p[3] = 39), malformed(Kind::TransportHeader));
    assert_eq!(ip(|p| p[32] = 0x40), malformed(Kind::TransportHeader));
    assert_eq!(ip(|p| p[32] = 0x60), malformed(Kind::TransportHeader));
    // A total length of 0: the NIC was to fill it in.
    assert_eq!(ip(|p| p[3] = 0).unwrap().ip_bytes, 40);
    let of_udp = |length| of(101, &ipv4(17, &[0, 1, 0, 2, 0, length, 0, 0, 9]));
    assert_eq!(of_udp(7), malformed(Kind::TransportHeader));
    assert_eq!(of_udp(10), malformed(Kind::TransportHeader));
    assert_eq!((of_udp(9).unwrap().dst_port, of_udp(0).unwrap().dst_port), (2, 2));
    assert_eq!(of(101, &ipv4(1, &[8, 0, 0])), malformed(Kind::TransportHeader));
    assert_eq!(of(101, &ipv4(132, &[0; 11])), malformed(Kind::TransportHeader));
    assert_eq!(of(1, &ethernet(0x0806, &[0; 7])), malformed(Kind::Arp));
    assert_eq!(of(1, &ethernet(0x8100, &[0; 3])), malformed(Kind::Encapsulation));
    assert_eq!(of(1, &ethernet(0x8847, &[0; 16])), malformed(Kind::Encapsulation));
    assert_eq!(
        of(101, &ipv6(60, &[6, 1, 0, 0, 0, 0, 0, 0])),
        malformed(Kind::ExtensionHeader)
    );
    // A chain without an end.
    assert_eq!(
        of(101, &ipv6(60, &[60, 0, 1, 4, 0, 0, 0, 0].repeat(40))),
        malformed(Kind::ExtensionHeader)
    );
    assert_eq!(of(101, &ipv6(17, b"")[..39]), malformed(Kind::IpHeader));
}

#[test]
fn extension_headers_are_passed() {
    let end = udp(1, 2, b"");
    let chain = |headers: &[&[u8]]| of(101, &ipv6(0, &[&headers.concat()[..], &end].concat()));
    let hop: &[u8] = &[43, 0, 5, 2, 0, 0, 1, 0];
    let routing: &[u8] = &[60, 0, 0, 0, 0, 0, 0, 0];
    let options: &[u8] = &[51, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let auth: &[u8] = &[135, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mobility: &[u8] = &[17, 0, 0, 0, 0, 0, 0, 0];
    let packet = chain(&[hop, routing, options, auth, mobility]).unwrap();
    assert_eq!(
        (packet.protocol, packet.dst_port, packet.ip_bytes),
        (17, 2, 40 + 64 + 8)
    );
    // Encapsulated payload and "no next header" end the chain.
    assert_eq!(of(101, &ipv6(50, &[0; 8])).unwrap().protocol, 50);
    assert_eq!(of(101, &ipv6(59, &[])).unwrap().ip_bytes, 40);
    // A jumbogram's length is in its option.
    let mut jumbo = ipv6(0, &[&[17, 0, 0xc2, 4, 0, 0, 0, 16][..], &end].concat());
    jumbo[4..6].fill(0);
    jumbo.extend([0; 30]);
    assert_eq!(of(101, &jumbo).unwrap().ip_bytes, 56);
}

#[test]
fn fragments_tell_their_place() {
    let mut first = ipv4(17, &udp(1, 2, &[0; 16])[..16]);
    first[6] = 0x20;
    // The UDP length is that of the whole datagram.
    let packet = of(101, &first).unwrap();
    assert_eq!(
        packet.fragment,
        Some(Fragment {
            id: 7,
            offset: 0,
            length: 16,
            more: true
        })
    );
    assert_eq!((packet.dst_port, packet.has_transport), (2, true));
    let mut later = ipv4(17, &[0xff; 8]);
    later[7] = 2;
    let packet = of(101, &later).unwrap();
    assert_eq!(
        packet.fragment,
        Some(Fragment {
            id: 7,
            offset: 16,
            length: 8,
            more: false
        })
    );
    assert_eq!((packet.dst_port, packet.has_transport), (0, false));

    let six = |offset_more: u16| {
        let o = offset_more.to_be_bytes();
        of(
            101,
            &ipv6(44, &[&[17, 0, o[0], o[1], 0, 1, 0, 9][..], &udp(1, 2, b"")].concat()),
        )
        .unwrap()
    };
    assert_eq!(
        six(1).fragment,
        Some(Fragment {
            id: 0x1_0009,
            offset: 0,
            length: 8,
            more: true
        })
    );
    assert_eq!((six(1).dst_port, six(8).dst_port, six(8).protocol), (2, 0, 17));
    assert_eq!(
        six(8).fragment,
        Some(Fragment {
            id: 0x1_0009,
            offset: 8,
            length: 8,
            more: false
        })
    );
    assert_eq!(six(0).fragment, None, "an atomic fragment is a whole datagram");
}

#[test]
fn tunnels_are_entered_and_left_when_they_hold_nothing() {
    let inner = ipv6(58, &[128, 3, 0, 0]);
    let frame = ethernet(0x86dd, &inner);
    let ports = |dst, header: &[u8], inner: &[u8]| ipv4(17, &udp(5_000, dst, &[header, inner].concat()));
    let gtp_length = u16::try_from(inner.len()).unwrap().to_be_bytes();
    let cases = [
        ipv4(41, &inner),
        ipv6(4, &ipv4(41, &inner)),
        ipv4(47, &[&[0, 0, 0x86, 0xdd][..], &inner].concat()),
        ipv4(
            47,
            &[&[0xb0, 0, 0x65, 0x58, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2][..], &frame].concat(),
        ),
        ipv4(
            47,
            &[
                &[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 0, 0, 0, 0, 0][..],
                &frame,
            ]
            .concat(),
        ),
        ports(4789, &[8, 0, 0, 0, 0, 0, 123, 0], &frame),
        ports(6081, &[1, 0, 0x65, 0x58, 0, 0, 1, 0, 0, 0, 0, 0], &frame),
        ports(2152, &[0x30, 255, gtp_length[0], gtp_length[1], 0, 0, 0, 1], &inner),
        ports(2152, &[0x34, 255, 0, 52, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 0, 0], &inner),
    ];
    for (place, case) in cases.iter().enumerate() {
        let packet = of(101, case).unwrap();
        assert_eq!(packet.icmp, Some(IcmpType { kind: 128, code: 3 }), "case {place}");
        assert_eq!((packet.ip_bytes, packet.tunnels > 0), (44, true), "case {place}");
        if (3..=6).contains(&place) {
            assert_eq!(packet.src_mac, Some(MacAddr(SRC)), "case {place}");
        }
        // What was captured of the inner packet is too little: the outer one is metered.
        let frame = Frame {
            link_type: 101,
            data: &case[..45],
            wire_len: u32::try_from(case.len()).unwrap(),
            vlan_tci: None,
        };
        assert!(dissect(&frame).is_ok(), "case {place}");
    }
    // ARP inside; rubbish inside; no tunnel at all on a tunnel's port.
    let arp = ethernet(0x0806, &[0; 28]);
    for outer in [
        ports(4789, &[8, 0, 0, 0, 0, 0, 123, 0], &arp),
        ports(4789, &[8], &[]),
        ports(2152, &[0x32, 1, 0, 4], &[]),
    ] {
        let packet = of(101, &outer).unwrap();
        assert_eq!((packet.protocol, packet.src_port, packet.tunnels), (17, 5_000, 0));
    }
    // A hundred headers inside each other: the depth is bounded.
    let mut nested = ipv4(17, &udp(1, 2, b""));
    for _ in 0..100 {
        nested = ipv4(4, &nested);
    }
    assert_eq!(of(101, &nested).unwrap().protocol, 4);
}

#[test]
fn frames_are_addressed_to_one_some_or_all() {
    let to = |dst: [u8; 6]| {
        let mut frame = ethernet(0x0800, &[]);
        frame[..6].copy_from_slice(&dst);
        cast(&Frame {
            link_type: 1,
            data: &frame,
            wire_len: 60,
            vlan_tci: None,
        })
    };
    assert_eq!(to(DST), Cast::Unicast);
    assert_eq!(to([0xff; 6]), Cast::Broadcast);
    assert_eq!(to([1, 0, 0x5e, 0, 0, 1]), Cast::Multicast);
    assert_eq!(to([0xff, 0xff, 0xff, 0xff, 0xff, 0xfd]), Cast::Multicast);
}

fn samples() -> Vec<Vec<u8>> {
    let six = ipv6(
        0,
        &[&[43, 0, 5, 2, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0][..], &tcp(2, b"data")].concat(),
    );
    vec![
        ethernet(0x0800, &ipv4(6, &tcp(2, b"data"))),
        ethernet(0x88a8, &[&[0, 5, 0x81, 0, 0, 6, 0x86, 0xdd][..], &six].concat()),
        ethernet(
            0x8847,
            &[
                &[0, 1, 0x31, 64][..],
                &ipv4(47, &[&[0, 0, 0x86, 0xdd][..], &six].concat()),
            ]
            .concat(),
        ),
        ethernet(
            0x8864,
            &[&[0x11, 0, 0, 1, 0, 30, 0, 0x21][..], &ipv4(17, &udp(1, 2, b""))].concat(),
        ),
        ethernet(
            0x0800,
            &ipv4(
                17,
                &udp(
                    9,
                    4789,
                    &[&[8, 0, 0, 0, 0, 0, 1, 0][..], &ethernet(0x86dd, &six)].concat(),
                ),
            ),
        ),
        ethernet(0x0806, &[&[0, 1, 8, 0, 6, 4][..], &[0; 22]].concat()),
    ]
}

#[test]
fn a_snap_length_makes_nothing_malformed() {
    for (place, frame) in samples().iter().enumerate() {
        let whole = of(1, frame);
        assert!(!matches!(whole, Err(NotMetered::Malformed(_))), "{place}: {whole:?}");
        for cut in 0..frame.len() {
            let wire_len = u32::try_from(frame.len()).unwrap();
            let got = dissect(&Frame {
                link_type: 1,
                data: &frame[..cut],
                wire_len,
                vlan_tci: None,
            });
            assert!(
                !matches!(got, Err(NotMetered::Malformed(_))),
                "{place} cut to {cut}: {got:?}"
            );
            if let (Ok(got), Ok(whole)) = (got, whole)
                && got.tunnels == whole.tunnels
            {
                assert_eq!((got.src, got.dst, got.ip_bytes), (whole.src, whole.dst, whole.ip_bytes));
                assert!(!got.has_transport || got.dst_port == whole.dst_port);
                assert!(
                    got.payload.offset + got.payload.captured <= u32::try_from(cut).unwrap().max(got.payload.offset)
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn nothing_panics(link_type in 0_u16..300, data in prop::collection::vec(any::<u8>(), 0..200), more in 0_u32..100) {
        let wire_len = u32::try_from(data.len()).unwrap() + more;
        let _ = dissect(&Frame { link_type, data: &data, wire_len, vlan_tci: None });
    }

    #[test]
    fn mutations_do_not_panic(sample in 0_usize..6, noise in prop::collection::vec((0_usize..200, any::<u8>()), 1..8), cut in 0_usize..200) {
        let mut frame = samples().swap_remove(sample);
        let length = frame.len();
        for (place, octet) in noise {
            frame[place % length] = octet;
        }
        let wire_len = u32::try_from(length).unwrap();
        if let Ok(packet) = dissect(&Frame { link_type: 1, data: &frame[..cut.min(length)], wire_len, vlan_tci: None }) {
            prop_assert!(packet.ip_bytes <= wire_len);
            prop_assert!(packet.payload.captured <= packet.payload.length);
            prop_assert_eq!(packet.src.is_ipv4(), packet.dst.is_ipv4());
        }
    }
}

/// Frames that are as usual, or nearly: each octet of the headers may be another.
fn nearly_usual() -> impl Strategy<Value = (Vec<u8>, u32, Option<u16>)> {
    let segment = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|payload| (6, tcp(24, &payload))),
        (
            prop::sample::select(vec![53, 4_789, 2_152, 6_081]),
            prop::sample::select(vec![443, 4_789, 2_152, 6_081]),
            prop::collection::vec(any::<u8>(), 0..40)
        )
            .prop_map(|(src, dst, payload)| (17, udp(src, dst, &payload))),
        Just((1, vec![8, 0, 0, 0, 0, 0, 0, 0])),
    ];
    let packet = (segment, any::<bool>()).prop_map(|((protocol, segment), is_v6)| {
        if is_v6 {
            ethernet(0x86dd, &ipv6(protocol, &segment))
        } else {
            ethernet(0x0800, &ipv4(protocol, &segment))
        }
    });
    let changes = prop::collection::vec((0_usize..80, any::<u8>()), 0..3);
    let ends = (
        prop::option::weighted(0.3, 0_usize..100),
        0_u32..20,
        prop::option::of(any::<u16>()),
    );
    (packet, changes, ends).prop_map(|(mut frame, changes, (cut, more, tci))| {
        let wire = u32::try_from(frame.len()).unwrap() + more;
        for (at, octet) in changes {
            if let Some(place) = frame.get_mut(at) {
                *place = octet;
            }
        }
        frame.truncate(cut.unwrap_or(usize::MAX));
        (frame, wire, tci)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn the_short_way_says_what_the_long_one_says((data, wire_len, vlan_tci) in nearly_usual()) {
        let frame = Frame { link_type: 1, data: &data, wire_len, vlan_tci };
        let mut packet = of(1, &ethernet(0x86dd, &ipv6(6, &tcp(24, b"left over")))).unwrap();
        if plain::read(&frame, &mut packet).is_some() {
            prop_assert_eq!(Ok(packet), closely(&frame));
        }
    }
}

#[test]
fn the_short_way_is_what_usual_frames_take() {
    let packets = [
        ethernet(0x0800, &ipv4(6, &tcp(24, b"GET"))),
        ethernet(0x0800, &ipv4(17, &udp(1_024, 53, b"x"))),
        ethernet(0x86dd, &ipv6(6, &tcp(2, &[]))),
        ethernet(0x86dd, &ipv6(17, &udp(1_024, 53, b"x"))),
    ];
    for data in packets {
        let wire_len = u32::try_from(data.len()).unwrap();
        let frame = Frame {
            link_type: 1,
            data: &data,
            wire_len,
            vlan_tci: None,
        };
        assert!(plain::read(&frame, &mut Packet::default()).is_some());
    }
}
