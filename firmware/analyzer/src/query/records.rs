//! Stored records: as they are, and summed up for one interface.

use std::cell::Cell;
use std::time::{Duration, Instant};

use api::Failure;
use api::analyzer::{InterfaceTop, InterfaceTopQuery, Records, RecordsQuery};
use model::{FlowRecord, InterfaceId};
use store::StoreError;

use super::{TOP_MAX, bad, ordered, unavailable};
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
    let found = shared.store.records(
        query.from,
        to,
        query.limit as usize,
        |record| query.scope.is_none_or(|s| s.holds(record.link)) && query.interface.is_none_or(|i| touches(record, i)),
        || Instant::now() < until,
    );
    let failure = problems(shared, found.problems);
    match failure {
        Some(failure) if found.records.is_empty() => Err(failure),
        _ => Ok(Records {
            records: found.records,
            more: found.more,
        }),
    }
}

/// Whether a record came in or left by an interface.
fn touches(record: &FlowRecord, interface: InterfaceId) -> bool {
    let by = |index: Option<u32>| index == Some(interface.index);
    let sides = record.export.as_ref();
    record.link == interface.exporter && sides.is_some_and(|e| by(e.ingress_if) || by(e.egress_if))
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
    let read = Cell::new(0u64);
    let mut rows = InterfaceRows::new(query.interface.index, query.by, (query.from, to));
    let walked = shared.store.each_record(
        (query.from, to),
        || Instant::now() < until && read.get() < READ_MAX,
        |record| {
            read.set(read.get() + 1);
            if record.link == query.interface.exporter {
                rows.observe(record);
            }
        },
    );
    let unreadable = problems(shared, walked.problems);
    if let (Some(failure), 0) = (&unreadable, read.get()) {
        return Err(failure.clone());
    }
    let (table, total) = rows.finish(query.limit as usize);
    Ok(InterfaceTop {
        table,
        total,
        read: read.get(),
        complete: walked.complete && unreadable.is_none(),
    })
}
