//! The machine in a world that fails: slots, a boot loader that counts, and power cuts between any two steps.

use super::*;
use proptest::prelude::*;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_secs(seconds)
}

/// What a slot's image is like.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Image {
    version: String,
    /// Comes as far as to start the supervisor.
    starts: bool,
    /// Its services work.
    works: bool,
}

/// Where RAUC stops by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Never,
    BeforeAnything,
    HalfWritten,
    BeforeActivation,
}

#[derive(Debug, Clone)]
enum Step {
    Install {
        starts: bool,
        works: bool,
        stop: Stop,
    },
    Cancel,
    Restart {
        later: bool,
    },
    Wait,
    /// The gate comes to its end.
    Judge,
    RestartSupervisor,
    PowerCut,
}

struct World {
    disk: Journal,
    images: [Option<Image>; 2],
    loader: Loader,
    booted: Slot,
    boot: u64,
    now: u64,
    machine: Option<Machine>,
    /// Acts until the power fails.
    fuel: Option<usize>,
    /// Counts down to an act that fails.
    trouble: Option<usize>,
    bundle: Option<(Image, Stop)>,
    installs_asked: usize,
    installs_done: usize,
}

impl World {
    fn new() -> Self {
        let image = Image {
            version: "1.0.0".to_owned(),
            starts: true,
            works: true,
        };
        let entry = Entry {
            generation: 1,
            tries_left: Some(3),
            tries_done: 0,
        };
        let mut world = Self {
            disk: Journal::default(),
            images: [Some(image), None],
            loader: [Some(entry), None],
            booted: Slot::A,
            boot: 0,
            now: 1_000,
            machine: None,
            fuel: None,
            trouble: None,
            bundle: None,
            installs_asked: 0,
            installs_done: 0,
        };
        world.power_on(None);
        world.judge();
        world
    }

    /// The boot loader's choice: the newest that has tries left, else the newest.
    fn choose(&self) -> Slot {
        let rank = |slot: Slot| self.loader[index(slot)].map(|e| (e.bootable(), e.generation));
        if rank(Slot::B) > rank(Slot::A) {
            Slot::B
        } else {
            Slot::A
        }
    }

    fn power_on(&mut self, cause: Option<Cause>) {
        let mut cause = cause;
        for _ in 0..20 {
            self.boot += 1;
            self.now += 60;
            self.booted = self.choose();
            if let Some(entry) = &mut self.loader[index(self.booted)] {
                entry.tries_left = entry.tries_left.map(|left| left.saturating_sub(1));
                entry.tries_done += 1;
            }
            if self.images[index(self.booted)]
                .as_ref()
                .is_some_and(|image| image.starts)
            {
                self.start_supervisor(cause);
                return;
            }
            cause = Some(Cause::Watchdog);
        }
        panic!("the box starts neither slot: {:?} {:?}", self.loader, self.images);
    }

    fn start_supervisor(&mut self, cause: Option<Cause>) {
        let image = self.images[index(self.booted)].clone().unwrap();
        let here = Here {
            slot: self.booted,
            version: image.version,
            boot: self.boot.to_string(),
        };
        let (machine, acts) = Machine::start(self.disk.clone(), here, Some(self.loader), cause, at(self.now));
        self.machine = Some(machine);
        self.perform(acts);
    }

    fn cut(&mut self) {
        self.machine = None;
        self.fuel = None;
        self.trouble = None;
        self.power_on(Some(Cause::Power));
    }

    /// Spends a step; false: the power failed before it.
    fn spend(&mut self) -> bool {
        match &mut self.fuel {
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
            None => true,
        }
    }

    fn fails(&mut self) -> bool {
        match &mut self.trouble {
            Some(0) => {
                self.trouble = None;
                true
            }
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }

    fn machine(&mut self) -> &mut Machine {
        self.machine.as_mut().unwrap()
    }

    fn perform(&mut self, acts: Vec<Act>) {
        let boot = self.boot;
        for act in acts {
            if !self.spend() {
                self.cut();
                return;
            }
            let may_fail = !matches!(act, Act::Install { .. } | Act::Restart | Act::Cancelled | Act::Proved);
            if may_fail && self.fails() {
                let now = at(self.now);
                let instead = self.machine().failed(&act, "it failed", now);
                self.perform(instead);
                return;
            }
            self.act(&act);
            if self.boot != boot {
                // Whatever was to come died with the machine.
                return;
            }
        }
    }

    fn act(&mut self, act: &Act) {
        let now = at(self.now);
        let phase = self.machine().journal.phase.clone();
        match act {
            Act::Store => self.disk = self.machine().journal.clone(),
            Act::Install { manifest } => {
                assert_eq!(self.disk.phase, phase, "what is done is on the disk before");
                self.installs_done += 1;
                assert!(
                    self.installs_done <= self.installs_asked,
                    "nothing is installed by itself"
                );
                let Phase::Installing { pending, .. } = phase else {
                    panic!("{phase:?}")
                };
                assert_eq!(pending.manifest, *manifest);
                assert_ne!(pending.target, self.booted, "the slot that runs is never written");
                self.rauc(pending.target);
            }
            Act::MarkBad(slot) => {
                if *slot == self.booted {
                    assert!(
                        matches!(phase, Phase::Trying { trouble: Some(_), .. }),
                        "the slot that runs is left on trial alone: {phase:?}"
                    );
                }
                self.mark_bad(*slot);
            }
            Act::MarkGood => {
                if let Some(entry) = &mut self.loader[index(self.booted)] {
                    (entry.tries_left, entry.tries_done) = (Some(3), 0);
                }
            }
            Act::RaiseFloor => {
                let entry = self.loader[index(self.booted)].unwrap();
                assert_eq!(entry.tries_done, 0, "the floor rises after the boot loader knows");
            }
            Act::KeepSettings => {
                let told = self.machine().unstored() || self.disk.phase == Phase::Idle;
                assert!(told, "the trial's end is on the disk before: {:?}", self.disk.phase);
            }
            Act::Restart => {
                assert!(
                    matches!(phase, Phase::Ready { .. } | Phase::Trying { trouble: Some(_), .. }),
                    "{phase:?}"
                );
                self.machine = None;
                self.power_on(Some(Cause::Ordered));
            }
            Act::Cancelled => {
                let acts = self.machine().cancelled(now);
                self.perform(acts);
            }
            Act::Proved => {
                let acts = self.machine().proved(now);
                self.perform(acts);
            }
        }
    }

    fn mark_bad(&mut self, slot: Slot) {
        if let Some(entry) = &mut self.loader[index(slot)] {
            *entry = Entry {
                generation: 0,
                tries_left: Some(0),
                tries_done: 0,
            };
        }
    }

    /// RAUC: marks bad, writes, activates; any step may be the last.
    fn rauc(&mut self, target: Slot) {
        let (image, stop) = self.bundle.clone().unwrap();
        let fail = |world: &mut Self| {
            let now = at(world.now);
            let acts = world.machine().installed(Err("RAUC failed".to_owned()), false, now);
            world.perform(acts);
        };
        if stop == Stop::BeforeAnything {
            return fail(self);
        }
        if !self.spend() {
            return self.cut();
        }
        self.mark_bad(target);
        if !self.spend() {
            return self.cut();
        }
        self.images[index(target)] = Some(Image {
            starts: false,
            ..image.clone()
        });
        if stop == Stop::HalfWritten {
            return fail(self);
        }
        if !self.spend() {
            return self.cut();
        }
        self.images[index(target)] = Some(image);
        if stop == Stop::BeforeActivation {
            return fail(self);
        }
        if !self.spend() {
            return self.cut();
        }
        let newest = self.loader.iter().flatten().map(|e| e.generation).max().unwrap_or(0);
        self.loader[index(target)] = Some(Entry {
            generation: newest + 1,
            tries_left: Some(3),
            tries_done: 0,
        });
        if !self.spend() {
            return self.cut();
        }
        let now = at(self.now);
        let acts = self.machine().installed(Ok(()), true, now);
        self.perform(acts);
    }

    /// The gate's end: good after a minute, or given up after five.
    fn judge(&mut self) {
        let image = self.images[index(self.booted)].clone().unwrap();
        self.now += 300;
        let acts = if image.works {
            self.machine().healthy()
        } else {
            self.machine().unhealthy("the analyzer does not answer")
        };
        self.perform(acts);
    }

    fn step(&mut self, step: &Step, number: usize) {
        self.now += 10;
        let now = at(self.now);
        match step {
            Step::Install { starts, works, stop } => {
                let version = format!("1.0.{}", number + 1);
                self.bundle = Some((
                    Image {
                        version: version.clone(),
                        starts: *starts,
                        works: *works,
                    },
                    *stop,
                ));
                if let Ok(acts) = self.machine().install(&version, "m", "admin", now) {
                    self.installs_asked += 1;
                    self.perform(acts);
                }
            }
            Step::Cancel => {
                if let Ok(acts) = self.machine().cancel() {
                    self.perform(acts);
                }
            }
            Step::Restart { later } => {
                let when = later.then(|| at(self.now + 50));
                if let Ok(acts) = self.machine().restart(when, now) {
                    self.perform(acts);
                }
            }
            Step::Wait => {
                self.now += 100;
                let now = at(self.now);
                let acts = self.machine().tick(now);
                self.perform(acts);
            }
            Step::Judge => self.judge(),
            Step::RestartSupervisor => {
                let cause = None;
                self.machine = None;
                self.start_supervisor(cause);
            }
            Step::PowerCut => self.cut(),
        }
        // Nobody switches a box off three times within a minute: its tries are given back in between.
        let left = self.loader[index(self.booted)].and_then(|e| e.tries_left);
        if left.is_some_and(|left| left < 2)
            && matches!(self.machine().journal.phase, Phase::Idle | Phase::Ready { .. })
        {
            self.fuel = None;
            self.trouble = None;
            self.judge();
        }
    }
}

fn steps() -> impl Strategy<Value = (Step, Option<usize>, Option<usize>)> {
    let stop = prop_oneof![
        6 => Just(Stop::Never),
        1 => Just(Stop::BeforeAnything),
        1 => Just(Stop::HalfWritten),
        1 => Just(Stop::BeforeActivation)
    ];
    let step = prop_oneof![
        4 => (proptest::bool::weighted(0.8), proptest::bool::weighted(0.7), stop)
            .prop_map(|(starts, works, stop)| Step::Install { starts, works, stop }),
        1 => Just(Step::Cancel),
        4 => proptest::bool::weighted(0.3).prop_map(|later| Step::Restart { later }),
        1 => Just(Step::Wait),
        4 => Just(Step::Judge),
        1 => Just(Step::RestartSupervisor),
        1 => Just(Step::PowerCut),
    ];
    (
        step,
        proptest::option::weighted(0.3, 0usize..12),
        proptest::option::weighted(0.15, 0usize..4),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_fails_a_version_that_works_runs_in_the_end(steps in proptest::collection::vec(steps(), 1..14)) {
        let mut world = World::new();
        for (number, (step, fuel, trouble)) in steps.iter().enumerate() {
            world.fuel = *fuel;
            world.trouble = *trouble;
            world.step(step, number);
            // The power that did not fail until now does not fail later.
            world.fuel = None;
            world.trouble = None;
        }
        for _ in 0..12 {
            world.judge();
            let now = at(world.now);
            let acts = world.machine().tick(now);
            world.perform(acts);
            if let Ok(acts) = world.machine().restart(None, now) {
                world.perform(acts);
            }
        }
        let image = world.images[index(world.booted)].clone().unwrap();
        prop_assert!(image.works && image.starts, "{:?}", world.machine);
        let journal = world.machine().journal.clone();
        prop_assert_eq!(&journal.phase, &Phase::Idle);
        prop_assert_eq!(journal.home, Some(world.booted));
        prop_assert_eq!(world.choose(), world.booted, "the next start is the same");
        prop_assert!(!journal.rolled_back.contains(&image.version) || world.installs_asked > 1);
        prop_assert_eq!(&world.disk, &journal, "what is known is stored");
        prop_assert!(journal.history.len() <= HISTORY_MAX);
    }
}

fn bundle(world: &mut World, starts: bool, works: bool) {
    world.step(
        &Step::Install {
            starts,
            works,
            stop: Stop::Never,
        },
        1,
    );
}

fn last(world: &mut World) -> OutcomeKind {
    world.machine().journal.last.clone().unwrap().result
}

#[test]
fn an_update_that_works_becomes_good() {
    let mut world = World::new();
    bundle(&mut world, true, true);
    assert!(matches!(world.machine().journal.phase, Phase::Ready { .. }));
    assert_eq!(world.booted, Slot::A);
    world.step(&Step::Restart { later: false }, 2);
    assert_eq!(world.booted, Slot::B);
    assert!(matches!(
        world.machine().journal.phase,
        Phase::Trying { attempt: 1, .. }
    ));
    assert_eq!(world.machine().install("9.9.9", "m", "admin", at(0)), Err(Busy::Trying));
    world.judge();
    assert_eq!(last(&mut world), OutcomeKind::Good);
    let events: Vec<_> = world
        .machine()
        .journal
        .history
        .iter()
        .map(|entry| entry.event.clone())
        .collect();
    assert_eq!(
        events,
        [
            HistoryEvent::Began,
            HistoryEvent::Installed { slot: Slot::B },
            HistoryEvent::Started { attempt: 1 },
            HistoryEvent::Ended {
                result: OutcomeKind::Good
            }
        ]
    );
}

#[test]
fn an_update_that_does_not_work_says_why_it_was_left() {
    let mut world = World::new();
    bundle(&mut world, true, false);
    world.step(&Step::Restart { later: false }, 2);
    world.judge();
    assert_eq!(world.booted, Slot::A, "one failed trial is enough");
    let reason = Reason {
        kind: ReasonKind::Unhealthy,
        detail: "the analyzer does not answer".to_owned(),
    };
    assert_eq!(last(&mut world), OutcomeKind::RolledBack { reason });
    assert_eq!(world.machine().journal.rolled_back, ["1.0.2"]);
}

#[test]
fn an_update_that_does_not_start_says_so() {
    let mut world = World::new();
    bundle(&mut world, false, true);
    world.step(&Step::Restart { later: false }, 2);
    assert_eq!(world.booted, Slot::A);
    let OutcomeKind::RolledBack { reason } = last(&mut world) else {
        panic!()
    };
    assert_eq!(reason.kind, ReasonKind::Watchdog);
}

#[test]
fn a_good_version_that_no_longer_starts_is_told_of() {
    let mut world = World::new();
    bundle(&mut world, true, true);
    world.step(&Step::Restart { later: false }, 2);
    world.judge();
    world.images[1].as_mut().unwrap().starts = false;
    world.cut();
    assert_eq!(world.booted, Slot::A);
    assert!(matches!(last(&mut world), OutcomeKind::FellBack { .. }));
    assert_eq!(world.machine().journal.last.clone().unwrap().version, "1.0.2");
}

#[test]
fn what_waits_is_replaced_or_taken_back() {
    let mut world = World::new();
    bundle(&mut world, true, true);
    // The second fails before RAUC touches anything: the first does not start either.
    world.step(
        &Step::Install {
            starts: true,
            works: true,
            stop: Stop::BeforeAnything,
        },
        4,
    );
    assert!(matches!(last(&mut world), OutcomeKind::Failed { .. }));
    world.cut();
    assert_eq!(world.booted, Slot::A);
    assert_eq!(world.machine().journal.phase, Phase::Idle);

    bundle(&mut world, true, true);
    world.step(&Step::Cancel, 0);
    assert_eq!(last(&mut world), OutcomeKind::Cancelled);
    world.cut();
    assert_eq!(world.booted, Slot::A);
    assert!(world.machine().journal.rolled_back.is_empty());
    assert_eq!(world.machine().cancel(), Err(Busy::Nothing));
    assert_eq!(world.machine().restart(None, at(0)), Err(Busy::NotReady));
}

#[test]
fn a_restart_at_a_time_happens_once_and_then() {
    let mut world = World::new();
    bundle(&mut world, true, true);
    let now = world.now;
    let acts = world.machine().restart(Some(at(now + 100)), at(now)).unwrap();
    assert_eq!(acts, [Act::Store]);
    assert!(world.machine().tick(at(now + 99)).is_empty());
    assert_eq!(world.machine().tick(at(now + 100)), [Act::Store, Act::Restart]);
    assert!(world.machine().tick(at(now + 101)).is_empty());
}

#[test]
fn a_journal_is_read_back_as_it_was_written() {
    let mut world = World::new();
    bundle(&mut world, true, false);
    world.step(&Step::Restart { later: false }, 2);
    world.judge();
    let text = serde_json::to_string(&world.disk).unwrap();
    assert_eq!(serde_json::from_str::<Journal>(&text).unwrap(), world.disk);
}
