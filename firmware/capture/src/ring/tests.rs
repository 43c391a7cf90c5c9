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

#[test]
fn a_fanout_group_shares_the_frames() {
    if !namespace() {
        return;
    }
    let config = RingConfig {
        fanout: Some(Fanout { group: 77 }),
        ..RingConfig::default()
    };
    let mut rings = [Ring::open("v0", &config).unwrap(), Ring::open("v0", &config).unwrap()];
    let sender = sender();
    for place in 0..100 {
        sender.send(&frame(place, 60)).unwrap();
    }
    let mut frames = 0;
    for _ in 0..10 {
        for ring in &mut rings {
            ring.poll(Duration::from_millis(20), |_| frames += 1).unwrap();
        }
    }
    assert_eq!(frames, 100, "each frame once");
}

#[test]
fn errors_name_the_interface_and_the_step() {
    let error = match Ring::open("nonesuch0", &RingConfig::default()) {
        Ok(_) => panic!("there is no such interface"),
        Err(error) => error.to_string(),
    };
    assert!(error.starts_with("nonesuch0: cannot "), "{error}");
}
