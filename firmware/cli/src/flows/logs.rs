//! Application logs: a transaction a line.

use std::io::{self, Write};

use model::{LogRecord, LogSource, Severity};

use super::{Format, csv, json, text};

/// Writes the logs.
pub(crate) fn write<'a>(
    logs: impl Iterator<Item = &'a LogRecord>,
    format: Format,
    out: &mut impl Write,
) -> io::Result<()> {
    if let Format::Csv = format {
        out.write_all(b"time,kind,severity,client,host,app,code,text,data\r\n")?;
    }
    rows(logs, format, out)
}

/// Writes the logs without a header line.
pub(crate) fn rows<'a>(
    logs: impl Iterator<Item = &'a LogRecord>,
    format: Format,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut line = Vec::with_capacity(512);
    for log in logs {
        line.clear();
        match format {
            Format::Json => object(&mut line, log),
            Format::Csv => row(&mut line, log),
            Format::Table | Format::Summary => people(&mut line, log),
        }
        out.write_all(&line)?;
    }
    Ok(())
}

/// The name of a kind, as JSON and CSV write it.
pub(crate) const fn kind(source: LogSource) -> &'static str {
    match source {
        LogSource::Syslog => "syslog",
        LogSource::Trap => "trap",
        LogSource::Dns => "dns",
        LogSource::Http => "http",
        LogSource::Tls => "tls",
        LogSource::Mail => "mail",
        LogSource::Session => "session",
    }
}

const fn severity(of: Severity) -> &'static str {
    match of {
        Severity::Emergency => "emergency",
        Severity::Alert => "alert",
        Severity::Critical => "critical",
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Notice => "notice",
        Severity::Informational => "informational",
        Severity::Debug => "debug",
    }
}

fn object(out: &mut Vec<u8>, log: &LogRecord) {
    json::quoted(out, "{\"time\":", |out| text::time(out, log.time));
    json::escaped(out, ",\"kind\":", kind(log.source));
    json::escaped(out, ",\"severity\":", severity(log.severity));
    json::quoted(out, ",\"client_ip\":", |out| text::address(out, log.peer));
    json::escaped(out, ",\"host\":", &log.host);
    json::escaped(out, ",\"app\":", &log.app);
    json::escaped(out, ",\"code\":", &log.code);
    json::escaped(out, ",\"text\":", &log.text);
    for (name, value) in Pairs(&log.data) {
        json::escaped(out, &format!(",\"{name}\":"), &value);
    }
    out.extend_from_slice(b"}\n");
}

fn row(out: &mut Vec<u8>, log: &LogRecord) {
    text::time(out, log.time);
    for value in [kind(log.source), severity(log.severity)] {
        out.push(b',');
        csv::value(out, Some(value));
    }
    out.push(b',');
    text::address(out, log.peer);
    for value in [&log.host, &log.app, &log.code, &log.text, &log.data] {
        out.push(b',');
        csv::value(out, Some(value));
    }
    out.extend_from_slice(b"\r\n");
}

fn people(out: &mut Vec<u8>, log: &LogRecord) {
    text::time(out, log.time);
    for value in [kind(log.source), &log.peer.to_string(), &log.host, &log.code, &log.text] {
        out.push(b' ');
        out.extend_from_slice(if value.is_empty() { b"-" } else { value.as_bytes() });
    }
    out.push(b'\n');
}

/// The `key="value"` pairs of a log's data (RFC 5424, section 6.3.3).
struct Pairs<'a>(&'a str);

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a str, String);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = self.0.trim_start().split_once("=\"")?;
        let mut value = String::new();
        let mut characters = rest.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.0 = rest.get(at + 1..)?;
                    return Some((name, value));
                }
                '\\' => value.push(characters.next()?.1),
                other => value.push(other),
            }
        }
        // Data end within a value only where they were cut.
        self.0 = "";
        Some((name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_are_taken_apart() {
        let pairs: Vec<_> = Pairs(r#"client="10.0.0.1:5" agent="a \"b\" \\ c]" path="/cut"#).collect();
        let expected = [("client", "10.0.0.1:5"), ("agent", r#"a "b" \ c]"#), ("path", "/cut")];
        assert_eq!(pairs, expected.map(|(name, value)| (name, value.to_owned())));
    }
}
