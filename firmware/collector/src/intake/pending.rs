//! Senders that are not registered.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use api::collector::{PendingSender, Protocol, SocketPurpose};
use model::Timestamp;

/// Senders that are listed.
pub(super) const PENDING_MAX: usize = 1_000;

#[derive(Debug, Clone)]
struct Sender {
    protocols: BTreeSet<Protocol>,
    datagrams: u64,
    first_seen: Timestamp,
    last_seen: Timestamp,
}

/// A bounded list of them; the one that was silent longest makes room.
#[derive(Debug, Default)]
pub(super) struct Pending(HashMap<IpAddr, Sender>);

impl Pending {
    /// Lists a sender.
    pub(super) fn see(&mut self, now: Timestamp, address: IpAddr, protocol: Option<Protocol>) {
        if self.0.len() >= PENDING_MAX && !self.0.contains_key(&address) {
            let oldest = self.0.iter().min_by_key(|(_, s)| s.last_seen).map(|(a, _)| *a);
            oldest.and_then(|oldest| self.0.remove(&oldest));
        }
        let sender = self.0.entry(address).or_insert_with(|| Sender {
            protocols: BTreeSet::new(),
            datagrams: 0,
            first_seen: now,
            last_seen: now,
        });
        sender.last_seen = now;
        sender.datagrams += 1;
        sender.protocols.extend(protocol);
    }

    /// Forgets those for which `registered` holds now.
    pub(super) fn retain(&mut self, keep: impl Fn(IpAddr) -> bool) {
        self.0.retain(|address, _| keep(*address));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn list(&self) -> Vec<PendingSender> {
        let one = |(address, s): (&IpAddr, &Sender)| PendingSender {
            address: *address,
            protocols: s.protocols.iter().copied().collect(),
            datagrams: s.datagrams,
            first_seen: s.first_seen,
            last_seen: s.last_seen,
        };
        self.0.iter().map(one).collect()
    }
}

/// Joins the lists of several threads: one entry an address, the latest first.
pub(super) fn join(lists: impl IntoIterator<Item = PendingSender>) -> Vec<PendingSender> {
    let mut joined: HashMap<IpAddr, PendingSender> = HashMap::new();
    for sender in lists {
        match joined.get_mut(&sender.address) {
            None => drop(joined.insert(sender.address, sender)),
            Some(known) => {
                known.datagrams += sender.datagrams;
                known.first_seen = known.first_seen.min(sender.first_seen);
                known.last_seen = known.last_seen.max(sender.last_seen);
                known.protocols.extend(sender.protocols);
                known.protocols.sort_unstable();
                known.protocols.dedup();
            }
        }
    }
    let mut all: Vec<_> = joined.into_values().collect();
    all.sort_by(|a, b| b.last_seen.cmp(&a.last_seen).then(a.address.cmp(&b.address)));
    all.truncate(PENDING_MAX);
    all
}

/// What a datagram seems to be: by its first octets on a flow port, else by the port.
pub(super) fn guess(purpose: SocketPurpose, octets: &[u8]) -> Option<Protocol> {
    match purpose {
        SocketPurpose::Flow => match octets {
            [0, 1, ..] => Some(Protocol::NetflowV1),
            [0, 5, ..] => Some(Protocol::NetflowV5),
            [0, 7, ..] => Some(Protocol::NetflowV7),
            [0, 9, ..] => Some(Protocol::NetflowV9),
            [0, 10, ..] => Some(Protocol::Ipfix),
            [0, 0, 0, 5, ..] => Some(Protocol::Sflow),
            _ => None,
        },
        SocketPurpose::Syslog => Some(Protocol::Syslog),
        SocketPurpose::SyslogTls => Some(Protocol::SyslogTls),
        SocketPurpose::Traps => Some(Protocol::Trap),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_bounded_and_the_oldest_makes_room() {
        let mut pending = Pending::default();
        let address = |n: u32| IpAddr::from(n.to_be_bytes());
        for n in 0..2_000 {
            pending.see(Timestamp::from_secs(u64::from(n)), address(n), Some(Protocol::Ipfix));
        }
        let list = join(pending.list());
        assert_eq!(list.len(), PENDING_MAX);
        assert_eq!((list[0].address, list[999].address), (address(1_999), address(1_000)));
        pending.retain(|a| a != address(1_999));
        assert_eq!(join(pending.list())[0].address, address(1_998));
    }

    #[test]
    fn threads_lists_are_joined() {
        let (mut a, mut b) = (Pending::default(), Pending::default());
        let who = IpAddr::from([192, 0, 2, 1]);
        a.see(Timestamp::from_secs(5), who, Some(Protocol::Sflow));
        b.see(Timestamp::from_secs(3), who, Some(Protocol::Syslog));
        b.see(Timestamp::from_secs(4), who, None);
        let list = join(a.list().into_iter().chain(b.list()));
        assert_eq!(list.len(), 1);
        assert_eq!(
            (
                list[0].datagrams,
                list[0].first_seen.as_secs(),
                list[0].last_seen.as_secs()
            ),
            (3, 3, 5)
        );
        assert_eq!(list[0].protocols, [Protocol::Sflow, Protocol::Syslog]);
    }

    #[test]
    fn protocols_are_told_by_the_first_octets() {
        assert_eq!(guess(SocketPurpose::Flow, &[0, 9, 0]), Some(Protocol::NetflowV9));
        assert_eq!(guess(SocketPurpose::Flow, &[0, 0, 0, 5]), Some(Protocol::Sflow));
        assert_eq!(guess(SocketPurpose::Flow, b"x"), None);
        assert_eq!(guess(SocketPurpose::Traps, b""), Some(Protocol::Trap));
    }
}
