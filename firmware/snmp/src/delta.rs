//! What a counter moved by between two readings, or that nobody can tell.
//!
//! A delta is given only where it is certain: not over a restart or a declared discontinuity, not
//! where a 32-bit counter may have wrapped twice, and not where the outcome is more than the
//! interface can carry. A poll that gives no delta costs an interval; a wrong one is a false alarm.

/// Units of time: nanoseconds of a clock that never steps.
const SECOND: u64 = 1_000_000_000;

/// Agents refresh their counters up to this long after the fact, in nanoseconds.
const STALE: u64 = 10 * SECOND;

/// The fastest that any counter is believed to move, in octets a second: 10 Tbit/s.
const OCTETS_MAX: u64 = 10_000_000_000_000 / 8;

/// The fewest octets a packet takes on the wire: 64 with preamble and gap (IEEE 802.3).
const PACKET_MIN: u64 = 84;

/// Events such as errors are believed to be no more than packets at 10 Gbit/s.
const EVENTS_MAX: u64 = 14_880_953;

/// A counter's value with its width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// Counter32: wraps at 2^32.
    C32(u32),
    /// Counter64: wraps at 2^64.
    C64(u64),
}

/// What a counter counts: how fast it can move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Octets.
    Octets,
    /// Packets or frames.
    Packets,
    /// Errors, discards and the like: rare.
    Events,
}

/// What happened between two readings of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It moved by this much.
    By(u64),
    /// It may have moved by any amount.
    Unknown,
    /// It went back in a way that no wrap explains: the counters were set to zero.
    Reset,
}

/// Compares two readings that lie `elapsed` nanoseconds apart. `speed` is the interface's in bit/s, where known.
#[must_use]
pub fn step(before: Counter, after: Counter, counted: Counted, elapsed: u64, speed: Option<u64>) -> Step {
    match (before, after) {
        (Counter::C64(before), Counter::C64(after)) => {
            let moved = after.wrapping_sub(before);
            if moved <= most(counted, elapsed, None) {
                Step::By(moved)
            } else {
                Step::Reset
            }
        }
        (Counter::C32(before), Counter::C32(after)) => {
            let moved = u64::from(after.wrapping_sub(before));
            let wraps = after < before;
            let most = match (counted, speed.filter(|&s| s > 0)) {
                (Counted::Events, _) => most(counted, elapsed, None).min(1 << 31),
                (Counted::Octets | Counted::Packets, None) => return Step::Unknown,
                (Counted::Octets | Counted::Packets, speed) => most(counted, elapsed, speed),
            };
            match (counted, wraps) {
                // Rare events that did not go back are taken as they are.
                (Counted::Events, false) => Step::By(moved),
                _ if counted != Counted::Events && most >= 1 << 32 => Step::Unknown,
                _ if moved <= most => Step::By(moved),
                (_, true) => Step::Reset,
                (_, false) => Step::Unknown,
            }
        }
        _ => Step::Unknown,
    }
}

fn most(counted: Counted, elapsed: u64, speed: Option<u64>) -> u64 {
    let a_second = match (counted, speed) {
        (Counted::Events, _) => EVENTS_MAX,
        (Counted::Octets, speed) => speed.map_or(OCTETS_MAX, |s| s / 8),
        (Counted::Packets, speed) => speed.map_or(OCTETS_MAX, |s| s / 8) / PACKET_MIN + 1,
    };
    let seconds_tenths = elapsed.saturating_add(STALE) / (SECOND / 10) + 1;
    // A tenth more than the speed says.
    let most = u128::from(a_second) * u128::from(seconds_tenths) * 11 / 100;
    u64::try_from(most).unwrap_or(u64::MAX)
}

/// What tells whether an agent's counters went on between two readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Continuity {
    /// When it was read: nanoseconds of a clock that never steps.
    pub at: u64,
    /// sysUpTime, in hundredths of a second; wraps every 497 days.
    pub uptime: u32,
    /// snmpEngineBoots, where the agent shows it.
    pub boots: Option<u32>,
}

impl Continuity {
    /// Whether the agent ran on from `before` to this reading.
    #[must_use]
    pub fn follows(&self, before: &Self) -> bool {
        if before.boots.is_some() && self.boots.is_some() && before.boots != self.boots {
            return false;
        }
        let elapsed = self.at.saturating_sub(before.at) / (SECOND / 100);
        let tolerance = 300 + elapsed / 20;
        // Over more than half of sysUpTime's range the difference would say nothing.
        if elapsed > 1 << 31 {
            return false;
        }
        let went = u64::from(self.uptime.wrapping_sub(before.uptime));
        let wrapped = self.uptime < before.uptime;
        let near_wrap = u64::from(u32::MAX - before.uptime) <= elapsed + tolerance;
        went.abs_diff(elapsed) <= tolerance && (!wrapped || near_wrap)
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "the wire cuts the model's 128 bits")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GIGABIT: u64 = 1_000_000_000;

    #[test]
    fn a_slow_interface_wraps_32_bits_rightly() {
        let (before, after) = (Counter::C32(u32::MAX - 99), Counter::C32(900));
        assert_eq!(
            step(before, after, Counted::Octets, 60 * SECOND, Some(100_000_000)),
            Step::By(1_000)
        );
    }

    #[test]
    fn a_gigabit_may_wrap_32_bits_twice_a_minute_so_nothing_is_said() {
        let (before, after) = (Counter::C32(5), Counter::C32(1_005));
        assert_eq!(
            step(before, after, Counted::Octets, 60 * SECOND, Some(GIGABIT)),
            Step::Unknown
        );
        assert_eq!(
            step(before, after, Counted::Octets, 5 * SECOND, Some(GIGABIT)),
            Step::By(1_000)
        );
        assert_eq!(step(before, after, Counted::Octets, 60 * SECOND, None), Step::Unknown);
        assert_eq!(
            step(before, after, Counted::Octets, 60 * SECOND, Some(0)),
            Step::Unknown
        );
    }

    #[test]
    fn counters_that_were_cleared_are_no_wrap() {
        assert_eq!(
            step(
                Counter::C32(70_000),
                Counter::C32(3),
                Counted::Events,
                60 * SECOND,
                None
            ),
            Step::Reset
        );
        assert_eq!(
            step(
                Counter::C64(70_000),
                Counter::C64(3),
                Counted::Octets,
                60 * SECOND,
                None
            ),
            Step::Reset
        );
        assert_eq!(
            step(
                Counter::C64(u64::MAX),
                Counter::C64(9),
                Counted::Octets,
                60 * SECOND,
                None
            ),
            Step::By(10)
        );
        assert_eq!(
            step(Counter::C32(1), Counter::C64(9), Counted::Octets, 60 * SECOND, Some(8)),
            Step::Unknown
        );
    }

    fn reading(at: u64, uptime: u32, boots: Option<u32>) -> Continuity {
        Continuity {
            at: at * SECOND,
            uptime,
            boots,
        }
    }

    #[test]
    fn uptime_wraps_after_497_days_and_goes_back_at_a_restart() {
        let before = reading(0, u32::MAX - 1_000, None);
        assert!(reading(60, 4_999, None).follows(&before));
        assert!(!reading(60, 100, None).follows(&before));
        let before = reading(0, 100_000, Some(3));
        assert!(reading(60, 106_000, Some(3)).follows(&before));
        assert!(!reading(60, 106_000, Some(4)).follows(&before));
        assert!(!reading(60, 2_000, None).follows(&before));
        assert!(!reading(60, 100_000, None).follows(&before));
    }

    proptest! {
        /// Against a truth in 128 bits: a 32-bit counter gives the truth or nothing, whatever the wraps.
        #[test]
        fn thirty_two_bits_give_the_truth_or_nothing(
            start: u128,
            speed in 1_000_000u64..400_000_000_000,
            seconds in 1u64..400,
            part in 0.0f64..1.0,
        ) {
            // What the interface carried: never more than its speed.
            let carried = (speed as f64 / 8.0 * seconds as f64 * part) as u128;
            let truth = (start >> 1, (start >> 1) + carried);
            let wire = |n: u128| Counter::C32((n & 0xffff_ffff) as u32);
            match step(wire(truth.0), wire(truth.1), Counted::Octets, seconds * SECOND, Some(speed)) {
                Step::By(moved) => prop_assert_eq!(u128::from(moved), carried),
                Step::Unknown => prop_assert!((speed / 8 + 1) * (seconds + 11) * 11 / 10 >= 1 << 32),
                Step::Reset => prop_assert!(false, "no reset happened"),
            }
        }

        #[test]
        fn sixty_four_bits_give_the_truth(start: u128, speed in 1u64..800_000_000_000, seconds in 1u64..4_000) {
            let carried = u128::from(speed / 8) * u128::from(seconds);
            let truth = (start >> 1, (start >> 1) + carried);
            let wire = |n: u128| Counter::C64(n as u64);
            let step = step(wire(truth.0), wire(truth.1), Counted::Octets, seconds * SECOND, Some(speed));
            prop_assert_eq!(step, Step::By(carried as u64));
        }

        /// A 64-bit counter that was set to zero between the readings never gives a spike.
        #[test]
        fn a_reset_of_64_bits_is_seen(before in 0u64..u64::MAX / 2, after in 0u64..1_000_000) {
            prop_assume!(after < before);
            prop_assert_eq!(step(Counter::C64(before), Counter::C64(after), Counted::Octets, 60 * SECOND, None), Step::Reset);
        }

        /// An agent that restarted is seen to have, from its up-time alone.
        #[test]
        fn a_restart_is_seen(uptime: u32, seconds in 5u64..4_000, back in 0.0f64..1.0) {
            let before = reading(0, uptime, None);
            let elapsed = seconds * 100;
            // It came up at some moment after the first reading, and had then been up for longer than the tolerance.
            let up = (elapsed as f64 * back) as u32;
            prop_assume!(u64::from(uptime) > 300 + elapsed / 20);
            let near_wrap = u64::from(u32::MAX - uptime) <= elapsed * 2 + 600;
            prop_assume!(!near_wrap);
            prop_assert!(!reading(seconds, up, None).follows(&before));
            prop_assert!(reading(seconds, uptime + elapsed as u32, None).follows(&before));
        }
    }
}
