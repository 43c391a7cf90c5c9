//! What the collector answers, and what it looks after meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use api::collector::{
    CollectorRequest, CollectorStatus, ExporterDetail, ExporterQuery, ExporterStatus, Exporters, ProbeAnswer,
    ProbeRequest, SelfTestAnswer,
};
use api::ingest::{LinkInfo, LinkKind};
use api::server::{self, Reply};
use api::{Failure, FailureKind};
use model::{DropCounters, LinkId, Timestamp};

use crate::Collector;
use crate::fleet::Fleet;
use crate::intake::{Asker, Intake};
use crate::port::now;
use crate::selftest;

/// How often ports that could not be opened are tried again, and exporters' links are looked at.
const KEEP: Duration = Duration::from_secs(10);
/// How long the uplink may take to accept the self-test's record.
const HAND_OVER: Duration = Duration::from_secs(5);
/// An exporter that was silent for longer shows as down. Nanoseconds.
const SILENT: u64 = 300_000_000_000;

/// Answers a request.
pub(crate) async fn answer(request: CollectorRequest, collector: &Arc<Collector>) -> Reply {
    match request {
        CollectorRequest::Status(_) => server::reply(status(collector).await?),
        CollectorRequest::Exporters(_) => server::reply(exporters(collector).await?),
        CollectorRequest::Exporter(query) => server::reply(exporter(collector, &query).await?),
        CollectorRequest::Probe(request) => server::reply(probe(collector, &request).await?),
        CollectorRequest::SelfTest(_) => server::reply(self_test(collector).await?),
    }
}

/// Asks the intake's threads where waiting is allowed.
async fn ask<T: Send + 'static>(
    collector: &Arc<Collector>,
    question: impl FnOnce(&Collector, &Asker) -> T + Send + 'static,
) -> Result<T, Failure> {
    let stops = || Failure::new(FailureKind::Unavailable, "the collector stops");
    let asker = {
        let intake = collector.lock(&collector.intake);
        intake.as_ref().map(Intake::asker).ok_or_else(stops)?
    };
    let collector = collector.clone();
    let asked = tokio::task::spawn_blocking(move || question(&collector, &asker));
    asked.await.map_err(|_| stops())
}

async fn status(collector: &Arc<Collector>) -> Result<CollectorStatus, Failure> {
    let (records, mut drops) = ask(collector, |_, asker| asker.totals()).await?;
    let states = {
        let fleet = collector.lock(&collector.fleet);
        fleet.as_ref().map(Fleet::states).unwrap_or_default()
    };
    let health = &collector.health;
    states.iter().for_each(|s| drops += s.status.counters.drops);
    // Ports know of their own; this knows of all.
    drops.records = drops.records.max(health.records_lost.load(Ordering::Relaxed));
    Ok(CollectorStatus {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: collector.started,
        flows: states.iter().map(|s| s.flows).sum(),
        flows_max: states.iter().map(|s| s.flows_max).sum(),
        records: records + states.iter().map(|s| s.records).sum::<u64>(),
        unacknowledged: health.unacknowledged.load(Ordering::Relaxed),
        spooled_bytes: health.spooled.load(Ordering::Relaxed),
        drops: DropCounters { ..drops },
        analyzer: collector.lock(&health.analyzer).clone(),
        ports: states.into_iter().map(|s| s.status).collect(),
    })
}

async fn exporters(collector: &Arc<Collector>) -> Result<Exporters, Failure> {
    let traps = collector.polling.refresh().await;
    let mut all = ask(collector, |collector, asker| {
        asker.exporters(|link| collector.polling.status(link))
    })
    .await?;
    let tls = collector.lock(&collector.tls);
    all.sockets.extend(tls.statuses());
    all.sockets.extend(traps);
    all.sockets.sort_by_key(|s| (s.purpose, s.address.port()));
    all.syslog_certificate = tls.fingerprint();
    Ok(all)
}

fn no_such(link: LinkId) -> Failure {
    let number = link.exporter().unwrap_or(link.0);
    Failure::new(
        FailureKind::NotFound,
        format!("there is no exporter {number}: register it in the settings"),
    )
}

async fn exporter(collector: &Arc<Collector>, query: &ExporterQuery) -> Result<ExporterDetail, Failure> {
    let link = query.link;
    collector.polling.refresh().await;
    let found = ask(collector, move |collector, asker| {
        asker.exporter(link, |link| collector.polling.status(link))
    });
    found.await?.ok_or_else(|| no_such(link))
}

async fn probe(collector: &Arc<Collector>, request: &ProbeRequest) -> Result<ProbeAnswer, Failure> {
    let registry = {
        let intake = collector.lock(&collector.intake);
        intake.as_ref().map(Intake::registry)
    };
    let exporter = registry.as_ref().and_then(|r| r.by_link(request.link));
    let exporter = exporter.ok_or_else(|| no_such(request.link))?;
    let agent = exporter.agent.clone().ok_or_else(|| {
        let text = format!(
            "{} is not polled by SNMP: give it credentials in the settings",
            exporter.settings.name
        );
        Failure::new(FailureKind::BadRequest, text)
    })?;
    Ok(collector.polling.probe(agent).await)
}

/// Sends a packet of our own through the stages.
async fn self_test(collector: &Arc<Collector>) -> Result<SelfTestAnswer, Failure> {
    let unavailable = |why: &str| Failure::new(FailureKind::Unavailable, why);
    let outgoing = collector.lock(&collector.self_tests).clone();
    let outgoing = outgoing.ok_or_else(|| unavailable("the collector stops"))?;
    let (answer, block) = selftest::run(now()).map_err(|why| unavailable(&why))?;
    let sent = tokio::time::timeout(HAND_OVER, outgoing.send((answer.link, block))).await;
    sent.ok()
        .and_then(Result::ok)
        .ok_or_else(|| unavailable("the uplink takes no records"))?;
    Ok(answer)
}

/// Looks after what changes by itself; for ever.
pub(crate) async fn keep(collector: &Arc<Collector>) {
    let mut every = tokio::time::interval(KEEP);
    loop {
        every.tick().await;
        let shared = collector.clone();
        let tried = tokio::task::spawn_blocking(move || {
            if let Some(intake) = &mut *shared.lock(&shared.intake) {
                intake.retry();
            }
        });
        if let Err(e) = tried.await {
            log::error!(EVENT = "failed"; "ports could not be looked after: {e}");
        }
        show_links(collector).await;
    }
}

/// Tells the analyzer which exporters there are, and whether they are heard.
pub(crate) async fn show_links(collector: &Arc<Collector>) {
    collector.polling.refresh().await;
    let asked = ask(collector, |collector, asker| {
        asker.exporters(|link| collector.polling.status(link)).exporters
    });
    let Ok(exporters) = asked.await else { return };
    let now = now();
    let mut wanted: BTreeMap<LinkId, LinkInfo> = exporters.iter().map(|e| (e.link, info(now, e))).collect();
    collector.links.send_if_modified(|links| {
        let before = links.clone();
        links.retain(|l| l.kind != LinkKind::Exporter || wanted.contains_key(&l.id));
        for link in links.iter_mut() {
            if let Some(new) = wanted.remove(&link.id) {
                *link = new;
            }
        }
        links.extend(std::mem::take(&mut wanted).into_values());
        links.sort_by_key(|l| l.id);
        *links != before
    });
}

fn info(now: Timestamp, exporter: &ExporterStatus) -> LinkInfo {
    let heard = |at: Option<Timestamp>| at.is_some_and(|at| now.nanos_since(at) < SILENT);
    let answers = exporter.snmp.as_ref().and_then(|s| s.last_answer);
    LinkInfo {
        id: exporter.link,
        kind: LinkKind::Exporter,
        name: exporter.name.clone(),
        label: String::new(),
        capacity_bps: None,
        up: exporter.enabled && (heard(exporter.last_seen) || heard(answers)),
    }
}
