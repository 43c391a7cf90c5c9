//! What is asked, made ready: bounds checked, keys shaped, points laid out.

use model::{Ask, Key, Measure, Order, Query, Timestamp};

use crate::error::{QueryError, check};
use crate::group::table::Weight;
use crate::group::value::Shape;
use crate::series::{LATE, Points, step_for};

/// The question's spans and work.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    /// The span before, where it is compared with.
    pub(crate) before: Option<(Timestamp, Timestamp)>,
    pub(crate) work: Work,
}

/// What is done with records.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    Records {
        order: Order,
        ascending: bool,
        offset: u32,
        limit: u32,
    },
    Top {
        shape: Shape,
        weight: Weight,
        limit: u32,
        ascending: bool,
        /// Of [`Measure::P95`]: the intervals.
        intervals: Option<Points>,
        /// What of quality orders the groups, rather than the weight.
        by_quality: Option<Measure>,
        quality: bool,
    },
    Series {
        shape: Shape,
        weight: Weight,
        points: Points,
        /// Whether packets and octets are spread over a record's duration.
        spread: bool,
        limit: u32,
        zone_s: i32,
        quality: bool,
    },
    Totals {
        distinct: Vec<Shape>,
        quality: bool,
    },
}

impl Work {
    /// How many groups are shown.
    pub(crate) fn limit(&self) -> usize {
        match self {
            Self::Top { limit, .. } | Self::Series { limit, .. } => *limit as usize,
            Self::Records { .. } | Self::Totals { .. } => 0,
        }
    }

    /// Whether the records' quality is asked for.
    pub(crate) const fn quality(&self) -> bool {
        match self {
            Self::Records { .. } => false,
            Self::Top { quality, .. } | Self::Series { quality, .. } | Self::Totals { quality, .. } => *quality,
        }
    }
}

/// Points that a series has at most.
const POINTS_MAX: u64 = 10_000;
/// Steps from this on count records where they end.
const HOUR_S: u32 = 3_600;
const ZONE_MAX_S: i32 = 14 * 3_600;

/// The sums that a measure weighs: places in a group's sums.
pub(crate) const fn weight(measure: Measure) -> Weight {
    match measure {
        // Where quality orders groups, the heaviest are kept.
        Measure::Bytes
        | Measure::Rate
        | Measure::P95
        | Measure::Response
        | Measure::Connect
        | Measure::Retransmissions => Weight(2, Some(4)),
        Measure::Packets => Weight(1, Some(3)),
        Measure::Flows => Weight(0, None),
        Measure::BytesForward => Weight(2, None),
        Measure::BytesReverse => Weight(4, None),
    }
}

fn keys(keys: &[Key], countries: bool) -> Result<Shape, QueryError> {
    let country = keys.iter().any(|key| matches!(key, Key::SrcCountry | Key::DstCountry));
    if country && !countries {
        return Err(QueryError::NoCountries);
    }
    Ok(Shape::new(keys))
}

impl Plan {
    pub(crate) fn new(query: &Query, now: Timestamp, countries: bool) -> Result<Self, QueryError> {
        let (from, to) = (query.from, query.to.unwrap_or(now));
        if from >= to {
            return Err(QueryError::Span);
        }
        check("timeout_ms", query.timeout_ms.into(), 1, 600_000)?;
        let mut compared = false;
        let work = match &query.ask {
            Ask::Records {
                order,
                ascending,
                offset,
                limit,
            } => {
                check("limit", (*limit).into(), 1, 10_000)?;
                check("offset + limit", u64::from(*offset) + u64::from(*limit), 1, 100_000)?;
                Work::Records {
                    order: *order,
                    ascending: *ascending,
                    offset: *offset,
                    limit: *limit,
                }
            }
            Ask::Top {
                by,
                measure,
                limit,
                ascending,
                compare,
                quality,
            } => {
                check("the number of keys", by.len() as u64, 1, 8)?;
                check("limit", (*limit).into(), 1, 10_000)?;
                compared = *compare;
                Work::Top {
                    shape: keys(by, countries)?,
                    weight: weight(*measure),
                    limit: *limit,
                    ascending: *ascending,
                    intervals: match measure {
                        Measure::P95 => Some(intervals(from, to)?),
                        _ => None,
                    },
                    by_quality: Some(*measure).filter(|measure| measure.is_quality()),
                    quality: *quality || measure.is_quality(),
                }
            }
            Ask::Series {
                step_s,
                zone_s,
                by,
                measure,
                limit,
                compare,
                quality,
            } => {
                check("the number of keys", by.len() as u64, 0, 8)?;
                if !by.is_empty() {
                    check("limit", (*limit).into(), 1, 100)?;
                }
                check(
                    "zone_s, without its sign,",
                    zone_s.unsigned_abs().into(),
                    0,
                    ZONE_MAX_S.unsigned_abs().into(),
                )?;
                compared = *compare;
                let step_s = step_s.unwrap_or_else(|| step_for(from, to, *zone_s));
                check("step_s", step_s.into(), 1, u32::MAX.into())?;
                let points = Points::new(from, to, step_s, *zone_s).ok_or(QueryError::Span)?;
                check("the number of points", points.count().into(), 1, POINTS_MAX)?;
                Work::Series {
                    shape: keys(by, countries)?,
                    weight: weight(*measure),
                    points,
                    spread: step_s < HOUR_S,
                    limit: *limit,
                    zone_s: *zone_s,
                    quality: *quality || measure.is_quality(),
                }
            }
            Ask::Totals {
                distinct,
                compare,
                quality,
            } => {
                check("the number of keys", distinct.len() as u64, 0, 8)?;
                compared = *compare;
                let shapes = distinct.iter().map(|key| keys(&[*key], countries));
                Work::Totals {
                    distinct: shapes.collect::<Result<_, _>>()?,
                    quality: *quality,
                }
            }
        };
        let length = to.nanos_since(from);
        let before = Timestamp::from_nanos(from.as_nanos().saturating_sub(length));
        Ok(Self {
            from,
            to,
            // There is no time before 1970.
            before: (compared && before < from).then_some((before, from)),
            work,
        })
    }

    /// The spans that records must end in: the one asked about, and the one before.
    pub(crate) fn ends(&self) -> [Option<(Timestamp, Timestamp)>; 2] {
        let late = |(from, to): (Timestamp, Timestamp)| match self.work {
            Work::Series { spread: true, .. } => (from, to.plus_nanos(LATE)),
            _ => (from, to),
        };
        [Some(late((self.from, self.to))), self.before.map(late)]
    }

    /// By how much the span before is earlier.
    pub(crate) const fn length(&self) -> u64 {
        self.to.nanos_since(self.from)
    }
}

/// The intervals of a percentile: of 5 min, or of 60 s in spans below 6 h.
fn intervals(from: Timestamp, to: Timestamp) -> Result<Points, QueryError> {
    let long = to.nanos_since(from) >= Timestamp::from_secs(6 * 3_600).as_nanos();
    Points::from_start(from, to, if long { 300 } else { 60 }).ok_or(QueryError::Span)
}
