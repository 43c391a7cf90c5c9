//! A message, normalised.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::IpAddr;

use model::{LinkId, LogRecord, LogSource, Severity, Timestamp};

use crate::stamp::Stamp;
use crate::{CLOCK_TOLERANCE_NANOS, HOST_MAX, NAME_MAX};

/// Which grammar a message kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// RFC 5424.
    Ietf,
    /// RFC 3164 or a vendor's deviation from it, with a priority.
    Legacy,
    /// There is no priority: the severity and facility are those that RFC 3164, section 4.3.3, gives.
    Bare,
}

/// How a message's text was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// UTF-8 or its part, ASCII.
    Utf8,
    /// GB 18030, of which GBK and GB 2312 are parts.
    Gb18030,
    /// Neither: octets that are no UTF-8 were replaced by U+FFFD.
    Unknown,
}

/// A syslog message, normalised. Its parts borrow from the octets where those are UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// The grammar.
    pub format: Format,
    /// When it happened: `stated` where that is within [`CLOCK_TOLERANCE_NANOS`] of `received`, else `received`.
    pub time: Timestamp,
    /// The time that the message states, however far off.
    pub stated: Option<Timestamp>,
    /// When it came.
    pub received: Timestamp,
    /// The address that it came from.
    pub peer: IpAddr,
    /// How grave it is.
    pub severity: Severity,
    /// The facility, 0–23.
    pub facility: u8,
    /// The host that the message names, at most [`HOST_MAX`](crate::HOST_MAX) octets.
    pub host: Option<Cow<'a, str>>,
    /// The program, or the module where no program is named; at most [`NAME_MAX`](crate::NAME_MAX) octets.
    pub app: Option<Cow<'a, str>>,
    /// The program's process id, mostly a number.
    pub pid: Option<Cow<'a, str>>,
    /// What kind of message it is: RFC 5424's MSGID or a vendor's mnemonic, such as `CONFIG_I`.
    pub code: Option<Cow<'a, str>>,
    /// The sender's count of messages, where it sends one (`service sequence-numbers`).
    pub sequence: Option<u64>,
    /// RFC 5424's STRUCTURED-DATA as it came, checked; empty where there is none. See [`elements`](crate::elements).
    pub data: Cow<'a, str>,
    /// What follows time, host and application, with a vendor's mnemonic; without line ends at its end.
    /// Control characters other than tab and line feed are shown as their pictures (U+2400 and on).
    pub text: Cow<'a, str>,
    /// How the octets were read.
    pub encoding: Encoding,
    /// Whether octets beyond [`MESSAGE_MAX`](crate::MESSAGE_MAX) were cut off.
    pub cut: bool,
    /// Octets of the message as it came.
    pub octets: usize,
}

impl Message<'_> {
    /// The record of it. What a record has no field for is kept as structured data, after the
    /// message's own: `[meta sequenceId="…"]` (RFC 5424, section 7.3), `[clock stated="…"]` where
    /// the stated time is not the record's, and `[cut octets="…"]` with the message's whole length.
    #[must_use]
    pub fn into_record(self, exporter: LinkId) -> LogRecord {
        let mut data = self.data.into_owned();
        // Writing to a String cannot fail.
        if let Some(sequence) = self.sequence {
            let _ = write!(data, "[meta sequenceId=\"{sequence}\"]");
        }
        if let Some(stated) = self.stated.filter(|stated| *stated != self.time) {
            let _ = write!(data, "[clock stated=\"{stated}\"]");
        }
        if self.cut {
            let _ = write!(data, "[cut octets=\"{}\"]", self.octets);
        }
        let owned = |part: Option<Cow<'_, str>>| part.map(Cow::into_owned).unwrap_or_default();
        LogRecord {
            time: self.time,
            received: self.received,
            exporter,
            peer: self.peer,
            source: LogSource::Syslog,
            severity: self.severity,
            facility: self.facility,
            host: self
                .host
                .map_or_else(|| self.peer.to_canonical().to_string(), Cow::into_owned),
            app: owned(self.app),
            pid: owned(self.pid),
            code: owned(self.code),
            text: self.text.into_owned(),
            data,
        }
    }
}

/// A message's parts while it is read.
#[derive(Debug)]
pub(crate) struct Fields<'t> {
    pub(crate) now: Timestamp,
    pub(crate) utc_offset: i32,
    pub(crate) ietf: bool,
    pub(crate) priority: Option<u8>,
    /// A level that the text states where its priority is missing or known to be wrong.
    pub(crate) level: Option<Severity>,
    pub(crate) stated: Option<Timestamp>,
    pub(crate) host: Option<&'t str>,
    pub(crate) app: Option<&'t str>,
    pub(crate) pid: Option<&'t str>,
    pub(crate) code: Option<&'t str>,
    pub(crate) sequence: Option<u64>,
    pub(crate) data: &'t str,
    pub(crate) text: &'t str,
}

impl<'t> Fields<'t> {
    pub(crate) fn new(now: Timestamp, utc_offset: i32) -> Self {
        Self {
            now,
            utc_offset,
            ietf: false,
            priority: None,
            level: None,
            stated: None,
            host: None,
            app: None,
            pid: None,
            code: None,
            sequence: None,
            data: "",
            text: "",
        }
    }

    /// The point in time that a stamp means.
    pub(crate) fn resolve(&self, stamp: &Stamp) -> Option<Timestamp> {
        stamp.resolve(self.now, self.utc_offset)
    }

    pub(crate) fn finish<'a>(
        self,
        received: Timestamp,
        peer: IpAddr,
        keep: impl Fn(&'t str) -> Cow<'a, str>,
    ) -> Message<'a> {
        let off = |stated: &Timestamp| stated.nanos_since(received).max(received.nanos_since(*stated));
        let sound = self.stated.filter(|stated| off(stated) <= CLOCK_TOLERANCE_NANOS);
        // A dash is RFC 5424's way to say that there is none, and others' too.
        let part = |part: Option<&'t str>, most| part.filter(|p| !matches!(*p, "" | "-")).map(|p| keep(cut(p, most)));
        let stated_severity = self.priority.and_then(|p| Severity::from_number(p % 8));
        Message {
            format: match self.priority {
                Some(_) if self.ietf => Format::Ietf,
                Some(_) => Format::Legacy,
                None => Format::Bare,
            },
            time: sound.unwrap_or(received),
            stated: self.stated,
            received,
            peer,
            severity: self.level.or(stated_severity).unwrap_or(Severity::Notice),
            facility: self.priority.map_or(1, |p| p / 8),
            host: part(self.host, HOST_MAX),
            app: part(self.app, NAME_MAX),
            pid: part(self.pid, NAME_MAX),
            code: part(self.code, NAME_MAX),
            sequence: self.sequence,
            data: keep(self.data),
            text: keep(self.text),
            encoding: Encoding::Utf8,
            cut: false,
            octets: 0,
        }
    }
}

/// The beginning of a text, at most so many octets, whole characters.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}
