//! Parts of which more are there than are needed: supplies, fans, members of an array.

use serde::{Deserialize, Serialize};

/// One part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// It works.
    Works,
    /// It is there and does not work.
    Failed,
    /// It is not there.
    Absent,
    /// Nobody can tell.
    Unknown,
}

/// How a set of parts is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Redundancy {
    /// All that the board expects work.
    Full,
    /// Some do not, and more than are needed do.
    Reduced,
    /// As many work as are needed: the next failure stops the box.
    Lost,
    /// Fewer work than are needed.
    Insufficient,
    /// Too little is known to tell.
    Unknown,
}

/// Judges `parts`, of which `needed` have to work. `expected` is how many the board has places for that are to be filled; on
/// unknown hardware it is how many there were. What is unknown may work or not: only what holds either way is said.
#[must_use]
pub fn redundancy(parts: &[Part], needed: usize, expected: usize) -> Redundancy {
    let count = |kind: Part| parts.iter().filter(|p| **p == kind).count();
    let (works, unknown) = (count(Part::Works), count(Part::Unknown));
    let (worst, best) = (judge(works, needed, expected), judge(works + unknown, needed, expected));
    if worst == best { worst } else { Redundancy::Unknown }
}

fn judge(works: usize, needed: usize, expected: usize) -> Redundancy {
    if works < needed {
        Redundancy::Insufficient
    } else if works >= expected {
        Redundancy::Full
    } else if works == needed {
        Redundancy::Lost
    } else {
        Redundancy::Reduced
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Part::{Absent, Failed, Unknown, Works};
    use proptest::prelude::*;

    #[test]
    fn two_supplies_of_which_one_is_needed() {
        for (parts, expected) in [
            ([Works, Works], Redundancy::Full),
            ([Works, Failed], Redundancy::Lost),
            ([Works, Absent], Redundancy::Lost),
            ([Failed, Absent], Redundancy::Insufficient),
            ([Works, Unknown], Redundancy::Unknown),
            ([Unknown, Unknown], Redundancy::Unknown),
        ] {
            assert_eq!(redundancy(&parts, 1, 2), expected, "{parts:?}");
        }
        assert_eq!(redundancy(&[Works, Works, Failed, Works], 2, 4), Redundancy::Reduced);
        // an unknown part of a set that is short anyway changes nothing
        assert_eq!(
            redundancy(&[Failed, Failed, Unknown, Works], 3, 4),
            Redundancy::Insufficient
        );
    }

    fn parts() -> impl Strategy<Value = Vec<Part>> {
        proptest::collection::vec((0usize..4).prop_map(|n| [Works, Failed, Absent, Unknown][n]), 0..6)
    }

    proptest! {
        /// What is said of unknown parts holds whatever they turn out to be.
        #[test]
        fn nothing_is_said_that_could_be_wrong(parts in parts(), needed in 0usize..4, expected in 0usize..6) {
            let said = redundancy(&parts, needed, expected);
            let unknown = parts.iter().filter(|p| **p == Unknown).count();
            for choice in 0..1u32 << unknown {
                let mut bits = choice;
                let told: Vec<Part> = parts.iter().map(|p| {
                    if *p != Unknown {
                        return *p;
                    }
                    let works = bits & 1 != 0;
                    bits >>= 1;
                    if works { Works } else { Failed }
                }).collect();
                prop_assert!(said == Redundancy::Unknown || redundancy(&told, needed, expected) == said);
            }
        }
    }
}
