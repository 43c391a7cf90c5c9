//! What the box is made of: bays, supplies, fans and ports, where they sit, and which disk, port or reading belongs to
//! which. A board file says so; on unknown hardware [`Board::unknown`] goes by what readings call themselves.
//!
//! The file is TOML; docs/hwmon.md describes it. Nothing here reads a device.

mod component;
mod parse;
mod place;

pub use component::Component;
pub use parse::BoardError;
pub use place::{DiskPlace, PortPlace};

use serde::{Deserialize, Serialize};

use crate::Reading;
use crate::policy::ROOM_CELSIUS;

/// A side's grid, in which its parts sit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// Rows, counted from the top; 1 to 16.
    pub rows: u8,
    /// Columns, counted from the left of who looks at that side; 1 to 48.
    pub columns: u8,
}

/// A field of a [`Grid`]: row and column, each from 1.
pub type Field = (u8, u8);

/// A side of the chassis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Where the bays are.
    Front,
    /// Where supplies and ports are.
    Rear,
}

/// A place for a disk.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bay {
    /// As printed on the chassis.
    pub number: u8,
    /// What people call it.
    pub name: String,
    /// Where it is drawn, on the front.
    pub at: Option<Field>,
    /// Whether an empty one is an alarm.
    pub required: bool,
    /// How its disk is found; any one suffices.
    #[serde(skip)]
    slots: Vec<DiskAt>,
    /// Readings that are about it.
    #[serde(skip)]
    readings: Vec<String>,
}

/// A power supply.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Supply {
    /// As printed on the chassis.
    pub number: u8,
    /// What people call it.
    pub name: String,
    /// Where it is drawn, on the rear.
    pub at: Option<Field>,
    /// Whether a missing one is an alarm.
    pub required: bool,
    #[serde(skip)]
    readings: Vec<String>,
}

/// A fan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fan {
    /// As printed on the chassis.
    pub number: u8,
    /// What people call it.
    pub name: String,
    /// Whether a missing one is an alarm.
    pub required: bool,
    #[serde(skip)]
    readings: Vec<String>,
}

/// What a network port takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortKind {
    /// A copper cable.
    Rj45,
    /// A pluggable transceiver.
    Sfp,
}

/// A network port.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Port {
    /// As printed on the chassis; unique.
    pub name: String,
    /// What it takes.
    pub kind: PortKind,
    /// The side that it is on.
    pub side: Side,
    /// Where it is drawn, on that side.
    pub at: Option<Field>,
    /// Whether it is an alarm when it has no link or is not there.
    pub required: bool,
    #[serde(skip)]
    interfaces: Vec<PortAt>,
}

/// One way to know the disk of a bay.
#[derive(Debug, Clone, PartialEq, Eq)]
enum DiskAt {
    /// The ATA port of this number, from 1, of a controller, or of any where none is named.
    Ata { port: u32, controller: Option<String> },
    /// The SAS phy of this number, from 0, of a controller, or of any.
    Phy { phy: u32, controller: Option<String> },
    /// The slot of this name of an enclosure (SES).
    Enclosure { slot: String },
    /// The PCIe hot-plug slot of this name.
    Slot { name: String },
    /// The PCI address of an `NVMe` drive, or of the bridge above it.
    Pci { address: String },
}

/// One way to know the interface of a port.
#[derive(Debug, Clone, PartialEq, Eq)]
enum PortAt {
    /// By its name.
    Name(String),
    /// By its PCI address.
    Pci(String),
    /// The n-th, from 0, of the ports by this driver in the order of their PCI addresses.
    Driver { driver: String, index: usize },
}

/// The limits that a board sets for readings, beside those of the sensors themselves.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Limits {
    /// At or below this it is critical.
    pub critical_below: Option<f64>,
    /// At or below this it asks for attention.
    pub warning_below: Option<f64>,
    /// At or above this it asks for attention.
    pub warning_above: Option<f64>,
    /// At or above this it is critical.
    pub critical_above: Option<f64>,
    /// How far back a value has to be before the alarm ends, in the reading's unit.
    pub hysteresis: f64,
    /// Seconds for which a value has to be beyond a limit.
    pub hold: u64,
}

/// Limits and whose they are.
#[derive(Debug, Clone, PartialEq)]
struct LimitRule {
    readings: Vec<String>,
    limits: Limits,
}

/// A board.
#[derive(Debug, Clone, PartialEq)]
pub struct Board {
    name: String,
    known: bool,
    front: Grid,
    rear: Grid,
    bays: Vec<Bay>,
    supplies: Vec<Supply>,
    fans: Vec<Fan>,
    ports: Vec<Port>,
    room: (f64, f64),
    room_sensors: Vec<String>,
    supplies_needed: Option<usize>,
    fans_needed: Option<usize>,
    limits: Vec<LimitRule>,
}

impl Board {
    /// A board of which nothing is known: no bays, and what readings call themselves is what they belong to.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            name: String::new(),
            known: false,
            front: Grid { rows: 1, columns: 1 },
            rear: Grid { rows: 1, columns: 1 },
            bays: Vec::new(),
            supplies: Vec::new(),
            fans: Vec::new(),
            ports: Vec::new(),
            room: ROOM_CELSIUS,
            room_sensors: Vec::new(),
            supplies_needed: None,
            fans_needed: None,
            limits: Vec::new(),
        }
    }

    /// Reads a board file. `whence` names it in errors.
    ///
    /// # Errors
    /// What is wrong, and in which line.
    pub fn parse(whence: &str, text: &str) -> Result<Self, BoardError> {
        parse::read(whence, text)
    }

    /// What the board is called; empty on unknown hardware.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a file describes it, so that its chassis can be drawn.
    #[must_use]
    pub fn known(&self) -> bool {
        self.known
    }

    /// The front's grid.
    #[must_use]
    pub fn front(&self) -> Grid {
        self.front
    }

    /// The rear's grid.
    #[must_use]
    pub fn rear(&self) -> Grid {
        self.rear
    }

    /// The bays, by number.
    #[must_use]
    pub fn bays(&self) -> &[Bay] {
        &self.bays
    }

    /// The power supplies, by number.
    #[must_use]
    pub fn supplies(&self) -> &[Supply] {
        &self.supplies
    }

    /// The fans, by number.
    #[must_use]
    pub fn fans(&self) -> &[Fan] {
        &self.fans
    }

    /// The network ports, as the file orders them.
    #[must_use]
    pub fn ports(&self) -> &[Port] {
        &self.ports
    }

    /// Degrees Celsius that the air at the inlet may have.
    #[must_use]
    pub fn room(&self) -> (f64, f64) {
        self.room
    }

    /// How many supplies have to work; one less than there are where the file says nothing, and 1 on unknown hardware.
    #[must_use]
    pub fn supplies_needed(&self) -> usize {
        self.supplies_needed
            .unwrap_or_else(|| self.supplies.len().saturating_sub(1).max(1))
    }

    /// How many fans have to turn; one less than there are where neither the file nor anybody else says it.
    #[must_use]
    pub fn fans_needed(&self) -> Option<usize> {
        self.fans_needed
            .or_else(|| (!self.fans.is_empty()).then(|| self.fans.len().saturating_sub(1)))
    }

    /// The board's limits for a reading; the first rule that names it.
    #[must_use]
    pub fn limits(&self, reading: &Reading) -> Option<&Limits> {
        self.limits
            .iter()
            .find(|rule| named(&rule.readings, reading))
            .map(|rule| &rule.limits)
    }

    /// The bay that a disk is in.
    #[must_use]
    pub fn bay(&self, disk: &DiskPlace) -> Option<u8> {
        let bay = self.bays.iter().find(|bay| bay.slots.iter().any(|at| disk.is_at(at)));
        bay.map(|bay| bay.number)
    }

    /// The interface of each port of the board, in their order; `None` where it is not there.
    #[must_use]
    pub fn interfaces<'a>(&self, places: &'a [PortPlace]) -> Vec<Option<&'a PortPlace>> {
        let port = |port: &Port| port.interfaces.iter().find_map(|at| place::interface(at, places));
        self.ports.iter().map(port).collect()
    }

    /// What a reading is about: by the file's patterns, then by what the reading calls itself.
    #[must_use]
    pub fn component(&self, reading: &Reading) -> Component {
        if let Some(bay) = self.bays.iter().find(|b| named(&b.readings, reading)) {
            return Component::Bay(bay.number);
        }
        if let Some(supply) = self.supplies.iter().find(|s| named(&s.readings, reading)) {
            return Component::Supply(supply.number);
        }
        if let Some(fan) = self.fans.iter().find(|f| named(&f.readings, reading)) {
            return Component::Fan(fan.number);
        }
        if named(&self.room_sensors, reading) {
            return Component::Room;
        }
        Component::of(reading)
    }
}

/// Whether any pattern matches a reading's id.
fn named(patterns: &[String], reading: &Reading) -> bool {
    patterns.iter().any(|pattern| matches(pattern, reading.id()))
}

/// `*` stands for any octets, also none; everything else for itself, without regard to the case of ASCII letters.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // where the last star stood, and what it has taken so far
    let mut star: Option<(usize, usize)> = None;
    while let Some(octet) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(wanted) if wanted.eq_ignore_ascii_case(octet) => {
                p += 1;
                t += 1;
            }
            _ => match &mut star {
                Some((at, taken)) => {
                    *taken += 1;
                    (p, t) = (*at + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|octet| *octet == b'*')
}

#[cfg(test)]
mod tests;
