//! What the links carry: the overview, series and top-N. Times are whole seconds since 1970, UTC; octets are those of
//! frames in series and of the IP layer in top-N.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::analyzer::{LinkNow, LinksQuery, Point, Scope, SeriesQuery, Top, TopQuery};
use api::client::{CallError, Client};
use api::ingest::LinkKind;
use axum::extract::State;
use model::{Dimension, Split, Timestamp, TopKey, TopTable};
use serde::{Deserialize, Serialize};

use crate::failure::{ApiError, Kind};
use crate::names;
use crate::pulse::{Beat, judge, now};
use crate::routes::{App, Query};
use crate::scope::ScopeText;

/// Points of a series at most; the analyzer's own bound.
pub(crate) const POINTS_MAX: u64 = 3_600;
/// Seconds of an interval at most.
pub(crate) const INTERVAL_MAX: u32 = 3_600;
const RANGE_MAX: u64 = 366 * 86_400;
/// The newest minute of exporters is shown so much later: most of its records have come by then.
const LATE_S: u64 = 60;
/// Exporters that are offered to choose from.
const EXPORTERS_LISTED: usize = 200;
/// Rows of each table of the overview.
const ROWS: u32 = 10;

/// A split as JSON: `[total, in, out]`.
pub(crate) type Three<T> = [T; 3];

/// A point of a series: the nine indicators of an interval as sums, and what was lost or malformed in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct PointOut {
    /// The start.
    at: u64,
    /// Seconds that there are data for: divide by these for a rate.
    seconds: u32,
    /// Octets.
    bytes: Three<u64>,
    /// Packets.
    packets: Three<u64>,
    /// Shares of the capacity, 0–1; `null` where the capacity is unknown.
    utilisation: Option<Three<f64>>,
    /// Frames and records lost, of any cause.
    lost: u64,
    /// The same by cause; what is zero is left out.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    causes: BTreeMap<&'static str, u64>,
    /// Malformed frames, of any kind.
    /// `null`: nobody saw the frames.
    malformed: Option<u64>,
}

impl From<Point> for PointOut {
    fn from(point: Point) -> Self {
        let Split {
            total,
            inbound,
            outbound,
        } = point.counters.frames;
        let drops = point.counters.drops;
        let mut causes = BTreeMap::from([
            ("ring", drops.ring),
            ("nic", drops.nic),
            ("records", drops.records),
            ("export", drops.export),
            ("socket", drops.socket),
        ]);
        causes.retain(|_, count| *count > 0);
        Self {
            at: point.at.as_secs(),
            seconds: point.seconds,
            bytes: [total.bytes, inbound.bytes, outbound.bytes],
            packets: [total.packets, inbound.packets, outbound.packets],
            utilisation: point.utilisation.map(|u| [u.total, u.inbound, u.outbound]),
            lost: causes.values().sum(),
            causes,
            malformed: point.counters.malformed_all(),
        }
    }
}

/// A row's key: what it is, and its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum KeyOut {
    Host { name: String },
    Protocol { number: u8, name: String },
    EtherType { number: u16, name: String },
    App { number: u16, name: String },
    Conversation { low: String, high: String },
}

impl From<TopKey> for KeyOut {
    fn from(key: TopKey) -> Self {
        match key {
            TopKey::Host(address) => Self::Host {
                name: address.to_string(),
            },
            TopKey::Protocol(number) => Self::Protocol {
                number,
                name: api::labels::protocol(number),
            },
            TopKey::EtherType(number) => Self::EtherType {
                number,
                name: names::ether_type(number),
            },
            TopKey::App(app) => Self::App {
                number: app.number(),
                name: app.to_string(),
            },
            TopKey::Conversation(pair) => Self::Conversation {
                low: pair.low().to_string(),
                high: pair.high().to_string(),
            },
        }
    }
}

/// Octets and packets, each `[total, in, out]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct SplitOut {
    bytes: Three<u64>,
    packets: Three<u64>,
}

impl From<Split> for SplitOut {
    fn from(
        Split {
            total,
            inbound,
            outbound,
        }: Split,
    ) -> Self {
        Self {
            bytes: [total.bytes, inbound.bytes, outbound.bytes],
            packets: [total.packets, inbound.packets, outbound.packets],
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct RowOut {
    key: KeyOut,
    #[serde(flatten)]
    split: SplitOut,
}

/// A top-N table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TopOut {
    from: u64,
    to: u64,
    /// Seconds that there are data for.
    seconds: u32,
    /// Whether every row is exact.
    exact: bool,
    rows: Vec<RowOut>,
    others: SplitOut,
    total: SplitOut,
}

impl From<Top> for TopOut {
    fn from(top: Top) -> Self {
        Self {
            from: top.from.as_secs(),
            to: top.to.as_secs(),
            seconds: top.seconds,
            exact: top.exact,
            rows: top
                .table
                .rows
                .into_iter()
                .map(|(key, split)| RowOut {
                    key: key.into(),
                    split: split.into(),
                })
                .collect(),
            others: top.table.others.into(),
            total: top.total.into(),
        }
    }
}

impl TopOut {
    /// A table made of the stored records of a time.
    pub(crate) fn of_records(from: u64, to: u64, table: TopTable, total: Split) -> Self {
        Top {
            from: Timestamp::from_secs(from),
            to: Timestamp::from_secs(to),
            seconds: u32::try_from(to.saturating_sub(from)).unwrap_or(u32::MAX),
            table,
            total,
            exact: true,
        }
        .into()
    }
}

/// The four tables of the overview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Tables {
    hosts: TopOut,
    protocols: TopOut,
    apps: TopOut,
    conversations: TopOut,
}

/// Asks for the four tables of a time.
pub(crate) async fn tables(
    client: &Client,
    scope: Scope,
    from: Timestamp,
    to: Option<Timestamp>,
) -> Result<Tables, CallError> {
    let ask = |by| {
        client.call(TopQuery {
            by,
            scope,
            from,
            to,
            limit: ROWS,
        })
    };
    Ok(Tables {
        hosts: ask(Dimension::Host).await?.into(),
        protocols: ask(Dimension::Protocol).await?.into(),
        apps: ask(Dimension::App).await?.into(),
        conversations: ask(Dimension::Conversation).await?.into(),
    })
}

/// Which link, which time, how fine.
#[derive(Deserialize)]
pub(crate) struct SeriesForm {
    #[serde(default)]
    scope: ScopeText,
    from: u64,
    to: Option<u64>,
    #[serde(default = "one")]
    step: u32,
}

const fn one() -> u32 {
    1
}

#[derive(Serialize)]
pub(crate) struct SeriesOut {
    step: u32,
    capacity_bps: Option<u64>,
    points: Vec<PointOut>,
}

/// A link's counters over time.
pub(crate) async fn series(
    State(app): State<Arc<App>>,
    Query(form): Query<SeriesForm>,
) -> Result<axum::Json<SeriesOut>, ApiError> {
    check_interval(form.step)?;
    let series = app
        .client
        .call(SeriesQuery {
            scope: form.scope.0,
            from: Timestamp::from_secs(form.from),
            to: form.to.map(Timestamp::from_secs),
            step_s: form.step,
        })
        .await?;
    Ok(axum::Json(SeriesOut {
        step: series.step_s,
        capacity_bps: series.capacity_bps,
        points: series.points.into_iter().map(PointOut::from).collect(),
    }))
}

/// Which table of which link and time.
#[derive(Deserialize)]
pub(crate) struct TopForm {
    by: Dimension,
    #[serde(default)]
    scope: ScopeText,
    from: u64,
    to: Option<u64>,
    limit: Option<u32>,
}

/// A top-N table.
pub(crate) async fn top(
    State(app): State<Arc<App>>,
    Query(form): Query<TopForm>,
) -> Result<axum::Json<TopOut>, ApiError> {
    let query = TopQuery {
        by: form.by,
        scope: form.scope.0,
        from: Timestamp::from_secs(form.from),
        to: form.to.map(Timestamp::from_secs),
        limit: form.limit.unwrap_or(ROWS).clamp(1, 1_000),
    };
    Ok(axum::Json(app.client.call(query).await?.into()))
}

/// Which link and time.
#[derive(Deserialize)]
pub(crate) struct TablesForm {
    #[serde(default)]
    scope: ScopeText,
    from: u64,
    to: Option<u64>,
}

/// The four tables of the overview for a time.
pub(crate) async fn top_tables(
    State(app): State<Arc<App>>,
    Query(form): Query<TablesForm>,
) -> Result<axum::Json<Tables>, ApiError> {
    let (from, to) = (Timestamp::from_secs(form.from), form.to.map(Timestamp::from_secs));
    Ok(axum::Json(tables(&app.client, form.scope.0, from, to).await?))
}

/// A link with its newest second.
#[derive(Serialize)]
pub(crate) struct LinkOut {
    id: u32,
    kind: LinkKind,
    name: String,
    label: String,
    capacity_bps: Option<u64>,
    up: bool,
    /// When the newest second, or minute of an exporter, began; `null` when none came lately.
    at: Option<u64>,
    /// What it carried, in how many seconds.
    now: Option<SplitOut>,
    seconds: u32,
}

impl From<LinkNow> for LinkOut {
    fn from(link: LinkNow) -> Self {
        Self {
            id: link.info.id.0,
            kind: link.info.kind,
            name: link.info.name,
            label: link.info.label,
            capacity_bps: link.info.capacity_bps,
            up: link.info.up,
            at: link.at.map(Timestamp::as_secs),
            now: link.second.map(|second| second.frames.into()),
            seconds: link.seconds,
        }
    }
}

/// The links.
pub(crate) async fn links(State(app): State<Arc<App>>) -> Result<axum::Json<Vec<LinkOut>>, ApiError> {
    Ok(axum::Json(ask_links(&app.client).await?))
}

/// All capture ports, and the first exporters by name: a list of all of them is the exporters' own page.
async fn ask_links(client: &Client) -> Result<Vec<LinkOut>, CallError> {
    let (mut links, mut exporters): (Vec<LinkNow>, Vec<LinkNow>) = client
        .call(LinksQuery {})
        .await?
        .into_iter()
        .filter(|link| !link.removed)
        .partition(|link| link.info.kind == LinkKind::Port);
    exporters.sort_by(|a, b| a.info.name.cmp(&b.info.name));
    exporters.truncate(EXPORTERS_LISTED);
    links.extend(exporters);
    Ok(links.into_iter().map(LinkOut::from).collect())
}

/// Which link, how far back, how fine; and the live interval, of which `step` is a multiple.
#[derive(Deserialize)]
pub(crate) struct OverviewForm {
    #[serde(default)]
    scope: ScopeText,
    #[serde(default = "five_minutes")]
    range: u64,
    #[serde(default = "one")]
    step: u32,
    #[serde(default = "one")]
    interval: u32,
}

const fn five_minutes() -> u64 {
    300
}

/// All that the overview page starts from; the live stream goes on at `to`.
#[derive(Serialize)]
pub(crate) struct Overview {
    from: u64,
    to: Option<u64>,
    state: Beat,
    links: Vec<LinkOut>,
    series: SeriesOut,
    tables: Option<Tables>,
}

/// The overview's start: links, the series and the tables of the last `range` seconds.
pub(crate) async fn overview(
    State(app): State<Arc<App>>,
    Query(form): Query<OverviewForm>,
) -> Result<axum::Json<Overview>, ApiError> {
    check_interval(form.interval)?;
    if form.step == 0 || !form.step.is_multiple_of(form.interval) {
        return Err(ApiError::new(Kind::BadRequest, "step must be a multiple of interval"));
    }
    if !(1..=RANGE_MAX).contains(&form.range) || form.range / u64::from(form.step) > POINTS_MAX {
        let why = format!("range must be between 1 and {RANGE_MAX} s and hold at most {POINTS_MAX} steps");
        return Err(ApiError::new(Kind::BadRequest, why));
    }
    let (client, scope) = (&app.client, form.scope.0);
    let status = client.call(api::analyzer::StatusQuery {}).await?;
    // Exporters' records of a minute come in later ones as well: their page asks again instead of going on at `to`.
    let (newest, interval) = match form.scope.is_of_exporters() {
        true => (
            Some(Timestamp::from_secs(now().as_secs().saturating_sub(LATE_S))),
            u64::from(form.interval.next_multiple_of(60)),
        ),
        false => (status.newest_window, u64::from(form.interval)),
    };
    let to = newest.map(|newest| newest.as_secs() / interval * interval);
    let collector = client
        .call(api::collector::StatusQuery {})
        .await
        .map_err(|e| e.to_string());
    let state = judge(&Ok(status), &collector, now());
    let step = u64::from(form.step);
    let end = to.unwrap_or_else(|| now().as_secs());
    let from = Timestamp::from_secs(end.saturating_sub(form.range).next_multiple_of(step));
    let query = SeriesQuery {
        scope,
        from,
        to: Some(Timestamp::from_secs(end)),
        step_s: form.step,
    };
    let series = client.call(query).await?;
    let tables = match to {
        Some(to) => Some(tables(client, scope, from, Some(Timestamp::from_secs(to))).await?),
        None => None,
    };
    Ok(axum::Json(Overview {
        from: from.as_secs(),
        to,
        state,
        links: ask_links(client).await?,
        series: SeriesOut {
            step: series.step_s,
            capacity_bps: series.capacity_bps,
            points: series.points.into_iter().map(PointOut::from).collect(),
        },
        tables,
    }))
}

/// Refuses an interval outside 1–3600 s.
pub(crate) fn check_interval(seconds: u32) -> Result<(), ApiError> {
    if (1..=INTERVAL_MAX).contains(&seconds) {
        return Ok(());
    }
    let why = format!("an interval is a whole number of seconds between 1 and {INTERVAL_MAX}");
    Err(ApiError::new(Kind::BadRequest, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_say_what_they_are() {
        let json = |key: TopKey| serde_json::to_value(KeyOut::from(key)).unwrap();
        let arp = json(TopKey::EtherType(0x0806));
        assert_eq!(
            arp,
            serde_json::json!({ "kind": "ether_type", "number": 0x0806, "name": "ARP" })
        );
        let (pair, _) = model::Conversation::of("10.0.0.2".parse().unwrap(), "10.0.0.1".parse().unwrap());
        let pair = json(TopKey::Conversation(pair));
        assert_eq!(
            pair,
            serde_json::json!({ "kind": "conversation", "low": "10.0.0.1", "high": "10.0.0.2" })
        );
    }

    #[test]
    fn intervals_are_bounded() {
        assert!(check_interval(0).is_err() && check_interval(3_601).is_err());
        assert!(check_interval(1).is_ok() && check_interval(3_600).is_ok());
    }
}
