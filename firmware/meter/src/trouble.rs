//! What only some flows have: segments lost and sent again, closed windows, media streams.

use model::{Quality, SideQuality};

use crate::rtp::Rtp;

/// Holes that are remembered of a side; when one more opens, the oldest is forgotten, and a segment that fills it counts
/// as a retransmission.
const MAX_HOLES: usize = 16;

/// Octets of a stream that were not seen while later ones were.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hole {
    /// The first missing octet's sequence number.
    pub(crate) from: u32,
    /// The number of the first one that is there again.
    pub(crate) to: u32,
    /// When it opened: nanoseconds since the epoch.
    pub(crate) since: u64,
}

/// A flow's trouble, by side.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    /// What was counted since the last record.
    pub(crate) sides: [SideQuality; 2],
    pub(crate) holes: [Vec<Hole>; 2],
    pub(crate) rtp: Option<Box<[Rtp; 2]>>,
}

impl Trouble {
    /// The trouble of a flow, which has none so far perhaps.
    pub(crate) fn of(place: &mut Option<Box<Self>>) -> &mut Self {
        place.get_or_insert_default()
    }

    /// Takes note of a hole.
    pub(crate) fn open(&mut self, side: usize, hole: Hole) {
        let holes = &mut self.holes[side & 1];
        if holes.len() >= MAX_HOLES {
            holes.remove(0);
        }
        holes.push(hole);
    }

    /// Fills what octets from `seq` to before `end` fill; since when the hole was open, the youngest where it is several.
    pub(crate) fn fill(&mut self, side: usize, seq: u32, end: u32) -> Option<u64> {
        let holes = &mut self.holes[side & 1];
        let mut since = None;
        let mut at = 0;
        while let Some(hole) = holes.get(at).copied() {
            // Relative to the hole's start: less than half of all numbers either way.
            let (start, stop) = (offset(hole.from, seq), offset(hole.from, end));
            let size = offset(hole.from, hole.to);
            if stop <= 0 || start >= size {
                at += 1;
                continue;
            }
            since = since.max(Some(hole.since));
            let (before, behind) = (start > 0, stop < size);
            match (before, behind) {
                (false, false) => {
                    holes.remove(at);
                    continue;
                }
                (false, true) => holes[at].from = end,
                (true, false) => holes[at].to = seq,
                (true, true) => {
                    holes[at].to = seq;
                    if holes.len() < MAX_HOLES {
                        holes.insert(at + 1, Hole { from: end, ..hole });
                    }
                }
            }
            at += 1;
        }
        since
    }

    /// Moves what was counted since the last time into `quality`; of media where the flow is known to be that.
    pub(crate) fn take(&mut self, quality: &mut Quality, is_media: bool) {
        if let Some(rtp) = self.rtp.as_mut().filter(|_| is_media) {
            for (of, side) in rtp.iter_mut().zip(&mut self.sides) {
                of.take(side);
            }
        }
        let [forward, reverse] = std::mem::take(&mut self.sides);
        for (to, from) in [(&mut quality.forward, forward), (&mut quality.reverse, reverse)] {
            // Resets are counted elsewhere.
            *to = SideQuality {
                resets: to.resets,
                ..from
            };
        }
    }
}

#[allow(clippy::cast_possible_wrap, reason = "the arithmetic of sequence numbers")]
const fn offset(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from) as i32
}
