use std::collections::HashSet;
use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use super::*;

fn drain(receiver: &mut Receiver, socket: &DatagramSocket) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut all = Vec::new();
    while receiver
        .receive(socket, |d| all.push((d.from, d.octets.to_vec())))
        .unwrap()
        > 0
    {}
    all
}

#[test]
fn batches_come_whole_and_in_order_from_both_families() {
    let socket = open(0, 1, 1 << 20).unwrap().remove(0);
    let port = socket.address().port();
    let mut receiver = Receiver::new();
    assert!(receiver.wait([&socket], Duration::ZERO).is_empty());
    let four = UdpSocket::bind("127.0.0.1:0").unwrap();
    let payload = |n: usize| vec![n.to_le_bytes()[0]; 1 + n * 20];
    for n in 0..100 {
        four.send_to(&payload(n), ("127.0.0.1", port)).unwrap();
    }
    assert_eq!(receiver.wait([&socket], Duration::from_secs(5)), [0]);
    let got = drain(&mut receiver, &socket);
    assert_eq!(got.len(), 100);
    for (n, (from, octets)) in got.into_iter().enumerate() {
        assert_eq!((from, octets), (four.local_addr().unwrap(), payload(n)));
    }
    let Ok(six) = UdpSocket::bind("[::1]:0") else {
        eprintln!("SKIPPED: no IPv6 on loopback");
        return;
    };
    six.send_to(b"six", ("::1", port)).unwrap();
    six.send_to(&[], ("::1", port)).unwrap();
    let from = six.local_addr().unwrap();
    assert_eq!(
        drain(&mut receiver, &socket),
        [(from, b"six".to_vec()), (from, Vec::new())]
    );
}

/// Linux has all of 127.0.0.0/8 on loopback: senders with addresses of their own.
#[test]
fn an_address_always_has_the_same_socket_and_it_is_the_one_that_is_told() {
    for sockets in [1, 2, 3, 4] {
        let group = open(0, sockets, 1 << 18).unwrap();
        let port = group[0].address().port();
        assert!(group.iter().all(|s| s.address().port() == port));
        let mut used = HashSet::new();
        let mut receiver = Receiver::new();
        for host in 1..=40u8 {
            let from = IpAddr::from([127, 0, host / 8, host]);
            let place = place_of(from, sockets) as usize;
            // Several ports of one address, as an exporter's processes have.
            for _ in 0..3 {
                let sender = UdpSocket::bind((from, 0)).unwrap();
                sender.send_to(&[host], ("127.0.0.1", port)).unwrap();
            }
            for (n, socket) in group.iter().enumerate() {
                let came = drain(&mut receiver, socket);
                assert_eq!(came.len(), if n == place { 3 } else { 0 }, "{from} of {sockets}");
            }
            used.insert(place);
        }
        assert_eq!(used.len(), sockets as usize, "every socket has senders");
        if let Ok(six) = UdpSocket::bind("[::1]:0") {
            six.send_to(b"x", ("::1", port)).unwrap();
            let place = place_of(six.local_addr().unwrap().ip(), sockets) as usize;
            assert_eq!(drain(&mut receiver, &group[place]).len(), 1);
        }
    }
}

#[test]
fn a_mapped_address_has_the_place_of_its_ipv4_address() {
    for n in 0..200u8 {
        let four = IpAddr::from([192, 0, 2, n]);
        let mapped: IpAddr = format!("::ffff:192.0.2.{n}").parse().unwrap();
        assert_eq!(place_of(four, 4), place_of(mapped, 4));
    }
}

#[test]
fn what_finds_no_room_in_the_buffer_is_counted() {
    let socket = open(0, 1, 0).unwrap().remove(0);
    let port = socket.address().port();
    assert!(socket.buffer().unwrap() > 0);
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..500 {
        sender.send_to(&[7; 1_000], ("127.0.0.1", port)).unwrap();
    }
    let came = drain(&mut Receiver::new(), &socket).len() as u64;
    let dropped = socket.take_drops().unwrap();
    assert!(came > 0 && dropped > 0);
    assert_eq!(came + dropped, 500);
    assert_eq!(socket.take_drops().unwrap(), 0);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let socket = open(0, 1, 1 << 16).unwrap().remove(0);
    let port = socket.address().port();
    let error = open(port, 1, 1 << 16).unwrap_err().to_string();
    assert!(error.contains(&port.to_string()), "{error}");
}
