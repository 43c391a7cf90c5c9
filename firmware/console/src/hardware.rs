//! Hardware: what is wrong and what to do, drives, readings and their courses, locating lights.

use std::sync::Arc;

use api::hardware::{
    AcknowledgeRequest, Courses, CoursesQuery, EventLog, EventLogQuery, Hardware, HardwareQuery, LocateRequest,
    Located, TestDriveRequest, TestExtent, TestStarted,
};
use axum::extract::{Extension, State};
use model::Timestamp;
use serde::Deserialize;

use crate::failure::ApiError;
use crate::routes::{App, Caller, Json};

/// How the hardware is.
pub(crate) async fn status(State(app): State<Arc<App>>) -> Result<axum::Json<Hardware>, ApiError> {
    Ok(axum::Json(app.client.call(HardwareQuery {}).await?))
}

/// Whose courses, and of when.
#[derive(Deserialize)]
pub(crate) struct CoursesForm {
    ids: Vec<String>,
    from: Timestamp,
    #[serde(default)]
    to: Option<Timestamp>,
    points: u16,
}

/// Readings over time.
pub(crate) async fn courses(
    State(app): State<Arc<App>>,
    Json(form): Json<CoursesForm>,
) -> Result<axum::Json<Courses>, ApiError> {
    let CoursesForm { ids, from, to, points } = form;
    let query = CoursesQuery { ids, from, to, points };
    Ok(axum::Json(app.client.call(query).await?))
}

/// The management controller's event log.
pub(crate) async fn events(State(app): State<Arc<App>>) -> Result<axum::Json<EventLog>, ApiError> {
    Ok(axum::Json(app.client.call(EventLogQuery {}).await?))
}

/// Which alarm somebody has seen.
#[derive(Deserialize)]
pub(crate) struct AcknowledgeForm {
    id: String,
}

/// Notes that somebody has seen an alarm.
pub(crate) async fn acknowledge(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Json(form): Json<AcknowledgeForm>,
) -> Result<axum::Json<()>, ApiError> {
    let request = AcknowledgeRequest {
        id: form.id,
        user: caller.account.user,
    };
    Ok(axum::Json(app.client.call(request).await?))
}

/// Which light.
#[derive(Deserialize)]
pub(crate) struct LocateForm {
    bay: u8,
    on: bool,
}

/// Lights a bay, or turns its light off.
pub(crate) async fn locate(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Json(form): Json<LocateForm>,
) -> Result<axum::Json<Located>, ApiError> {
    let request = LocateRequest {
        bay: form.bay,
        on: form.on,
        user: caller.account.user,
    };
    Ok(axum::Json(app.client.call(request).await?))
}

/// Which drive.
#[derive(Deserialize)]
pub(crate) struct TestForm {
    drive: String,
    extent: TestExtent,
}

/// Starts a drive's self-test.
pub(crate) async fn test(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Json(form): Json<TestForm>,
) -> Result<axum::Json<TestStarted>, ApiError> {
    let request = TestDriveRequest {
        drive: form.drive,
        extent: form.extent,
        user: caller.account.user,
    };
    Ok(axum::Json(app.client.call(request).await?))
}
