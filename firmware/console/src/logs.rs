//! Log records: searching them, a page at a time, and taking them away as a file.

use std::collections::HashMap;
use std::sync::Arc;

use api::analyzer::{LinksQuery, Logs, LogsQuery};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use model::{LinkId, LogRecord, LogSource, Severity, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::failure::{ApiError, Kind};
use crate::live::body;
use crate::routes::{App, Query};

/// Records of a page at most, and of a file.
const PAGE_MAX: u32 = 1_000;
const FILE_MAX: usize = 100_000;
/// Records that are asked for at a time for a file.
const PIECE: u32 = 5_000;

/// What to search for. Times are whole seconds; lists are separated by commas, keywords by spaces.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LogsForm {
    from: u64,
    to: Option<u64>,
    /// Numbers of exporters.
    #[serde(default)]
    exporter: String,
    #[serde(default)]
    host: String,
    severity: Option<Severity>,
    facility: Option<u8>,
    #[serde(default)]
    app: String,
    #[serde(default)]
    keyword: String,
    #[serde(default = "hundred")]
    limit: u32,
    after: Option<String>,
}

const fn hundred() -> u32 {
    100
}

impl LogsForm {
    fn query(&self, limit: u32, after: Option<String>) -> Result<LogsQuery, ApiError> {
        let number = |text: &str| text.trim().parse().map(LinkId::of_exporter);
        let exporters = self
            .exporter
            .split(',')
            .filter(|text| !text.trim().is_empty())
            .map(number);
        let some = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        Ok(LogsQuery {
            from: Timestamp::from_secs(self.from),
            to: self.to.map(Timestamp::from_secs),
            exporters: exporters
                .collect::<Result<_, _>>()
                .map_err(|_| ApiError::new(Kind::BadRequest, "exporter is a list of exporters' numbers"))?,
            host: some(&self.host),
            severity: self.severity,
            facility: self.facility,
            app: some(&self.app),
            keywords: self.keyword.split_whitespace().map(str::to_owned).collect(),
            limit,
            after,
            ..LogsQuery::default()
        })
    }
}

/// A log record for the page.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LogOut {
    /// RFC 3339, UTC.
    time: String,
    received: String,
    /// The exporter's number and name.
    exporter: Option<u32>,
    name: String,
    peer: String,
    source: LogSource,
    severity: Severity,
    facility: u8,
    host: String,
    app: String,
    pid: String,
    code: String,
    text: String,
    data: String,
}

impl LogOut {
    fn new(record: LogRecord, names: &HashMap<LinkId, String>) -> Self {
        Self {
            time: record.time.to_string(),
            received: record.received.to_string(),
            exporter: record.exporter.exporter(),
            name: names.get(&record.exporter).cloned().unwrap_or_default(),
            peer: record.peer.to_string(),
            source: record.source,
            severity: record.severity,
            facility: record.facility,
            host: record.host,
            app: record.app,
            pid: record.pid,
            code: record.code,
            text: record.text,
            data: record.data,
        }
    }

    const COLUMNS: [&str; 14] = [
        "time", "received", "severity", "facility", "host", "app", "pid", "code", "text", "data", "exporter", "number",
        "peer", "source",
    ];

    /// A line of comma-separated values (RFC 4180).
    fn csv(&self) -> String {
        let word = |value: serde_json::Result<serde_json::Value>| {
            value
                .ok()
                .and_then(|v| v.as_str().map(str::to_owned))
                .unwrap_or_default()
        };
        let cells = [
            self.time.clone(),
            self.received.clone(),
            word(serde_json::to_value(self.severity)),
            self.facility.to_string(),
            self.host.clone(),
            self.app.clone(),
            self.pid.clone(),
            self.code.clone(),
            self.text.clone(),
            self.data.clone(),
            self.name.clone(),
            self.exporter.map(|n| n.to_string()).unwrap_or_default(),
            self.peer.clone(),
            word(serde_json::to_value(self.source)),
        ];
        cells.map(|text| cell(&text)).join(",") + "\r\n"
    }
}

/// A cell that no spreadsheet takes for a formula.
pub(crate) fn cell(text: &str) -> String {
    let guarded = match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{text}"),
        _ => text.to_owned(),
    };
    match guarded.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", guarded.replace('"', "\"\"")),
        false => guarded,
    }
}

/// A page of log records, newest first.
#[derive(Serialize)]
pub(crate) struct Page {
    records: Vec<LogOut>,
    /// Where the next page begins.
    next: Option<String>,
    /// Records that were read.
    read: u64,
    /// Whether all of the time up to the page's end was searched.
    complete: bool,
}

/// Searches.
pub(crate) async fn logs(
    State(app): State<Arc<App>>,
    Query(form): Query<LogsForm>,
) -> Result<axum::Json<Page>, ApiError> {
    let query = form.query(form.limit.clamp(1, PAGE_MAX), form.after.clone())?;
    let Logs {
        records,
        next,
        read,
        complete,
    } = app.client.call(query).await?;
    let names = match records.is_empty() {
        true => HashMap::new(),
        false => names(&app).await?,
    };
    Ok(axum::Json(Page {
        records: records.into_iter().map(|record| LogOut::new(record, &names)).collect(),
        next,
        read,
        complete,
    }))
}

/// The exporters' names.
async fn names(app: &App) -> Result<HashMap<LinkId, String>, ApiError> {
    let links = app.client.call(LinksQuery {}).await?.into_iter();
    Ok(links.map(|link| (link.info.id, link.info.name)).collect())
}

/// How a file is written.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FileKind {
    Csv,
    Json,
}

/// Which kind of file.
#[derive(Deserialize)]
pub(crate) struct FileForm {
    format: FileKind,
}

/// All that match as a file, at most 100,000 records: CSV with a byte order mark, or a JSON array with a record a line.
pub(crate) async fn file(
    State(app): State<Arc<App>>,
    Query(FileForm { format }): Query<FileForm>,
    Query(form): Query<LogsForm>,
) -> Result<Response, ApiError> {
    // The first piece decides whether there is an answer at all.
    let first = app.client.call(form.query(PIECE, None)?).await?;
    let names = names(&app).await?;
    let (sender, receiver) = mpsc::channel(2);
    tokio::spawn(async move {
        // A reader who has seen enough is no failure.
        let _ = write(&app, &form, format, first, &names, &sender).await;
    });
    let (kind, name) = match format {
        FileKind::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"logs.csv\""),
        FileKind::Json => ("application/json", "attachment; filename=\"logs.json\""),
    };
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, body(receiver)).into_response())
}

async fn write(
    app: &App,
    form: &LogsForm,
    format: FileKind,
    mut piece: Logs,
    names: &HashMap<LinkId, String>,
    sender: &mpsc::Sender<Bytes>,
) -> Result<(), mpsc::error::SendError<Bytes>> {
    let mut left = FILE_MAX;
    let mut text = match format {
        FileKind::Csv => format!("\u{feff}{}\r\n", LogOut::COLUMNS.join(",")),
        FileKind::Json => "[".to_owned(),
    };
    let mut first = true;
    loop {
        for record in piece.records.into_iter().take(left) {
            left -= 1;
            let record = LogOut::new(record, names);
            match format {
                FileKind::Csv => text.push_str(&record.csv()),
                FileKind::Json => {
                    text.push_str(if first { "\n" } else { ",\n" });
                    text.push_str(&serde_json::to_string(&record).unwrap_or_default());
                }
            }
            first = false;
        }
        sender.send(std::mem::take(&mut text).into()).await?;
        let Some(next) = piece.next.filter(|_| left > 0) else {
            break;
        };
        let Ok(query) = form.query(PIECE, Some(next)) else {
            break;
        };
        match app.client.call(query).await {
            Ok(more) => piece = more,
            Err(error) => {
                // The file ends without its end: a JSON reader sees that, and so does the log.
                log::warn!("an export of logs broke off: {error}");
                return Ok(());
            }
        }
    }
    if matches!(format, FileKind::Json) {
        sender.send("\n]\n".into()).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(query: serde_json::Value) -> LogsForm {
        serde_json::from_value(query).unwrap()
    }

    #[test]
    fn what_is_searched_for_reaches_the_query() {
        let asked = form(serde_json::json!({
            "from": 10, "exporter": "1, 3", "host": " core ", "severity": "warning", "keyword": "link  down",
        }));
        let query = asked.query(50, None).unwrap();
        assert_eq!(query.exporters, [LinkId::of_exporter(1), LinkId::of_exporter(3)]);
        assert_eq!((query.host.as_deref(), query.app), (Some("core"), None));
        assert_eq!(
            (query.severity, query.keywords),
            (Some(Severity::Warning), vec!["link".into(), "down".into()])
        );
        assert!(
            form(serde_json::json!({ "from": 0, "exporter": "x" }))
                .query(1, None)
                .is_err()
        );
    }

    #[test]
    fn no_cell_is_a_formula_and_quotes_are_doubled() {
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("a,\"b\"\n"), "\"a,\"\"b\"\"\n\"");
        assert_eq!(cell("-"), "'-");
        assert_eq!(cell("plain 网元"), "plain 网元");
    }
}
