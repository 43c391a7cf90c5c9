//! Reminders of alarms that nobody has acknowledged, at growing intervals.

/// Seconds to the first reminder.
const FIRST: u64 = 3_600;
/// Each interval is so many times the one before.
const FACTOR: u64 = 4;
/// The longest interval: a week.
const LONGEST: u64 = 604_800;

/// Seconds from the reminder before (or the alarm itself) to reminder number `number`, counted from 0: 1 h, 4 h, 16 h, 64 h,
/// and then every week.
fn interval(number: u32) -> u64 {
    FACTOR
        .checked_pow(number)
        .and_then(|f| f.checked_mul(FIRST))
        .map_or(LONGEST, |i| i.min(LONGEST))
}

/// Whether a reminder is due at `now` when `sent` were sent before, the last of them (or the alarm) at `last`.
#[must_use]
pub fn due(now: u64, last: u64, sent: u32) -> bool {
    now.saturating_sub(last) >= interval(sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_grow_to_a_week_and_never_overflow() {
        let hours: Vec<u64> = (0..7).map(|n| interval(n) / 3600).collect();
        assert_eq!(hours, [1, 4, 16, 64, 168, 168, 168]);
        assert_eq!(interval(u32::MAX), LONGEST);
        assert!(!due(0, 10, 0));
    }
}
