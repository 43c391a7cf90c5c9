//! Application log lines, as [`model::LogSource::is_application`] says.

use std::fmt::{self, Write};
use std::net::IpAddr;

use model::{App, DetailKey, L7, LinkId, LogRecord, LogSource, Severity, Timestamp};

/// The two ends of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends {
    /// Whoever asks.
    pub client: (IpAddr, u16),
    /// Whoever answers.
    pub server: (IpAddr, u16),
}

impl Ends {
    /// The same with the parts changed.
    pub(crate) fn swapped(self) -> Self {
        Self {
            client: self.server,
            server: self.client,
        }
    }
}

/// Where lines go.
pub(crate) struct Lines<'a> {
    /// The link that they name.
    pub link: LinkId,
    /// Whether any are wanted: where not, none is put together.
    pub wanted: bool,
    /// How many were made.
    pub made: &'a mut u64,
    /// Takes them.
    pub out: &'a mut dyn FnMut(LogRecord),
}

/// What a line says.
pub(crate) struct Line<'a> {
    /// What kind of transaction.
    pub source: LogSource,
    /// When it began.
    pub began: Timestamp,
    /// When it was over.
    pub over: Timestamp,
    /// Who with whom.
    pub ends: Ends,
    /// The name that it is about; empty: the server's address.
    pub host: &'a str,
    /// The application.
    pub app: App,
    /// The outcome.
    pub code: &'a str,
    /// Whether it failed.
    pub failed: bool,
    /// What people read, behind the client's address.
    pub text: fmt::Arguments<'a>,
}

impl Lines<'_> {
    /// Writes a line; `data` adds what programs read.
    pub(crate) fn write(&mut self, line: &Line<'_>, data: impl FnOnce(&mut Data)) {
        if !self.wanted {
            return;
        }
        *self.made += 1;
        let Ends { client, server } = line.ends;
        let mut values = Data(String::with_capacity(160));
        values.push("client", &End(client));
        values.push("server", &End(server));
        data(&mut values);
        let mut text = String::with_capacity(96);
        // Writing to a String does not fail.
        let _ = write!(Printable(&mut text), "{} {}", client.0, line.text);
        let host = match line.host {
            "" => server.0.to_string(),
            host => host.to_owned(),
        };
        (self.out)(LogRecord {
            time: line.began,
            received: line.over,
            exporter: self.link,
            peer: client.0,
            source: line.source,
            severity: if line.failed {
                Severity::Warning
            } else {
                Severity::Informational
            },
            facility: 1,
            host,
            app: line.app.to_string(),
            pid: String::new(),
            code: line.code.to_owned(),
            text,
            data: values.0,
        });
    }
}

/// An address and port: `10.0.0.1:53`, `[2001:db8::1]:53`.
struct End((IpAddr, u16));

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            (IpAddr::V4(ip), port) => write!(f, "{ip}:{port}"),
            (IpAddr::V6(ip), port) => write!(f, "[{ip}]:{port}"),
        }
    }
}

/// Pairs that programs read, escaped as RFC 5424, section 6.3.3 says.
pub(crate) struct Data(String);

impl Data {
    /// Adds a pair.
    pub(crate) fn push(&mut self, name: &str, value: &dyn fmt::Display) {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        self.0.push_str(name);
        self.0.push_str("=\"");
        let _ = write!(Escaped(&mut self.0), "{value}");
        self.0.push('"');
    }

    /// Adds a pair where the value is known.
    pub(crate) fn push_some(&mut self, name: &str, value: Option<impl fmt::Display>) {
        if let Some(value) = value {
            self.push(name, &value);
        }
    }

    /// Adds a detail where it says something.
    pub(crate) fn detail(&mut self, key: DetailKey, value: &str) {
        if !value.is_empty() {
            self.push(key.name(), &value);
        }
    }

    /// Adds all details.
    pub(crate) fn details(&mut self, l7: &L7) {
        for (key, value) in l7.details.iter() {
            self.push(key.name(), &value);
        }
    }
}

/// Replaces what cannot be printed.
struct Printable<'a>(&'a mut String);

impl Write for Printable<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.bytes().any(|b| b.is_ascii_control() || b == 0xc2) {
            self.0
                .extend(text.chars().map(|c| if c.is_control() { '?' } else { c }));
        } else {
            self.0.push_str(text);
        }
        Ok(())
    }
}

struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if matches!(c, '"' | '\\' | ']') {
                self.0.push('\\');
            }
            self.0.push(if c.is_control() { '?' } else { c });
        }
        Ok(())
    }
}

/// A delay in microseconds, for people: `840 µs`, `12 ms`, `3.4 s`.
pub(crate) struct Took(pub(crate) u32);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            us @ 0..1_000 => write!(f, "{us} µs"),
            us @ 1_000..10_000_000 => write!(f, "{} ms", us / 1_000),
            us => write!(f, "{} s", us / 1_000_000),
        }
    }
}

/// A size, for people: `512 B`, `12 kB`, `3 MB`.
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            octets @ 0..10_000 => write!(f, "{octets} B"),
            octets @ 10_000..10_000_000 => write!(f, "{} kB", octets / 1_000),
            octets => write!(f, "{} MB", octets / 1_000_000),
        }
    }
}

/// Microseconds from one time to a later one.
pub(crate) fn micros(from: Timestamp, to: Timestamp) -> u32 {
    u32::try_from(to.nanos_since(from) / 1_000).unwrap_or(u32::MAX)
}
