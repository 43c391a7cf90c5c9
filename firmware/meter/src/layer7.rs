//! Layer 7 of the flows: shows the inspector what it wants to see, and keeps what it says.

use dissect::l7::{Begin, Config, Inspector, Progress, Signatures, Statistics};
use model::{DetailKey, L7, LogRecord, Timestamp};
use std::sync::Arc;

use crate::flow::Flow;
use crate::flows::Flows;
use crate::identity::{Identities, NOBODY};
use crate::looks::Look;
use crate::sink::Sink;

/// What [`DetailKey::Anomaly`] says of fragments.
const OVERLAP: &str = "overlapping fragments";
const TINY: &str = "tiny fragments";
const TOO_LONG: &str = "fragments too long";

/// The inspector with what it said.
#[derive(Debug)]
pub(crate) struct Layer7 {
    inspector: Inspector,
    identities: Identities,
    fetch: fn(*const u8),
}

impl Layer7 {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            inspector: Inspector::new(config),
            identities: Identities::new(),
            fetch: |_| {},
        }
    }

    pub(crate) fn set_signatures(&mut self, signatures: Arc<Signatures>) {
        self.inspector.set_signatures(signatures);
    }

    /// Takes what fetches the cache line of an address.
    pub(crate) fn set_fetch(&mut self, fetch: fn(*const u8)) {
        self.inspector.set_fetch(fetch);
        self.fetch = fetch;
    }

    /// Fetches what a look at a flow's packet looks at.
    #[inline]
    pub(crate) fn fetch(&self, flow: &Flow, payload: &[u8]) {
        const LINE: usize = 64;
        if let Some(inspection) = &flow.inspection {
            self.inspector.fetch(inspection);
        }
        for offset in (0..payload.len()).step_by(LINE) {
            (self.fetch)(payload.as_ptr().wrapping_add(offset));
        }
    }

    /// Fetches an identity that is taken soon, and the text of one that was fetched before.
    #[inline]
    pub(crate) fn fetch_identity(&self, far: u32, near: u32) {
        self.identities.fetch(far, near, self.fetch);
    }

    pub(crate) fn statistics(&self) -> Statistics {
        self.inspector.statistics()
    }

    /// Shows a packet of a flow that is looked at. Call [`Self::keep`] before anything else happens to the flow.
    #[inline(never)]
    pub(crate) fn look(&mut self, flow: &mut Flow, look: &Look<'_>, sink: &mut impl Sink) {
        let Look {
            ref packet,
            payload,
            forward,
            expected,
            now,
            ..
        } = *look;
        let time = Timestamp::from_nanos(now);
        let inspection = flow.inspection.take();
        let begin = Begin { forward, expected };
        let Some(mut inspection) = inspection.or_else(|| self.inspector.open(packet, begin, time)) else {
            flow.decide();
            return;
        };
        let mut out = |log: LogRecord| sink.log(log);
        let progress = self
            .inspector
            .observe(&mut inspection, packet, payload, forward, time, &mut out);
        if progress == Progress::Transactions && flow.is_news() {
            if let Some(responses) = self.inspector.take_responses(&inspection) {
                flow.respond(responses);
            }
            let app = self.inspector.app(&inspection);
            flow.identify(app, forward, payload, now);
        }
        flow.inspection = Some(inspection);
        if progress == Progress::Done {
            flow.decide();
            if let Some(l7) = self.close(flow, forward, payload, now, sink) {
                self.identities.put(look.flow, &l7, self.fetch);
            }
        }
    }

    /// Keeps what the looks since the last call said of their flows.
    pub(crate) fn keep(&mut self, flows: &mut Flows) {
        let identify = |flow, number| std::mem::replace(&mut flows[flow].identity, number);
        self.identities.keep_all(self.fetch, identify);
    }

    /// Ends the inspection of a flow, if one is open; what is known.
    fn close(&mut self, flow: &mut Flow, forward: bool, payload: &[u8], now: u64, sink: &mut impl Sink) -> Option<L7> {
        let inspection = flow.inspection.take()?;
        let responses = self.inspector.take_responses(&inspection);
        let (app, l7) = self.inspector.close(inspection, &mut |log| sink.log(log));
        flow.identify(app, forward, payload, now);
        if let Some(responses) = responses {
            flow.respond(responses);
        }
        let says = app.is_some() || l7.host.is_some() || !l7.details.is_empty();
        says.then_some(l7)
    }

    /// What is known of a flow, for a record; `ends` where it is its last one.
    pub(crate) fn identity(&mut self, flow: &mut Flow, ends: bool, sink: &mut impl Sink) -> Option<Box<L7>> {
        let fresh = if ends {
            let last = flow.last;
            self.close(flow, true, &[], last, sink)
        } else if let Some(inspection) = &flow.inspection {
            let responses = self.inspector.take_responses(inspection);
            let (app, l7) = self.inspector.identity(inspection);
            if let Some(responses) = responses {
                flow.respond(responses);
            }
            (app.is_some() || l7.host.is_some() || !l7.details.is_empty()).then_some(l7)
        } else {
            None
        };
        let wanted = sink.wants_facts();
        let mut l7 = fresh
            .or_else(|| wanted.then(|| self.identities.get(flow.identity)).flatten())
            .filter(|_| wanted);
        if ends {
            self.identities.release(flow.identity);
            flow.identity = NOBODY;
        }
        let odd = flow.odd();
        if wanted && odd.is_any() {
            let details = &mut l7.get_or_insert_default().details;
            for (is, word) in [(odd.overlaps, OVERLAP), (odd.tiny, TINY), (odd.too_long, TOO_LONG)] {
                if is {
                    details.add(DetailKey::Anomaly, word);
                }
            }
        }
        l7.map(Box::new)
    }
}
