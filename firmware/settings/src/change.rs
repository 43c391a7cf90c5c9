//! What may become of one document after another: exporters' numbers are never given twice.

use crate::{Settings, SettingsError};

/// How far a new exporter's number may be from the numbers that were given: the numbers must not run out.
const NUMBERS_AHEAD: u32 = 10_000;

impl Settings {
    /// A number for a new exporter: above all that exporters of this document ever had.
    #[must_use]
    pub fn next_exporter_number(&self) -> u32 {
        self.numbers_given().saturating_add(1)
    }

    fn numbers_given(&self) -> u32 {
        let highest = self.exporters.last_key_value().map_or(0, |(number, _)| *number);
        self.exporter_numbers.max(highest)
    }

    /// Makes this document the successor of `previous`: checks that new exporters have new numbers, and notes the
    /// highest number, whatever the document says of it.
    ///
    /// # Errors
    /// An exporter has a number that another had once, or one that is far from all others.
    pub fn follow(&mut self, previous: &Self) -> Result<(), SettingsError> {
        let given = previous.numbers_given();
        let most = given.saturating_add(NUMBERS_AHEAD);
        let new = |number: &u32| !previous.exporters.contains_key(number);
        if let Some((number, exporter)) = self
            .exporters
            .iter()
            .find(|(number, _)| new(number) && !(given < **number && **number <= most))
        {
            let next = previous.next_exporter_number();
            return Err(SettingsError::Field {
                field: "exporters",
                problem: format!(
                    "the new exporter {:?} cannot have the number {number}: numbers are not given twice; take {next} or one that follows",
                    exporter.name
                ),
            });
        }
        self.exporter_numbers = 0;
        self.exporter_numbers = given.max(self.numbers_given());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Exporter;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn add(settings: &mut Settings, number: u32) {
        let exporter = Exporter {
            name: format!("e{number}"),
            addresses: vec![std::net::Ipv4Addr::from(0x0a00_0000 | number).into()],
            enabled: true,
            sampling: None,
            utc_offset_min: 0,
            snmp: None,
            interfaces: std::collections::BTreeMap::new(),
        };
        settings.exporters.insert(number, exporter);
    }

    #[test]
    fn a_number_is_never_given_twice() {
        let empty = Settings::default();
        let mut first = empty.clone();
        assert_eq!(first.next_exporter_number(), 1);
        add(&mut first, 1);
        add(&mut first, 2);
        first.follow(&empty).unwrap();
        assert_eq!((first.exporter_numbers, first.next_exporter_number()), (2, 3));

        let mut second = first.clone();
        second.exporters.remove(&2);
        // What the document says of the numbers does not count.
        second.exporter_numbers = 0;
        second.follow(&first).unwrap();
        assert_eq!(second.exporter_numbers, 2);

        let mut third = second.clone();
        add(&mut third, 2);
        let error = third.follow(&second).unwrap_err().to_string();
        assert!(
            error.starts_with("exporters: ") && error.contains("e2") && error.contains("take 3"),
            "{error}"
        );
        let mut far = second.clone();
        add(&mut far, u32::MAX);
        assert!(far.follow(&second).is_err());
    }

    proptest! {
        /// Against a set of all numbers that ever were.
        #[test]
        fn numbers_are_new_whatever_is_added_and_removed(steps in prop::collection::vec((any::<bool>(), 1u32..40), 1..60)) {
            let mut settings = Settings::default();
            let mut ever = BTreeSet::new();
            for (adds, number) in steps {
                let mut new = settings.clone();
                if adds {
                    add(&mut new, number);
                } else {
                    new.exporters.remove(&number);
                }
                let there = settings.exporters.contains_key(&number);
                let above = ever.last().is_none_or(|highest| number > *highest);
                let good = !adds || there || above;
                prop_assert_eq!(new.follow(&settings).is_ok(), good);
                if good {
                    if adds {
                        ever.insert(number);
                    }
                    settings = new;
                    prop_assert_eq!(settings.next_exporter_number(), ever.last().map_or(1, |n| n + 1));
                }
            }
        }
    }
}
