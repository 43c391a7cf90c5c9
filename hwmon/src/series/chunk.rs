//! Chunks of points, as the file holds them: three little-endian floats a point, NaN where there is none.

use super::Point;

/// The steps that are kept on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grain {
    /// A minute, for a week, in chunks of an hour.
    Minute,
    /// An hour, for a year, in chunks of a day.
    Hour,
}

impl Grain {
    /// Seconds of a step.
    #[must_use]
    pub const fn step(self) -> u64 {
        match self {
            Self::Minute => 60,
            Self::Hour => 3_600,
        }
    }

    /// Steps of a chunk.
    #[must_use]
    pub const fn slots(self) -> u64 {
        match self {
            Self::Minute => 60,
            Self::Hour => 24,
        }
    }

    /// Seconds for which points are kept.
    #[must_use]
    pub const fn kept(self) -> u64 {
        match self {
            Self::Minute => 7 * 86_400,
            Self::Hour => 366 * 86_400,
        }
    }

    /// Its number in the file's keys.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Minute => 1,
            Self::Hour => 2,
        }
    }
}

/// Whose chunk, and of when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChunkKey {
    /// The steps.
    pub grain: Grain,
    /// Chunks since 1970.
    pub chunk: u64,
    /// The course.
    pub number: u16,
}

/// Points of neighbouring steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk(Vec<u8>);

/// Octets of a point.
const POINT: usize = 12;

impl Chunk {
    /// A chunk without points.
    #[must_use]
    pub fn empty(grain: Grain) -> Self {
        let slots = usize::try_from(grain.slots()).unwrap_or_default();
        Self(f32::NAN.to_le_bytes().repeat(3 * slots))
    }

    /// As the file holds it; `None` where it has another length.
    #[must_use]
    pub fn from_octets(grain: Grain, octets: &[u8]) -> Option<Self> {
        (octets.len() == Self::empty(grain).0.len()).then(|| Self(octets.to_owned()))
    }

    /// As the file holds it.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// Sets the point of a step within the chunk; beyond it, nothing.
    pub fn set(&mut self, slot: u64, point: Point) {
        let at = usize::try_from(slot).ok().and_then(|slot| slot.checked_mul(POINT));
        let place = at.and_then(|at| self.0.get_mut(at..at.checked_add(POINT)?));
        if let Some(place) = place {
            let octets = [point.least, point.mean, point.greatest]
                .into_iter()
                .flat_map(f32::to_le_bytes);
            place.iter_mut().zip(octets).for_each(|(to, from)| *to = from);
        }
    }

    /// The points, with their steps counted from `first`.
    pub fn points(&self, first: u64) -> impl Iterator<Item = (u64, Point)> + '_ {
        let (points, _) = self.0.as_chunks::<POINT>();
        points.iter().zip(first..).filter_map(|(octets, slot)| {
            let [a, b, c, d, e, f, g, h, i, j, k, l] = *octets;
            let [least, mean, greatest] = [[a, b, c, d], [e, f, g, h], [i, j, k, l]].map(f32::from_le_bytes);
            // a NaN anywhere is no point, whoever wrote it
            (!least.is_nan() && !mean.is_nan() && !greatest.is_nan()).then_some((slot, Point { least, mean, greatest }))
        })
    }
}
