//! What is kept on the disk.

use std::sync::Arc;

use api::Failure;
use api::analyzer::{Countries, DamagedFile, ImportCountries, Removed, RemovedWhy, Storage, StorageClass};
use store::StorageFacts;

use super::unavailable;
use crate::writer::{Shared, now};

/// What is kept, and what takes how much room.
pub(crate) fn storage(shared: &Shared) -> Result<Storage, Failure> {
    let StorageFacts {
        room,
        full_percent,
        classes,
        removed,
        damaged,
        hours_open,
    } = shared.store.storage(now()).map_err(|problem| {
        let failure = unavailable(&problem);
        shared.store.report(problem);
        failure
    })?;
    let retention = shared.known.settings().map(|answer| answer.settings.retention.clone());
    let retention = retention.unwrap_or_default();
    let class = |facts: store::ClassFacts| {
        let (next, next_at, next_why) = match facts.next {
            Some(next) => (Some(next.what), Some(next.at), Some(why(next.why))),
            None => (None, None, None),
        };
        StorageClass {
            class: facts.class,
            limit: retention.of(facts.class),
            bytes: facts.octets,
            records: facts.records,
            oldest: facts.oldest,
            newest: facts.newest,
            bytes_per_day: facts.octets_a_day,
            next,
            next_at,
            next_why,
        }
    };
    let gone = |removed: store::Removed| Removed {
        at: removed.at,
        class: removed.class,
        what: removed.what,
        bytes: removed.octets,
        why: why(removed.why),
    };
    Ok(Storage {
        disk_bytes: room.total,
        free_bytes: room.available,
        full_percent: u8::try_from(full_percent).unwrap_or(100),
        classes: classes.into_iter().map(class).collect(),
        removed: removed.into_iter().map(gone).collect(),
        damaged_files: damaged
            .into_iter()
            .map(|(name, bytes)| DamagedFile { name, bytes })
            .collect(),
        hours_open,
        countries: shared.countries.said(),
    })
}

const fn why(why: store::RemovedWhy) -> RemovedWhy {
    match why {
        store::RemovedWhy::Age => RemovedWhy::Age,
        store::RemovedWhy::Size => RemovedWhy::Size,
        store::RemovedWhy::DiskFull => RemovedWhy::DiskFull,
    }
}

/// Takes a part of a database of countries.
pub(crate) fn import_countries(shared: &Arc<Shared>, import: &ImportCountries) -> Result<Countries, Failure> {
    let countries = shared.countries.import(&shared.store, import, now())?;
    shared.known.forget();
    Ok(countries)
}
