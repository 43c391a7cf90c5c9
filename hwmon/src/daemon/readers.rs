//! One thread a source: asked again only when it has answered, so that a slow one never piles up; and a deadline after
//! which it counts as silent, though its thread still waits.

use std::sync::mpsc::{Receiver, Sender, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use hwmon::Reading;
use hwmon::drive::Drive;
use hwmon::ipmi::sel::Event;
use hwmon::why::Why;

/// Octets of a reader's stack.
const STACK: usize = 256 << 10;

/// What a source said.
#[derive(Debug)]
pub(crate) enum Told {
    /// Readings, all that it has.
    Readings(Vec<Reading>),
    /// A drive.
    Drive(Box<Drive>),
    /// The management controller: its readings, unless they were read just before, and what is new in its event log.
    Controller {
        /// Readings, all that it has.
        readings: Option<Vec<Reading>>,
        /// New events, the oldest first.
        events: Vec<Event>,
    },
    /// Nothing, and why.
    Failed(Why),
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Who.
    pub(crate) source: String,
    /// What.
    pub(crate) told: Told,
    /// How long it took.
    pub(crate) took: Duration,
}

/// How often a source is asked, and how long it is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// From question to question.
    pub(crate) every: Duration,
    /// After this it counts as silent.
    pub(crate) patience: Duration,
}

/// A source and its thread.
#[derive(Debug)]
pub(crate) struct Reader {
    name: String,
    pace: Pace,
    go: SyncSender<()>,
    asked: Option<Instant>,
    due: Option<Instant>,
}

impl Reader {
    /// Starts the thread; it ends when this is dropped and the last answer came.
    pub(crate) fn start(
        name: &str,
        pace: Pace,
        answers: Sender<Answer>,
        mut work: impl FnMut() -> Told + Send + 'static,
    ) -> std::io::Result<Self> {
        // one question at a time, so one place is enough
        let (go, questions): (_, Receiver<()>) = sync_channel(1);
        let source = name.to_owned();
        std::thread::Builder::new()
            .name(format!("read {name}"))
            .stack_size(STACK)
            .spawn(move || {
                while questions.recv().is_ok() {
                    let begun = Instant::now();
                    let told = work();
                    let answer = Answer {
                        source: source.clone(),
                        told,
                        took: begun.elapsed(),
                    };
                    if answers.send(answer).is_err() {
                        return;
                    }
                }
            })?;
        Ok(Self {
            name: name.to_owned(),
            pace,
            go,
            asked: None,
            due: None,
        })
    }

    /// Whose it is.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Asks if it is time and nothing is asked.
    pub(crate) fn turn(&mut self, now: Instant) {
        if self.asked.is_some() || self.due.is_some_and(|due| now < due) {
            return;
        }
        // the place is free, for the last question was answered
        if self.go.try_send(()).is_ok() {
            self.asked = Some(now);
            self.due = Some(now + self.pace.every);
        }
    }

    /// Makes it due now.
    pub(crate) fn hurry(&mut self) {
        self.due = None;
    }

    /// It answered.
    pub(crate) fn answered(&mut self) {
        self.asked = None;
    }

    /// Whether it has been waited for too long.
    pub(crate) fn late(&self, now: Instant) -> bool {
        self.asked
            .is_some_and(|asked| now.saturating_duration_since(asked) >= self.pace.patience)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    const PACE: Pace = Pace {
        every: Duration::from_secs(10),
        patience: Duration::from_secs(5),
    };

    #[test]
    fn a_source_is_asked_when_due_and_never_twice_at_a_time() {
        let (release, gate) = channel::<()>();
        let (answers, came) = channel();
        let work = move || {
            // hangs like a drive until it is let go
            let _ = gate.recv();
            Told::Failed(Why::given("x"))
        };
        let mut reader = Reader::start("sda", PACE, answers, work).expect("a thread");
        let begin = Instant::now();
        let at = |s: u64| begin + Duration::from_secs(s);
        reader.turn(at(0));
        assert!(!reader.late(at(4)) && reader.late(at(5)));
        // neither time nor hurry asks one that hangs
        reader.turn(at(60));
        reader.hurry();
        reader.turn(at(61));
        release.send(()).expect("a reader");
        assert_eq!(came.recv().expect("an answer").source, "sda");
        assert!(reader.late(at(61)), "until the answer was taken");
        reader.answered();
        assert!(!reader.late(at(61)));
        reader.turn(at(62));
        release.send(()).expect("a reader");
        came.recv().expect("the second answer");
        reader.answered();
        assert!(came.try_recv().is_err(), "a question that was never put was answered");
        reader.turn(at(71));
        assert!(!reader.late(at(100)), "asked before it was due");
        reader.turn(at(72));
        assert!(reader.late(at(77)));
        // the thread ends with its reader
        drop(reader);
        release.send(()).expect("a reader");
        drop(release);
        assert!(came.recv().is_ok());
        assert!(came.recv().is_err());
    }
}
