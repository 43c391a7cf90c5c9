//! The disk as a power cut leaves it: all that was flushed, and of the rest what chance lets through.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::nbd::{Event, Recording};
use crate::step::exec;

/// What a disk writes whole or not at all. Octets.
const SECTOR: usize = 512;

/// A moment at which the power fails.
#[derive(Debug, Clone)]
pub(super) struct Cut {
    /// How many events happened before.
    pub(super) at: usize,
    /// What the box was doing.
    pub(super) phase: &'static str,
    /// Decides which writes are lost.
    pub(super) seed: u64,
}

/// What became of the writes that were not flushed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lost {
    /// Writes that were not flushed.
    pub(super) pending: usize,
    /// How many of them are not on the disk.
    pub(super) lost: usize,
    /// How many of them are there in part.
    pub(super) torn: usize,
}

/// Numbers that look random and are the same for the same seed (splitmix64).
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % end).unwrap_or(0)
    }
}

/// What happens to a write that was not flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Lost,
    Torn,
}

/// Disks of ascending moments of one recording.
pub(super) struct Disks<'a> {
    recording: &'a Recording,
    events: Vec<Event>,
    /// The disk with the events before `done`.
    durable: PathBuf,
    done: usize,
}

impl<'a> Disks<'a> {
    /// `first` is the disk as it was before the first event; it becomes that of the latest moment.
    pub(super) fn new(recording: &'a Recording, first: &Path) -> Self {
        Self {
            recording,
            events: recording.events(),
            durable: first.to_owned(),
            done: 0,
        }
    }

    /// Makes the disk of a moment, not before that of the last call.
    pub(super) fn make(&mut self, cut: &Cut, disk: &Path) -> Result<Lost> {
        let before = self.events.get(..cut.at).context("no such moment")?;
        let flushed = before.iter().rposition(|event| *event == Event::Flush).unwrap_or(0);
        ensure!(flushed >= self.done || flushed == 0, "moments must ascend");
        let file = File::options().write(true).open(&self.durable)?;
        for event in before.get(self.done..flushed).unwrap_or_default() {
            self.apply(&file, event, |_| true)?;
        }
        self.done = self.done.max(flushed);
        exec(Command::new("cp").arg("--sparse=always").arg(&self.durable).arg(disk))?;
        let file = File::options().write(true).open(disk)?;
        let mut lost = Lost::default();
        let mut chance = Chance(cut.seed);
        // Sometimes everything is lost, sometimes nothing.
        let mood = chance.below(8);
        for event in before.get(flushed..).unwrap_or_default() {
            let Event::Write { forced, .. } = event else { continue };
            let fate = match (forced, mood, chance.below(3)) {
                (true, ..) | (_, 0, _) => Fate::Kept,
                (_, 1, _) => Fate::Lost,
                (_, _, 0) => Fate::Kept,
                (_, _, 1) => Fate::Lost,
                _ => Fate::Torn,
            };
            lost.pending += usize::from(!forced);
            match fate {
                Fate::Kept => self.apply(&file, event, |_| true)?,
                Fate::Lost => lost.lost += 1,
                Fate::Torn => {
                    lost.torn += 1;
                    self.apply(&file, event, |_| chance.below(2) == 0)?;
                }
            }
        }
        Ok(lost)
    }

    /// Writes those sectors of an event that get through.
    fn apply(&self, disk: &File, event: &Event, mut through: impl FnMut(usize) -> bool) -> Result<()> {
        let Event::Write { at, len, kept, .. } = *event else {
            return Ok(());
        };
        let octets = self.recording.octets(kept, len)?;
        let fates: Vec<bool> = (0..octets.len().div_ceil(SECTOR)).map(&mut through).collect();
        let mut from = 0;
        // Neighbours of the same fate together.
        for run in fates.chunk_by(|one, next| one == next) {
            let end = (from + run.len() * SECTOR).min(octets.len());
            if run.first() == Some(&true) {
                disk.write_all_at(octets.get(from..end).unwrap_or_default(), at + from as u64)?;
            }
            from = end;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
