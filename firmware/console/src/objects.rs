//! What an administrator names: applications, businesses and groups, each added, changed and removed alone.

use std::sync::Arc;

use api::supervisor::SettingsQuery;
use axum::extract::{Extension, Path, State};
use model::{Application, Business, InterfaceGroup, IpGroup, LinkGroup, ObjectKind, Objects};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::amend::{Changed, amend};
use crate::failure::{ApiError, Kind};
use crate::routes::{App, Caller, Json};

/// All objects.
pub(crate) async fn list(State(app): State<Arc<App>>) -> Result<axum::Json<Objects>, ApiError> {
    let settings = app.client.call(SettingsQuery::default()).await?.settings;
    Ok(axum::Json(settings.objects))
}

/// Adds an object. Its number is one that no object of any kind ever had.
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(kind): Path<String>,
    Json(form): Json<Value>,
) -> Result<axum::Json<Changed>, ApiError> {
    let kind = kind_of(&kind)?;
    let object = Object::read(kind, form)?;
    amend(&app, caller.account.user, &saying("adds", kind), |settings| {
        let number = settings.next_object_number();
        object.clone().put(&mut settings.objects, number);
        Ok(Some(number))
    })
    .await
}

/// Changes an object: what is asked about then has the new meaning, records of before included.
pub(crate) async fn set(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path((kind, number)): Path<(String, u32)>,
    Json(form): Json<Value>,
) -> Result<axum::Json<Changed>, ApiError> {
    let kind = kind_of(&kind)?;
    let object = Object::read(kind, form)?;
    amend(&app, caller.account.user, &saying("changes", kind), |settings| {
        if !settings.objects.remove(kind, number) {
            return Err(absent(kind));
        }
        object.clone().put(&mut settings.objects, number);
        Ok(Some(number))
    })
    .await
}

/// Takes an object out.
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path((kind, number)): Path<(String, u32)>,
) -> Result<axum::Json<Changed>, ApiError> {
    let kind = kind_of(&kind)?;
    amend(
        &app,
        caller.account.user,
        &saying("removes", kind),
        |settings| match settings.objects.remove(kind, number) {
            true => Ok(Some(number)),
            false => Err(absent(kind)),
        },
    )
    .await
}

fn kind_of(name: &str) -> Result<ObjectKind, ApiError> {
    let found = ObjectKind::ALL.into_iter().find(|kind| kind.field() == name);
    found.ok_or_else(|| {
        let kinds = ObjectKind::ALL.map(ObjectKind::field).join(", ");
        ApiError::new(
            Kind::NotFound,
            format!("there are no objects {name:?}: the kinds are {kinds}"),
        )
    })
}

fn saying(verb: &str, kind: ObjectKind) -> String {
    format!("{verb} an object: {}", kind.one())
}

fn absent(kind: ObjectKind) -> ApiError {
    ApiError::new(Kind::NotFound, format!("there is no {} of this number", kind.one()))
}

/// An object of any kind.
#[derive(Clone)]
enum Object {
    Application(Application),
    Business(Business),
    IpGroup(IpGroup),
    InterfaceGroup(InterfaceGroup),
    LinkGroup(LinkGroup),
}

impl Object {
    fn read(kind: ObjectKind, form: Value) -> Result<Self, ApiError> {
        fn of<T: DeserializeOwned>(form: Value) -> Result<T, ApiError> {
            serde_json::from_value(form).map_err(|e| ApiError::new(Kind::BadRequest, e.to_string()))
        }
        let mut object = match kind {
            ObjectKind::Applications => Self::Application(of(form)?),
            ObjectKind::Businesses => Self::Business(of(form)?),
            ObjectKind::IpGroups => Self::IpGroup(of(form)?),
            ObjectKind::InterfaceGroups => Self::InterfaceGroup(of(form)?),
            ObjectKind::LinkGroups => Self::LinkGroup(of(form)?),
        };
        // What people type may have blanks around it; names have none.
        let name = match &mut object {
            Self::Application(one) => &mut one.name,
            Self::Business(one) => &mut one.name,
            Self::IpGroup(one) => &mut one.name,
            Self::InterfaceGroup(one) => &mut one.name,
            Self::LinkGroup(one) => &mut one.name,
        };
        *name = name.trim().to_owned();
        Ok(object)
    }

    fn put(self, objects: &mut Objects, number: u32) {
        match self {
            Self::Application(one) => _ = objects.applications.insert(number, one),
            Self::Business(one) => _ = objects.businesses.insert(number, one),
            Self::IpGroup(one) => _ = objects.ip_groups.insert(number, one),
            Self::InterfaceGroup(one) => _ = objects.interface_groups.insert(number, one),
            Self::LinkGroup(one) => _ = objects.link_groups.insert(number, one),
        }
    }
}
