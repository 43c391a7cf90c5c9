//! What is where, and what all of it shares.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use api::client::Client;
use api::supervisor::{Account, SetupQuery, SetupState};
use axum::Router;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Request, State};
use axum::http::header;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use rustls::crypto::CryptoProvider;
use tokio::sync::{Semaphore, watch};

use crate::failure::{ApiError, Kind};
use crate::pulse::Pulse;
use crate::session::{SessionKey, Sessions, Token};
use crate::{
    account, alarms, amend, assets, exporters, firmware, guard, hardware, live, logs, metrics, names, objects, ports,
    queries, signatures, storage, system, traffic,
};

/// The longest body of a request in octets.
const BODY_MAX: usize = 64 << 10;
/// The settings may be as long as a message between the programs: they hold 10,000 exporters.
const SETTINGS_MAX: usize = api::frame::FRAME_MAX;
/// Live streams at a time.
const STREAMS_MAX: usize = 64;
/// Readings of the metrics at a time.
const SCRAPES_MAX: usize = 4;

/// What the routes share.
pub(crate) struct App {
    /// Asks supervisor, analyzer and collector.
    pub(crate) client: Client,
    /// Hears when an interval closes.
    pub(crate) pulse: Pulse,
    /// Places for live streams.
    pub(crate) streams: Arc<Semaphore>,
    /// Places for readings of the metrics.
    pub(crate) scrapes: Arc<Semaphore>,
    /// Turns true when the console stops.
    pub(crate) stopping: watch::Receiver<bool>,
    sessions: Mutex<Sessions>,
    provider: Arc<CryptoProvider>,
    started: Instant,
    setup_done: AtomicBool,
}

impl App {
    /// Shared state around a client; `stopping` turns true when the console stops.
    pub(crate) fn new(client: Client, provider: Arc<CryptoProvider>, stopping: watch::Receiver<bool>) -> Arc<Self> {
        Arc::new(Self {
            pulse: Pulse::start(client.clone()),
            client,
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            scrapes: Arc::new(Semaphore::new(SCRAPES_MAX)),
            stopping,
            sessions: Mutex::default(),
            provider,
            started: Instant::now(),
            setup_done: AtomicBool::new(false),
        })
    }

    /// Works on the sessions; the second argument is their clock.
    pub(crate) fn sessions<T>(&self, work: impl FnOnce(&mut Sessions, u64) -> T) -> T {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut sessions, self.started.elapsed().as_secs())
    }

    /// A new random token.
    pub(crate) fn token(&self) -> Result<Token, ApiError> {
        let mut random = [0; 32];
        self.provider
            .secure_random
            .fill(&mut random)
            .map_err(|_| ApiError::new(Kind::Unavailable, "the system gives no random numbers"))?;
        Ok(Token::new(random))
    }

    /// Whether the first set-up is done. Done stays done; until then the supervisor is asked each time.
    pub(crate) async fn setup(&self) -> Result<SetupState, ApiError> {
        let state = self.client.call(SetupQuery {}).await?;
        if state.done {
            self.setup_done.store(true, Ordering::Relaxed);
        }
        Ok(state)
    }

    async fn is_set_up(&self) -> Result<bool, ApiError> {
        Ok(self.setup_done.load(Ordering::Relaxed) || self.setup().await?.done)
    }
}

/// The address that a request came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source(pub(crate) IpAddr);

/// Who is signed in, and in which session.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The account.
    pub(crate) account: Account,
    /// The session.
    pub(crate) session: SessionKey,
}

/// A JSON body, or an error in our own form.
pub(crate) struct Json<T>(pub(crate) T);

impl<S: Send + Sync, T: serde::de::DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let body: Result<axum::Json<T>, JsonRejection> = axum::Json::from_request(request, state).await;
        body.map(|axum::Json(value)| Self(value))
            .map_err(|e| ApiError::new(Kind::BadRequest, e.body_text()))
    }
}

/// A query string, or an error in our own form.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: serde::de::DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<Self, ApiError> {
        let query: Result<axum::extract::Query<T>, QueryRejection> =
            axum::extract::Query::from_request_parts(parts, state).await;
        query
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|e| ApiError::new(Kind::BadRequest, e.body_text()))
    }
}

/// All of the console on HTTPS.
pub(crate) fn router(app: Arc<App>) -> Router {
    let inside = Router::new()
        .route("/overview", get(traffic::overview))
        .route("/series", get(traffic::series))
        .route("/top", get(traffic::top))
        .route("/tables", get(traffic::top_tables))
        .route("/links", get(traffic::links))
        .route("/ports", get(ports::ports))
        .route("/names", get(names::names))
        .route("/live", get(live::live))
        .route("/system", get(system::system))
        .route("/system/factory-reset", post(system::factory_reset))
        .route(
            "/settings",
            get(system::settings)
                .put(system::apply)
                .layer(DefaultBodyLimit::max(SETTINGS_MAX)),
        )
        .route(
            "/signatures",
            post(signatures::check).layer(DefaultBodyLimit::max(2 * BODY_MAX)),
        )
        .route("/settings/confirm", post(system::confirm))
        .route("/exporters", get(exporters::list).post(amend::add_exporter))
        .route(
            "/exporters/{number}",
            get(exporters::one)
                .put(amend::set_exporter)
                .delete(amend::remove_exporter),
        )
        .route("/exporters/{number}/probe", post(exporters::probe))
        .route("/exporters/{number}/interfaces", get(exporters::interfaces))
        .route(
            "/exporters/{number}/interfaces/{index}",
            get(exporters::interface_series).put(amend::set_interface),
        )
        .route(
            "/exporters/{number}/interfaces/{index}/top",
            get(exporters::interface_top),
        )
        .route("/exporters/{number}/device", get(exporters::device))
        .route("/exporters/{number}/tables/{kind}", get(exporters::table))
        .route("/exporters/{number}/gauges", get(exporters::gauges))
        .route("/collection", get(amend::collection).put(amend::set_collection))
        .route(
            "/snmp/{name}",
            put(amend::set_credentials).delete(amend::remove_credentials),
        )
        .route("/logs", get(logs::logs))
        .route("/logs/file", get(logs::file))
        .route("/queries", post(queries::ask))
        .route("/queries/{id}", get(queries::poll).delete(queries::cancel))
        .route("/queries/{id}/export", get(queries::export))
        .route("/filter", post(queries::filter))
        .route("/storage", get(storage::storage))
        .route("/objects", get(objects::list))
        .route(
            "/objects/{kind}",
            post(objects::add).layer(DefaultBodyLimit::max(SETTINGS_MAX)),
        )
        .route(
            "/objects/{kind}/{number}",
            put(objects::set)
                .delete(objects::remove)
                .layer(DefaultBodyLimit::max(SETTINGS_MAX)),
        )
        .route("/retention", put(storage::set_retention))
        .route(
            "/countries",
            post(storage::import_countries)
                .delete(storage::remove_countries)
                .layer(DefaultBodyLimit::disable()),
        )
        .route("/alarms", get(alarms::list))
        .route("/alarms/count", get(alarms::count))
        .route("/alarms/{id}/acknowledge", post(alarms::acknowledge))
        .route("/hardware", get(hardware::status))
        .route("/hardware/courses", post(hardware::courses))
        .route("/hardware/events", get(hardware::events))
        .route("/hardware/acknowledge", post(hardware::acknowledge))
        .route("/hardware/locate", post(hardware::locate))
        .route("/hardware/test", post(hardware::test))
        .route("/firmware", get(firmware::status).delete(firmware::cancel))
        .route(
            "/firmware/bundle",
            post(firmware::receive).layer(DefaultBodyLimit::disable()),
        )
        .route("/firmware/fetch", post(firmware::fetch))
        .route("/firmware/sticks", post(firmware::sticks))
        .route("/firmware/install", post(firmware::install))
        .route("/firmware/restart", post(firmware::restart))
        .route("/metrics", get(metrics::access))
        .route("/metrics/token", post(metrics::new_token).delete(metrics::switch_off))
        .route("/password", post(account::change_password))
        .layer(middleware::from_fn_with_state(app.clone(), signed_in));
    let after_setup = Router::new()
        .merge(inside)
        .route("/session", post(account::sign_in).delete(account::sign_out))
        .layer(middleware::from_fn_with_state(app.clone(), set_up));
    let api = Router::new()
        .route("/setup", post(account::setup))
        .route("/session", get(account::session))
        .merge(after_setup)
        .fallback(|| async { ApiError::new(Kind::NotFound, "there is no such request") })
        .layer(middleware::from_fn(guard::same_origin));
    Router::new()
        .nest("/api/v1", api)
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(system::ready))
        .route("/metrics", get(metrics::scrape))
        .fallback(get(assets::serve))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(middleware::from_fn(guard::shield))
        .with_state(app)
}

/// Until the first set-up is done, nothing but the wizard's requests is answered.
async fn set_up(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match app.is_set_up().await {
        Ok(true) => next.run(request).await,
        Ok(false) => ApiError::new(
            Kind::SetupRequired,
            "the first set-up is not done: open the console's wizard",
        )
        .into_response(),
        Err(error) => error.into_response(),
    }
}

/// Lets those pass who are signed in. Requests that a page sends by itself carry `Spanwatch-Background` and do not
/// keep a session alive.
async fn signed_in(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let touch = !request.headers().contains_key("spanwatch-background") && !request.uri().path().ends_with("/live");
    match caller(&app, &request, touch) {
        Some(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        None => ApiError::new(Kind::Unauthenticated, "sign in first; the session may have ended").into_response(),
    }
}

/// Who sent a request, if anybody is signed in.
pub(crate) fn caller(app: &App, request: &Request, touch: bool) -> Option<Caller> {
    let cookies = request.headers().get_all(header::COOKIE);
    let token = cookies
        .iter()
        .find_map(|value| Token::from_cookies(value.to_str().ok()?))?;
    let session = token.key();
    let account = app.sessions(|sessions, now| sessions.find(session, touch, now))?;
    Some(Caller { account, session })
}

#[cfg(test)]
mod tests;
