//! Time zones as senders write them.

const HOUR: i32 = 3_600;

/// A stamp's zone: what is known of its offset, in seconds east of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    /// Nothing: the exporter's own.
    Unstated,
    /// One offset.
    Offset(i32),
    /// One of two: the one that is nearer to the receive time is meant.
    Either(i32, i32),
}

/// The zones of abbreviations that are in use on network devices. CST is China's or that of the
/// middle of North America, IST India's or Israel's, BST Britain's summer or Bangladesh's time.
pub(crate) fn named(name: &str) -> Option<Zone> {
    let one = |hours: i32| Zone::Offset(hours * HOUR);
    Some(match name {
        "UTC" | "GMT" | "Z" | "WET" | "UCT" => one(0),
        "CET" | "MET" | "WEST" | "WAT" => one(1),
        "CEST" | "MEST" | "EET" | "SAST" | "CAT" => one(2),
        "EEST" | "MSK" | "EAT" | "TRT" => one(3),
        "GST" => one(4),
        "PKT" => one(5),
        "WIB" | "ICT" => one(7),
        "BJT" | "BJ" | "HKT" | "SGT" | "PHT" | "MYT" | "AWST" | "Beijing" | "BeiJing" | "beijing" | "BEIJING" => one(8),
        "JST" | "KST" => one(9),
        "AEST" => one(10),
        "AEDT" => one(11),
        "NZST" => one(12),
        "NZDT" => one(13),
        "BRT" | "ADT" => one(-3),
        "EDT" | "AST" => one(-4),
        "EST" | "CDT" => one(-5),
        "MDT" => one(-6),
        "PDT" | "MST" => one(-7),
        "PST" | "AKDT" => one(-8),
        "AKST" => one(-9),
        "HST" => one(-10),
        "CST" => Zone::Either(8 * HOUR, -6 * HOUR),
        "IST" => Zone::Either(5 * HOUR + HOUR / 2, 2 * HOUR),
        "BST" => Zone::Either(HOUR, 6 * HOUR),
        // Huawei's mark of daylight saving: the clock is the exporter's own.
        "DST" => Zone::Unstated,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_offsets() {
        assert_eq!(named("BJT"), Some(Zone::Offset(28_800)));
        assert_eq!(named("CST"), Some(Zone::Either(28_800, -21_600)));
        assert_eq!(named("PST"), Some(Zone::Offset(-28_800)));
        assert_eq!(named("sshd"), None);
    }
}
