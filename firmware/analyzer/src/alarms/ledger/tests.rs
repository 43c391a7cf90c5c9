use std::sync::Arc;

use hwmon::State;
use hwmon::outbox::{Kept, Outbox};
use hwmon::policy::{Book, Change, Event, Finding, Subject};
use proptest::prelude::*;
use store::{Folder, Keep, Store};

use super::super::AlarmList;
use super::*;

const BAYS: u8 = 4;

fn subject(bay: u8) -> Subject {
    Subject {
        place: format!("bay {bay}"),
        serial: bay.is_multiple_of(2).then(|| format!("S{bay}")),
    }
}

fn said(alarm: &hwmon::policy::Alarm) -> hardware::Alarm {
    let words = |word: &str| AlarmWords {
        title: format!("{word} {}", alarm.subject.place),
        todo: String::new(),
    };
    hardware::Alarm {
        id: format!("{}.{}", alarm.subject.place.replace(' ', "-"), alarm.code),
        component: alarm.subject.place.clone(),
        part: hardware::Text::default(),
        serial: alarm.subject.serial.clone(),
        code: alarm.code.clone(),
        state: match alarm.state {
            State::Critical => hardware::State::Critical,
            _ => hardware::State::Warning,
        },
        text: alarm.text.clone(),
        zh: words("坏"),
        en: words("bad"),
        since: Timestamp::from_secs(alarm.since),
        acknowledged: alarm.acknowledged.clone(),
    }
}

/// An alarm as somebody would note it by hand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Noted {
    raised: Timestamp,
    bay: String,
    critical: bool,
    recurrences: u32,
    seen: Option<(Timestamp, String)>,
    ended: Option<Timestamp>,
}

impl Noted {
    fn of(alarm: &Alarm) -> Self {
        Self {
            raised: alarm.raised,
            bay: alarm.component.clone(),
            critical: alarm.severity == AlarmSeverity::Critical,
            recurrences: alarm.recurrences,
            seen: alarm.acknowledged.as_ref().map(|seen| (seen.at, seen.by.clone())),
            ended: alarm.cleared.map(|cleared| cleared.at),
        }
    }
}

/// A hardware monitor, a list on a disk, and what lies between them.
struct World {
    now: u64,
    book: Book,
    outbox: Outbox,
    naive: Vec<Noted>,
    sent: Vec<HardwareReport>,
    folder: tempfile::TempDir,
    desk: Option<(Store, AlarmList)>,
}

impl World {
    fn open() -> Self {
        let mut world = Self {
            now: 1_000,
            book: Book::default(),
            outbox: Outbox::resume(1_000, Kept::default()),
            naive: Vec::new(),
            sent: Vec::new(),
            folder: tempfile::tempdir().unwrap(),
            desk: None,
        };
        world.restart_list();
        world
    }

    fn restart_list(&mut self) {
        self.desk = None;
        let disk = Arc::new(Folder::open(self.folder.path()).unwrap());
        let store = Store::open(disk, Keep::default(), Timestamp::from_secs(self.now)).unwrap();
        let list = AlarmList::open(&store);
        self.desk = Some((store, list));
    }

    fn take(&mut self, events: Vec<Event>) {
        let at = Timestamp::from_secs(self.now);
        for event in events {
            let alarm = said(&event.alarm);
            let open = |noted: &&mut Noted| noted.bay == alarm.component && noted.ended.is_none();
            let end = match event.change {
                Change::Reminder => continue,
                Change::Raised => {
                    let before = self.naive.iter().filter(|noted| noted.bay == alarm.component).count();
                    self.naive.push(Noted {
                        raised: alarm.since,
                        bay: alarm.component.clone(),
                        critical: alarm.state == hardware::State::Critical,
                        recurrences: u32::try_from(before).unwrap(),
                        seen: None,
                        ended: None,
                    });
                    None
                }
                Change::Worse | Change::Better => {
                    let noted = self.naive.iter_mut().find(open).unwrap();
                    noted.critical = alarm.state == hardware::State::Critical;
                    if alarm.acknowledged.is_none() {
                        noted.seen = None;
                    }
                    None
                }
                Change::Cleared | Change::Replaced => {
                    self.naive.iter_mut().find(open).unwrap().ended = Some(at);
                    Some(AlarmEnd::Over)
                }
            };
            self.outbox.push(at, alarm, end);
        }
    }

    fn judge(&mut self, states: &[u8]) {
        let findings: Vec<Finding> = (0..BAYS)
            .zip(states)
            .filter(|(_, state)| **state > 0)
            .map(|(bay, state)| Finding {
                subject: subject(bay),
                code: "pending".to_owned(),
                state: if *state == 1 { State::Warning } else { State::Critical },
                text: hardware::Text {
                    zh: "扇区".to_owned(),
                    en: format!("sector at {}", self.now),
                },
            })
            .collect();
        let events = self.book.update(self.now, &findings, &[], &[]);
        self.take(events);
    }

    fn acknowledge(&mut self, bay: u8, who: &str) {
        let of = subject(bay);
        if !self.book.acknowledge(&of, "pending", who) {
            return;
        }
        let at = Timestamp::from_secs(self.now);
        let noted = self
            .naive
            .iter_mut()
            .find(|n| n.bay == of.place && n.ended.is_none())
            .unwrap();
        if noted.seen.as_ref().is_none_or(|(_, by)| by != who) {
            noted.seen = Some((at, who.to_owned()));
        }
        let alarm = self.book.open().find(|alarm| alarm.subject == of).map(said).unwrap();
        self.outbox.push(at, alarm, None);
    }

    fn report(&mut self) -> HardwareReport {
        let open = self.book.open().map(said).collect();
        let report = self.outbox.report(Timestamp::from_secs(self.now), open);
        self.sent.push(report.clone());
        report
    }

    fn deliver(&mut self, report: &HardwareReport) -> ReportReceipt {
        let (store, list) = self.desk.as_ref().unwrap();
        list.report(store, report).unwrap()
    }

    /// Delivers all, as a monitor does that gets through.
    fn deliver_all(&mut self) {
        loop {
            let report = self.report();
            let receipt = self.deliver(&report);
            self.outbox.confirmed(receipt);
            match receipt.newer {
                Some(newer) => self.outbox.renew(newer, 0),
                None => return,
            }
        }
    }

    fn listed(&self) -> Vec<Noted> {
        let (store, list) = self.desk.as_ref().unwrap();
        let query = api::alarms::AlarmsQuery {
            open: true,
            history: true,
            limit: 1_000,
            ..Default::default()
        };
        let answer = list.ask(store, &query, Timestamp::from_secs(self.now)).unwrap();
        assert_eq!(answer.next, None);
        let mut listed: Vec<Noted> = answer.open.iter().chain(&answer.history).map(Noted::of).collect();
        listed.sort();
        listed
    }
}

#[derive(Debug, Clone)]
enum Step {
    Judge(Vec<u8>),
    Acknowledge(u8, &'static str),
    Deliver,
    LoseReceipt,
    LoseReport,
    Replay(prop::sample::Index),
    RestartMonitor { clock_back: bool },
    RestartList,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => prop::collection::vec(0..3_u8, usize::from(BAYS)).prop_map(Step::Judge),
        2 => (0..BAYS, prop_oneof![Just("mei"), Just("lin")]).prop_map(|(bay, who)| Step::Acknowledge(bay, who)),
        2 => Just(Step::Deliver),
        1 => Just(Step::LoseReceipt),
        1 => Just(Step::LoseReport),
        2 => any::<prop::sample::Index>().prop_map(Step::Replay),
        1 => any::<bool>().prop_map(|clock_back| Step::RestartMonitor { clock_back }),
        1 => Just(Step::RestartList),
    ];
    prop::collection::vec(step, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is lost, repeated, late or restarted: once the monitor gets through, the list is what somebody would have
    /// noted who saw everything.
    #[test]
    fn the_list_is_what_happened(steps in steps()) {
        let mut world = World::open();
        for step in steps {
            world.now += 1;
            match step {
                Step::Judge(states) => world.judge(&states),
                Step::Acknowledge(bay, who) => world.acknowledge(bay, who),
                Step::Deliver => world.deliver_all(),
                Step::LoseReceipt => {
                    let report = world.report();
                    world.deliver(&report);
                }
                Step::LoseReport => drop(world.report()),
                Step::Replay(which) => {
                    if !world.sent.is_empty() {
                        let report = which.get(&world.sent).clone();
                        world.deliver(&report);
                    }
                }
                Step::RestartMonitor { clock_back } => {
                    let run = if clock_back { 500_000 - world.now } else { 1_000_000 + world.now };
                    world.outbox = Outbox::resume(run, world.outbox.kept());
                }
                Step::RestartList => world.restart_list(),
            }
        }
        world.deliver_all();
        world.naive.sort();
        prop_assert_eq!(world.listed(), world.naive.clone());
        world.restart_list();
        prop_assert_eq!(world.listed(), world.naive);
    }
}

#[test]
fn a_run_under_a_number_that_is_taken_loses_no_edge() {
    let mut world = World::open();
    world.judge(&[1, 1, 1, 0]);
    world.deliver_all();
    // what the monitor kept is lost, and its clock gives the same number again
    world.outbox = Outbox::resume(1_000, Kept::default());
    world.now += 1;
    world.judge(&[1, 1, 1, 1]);
    world.now += 1;
    world.judge(&[1, 1, 1, 0]);
    let report = world.report();
    assert_eq!((report.run, report.edges_so_far), (1_000, 2));
    let receipt = world.deliver(&report);
    assert_eq!((receipt.last, receipt.newer), (None, Some(1_000)));
    assert!(!world.outbox.confirmed(receipt), "nobody saw them");
    world.deliver_all();
    world.naive.sort();
    assert_eq!(world.listed().len(), 4);
    assert_eq!(world.listed(), world.naive);
}

#[test]
fn what_waited_too_long_is_made_up_for_by_what_is_open() {
    let mut world = World::open();
    world.judge(&[1, 1, 0, 0]);
    world.deliver_all();
    // more edges than wait: the first of them, the end of bay 0's alarm among them, are lost
    for _ in 0..200 {
        world.now += 1;
        world.judge(&[0, 0, 1, 0]);
        world.now += 1;
        world.judge(&[0, 0, 0, 0]);
    }
    world.judge(&[0, 2, 0, 0]);
    world.deliver_all();
    let (_, list) = world.desk.as_ref().unwrap();
    let ledger = list.ledger();
    let open: Vec<(&str, u32)> = ledger.open().map(|a| (a.component.as_str(), a.recurrences)).collect();
    assert_eq!(open, [("bay 1", 1)]);
    drop(ledger);
    let (store, list) = world.desk.as_ref().unwrap();
    let query = api::alarms::AlarmsQuery {
        history: true,
        limit: 1_000,
        text: "SECTOR 坏 S0".to_owned(),
        ..Default::default()
    };
    let found = list.ask(store, &query, Timestamp::EPOCH).unwrap().history;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].cleared.unwrap().how, AlarmEnd::Unseen);
}

#[test]
fn texts_are_bounded_and_clean() {
    let mut world = World::open();
    world.judge(&[1, 0, 0, 0]);
    let mut report = world.report();
    let alarm = &mut report.open[0];
    alarm.text.zh = "\u{1b}[31m".to_owned() + &"热".repeat(5_000);
    alarm.component = "c".repeat(5_000);
    alarm.acknowledged = Some("w".repeat(5_000));
    world.deliver(&report);
    let (_, list) = world.desk.as_ref().unwrap();
    let ledger = list.ledger();
    let long = ledger
        .open()
        .find(|alarm| alarm.component.len() == COMPONENT_MAX)
        .unwrap();
    assert!(long.text.zh.len() <= WORDS_MAX && long.text.zh.starts_with(" [31m热"));
    assert_eq!(long.acknowledged.as_ref().unwrap().by.len(), NAME_MAX);
}

#[test]
fn those_that_are_over_go_by_number_and_age() {
    let alarm = |id: u64, ended: u64| Alarm {
        id,
        source: AlarmSource::Hardware,
        name: format!("bay-{id}.pending"),
        component: format!("bay {id}"),
        part: AlarmText::default(),
        serial: None,
        code: "pending".to_owned(),
        severity: AlarmSeverity::Warning,
        text: AlarmText::default(),
        zh: AlarmWords::default(),
        en: AlarmWords::default(),
        raised: Timestamp::from_secs(id),
        recurrences: 0,
        acknowledged: None,
        cleared: Some(Cleared {
            at: Timestamp::from_secs(ended),
            how: AlarmEnd::Over,
        }),
    };
    let most = HISTORY_MAX as u64;
    let ledger = Ledger::of(Saved::default(), (1..=most).map(|id| alarm(id, 2 * most)));
    let mut world = World::open();
    world.judge(&[1, 0, 0, 0]);
    world.report();
    world.judge(&[0, 0, 0, 0]);
    let mut draft = ledger.draft();
    draft.report(&world.report());
    let written = draft.finish().unwrap();
    assert_eq!(written.removed, [1], "the oldest makes room");
    assert_eq!(written.changed[0].id, most + 1, "no number comes twice");
    // by age, whenever they were raised
    let old = [alarm(1, 5_000_000), alarm(2, 1_000), alarm(3, 5_000_000)];
    let mut ledger = Ledger::of(Saved::default(), old);
    let mut draft = ledger.draft();
    draft.forget(Timestamp::from_secs(HISTORY_S + 1_001));
    let written = draft.finish().unwrap();
    assert_eq!(written.removed, [2]);
    ledger.accept(written);
    assert!(ledger.draft().finish().is_none());
    assert_eq!(ledger.over.len(), 2);
}
