//! Signatures of applications that an administrator writes: read before they are kept.

use std::sync::Arc;

use api::supervisor::SettingsQuery;
use axum::extract::State;
use dissect::l7::{SignatureError, Signatures};
use model::Objects;
use serde::{Deserialize, Serialize};

use crate::failure::{ApiError, Kind};
use crate::routes::{App, Json};

/// A text of signatures.
#[derive(Deserialize)]
pub(crate) struct SignaturesForm {
    text: String,
}

/// What is wrong with a text, and where.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Wrong {
    /// From 1.
    line: usize,
    /// In characters, from 1.
    column: usize,
    english: String,
    chinese: String,
}

/// What a text is.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Checked {
    /// The first mistake; `null` where the text can be read.
    wrong: Option<Wrong>,
    /// Lines that are rules.
    rules: usize,
}

/// Reads a text of signatures with the applications that are defined now, and keeps nothing.
pub(crate) async fn check(
    State(app): State<Arc<App>>,
    Json(SignaturesForm { text }): Json<SignaturesForm>,
) -> Result<axum::Json<Checked>, ApiError> {
    let objects = app.client.call(SettingsQuery::default()).await?.settings.objects;
    Ok(axum::Json(checked(&text, &objects)))
}

fn checked(text: &str, objects: &Objects) -> Checked {
    let rule = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    Checked {
        wrong: read(text, objects).err().map(|error| Wrong {
            line: error.line,
            column: error.column,
            english: error.problem.to_string(),
            chinese: error.problem.chinese(),
        }),
        rules: text.lines().filter(rule).count(),
    }
}

/// Refuses signatures that cannot be read.
pub(crate) fn refuse_wrong(text: &str, objects: &Objects) -> Result<(), ApiError> {
    read(text, objects).map_err(|e| ApiError::new(Kind::BadRequest, format!("signatures: {e}")))
}

fn read(text: &str, objects: &Objects) -> Result<(), SignatureError> {
    Signatures::with(text, &|name| objects.app_of(name)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_told_with_its_place() {
        let objects = Objects::default();
        let good = checked("# ours\napp https host erp.example.com\n\n", &objects);
        assert_eq!(good, Checked { wrong: None, rules: 1 });
        let bad = checked(
            "app https host erp.example.com\napp nobody-knows host x.example\n",
            &objects,
        );
        let wrong = bad.wrong.unwrap();
        assert_eq!((wrong.line, bad.rules), (2, 2));
        assert!(
            wrong.english.contains("nobody-knows") && wrong.chinese.contains("nobody-knows"),
            "{wrong:?}"
        );
        assert!(refuse_wrong("x", &objects).is_err() && refuse_wrong("", &objects).is_ok());
    }
}
