//! The board file's form, and what is wrong with one.

use std::collections::BTreeSet;

use serde::Deserialize;
use toml::Spanned;

use super::{Bay, Board, DiskAt, Fan, Field, Grid, LimitRule, Limits, Port, PortAt, PortKind, Side, Supply};
use crate::policy::ROOM_CELSIUS;

/// The most octets of a board file.
const FILE_MAX: usize = 256 * 1024;
/// The most parts of one kind.
const PARTS_MAX: usize = 96;
/// The most octets of a name or pattern.
const NAME_MAX: usize = 64;

/// What is wrong with a board file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{whence}, line {line}: {what}")]
pub struct BoardError {
    /// The file.
    whence: String,
    /// Its line, from 1.
    line: usize,
    /// What is wrong there, and what to write instead.
    what: String,
}

impl BoardError {
    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Spanned<String>,
    front: Option<Spanned<Grid>>,
    rear: Option<Spanned<Grid>>,
    room: Option<Spanned<Room>>,
    supplies: Option<Spanned<Needed>>,
    fans: Option<Spanned<Needed>>,
    #[serde(default)]
    bay: Vec<Spanned<BayForm>>,
    #[serde(default)]
    supply: Vec<Spanned<PartForm>>,
    #[serde(default)]
    fan: Vec<Spanned<PartForm>>,
    #[serde(default)]
    port: Vec<Spanned<PortForm>>,
    #[serde(default)]
    limit: Vec<Spanned<LimitForm>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Room {
    low: Option<f64>,
    high: Option<f64>,
    #[serde(default)]
    readings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Needed {
    needed: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BayForm {
    number: u8,
    name: Option<String>,
    at: Option<Field>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    disk: Vec<Spanned<DiskForm>>,
    #[serde(default)]
    readings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DiskForm {
    ata: Option<u32>,
    phy: Option<u32>,
    enclosure: Option<String>,
    slot: Option<String>,
    pci: Option<String>,
    controller: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PartForm {
    number: u8,
    name: Option<String>,
    at: Option<Field>,
    #[serde(default = "yes")]
    required: bool,
    #[serde(default)]
    readings: Vec<String>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PortForm {
    name: String,
    kind: PortKind,
    #[serde(default = "rear")]
    side: Side,
    at: Option<Field>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    interface: Vec<Spanned<InterfaceForm>>,
}

fn rear() -> Side {
    Side::Rear
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InterfaceForm {
    name: Option<String>,
    pci: Option<String>,
    driver: Option<String>,
    index: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitForm {
    readings: Vec<String>,
    critical_below: Option<f64>,
    warning_below: Option<f64>,
    warning_above: Option<f64>,
    critical_above: Option<f64>,
    #[serde(default)]
    hysteresis: f64,
    #[serde(default)]
    hold: u64,
}

/// The file while it is looked at.
struct Source<'a> {
    whence: &'a str,
    text: &'a str,
}

impl Source<'_> {
    fn wrong(&self, offset: usize, what: impl Into<String>) -> BoardError {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        BoardError {
            whence: self.whence.to_owned(),
            line: 1 + before.iter().filter(|octet| **octet == b'\n').count(),
            what: what.into(),
        }
    }

    fn ensure<T>(&self, at: &Spanned<T>, good: bool, what: impl FnOnce() -> String) -> Result<(), BoardError> {
        if good {
            Ok(())
        } else {
            Err(self.wrong(at.span().start, what()))
        }
    }

    /// A name that people read, or the usual one.
    fn name<T>(&self, at: &Spanned<T>, name: Option<&String>, usual: String) -> Result<String, BoardError> {
        let Some(name) = name else { return Ok(usual) };
        let good = !name.trim().is_empty() && name.len() <= NAME_MAX && !name.chars().any(char::is_control);
        self.ensure(at, good, || {
            format!("the name {name:?} is empty, longer than {NAME_MAX} octets or holds control characters")
        })?;
        Ok(name.clone())
    }

    fn patterns<T>(&self, at: &Spanned<T>, patterns: &[String]) -> Result<Vec<String>, BoardError> {
        self.ensure(at, patterns.len() <= PARTS_MAX, || {
            format!("more than {PARTS_MAX} readings")
        })?;
        for pattern in patterns {
            let good = !pattern.is_empty() && pattern.len() <= NAME_MAX * 2;
            self.ensure(at, good, || {
                format!("the reading {pattern:?} is empty or too long: write an id with `*` for what varies")
            })?;
        }
        Ok(patterns.to_vec())
    }

    /// `0000:5e:00.0`.
    fn address<T>(&self, at: &Spanned<T>, address: &str) -> Result<String, BoardError> {
        let hex = |text: &str, digits: usize| text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
        let mut parts = address.split([':', '.']);
        let good = address.len() == 12
            && [4, 2, 2, 1]
                .into_iter()
                .all(|digits| parts.next().is_some_and(|part| hex(part, digits)));
        self.ensure(at, good, || {
            format!("{address:?} is no PCI address: write it as 0000:5e:00.0")
        })?;
        Ok(address.to_ascii_lowercase())
    }
}

/// Fields of a side that are taken.
struct Taken<'a> {
    grid: Grid,
    side: &'static str,
    fields: BTreeSet<Field>,
    source: &'a Source<'a>,
}

impl Taken<'_> {
    fn take<T>(&mut self, at: &Spanned<T>, field: Option<Field>) -> Result<(), BoardError> {
        let Some((row, column)) = field else { return Ok(()) };
        let Grid { rows, columns } = self.grid;
        let side = self.side;
        let inside = (1..=rows).contains(&row) && (1..=columns).contains(&column);
        self.source.ensure(at, inside, || {
            format!("row {row}, column {column} is outside the {side} of {rows} rows and {columns} columns")
        })?;
        let free = self.fields.insert((row, column));
        self.source.ensure(at, free, || {
            format!("two parts at row {row}, column {column} of the {side}")
        })
    }
}

pub(super) fn read(whence: &str, text: &str) -> Result<Board, BoardError> {
    let source = Source { whence, text };
    if text.len() > FILE_MAX {
        return Err(source.wrong(0, format!("longer than {FILE_MAX} octets, which no board file is")));
    }
    let file: File = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        source.wrong(offset, error.message().trim().replace('\n', ", "))
    })?;
    let front = grid(&source, file.front.as_ref())?;
    let rear = grid(&source, file.rear.as_ref())?;
    let taken = |grid, side| Taken {
        grid,
        side,
        fields: BTreeSet::new(),
        source: &source,
    };
    let (mut on_front, mut on_rear) = (taken(front, "front"), taken(rear, "rear"));
    let bays = bays(&source, &file.bay, &mut on_front)?;
    let supplies = parts(&source, &file.supply, &mut on_rear, "supply")?;
    for fan in &file.fan {
        source.ensure(fan, fan.as_ref().at.is_none(), || {
            "fans sit inside: leave out `at`".to_owned()
        })?;
    }
    let fans = parts(&source, &file.fan, &mut on_rear, "fan")?;
    let ports = ports(&source, &file.port, &mut on_front, &mut on_rear)?;
    let (room, room_sensors) = room(&source, file.room.as_ref())?;
    let needed = |needed: Option<&Spanned<Needed>>, there: usize, what: &str| {
        let Some(told) = needed else { return Ok(None) };
        let number = told.as_ref().needed;
        source.ensure(told, number <= there, || {
            format!("{number} {what} are needed, but the file names {there}")
        })?;
        Ok(Some(number))
    };
    Ok(Board {
        name: source.name(&file.name, Some(file.name.as_ref()), String::new())?,
        known: true,
        front,
        rear,
        supplies_needed: needed(file.supplies.as_ref(), supplies.len(), "supplies")?,
        fans_needed: needed(file.fans.as_ref(), fans.len(), "fans")?,
        bays,
        supplies: supplies
            .into_iter()
            .map(|part| Supply {
                number: part.number,
                name: part.name,
                at: part.at,
                required: part.required,
                readings: part.readings,
            })
            .collect(),
        fans: fans
            .into_iter()
            .map(|part| Fan {
                number: part.number,
                name: part.name,
                required: part.required,
                readings: part.readings,
            })
            .collect(),
        ports,
        room,
        room_sensors,
        limits: limits(&source, &file.limit)?,
    })
}

fn grid(source: &Source<'_>, grid: Option<&Spanned<Grid>>) -> Result<Grid, BoardError> {
    let Some(told) = grid else {
        return Ok(Grid { rows: 1, columns: 1 });
    };
    let grid = *told.as_ref();
    let good = (1..=16).contains(&grid.rows) && (1..=48).contains(&grid.columns);
    source.ensure(told, good, || "a side has 1 to 16 rows and 1 to 48 columns".to_owned())?;
    Ok(grid)
}

fn room(source: &Source<'_>, room: Option<&Spanned<Room>>) -> Result<((f64, f64), Vec<String>), BoardError> {
    let Some(told) = room else {
        return Ok((ROOM_CELSIUS, Vec::new()));
    };
    let form = told.as_ref();
    let (low, high) = (form.low.unwrap_or(ROOM_CELSIUS.0), form.high.unwrap_or(ROOM_CELSIUS.1));
    let good = low < high && low >= -60.0 && high <= 100.0;
    source.ensure(told, good, || {
        format!("the room's {low} to {high} °C is no range between -60 and 100")
    })?;
    Ok(((low, high), source.patterns(told, &form.readings)?))
}

fn bays(source: &Source<'_>, forms: &[Spanned<BayForm>], front: &mut Taken<'_>) -> Result<Vec<Bay>, BoardError> {
    let mut bays: Vec<Bay> = Vec::new();
    for told in forms {
        let form = told.as_ref();
        let number = form.number;
        source.ensure(told, bays.len() < PARTS_MAX, || format!("more than {PARTS_MAX} bays"))?;
        let new = bays.iter().all(|b| b.number != number);
        source.ensure(told, new, || format!("two bays have the number {number}"))?;
        front.take(told, form.at)?;
        let mut slots = Vec::new();
        for disk in &form.disk {
            let at = disk_at(source, disk)?;
            let other = bays.iter().find(|b| b.slots.contains(&at));
            source.ensure(disk, other.is_none(), || {
                format!("bay {} has the same disk", other.map_or(0, |b| b.number))
            })?;
            slots.push(at);
        }
        bays.push(Bay {
            number,
            name: source.name(told, form.name.as_ref(), format!("Bay {number}"))?,
            at: form.at,
            required: form.required,
            slots,
            readings: source.patterns(told, &form.readings)?,
        });
    }
    bays.sort_by_key(|bay| bay.number);
    Ok(bays)
}

fn disk_at(source: &Source<'_>, told: &Spanned<DiskForm>) -> Result<DiskAt, BoardError> {
    let form = told.as_ref();
    let controller = form
        .controller
        .as_deref()
        .map(|c| source.address(told, c))
        .transpose()?;
    let ways = [
        form.ata.is_some(),
        form.phy.is_some(),
        form.enclosure.is_some(),
        form.slot.is_some(),
        form.pci.is_some(),
    ];
    let one = ways.iter().filter(|way| **way).count() == 1;
    source.ensure(told, one, || {
        "a disk is found by one of `ata`, `phy` (each perhaps with `controller`), `enclosure`, `slot` or `pci`"
            .to_owned()
    })?;
    source.ensure(
        told,
        controller.is_none() || form.ata.is_some() || form.phy.is_some(),
        || "`controller` goes with `ata` or `phy` alone".to_owned(),
    )?;
    Ok(match form {
        DiskForm { ata: Some(port), .. } => {
            source.ensure(told, *port > 0, || "ATA ports count from 1".to_owned())?;
            DiskAt::Ata {
                port: *port,
                controller,
            }
        }
        DiskForm { phy: Some(phy), .. } => DiskAt::Phy { phy: *phy, controller },
        DiskForm {
            enclosure: Some(slot), ..
        } => DiskAt::Enclosure {
            slot: source.name(told, Some(slot), String::new())?,
        },
        DiskForm { slot: Some(name), .. } => DiskAt::Slot {
            name: source.name(told, Some(name), String::new())?,
        },
        DiskForm { pci, .. } => DiskAt::Pci {
            address: source.address(told, pci.as_deref().unwrap_or_default())?,
        },
    })
}

/// A supply or fan.
struct Numbered {
    number: u8,
    name: String,
    at: Option<Field>,
    required: bool,
    readings: Vec<String>,
}

fn parts(
    source: &Source<'_>,
    forms: &[Spanned<PartForm>],
    rear: &mut Taken<'_>,
    what: &str,
) -> Result<Vec<Numbered>, BoardError> {
    let mut parts: Vec<Numbered> = Vec::new();
    for told in forms {
        let form = told.as_ref();
        let number = form.number;
        source.ensure(told, parts.len() < PARTS_MAX, || {
            format!("a {what} too many: {PARTS_MAX} are the most")
        })?;
        let new = parts.iter().all(|p| p.number != number);
        source.ensure(told, new, || format!("the number {number} of this {what} is taken"))?;
        rear.take(told, form.at)?;
        let usual = match what {
            "fan" => format!("Fan {number}"),
            _ => format!("PSU {number}"),
        };
        parts.push(Numbered {
            number,
            name: source.name(told, form.name.as_ref(), usual)?,
            at: form.at,
            required: form.required,
            readings: source.patterns(told, &form.readings)?,
        });
    }
    parts.sort_by_key(|part| part.number);
    Ok(parts)
}

fn ports(
    source: &Source<'_>,
    forms: &[Spanned<PortForm>],
    front: &mut Taken<'_>,
    rear: &mut Taken<'_>,
) -> Result<Vec<Port>, BoardError> {
    let mut ports: Vec<Port> = Vec::new();
    for told in forms {
        let form = told.as_ref();
        source.ensure(told, ports.len() < PARTS_MAX, || format!("more than {PARTS_MAX} ports"))?;
        let name = source.name(told, Some(&form.name), String::new())?;
        let new = ports.iter().all(|p| p.name != name);
        source.ensure(told, new, || format!("two ports are called {name}"))?;
        match form.side {
            Side::Front => front.take(told, form.at)?,
            Side::Rear => rear.take(told, form.at)?,
        }
        let interfaces = form
            .interface
            .iter()
            .map(|i| port_at(source, i))
            .collect::<Result<_, _>>()?;
        ports.push(Port {
            name,
            kind: form.kind,
            side: form.side,
            at: form.at,
            required: form.required,
            interfaces,
        });
    }
    Ok(ports)
}

fn port_at(source: &Source<'_>, told: &Spanned<InterfaceForm>) -> Result<PortAt, BoardError> {
    match told.as_ref() {
        InterfaceForm {
            name: Some(name),
            pci: None,
            driver: None,
            index: None,
        } => source.name(told, Some(name), String::new()).map(PortAt::Name),
        InterfaceForm {
            name: None,
            pci: Some(pci),
            driver: None,
            index: None,
        } => source.address(told, pci).map(PortAt::Pci),
        InterfaceForm {
            name: None,
            pci: None,
            driver: Some(driver),
            index,
        } => Ok(PortAt::Driver {
            driver: source.name(told, Some(driver), String::new())?,
            index: index.unwrap_or(0),
        }),
        _ => Err(source.wrong(
            told.span().start,
            "an interface is found by one of `name`, `pci` or `driver` (with `index` from 0)",
        )),
    }
}

fn limits(source: &Source<'_>, forms: &[Spanned<LimitForm>]) -> Result<Vec<LimitRule>, BoardError> {
    let mut rules = Vec::new();
    for told in forms {
        let form = told.as_ref();
        source.ensure(told, rules.len() < PARTS_MAX, || {
            format!("more than {PARTS_MAX} limits")
        })?;
        let ladder: Vec<f64> = [
            form.critical_below,
            form.warning_below,
            form.warning_above,
            form.critical_above,
        ]
        .into_iter()
        .flatten()
        .collect();
        source.ensure(told, !ladder.is_empty() && !form.readings.is_empty(), || {
            "a limit needs readings, and one of critical_below, warning_below, warning_above, critical_above".to_owned()
        })?;
        let rising =
            ladder.iter().zip(ladder.iter().skip(1)).all(|(a, b)| a < b) && ladder.iter().all(|v| v.is_finite());
        source.ensure(told, rising, || {
            "limits have to rise: critical_below < warning_below < warning_above < critical_above".to_owned()
        })?;
        source.ensure(told, form.hysteresis.is_finite() && form.hysteresis >= 0.0, || {
            "a hysteresis is 0 or more".to_owned()
        })?;
        rules.push(LimitRule {
            readings: source.patterns(told, &form.readings)?,
            limits: Limits {
                critical_below: form.critical_below,
                warning_below: form.warning_below,
                warning_above: form.warning_above,
                critical_above: form.critical_above,
                hysteresis: form.hysteresis,
                hold: form.hold,
            },
        });
    }
    Ok(rules)
}
