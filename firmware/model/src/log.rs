//! Log records: syslog messages and SNMP notifications.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{LinkId, Timestamp};

/// How grave a message is (RFC 5424, section 6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Severity {
    /// System is unusable.
    Emergency = 0,
    /// Action must be taken immediately.
    Alert = 1,
    /// Critical conditions.
    Critical = 2,
    /// Error conditions.
    Error = 3,
    /// Warning conditions.
    Warning = 4,
    /// Normal but significant.
    Notice = 5,
    /// Informational.
    Informational = 6,
    /// Debug-level.
    Debug = 7,
}

impl Severity {
    /// Every severity, the gravest first.
    pub const ALL: [Self; 8] = [
        Self::Emergency,
        Self::Alert,
        Self::Critical,
        Self::Error,
        Self::Warning,
        Self::Notice,
        Self::Informational,
        Self::Debug,
    ];

    /// The severity of a number; `None` above 7.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// How a log record came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum LogSource {
    /// Syslog over UDP, TCP or TLS.
    Syslog = 1,
    /// An SNMP trap or inform.
    Trap = 2,
    /// A DNS query and its answer, seen on a link. See [`LogSource::is_application`].
    Dns = 3,
    /// An HTTP request and its answer.
    Http = 4,
    /// A TLS or QUIC session's handshake.
    Tls = 5,
    /// A mail's envelope.
    Mail = 6,
    /// A session of another protocol that says who or what: SSH, FTP, SMB, SIP, a database.
    Session = 7,
}

impl LogSource {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Syslog,
        Self::Trap,
        Self::Dns,
        Self::Http,
        Self::Tls,
        Self::Mail,
        Self::Session,
    ];

    /// The source of a stored number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        usize::from(number)
            .checked_sub(1)
            .and_then(|at| Self::ALL.get(at).copied())
    }

    /// Whether it is an application log: a line a transaction that was seen on a link, which nobody sent us. These are
    /// kept apart from messages. In them `exporter` is the link, `peer` the client, `host` the server's name (else its
    /// address), `app` the application, `pid` empty, `code` the outcome (`NXDOMAIN`, `404`, `TLS 1.3`, `550`), `text` the line
    /// that people read, `data` what programs read: `key="value"` pairs separated by blanks, as in an element of RFC 5424's
    /// structured data without its brackets: `client="10.0.0.1:50000" server="10.0.0.2:53"` first, then
    /// [`crate::DetailKey`]'s names and `request_bytes`, `response_bytes`, `response_us` where they are known. `severity` is
    /// [`Severity::Informational`], or [`Severity::Warning`] where the transaction failed.
    #[must_use]
    pub const fn is_application(self) -> bool {
        !matches!(self, Self::Syslog | Self::Trap)
    }
}

/// A normalised log record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LogRecord {
    /// When it happened: the message's own time where that is sound, else when it came.
    pub time: Timestamp,
    /// When it came.
    pub received: Timestamp,
    /// The exporter that sent it.
    pub exporter: LinkId,
    /// The address that it came from.
    pub peer: IpAddr,
    /// How it came.
    pub source: LogSource,
    /// How grave it is; [`Severity::Notice`] where the message does not say (RFC 3164, section 4.3.3).
    pub severity: Severity,
    /// The facility, 0–23; 1 (user) where the message does not say.
    pub facility: u8,
    /// The host that the message names, or the peer's address as text.
    pub host: String,
    /// The program or module; may be empty.
    pub app: String,
    /// Process id as text; may be empty.
    pub pid: String,
    /// Message id or mnemonic, such as `CONFIG_I`; may be empty.
    pub code: String,
    /// The text, in UTF-8.
    pub text: String,
    /// RFC 5424 structured data as it came, or the variables of a trap; may be empty.
    pub data: String,
}
