//! The names that DNS gave to addresses, for flows that do not say whom they talk to.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use model::Timestamp;

/// Entries that share a place.
const WAYS: usize = 8;
/// Parts with a lock each: the rings of a port share the names.
const SHARDS: usize = 16;
const SECOND: u64 = 1_000_000_000;
/// Programs keep addresses for longer than DNS says, and connections longer than both.
const TTL_MIN: u64 = 300;
const TTL_MAX: u64 = 86_400;

#[derive(Debug)]
struct Entry {
    /// Who asked; `None`: anybody.
    client: Option<IpAddr>,
    server: IpAddr,
    name: Arc<str>,
    /// Nanoseconds since the epoch.
    expires: u64,
}

/// A bounded table with a keyed hash. It is shared: the flow that asks DNS and the flow that uses the answer may be seen by
/// different rings.
#[derive(Debug)]
pub struct Names {
    hash: RandomState,
    /// Places of [`WAYS`] entries; made when the first name comes.
    shards: Vec<Mutex<Vec<Vec<Entry>>>>,
    places: usize,
}

impl Names {
    /// A table for at most so many names (rounded up to a multiple of 128).
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            hash: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            places: most.div_ceil(SHARDS * WAYS).max(1),
        }
    }

    /// DNS told a client that a name has an address.
    pub(crate) fn learn(&self, client: IpAddr, server: IpAddr, name: &Arc<str>, ttl: u32, now: Timestamp) {
        let expires = now
            .plus_nanos(u64::from(ttl).clamp(TTL_MIN, TTL_MAX) * SECOND)
            .as_nanos();
        for client in [Some(client), None] {
            self.place(client, server, |place| {
                let old = place.iter().position(|e| e.client == client && e.server == server);
                if let Some(old) = old.and_then(|at| place.get_mut(at)) {
                    old.name = Arc::clone(name);
                    old.expires = expires;
                    return;
                }
                let entry = Entry {
                    client,
                    server,
                    name: Arc::clone(name),
                    expires,
                };
                if place.len() < WAYS {
                    place.push(entry);
                } else if let Some(oldest) = place.iter_mut().min_by_key(|e| e.expires) {
                    *oldest = entry;
                }
            });
        }
    }

    /// The name that DNS gave to an address: to this client, else to anybody.
    #[must_use]
    pub fn of(&self, client: IpAddr, server: IpAddr, now: Timestamp) -> Option<Arc<str>> {
        [Some(client), None].into_iter().find_map(|client| {
            self.place(client, server, |place| {
                let found = place
                    .iter()
                    .find(|e| e.client == client && e.server == server && e.expires > now.as_nanos());
                found.map(|e| Arc::clone(&e.name))
            })
        })
    }

    /// Names held, outdated ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        let of = |shard: &Mutex<Vec<Vec<Entry>>>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.iter().map(Vec::len).sum::<usize>()
        };
        self.shards.iter().map(of).sum()
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn place<T: Default>(&self, client: Option<IpAddr>, server: IpAddr, act: impl FnOnce(&mut Vec<Entry>) -> T) -> T {
        let hash = self.hash.hash_one((client, server));
        let (shard, place) = (hash % SHARDS as u64, (hash >> 32) % self.places as u64);
        let index = |number: u64| usize::try_from(number).unwrap_or(0);
        let Some(shard) = self.shards.get(index(shard)) else {
            return T::default();
        };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if shard.is_empty() {
            shard.resize_with(self.places, Vec::new);
        }
        shard.get_mut(index(place)).map(act).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn a_clients_own_answer_comes_before_others() {
        let names = Names::new(1_024);
        let now = Timestamp::from_secs(1_000);
        names.learn(ip(1), ip(9), &Arc::from("a.example"), 60, now);
        names.learn(ip(2), ip(9), &Arc::from("b.example"), 60, now);
        assert_eq!(names.of(ip(1), ip(9), now).as_deref(), Some("a.example"));
        assert_eq!(names.of(ip(2), ip(9), now).as_deref(), Some("b.example"));
        assert_eq!(names.of(ip(3), ip(9), now).as_deref(), Some("b.example"));
        assert_eq!(names.of(ip(1), ip(8), now), None);
        assert_eq!(names.of(ip(1), ip(9), Timestamp::from_secs(1_301)), None);
    }

    #[test]
    fn the_table_stays_small() {
        let names = Names::new(256);
        for n in 0..100_000_u32 {
            let server = IpAddr::from(n.to_be_bytes());
            names.learn(ip(1), server, &Arc::from("x"), 60, Timestamp::from_secs(n.into()));
        }
        assert!(names.len() <= 256, "{}", names.len());
        assert!(names.len() > 128);
    }
}
