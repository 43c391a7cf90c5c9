//! How the box is, its settings, and whether it is ready.

use std::sync::Arc;

use api::analyzer::AnalyzerStatus;
use api::collector::CollectorStatus;
use api::supervisor::{
    ApplyAnswer, ApplyRequest, ConfirmRequest, FactoryResetRequest, PowerAnswer, SettingsAnswer, SettingsQuery,
    SystemStatus,
};
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use settings::Settings;

use crate::failure::{ApiError, Kind};
use crate::pulse::{Health, judge, now};
use crate::routes::{App, Caller, Json};
use crate::signatures::refuse_wrong;

/// A service's word about itself, or why there is none.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Word<T> {
    Ok(T),
    Error(String),
}

impl<T, E: std::fmt::Display> From<Result<T, E>> for Word<T> {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(value) => Self::Ok(value),
            Err(error) => Self::Error(error.to_string()),
        }
    }
}

/// What the services say about themselves.
#[derive(Serialize)]
pub(crate) struct System {
    supervisor: Word<SystemStatus>,
    analyzer: Word<AnalyzerStatus>,
    collector: Word<CollectorStatus>,
    health: Health,
}

/// The box, as supervisor, analyzer and collector tell it; one that does not answer is shown as such.
pub(crate) async fn system(State(app): State<Arc<App>>) -> axum::Json<System> {
    let (supervisor, analyzer, collector) = tokio::join!(
        app.client.call(api::supervisor::StatusQuery {}),
        app.client.call(api::analyzer::StatusQuery {}),
        app.client.call(api::collector::StatusQuery {}),
    );
    let (analyzer, collector) = (
        analyzer.map_err(|e| e.to_string()),
        collector.map_err(|e| e.to_string()),
    );
    axum::Json(System {
        supervisor: supervisor.into(),
        health: judge(&analyzer, &collector, now()).health,
        analyzer: analyzer.into(),
        collector: collector.into(),
    })
}

/// The settings in force, secrets hidden.
pub(crate) async fn settings(State(app): State<Arc<App>>) -> Result<axum::Json<SettingsAnswer>, ApiError> {
    let mut answer = app.client.call(SettingsQuery::default()).await?;
    // The supervisor hides them as well.
    answer.settings = answer.settings.without_secrets();
    Ok(axum::Json(answer))
}

/// Applies new settings.
pub(crate) async fn apply(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Json(settings): Json<Settings>,
) -> Result<axum::Json<ApplyAnswer>, ApiError> {
    settings
        .check()
        .map_err(|e| ApiError::new(Kind::BadRequest, e.to_string()))?;
    refuse_wrong(&settings.signatures, &settings.objects)?;
    let user = caller.account.user;
    log::info!(user = user.as_str(); "applies settings on revision {}", settings.revision);
    Ok(axum::Json(app.client.call(ApplyRequest { settings, user }).await?))
}

/// Keeps settings that wait for confirmation.
pub(crate) async fn confirm(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<axum::Json<ApplyAnswer>, ApiError> {
    let user = caller.account.user;
    Ok(axum::Json(app.client.call(ConfirmRequest { user }).await?))
}

/// What the page's form for a factory reset sends.
#[derive(Deserialize)]
pub(crate) struct ResetForm {
    /// What was typed to confirm it.
    word: String,
}

/// Wipes all data and restarts, once the word was typed.
pub(crate) async fn factory_reset(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Json(form): Json<ResetForm>,
) -> Result<axum::Json<PowerAnswer>, ApiError> {
    let request = FactoryResetRequest {
        word: form.word,
        user: caller.account.user,
    };
    log::warn!(user = request.user.as_str(); "asks for a factory reset");
    Ok(axum::Json(app.client.call(request).await?))
}

/// 200 when supervisor and analyzer answer, else 503 and who does not; for a health gate, without signing in.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Response {
    let (supervisor, analyzer) = tokio::join!(app.setup(), app.client.call(api::analyzer::StatusQuery {}));
    match (supervisor, analyzer) {
        (Ok(_), Ok(_)) => "ready\n".into_response(),
        (Err(_), _) => (StatusCode::SERVICE_UNAVAILABLE, "the supervisor does not answer\n").into_response(),
        (_, Err(_)) => (StatusCode::SERVICE_UNAVAILABLE, "the analyzer does not answer\n").into_response(),
    }
}
