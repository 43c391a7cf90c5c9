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

impl LogRecord {
    /// The pairs that `data` of an application log holds, in their order; what is not well formed ends them. Bounded by
    /// `data`.
    #[must_use]
    pub fn fields(&self) -> Vec<(&str, String)> {
        let mut fields = Vec::new();
        let mut rest = self.data.trim_start();
        while let Some((key, after)) = rest.split_once("=\"") {
            let Some((value, left)) = quoted(after) else { break };
            fields.push((key.trim(), value));
            rest = left.trim_start();
        }
        fields
    }
}

/// What stands before the closing quotation mark, and what comes after it: `\"`, `\\` and `\]` are escaped (RFC 5424,
/// section 6.3.3).
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, text.get(at + 1..).unwrap_or_default())),
            '\\' => match chars.next()? {
                (_, escaped @ ('"' | '\\' | ']')) => value.push(escaped),
                (_, other) => value.extend(['\\', other]),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_an_application_log_are_read() {
        let record = |data: &str| LogRecord {
            time: Timestamp::default(),
            received: Timestamp::default(),
            exporter: LinkId(1),
            peer: IpAddr::from([10, 0, 0, 1]),
            source: LogSource::Http,
            severity: Severity::Informational,
            facility: 1,
            host: String::new(),
            app: String::new(),
            pid: String::new(),
            code: String::new(),
            text: String::new(),
            data: data.to_owned(),
        };
        let fields = |data: &str| -> Vec<(String, String)> {
            let record = record(data);
            record.fields().into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
        };
        let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        assert_eq!(
            fields(r#"client="10.0.0.1:50000" path="/a?q=\"b\" c\\" status="200""#),
            [
                pair("client", "10.0.0.1:50000"),
                pair("path", "/a?q=\"b\" c\\"),
                pair("status", "200")
            ]
        );
        assert_eq!(
            fields(r#"agent="网镜 = 1" broken="no end"#),
            [pair("agent", "网镜 = 1")]
        );
        assert_eq!((fields(""), fields("no pairs")), (Vec::new(), Vec::new()));
    }
}
