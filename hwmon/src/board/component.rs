//! What a reading or an alarm is about.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Kind, Reading};

/// A part of the box. As text it is a kind and which: `bay 2`, `supply 1`, `port eth0`, `sensor hwmon/...`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Component {
    /// A bay, by its number.
    Bay(u8),
    /// A disk of which nobody knows the bay, by the kernel's name.
    Disk(String),
    /// A power supply, by its number.
    Supply(u8),
    /// All supplies together: their redundancy.
    Supplies,
    /// A fan, by its number.
    Fan(u8),
    /// All fans together: their redundancy.
    Fans,
    /// A network port, by the interface's name.
    Port(String),
    /// A memory module, or a controller's memory: `mc0/dimm3`.
    Memory(String),
    /// A processor, by its number.
    Processor(u8),
    /// The air at the inlet.
    Room,
    /// A RAID array.
    Array(String),
    /// A file system, by its device or folder.
    FileSystem(String),
    /// A card, by its PCI address.
    Card(String),
    /// The management controller.
    Controller,
    /// The box's clock.
    Clock,
    /// Anything else, by the reading's id.
    Sensor(String),
}

impl Component {
    /// What a reading says itself that it is about.
    #[must_use]
    pub fn of(reading: &Reading) -> Self {
        let id = reading.id();
        let mut parts = id.split('/');
        let (source, second, third) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let owned = |part: Option<&str>| part.unwrap_or_default().to_owned();
        match source {
            "md" => Self::Array(owned(second)),
            "net" | "sfp" => Self::Port(owned(second)),
            "disk" => Self::Disk(owned(second)),
            "fs" => Self::FileSystem(
                id.split('/')
                    .nth(1)
                    .map_or_else(String::new, |name| name.replace('\\', "/")),
            ),
            "pci" => Self::Card(owned(second)),
            "clock" => Self::Clock,
            "edac" => match (second, third) {
                (Some(controller), Some(module)) if !matches!(module, "corrected" | "uncorrected") => {
                    Self::Memory(format!("{controller}/{module}"))
                }
                (controller, _) => Self::Memory(owned(controller)),
            },
            "cpu" => second
                .and_then(|package| package.strip_prefix("package")?.parse().ok())
                .map_or_else(|| Self::Sensor(id.to_owned()), Self::Processor),
            "hwmon" => Self::of_chip(second.unwrap_or_default())
                .or_else(|| Self::of_name(reading))
                .unwrap_or_else(|| Self::Sensor(id.to_owned())),
            _ => Self::of_name(reading).unwrap_or_else(|| Self::Sensor(id.to_owned())),
        }
    }

    fn of_chip(chip: &str) -> Option<Self> {
        let (name, device) = chip.split_once('@')?;
        match name {
            "coretemp" => device.strip_prefix("coretemp.")?.parse().ok().map(Self::Processor),
            // PMBus supplies sit at 58h and on by convention
            _ => {
                let (_, address) = device
                    .rsplit_once('-')
                    .filter(|(bus, _)| bus.bytes().all(|b| b.is_ascii_digit()))?;
                let address = u8::from_str_radix(address, 16).ok()?;
                (0x58..0x60).contains(&address).then(|| Self::Supply(address - 0x57))
            }
        }
    }

    /// By the words of its name: controllers name their sensors freely, but all alike.
    fn of_name(reading: &Reading) -> Option<Self> {
        let words = words(&reading.name().en());
        let has = |word: &str| words.iter().any(|(w, _)| w == word);
        let number = |names: &[&str]| {
            let at = words.iter().position(|(w, _)| names.contains(&w.as_str()))?;
            match words.get(at)?.1 {
                Some(number) => Some(number),
                // a number behind the word, as in `Power Supply 2`
                None => words.get(at + 1).filter(|(w, _)| w.is_empty())?.1,
            }
        };
        let supply = has("psu") || has("ps") || has("pws") || has("supply") || has("psus");
        if words.iter().any(|(w, _)| w.starts_with("redund")) {
            return match () {
                () if supply || has("power") => Some(Self::Supplies),
                () if has("fan") || has("fans") || has("cooling") => Some(Self::Fans),
                () => None,
            };
        }
        if let Some(number) = number(&["psu", "ps", "pws", "supply"]) {
            return Some(Self::Supply(number));
        }
        if let Some(number) = number(&["bay", "hdd", "disk", "drive"]) {
            return Some(Self::Bay(number));
        }
        if let Some(number) = number(&["fan"]) {
            return Some(Self::Fan(number));
        }
        if reading.kind() == Kind::Temperature
            && (has("inlet") || has("ambient") || has("intake") || has("front") && has("panel") || has("room"))
        {
            return Some(Self::Room);
        }
        number(&["cpu", "processor"]).map(Self::Processor)
    }
}

/// A name's words in small letters, each with the number at its end: `PSU1 Fan 2` is psu 1, fan, 2.
fn words(name: &str) -> Vec<(String, Option<u8>)> {
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|part| !part.is_empty())
        .flat_map(|part| {
            // FAN2A is fan 2, P1DIMM3 is p 1 and dimm 3
            let mut out: Vec<(String, Option<u8>)> = Vec::new();
            let mut word = String::new();
            let mut digits = String::new();
            for c in part.chars() {
                if c.is_ascii_digit() {
                    digits.push(c);
                } else {
                    if !digits.is_empty() {
                        out.push((std::mem::take(&mut word), digits.parse().ok()));
                        digits.clear();
                    }
                    word.push(c.to_ascii_lowercase());
                }
            }
            out.push((word, digits.parse().ok()));
            out
        })
        .take(16)
        .collect()
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bay(n) => write!(f, "bay {n}"),
            Self::Disk(name) => write!(f, "disk {name}"),
            Self::Supply(n) => write!(f, "supply {n}"),
            Self::Supplies => f.write_str("supplies"),
            Self::Fan(n) => write!(f, "fan {n}"),
            Self::Fans => f.write_str("fans"),
            Self::Port(name) => write!(f, "port {name}"),
            Self::Memory(name) => write!(f, "memory {name}"),
            Self::Processor(n) => write!(f, "processor {n}"),
            Self::Room => f.write_str("room"),
            Self::Array(name) => write!(f, "array {name}"),
            Self::FileSystem(name) => write!(f, "filesystem {name}"),
            Self::Card(name) => write!(f, "card {name}"),
            Self::Controller => f.write_str("controller"),
            Self::Clock => f.write_str("clock"),
            Self::Sensor(id) => write!(f, "sensor {id}"),
        }
    }
}

/// A text that names no part of a box.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no part of a box: write `bay 2`, `supply 1`, `port eth0`")]
pub struct UnknownComponent(String);

impl FromStr for Component {
    type Err = UnknownComponent;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, which) = text.split_once(' ').unwrap_or((text, ""));
        let number = || which.parse().ok();
        let name = || (!which.is_empty()).then(|| which.to_owned());
        let component = match kind {
            "bay" => number().map(Self::Bay),
            "disk" => name().map(Self::Disk),
            "supply" => number().map(Self::Supply),
            "supplies" => Some(Self::Supplies),
            "fan" => number().map(Self::Fan),
            "fans" => Some(Self::Fans),
            "port" => name().map(Self::Port),
            "memory" => name().map(Self::Memory),
            "processor" => number().map(Self::Processor),
            "room" => Some(Self::Room),
            "array" => name().map(Self::Array),
            "filesystem" => name().map(Self::FileSystem),
            "card" => name().map(Self::Card),
            "controller" => Some(Self::Controller),
            "clock" => Some(Self::Clock),
            "sensor" => name().map(Self::Sensor),
            _ => None,
        };
        component.ok_or_else(|| UnknownComponent(text.to_owned()))
    }
}

impl TryFrom<String> for Component {
    type Error = UnknownComponent;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Component> for String {
    fn from(component: Component) -> Self {
        component.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Unit;
    use crate::why::Why;

    fn of(id: &str, name: &str) -> String {
        Component::of(&Reading::fact(
            id,
            Why::given(name),
            Kind::Temperature,
            Unit::Celsius,
            Ok(1.0),
        ))
        .to_string()
    }

    #[test]
    fn sensors_belong_to_what_their_names_say() {
        for (name, component) in [
            ("PSU1 Status", "supply 1"),
            ("PS2 Input Power", "supply 2"),
            ("Power Supply 2", "supply 2"),
            ("PSU1 Fan 2", "supply 1"),
            ("PSU Redundancy", "supplies"),
            ("Fan Redundancy", "fans"),
            ("FAN3", "fan 3"),
            ("Sys Fan 2A", "fan 2"),
            ("FAN4B RPM", "fan 4"),
            ("Bay8", "bay 8"),
            ("HDD 3 Status", "bay 3"),
            ("Inlet Temp", "room"),
            ("CPU1 Temp", "processor 1"),
            ("VBAT", "sensor ipmi/0.1/VBAT"),
            ("", "sensor ipmi/0.1/"),
            ("Fan", "sensor ipmi/0.1/Fan"),
        ] {
            assert_eq!(of(&format!("ipmi/0.1/{name}"), name), component, "{name}");
        }
    }

    #[test]
    fn the_kernels_readings_belong_to_what_their_ids_say() {
        for (id, component) in [
            ("md/md0/missing", "array md0"),
            ("net/eth0/link", "port eth0"),
            ("edac/mc0/dimm3/corrected", "memory mc0/dimm3"),
            ("edac/mc0/corrected", "memory mc0"),
            ("hwmon/coretemp@coretemp.1/temp1", "processor 1"),
            ("hwmon/pmbus@7-0059/fan1", "supply 2"),
            ("hwmon/jc42@0-0019/temp1", "sensor hwmon/jc42@0-0019/temp1"),
            ("cpu/package0/throttled", "processor 0"),
            ("pci/0000:00:01.0/aer_dev_fatal", "card 0000:00:01.0"),
            ("disk/sda/answers", "disk sda"),
        ] {
            assert_eq!(of(id, ""), component, "{id}");
        }
    }

    #[test]
    fn a_component_survives_as_text() {
        for text in [
            "bay 2",
            "supplies",
            "port eth0",
            "memory mc0/dimm3",
            "sensor ipmi/0.1/A b",
            "room",
        ] {
            let component: Component = text.parse().expect("a component");
            assert_eq!(component.to_string(), text);
        }
        assert!("bay 300".parse::<Component>().is_err());
        assert!("port".parse::<Component>().is_err());
        assert!("".parse::<Component>().is_err());
    }
}
