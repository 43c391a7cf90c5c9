//! Counts wrong passwords and says how long to wait. Time is a parameter, in seconds of any clock that only goes on.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

/// Failures that are remembered; the oldest make room.
const ENTRIES_MAX: usize = 4_096;
/// Failures are forgotten after so long without another one.
const FORGET_S: u64 = 3_600;
/// The first wait.
const FIRST_WAIT_S: u64 = 15;

/// Where an attempt comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// The box's own screen or serial port.
    Console,
    /// An address; of an IPv6 address its /64.
    Network(IpAddr),
}

impl From<Option<IpAddr>> for Source {
    fn from(address: Option<IpAddr>) -> Self {
        match address.map(|a| a.to_canonical()) {
            None => Self::Console,
            Some(IpAddr::V6(v6)) => {
                let prefix = u128::from(v6) & !u128::from(u64::MAX);
                Self::Network(IpAddr::V6(Ipv6Addr::from(prefix)))
            }
            Some(v4) => Self::Network(v4),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// This account from this source.
    Pair(String, Source),
    /// Any account from this source.
    Source(Source),
    /// This account from anywhere on the network.
    Account(String),
}

impl Key {
    /// Failures that cost nothing, and the longest wait in seconds. An account's own wait is short, so that
    /// strangers who guess at it from many addresses cannot shut its owner out.
    const fn policy(&self) -> (u32, u64) {
        match self {
            Self::Pair(_, Source::Console) => (5, 60),
            Self::Pair(..) => (5, 900),
            Self::Source(_) => (10, 900),
            Self::Account(_) => (30, 30),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    failures: u32,
    last: u64,
    until: u64,
}

/// The memory of failed attempts.
#[derive(Debug, Default)]
pub(crate) struct Lockout {
    entries: HashMap<Key, Entry>,
}

impl Lockout {
    /// Seconds that an attempt on `user` from `source` must still wait; `None` when it may go on.
    pub(crate) fn wait(&self, user: &str, source: Source, now: u64) -> Option<u64> {
        let longest = keys(user, source)
            .filter_map(|key| Some(self.entries.get(&key)?.until.saturating_sub(now)))
            .max()?;
        (longest > 0).then_some(longest)
    }

    /// Notes a failed attempt.
    pub(crate) fn fail(&mut self, user: &str, source: Source, now: u64) {
        for key in keys(user, source) {
            let (free, longest) = key.policy();
            self.make_room(&key);
            let entry = self.entries.entry(key).or_insert(Entry {
                failures: 0,
                last: now,
                until: 0,
            });
            if now.saturating_sub(entry.last) > FORGET_S {
                entry.failures = 0;
            }
            entry.failures = entry.failures.saturating_add(1);
            entry.last = now;
            if let Some(beyond) = entry.failures.checked_sub(free) {
                let wait = FIRST_WAIT_S.saturating_mul(1 << beyond.min(16)).min(longest);
                entry.until = now.saturating_add(wait);
            }
        }
    }

    /// Notes a successful attempt. One at the physical console lifts every lock.
    pub(crate) fn succeed(&mut self, user: &str, source: Source) {
        if source == Source::Console {
            self.entries.clear();
        } else {
            for key in keys(user, source) {
                self.entries.remove(&key);
            }
        }
    }

    fn make_room(&mut self, key: &Key) {
        if self.entries.len() >= ENTRIES_MAX && !self.entries.contains_key(key) {
            let oldest = self
                .entries
                .iter()
                .min_by_key(|(_, entry)| entry.last)
                .map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                self.entries.remove(&oldest);
            }
        }
    }
}

fn keys(user: &str, source: Source) -> impl Iterator<Item = Key> {
    let user: String = user.chars().take(32).collect();
    let network = source != Source::Console;
    [
        Some(Key::Pair(user.clone(), source)),
        network.then_some(Key::Source(source)),
        network.then_some(Key::Account(user)),
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(text: &str) -> Source {
        Source::from(Some(text.parse().unwrap()))
    }

    #[test]
    fn the_wait_grows_with_each_failure_and_ends() {
        let (mut lockout, here) = (Lockout::default(), from("192.0.2.1"));
        let mut waits = Vec::new();
        for _ in 0..12 {
            lockout.fail("admin", here, 100);
            waits.push(lockout.wait("admin", here, 100).unwrap_or(0));
        }
        assert_eq!(waits, [0, 0, 0, 0, 15, 30, 60, 120, 240, 480, 900, 900]);
        assert_eq!(lockout.wait("admin", here, 999), Some(1));
        assert_eq!(lockout.wait("admin", here, 1_000), None);
    }

    #[test]
    fn a_locked_source_leaves_others_alone() {
        let mut lockout = Lockout::default();
        for _ in 0..9 {
            lockout.fail("admin", from("2001:db8::1"), 0);
        }
        assert!(lockout.wait("admin", from("2001:db8::2"), 0).is_some(), "the same /64");
        assert!(lockout.wait("admin", from("2001:db8:0:1::1"), 0).is_none());
        assert!(lockout.wait("admin", from("192.0.2.1"), 0).is_none());
        assert!(lockout.wait("admin", Source::Console, 0).is_none());
    }

    #[test]
    fn one_source_that_tries_many_accounts_is_locked() {
        let (mut lockout, here) = (Lockout::default(), from("::ffff:192.0.2.1"));
        for n in 0..10 {
            lockout.fail(&format!("user{n}"), here, 0);
        }
        assert!(lockout.wait("admin", from("192.0.2.1"), 0).is_some());
    }

    #[test]
    fn guesses_from_everywhere_shut_the_owner_out_for_seconds_only() {
        let mut lockout = Lockout::default();
        for n in 0..=255_u8 {
            lockout.fail("admin", Source::Network([198, 51, 100, n].into()), 0);
        }
        assert_eq!(lockout.wait("admin", from("192.0.2.1"), 0), Some(30));
        assert!(lockout.wait("admin", Source::Console, 0).is_none());
    }

    #[test]
    fn success_and_the_console_unlock() {
        let (mut lockout, here) = (Lockout::default(), from("192.0.2.1"));
        for _ in 0..20 {
            lockout.fail("admin", here, 0);
        }
        lockout.succeed("admin", from("192.0.2.9"));
        assert!(lockout.wait("admin", here, 0).is_some());
        lockout.succeed("admin", Source::Console);
        assert!(lockout.wait("admin", here, 0).is_none());
    }

    #[test]
    fn old_failures_are_forgotten_and_memory_is_bounded() {
        let (mut lockout, here) = (Lockout::default(), from("192.0.2.1"));
        for _ in 0..5 {
            lockout.fail("admin", here, 0);
        }
        lockout.fail("admin", here, FORGET_S + 1);
        assert!(lockout.wait("admin", here, FORGET_S + 1).is_none());
        for n in 0..20_000_u32 {
            lockout.fail("admin", Source::Network(IpAddr::V4(n.into())), 9_999);
        }
        assert!(lockout.entries.len() <= ENTRIES_MAX);
    }
}
