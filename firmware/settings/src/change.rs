//! What may become of one document after another: numbers of exporters and objects are never given twice, and names of
//! the firmware's applications are not given.

use model::{ObjectKind, Objects};

use crate::validate::new_application_name_problem;
use crate::{Settings, SettingsError};

/// How far a new number may be from the numbers that were given: they must not run out.
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

    /// A number for a new object of any kind: above all that objects of this document ever had.
    #[must_use]
    pub fn next_object_number(&self) -> u32 {
        object_numbers_given(&self.objects).saturating_add(1)
    }

    /// Makes this document the successor of `previous`: checks that new exporters and objects have new numbers, and
    /// notes the highest numbers, whatever the document says of them.
    ///
    /// # Errors
    /// An exporter or an object has a number that another had once, or one that is far from all others.
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
                field: "exporters".into(),
                problem: format!(
                    "the new exporter {:?} cannot have the number {number}: numbers are not given twice; take {next} or one that follows",
                    exporter.name
                ),
            });
        }
        self.exporter_numbers = 0;
        self.exporter_numbers = given.max(self.numbers_given());
        self.follow_objects(&previous.objects)
    }

    /// Notes the numbers that `other` gave, where this document comes back in its place: what was stored meanwhile may
    /// hold them.
    pub fn keep_numbers_of(&mut self, other: &Self) {
        self.exporter_numbers = self.exporter_numbers.max(other.numbers_given());
        self.objects.numbers = self.objects.numbers.max(object_numbers_given(&other.objects));
    }

    fn follow_objects(&mut self, previous: &Objects) -> Result<(), SettingsError> {
        let given = object_numbers_given(previous);
        let most = given.saturating_add(NUMBERS_AHEAD);
        for kind in ObjectKind::ALL {
            let before = previous.names(kind);
            let held = |number: u32| before.binary_search_by_key(&number, |(n, _)| *n).is_ok();
            let names = self.objects.names(kind);
            let good = |number: u32| held(number) || (given < number && number <= most);
            let wrong = names.iter().find(|(number, _)| !good(*number));
            if let Some((number, name)) = wrong {
                let next = given.saturating_add(1);
                return Err(SettingsError::Field {
                    field: format!("objects.{}.{number}", kind.field()).into(),
                    problem: format!(
                        "the new {} {name:?} cannot have the number {number}: numbers are not given twice; take {next} or one that follows",
                        kind.one()
                    ),
                });
            }
        }
        for (number, application) in &self.objects.applications {
            let held = previous.applications.get(number);
            if held.is_some_and(|held| held.name == application.name) {
                continue;
            }
            if let Some(problem) = new_application_name_problem(&application.name) {
                return Err(SettingsError::Field {
                    field: format!("objects.applications.{number}.name").into(),
                    problem,
                });
            }
        }
        self.objects.numbers = 0;
        self.objects.numbers = given.max(object_numbers_given(&self.objects));
        Ok(())
    }
}

fn object_numbers_given(objects: &Objects) -> u32 {
    let highest = ObjectKind::ALL.map(|kind| objects.names(kind).last().map_or(0, |(number, _)| *number));
    highest.into_iter().fold(objects.numbers, u32::max)
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

    fn group(settings: &mut Settings, number: u32) {
        let group = model::IpGroup {
            name: format!("g{number}"),
            addresses: vec!["192.0.2.0/24".parse().unwrap()],
        };
        settings.objects.ip_groups.insert(number, group);
    }

    fn business(settings: &mut Settings, number: u32) {
        let endpoint = model::Endpoint {
            protocol: Some(6),
            ..model::Endpoint::default()
        };
        let business = model::Business {
            name: format!("b{number}"),
            endpoints: vec![endpoint],
        };
        settings.objects.businesses.insert(number, business);
    }

    #[test]
    fn objects_of_all_kinds_share_one_sequence() {
        let empty = Settings::default();
        let mut first = empty.clone();
        assert_eq!(first.next_object_number(), 1);
        group(&mut first, 1);
        business(&mut first, 2);
        first.follow(&empty).unwrap();
        assert_eq!((first.objects.numbers, first.next_object_number()), (2, 3));

        // The number of what is gone is not given to another kind either.
        let mut second = first.clone();
        second.objects.businesses.clear();
        second.objects.numbers = 0;
        second.follow(&first).unwrap();
        assert_eq!(second.objects.numbers, 2);
        let mut again = second.clone();
        group(&mut again, 2);
        let error = again.follow(&second).unwrap_err().to_string();
        assert_eq!(
            error,
            "objects.ip_groups.2: the new IP group \"g2\" cannot have the number 2: numbers are not given twice; take 3 or one that follows"
        );
        // Nor does a number change its kind.
        let mut moved = first.clone();
        moved.objects.businesses.clear();
        business(&mut moved, 1);
        moved.objects.ip_groups.clear();
        assert!(moved.follow(&first).is_err());
        // What comes back knows what was given meanwhile.
        let mut back = empty.clone();
        back.keep_numbers_of(&first);
        assert_eq!((back.next_object_number(), back.next_exporter_number()), (3, 1));
        let mut far = second.clone();
        group(&mut far, 30_000);
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

        /// Against a set of all numbers that ever were, of both kinds.
        #[test]
        fn objects_numbers_are_new_whatever_is_added_and_removed(
            steps in prop::collection::vec((any::<bool>(), any::<bool>(), 1u32..30), 1..60),
        ) {
            let mut settings = Settings::default();
            let mut ever = BTreeSet::new();
            for (adds, of_groups, number) in steps {
                let mut new = settings.clone();
                match (adds, of_groups) {
                    (true, true) => group(&mut new, number),
                    (true, false) => business(&mut new, number),
                    (false, true) => _ = new.objects.ip_groups.remove(&number),
                    (false, false) => _ = new.objects.businesses.remove(&number),
                }
                let there = match of_groups {
                    true => settings.objects.ip_groups.contains_key(&number),
                    false => settings.objects.businesses.contains_key(&number),
                };
                let above = ever.last().is_none_or(|highest| number > *highest);
                let good = !adds || there || above;
                prop_assert_eq!(new.follow(&settings).is_ok(), good);
                if good {
                    if adds {
                        ever.insert(number);
                    }
                    settings = new;
                    prop_assert_eq!(settings.next_object_number(), ever.last().map_or(1, |n| n + 1));
                }
            }
        }
    }
}
