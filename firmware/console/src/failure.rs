//! What the console answers when it cannot do what was asked.

use api::FailureKind;
use api::client::CallError;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// The kinds of error, as `error.kind` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// The request itself is wrong.
    BadRequest,
    /// Nobody is signed in, or no longer.
    Unauthenticated,
    /// The password or setup code is wrong, or the account may not do that.
    Denied,
    /// Too many wrong attempts.
    LockedOut,
    /// The first set-up is not done.
    SetupRequired,
    /// Another site's page sent the request.
    CrossOrigin,
    /// The state changed meanwhile.
    Conflict,
    /// There is no such thing.
    NotFound,
    /// Too many streams at a time.
    TooMany,
    /// The request took too long.
    TimedOut,
    /// A service does not answer.
    Unavailable,
}

/// An error with its words (English; the pages have their own for each kind).
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ApiError {
    /// The kind, for programs.
    pub(crate) kind: Kind,
    /// What went wrong and what to do.
    pub(crate) message: String,
    /// Seconds to wait before another attempt can succeed, where they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after_s: Option<u64>,
}

impl ApiError {
    /// An error of a kind with its words.
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            retry_after_s: None,
        }
    }

    fn status(&self) -> StatusCode {
        match self.kind {
            Kind::BadRequest => StatusCode::BAD_REQUEST,
            Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
            Kind::Denied | Kind::SetupRequired | Kind::CrossOrigin => StatusCode::FORBIDDEN,
            Kind::LockedOut => StatusCode::TOO_MANY_REQUESTS,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::TimedOut => StatusCode::REQUEST_TIMEOUT,
            Kind::TooMany | Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl From<CallError> for ApiError {
    fn from(error: CallError) -> Self {
        let kind = match error.kind() {
            FailureKind::BadRequest => Kind::BadRequest,
            FailureKind::Denied => Kind::Denied,
            FailureKind::LockedOut => Kind::LockedOut,
            FailureKind::Conflict => Kind::Conflict,
            FailureKind::NotFound => Kind::NotFound,
            FailureKind::Unavailable => Kind::Unavailable,
        };
        Self::new(kind, error.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, wait) = (self.status(), self.retry_after_s);
        let mut response = (status, Json(serde_json::json!({ "error": self }))).into_response();
        if let Some(value) = wait.and_then(|s| HeaderValue::from_str(&s.to_string()).ok()) {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response
    }
}
