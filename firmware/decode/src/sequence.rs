//! Sequence numbers: what was lost between exporter and here.

use serde::{Deserialize, Serialize};

/// A step ahead that is taken for a loss; a larger one is a restart.
const AHEAD_MAX: u32 = 1 << 24;
/// A step back that is taken for a repeated datagram; a larger one is a restart.
const BACK_MAX: u32 = 4_096;
/// Gaps that a late datagram can still fill.
const GAPS: usize = 8;

/// Losses of a stream, in the units of its sequence numbers: datagrams for NetFlow v9 and sFlow, records for v5
/// and IPFIX.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Losses {
    /// Units that never came.
    pub lost: u64,
    /// Gaps seen, whether they were filled later or not.
    pub gaps: u64,
    /// Datagrams that came late and filled a gap.
    pub reordered: u64,
    /// Datagrams with a number that had come already.
    pub repeated: u64,
    /// Times that the exporter began anew.
    pub restarts: u64,
}

/// What a stream's next number should be.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sequence {
    next: Option<u32>,
    gaps: [Gap; GAPS],
    newest: usize,
    pub(crate) losses: Losses,
}

/// Numbers that have not come.
#[derive(Debug, Clone, Copy, Default)]
struct Gap {
    start: u32,
    length: u32,
}

impl Sequence {
    /// Takes the number of a datagram and how many units it carries; `None` where that is not known.
    pub(crate) fn observe(&mut self, number: u32, units: Option<u32>) {
        let Some(next) = self.next else {
            self.next = units.map(|units| number.wrapping_add(units));
            return;
        };
        let ahead = number.wrapping_sub(next);
        if ahead <= AHEAD_MAX {
            if ahead > 0 {
                self.losses.lost += u64::from(ahead);
                self.losses.gaps += 1;
                self.remember(Gap {
                    start: next,
                    length: ahead,
                });
            }
        } else if self.fills(number, units.unwrap_or(0)) {
            self.losses.reordered += 1;
            return;
        } else if ahead.wrapping_neg() <= BACK_MAX {
            self.losses.repeated += 1;
            return;
        } else {
            self.restart();
        }
        // A datagram of unknown size: the stream is taken up at the next one.
        self.next = units.map(|units| number.wrapping_add(units));
    }

    /// The exporter began anew: what comes next is the first.
    pub(crate) fn restart(&mut self) {
        self.losses.restarts += 1;
        self.next = None;
        self.gaps = [Gap::default(); GAPS];
    }

    fn remember(&mut self, gap: Gap) {
        self.newest = (self.newest + 1) % GAPS;
        if let Some(place) = self.gaps.get_mut(self.newest) {
            *place = gap;
        }
    }

    /// Whether the number lies in a gap, which is then filled as far as the units reach.
    fn fills(&mut self, number: u32, units: u32) -> bool {
        let Some(gap) = self
            .gaps
            .iter_mut()
            .find(|gap| number.wrapping_sub(gap.start) < gap.length)
        else {
            return false;
        };
        let before = number.wrapping_sub(gap.start);
        let filled = units.min(gap.length - before);
        let after = Gap {
            start: number.wrapping_add(filled),
            length: gap.length - before - filled,
        };
        gap.length = before;
        if before == 0 {
            *gap = after;
        } else if after.length > 0 {
            self.remember(after);
        }
        self.losses.lost = self.losses.lost.saturating_sub(u64::from(filled));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(numbers: &[(u32, Option<u32>)]) -> Losses {
        let mut sequence = Sequence::default();
        numbers
            .iter()
            .for_each(|(number, units)| sequence.observe(*number, *units));
        sequence.losses
    }

    fn ones(numbers: &[u32]) -> Losses {
        after(&numbers.iter().map(|n| (*n, Some(1))).collect::<Vec<_>>())
    }

    #[test]
    fn gaps_are_losses_until_they_are_filled() {
        assert_eq!(ones(&[5, 6, 7]), Losses::default());
        let gap = Losses {
            lost: 2,
            gaps: 1,
            ..Losses::default()
        };
        assert_eq!(ones(&[5, 8, 9]), gap);
        let filled = Losses {
            gaps: 1,
            reordered: 2,
            ..Losses::default()
        };
        assert_eq!(ones(&[5, 8, 7, 6, 9]), filled);
        let middle = Losses {
            lost: 2,
            gaps: 1,
            reordered: 1,
            ..Losses::default()
        };
        assert_eq!(ones(&[5, 9, 7, 10]), middle);
    }

    #[test]
    fn records_are_counted_and_numbers_wrap() {
        assert_eq!(
            after(&[(u32::MAX - 9, Some(30)), (20, Some(30)), (50, Some(1))]),
            Losses::default()
        );
        assert_eq!(
            after(&[(0, Some(30)), (60, Some(30)), (30, Some(30)), (90, Some(30))]).lost,
            0
        );
        assert_eq!(after(&[(0, Some(30)), (60, Some(30))]).lost, 30);
    }

    #[test]
    fn a_repeated_datagram_is_no_loss_and_a_restart_is_none_either() {
        let again = ones(&[5, 6, 6, 7]);
        assert_eq!((again.lost, again.repeated), (0, 1));
        let anew = ones(&[900_000, 900_001, 0, 1, 2]);
        assert_eq!((anew.lost, anew.restarts), (0, 1));
    }

    #[test]
    fn a_datagram_of_unknown_size_is_followed_by_a_fresh_start() {
        assert_eq!(
            after(&[(0, Some(10)), (10, None), (35, Some(1)), (36, Some(1))]),
            Losses::default()
        );
    }
}
