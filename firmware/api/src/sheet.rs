//! An answer as a file: comma-separated values, or a JSON array with an object a line.

mod quality;

use model::{Answer, Ask, FlowRecord, Found, InterfaceId, Key, Sums, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::labels::{Labels, direction_word, flags, protocol, reason_word};

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// With a byte order mark, lest a spreadsheet takes UTF-8 for something else.
    Csv,
    /// An array with an object a line.
    Json,
}

/// An answer in rows and columns.
pub struct Sheet<'a> {
    columns: Vec<String>,
    rows: Box<dyn Iterator<Item = Vec<Value>> + 'a>,
}

impl<'a> Sheet<'a> {
    /// The rows of an answer: records, groups, or a row for each point of a series.
    #[must_use]
    pub fn new(query: &'a model::Query, answer: &'a Answer, labels: &'a Labels) -> Self {
        match &answer.found {
            Found::Records { records, apps, .. } => {
                let extras = quality::Extras::of(records);
                let own = RECORD.map(str::to_owned).into_iter();
                Self {
                    columns: own.chain(extras.columns()).collect(),
                    rows: Box::new(records.iter().enumerate().map(move |(n, r)| {
                        let app = apps.get(n).copied().unwrap_or(r.app);
                        let mut cells = record(r, labels.app(app), labels);
                        cells.extend(extras.cells(r));
                        cells
                    })),
                }
            }
            Found::Top { rows, .. } => {
                let by = keys(query);
                let p95 = rows.iter().any(|row| row.p95_bps.is_some());
                let compare = rows.iter().any(|row| row.before.is_some());
                let mut columns: Vec<String> = by.iter().map(|key| word(*key)).collect();
                columns.extend(sums_columns(""));
                columns.extend(p95.then(|| "p95_bps".to_owned()));
                columns.extend(compare.then(|| sums_columns("before_")).into_iter().flatten());
                let measured = rows.iter().any(|row| row.quality.is_some());
                columns.extend(measured.then(quality::columns).into_iter().flatten());
                let row = move |row: &'a model::TopRow| {
                    let values = by.iter().zip(&row.values);
                    let mut cells: Vec<Value> = values.map(|(k, v)| labels.value(*k, v).into()).collect();
                    cells.extend(sums(Some(row.sums)));
                    cells.extend(p95.then(|| row.p95_bps.into()));
                    cells.extend(compare.then(|| sums(row.before)).into_iter().flatten());
                    let quality = || quality::cells(row.quality.as_deref());
                    cells.extend(measured.then(quality).into_iter().flatten());
                    cells
                };
                Self {
                    columns,
                    rows: Box::new(rows.iter().map(row)),
                }
            }
            Found::Series { at, series, .. } => {
                let by = keys(query);
                let compare = series.iter().any(|row| !row.before.is_empty());
                let mut columns = vec!["time".to_owned()];
                columns.extend(by.iter().map(|key| word(*key)));
                columns.extend((!by.is_empty()).then(|| "rest".to_owned()));
                columns.extend(sums_columns(""));
                columns.extend(compare.then(|| sums_columns("before_")).into_iter().flatten());
                let measured = series.iter().any(|row| !row.quality.is_empty());
                columns.extend(measured.then(quality::columns).into_iter().flatten());
                let rows = series.iter().flat_map(move |line| {
                    let mut head: Vec<Value> = Vec::new();
                    for (place, key) in by.iter().enumerate() {
                        let value = line.values.get(place);
                        head.push(value.map(|v| labels.value(*key, v)).unwrap_or_default().into());
                    }
                    head.extend((!by.is_empty()).then(|| Value::from(line.rest)));
                    let points = at.iter().zip(&line.points).enumerate();
                    points.map(move |(place, (time, point))| {
                        let mut cells = vec![Value::from(time.to_string())];
                        cells.extend(head.iter().cloned());
                        cells.extend(sums(Some(*point)));
                        if compare {
                            cells.extend(sums(line.before.get(place).copied()));
                        }
                        if measured {
                            let quality = line.quality.get(place).filter(|quality| quality.flows > 0);
                            cells.extend(quality::cells(quality));
                        }
                        cells
                    })
                });
                Self {
                    columns,
                    rows: Box::new(rows),
                }
            }
            Found::Totals {
                total,
                before,
                distinct,
                quality,
            } => {
                let mut columns = sums_columns("").to_vec();
                let mut cells = sums(Some(*total)).to_vec();
                if before.is_some() {
                    columns.extend(sums_columns("before_"));
                    cells.extend(sums(*before));
                }
                for (key, count) in distinct {
                    columns.push(format!("distinct_{}", word(*key)));
                    cells.push((*count).into());
                }
                if let Some(quality) = quality {
                    columns.extend(quality::columns());
                    cells.extend(quality::cells(Some(quality)));
                }
                Self {
                    columns,
                    rows: Box::new(std::iter::once(cells)),
                }
            }
        }
    }

    /// The file, line by line.
    #[must_use]
    pub fn lines(self, kind: FileKind) -> Box<dyn Iterator<Item = String> + 'a> {
        let Self { columns, rows } = self;
        match kind {
            FileKind::Csv => {
                let head = format!("\u{feff}{}\r\n", columns.join(","));
                let line = |cells: Vec<Value>| cells.iter().map(cell).collect::<Vec<_>>().join(",") + "\r\n";
                Box::new(std::iter::once(head).chain(rows.map(line)))
            }
            FileKind::Json => {
                let line = move |(n, cells): (usize, Vec<Value>)| {
                    let object: serde_json::Map<_, _> = columns.iter().cloned().zip(cells).collect();
                    let comma = if n == 0 { "" } else { "," };
                    format!("{comma}\n{}", Value::Object(object))
                };
                let (first, last) = (std::iter::once("[".to_owned()), std::iter::once("\n]\n".to_owned()));
                Box::new(first.chain(rows.enumerate().map(line)).chain(last))
            }
        }
    }
}

fn keys(query: &model::Query) -> Vec<Key> {
    match &query.ask {
        Ask::Top { by, .. } | Ask::Series { by, .. } => by.clone(),
        Ask::Records { .. } | Ask::Totals { .. } => Vec::new(),
    }
}

/// A key as JSON writes it.
fn word(key: Key) -> String {
    let value = serde_json::to_value(key).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

fn sums_columns(before: &str) -> [String; 5] {
    ["flows", "packets", "bytes", "packets_rev", "bytes_rev"].map(|name| format!("{before}{name}"))
}

/// Missing sums are empty cells, not zeros.
fn sums(sums: Option<Sums>) -> [Value; 5] {
    match sums {
        Some(s) => [s.flows, s.packets, s.bytes, s.packets_rev, s.bytes_rev].map(Value::from),
        None => [const { Value::Null }; 5],
    }
}

const RECORD: [&str; 35] = [
    "start",
    "end",
    "duration_s",
    "src_ip",
    "src_port",
    "dst_ip",
    "dst_port",
    "protocol",
    "app",
    "link",
    "direction",
    "packets",
    "bytes",
    "packets_rev",
    "bytes_rev",
    "tcp_flags",
    "tcp_flags_rev",
    "icmp",
    "icmp_rev",
    "dscp",
    "vlan",
    "vlan_inner",
    "src_mac",
    "dst_mac",
    "end_reason",
    "in_if",
    "out_if",
    "src_as",
    "dst_as",
    "next_hop",
    "sampling",
    "nat_src_ip",
    "nat_src_port",
    "nat_dst_ip",
    "nat_dst_port",
];

fn record(record: &FlowRecord, app: String, labels: &Labels) -> Vec<Value> {
    let export = record.export.as_deref();
    let interface = |index: Option<u32>| {
        index.map(|index| {
            labels.interface(InterfaceId {
                exporter: record.link,
                index,
            })
        })
    };
    let icmp = |message: Option<model::IcmpType>| message.map(|m| format!("{}/{}", m.kind, m.code));
    let translated = export.map(|e| e.translated);
    vec![
        record.start.to_string().into(),
        record.end.to_string().into(),
        seconds(record.end, record.start).into(),
        record.src_ip.to_string().into(),
        record.src_port.into(),
        record.dst_ip.to_string().into(),
        record.dst_port.into(),
        protocol(record.protocol).into(),
        app.into(),
        labels.link(record.link).into(),
        direction_word(record.direction).into(),
        record.packets.into(),
        record.bytes.into(),
        record.packets_rev.into(),
        record.bytes_rev.into(),
        flags(record.tcp_flags).into(),
        flags(record.tcp_flags_rev).into(),
        icmp(record.icmp).into(),
        icmp(record.icmp_rev).into(),
        (record.tos >> 2).into(),
        record.vlan.into(),
        record.vlan_inner.into(),
        record.src_mac.map(|mac| mac.to_string()).into(),
        record.dst_mac.map(|mac| mac.to_string()).into(),
        reason_word(record.end_reason).into(),
        interface(export.and_then(|e| e.ingress_if)).into(),
        interface(export.and_then(|e| e.egress_if)).into(),
        export.and_then(|e| e.src_as).into(),
        export.and_then(|e| e.dst_as).into(),
        export.and_then(|e| e.next_hop).map(|ip| ip.to_string()).into(),
        export.and_then(|e| e.sampling).map(std::num::NonZero::get).into(),
        translated.and_then(|t| t.src_ip).map(|ip| ip.to_string()).into(),
        translated.and_then(|t| t.src_port).into(),
        translated.and_then(|t| t.dst_ip).map(|ip| ip.to_string()).into(),
        translated.and_then(|t| t.dst_port).into(),
    ]
}

#[allow(clippy::cast_precision_loss, reason = "a duration of days keeps its microseconds")]
fn seconds(end: Timestamp, start: Timestamp) -> f64 {
    end.nanos_since(start) as f64 / 1e9
}

/// A text that no spreadsheet takes for a formula, as a cell of comma-separated values (RFC 4180).
fn cell_of_text(text: &str) -> String {
    let guarded = match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{text}"),
        _ => text.to_owned(),
    };
    match guarded.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", guarded.replace('"', "\"\"")),
        false => guarded,
    }
}

/// A cell of comma-separated values.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => cell_of_text(text),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
