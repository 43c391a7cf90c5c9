//! Seconds and minutes against a model that keeps every window.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use aggregate::TopMerger;
use model::{App, Counters, Dimension, Direction, FlowDelta, LinkId, Timestamp, Window};
use proptest::prelude::*;
use store::{Batch, BatchKey, Content, Folder, Grain, Keep, Outcome, Store};

const NOW: u64 = 1_800_000_000;

fn window(link: u32, start: u64, host: u8, bytes: u64) -> Window {
    let mut builder = aggregate::WindowBuilder::new(LinkId(link), Timestamp::from_secs(start), 1);
    builder.observe(&FlowDelta {
        src_ip: Ipv4Addr::new(10, 0, 0, host).into(),
        dst_ip: Ipv4Addr::new(192, 0, 2, 1).into(),
        protocol: 6,
        app: App::UNKNOWN,
        direction: Direction::Out,
        forward: Counters { packets: 1, bytes },
        reverse: Counters::default(),
    });
    builder.observe_frame(&aggregate::FrameSeen {
        bytes,
        direction: Direction::Out,
        broadcast: false,
        multicast: false,
        non_ip: None,
        malformed: None,
    });
    builder.close()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_second_counts_once_however_it_is_rolled(
        steps in prop::collection::vec(
            (prop::collection::vec((1u32..3, 0u64..400, 0u8..5, 1u64..1_000), 0..12), any::<bool>()), 1..12),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let disk = Arc::new(Folder::open(folder.path()).unwrap());
        let store = Store::open(disk, Keep::default(), Timestamp::from_secs(NOW)).unwrap();
        let mut model: Vec<Window> = Vec::new();
        for (sequence, (list, maintain)) in (1u64..).zip(&steps) {
            let windows: Vec<Window> =
                list.iter().map(|(link, back, host, bytes)| window(*link, NOW - back, *host, *bytes)).collect();
            model.extend(windows.iter().cloned());
            let batch = Batch { key: BatchKey { epoch: 1, sequence }, content: Content::Windows(windows) };
            prop_assert!(matches!(store.append(&[batch], Timestamp::from_secs(NOW))[0], Outcome::Stored));
            if *maintain {
                while store.maintain(Timestamp::from_secs(NOW)).unwrap() {}
            }
        }
        let from = Timestamp::from_secs((NOW - 400) / 60 * 60);
        let to = Timestamp::from_secs(NOW + 1);
        for links in [LinkId(0)..=LinkId(9), LinkId(1)..=LinkId(1), LinkId(2)..=LinkId(2)] {
            for grain in [Grain::Second, Grain::Minute] {
                let mut bytes: BTreeMap<u64, u64> = BTreeMap::new();
                let mut seconds: BTreeMap<(u32, u64), u64> = BTreeMap::new();
                let mut tops = TopMerger::default();
                store.scan((from, to), &links, grain, Some(Dimension::Host), |row, table| {
                    let minute = row.start.as_secs() / 60 * 60;
                    *bytes.entry(minute).or_default() += row.counters.frames.total.bytes;
                    let mask = if row.seconds == 60 { row.covered } else { 1 << (row.start.as_secs() % 60) };
                    *seconds.entry((row.link.0, minute)).or_default() |= mask;
                    tops.add(&table);
                }).unwrap();
                let mine = model.iter().filter(|w| links.contains(&w.link));
                let mut expected_bytes: BTreeMap<u64, u64> = BTreeMap::new();
                let mut expected_seconds: BTreeMap<(u32, u64), u64> = BTreeMap::new();
                let mut expected_tops = TopMerger::default();
                for w in mine {
                    let minute = w.start.as_secs() / 60 * 60;
                    *expected_bytes.entry(minute).or_default() += w.counters.frames.total.bytes;
                    *expected_seconds.entry((w.link.0, minute)).or_default() |= 1 << (w.start.as_secs() % 60);
                    expected_tops.add(&w.hosts);
                }
                prop_assert_eq!(bytes, expected_bytes);
                prop_assert_eq!(seconds, expected_seconds);
                prop_assert_eq!(tops.finish(100), expected_tops.finish(100));
            }
        }
    }
}

#[test]
fn old_seconds_go_and_their_minutes_stay() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(Folder::open(folder.path()).unwrap());
    let keep = Keep {
        seconds: 120,
        minutes: 600,
        ..Keep::default()
    };
    let store = Store::open(disk, keep, Timestamp::from_secs(NOW)).unwrap();
    for (sequence, back) in (1u64..).zip(0..900u64) {
        let batch = Batch {
            key: BatchKey { epoch: 1, sequence },
            content: Content::Windows(vec![window(1, NOW - back, 1, 10)]),
        };
        assert!(matches!(
            store.append(&[batch], Timestamp::from_secs(NOW))[0],
            Outcome::Stored
        ));
    }
    while store.maintain(Timestamp::from_secs(NOW)).unwrap() {}
    let count = |grain| {
        let (mut rows, mut bytes, mut oldest) = (0, 0, u64::MAX);
        let all = (Timestamp::EPOCH, Timestamp::from_secs(NOW + 60));
        store
            .scan(all, &(LinkId(0)..=LinkId(9)), grain, None, |row, _| {
                rows += 1;
                bytes += row.counters.frames.total.bytes;
                oldest = oldest.min(row.start.as_secs());
            })
            .unwrap();
        (rows, bytes, oldest)
    };
    let (rows, _, oldest) = count(Grain::Second);
    assert_eq!((rows, oldest), (121, NOW - 120));
    let (_, bytes, oldest) = count(Grain::Minute);
    assert!((NOW - 600..NOW - 540).contains(&oldest), "{oldest}");
    assert_eq!(bytes, (NOW + 1 - oldest) * 10);
}
