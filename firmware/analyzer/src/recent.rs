//! The newest minutes of exporters in memory: what a list of links asks for.

use std::collections::BTreeMap;

use model::{LinkCounters, LinkId, Timestamp, Window};

/// Minutes of an exporter that are held.
pub(crate) const MINUTES: u64 = 6;
/// Exporters that are held.
const LINKS_MAX: usize = 16_384;
/// Seconds after its end that a minute still gets parts: records come when flows end.
const SETTLE_S: u64 = 30;
/// A minute that ended longer ago is not what an exporter does now.
const NOW_S: u64 = 180;

/// Counters of exporters' newest minutes, by link and start in seconds.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    links: BTreeMap<LinkId, BTreeMap<u64, LinkCounters>>,
    /// When those that are silent were last looked for, in seconds.
    swept: u64,
}

impl Recent {
    /// Adds a part of a minute that was stored.
    pub(crate) fn push(&mut self, window: &Window, now: Timestamp) {
        self.add(window.link, window.start, &window.counters, now);
    }

    /// Adds counters of a minute.
    pub(crate) fn add(&mut self, link: LinkId, start: Timestamp, counters: &LinkCounters, now: Timestamp) {
        let (start, now) = (start.as_secs(), now.as_secs());
        let oldest = now.saturating_sub((MINUTES + 1) * 60);
        if start < oldest || start > now {
            return;
        }
        if self.links.len() >= LINKS_MAX && !self.links.contains_key(&link) {
            if self.swept != now {
                self.swept = now;
                self.links
                    .retain(|_, held| held.keys().next_back().is_some_and(|newest| *newest >= oldest));
            }
            if self.links.len() >= LINKS_MAX {
                return;
            }
        }
        let held = self.links.entry(link).or_default();
        *held.entry(start).or_default() += counters;
        // A clock that was set back leaves minutes of times to come.
        held.retain(|start, _| (oldest..=now).contains(start));
    }

    /// An exporter's newest minute that is over, unless it ended too long ago.
    pub(crate) fn newest_of(&self, link: LinkId, now: Timestamp) -> Option<(Timestamp, &LinkCounters)> {
        let now = now.as_secs();
        let over = now.checked_sub(60 + SETTLE_S)?;
        let (start, counters) = self.links.get(&link)?.range(..=over).next_back()?;
        (start + 60 + NOW_S >= now).then(|| (Timestamp::from_secs(*start), counters))
    }

    /// The end of the newest minute that is over, of any exporter.
    pub(crate) fn newest_end(&self, now: Timestamp) -> Option<Timestamp> {
        let over = now.as_secs().checked_sub(60)?;
        let newest = |held: &BTreeMap<u64, LinkCounters>| held.range(..=over).next_back().map(|(start, _)| *start);
        let newest = self.links.values().filter_map(newest).max()?;
        Some(Timestamp::from_secs(newest + 60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(s: u64) -> Timestamp {
        Timestamp::from_secs(s)
    }

    fn part(link: u32, start: u64, packets: u64) -> Window {
        let mut window = aggregate::WindowBuilder::new(LinkId(link), secs(start), 60).close();
        window.counters.frames.total.packets = packets;
        window
    }

    #[test]
    fn parts_add_up_and_a_minute_counts_when_it_is_over() {
        let mut recent = Recent::default();
        recent.push(&part(70_000, 6_000, 1), secs(6_030));
        recent.push(&part(70_000, 6_000, 2), secs(6_070));
        recent.push(&part(70_000, 6_060, 9), secs(6_080));
        let packets = |now| {
            let found = recent.newest_of(LinkId(70_000), secs(now));
            found.map(|(at, counters)| (at.as_secs(), counters.frames.total.packets))
        };
        assert_eq!(packets(6_080), None, "it may still get parts");
        assert_eq!(packets(6_090), Some((6_000, 3)));
        assert_eq!(packets(6_150), Some((6_060, 9)));
        assert_eq!(packets(6_300), Some((6_060, 9)));
        assert_eq!(packets(6_301), None);
        assert_eq!(recent.newest_of(LinkId(70_001), secs(6_150)), None);
        assert_eq!(recent.newest_end(secs(6_119)), Some(secs(6_060)));
        assert_eq!(recent.newest_end(secs(6_120)), Some(secs(6_120)));
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut recent = Recent::default();
        for minute in 100..200 {
            for link in 0..3 {
                recent.push(&part(70_000 + link, minute * 60, 1), secs(minute * 60 + 5));
            }
        }
        assert!(recent.links.values().all(|held| held.len() as u64 <= MINUTES + 2));
        // Times to come, and long gone.
        recent.push(&part(70_000, 900_000, 1), secs(12_000));
        recent.push(&part(70_000, 60, 1), secs(12_000));
        assert_eq!(recent.newest_of(LinkId(70_000), secs(12_000)).unwrap().0, secs(11_880));
        for link in 0..40_000 {
            recent.push(&part(80_000 + link, 12_000, 1), secs(12_000));
        }
        assert_eq!(recent.links.len(), LINKS_MAX);
        // Those that are silent make room.
        recent.push(&part(9_999_999, 99_000, 1), secs(99_000));
        assert_eq!(recent.links.len(), 1);
    }
}
