//! SMART attributes, and what vendors pack into their raw values.

/// Whether an attribute has crossed its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WhenFailed {
    /// Never.
    Never,
    /// Once, but not now.
    Past,
    /// Now.
    Now,
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// Its number.
    pub id: u8,
    /// smartmontools' name for it on this model.
    pub name: String,
    /// Whether crossing its threshold foretells failure; otherwise it means age. `None` where the source does not say.
    pub prefail: Option<bool>,
    /// Normalised value; lower is worse.
    pub value: Option<u8>,
    /// The lowest that it has been.
    pub worst: Option<u8>,
    /// The threshold; 0 judges nothing.
    pub threshold: Option<u8>,
    /// The source's column for it.
    pub printed: Option<WhenFailed>,
    /// The raw value.
    pub raw: Raw,
}

/// What an attribute counts, by its number and its name: numbers alone mean other things on other makers' drives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// 5: sectors that were replaced by spare ones.
    Reallocated,
    /// 10: attempts to spin up.
    SpinRetries,
    /// 184: data that was damaged inside the drive.
    EndToEnd,
    /// 187: errors that could not be corrected and were told to the host.
    Uncorrectable,
    /// 188: commands that took too long.
    Timeouts,
    /// 196: attempts to replace sectors.
    ReallocationEvents,
    /// 197: sectors that wait to be replaced.
    Pending,
    /// 198: sectors that a scan could not read.
    Offline,
    /// 199: errors on the cable.
    Cable,
    /// 190 or 194: a temperature.
    Temperature,
    /// 9: time of service.
    PowerOn,
    /// Life left, as a normalised value.
    LifeLeft,
    /// 1 or 7: error rates, of which only the normalised value is comparable.
    Rate,
}

impl Attribute {
    /// Whether and when it crossed its threshold: what the source printed, or else what the values say.
    #[must_use]
    pub fn when_failed(&self) -> WhenFailed {
        self.printed.unwrap_or_else(|| {
            // 0 always passes; 0xfe and 0xff are reserved
            let threshold = self.threshold.filter(|t| (1..=0xfd).contains(t));
            match (threshold, self.value, self.worst) {
                (Some(t), Some(v), _) if v <= t => WhenFailed::Now,
                (Some(t), _, Some(w)) if w <= t => WhenFailed::Past,
                _ => WhenFailed::Never,
            }
        })
    }

    /// What it counts. A name that smartmontools does not know counts as the number's usual meaning on disks that spin
    /// and as nothing on flash.
    #[must_use]
    pub fn meaning(&self, solid_state: bool) -> Option<Meaning> {
        let name = self.name.to_ascii_lowercase();
        let unknown = name.starts_with("unknown") && !solid_state;
        let has = |part: &str| unknown || name.contains(part);
        match self.id {
            1 | 7 if name.contains("rate") => Some(Meaning::Rate),
            5 if has("realloc") || has("retired") || has("re-alloc") || has("bad_b") => Some(Meaning::Reallocated),
            9 if has("power_on") || has("power-on") => Some(Meaning::PowerOn),
            10 if has("spin") => Some(Meaning::SpinRetries),
            184 if has("end-to-end") || has("end_to_end") => Some(Meaning::EndToEnd),
            187 if has("uncorrect") || has("uecc") => Some(Meaning::Uncorrectable),
            188 if has("timeout") => Some(Meaning::Timeouts),
            190 | 194 if has("temp") => Some(Meaning::Temperature),
            196 if has("realloc") => Some(Meaning::ReallocationEvents),
            197 if has("pending") && !name.contains("ecc_cnt") => Some(Meaning::Pending),
            198 if has("uncorrect") => Some(Meaning::Offline),
            199 if name.contains("crc") => Some(Meaning::Cable),
            169 | 173 | 177 | 202 | 230 | 231 | 232 | 233 if solid_state && life(&name) => Some(Meaning::LifeLeft),
            _ => None,
        }
    }
}

/// Names whose normalised value is the life left, from 100 down.
fn life(name: &str) -> bool {
    const NAMES: [&str; 9] = [
        "media_wearout_indicator",
        "percent_lifetime_remain",
        "percent_lifetime_used",
        "remaining_lifetime_perc",
        "ssd_life_left",
        "wear_leveling_count",
        "ave_block-erase_count",
        "drive_life_remaining%",
        "perc_lifetime_remain",
    ];
    NAMES.iter().any(|known| name.starts_with(known))
}

/// A raw value: the text that the source printed, or the 48 bits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Raw {
    text: String,
    bits: Option<u64>,
}

impl Raw {
    /// From the column's text: `0`, `25 (Min/Max 22/29)`, `1 1 1`, `47257h+03m+15.850s`, `0x0000000000ff`.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self {
            text: super::label(text).unwrap_or_default(),
            bits: None,
        }
    }

    /// The same with the 48 bits, as JSON has them.
    #[must_use]
    pub fn with_bits(mut self, bits: Option<u64>) -> Self {
        self.bits = bits;
        self
    }

    /// As printed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The numbers before any parenthesis: `1 1 1` has three, `12/34` two.
    fn numbers(&self) -> Vec<u64> {
        let plain = self.text.split('(').next().unwrap_or_default();
        plain
            .split([' ', '/'])
            .filter(|part| !part.is_empty())
            .map_while(whole)
            .take(6)
            .collect()
    }

    fn first(&self) -> Option<u64> {
        self.numbers().first().copied().or(self.bits)
    }

    /// A plain count. Three packed numbers, as of `5` on some drives (`12 (0 3)`), give the first. A value with any of
    /// the upper 16 of 48 bits set packs something else beside the count, whose lower 32 bits then hold it.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        self.first().map(|n| if n >> 32 == 0 { n } else { n & 0xffff_ffff })
    }

    /// 188 on Seagate drives: three counters of 16 bits, of commands that took too long, more than 5 s and more than
    /// 7.5 s. The first counts all.
    #[must_use]
    pub fn timeouts(&self) -> Option<u64> {
        match self.numbers().as_slice() {
            [one] if *one > 0xffff => Some(packed16(*one)),
            [one] => Some(*one),
            [] => self.bits.map(|bits| if bits > 0xffff { packed16(bits) } else { bits }),
            several => several.iter().max().copied(),
        }
    }

    /// 1 and 7 on Seagate drives: 16 bits of errors over 32 bits of operations. `(errors, operations)`.
    #[must_use]
    pub fn seagate_rate(&self) -> Option<(u64, u64)> {
        match self.numbers().as_slice() {
            [errors, operations] => Some((*errors, *operations)),
            [one, ..] => Some((one >> 32, one & 0xffff_ffff)),
            [] => self.bits.map(|bits| (bits >> 32, bits & 0xffff_ffff)),
        }
    }

    /// 190 and 194: degrees Celsius, from `25 (Min/Max 22/29)`, `25 (0 21 0 0 0)`, `-5`, or packed octets whose lowest
    /// is the temperature. `None` where no drive can be so cold or hot.
    #[must_use]
    pub fn celsius(&self, name: &str) -> Option<i32> {
        let token = self.text.split([' ', '(']).find(|part| !part.is_empty());
        let printed = token.and_then(|t| {
            t.parse::<f64>().ok().or_else(|| {
                #[allow(clippy::cast_precision_loss, reason = "a temperature")]
                whole(t).map(|n| n as f64)
            })
        });
        #[allow(clippy::cast_precision_loss, reason = "packed values lose nothing that matters")]
        let mut value = printed.or(self.bits.map(|bits| bits as f64))?;
        if name.to_ascii_lowercase().ends_with("_x10") {
            value /= 10.0;
        } else if value > 255.0 {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "48 bits at most")]
            let octet = (value as u64 & 0xff) as u8;
            value = f64::from(i8::from_le_bytes([octet]));
        }
        #[allow(
            clippy::cast_possible_truncation,
            reason = "within the bounds that are looked at first"
        )]
        (value > -60.0 && value < 150.0).then_some(value.round() as i32)
    }

    /// 9: hours, from `10443`, `47257h+03m+15.850s`, `12345 (25 13 0)`, or minutes or seconds where the name says so.
    #[must_use]
    pub fn hours(&self, name: &str) -> Option<u64> {
        if let Some((hours, _)) = self.text.split_once('h')
            && let Some(hours) = whole(hours.trim())
        {
            return Some(hours);
        }
        let name = name.to_ascii_lowercase();
        let count = self.first()?;
        Some(match () {
            () if name.contains("half_min") => count / 120,
            () if name.contains("minutes") => count / 60,
            () if name.contains("seconds") => count / 3600,
            // 32 bits of hours hold 490,000 years; what is above them is the vendor's own
            () if count >> 32 != 0 || (name.contains("hours") && count > 10_000_000) => {
                let low = count & 0xffff_ffff;
                if low > 10_000_000 { count & 0xffff } else { low }
            }
            () => count,
        })
    }
}

/// A decimal or hexadecimal number.
fn whole(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The largest of three counters of 16 bits.
fn packed16(bits: u64) -> u64 {
    (bits & 0xffff).max(bits >> 16 & 0xffff).max(bits >> 32 & 0xffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Raw {
        Raw::from_text(text)
    }

    #[test]
    fn seagates_timeouts_are_unpacked() {
        assert_eq!(raw("51540393996").timeouts(), Some(12));
        assert_eq!(raw("12 12 12").timeouts(), Some(12));
        assert_eq!(raw("7").timeouts(), Some(7));
        assert_eq!(Raw::default().with_bits(Some(4_295_032_833)).timeouts(), Some(1));
        assert_eq!(raw("").timeouts(), None);
    }

    #[test]
    fn seagates_rates_are_unpacked() {
        assert_eq!(raw("191476672").seagate_rate(), Some((0, 191_476_672)));
        assert_eq!(raw("4295041311").seagate_rate(), Some((1, 74_015)));
        assert_eq!(raw("3/191476672").seagate_rate(), Some((3, 191_476_672)));
    }

    #[test]
    fn temperatures_come_in_many_dresses() {
        for (text, celsius) in [
            ("28 (Min/Max 12/45)", Some(28)),
            ("25 (0 21 0 0 0)", Some(25)),
            ("-5 (Min/Max -17/41)", Some(-5)),
            ("33 (Min/Max 22/29 #0)", Some(33)),
            ("124554772514", Some(34)),
            ("1900571", Some(27)),
            ("0x001d", Some(29)),
            ("255", None),
            ("", None),
        ] {
            assert_eq!(raw(text).celsius("Temperature_Celsius"), celsius, "{text}");
        }
        assert_eq!(raw("315").celsius("Temperature_Celsius_x10"), Some(32));
    }

    #[test]
    fn hours_come_in_many_dresses() {
        for (name, text, hours) in [
            ("Power_On_Hours", "10443", Some(10_443)),
            ("Power_On_Hours", "47257h+03m+15.850s", Some(47_257)),
            ("Power_On_Hours_and_Msec", "1234h+00m+00.000s", Some(1234)),
            ("Power_On_Hours", "12345 (25 13 0)", Some(12_345)),
            ("Power_On_Minutes", "600h+12m", Some(600)),
            ("Power_On_Hours", "219902325560570", Some(5370)),
            ("Power_On_Hours", "", None),
        ] {
            assert_eq!(raw(text).hours(name), hours, "{text}");
        }
    }

    #[test]
    fn counts_leave_packed_octets_alone() {
        assert_eq!(raw("12 (0 3)").count(), Some(12));
        assert_eq!(raw("0/0").count(), Some(0));
        assert_eq!(raw("8589934592").count(), Some(0));
        assert_eq!(raw("4294967295").count(), Some(4_294_967_295));
    }

    #[test]
    fn thresholds_judge_where_no_column_does() {
        let with = |value, worst, threshold| Attribute {
            id: 5,
            name: "Reallocated_Sector_Ct".to_owned(),
            prefail: Some(true),
            value: Some(value),
            worst: Some(worst),
            threshold: Some(threshold),
            printed: None,
            raw: Raw::default(),
        };
        assert_eq!(with(5, 5, 5).when_failed(), WhenFailed::Now);
        assert_eq!(with(6, 5, 5).when_failed(), WhenFailed::Past);
        assert_eq!(with(6, 6, 5).when_failed(), WhenFailed::Never);
        assert_eq!(with(0, 0, 0).when_failed(), WhenFailed::Never);
        assert_eq!(with(1, 1, 0xfe).when_failed(), WhenFailed::Never);
    }

    #[test]
    fn a_number_means_nothing_without_its_name() {
        let named = |id, name: &str| Attribute {
            id,
            name: name.to_owned(),
            prefail: None,
            value: None,
            worst: None,
            threshold: None,
            printed: None,
            raw: Raw::default(),
        };
        assert_eq!(named(198, "Host_Reads_GiB").meaning(true), None);
        assert_eq!(named(197, "Unknown_Attribute").meaning(true), None);
        assert_eq!(named(197, "Unknown_Attribute").meaning(false), Some(Meaning::Pending));
        assert_eq!(named(197, "Current_Pending_ECC_Cnt").meaning(true), None);
        assert_eq!(
            named(233, "Media_Wearout_Indicator").meaning(true),
            Some(Meaning::LifeLeft)
        );
        assert_eq!(named(233, "Lifetime_Wts_ToFlash_GB").meaning(true), None);
    }
}
