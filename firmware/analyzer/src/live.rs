//! The newest windows in memory: what live pages ask for every second.

use std::collections::BTreeMap;
use std::collections::btree_map::OccupiedEntry;
use std::ops::RangeInclusive;
use std::sync::Arc;

use model::{LinkId, Timestamp, Window};

/// Seconds that are held.
pub(crate) const SECONDS: u64 = 600;
/// Rows of all tables that are held, some 90 octets each; busy links have fewer seconds in memory.
const ROWS_MAX: usize = 200_000;
/// Windows later than this from now are of a clock that was wrong.
const FUTURE_S: u64 = 60;

/// The newest windows of all links.
#[derive(Debug)]
pub(crate) struct Live {
    windows: BTreeMap<u64, Vec<Arc<Window>>>,
    rows: usize,
    /// Every stored window that starts at or after this second is held.
    complete_from: u64,
}

impl Live {
    /// Holds everything stored from `complete_from` on.
    pub(crate) fn new(complete_from: Timestamp) -> Self {
        Self {
            windows: BTreeMap::new(),
            rows: 0,
            complete_from: complete_from.as_secs(),
        }
    }

    /// Adds a window that was stored, or that cannot be stored now. One that is held already stays single.
    pub(crate) fn push(&mut self, window: Window, now: Timestamp) {
        let now = now.as_secs();
        if self.complete_from > now.saturating_add(FUTURE_S) {
            // The clock was set back: what is held is of times to come.
            self.windows.clear();
            self.rows = 0;
            self.complete_from = now;
        }
        let start = window.start.as_secs();
        if start < self.complete_from {
            return;
        }
        if self
            .windows
            .get(&start)
            .is_some_and(|held| held.iter().any(|w| **w == window))
        {
            return;
        }
        self.rows += rows(&window);
        self.windows.entry(start).or_default().push(Arc::new(window));
        let newest = self.newest_before(now.saturating_add(FUTURE_S)).unwrap_or(start);
        while let Some(first) = self.windows.first_entry() {
            let too_many = self.rows > ROWS_MAX && *first.key() < newest;
            if !too_many && first.key().saturating_add(SECONDS) > newest {
                break;
            }
            self.complete_from = self.complete_from.max(first.key() + 1);
            self.rows -= remove(first);
        }
        // Windows of times to come are bounded too; the store has them.
        while self.windows.len() as u64 > 2 * SECONDS {
            let Some(last) = self.windows.last_entry() else { break };
            self.rows -= remove(last);
        }
    }

    fn newest_before(&self, before: u64) -> Option<u64> {
        self.windows.range(..before).next_back().map(|(start, _)| *start)
    }

    /// The end of the newest window that is not of times to come.
    pub(crate) fn newest_end(&self, now: Timestamp) -> Option<Timestamp> {
        self.newest_before(now.as_secs().saturating_add(FUTURE_S))
            .map(|start| Timestamp::from_secs(start + 1))
    }

    /// The windows that start in `[from, to)`, in order of time; `None` where some may not be held.
    pub(crate) fn between(
        &self,
        from: Timestamp,
        to: Timestamp,
        links: &RangeInclusive<LinkId>,
    ) -> Option<Vec<Arc<Window>>> {
        let (from, to) = (from.as_secs(), to.as_secs());
        if from < self.complete_from {
            return None;
        }
        let windows = self.windows.range(from..to.max(from)).flat_map(|(_, windows)| windows);
        Some(windows.filter(|w| links.contains(&w.link)).cloned().collect())
    }

    /// A link's newest window that began in the last `seconds`.
    pub(crate) fn newest_of(&self, link: LinkId, now: Timestamp, seconds: u64) -> Option<Arc<Window>> {
        let now = now.as_secs();
        let range = now.saturating_sub(seconds)..now.saturating_add(FUTURE_S);
        let mut newest = self.windows.range(range).rev().flat_map(|(_, windows)| windows);
        newest.find(|w| w.link == link).cloned()
    }
}

fn remove(entry: OccupiedEntry<'_, u64, Vec<Arc<Window>>>) -> usize {
    entry.remove().iter().map(|w| rows(w)).sum()
}

fn rows(window: &Window) -> usize {
    let tables = [&window.hosts, &window.protocols, &window.apps, &window.conversations];
    tables.iter().map(|t| t.rows.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: RangeInclusive<LinkId> = LinkId(0)..=LinkId(u32::MAX);

    fn window(link: u32, start: u64) -> Window {
        aggregate::WindowBuilder::new(LinkId(link), Timestamp::from_secs(start), 1).close()
    }

    fn secs(s: u64) -> Timestamp {
        Timestamp::from_secs(s)
    }

    #[test]
    fn a_window_that_comes_again_when_it_is_stored_is_held_once() {
        let mut live = Live::new(secs(0));
        for _ in 0..2 {
            live.push(window(1, 10), secs(11));
        }
        live.push(window(2, 10), secs(11));
        assert_eq!(live.between(secs(10), secs(11), &ALL).unwrap().len(), 2);
    }

    #[test]
    fn it_holds_the_newest_and_says_when_it_does_not_know() {
        let mut live = Live::new(secs(1_000));
        for s in 990..3_000 {
            live.push(window(1, s), secs(s));
        }
        assert_eq!(live.newest_end(secs(3_000)), Some(secs(3_000)));
        assert_eq!(live.between(secs(2_990), secs(3_000), &ALL).unwrap().len(), 10);
        assert_eq!(
            live.between(secs(2_990), secs(3_000), &(LinkId(2)..=LinkId(2)))
                .unwrap()
                .len(),
            0
        );
        assert!(live.between(secs(2_399), secs(3_000), &ALL).is_none());
        assert_eq!(live.between(secs(2_400), secs(3_000), &ALL).unwrap().len(), 600);
        assert_eq!(live.newest_of(LinkId(1), secs(3_000), 10).unwrap().start, secs(2_999));
        assert!(live.newest_of(LinkId(1), secs(3_020), 10).is_none());
    }

    #[test]
    fn a_clock_set_back_does_not_blind_it() {
        let mut live = Live::new(secs(0));
        for s in 1_000_000..1_000_010 {
            live.push(window(1, s), secs(s));
        }
        for s in 500..2_000 {
            live.push(window(1, s), secs(s + 1));
        }
        assert_eq!(live.newest_end(secs(2_000)), Some(secs(2_000)));
        assert_eq!(live.between(secs(1_990), secs(2_000), &ALL).unwrap().len(), 10);
        assert!(live.windows.len() as u64 <= 2 * SECONDS);
    }
}
