//! Software RAID: block/md*/md (Documentation/admin-guide/md.rst).

use super::Root;
use crate::why::{Why, phrases};
use crate::{Kind, NoData, Reading, State, Unit};

pub(super) fn read(root: &Root, out: &mut Vec<Reading>) {
    for array in root.names("block") {
        let folder = format!("block/{array}/md");
        if array.starts_with("md") && root.is_folder(&folder) {
            one(root, &array, &folder, out);
        }
    }
}

/// Members that may still be lost without losing data, whichever they are.
fn spare_redundancy(level: &str, disks: i64, degraded: i64) -> Option<i64> {
    match level {
        "raid1" => Some(disks - 1 - degraded),
        "raid4" | "raid5" | "raid10" => Some(1 - degraded),
        "raid6" => Some(2 - degraded),
        _ => None,
    }
}

fn one(root: &Root, array: &str, folder: &str, out: &mut Vec<Reading>) {
    let text = |name: &str| root.text(&format!("{folder}/{name}"));
    let number = |name: &str| root.number(&format!("{folder}/{name}"));
    let level = text("level").unwrap_or_default();
    state(array, text("array_state"), out);
    if let (Ok(disks), Ok(degraded)) = (number("raid_disks"), number("degraded")) {
        let left = spare_redundancy(&level, disks, degraded);
        let (state, reason) = match (degraded, left) {
            (0, _) => (
                State::Ok,
                phrases::ARRAY_WHOLE.with([level.as_str().into(), disks.into()]),
            ),
            (_, Some(left)) if left > 0 => (
                State::Warning,
                phrases::ARRAY_MISSING_MORE.with([degraded.into(), disks.into(), left.into()]),
            ),
            (_, Some(_)) => (
                State::Critical,
                phrases::ARRAY_MISSING_LAST.with([degraded.into(), disks.into()]),
            ),
            (_, None) => (
                State::Critical,
                phrases::ARRAY_MISSING.with([degraded.into(), disks.into()]),
            ),
        };
        #[allow(clippy::cast_precision_loss, reason = "a few disks")]
        let value = Ok(degraded as f64);
        out.push(
            Reading::fact(
                format!("md/{array}/missing"),
                format!("{array} missing disks"),
                Kind::Counter,
                Unit::Count,
                value,
            )
            .judged(state, reason),
        );
    }
    if let Ok(action) = text("sync_action") {
        progress(array, &action, text("sync_completed"), out);
    }
    for member in root.names(folder).iter().filter_map(|name| name.strip_prefix("dev-")) {
        let told = root.text(&format!("{folder}/dev-{member}/state"));
        let value = told
            .as_ref()
            .map(|words| f64::from(u8::from(!words.contains("faulty"))))
            .map_err(|e| *e);
        let words = told.unwrap_or_default();
        let (state, reason): (State, Why) = if words.contains("faulty") {
            (State::Critical, phrases::MEMBER_FAILED.into())
        } else if words.contains("want_replacement") || words.contains("write_error") {
            (State::Warning, phrases::MEMBER_SOON.with([words.into()]))
        } else {
            (State::Ok, phrases::PLAIN.with([words.into()]))
        };
        out.push(
            Reading::fact(
                format!("md/{array}/{member}"),
                format!("{array} member {member}"),
                Kind::State,
                Unit::Boolean,
                value,
            )
            .judged(state, reason),
        );
    }
}

fn state(array: &str, told: Result<String, NoData>, out: &mut Vec<Reading>) {
    let works = |words: &str| {
        matches!(
            words,
            "clean" | "active" | "active-idle" | "write-pending" | "readonly" | "read-auto"
        )
    };
    let value = told
        .as_ref()
        .map(|words| f64::from(u8::from(works(words))))
        .map_err(|e| *e);
    let words = told.unwrap_or_default();
    let (state, reason): (State, Why) = match words.as_str() {
        "broken" => (State::Critical, phrases::ARRAY_BROKEN.into()),
        "inactive" => (State::Critical, phrases::ARRAY_INACTIVE.into()),
        "clear" => (State::Info, phrases::ARRAY_CLEAR.into()),
        "suspended" => (State::Warning, phrases::ARRAY_SUSPENDED.into()),
        words if works(words) => (State::Ok, phrases::PLAIN.with([words.into()])),
        other => (State::Warning, phrases::ARRAY_UNKNOWN.with([other.into()])),
    };
    out.push(
        Reading::fact(
            format!("md/{array}/works"),
            format!("{array} works"),
            Kind::State,
            Unit::Boolean,
            value,
        )
        .judged(state, reason),
    );
}

fn progress(array: &str, action: &str, completed: Result<String, NoData>, out: &mut Vec<Reading>) {
    if matches!(action, "idle" | "frozen" | "") {
        return;
    }
    let share = |text: &str| -> Option<f64> {
        let (done, all) = text.split_once('/')?;
        let (done, all): (f64, f64) = (done.trim().parse().ok()?, all.trim().parse().ok()?);
        (all > 0.0).then(|| (done / all * 1000.0).round() / 10.0)
    };
    let value = completed.and_then(|text| share(&text).ok_or(NoData::NotReported));
    out.push(
        Reading::fact(
            format!("md/{array}/sync"),
            format!("{array} {action}"),
            Kind::Share,
            Unit::Percent,
            value,
        )
        .judged(State::Info, phrases::UNDER_WAY.with([action.into()])),
    );
}
