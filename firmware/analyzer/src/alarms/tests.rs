use std::sync::Arc;

use api::alarms::{EdgeId, HardwareEdge};
use api::hardware::{self, Words};
use model::{AlarmEnd, AlarmSeverity, AlarmSource};
use store::{Folder, Keep};

use super::*;

fn said(n: u64, critical: bool) -> hardware::Alarm {
    hardware::Alarm {
        id: format!("bay-{n}.pending"),
        component: format!("bay {n}"),
        part: hardware::Text {
            zh: format!("槽位 {n}"),
            en: format!("bay {n}"),
        },
        serial: Some(format!("SER{n}")),
        code: "pending".to_owned(),
        state: if critical {
            hardware::State::Critical
        } else {
            hardware::State::Warning
        },
        text: hardware::Text {
            zh: format!("{n} 个扇区"),
            en: format!("{n} sectors"),
        },
        zh: Words::default(),
        en: Words {
            title: "Sectors wait".to_owned(),
            todo: "Replace the drive".to_owned(),
        },
        since: Timestamp::from_secs(1_000 + n),
        acknowledged: None,
    }
}

fn report(edges: Vec<HardwareEdge>, open: Vec<hardware::Alarm>) -> HardwareReport {
    HardwareReport {
        run: 1,
        at: Timestamp::from_secs(9_000),
        edges_so_far: edges.last().map_or(0, |edge| edge.id.number),
        edges,
        open,
    }
}

fn ended(n: u64) -> HardwareEdge {
    HardwareEdge {
        id: EdgeId { run: 1, number: n },
        at: Timestamp::from_secs(2_000 + n),
        alarm: said(n, false),
        end: Some(AlarmEnd::Over),
    }
}

fn desk() -> (tempfile::TempDir, Store, AlarmList) {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(Folder::open(folder.path()).unwrap());
    let store = Store::open(disk, Keep::default(), Timestamp::from_secs(9_000)).unwrap();
    let list = AlarmList::open(&store);
    (folder, store, list)
}

#[test]
fn a_query_finds_by_every_condition_page_by_page() {
    let (_folder, store, list) = desk();
    let open = vec![said(101, false), said(102, true), said(103, true)];
    list.report(&store, &report((1..=25).map(ended).collect(), open))
        .unwrap();
    let ask = |query: AlarmsQuery| list.ask(&store, &query, Timestamp::from_secs(9_000));
    let both = AlarmsQuery {
        open: true,
        history: true,
        limit: 10,
        ..AlarmsQuery::default()
    };
    let first = ask(both.clone()).unwrap();
    let components = |alarms: &[Alarm]| alarms.iter().map(|a| a.component.clone()).collect::<Vec<_>>();
    assert_eq!(components(&first.open), ["bay 103", "bay 102", "bay 101"]);
    assert_eq!(
        first.counts,
        AlarmCounts {
            critical: 2,
            warning: 1,
            unseen: 3
        }
    );
    let mut all = Vec::new();
    let mut before = None;
    loop {
        let page = ask(AlarmsQuery { before, ..both.clone() }).unwrap();
        all.extend(components(&page.history));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(all, (1..=25).rev().map(|n| format!("bay {n}")).collect::<Vec<_>>());
    let found = |query: AlarmsQuery| {
        let answer = ask(query).unwrap();
        (answer.open.len(), answer.history.len())
    };
    let wide = AlarmsQuery { limit: 1_000, ..both };
    assert_eq!(found(wide.clone()), (3, 25));
    let text = |text: &str| AlarmsQuery {
        text: text.to_owned(),
        ..wide.clone()
    };
    assert_eq!(found(text("replace SER7")), (0, 1));
    assert_eq!(found(text("bay 10")), (3, 1));
    assert_eq!(found(text("nothing of that")), (0, 0));
    let grave = AlarmsQuery {
        severity: Some(AlarmSeverity::Critical),
        source: Some(AlarmSource::Hardware),
        ..wide.clone()
    };
    assert_eq!(found(grave), (2, 0));
    // an alarm is in every span that it was open in
    let span = |from, to| AlarmsQuery {
        from: Some(Timestamp::from_secs(from)),
        to: Some(Timestamp::from_secs(to)),
        ..wide.clone()
    };
    assert_eq!(found(span(2_020, 9_000)), (3, 6));
    assert_eq!(found(span(0, 1_011)), (0, 10));
    for bad in [
        AlarmsQuery {
            limit: 0,
            ..wide.clone()
        },
        AlarmsQuery {
            limit: PAGE_MAX + 1,
            ..wide.clone()
        },
        text(&"x".repeat(TEXT_MAX + 1)),
    ] {
        assert_eq!(ask(bad).unwrap_err().kind, FailureKind::BadRequest);
    }
}

#[test]
fn an_alarm_that_is_not_open_cannot_be_acknowledged() {
    let (_folder, store, list) = desk();
    list.report(&store, &report(vec![ended(1)], vec![said(2, true)]))
        .unwrap();
    let open = list.ledger().open().next().unwrap().id;
    list.acknowledge(&store, open, "mei", Timestamp::from_secs(9_001))
        .unwrap();
    // the same again keeps the first time
    list.acknowledge(&store, open, "mei", Timestamp::from_secs(9_500))
        .unwrap();
    let seen = list.find(open).unwrap().acknowledged.unwrap();
    assert_eq!((seen.at, seen.by.as_str()), (Timestamp::from_secs(9_001), "mei"));
    assert_eq!(list.counts().unseen, 0);
    for id in [0, open - 1, open + 1] {
        assert!(!list.acknowledge(&store, id, "mei", Timestamp::EPOCH).unwrap());
        assert_eq!(list.find(id).unwrap_err().kind, FailureKind::NotFound);
    }
}

#[test]
fn a_damaged_file_begins_anew_and_what_is_open_comes_back() {
    let (folder, store, list) = desk();
    list.report(&store, &report(Vec::new(), vec![said(1, true)])).unwrap();
    let path = folder.path().join("state.redb");
    drop(store);
    let octets = std::fs::read(&path).unwrap();
    std::fs::write(&path, &octets[..octets.len() / 2]).unwrap();
    let disk = Arc::new(Folder::open(folder.path()).unwrap());
    // a damaged file is set aside, and what is open comes back with the next report
    let store = Store::open(disk, Keep::default(), Timestamp::from_secs(9_000)).unwrap();
    let list = AlarmList::open(&store);
    assert_eq!(list.counts(), AlarmCounts::default());
    list.report(&store, &report(Vec::new(), vec![said(1, true)])).unwrap();
    assert_eq!(list.counts().critical, 1);
}

#[tokio::test]
async fn a_hardware_alarm_is_acknowledged_where_it_comes_from() {
    use api::alarms::AcknowledgeAlarm;
    use api::analyzer::AnalyzerRequest;
    use api::client::Client;
    use api::hardware::HwmonRequest;
    use api::{Service, server};

    let (folder, store, _) = desk();
    let shared = crate::tests::shared(store, folder.path());
    shared
        .alarms
        .report(&shared.store, &report(Vec::new(), vec![said(1, true), said(2, true)]))
        .unwrap();
    let run = tempfile::tempdir().unwrap();
    let acknowledge = |id| {
        let request: AnalyzerRequest = AcknowledgeAlarm {
            id,
            user: "mei".to_owned(),
        }
        .into();
        crate::answer(request, shared.clone(), crate::Readers::new(), Client::new(run.path()))
    };
    // nobody is there who could decide: nothing is acknowledged
    assert_eq!(acknowledge(1).await.unwrap_err().kind, FailureKind::Unavailable);
    assert_eq!(shared.alarms.counts().unseen, 2);
    let path = run.path().join(Service::Hwmon.socket());
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let hwmon = server::listen(&path, 0o600).unwrap();
    let hwmon = tokio::spawn(server::serve(hwmon, |request: HwmonRequest, _| async move {
        match request {
            HwmonRequest::Acknowledge(seen) if seen.id == "bay-1.pending" && seen.user == "mei" => server::reply(()),
            _ => Err(Failure::new(FailureKind::NotFound, "it is over")),
        }
    }));
    acknowledge(1).await.unwrap();
    assert_eq!(shared.alarms.find(1).unwrap().acknowledged.unwrap().by, "mei");
    // the monitor refuses, or there is no such alarm
    assert_eq!(acknowledge(2).await.unwrap_err().kind, FailureKind::NotFound);
    assert_eq!(acknowledge(3).await.unwrap_err().kind, FailureKind::NotFound);
    assert_eq!(shared.alarms.counts().unseen, 1);
    hwmon.abort();
}
