//! A window while it is open.

use std::net::IpAddr;

use model::{
    App, Conversation, Counters, Direction, DropCounters, FlowDelta, LinkCounters, LinkId, MalformedKind, NicErrors,
    SizeClass, Split, Timestamp, TopKey, Window,
};

use crate::top::Sums;
use crate::{ROWS_KEPT, align};

/// How much one window counts apart; traffic of what comes beyond goes to `others`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Addresses.
    pub hosts: usize,
    /// Pairs of addresses.
    pub conversations: usize,
}

impl Default for Limits {
    /// 32,768 of each.
    fn default() -> Self {
        Self {
            hosts: 32_768,
            conversations: 32_768,
        }
    }
}

/// Protocols and EtherTypes: the 256 protocols and as many EtherTypes as a sane network has.
const PROTOCOLS_MAX: usize = 1_024;
/// Applications: more than are known.
const APPS_MAX: usize = 4_096;

/// What a frame adds to the link's counters. Octets are those of the frame on the wire, without FCS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameSeen {
    /// Octets.
    pub bytes: u64,
    /// Where it goes.
    pub direction: Direction,
    /// Whether it goes to ff:ff:ff:ff:ff:ff.
    pub broadcast: bool,
    /// Whether it goes to a group, broadcast not counted.
    pub multicast: bool,
    /// The EtherType (0 for LLC) where the frame is sound and not IP.
    pub non_ip: Option<u16>,
    /// What is wrong with it.
    pub malformed: Option<MalformedKind>,
}

/// The open window of one link.
#[derive(Debug, Clone)]
pub struct WindowBuilder {
    link: LinkId,
    start: Timestamp,
    seconds: u32,
    counters: LinkCounters,
    /// `None` while nobody saw a frame of an exporter's link.
    sights: Option<Sights>,
    hosts: Sums<Address>,
    protocols: Sums<Protocol>,
    apps: Sums<App>,
    conversations: Sums<(Address, Address)>,
}

impl WindowBuilder {
    /// An empty window of `seconds` that holds `time`.
    #[must_use]
    pub fn new(link: LinkId, time: Timestamp, seconds: u32) -> Self {
        Self::with_limits(link, time, seconds, Limits::default())
    }

    /// An empty window of `seconds` that holds `time`, with tables of these bounds.
    #[must_use]
    pub fn with_limits(link: LinkId, time: Timestamp, seconds: u32, limits: Limits) -> Self {
        Self {
            link,
            start: align(time, seconds),
            seconds,
            counters: LinkCounters::default(),
            sights: link.is_port().then(Sights::default),
            hosts: Sums::new(limits.hosts),
            protocols: Sums::new(PROTOCOLS_MAX),
            apps: Sums::new(APPS_MAX),
            conversations: Sums::new(limits.conversations),
        }
    }

    /// The window's start.
    #[must_use]
    pub const fn start(&self) -> Timestamp {
        self.start
    }

    /// Counts a frame.
    #[inline]
    pub fn observe_frame(&mut self, frame: &FrameSeen) {
        let one = Counters {
            packets: 1,
            bytes: frame.bytes,
        };
        self.counters.frames.add(frame.direction, one);
        self.sights.get_or_insert_default().add(frame);
        if let Some(ether_type) = frame.non_ip {
            self.protocols
                .add(Protocol::of_frame(ether_type), |row| row.add(frame.direction, one));
        }
    }

    /// Counts what an exporter's record says: in the tables, and as the link's frames, whose octets are then those of
    /// the IP layer. Which frames these were nobody saw: a record's address says nothing of a link's broadcast.
    pub fn observe_exported(&mut self, delta: &FlowDelta) {
        self.counters.frames.add(delta.direction, delta.forward);
        self.counters.frames.add(delta.direction.reversed(), delta.reverse);
        self.observe(delta);
    }

    /// Rows that the tables hold.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.hosts.len() + self.protocols.len() + self.apps.len() + self.conversations.len()
    }

    /// Counts what was lost.
    pub fn observe_drops(&mut self, drops: DropCounters) {
        self.counters.drops += drops;
    }

    /// Counts what the NIC counted.
    pub fn observe_nic(&mut self, errors: NicErrors) {
        self.counters.nic += errors;
    }

    /// Adds what another builder counted of the same link and interval: as exact as if one had counted all, as long as
    /// the tables' bounds are kept.
    pub fn absorb(&mut self, other: Self) {
        self.counters += &other.counters;
        if let Some(sights) = &other.sights {
            self.sights.get_or_insert_default().absorb(sights);
        }
        self.hosts.absorb(other.hosts);
        self.protocols.absorb(other.protocols);
        self.apps.absorb(other.apps);
        self.conversations.absorb(other.conversations);
    }

    /// Counts what a flow carried since it was last asked.
    pub fn observe(&mut self, delta: &FlowDelta) {
        let (forward, reverse) = (delta.forward, delta.reverse);
        let by_home = |row: &mut Split| {
            row.add(delta.direction, forward);
            row.add(delta.direction.reversed(), reverse);
        };
        self.protocols.add(Protocol::of_ip(delta.protocol), by_home);
        self.apps.add(delta.app, by_home);

        // What goes out of the named end is `out`.
        let ends = |out: Counters, back: Counters| {
            move |row: &mut Split| {
                row.add(Direction::Out, out);
                row.add(Direction::In, back);
            }
        };
        let (src, dst) = (Address::of(delta.src_ip), Address::of(delta.dst_ip));
        self.hosts.add(src, ends(forward, reverse));
        // A host that talks to itself counts once.
        if src != dst {
            self.hosts.add(dst, ends(reverse, forward));
        }
        // Both ends are of one family, within which these numbers are in the addresses' order.
        let (pair, from_low, from_high) = if src <= dst {
            ((src, dst), forward, reverse)
        } else {
            ((dst, src), reverse, forward)
        };
        self.conversations.add(pair, ends(from_low, from_high));
    }

    /// Closes the window: the heaviest [`ROWS_KEPT`] rows of each table stay.
    #[must_use]
    pub fn close(self) -> Window {
        let counters = LinkCounters {
            broadcast: self.sights.as_ref().map(|s| s.broadcast),
            multicast: self.sights.as_ref().map(|s| s.multicast),
            non_ip: self.sights.as_ref().map(|s| s.non_ip),
            malformed: self.sights.as_ref().map(|s| s.malformed),
            sizes: self.sights.as_ref().map(|s| s.sizes),
            ..self.counters
        };
        Window {
            link: self.link,
            start: self.start,
            seconds: self.seconds,
            counters,
            hosts: self.hosts.finish(ROWS_KEPT, |address| TopKey::Host(address.ip())),
            protocols: self.protocols.finish(ROWS_KEPT, Protocol::key),
            apps: self.apps.finish(ROWS_KEPT, TopKey::App),
            conversations: self.conversations.finish(ROWS_KEPT, |(low, high)| {
                TopKey::Conversation(Conversation::of(low.ip(), high.ip()).0)
            }),
        }
    }
}

/// What is counted of frames that somebody saw.
#[derive(Debug, Clone, Default)]
struct Sights {
    broadcast: u64,
    multicast: u64,
    non_ip: u64,
    malformed: [u64; MalformedKind::ALL.len()],
    sizes: [u64; SizeClass::ALL.len()],
}

impl Sights {
    #[inline]
    fn add(&mut self, frame: &FrameSeen) {
        self.broadcast += u64::from(frame.broadcast);
        self.multicast += u64::from(frame.multicast);
        self.non_ip += u64::from(frame.non_ip.is_some());
        if let Some(count) = self.sizes.get_mut(SizeClass::of(frame.bytes).index()) {
            *count += 1;
        }
        if let Some(kind) = frame.malformed
            && let Some(count) = self.malformed.get_mut(kind.index())
        {
            *count += 1;
        }
    }

    fn absorb(&mut self, other: &Self) {
        self.broadcast += other.broadcast;
        self.multicast += other.multicast;
        self.non_ip += other.non_ip;
        let mine = self.malformed.iter_mut().chain(&mut self.sizes);
        for (mine, theirs) in mine.zip(other.malformed.iter().chain(&other.sizes)) {
            *mine += theirs;
        }
    }
}

/// An IP protocol, or above all of those an EtherType: in the order of their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Protocol(u32);

impl Protocol {
    const ETHER: u32 = 1 << 16;

    fn of_ip(protocol: u8) -> Self {
        Self(protocol.into())
    }

    fn of_frame(ether_type: u16) -> Self {
        Self(Self::ETHER | u32::from(ether_type))
    }

    fn key(self) -> TopKey {
        let [high, low] = [self.0 >> 16, self.0 & 0xffff];
        let low = u16::try_from(low).unwrap_or_default();
        match (high, u8::try_from(low)) {
            (0, Ok(protocol)) => TopKey::Protocol(protocol),
            _ => TopKey::EtherType(low),
        }
    }
}

/// An address as a number, IPv4 as the IPv6 address that maps it: quick to hash and to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Address(u128);

impl Address {
    #[inline]
    fn of(ip: IpAddr) -> Self {
        Self(match ip {
            IpAddr::V4(v4) => 0xffff_0000_0000 | u128::from(u32::from(v4)),
            IpAddr::V6(v6) => u128::from(v6),
        })
    }

    fn ip(self) -> IpAddr {
        IpAddr::V6(self.0.into()).to_canonical()
    }
}
