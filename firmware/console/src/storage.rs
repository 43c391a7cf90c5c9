//! What is kept: how much, for how long, what was removed; the database of countries.

use std::sync::Arc;

use api::analyzer::{Countries, ImportCountries, Storage, StorageQuery};
use axum::body::Body;
use axum::extract::{Extension, State};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use serde::Deserialize;
use settings::Retention;

use crate::amend::{Changed, amend};
use crate::failure::{ApiError, Kind};
use crate::routes::{App, Caller, Json, Query};

/// Octets of a database of countries at most.
pub(crate) const COUNTRIES_MAX: usize = 64 << 20;
/// Octets of it that go to the analyzer at a time.
const PART: usize = 8 << 20;
/// Characters of its name that are kept.
const NAME_MAX: usize = 100;

/// What is kept, and what takes how much room.
pub(crate) async fn storage(State(app): State<Arc<App>>) -> Result<axum::Json<Storage>, ApiError> {
    Ok(axum::Json(app.client.call(StorageQuery {}).await?))
}

/// Changes how much is kept of what.
pub(crate) async fn set_retention(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Json(retention): Json<Retention>,
) -> Result<axum::Json<Changed>, ApiError> {
    amend(&app, caller.account.user, "changes what is kept", |settings| {
        settings.retention = retention.clone();
        Ok(None)
    })
    .await
}

/// What a database of countries is called.
#[derive(Deserialize)]
pub(crate) struct CountriesForm {
    #[serde(default)]
    name: String,
}

/// Takes a database of countries, part by part as it comes.
pub(crate) async fn import_countries(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Query(CountriesForm { name }): Query<CountriesForm>,
    mut body: Body,
) -> Result<axum::Json<Countries>, ApiError> {
    let name: String = name.chars().filter(|c| !c.is_control()).take(NAME_MAX).collect();
    log::info!(user = caller.account.user.as_str(); "imports the database of countries {name:?}");
    let (mut part, mut sent) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| ApiError::new(Kind::BadRequest, format!("the file broke off: {e}")))?;
        let Ok(data) = frame.into_data() else { continue };
        part.extend_from_slice(&data);
        if sent + part.len() > COUNTRIES_MAX {
            let why = format!("the file is larger than {} MiB", COUNTRIES_MAX >> 20);
            return Err(ApiError::new(Kind::BadRequest, why));
        }
        while part.len() > PART {
            let rest = part.split_off(PART);
            send(&app, &name, &part, sent, false).await?;
            sent += part.len();
            part = rest;
        }
    }
    if sent + part.len() == 0 {
        return Err(ApiError::new(Kind::BadRequest, "the file is empty"));
    }
    Ok(axum::Json(send(&app, &name, &part, sent, true).await?))
}

async fn send(app: &App, name: &str, part: &[u8], offset: usize, last: bool) -> Result<Countries, ApiError> {
    let call = ImportCountries {
        name: name.to_owned(),
        part: STANDARD.encode(part),
        offset: offset as u64,
        last,
    };
    Ok(app.client.call(call).await?)
}

/// Takes the database of countries away.
pub(crate) async fn remove_countries(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<axum::Json<Countries>, ApiError> {
    log::info!(user = caller.account.user.as_str(); "removes the database of countries");
    Ok(axum::Json(send(&app, "", &[], 0, true).await?))
}
