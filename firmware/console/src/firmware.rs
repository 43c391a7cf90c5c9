//! Firmware updates: a bundle is taken as it comes, checked, installed; the supervisor decides.

use std::fs::{File, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::sync::Arc;

use api::firmware::{
    BundlePlace, CancelRequest, Confirmation, FetchRequest, FirmwareQuery, FirmwareStatus, InstallRequest,
    RebootRequest, ReceiveRequest, SticksRequest, VerifyRequest,
};
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;
use model::Timestamp;
use serde::Deserialize;

use crate::failure::{ApiError, Kind};
use crate::routes::{App, Caller, Json};

type Status = Result<axum::Json<FirmwareStatus>, ApiError>;

/// How the firmware stands.
pub(crate) async fn status(State(app): State<Arc<App>>) -> Status {
    Ok(axum::Json(app.client.call(FirmwareQuery {}).await?))
}

/// Takes a bundle and checks it.
pub(crate) async fn receive(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Status {
    let user = caller.account.user;
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let request = ReceiveRequest {
        octets: length,
        user: user.clone(),
    };
    let place = app.client.call(request).await?;
    if let Err(error) = keep(body, &place.path, place.most).await {
        // What arrived is of no use; the supervisor removes it.
        let _ = app.client.call(CancelRequest { user }).await;
        return Err(error);
    }
    Ok(axum::Json(app.client.call(VerifyRequest { user }).await?))
}

/// Writes a body to a new file, of `most` octets at most.
async fn keep(mut body: Body, path: &str, most: u64) -> Result<(), ApiError> {
    let unwritten = |e: std::io::Error| ApiError::new(Kind::Unavailable, format!("the bundle cannot be kept: {e}"));
    let mut file = create(path).map_err(unwritten)?;
    let mut kept = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| ApiError::new(Kind::BadRequest, format!("the file broke off: {e}")))?;
        let Ok(data) = frame.into_data() else { continue };
        kept += data.len() as u64;
        if kept > most {
            return Err(ApiError::new(
                Kind::BadRequest,
                format!("the file is larger than the {most} octets that there is room for"),
            ));
        }
        tokio::task::block_in_place(|| file.write_all(&data)).map_err(unwritten)?;
    }
    tokio::task::block_in_place(|| file.sync_all()).map_err(unwritten)
}

fn create(path: &str) -> std::io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(path)?;
    // Whatever the umask: the updater reads it as one of the group.
    file.set_permissions(Permissions::from_mode(0o640))?;
    Ok(file)
}

/// Has the box get a bundle from a web server or a USB stick.
pub(crate) async fn fetch(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Json(from): Json<BundlePlace>,
) -> Status {
    let user = caller.account.user;
    Ok(axum::Json(app.client.call(FetchRequest { from, user }).await?))
}

/// Has the USB sticks looked at.
pub(crate) async fn sticks(State(app): State<Arc<App>>, Extension(caller): Extension<Caller>) -> Status {
    let user = caller.account.user;
    Ok(axum::Json(app.client.call(SticksRequest { user }).await?))
}

/// What to install.
#[derive(Deserialize)]
pub(crate) struct InstallForm {
    manifest: String,
    #[serde(default)]
    confirmed: Vec<Confirmation>,
}

/// Installs the bundle that was checked.
pub(crate) async fn install(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Json(form): Json<InstallForm>,
) -> Status {
    let request = InstallRequest {
        manifest: form.manifest,
        confirmed: form.confirmed,
        user: caller.account.user,
    };
    Ok(axum::Json(app.client.call(request).await?))
}

/// Takes an update back.
pub(crate) async fn cancel(State(app): State<Arc<App>>, Extension(caller): Extension<Caller>) -> Status {
    let user = caller.account.user;
    Ok(axum::Json(app.client.call(CancelRequest { user }).await?))
}

/// When to restart.
#[derive(Deserialize)]
pub(crate) struct RestartForm {
    #[serde(default)]
    at: Option<Timestamp>,
}

/// Restarts into what was installed.
pub(crate) async fn restart(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Json(form): Json<RestartForm>,
) -> Status {
    let request = RebootRequest {
        at: form.at,
        user: caller.account.user,
    };
    Ok(axum::Json(app.client.call(request).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_bundle_is_kept_whole_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bundle").display().to_string();
        keep(Body::from("octets"), &path, 6).await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"octets");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        // What is there is not written over: the supervisor removes it first.
        assert_eq!(
            keep(Body::from("x"), &path, 6).await.unwrap_err().kind,
            Kind::Unavailable
        );
        let other = folder.path().join("other").display().to_string();
        assert_eq!(
            keep(Body::from("octets"), &other, 5).await.unwrap_err().kind,
            Kind::BadRequest
        );
    }
}
