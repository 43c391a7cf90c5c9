//! Questions about flow records: asked, polled, given up, and their answers taken away as files.

use std::sync::Arc;

use api::analyzer::{
    CancelQuery, FilterAnswer, FilterRequest, InterfacesQuery, LinksQuery, PollQuery, QueryState, StartQuery,
};
use api::client::{CallError, Client};
use api::labels::Labels;
use api::sheet::{FileKind, Sheet};
use api::supervisor::SettingsQuery;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::failure::{ApiError, Kind};
use crate::live::body;
use crate::routes::{App, Json, Query};

/// Octets of a file that are sent at a time.
const PIECE: usize = 64 << 10;

/// A question's number, as text: not every reader of JSON has 64 bits for a number.
#[derive(Serialize)]
pub(crate) struct Asked {
    id: String,
}

/// Begins to answer a question.
pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    Json(query): Json<model::Query>,
) -> Result<axum::Json<Asked>, ApiError> {
    let started = app.client.call(StartQuery { query }).await?;
    Ok(axum::Json(Asked {
        id: started.id.to_string(),
    }))
}

/// How to wait for an answer.
#[derive(Deserialize)]
pub(crate) struct PollForm {
    /// Milliseconds, at most 10,000.
    #[serde(default)]
    wait: u32,
    /// 1: also what was found so far.
    #[serde(default)]
    partial: u8,
}

/// How far a question is, with its answer once that is there.
pub(crate) async fn poll(
    State(app): State<Arc<App>>,
    Path(id): Path<u64>,
    Query(form): Query<PollForm>,
) -> Result<axum::Json<QueryState>, ApiError> {
    let call = PollQuery {
        id,
        wait_ms: form.wait,
        partial: form.partial != 0,
    };
    Ok(axum::Json(app.client.call(call).await?))
}

/// Gives a question up.
pub(crate) async fn cancel(State(app): State<Arc<App>>, Path(id): Path<u64>) -> Result<StatusCode, ApiError> {
    app.client.call(CancelQuery { id }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which kind of file.
#[derive(Deserialize)]
pub(crate) struct ExportForm {
    format: FileKind,
}

/// A finished answer as a file, names resolved.
pub(crate) async fn export(
    State(app): State<Arc<App>>,
    Path(id): Path<u64>,
    Query(ExportForm { format }): Query<ExportForm>,
) -> Result<Response, ApiError> {
    let call = PollQuery {
        id,
        wait_ms: 0,
        partial: false,
    };
    let QueryState { query, answer, .. } = app.client.call(call).await?;
    let answer = answer.ok_or_else(|| {
        ApiError::new(
            Kind::Conflict,
            "the question is not answered yet: ask for the file when it is done",
        )
    })?;
    let labels = labels(&app.client).await?;
    let (sender, receiver) = mpsc::channel::<Bytes>(2);
    let work = move || {
        let mut text = String::new();
        let sheet = Sheet::new(&query, &answer, &labels);
        for line in sheet.lines(format) {
            text.push_str(&line);
            // A reader who has seen enough is no failure.
            if text.len() >= PIECE && sender.blocking_send(std::mem::take(&mut text).into()).is_err() {
                return;
            }
        }
        let _ = sender.blocking_send(text.into());
    };
    tokio::task::spawn_blocking(work);
    let (kind, name) = match format {
        FileKind::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"flows.csv\""),
        FileKind::Json => ("application/json", "attachment; filename=\"flows.json\""),
    };
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, body(receiver)).into_response())
}

/// The names that analyzer and supervisor know.
async fn labels(client: &Client) -> Result<Labels, CallError> {
    let links = client.call(LinksQuery {}).await?.into_iter();
    let settings = client.call(SettingsQuery::default()).await?.settings;
    // There may be more interfaces than are answered at a time: they are then known by their numbers.
    let interfaces = client.call(InterfacesQuery::default()).await.unwrap_or_default();
    Ok(Labels::new(
        links.map(|link| (link.info.id, link.info.name)),
        interfaces
            .into_iter()
            .map(|interface| (interface.id, interface.facts.name)),
        settings.objects,
    ))
}

/// Reads a filter: how it is understood, or what is wrong with it; what may stand at the cursor.
pub(crate) async fn filter(
    State(app): State<Arc<App>>,
    Json(request): Json<FilterRequest>,
) -> Result<axum::Json<FilterAnswer>, ApiError> {
    Ok(axum::Json(app.client.call(request).await?))
}
