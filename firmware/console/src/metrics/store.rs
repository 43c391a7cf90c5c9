//! What the analyzer stores, and the alarm list.

use api::alarms::Alarms;
use api::analyzer::{AnalyzerStatus, Storage, StorageClass};
use model::AlarmSeverity;

use super::exposition::{Exposition, Family};
use super::{families as f, flag, number, seconds};

/// Open alarms.
pub(super) fn alarms(out: &mut Exposition, alarms: &Alarms) {
    let samples = AlarmSeverity::ALL.into_iter().flat_map(|severity| {
        let name = match severity {
            AlarmSeverity::Critical => "critical",
            AlarmSeverity::Warning => "warning",
        };
        [false, true].map(|seen| {
            let same = alarms
                .open
                .iter()
                .filter(|alarm| alarm.severity == severity && alarm.acknowledged.is_some() == seen);
            ([name.to_owned(), seen.to_string()], number(same.count() as u64))
        })
    });
    out.family(&f::ALARMS, samples);
}

/// What the analyzer says of itself.
pub(super) fn status(out: &mut Exposition, status: &AnalyzerStatus) {
    out.one(&f::ANALYZER_START, Some(seconds(status.started)));
    out.one(&f::STORING, Some(flag(status.trouble.is_none())));
    out.one(&f::COLLECTORS, Some(f64::from(status.collectors)));
    out.one(&f::STORED_RECORDS, Some(number(status.records)));
    out.one(&f::STORED_BLOCKS, Some(number(status.blocks)));
    let batches = [
        ("duplicate", status.duplicates),
        ("damaged", status.refused),
        ("deferred", status.deferred),
    ];
    out.family(
        &f::BATCHES,
        batches.map(|(why, count)| ([why.to_owned()], number(count))),
    );
    out.one(&f::NEWEST, status.newest_window.map(seconds));
    out.one(&f::OLDEST, status.oldest_window.map(seconds));
}

/// What is kept.
pub(super) fn storage(out: &mut Exposition, storage: &Storage) {
    out.one(&f::STORE_DISK, Some(number(storage.disk_bytes)));
    out.one(&f::STORE_FREE, Some(number(storage.free_bytes)));
    let used = storage.disk_bytes.saturating_sub(storage.free_bytes);
    out.one(&f::STORE_USED, Some(number(used)));
    out.one(&f::STORE_FULL, Some(f64::from(storage.full_percent) / 100.0));
    let mut each = |family: &Family<1>, value: fn(&StorageClass) -> Option<f64>| {
        let known = storage
            .classes
            .iter()
            .filter_map(|class| Some(([class.class.field().to_owned()], value(class)?)));
        out.family(family, known);
    };
    each(&f::CLASS_BYTES, |class| Some(number(class.bytes)));
    each(&f::CLASS_RECORDS, |class| class.records.map(number));
    each(&f::CLASS_OLDEST, |class| class.oldest.map(seconds));
    out.one(&f::NOT_INDEXED, Some(number(storage.hours_open) * 3_600.0));
    out.one(&f::DAMAGED, Some(number(storage.damaged_files.len() as u64)));
}
