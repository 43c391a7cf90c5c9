//! Log records: searching them, a page at a time, and taking them away as a file. Messages that were sent to us and lines
//! of application logs are asked for alike.

use std::collections::HashMap;
use std::sync::Arc;

use api::analyzer::{LinksQuery, LogClass, Logs, LogsQuery};
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
    /// `all` application logs, or kinds of them (`dns`, `http`, `tls`, `mail`, `session`); left out: messages.
    #[serde(default)]
    kind: String,
    /// Numbers of links that application logs were seen on.
    #[serde(default)]
    link: String,
    #[serde(default)]
    client: String,
    #[serde(default)]
    server: String,
    /// A part of the server's name: `host` of application logs.
    #[serde(default)]
    name: String,
    #[serde(default)]
    code: String,
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
    fn class(&self) -> LogClass {
        match self.kind.trim() {
            "" => LogClass::Messages,
            _ => LogClass::Transactions,
        }
    }

    fn query(&self, limit: u32, after: Option<String>) -> Result<LogsQuery, ApiError> {
        let some = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        let exporters = list(&self.exporter).map(|text| text.parse().map(LinkId::of_exporter));
        let links = list(&self.link).map(|text| text.parse().map(LinkId));
        let wrong = |_| ApiError::new(Kind::BadRequest, "exporter and link are lists of numbers");
        let kinds = list(&self.kind).filter(|text| *text != "all").map(kind_of);
        Ok(LogsQuery {
            class: self.class(),
            from: Timestamp::from_secs(self.from),
            to: self.to.map(Timestamp::from_secs),
            exporters: exporters.chain(links).collect::<Result<_, _>>().map_err(wrong)?,
            kinds: kinds.collect::<Result<_, _>>()?,
            client: some(&self.client),
            server: some(&self.server),
            code: some(&self.code),
            host: some(&self.host).or_else(|| some(&self.name)),
            severity: self.severity,
            facility: self.facility,
            app: some(&self.app),
            keywords: self.keyword.split_whitespace().map(str::to_owned).collect(),
            limit,
            after,
        })
    }
}

/// What stands between commas.
fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|text| !text.is_empty())
}

fn kind_of(word: &str) -> Result<LogSource, ApiError> {
    let kinds = LogSource::ALL.into_iter().filter(|kind| kind.is_application());
    let named = |kind: &LogSource| word_of(kind) == word;
    let problem = || {
        ApiError::new(
            Kind::BadRequest,
            "kind is all, or some of dns, http, tls, mail and session",
        )
    };
    kinds.into_iter().find(named).ok_or_else(problem)
}

/// A unit variant as JSON writes it.
fn word_of(value: &impl Serialize) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json.as_str().unwrap_or_default().to_owned()
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
    /// Of application logs: the link that it was seen on, and what `data` holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<(String, String)>,
}

impl LogOut {
    fn new(record: LogRecord, names: &HashMap<LinkId, String>) -> Self {
        let application = record.source.is_application();
        let fields = match application {
            true => record.fields().into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
            false => Vec::new(),
        };
        Self {
            link: application.then_some(record.exporter.0),
            fields,
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

    /// Columns of application logs; what is known besides stands in `data`.
    const TRANSACTION_COLUMNS: [&str; 15] = [
        "time",
        "kind",
        "link",
        "client",
        "server",
        "name",
        "app",
        "outcome",
        "failed",
        "response_us",
        "request_bytes",
        "response_bytes",
        "user",
        "text",
        "data",
    ];

    fn columns(class: LogClass) -> String {
        match class {
            LogClass::Messages => Self::COLUMNS.join(","),
            LogClass::Transactions => Self::TRANSACTION_COLUMNS.join(","),
        }
    }

    /// A line of comma-separated values (RFC 4180).
    fn csv(&self, class: LogClass) -> String {
        match class {
            LogClass::Messages => row([
                self.time.clone(),
                self.received.clone(),
                word_of(&self.severity),
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
                word_of(&self.source),
            ]),
            LogClass::Transactions => {
                let field = |name: &str| {
                    let found = self.fields.iter().find(|(key, _)| key == name);
                    found.map(|(_, value)| value.clone()).unwrap_or_default()
                };
                row([
                    self.time.clone(),
                    word_of(&self.source),
                    self.name.clone(),
                    field("client"),
                    field("server"),
                    self.host.clone(),
                    self.app.clone(),
                    self.code.clone(),
                    (self.severity <= Severity::Warning).to_string(),
                    field("response_us"),
                    field("request_bytes"),
                    field("response_bytes"),
                    field("user"),
                    self.text.clone(),
                    self.data.clone(),
                ])
            }
        }
    }
}

/// Cells as a line.
fn row<const N: usize>(cells: [String; N]) -> String {
    cells.map(|text| cell(&text)).join(",") + "\r\n"
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
    let class = form.class();
    let (sender, receiver) = mpsc::channel(2);
    tokio::spawn(async move {
        // A reader who has seen enough is no failure.
        let _ = write(&app, &form, format, first, &names, &sender).await;
    });
    let (kind, name) = match (format, class) {
        (FileKind::Csv, LogClass::Messages) => ("text/csv; charset=utf-8", "attachment; filename=\"logs.csv\""),
        (FileKind::Csv, LogClass::Transactions) => ("text/csv; charset=utf-8", "attachment; filename=\"applog.csv\""),
        (FileKind::Json, LogClass::Messages) => ("application/json", "attachment; filename=\"logs.json\""),
        (FileKind::Json, LogClass::Transactions) => ("application/json", "attachment; filename=\"applog.json\""),
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
    let class = form.class();
    let mut left = FILE_MAX;
    let mut text = match format {
        FileKind::Csv => format!("\u{feff}{}\r\n", LogOut::columns(class)),
        FileKind::Json => "[".to_owned(),
    };
    let mut first = true;
    loop {
        for record in piece.records.into_iter().take(left) {
            left -= 1;
            let record = LogOut::new(record, names);
            match format {
                FileKind::Csv => text.push_str(&record.csv(class)),
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
    fn application_logs_are_asked_for_by_what_they_hold() {
        let asked = form(serde_json::json!({
            "from": 10, "kind": "dns,http", "link": "1", "client": "10.0.0.0/8", "server": "192.0.2.1:53",
            "name": "example.com", "code": "NXDOMAIN",
        }));
        let query = asked.query(50, None).unwrap();
        assert_eq!(query.class, LogClass::Transactions);
        assert_eq!(
            (query.kinds, query.exporters),
            (vec![LogSource::Dns, LogSource::Http], vec![LinkId(1)])
        );
        assert_eq!(
            (query.client.as_deref(), query.server.as_deref()),
            (Some("10.0.0.0/8"), Some("192.0.2.1:53"))
        );
        assert_eq!(
            (query.host.as_deref(), query.code.as_deref()),
            (Some("example.com"), Some("NXDOMAIN"))
        );
        let all = form(serde_json::json!({ "from": 0, "kind": "all" }))
            .query(1, None)
            .unwrap();
        assert_eq!((all.class, all.kinds), (LogClass::Transactions, Vec::new()));
        for wrong in ["syslog", "dns,x"] {
            assert!(
                form(serde_json::json!({ "from": 0, "kind": wrong }))
                    .query(1, None)
                    .is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_line_of_an_application_log_has_its_fields_in_columns() {
        let record = LogRecord {
            time: Timestamp::from_secs(1_700_000_000),
            received: Timestamp::from_secs(1_700_000_000),
            exporter: LinkId(1),
            peer: "10.0.0.1".parse().unwrap(),
            source: LogSource::Http,
            severity: Severity::Warning,
            facility: 1,
            host: "www.example.com".to_owned(),
            app: "http".to_owned(),
            pid: String::new(),
            code: "404".to_owned(),
            text: "GET www.example.com/x 404".to_owned(),
            data: r#"client="10.0.0.1:50000" server="192.0.2.1:80" response_us="1500""#.to_owned(),
        };
        let out = LogOut::new(record, &HashMap::from([(LinkId(1), "span0".to_owned())]));
        assert_eq!(
            out.csv(LogClass::Transactions),
            "2023-11-14T22:13:20.000000Z,http,span0,10.0.0.1:50000,192.0.2.1:80,www.example.com,http,404,true,1500,,,,\
             GET www.example.com/x 404,\"client=\"\"10.0.0.1:50000\"\" server=\"\"192.0.2.1:80\"\" response_us=\"\"1500\"\"\"\r\n"
        );
        let json = serde_json::to_value(&out).unwrap();
        assert_eq!(
            (&json["link"], &json["fields"][0][1]),
            (&1.into(), &"10.0.0.1:50000".into())
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
