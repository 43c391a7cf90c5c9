//! What a file held that could not be imported, and why.

use std::collections::BTreeMap;

/// Reasons that are told apart; further ones are counted together.
const REASONS_MAX: usize = 32;
/// Places that are named.
const PLACES_MAX: usize = 5;

/// Records that were left out.
#[derive(Debug, Default)]
pub(super) struct Skipped {
    reasons: BTreeMap<String, u64>,
    places: Vec<String>,
}

impl Skipped {
    /// Counts a record at a place, such as `line 7`, and what is wrong with it.
    pub(super) fn add(&mut self, place: &str, reason: &str) {
        if self.places.len() < PLACES_MAX {
            self.places.push(format!("{place}: {reason}"));
        }
        let is_new = !self.reasons.contains_key(reason);
        let reason = match is_new && self.reasons.len() >= REASONS_MAX {
            true => "other reasons",
            false => reason,
        };
        *self.reasons.entry(reason.to_owned()).or_default() += 1;
    }

    /// How many.
    pub(super) fn count(&self) -> u64 {
        self.reasons.values().sum()
    }

    /// Reasons with their counts.
    pub(super) fn reasons(&self) -> impl Iterator<Item = (&str, u64)> {
        self.reasons.iter().map(|(reason, count)| (reason.as_str(), *count))
    }

    /// The first places, each with its reason.
    pub(super) fn places(&self) -> &[String] {
        &self.places
    }
}
