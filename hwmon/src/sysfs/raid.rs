//! Software RAID: block/md*/md (Documentation/admin-guide/md.rst).

use super::Root;
use crate::why::{Phrase, Value, Why, phrases};
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

/// A level as people write it: `RAID1`.
fn called(level: &str) -> Value {
    match level {
        "linear" => phrases::ARRAY_LINEAR.into(),
        level if level.starts_with("raid") => level.to_ascii_uppercase().into(),
        other => Why::own_words(other).into(),
    }
}

/// How a member is, from the kernel's words with commas between them.
fn member_is(words: &str) -> Why {
    let known = |word: &str| -> Option<&'static Phrase> {
        Some(match word {
            "in_sync" => phrases::MEMBER_IN_SYNC,
            "spare" => phrases::MEMBER_SPARE,
            "write_mostly" | "writemostly" => phrases::MEMBER_WRITE_MOSTLY,
            "blocked" => phrases::MEMBER_BLOCKED,
            "want_replacement" => phrases::MEMBER_WANTS_REPLACEMENT,
            "replacement" => phrases::MEMBER_REPLACEMENT,
            "write_error" => phrases::MEMBER_WRITE_ERROR,
            "journal" => phrases::MEMBER_JOURNAL,
            "failfast" => phrases::MEMBER_FAIL_FAST,
            "external_bbl" => phrases::MEMBER_EXTERNAL_BBL,
            _ => return None,
        })
    };
    let words = words.split(',').filter(|word| !word.is_empty());
    let all = words.map(|word| known(word).map_or_else(|| Why::own_words(word), Why::from));
    Why::all(all).unwrap_or_else(|| phrases::NOT_REPORTED.into())
}

fn one(root: &Root, array: &str, folder: &str, out: &mut Vec<Reading>) {
    let text = |name: &str| root.text(&format!("{folder}/{name}"));
    let number = |name: &str| root.number(&format!("{folder}/{name}"));
    let level = text("level").unwrap_or_default();
    state(array, text("array_state"), out);
    if let (Ok(disks), Ok(degraded)) = (number("raid_disks"), number("degraded")) {
        let left = spare_redundancy(&level, disks, degraded);
        let (state, reason) = match (degraded, left) {
            (0, _) => (State::Ok, phrases::ARRAY_WHOLE.with([called(&level), disks.into()])),
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
                Why::of(array, phrases::R_MISSING),
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
            (State::Warning, phrases::MEMBER_SOON.with([member_is(&words).into()]))
        } else {
            (State::Ok, member_is(&words))
        };
        out.push(
            Reading::fact(
                format!("md/{array}/{member}"),
                phrases::R_MEMBER_DISK.with([array.into(), member.into()]),
                Kind::State,
                Unit::Boolean,
                value,
            )
            .judged(state, reason),
        );
    }
}

fn state(array: &str, told: Result<String, NoData>, out: &mut Vec<Reading>) {
    let missing = told.as_ref().err().copied();
    let words = told.unwrap_or_default();
    let (state, reason): (State, Why) = match words.as_str() {
        "broken" => (State::Critical, phrases::ARRAY_BROKEN.into()),
        "inactive" => (State::Critical, phrases::ARRAY_INACTIVE.into()),
        "clear" => (State::Info, phrases::ARRAY_CLEAR.into()),
        "suspended" => (State::Warning, phrases::ARRAY_SUSPENDED.into()),
        "clean" => (State::Ok, phrases::ARRAY_CLEAN.into()),
        "active" => (State::Ok, phrases::ARRAY_ACTIVE.into()),
        "active-idle" => (State::Ok, phrases::ARRAY_ACTIVE_IDLE.into()),
        "write-pending" => (State::Ok, phrases::ARRAY_WRITE_PENDING.into()),
        "readonly" => (State::Ok, phrases::ARRAY_READ_ONLY.into()),
        "read-auto" => (State::Ok, phrases::ARRAY_READ_AUTO.into()),
        other => (State::Warning, phrases::ARRAY_UNKNOWN.with([other.into()])),
    };
    let value = missing.map_or_else(|| Ok(f64::from(u8::from(state == State::Ok))), Err);
    out.push(
        Reading::fact(
            format!("md/{array}/works"),
            Why::of(array, phrases::R_WORKS),
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
    let called: Value = match action {
        "resync" => phrases::A_RESYNC.into(),
        "recover" => phrases::A_RECOVER.into(),
        "check" => phrases::A_CHECK.into(),
        "repair" => phrases::A_REPAIR.into(),
        "reshape" => phrases::A_RESHAPE.into(),
        other => Why::own_words(other).into(),
    };
    let value = completed.and_then(|text| share(&text).ok_or(NoData::NotReported));
    out.push(
        Reading::fact(
            format!("md/{array}/sync"),
            Why::of(array, called.clone()),
            Kind::Share,
            Unit::Percent,
            value,
        )
        .judged(State::Info, phrases::UNDER_WAY.with([called])),
    );
}
