use std::net::IpAddr;
use std::sync::Arc;

use model::{AddressRange, LinkId, LogBlock, LogRecord, LogSource, Severity, Timestamp, fold};
use proptest::prelude::*;

use super::{LogCursor, LogSearch, Logs};
use crate::append::BatchKey;
use crate::disk::Folder;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "Interface",
        "GigabitEthernet0/1",
        "down",
        "UP",
        "10.0.0.5",
        "端口",
        "关闭",
        "Élan",
        "sshd",
        "a",
    ]);
    prop::collection::vec(word, 0..5).prop_map(|words| words.join(" "))
}

prop_compose! {
    fn record()(
        // Over three days, often at the same moment.
        time in prop_oneof![0u64..3 * 86_400, Just(86_400u64), Just(86_399)],
        exporter in 1u32..4,
        peer in 0u8..3,
        severity in prop::sample::select(Severity::ALL.to_vec()),
        facility in prop::sample::select(vec![0u8, 4, 23]),
        host in prop::sample::select(vec!["Core-1", "core-2", "192.0.2.1", "主机"]),
        app in prop::sample::select(vec!["", "sshd", "IFNET", "Ebra"]),
        code in prop::sample::select(vec!["", "UPDOWN", "IF_STATE"]),
        text in words(),
        data in prop::sample::select(vec!["", "[meta sequenceId=\"7\"]"]),
    ) -> LogRecord {
        LogRecord {
            time: Timestamp::from_secs(NOW.as_secs() - 3 * 86_400 + time),
            received: NOW,
            exporter: LinkId::of_exporter(exporter),
            peer: IpAddr::from([10, 0, 0, peer]),
            source: LogSource::Syslog,
            severity,
            facility,
            host: host.to_owned(),
            app: app.to_owned(),
            pid: String::new(),
            code: code.to_owned(),
            text,
            data: data.to_owned(),
        }
    }
}

prop_compose! {
    fn transaction()(
        record in record(),
        source in prop::sample::select(vec![LogSource::Dns, LogSource::Http, LogSource::Tls]),
        server in prop::sample::select(vec!["10.1.0.1:53", "10.1.0.2:53", "10.1.0.1:443", "[2001:db8::1]:443"]),
        said in any::<bool>(),
    ) -> LogRecord {
        let server = if said { format!(" server=\"{server}\"") } else { String::new() };
        LogRecord {
            source,
            data: format!("client=\"{}:50000\"{server} path=\"/\"", record.peer),
            ..record
        }
    }
}

fn ranges() -> impl Strategy<Value = Option<AddressRange>> {
    let range = prop::sample::select(vec![
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.0/31",
        "10.1.0.1",
        "10.1.0.0/24",
        "2001:db8::1",
    ]);
    prop::option::weighted(0.3, range.prop_map(|text| text.parse().unwrap()))
}

prop_compose! {
    fn search()(
        kinds in prop::collection::vec(prop::sample::select(LogSource::ALL.to_vec()), 0..3),
        client in ranges(),
        server in ranges(),
        port in prop::option::of(prop::sample::select(vec![53u16, 443])),
        code in prop::option::weighted(0.2, prop::sample::select(vec!["updown", "IF_STATE", "STATE", ""])),
        span in prop_oneof![Just((0u64, 4 * 86_400)), (0u64..3 * 86_400, 0u64..3 * 86_400)],
        exporters in prop::collection::vec((1u32..5).prop_map(LinkId::of_exporter), 0..3),
        host in prop::option::weighted(0.3, prop::sample::select(vec!["core", "-2", "10.0.0.1", "机", "none", ""])),
        severity in prop::option::weighted(0.3, prop::sample::select(Severity::ALL.to_vec())),
        facility in prop::option::weighted(0.2, prop::sample::select(vec![0u8, 4, 5])),
        app in prop::option::weighted(0.2, prop::sample::select(vec!["SSH", "net", "zzz"])),
        keywords in prop::collection::vec(
            prop::sample::select(vec![
                "down", "gigabitethernet", "端口", "口 关", "élan", "0.0.5", "updown", "SSHD", "sequenceid", "missing-word", "core", "",
            ]),
            0..3,
        ),
        limit in 1usize..12,
    ) -> LogSearch {
        let base = NOW.as_secs() - 3 * 86_400;
        LogSearch {
            kinds,
            client,
            server: server.map(|range| (range, port)),
            code: code.map(str::to_owned),
            from: Timestamp::from_secs(base + span.0.min(span.1)),
            to: Timestamp::from_secs(base + span.0.max(span.1)),
            exporters,
            host: host.map(str::to_owned),
            severity,
            facility,
            app: app.map(str::to_owned),
            keywords: keywords.into_iter().map(str::to_owned).collect(),
            limit,
            ..LogSearch::default()
        }
    }
}

/// Whether a record is looked for, by the words of the conditions alone.
fn is_wanted(search: &LogSearch, r: &LogRecord) -> bool {
    let has = |text: &str, word: &str| fold(text).contains(&*fold(word));
    let strings = [&r.text, &r.data, &r.host, &r.app, &r.code];
    let server = || {
        let fields = r.fields();
        let (_, server) = fields.into_iter().find(|(name, _)| *name == "server")?;
        server.parse::<std::net::SocketAddr>().ok()
    };
    search.from <= r.time
        && r.time < search.to
        && (search.kinds.is_empty() || search.kinds.contains(&r.source))
        && search.client.is_none_or(|range| range.contains(r.peer))
        && search.server.is_none_or(|(range, port)| {
            server().is_some_and(|s| range.contains(s.ip()) && port.is_none_or(|port| port == s.port()))
        })
        && search
            .code
            .as_deref()
            .is_none_or(|code| code.is_empty() || fold(code) == fold(&r.code))
        && (search.exporters.is_empty() || search.exporters.contains(&r.exporter))
        && search
            .host
            .as_deref()
            .is_none_or(|h| has(&r.host, h) || has(&r.peer.to_string(), h))
        && search.severity.is_none_or(|s| r.severity <= s)
        && search.facility.is_none_or(|f| r.facility == f)
        && search.app.as_deref().is_none_or(|a| has(&r.app, a))
        && search.keywords.iter().all(|word| strings.iter().any(|s| has(s, word)))
}

struct Fixture {
    logs: Logs,
    _folder: tempfile::TempDir,
}

/// Batches as they would be appended: one block each.
fn stored(batches: &[Vec<LogRecord>]) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::open(Arc::new(Folder::open(folder.path()).unwrap()), super::MESSAGES, &[]);
    for (number, records) in batches.iter().enumerate() {
        let block = &LogBlock::encode(records).unwrap()[0];
        assert_eq!(block.len(), records.len());
        let key = BatchKey {
            epoch: 1,
            sequence: number as u64,
        };
        let day = Logs::day_of(block, NOW);
        assert_eq!(logs.append(day, &[(key, block)]).unwrap(), [true]);
        assert_eq!(logs.append(day, &[(key, block)]).unwrap(), [false]);
    }
    Fixture { logs, _folder: folder }
}

/// All pages; `patience` says how often a page may go on.
fn pages(logs: &Logs, mut search: LogSearch, patience: Option<usize>) -> Vec<LogRecord> {
    let mut all = Vec::new();
    for _ in 0..10_000 {
        let mut left = patience.unwrap_or(usize::MAX);
        let found = logs.search(&search, || {
            let on = left > 0;
            left = left.saturating_sub(1);
            on
        });
        assert!(found.problems.is_empty(), "{:?}", found.problems);
        assert!(found.records.len() <= search.limit);
        assert!(found.complete || (patience.is_some() && found.next.is_some()));
        all.extend(found.records);
        let Some(next) = found.next else {
            return all;
        };
        // The next page begins further back.
        assert!(search.before.is_none_or(|before| next < before), "{next}");
        let text = next.to_string();
        search.before = Some(text.parse::<LogCursor>().unwrap());
    }
    panic!("the pages never end");
}

/// What tells records apart, sorted: those of the same time may come in any order.
fn sorted(mut records: Vec<LogRecord>) -> Vec<LogRecord> {
    records.sort_by_key(|r| format!("{:?}", (std::cmp::Reverse(r.time), r)));
    records
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_search_finds_what_a_scan_of_all_records_finds(
        batches in prop_oneof![
            prop::collection::vec(prop::collection::vec(record(), 1..25), 0..8),
            prop::collection::vec(prop::collection::vec(transaction(), 1..25), 0..8),
        ],
        searches in prop::collection::vec((search(), prop::option::of(0usize..3)), 1..12),
    ) {
        let fixture = stored(&batches);
        let transactions = batches.iter().flatten().any(|r| r.source.is_application());
        for (mut search, patience) in searches {
            search.transactions = transactions;
            let expected = batches.iter().flatten().filter(|r| is_wanted(&search, r)).cloned().collect();
            let found = pages(&fixture.logs, search.clone(), patience);
            prop_assert!(found.is_sorted_by_key(|r| std::cmp::Reverse(r.time)));
            prop_assert_eq!(sorted(found), sorted(expected), "{:?}", search);
        }
    }
}

fn plain(time: u64, text: &str) -> LogRecord {
    LogRecord {
        time: Timestamp::from_secs(time),
        received: Timestamp::from_secs(time),
        exporter: LinkId::of_exporter(1),
        peer: IpAddr::from([10, 0, 0, 1]),
        source: LogSource::Syslog,
        severity: Severity::Notice,
        facility: 1,
        host: "h".to_owned(),
        app: String::new(),
        pid: String::new(),
        code: String::new(),
        text: text.to_owned(),
        data: String::new(),
    }
}

fn everything(limit: usize) -> LogSearch {
    LogSearch {
        to: Timestamp::from_nanos(u64::MAX),
        limit,
        ..LogSearch::default()
    }
}

#[test]
fn a_page_is_bounded_in_octets_too() {
    let long = "x".repeat(60_000);
    let batches: Vec<Vec<LogRecord>> = (0..20u64)
        .map(|b| (0..30u64).map(|n| plain(NOW.as_secs() + b * 30 + n, &long)).collect())
        .collect();
    let fixture = stored(&batches);
    let found = fixture.logs.search(&everything(10_000), || true);
    assert!(found.complete && found.next.is_some() && !found.records.is_empty());
    let octets: usize = found.records.iter().map(LogBlock::weight).sum();
    assert!(octets <= 8 << 20);
    assert_eq!(pages(&fixture.logs, everything(10_000), None).len(), 600);
}

#[test]
fn what_cannot_hold_a_word_is_not_unpacked() {
    let batches: Vec<Vec<LogRecord>> = (0..10u64)
        .map(|b| {
            vec![plain(
                NOW.as_secs() + b,
                &format!("configured from console {b}{b}{b}{b}"),
            )]
        })
        .collect();
    let fixture = stored(&batches);
    let mut search = everything(10);
    search.keywords = vec!["Console 7777".to_owned()];
    let found = fixture.logs.search(&search, || true);
    assert_eq!((found.records.len(), found.read, found.stepped_over), (1, 1, 9));
    // Only what is newer than the full page is looked at.
    let found = fixture.logs.search(&everything(2), || true);
    assert_eq!((found.records.len(), found.read), (2, 3));
}

#[test]
fn a_damaged_block_is_told_of_and_the_rest_is_found() {
    let fixture = stored(&[vec![plain(NOW.as_secs(), "one")], vec![plain(NOW.as_secs() + 1, "two")]]);
    let day = crate::day::Day::of(NOW);
    fixture
        .logs
        .files()
        .file(day)
        .write(|txn| {
            let mut bodies = txn.open_table(super::BODIES)?;
            bodies.insert((NOW.as_nanos() + 1_000_000_000, 1, 1), [1u8, 2, 3].as_slice())?;
            Ok(())
        })
        .unwrap();
    let found = fixture.logs.search(&everything(10), || true);
    assert_eq!(
        found.records.iter().map(|r| r.text.as_str()).collect::<Vec<_>>(),
        ["one"]
    );
    let problem = found.problems.first().unwrap().to_string();
    assert!(
        problem.starts_with("batch 1-1 in logs-20270115.redb is lost"),
        "{problem}"
    );
}
