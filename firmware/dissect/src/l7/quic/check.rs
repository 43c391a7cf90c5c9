//! Whether a flow begins with QUIC.

use model::{App, Confidence, L7};

use super::packet::{self, Kind};
use super::{google, version};
use crate::l7::sample::{Sample, Verdict};

const QUIC: App = App::named("quic");
const DNS: App = App::named("dns-over-quic");

/// Recognises QUIC by a flow's first datagrams, on any port: a long header of a version that is known.
pub(crate) fn check(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    let app = if sample.dst_port == 853 { DNS } else { QUIC };
    match [sample.client, sample.server].map(begins).into_iter().max() {
        Some(Some(confidence)) => Verdict::Is(app, confidence),
        _ => Verdict::No,
    }
}

/// How surely a datagram is of QUIC.
fn begins(datagram: &[u8]) -> Option<Confidence> {
    if google::public(datagram).is_some() {
        return Some(Confidence::Parsed);
    }
    let (packet, _) = packet::long(datagram)?;
    if version::is_reserved(packet.version) {
        return (packet.kind == Kind::Initial && datagram.len() >= 1_200).then_some(Confidence::Pattern);
    }
    version::is_known(packet.version).then_some(Confidence::Parsed)
}
