//! Rings on a pair of virtual interfaces, in a network namespace of the test's own.
#![allow(unsafe_code, reason = "a thread enters a namespace of its own")]

use std::process::Command;
use std::time::{Duration, Instant};

use nix::libc;

use super::socket::PacketSocket;
use super::*;

/// Enters a new network namespace with the interfaces v0 and v1; `false`, and why, where that is not possible.
fn namespace() -> bool {
    // SAFETY: only this thread changes its namespace; the test harness gives each test a thread.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
        eprintln!(
            "skipped: a network namespace takes root ({})",
            std::io::Error::last_os_error()
        );
        return false;
    }
    pair();
    true
}

fn pair() {
    ip("link add v0 type veth peer name v1");
    for name in ["v0", "v1"] {
        // No neighbour discovery in between our frames.
        ip(&format!("link set {name} addrgenmode none"));
        ip(&format!("link set {name} up"));
    }
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().unwrap();
    assert!(status.success(), "ip {arguments}");
}

fn sender() -> PacketSocket {
    let socket = PacketSocket::open("v1").unwrap();
    socket.bind("v1", socket.index("v1").unwrap()).unwrap();
    socket
}

/// A frame to another station.
fn frame(number: u16, length: usize) -> Vec<u8> {
    let mut frame = vec![0x5a; length];
    frame[..6].copy_from_slice(&[2, 0, 0, 0, 9, 9]);
    frame[12..14].copy_from_slice(&[0x88, 0xb5]);
    frame[14..16].copy_from_slice(&number.to_be_bytes());
    frame
}

fn number(frame: &Frame<'_>) -> u16 {
    u16::from_be_bytes([frame.data[14], frame.data[15]])
}

/// Polls until `enough`, or for ten seconds.
fn poll_until(ring: &mut Ring, mut enough: impl FnMut(&Ring) -> bool, mut on_frame: impl FnMut(&Frame<'_>)) {
    let start = Instant::now();
    while !enough(ring) {
        assert!(start.elapsed() < Duration::from_secs(10), "nothing came");
        ring.poll(Duration::from_millis(20), &mut on_frame).unwrap();
    }
}

#[test]
fn frames_come_in_order_with_their_lengths_and_tags() {
    if !namespace() {
        return;
    }
    let config = RingConfig {
        blocks: 4,
        block_size: 1 << 16,
        snaplen: Some(100),
        ..RingConfig::default()
    };
    let mut ring = Ring::open("v0", &config).unwrap();
    assert_eq!((ring.link_state(), ring.interface()), (LinkState::Up, "v0"));
    let sender = sender();
    // More than the ring holds at a time, in portions that fit.
    let mut seen = Vec::new();
    for portion in 0..50_u16 {
        for place in 0..40 {
            sender
                .send(&frame(portion * 40 + place, 60 + usize::from(place) * 30))
                .unwrap();
        }
        let enough = usize::from(portion + 1) * 40;
        let count = std::cell::Cell::new(seen.len());
        poll_until(
            &mut ring,
            |_| count.get() >= enough,
            |f| {
                seen.push((number(f), f.wire_len, f.data.len(), f.time.as_secs()));
                count.set(seen.len());
            },
        );
    }
    for (place, &(number, wire_len, captured, time)) in seen.iter().enumerate() {
        let length = 60 + place % 40 * 30;
        assert_eq!(
            (usize::from(number), wire_len as usize, captured),
            (place, length, length.min(100))
        );
        assert!(time > 1_700_000_000);
    }
    let counters = ring.counters().unwrap();
    assert_eq!((counters.packets, counters.drops), (2000, 0));

    // The kernel takes a tag off the frame; it comes back beside it.
    let mut tagged = frame(7, 80);
    tagged.splice(12..12, [0x81, 0, 0xe0, 0x7b]);
    sender.send(&tagged).unwrap();
    let mut seen = Vec::new();
    let count = std::cell::Cell::new(0);
    poll_until(
        &mut ring,
        |_| count.get() > 0,
        |f| {
            seen.push((number(f), f.vlan_tci, f.link_octets()));
            count.set(1);
        },
    );
    assert_eq!(seen, [(7, Some(0xe07b), 84)]);
}

#[test]
fn drops_are_counted() {
    if !namespace() {
        return;
    }
    let config = RingConfig {
        blocks: 2,
        block_size: 4096 * 4,
        ..RingConfig::default()
    };
    let mut ring = Ring::open("v0", &config).unwrap();
    let sender = sender();
    for place in 0..200 {
        sender.send(&frame(place, 1000)).unwrap();
    }
    let mut handed_over = 0;
    while let Polled::Frames(frames) = ring.poll(Duration::from_millis(100), |_| {}).unwrap() {
        handed_over += frames as u64;
    }
    let counters = ring.counters().unwrap();
    assert!(counters.drops > 0, "{counters:?}");
    assert_eq!(counters.packets, 200);
    assert_eq!(handed_over + counters.drops, 200);
    assert_eq!(ring.counters().unwrap(), counters, "counters only grow");
}

#[test]
fn an_interface_goes_down_and_comes_back() {
    if !namespace() {
        return;
    }
    let mut ring = Ring::open("v0", &RingConfig::default()).unwrap();
    let (seen, check) = (std::cell::Cell::new(None), |ring: &mut Ring, wanted: u16| {
        let seen = std::cell::Cell::new(None);
        sender().send(&frame(wanted, 60)).unwrap();
        poll_until(ring, |_| seen.get().is_some(), |f| seen.set(Some(number(f))));
        assert_eq!(seen.get(), Some(wanted));
    });
    check(&mut ring, 1);

    ip("link set v0 down");
    poll_until(
        &mut ring,
        |ring| ring.link_state() == LinkState::Down,
        |f| seen.set(Some(number(f))),
    );
    // Waiting takes its time: the error of the socket does not make polling spin.
    let start = Instant::now();
    for _ in 0..5 {
        assert_eq!(ring.poll(Duration::from_millis(20), |_| {}).unwrap(), Polled::Idle);
    }
    assert!(start.elapsed() >= Duration::from_millis(80));
    ip("link set v0 up");
    poll_until(&mut ring, |ring| ring.link_state() == LinkState::Up, |_| {});
    check(&mut ring, 2);

    // Another interface of the same name.
    ip("link del v0");
    poll_until(&mut ring, |ring| ring.link_state() == LinkState::Missing, |_| {});
    pair();
    poll_until(&mut ring, |ring| ring.link_state() == LinkState::Up, |_| {});
    check(&mut ring, 3);
    assert_eq!(seen.get(), None);
}

#[test]
fn what_is_sent_is_left_out() {
    if !namespace() {
        return;
    }
    let mut ring = Ring::open("v1", &RingConfig::default()).unwrap();
    sender().send(&frame(1, 60)).unwrap();
    let mut frames = 0;
    for _ in 0..5 {
        ring.poll(Duration::from_millis(20), |_| frames += 1).unwrap();
    }
    assert_eq!(frames, 0);
}

/// An IPv4 or IPv6 datagram between two addresses, behind tags and labels.
fn between(
    tags: &[u8],
    ether_type: u16,
    inner: &[u8],
    a: std::net::IpAddr,
    b: std::net::IpAddr,
    ports: u16,
) -> Vec<u8> {
    use std::net::IpAddr;
    let mut frame = vec![2, 0, 0, 0, 9, 9, 2, 0, 0, 0, 0, 1];
    frame.extend(tags);
    frame.extend(ether_type.to_be_bytes());
    frame.extend(inner);
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            // A later fragment where there are no ports.
            let offset = u8::from(ports == 0);
            frame.extend([0x45, 0, 0, 48, 0, 1, 0, offset, 64, 17, 0, 0]);
            frame.extend(a.octets());
            frame.extend(b.octets());
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            frame.extend([0x60, 0, 0, 0, 0, 28, 17, 64]);
            frame.extend(a.octets());
            frame.extend(b.octets());
        }
        _ => panic!("of one family"),
    }
    frame.extend(ports.to_be_bytes());
    frame.extend([0, 53, 0, 28, 0, 0]);
    frame.extend([0; 20]);
    frame
}

/// Which ring got each of the frames, in order.
fn places(rings: &mut [Ring], frames: &[Vec<u8>]) -> Vec<usize> {
    let sender = sender();
    let mut places = Vec::new();
    for (place, frame) in frames.iter().enumerate() {
        sender.send(frame).unwrap();
        let start = Instant::now();
        while places.len() <= place {
            assert!(start.elapsed() < Duration::from_secs(10), "frame {place} did not come");
            for (number, ring) in rings.iter_mut().enumerate() {
                ring.poll(Duration::from_millis(1), |_| places.push(number)).unwrap();
            }
        }
        assert_eq!(places.len(), place + 1, "one frame, once");
    }
    places
}

fn small() -> RingConfig {
    RingConfig {
        block_size: 1 << 16,
        blocks: 4,
        block_timeout: Duration::from_millis(1),
        ..RingConfig::default()
    }
}

#[test]
fn both_ways_of_a_flow_and_its_fragments_meet_on_one_ring_of_a_group() {
    if !namespace() {
        return;
    }
    let mut rings = Ring::open_group("v0", &small(), 3).unwrap();
    let (vlan, qinq): (&[u8], &[u8]) = (&[0x81, 0, 0, 5], &[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6]);
    let three: &[u8] = &[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 0x81, 0, 0, 7];
    let labels: &[u8] = &[0, 0, 0x10, 64, 0, 0, 0x21, 64];
    let pppoe = |protocol: u8| vec![0x11, 0, 0, 1, 0, 50, 0, protocol];
    let mut used = std::collections::BTreeSet::new();
    for pair in 1..=12_u8 {
        let four = ([10, 0, 0, pair].into(), [192, 0, 2, 200 - pair].into());
        let six = (
            std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, pair.into(), 0, 0, 0, 1).into(),
            std::net::Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, pair.into()).into(),
        );
        for ((a, b), ether_type, ppp) in [(four, 0x0800, 0x21), (six, 0x86dd, 0x57)] {
            let mut frames = Vec::new();
            for (a, b) in [(a, b), (b, a)] {
                for ports in [0, 4_000, 4_001] {
                    frames.push(between(&[], ether_type, &[], a, b, ports));
                }
                for tags in [vlan, qinq, three] {
                    frames.push(between(tags, ether_type, &[], a, b, 4_000));
                }
                frames.push(between(&[], 0x8847, labels, a, b, 4_000));
                frames.push(between(vlan, 0x8847, &labels[4..], a, b, 4_000));
                frames.push(between(qinq, 0x8864, &pppoe(ppp), a, b, 4_000));
            }
            let places = places(&mut rings, &frames);
            assert!(places.iter().all(|p| *p == places[0]), "{a} {b}: {places:?}");
            used.insert(places[0]);
        }
    }
    // Neighbours may meet by chance, since the program is another one each time; a hundred hosts do not.
    let hosts: Vec<_> = (0..100_u8)
        .map(|n| {
            let (a, b) = (
                [10, n, n.wrapping_mul(37), n.wrapping_mul(7)],
                [172, 16, 255 - n, n.wrapping_mul(11)],
            );
            between(&[], 0x0800, &[], a.into(), b.into(), 4_000)
        })
        .collect();
    used.extend(places(&mut rings, &hosts));
    assert_eq!(used.len(), 3, "all rings have a part of the addresses");
    // Not IP, and cut off.
    let mut odd: Vec<Vec<u8>> = (0..5).map(|n| frame(n, 60)).collect();
    odd.push(between(&[], 0x0800, &[], [10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 1)[..20].to_vec());
    assert_eq!(places(&mut rings, &odd), [0; 6]);
}

#[test]
fn the_program_is_what_is_written_of_it() {
    if !namespace() {
        return;
    }
    let config = small();
    let multiplier = 0x9e37_79b1;
    let mut rings = Ring::open_group("v0", &config, 4).unwrap();
    rings[0].socket.steer("v0", &steer::program(multiplier)).unwrap();
    let pairs: Vec<(std::net::IpAddr, std::net::IpAddr)> = (0..40_u8)
        .map(|n| ([10, n, 3, n.wrapping_mul(7)].into(), [172, 16, 255 - n, n].into()))
        .collect();
    let frames: Vec<_> = pairs
        .iter()
        .map(|(a, b)| between(&[], 0x0800, &[], *a, *b, 9))
        .collect();
    let wanted: Vec<usize> = pairs
        .iter()
        .map(|(a, b)| steer::ring_of(*a, *b, multiplier, 4) as usize)
        .collect();
    assert_eq!(places(&mut rings, &frames), wanted);
}

#[test]
fn a_group_outlives_a_link_that_goes_down_and_ends_with_its_interface() {
    if !namespace() {
        return;
    }
    let mut rings = Ring::open_group("v0", &small(), 2).unwrap();
    let pair = || between(&[], 0x0800, &[], [10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 9);
    let both = vec![frame(1, 60), pair()];
    assert_eq!(places(&mut rings, &both).len(), 2);
    ip("link set v0 down");
    for ring in &mut rings {
        poll_until(ring, |ring| ring.link_state() == LinkState::Down, |_| {});
    }
    ip("link set v0 up");
    for ring in &mut rings {
        poll_until(ring, |ring| ring.link_state() == LinkState::Up, |_| {});
    }
    assert_eq!(places(&mut rings, &both).len(), 2);
    ip("link del v0");
    super::tests::pair();
    for ring in &mut rings {
        let start = Instant::now();
        while ring.poll(Duration::from_millis(20), |_| {}).unwrap() != Polled::End {
            assert!(start.elapsed() < Duration::from_secs(10), "it does not end");
        }
    }
    let mut rings = Ring::open_group("v0", &small(), 2).unwrap();
    assert_eq!(places(&mut rings, &both).len(), 2);
}

#[test]
fn tags_of_providers_are_told_apart() {
    if !namespace() {
        return;
    }
    let mut ring = Ring::open("v0", &small()).unwrap();
    let sender = sender();
    let mut seen = Vec::new();
    for tag in [[0x88, 0xa8, 0, 5], [0x81, 0, 0xe0, 6]] {
        let mut tagged = frame(1, 80);
        tagged.splice(12..12, tag);
        sender.send(&tagged).unwrap();
        let count = std::cell::Cell::new(seen.len());
        let enough = seen.len() + 1;
        poll_until(
            &mut ring,
            |_| count.get() >= enough,
            |f| {
                seen.push((f.vlan_tpid, f.vlan_tci, f.link_octets()));
                count.set(seen.len());
            },
        );
    }
    assert_eq!(seen, [(0x88a8, Some(5), 84), (0x8100, Some(0xe006), 84)]);
    assert_eq!(ring.stamped_by_nic(), Some(false));
}

#[test]
fn jumbo_frames_come_whole() {
    if !namespace() {
        return;
    }
    for name in ["v0", "v1"] {
        ip(&format!("link set {name} mtu 65000"));
    }
    let mut ring = Ring::open("v0", &RingConfig::default()).unwrap();
    let sender = sender();
    for length in [1_514, 1_518, 9_014, 9_216, 9_234, 16_000, 60_000_usize] {
        sender.send(&frame(9, length)).unwrap();
        let seen = std::cell::Cell::new(None);
        poll_until(
            &mut ring,
            |_| seen.get().is_some(),
            |f| {
                assert!(f.data[16..].iter().all(|o| *o == 0x5a));
                seen.set(Some((f.wire_len as usize, f.data.len())));
            },
        );
        assert_eq!(seen.get(), Some((length, length)));
    }
}

#[test]
fn a_driver_is_asked_and_what_it_lacks_is_missing() {
    if !namespace() {
        return;
    }
    let mut device = crate::nic::Device::new("v0");
    assert_eq!(device.driver().as_deref(), Some("veth"));
    // veth counts what found no room, and nothing that only a cable can do; and it stamps nothing.
    let wanted = model::NicErrors {
        no_buffer: Some(0),
        ..model::NicErrors::default()
    };
    assert_eq!(device.errors(), wanted);
    assert!(!device.stamp_packets());
    let mut gone = crate::nic::Device::new("nonesuch0");
    assert_eq!((gone.driver(), gone.errors()), (None, model::NicErrors::default()));
    assert!(!crate::nic::Device::new("").stamp_packets());
}

#[test]
fn errors_name_the_interface_and_the_step() {
    let error = match Ring::open("nonesuch0", &RingConfig::default()) {
        Ok(_) => panic!("there is no such interface"),
        Err(error) => error.to_string(),
    };
    assert!(error.starts_with("nonesuch0: cannot "), "{error}");
}
