//! Where decoded records go.

use model::{FlowRecord, LinkId};

use crate::counters::CounterSample;
use crate::record::{Origin, Record};

/// Takes what is decoded. All methods but [`Sink::flow`] do nothing unless they are written.
pub trait Sink {
    /// Whether [`Sink::record`] is to be called: for those who want every field, at a price.
    const RECORDS: bool = false;

    /// The link that a flow is counted for, by the interfaces (ifIndex) that it came in and left by. Called once a flow.
    fn link(&mut self, origin: &Origin, ingress: Option<u32>, egress: Option<u32>) -> LinkId {
        let _ = (origin, ingress, egress);
        LinkId::default()
    }

    /// A flow. The record is used again for the next one.
    fn flow(&mut self, origin: &Origin, flow: &FlowRecord);

    /// Options, after the decoder has learnt from them.
    fn options(&mut self, record: &Record<'_>) {
        let _ = record;
    }

    /// Counters of an interface or a host (sFlow).
    fn counters(&mut self, origin: &Origin, sample: &CounterSample) {
        let _ = (origin, sample);
    }

    /// A record as it came, of any kind; before what is made of it.
    fn record(&mut self, record: &Record<'_>) {
        let _ = record;
    }
}
