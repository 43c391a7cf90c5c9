//! What is known of exporters by SNMP, and what their sensors read.

use std::collections::BTreeMap;

use api::Failure;
use api::analyzer::{Device, DeviceQuery, GaugeSeries, GaugeSeriesQuery};
use model::Timestamp;

use super::{POINTS_MAX, STEP_MAX, bad, failed, ordered};
use crate::writer::{Shared, now};

/// A reading that is older is not one of now: the slowest polling has time to come round twice.
const NOW_S: u64 = 3_600;
/// Points of all gauges together that are answered at a time: what a frame takes.
const ALL_POINTS_MAX: usize = 100_000;
/// Rows of a forwarding or ARP table that are answered: what a frame takes.
const ROWS_MAX: usize = 40_000;

/// What is known of an exporter.
pub(crate) fn device(shared: &Shared, query: &DeviceQuery) -> Result<Device, Failure> {
    let now = now();
    let from = Timestamp::from_secs(now.as_secs().saturating_sub(NOW_S));
    let (mut facts, at) = shared
        .store
        .device(query.exporter)
        .map_err(|problem| failed(shared, problem))?;
    facts.forwarding.iter_mut().for_each(|rows| rows.truncate(ROWS_MAX));
    facts.arp.iter_mut().for_each(|rows| rows.truncate(ROWS_MAX));
    let gauges = shared
        .store
        .newest_gauges(query.exporter, (from, now.plus_nanos(1)))
        .map_err(|problem| failed(shared, problem))?;
    Ok(Device { facts, at, gauges })
}

/// A reading over time: the mean of each point.
pub(crate) fn gauge_series(shared: &Shared, query: &GaugeSeriesQuery) -> Result<GaugeSeries, Failure> {
    if query.step_s == 0 || query.step_s > STEP_MAX {
        return Err(bad(format!("a step is 1 to {STEP_MAX} seconds, not {}", query.step_s)));
    }
    let to = query.to.unwrap_or_else(now);
    ordered(query.from, to)?;
    let step = u64::from(query.step_s);
    let points = (to.as_secs() - query.from.as_secs()).div_ceil(step);
    if points > POINTS_MAX {
        return Err(bad(format!(
            "that would be {points} points and at most {POINTS_MAX} are answered: take a longer step or a shorter span"
        )));
    }
    let mut sums: BTreeMap<String, BTreeMap<u64, (f64, u32)>> = BTreeMap::new();
    let mut held = 0usize;
    let which = (query.kind, query.name.as_deref());
    shared
        .store
        .gauges(query.exporter, which, (query.from, to), |gauge| {
            if held > ALL_POINTS_MAX {
                return;
            }
            let at = gauge.at.as_secs() / step * step;
            let (sum, count) = sums.entry(gauge.name).or_default().entry(at).or_insert_with(|| {
                held += 1;
                (0.0, 0)
            });
            *sum += gauge.value;
            *count = count.saturating_add(1);
        })
        .map_err(|problem| failed(shared, problem))?;
    if held > ALL_POINTS_MAX {
        return Err(bad(format!(
            "that would be more than {ALL_POINTS_MAX} points of all gauges together: name one, or take a longer step"
        )));
    }
    let mean = |(at, (sum, count)): (u64, (f64, u32))| (Timestamp::from_secs(at), sum / f64::from(count));
    let series = sums
        .into_iter()
        .map(|(name, points)| (name, points.into_iter().map(mean).collect()));
    Ok(GaugeSeries {
        step_s: query.step_s,
        series: series.collect(),
    })
}
