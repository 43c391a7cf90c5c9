//! Layer 7 and quality in rows and columns.

use model::{DelaySums, DetailKey, FlowRecord, QualitySums, SideSums};
use serde_json::Value;

/// The columns of the quality of a group or a point.
pub(super) fn columns() -> impl Iterator<Item = String> {
    let delays = ["connect_client", "connect_server", "response"]
        .into_iter()
        .flat_map(|name| ["count", "mean_us", "max_us"].map(|what| format!("{name}_{what}")));
    let sides = ["", "_rev"].into_iter().flat_map(|side| {
        [
            "tcp_packets",
            "retransmitted",
            "out_of_order",
            "zero_windows",
            "resets",
            "rtp_packets",
            "rtp_lost",
            "rtp_jitter_us",
        ]
        .map(|name| format!("{name}{side}"))
    });
    std::iter::once("measured_flows".to_owned()).chain(delays).chain(sides)
}

/// Cells for [`columns`]; empty where nothing was measured.
pub(super) fn cells(quality: Option<&QualitySums>) -> Vec<Value> {
    let Some(q) = quality else {
        return columns().map(|_| Value::Null).collect();
    };
    let delays = |d: DelaySums| [d.count.into(), d.mean_us().into(), d.mean_us().map(|_| d.max_us).into()];
    let mut cells = vec![q.flows.into()];
    [q.connect_client, q.connect_server, q.response]
        .into_iter()
        .for_each(|d| cells.extend::<[Value; 3]>(delays(d)));
    [q.forward, q.reverse]
        .iter()
        .for_each(|side| cells.extend(self::side(side)));
    cells
}

fn side(side: &SideSums) -> [Value; 8] {
    [
        side.tcp_packets,
        side.retransmitted,
        side.out_of_order,
        side.zero_windows,
        side.resets,
        side.rtp_packets,
        side.rtp_lost,
        side.rtp_jitter_us,
    ]
    .map(Value::from)
}

/// What records say of layer 7 and quality: columns for what any of them has.
pub(super) struct Extras {
    l7: bool,
    details: Vec<DetailKey>,
    quality: bool,
}

impl Extras {
    pub(super) fn of(records: &[FlowRecord]) -> Self {
        let l7 = || records.iter().filter_map(|record| record.l7.as_deref());
        let said = |key: &DetailKey| l7().any(|l7| l7.details.get(*key).is_some());
        Self {
            l7: l7().next().is_some(),
            details: DetailKey::ALL.into_iter().filter(said).collect(),
            quality: records.iter().any(|record| record.quality.is_some()),
        }
    }

    pub(super) fn columns(&self) -> Vec<String> {
        let own = ["confidence", "host"].into_iter().filter(|_| self.l7);
        let names = own.chain(self.details.iter().map(|key| key.name())).map(str::to_owned);
        // A record is one flow.
        names.chain(columns().skip(1).filter(|_| self.quality)).collect()
    }

    pub(super) fn cells(&self, record: &FlowRecord) -> Vec<Value> {
        let l7 = record.l7.as_deref();
        let mut row: Vec<Value> = Vec::new();
        if self.l7 {
            let confidence = l7.map(|l7| serde_json::to_value(l7.confidence).unwrap_or_default());
            row.extend([confidence.into(), l7.and_then(|l7| l7.host.as_deref()).into()]);
        }
        let details = self
            .details
            .iter()
            .map(|key| l7.and_then(|l7| l7.details.get(*key)).into());
        row.extend(details);
        if self.quality {
            row.extend(cells(QualitySums::of(record).as_ref()).into_iter().skip(1));
        }
        row
    }
}
