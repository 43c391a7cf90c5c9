//! One window a port and second, from those of its rings. No clock: the time comes in.

use std::collections::BTreeMap;

use aggregate::WindowBuilder;
use model::{DropCounters, LinkId, NicErrors, Timestamp, Window};

/// Seconds without a window that are made up for when the link is up; more is a clock that was set.
pub(crate) const FILL_MAX: u64 = 10;
/// Seconds that a ring may lag before the others' windows go without it; its own follow as windows of their own.
const LATE: u64 = 3;

/// A second that is open.
#[derive(Debug)]
struct Open {
    window: WindowBuilder,
    /// Whether anything was seen in it.
    touched: bool,
}

/// Waits until every ring is past a second, then gives out what they saw in it.
#[derive(Debug)]
pub(crate) struct Joiner {
    link: LinkId,
    /// The second that each ring is in.
    rings: Vec<u64>,
    open: BTreeMap<u64, Open>,
    /// The first second that was not given out.
    next: u64,
    up: bool,
    out: Vec<Window>,
}

impl Joiner {
    /// For so many rings, from `now` on.
    pub(crate) fn new(link: LinkId, rings: usize, now: Timestamp) -> Self {
        Self {
            link,
            rings: vec![now.as_secs(); rings.max(1)],
            open: BTreeMap::new(),
            next: now.as_secs(),
            up: false,
            out: Vec::new(),
        }
    }

    /// Whether the link is up: then seconds in which nothing came have windows too.
    pub(crate) fn set_up(&mut self, up: bool) {
        self.up = up;
    }

    /// A ring saw this in a second that is over for it.
    pub(crate) fn part(&mut self, window: WindowBuilder, touched: bool) {
        let second = window.start().as_secs();
        match self.open.get_mut(&second) {
            Some(open) => {
                open.window.absorb(window);
                open.touched |= touched;
            }
            None => drop(self.open.insert(second, Open { window, touched })),
        }
    }

    /// A ring is in this second now: it gives no more of those before.
    pub(crate) fn passed(&mut self, ring: usize, second: u64) {
        let Some(place) = self.rings.get_mut(ring) else { return };
        let back = second < *place;
        *place = second;
        if back {
            // The clock was set back: what is open is over, whatever its seconds are called.
            self.give_all();
            self.next = second;
        }
        self.give();
    }

    /// What was lost in a second; if that was given out already, in the next.
    pub(crate) fn lost(&mut self, second: u64, drops: DropCounters) {
        if drops != DropCounters::default() {
            let open = self.at(second);
            open.window.observe_drops(drops);
            open.touched = true;
        }
    }

    /// What the NIC counted in a second; if that was given out already, in the next.
    pub(crate) fn nic(&mut self, second: u64, errors: NicErrors) {
        if errors != NicErrors::default() {
            self.at(second).window.observe_nic(errors);
        }
    }

    fn at(&mut self, second: u64) -> &mut Open {
        let second = second.max(self.next);
        let link = self.link;
        self.open.entry(second).or_insert_with(|| Open {
            window: WindowBuilder::new(link, Timestamp::from_secs(second), 1),
            touched: false,
        })
    }

    /// Time goes on: rings that lag too far are not waited for.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        let late = now.as_secs().saturating_sub(LATE);
        if self.next < late && self.rings.iter().any(|second| *second >= late) {
            self.give_until(late);
        }
    }

    /// Gives out everything: there will be no more.
    pub(crate) fn finish(&mut self) {
        self.give_all();
    }

    /// The windows that are closed.
    pub(crate) fn take(&mut self) -> Vec<Window> {
        std::mem::take(&mut self.out)
    }

    fn give(&mut self) {
        let past = self.rings.iter().copied().min().unwrap_or_default();
        self.give_until(past);
    }

    fn give_until(&mut self, past: u64) {
        let later = self.open.split_off(&past);
        let over = std::mem::replace(&mut self.open, later);
        let fills = self.up && past.saturating_sub(self.next) <= FILL_MAX + 1;
        let mut next = self.next;
        for (second, open) in over {
            if fills {
                self.fill(next, second);
            }
            next = next.max(second + 1);
            self.close(open);
        }
        if fills {
            self.fill(next, past);
        }
        self.next = self.next.max(past);
    }

    /// Windows of nothing.
    fn fill(&mut self, from: u64, to: u64) {
        for second in from..to {
            let window = WindowBuilder::new(self.link, Timestamp::from_secs(second), 1);
            self.out.push(window.close());
        }
    }

    fn give_all(&mut self) {
        for (_, open) in std::mem::take(&mut self.open) {
            self.close(open);
        }
    }

    fn close(&mut self, open: Open) {
        // A port that is down has no windows, unless it saw something before it went down.
        if open.touched || self.up {
            self.out.push(open.window.close());
        }
    }
}

#[cfg(test)]
mod tests {
    use aggregate::FrameSeen;
    use model::Direction;
    use proptest::prelude::*;

    use super::*;

    fn secs(s: u64) -> Timestamp {
        Timestamp::from_secs(s)
    }

    fn part(second: u64, frames: u64) -> WindowBuilder {
        let mut window = WindowBuilder::new(LinkId(1), secs(second), 1);
        for _ in 0..frames {
            window.observe_frame(&FrameSeen {
                bytes: 100,
                direction: Direction::In,
                broadcast: false,
                multicast: false,
                non_ip: None,
                malformed: None,
            });
        }
        window
    }

    fn given(joiner: &mut Joiner) -> Vec<(u64, u64)> {
        let of = |w: Window| (w.start.as_secs(), w.counters.frames.total.packets);
        joiner.take().into_iter().map(of).collect()
    }

    #[test]
    fn a_second_waits_for_all_rings_and_comes_once() {
        let mut j = Joiner::new(LinkId(1), 3, secs(10));
        for (ring, frames) in [(0, 1), (1, 2)] {
            j.part(part(10, frames), true);
            j.passed(ring, 11);
        }
        assert_eq!(given(&mut j), []);
        j.part(part(10, 4), true);
        j.passed(2, 12);
        assert_eq!(given(&mut j), [(10, 7)]);
        j.passed(0, 12);
        j.set_up(true);
        j.passed(1, 12);
        assert_eq!(given(&mut j), [(11, 0)], "nothing came, and the link is up");
    }

    #[test]
    fn a_ring_that_hangs_holds_the_others_for_a_while_and_loses_nothing() {
        let mut j = Joiner::new(LinkId(1), 2, secs(10));
        j.part(part(10, 1), true);
        j.passed(0, 14);
        j.tick(secs(13));
        assert_eq!(given(&mut j), []);
        j.tick(secs(14));
        assert_eq!(given(&mut j), [(10, 1)]);
        j.part(part(10, 5), true);
        j.passed(1, 14);
        assert_eq!(given(&mut j), [(10, 5)]);
    }

    #[test]
    fn what_is_lost_counts_where_it_can() {
        let mut j = Joiner::new(LinkId(1), 1, secs(10));
        let ring = |n| DropCounters {
            ring: n,
            ..DropCounters::default()
        };
        let crc = |n| NicErrors {
            crc: Some(n),
            ..NicErrors::default()
        };
        j.lost(10, ring(3));
        j.nic(10, crc(0));
        j.passed(0, 11);
        j.lost(10, ring(4));
        j.nic(11, crc(9));
        j.passed(0, 12);
        let windows = j.take();
        let counted: Vec<_> = windows
            .iter()
            .map(|w| (w.start.as_secs(), w.counters.drops.ring, w.counters.nic.crc))
            .collect();
        assert_eq!(counted, [(10, 3, Some(0)), (11, 4, Some(9))]);
        // Of a port that is down the NIC's zeros are no window.
        j.nic(12, crc(0));
        j.passed(0, 13);
        assert_eq!(given(&mut j), []);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        /// Whatever the rings' order, clocks that are set and hangs: every frame is in one window of its second.
        #[test]
        fn nothing_is_lost_and_nothing_doubled(
            steps in prop::collection::vec((0usize..3, 0u64..6, prop::sample::select(vec![0i64, 1, 1, 1, 2, 30, -20]), any::<bool>()), 0..60),
        ) {
            let mut j = Joiner::new(LinkId(1), 3, secs(100));
            let mut at = [100u64; 3];
            let mut wanted: BTreeMap<u64, u64> = BTreeMap::new();
            let mut found: BTreeMap<u64, u64> = BTreeMap::new();
            let mut count = |j: &mut Joiner| given(j).into_iter().for_each(|(s, n)| *found.entry(s).or_default() += n);
            for (ring, frames, step, up) in steps {
                j.set_up(up);
                if frames > 0 {
                    *wanted.entry(at[ring]).or_default() += frames;
                    j.part(part(at[ring], frames), true);
                }
                at[ring] = at[ring].saturating_add_signed(step);
                j.passed(ring, at[ring]);
                j.tick(secs(at[ring]));
                count(&mut j);
            }
            j.finish();
            count(&mut j);
            found.retain(|_, n| *n > 0);
            prop_assert_eq!(found, wanted);
        }
    }
}
