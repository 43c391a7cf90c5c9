//! Log records.

use std::time::{Duration, Instant};

use api::Failure;
use api::analyzer::{LogClass, Logs, LogsQuery};
use api::endpoints::endpoints;
use model::AddressRange;
use store::{LogCursor, LogSearch};

use super::{bad, ordered, unavailable};
use crate::writer::{Shared, now};

const LOGS_MAX: u32 = 10_000;
/// Words of a search, and octets of each.
const WORDS_MAX: usize = 32;
const WORD_OCTETS_MAX: usize = 1_024;
/// Exporters that a search may name.
const EXPORTERS_MAX: usize = 4_096;
/// How long a search may read; the next page goes on from there.
const READ_FOR: Duration = Duration::from_secs(4);

/// Log records, newest first.
pub(crate) fn logs(shared: &Shared, query: &LogsQuery) -> Result<Logs, Failure> {
    if query.limit == 0 || query.limit > LOGS_MAX {
        return Err(bad(format!(
            "1 to {LOGS_MAX} log records are answered at a time, not {}",
            query.limit
        )));
    }
    let words = query
        .keywords
        .iter()
        .chain(&query.host)
        .chain(&query.app)
        .chain(&query.code);
    if query.keywords.len() > WORDS_MAX || words.clone().any(|word| word.len() > WORD_OCTETS_MAX) {
        return Err(bad(format!(
            "a search has at most {WORDS_MAX} words of at most {WORD_OCTETS_MAX} octets each"
        )));
    }
    if query.exporters.len() > EXPORTERS_MAX {
        return Err(bad(format!("a search names at most {EXPORTERS_MAX} exporters")));
    }
    let to = query.to.unwrap_or_else(|| now().plus_nanos(1));
    ordered(query.from, to)?;
    let before: Option<LogCursor> = match &query.after {
        Some(cursor) => Some(cursor.parse().map_err(|e| bad(format!("{e}")))?),
        None => None,
    };
    let search = LogSearch {
        transactions: query.class == LogClass::Transactions,
        kinds: query.kinds.clone(),
        client: query.client.as_deref().map(addresses).transpose()?,
        server: query
            .server
            .as_deref()
            .map(|text| endpoints(text).map_err(|e| bad(format!("{e}"))))
            .transpose()?,
        code: query.code.clone(),
        from: query.from,
        to,
        exporters: query.exporters.clone(),
        host: query.host.clone(),
        severity: query.severity,
        facility: query.facility,
        app: query.app.clone(),
        keywords: query.keywords.clone(),
        limit: query.limit as usize,
        before,
    };
    let until = Instant::now() + READ_FOR;
    let found = shared.store.logs(&search, || Instant::now() < until);
    let failure = found.problems.first().map(unavailable);
    let unreadable = failure.is_some();
    for problem in found.problems {
        log::error!(EVENT = "unreadable"; "some log records are not in an answer: {problem}");
        shared.store.report(problem);
    }
    match failure {
        Some(failure) if found.records.is_empty() && found.next.is_none() => Err(failure),
        _ => Ok(Logs {
            records: found.records,
            next: found.next.map(|cursor| cursor.to_string()),
            read: found.read,
            complete: found.complete && !unreadable,
        }),
    }
}

fn addresses(text: &str) -> Result<AddressRange, Failure> {
    text.trim().parse().map_err(|e| bad(format!("{e}")))
}
