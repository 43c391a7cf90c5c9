//! The names that DNS gave to addresses, for flows that do not say whom they talk to.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use model::Timestamp;

use super::hash::Keyed;

/// Entries that share a place.
const WAYS: usize = 8;
/// Parts with a lock each: the rings of a port share the names.
const SHARDS: usize = 16;
const SECOND: u64 = 1_000_000_000;
/// Programs keep addresses for longer than DNS says, and connections longer than both.
const TTL_MIN: u64 = 300;
const TTL_MAX: u64 = 86_400;

/// A line of the processor's cache.
#[derive(Debug)]
#[repr(align(64))]
struct Entry {
    /// Who asked; `None`: anybody.
    client: Option<IpAddr>,
    server: IpAddr,
    name: Arc<str>,
    /// The name's keyed hash: whether it is another one is known without a look at it.
    name_hash: u64,
}

/// Who asked for a name, and an address that it has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    client: IpAddr,
    server: IpAddr,
    /// For the client, and for anybody.
    hashes: [u64; 2],
}

/// A name on its way into the table.
#[derive(Debug)]
pub(crate) struct Name<'a> {
    text: &'a str,
    hash: u64,
    /// The name once it had to be kept, for the next address.
    shared: Option<Arc<str>>,
}

/// Entries that share a part of their hash. What a search looks at first is one line of the processor's cache, and most
/// often all that it looks at besides the entry.
#[derive(Debug, Default)]
#[repr(C, align(64))]
struct Place {
    /// Another part of the entries' hashes.
    tags: [u32; WAYS],
    /// Seconds since the epoch; 0 where there is none.
    expires: [u32; WAYS],
    entries: [Option<Entry>; WAYS],
}

/// The places of a shard; made when they get their first name.
type Places = Vec<Option<Box<Place>>>;

/// A bounded table with a keyed hash. It is shared: the flow that asks DNS and the flow that uses the answer may be seen by
/// different rings.
#[derive(Debug)]
pub struct Names {
    hash: Keyed,
    /// Places of [`WAYS`] entries; made when the first name comes.
    shards: Vec<Mutex<Places>>,
    places: usize,
}

impl Names {
    /// A table for at most so many names (rounded up to a multiple of 128).
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            hash: Keyed::random(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            places: most.div_ceil(SHARDS * WAYS).max(1),
        }
    }

    /// A client and an address of which DNS told it.
    pub(crate) fn pair(&self, client: IpAddr, server: IpAddr) -> Pair {
        let hashes = [Some(client), None].map(|client| self.hash.addresses(client, server));
        Pair { client, server, hashes }
    }

    /// A name that is learnt.
    pub(crate) fn name<'a>(&self, text: &'a str) -> Name<'a> {
        Name {
            text,
            hash: self.hash.octets(text.as_bytes()),
            shared: None,
        }
    }

    /// Fetches what [`Self::learn`] looks at first.
    pub(crate) fn fetch_places(&self, pair: &Pair, fetch: fn(*const u8)) {
        for hash in pair.hashes {
            self.shard(hash, |places| {
                if let Some(place) = places.get(self.place(hash)).and_then(Option::as_deref) {
                    fetch(std::ptr::from_ref(place).cast());
                }
            });
        }
    }

    /// Fetches what [`Self::learn`] looks at then.
    pub(crate) fn fetch_entries(&self, pair: &Pair, fetch: fn(*const u8)) {
        for hash in pair.hashes {
            self.shard(hash, |places| {
                let Some(place) = places.get(self.place(hash)).and_then(Option::as_deref) else {
                    return;
                };
                let tag = tag_of(hash);
                let known = place.tags.iter().position(|known| *known == tag);
                if let Some(entry) = place.entries.get(known.unwrap_or_else(|| place.oldest())) {
                    fetch(std::ptr::from_ref(entry).cast());
                }
            });
        }
    }

    /// DNS told a client that a name has an address.
    pub(crate) fn learn(&self, pair: &Pair, name: &mut Name<'_>, ttl: u32, now: Timestamp) {
        let expires = seconds(now.plus_nanos(u64::from(ttl).clamp(TTL_MIN, TTL_MAX) * SECOND + SECOND - 1));
        let server = pair.server;
        for (client, hash) in [Some(pair.client), None].into_iter().zip(pair.hashes) {
            self.shard(hash, |places| {
                if places.is_empty() {
                    places.resize_with(self.places, || None);
                }
                let Some(place) = places.get_mut(self.place(hash)) else {
                    return;
                };
                let place = place.get_or_insert_default();
                let at = place.find(hash, client, server).unwrap_or_else(|| place.oldest());
                let (Some(slot), Some(tag), Some(until)) = (
                    place.entries.get_mut(at),
                    place.tags.get_mut(at),
                    place.expires.get_mut(at),
                ) else {
                    return;
                };
                *tag = tag_of(hash);
                *until = expires;
                let same = |e: &Entry| e.client == client && e.server == server && e.name_hash == name.hash;
                if !slot.as_ref().is_some_and(same) {
                    let text = Arc::clone(name.shared.get_or_insert_with(|| Arc::from(name.text)));
                    *slot = Some(Entry {
                        client,
                        server,
                        name: text,
                        name_hash: name.hash,
                    });
                }
            });
        }
    }

    /// The name that DNS gave to an address: to this client, else to anybody.
    #[must_use]
    pub fn of(&self, client: IpAddr, server: IpAddr, now: Timestamp) -> Option<Arc<str>> {
        [Some(client), None].into_iter().find_map(|client| {
            let hash = self.hash.addresses(client, server);
            self.shard(hash, |places| {
                let place = places.get(self.place(hash))?.as_deref()?;
                let at = place.find(hash, client, server)?;
                let valid = place.expires.get(at).is_some_and(|until| *until > seconds(now));
                let entry = place.entries.get(at)?.as_ref().filter(|_| valid)?;
                Some(Arc::clone(&entry.name))
            })
        })
    }

    /// Names held, outdated ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        let of = |shard: &Mutex<Places>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let places = shard.iter().flatten();
            places
                .map(|place| place.entries.iter().flatten().count())
                .sum::<usize>()
        };
        self.shards.iter().map(of).sum()
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A hash's place in its shard.
    fn place(&self, hash: u64) -> usize {
        usize::try_from((hash >> 32) % self.places as u64).unwrap_or(0)
    }

    /// Acts on the shard of a hash.
    fn shard<T: Default>(&self, hash: u64, act: impl FnOnce(&mut Places) -> T) -> T {
        let number = usize::try_from(hash % SHARDS as u64).unwrap_or(0);
        let Some(shard) = self.shards.get(number) else {
            return T::default();
        };
        act(&mut shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whole seconds since the epoch.
fn seconds(time: Timestamp) -> u32 {
    u32::try_from(time.as_nanos() / SECOND).unwrap_or(u32::MAX)
}

/// The part of a hash that tells entries of a place apart.
fn tag_of(hash: u64) -> u32 {
    u32::try_from(hash & u64::from(u32::MAX)).unwrap_or(0)
}

impl Place {
    /// Where the entry of two addresses is.
    fn find(&self, hash: u64, client: Option<IpAddr>, server: IpAddr) -> Option<usize> {
        let tag = tag_of(hash);
        let is = |at: usize| {
            let entry = self.entries.get(at).and_then(Option::as_ref);
            entry.is_some_and(|e| e.client == client && e.server == server)
        };
        let mut tags = self.tags.iter().enumerate();
        tags.find_map(|(at, known)| (*known == tag && is(at)).then_some(at))
    }

    /// The entry that goes first: a free one, else the one that expires first.
    fn oldest(&self) -> usize {
        let by_age = self.expires.iter().enumerate().min_by_key(|(_, expires)| **expires);
        by_age.map_or(0, |(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Names {
        fn tell(&self, (client, server): (IpAddr, IpAddr), name: &str, ttl: u32, now: Timestamp) {
            let pair = self.pair(client, server);
            // Fetching changes nothing.
            self.fetch_places(&pair, |_| {});
            self.fetch_entries(&pair, |_| {});
            self.learn(&pair, &mut self.name(name), ttl, now);
        }
    }

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn a_clients_own_answer_comes_before_others() {
        let names = Names::new(1_024);
        let now = Timestamp::from_secs(1_000);
        names.tell((ip(1), ip(9)), "a.example", 60, now);
        names.tell((ip(2), ip(9)), "b.example", 60, now);
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
            names.tell((ip(1), server), "x", 60, Timestamp::from_secs(n.into()));
        }
        assert!(names.len() <= 256, "{}", names.len());
        assert!(names.len() > 128);
    }
}
