//! The settings and accounts on /data, and the settings that wait for confirmation.

use std::io;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use settings::{Settings, SettingsError};

use crate::accounts::Accounts;
use crate::disk::{self, Disk};
use crate::metrics::{self, TokenHash};

const SETTINGS: &str = "settings.json";
const PREVIOUS: &str = "settings.previous.json";
const UNCONFIRMED: &str = "unconfirmed.json";
const ACCOUNTS: &str = "accounts.json";
const METRICS: &str = "metrics.json";
const SETUP_CODE: &str = "setup-code";
const RECOVERED: &str = "password-recovered";

/// Settings that were replaced, and when they come back unless the new ones are confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unconfirmed {
    /// The settings that come back.
    pub(crate) previous: Settings,
    /// The boot (`/proc/sys/kernel/random/boot_id`) that `deadline_s` counts in.
    pub(crate) boot: String,
    /// Seconds since that boot.
    pub(crate) deadline_s: u64,
}

/// The version of a file, whatever else is in it.
#[derive(Deserialize)]
struct Stamp {
    version: u32,
}

/// What the disk held at the start.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) settings: Settings,
    pub(crate) unconfirmed: Option<Unconfirmed>,
    pub(crate) accounts: Accounts,
    pub(crate) metrics: Option<TokenHash>,
    pub(crate) setup_code: Option<String>,
    /// What was damaged and what was done about it, in words.
    pub(crate) troubles: Vec<String>,
}

/// The files below /data/settings.
pub(crate) struct Vault {
    disk: Box<dyn Disk>,
}

impl Vault {
    pub(crate) fn new(disk: impl Disk + 'static) -> Self {
        Self { disk: Box::new(disk) }
    }

    /// Reads everything. A damaged file is set aside as `NAME.damaged`; a disk that cannot be read gives defaults.
    pub(crate) fn load(&mut self) -> Loaded {
        let mut troubles = Vec::new();
        let settings = self.load_settings(&mut troubles);
        let json = |name: &str, troubles: &mut Vec<String>, vault: &mut Self| vault.load_text(name, troubles);
        let unconfirmed =
            json(UNCONFIRMED, &mut troubles, self).and_then(|text| self.parse(UNCONFIRMED, &text, &mut troubles));
        let accounts = json(ACCOUNTS, &mut troubles, self).and_then(|text| self.parse(ACCOUNTS, &text, &mut troubles));
        let metrics = self.load_metrics(&mut troubles);
        let setup_code = self
            .load_text(SETUP_CODE, &mut troubles)
            .map(|text| text.trim().to_owned());
        Loaded {
            settings,
            unconfirmed,
            accounts: accounts.unwrap_or_default(),
            metrics,
            setup_code,
            troubles,
        }
    }

    /// The hash of the password of the recovery system that was taken over last.
    pub(crate) fn recovered(&mut self, troubles: &mut Vec<String>) -> Option<String> {
        self.load_text(RECOVERED, troubles)
    }

    /// Keeps that.
    pub(crate) fn save_recovered(&mut self, hash: &str) -> io::Result<()> {
        disk::replace(&mut *self.disk, RECOVERED, hash.as_bytes(), 0o600)
    }

    fn load_settings(&mut self, troubles: &mut Vec<String>) -> Settings {
        let before = troubles.len();
        for name in [SETTINGS, PREVIOUS] {
            let Some(text) = self.load_text(name, troubles) else {
                continue;
            };
            match Settings::parse(&text) {
                Ok(settings) => {
                    if name == PREVIOUS {
                        troubles.push(
                            "the settings file was lost or damaged: the settings before the last change are in force"
                                .to_owned(),
                        );
                    }
                    return settings;
                }
                Err(SettingsError::Version { found }) if found > settings::VERSION => {
                    let reason = format!("it is of version {found}, and this release reads {}", settings::VERSION);
                    self.put_away(name, "newer", &reason, troubles);
                }
                Err(e) => self.set_aside(name, &e.to_string(), troubles),
            }
        }
        if troubles.len() > before {
            troubles.push("no settings file could be read: the defaults are in force".to_owned());
        }
        Settings::default()
    }

    fn load_metrics(&mut self, troubles: &mut Vec<String>) -> Option<TokenHash> {
        let text = self.load_text(METRICS, troubles)?;
        let Stamp { version } = self.parse(METRICS, &text, troubles)?;
        if version == metrics::VERSION {
            return self.parse(METRICS, &text, troubles);
        }
        let reason = format!(
            "it is of version {version}, and this release reads {}",
            metrics::VERSION
        );
        let what = if version > metrics::VERSION { "newer" } else { "damaged" };
        self.put_away(METRICS, what, &reason, troubles);
        None
    }

    fn load_text(&mut self, name: &str, troubles: &mut Vec<String>) -> Option<String> {
        match self.disk.read(name) {
            Ok(bytes) => match String::from_utf8(bytes?) {
                Ok(text) => Some(text),
                Err(_) => {
                    self.set_aside(name, "it is not text", troubles);
                    None
                }
            },
            Err(e) => {
                troubles.push(format!("{name} cannot be read from the data partition: {e}"));
                None
            }
        }
    }

    fn parse<T: DeserializeOwned>(&mut self, name: &str, text: &str, troubles: &mut Vec<String>) -> Option<T> {
        serde_json::from_str(text)
            .map_err(|e| self.set_aside(name, &e.to_string(), troubles))
            .ok()
    }

    fn set_aside(&mut self, name: &str, reason: &str, troubles: &mut Vec<String>) {
        self.put_away(name, "damaged", reason, troubles);
    }

    /// Keeps a file that is not understood under another name. What a later release wrote is not damaged: it is whole
    /// when that release runs again.
    fn put_away(&mut self, name: &str, what: &str, reason: &str, troubles: &mut Vec<String>) {
        let aside = format!("{name}.{what}");
        let kept = self.disk.rename(name, &aside).and_then(|()| self.disk.sync());
        let fate = kept.map_or_else(
            |e| format!("could not be set aside: {e}"),
            |()| format!("was set aside as {aside}"),
        );
        troubles.push(format!("{name} is {what} ({reason}) and {fate}"));
    }

    /// Puts settings in force, on the disk. With `unconfirmed` they are taken back unless they are confirmed.
    pub(crate) fn save_settings(&mut self, new: &Settings, unconfirmed: Option<&Unconfirmed>) -> io::Result<()> {
        // The way back is on the disk before the change is.
        if let Some(unconfirmed) = unconfirmed {
            disk::replace(&mut *self.disk, UNCONFIRMED, &json(unconfirmed)?, 0o600)?;
        }
        if let Some(old) = self.disk.read(SETTINGS)? {
            disk::replace(&mut *self.disk, PREVIOUS, &old, 0o600)?;
        }
        disk::replace(&mut *self.disk, SETTINGS, new.to_json().as_bytes(), 0o600)
    }

    /// Keeps the settings that waited for confirmation.
    pub(crate) fn confirm(&mut self) -> io::Result<()> {
        self.disk.remove(UNCONFIRMED)?;
        self.disk.sync()
    }

    /// Puts accounts on the disk.
    pub(crate) fn save_accounts(&mut self, accounts: &Accounts) -> io::Result<()> {
        disk::replace(&mut *self.disk, ACCOUNTS, &json(accounts)?, 0o600)
    }

    /// Keeps the hash of the metrics' token over restarts; `None` forgets it.
    pub(crate) fn save_metrics(&mut self, token: Option<&TokenHash>) -> io::Result<()> {
        match token {
            Some(token) => disk::replace(&mut *self.disk, METRICS, &json(token)?, 0o600),
            None => self.disk.remove(METRICS).and_then(|()| self.disk.sync()),
        }
    }

    /// Keeps the setup code over restarts; `None` forgets it.
    pub(crate) fn save_setup_code(&mut self, code: Option<&str>) -> io::Result<()> {
        match code {
            Some(code) => disk::replace(&mut *self.disk, SETUP_CODE, code.as_bytes(), 0o600),
            None => self.disk.remove(SETUP_CODE).and_then(|()| self.disk.sync()),
        }
    }
}

fn json<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    serde_json::to_vec_pretty(value).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::tests::Fragile;

    fn named(hostname: &str, revision: u64) -> Settings {
        Settings {
            hostname: hostname.to_owned(),
            revision,
            ..Settings::default()
        }
    }

    fn unconfirmed(previous: &Settings) -> Unconfirmed {
        Unconfirmed {
            previous: previous.clone(),
            boot: "b".to_owned(),
            deadline_s: 120,
        }
    }

    #[test]
    fn an_empty_disk_gives_defaults_without_a_trouble() {
        let loaded = Vault::new(Fragile::default()).load();
        assert_eq!(loaded.settings, Settings::default());
        assert!(loaded.troubles.is_empty() && loaded.accounts.find("admin").is_none());
    }

    /// Whatever operation the power fails before, the settings are the old or the new ones, never the defaults,
    /// and new ones that wait for confirmation always have their way back.
    #[test]
    fn a_crash_anywhere_leaves_old_or_new_settings() {
        let (old, new) = (named("old", 1), named("new", 2));
        let mut outcomes = std::collections::BTreeSet::new();
        for operations in 0.. {
            let disk = Fragile::default();
            Vault::new(disk.clone()).save_settings(&old, None).unwrap();
            *disk.operations_left.lock().unwrap() = Some(operations);
            let result = Vault::new(disk.clone()).save_settings(&new, Some(&unconfirmed(&old)));
            *disk.operations_left.lock().unwrap() = None;
            let loaded = Vault::new(disk.clone()).load();
            assert!(loaded.troubles.is_empty(), "{:?}", loaded.troubles);
            assert!(loaded.settings == old || loaded.settings == new, "after {operations}");
            if loaded.settings == new {
                assert_eq!(loaded.unconfirmed, Some(unconfirmed(&old)));
            }
            outcomes.insert(loaded.settings.hostname);
            if result.is_ok() {
                break;
            }
        }
        assert_eq!(outcomes.len(), 2);
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_the_previous_settings_hold() {
        let disk = Fragile::default();
        let mut vault = Vault::new(disk.clone());
        vault.save_settings(&named("first", 1), None).unwrap();
        vault.save_settings(&named("second", 2), None).unwrap();
        disk.files
            .lock()
            .unwrap()
            .insert(SETTINGS.to_owned(), b"{\"version\":".to_vec());
        let loaded = vault.load();
        assert_eq!(loaded.settings.hostname, "first");
        assert_eq!(loaded.troubles.len(), 2, "{:?}", loaded.troubles);
        assert!(disk.files.lock().unwrap().contains_key("settings.json.damaged"));
    }

    #[test]
    fn what_a_later_release_wrote_is_kept_whole_and_said() {
        let disk = Fragile::default();
        let mut vault = Vault::new(disk.clone());
        vault.save_settings(&named("first", 1), None).unwrap();
        let later = named("later", 2)
            .to_json()
            .replacen("\"version\": 1", "\"version\": 9", 1);
        disk.files
            .lock()
            .unwrap()
            .insert(SETTINGS.to_owned(), later.clone().into_bytes());
        let loaded = vault.load();
        assert_eq!(loaded.settings.hostname, "spanwatch");
        assert!(loaded.troubles[0].contains("version 9"), "{:?}", loaded.troubles);
        let kept = disk.files.lock().unwrap().get("settings.json.newer").cloned();
        assert_eq!(kept, Some(later.into_bytes()));
    }

    #[test]
    fn a_token_is_read_in_the_version_that_it_was_written_in() {
        let text = |version: &str| format!("{{\"version\":{version},\"sha256\":\"00\",\"made\":1}}");
        for (version, aside) in [
            ("1", None),
            ("0", Some("metrics.json.damaged")),
            ("2", Some("metrics.json.newer")),
            ("null", Some("metrics.json.damaged")),
        ] {
            let disk = Fragile::default();
            let mut files = disk.files.lock().unwrap();
            files.insert(METRICS.to_owned(), text(version).into_bytes());
            drop(files);
            let loaded = Vault::new(disk.clone()).load();
            assert_eq!(loaded.metrics.is_some(), aside.is_none(), "{version}");
            assert_eq!(
                loaded.troubles.len(),
                usize::from(aside.is_some()),
                "{:?}",
                loaded.troubles
            );
            let kept: Vec<String> = disk.files.lock().unwrap().keys().cloned().collect();
            assert_eq!(kept, [aside.unwrap_or(METRICS)]);
        }
        // What a later release writes besides does not hide its version.
        let disk = Fragile::default();
        let later = b"{\"version\":3,\"tokens\":[]}".to_vec();
        disk.files.lock().unwrap().insert(METRICS.to_owned(), later.clone());
        let loaded = Vault::new(disk.clone()).load();
        assert!(loaded.troubles[0].contains("version 3"), "{:?}", loaded.troubles);
        assert_eq!(disk.files.lock().unwrap().get("metrics.json.newer"), Some(&later));
    }

    #[test]
    fn two_damaged_files_give_the_defaults_and_say_so() {
        let disk = Fragile::default();
        for name in [SETTINGS, PREVIOUS, ACCOUNTS, UNCONFIRMED, METRICS] {
            disk.files.lock().unwrap().insert(name.to_owned(), vec![0xff, 0]);
        }
        let loaded = Vault::new(disk).load();
        assert_eq!(loaded.settings, Settings::default());
        assert!(loaded.metrics.is_none());
        assert_eq!(loaded.troubles.len(), 6, "{:?}", loaded.troubles);
    }

    #[test]
    fn confirmation_ends_the_wait() {
        let disk = Fragile::default();
        let mut vault = Vault::new(disk);
        vault
            .save_settings(&named("new", 1), Some(&unconfirmed(&Settings::default())))
            .unwrap();
        assert!(vault.load().unconfirmed.is_some());
        vault.confirm().unwrap();
        assert!(vault.load().unconfirmed.is_none());
    }
}
