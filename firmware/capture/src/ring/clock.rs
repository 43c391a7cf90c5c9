//! The clocks that frames are stamped by.

use model::Timestamp;

/// A NIC's clock that is further off than this runs by itself. Nanoseconds.
const OFF_MAX: u64 = 1_000_000_000;

/// What is known of the NIC's clock. One that is kept by PTP or NTP is taken as it is; one that runs by itself is read
/// from where it stood when a frame was first handed over, and again when it has drifted by a second.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Clock {
    /// What is added to the NIC's time.
    offset: i64,
    stamped_by_nic: Option<bool>,
}

impl Clock {
    pub(super) const fn stamped_by_nic(&self) -> Option<bool> {
        self.stamped_by_nic
    }

    /// The time of a frame by its stamp; `now` gives the machine's time, and is asked where the NIC stamped it.
    #[inline]
    pub(super) fn time(&mut self, stamp: u64, by_nic: bool, now: impl Fn() -> u64) -> Timestamp {
        self.stamped_by_nic = Some(by_nic);
        if !by_nic {
            return Timestamp::from_nanos(stamp);
        }
        let time = stamp.saturating_add_signed(self.offset);
        let now = now();
        if now.abs_diff(time) <= OFF_MAX {
            return Timestamp::from_nanos(time);
        }
        self.offset = if now.abs_diff(stamp) <= OFF_MAX {
            0
        } else {
            now.wrapping_sub(stamp).cast_signed()
        };
        Timestamp::from_nanos(stamp.saturating_add_signed(self.offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;
    const T: u64 = 1_700_000_000 * S;

    #[test]
    fn a_clock_that_is_kept_is_taken_as_it_is() {
        let mut clock = Clock::default();
        assert_eq!(clock.stamped_by_nic(), None);
        for (stamp, now) in [(T, T + 20_000_000), (T + 5, T + 20_000_005), (T + S, T + S)] {
            assert_eq!(clock.time(stamp, true, || now).as_nanos(), stamp);
        }
        assert_eq!(clock.stamped_by_nic(), Some(true));
        assert_eq!(clock.time(5, false, || T).as_nanos(), 5);
        assert_eq!(clock.stamped_by_nic(), Some(false));
    }

    #[test]
    fn a_clock_that_runs_by_itself_keeps_the_distances() {
        let mut clock = Clock::default();
        // Since it was switched on, 37 s behind, and before 1970 by its own count.
        for start in [9 * S, T + 37 * S, u64::MAX / 2] {
            let first = clock.time(start, true, || T).as_nanos();
            assert_eq!(first, T);
            assert_eq!(clock.time(start + 123, true, || T + 20_000_000).as_nanos(), T + 123);
        }
        // It was set right.
        assert_eq!(clock.time(T + S, true, || T + S + 1).as_nanos(), T + S);
    }
}
