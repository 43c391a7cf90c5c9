//! Exporters' interfaces: what they carry now, and carried.

use std::collections::BTreeMap;

use api::Failure;
use api::analyzer::{
    InterfaceNow, InterfacePoint, InterfaceRate, InterfaceSeries, InterfaceSeriesQuery, InterfacesQuery, LimitState,
};
use model::{
    CounterSource, Counters, InterfaceDetail, InterfaceFacts, InterfaceId, InterfaceMinute, LinkId, Timestamp,
};

use super::{POINTS_MAX, STEP_MAX, bad, failed, ordered};
use crate::writer::{Shared, now};

/// A minute that began longer ago is not what an interface does now.
const NOW_S: u64 = 900;
/// Seconds after its end that a minute still gets parts.
const SETTLE_S: u64 = 30;
/// Minutes that are looked at for one that is whole.
const FEW: usize = 3;
/// Interfaces that are answered at a time: what a frame takes.
const INTERFACES_MAX: usize = 16_384;

/// Interfaces with their newest minutes.
pub(crate) fn interfaces(shared: &Shared, query: &InterfacesQuery) -> Result<Vec<InterfaceNow>, Failure> {
    let now = now();
    let span = (
        Timestamp::from_secs(now.as_secs().saturating_sub(NOW_S)),
        Timestamp::from_secs(now.as_secs().saturating_sub(60)).plus_nanos(1),
    );
    let facts = shared
        .store
        .interface_facts(query.exporter)
        .map_err(|problem| failed(shared, problem))?;
    let newest = shared
        .store
        .newest_interface_minutes(query.exporter, span, FEW)
        .map_err(|problem| failed(shared, problem))?;

    let mut found: BTreeMap<InterfaceId, Found> = BTreeMap::new();
    for (exporter, list) in facts {
        for facts in list {
            let id = InterfaceId {
                exporter,
                index: facts.index,
            };
            found.entry(id).or_default().facts = Some(facts);
        }
    }
    for minute in newest {
        found.entry(minute.interface).or_default().minutes.push(minute);
    }
    if found.len() > INTERFACES_MAX {
        return Err(bad(format!(
            "there are {} interfaces and at most {INTERFACES_MAX} are answered at a time: ask exporter by exporter",
            found.len()
        )));
    }
    Ok(found.into_iter().map(|(id, found)| found.answer(id, now)).collect())
}

/// What is known of one interface.
#[derive(Debug, Default)]
struct Found {
    facts: Option<InterfaceFacts>,
    /// By source, the newest first.
    minutes: Vec<InterfaceMinute>,
}

impl Found {
    fn answer(self, id: InterfaceId, now: Timestamp) -> InterfaceNow {
        let facts = self.facts.unwrap_or_else(|| InterfaceFacts {
            index: id.index,
            ..InterfaceFacts::default()
        });
        let of = |source| self.minutes.iter().filter(move |m| m.source == source);
        // Records of a minute come when their flows end.
        let settled = |m: &&InterfaceMinute| m.start.as_secs() + 60 + SETTLE_S <= now.as_secs();
        let flow = of(CounterSource::Flow).find(settled).and_then(rate);
        let counted = |source| {
            let whole = of(source).find(|m| m.seconds >= 60);
            whole.or_else(|| of(source).find(|m| m.seconds > 0)).and_then(rate)
        };
        let counters = counted(CounterSource::Snmp).or_else(|| counted(CounterSource::Sflow));
        let utilisation = utilisation(counters.as_ref().or(flow.as_ref()), facts.speed_bps);
        let [in_min, in_max, out_min, out_max] = facts.limits;
        InterfaceNow {
            id,
            limits: (
                limit_state(utilisation.map(|u| u.0), in_min, in_max),
                limit_state(utilisation.map(|u| u.1), out_min, out_max),
            ),
            facts,
            flow,
            counters,
            utilisation,
        }
    }
}

/// A minute's rates: flow records are of the whole minute, counters of the seconds that they cover.
fn rate(minute: &InterfaceMinute) -> Option<InterfaceRate> {
    let seconds = match minute.source {
        CounterSource::Flow => 60,
        CounterSource::Snmp | CounterSource::Sflow => minute.seconds,
    };
    if seconds == 0 {
        return None;
    }
    #[allow(clippy::cast_precision_loss, reason = "a rate needs no more than 53 bits")]
    let per_s = |n: u64| n as f64 / f64::from(seconds);
    let (inbound, outbound) = (minute.inbound, minute.outbound);
    Some(InterfaceRate {
        at: minute.start,
        source: minute.source,
        bits_per_s: (per_s(inbound.bytes) * 8.0, per_s(outbound.bytes) * 8.0),
        packets_per_s: (per_s(inbound.packets), per_s(outbound.packets)),
    })
}

fn utilisation(rate: Option<&InterfaceRate>, speed_bps: Option<u64>) -> Option<(f64, f64)> {
    let (inbound, outbound) = rate?.bits_per_s;
    #[allow(clippy::cast_precision_loss, reason = "a share needs no more than 53 bits")]
    let speed = speed_bps.filter(|bps| *bps > 0)? as f64;
    Some((inbound / speed, outbound / speed))
}

fn limit_state(utilisation: Option<f64>, min: Option<u8>, max: Option<u8>) -> LimitState {
    let Some(percent) = utilisation.map(|u| u * 100.0) else {
        return LimitState::None;
    };
    match (min, max) {
        (None, None) => LimitState::None,
        (_, Some(max)) if percent > f64::from(max) => LimitState::Above,
        (Some(min), _) if percent < f64::from(min) => LimitState::Below,
        _ => LimitState::Within,
    }
}

/// An interface's counters over time.
pub(crate) fn interface_series(shared: &Shared, query: &InterfaceSeriesQuery) -> Result<InterfaceSeries, Failure> {
    if query.step_s == 0 || query.step_s > STEP_MAX || !query.step_s.is_multiple_of(60) {
        return Err(bad(format!(
            "a step is a multiple of 60 and at most {STEP_MAX} seconds, not {}",
            query.step_s
        )));
    }
    let to = query.to.unwrap_or_else(now);
    ordered(query.from, to)?;
    let from = aggregate::align(query.from, 60);
    let step = u64::from(query.step_s);
    let points = (to.as_secs() - from.as_secs()).div_ceil(step);
    if points > POINTS_MAX {
        return Err(bad(format!(
            "that would be {points} points and at most {POINTS_MAX} are answered: take a longer step or a shorter span"
        )));
    }
    let mut sources: BTreeMap<CounterSource, BTreeMap<u64, InterfacePoint>> = BTreeMap::new();
    shared
        .store
        .interface_minutes(query.interface, from, to, |minute| {
            let at = minute.start.as_secs() / step * step;
            let points = sources.entry(minute.source).or_default();
            let point = points.entry(at).or_insert_with(|| InterfacePoint {
                at: Timestamp::from_secs(at),
                seconds: 0,
                inbound: Counters::default(),
                outbound: Counters::default(),
                detail: InterfaceDetail::default(),
            });
            point.seconds += match minute.source {
                CounterSource::Flow => 60,
                CounterSource::Snmp | CounterSource::Sflow => u32::from(minute.seconds),
            };
            point.inbound += minute.inbound;
            point.outbound += minute.outbound;
            point.detail.add(&minute.detail);
        })
        .map_err(|problem| failed(shared, problem))?;
    let points = |(source, points): (_, BTreeMap<u64, InterfacePoint>)| (source, points.into_values().collect());
    Ok(InterfaceSeries {
        step_s: query.step_s,
        facts: facts_of(shared, query.interface)?,
        sources: sources.into_iter().map(points).collect(),
    })
}

fn facts_of(shared: &Shared, interface: InterfaceId) -> Result<InterfaceFacts, Failure> {
    let InterfaceId { exporter, index } = interface;
    let mut known: BTreeMap<LinkId, Vec<InterfaceFacts>> = shared
        .store
        .interface_facts(Some(exporter))
        .map_err(|problem| failed(shared, problem))?;
    let found = known.remove(&exporter).unwrap_or_default();
    let found = found.into_iter().find(|facts| facts.index == index);
    Ok(found.unwrap_or_else(|| InterfaceFacts {
        index,
        ..InterfaceFacts::default()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: InterfaceId = InterfaceId {
        exporter: LinkId(65_536),
        index: 3,
    };

    fn minute(source: CounterSource, start: u64, seconds: u8, bytes: u64) -> InterfaceMinute {
        InterfaceMinute {
            interface: ID,
            start: Timestamp::from_secs(start),
            source,
            seconds,
            inbound: Counters { packets: 60, bytes },
            outbound: Counters::default(),
            detail: InterfaceDetail::default(),
        }
    }

    fn answer(minutes: Vec<InterfaceMinute>, now: u64) -> InterfaceNow {
        let facts = InterfaceFacts {
            index: 3,
            speed_bps: Some(8_000),
            limits: [Some(10), Some(80), Some(1), None],
            ..InterfaceFacts::default()
        };
        let found = Found {
            facts: Some(facts),
            minutes,
        };
        found.answer(ID, Timestamp::from_secs(now))
    }

    #[test]
    fn counters_are_believed_before_records() {
        let flow = minute(CounterSource::Flow, 600, 0, 60_000);
        let now = answer(vec![flow.clone()], 700);
        assert_eq!(now.utilisation, Some((1.0, 0.0)));
        assert_eq!(now.limits, (LimitState::Above, LimitState::Below));
        let snmp = minute(CounterSource::Snmp, 660, 60, 30_000);
        let sflow = minute(CounterSource::Sflow, 660, 60, 3_000);
        let now = answer(vec![flow.clone(), snmp.clone(), sflow.clone()], 800);
        assert_eq!(now.utilisation, Some((0.5, 0.0)));
        assert_eq!(now.limits.0, LimitState::Within);
        assert_eq!(now.counters.unwrap().source, CounterSource::Snmp);
        assert_eq!(now.flow.unwrap().bits_per_s.0, 8_000.0);
        let now = answer(vec![flow, sflow], 800);
        assert_eq!(now.counters.unwrap().source, CounterSource::Sflow);
        assert_eq!(now.limits.0, LimitState::Below);
    }

    #[test]
    fn a_minute_that_is_not_whole_counts_by_its_seconds_when_there_is_no_other() {
        let part = minute(CounterSource::Snmp, 660, 20, 10_000);
        assert_eq!(answer(vec![part.clone()], 700).utilisation, Some((0.5, 0.0)));
        let whole = minute(CounterSource::Snmp, 600, 60, 60_000);
        assert_eq!(answer(vec![part, whole], 700).utilisation, Some((1.0, 0.0)));
        let none = minute(CounterSource::Snmp, 660, 0, 10_000);
        let now = answer(vec![none], 700);
        assert_eq!((now.counters, now.utilisation), (None, None));
        assert_eq!(now.limits, (LimitState::None, LimitState::None));
    }

    #[test]
    fn records_of_a_minute_are_waited_for() {
        let newest = minute(CounterSource::Flow, 660, 0, 1);
        let before = minute(CounterSource::Flow, 600, 0, 60_000);
        let now = answer(vec![newest.clone(), before.clone()], 749);
        assert_eq!(now.flow.unwrap().at, before.start);
        let now = answer(vec![newest.clone(), before], 750);
        assert_eq!(now.flow.unwrap().at, newest.start);
    }
}
