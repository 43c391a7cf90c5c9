//! A controller's sensors, event log, parts, power and chassis, whatever way it is asked.

use std::time::Duration;

use super::fru::{self, Fru};
use super::sel::{self, Cursor, Event};
use super::{IpmiError, Question, Sensor, parse_sdr, reading};
use crate::why::{Phrase, phrases};
use crate::{Kind, NoData, Reading, State, Unit};

/// The most records of a repository.
const RECORDS_MAX: usize = 1_024;
/// The most octets of one read of a record: controllers refuse longer ones.
const CHUNK: u8 = 16;
/// The most events of one call: what is left comes with the next one.
const EVENTS_MAX: usize = 256;

const CHASSIS: u8 = 0x00;
const SENSOR: u8 = 0x04;
const STORAGE: u8 = 0x0a;
const GROUP: u8 = 0x2c;

/// A way to ask a controller.
pub trait Ask {
    /// Sets by when all that is asked from now on has to be answered.
    fn within(&mut self, patience: Duration);

    /// Asks one question; the answer's data, without its completion code. `what` names it in errors.
    ///
    /// # Errors
    /// Where no answer came in time, or one that refuses.
    fn ask(&mut self, question: Question<'_>, what: &'static str) -> Result<Vec<u8>, IpmiError>;

    /// How errors call the controller.
    fn at(&self) -> &str;
}

impl<A: Ask> Ask for &mut A {
    fn within(&mut self, patience: Duration) {
        (**self).within(patience);
    }

    fn ask(&mut self, question: Question<'_>, what: &'static str) -> Result<Vec<u8>, IpmiError> {
        (**self).ask(question, what)
    }

    fn at(&self) -> &str {
        (**self).at()
    }
}

/// A controller, and what it said of its sensors.
#[derive(Debug)]
pub struct Controller<A> {
    link: A,
    sensors: Vec<Sensor>,
    /// When the sensor records last changed, as the controller says it.
    version: Option<[u8; 8]>,
}

impl<A: Ask> Controller<A> {
    /// A controller that has not been asked yet.
    pub fn new(link: A) -> Self {
        Self {
            link,
            sensors: Vec::new(),
            version: None,
        }
    }

    /// Sets by when all that is asked from now on has to be answered.
    pub fn within(&mut self, patience: Duration) {
        self.link.within(patience);
    }

    fn malformed(&self, what: &'static str) -> IpmiError {
        IpmiError::Malformed {
            at: self.link.at().to_owned(),
            what,
        }
    }

    /// Every sensor that the repository describes, read anew only where it changed.
    ///
    /// # Errors
    /// Where the controller stops to answer. Records that make no sense are left out.
    pub fn sensors(&mut self) -> Result<&[Sensor], IpmiError> {
        // section 33.9: the times of the last addition and the last erasure
        let told = self
            .link
            .ask(Question::new(STORAGE, 0x20, &[]), "about its sensor records");
        let version = match told {
            Ok(data) => data.get(5..).and_then(|d| d.first_chunk::<8>()).copied(),
            Err(IpmiError::Refused { .. }) => None,
            Err(error) => return Err(error),
        };
        if self.sensors.is_empty() || version.is_none() || version != self.version {
            self.sensors = self.repository()?;
            self.version = version;
        }
        Ok(&self.sensors)
    }

    fn repository(&mut self) -> Result<Vec<Sensor>, IpmiError> {
        let mut sensors = Vec::new();
        let mut record = 0u16;
        let mut reservation = self.reserve()?;
        for _ in 0..RECORDS_MAX {
            let (next, octets) = match self.record(record, reservation) {
                // the repository changed meanwhile
                Err(IpmiError::Refused { code: 0xc5, .. }) => {
                    reservation = self.reserve()?;
                    self.record(record, reservation)?
                }
                other => other?,
            };
            sensors.extend(parse_sdr(&octets));
            if next == 0xffff || next == record {
                break;
            }
            record = next;
        }
        Ok(sensors)
    }

    fn reserve(&mut self) -> Result<[u8; 2], IpmiError> {
        let what = "a reservation of its sensor records";
        let told = self.link.ask(Question::new(STORAGE, 0x22, &[]), what)?;
        told.first_chunk::<2>().copied().ok_or_else(|| self.malformed(what))
    }

    /// One record with its header, and the number of the next.
    fn record(&mut self, record: u16, reservation: [u8; 2]) -> Result<(u16, Vec<u8>), IpmiError> {
        let what = "a sensor record";
        let mut octets: Vec<u8> = Vec::new();
        let mut length = 5usize;
        let mut next = 0xffff;
        let mut chunk = CHUNK;
        while octets.len() < length {
            let [low, high] = record.to_le_bytes();
            let [r0, r1] = reservation;
            let offset = u8::try_from(octets.len()).unwrap_or(u8::MAX);
            let wanted = u8::try_from(length - octets.len()).unwrap_or(chunk).min(chunk);
            let told = match self
                .link
                .ask(Question::new(STORAGE, 0x23, &[r0, r1, low, high, offset, wanted]), what)
            {
                // it cannot give so many octets at a time
                Err(IpmiError::Refused {
                    code: 0xca | 0xc7 | 0xc8,
                    ..
                }) if chunk > 4 => {
                    chunk /= 2;
                    continue;
                }
                other => other?,
            };
            let Some(([n0, n1], part)) = told.split_first_chunk::<2>() else {
                return Err(self.malformed(what));
            };
            if part.is_empty() {
                return Err(self.malformed(what));
            }
            next = u16::from_le_bytes([*n0, *n1]);
            octets.extend(part);
            if octets.len() >= 5 {
                length = 5 + usize::from(octets.get(4).copied().unwrap_or(0));
            }
        }
        octets.truncate(length);
        Ok((next, octets))
    }

    /// Every sensor's reading, the power that the box takes (DCMI), and the chassis's faults. A sensor that the controller
    /// refuses to read is missing; where it stops to answer, so is the rest.
    ///
    /// # Errors
    /// Where the sensor records cannot be read.
    pub fn readings(&mut self) -> Result<Vec<Reading>, IpmiError> {
        self.sensors()?;
        let mut dead = false;
        let mut readings = Vec::new();
        for sensor in &self.sensors {
            let number = [sensor.number];
            let told = if dead {
                Err(NoData::Timeout)
            } else {
                let question = Question {
                    lun: sensor.lun,
                    ..Question::new(SENSOR, 0x2d, &number)
                };
                match self.link.ask(question, "a sensor's reading") {
                    Ok(data) => Ok(data),
                    Err(IpmiError::Refused { code: 0xcb | 0xcd, .. }) => Err(NoData::NotPresent),
                    Err(IpmiError::Refused { .. }) => Err(NoData::Failed),
                    Err(_) => {
                        dead = true;
                        Err(NoData::Timeout)
                    }
                }
            };
            readings.push(reading(sensor, told.as_deref().map_err(|e| *e)));
        }
        if !dead {
            readings.extend(self.power());
            readings.extend(self.chassis());
        }
        Ok(readings)
    }

    /// The power that the box takes (DCMI 1.5, 6.6.1); none where the controller knows no DCMI.
    fn power(&mut self) -> Option<Reading> {
        let told = self
            .link
            .ask(
                Question::new(GROUP, 0x02, &[0xdc, 1, 0, 0]),
                "the power that the box takes",
            )
            .ok()?;
        power(&told)
    }

    /// What the chassis says of itself (section 28.2).
    fn chassis(&mut self) -> Vec<Reading> {
        match self.link.ask(Question::new(CHASSIS, 0x01, &[]), "the chassis's status") {
            Ok(told) => chassis(&told),
            Err(_) => Vec::new(),
        }
    }

    /// Lights the chassis's lamp for so many seconds; 0 puts it out (section 28.5).
    ///
    /// # Errors
    /// Where the controller does not answer, or has no such lamp.
    pub fn identify(&mut self, seconds: u8) -> Result<(), IpmiError> {
        self.link
            .ask(Question::new(CHASSIS, 0x04, &[seconds]), "to light its lamp")
            .map(|_| ())
    }

    /// The events behind `last`, oldest first, at most 256 at a time; all from the beginning where the log was cleared since.
    ///
    /// # Errors
    /// Where the controller does not answer.
    pub fn events(&mut self, last: Option<Cursor>) -> Result<Vec<Event>, IpmiError> {
        let mut number = 0u16;
        if let Some(last) = last
            && let Some((next, octets)) = self.entry(last.record)?
        {
            let same = sel::event(&octets, &[]).is_some_and(|event| event.cursor == last);
            match (same, next) {
                (true, 0xffff) => return Ok(Vec::new()),
                (true, next) => number = next,
                (false, _) => {}
            }
        }
        let mut events = Vec::new();
        while events.len() < EVENTS_MAX {
            let Some((next, octets)) = self.entry(number)? else {
                break;
            };
            events.extend(sel::event(&octets, &self.sensors));
            if next == 0xffff || next == number {
                break;
            }
            number = next;
        }
        Ok(events)
    }

    /// One record and the number of the next (section 31.5); none where there is no such record.
    fn entry(&mut self, record: u16) -> Result<Option<(u16, Vec<u8>)>, IpmiError> {
        let what = "a record of its event log";
        let [low, high] = record.to_le_bytes();
        let told = match self
            .link
            .ask(Question::new(STORAGE, 0x43, &[0, 0, low, high, 0, 0xff]), what)
        {
            Err(IpmiError::Refused {
                code: 0xcb | 0xc9 | 0xc5,
                ..
            }) => return Ok(None),
            other => other?,
        };
        let Some((next, octets)) = told.split_first_chunk::<2>() else {
            return Err(self.malformed(what));
        };
        if octets.len() < 16 {
            return Err(self.malformed(what));
        }
        Ok(Some((u16::from_le_bytes(*next), octets.to_vec())))
    }

    /// What a part says it is; 0 is the controller's own board.
    ///
    /// # Errors
    /// Where the controller does not answer, has no such part, or its octets are damaged.
    pub fn part(&mut self, number: u8) -> Result<Fru, IpmiError> {
        let what = "what a part is";
        let told = self.link.ask(Question::new(STORAGE, 0x10, &[number]), what)?;
        let [low, high, access, ..] = *told.as_slice() else {
            return Err(self.malformed(what));
        };
        // those that count in words are asked in words
        let words = access & 1 != 0;
        let size = usize::from(u16::from_le_bytes([low, high])).min(fru::FRU_MAX);
        let mut octets = Vec::new();
        while octets.len() < size {
            let wanted = u8::try_from(size - octets.len()).unwrap_or(CHUNK).min(CHUNK);
            let (at, count) = if words {
                (octets.len() / 2, wanted.div_ceil(2))
            } else {
                (octets.len(), wanted)
            };
            let [o0, o1] = u16::try_from(at).unwrap_or(u16::MAX).to_le_bytes();
            let told = self
                .link
                .ask(Question::new(STORAGE, 0x11, &[number, o0, o1, count]), what)?;
            let Some((_, part)) = told.split_first().filter(|(_, part)| !part.is_empty()) else {
                return Err(self.malformed(what));
            };
            octets.extend(part);
        }
        fru::parse(&octets).map_err(|_| self.malformed(what))
    }
}

fn power(told: &[u8]) -> Option<Reading> {
    let [0xdc, low, high, ..] = told else { return None };
    // bit 6: measuring is on
    let on = told.get(17).is_some_and(|state| state & 0x40 != 0);
    let watts = f64::from(u16::from_le_bytes([*low, *high]));
    let value = if on { Ok(watts) } else { Err(NoData::Disabled) };
    Some(Reading::fact(
        "ipmi/dcmi/power",
        phrases::R_BOX_POWER,
        Kind::Power,
        Unit::Watt,
        value,
    ))
}

fn chassis(told: &[u8]) -> Vec<Reading> {
    let [power, _, misc, ..] = told else { return Vec::new() };
    let fault = |id: &str, name: &'static Phrase, octet: u8, bit: u8, state: State| {
        let set = octet >> bit & 1 == 1;
        let (state, reason) = if set {
            (state, phrases::BMC_CHASSIS)
        } else {
            (State::Ok, phrases::NO)
        };
        Reading::fact(
            format!("ipmi/chassis/{id}"),
            name,
            Kind::State,
            Unit::Boolean,
            Ok(f64::from(u8::from(set))),
        )
        .judged(state, reason)
    };
    vec![
        fault(
            "power_overload",
            phrases::R_CHASSIS_OVERLOAD,
            *power,
            1,
            State::Critical,
        ),
        fault("power_fault", phrases::R_CHASSIS_POWER, *power, 3, State::Critical),
        fault("intrusion", phrases::R_CHASSIS_OPENED, *misc, 0, State::Info),
        fault("drive_fault", phrases::R_CHASSIS_DRIVE, *misc, 2, State::Warning),
        fault("cooling_fault", phrases::R_CHASSIS_COOLING, *misc, 3, State::Critical),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_is_told_only_while_it_is_measured() {
        let mut told = vec![0xdc, 0x0e, 0x01];
        told.resize(18, 0);
        assert_eq!(power(&told).expect("a reading").value(), Err(NoData::Disabled));
        told[17] = 0x40;
        assert_eq!(power(&told).expect("a reading").value(), Ok(270.0));
        assert_eq!(power(&[0, 1, 2]), None);
    }

    #[test]
    fn a_chassis_tells_its_faults() {
        let readings = chassis(&[0x01, 0, 0x08, 0]);
        let bad: Vec<_> = readings
            .iter()
            .filter(|r| r.state() == State::Critical)
            .map(Reading::id)
            .collect();
        assert_eq!(bad, ["ipmi/chassis/cooling_fault"]);
        assert!(chassis(&[1]).is_empty());
    }
}
