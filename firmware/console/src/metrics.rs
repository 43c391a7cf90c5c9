//! The box's metrics for Prometheus: who may read them, and what the programs say of themselves.

mod capture;
mod exporters;
mod exposition;
mod families;
mod hardware;
mod store;
mod system;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use api::alarms::{Alarms, AlarmsQuery};
use api::analyzer::{AnalyzerStatus, Storage, StorageQuery};
use api::client::Client;
use api::collector::{CollectorStatus, Exporters, ExportersQuery};
use api::firmware::{FirmwareQuery, FirmwareStatus};
use api::hardware::{Hardware, HardwareQuery};
use api::metrics::{ChangeMetricsRequest, MetricsAccess, MetricsQuery, MetricsToken, ProveMetricsRequest};
use api::supervisor::SystemStatus;
use api::{Call, analyzer, collector, supervisor};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use model::Timestamp;
use tokio::time::{Instant, timeout_at};

use crate::account::refusal;
use crate::failure::{ApiError, Kind};
use crate::routes::{App, Caller, Source};

use exposition::Exposition;

/// How long all of a scrape may take. Prometheus itself waits for 10 s, where nothing else is said.
const SCRAPE_WITHIN: Duration = Duration::from_secs(5);

/// Whether metrics are answered, and who read them: `GET /api/v1/metrics`.
pub(crate) async fn access(State(app): State<Arc<App>>) -> Result<axum::Json<MetricsAccess>, ApiError> {
    Ok(axum::Json(app.client.call(MetricsQuery {}).await?))
}

/// A new token, told this once: `POST /api/v1/metrics/token`.
pub(crate) async fn new_token(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<axum::Json<MetricsToken>, ApiError> {
    change(&app, caller, true).await
}

/// Takes the token away: `DELETE /api/v1/metrics/token`.
pub(crate) async fn switch_off(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<axum::Json<MetricsToken>, ApiError> {
    change(&app, caller, false).await
}

async fn change(app: &App, caller: Caller, on: bool) -> Result<axum::Json<MetricsToken>, ApiError> {
    let user = caller.account.user;
    Ok(axum::Json(app.client.call(ChangeMetricsRequest { on, user }).await?))
}

/// The metrics: `GET /metrics` with the token as bearer (RFC 6750); 404 while there is none.
pub(crate) async fn scrape(
    State(app): State<Arc<App>>,
    Extension(Source(source)): Extension<Source>,
    headers: HeaderMap,
) -> Response {
    let deadline = Instant::now() + SCRAPE_WITHIN;
    let request = ProveMetricsRequest {
        token: bearer(&headers).map(str::to_owned),
        source,
    };
    let late = || ApiError::new(Kind::Unavailable, "the supervisor does not answer in time");
    let proved = timeout_at(deadline, app.client.call(request)).await;
    match proved.map_err(|_| late()).and_then(|said| said.map_err(refusal)) {
        Ok(_) => {}
        Err(error) => return refused(error),
    }
    let Ok(place) = app.scrapes.clone().try_acquire_owned() else {
        return ApiError::new(Kind::TooMany, "too many readers at a time").into_response();
    };
    let snapshot = Snapshot::take(&app.client, deadline).await;
    // Ten thousand exporters take their time, which is not the other requests'. Who went away keeps the place till then.
    let writing = tokio::task::spawn_blocking(move || {
        let text = snapshot.text();
        drop(place);
        text
    });
    match writing.await {
        Ok(text) => ([(header::CONTENT_TYPE, exposition::CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            log::error!("the metrics could not be written: {error}");
            ApiError::new(Kind::Unavailable, "the metrics could not be written").into_response()
        }
    }
}

/// Whoever has no right token is told how to give one (RFC 6750, section 3).
fn refused(mut error: ApiError) -> Response {
    let wrong = error.kind == Kind::Denied;
    if wrong {
        error.kind = Kind::Unauthenticated;
    }
    let mut response = error.into_response();
    if wrong {
        let challenge = HeaderValue::from_static("Bearer realm=\"metrics\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// The bearer token of a request.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// What the programs said; `None`: nothing in time.
#[derive(Debug, Clone, Default)]
struct Snapshot {
    system: Option<SystemStatus>,
    firmware: Option<FirmwareStatus>,
    collector: Option<CollectorStatus>,
    exporters: Option<Exporters>,
    analyzer: Option<AnalyzerStatus>,
    storage: Option<Storage>,
    alarms: Option<Alarms>,
    hardware: Option<Hardware>,
}

impl Snapshot {
    /// Asks all of them at once, until `deadline`.
    async fn take(client: &Client, deadline: Instant) -> Self {
        let alarms = AlarmsQuery {
            open: true,
            ..AlarmsQuery::default()
        };
        let (system, firmware, collector, exporters, analyzer, storage, alarms, hardware) = tokio::join!(
            ask(client, deadline, supervisor::StatusQuery {}),
            ask(client, deadline, FirmwareQuery {}),
            ask(client, deadline, collector::StatusQuery {}),
            ask(client, deadline, ExportersQuery {}),
            ask(client, deadline, analyzer::StatusQuery {}),
            ask(client, deadline, StorageQuery {}),
            ask(client, deadline, alarms),
            ask(client, deadline, HardwareQuery {}),
        );
        Self {
            system,
            firmware,
            collector,
            exporters,
            analyzer,
            storage,
            alarms,
            hardware,
        }
    }

    /// All of it in Prometheus' text format.
    fn text(&self) -> String {
        let mut out = Exposition::default();
        // Who answers one question and not the other lacks families, and that must not look well.
        let analyzer = self.analyzer.is_some() && self.storage.is_some() && self.alarms.is_some();
        let up = [
            ("supervisor", self.system.is_some() && self.firmware.is_some()),
            ("collector", self.collector.is_some() && self.exporters.is_some()),
            ("analyzer", analyzer),
            ("hwmon", self.hardware.is_some()),
        ];
        out.family(
            &families::SERVICE_UP,
            up.map(|(name, up)| ([name.to_owned()], flag(up))),
        );
        if let Some(status) = &self.system {
            system::status(&mut out, status);
        }
        if let Some(status) = &self.firmware {
            system::firmware(&mut out, status);
        }
        if let Some(alarms) = &self.alarms {
            store::alarms(&mut out, alarms);
        }
        if let Some(status) = &self.collector {
            capture::status(&mut out, status);
        }
        if let Some(exporters) = &self.exporters {
            exporters::all(&mut out, exporters);
        }
        if let Some(status) = &self.analyzer {
            store::status(&mut out, status);
        }
        if let Some(storage) = &self.storage {
            store::storage(&mut out, storage);
        }
        if let Some(hardware) = &self.hardware {
            hardware::all(&mut out, hardware);
        }
        let left_out = u32::try_from(out.left_out()).unwrap_or(u32::MAX);
        out.one(&families::LEFT_OUT, Some(f64::from(left_out)));
        out.finish()
    }
}

/// An answer that comes in time.
async fn ask<C: Call>(client: &Client, deadline: Instant, call: C) -> Option<C::Answer> {
    timeout_at(deadline, client.call(call)).await.ok()?.ok()
}

/// A count.
#[allow(clippy::cast_precision_loss, reason = "a count beyond 2^53 is as good rounded")]
const fn number(count: u64) -> f64 {
    count as f64
}

/// 1 or 0.
const fn flag(yes: bool) -> f64 {
    if yes { 1.0 } else { 0.0 }
}

/// Seconds since 1970.
fn seconds(at: Timestamp) -> f64 {
    number(at.as_nanos()) / 1e9
}

/// Bits a second, in octets.
fn octets_per_s(bits_per_s: u64) -> f64 {
    number(bits_per_s) / 8.0
}

/// 1 for the state that holds, 0 for each other one.
fn states<T: PartialEq, const N: usize>(
    all: [(T, &'static str); N],
    now: T,
) -> impl Iterator<Item = (&'static str, f64)> {
    all.into_iter().map(move |(state, name)| (name, flag(state == now)))
}
