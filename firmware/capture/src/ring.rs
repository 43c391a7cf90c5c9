//! A packet ring of the kernel: AF_PACKET with TPACKET_V3 (packet(7), Documentation/networking/packet_mmap.rst).
//!
//! The kernel fills blocks of memory that are shared with us; a full block, or one that waited for
//! the block timeout, is ours until it is given back. Nothing is copied. Opening a ring takes
//! CAP_NET_RAW; once it is open the capability can be dropped, also for following an interface
//! that went away and came back.

mod block;
mod interface;
mod map;
mod socket;

use std::time::Duration;

use block::Block;
use interface::Watch;
use map::Map;

pub use interface::LinkState;
pub use socket::Fanout;

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
    /// Several rings that share an interface's frames.
    pub fanout: Option<Fanout>,
}

impl Default for RingConfig {
    /// 16 MiB in blocks of 1 MiB, 20 ms, whole frames, promiscuous, alone.
    fn default() -> Self {
        Self {
            block_size: 1 << 20,
            blocks: 16,
            block_timeout: Duration::from_millis(20),
            snaplen: None,
            promiscuous: true,
            fanout: None,
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
    socket: socket::PacketSocket,
    watch: Watch,
    link_type: u16,
    /// The block that comes next.
    next: usize,
    counters: RingCounters,
}

impl Ring {
    /// Opens a ring on an interface, which has to exist but need not be up.
    ///
    /// # Errors
    /// [`Error::Interface`] with the step that failed: without CAP_NET_RAW, when the interface does not
    /// exist or has no link layer known here, or when memory is short.
    pub fn open(interface: &str, config: &RingConfig) -> Result<Self, Error> {
        let socket = socket::PacketSocket::open(interface)?;
        let link_type = socket.link_type(interface)?;
        socket.set_up(interface, config)?;
        let map = Map::new(&socket, interface, config.block_size, config.blocks)?;
        let mut watch = Watch::new(interface, config.promiscuous);
        watch.attach(&socket)?;
        if let Some(fanout) = config.fanout {
            socket.join(interface, fanout)?;
        }
        Ok(Self {
            map,
            socket,
            watch,
            link_type,
            next: 0,
            counters: RingCounters::default(),
        })
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
    /// shown by [`Ring::link_state`], and capturing goes on when it comes back.
    fn poll(&mut self, wait: Duration, mut on_frame: impl FnMut(&Frame<'_>)) -> Result<Polled, Error> {
        if !self.map.is_ready(self.next) {
            self.socket.wait(wait);
            if !self.map.is_ready(self.next) {
                self.watch.look(&self.socket);
                return Ok(Polled::Idle);
            }
        }
        let frames = Block::new(self.map.block(self.next), self.link_type).each(&mut on_frame);
        self.map.release(self.next);
        self.next = (self.next + 1) % self.map.blocks();
        Ok(Polled::Frames(frames))
    }
}

#[cfg(test)]
mod tests;
