//! Stored records: as they are, and summed up for one interface.

use std::time::{Duration, Instant};

use api::Failure;
use api::analyzer::{InterfaceTop, InterfaceTopQuery, Records, RecordsQuery, Scope};
use model::LinkId;
use store::{Filter, StoreError};

use super::{TOP_MAX, bad, links_of_exporters, ordered, unavailable};
use crate::interface_rows::InterfaceRows;
use crate::writer::{Shared, now};

const RECORDS_MAX: u32 = 10_000;
/// How long a question may read blocks; what was found until then is the answer.
const READ_FOR: Duration = Duration::from_secs(4);
/// Records that a question may read.
const READ_MAX: u64 = 50_000_000;

/// Stored records.
pub(crate) fn records(shared: &Shared, query: &RecordsQuery) -> Result<Records, Failure> {
    if query.limit == 0 || query.limit > RECORDS_MAX {
        return Err(bad(format!(
            "1 to {RECORDS_MAX} records are answered at a time, not {}",
            query.limit
        )));
    }
    let to = query.to.unwrap_or_else(now);
    let until = Instant::now() + READ_FOR;
    let mut filter = query.scope.map_or_else(Filter::default, |scope| {
        Filter::of_links(match scope {
            Scope::Ports => LinkId(0)..=LinkId(LinkId::EXPORTERS),
            Scope::Exporters => links_of_exporters(),
            Scope::Link(id) => id..=id,
        })
    });
    if let Some(interface) = query.interface {
        filter = filter.and_interface(interface);
    }
    let found = shared
        .store
        .records((query.from, to), query.limit as usize, &filter, || {
            Instant::now() < until
        });
    let failure = problems(shared, found.problems);
    match failure {
        Some(failure) if found.records.is_empty() => Err(failure),
        _ => Ok(Records {
            records: found.records,
            more: found.more,
        }),
    }
}

/// Logs and reports what could not be read; the first is the failure where there is no answer.
fn problems(shared: &Shared, problems: Vec<StoreError>) -> Option<Failure> {
    let failure = problems.first().map(unavailable);
    for problem in problems {
        log::error!(EVENT = "unreadable"; "some records are not in an answer: {problem}");
        shared.store.report(problem);
    }
    failure
}

/// The heaviest rows of an interface.
pub(crate) fn interface_top(shared: &Shared, query: &InterfaceTopQuery) -> Result<InterfaceTop, Failure> {
    if query.limit == 0 || query.limit > TOP_MAX {
        return Err(bad(format!("a table has 1 to {TOP_MAX} rows, not {}", query.limit)));
    }
    let to = query.to.unwrap_or_else(now);
    ordered(query.from, to)?;
    let until = Instant::now() + READ_FOR;
    let mut rows = InterfaceRows::new(query.interface.index, query.by, (query.from, to));
    let walked = shared.store.interface_records(
        query.interface,
        (query.from, to),
        |read| Instant::now() < until && read < READ_MAX,
        |record| rows.observe(record),
    );
    let unreadable = problems(shared, walked.problems);
    if let (Some(failure), 0) = (&unreadable, walked.read) {
        return Err(failure.clone());
    }
    let (table, total) = rows.finish(query.limit as usize);
    Ok(InterfaceTop {
        table,
        total,
        read: walked.read,
        complete: walked.complete && unreadable.is_none(),
    })
}
