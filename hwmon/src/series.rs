//! Readings over time, in bounded room: each 10 s for an hour, each minute for a week, each hour for a year.
//!
//! The finest step lives in memory alone. Minutes and hours are kept as least, mean and greatest, in chunks (an hour of
//! minutes, a day of hours) that [`crate::memory::Memory`] holds; the newest chunk of each is written again and again until
//! it is full. Times are seconds since 1970.

mod chunk;

use std::collections::{BTreeMap, VecDeque};

use api::hardware::Text;
use serde::{Deserialize, Serialize};

use crate::memory::{Memory, MemoryError};
use crate::{Kind, Reading, Unit};
pub use chunk::{Chunk, ChunkKey, Grain};

/// The most readings whose course is kept.
pub const COURSES_MAX: usize = 256;
/// Seconds from one value to the next of the finest step.
pub const FINE_STEP: u64 = 10;
/// Values of the finest step that are kept: an hour.
const FINE_KEPT: usize = 360;
/// A course without a value for so many seconds gives its place to a new one.
const FORGOTTEN: u64 = 86_400;

/// Whose course it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub struct Label {
    /// The reading.
    pub id: String,
    /// Its name.
    pub name: Text,
    /// Its unit.
    pub unit: Unit,
    /// When it last had a value.
    pub last: u64,
}

/// A label as the file has it: earlier releases read it, and wrote it without the Chinese name.
#[derive(Serialize, Deserialize)]
struct Kept {
    id: String,
    name: String,
    #[serde(default)]
    zh: String,
    unit: Unit,
    last: u64,
}

impl From<Kept> for Label {
    fn from(kept: Kept) -> Self {
        let zh = if kept.zh.is_empty() { kept.name.clone() } else { kept.zh };
        Self {
            id: kept.id,
            name: Text { zh, en: kept.name },
            unit: kept.unit,
            last: kept.last,
        }
    }
}

impl From<Label> for Kept {
    fn from(label: Label) -> Self {
        Self {
            id: label.id,
            name: label.name.en,
            zh: label.name.zh,
            unit: label.unit,
            last: label.last,
        }
    }
}

/// Least, mean and greatest of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The least value.
    pub least: f32,
    /// The mean.
    pub mean: f32,
    /// The greatest value.
    pub greatest: f32,
}

/// Values of one step while they come.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Gathered {
    slot: u64,
    count: u32,
    sum: f64,
    least: f64,
    greatest: f64,
}

impl Gathered {
    fn new(slot: u64, value: f64) -> Self {
        Self {
            slot,
            count: 1,
            sum: value,
            least: value,
            greatest: value,
        }
    }

    fn add(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
        self.least = self.least.min(value);
        self.greatest = self.greatest.max(value);
    }

    fn point(&self) -> Point {
        Point {
            least: narrow(self.least),
            mean: narrow(self.sum / f64::from(self.count)),
            greatest: narrow(self.greatest),
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "charts need no more digits")]
fn narrow(value: f64) -> f32 {
    value as f32
}

/// The steps of one grain: what is gathered now, and the chunk that it belongs to.
#[derive(Debug, Clone)]
struct Tier {
    grain: Grain,
    gathered: Option<Gathered>,
    chunk: Option<(u64, Chunk)>,
}

impl Tier {
    fn new(grain: Grain) -> Self {
        Self {
            grain,
            gathered: None,
            chunk: None,
        }
    }

    /// Takes a value; a chunk that it does not belong to any more is given back.
    fn push(&mut self, now: u64, value: f64) -> Option<(u64, Chunk)> {
        let slot = now / self.grain.step();
        if let Some(gathered) = &mut self.gathered
            && gathered.slot == slot
        {
            gathered.add(value);
            return None;
        }
        let full = self.settle(slot);
        self.gathered = Some(Gathered::new(slot, value));
        full
    }

    /// Moves what was gathered into the chunk; the chunk is given back where `next` lies beyond it.
    fn settle(&mut self, next: u64) -> Option<(u64, Chunk)> {
        self.store();
        self.gathered = None;
        match &self.chunk {
            Some((number, _)) if *number != next / self.grain.slots() => self.chunk.take(),
            _ => None,
        }
    }

    /// Writes what was gathered into the chunk, and goes on gathering.
    fn store(&mut self) {
        let Some(gathered) = self.gathered else { return };
        let number = gathered.slot / self.grain.slots();
        let (at, chunk) = self.chunk.get_or_insert_with(|| (number, Chunk::empty(self.grain)));
        if *at == number {
            chunk.set(gathered.slot % self.grain.slots(), gathered.point());
        }
    }
}

/// One reading's course.
#[derive(Debug, Clone)]
struct Ring {
    number: u16,
    label: Label,
    /// The newest value last, with the slot that it belongs to; slots without a value are NaN.
    fine: VecDeque<f32>,
    fine_slot: u64,
    tiers: [Tier; 2],
}

impl Ring {
    fn new(number: u16, label: Label) -> Self {
        Self {
            number,
            label,
            fine: VecDeque::new(),
            fine_slot: 0,
            tiers: [Tier::new(Grain::Minute), Tier::new(Grain::Hour)],
        }
    }

    fn push_fine(&mut self, now: u64, value: f64) {
        let slot = now / FINE_STEP;
        if self.fine.is_empty() || slot < self.fine_slot {
            self.fine.clear();
            self.fine_slot = slot;
            self.fine.push_back(narrow(value));
            return;
        }
        let skipped = slot - self.fine_slot;
        if skipped == 0 {
            if let Some(newest) = self.fine.back_mut() {
                *newest = narrow(value);
            }
            return;
        }
        let gap = usize::try_from(skipped - 1).unwrap_or(FINE_KEPT).min(FINE_KEPT);
        self.fine.extend(std::iter::repeat_n(f32::NAN, gap));
        self.fine.push_back(narrow(value));
        while self.fine.len() > FINE_KEPT {
            self.fine.pop_front();
        }
        self.fine_slot = slot;
    }

    fn fine_at(&self, slot: u64) -> Option<Point> {
        let back = usize::try_from(self.fine_slot.checked_sub(slot)?).ok()?;
        let at = self.fine.len().checked_sub(back + 1)?;
        let value = *self.fine.get(at)?;
        (!value.is_nan()).then_some(Point {
            least: value,
            mean: value,
            greatest: value,
        })
    }
}

/// Chunks and labels that want to be written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Unsaved {
    /// Labels by number.
    pub labels: Vec<(u16, Label)>,
    /// Chunks.
    pub chunks: Vec<(ChunkKey, Chunk)>,
    /// Numbers whose chunks are somebody else's and have to go first.
    pub forgotten: Vec<u16>,
    /// Now: what is too old goes.
    pub now: u64,
}

/// All courses.
#[derive(Debug, Clone, Default)]
pub struct Courses {
    rings: BTreeMap<String, Ring>,
    /// Full chunks that were not written yet.
    full: Vec<(ChunkKey, Chunk)>,
    forgotten: Vec<u16>,
    /// Numbers of labels that only a later release can read: their past is no other reading's.
    taken: Vec<u16>,
}

/// One course that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Whose.
    pub label: Label,
    /// A point a step from the question's first; `None` where nothing was read.
    pub points: Vec<Option<Point>>,
}

/// What is asked: from when, steps of how many seconds, how many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// A multiple of the step.
    pub from: u64,
    /// Seconds: a multiple of 10, of 60 or of 3,600.
    pub step: u64,
    /// Steps.
    pub steps: u64,
}

impl Span {
    /// The finest steps that hold `from..to` at `now` and are at most `points`.
    #[must_use]
    pub fn over(from: u64, to: u64, now: u64, points: u64) -> Self {
        let to = to.max(from + 1);
        let age = now.saturating_sub(from);
        let base = if age <= FINE_STEP * FINE_KEPT as u64 {
            FINE_STEP
        } else if age <= Grain::Minute.kept() {
            Grain::Minute.step()
        } else {
            Grain::Hour.step()
        };
        let factor = (to - from).div_ceil(base).div_ceil(points.max(1)).max(1);
        let step = base * factor;
        let from = from / step * step;
        Self {
            from,
            step,
            steps: (to - from).div_ceil(step),
        }
    }

    /// The kept steps' seconds that it is made of.
    fn base(&self) -> u64 {
        [Grain::Hour.step(), Grain::Minute.step()]
            .into_iter()
            .find(|base| self.step.is_multiple_of(*base))
            .unwrap_or(FINE_STEP)
    }
}

impl Courses {
    /// The courses that the file knows, with their newest chunks.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn resume(memory: &Memory, now: u64) -> Result<Self, MemoryError> {
        let labels = memory.labels()?;
        let mut courses = Self {
            taken: labels.unknown,
            ..Self::default()
        };
        for (number, label) in labels.known.into_iter().take(COURSES_MAX) {
            let mut ring = Ring::new(number, label);
            for tier in &mut ring.tiers {
                let chunk = now / tier.grain.step() / tier.grain.slots();
                let key = ChunkKey {
                    grain: tier.grain,
                    chunk,
                    number,
                };
                tier.chunk = memory.chunk(key)?.map(|kept| (chunk, kept));
            }
            courses.rings.insert(ring.label.id.clone(), ring);
        }
        Ok(courses)
    }

    /// Whether a reading has a course: numbers do, and yes or no does not.
    #[must_use]
    pub fn wants(reading: &Reading) -> bool {
        reading.kind() != Kind::State && reading.unit() != Unit::Boolean
    }

    /// Whether the course of a reading is kept.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.rings.contains_key(id)
    }

    /// Takes readings at `now`. Missing values leave a gap.
    pub fn push<'a>(&mut self, now: u64, readings: impl IntoIterator<Item = &'a Reading>) {
        let mut full = Vec::new();
        for reading in readings.into_iter().filter(|r| Self::wants(r)) {
            let Ok(value) = reading.value() else { continue };
            let Some(ring) = self.ring(now, reading) else { continue };
            ring.label.last = now;
            ring.label.name = reading.name().into();
            ring.push_fine(now, value);
            let number = ring.number;
            for tier in &mut ring.tiers {
                let grain = tier.grain;
                let done = tier.push(now, value);
                full.extend(done.map(|(chunk, kept)| (ChunkKey { grain, chunk, number }, kept)));
            }
        }
        self.full.append(&mut full);
    }

    fn ring(&mut self, now: u64, reading: &Reading) -> Option<&mut Ring> {
        if !self.rings.contains_key(reading.id()) {
            if self.rings.len() >= COURSES_MAX {
                let oldest = self.rings.values().min_by_key(|ring| ring.label.last)?;
                if now.saturating_sub(oldest.label.last) < FORGOTTEN {
                    return None;
                }
                let id = oldest.label.id.clone();
                let gone = self.rings.remove(&id)?;
                self.full.retain(|(key, _)| key.number != gone.number);
                self.forgotten.push(gone.number);
            }
            let free = |n: &u16| !self.taken.contains(n) && self.rings.values().all(|ring| ring.number != *n);
            let number = (0..=u16::MAX).find(free)?;
            let label = Label {
                id: reading.id().to_owned(),
                name: reading.name().into(),
                unit: reading.unit(),
                last: now,
            };
            self.rings.insert(label.id.clone(), Ring::new(number, label));
        }
        self.rings.get_mut(reading.id())
    }

    /// What has to be written, chunks that are not full yet included.
    pub fn unsaved(&mut self, now: u64) -> Unsaved {
        let mut chunks = std::mem::take(&mut self.full);
        let mut labels = Vec::with_capacity(self.rings.len());
        for ring in self.rings.values_mut() {
            labels.push((ring.number, ring.label.clone()));
            for tier in &mut ring.tiers {
                tier.store();
                let key = |chunk| ChunkKey {
                    grain: tier.grain,
                    chunk,
                    number: ring.number,
                };
                chunks.extend(tier.chunk.as_ref().map(|(at, kept)| (key(*at), kept.clone())));
            }
        }
        Unsaved {
            labels,
            chunks,
            forgotten: std::mem::take(&mut self.forgotten),
            now,
        }
    }

    /// What of a span is in memory, and what has to be read: for each course the chunks' keys that are not here.
    #[must_use]
    pub fn ask(&self, ids: &[String], span: Span) -> Vec<Pending> {
        ids.iter()
            .filter_map(|id| self.rings.get(id))
            .map(|ring| Pending::of(ring, span))
            .collect()
    }
}

/// A course that was asked for, without what only the file holds.
#[derive(Debug, Clone)]
pub struct Pending {
    label: Label,
    span: Span,
    number: u16,
    known: BTreeMap<u64, Point>,
    missing: Vec<ChunkKey>,
}

impl Pending {
    fn of(ring: &Ring, span: Span) -> Self {
        let base = span.base();
        let (first, end) = (span.from / base, (span.from + span.step * span.steps) / base);
        let mut known = BTreeMap::new();
        let mut missing = Vec::new();
        if base == FINE_STEP {
            let oldest = ring.fine_slot.saturating_sub(FINE_KEPT as u64);
            for slot in first.max(oldest)..end.min(ring.fine_slot + 1) {
                known.extend(ring.fine_at(slot).map(|point| (slot, point)));
            }
        } else if let Some(tier) = ring.tiers.iter().find(|tier| tier.grain.step() == base) {
            let slots = tier.grain.slots();
            let here = tier.chunk.as_ref();
            // beyond what is kept there is nothing to look for
            let newest = ring.label.last / base;
            let oldest = newest.saturating_sub(tier.grain.kept() / base);
            for chunk in first.max(oldest) / slots..=end.saturating_sub(1).min(newest) / slots {
                match here {
                    Some((at, kept)) if *at == chunk => known.extend(kept.points(chunk * slots)),
                    _ => missing.push(ChunkKey {
                        grain: tier.grain,
                        chunk,
                        number: ring.number,
                    }),
                }
            }
            known.extend(tier.gathered.iter().map(|g| (g.slot, g.point())));
        }
        Self {
            label: ring.label.clone(),
            span,
            number: ring.number,
            known,
            missing,
        }
    }

    /// Reads what only the file holds, and sums up.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn finish(mut self, memory: Option<&Memory>) -> Result<Answer, MemoryError> {
        for key in &self.missing {
            debug_assert_eq!(key.number, self.number);
            let Some(kept) = memory.map(|memory| memory.chunk(*key)).transpose()?.flatten() else {
                continue;
            };
            for (slot, point) in kept.points(key.chunk * key.grain.slots()) {
                // what is in memory is newer
                self.known.entry(slot).or_insert(point);
            }
        }
        let per = self.span.step / self.span.base();
        let first = self.span.from / self.span.base();
        let points = (0..self.span.steps)
            .map(|step| {
                let from = first + step * per;
                sum(self.known.range(from..from + per).map(|(_, point)| *point))
            })
            .collect();
        Ok(Answer {
            label: self.label,
            points,
        })
    }
}

/// Least of the least, mean of the means, greatest of the greatest.
fn sum(points: impl Iterator<Item = Point>) -> Option<Point> {
    let (mut count, mut total, mut all) = (0u32, 0f64, None::<Point>);
    for point in points {
        count += 1;
        total += f64::from(point.mean);
        all = Some(all.map_or(point, |so_far| Point {
            least: so_far.least.min(point.least),
            greatest: so_far.greatest.max(point.greatest),
            ..point
        }));
    }
    all.map(|all| Point {
        mean: narrow(total / f64::from(count)),
        ..all
    })
}

#[cfg(test)]
mod tests;
