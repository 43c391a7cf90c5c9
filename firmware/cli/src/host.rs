//! One host: its applications with names and quality, and its last transactions.

use api::analyzer::{LogClass, Logs, LogsQuery};
use model::{Ask, Found, Key, KeyValue, LogRecord, Measure, QualitySums, Query, Sums, TopRow};
use serde::Serialize;

use crate::grammar::Parsed;
use crate::session::{Format, Session, limit};
use crate::show::Show;
use crate::show::host::HostDetail;

/// Groups of application and name that are asked for, and transactions that are shown.
const NAMES: u32 = 500;
const TRANSACTIONS: u32 = 10;

/// An application of a host.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct HostApp {
    /// Its name; `None`: not known.
    pub(crate) app: KeyValue,
    /// Sums of its records.
    pub(crate) sums: Sums,
    /// `None`: nothing was measured.
    pub(crate) quality: Option<Box<QualitySums>>,
    /// Names of servers (HTTP, TLS, DNS …), those of most flows first.
    pub(crate) names: Vec<String>,
}

impl Session {
    /// Asks and prints.
    pub(crate) fn show_host(&self, parsed: &Parsed, format: Format) -> Result<String, String> {
        let address = parsed.values.first().cloned().unwrap_or_default();
        let base = self.question(parsed)?;
        let ranking = |by: &[Key], measure, limit| Query {
            filter: format!("host {address}"),
            ask: Ask::Top {
                by: by.to_vec(),
                measure,
                limit,
                ascending: false,
                compare: false,
                quality: true,
            },
            ..base.clone()
        };
        let apps = self.answered(ranking(&[Key::App], Measure::Bytes, limit(parsed, 20)))?;
        let named = self.answered(ranking(&[Key::App, Key::Domain], Measure::Flows, NAMES))?;
        let found = |state: &api::analyzer::QueryState| match state.answer.as_ref().map(|answer| &answer.found) {
            Some(Found::Top { rows, total, .. }) => (rows.clone(), *total),
            _ => (Vec::new(), Sums::default()),
        };
        let (rows, total) = found(&apps);
        let apps_named = with_names(rows, &found(&named).0);

        let of = |client: Option<String>, server: Option<String>| LogsQuery {
            class: LogClass::Transactions,
            from: base.from,
            to: base.to,
            client,
            server,
            limit: TRANSACTIONS,
            ..LogsQuery::default()
        };
        let as_client = self.ask(of(Some(address.clone()), None))?;
        let as_server = self.ask(of(None, Some(address.clone())))?;
        let detail = HostDetail {
            host: address,
            total,
            applications: apps_named,
            transactions: newest(as_client, as_server),
        };
        let labels = self.labels()?;
        let footing = match (&apps.answer, format) {
            (Some(answer), Format::Text) => Show(self.language).footing(answer),
            _ => String::new(),
        };
        let text = self.print(format, detail, |detail| Show(self.language).host(detail, &labels))?;
        Ok(text + &footing)
    }
}

/// Applications with the names that were seen of each.
fn with_names(rows: Vec<TopRow>, named: &[TopRow]) -> Vec<HostApp> {
    let names_of = |app: &KeyValue| {
        let of_app = named.iter().filter(|row| row.values.first() == Some(app));
        let names = of_app.filter_map(|row| match row.values.get(1) {
            Some(KeyValue::Text(name)) => Some(name.to_string()),
            _ => None,
        });
        names.collect()
    };
    rows.into_iter()
        .filter_map(|row| {
            let app = row.values.into_iter().next()?;
            Some(HostApp {
                names: names_of(&app),
                app,
                sums: row.sums,
                quality: row.quality,
            })
        })
        .collect()
}

/// The newest of two lists, each newest first. Who talks to itself is in both, once.
fn newest(a: Logs, b: Logs) -> Logs {
    let mut records: Vec<LogRecord> = a.records;
    for record in b.records {
        if !records.contains(&record) {
            records.push(record);
        }
    }
    records.sort_by_key(|record| std::cmp::Reverse(record.time));
    records.truncate(TRANSACTIONS as usize);
    Logs {
        records,
        next: None,
        read: a.read.saturating_add(b.read),
        complete: a.complete && b.complete,
    }
}

#[cfg(test)]
mod tests {
    use model::App;

    use super::*;

    #[test]
    fn each_application_has_its_own_names() {
        let app = |name| KeyValue::App(App::by_name(name).unwrap());
        let row = |values: Vec<KeyValue>| TopRow {
            values,
            sums: Sums::default(),
            p95_bps: None,
            before: None,
            quality: None,
        };
        let text = |name: &str| KeyValue::Text(name.into());
        let named = [
            row(vec![app("https"), text("www.example.com")]),
            row(vec![app("dns"), text("a.example.com")]),
            row(vec![app("https"), text("api.example.com")]),
            row(vec![app("https"), KeyValue::None]),
        ];
        let apps = with_names(vec![row(vec![app("https")]), row(vec![app("ssh")])], &named);
        let names: Vec<_> = apps.iter().map(|one| one.names.join(" ")).collect();
        assert_eq!(names, ["www.example.com api.example.com", ""]);
    }
}
