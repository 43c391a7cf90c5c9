//! From what was gathered to an answer.

use std::cmp::Ordering;
use std::collections::HashMap;

use model::{Found, Measure, QualitySums, SeriesRow, Sums, TopRow};

use super::groups::Groups;
use super::partial::{Partial, add};
use super::quality::{QUALITY, Words, join};
use super::{Compiled, Inner};
use crate::compile::ask::Work;
use crate::distinct::Distinct;
use crate::group::local::SUMS;
use crate::group::table::Table;
use crate::group::value::Shape;
use crate::series::Points;

/// An answer, and how far it is to be trusted.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// What was found.
    pub found: Found,
    /// Whether its numbers are exact, for what was read.
    pub exact: bool,
    /// Why they are not, in English.
    pub notes: Vec<String>,
}

/// Sums of their words; of a group's, those of the span.
pub(super) fn sums(words: &[u64]) -> Sums {
    let at = |at: usize| words.get(at).copied().unwrap_or(0);
    Sums {
        flows: at(0),
        packets: at(1),
        bytes: at(2),
        packets_rev: at(3),
        bytes_rev: at(4),
    }
}

impl Compiled {
    /// Makes an answer.
    #[must_use]
    pub fn finish(&self, partial: Partial) -> Finished {
        let exact = partial.is_exact();
        let mut notes = Vec::new();
        let groups = partial.groups.as_ref();
        if groups.is_some_and(Groups::is_estimate) {
            notes.push(if exact {
                "There are more groups than the memory of a question holds: those shown are exact, the number of all is \
                 an estimate, within about 2 %."
                    .to_owned()
            } else {
                "There are more groups than the memory of a question holds, and many weigh nearly as much as those shown: \
                 groups may be missing and numbers may be too small. A narrower filter or fewer keys help."
                    .to_owned()
            });
        } else if let Some(groups) = groups.filter(|groups| groups.table.dropped() > 0) {
            notes.push(format!(
                "There are more groups than the memory of a question holds: the lightest were dropped {} times, so that \
                 groups may be missing and numbers may be too small. A narrower filter or fewer keys help.",
                groups.table.dropped()
            ));
        }
        if partial.cut {
            notes.push(
                "Rollups keep the heaviest groups of each hour: groups may be missing and numbers may be too small."
                    .to_owned(),
            );
        }
        if !partial.distinct.iter().all(Distinct::is_exact) {
            notes.push(
                "There are too many different values to count each: their number is an estimate, within about 1 %."
                    .to_owned(),
            );
        }
        Finished {
            found: self.0.found(partial),
            exact,
            notes,
        }
    }
}

/// A group among others: its number and weight.
type Weighed = (u64, usize);

/// The first groups, in order: by weight, then by values.
fn first(
    partial: &Partial,
    table: &Table,
    shape: &Shape,
    mut groups: Vec<Weighed>,
    limit: usize,
    ascending: bool,
) -> Vec<Weighed> {
    let order = |a: &Weighed, b: &Weighed| -> Ordering {
        let weights = if ascending { a.0.cmp(&b.0) } else { b.0.cmp(&a.0) };
        weights.then_with(|| shape.compare(table.row(a.1).0, table.row(b.1).0, &partial.texts))
    };
    if limit < groups.len() && limit > 0 {
        groups.select_nth_unstable_by(limit - 1, order);
        groups.truncate(limit);
    }
    groups.sort_unstable_by(order);
    groups
}

/// The groups that have something in the span, with their weights.
fn weighed(table: &Table) -> Vec<Weighed> {
    let there = |group: &usize| table.row(*group).1.iter().take(SUMS).any(|sum| *sum > 0);
    (0..table.len())
        .filter(there)
        .map(|group| (table.weigh(group), group))
        .collect()
}

/// The quality of all records.
fn all_of(partial: &Partial) -> Option<Box<QualitySums>> {
    super::quality::read(partial.quality.first()?).map(Box::new)
}

/// What weighs a group by its quality; one that was not measured comes last.
fn weigh_by_quality(measure: Measure, quality: Option<QualitySums>, ascending: bool) -> u64 {
    let mean = match measure {
        Measure::Response => quality.and_then(|quality| quality.response.mean_us()),
        Measure::Connect => quality.and_then(|quality| quality.connect_server.mean_us()),
        _ => Some(quality.map_or(0, |quality| quality.retransmitted())),
    };
    match mean {
        Some(mean) => mean.saturating_add(u64::from(!ascending)),
        None if ascending => u64::MAX,
        None => 0,
    }
}

impl Inner {
    fn found(&self, partial: Partial) -> Found {
        let before = self.plan.before.map(|_| sums(&partial.totals[1]));
        let total = sums(&partial.totals[0]);
        match &self.plan.work {
            Work::Records { offset, .. } => {
                let page = partial.page.map(|page| page.finish(*offset as usize));
                let (records, apps, more) = page.unwrap_or_default();
                Found::Records { records, apps, more }
            }
            Work::Totals { distinct, .. } => Found::Totals {
                quality: all_of(&partial),
                total,
                before,
                distinct: distinct
                    .iter()
                    .zip(&partial.distinct)
                    .flat_map(|(shape, distinct)| shape.keys().iter().map(|key| (*key, distinct.count())))
                    .collect(),
            },
            Work::Top {
                shape,
                limit,
                ascending,
                intervals,
                by_quality,
                ..
            } => {
                let Some(all) = &partial.groups else {
                    return Found::Top {
                        rows: Vec::new(),
                        total,
                        before,
                        groups: 0,
                        quality: None,
                    };
                };
                let Groups {
                    table, cells, quality, ..
                } = all;
                let quality_of = |key: &[u64]| {
                    let quality = quality.as_ref()?;
                    super::quality::read(quality.row(quality.find(key)?).1)
                };
                let mut groups = weighed(table);
                let count = all.count(groups.len() as u64);
                let percentiles = intervals.zip(cells.as_ref());
                if let Some((points, cells)) = &percentiles {
                    weigh_by_percentile(table, cells, points, &mut groups);
                }
                if let Some(measure) = by_quality {
                    for (weight, group) in &mut groups {
                        *weight = weigh_by_quality(*measure, quality_of(table.row(*group).0), *ascending);
                    }
                }
                let rows = first(&partial, table, shape, groups, *limit as usize, *ascending);
                let rows = rows.into_iter().map(|(weight, group)| {
                    let (key, words) = table.row(group);
                    TopRow {
                        values: shape.read(key, &partial.texts),
                        sums: sums(words),
                        quality: quality_of(key).map(Box::new),
                        p95_bps: percentiles.map(|(points, _)| weight as f64 * 8.0 / points.step_s() as f64),
                        before: before.map(|_| sums(words.get(SUMS..).unwrap_or_default())),
                    }
                });
                Found::Top {
                    rows: rows.collect(),
                    total,
                    before,
                    groups: count,
                    quality: all_of(&partial),
                }
            }
            Work::Series {
                shape, points, limit, ..
            } => Found::Series {
                step_s: u32::try_from(points.step_s()).unwrap_or(u32::MAX),
                at: (0..points.count()).map(|point| points.at(point)).collect(),
                series: self.series(shape, points, *limit as usize, &partial),
            },
        }
    }

    fn series(&self, shape: &Shape, points: &Points, limit: usize, partial: &Partial) -> Vec<SeriesRow> {
        let count = points.count() as usize;
        let halves = |line: &[[u64; SUMS]]| -> (Vec<Sums>, Vec<Sums>) {
            let mut all = line.iter().map(|words| sums(words));
            (all.by_ref().take(count).collect(), all.collect())
        };
        let row = |values, rest, line: &[[u64; SUMS]], quality: &[Words]| {
            let (points, before) = halves(line);
            let quality = quality
                .iter()
                .map(|words| super::quality::read(words).unwrap_or_default());
            SeriesRow {
                values,
                rest,
                points,
                before,
                quality: quality.collect(),
            }
        };
        let Some(Groups {
            table, cells, quality, ..
        }) = &partial.groups
        else {
            return vec![row(Vec::new(), false, &partial.line, &partial.quality)];
        };
        let groups = weighed(table);
        let chosen = first(partial, table, shape, groups, limit, false);
        let mut lines = vec![vec![[0u64; SUMS]; partial.line.len()]; chosen.len()];
        let places: HashMap<&[u64], usize> = chosen.iter().map(|(_, group)| table.row(*group).0).zip(0..).collect();
        for (cell, sums) in cells.iter().flat_map(Table::rows) {
            let Some((point, key)) = cell.split_last() else {
                continue;
            };
            let line = places.get(key).and_then(|at| lines.get_mut(*at));
            let point = usize::try_from(*point).unwrap_or(usize::MAX);
            if let Some(words) = line.and_then(|line| line.get_mut(point)) {
                add(words, sums);
            }
        }
        // The last is that of the rest.
        let nothing = vec![[0; QUALITY]; partial.quality.len()];
        let mut qualities = vec![nothing; chosen.len() + 1];
        for (cell, words) in quality.iter().flat_map(Table::rows) {
            let Some((point, key)) = cell.split_last() else {
                continue;
            };
            let line = qualities.get_mut(places.get(key).copied().unwrap_or(chosen.len()));
            let point = usize::try_from(*point).unwrap_or(usize::MAX);
            if let Some(sum) = line.and_then(|line| line.get_mut(point)) {
                join(sum, words);
            }
        }
        let mut rest = partial.line.clone();
        for line in &lines {
            for (rest, words) in rest.iter_mut().zip(line) {
                rest.iter_mut()
                    .zip(words)
                    .for_each(|(rest, words)| *rest = rest.saturating_sub(*words));
            }
        }
        let named = chosen.iter().zip(&lines).zip(&qualities);
        let mut series: Vec<_> = named
            .map(|(((_, group), line), quality)| {
                let values = shape.read(table.row(*group).0, &partial.texts);
                row(values, false, line, quality)
            })
            .collect();
        let left_out = table.dropped() > 0 || partial.cut;
        if left_out || rest.iter().flatten().any(|sum| *sum > 0) {
            let quality = qualities.last().map_or(&[][..], Vec::as_slice);
            series.push(row(Vec::new(), true, &rest, quality));
        }
        series
    }
}

/// Replaces groups' weights by the octets of the interval that is the 95th percentile: nearest rank, intervals without
/// octets counted as 0.
fn weigh_by_percentile(table: &Table, cells: &Table, points: &Points, groups: &mut [Weighed]) {
    let mut octets: Vec<(usize, u64)> = Vec::with_capacity(cells.len());
    for (cell, sums) in cells.rows() {
        let key = cell.split_last().map_or(&[][..], |(_, key)| key);
        if let Some(group) = table.find(key) {
            let both = sums
                .get(2)
                .copied()
                .unwrap_or(0)
                .saturating_add(sums.get(4).copied().unwrap_or(0));
            octets.push((group, both));
        }
    }
    octets.sort_unstable();
    let count = u64::from(points.count());
    let rank = (count * 95).div_ceil(100).max(1);
    for (weight, group) in groups {
        let from = octets.partition_point(|(g, _)| g < group);
        let to = octets.partition_point(|(g, _)| g <= group);
        let empty = count.saturating_sub((to - from) as u64);
        let at = (rank - 1).checked_sub(empty).and_then(|at| usize::try_from(at).ok());
        *weight = at.and_then(|at| octets.get(from + at)).map_or(0, |(_, octets)| *octets);
    }
}
