//! How an update goes on: a state that is on the disk, what happens to it, and what is to be done then. No clock, file
//! or process: those who run the machine do what it says, in its order, and tell it what came of it.
//!
//! What is stored comes before what it speaks of: whenever the power fails, the next start finds out from the journal,
//! the slot that runs and the boot loader's counters how far it went.

use api::firmware::{HistoryEntry, HistoryEvent, Outcome, OutcomeKind, Reason, ReasonKind, Slot};
use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::boots::{BootBook, Cause};

/// The journal's format.
pub(crate) const FORMAT: u32 = 1;
/// Entries of the history that are kept.
const HISTORY_MAX: usize = 100;
/// Versions that were rolled back that are kept in mind.
const ROLLED_BACK_MAX: usize = 32;

/// What is stored of the firmware.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Journal {
    /// [`FORMAT`].
    pub(crate) format: u32,
    pub(crate) phase: Phase,
    /// The slot that was marked good last.
    pub(crate) home: Option<Slot>,
    /// The version in each slot as far as it is known: [a, b].
    pub(crate) contents: [Option<Content>; 2],
    pub(crate) rolled_back: Vec<String>,
    pub(crate) last: Option<Outcome>,
    /// The oldest first.
    pub(crate) history: Vec<HistoryEntry>,
    pub(crate) boots: BootBook,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            format: FORMAT,
            phase: Phase::Idle,
            home: None,
            contents: [None, None],
            rolled_back: Vec::new(),
            last: None,
            history: Vec::new(),
            boots: BootBook::default(),
        }
    }
}

/// What a slot holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    pub(crate) version: String,
    /// When it was installed; `None` where that was not here.
    pub(crate) installed: Option<Timestamp>,
}

/// How far an update is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub(crate) enum Phase {
    /// No update.
    Idle,
    /// Stored before the first octet is written to the slot.
    Installing {
        pending: Pending,
        /// What waited there for its restart until now.
        replaces: Option<Pending>,
    },
    /// The boot loader starts the new version next.
    Ready {
        pending: Pending,
        /// The boot in which it became ready.
        boot: String,
        /// When the box restarts by itself.
        at: Option<Timestamp>,
    },
    /// Stored before the slot is taken out of the boot loader's order.
    Cancelling { pending: Pending },
    /// The new version runs and has not proved itself.
    Trying {
        pending: Pending,
        boot: String,
        attempt: u32,
        /// Why it is about to be left.
        trouble: Option<Reason>,
    },
}

/// An update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) version: String,
    /// The manifest's SHA-256.
    pub(crate) manifest: String,
    /// Where it goes.
    pub(crate) target: Slot,
    /// Who asked for it.
    pub(crate) user: String,
}

/// What runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Here {
    pub(crate) slot: Slot,
    pub(crate) version: String,
    /// The kernel's name of this boot.
    pub(crate) boot: String,
}

/// What the boot loader has of a slot; `None` where it has nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Entry {
    pub(crate) generation: u32,
    /// `None`: not counted.
    pub(crate) tries_left: Option<u8>,
    pub(crate) tries_done: u8,
}

impl Entry {
    fn bootable(self) -> bool {
        self.tries_left != Some(0)
    }
}

/// What the boot loader has: [a, b].
pub(crate) type Loader = [Option<Entry>; 2];

const fn index(slot: Slot) -> usize {
    match slot {
        Slot::A => 0,
        Slot::B => 1,
    }
}

/// Something that is to be done. Acts are done in order; after one that fails, the later ones are left out and the
/// machine is told by [`Machine::failed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    /// Put the journal on the disk.
    Store,
    /// Let RAUC install the bundle of this manifest, then say [`Machine::installed`].
    Install { manifest: String },
    /// Take a slot out of the boot loader's order.
    MarkBad(Slot),
    /// Give the slot that runs its tries back.
    MarkGood,
    /// The settings of what runs stay: those from before the trial are not needed any more.
    KeepSettings,
    /// Raise the box's version floor to the image's.
    RaiseFloor,
    /// Restart the box.
    Restart,
    /// After the acts before it: say [`Machine::cancelled`].
    Cancelled,
    /// After the acts before it: say [`Machine::proved`].
    Proved,
}

/// Something that was done to the box while the supervisor did not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Happened {
    /// When.
    pub(crate) at: Timestamp,
    /// Who asked for it.
    pub(crate) user: String,
    /// What.
    pub(crate) event: HistoryEvent,
}

/// A request that cannot be fulfilled now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Busy {
    #[error("an update is being installed: wait until it is done")]
    Installing,
    #[error("this version has not proved itself yet: wait until it is marked good, or has rolled back")]
    Trying,
    #[error("no update waits for a restart: install one first")]
    NotReady,
    #[error("there is nothing to take back")]
    Nothing,
}

/// The machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) journal: Journal,
    here: Here,
    /// The disk did not take the journal as it is.
    unstored: bool,
}

impl Machine {
    /// Goes on where the journal stopped. `loader` is what the boot loader has now, `None` where that is not known;
    /// `cause` is how the boot before ended, `None` where it goes on (the supervisor alone was restarted).
    pub(crate) fn start(
        journal: Journal,
        here: Here,
        loader: Option<Loader>,
        cause: Option<Cause>,
        now: Timestamp,
    ) -> (Self, Vec<Act>) {
        let mut machine = Self {
            journal,
            here,
            unstored: false,
        };
        let before = machine.journal.clone();
        let running = Content {
            version: machine.here.version.clone(),
            installed: None,
        };
        let place = &mut machine.journal.contents[index(machine.here.slot)];
        if place.as_ref().is_none_or(|known| known.version != running.version) {
            *place = Some(running);
        }
        let mut acts = machine.resume(loader, cause.as_ref(), now);
        if machine.journal != before {
            acts.insert(0, Act::Store);
        }
        (machine, acts)
    }

    /// Whether the disk did not take the journal as it is.
    pub(crate) const fn unstored(&self) -> bool {
        self.unstored
    }

    /// What runs.
    pub(crate) const fn here(&self) -> &Here {
        &self.here
    }

    fn resume(&mut self, loader: Option<Loader>, cause: Option<&Cause>, now: Timestamp) -> Vec<Act> {
        let here = self.here.clone();
        // A slot that was activated is what runs in it, whatever its image says of its version.
        let runs = |pending: &Pending| pending.target == here.slot;
        let whole = |pending: &Pending| runs(pending) && pending.version == here.version;
        match self.journal.phase.clone() {
            Phase::Idle => {
                if let Some(home) = self.journal.home.filter(|home| *home != here.slot) {
                    let version = self.version_in(home);
                    let reason = reason_of(cause, ReasonKind::DidNotStart);
                    self.end(now, version, "", OutcomeKind::FellBack { reason });
                    self.journal.home = Some(here.slot);
                }
                Vec::new()
            }
            // RAUC was done, or the slot was still in the order, when the power failed.
            Phase::Installing { pending, .. } if whole(&pending) => {
                self.try_out(pending, 1, now);
                Vec::new()
            }
            Phase::Installing {
                replaces: Some(before), ..
            } if whole(&before) => {
                self.try_out(before, 1, now);
                Vec::new()
            }
            Phase::Cancelling { pending } if runs(&pending) => {
                self.try_out(pending, 1, now);
                Vec::new()
            }
            Phase::Installing { pending, .. } => match self.fate(&pending, loader) {
                Fate::Untouched => {
                    self.end(now, pending.version, &pending.user, OutcomeKind::Interrupted);
                    self.journal.phase = Phase::Idle;
                    Vec::new()
                }
                Fate::Waiting => {
                    self.wait(pending, String::new(), now);
                    Vec::new()
                }
                Fate::Tried => self.roll_back(pending, None, cause, now),
            },
            Phase::Ready { pending, boot, at } => {
                if boot == here.boot {
                    return Vec::new();
                }
                if runs(&pending) {
                    self.try_out(pending, 1, now);
                    return Vec::new();
                }
                match self.fate(&pending, loader) {
                    // Someone chose the old version in the boot menu.
                    Fate::Waiting => {
                        self.journal.phase = Phase::Ready {
                            pending,
                            boot,
                            at: at.filter(|at| *at > now),
                        };
                        Vec::new()
                    }
                    Fate::Tried | Fate::Untouched => self.roll_back(pending, None, cause, now),
                }
            }
            Phase::Cancelling { pending } => vec![Act::MarkBad(pending.target), Act::Cancelled],
            Phase::Trying {
                pending,
                boot,
                attempt,
                trouble,
            } => {
                if boot == here.boot {
                    return Vec::new();
                }
                if runs(&pending) {
                    self.try_out(pending, attempt.saturating_add(1), now);
                    if let Phase::Trying { trouble: place, .. } = &mut self.journal.phase {
                        *place = trouble;
                    }
                    return Vec::new();
                }
                self.roll_back(pending, trouble, cause, now)
            }
        }
    }

    /// What the boot loader's files say of an update that does not run.
    fn fate(&self, pending: &Pending, loader: Option<Loader>) -> Fate {
        let Some(loader) = loader else {
            return Fate::Tried;
        };
        let generation = |slot| loader[index(slot)].map(|entry: Entry| entry.generation);
        match loader[index(pending.target)] {
            Some(entry) if generation(self.here.slot).is_none_or(|ours| entry.generation > ours) => {
                if entry.tries_done > 0 || !entry.bootable() {
                    Fate::Tried
                } else {
                    Fate::Waiting
                }
            }
            _ => Fate::Untouched,
        }
    }

    fn version_in(&self, slot: Slot) -> String {
        let known = &self.journal.contents[index(slot)];
        known
            .as_ref()
            .map(|content| content.version.clone())
            .unwrap_or_default()
    }

    /// Enters what others did to the box, unless it is there already.
    pub(crate) fn happened(&mut self, events: Vec<Happened>) {
        for Happened { at, user, event } in events {
            let history = &self.journal.history;
            let known = history.iter().any(|entry| entry.at == at && entry.event == event);
            // A full history may have lost it: better not told again than at each start.
            if !known && history.len() < HISTORY_MAX {
                let version = self.here.version.clone();
                self.note(at, &user, &version, event);
            }
        }
    }

    fn note(&mut self, at: Timestamp, user: &str, version: &str, event: HistoryEvent) {
        let history = &mut self.journal.history;
        history.push(HistoryEntry {
            at,
            user: user.to_owned(),
            version: version.to_owned(),
            event,
        });
        let over = history.len().saturating_sub(HISTORY_MAX);
        history.drain(..over);
    }

    fn end(&mut self, at: Timestamp, version: String, user: &str, result: OutcomeKind) {
        self.note(at, user, &version, HistoryEvent::Ended { result: result.clone() });
        self.journal.last = Some(Outcome { at, version, result });
    }

    fn try_out(&mut self, pending: Pending, attempt: u32, now: Timestamp) {
        self.note(now, "", &pending.version, HistoryEvent::Started { attempt });
        self.journal.contents[index(pending.target)] = Some(Content {
            version: pending.version.clone(),
            installed: Some(now),
        });
        self.journal.phase = Phase::Trying {
            pending,
            boot: self.here.boot.clone(),
            attempt,
            trouble: None,
        };
    }

    fn wait(&mut self, pending: Pending, boot: String, now: Timestamp) {
        let slot = pending.target;
        self.note(now, "", &pending.version, HistoryEvent::Installed { slot });
        self.journal.contents[index(slot)] = Some(Content {
            version: pending.version.clone(),
            installed: Some(now),
        });
        self.journal.phase = Phase::Ready {
            pending,
            boot,
            at: None,
        };
    }

    /// The slot that runs is the one of before: what was tried is left for good.
    fn roll_back(
        &mut self,
        pending: Pending,
        trouble: Option<Reason>,
        cause: Option<&Cause>,
        now: Timestamp,
    ) -> Vec<Act> {
        let spoke = matches!(self.journal.phase, Phase::Trying { .. });
        let kind = if spoke {
            ReasonKind::Interrupted
        } else {
            ReasonKind::DidNotStart
        };
        let reason = trouble.unwrap_or_else(|| reason_of(cause, kind));
        let rolled_back = &mut self.journal.rolled_back;
        rolled_back.retain(|version| *version != pending.version);
        rolled_back.push(pending.version.clone());
        let over = rolled_back.len().saturating_sub(ROLLED_BACK_MAX);
        rolled_back.drain(..over);
        self.end(now, pending.version, &pending.user, OutcomeKind::RolledBack { reason });
        self.journal.phase = Phase::Idle;
        self.journal.home = Some(self.here.slot);
        vec![Act::MarkBad(pending.target)]
    }

    /// Whether a bundle may be received, checked or installed now.
    pub(crate) const fn admits(&self) -> Result<(), Busy> {
        match self.journal.phase {
            Phase::Idle | Phase::Ready { .. } => Ok(()),
            Phase::Installing { .. } | Phase::Cancelling { .. } => Err(Busy::Installing),
            Phase::Trying { .. } => Err(Busy::Trying),
        }
    }

    /// Installs a version into the slot that does not run; one that waits there for its restart is replaced.
    pub(crate) fn install(
        &mut self,
        version: &str,
        manifest: &str,
        user: &str,
        now: Timestamp,
    ) -> Result<Vec<Act>, Busy> {
        self.admits()?;
        let target = self.here.slot.other();
        let replaces = match &self.journal.phase {
            Phase::Ready { pending, .. } => Some(pending.clone()),
            _ => None,
        };
        let waits = replaces.is_some();
        self.journal.phase = Phase::Installing {
            replaces,
            pending: Pending {
                version: version.to_owned(),
                manifest: manifest.to_owned(),
                target,
                user: user.to_owned(),
            },
        };
        self.journal.contents[index(target)] = None;
        self.note(now, user, version, HistoryEvent::Began);
        let mut acts = vec![Act::Store];
        // Whatever fails from here on, the one that waited does not start any more.
        acts.extend(waits.then_some(Act::MarkBad(target)));
        acts.push(Act::Install {
            manifest: manifest.to_owned(),
        });
        Ok(acts)
    }

    /// RAUC is done. `active` is whether the boot loader starts the target next.
    pub(crate) fn installed(&mut self, result: Result<(), String>, active: bool, now: Timestamp) -> Vec<Act> {
        let Phase::Installing { pending, .. } = self.journal.phase.clone() else {
            return Vec::new();
        };
        let result = result.and_then(|()| {
            let inactive = || "it was written, but the boot loader does not start it".to_owned();
            if active { Ok(()) } else { Err(inactive()) }
        });
        match result {
            Ok(()) => {
                self.wait(pending, self.here.boot.clone(), now);
                vec![Act::Store]
            }
            Err(message) => {
                let target = pending.target;
                self.end(now, pending.version, &pending.user, OutcomeKind::Failed { message });
                self.journal.phase = Phase::Idle;
                let mut acts = vec![Act::Store];
                // What was not verified to the end must not start.
                acts.extend(active.then_some(Act::MarkBad(target)));
                acts
            }
        }
    }

    /// Takes back what waits for a restart.
    pub(crate) fn cancel(&mut self) -> Result<Vec<Act>, Busy> {
        match self.journal.phase.clone() {
            Phase::Ready { pending, .. } => {
                let target = pending.target;
                self.journal.phase = Phase::Cancelling { pending };
                Ok(vec![Act::Store, Act::MarkBad(target), Act::Cancelled])
            }
            Phase::Idle => Err(Busy::Nothing),
            Phase::Installing { .. } | Phase::Cancelling { .. } => Err(Busy::Installing),
            Phase::Trying { .. } => Err(Busy::Trying),
        }
    }

    /// The slot is out of the boot loader's order.
    pub(crate) fn cancelled(&mut self, now: Timestamp) -> Vec<Act> {
        let Phase::Cancelling { pending } = self.journal.phase.clone() else {
            return Vec::new();
        };
        self.end(now, pending.version, &pending.user, OutcomeKind::Cancelled);
        self.journal.phase = Phase::Idle;
        vec![Act::Store]
    }

    /// Restarts into what waits, at a time or now.
    pub(crate) fn restart(&mut self, at: Option<Timestamp>, now: Timestamp) -> Result<Vec<Act>, Busy> {
        let Phase::Ready { at: place, .. } = &mut self.journal.phase else {
            return Err(Busy::NotReady);
        };
        *place = at.filter(|at| *at > now);
        let due = place.is_none();
        let mut acts = vec![Act::Store];
        acts.extend(due.then_some(Act::Restart));
        Ok(acts)
    }

    /// Time goes on.
    pub(crate) fn tick(&mut self, now: Timestamp) -> Vec<Act> {
        match &mut self.journal.phase {
            Phase::Ready { at, .. } if at.is_some_and(|at| at <= now) => {
                *at = None;
                vec![Act::Store, Act::Restart]
            }
            _ if std::mem::take(&mut self.unstored) => vec![Act::Store],
            _ => Vec::new(),
        }
    }

    /// All probes succeeded for long enough.
    pub(crate) fn healthy(&self) -> Vec<Act> {
        vec![Act::MarkGood, Act::Proved]
    }

    /// The boot loader has been told that what runs is good.
    pub(crate) fn proved(&mut self, now: Timestamp) -> Vec<Act> {
        let before = self.journal.clone();
        if let Phase::Trying { pending, .. } = self.journal.phase.clone() {
            self.journal.rolled_back.retain(|version| *version != pending.version);
            self.end(now, pending.version, &pending.user, OutcomeKind::Good);
            self.journal.phase = Phase::Idle;
        }
        self.journal.home = Some(self.here.slot);
        let mut acts = Vec::new();
        acts.extend((self.journal != before).then_some(Act::Store));
        acts.push(Act::RaiseFloor);
        acts.extend((self.journal.phase == Phase::Idle).then_some(Act::KeepSettings));
        acts
    }

    /// Probes failed for too long. On trial the box goes back; else it goes on as well as it can.
    pub(crate) fn unhealthy(&mut self, problem: &str) -> Vec<Act> {
        let Phase::Trying { pending, trouble, .. } = &mut self.journal.phase else {
            return Vec::new();
        };
        *trouble = Some(Reason {
            kind: ReasonKind::Unhealthy,
            detail: problem.to_owned(),
        });
        vec![Act::Store, Act::MarkBad(pending.target), Act::Restart]
    }

    /// An act failed and those after it were left out; what is to be done instead.
    pub(crate) fn failed(&mut self, act: &Act, message: &str, now: Timestamp) -> Vec<Act> {
        self.unstored |= *act == Act::Store;
        match (act, self.journal.phase.clone()) {
            // Before RAUC was asked: nothing was written yet.
            (Act::Store | Act::MarkBad(_), Phase::Installing { pending, replaces }) => {
                let message = message.to_owned();
                self.end(now, pending.version, &pending.user, OutcomeKind::Failed { message });
                // What waited still does.
                self.journal.phase = replaces.map_or(Phase::Idle, |before| Phase::Ready {
                    pending: before,
                    boot: self.here.boot.clone(),
                    at: None,
                });
                vec![Act::Store]
            }
            (Act::Store | Act::MarkBad(_), Phase::Cancelling { pending }) => {
                self.journal.phase = Phase::Ready {
                    pending,
                    boot: self.here.boot.clone(),
                    at: None,
                };
                vec![Act::Store]
            }
            // The counter takes longer, but comes to the same.
            (Act::Store | Act::MarkBad(_), Phase::Trying { trouble: Some(_), .. }) => vec![Act::Restart],
            _ => Vec::new(),
        }
    }
}

/// What became of an update that does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The boot loader never heard of it.
    Untouched,
    /// The boot loader starts it next.
    Waiting,
    /// The boot loader started it, or was told not to.
    Tried,
}

fn reason_of(cause: Option<&Cause>, otherwise: ReasonKind) -> Reason {
    let (kind, detail) = match cause {
        Some(Cause::Panic { message }) => (ReasonKind::Panic, message.clone()),
        Some(Cause::Watchdog) => (ReasonKind::Watchdog, String::new()),
        _ => (otherwise, String::new()),
    };
    Reason { kind, detail }
}

#[cfg(test)]
#[path = "machine/tests.rs"]
mod tests;
