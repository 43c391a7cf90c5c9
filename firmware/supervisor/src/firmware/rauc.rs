//! RAUC, asked over D-Bus by `busctl --json=short`.

use api::firmware::{Bundle, Slot};
use serde_json::Value;

use crate::command::{self, CommandError};

const NAME: &str = "de.pengutronix.rauc";
const INTERFACE: &str = "de.pengutronix.rauc.Installer";

/// RAUC could not be asked, or refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RaucError {
    /// It said no: a signature, a format, a device.
    #[error("{0}")]
    Refused(String),
    /// It could not be asked.
    #[error("the updater cannot be asked: {0}")]
    Command(CommandError),
    /// It answered what is not understood.
    #[error("the updater's answer is not understood: {0}")]
    Answer(String),
}

/// How far an installation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Whether it goes on.
    pub(crate) busy: bool,
    pub(crate) percent: u8,
    pub(crate) step: String,
    /// Why the last one failed; empty where it did not.
    pub(crate) error: String,
}

/// Checks a bundle's signature and format, and tells what it is.
pub(crate) async fn inspect(location: &str) -> Result<Bundle, RaucError> {
    let text = call(&["InspectBundle", "sa{sv}", location, "0"]).await?;
    parse_bundle(&text)
}

/// Begins to install a bundle.
pub(crate) async fn install(location: &str) -> Result<(), RaucError> {
    call(&["InstallBundle", "sa{sv}", location, "0"]).await.map(drop)
}

/// How far it is.
pub(crate) async fn progress() -> Result<Progress, RaucError> {
    let properties = ["Operation", "Progress", "LastError"];
    let mut args = vec!["get-property", NAME, "/", INTERFACE];
    args.extend(properties);
    parse_progress(&busctl(&args).await?)
}

/// The manifest's SHA-256 of what was installed into a slot last; `None` where nothing was.
pub(crate) async fn installed(slot: Slot) -> Result<Option<String>, RaucError> {
    parse_installed(&call(&["GetSlotStatus"]).await?, slot)
}

async fn call(what: &[&str]) -> Result<String, RaucError> {
    let mut args = vec!["call", NAME, "/", INTERFACE];
    args.extend(what);
    busctl(&args).await
}

async fn busctl(args: &[&str]) -> Result<String, RaucError> {
    let mut all = vec!["--system", "--json=short", "--timeout=60", "--no-pager"];
    all.extend(args);
    command::run_within("busctl", &all, "", command::LONG)
        .await
        .map_err(|e| match e {
            CommandError::Failed { message, .. } => refusal(&message),
            other => RaucError::Command(other),
        })
}

/// What busctl says of a call that was refused, without its own words.
fn refusal(message: &str) -> RaucError {
    let text = message.strip_prefix("Call failed: ").unwrap_or(message);
    RaucError::Refused(text.to_owned())
}

/// A value of `busctl --json`: `{"type": ..., "data": ...}`, once more around a variant within a variant.
fn data<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    let mut value = value.get(key)?;
    while let Some(inner) = value
        .get("data")
        .filter(|_| value.get("type").is_some_and(Value::is_string))
    {
        value = inner;
    }
    Some(value)
}

fn text(value: Option<&Value>) -> String {
    let text = value.and_then(Value::as_str).unwrap_or_default();
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

fn parse(text: &str) -> Result<Value, RaucError> {
    serde_json::from_str(text).map_err(|e| RaucError::Answer(e.to_string()))
}

fn parse_bundle(answer: &str) -> Result<Bundle, RaucError> {
    let answer = parse(answer)?;
    let missing = |what: &str| RaucError::Answer(format!("there is no {what}"));
    let facts = answer.pointer("/data/0").ok_or_else(|| missing("bundle"))?;
    let update = data(facts, "update").ok_or_else(|| missing("update"))?;
    let manifest = text(data(facts, "manifest-hash"));
    if manifest.is_empty() {
        return Err(missing("manifest"));
    }
    Ok(Bundle {
        version: text(data(update, "version")),
        description: text(data(update, "description")),
        compatible: text(data(update, "compatible")),
        manifest,
        confirmations: Vec::new(),
    })
}

fn parse_progress(answer: &str) -> Result<Progress, RaucError> {
    let mut lines = answer.lines();
    let mut next = || {
        lines
            .next()
            .map_or_else(|| Err(RaucError::Answer("it is too short".to_owned())), parse)
    };
    let (operation, progress, error) = (next()?, next()?, next()?);
    let percent = progress.pointer("/data/0").and_then(Value::as_u64).unwrap_or(0);
    Ok(Progress {
        busy: operation.get("data").and_then(Value::as_str) != Some("idle"),
        percent: u8::try_from(percent.min(100)).unwrap_or(100),
        step: text(progress.pointer("/data/1")),
        error: text(error.get("data")),
    })
}

fn parse_installed(answer: &str, slot: Slot) -> Result<Option<String>, RaucError> {
    let answer = parse(answer)?;
    let slots = answer.pointer("/data/0").and_then(Value::as_array);
    let slots = slots.ok_or_else(|| RaucError::Answer("there are no slots".to_owned()))?;
    let facts = slots.iter().filter_map(|slot| slot.get(1));
    let found = facts
        .filter(|facts| Slot::parse(&text(data(facts, "bootname"))) == Some(slot))
        .find_map(|facts| data(facts, "bundle.hash"));
    Ok(found.map(|hash| text(Some(hash))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What RAUC 1.13 and busctl 252 printed.
    const BUNDLE: &str = include_str!("rauc/inspect.json");
    const PROGRESS: &str = include_str!("rauc/progress.json");
    const FAILED: &str = include_str!("rauc/failed.json");
    const SLOTS: &str = include_str!("rauc/slots.json");

    #[test]
    fn a_bundle_is_read() {
        let bundle = parse_bundle(BUNDLE).unwrap();
        assert_eq!(bundle.version, "0.2.0");
        assert_eq!(bundle.compatible, "spanwatch-x86_64");
        assert_eq!(bundle.description, "Test");
        assert_eq!(
            bundle.manifest,
            "7d3d4e17aa37aae013f88aaef5ff381274ebf36edbabe24a3b5d18e38b5dd2ac"
        );
    }

    #[test]
    fn progress_and_failure_are_told_apart() {
        let going = parse_progress(PROGRESS).unwrap();
        assert_eq!(
            (going.busy, going.percent, going.step.as_str()),
            (true, 20, "Checking bundle done.")
        );
        assert_eq!(going.error, "");
        let failed = parse_progress(FAILED).unwrap();
        assert!(
            !failed.busy && failed.error.contains("signature verification failed"),
            "{failed:?}"
        );
    }

    #[test]
    fn what_was_installed_is_found_by_its_slot() {
        assert_eq!(parse_installed(SLOTS, Slot::B).unwrap(), None);
        let after = SLOTS.replacen(
            r#""state":{"type":"s","data":"inactive"}"#,
            r#""state":{"type":"s","data":"inactive"},"bundle.hash":{"type":"s","data":"7d3d"}"#,
            1,
        );
        assert_eq!(parse_installed(&after, Slot::B).unwrap().as_deref(), Some("7d3d"));
        assert_eq!(parse_installed(&after, Slot::A).unwrap(), None);
    }

    #[test]
    fn a_refusal_is_rauc_s_own_words() {
        let RaucError::Refused(words) = refusal("Call failed: signature verification failed: Verify error: x") else {
            panic!("not a refusal");
        };
        assert_eq!(words, "signature verification failed: Verify error: x");
    }

    #[test]
    fn other_answers_are_errors_and_no_panics() {
        for bad in [
            "",
            "{}",
            "[]",
            "{\"data\":[]}",
            "{\"data\":[{}]}",
            "null",
            "{\"data\":[{\"update\":3}]}",
        ] {
            assert!(parse_bundle(bad).is_err(), "{bad}");
            assert!(parse_progress(bad).is_err(), "{bad}");
        }
        for bad in ["", "{}", "{\"data\":[3]}"] {
            assert!(parse_installed(bad, Slot::A).is_err(), "{bad}");
        }
    }
}
