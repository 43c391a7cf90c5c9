//! Questions about flow records, asked of the analyzer's program while it stores them.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod lab;

use api::FailureKind;
use api::analyzer::{CancelQuery, FilterRequest, ImportCountries, StatusQuery, StorageQuery};
use api::ingest::{BatchId, Receipt};
use lab::{Lab, now, query, record, sums};
use model::{
    AnsweredFrom, App, Application, Ask, Endpoint, FlowRecord, Found, Key, KeyValue, Measure, Order, PortRange, Sums,
    Timestamp,
};
use settings::KeptClass;

const TOTALS: Ask = Ask::Totals {
    distinct: Vec::new(),
    compare: false,
    quality: false,
};

fn top(by: Vec<Key>) -> Ask {
    Ask::Top {
        by,
        measure: Measure::Bytes,
        limit: 10,
        ascending: false,
        compare: false,
        quality: false,
    }
}

/// Half an hour ago, at a whole second.
fn base() -> Timestamp {
    Timestamp::from_secs(now().as_secs() - 1_800)
}

/// Stores records in batches of so many.
async fn store(lab: &Lab, records: &[FlowRecord], batch: usize) {
    let mut collector = lab.collector().await;
    for (sequence, records) in (1..).zip(records.chunks(batch)) {
        collector.block(sequence, records).await;
        let id = BatchId { epoch: 1, sequence };
        assert_eq!(collector.receipt().await, Receipt::Stored { id });
    }
}

fn total(found: &Found) -> Sums {
    match found {
        Found::Totals { total, .. } | Found::Top { total, .. } => *total,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_is_answered_and_what_is_no_question_is_refused() {
    let lab = Lab::open().await;
    let base = base();
    let records: Vec<_> = (0..5_000).map(|n| record(n, base, u64::from(n))).collect();
    store(&lab, &records, 700).await;

    let answer = lab.answer(&query(base, "", TOTALS)).await;
    assert_eq!(total(&answer.found), sums(&records));
    assert!(answer.complete && answer.exact && answer.notes.is_empty(), "{answer:?}");
    assert_eq!((answer.read.from, answer.read.blocks), (AnsweredFrom::Records, 8));
    assert_eq!((answer.read.records, answer.read.matched), (5_000, 5_000));

    // A filter, printed anew; names of links are known.
    let asked = query(base, "  dport 443  and link \"core switch\"", top(vec![Key::DstIp]));
    let answer = lab.answer(&asked).await;
    assert_eq!(answer.filter, "dport 443 and link \"core switch\"");
    let https = records.iter().filter(|r| r.dst_port == 443);
    assert_eq!(total(&answer.found), sums(https.clone()));
    let Found::Top { rows, groups, .. } = &answer.found else {
        panic!("{answer:?}");
    };
    assert_eq!((rows.len(), *groups), (5, 5));
    for row in rows {
        let of_it = https.clone().filter(|r| row.values == [KeyValue::Address(r.dst_ip)]);
        assert_eq!(row.sums, sums(of_it));
    }

    // Pages of records.
    let page = |offset| Ask::Records {
        order: Order::End,
        ascending: false,
        offset,
        limit: 10,
    };
    for offset in [0, 10, 4_995] {
        let answer = lab.answer(&query(base, "", page(offset))).await;
        let Found::Records { records: got, more, .. } = answer.found else {
            panic!("{answer:?}");
        };
        let expected: Vec<_> = records.iter().rev().skip(offset as usize).take(10).cloned().collect();
        assert_eq!((got, more), (expected, offset < 4_990));
    }

    // What is no question.
    let refused = |error: api::client::CallError| (error.kind(), error.to_string());
    let (kind, message) = refused(lab.begin(&query(base, "dport htps", TOTALS)).await.unwrap_err());
    assert!(
        kind == FailureKind::BadRequest && message.contains("character"),
        "{message}"
    );
    let (kind, _) = refused(lab.begin(&query(base, "", top(Vec::new()))).await.unwrap_err());
    assert_eq!(kind, FailureKind::BadRequest);
    let (kind, _) = refused(lab.poll(1, 0).await.unwrap_err());
    assert_eq!(kind, FailureKind::NotFound);

    // Answers are kept until they are given up, so many of them.
    let mut kept = Vec::new();
    for _ in 0..16 {
        kept.push(lab.begin(&query(base, "", TOTALS)).await.unwrap());
    }
    let (kind, _) = refused(lab.begin(&query(base, "", TOTALS)).await.unwrap_err());
    assert_eq!(kind, FailureKind::Unavailable);
    for id in &kept {
        lab.ask(CancelQuery { id: *id }).await.unwrap();
        lab.ask(CancelQuery { id: *id }).await.unwrap();
        assert_eq!(lab.poll(*id, 0).await.unwrap_err().kind(), FailureKind::NotFound);
    }
    lab.answer(&query(base, "", TOTALS)).await;

    let request = FilterRequest {
        text: "dport 443 and link cor".to_owned(),
        cursor: Some(22),
    };
    let answer = lab.ask(request).await.unwrap();
    assert!(answer.filter.is_none() && answer.problem.is_some());
    assert!(
        answer.completions.iter().any(|c| c.text.contains("core switch")),
        "{answer:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_as_wide_as_everything_hold_no_batch_up() {
    let lab = Lab::open().await;
    let base = base();
    let before: Vec<_> = (0..60_000).map(|n| record(n, base, u64::from(n / 40))).collect();
    store(&lab, &before, 10_000).await;
    let wide = query(
        base,
        "not host 203.0.113.1",
        top(vec![Key::Conversation, Key::SrcPort, Key::DstPort, Key::App]),
    );
    // More than run at a time, and most of them never asked about again.
    let mut ids = Vec::new();
    for _ in 0..12 {
        ids.push(lab.begin(&wide).await.unwrap());
    }
    let after: Vec<_> = (0..40_000)
        .map(|n| record(n, base, 2_000 + u64::from(n / 40)))
        .collect();
    let mut collector = lab.collector().await;
    let mut all = before.clone();
    for (sequence, records) in (101..).zip(after.chunks(500)) {
        collector.block(sequence, records).await;
        let id = BatchId { epoch: 1, sequence };
        assert_eq!(collector.receipt().await, Receipt::Stored { id });
        all.extend_from_slice(records);
        if sequence % 10 == 0 {
            let gone = ids.pop().unwrap();
            lab.ask(CancelQuery { id: gone }).await.unwrap();
            // Those that run may be asked what they found so far.
            if let Some(id) = ids.first() {
                let state = lab.poll(*id, 0).await.unwrap();
                assert!(state.progress.done <= state.progress.total, "{state:?}");
                if let Some(answer) = state.answer.filter(|_| !state.done) {
                    assert!(!answer.complete);
                }
            }
        }
    }
    for id in ids {
        loop {
            let state = lab.poll(id, 10_000).await.unwrap();
            if state.done {
                let answer = state.answer.unwrap();
                assert!(answer.complete && answer.exact, "{:?}", answer.notes);
                assert!(total(&answer.found).flows >= sums(&before).flows);
                break;
            }
        }
    }
    let status = lab.ask(StatusQuery {}).await.unwrap();
    assert_eq!((status.refused, status.deferred, status.duplicates), (0, 0, 0));
    assert_eq!(status.records, 100_000);
    let answer = lab.answer(&wide).await;
    assert_eq!(total(&answer.found), sums(&all));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_nothing_that_was_acknowledged() {
    let mut lab = Lab::open().await;
    let base = base();
    let records: Vec<_> = (0..4_000).map(|n| record(n, base, u64::from(n))).collect();
    store(&lab, &records, 400).await;
    // A batch that nobody said is stored, and a question that is under way.
    let last: Vec<_> = (0..400).map(|n| record(n, base, 5_000)).collect();
    let mut collector = lab.collector().await;
    lab.begin(&query(base, "", top(vec![Key::Host]))).await.unwrap();
    collector.block(11, &last).await;
    lab.kill().await;

    let mut collector = lab.collector().await;
    for (sequence, records) in (1..).zip(records.chunks(400)) {
        collector.block(sequence, records).await;
        let id = BatchId { epoch: 1, sequence };
        assert_eq!(collector.receipt().await, Receipt::Stored { id });
    }
    collector.block(11, &last).await;
    collector.receipt().await;
    let answer = lab.answer(&query(base, "", TOTALS)).await;
    assert_eq!(total(&answer.found), sums(records.iter().chain(&last)));
    assert!(answer.complete && answer.exact);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_settings_and_countries_take_effect_at_once() {
    let lab = Lab::open().await;
    let base = base();
    let records: Vec<_> = (0..300).map(|n| record(n, base, u64::from(n))).collect();
    store(&lab, &records, 300).await;
    let asked = query(base, "app billing", TOTALS);
    assert_eq!(lab.begin(&asked).await.unwrap_err().kind(), FailureKind::BadRequest);

    lab.change(|settings| {
        let application = Application {
            name: "billing".to_owned(),
            endpoints: vec![Endpoint {
                protocol: Some(6),
                ports: vec![PortRange::new(9_000, 9_000).unwrap()],
                addresses: Vec::new(),
            }],
        };
        settings.objects.applications.insert(1, application);
        settings.objects.numbers = 1;
        settings.retention.records.age = 30;
    });
    lab.until("the definition is known", async |lab| lab.begin(&asked).await.is_ok())
        .await;
    let billing = records.iter().filter(|r| r.dst_port == 9_000);
    let answer = lab.answer(&asked).await;
    assert_eq!(total(&answer.found), sums(billing.clone()));
    let answer = lab.answer(&query(base, "", top(vec![Key::App]))).await;
    let Found::Top { rows, .. } = answer.found else {
        panic!("no table");
    };
    let billed = rows
        .iter()
        .find(|row| row.values == [KeyValue::App(App::defined(1).unwrap())]);
    assert_eq!(billed.unwrap().sums, sums(billing));

    let storage = lab.ask(StorageQuery {}).await.unwrap();
    let kept = storage.classes.iter().find(|c| c.class == KeptClass::Records).unwrap();
    assert_eq!((kept.limit.age, kept.records), (30, Some(300)));
    assert!(storage.disk_bytes > storage.free_bytes && storage.countries.is_none());

    // 10.0.0.0–10.0.0.99 is in one country, and the rest nowhere.
    let asked = query(base, "src country CN", TOTALS);
    assert_eq!(lab.begin(&asked).await.unwrap_err().kind(), FailureKind::BadRequest);
    let part = |text: &str, offset, last| ImportCountries {
        name: "some.csv".to_owned(),
        part: base64(text),
        offset,
        last,
    };
    let missing = lab.ask(part("x", 7, true)).await.unwrap_err();
    assert!(matches!(
        missing.kind(),
        FailureKind::Conflict | FailureKind::Unavailable
    ));
    lab.ask(part("10.0.0.0,10.0.0", 0, false)).await.unwrap();
    let imported = lab.ask(part(".99,CN\n", 15, true)).await.unwrap();
    assert_eq!((imported.name.as_str(), imported.ranges), ("some.csv", 1));
    let answer = lab.answer(&asked).await;
    let there =
        |r: &&FlowRecord| matches!(r.src_ip, std::net::IpAddr::V4(v4) if v4.octets()[2] == 0 && v4.octets()[3] < 100);
    assert_eq!(total(&answer.found), sums(records.iter().filter(there)));
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}
