//! Files made octet by octet.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

/// Numbers in a byte order.
#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn n16(self, value: u16) -> [u8; 2] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    fn n32(self, value: u32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }
}

type Seen = (u64, u16, u32, Vec<u8>);

/// All frames, and what ended the reading.
fn read(bytes: &[u8]) -> (Vec<Seen>, Result<(), Error>) {
    let source = match CaptureFile::from_reader(Box::new(Cursor::new(bytes.to_vec()))) {
        Ok(source) => source,
        Err(error) => return (Vec::new(), Err(error)),
    };
    drain(source)
}

fn drain(mut source: CaptureFile) -> (Vec<Seen>, Result<(), Error>) {
    let mut seen = Vec::new();
    loop {
        let polled = source.poll(Duration::ZERO, |f| {
            seen.push((f.time.as_nanos(), f.link_type, f.wire_len, f.data.to_vec()));
        });
        match polled {
            Ok(Polled::End) => return (seen, Ok(())),
            Ok(_) => {}
            Err(error) => {
                assert_eq!(source.poll(Duration::ZERO, |_| {}).unwrap(), Polled::End);
                return (seen, Err(error));
            }
        }
    }
}

/// A pcap of two packets, of 3 octets (of 60) and of 70,000.
fn pcap(order: Order, magic: u32, network: u32) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(order.n32(magic));
    out.extend(order.n16(2));
    out.extend(order.n16(4));
    out.extend([0; 8]);
    out.extend(order.n32(262_144));
    out.extend(order.n32(network));
    for (fraction, captured, wire) in [(5, 3, 60), (6, 70_000, 70_000)] {
        for number in [1_700_000_000, fraction, captured, wire] {
            out.extend(order.n32(number));
        }
        if magic == 0xa1b2_cd34 {
            out.extend([9; 8]);
        }
        out.extend(vec![7; captured as usize]);
    }
    out
}

#[test]
fn pcap_in_all_its_variants() {
    for order in [Order::Little, Order::Big] {
        for (magic, unit) in [(0xa1b2_c3d4, 1_000), (0xa1b2_3c4d, 1), (0xa1b2_cd34, 1_000)] {
            let (seen, end) = read(&pcap(order, magic, 113));
            end.unwrap();
            let [first, second] = seen.as_slice() else {
                panic!("{} packets", seen.len())
            };
            assert_eq!(first, &(1_700_000_000_000_000_000 + 5 * unit, 113, 60, vec![7; 3]));
            assert_eq!(
                (second.0, second.3.len()),
                (1_700_000_000_000_000_000 + 6 * unit, 70_000)
            );
        }
    }
    // The upper half of the link type: an FCS of 4 octets, in 16-bit words.
    let (seen, _) = read(&pcap(Order::Little, 0xa1b2_c3d4, 0x2400_0001));
    assert_eq!((seen[0].1, seen[0].2), (1, 56));
}

#[test]
fn cut_anywhere_what_came_before_is_kept() {
    let whole = pcap(Order::Little, 0xa1b2_c3d4, 1);
    for length in (0..200).chain([70_050, whole.len() - 1]) {
        let (seen, end) = read(&whole[..length]);
        let packets = usize::from(length >= 24 + 19);
        assert_eq!(seen.len(), packets, "{length}");
        let boundary = length == 24 || length == 24 + 19;
        assert_eq!(end.is_ok(), boundary, "{length}");
        match end {
            Ok(()) => {}
            Err(Error::Truncated { offset, end, .. }) => {
                assert_eq!(end, length as u64);
                assert_eq!(offset, if length < 24 { 0 } else { 24 + 19 * packets as u64 });
            }
            Err(Error::Empty) => assert_eq!(length, 0),
            Err(Error::NotACapture { .. }) => assert!(length < 4, "{length}"),
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn a_length_beyond_reason_is_damage() {
    let mut damaged = pcap(Order::Little, 0xa1b2_c3d4, 1);
    damaged[24 + 19 + 8..24 + 19 + 12].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    let (seen, end) = read(&damaged);
    assert_eq!(seen.len(), 1);
    assert!(matches!(end, Err(Error::Damaged { offset: 43, .. })), "{end:?}");
}

fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut padded = body.to_vec();
    padded.resize(body.len().next_multiple_of(4), 0);
    let length = order.n32(u32::try_from(padded.len() + 12).unwrap());
    [&order.n32(kind)[..], &length, &padded, &length].concat()
}

fn section(order: Order) -> Vec<u8> {
    let body = [&order.n32(0x1a2b_3c4d)[..], &order.n16(1), &order.n16(0), &[0xff; 8]].concat();
    block(order, 0x0a0d_0d0a, &body)
}

fn option(order: Order, code: u16, value: &[u8]) -> Vec<u8> {
    let mut out = [
        &order.n16(code)[..],
        &order.n16(u16::try_from(value.len()).unwrap()),
        value,
    ]
    .concat();
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

fn interface(order: Order, link_type: u16, snaplen: u32, options: &[u8]) -> Vec<u8> {
    let body = [&order.n16(link_type)[..], &[0; 2], &order.n32(snaplen), options].concat();
    block(order, 1, &body)
}

fn enhanced(order: Order, interface: u32, units: u64, data: &[u8], wire: u32) -> Vec<u8> {
    let (high, low) = (
        u32::try_from(units >> 32).unwrap(),
        u32::try_from(units & 0xffff_ffff).unwrap(),
    );
    let captured = u32::try_from(data.len()).unwrap();
    let numbers = [interface, high, low, captured, wire].map(|n| order.n32(n)).concat();
    block(order, 6, &[&numbers, data].concat())
}

#[test]
fn pcapng_with_all_that_it_may_have() {
    let mut file = Vec::new();
    for order in [Order::Little, Order::Big] {
        file.extend(section(order));
        // Microseconds; nanoseconds with an hour to add; 2^-10 s, an FCS of 4.
        file.extend(interface(order, 1, 0, &[]));
        let hour = match order {
            Order::Little => 3_600_i64.to_le_bytes(),
            Order::Big => 3_600_i64.to_be_bytes(),
        };
        let options = [
            option(order, 2, b"eth0"),
            option(order, 9, &[9]),
            option(order, 14, &hour),
            option(order, 0, &[]),
        ];
        file.extend(interface(order, 101, 0, &options.concat()));
        file.extend(interface(
            order,
            1,
            4,
            &[option(order, 9, &[0x8a]), option(order, 13, &[4])].concat(),
        ));
        // A block that is not known, larger than the buffer.
        file.extend(block(order, 0x0bad_cafe, &vec![1; 1 << 20]));
        file.extend(enhanced(order, 0, 1_700_000_000_000_001, &[1; 5], 60));
        file.extend(enhanced(order, 1, 1_700_000_000_000_000_002, &[2; 6], 6));
        file.extend(enhanced(order, 2, 1_700_000_000 * 1024 + 512, &[3; 7], 64));
        // A simple packet, on the first interface, without a time.
        file.extend(block(order, 3, &[&order.n32(9)[..], &[4; 9]].concat()));
        // An obsolete packet block: interface 1, drops 7.
        let units = 1_700_000_001_000_000_000_u64;
        let numbers = [
            u32::try_from(units >> 32).unwrap(),
            u32::try_from(units & 0xffff_ffff).unwrap(),
            3,
            3,
        ];
        let body = [
            &order.n16(1)[..],
            &order.n16(7),
            &numbers.map(|n| order.n32(n)).concat(),
            &[5; 3],
        ]
        .concat();
        file.extend(block(order, 2, &body));
    }
    let (seen, end) = read(&file);
    end.unwrap();
    let second = 1_000_000_000_u64;
    let base = 1_700_000_000 * second;
    let expected = [
        (base + 1_000, 1, 60, vec![1; 5]),
        (base + 2 + 3_600 * second, 101, 6, vec![2; 6]),
        (base + second / 2, 1, 60, vec![3; 7]),
        (base + second / 2, 1, 9, vec![4; 9]),
        (base + second + 3_600 * second, 101, 3, vec![5; 3]),
    ];
    assert_eq!(seen, [&expected[..], &expected].concat());
}

#[test]
fn pcapng_that_contradicts_itself() {
    let order = Order::Little;
    let good = [
        section(order),
        interface(order, 1, 0, &[]),
        enhanced(order, 0, 1, &[1; 4], 4),
    ]
    .concat();
    let damaged = |change: fn(&mut Vec<u8>)| {
        let mut block = enhanced(order, 0, 2, &[2; 8], 8);
        change(&mut block);
        let (seen, end) = read(&[good.clone(), block].concat());
        assert_eq!(seen.len(), 1, "{end:?}");
        match end {
            Err(Error::Damaged { offset, what }) => {
                assert_eq!(offset, good.len() as u64);
                what
            }
            other => panic!("{other:?}"),
        }
    };
    assert!(damaged(|b| b[4] = 8).contains("8 bytes"));
    assert!(damaged(|b| *b.last_mut().unwrap() = 1).contains("another length"));
    assert!(damaged(|b| b[8] = 1).contains("interface 1"));
    assert!(damaged(|b| b[20] = 200).contains("200 bytes"));
    assert!(damaged(|b| b[7] = 0x70).contains("bytes"));
    for cut in [1, 7, 9, 30] {
        let whole = [good.clone(), enhanced(order, 0, 2, &[2; 8], 8)].concat();
        let (seen, end) = read(&whole[..good.len() + cut]);
        assert_eq!(seen.len(), 1);
        assert!(matches!(end, Err(Error::Truncated { .. })), "{end:?}");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn gzip_is_seen_through() {
    let plain = pcap(Order::Little, 0xa1b2_c3d4, 1);
    let packed = gzip(&plain);
    assert_eq!(read(&packed).0, read(&plain).0);
    // Several members are one stream.
    let members = [gzip(&plain[..30]), gzip(&plain[30..])].concat();
    assert_eq!(read(&members).0, read(&plain).0);
    // Cut off: what could be unpacked is kept.
    let (seen, end) = read(&packed[..packed.len() - 12]);
    assert_eq!(seen.len(), 1);
    assert!(
        matches!(end, Err(Error::Read { .. } | Error::Truncated { .. })),
        "{end:?}"
    );
}

#[test]
fn files_are_read_as_streams_are() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("plain", pcap(Order::Big, 0xa1b2_3c4d, 1)),
        ("packed", gzip(&pcap(Order::Big, 0xa1b2_3c4d, 1))),
        ("cut", pcap(Order::Big, 0xa1b2_3c4d, 1)[..100].to_vec()),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, &bytes).unwrap();
        let (from_file, from_stream) = (drain(CaptureFile::open(&path).unwrap()), read(&bytes));
        assert_eq!(from_file.0, from_stream.0, "{name}");
        assert_eq!(format!("{:?}", from_file.1), format!("{:?}", from_stream.1), "{name}");
    }
    std::fs::write(folder.path().join("empty"), b"").unwrap();
    assert!(matches!(
        CaptureFile::open(&folder.path().join("empty")),
        Err(Error::Empty)
    ));
    assert!(matches!(
        CaptureFile::open(&folder.path().join("none")),
        Err(Error::Open { .. })
    ));
}

#[test]
fn what_is_no_capture_is_named() {
    for (start, expected) in [
        (&b"snoop\0\0\0"[..], "snoop"),
        (b"<html><body>and so on", "too short"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
    ] {
        let (_, end) = read(start);
        let text = end.unwrap_err().to_string();
        assert!(text.contains(expected), "{text}");
    }
    let (_, end) = read(&[b'x'; 100]);
    assert!(end.unwrap_err().to_string().contains("78 78 78 78"));
}

proptest::proptest! {
    #[test]
    fn no_file_panics(kind in 0..3, noise in proptest::collection::vec((0_usize..400, proptest::prelude::any::<u8>()), 0..6)) {
        let mut file = match kind {
            0 => pcap(Order::Little, 0xa1b2_c3d4, 1)[..300].to_vec(),
            1 => pcap(Order::Big, 0xa1b2_cd34, 1)[..300].to_vec(),
            _ => [section(Order::Little), interface(Order::Little, 1, 0, &option(Order::Little, 9, &[6])),
                enhanced(Order::Little, 0, 1, &[1; 44], 44), enhanced(Order::Little, 0, 1, &[1; 44], 44)].concat(),
        };
        for (place, octet) in noise {
            let place = place % file.len();
            file[place] = octet;
        }
        let length = file.len();
        let (seen, _) = read(&file);
        proptest::prop_assert!(seen.iter().map(|f| f.3.len()).sum::<usize>() <= length);
    }
}
