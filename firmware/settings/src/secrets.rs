//! Secrets that are not told, and how they come back.

use crate::{Secret, Settings, SettingsError, SnmpCredentials};

impl SnmpCredentials {
    /// The secrets with what each is called, in a fixed order.
    fn secrets(&mut self) -> Vec<(&'static str, &mut Secret)> {
        match self {
            Self::V1 { community } | Self::V2c { community } => vec![(COMMUNITY, community)],
            Self::V3 {
                authentication,
                privacy,
                ..
            } => {
                let authentication = authentication.as_mut().map(|(_, secret)| (AUTHENTICATION, secret));
                let privacy = privacy.as_mut().map(|(_, secret)| (PRIVACY, secret));
                authentication.into_iter().chain(privacy).collect()
            }
        }
    }
}

const COMMUNITY: &str = "community";
const AUTHENTICATION: &str = "authentication password";
const PRIVACY: &str = "privacy password";

impl Settings {
    /// The document with [`Secret::HIDDEN`] in the place of each secret.
    #[must_use]
    pub fn without_secrets(&self) -> Self {
        let mut hidden = self.clone();
        for credentials in hidden.snmp.values_mut() {
            for (_, secret) in credentials.secrets() {
                *secret = Secret::new(Secret::HIDDEN);
            }
        }
        hidden
    }

    /// Puts in the place of each hidden secret the one that `stored` holds for credentials of the same name.
    ///
    /// # Errors
    /// A secret is hidden and `stored` has none for it: names the credentials.
    pub fn with_secrets_of(mut self, stored: &Self) -> Result<Self, SettingsError> {
        for (name, credentials) in &mut self.snmp {
            let mut known = stored.snmp.get(name).cloned();
            for (what, secret) in credentials.secrets() {
                if !secret.is_hidden() {
                    continue;
                }
                let same = known
                    .as_mut()
                    .and_then(|known| known.secrets().into_iter().find(|(other, _)| *other == what));
                let Some((_, same)) = same else {
                    return Err(SettingsError::Field {
                        field: "snmp".into(),
                        problem: format!("{name:?}: no {what} is stored under this name: type it in"),
                    });
                };
                *secret = same.clone();
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SnmpAuthentication, SnmpPrivacy};

    fn v3(authentication: &str, privacy: &str) -> SnmpCredentials {
        SnmpCredentials::V3 {
            user: "u".to_owned(),
            authentication: Some((SnmpAuthentication::Sha256, Secret::new(authentication))),
            privacy: Some((SnmpPrivacy::Aes128, Secret::new(privacy))),
        }
    }

    fn v2(community: &str) -> SnmpCredentials {
        SnmpCredentials::V2c {
            community: Secret::new(community),
        }
    }

    fn stored() -> Settings {
        let mut stored = Settings::default();
        stored.snmp.insert("a".to_owned(), v2("first-secret"));
        stored.snmp.insert("b".to_owned(), v3("second-secret", "third-secret"));
        stored
    }

    #[test]
    fn hidden_secrets_are_nowhere_and_come_back() {
        let hidden = stored().without_secrets();
        let text = hidden.to_json();
        assert!(
            !text.contains("-secret") && text.matches(Secret::HIDDEN).count() == 3,
            "{text}"
        );
        assert!(!format!("{:?}", stored()).contains("-secret"));
        assert_eq!(hidden.with_secrets_of(&stored()), Ok(stored()));
    }

    #[test]
    fn new_secrets_replace_and_hidden_ones_stay() {
        let mut new = stored().without_secrets();
        new.snmp.insert("b".to_owned(), v3("fourth-secret", Secret::HIDDEN));
        // Another version of the protocol, the same community.
        let community = Secret::new(Secret::HIDDEN);
        new.snmp.insert("a".to_owned(), SnmpCredentials::V1 { community });
        let new = new.with_secrets_of(&stored()).unwrap();
        assert_eq!(new.snmp["b"], v3("fourth-secret", "third-secret"));
        let community = Secret::new("first-secret");
        assert_eq!(new.snmp["a"], SnmpCredentials::V1 { community });
    }

    #[test]
    fn a_hidden_secret_that_is_not_stored_is_an_error_that_names_it() {
        let mut renamed = stored().without_secrets();
        let b = renamed.snmp.remove("b").unwrap();
        renamed.snmp.insert("c".to_owned(), b.clone());
        let error = renamed.with_secrets_of(&stored()).unwrap_err().to_string();
        assert!(
            error.contains("\"c\"") && error.contains("authentication password"),
            "{error}"
        );

        let mut other_kind = stored().without_secrets();
        other_kind.snmp.insert("a".to_owned(), b);
        let error = other_kind.with_secrets_of(&stored()).unwrap_err().to_string();
        assert!(
            error.contains("\"a\"") && error.contains("authentication password"),
            "{error}"
        );
    }
}
