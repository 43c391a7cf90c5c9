//! What SNMP agents ask for.

use std::collections::BTreeMap;

use super::{SettingsError, field, label_problem};
use crate::{Secret, SnmpCredentials};

const CREDENTIALS_MAX: usize = 256;
/// The shortest password that a key is made of (RFC 3414, 11.2).
const PASSWORD_MIN: usize = 8;
/// The longest secret, in octets; agents take far less.
const SECRET_MAX: usize = 255;
/// The longest user name, in octets (RFC 3414, usmUserName).
const USER_MAX: usize = 32;

pub(super) fn check(all: &BTreeMap<String, SnmpCredentials>) -> Result<(), SettingsError> {
    if all.len() > CREDENTIALS_MAX {
        return field("snmp", format!("more than {CREDENTIALS_MAX} credentials"));
    }
    for (name, credentials) in all {
        if name.trim().is_empty() {
            return field("snmp", "credentials need a name".to_owned());
        }
        let problem = label_problem(name).or_else(|| problem(credentials));
        if let Some(problem) = problem {
            return field("snmp", format!("{name:?}: {problem}"));
        }
    }
    Ok(())
}

/// What is wrong; never with the secret in it.
fn problem(credentials: &SnmpCredentials) -> Option<String> {
    match credentials {
        SnmpCredentials::V1 { community } | SnmpCredentials::V2c { community } => length("the community", community, 1),
        SnmpCredentials::V3 {
            user,
            authentication,
            privacy,
        } => {
            if !(1..=USER_MAX).contains(&user.len()) || user.chars().any(char::is_control) {
                return Some(format!("the user has 1–{USER_MAX} octets"));
            }
            if privacy.is_some() && authentication.is_none() {
                return Some("privacy needs authentication (RFC 3414): set both, or leave privacy out".to_owned());
            }
            let of_authentication = authentication.as_ref().map(|(_, secret)| secret);
            let of_privacy = privacy.as_ref().map(|(_, secret)| secret);
            of_authentication
                .and_then(|secret| length("the authentication password", secret, PASSWORD_MIN))
                .or_else(|| of_privacy.and_then(|secret| length("the privacy password", secret, PASSWORD_MIN)))
        }
    }
}

fn length(what: &str, secret: &Secret, min: usize) -> Option<String> {
    let text = secret.expose();
    let good = text.chars().count() >= min && text.len() <= SECRET_MAX && !text.chars().any(char::is_control);
    (!good).then(|| format!("{what} has {min}–{SECRET_MAX} characters, none of them a control character"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Settings, SnmpAuthentication, SnmpPrivacy};

    fn v3(authentication: Option<&str>, privacy: Option<&str>) -> SnmpCredentials {
        SnmpCredentials::V3 {
            user: "poller".to_owned(),
            authentication: authentication.map(|secret| (SnmpAuthentication::Sha256, Secret::new(secret))),
            privacy: privacy.map(|secret| (SnmpPrivacy::Aes128, Secret::new(secret))),
        }
    }

    fn checked(name: &str, credentials: SnmpCredentials) -> Result<(), SettingsError> {
        let mut settings = Settings::default();
        settings.snmp.insert(name.to_owned(), credentials);
        settings.check()
    }

    #[test]
    fn secrets_are_long_enough_and_privacy_needs_authentication() {
        for good in [
            v3(None, None),
            v3(Some("12345678"), None),
            v3(Some("12345678"), Some("abcdefgh")),
        ] {
            assert_eq!(checked("core", good), Ok(()));
        }
        for (bad, says) in [
            (v3(None, Some("abcdefgh")), "privacy needs authentication"),
            (v3(Some("1234567"), None), "the authentication password has 8–255"),
            (v3(Some("12345678"), Some("short")), "the privacy password has 8–255"),
            (
                SnmpCredentials::V1 {
                    community: Secret::new(""),
                },
                "the community has 1–255",
            ),
        ] {
            let text = checked("core", bad).unwrap_err().to_string();
            assert!(text.starts_with("snmp: \"core\": ") && text.contains(says), "{text}");
            assert!(!text.contains("1234567") && !text.contains("short"), "{text}");
        }
        assert!(checked(" ", v3(None, None)).is_err());
        assert!(checked(&"x".repeat(65), v3(None, None)).is_err());
    }
}
