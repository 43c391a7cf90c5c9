//! Readings of gauges before they have an exporter and a time.

use model::{Gauge, GaugeKind, LinkId, Timestamp};

/// Characters of a gauge's name that are kept.
const NAME_MAX: usize = 64;

/// Readings of an agent that are kept a round.
pub(crate) const READINGS_MAX: usize = 1_024;

/// A gauge's value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reading {
    pub(crate) kind: GaugeKind,
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) ok: Option<bool>,
}

impl Reading {
    pub(crate) fn new(kind: GaugeKind, name: impl Into<String>, value: f64) -> Self {
        let name: String = name.into();
        Self {
            kind,
            name: name.chars().take(NAME_MAX).collect(),
            value,
            ok: None,
        }
    }

    pub(crate) fn gauge(self, exporter: LinkId, at: Timestamp) -> Gauge {
        Gauge {
            exporter,
            at,
            kind: self.kind,
            name: self.name,
            value: self.value,
            ok: self.ok,
        }
    }
}
