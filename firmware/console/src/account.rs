//! The first set-up, signing in and out, and the password.

use std::sync::Arc;

use api::client::CallError;
use api::supervisor::{Account, AuthenticateRequest, ChangePasswordRequest, SetupRequest, SetupState};
use axum::extract::{Extension, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use settings::Language;

use crate::failure::{ApiError, Kind};
use crate::routes::{App, Caller, Json, Source, caller};
use crate::session::{Token, clear_cookie};

/// The administrator's account, which the first set-up makes.
const ADMINISTRATOR: &str = "admin";

#[derive(Serialize)]
struct SessionAnswer {
    setup: SetupState,
    account: Option<Account>,
}

/// What a page needs to know first: is the box set up, and who is signed in. The release is for those inside alone.
pub(crate) async fn session(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let mut setup = app.setup().await?;
    let touch = !request.headers().contains_key("spanwatch-background");
    let account = caller(&app, &request, touch).map(|caller| caller.account);
    if setup.done && account.is_none() {
        setup.version.clear();
    }
    Ok(axum::Json(SessionAnswer { setup, account }).into_response())
}

/// What the sign-in form sends.
#[derive(Deserialize)]
pub(crate) struct SignIn {
    user: String,
    password: String,
}

/// Signs in: checks the password and opens a session.
pub(crate) async fn sign_in(
    State(app): State<Arc<App>>,
    Extension(Source(source)): Extension<Source>,
    Json(form): Json<SignIn>,
) -> Result<Response, ApiError> {
    let request = AuthenticateRequest {
        user: form.user,
        password: form.password,
        source: Some(source),
    };
    let user: String = request.user.chars().filter(|c| !c.is_control()).take(32).collect();
    match app.client.call(request).await {
        Ok(account) => {
            log::info!(user = user.as_str(), source = source.to_string().as_str(); "signed in");
            open(&app, account)
        }
        Err(error) => {
            log::warn!(user = user.as_str(), source = source.to_string().as_str(); "did not sign in: {error}");
            Err(refusal(error))
        }
    }
}

/// Signs out: ends the session, and clears what the browser kept.
pub(crate) async fn sign_out(State(app): State<Arc<App>>, request: Request) -> Response {
    if let Some(caller) = caller(&app, &request, false) {
        app.sessions(|sessions, _| sessions.close(caller.session));
        log::info!(user = caller.account.user.as_str(); "signed out");
    }
    let headers = [
        (header::SET_COOKIE, clear_cookie()),
        (
            header::HeaderName::from_static("clear-site-data"),
            "\"cache\"".to_owned(),
        ),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// What the wizard sends.
#[derive(Deserialize)]
pub(crate) struct SetupForm {
    code: String,
    language: Language,
    password: String,
    hostname: Option<String>,
}

/// The first set-up; its end is a session of the administrator.
pub(crate) async fn setup(
    State(app): State<Arc<App>>,
    Extension(Source(source)): Extension<Source>,
    Json(form): Json<SetupForm>,
) -> Result<Response, ApiError> {
    let request = SetupRequest {
        code: form.code,
        language: form.language,
        password: form.password.clone(),
        hostname: form.hostname.filter(|name| !name.is_empty()),
        source: Some(source),
    };
    app.client.call(request).await.map_err(refusal)?;
    log::info!(source = source.to_string().as_str(); "the first set-up is done");
    let request = AuthenticateRequest {
        user: ADMINISTRATOR.to_owned(),
        password: form.password,
        source: Some(source),
    };
    open(&app, app.client.call(request).await.map_err(refusal)?)
}

/// What the password form sends.
#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    current: String,
    new: String,
}

/// Changes one's own password. Every other session of the account ends.
pub(crate) async fn change_password(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Extension(Source(source)): Extension<Source>,
    Json(form): Json<PasswordForm>,
) -> Result<Response, ApiError> {
    let request = ChangePasswordRequest {
        user: caller.account.user.clone(),
        current: form.current,
        new: form.new,
        source: Some(source),
    };
    let account = app.client.call(request).await.map_err(refusal)?;
    log::info!(user = account.user.as_str(); "the password was changed");
    app.sessions(|sessions, _| sessions.close(caller.session));
    open(&app, account)
}

fn open(app: &App, account: Account) -> Result<Response, ApiError> {
    let token: Token = app.token()?;
    app.sessions(|sessions, now| sessions.open(&token, account.clone(), now));
    Ok(([(header::SET_COOKIE, token.set_cookie())], axum::Json(account)).into_response())
}

/// A refusal; of a lock-out with the seconds to wait, which the supervisor's sentence names.
pub(crate) fn refusal(error: CallError) -> ApiError {
    let mut error = ApiError::from(error);
    if error.kind == Kind::LockedOut {
        error.retry_after_s = seconds_named(&error.message);
    }
    error
}

/// The whole number before ` s` in a sentence such as "try again in 30 s".
fn seconds_named(sentence: &str) -> Option<u64> {
    let words: Vec<&str> = sentence.split([' ', ',', ';', ':']).collect();
    words.windows(2).find_map(|pair| match pair {
        [number, "s" | "s." | "second" | "seconds"] => number.parse().ok(),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_read_from_the_sentence() {
        assert_eq!(seconds_named("too many wrong attempts: try again in 30 s"), Some(30));
        assert_eq!(seconds_named("wait 15 seconds, then try again"), Some(15));
        assert_eq!(seconds_named("locked"), None);
    }
}
