//! When an agent is asked again. Pure: times are nanoseconds of a clock that never steps.

use std::time::Duration;

use model::LinkId;

/// The longest wait between two attempts at an agent that does not answer, unless its interval is longer.
pub const BACK_OFF_MAX: Duration = Duration::from_secs(600);

/// The interval of the tables that change seldom: neighbours, addresses, names.
pub const SLOW_INTERVAL: Duration = Duration::from_secs(900);

/// After what part of the interval an agent's first poll comes, so that thousands do not start at once.
#[must_use]
pub(crate) fn offset(id: LinkId, interval: Duration) -> Duration {
    // A multiplicative hash (Knuth): neighbouring numbers lie far apart.
    let hash = u64::from(id.0.wrapping_mul(2_654_435_769));
    let nanos = (u128::from(hash) * interval.min(Duration::from_secs(60)).as_nanos()) >> 32;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

/// How long to wait after a round that began `since` ago: to the next multiple of the interval while the agent answers or
/// has failed once, doubled with each further failure in a row, up to [`BACK_OFF_MAX`].
#[must_use]
pub(crate) fn wait(interval: Duration, since: Duration, failures: u32) -> Duration {
    let interval = interval.max(Duration::from_millis(1));
    let doubled = 1u32.checked_shl(failures.saturating_sub(1).min(16)).unwrap_or(u32::MAX);
    let period = interval.saturating_mul(doubled).min(BACK_OFF_MAX.max(interval));
    let nanos = since.as_nanos() % period.as_nanos();
    let left = period.as_nanos() - nanos;
    Duration::from_nanos(u64::try_from(left).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn rounds_keep_their_beat_and_failures_back_off() {
        assert_eq!(wait(MINUTE, Duration::from_secs(3), 0), Duration::from_secs(57));
        assert_eq!(wait(MINUTE, Duration::from_secs(63), 0), Duration::from_secs(57));
        assert_eq!(wait(MINUTE, Duration::from_secs(6), 1), Duration::from_secs(54));
        assert_eq!(wait(MINUTE, Duration::from_secs(6), 3), Duration::from_secs(234));
        assert_eq!(wait(MINUTE, Duration::ZERO, 30), BACK_OFF_MAX);
        assert_eq!(
            wait(Duration::from_secs(3_600), Duration::ZERO, 30),
            Duration::from_secs(3_600)
        );
    }

    #[test]
    fn first_polls_lie_over_the_interval() {
        let mut tenths = [0u32; 10];
        for number in 1..=1_000 {
            let offset = offset(LinkId::of_exporter(number), MINUTE);
            assert!(offset < MINUTE);
            tenths[(offset.as_secs() / 6) as usize] += 1;
        }
        assert!(tenths.iter().all(|&n| (70..=130).contains(&n)), "{tenths:?}");
    }
}
