//! Which bundles may be installed: pure rules over what RAUC says of a bundle.

use api::firmware::{Bundle, Confirmation};
use semver::Version;

/// The board that this firmware is for, as bundles name it.
pub(crate) const COMPATIBLE: &str = "spanwatch-x86_64";
/// What must stay free on the data partition beside a bundle: records and settings go on. Octets.
pub(crate) const KEEP_FREE: u64 = 32 << 20;
/// The largest bundle that is received. Octets.
pub(crate) const BUNDLE_MAX: u64 = 512 << 20;

/// Why a bundle is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// For another board.
    #[error("the bundle is for {found:?}, and this box is {COMPATIBLE:?}: take the bundle for this model")]
    Board { found: String },
    /// Its version is no version.
    #[error("the bundle's version {found:?} is not a version: it may be damaged; get it again")]
    Version { found: String },
    /// Older than the floor.
    #[error("version {found} is older than {floor}, the lowest that may be installed here: take a newer bundle")]
    Floor { found: Version, floor: Version },
    /// Too large for the data partition.
    #[error("the bundle has {octets} octets, and {room} are free for it: delete captures or let records expire")]
    Room { octets: u64, room: u64 },
    /// Larger than any bundle.
    #[error("{octets} octets are no bundle's size: the largest has {BUNDLE_MAX}")]
    Size { octets: u64 },
    /// It needs a confirmation that was not given.
    #[error("version {version} {}", needs(.missing))]
    Unconfirmed {
        version: String,
        missing: Vec<Confirmation>,
    },
}

fn needs(missing: &[Confirmation]) -> String {
    let words = missing.iter().map(|confirmation| match confirmation {
        Confirmation::Downgrade => "is older than the one that runs",
        Confirmation::SameVersion => "is the one that runs",
        Confirmation::RolledBackBefore => "was tried before and did not become healthy",
    });
    let words: Vec<&str> = words.collect();
    format!("{}: confirm that it shall be installed", words.join(", and "))
}

/// What a bundle is judged by.
#[derive(Debug, Clone)]
pub(crate) struct Rules<'a> {
    /// The version that runs.
    pub(crate) running: &'a str,
    /// The lowest that may be installed.
    pub(crate) floor: Option<&'a Version>,
    /// Versions that were rolled back.
    pub(crate) rolled_back: &'a [String],
}

impl Rules<'_> {
    /// Whether a bundle may be installed, and what must be confirmed before.
    pub(crate) fn admit(&self, mut bundle: Bundle) -> Result<Bundle, Refusal> {
        if bundle.compatible != COMPATIBLE {
            return Err(Refusal::Board {
                found: bundle.compatible,
            });
        }
        let version = Version::parse(&bundle.version).map_err(|_| Refusal::Version {
            found: bundle.version.clone(),
        })?;
        if let Some(floor) = self.floor.filter(|floor| version.cmp_precedence(floor).is_lt()) {
            return Err(Refusal::Floor {
                found: version,
                floor: floor.clone(),
            });
        }
        bundle.confirmations.clear();
        match Version::parse(self.running) {
            Ok(running) if version.cmp_precedence(&running).is_lt() => {
                bundle.confirmations.push(Confirmation::Downgrade);
            }
            Ok(running) if version.cmp_precedence(&running).is_eq() => {
                bundle.confirmations.push(Confirmation::SameVersion);
            }
            _ => {}
        }
        if self.rolled_back.contains(&bundle.version) {
            bundle.confirmations.push(Confirmation::RolledBackBefore);
        }
        Ok(bundle)
    }
}

/// Whether everything that must be confirmed was.
pub(crate) fn confirmed(bundle: &Bundle, given: &[Confirmation]) -> Result<(), Refusal> {
    let missing: Vec<_> = bundle
        .confirmations
        .iter()
        .filter(|wanted| !given.contains(wanted))
        .copied()
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Refusal::Unconfirmed {
            version: bundle.version.clone(),
            missing,
        })
    }
}

/// Octets that a bundle may take of what is free.
pub(crate) fn room(available: u64) -> u64 {
    available.saturating_sub(KEEP_FREE).min(BUNDLE_MAX)
}

/// Whether a bundle of this size may be received.
pub(crate) fn admit_size(octets: u64, available: u64) -> Result<(), Refusal> {
    if octets == 0 || octets > BUNDLE_MAX {
        return Err(Refusal::Size { octets });
    }
    let room = room(available);
    if octets > room {
        return Err(Refusal::Room { octets, room });
    }
    Ok(())
}

/// The floor in force: the higher of the image's and the box's; a text that is no version counts as none.
pub(crate) fn floor(image: Option<&str>, kept: Option<&str>) -> Option<Version> {
    let parse = |text: Option<&str>| Version::parse(text?.trim()).ok();
    match (parse(image), parse(kept)) {
        (Some(a), Some(b)) => Some(if a.cmp_precedence(&b).is_lt() { b } else { a }),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bundle(version: &str) -> Bundle {
        Bundle {
            version: version.to_owned(),
            description: String::new(),
            compatible: COMPATIBLE.to_owned(),
            manifest: "00".to_owned(),
            confirmations: Vec::new(),
        }
    }

    fn rules<'a>(floor: Option<&'a Version>, rolled_back: &'a [String]) -> Rules<'a> {
        Rules {
            running: "1.2.0",
            floor,
            rolled_back,
        }
    }

    #[test]
    fn what_is_asked_depends_on_the_version() {
        let floor = Version::new(1, 0, 0);
        let rolled = ["1.3.0".to_owned()];
        let rules = rules(Some(&floor), &rolled);
        let asked = |version| rules.admit(bundle(version)).map(|b| b.confirmations);
        assert_eq!(asked("1.2.1"), Ok(vec![]));
        assert_eq!(asked("1.2.0"), Ok(vec![Confirmation::SameVersion]));
        assert_eq!(asked("1.2.0-rc.1"), Ok(vec![Confirmation::Downgrade]));
        assert_eq!(asked("1.0.0"), Ok(vec![Confirmation::Downgrade]));
        assert_eq!(asked("1.3.0"), Ok(vec![Confirmation::RolledBackBefore]));
        assert!(matches!(asked("0.9.9"), Err(Refusal::Floor { .. })));
        // A pre-release of the floor is older than the floor.
        assert!(matches!(asked("1.0.0-rc.1"), Err(Refusal::Floor { .. })));
        assert!(matches!(asked("latest"), Err(Refusal::Version { .. })));
        let other = Bundle {
            compatible: "spanwatch-arm".to_owned(),
            ..bundle("9.0.0")
        };
        assert!(matches!(rules.admit(other), Err(Refusal::Board { .. })));
        // What the bundle itself claims to need is not believed.
        let claims = Bundle {
            confirmations: vec![Confirmation::Downgrade],
            ..bundle("9.0.0")
        };
        assert_eq!(rules.admit(claims).map(|b| b.confirmations), Ok(vec![]));
    }

    #[test]
    fn confirmations_are_all_wanted() {
        let old = Bundle {
            confirmations: vec![Confirmation::Downgrade, Confirmation::RolledBackBefore],
            ..bundle("1.0.0")
        };
        assert!(confirmed(&old, &[Confirmation::Downgrade, Confirmation::RolledBackBefore]).is_ok());
        let refusal = confirmed(&old, &[Confirmation::Downgrade]).unwrap_err();
        assert!(refusal.to_string().contains("did not become healthy"), "{refusal}");
        assert!(confirmed(&bundle("2.0.0"), &[]).is_ok());
    }

    #[test]
    fn staging_leaves_room_for_everything_else() {
        assert!(admit_size(10 << 20, 100 << 20).is_ok());
        assert!(matches!(admit_size(90 << 20, 100 << 20), Err(Refusal::Room { .. })));
        assert!(matches!(admit_size(0, u64::MAX), Err(Refusal::Size { .. })));
        assert!(matches!(
            admit_size(BUNDLE_MAX + 1, u64::MAX),
            Err(Refusal::Size { .. })
        ));
        assert!(matches!(admit_size(1, 0), Err(Refusal::Room { .. })));
    }

    proptest! {
        #[test]
        fn nothing_below_the_floor_is_ever_admitted(
            v in (0u64..4, 0u64..4, 0u64..4), image in proptest::option::of((0u64..4, 0u64..4, 0u64..4)),
            kept in proptest::option::of((0u64..4, 0u64..4, 0u64..4)),
        ) {
            let text = |(a, b, c): (u64, u64, u64)| format!("{a}.{b}.{c}");
            let (image_text, kept_text) = (image.map(text), kept.map(text));
            let floor = floor(image_text.as_deref(), kept_text.as_deref());
            let lowest = image.max(kept);
            let admitted = rules(floor.as_ref(), &[]).admit(bundle(&text(v))).is_ok();
            prop_assert_eq!(admitted, lowest.is_none_or(|lowest| v >= lowest));
        }
    }
}
