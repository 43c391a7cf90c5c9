//! What to change on the EFI system partition, as steps that may be cut off after any of them.
//!
//! FAT has no journal. So a slot's old kernel is never overwritten, each step is on the disk
//! before the next begins, and a kernel that is being written has a name that the boot loader does
//! not know. A rename may write the new name before it removes the old one (see `mounted`, and other programs'
//! renames); cut off between, a kernel has two names, and removing one would free what the
//! other leads to. Such twins are kept, all but one without tries, until both go when the slot is
//! replaced.
//!
//! When every kernel is out of tries the boot loader takes the highest generation again and again.
//! So a kernel that failed, or whose root is about to be overwritten, goes back to generation 0:
//! three power cuts in a row of the good one must not lead there.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::name::{Entry, LAST_GENERATION, Slot, Unfinished};
use crate::{Refused, TRIES};

/// One change, on the disk when it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Write the new kernel of a slot under its unfinished name.
    Write(Unfinished),
    /// Give what was written a name that the boot loader knows.
    Publish(Unfinished, Entry),
    /// Remove what an installation left that was cut off.
    Discard(Unfinished),
    /// Give a kernel another name; no file has it yet.
    Rename(Entry, Entry),
    /// Remove a kernel.
    Remove(Entry),
}

/// The kernels on the EFI system partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Esp {
    entries: Vec<Entry>,
    unfinished: Vec<Unfinished>,
}

/// What is known of both slots, for `slots status`.
#[derive(Debug, Serialize)]
pub struct Status {
    /// The slot that runs, `a` or `b`; none when the command line names none.
    pub booted: Option<Slot>,
    /// The slot that starts next.
    pub primary: Option<Slot>,
    /// Each slot's kernel, null where there is none.
    pub slots: PerSlot,
}

/// A kernel a slot.
#[derive(Debug, Serialize)]
pub struct PerSlot {
    /// Slot A's.
    pub a: Option<Entry>,
    /// Slot B's.
    pub b: Option<Entry>,
}

impl Esp {
    /// Reads the names of the files in `EFI/Linux`; those of other files are left out.
    pub fn of<'a>(files: impl IntoIterator<Item = &'a str>) -> Self {
        let files: Vec<&str> = files.into_iter().collect();
        let mut entries: Vec<Entry> = files.iter().filter_map(|file| Entry::parse(file)).collect();
        entries.sort_by_key(Entry::order);
        Self {
            entries,
            unfinished: files.iter().filter_map(|file| Unfinished::parse(file)).collect(),
        }
    }

    /// The kernel that the boot loader starts next.
    pub fn primary(&self) -> Option<&Entry> {
        self.entries.first()
    }

    /// The kernel that counts for a slot: the one that the boot loader would take of its.
    pub fn kernel(&self, slot: Slot) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.slot == slot)
    }

    /// Both slots.
    pub fn status(&self, booted: Option<Slot>) -> Status {
        Status {
            booted,
            primary: self.primary().map(|entry| entry.slot),
            slots: PerSlot {
                a: self.kernel(Slot::A).copied(),
                b: self.kernel(Slot::B).copied(),
            },
        }
    }

    /// Whether a slot may start: it has a kernel with tries left.
    pub fn good(&self, slot: Slot) -> bool {
        self.kernel(slot).is_some_and(Entry::bootable)
    }

    /// Gives a slot all its tries, and has the other one settled.
    pub fn mark_good(&self, slot: Slot) -> Result<Vec<Step>, Refused> {
        let kernel = *self.kernel(slot).ok_or(Refused::Empty(slot))?;
        let mut names = Names::of(self);
        let mut steps = self.settled(slot, &mut names);
        let fresh = Entry::fresh(slot, kernel.generation, TRIES);
        // the boot loader renames towards fewer tries: a twin there would be in its way
        let twins = self
            .entries
            .iter()
            .filter(|entry| entry.slot == slot && **entry != kernel);
        for twin in twins.filter(|entry| entry.bootable()) {
            steps.push(names.rename(*twin, demoted(twin)));
        }
        if kernel != fresh {
            steps.push(names.rename(kernel, fresh));
        }
        Ok(steps)
    }

    /// What every boot does first: the other slot, when it is out of tries, no longer comes before
    /// the one that runs.
    pub fn settle(&self, booted: Slot) -> Vec<Step> {
        self.settled(booted, &mut Names::of(self))
    }

    fn settled(&self, booted: Slot, names: &mut Names) -> Vec<Step> {
        let failed = |entry: &&Entry| entry.slot != booted && !entry.bootable() && entry.generation > 0;
        let failed = self.entries.iter().filter(failed);
        failed.map(|entry| names.rename(*entry, demoted(entry))).collect()
    }

    /// Gives all tries back to slots that used them up and were not marked bad: what the recovery system does when
    /// nobody is there. Power that failed three times in a row must not leave a box there for ever.
    pub fn retry(&self) -> Vec<Step> {
        let mut names = Names::of(self);
        let kernels = Slot::ALL.into_iter().filter_map(|slot| self.kernel(slot));
        let tired = kernels.filter(|entry| !entry.bootable() && entry.generation > 0);
        tired
            .map(|entry| names.rename(*entry, Entry::fresh(entry.slot, entry.generation, TRIES)))
            .collect()
    }

    /// Takes a slot's tries and its generation away; of an empty one there is nothing to take.
    pub fn mark_bad(&self, slot: Slot) -> Vec<Step> {
        let mut names = Names::of(self);
        let ranked = |entry: &&Entry| entry.slot == slot && (entry.bootable() || entry.generation > 0);
        let ranked = self.entries.iter().filter(ranked);
        ranked.map(|entry| names.rename(*entry, demoted(entry))).collect()
    }

    /// Replaces a slot's kernel by a new one that starts next. The slot's root is that of the new
    /// kernel already, so its old kernels are of no use, and go first.
    pub fn install(&self, slot: Slot, booted: Option<Slot>) -> Result<Vec<Step>, Refused> {
        if booted == Some(slot) {
            return Err(Refused::Running(slot));
        }
        let generation = self.next_generation()?;
        let left = self.unfinished.iter().filter(|file| file.slot == slot);
        let mut steps: Vec<Step> = left.map(|file| Step::Discard(*file)).collect();
        let old = self.entries.iter().filter(|entry| entry.slot == slot);
        steps.extend(old.map(|entry| Step::Remove(*entry)));
        let new = Unfinished { slot, generation };
        steps.push(Step::Write(new));
        steps.push(Step::Publish(new, Entry::fresh(slot, generation, TRIES)));
        Ok(steps)
    }

    /// Makes what is in a slot start next; refuses one that was marked bad, whose root may be
    /// another than its kernel's by now.
    pub fn activate(&self, slot: Slot) -> Result<Vec<Step>, Refused> {
        let kernel = *self.kernel(slot).ok_or(Refused::Empty(slot))?;
        if kernel.generation == 0 {
            return Err(Refused::Bad(slot));
        }
        if self.primary() == Some(&kernel) && kernel.bootable() {
            return self.mark_good(slot);
        }
        let generation = self.next_generation()?;
        Ok(vec![Step::Rename(kernel, Entry::fresh(slot, generation, TRIES))])
    }

    /// What the partition holds after a step.
    pub fn after(&self, step: &Step) -> Self {
        let mut next = self.clone();
        match step {
            Step::Write(new) => next.unfinished.push(*new),
            Step::Publish(old, new) => {
                next.unfinished.retain(|file| file != old);
                next.entries.push(*new);
            }
            Step::Discard(old) => next.unfinished.retain(|file| file != old),
            Step::Rename(old, new) => {
                next.entries.retain(|entry| entry != old);
                next.entries.push(*new);
            }
            Step::Remove(old) => next.entries.retain(|entry| entry != old),
        }
        next.entries.sort_by_key(Entry::order);
        next
    }

    fn next_generation(&self) -> Result<u32, Refused> {
        let unfinished = self.unfinished.iter().map(|file| file.generation);
        let last = self
            .entries
            .iter()
            .map(|entry| entry.generation)
            .chain(unfinished)
            .max()
            .unwrap_or(0);
        if last >= LAST_GENERATION {
            return Err(Refused::LastGeneration);
        }
        Ok(last + 1)
    }
}

fn demoted(entry: &Entry) -> Entry {
    Entry {
        generation: 0,
        tries_left: Some(0),
        ..*entry
    }
}

/// The names that are taken while steps are planned.
struct Names(BTreeSet<String>);

impl Names {
    fn of(esp: &Esp) -> Self {
        Self(esp.entries.iter().map(ToString::to_string).collect())
    }

    /// A rename to `to`, or to the next name like it that is free.
    fn rename(&mut self, from: Entry, mut to: Entry) -> Step {
        self.0.remove(&from.to_string());
        while !self.0.insert(to.to_string()) {
            to.tries_done = to.tries_done.wrapping_add(1);
        }
        Step::Rename(from, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(esp: &Esp, steps: &[Step]) -> Vec<String> {
        let end = steps.iter().fold(esp.clone(), |esp, step| esp.after(step));
        end.entries.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_installation_starts_next_and_leaves_the_running_slot_alone() {
        let esp = Esp::of(["spanwatch-000001-a+3.efi", "spanwatch-recovery.efi"]);
        let steps = esp.install(Slot::B, Some(Slot::A)).expect("B is free");
        assert_eq!(
            names(&esp, &steps),
            ["spanwatch-000002-b+3.efi", "spanwatch-000001-a+3.efi"]
        );
        assert_eq!(esp.install(Slot::A, Some(Slot::A)), Err(Refused::Running(Slot::A)));
    }

    #[test]
    fn tries_come_back_when_a_boot_was_good() {
        let esp = Esp::of(["spanwatch-000002-b+2-1.efi", "spanwatch-000001-a+3.efi"]);
        let steps = esp.mark_good(Slot::B).expect("B has a kernel");
        assert_eq!(
            names(&esp, &steps),
            ["spanwatch-000002-b+3.efi", "spanwatch-000001-a+3.efi"]
        );
        assert_eq!(esp.mark_good(Slot::A), Ok(Vec::new()));
        let last = Esp::of(["spanwatch-000001-a+0-3.efi"]);
        let steps = last.mark_good(Slot::A).expect("A has a kernel");
        assert_eq!(names(&last, &steps), ["spanwatch-000001-a+3.efi"]);
    }

    #[test]
    fn a_bad_slot_is_the_last_choice_until_something_is_installed() {
        let esp = Esp::of(["spanwatch-000002-b+3.efi", "spanwatch-000001-a+3.efi"]);
        let bad = esp
            .mark_bad(Slot::B)
            .iter()
            .fold(esp.clone(), |esp, step| esp.after(step));
        assert_eq!(bad.primary().map(|entry| entry.slot), Some(Slot::A));
        assert!(!bad.good(Slot::B) && bad.good(Slot::A));
        assert_eq!(bad.activate(Slot::B), Err(Refused::Bad(Slot::B)));
        assert_eq!(Esp::default().activate(Slot::B), Err(Refused::Empty(Slot::B)));
        let steps = esp.activate(Slot::A).expect("A has a kernel");
        assert_eq!(
            names(&esp, &steps),
            ["spanwatch-000003-a+3.efi", "spanwatch-000002-b+3.efi"]
        );
    }

    #[test]
    fn twins_are_out_of_the_boot_loaders_way() {
        let esp = Esp::of(["spanwatch-000001-a+3.efi", "spanwatch-000001-a+2-1.efi"]);
        let steps = esp.mark_good(Slot::A).expect("A has a kernel");
        assert_eq!(
            names(&esp, &steps),
            ["spanwatch-000001-a+3.efi", "spanwatch-000000-a+0-1.efi"]
        );
        let end = steps.iter().fold(esp, |esp, step| esp.after(step));
        assert_eq!(
            names(&end, &end.mark_bad(Slot::A)),
            ["spanwatch-000000-a+0.efi", "spanwatch-000000-a+0-1.efi"]
        );
    }

    #[test]
    fn a_slot_that_failed_no_longer_comes_before_the_one_that_runs() {
        let esp = Esp::of(["spanwatch-000002-b+0-3.efi", "spanwatch-000001-a+0-3.efi"]);
        assert_eq!(esp.primary().map(|entry| entry.slot), Some(Slot::B));
        let steps = esp.settle(Slot::A);
        assert_eq!(
            names(&esp, &steps),
            ["spanwatch-000001-a+0-3.efi", "spanwatch-000000-b+0-3.efi"]
        );
        let waiting = Esp::of(["spanwatch-000002-b+3.efi", "spanwatch-000001-a+3.efi"]);
        assert_eq!(waiting.settle(Slot::A), []);
    }

    #[test]
    fn slots_that_used_their_tries_up_get_new_ones_unless_they_were_marked_bad() {
        let esp = Esp::of(["spanwatch-000002-b+0-3.efi", "spanwatch-000001-a+0-3.efi"]);
        let retried = ["spanwatch-000002-b+3.efi", "spanwatch-000001-a+3.efi"];
        assert_eq!(names(&esp, &esp.retry()), retried);
        let esp = Esp::of(["spanwatch-000000-b+0-3.efi", "spanwatch-000001-a+0-3.efi"]);
        let retried = ["spanwatch-000001-a+3.efi", "spanwatch-000000-b+0-3.efi"];
        assert_eq!(names(&esp, &esp.retry()), retried);
        assert_eq!(Esp::of(["spanwatch-000001-a+1-2.efi"]).retry(), []);
        assert_eq!(Esp::of(["spanwatch-000000-a+0.efi"]).retry(), []);
    }

    #[test]
    fn what_an_installation_left_goes_before_the_next() {
        let esp = Esp::of([
            "spanwatch-000001-a+3.efi",
            "spanwatch-000002-b.new",
            "spanwatch-000002-b+3.efi",
        ]);
        let steps = esp.install(Slot::B, Some(Slot::A)).expect("B is free");
        let new = Unfinished {
            slot: Slot::B,
            generation: 2,
        };
        assert_eq!(steps.first(), Some(&Step::Discard(new)));
        assert_eq!(
            names(&esp, &steps),
            ["spanwatch-000003-b+3.efi", "spanwatch-000001-a+3.efi"]
        );
    }

    #[test]
    fn generations_end() {
        let esp = Esp::of(["spanwatch-999999-a+3.efi"]);
        assert_eq!(esp.install(Slot::B, Some(Slot::A)), Err(Refused::LastGeneration));
    }

    #[test]
    fn the_status_is_what_the_supervisor_reads() {
        let esp = Esp::of(["spanwatch-000002-b+0-3.efi", "spanwatch-000001-a+3.efi"]);
        let text = serde_json::to_string(&esp.status(Some(Slot::A))).expect("plain values");
        assert_eq!(
            text,
            r#"{"booted":"a","primary":"a","slots":{"a":{"generation":1,"tries_left":3,"tries_done":0},"b":{"generation":2,"tries_left":0,"tries_done":3}}}"#
        );
    }
}
