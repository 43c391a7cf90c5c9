//! Packets that layer 7 is to look at, put together: what looks at one kind of traffic does not fit into the processor's
//! caches beside what looks at the others, or what counts.

use dissect::Packet;

use crate::index::NONE;

/// Looks after which they are done.
const MANY: usize = 96;

/// A packet on its way to layer 7.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look<'a> {
    /// The number of its flow.
    pub(crate) flow: u32,
    pub(crate) packet: Packet,
    pub(crate) payload: &'a [u8],
    pub(crate) forward: bool,
    /// The sequence numbers that the flow's sides expected before it.
    pub(crate) expected: [Option<u32>; 2],
    /// Nanoseconds since the epoch.
    pub(crate) now: u64,
}

/// Packets that wait, at most one of a flow: what comes next in a flow depends on what is seen.
#[derive(Debug, Default)]
pub(crate) struct Looks<'a> {
    looks: Vec<Look<'a>>,
    order: Vec<(u32, u16)>,
}

impl<'a> Looks<'a> {
    #[inline]
    pub(crate) fn push(&mut self, look: Look<'a>) {
        if self.looks.capacity() == 0 {
            self.looks.reserve_exact(MANY);
            self.order.reserve_exact(MANY);
        }
        self.looks.push(look);
    }

    /// Whether it is time to look.
    #[inline]
    pub(crate) fn are_many(&self) -> bool {
        self.looks.len() >= MANY
    }

    /// Takes the packet of a flow.
    pub(crate) fn take(&mut self, flow: u32) -> Option<Look<'a>> {
        let look = self.looks.iter_mut().find(|look| look.flow == flow)?;
        let taken = *look;
        look.flow = NONE;
        Some(taken)
    }

    /// Puts the packets of a kind one after the other.
    pub(crate) fn sort(&mut self) {
        let waiting = (0_u16..).zip(&self.looks).filter(|(_, look)| look.flow != NONE);
        self.order.clear();
        self.order.extend(waiting.map(|(at, look)| (look.kind(), at)));
        self.order.sort_unstable();
    }

    /// A packet, in the order of [`Self::sort`]; no packet was added or taken since.
    #[inline]
    pub(crate) fn get(&self, place: usize) -> Option<&Look<'a>> {
        let (_, at) = self.order.get(place)?;
        self.looks.get(usize::from(*at))
    }

    pub(crate) fn clear(&mut self) {
        self.looks.clear();
        self.order.clear();
    }
}

impl Look<'_> {
    /// What packets of an application have in common, as far as their ports tell: the lower one is most often the
    /// server's.
    fn kind(&self) -> u32 {
        let port = self.packet.src_port.min(self.packet.dst_port);
        u32::from(port) << 16 | u32::from(self.packet.protocol) << 8 | u32::from(self.forward)
    }
}
