//! The flows of a capture and their handshakes: streams in order, without what CORE's inspector does for an appliance.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use capture::corpus;
use model::L7;

use crate::l7::quic;
use crate::l7::sample::{Sample, Verdict};
use crate::l7::tls::{self, Datagrams, Handshake};
use crate::{Frame, Packet};

/// Transport, the first sender, the other side.
pub(super) type Key = (u8, SocketAddr, SocketAddr);

/// A flow's handshake.
#[derive(Debug)]
pub(super) enum Reader {
    Tls(Handshake),
    Dtls(Datagrams),
    Quic(quic::Session),
    Other,
}

#[derive(Debug, Default)]
struct Stream {
    next: Option<u32>,
    waiting: BTreeMap<u32, Vec<u8>>,
    begin: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Flow {
    streams: [Stream; 2],
    pub(super) reader: Option<Reader>,
}

impl Flow {
    /// The facts of the handshake.
    pub(super) fn facts(&self) -> Option<L7> {
        let mut l7 = L7::default();
        match self.reader.as_ref()? {
            Reader::Tls(handshake) => handshake.describe(&mut l7),
            Reader::Dtls(datagrams) => datagrams.describe(&mut l7),
            Reader::Quic(session) => session.describe(&mut l7),
            Reader::Other => return None,
        }
        Some(l7)
    }

    /// Why the handshake failed.
    pub(super) fn failure(&self) -> Option<&'static str> {
        match self.reader.as_ref()? {
            Reader::Tls(handshake) => handshake.failure(),
            Reader::Dtls(datagrams) => datagrams.failure(),
            Reader::Quic(session) => session.failure(),
            Reader::Other => None,
        }
    }

    /// Octets in order, of a stream, or a datagram.
    fn octets(&mut self, key: &Key, forward: bool, octets: &[u8]) {
        let side = usize::from(!forward);
        if self.streams[side].begin.is_empty() || (key.0 == 6 && self.reader.is_none()) {
            self.streams[side].begin.extend(octets);
        }
        if self.reader.is_none() {
            self.reader = decide(key, &self.streams[0].begin, &self.streams[1].begin, octets, forward);
            if key.0 == 6
                && let Some(Reader::Tls(handshake)) = &mut self.reader
            {
                // what came before the decision
                for (stream, forward) in [(&self.streams[0], true), (&self.streams[1], false)] {
                    handshake.push(forward, &stream.begin);
                }
                return;
            }
        }
        match &mut self.reader {
            Some(Reader::Tls(handshake)) => drop(handshake.push(forward, octets)),
            Some(Reader::Dtls(datagrams)) => drop(datagrams.datagram(forward, octets)),
            Some(Reader::Quic(session)) => drop(session.datagram(forward, octets)),
            // a protocol that goes over to TLS, or carries DTLS beside its own
            Some(Reader::Other) => match decide(key, octets, &[], octets, forward) {
                Some(Reader::Tls(mut handshake)) => {
                    handshake.push(forward, octets);
                    self.reader = Some(Reader::Tls(handshake));
                }
                Some(Reader::Dtls(mut datagrams)) => {
                    datagrams.datagram(forward, octets);
                    self.reader = Some(Reader::Dtls(datagrams));
                }
                _ => {}
            },
            None => {}
        }
    }

    fn segment(&mut self, key: &Key, packet: &Packet, forward: bool, payload: &[u8]) {
        const SYN: u8 = 2;
        let stream = &mut self.streams[usize::from(!forward)];
        if packet.tcp_flags & SYN != 0 {
            stream.next = Some(packet.tcp_seq.wrapping_add(1));
        }
        if payload.is_empty() {
            return;
        }
        stream.next.get_or_insert(packet.tcp_seq);
        stream.waiting.entry(packet.tcp_seq).or_insert_with(|| payload.to_vec());
        while let Some((at, next)) = self.ready(forward) {
            let stream = &mut self.streams[usize::from(!forward)];
            let segment = stream.waiting.remove(&at).expect("it is there");
            let skip = usize::try_from(next.wrapping_sub(at)).expect("a segment's length");
            if let Some(new) = segment.get(skip..).filter(|new| !new.is_empty()) {
                stream.next = Some(next.wrapping_add(u32::try_from(new.len()).expect("a segment's length")));
                self.octets(key, forward, new);
            }
        }
    }

    /// The segment that comes next, and the number that is next.
    fn ready(&self, forward: bool) -> Option<(u32, u32)> {
        let stream = &self.streams[usize::from(!forward)];
        let next = stream.next?;
        let at = stream.waiting.keys().find(|at| next.wrapping_sub(**at) < 1 << 30)?;
        Some((*at, next))
    }
}

fn decide(key: &Key, client: &[u8], server: &[u8], latest: &[u8], forward: bool) -> Option<Reader> {
    let sample = Sample {
        transport: key.0,
        src_port: key.1.port(),
        dst_port: key.2.port(),
        src: key.1.ip(),
        dst: key.2.ip(),
        client,
        server,
        client_packets: 1,
        server_packets: 1,
        latest,
        forward,
    };
    let mut l7 = L7::default();
    if key.0 == 6 {
        return match tls::check(&sample, &mut l7) {
            Verdict::Is(..) => Some(Reader::Tls(Handshake::default())),
            Verdict::More => None,
            Verdict::No => Some(Reader::Other),
        };
    }
    if matches!(quic::check(&sample, &mut l7), Verdict::Is(..)) {
        Some(Reader::Quic(quic::Session::default()))
    } else if matches!(tls::check_dtls(&sample, &mut l7), Verdict::Is(..)) {
        Some(Reader::Dtls(Datagrams::default()))
    } else if !client.is_empty() && !server.is_empty() {
        Some(Reader::Other)
    } else {
        None
    }
}

/// The TCP and UDP flows of a capture by their ends.
pub(super) fn read(path: &Path) -> BTreeMap<Key, Flow> {
    let mut flows: BTreeMap<Key, Flow> = BTreeMap::new();
    // a capture that ends in the middle of a packet has given what it could
    let _ = corpus::frames(path, |frame| {
        let view = Frame {
            link_type: frame.link_type,
            data: frame.data,
            wire_len: frame.wire_len,
            vlan_tci: frame.vlan_tci,
        };
        let Ok(packet) = crate::dissect(&view) else { return };
        if !matches!(packet.protocol, 6 | 17) || packet.fragment.is_some() {
            return;
        }
        let from = packet.payload.offset as usize;
        let payload = frame
            .data
            .get(from..from + packet.payload.captured as usize)
            .unwrap_or_default();
        let src = SocketAddr::new(packet.src, packet.src_port);
        let dst = SocketAddr::new(packet.dst, packet.dst_port);
        let back = (packet.protocol, dst, src);
        let forward = !flows.contains_key(&back);
        let key = if forward { (packet.protocol, src, dst) } else { back };
        let flow = flows.entry(key).or_insert_with(|| Flow {
            streams: Default::default(),
            reader: None,
        });
        if packet.protocol == 6 {
            flow.segment(&key, &packet, forward, payload);
        } else if !payload.is_empty() {
            flow.octets(&key, forward, payload);
        }
    });
    flows
}
