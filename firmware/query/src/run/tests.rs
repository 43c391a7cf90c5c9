//! Answers from a store, with and without rollups, against the naive reference.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use model::{
    App, Application, Block, Business, Direction, EndReason, Endpoint, Exported, FlowRecord, IpGroup, Key, LinkGroup,
    LinkId, Measure, Objects, PortRange, Scope,
};
use proptest::prelude::*;
use proptest::sample::select;
use store::{Batch, BatchKey, Content, Folder, Keep, Outcome};

use super::*;
use crate::close::close_all;
use crate::naive;

/// A day's first moment.
const DAY: u64 = 20_000 * 86_400;
/// When questions are asked: long after.
const NOW: Timestamp = Timestamp::from_secs(DAY + 5 * 86_400);

fn ip(n: u8) -> IpAddr {
    match n % 7 {
        6 => std::net::Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, n.into()).into(),
        _ => Ipv4Addr::new(10, 0, n % 3, n).into(),
    }
}

prop_compose! {
    fn records()(
        link in select(vec![LinkId(1), LinkId(2), LinkId::of_exporter(1), LinkId::of_exporter(2)]),
        // Three days, most in some hours.
        hour in prop_oneof![0..72_u64, 20..30_u64],
        within in prop_oneof![0..3_600_000_000_000_u64, select(vec![0, 1, 3_599_999_999_999])],
        duration in prop_oneof![Just(0_u64), 0..120_000_000_000_u64],
        (src, dst) in (0..12_u8, 0..12_u8),
        (src_port, dst_port) in (select(vec![443_u16, 80, 53, 40_000]), select(vec![443_u16, 80, 53, 9_000])),
        protocol in select(vec![6_u8, 17, 1]),
        (packets, bytes, packets_rev, bytes_rev) in (0..50_u64, 0..90_000_u64, 0..50_u64, 0..90_000_u64),
        (tos, app) in (select(vec![0_u8, 184, 3]), select(vec![0_u16, 0, 1, 3])),
        direction in select(vec![Direction::In, Direction::Out, Direction::Internal]),
        interfaces in (select(vec![None, Some(0), Some(3)]), select(vec![None, Some(3), Some(4)])),
    ) -> FlowRecord {
        let end = (DAY + hour * 3_600) * 1_000_000_000 + within;
        FlowRecord {
            link,
            start: Timestamp::from_nanos(end - duration),
            end: Timestamp::from_nanos(end),
            src_ip: ip(src),
            dst_ip: ip(dst % 6),
            src_port,
            dst_port,
            protocol,
            vlan: None,
            vlan_inner: None,
            src_mac: None,
            dst_mac: None,
            packets,
            bytes,
            packets_rev,
            bytes_rev,
            tcp_flags: 0,
            tcp_flags_rev: 0,
            icmp: None,
            icmp_rev: None,
            tos,
            app: App::from_number(app),
            direction,
            end_reason: EndReason::Idle,
            export: link.exporter().map(|_| Box::new(Exported {
                ingress_if: interfaces.0,
                egress_if: interfaces.1,
                ..Exported::default()
            })),
            l7: None,
            quality: None,
        }
    }
}

fn context() -> Context {
    let endpoint = |port, addresses: &[&str]| Endpoint {
        protocol: None,
        ports: PortRange::new(port, port).into_iter().filter(|_| port > 0).collect(),
        addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
    };
    let group = |name: &str, addresses: &[&str]| IpGroup {
        name: name.to_owned(),
        addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
    };
    let objects = Objects {
        applications: [(
            7,
            Application {
                name: "lab".to_owned(),
                endpoints: vec![endpoint(9_000, &[])],
            },
        )]
        .into(),
        businesses: [
            (1, "web", endpoint(443, &[])),
            (2, "net one", endpoint(0, &["10.0.1.0/24"])),
        ]
        .map(|(n, name, endpoint)| {
            let business = Business {
                name: name.to_owned(),
                endpoints: vec![endpoint],
            };
            (n, business)
        })
        .into(),
        ip_groups: [
            (4, group("ten", &["10.0.0.0/16"])),
            (5, group("zero", &["10.0.0.0/24"])),
        ]
        .into(),
        link_groups: [(
            3,
            LinkGroup {
                name: "two".to_owned(),
                links: vec![LinkId(1), LinkId::of_exporter(1)],
            },
        )]
        .into(),
        ..Objects::default()
    };
    Context {
        objects: Arc::new(objects),
        links: [
            (LinkId(1), "eth1"),
            (LinkId(2), "eth2"),
            (LinkId::of_exporter(1), "core"),
        ]
        .map(|(link, name)| (link, vec![name.to_owned()]))
        .into(),
        ..Context::default()
    }
}

struct Desk {
    store: Store,
    context: Context,
    sequence: u64,
    folder: tempfile::TempDir,
}

impl Desk {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(Arc::new(Folder::open(folder.path()).unwrap()), Keep::default(), NOW).unwrap();
        Self {
            store,
            context: context(),
            sequence: 0,
            folder,
        }
    }

    fn append(&mut self, records: &[FlowRecord]) {
        for records in records.chunks(37) {
            self.sequence += 1;
            let batch = Batch {
                key: BatchKey {
                    epoch: 1,
                    sequence: self.sequence,
                },
                content: Content::Block(Block::encode(records).unwrap()),
            };
            let outcomes = self.store.append(&[batch], NOW);
            assert!(matches!(outcomes.as_slice(), [Outcome::Stored]), "{outcomes:?}");
        }
    }

    fn close(&self) -> crate::Closed {
        // Hours wait until nothing has come for a while.
        let later = NOW.plus_nanos(86_400_000_000_000);
        close_all(&self.store, &self.context, later, || true).unwrap()
    }

    fn question(&self, query: &Query) -> (Question, Expr) {
        let expr = filter::parse(&query.filter, &crate::names(&self.context)).unwrap();
        let threads = NonZeroUsize::new(2).unwrap();
        (Question::new(query, &expr, &self.context, NOW, threads).unwrap(), expr)
    }

    fn ask(&self, question: &Question) -> Answer {
        question.run(&self.store, &Watch::new(Duration::from_secs(600)))
    }
}

fn query(ask: Ask) -> Query {
    Query {
        from: Timestamp::from_secs(DAY),
        to: Some(Timestamp::from_secs(DAY + 3 * 86_400)),
        scope: None,
        filter: String::new(),
        ask,
        timeout_ms: 600_000,
    }
}

fn top(by: Key, compare: bool) -> Ask {
    Ask::Top {
        by: vec![by],
        measure: Measure::Bytes,
        limit: 10_000,
        ascending: false,
        compare,
        quality: false,
    }
}

fn series(step: u32, by: Vec<Key>, compare: bool) -> Ask {
    Ask::Series {
        step_s: Some(step),
        zone_s: 8 * 3_600,
        by,
        measure: Measure::Packets,
        limit: 3,
        compare,
        quality: false,
    }
}

const TOTALS: Ask = Ask::Totals {
    distinct: Vec::new(),
    compare: false,
    quality: false,
};

const ROLLED: [Key; 18] = [
    Key::Link,
    Key::InIf,
    Key::OutIf,
    Key::Interface,
    Key::App,
    Key::Host,
    Key::SrcIp,
    Key::DstIp,
    Key::Conversation,
    Key::Protocol,
    Key::Dscp,
    Key::PacketSize,
    Key::Direction,
    Key::IpVersion,
    Key::IpGroup,
    Key::SrcGroup,
    Key::DstGroup,
    Key::Business,
];

fn asks() -> impl Strategy<Value = Ask> {
    let key = || select(ROLLED.to_vec());
    prop_oneof![
        Just(TOTALS),
        (key(), any::<bool>()).prop_map(|(key, compare)| top(key, compare)),
        key().prop_map(|key| Ask::Totals {
            distinct: vec![key],
            compare: true,
            quality: false,
        }),
        (
            select(vec![3_600_u32, 7_200, 86_400]),
            prop::option::of(key()),
            any::<bool>()
        )
            .prop_map(|(step, key, compare)| series(step, key.into_iter().collect(), compare)),
    ]
}

const FILTERS: [&str; 15] = [
    "",
    "",
    "",
    "",
    "link eth1,core",
    "linkgroup two",
    "exporter core",
    "app dns",
    "app unknown,lab",
    "proto tcp,udp",
    "src 10.0.1.1",
    "host 10.0.2.2 and link eth1",
    "business web",
    "group ten",
    "inif core:3",
];

fn queries() -> impl Strategy<Value = Query> {
    let scope = select(vec![
        None,
        None,
        Some(Scope::Ports),
        Some(Scope::Exporters),
        Some(Scope::Link(LinkId(1))),
        Some(Scope::Link(LinkId::of_exporter(2))),
    ]);
    let edge = || prop_oneof![Just(0_u64), Just(1_800), 0..3_600_u64];
    let filter = select(FILTERS.to_vec());
    (asks(), scope, filter, 0..40_u64, edge(), 1..40_u64, edge()).prop_map(
        |(ask, scope, filter, from, from_s, hours, to_s)| {
            let from = DAY + from * 3_600 + from_s;
            Query {
                from: Timestamp::from_secs(from),
                to: Some(Timestamp::from_secs(from + hours * 3_600 + to_s)),
                scope,
                filter: filter.to_owned(),
                ..query(ask)
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn rollups_answer_what_records_answer(
        all in prop::collection::vec(records(), 1..150),
        late in prop::collection::vec(records(), 0..20),
        close_again in any::<bool>(),
        redefine in any::<bool>(),
        questions in prop::collection::vec(queries(), 12),
    ) {
        let mut desk = Desk::open();
        desk.append(&all);
        let closed = desk.close();
        prop_assert!(closed.hours > 0 && closed.put_off == 0 && closed.damaged == 0, "{closed:?}");
        // Blocks that come later take back what was closed.
        desk.append(&late);
        if redefine {
            let mut objects = Objects::clone(&desk.context.objects);
            objects.ip_groups.remove(&4);
            objects.ip_groups.insert(6, IpGroup { name: "ten".to_owned(), addresses: vec!["10.0.0.0/15".parse().unwrap()] });
            desk.context.objects = Arc::new(objects);
        }
        if close_again {
            desk.close();
        }
        let records: Vec<FlowRecord> = all.into_iter().chain(late).collect();
        let mut rolled = 0;
        for query in &questions {
            let (mut question, expr) = desk.question(query);
            let answer = desk.ask(&question);
            prop_assert!(answer.complete && answer.exact, "{answer:?}");
            let expected = naive::answer(question.query(), &expr, &desk.context, NOW, &records);
            prop_assert_eq!(&answer.found, &expected, "{:?} {:?}", query, answer.read);
            rolled += answer.read.rollups;
            question.serving = None;
            let raw = desk.ask(&question);
            prop_assert_eq!(raw.read.from, AnsweredFrom::Records);
            prop_assert_eq!(raw.found, expected);
        }
        prop_assert!(rolled > 0);
    }
}

/// Records of one hour, each of its own source; the first are the heaviest.
fn many(hour: u64, sources: u32) -> Vec<FlowRecord> {
    let end = Timestamp::from_secs(DAY + hour * 3_600 + 60);
    let of = |n: u32| FlowRecord {
        link: LinkId(1),
        start: end,
        end: end.plus_nanos(n.into()),
        src_ip: Ipv4Addr::from(0x0b00_0000 + n).into(),
        dst_ip: Ipv4Addr::new(10, 0, 0, 1).into(),
        src_port: 1,
        dst_port: 2,
        protocol: 17,
        vlan: None,
        vlan_inner: None,
        src_mac: None,
        dst_mac: None,
        packets: 1,
        bytes: u64::from(1_000_000 - n),
        packets_rev: 0,
        bytes_rev: 0,
        tcp_flags: 0,
        tcp_flags_rev: 0,
        icmp: None,
        icmp_rev: None,
        tos: 0,
        app: App::UNKNOWN,
        direction: Direction::In,
        end_reason: EndReason::Idle,
        export: None,
        l7: None,
        quality: None,
    };
    (0..sources).map(of).collect()
}

fn of_two_hours() -> (Desk, Vec<FlowRecord>) {
    let mut desk = Desk::open();
    let records = [many(0, 1_400), many(1, 1_400)].concat();
    desk.append(&records);
    assert_eq!(desk.close().hours, 2);
    (desk, records)
}

#[test]
fn a_table_that_was_cut_answers_roughly_where_records_are_too_many_to_be_read() {
    let (desk, records) = of_two_hours();
    let asked = Query {
        to: Some(Timestamp::from_secs(DAY + 7_200)),
        ..query(top(Key::SrcIp, false))
    };
    let (mut question, expr) = desk.question(&asked);
    let expected = naive::answer(question.query(), &expr, &desk.context, NOW, &records);
    let exact = desk.ask(&question);
    assert_eq!(
        (exact.read.from, exact.exact, &exact.found),
        (AnsweredFrom::Records, true, &expected)
    );

    question.read_instead = 0;
    let rough = desk.ask(&question);
    assert_eq!(
        (rough.read.from, rough.exact, rough.complete),
        (AnsweredFrom::Rollups, false, true)
    );
    assert!(!rough.notes.is_empty());
    let (
        model::Found::Top { rows, total, .. },
        model::Found::Top {
            rows: all, total: sum, ..
        },
    ) = (rough.found, expected)
    else {
        panic!("no tables");
    };
    assert_eq!((rows.len(), total), (1_000, sum));
    assert_eq!(rows, all[..1_000]);
}

#[test]
fn hours_whose_tables_do_not_have_an_address_are_read() {
    let (desk, records) = of_two_hours();
    // Heavy in both hours; light in both; not there at all.
    for (address, from) in [
        ("11.0.0.3", AnsweredFrom::Rollups),
        ("11.0.5.0", AnsweredFrom::Records),
        ("11.0.9.9", AnsweredFrom::Records),
    ] {
        let asked = Query {
            to: Some(Timestamp::from_secs(DAY + 7_200)),
            filter: format!("src {address}"),
            ..query(TOTALS)
        };
        let (question, expr) = desk.question(&asked);
        let answer = desk.ask(&question);
        let expected = naive::answer(question.query(), &expr, &desk.context, NOW, &records);
        assert_eq!(answer.found, expected, "{address}");
        assert_eq!(
            (answer.read.from, answer.exact, answer.complete),
            (from, true, true),
            "{address}"
        );
    }
}

#[test]
fn whole_days_are_read_from_rollups_of_days() {
    let mut desk = Desk::open();
    let hours: Vec<u64> = (0..72).step_by(5).collect();
    let records: Vec<_> = hours.iter().flat_map(|hour| many(*hour, 3)).collect();
    desk.append(&records);
    let closed = desk.close();
    assert_eq!((closed.hours, closed.days), (15, 3));
    // Half an hour into the first day, to the end of the third.
    let asked = Query {
        from: Timestamp::from_secs(DAY + 1_800),
        ..query(top(Key::Host, false))
    };
    let (question, expr) = desk.question(&asked);
    let answer = desk.ask(&question);
    assert_eq!(
        answer.found,
        naive::answer(question.query(), &expr, &desk.context, NOW, &records)
    );
    // Two days and four hours, each with a total and a table.
    assert_eq!(
        (answer.read.from, answer.read.rollups),
        (AnsweredFrom::Both, 2 * (2 + 4))
    );
}

#[test]
fn a_question_that_has_no_time_or_is_given_up_says_so() {
    let (desk, _) = of_two_hours();
    let (question, _) = desk.question(&query(top(Key::DstPort, false)));
    let late = question.run(&desk.store, &Watch::new(Duration::ZERO));
    assert!(
        !late.complete && late.notes.iter().any(|n| n.contains("within 0 s")),
        "{late:?}"
    );
    let watch = Watch::new(Duration::from_secs(600));
    watch.cancel();
    let given_up = question.run(&desk.store, &watch);
    assert!(!given_up.complete && given_up.notes.iter().any(|n| n.contains("given up")));
    assert!(question.so_far(&watch).is_none(), "what was found is not kept twice");
    let whole = desk.ask(&question);
    assert!(whole.complete && whole.notes.is_empty());
}

#[test]
fn a_damaged_block_is_said_and_the_rest_is_answered() {
    let mut desk = Desk::open();
    let (bad, good) = (many(0, 30), many(1, 90));
    desk.append(&bad);
    desk.append(&good);
    let octets = Block::encode(&bad).unwrap().into_bytes();
    let needle = &octets[24..44];
    let Desk {
        store,
        context,
        sequence,
        folder,
    } = desk;
    drop(store);
    let mut flipped = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let mut file = std::fs::read(&path).unwrap();
        let places: Vec<usize> = file
            .windows(needle.len())
            .enumerate()
            .filter(|(_, w)| *w == needle)
            .map(|(at, _)| at)
            .collect();
        for at in places {
            file[at + 10] ^= 4;
            flipped += 1;
        }
        std::fs::write(&path, file).unwrap();
    }
    assert_eq!(flipped, 1);
    let store = Store::open(Arc::new(Folder::open(folder.path()).unwrap()), Keep::default(), NOW).unwrap();
    let desk = Desk {
        store,
        context,
        sequence,
        folder,
    };
    let (question, expr) = desk.question(&query(top(Key::SrcMac, false)));
    let answer = desk.ask(&question);
    assert!(
        !answer.complete && answer.notes.iter().any(|n| n.contains("blocks-")),
        "{answer:?}"
    );
    assert_eq!(
        answer.found,
        naive::answer(question.query(), &expr, &desk.context, NOW, &good)
    );
    // Its hour is closed without it.
    let closed = desk.close();
    assert_eq!((closed.hours, closed.damaged), (2, 1));
}

/// The box's own packet is nobody's traffic, whatever is asked, from records and from rollups; it is found where it is
/// asked for.
#[test]
fn what_the_box_tests_itself_with_is_no_traffic() {
    let traffic = many(0, 50);
    let own: Vec<FlowRecord> = many(0, 3)
        .into_iter()
        .map(|record| FlowRecord {
            link: LinkId::SELF_TEST,
            bytes: u64::MAX / 4,
            ..record
        })
        .collect();
    let page = Ask::Records {
        order: model::Order::End,
        ascending: false,
        offset: 0,
        limit: 1_000,
    };
    let asks = [
        TOTALS,
        top(Key::Link, false),
        top(Key::SrcIp, true),
        series(60, vec![Key::Link], false),
        page,
    ];
    let (mut clean, mut tested) = (Desk::open(), Desk::open());
    clean.append(&traffic);
    tested.append(&own[..1]);
    tested.append(&traffic);
    tested.append(&own[1..]);
    for closed in [false, true] {
        if closed {
            assert_eq!((clean.close().hours, tested.close().hours), (1, 1));
        }
        for ask in &asks {
            for scope in [
                None,
                Some(Scope::Ports),
                Some(Scope::Exporters),
                Some(Scope::Link(LinkId(1))),
            ] {
                let asked = Query {
                    scope,
                    ..query(ask.clone())
                };
                let answer = |desk: &Desk| desk.ask(&desk.question(&asked).0).found;
                assert_eq!(answer(&tested), answer(&clean), "{asked:?}");
            }
        }
        let asked = Query {
            scope: Some(Scope::Link(LinkId::SELF_TEST)),
            ..query(TOTALS)
        };
        let model::Found::Totals { total, .. } = tested.ask(&tested.question(&asked).0).found else {
            panic!("no totals");
        };
        assert_eq!(total.flows, 3);
    }
}
