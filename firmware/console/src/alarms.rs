//! The alarm list: what is open, what was, and that somebody has seen it.

use std::sync::Arc;

use api::alarms::{AcknowledgeAlarm, AlarmCounts, Alarms, AlarmsQuery};
use axum::extract::{Extension, Path, State};
use model::{AlarmSeverity, AlarmSource, Timestamp};
use serde::Deserialize;

use crate::failure::{ApiError, Kind};
use crate::routes::{App, Caller, Query};

/// Alarms of a page where nothing is said of it.
const PAGE: u32 = 100;

/// Which alarms: `GET /api/v1/alarms?open=true&history=true&from=SECONDS&to=SECONDS&source=S&severity=S&text=T&limit=N
/// &before=ID`, all of it optional. Times are whole seconds since 1970; in the answer they are nanoseconds.
#[derive(Deserialize)]
pub(crate) struct AlarmsForm {
    #[serde(default)]
    open: bool,
    #[serde(default)]
    history: bool,
    from: Option<u64>,
    to: Option<u64>,
    source: Option<AlarmSource>,
    severity: Option<AlarmSeverity>,
    #[serde(default)]
    text: String,
    limit: Option<u32>,
    before: Option<u64>,
}

/// Alarms that a query asks for.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Query(form): Query<AlarmsForm>,
) -> Result<axum::Json<Alarms>, ApiError> {
    let query = AlarmsQuery {
        open: form.open,
        history: form.history,
        from: form.from.map(Timestamp::from_secs),
        to: form.to.map(Timestamp::from_secs),
        source: form.source,
        severity: form.severity,
        text: form.text,
        limit: form.limit.unwrap_or(PAGE),
        before: form.before,
    };
    Ok(axum::Json(app.client.call(query).await?))
}

/// How many are open: `GET /api/v1/alarms/count`.
pub(crate) async fn count(State(app): State<Arc<App>>) -> Result<axum::Json<AlarmCounts>, ApiError> {
    Ok(axum::Json(app.client.call(AlarmsQuery::default()).await?.counts))
}

/// Notes that somebody has seen one: `POST /api/v1/alarms/{id}/acknowledge`.
pub(crate) async fn acknowledge(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<axum::Json<()>, ApiError> {
    let request = AcknowledgeAlarm {
        id: id
            .parse()
            .map_err(|_| ApiError::new(Kind::BadRequest, "an alarm's number is a whole number"))?,
        user: caller.account.user,
    };
    Ok(axum::Json(app.client.call(request).await?))
}
