//! What a settings document must hold to be accepted.

mod collection;
mod exporters;
mod objects;
mod retention;
mod snmp;

use std::borrow::Cow;
use std::net::Ipv4Addr;

pub(crate) use objects::new_application_name_problem;

use crate::{FlowTimeouts, Ipv4Config, Ipv6Config, SIGNATURES_MAX, Settings, VERSION};

/// A settings document was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The text is not a settings document.
    #[error("the settings are not readable: {0}")]
    Json(String),
    /// The document is of a release that this one does not know.
    #[error(
        "the settings are of version {found}, and this release reads version {VERSION}: upgrade the firmware first"
    )]
    Version {
        /// The version that was found.
        found: u32,
    },
    /// A field has a value that cannot be right.
    #[error("{field}: {problem}")]
    Field {
        /// The field's place, such as `management.ipv4.gateway` or `objects.businesses.3.endpoints[2].ports`.
        field: Cow<'static, str>,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

/// The shortest password that is accepted, in characters.
const PASSWORD_MIN: usize = 10;
/// The longest password that is accepted, in octets.
const PASSWORD_MAX: usize = 256;
const PORTS_MAX: usize = 64;
const RINGS_MAX: u16 = 64;
const HOME_MAX: usize = 256;
/// The longest document, in octets of JSON without spaces: one answer carries it from program to program.
const DOCUMENT_MAX: usize = 8 << 20;
const SSH_KEYS_MAX: usize = 16;
const SSH_KEY_MAX: usize = 2_048;
const SSH_KEY_TYPES: [&str; 5] = [
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// What is wrong with a password; `None` where it is acceptable.
#[must_use]
pub fn password_problem(password: &str) -> Option<String> {
    let characters = password.chars().count();
    if characters < PASSWORD_MIN {
        return Some(format!(
            "the password has {characters} characters: use at least {PASSWORD_MIN}"
        ));
    }
    if password.len() > PASSWORD_MAX {
        return Some(format!("the password is longer than {PASSWORD_MAX} octets"));
    }
    if password.chars().any(char::is_control) {
        return Some("the password holds a control character".to_owned());
    }
    let mut distinct: Vec<char> = password.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    (distinct.len() < 5).then(|| "the password repeats few characters: use at least 5 different ones".to_owned())
}

/// What is wrong with a host name; `None` where it is an RFC 1123 label.
#[must_use]
pub fn hostname_problem(name: &str) -> Option<String> {
    let label = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let good =
        (1..=63).contains(&name.len()) && name.chars().all(label) && !name.starts_with('-') && !name.ends_with('-');
    (!good).then(|| format!("{name:?} is not a host name: use 1–63 letters, digits and inner hyphens"))
}

/// What is wrong with an SSH public key; `None` where it is a type, the key in base64, and perhaps a comment, as
/// `ssh-keygen` writes it (sshd(8), AUTHORIZED_KEYS FILE FORMAT). Options are refused.
#[must_use]
pub fn ssh_key_problem(key: &str) -> Option<String> {
    let mut words = key.split(' ');
    let (kind, blob) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if !SSH_KEY_TYPES.contains(&kind) {
        return Some(format!(
            "an SSH key starts with its type, one of {}",
            SSH_KEY_TYPES.join(", ")
        ));
    }
    // Each key's blob starts with the length of its type's name: three zero octets.
    let base64 = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'=');
    if blob.len() < 64 || !blob.starts_with("AAAA") || !blob.bytes().all(base64) {
        return Some("after the type comes the key in base64, as in the .pub file".to_owned());
    }
    let plain = key.len() <= SSH_KEY_MAX && !key.chars().any(char::is_control);
    (!plain).then(|| format!("an SSH key is one line of at most {SSH_KEY_MAX} characters"))
}

impl Settings {
    /// Checks everything that the types alone do not hold.
    ///
    /// # Errors
    /// The first field that is wrong, with what would be right.
    pub fn check(&self) -> Result<(), SettingsError> {
        if self.version != VERSION {
            return Err(SettingsError::Version { found: self.version });
        }
        if let Some(problem) = hostname_problem(&self.hostname) {
            return field("hostname", problem);
        }
        if self.home_networks.prefixes().len() > HOME_MAX {
            return field("home_networks", format!("more than {HOME_MAX} networks"));
        }
        if self.ports.len() > PORTS_MAX {
            return field("ports", format!("more than {PORTS_MAX} ports"));
        }
        for (name, port) in &self.ports {
            if let Some(problem) = interface_problem(name) {
                return field("ports", problem);
            }
            if let Some(problem) = label_problem(&port.label) {
                return field("ports.label", problem);
            }
            if port.capacity_bps == Some(0) {
                return field(
                    "ports.capacity_bps",
                    "a capacity is more than 0 bit/s; leave it out to take the port's speed".to_owned(),
                );
            }
            if let Some(rings) = port.rings
                && !(1..=RINGS_MAX).contains(&rings)
            {
                let problem = format!("{rings} is not between 1 and {RINGS_MAX}; leave it out to choose by itself");
                return field("ports.rings", problem);
            }
        }
        if self.ssh_keys.len() > SSH_KEYS_MAX {
            return field("ssh_keys", format!("more than {SSH_KEYS_MAX} keys"));
        }
        if let Some(problem) = self.ssh_keys.iter().find_map(|key| ssh_key_problem(key)) {
            return field("ssh_keys", problem);
        }
        check_timeouts(self.flow)?;
        self.check_management()?;
        collection::check(self)?;
        snmp::check(&self.snmp)?;
        exporters::check(self)?;
        objects::check(self)?;
        retention::check(&self.retention)?;
        if let Some(problem) = signatures_problem(&self.signatures) {
            return field("signatures", problem);
        }
        self.check_length()
    }

    fn check_length(&self) -> Result<(), SettingsError> {
        let whole = length(self)?;
        if whole > DOCUMENT_MAX {
            // Both can be long; what is longer is where most is won.
            let (place, fewer) = if length(&self.objects)? > whole / 2 {
                ("objects", "addresses and ports")
            } else {
                ("exporters.interfaces", "interfaces")
            };
            let problem = format!(
                "the settings have {whole} octets, more than {DOCUMENT_MAX}: name fewer {fewer}, or give shorter names"
            );
            return field(place, problem);
        }
        Ok(())
    }

    fn check_management(&self) -> Result<(), SettingsError> {
        let management = &self.management;
        check_addresses(&management.ipv4, &management.ipv6, &MANAGEMENT)?;
        if let Some(vlan) = management.vlan
            && !(1..=4_094).contains(&vlan)
        {
            let problem = format!("{vlan} is not between 1 and 4094; leave it out for no VLAN");
            return field("management.vlan", problem);
        }
        if management.dns.len() > 3 {
            return field("management.dns", "at most 3 name servers".to_owned());
        }
        Ok(())
    }
}

/// What is wrong with a text of signatures before it is read.
fn signatures_problem(text: &str) -> Option<String> {
    let length = text.len();
    if length > SIGNATURES_MAX {
        return Some(format!(
            "the signatures have {length} octets, more than {SIGNATURES_MAX}: leave some out"
        ));
    }
    let odd = text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    odd.then(|| "the signatures hold a control character: they are lines of plain text".to_owned())
}

/// Octets of JSON without spaces.
fn length(value: &impl serde::Serialize) -> Result<usize, SettingsError> {
    let mut length = Length(0);
    serde_json::to_writer(&mut length, value).map_err(|e| SettingsError::Json(e.to_string()))?;
    Ok(length.0)
}

/// Counts what is written.
struct Length(usize);

impl std::io::Write for Length {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.saturating_add(octets.len());
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The places of a port's addresses in the document.
struct AddressFields {
    prefix4: &'static str,
    address4: &'static str,
    gateway4: &'static str,
    prefix6: &'static str,
    address6: &'static str,
}

const MANAGEMENT: AddressFields = AddressFields {
    prefix4: "management.ipv4.prefix",
    address4: "management.ipv4.address",
    gateway4: "management.ipv4.gateway",
    prefix6: "management.ipv6.prefix",
    address6: "management.ipv6.address",
};

fn field(field: impl Into<Cow<'static, str>>, problem: String) -> Result<(), SettingsError> {
    Err(SettingsError::Field {
        field: field.into(),
        problem,
    })
}

fn check_addresses(ipv4: &Ipv4Config, ipv6: &Ipv6Config, at: &AddressFields) -> Result<(), SettingsError> {
    if let Ipv4Config::Static {
        address,
        prefix,
        gateway,
    } = *ipv4
    {
        if !(1..=32).contains(&prefix) {
            return field(at.prefix4, format!("{prefix} is not between 1 and 32"));
        }
        if address.is_unspecified() || address.is_multicast() || address.is_broadcast() || address.is_loopback() {
            return field(at.address4, format!("{address} is not a host's address"));
        }
        if let Some(gateway) = gateway
            && (gateway == address || network(gateway, prefix) != network(address, prefix))
        {
            return field(
                at.gateway4,
                format!("{gateway} is not another host on {address}/{prefix}"),
            );
        }
    }
    if let Ipv6Config::Static { address, prefix, .. } = *ipv6 {
        if !(1..=128).contains(&prefix) {
            return field(at.prefix6, format!("{prefix} is not between 1 and 128"));
        }
        if address.is_unspecified() || address.is_multicast() || address.is_loopback() {
            return field(at.address6, format!("{address} is not a host's address"));
        }
    }
    Ok(())
}

fn interface_problem(name: &str) -> Option<String> {
    let odd = name.is_empty() || name.len() > 15 || name.contains(['/', ' ']) || name.chars().any(char::is_control);
    odd.then(|| format!("{name:?} is not an interface name"))
}

/// A name that people give: one line, no longer than a table's cell can show.
fn label_problem(label: &str) -> Option<String> {
    let long = label.chars().count() > 64 || label.chars().any(char::is_control);
    long.then(|| "use at most 64 printable characters".to_owned())
}

fn check_timeouts(flow: FlowTimeouts) -> Result<(), SettingsError> {
    if !(1..=600).contains(&flow.idle_s) {
        return field(
            "flow.idle_s",
            format!("{} is not between 1 and 600 seconds", flow.idle_s),
        );
    }
    if !(flow.idle_s..=3_600).contains(&flow.active_s) {
        let problem = format!(
            "{} is not between idle_s ({}) and 3600 seconds",
            flow.active_s, flow.idle_s
        );
        return field("flow.active_s", problem);
    }
    Ok(())
}

fn network(address: Ipv4Addr, prefix: u8) -> u32 {
    u32::from(address) & u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(change: impl FnOnce(&mut Settings)) -> String {
        let mut settings = Settings::default();
        change(&mut settings);
        settings.check().unwrap_err().to_string()
    }

    #[test]
    fn the_defaults_are_good_and_survive_a_round_trip() {
        let settings = Settings::default();
        assert_eq!(Settings::parse(&settings.to_json()), Ok(settings));
    }

    #[test]
    fn errors_name_the_field() {
        assert!(problem(|s| s.hostname = "a b".into()).starts_with("hostname: "));
        assert!(problem(|s| s.version = 9).contains("version 9"));
        assert!(problem(|s| s.flow.idle_s = 0).starts_with("flow.idle_s"));
        assert!(problem(|s| s.flow.active_s = 5).starts_with("flow.active_s"));
        let bad = |gateway: Ipv4Addr| {
            move |s: &mut Settings| {
                s.management.ipv4 = Ipv4Config::Static {
                    address: [192, 0, 2, 10].into(),
                    prefix: 24,
                    gateway: Some(gateway),
                };
            }
        };
        assert!(problem(bad([192, 0, 3, 1].into())).starts_with("management.ipv4.gateway"));
        assert!(problem(bad([192, 0, 2, 10].into())).starts_with("management.ipv4.gateway"));
        for vlan in [0, 4_095] {
            assert!(problem(|s| s.management.vlan = Some(vlan)).starts_with("management.vlan: "));
        }
    }

    #[test]
    fn signatures_and_rings_are_bounded() {
        assert!(problem(|s| s.signatures = "#".repeat(SIGNATURES_MAX + 1)).starts_with("signatures: "));
        assert!(problem(|s| s.signatures = "app \u{1b}x".to_owned()).contains("control character"));
        let rings = |rings| {
            move |s: &mut Settings| {
                let port = crate::Port {
                    rings,
                    ..Default::default()
                };
                s.ports.insert("span0".to_owned(), port);
            }
        };
        assert!(problem(rings(Some(0))).starts_with("ports.rings: "));
        assert!(problem(rings(Some(65))).starts_with("ports.rings: "));
        let mut good = Settings::default();
        rings(Some(4))(&mut good);
        good.signatures = "# 网镜\r\n\tapp intranet host erp.example.com\n".to_owned();
        assert_eq!(Settings::parse(&good.to_json()), Ok(good));
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let json = Settings::default()
            .to_json()
            .replacen("\"version\"", "\"versoin\": 2, \"version\"", 1);
        assert!(Settings::parse(&json).unwrap_err().to_string().contains("versoin"));
    }

    #[test]
    fn ssh_keys_are_lines_without_options() {
        let blob = format!("AAAAC3NzaC1lZDI1NTE5AAAAI{}", "x".repeat(43));
        assert_eq!(ssh_key_problem(&format!("ssh-ed25519 {blob} me@desk")), None);
        assert_eq!(ssh_key_problem(&format!("ssh-ed25519 {blob}")), None);
        for bad in [
            format!("command=\"x\" ssh-ed25519 {blob}"),
            format!("ssh-ed25519 {blob} a\nssh-ed25519 {blob}"),
            "ssh-ed25519".to_owned(),
            format!("ssh-dss {blob}"),
            format!("ssh-ed25519 {}", blob.replace('x', "\u{e9}")),
        ] {
            assert!(ssh_key_problem(&bad).is_some(), "{bad}");
        }
        assert!(problem(|s| s.ssh_keys = vec!["x".to_owned()]).starts_with("ssh_keys: "));
    }

    #[test]
    fn a_document_of_before_the_keys_is_read() {
        let old = Settings::default().to_json().replacen(",\n  \"ssh_keys\": []", "", 1);
        assert!(!old.contains("ssh_keys"));
        assert_eq!(Settings::parse(&old), Ok(Settings::default()));
    }

    /// The documents of before exporters, before objects and before signatures, and one with every field of this release.
    #[test]
    fn documents_on_disk_are_these() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let old = Settings::parse(&read("settings-0.1.0.json")).unwrap();
        let (collection, numbers) = (old.collection.clone(), old.exporter_numbers);
        assert_eq!((collection, numbers), (crate::Collection::default(), 0));
        assert!(old.hostname == "probe-1" && old.ports.len() == 1 && old.exporters.is_empty() && old.snmp.is_empty());

        let old = Settings::parse(&read("settings-before-objects.json")).unwrap();
        assert_eq!(old.exporters.keys().copied().collect::<Vec<_>>(), [1, 3]);
        assert_eq!(old.objects, model::Objects::default());
        assert_eq!(old.retention, crate::Retention::default());

        let old = Settings::parse(&read("settings-before-signatures.json")).unwrap();
        assert_eq!(old.objects.app_of("网银"), model::App::defined(2));
        assert!(old.application_logs && old.signatures.is_empty() && old.ports.values().all(|p| p.rings.is_none()));

        let full = Settings::parse(&read("settings.json")).unwrap();
        assert_eq!(full.to_json(), read("settings.json"));
        assert_eq!(full.exporters.keys().copied().collect::<Vec<_>>(), [1, 3]);
        assert_eq!(full.objects.app_of("网银"), model::App::defined(2));
        assert_eq!(
            (full.next_object_number(), full.retention.records.gb),
            (10, Some(2_000))
        );
    }

    #[test]
    fn weak_passwords_are_refused() {
        assert!(password_problem("short").is_some());
        assert!(password_problem("aaaaaaaaaaaa").is_some());
        assert!(password_problem("correct horse battery").is_none());
        assert!(password_problem("网镜管理员的密码很长很长").is_none());
    }
}
