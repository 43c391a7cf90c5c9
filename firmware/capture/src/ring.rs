//! A packet ring of the kernel: AF_PACKET with TPACKET_V3 (packet(7), Documentation/networking/packet_mmap.rst).
//!
//! The kernel fills blocks of memory that are shared with us; a full block, or one that waited for
//! the block timeout, is ours until it is given back. Nothing is copied. Opening a ring takes
//! CAP_NET_RAW; once it is open the capability can be dropped, also for following an interface
//! that went away and came back.

mod block;
mod clock;
mod interface;
mod map;
mod socket;
mod steer;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::{Duration, SystemTime};

use block::Block;
use clock::Clock;
use interface::Watch;
use map::Map;
use socket::PacketSocket;

pub use interface::LinkState;

use crate::{Error, Frame, Polled, Source};

/// How a ring is set up.
#[derive(Debug, Clone)]
pub struct RingConfig {
    /// Octets of a block: a multiple of the page size. A frame larger than a block is cut.
    pub block_size: u32,
    /// Blocks; the ring takes `blocks * block_size` octets of locked memory.
    pub blocks: u32,
    /// How long a block that is not full may wait.
    pub block_timeout: Duration,
    /// The most octets of a frame that are captured; `None` captures all.
    pub snaplen: Option<u32>,
    /// Whether frames to other stations are captured: what a mirror port is for.
    pub promiscuous: bool,
    /// Whether frames are stamped by the NIC where it does so; see [`crate::nic::Device::stamp_packets`].
    pub hardware_time: bool,
}

impl Default for RingConfig {
    /// 16 MiB in blocks of 1 MiB, 20 ms, whole frames, promiscuous, the kernel's clock.
    fn default() -> Self {
        Self {
            block_size: 1 << 20,
            blocks: 16,
            block_timeout: Duration::from_millis(20),
            snaplen: None,
            promiscuous: true,
            hardware_time: false,
        }
    }
}

/// What the kernel counted for a ring since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RingCounters {
    /// Frames that came, dropped ones included.
    pub packets: u64,
    /// Frames dropped because the ring was full (`tp_drops`).
    pub drops: u64,
    /// How often the ring was full (`tp_freeze_q_cnt`).
    pub freezes: u64,
}

/// A ring on one interface. Frames that this machine sends are left out.
#[derive(Debug)]
pub struct Ring {
    map: Map,
    socket: PacketSocket,
    watch: Watch,
    link_type: u16,
    /// The block that comes next.
    next: usize,
    counters: RingCounters,
    clock: Clock,
}

impl Ring {
    /// Opens a ring on an interface, which has to exist but need not be up.
    ///
    /// # Errors
    /// [`Error::Interface`] with the step that failed: without CAP_NET_RAW, when the interface does not
    /// exist or has no link layer known here, or when memory is short.
    pub fn open(interface: &str, config: &RingConfig) -> Result<Self, Error> {
        let mut ring = Self::prepare(interface, config)?;
        ring.watch.attach(&ring.socket)?;
        ring.socket.open_gate(interface, config.snaplen)?;
        Ok(ring)
    }

    /// Opens rings that share an interface's frames: each frame comes to one of them, and frames between the same two IP
    /// addresses, whichever way, VLAN-tagged, in MPLS or PPPoE, or in fragments, all to the same one. One ring alone
    /// is as [`Ring::open`] makes it. A group does not follow an interface that another one replaced: its rings end.
    ///
    /// # Errors
    /// As [`Ring::open`].
    pub fn open_group(interface: &str, config: &RingConfig, rings: u16) -> Result<Vec<Self>, Error> {
        if rings <= 1 {
            return Ok(vec![Self::open(interface, config)?]);
        }
        let mut group = Vec::with_capacity(rings.into());
        let mut number = None;
        for _ in 0..rings {
            let mut ring = Self::prepare(interface, config)?;
            ring.watch.attach(&ring.socket)?;
            match number {
                Some(number) => ring.socket.join(interface, number)?,
                None => {
                    number = Some(ring.socket.found(interface)?);
                    ring.socket.steer(interface, &steer::program(multiplier()))?;
                }
            }
            ring.watch.hold();
            group.push(ring);
        }
        // Nothing came to any of them so far: where a frame goes depends on how many there are.
        for ring in &group {
            ring.socket.open_gate(interface, config.snaplen)?;
        }
        Ok(group)
    }

    /// A ring that nothing comes to yet.
    fn prepare(interface: &str, config: &RingConfig) -> Result<Self, Error> {
        let socket = PacketSocket::open(interface)?;
        let link_type = socket.link_type(interface)?;
        socket.set_up(interface, config)?;
        let map = Map::new(&socket, interface, config.block_size, config.blocks)?;
        Ok(Self {
            map,
            socket,
            watch: Watch::new(interface, config.promiscuous),
            link_type,
            next: 0,
            counters: RingCounters::default(),
            clock: Clock::default(),
        })
    }

    /// Octets of memory that the ring takes.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.map.octets() as u64
    }

    /// Whether the newest frame was stamped by the NIC; `None` before the first.
    #[must_use]
    pub fn stamped_by_nic(&self) -> Option<bool> {
        self.clock.stamped_by_nic()
    }

    /// The interface's name.
    #[must_use]
    pub fn interface(&self) -> &str {
        self.watch.name()
    }

    /// Whether the interface is up, as of the last time that [`Source::poll`] found nothing.
    #[must_use]
    pub fn link_state(&self) -> LinkState {
        self.watch.state()
    }

    /// What the kernel counted so far.
    ///
    /// # Errors
    /// When the kernel refuses, which an open ring's does not.
    pub fn counters(&mut self) -> Result<RingCounters, Error> {
        // Reading resets the kernel's counters.
        let (packets, drops, freezes) = self.socket.statistics(self.watch.name())?;
        self.counters.packets += u64::from(packets);
        self.counters.drops += u64::from(drops);
        self.counters.freezes += u64::from(freezes);
        Ok(self.counters)
    }
}

impl Source for Ring {
    /// Hands over the frames of one block. An interface that is down or gone is no error: it is
    /// shown by [`Ring::link_state`], and capturing goes on when it comes back; a ring of a group ends when it is gone.
    fn poll_together(
        &mut self,
        wait: Duration,
        mut on_frames: impl FnMut(&mut dyn Iterator<Item = Frame<'_>>),
    ) -> Result<Polled, Error> {
        if !self.map.is_ready(self.next) {
            self.socket.wait(wait);
            if !self.map.is_ready(self.next) {
                self.watch.look(&self.socket);
                return Ok(if self.watch.is_lost() {
                    Polled::End
                } else {
                    Polled::Idle
                });
            }
        }
        let mut block = Block::new(self.map.block(self.next), self.link_type, &mut self.clock, system_time);
        on_frames(&mut block);
        block.by_ref().for_each(drop);
        let frames = block.frames();
        self.map.release(self.next);
        self.next = (self.next + 1) % self.map.blocks();
        Ok(Polled::Frames(frames))
    }
}

/// The machine's clock in nanoseconds since 1970.
fn system_time() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX))
}

/// An odd number by chance: half of its bits set, so that neighbouring addresses are spread.
fn multiplier() -> u32 {
    let random = RandomState::new();
    let words = (0_u8..=u8::MAX).map(|n| random.hash_one(n));
    let words = words.map(|w| u32::try_from(w >> 32).unwrap_or(0) | 0x8000_0001);
    let spread = |word: &u32| (12..=20).contains(&word.count_ones());
    words.into_iter().find(spread).unwrap_or(0x9e37_79b1)
}

#[cfg(test)]
mod tests;
