//! A log block's contents, as far as a search needs them.

use std::net::IpAddr;

use super::columns::{Part, Varints, directory, row, text, unzigzag};
use super::{LogBlock, RECORD_OVERHEAD, facility_bit, kind_bit, severity_bit};
use crate::{BlockError, LinkId, LogRecord, LogSource, Severity, Timestamp};

/// Whom a block's records are of: each once, in the order of their first record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogDirectory {
    /// The exporters that sent them.
    pub exporters: Vec<LinkId>,
    /// The IPv4 addresses that they came from.
    pub peers4: Vec<IpAddr>,
    /// The IPv6 addresses that they came from.
    pub peers6: Vec<IpAddr>,
    /// The hosts that they name.
    pub hosts: Vec<String>,
    /// The programs or modules; one may be empty.
    pub apps: Vec<String>,
}

impl LogDirectory {
    pub(super) fn read(raw: &[u8]) -> Result<Self, BlockError> {
        let part = Part::open(raw)?;
        let mut exporters = Vec::new();
        let mut varints = Varints(part.octets(directory::EXPORTERS)?);
        while !varints.0.is_empty() {
            let link = u32::try_from(varints.next()?).map_err(|_| BlockError::Contents("exporter"))?;
            exporters.push(LinkId(link));
        }
        Ok(Self {
            exporters,
            peers4: addresses::<4>(part.octets(directory::PEERS4)?)?,
            peers6: addresses::<16>(part.octets(directory::PEERS6)?)?,
            hosts: part.strings(directory::HOSTS)?,
            apps: part.strings(directory::APPS)?,
        })
    }

    fn peer(&self, place: u64) -> Option<IpAddr> {
        let list = if place.is_multiple_of(2) {
            &self.peers4
        } else {
            &self.peers6
        };
        list.get(usize::try_from(place / 2).ok()?).copied()
    }
}

fn addresses<const N: usize>(octets: &[u8]) -> Result<Vec<IpAddr>, BlockError>
where
    IpAddr: From<[u8; N]>,
{
    match octets.as_chunks::<N>() {
        (entries, []) => Ok(entries.iter().map(|octets| IpAddr::from(*octets)).collect()),
        _ => Err(BlockError::Contents("dictionary")),
    }
}

/// What is known of each record but its texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRows {
    directory: LogDirectory,
    codes: Vec<String>,
    rows: Vec<LogRow>,
    received: Vec<Timestamp>,
    lengths: Vec<[u32; 3]>,
}

/// A record but its texts. `host`, `app` and `code` are places in the lists of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRow {
    /// When it happened.
    pub time: Timestamp,
    /// The exporter that sent it.
    pub exporter: LinkId,
    /// The address that it came from.
    pub peer: IpAddr,
    /// How it came.
    pub source: LogSource,
    /// How grave it is.
    pub severity: Severity,
    /// The facility.
    pub facility: u8,
    /// Place in [`LogDirectory::hosts`].
    pub host: u32,
    /// Place in [`LogDirectory::apps`].
    pub app: u32,
    /// Place in [`LogRows::codes`].
    pub code: u32,
}

impl LogRows {
    pub(super) fn read(raw: &[u8], count: usize, directory: LogDirectory) -> Result<Self, BlockError> {
        let part = Part::open(raw)?;
        let mut time = 0u64;
        let times = part.numbers(row::TIME, count, |difference| {
            time = time
                .checked_add(difference)
                .ok_or(BlockError::Contents("time of a record"))?;
            Ok(Timestamp::from_nanos(time))
        })?;
        let mut at = times.iter();
        let received = part.numbers(row::RECEIVED, count, |difference| {
            let time = at.next().map_or(0, |t| t.as_nanos());
            Ok(Timestamp::from_nanos(time.wrapping_add(unzigzag(difference))))
        })?;
        let exporters = part.numbers(row::EXPORTER, count, |place| {
            let found = usize::try_from(place)
                .ok()
                .and_then(|place| directory.exporters.get(place));
            found.copied().ok_or(BlockError::Contents("place in a dictionary"))
        })?;
        let peers = part.numbers(row::PEER, count, |place| {
            directory
                .peer(place)
                .ok_or(BlockError::Contents("place in a dictionary"))
        })?;
        let codes = part.strings(row::CODES)?;
        let hosts = part.places(row::HOST, count, directory.hosts.len())?;
        let apps = part.places(row::APP, count, directory.apps.len())?;
        let code_places = part.places(row::CODE, count, codes.len())?;
        let severities = part.octets_of(row::SEVERITY, count)?;
        let facilities = part.octets_of(row::FACILITY, count)?;
        let sources = part.octets_of(row::SOURCE, count)?;
        let length = |number| {
            part.numbers(number, count, |length| {
                u32::try_from(length).map_err(|_| BlockError::Contents("length of a text"))
            })
        };
        let lengths: Vec<[u32; 3]> = length(row::PID_LEN)?
            .into_iter()
            .zip(length(row::TEXT_LEN)?)
            .zip(length(row::DATA_LEN)?)
            .map(|((pid, text), data)| [pid, text, data])
            .collect();
        let mut rows = Vec::with_capacity(count);
        let places = hosts.into_iter().zip(apps).zip(code_places);
        let who = exporters.into_iter().zip(peers);
        let kind = severities.iter().zip(facilities).zip(sources);
        for (((time, (exporter, peer)), ((severity, facility), source)), ((host, app), code)) in
            times.into_iter().zip(who).zip(kind).zip(places)
        {
            rows.push(LogRow {
                time,
                exporter,
                peer,
                source: LogSource::from_number(*source).ok_or(BlockError::Contents("source"))?,
                severity: Severity::from_number(*severity).ok_or(BlockError::Contents("severity"))?,
                facility: *facility,
                host,
                app,
                code,
            });
        }
        // A few long strings, named by many records, would take much more than the block does.
        let named = |list: &[String], place: u32| list.get(place as usize).map_or(0, String::len);
        let weights = rows.iter().zip(&lengths).map(|(r, lengths)| {
            let names = named(&directory.hosts, r.host) + named(&directory.apps, r.app) + named(&codes, r.code);
            lengths.iter().fold(RECORD_OVERHEAD + names, |sum, length| {
                sum.saturating_add(*length as usize)
            })
        });
        if weights.fold(0, usize::saturating_add) > LogBlock::WEIGHT_MAX {
            return Err(BlockError::Contents("size of the records"));
        }
        Ok(Self {
            directory,
            codes,
            rows,
            received,
            lengths,
        })
    }

    /// Whom the records are of.
    #[must_use]
    pub const fn directory(&self) -> &LogDirectory {
        &self.directory
    }

    /// The codes that records have; one may be empty.
    #[must_use]
    pub fn codes(&self) -> &[String] {
        &self.codes
    }

    /// The records, sorted by time.
    #[must_use]
    pub fn rows(&self) -> &[LogRow] {
        &self.rows
    }

    /// A whole record, by its place among the rows.
    #[must_use]
    pub fn record(&self, place: usize, texts: &LogTexts) -> Option<LogRecord> {
        let row = self.rows.get(place)?;
        let named = |list: &[String], place: u32| list.get(place as usize).cloned();
        Some(LogRecord {
            time: row.time,
            received: *self.received.get(place)?,
            exporter: row.exporter,
            peer: row.peer,
            source: row.source,
            severity: row.severity,
            facility: row.facility,
            host: named(&self.directory.hosts, row.host)?,
            app: named(&self.directory.apps, row.app)?,
            pid: texts.pid(place)?.to_owned(),
            code: named(&self.codes, row.code)?,
            text: texts.text(place)?.to_owned(),
            data: texts.data(place)?.to_owned(),
        })
    }

    pub(super) fn min_time(&self) -> Timestamp {
        self.rows.first().map_or(Timestamp::EPOCH, |r| r.time)
    }

    pub(super) fn max_time(&self) -> Timestamp {
        self.rows.last().map_or(Timestamp::EPOCH, |r| r.time)
    }

    pub(super) fn severities(&self) -> u8 {
        self.rows.iter().fold(0, |all, r| all | severity_bit(r.severity))
    }

    /// The kinds of application logs; `None`: messages are among them.
    pub(super) fn kinds(&self) -> Option<u8> {
        let kinds = self.rows.iter().fold(0, |all, r| all | kind_bit(r.source));
        let mixed = kinds != 0 && self.rows.iter().any(|r| !r.source.is_application());
        (!mixed).then_some(kinds)
    }

    pub(super) fn facilities(&self) -> u32 {
        self.rows.iter().fold(0, |all, r| all | facility_bit(r.facility))
    }
}

/// The records' texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogTexts {
    pids: Joined,
    texts: Joined,
    data: Joined,
}

impl LogTexts {
    pub(super) fn read(raw: &[u8], rows: &LogRows) -> Result<Self, BlockError> {
        let part = Part::open(raw)?;
        let joined = |number, which: usize| {
            let lengths = rows
                .lengths
                .iter()
                .map(move |lengths| lengths.get(which).copied().unwrap_or(0));
            Joined::read(part.octets(number)?, lengths)
        };
        Ok(Self {
            pids: joined(text::PIDS, 0)?,
            texts: joined(text::TEXTS, 1)?,
            data: joined(text::DATA, 2)?,
        })
    }

    /// A record's process id.
    #[must_use]
    pub fn pid(&self, place: usize) -> Option<&str> {
        self.pids.get(place)
    }

    /// A record's text.
    #[must_use]
    pub fn text(&self, place: usize) -> Option<&str> {
        self.texts.get(place)
    }

    /// A record's structured data.
    #[must_use]
    pub fn data(&self, place: usize) -> Option<&str> {
        self.data.get(place)
    }
}

/// Strings without anything between them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Joined {
    all: String,
    ends: Vec<usize>,
}

impl Joined {
    fn read(octets: &[u8], lengths: impl Iterator<Item = u32>) -> Result<Self, BlockError> {
        let bad = BlockError::Contents("text");
        let all = std::str::from_utf8(octets).map_err(|_| bad.clone())?.to_owned();
        let mut end = 0usize;
        let mut ends = Vec::with_capacity(lengths.size_hint().0);
        for length in lengths {
            end = end.saturating_add(length as usize);
            // Beyond the end is no boundary either.
            if !all.is_char_boundary(end) {
                return Err(bad);
            }
            ends.push(end);
        }
        if end == all.len() {
            Ok(Self { all, ends })
        } else {
            Err(bad)
        }
    }

    fn get(&self, place: usize) -> Option<&str> {
        let start = match place.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.all.get(start..*self.ends.get(place)?)
    }
}
