//! How well a flow was served, as seen where it was captured.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// Delays that were measured: how many, their sum and the longest, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Delays {
    /// How many.
    pub count: u32,
    /// Their sum.
    pub total_us: u64,
    /// The longest.
    pub max_us: u32,
}

impl Delays {
    /// Adds one.
    pub fn add(&mut self, us: u32) {
        self.count = self.count.saturating_add(1);
        self.total_us = self.total_us.saturating_add(us.into());
        self.max_us = self.max_us.max(us);
    }

    /// The mean, in microseconds; `None` where none was measured.
    #[must_use]
    pub fn mean_us(&self) -> Option<u64> {
        self.total_us.checked_div(self.count.into())
    }
}

impl AddAssign for Delays {
    fn add_assign(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.total_us = self.total_us.saturating_add(other.total_us);
        self.max_us = self.max_us.max(other.max_us);
    }
}

/// What is counted of one direction: packets that this side sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct SideQuality {
    /// TCP segments whose octets were seen before.
    pub retransmitted: u32,
    /// TCP segments that came after later ones, and were not seen before.
    pub out_of_order: u32,
    /// TCP segments that closed the window: the sender of them can take no more.
    pub zero_windows: u32,
    /// TCP resets.
    pub resets: u32,
    /// RTP packets.
    pub rtp_packets: u32,
    /// RTP packets that are missing between others (RFC 3550, appendix A.3).
    pub rtp_lost: u32,
    /// The highest interarrival jitter of RTP, in microseconds (RFC 3550, section 6.4.1).
    pub rtp_jitter_us: u32,
}

/// The quality of a flow, or of a part of a long one. `None` and zero counts of delays are what was not measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Quality {
    /// From the server's SYN/ACK to the client's ACK, in microseconds: the network on the client's side. In the record
    /// that has the handshake.
    pub connect_client_us: Option<u32>,
    /// From the client's SYN (the last one before the answer) to the server's SYN/ACK: the network on the server's side
    /// and its kernel.
    pub connect_server_us: Option<u32>,
    /// From the last octet of a request to the first octet of its answer; of DNS and HTTP each transaction.
    pub response: Delays,
    /// What the sender of the first packet sent.
    pub forward: SideQuality,
    /// What the other one sent.
    pub reverse: SideQuality,
}

impl Quality {
    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
