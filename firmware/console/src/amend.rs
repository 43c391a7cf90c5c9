//! Changes of the settings that name one thing: an exporter, an interface of it, credentials, the collection. The
//! page that asks need not hold the whole document; whoever changed something else meanwhile loses nothing.

use std::net::IpAddr;
use std::sync::Arc;

use api::FailureKind;
use api::client::CallError;
use api::supervisor::{ApplyAnswer, ApplyRequest, NetworkPort, SettingsQuery};
use axum::extract::{Extension, Path, State};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use settings::{Collection, Exporter, ExporterInterface, Settings, SnmpCredentials, SnmpPolling};

use crate::failure::{ApiError, Kind};
use crate::routes::{App, Caller, Json};

/// What a change came to.
#[derive(Debug, Serialize)]
pub(crate) struct Changed {
    /// The exporter's number, where it was about one.
    number: Option<u32>,
    /// As for the whole settings.
    revision: u64,
    confirm_until: Option<Timestamp>,
}

/// Reads the settings, edits them, applies them; once more where someone else was faster.
pub(crate) async fn amend(
    app: &App,
    user: String,
    what: &str,
    edit: impl Fn(&mut Settings) -> Result<Option<u32>, ApiError>,
) -> Result<axum::Json<Changed>, ApiError> {
    let mut again = true;
    loop {
        let mut settings = app.client.call(SettingsQuery::default()).await?.settings;
        let number = edit(&mut settings)?;
        settings
            .check()
            .map_err(|e| ApiError::new(Kind::BadRequest, e.to_string()))?;
        log::info!(user = user.as_str(); "{what} on revision {}", settings.revision);
        let user = user.clone();
        match app.client.call(ApplyRequest { settings, user }).await {
            Ok(ApplyAnswer {
                revision,
                confirm_until,
            }) => {
                return Ok(axum::Json(Changed {
                    number,
                    revision,
                    confirm_until,
                }));
            }
            Err(CallError::Failed(failure)) if failure.kind == FailureKind::Conflict && again => again = false,
            Err(error) => return Err(error.into()),
        }
    }
}

/// What people say of an exporter, its interfaces left out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExporterForm {
    name: String,
    addresses: Vec<IpAddr>,
    enabled: bool,
    sampling: Option<u32>,
    utc_offset_min: i16,
    snmp: Option<SnmpPolling>,
}

impl ExporterForm {
    fn exporter(&self, interfaces: std::collections::BTreeMap<u32, ExporterInterface>) -> Exporter {
        Exporter {
            name: self.name.trim().to_owned(),
            addresses: self.addresses.clone(),
            enabled: self.enabled,
            sampling: self.sampling,
            utc_offset_min: self.utc_offset_min,
            snmp: self.snmp.clone(),
            interfaces,
        }
    }
}

fn absent() -> ApiError {
    ApiError::new(Kind::NotFound, "there is no exporter of this number")
}

/// Registers an exporter. Its number is one that no exporter ever had.
pub(crate) async fn add_exporter(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Json(form): Json<ExporterForm>,
) -> Result<axum::Json<Changed>, ApiError> {
    amend(&app, caller.account.user, "registers an exporter", |settings| {
        let number = settings.next_exporter_number();
        settings.exporters.insert(number, form.exporter(Default::default()));
        Ok(Some(number))
    })
    .await
}

/// Changes an exporter.
pub(crate) async fn set_exporter(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(number): Path<u32>,
    Json(form): Json<ExporterForm>,
) -> Result<axum::Json<Changed>, ApiError> {
    amend(&app, caller.account.user, "changes an exporter", |settings| {
        let held = settings.exporters.get_mut(&number).ok_or_else(absent)?;
        *held = form.exporter(std::mem::take(&mut held.interfaces));
        Ok(Some(number))
    })
    .await
}

/// Takes an exporter out. What is stored of it stays until its time is over.
pub(crate) async fn remove_exporter(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(number): Path<u32>,
) -> Result<axum::Json<Changed>, ApiError> {
    amend(&app, caller.account.user, "removes an exporter", |settings| {
        settings.exporters.remove(&number).ok_or_else(absent)?;
        Ok(Some(number))
    })
    .await
}

/// Changes what people say of an interface; one that says nothing is taken out.
pub(crate) async fn set_interface(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path((number, index)): Path<(u32, u32)>,
    Json(interface): Json<ExporterInterface>,
) -> Result<axum::Json<Changed>, ApiError> {
    amend(&app, caller.account.user, "changes an interface", |settings| {
        let held = settings.exporters.get_mut(&number).ok_or_else(absent)?;
        if interface == ExporterInterface::default() {
            held.interfaces.remove(&index);
        } else {
            held.interfaces.insert(index, interface.clone());
        }
        Ok(Some(number))
    })
    .await
}

/// Where exporters' datagrams are received, and how agents are asked.
#[derive(Debug, Serialize)]
pub(crate) struct CollectionOut {
    collection: Collection,
    /// Credentials by name, their secrets hidden.
    snmp: std::collections::BTreeMap<String, SnmpCredentials>,
    /// How many exporters are polled by each.
    used: std::collections::BTreeMap<String, u32>,
    ports: Vec<NetworkPort>,
    unconfirmed_until: Option<Timestamp>,
}

/// The collection and the credentials.
pub(crate) async fn collection(State(app): State<Arc<App>>) -> Result<axum::Json<CollectionOut>, ApiError> {
    let answer = app.client.call(SettingsQuery::default()).await?;
    let mut used = std::collections::BTreeMap::new();
    for polling in answer.settings.exporters.values().filter_map(|e| e.snmp.as_ref()) {
        *used.entry(polling.credentials.clone()).or_insert(0) += 1;
    }
    let settings = answer.settings.without_secrets();
    Ok(axum::Json(CollectionOut {
        collection: settings.collection,
        snmp: settings.snmp,
        used,
        ports: answer.ports,
        unconfirmed_until: answer.unconfirmed_until,
    }))
}

/// Changes the collection.
pub(crate) async fn set_collection(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Json(collection): Json<Collection>,
) -> Result<axum::Json<Changed>, ApiError> {
    amend(&app, caller.account.user, "changes the collection", |settings| {
        settings.collection = collection.clone();
        Ok(None)
    })
    .await
}

/// Adds or changes credentials.
pub(crate) async fn set_credentials(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    Json(credentials): Json<SnmpCredentials>,
) -> Result<axum::Json<Changed>, ApiError> {
    amend(&app, caller.account.user, "changes SNMP credentials", |settings| {
        settings.snmp.insert(name.clone(), credentials.clone());
        Ok(None)
    })
    .await
}

/// Takes credentials out that no exporter is polled with.
pub(crate) async fn remove_credentials(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<axum::Json<Changed>, ApiError> {
    amend(&app, caller.account.user, "removes SNMP credentials", |settings| {
        let uses = |exporter: &&Exporter| exporter.snmp.as_ref().is_some_and(|s| s.credentials == name);
        if let Some(exporter) = settings.exporters.values().find(uses) {
            let why = format!("{} is polled with these credentials", exporter.name);
            return Err(ApiError::new(Kind::BadRequest, why));
        }
        match settings.snmp.remove(&name) {
            Some(_) => Ok(None),
            None => Err(ApiError::new(Kind::NotFound, "there are no credentials of this name")),
        }
    })
    .await
}
