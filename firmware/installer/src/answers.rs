//! What was decided, by an operator or by the answer file `spanwatch-install.json`.

use serde_json::{Map, Value};

/// How the data is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// On the rest of the system disk.
    Single,
    /// On an array of this level: 1, 5, 6 or 10.
    Raid(u8),
}

impl Layout {
    /// Its name in answer files.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Single => "single".to_owned(),
            Self::Raid(level) => format!("raid{level}"),
        }
    }

    /// By its name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "single" => Some(Self::Single),
            "raid1" => Some(Self::Raid(1)),
            "raid5" => Some(Self::Raid(5)),
            "raid6" => Some(Self::Raid(6)),
            "raid10" => Some(Self::Raid(10)),
            _ => None,
        }
    }

    /// The fewest disks that it takes.
    pub(crate) fn fewest(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Raid(1) => 2,
            Self::Raid(5) => 3,
            Self::Raid(_) => 4,
        }
    }
}

/// Which disks an array has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Members {
    /// Every disk that will do.
    All,
    /// These, by name or serial number.
    These(Vec<String>),
}

/// What becomes of a Spanwatch that is on the system disk already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// Nothing is written.
    Refuse,
    /// Installed anew, with the identity that it has.
    KeepIdentity,
    /// Installed anew, with a new identity.
    NewIdentity,
}

/// How thorough the self-test is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// No test.
    None,
    /// Two minutes at most.
    Quick,
    /// Most of the memory, and more places of the disks: half an hour at most.
    Full,
}

/// What the machine does in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    /// Power off.
    PowerOff,
    /// Restart, into what was installed.
    Restart,
}

/// Everything that is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answers {
    /// The system disk by name or serial number; the first that will do when none is named.
    pub(crate) disk: Option<String>,
    /// How the data is kept.
    pub(crate) layout: Layout,
    /// The array's disks.
    pub(crate) members: Members,
    /// The box's serial number; none when the machine's own is to be taken.
    pub(crate) serial_number: Option<String>,
    /// What becomes of a Spanwatch that is there.
    pub(crate) existing: Existing,
    /// Whether disks that hold something else may be erased.
    pub(crate) erase: bool,
    /// The self-test.
    pub(crate) self_test: Depth,
    /// What the machine does in the end.
    pub(crate) finish: Finish,
}

/// What is wrong with an answer file; the text names key and value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Wrong {
    /// It is no JSON.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// A key is not known.
    #[error("{0}: there is no such key; there are: {1}")]
    Key(String, &'static str),
    /// A value is not one of those that there are.
    #[error("{key}: {value} is wrong: {wanted}")]
    Value {
        /// The key, with dots.
        key: &'static str,
        /// What stands there.
        value: String,
        /// What may stand there.
        wanted: &'static str,
    },
}

const KEYS: &str = "version, disk, data, serial_number, existing, used_disks, self_test, finish";

impl Answers {
    /// Reads an answer file. docs/factory.md describes it.
    pub(crate) fn parse(text: &str) -> Result<Self, Wrong> {
        let value: Value = serde_json::from_str(text).map_err(|error| Wrong::NotJson(error.to_string()))?;
        let Value::Object(map) = &value else {
            return Err(wrong("the file", &value, "it must be an object: { … }"));
        };
        let known: Vec<&str> = KEYS.split(", ").collect();
        if let Some(key) = map.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(Wrong::Key(key.clone(), KEYS));
        }
        match map.get("version") {
            Some(version) if version.as_u64() == Some(1) => {}
            other => return Err(wrong("version", other.unwrap_or(&Value::Null), "it must be 1")),
        }
        let (layout, members) = data(map.get("data"))?;
        Ok(Self {
            disk: match word(map, "disk", "a serial number, a name like /dev/sda, or \"first\"")? {
                None | Some("first") => None,
                Some(name) => Some(name.to_owned()),
            },
            layout,
            members,
            serial_number: serial(map)?,
            existing: choice(
                map,
                "existing",
                "\"refuse\", \"keep-identity\" or \"new-identity\"",
                &[
                    ("refuse", Existing::Refuse),
                    ("keep-identity", Existing::KeepIdentity),
                    ("new-identity", Existing::NewIdentity),
                ],
            )?,
            erase: choice(
                map,
                "used_disks",
                "\"refuse\" or \"erase\"",
                &[("refuse", false), ("erase", true)],
            )?,
            self_test: choice(
                map,
                "self_test",
                "\"quick\", \"full\" or \"none\"",
                &[("quick", Depth::Quick), ("full", Depth::Full), ("none", Depth::None)],
            )?,
            finish: choice(
                map,
                "finish",
                "\"power-off\" or \"restart\"",
                &[("power-off", Finish::PowerOff), ("restart", Finish::Restart)],
            )?,
        })
    }
}

fn wrong(key: &'static str, value: &Value, wanted: &'static str) -> Wrong {
    let value = value.to_string().chars().take(80).collect();
    Wrong::Value { key, value, wanted }
}

/// A text that may be missing, of a length that a screen shows.
fn word<'a>(map: &'a Map<String, Value>, key: &'static str, wanted: &'static str) -> Result<Option<&'a str>, Wrong> {
    match map.get(key) {
        None => Ok(None),
        Some(Value::String(text)) if (1..=64).contains(&text.chars().count()) => Ok(Some(text)),
        Some(other) => Err(wrong(key, other, wanted)),
    }
}

/// One of the given words; the first when the key is missing.
fn choice<T: Copy>(
    map: &Map<String, Value>,
    key: &'static str,
    wanted: &'static str,
    words: &[(&str, T)],
) -> Result<T, Wrong> {
    let given = word(map, key, wanted)?;
    let found = words.iter().find(|(word, _)| given.is_none_or(|given| given == *word));
    found
        .map(|(_, value)| *value)
        .ok_or_else(|| wrong(key, map.get(key).unwrap_or(&Value::Null), wanted))
}

const LAYOUTS: &str = "\"single\", \"raid1\", \"raid5\", \"raid6\" or \"raid10\"";
const DISKS: &str = "\"all\", or a list of serial numbers or names like /dev/sda";

fn data(value: Option<&Value>) -> Result<(Layout, Members), Wrong> {
    let map = match value {
        None => return Ok((Layout::Single, Members::All)),
        Some(Value::Object(map)) => map,
        Some(other) => return Err(wrong("data", other, "it must be an object with layout and disks")),
    };
    if let Some(key) = map.keys().find(|key| !["layout", "disks"].contains(&key.as_str())) {
        return Err(Wrong::Key(format!("data.{key}"), "data.layout, data.disks"));
    }
    let layout = map.get("layout").unwrap_or(&Value::Null);
    let layout = layout
        .as_str()
        .and_then(Layout::named)
        .ok_or_else(|| wrong("data.layout", layout, LAYOUTS))?;
    let members = match map.get("disks") {
        None => Members::All,
        Some(Value::String(all)) if all == "all" => Members::All,
        Some(Value::Array(names)) if !names.is_empty() && names.iter().all(Value::is_string) => {
            Members::These(names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        }
        Some(other) => return Err(wrong("data.disks", other, DISKS)),
    };
    Ok((layout, members))
}

const SERIAL: &str = "1 to 32 letters, digits, dots, hyphens or underscores";

fn serial(map: &Map<String, Value>) -> Result<Option<String>, Wrong> {
    match word(map, "serial_number", SERIAL)? {
        None => Ok(None),
        Some(text) if serial_number(text) => Ok(Some(text.to_owned())),
        Some(text) => Err(wrong("serial_number", &Value::from(text), SERIAL)),
    }
}

/// Whether a text will do as a box's serial number.
pub(crate) fn serial_number(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    (1..=32).contains(&text.len()) && text.chars().all(plain)
}

/// The serial number in the machine's own tables, unless it is one of those that makers leave there.
pub(crate) fn machine_serial(text: &str) -> Option<String> {
    const NONE: [&str; 10] = [
        "none",
        "0",
        "default",
        "oem",
        "na",
        "unknown",
        "0123456789",
        "123456789",
        "invalid",
        "1234567890",
    ];
    let text = text.trim();
    (serial_number(text) && !NONE.contains(&text.to_ascii_lowercase().as_str())).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_shortest_file_means_one_empty_disk() {
        let answers = Answers::parse(r#"{"version": 1}"#).expect("it is right");
        assert_eq!(
            answers,
            Answers {
                disk: None,
                layout: Layout::Single,
                members: Members::All,
                serial_number: None,
                existing: Existing::Refuse,
                erase: false,
                self_test: Depth::Quick,
                finish: Finish::PowerOff,
            }
        );
    }

    #[test]
    fn every_key_is_read() {
        let text = r#"{"version": 1, "disk": "/dev/sdb", "data": {"layout": "raid10", "disks": ["A", "B", "C", "D"]},
            "serial_number": "SW-2026.0001", "existing": "keep-identity", "used_disks": "erase", "self_test": "full", "finish": "restart"}"#;
        let answers = Answers::parse(text).expect("it is right");
        let names = ["A", "B", "C", "D"].map(str::to_owned).to_vec();
        assert_eq!(
            answers,
            Answers {
                disk: Some("/dev/sdb".to_owned()),
                layout: Layout::Raid(10),
                members: Members::These(names),
                serial_number: Some("SW-2026.0001".to_owned()),
                existing: Existing::KeepIdentity,
                erase: true,
                self_test: Depth::Full,
                finish: Finish::Restart,
            }
        );
    }

    #[test]
    fn errors_name_key_and_value() {
        for (text, key, value) in [
            (r#"{"version": 2}"#, "version", "2"),
            (r#"{}"#, "version", "null"),
            (r#"[]"#, "the file", "[]"),
            (r#"{"version": 1, "disks": "x"}"#, "disks", "there is no such key"),
            (r#"{"version": 1, "disk": 7}"#, "disk", "7"),
            (r#"{"version": 1, "data": "raid1"}"#, "data", "\"raid1\""),
            (
                r#"{"version": 1, "data": {"layout": "raid7"}}"#,
                "data.layout",
                "\"raid7\"",
            ),
            (
                r#"{"version": 1, "data": {"layout": "raid1", "disk": []}}"#,
                "data.disk",
                "no such key",
            ),
            (
                r#"{"version": 1, "data": {"layout": "raid1", "disks": []}}"#,
                "data.disks",
                "[]",
            ),
            (r#"{"version": 1, "serial_number": "a b"}"#, "serial_number", "\"a b\""),
            (r#"{"version": 1, "existing": "wipe"}"#, "existing", "\"wipe\""),
            (r#"{"version": 1, "finish": ""}"#, "finish", "\"\""),
            ("{", "not JSON", "line 1"),
        ] {
            let error = Answers::parse(text).expect_err(text).to_string();
            assert!(error.contains(key) && error.contains(value), "{text}: {error}");
        }
    }

    #[test]
    fn what_makers_leave_is_no_serial_number() {
        assert_eq!(machine_serial(" CN7475 \n"), None.or(Some("CN7475".to_owned())));
        for text in [
            "",
            "To be filled by O.E.M.",
            "Default string",
            "None",
            "0",
            "System Serial Number",
        ] {
            assert_eq!(machine_serial(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,200}") {
            let _ = Answers::parse(&text);
        }
    }
}
