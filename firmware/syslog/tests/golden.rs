//! Messages as devices send them, and what is read of each: `lines.txt` against `lines.jsonl`. With
//! `SYSLOG_WRITE_GOLDEN=1` the latter is written anew, to be looked over.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

use std::path::Path;

use model::Timestamp;
use serde_json::{Value, json};

/// The octets of a line: `\t`, `\n`, `\r`, `\\` and `\xNN` stand for octets.
fn octets(line: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = line.bytes();
    while let Some(b) = bytes.next() {
        if b != b'\\' {
            out.push(b);
            continue;
        }
        match bytes.next().unwrap() {
            b't' => out.push(b'\t'),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b'x' => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                out.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
            }
            other => out.push(other),
        }
    }
    out
}

fn read(now: Timestamp, offset: i32, line: &str) -> Value {
    let bytes = octets(line);
    let m = syslog::parse(now, "192.0.2.1".parse().unwrap(), offset, &bytes);
    let mut out = json!({
        "format": format!("{:?}", m.format),
        "severity": m.severity as u8,
        "facility": m.facility,
        "time": m.time.to_string(),
        "text": m.text,
    });
    let fields = out.as_object_mut().unwrap();
    for (name, value) in [("host", &m.host), ("app", &m.app), ("pid", &m.pid), ("code", &m.code)] {
        if let Some(value) = value {
            fields.insert(name.to_owned(), json!(value));
        }
    }
    match m.stated {
        Some(stated) if stated != m.time => drop(fields.insert("stated".to_owned(), json!(stated.to_string()))),
        Some(_) => {}
        None => drop(fields.insert("stated".to_owned(), Value::Null)),
    }
    if let Some(sequence) = m.sequence {
        fields.insert("sequence".to_owned(), json!(sequence));
    }
    if !m.data.is_empty() {
        fields.insert("data".to_owned(), json!(m.data));
    }
    if m.encoding != syslog::Encoding::Utf8 {
        fields.insert("encoding".to_owned(), json!(format!("{:?}", m.encoding)));
    }
    out
}

#[test]
fn every_line_is_read_as_written_down() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let lines = std::fs::read_to_string(folder.join("lines.txt")).unwrap();
    let (mut now, mut offset) = (Timestamp::EPOCH, 0);
    let mut found = Vec::new();
    for line in lines.lines() {
        if let Some(directive) = line.strip_prefix("@now ") {
            now = Timestamp::parse(directive).unwrap();
        } else if let Some(directive) = line.strip_prefix("@offset ") {
            offset = directive.parse().unwrap();
        } else if !line.is_empty() && !line.starts_with('#') {
            found.push((line, read(now, offset, line)));
        }
    }
    let path = folder.join("lines.jsonl");
    if std::env::var_os("SYSLOG_WRITE_GOLDEN").is_some() {
        let text: String = found.iter().map(|(_, value)| format!("{value}\n")).collect();
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap();
    let expected: Vec<Value> = expected
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for ((line, found), expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected, "{line}");
    }
    assert_eq!(found.len(), expected.len());
    assert!(found.len() > 100);
}
