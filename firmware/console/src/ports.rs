//! Capture ports side by side: what each carries now or carried over a span, and how its capture is.

use std::sync::Arc;

use api::analyzer::{LinkNow, LinksQuery, SeriesQuery};
use api::client::Client;
use api::collector::PortStatus;
use api::ingest::LinkKind;
use axum::extract::State;
use model::{LinkCounters, Scope, Timestamp};
use serde::{Deserialize, Serialize};

use crate::failure::{ApiError, Kind};
use crate::pulse::now;
use crate::routes::{App, Query};
use crate::traffic::PointOut;

/// Points of each port's series, at most.
const POINTS: u64 = 240;
const RANGE_MAX: u64 = 366 * 86_400;
/// The analyzer answers points of whole minutes from stored minutes: finer ones are of the last hours alone.
const STEPS: [u64; 11] = [1, 2, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400];

/// Seconds before the newest one that come with it.
const LIVE_S: u64 = 120;

/// Which time; without a start, the newest second, and the points of the last [`LIVE_S`].
#[derive(Debug, Deserialize)]
pub(crate) struct PortsForm {
    from: Option<u64>,
    to: Option<u64>,
}

/// A capture port.
#[derive(Serialize)]
pub(crate) struct PortOut {
    id: u32,
    name: String,
    label: String,
    capacity_bps: Option<u64>,
    up: bool,
    /// When the newest second began; `null` in a span, and where none came lately.
    at: Option<u64>,
    /// Seconds that the counters are of: less than the span where there are gaps.
    seconds: u64,
    /// Sums over those seconds; `null`: nothing is known.
    counters: Option<LinkCounters>,
    /// Over the span, or of the last seconds.
    points: Vec<PointOut>,
    /// How its capture is since the collector's start; `null` where the collector does not know it, or does not answer.
    status: Option<PortStatus>,
}

/// The capture ports.
#[derive(Serialize)]
pub(crate) struct PortsOut {
    from: Option<u64>,
    to: Option<u64>,
    /// Seconds a point of the series.
    step: u64,
    ports: Vec<PortOut>,
    /// When the collector started; `null` where it does not answer.
    started: Option<Timestamp>,
}

/// The capture ports, with what they carry now or carried over a span.
pub(crate) async fn ports(
    State(app): State<Arc<App>>,
    Query(form): Query<PortsForm>,
) -> Result<axum::Json<PortsOut>, ApiError> {
    let client = &app.client;
    let links = client.call(LinksQuery {}).await?.into_iter();
    let links = links.filter(|link| link.info.kind == LinkKind::Port && !link.removed);
    let collector = client.call(api::collector::StatusQuery {}).await.ok();
    let span = span(&form, now().as_secs())?;
    let mut ports = Vec::new();
    for link in links {
        let status = collector
            .as_ref()
            .and_then(|c| c.ports.iter().find(|port| port.info.id == link.info.id).cloned());
        ports.push(match span {
            None => newest(client, link, status).await?,
            Some(span) => over(client, link, status, span).await?,
        });
    }
    Ok(axum::Json(PortsOut {
        from: span.map(|span| span.from),
        to: span.map(|span| span.to),
        step: span.map_or(1, |span| span.step),
        ports,
        started: collector.map(|c| c.started),
    }))
}

/// A span in whole steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    from: u64,
    to: u64,
    step: u64,
}

fn span(form: &PortsForm, now: u64) -> Result<Option<Span>, ApiError> {
    let Some(from) = form.from else { return Ok(None) };
    let to = form.to.unwrap_or(now);
    if to <= from || to - from > RANGE_MAX {
        let why = format!("the span must end after its start and be at most {RANGE_MAX} s long");
        return Err(ApiError::new(Kind::BadRequest, why));
    }
    let least = (to - from).div_ceil(POINTS);
    let step = STEPS.into_iter().find(|step| *step >= least);
    let step = step.unwrap_or_else(|| least.next_multiple_of(86_400));
    Ok(Some(Span { from, to, step }))
}

fn port(link: LinkNow, status: Option<PortStatus>) -> PortOut {
    PortOut {
        id: link.info.id.0,
        name: link.info.name,
        label: link.info.label,
        capacity_bps: link.info.capacity_bps,
        up: link.info.up,
        at: link.at.map(Timestamp::as_secs),
        seconds: link.seconds.into(),
        counters: link.second,
        points: Vec::new(),
        status,
    }
}

async fn newest(client: &Client, link: LinkNow, status: Option<PortStatus>) -> Result<PortOut, ApiError> {
    let query = SeriesQuery {
        scope: Scope::Link(link.info.id),
        from: Timestamp::from_secs(now().as_secs().saturating_sub(LIVE_S)),
        to: None,
        step_s: 1,
    };
    let points = client.call(query).await?.points;
    Ok(PortOut {
        points: points.into_iter().map(PointOut::from).collect(),
        ..port(link, status)
    })
}

async fn over(client: &Client, link: LinkNow, status: Option<PortStatus>, span: Span) -> Result<PortOut, ApiError> {
    let query = SeriesQuery {
        scope: Scope::Link(link.info.id),
        from: Timestamp::from_secs(span.from),
        to: Some(Timestamp::from_secs(span.to)),
        step_s: u32::try_from(span.step).unwrap_or(u32::MAX),
    };
    let series = client.call(query).await?;
    let mut sum = LinkCounters::default();
    let mut seconds = 0;
    for point in &series.points {
        sum += &point.counters;
        seconds += u64::from(point.seconds);
    }
    Ok(PortOut {
        at: None,
        seconds,
        counters: (seconds > 0).then_some(sum),
        points: series.points.into_iter().map(PointOut::from).collect(),
        ..port(link, status)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_few_points_and_an_end_after_the_start() {
        let asked = |from, to| span(&PortsForm { from, to }, 10_000);
        assert_eq!(asked(None, None).ok(), Some(None));
        let hour = asked(Some(6_400), None).ok().flatten();
        assert_eq!(
            hour,
            Some(Span {
                from: 6_400,
                to: 10_000,
                step: 30
            })
        );
        assert_eq!(
            asked(Some(0), Some(31 * 86_400)).ok().flatten().map(|s| s.step),
            Some(21_600)
        );
        assert_eq!(
            asked(Some(0), Some(366 * 86_400)).ok().flatten().map(|s| s.step),
            Some(172_800)
        );
        assert!(asked(Some(10), Some(10)).is_err() && asked(Some(0), Some(400 * 86_400)).is_err());
    }
}
