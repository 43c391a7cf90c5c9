//! Answers: from memory where the newest windows hold everything that is asked for, else from disk.

mod devices;
mod filters;
mod interfaces;
mod logs;
mod records;
mod storage;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use aggregate::TopMerger;
use api::analyzer::{AnalyzerStatus, LinkNow, Point, Scope, Series, SeriesQuery, Top, TopQuery, Utilisation};
use api::ingest::LinkInfo;
use api::{Failure, FailureKind};
use model::{Counters, Dimension, LinkCounters, LinkId, Split, Timestamp, TopTable, Window};
use store::{Grain, Row, StoreError};

use crate::writer::{Shared, now};

pub(crate) use devices::{device, gauge_series};
pub(crate) use filters::filter;
pub(crate) use interfaces::{interface_series, interfaces};
pub(crate) use logs::logs;
pub(crate) use records::{interface_top, records};
pub(crate) use storage::{import_countries, storage};

const POINTS_MAX: u64 = 3_600;
const STEP_MAX: u32 = 366 * 86_400;
const TOP_MAX: u32 = 1_000;
/// Series of no more than this, not older than this, come from windows of one second.
const FINE_SERIES_S: u64 = 2 * 3_600;
/// The same for tables, which cost more.
const FINE_TOP_S: u64 = 600;
/// A second that is older is not what a link does now.
const NOW_S: u64 = 10;

fn bad(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::BadRequest, message)
}

fn unavailable(problem: &StoreError) -> Failure {
    Failure::new(FailureKind::Unavailable, problem.to_string())
}

/// How the analyzer is.
pub(crate) fn status(shared: &Shared) -> Result<AnalyzerStatus, Failure> {
    let now = now();
    let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let mut trouble = shared.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (disk_bytes, damaged_files) = shared.store.usage().map_err(|e| unavailable(&e))?;
    let oldest_window = match shared.store.span(now) {
        Ok((oldest, _)) => oldest,
        Err(e) => {
            trouble.get_or_insert(e.to_string());
            None
        }
    };
    Ok(AnalyzerStatus {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: shared.started,
        collectors: u32::try_from(load(&shared.collectors)).unwrap_or(u32::MAX),
        records: load(&shared.records),
        blocks: load(&shared.blocks),
        duplicates: load(&shared.duplicates),
        refused: load(&shared.refused),
        deferred: load(&shared.deferred),
        newest_window: newest_end(shared, now).max(newest_exported(shared, now)),
        oldest_window,
        disk_bytes,
        damaged_files,
        trouble,
    })
}

/// The links with their newest second.
pub(crate) fn links(shared: &Shared) -> Vec<LinkNow> {
    let now = now();
    let links = shared.links.read().unwrap_or_else(PoisonError::into_inner).clone();
    let live = shared.live.read().unwrap_or_else(PoisonError::into_inner);
    let recent = shared.recent.read().unwrap_or_else(PoisonError::into_inner);
    let link_now = |(info, removed): (&LinkInfo, bool)| {
        let exporter = info.id.exporter().is_some();
        let newest = if exporter {
            recent
                .newest_of(info.id, now)
                .map(|(at, counters)| (at, counters.clone()))
        } else {
            let window = live.newest_of(info.id, now, NOW_S);
            window.map(|w| (w.start, w.counters.clone()))
        };
        let (at, second) = newest.unzip();
        LinkNow {
            info: info.clone(),
            second,
            at,
            seconds: if exporter { 60 } else { 1 },
            removed,
        }
    };
    links.all().map(link_now).collect()
}

fn newest_exported(shared: &Shared, now: Timestamp) -> Option<Timestamp> {
    let recent = shared.recent.read().unwrap_or_else(PoisonError::into_inner);
    recent.newest_end(now)
}

/// The end of the newest minute of exporters that is over; without any, of the minute that is over now.
fn newest_minute_end(shared: &Shared, now: Timestamp) -> Timestamp {
    newest_exported(shared, now).unwrap_or_else(|| aggregate::align(now, 60))
}

fn newest_end(shared: &Shared, now: Timestamp) -> Option<Timestamp> {
    let live = shared.live.read().unwrap_or_else(PoisonError::into_inner);
    let held = live.newest_end(now);
    drop(live);
    held.or_else(|| {
        let (_, newest) = shared.store.span(now.plus_nanos(60_000_000_000)).ok()?;
        newest.map(|start| Timestamp::from_secs(start.as_secs() + 1))
    })
}

/// The span that a query is about; an end that is left out is the newest second's, or the newest minute's of exporters.
fn span(
    shared: &Shared,
    scope: Scope,
    from: Timestamp,
    to: Option<Timestamp>,
) -> Result<(Timestamp, Timestamp), Failure> {
    let minutes = comes_in_minutes(scope);
    let to = match to {
        Some(to) => to,
        None if minutes => newest_minute_end(shared, now()).max(from),
        None => newest_end(shared, now()).unwrap_or(from).max(from),
    };
    ordered(from, to)?;
    // A window belongs to the span that it starts in.
    let up = |t: Timestamp| Timestamp::from_secs(t.plus_nanos(999_999_999).as_secs());
    Ok((aggregate::align(from, if minutes { 60 } else { 1 }), up(to)))
}

fn ordered(from: Timestamp, to: Timestamp) -> Result<(), Failure> {
    if to < from {
        return Err(bad(format!("the span ends at {to}, before it begins at {from}")));
    }
    Ok(())
}

/// Seconds of several links that were covered: each counts once.
#[derive(Debug, Default)]
struct Covered(BTreeMap<u64, u64>);

impl Covered {
    fn add(&mut self, row: &Row) {
        let start = row.start.as_secs();
        let (minute, mask) = match row.seconds {
            60 => (start, row.covered),
            _ => (start / 60 * 60, 1 << (start % 60)),
        };
        *self.0.entry(minute).or_default() |= mask;
    }

    fn seconds(&self) -> u32 {
        self.0.values().map(|mask| mask.count_ones()).sum()
    }
}

/// The windows of a span, each once.
fn windows(
    shared: &Shared,
    (from, to): (Timestamp, Timestamp),
    scope: Scope,
    fine: bool,
    dimension: Option<Dimension>,
    mut each: impl FnMut(Row, &TopTable),
) -> Result<(), Failure> {
    let links = links_of(scope);
    if let Some(windows) = in_memory(shared, (from, to), scope) {
        for window in windows {
            let row = Row {
                link: window.link,
                start: window.start,
                seconds: 1,
                covered: 1,
                counters: window.counters.clone(),
            };
            each(row, dimension.map_or(&TopTable::default(), |d| table_of(&window, d)));
        }
        return Ok(());
    }
    let grain = if fine { Grain::Second } else { Grain::Minute };
    shared
        .store
        .scan((from, to), &links, grain, dimension, |row, table| each(row, &table))
        .map_err(|problem| failed(shared, problem))
}

/// The windows of a span where memory holds all of them.
fn in_memory(shared: &Shared, (from, to): (Timestamp, Timestamp), scope: Scope) -> Option<Vec<Arc<Window>>> {
    if comes_in_minutes(scope) {
        return None;
    }
    let live = shared.live.read().unwrap_or_else(PoisonError::into_inner);
    live.between(from, to, &links_of(scope))
}

/// Tells the store of what it could not read, so that it mends it.
fn failed(shared: &Shared, problem: StoreError) -> Failure {
    let failure = unavailable(&problem);
    shared.store.report(problem);
    failure
}

fn table_of(window: &Window, dimension: Dimension) -> &TopTable {
    match dimension {
        Dimension::Host => &window.hosts,
        Dimension::Protocol => &window.protocols,
        Dimension::App => &window.apps,
        Dimension::Conversation => &window.conversations,
    }
}

/// Whether windows of one second are all still there for the span.
fn is_fine((from, to): (Timestamp, Timestamp), limit: u64) -> bool {
    let kept = now().as_secs().saturating_sub(FINE_SERIES_S);
    to.as_secs() - from.as_secs().min(to.as_secs()) <= limit && from.as_secs() >= kept
}

/// Counters over time.
pub(crate) fn series(shared: &Shared, query: &SeriesQuery) -> Result<Series, Failure> {
    if query.step_s == 0 || query.step_s > STEP_MAX {
        return Err(bad(format!("a step is 1 to {STEP_MAX} seconds, not {}", query.step_s)));
    }
    let span = span(shared, query.scope, query.from, query.to)?;
    let fine = !comes_in_minutes(query.scope) && is_fine(span, FINE_SERIES_S);
    // Older than the windows of one second, a point is whole minutes.
    let step_s = if fine {
        query.step_s
    } else {
        query.step_s.next_multiple_of(60)
    };
    let step = u64::from(step_s);
    let points = (span.1.as_secs().saturating_sub(span.0.as_secs())).div_ceil(step);
    if points > POINTS_MAX {
        return Err(bad(format!(
            "that would be {points} points and at most {POINTS_MAX} are answered: take a longer step or a shorter span"
        )));
    }
    let capacity_bps = capacity(shared, query.scope)?;
    let mut sums: BTreeMap<u64, (LinkCounters, Covered)> = BTreeMap::new();
    windows(shared, span, query.scope, fine, None, |row, _| {
        let (counters, covered) = sums.entry(row.start.as_secs() / step * step).or_default();
        *counters += &row.counters;
        covered.add(&row);
    })?;
    let points = sums.into_iter().map(|(at, (counters, covered))| {
        let seconds = covered.seconds();
        Point {
            at: Timestamp::from_secs(at),
            seconds,
            utilisation: capacity_bps.and_then(|bps| utilisation(&counters.frames, seconds, bps)),
            counters,
        }
    });
    Ok(Series {
        step_s,
        capacity_bps,
        points: points.collect(),
    })
}

/// Whether the links' windows are minutes.
const fn comes_in_minutes(scope: Scope) -> bool {
    match scope {
        Scope::Ports => false,
        Scope::Exporters => true,
        Scope::Link(id) => id.exporter().is_some(),
    }
}

/// The numbers of a scope's links as the store has them: it keeps the sum of all exporters as one.
const fn links_of(scope: Scope) -> RangeInclusive<LinkId> {
    match scope {
        Scope::Ports => LinkId(0)..=LinkId(store::ALL_EXPORTERS.0 - 1),
        Scope::Exporters => store::ALL_EXPORTERS..=store::ALL_EXPORTERS,
        Scope::Link(id) => id..=id,
    }
}

/// The numbers of all exporters.
pub(crate) const fn links_of_exporters() -> RangeInclusive<LinkId> {
    LinkId::of_exporter(1)..=LinkId(u32::MAX)
}

/// The capacity of a link, or of all of a scope; `None` where one is unknown or there is none.
fn capacity(shared: &Shared, scope: Scope) -> Result<Option<u64>, Failure> {
    let links = shared.links.read().unwrap_or_else(PoisonError::into_inner);
    if let Scope::Link(id) = scope {
        let link = links.get(id);
        return link
            .map(|l| l.capacity_bps)
            .ok_or_else(|| Failure::new(FailureKind::NotFound, format!("there is no link {id}")));
    }
    let mut known = links.current().values().filter(|l| scope.holds(l.id)).peekable();
    Ok(known
        .peek()
        .is_some()
        .then(|| known.map(|l| l.capacity_bps).sum())
        .flatten())
}

fn utilisation(frames: &Split, seconds: u32, capacity_bps: u64) -> Option<Utilisation> {
    if seconds == 0 || capacity_bps == 0 {
        return None;
    }
    #[allow(clippy::cast_precision_loss, reason = "a share needs no more than 53 bits")]
    let share = |c: Counters| c.bytes as f64 * 8.0 / f64::from(seconds) / capacity_bps as f64;
    Some(Utilisation {
        total: share(frames.total),
        inbound: share(frames.inbound),
        outbound: share(frames.outbound),
    })
}

/// The heaviest rows of a dimension.
pub(crate) fn top(shared: &Shared, query: &TopQuery) -> Result<Top, Failure> {
    if query.limit == 0 || query.limit > TOP_MAX {
        return Err(bad(format!("a table has 1 to {TOP_MAX} rows, not {}", query.limit)));
    }
    capacity(shared, query.scope)?;
    let mut span = span(shared, query.scope, query.from, query.to)?;
    let fine = !comes_in_minutes(query.scope) && is_fine(span, FINE_TOP_S);
    if !fine && in_memory(shared, (span.0, span.0), query.scope).is_none() {
        // Minutes are taken whole.
        span.0 = aggregate::align(span.0, 60);
    }
    let mut merger = TopMerger::default();
    let mut covered = Covered::default();
    // A minute that left rows out may have left out more of the rows that it kept.
    let mut cut_minutes = false;
    windows(shared, span, query.scope, fine, Some(query.by), |row, table| {
        covered.add(&row);
        cut_minutes |= row.seconds != 1 && table.others != Split::default();
        merger.add(table);
    })?;
    let (table, exact) = merger.finish(query.limit as usize);
    let mut total = table.others;
    table.rows.iter().for_each(|(_, split)| total += *split);
    Ok(Top {
        from: span.0,
        to: span.1,
        seconds: covered.seconds(),
        table,
        total,
        exact: exact && !cut_minutes,
    })
}
