//! The exporters: the list, one in full, its interfaces, and what SNMP says of it.

use std::sync::Arc;

use api::analyzer::{
    DeviceQuery, GaugeSeries, GaugeSeriesQuery, InterfaceNow, InterfaceSeries, InterfaceSeriesQuery, InterfaceTopQuery,
    InterfacesQuery,
};
use api::collector::{
    ExporterDetail, ExporterQuery, ExporterStatus, ExportersQuery, PendingSender, ProbeAnswer, ProbeRequest,
    SocketStatus,
};
use api::supervisor::SettingsQuery;
use axum::extract::{Path, State};
use model::{Dimension, Gauge, GaugeKind, InterfaceId, LinkId, Neighbour, Storage, SystemFacts, Timestamp};
use serde::{Deserialize, Serialize};
use settings::Exporter;

use crate::failure::{ApiError, Kind};
use crate::routes::{App, Query};
use crate::traffic::TopOut;

/// Rows of a page at most.
const PAGE_MAX: usize = 1_000;
/// Without a datagram for so long an exporter is shown as silent.
const SILENT_S: u64 = 300;

/// How an exporter is, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Condition {
    /// It sends.
    Sending,
    /// It sends, but more than one record in a thousand is lost, more than one datagram in ten has an error,
    /// or its agent does not answer.
    Troubled,
    /// It sent before, and has been silent for five minutes.
    Silent,
    /// Nothing came since the collector's start.
    Never,
    /// Switched off in the settings.
    Off,
}

impl Condition {
    fn of(status: &ExporterStatus, now: Timestamp) -> Self {
        let answered = status.snmp.as_ref().and_then(|snmp| snmp.last_answer);
        let heard = status.last_seen.max(answered);
        let agent_fails = status.snmp.as_ref().is_some_and(|snmp| snmp.trouble.is_some());
        match heard {
            _ if !status.enabled => Self::Off,
            None => Self::Never,
            Some(at) if now.nanos_since(at) / 1_000_000_000 > SILENT_S => Self::Silent,
            Some(_) if agent_fails || Self::loses(status) => Self::Troubled,
            Some(_) => Self::Sending,
        }
    }
}

impl Condition {
    /// Counts are since the collector's start: a single loss must not mark an exporter for ever, nor data that came
    /// before its template and was kept.
    const fn loses(status: &ExporterStatus) -> bool {
        let expected = status.records.saturating_add(status.lost);
        status.lost.saturating_mul(1_000) > expected || status.errors.saturating_mul(10) > status.datagrams
    }
}

/// What part of the list.
#[derive(Deserialize)]
pub(crate) struct ListForm {
    /// A part of the name or of an address.
    #[serde(default)]
    search: String,
    condition: Option<Condition>,
    #[serde(default)]
    sort: Sort,
    #[serde(default)]
    offset: usize,
    #[serde(default = "fifty")]
    limit: usize,
}

const fn fifty() -> usize {
    50
}

/// By what the list is sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sort {
    #[default]
    Name,
    Seen,
    Records,
    Traffic,
    Lost,
    Errors,
}

/// A row of the list.
#[derive(Serialize)]
pub(crate) struct Row {
    number: u32,
    condition: Condition,
    #[serde(flatten)]
    status: ExporterStatus,
}

/// A page of the list, and what belongs to no exporter.
#[derive(Serialize)]
pub(crate) struct List {
    /// How many exporters there are, and how many match.
    total: usize,
    matching: usize,
    /// How many of all are in which condition.
    conditions: Vec<(Condition, usize)>,
    exporters: Vec<Row>,
    pending: Vec<PendingSender>,
    sockets: Vec<SocketStatus>,
    syslog_certificate: Option<String>,
    /// The box's clock.
    now: Timestamp,
}

/// The exporters.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Query(form): Query<ListForm>,
) -> Result<axum::Json<List>, ApiError> {
    let answer = app.client.call(ExportersQuery {}).await?;
    let now = crate::pulse::now();
    let rows: Vec<Row> = answer
        .exporters
        .into_iter()
        .map(|status| Row {
            number: status.link.exporter().unwrap_or(0),
            condition: Condition::of(&status, now),
            status,
        })
        .collect();
    let (total, conditions) = (rows.len(), counted(&rows));
    let rows = select(rows, &form);
    Ok(axum::Json(List {
        total,
        matching: rows.len(),
        conditions,
        exporters: rows
            .into_iter()
            .skip(form.offset)
            .take(form.limit.min(PAGE_MAX))
            .collect(),
        pending: answer.pending,
        sockets: answer.sockets,
        syslog_certificate: answer.syslog_certificate,
        now,
    }))
}

fn counted(rows: &[Row]) -> Vec<(Condition, usize)> {
    let all = [
        Condition::Sending,
        Condition::Troubled,
        Condition::Silent,
        Condition::Never,
        Condition::Off,
    ];
    all.map(|condition| (condition, rows.iter().filter(|row| row.condition == condition).count()))
        .into()
}

/// The rows that match, in the order that was asked for; equal ones by name.
fn select(mut rows: Vec<Row>, form: &ListForm) -> Vec<Row> {
    let search = form.search.trim().to_lowercase();
    rows.retain(|Row { condition, status, .. }| {
        form.condition.is_none_or(|wanted| wanted == *condition)
            && (status.name.to_lowercase().contains(&search)
                || status.addresses.iter().any(|a| a.to_string().contains(&search)))
    });
    rows.sort_by(|a, b| {
        let (x, y) = (&a.status, &b.status);
        let order = match form.sort {
            Sort::Name => std::cmp::Ordering::Equal,
            Sort::Seen => y.last_seen.cmp(&x.last_seen),
            Sort::Records => y.records_per_s.total_cmp(&x.records_per_s),
            Sort::Traffic => y.bits_per_s.total_cmp(&x.bits_per_s),
            Sort::Lost => y.lost.cmp(&x.lost),
            Sort::Errors => y.errors.cmp(&x.errors),
        };
        order.then_with(|| x.name.cmp(&y.name))
    });
    rows
}

/// An exporter in full; what a service does not answer is left out, and why is said.
#[derive(Serialize)]
pub(crate) struct One {
    number: u32,
    link: LinkId,
    settings: Exporter,
    condition: Option<Condition>,
    detail: Option<ExporterDetail>,
    /// Why there is no detail.
    trouble: Option<String>,
    now: Timestamp,
}

/// One exporter.
pub(crate) async fn one(State(app): State<Arc<App>>, Path(number): Path<u32>) -> Result<axum::Json<One>, ApiError> {
    let mut all = app.client.call(SettingsQuery::default()).await?.settings.exporters;
    let settings = all
        .remove(&number)
        .ok_or_else(|| ApiError::new(Kind::NotFound, "there is no exporter of this number"))?;
    let (link, now) = (LinkId::of_exporter(number), crate::pulse::now());
    let (detail, trouble) = match app.client.call(ExporterQuery { link }).await {
        Ok(detail) => (Some(detail), None),
        Err(error) => (None, Some(error.to_string())),
    };
    Ok(axum::Json(One {
        number,
        link,
        settings,
        condition: detail.as_ref().map(|detail| Condition::of(&detail.status, now)),
        detail,
        trouble,
        now,
    }))
}

/// Asks its SNMP agent, now.
pub(crate) async fn probe(
    State(app): State<Arc<App>>,
    Path(number): Path<u32>,
) -> Result<axum::Json<ProbeAnswer>, ApiError> {
    let link = LinkId::of_exporter(number);
    Ok(axum::Json(app.client.call(ProbeRequest { link }).await?))
}

/// Its interfaces with their newest minutes.
pub(crate) async fn interfaces(
    State(app): State<Arc<App>>,
    Path(number): Path<u32>,
) -> Result<axum::Json<Vec<InterfaceNow>>, ApiError> {
    let exporter = Some(LinkId::of_exporter(number));
    Ok(axum::Json(app.client.call(InterfacesQuery { exporter }).await?))
}

/// Which time, how fine. Whole seconds.
#[derive(Deserialize)]
pub(crate) struct TimeForm {
    from: u64,
    to: Option<u64>,
    #[serde(default = "minute")]
    step: u32,
}

const fn minute() -> u32 {
    60
}

/// An interface's counters over time.
pub(crate) async fn interface_series(
    State(app): State<Arc<App>>,
    Path((number, index)): Path<(u32, u32)>,
    Query(form): Query<TimeForm>,
) -> Result<axum::Json<InterfaceSeries>, ApiError> {
    let query = InterfaceSeriesQuery {
        interface: id(number, index),
        from: Timestamp::from_secs(form.from),
        to: form.to.map(Timestamp::from_secs),
        step_s: form.step.max(60).next_multiple_of(60),
    };
    Ok(axum::Json(app.client.call(query).await?))
}

const fn id(number: u32, index: u32) -> InterfaceId {
    InterfaceId {
        exporter: LinkId::of_exporter(number),
        index,
    }
}

/// Which table of which time.
#[derive(Deserialize)]
pub(crate) struct InterfaceTopForm {
    by: Dimension,
    from: u64,
    to: Option<u64>,
    limit: Option<u32>,
}

/// A top-N table of an interface.
#[derive(Serialize)]
pub(crate) struct InterfaceTopOut {
    #[serde(flatten)]
    top: TopOut,
    /// Records that were read.
    read: u64,
    /// Whether all of the time were.
    complete: bool,
}

/// The heaviest rows of an interface.
pub(crate) async fn interface_top(
    State(app): State<Arc<App>>,
    Path((number, index)): Path<(u32, u32)>,
    Query(form): Query<InterfaceTopForm>,
) -> Result<axum::Json<InterfaceTopOut>, ApiError> {
    let to = form.to.unwrap_or_else(|| crate::pulse::now().as_secs());
    let query = InterfaceTopQuery {
        interface: id(number, index),
        by: form.by,
        from: Timestamp::from_secs(form.from),
        to: Some(Timestamp::from_secs(to)),
        limit: form.limit.unwrap_or(10).clamp(1, 1_000),
    };
    let top = app.client.call(query).await?;
    Ok(axum::Json(InterfaceTopOut {
        top: TopOut::of_records(form.from, to, top.table, top.total),
        read: top.read,
        complete: top.complete,
    }))
}

/// What SNMP says of an exporter; the long tables by their lengths alone.
#[derive(Serialize)]
pub(crate) struct DeviceOut {
    system: Option<SystemFacts>,
    neighbours: Option<Vec<Neighbour>>,
    storage: Option<Vec<Storage>>,
    /// Rows of the forwarding and of the ARP table; `null` where they were not read.
    forwarding: Option<usize>,
    arp: Option<usize>,
    at: Option<Timestamp>,
    gauges: Vec<Gauge>,
}

/// What SNMP says of an exporter.
pub(crate) async fn device(
    State(app): State<Arc<App>>,
    Path(number): Path<u32>,
) -> Result<axum::Json<DeviceOut>, ApiError> {
    let exporter = LinkId::of_exporter(number);
    let device = app.client.call(DeviceQuery { exporter }).await?;
    let facts = device.facts;
    Ok(axum::Json(DeviceOut {
        system: facts.system,
        neighbours: facts.neighbours,
        storage: facts.storage,
        forwarding: facts.forwarding.map(|rows| rows.len()),
        arp: facts.arp.map(|rows| rows.len()),
        at: device.at,
        gauges: device.gauges,
    }))
}

/// Which of the long tables.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TableKind {
    /// Forwarding database.
    Forwarding,
    /// ARP and neighbour discovery.
    Arp,
}

/// A part of a long table.
#[derive(Deserialize)]
pub(crate) struct TableForm {
    #[serde(default)]
    search: String,
    #[serde(default)]
    offset: usize,
    #[serde(default = "fifty")]
    limit: usize,
}

/// A row: the forwarding table has a VLAN, the ARP table an address.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Entry {
    mac: String,
    ip: Option<String>,
    vlan: Option<u32>,
    index: Option<u32>,
    /// The interface's name, where it is known.
    interface: Option<String>,
}

/// A page of a table.
#[derive(Serialize)]
pub(crate) struct Entries {
    total: usize,
    matching: usize,
    rows: Vec<Entry>,
}

/// Rows of a long table that hold what is searched for.
pub(crate) async fn table(
    State(app): State<Arc<App>>,
    Path((number, kind)): Path<(u32, TableKind)>,
    Query(form): Query<TableForm>,
) -> Result<axum::Json<Entries>, ApiError> {
    let exporter = LinkId::of_exporter(number);
    let facts = app.client.call(DeviceQuery { exporter }).await?.facts;
    let interfaces = facts.interfaces.unwrap_or_default();
    let name = |index: Option<u32>| {
        let found = interfaces.iter().find(|facts| Some(facts.index) == index)?;
        Some(
            if found.label.is_empty() {
                &found.name
            } else {
                &found.label
            }
            .clone(),
        )
    };
    let rows: Vec<Entry> = match kind {
        TableKind::Forwarding => {
            let row = |row: model::ForwardingEntry| Entry {
                mac: row.mac.to_string(),
                ip: None,
                vlan: row.vlan,
                index: row.index,
                interface: name(row.index),
            };
            facts.forwarding.unwrap_or_default().into_iter().map(row).collect()
        }
        TableKind::Arp => {
            let row = |row: model::ArpEntry| Entry {
                mac: row.mac.to_string(),
                ip: Some(row.ip.to_string()),
                vlan: None,
                index: Some(row.index),
                interface: name(Some(row.index)),
            };
            facts.arp.unwrap_or_default().into_iter().map(row).collect()
        }
    };
    let total = rows.len();
    let search = form.search.trim().to_lowercase();
    let found: Vec<Entry> = rows.into_iter().filter(|row| holds(row, &search)).collect();
    Ok(axum::Json(Entries {
        total,
        matching: found.len(),
        rows: found
            .into_iter()
            .skip(form.offset)
            .take(form.limit.min(PAGE_MAX))
            .collect(),
    }))
}

/// Whether a row holds the text; a hardware address is found however its octets are set apart.
fn holds(row: &Entry, search: &str) -> bool {
    let plain = |text: &str| text.chars().filter(char::is_ascii_hexdigit).collect::<String>();
    let octets = plain(search);
    let like_mac = search.chars().all(|c| c.is_ascii_hexdigit() || ":-.".contains(c));
    search.is_empty()
        || row.mac.contains(search)
        || (like_mac && octets.len() >= 4 && plain(&row.mac).contains(&octets))
        || row.ip.as_ref().is_some_and(|ip| ip.contains(search))
        || row
            .interface
            .as_ref()
            .is_some_and(|name| name.to_lowercase().contains(search))
        || row.vlan.is_some_and(|vlan| vlan.to_string() == search)
}

/// Which readings.
#[derive(Deserialize)]
pub(crate) struct GaugesForm {
    kind: GaugeKind,
    from: u64,
    to: Option<u64>,
    #[serde(default = "minute")]
    step: u32,
}

/// Readings over time.
pub(crate) async fn gauges(
    State(app): State<Arc<App>>,
    Path(number): Path<u32>,
    Query(form): Query<GaugesForm>,
) -> Result<axum::Json<GaugeSeries>, ApiError> {
    let query = GaugeSeriesQuery {
        exporter: LinkId::of_exporter(number),
        kind: form.kind,
        name: None,
        from: Timestamp::from_secs(form.from),
        to: form.to.map(Timestamp::from_secs),
        step_s: form.step.max(1),
    };
    Ok(axum::Json(app.client.call(query).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn status(name: &str, last_seen: Option<u64>) -> ExporterStatus {
        let addresses = vec!["192.0.2.1".parse().unwrap()];
        ExporterStatus {
            last_seen: last_seen.map(Timestamp::from_secs),
            ..ExporterStatus::silent(LinkId::of_exporter(1), name.into(), addresses, true)
        }
    }

    #[test]
    fn conditions_tell_silence_from_trouble() {
        let of = |status: &ExporterStatus| Condition::of(status, Timestamp::from_secs(1_000));
        assert_eq!(of(&status("a", None)), Condition::Never);
        assert_eq!(of(&status("a", Some(600))), Condition::Silent);
        assert_eq!(of(&status("a", Some(900))), Condition::Sending);
        let lossy = ExporterStatus {
            lost: 2,
            records: 1_000,
            ..status("a", Some(900))
        };
        assert_eq!(of(&lossy), Condition::Troubled);
        let fine = ExporterStatus {
            records: 10_000,
            ..lossy.clone()
        };
        assert_eq!(of(&fine), Condition::Sending);
        let undecoded = ExporterStatus {
            errors: 11,
            datagrams: 100,
            ..status("a", Some(900))
        };
        assert_eq!(of(&undecoded), Condition::Troubled);
        let off = ExporterStatus {
            enabled: false,
            ..lossy
        };
        assert_eq!(of(&off), Condition::Off);
    }

    #[test]
    fn the_list_is_searched_and_sorted() {
        let row = |name: &str, rate: f64| Row {
            number: 1,
            condition: Condition::Sending,
            status: ExporterStatus {
                records_per_s: rate,
                ..status(name, Some(1))
            },
        };
        let names = |query: serde_json::Value| {
            let form: ListForm = serde_json::from_value(query).unwrap();
            let rows = select(vec![row("edge", 1.0), row("Core", 9.0), row("access", 1.0)], &form);
            rows.into_iter().map(|row| row.status.name).collect::<Vec<_>>()
        };
        assert_eq!(names(serde_json::json!({})), ["Core", "access", "edge"]);
        assert_eq!(
            names(serde_json::json!({ "sort": "records" })),
            ["Core", "access", "edge"]
        );
        assert_eq!(names(serde_json::json!({ "search": "cOr" })), ["Core"]);
        assert_eq!(names(serde_json::json!({ "search": "192.0.2" })).len(), 3);
        assert_eq!(names(serde_json::json!({ "condition": "silent" })).len(), 0);
    }

    #[test]
    fn entries_are_found_by_any_writing_of_a_hardware_address() {
        let row = Entry {
            mac: "00:1b:21:aa:bb:cc".into(),
            ip: Some("192.0.2.9".into()),
            vlan: Some(20),
            index: Some(3),
            interface: Some("Gi1/0/3".into()),
        };
        for found in ["", "aa:bb", "001b.21aa", "00-1b-21", "2.9", "gi1/0", "20"] {
            assert!(holds(&row, found), "{found}");
        }
        for not in ["aa:bc", "ffff", "10.", "te1", "2"] {
            assert_eq!(holds(&row, not), not == "2", "{not}");
        }
    }
}
