//! Agents that are made up: honest ones with an object tree, and ones that misbehave on the wire.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_snmp::message::{CommunityMessage, Message};
use async_snmp::pdu::{PduType, ResponsePdu};
use async_snmp::{DecodeConfig, Oid, Value, VarBind, Version, oid};
use bytes::Bytes;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// How an agent behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As it should.
    Honest,
    /// It takes requests and says nothing.
    Silent,
    /// It answers after so many milliseconds.
    Late(u64),
    /// It answers another request than it was asked.
    WrongId,
    /// It answers with another community.
    WrongCommunity,
    /// It answers from another port.
    WrongSource,
    /// It answers octets that are no message, many of them, and then rightly.
    Garbage,
    /// It cuts each answer short by one octet more than the last.
    Truncated,
    /// Its interface table never ends.
    Endless,
    /// Its interface table goes round in circles.
    Circle,
    /// Each answer has no variable at all.
    Empty,
    /// Every value has a type that nobody expects.
    Absurd,
    /// It answers tooBig to more than one variable.
    Small,
    /// It loses answers of more than ten variables.
    LosesLarge,
}

/// A made-up agent; it ends with the value.
pub(crate) struct Simulated {
    pub(crate) port: u16,
    /// Requests that came.
    pub(crate) asked: Arc<AtomicU64>,
    peers: Arc<Mutex<BTreeSet<SocketAddr>>>,
    task: JoinHandle<()>,
}

impl Drop for Simulated {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Octets a second that each honest interface carries each way.
pub(crate) const RATE: u64 = 1_000_000;

/// ifHCInOctets of an interface after so long.
fn octets(index: u32, since: Instant) -> u64 {
    let carried = u64::try_from(since.elapsed().as_micros()).unwrap() * RATE / 1_000_000;
    // Close to the end of 64 bits, so that every counter wraps on the way.
    (u64::MAX - 500_000 * u64::from(index)).wrapping_add(carried)
}

impl Simulated {
    /// An agent with so many interfaces on a free port of the loopback.
    pub(crate) async fn start(manner: Manner, interfaces: u32) -> Self {
        let socket = Arc::new(
            UdpSocket::bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0))
                .await
                .unwrap(),
        );
        let other = UdpSocket::bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0))
            .await
            .unwrap();
        let port = socket.local_addr().unwrap().port();
        let asked = Arc::new(AtomicU64::new(0));
        let peers = Arc::new(Mutex::new(BTreeSet::new()));
        let (count, seen) = (Arc::clone(&asked), Arc::clone(&peers));
        let task = tokio::spawn(async move {
            let mut agent = Tree {
                interfaces,
                since: Instant::now(),
                manner,
                cut: 0,
            };
            let mut buffer = vec![0; 65_535];
            loop {
                let (length, peer) = socket.recv_from(&mut buffer).await.unwrap();
                count.fetch_add(1, Ordering::Relaxed);
                seen.lock().unwrap().insert(peer);
                let Some(answer) = agent.answer(&buffer[..length]) else {
                    continue;
                };
                match manner {
                    Manner::Silent => (),
                    Manner::Late(milliseconds) => {
                        let socket = Arc::clone(&socket);
                        tokio::spawn(async move {
                            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                            let _ = socket.send_to(&answer, peer).await;
                        });
                    }
                    Manner::WrongSource => drop(other.send_to(&answer, peer).await),
                    Manner::Garbage => {
                        for n in 0..50usize {
                            let garbage = [&answer[..n.min(answer.len())], &[0xff; 9]].concat();
                            let _ = socket.send_to(&garbage, peer).await;
                        }
                        let _ = socket.send_to(&answer, peer).await;
                    }
                    _ => drop(socket.send_to(&answer, peer).await),
                }
            }
        });
        Self {
            port,
            asked,
            peers,
            task,
        }
    }

    /// Who asked.
    pub(crate) fn peers(&self) -> BTreeSet<SocketAddr> {
        self.peers.lock().unwrap().clone()
    }
}

struct Tree {
    interfaces: u32,
    since: Instant,
    manner: Manner,
    cut: usize,
}

fn cell(entry: &[u32], column: u32, index: u32) -> Oid {
    Oid::new(entry.iter().copied().chain([column, index]))
}

const IF: [u32; 9] = [1, 3, 6, 1, 2, 1, 2, 2, 1];
const IF_X: [u32; 10] = [1, 3, 6, 1, 2, 1, 31, 1, 1, 1];

impl Tree {
    fn objects(&self) -> BTreeMap<Oid, Value> {
        let text = |t: String| Value::OctetString(t.into_bytes().into());
        let ticks = u32::try_from(self.since.elapsed().as_millis() / 10).unwrap();
        let mut objects = BTreeMap::from([
            (oid!(1, 3, 6, 1, 2, 1, 1, 1, 0), text("made up".to_owned())),
            (oid!(1, 3, 6, 1, 2, 1, 1, 3, 0), Value::TimeTicks(1_000_000 + ticks)),
            (oid!(1, 3, 6, 1, 2, 1, 1, 5, 0), text("sim".to_owned())),
        ]);
        for index in 1..=self.interfaces {
            let octets = octets(index, self.since);
            objects.insert(cell(&IF, 2, index), text(format!("port {index}")));
            objects.insert(cell(&IF, 5, index), Value::Gauge32(1_000_000_000));
            objects.insert(cell(&IF, 8, index), Value::Integer(1));
            objects.insert(cell(&IF, 14, index), Value::Counter32(7));
            objects.insert(cell(&IF_X, 1, index), text(format!("p{index}")));
            objects.insert(cell(&IF_X, 6, index), Value::Counter64(octets));
            objects.insert(cell(&IF_X, 10, index), Value::Counter64(octets));
            objects.insert(cell(&IF_X, 7, index), Value::Counter64(octets / 1_000));
        }
        if self.manner == Manner::Absurd {
            for value in objects.values_mut() {
                *value = Value::Opaque(vec![0x9f, 0x78, 4, 0xff, 0xff, 0xff, 0xff].into());
            }
        }
        objects
    }

    /// The next object in an order that may be none.
    fn next(&self, objects: &BTreeMap<Oid, Value>, after: &Oid) -> VarBind {
        if after.arcs().starts_with(&IF_X) || after.arcs().starts_with(&IF) {
            let in_column = |index| Oid::new(after.arcs().iter().copied().take(after.len() - 1).chain([index]));
            let last = *after.arcs().last().unwrap();
            let depth = if after.arcs().starts_with(&IF_X) { 12 } else { 11 };
            match self.manner {
                Manner::Endless if after.len() == depth => {
                    return VarBind::new(in_column(last + 1), Value::Counter64(u64::from(last)));
                }
                Manner::Circle if after.len() == depth => return VarBind::new(in_column(1), Value::Counter64(1)),
                Manner::Endless | Manner::Circle => return VarBind::new(after.child(1), Value::Counter64(1)),
                _ => (),
            }
        }
        match objects.range(after.clone()..).find(|(oid, _)| *oid != after) {
            Some((oid, value)) => VarBind::new(oid.clone(), value.clone()),
            None => VarBind::new(after.clone(), Value::EndOfMibView),
        }
    }

    fn answer(&mut self, request: &[u8]) -> Option<Bytes> {
        let message = Message::decode(Bytes::copy_from_slice(request), DecodeConfig::default())
            .ok()?
            .value;
        let Message::Community(message) = message else {
            return None;
        };
        let pdu = message.pdu().standard()?.clone();
        let objects = self.objects();
        let asked: Vec<Oid> = pdu.varbinds().iter().map(|v| v.oid.clone()).collect();
        let mut variables: Vec<VarBind> = match pdu.pdu_type() {
            PduType::GetRequest => asked
                .iter()
                .map(|o| VarBind::new(o.clone(), objects.get(o).cloned().unwrap_or(Value::NoSuchInstance)))
                .collect(),
            PduType::GetNextRequest => asked.iter().map(|o| self.next(&objects, o)).collect(),
            PduType::GetBulkRequest => {
                let (_, repetitions) = pdu.get_bulk_fields()?;
                let mut at = asked.clone();
                let mut variables = Vec::new();
                for _ in 0..repetitions.min(100) {
                    for oid in &mut at {
                        let next = self.next(&objects, oid);
                        *oid = next.oid.clone();
                        variables.push(next);
                    }
                }
                variables
            }
            _ => return None,
        };
        let (id, empty) = (pdu_id(&pdu), self.manner == Manner::Empty);
        if empty {
            variables.clear();
        }
        let id = if self.manner == Manner::WrongId {
            id.wrapping_add(1).max(1)
        } else {
            id
        };
        if self.manner == Manner::LosesLarge && variables.len() > 10 {
            return None;
        }
        let response = if self.manner == Manner::Small && variables.len() > 1 {
            ResponsePdu::too_big(Version::V2c, id, Vec::new()).ok()?
        } else {
            ResponsePdu::success(Version::V2c, id, variables).ok()?
        };
        let community = if self.manner == Manner::WrongCommunity {
            &b"other"[..]
        } else {
            &b"public"[..]
        };
        let octets = CommunityMessage::v2c(community.to_vec(), response)
            .ok()?
            .encode()
            .ok()?;
        if self.manner == Manner::Truncated {
            self.cut = self.cut % octets.len() + 1;
            return Some(octets.slice(..octets.len() - self.cut));
        }
        Some(octets)
    }
}

fn pdu_id(pdu: &async_snmp::Pdu) -> i32 {
    pdu.clone().into_raw_parts().0
}
