use super::*;
use proptest::prelude::*;

fn subject(place: &str, serial: Option<&str>) -> Subject {
    Subject {
        place: place.to_owned(),
        serial: serial.map(str::to_owned),
    }
}

fn finding(place: &str, serial: Option<&str>, state: State) -> Finding {
    Finding {
        subject: subject(place, serial),
        code: "pending".to_owned(),
        state,
        text: api::hardware::Text::default(),
    }
}

fn changes(events: &[Event]) -> Vec<Change> {
    events.iter().map(|e| e.change).collect()
}

#[test]
fn an_alarm_has_two_edges_and_reminders_between() {
    let mut book = Book::default();
    let bad = [finding("bay 2", Some("S1"), State::Warning)];
    assert_eq!(changes(&book.update(0, &bad, &[], &[])), [Change::Raised]);
    assert_eq!(changes(&book.update(3_599, &bad, &[], &[])), []);
    assert_eq!(changes(&book.update(3_600, &bad, &[], &[])), [Change::Reminder]);
    assert_eq!(changes(&book.update(3_600 + 14_399, &bad, &[], &[])), []);
    assert_eq!(
        changes(&book.update(3_600 + 14_400, &bad, &[], &[])),
        [Change::Reminder]
    );
    assert_eq!(changes(&book.update(30_000, &[], &[], &[])), [Change::Cleared]);
    assert_eq!(book.open().count(), 0);
}

#[test]
fn an_acknowledged_alarm_stays_so_over_a_restart_until_it_gets_worse() {
    let mut book = Book::default();
    let place = subject("bay 2", Some("S1"));
    book.update(0, &[finding("bay 2", Some("S1"), State::Warning)], &[], &[]);
    assert!(book.acknowledge(&place, "pending", "mei"));
    assert!(!book.acknowledge(&place, "other", "mei"));
    let mut book = Book::of(book.open().cloned());
    assert_eq!(
        changes(&book.update(900_000, &[finding("bay 2", Some("S1"), State::Warning)], &[], &[])),
        []
    );
    assert_eq!(
        book.open().next().and_then(|a| a.acknowledged.clone()).as_deref(),
        Some("mei")
    );
    let worse = book.update(900_001, &[finding("bay 2", Some("S1"), State::Critical)], &[], &[]);
    assert_eq!(changes(&worse), [Change::Worse]);
    assert_eq!(book.open().next().and_then(|a| a.acknowledged.clone()), None);
}

#[test]
fn a_replaced_disk_is_a_new_disk() {
    let mut book = Book::default();
    book.update(0, &[finding("bay 2", Some("S1"), State::Warning)], &[], &[]);
    book.acknowledge(&subject("bay 2", Some("S1")), "pending", "mei");
    let events = book.update(
        10,
        &[finding("bay 2", Some("S2"), State::Warning)],
        &[],
        &[subject("bay 2", Some("S2"))],
    );
    assert_eq!(changes(&events), [Change::Replaced, Change::Raised]);
    assert_eq!(book.open().next().and_then(|a| a.acknowledged.clone()), None);
}

#[test]
fn what_could_not_be_read_clears_nothing() {
    let mut book = Book::default();
    book.update(0, &[finding("bay 2", Some("S1"), State::Warning)], &[], &[]);
    assert_eq!(changes(&book.update(10, &[], &["bay 2".to_owned()], &[])), []);
    assert_eq!(book.open().count(), 1);
    // but a drive whose place has another one is gone, also while that one is silent
    let other = [subject("bay 2", Some("S9"))];
    assert_eq!(
        changes(&book.update(20, &[], &["bay 2".to_owned()], &other)),
        [Change::Replaced]
    );
}

#[test]
fn the_book_is_bounded() {
    let many: Vec<Finding> = (0..OPEN_MAX + 50)
        .map(|n| finding(&format!("p{n}"), None, State::Warning))
        .collect();
    let mut book = Book::default();
    assert_eq!(book.update(0, &many, &[], &[]).len(), OPEN_MAX);
    assert_eq!(book.open().count(), OPEN_MAX);
}

/// One step: seconds that pass, the state of each of three places (0 ok, 1 warning, 2 critical, 3 silent), whom to
/// acknowledge.
type Step = (u64, [u8; 3], Option<usize>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(
        (0u64..9_000, [0u8..4, 0u8..4, 0u8..4], proptest::option::of(0usize..3)),
        0..40,
    )
}

/// What the book shall say, kept as plain variables of one place.
#[derive(Default, Clone, Copy)]
struct Naive {
    state: u8,
    acknowledged: bool,
    last: u64,
    sent: u32,
}

impl Naive {
    fn step(&mut self, now: u64, told: u8) -> Option<Change> {
        let before = self.state;
        match (before, told) {
            (_, 3) => None,
            (0, 0) => None,
            (_, 0) => {
                *self = Self::default();
                Some(Change::Cleared)
            }
            (0, _) => {
                *self = Self {
                    state: told,
                    acknowledged: false,
                    last: now,
                    sent: 0,
                };
                Some(Change::Raised)
            }
            (1, 2) => {
                *self = Self {
                    state: 2,
                    acknowledged: false,
                    last: now,
                    sent: 0,
                };
                Some(Change::Worse)
            }
            (2, 1) => {
                self.state = 1;
                Some(Change::Better)
            }
            _ => {
                let wait = [3_600, 14_400, 57_600, 230_400]
                    .get(self.sent as usize)
                    .copied()
                    .unwrap_or(604_800);
                if self.acknowledged || now - self.last < wait {
                    return None;
                }
                self.last = now;
                self.sent += 1;
                Some(Change::Reminder)
            }
        }
    }
}

proptest! {
    #[test]
    fn it_says_what_the_naive_one_says_and_a_restart_changes_nothing(steps in steps(), restarts: bool) {
        let mut book = Book::default();
        let mut naive = [Naive::default(); 3];
        let mut now = 0;
        for (step, told, acknowledge) in steps {
            now += step;
            let name = |place: usize| format!("p{place}");
            let findings: Vec<Finding> = (0..3).filter_map(|place| match told[place] {
                1 => Some(finding(&name(place), None, State::Warning)),
                2 => Some(finding(&name(place), None, State::Critical)),
                _ => None,
            }).collect();
            let silent: Vec<String> = (0..3).filter(|p| told[*p] == 3).map(name).collect();
            let events = book.update(now, &findings, &silent, &[]);
            for place in 0..3 {
                let said: Vec<Change> = events.iter().filter(|e| e.alarm.subject.place == name(place)).map(|e| e.change).collect();
                let expected: Vec<Change> = naive[place].step(now, told[place]).into_iter().collect();
                prop_assert_eq!(said, expected);
            }
            if let Some(place) = acknowledge {
                let done = book.acknowledge(&subject(&name(place), None), "pending", "mei");
                prop_assert_eq!(done, naive[place].state != 0);
                naive[place].acknowledged |= done;
            }
            if restarts {
                let kept: Vec<Alarm> = serde_json::from_str(&serde_json::to_string(&book.open().collect::<Vec<_>>()).expect("json")).expect("alarms");
                book = Book::of(kept);
            }
        }
    }
}
