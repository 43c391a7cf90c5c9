//! Sums of the quality of many flows.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::{Delays, FlowRecord, SideQuality};

/// Delays of many flows: how many, their sum and the longest, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct DelaySums {
    /// How many.
    pub count: u64,
    /// Their sum.
    pub total_us: u64,
    /// The longest.
    pub max_us: u64,
}

impl DelaySums {
    /// The mean in microseconds, rounded down; `None` where none was measured.
    #[must_use]
    pub const fn mean_us(&self) -> Option<u64> {
        self.total_us.checked_div(self.count)
    }

    fn of(delay: Option<u32>) -> Self {
        let us = u64::from(delay.unwrap_or(0));
        Self {
            count: delay.is_some().into(),
            total_us: us,
            max_us: us,
        }
    }
}

impl From<Delays> for DelaySums {
    fn from(delays: Delays) -> Self {
        Self {
            count: delays.count.into(),
            total_us: delays.total_us,
            max_us: delays.max_us.into(),
        }
    }
}

impl AddAssign for DelaySums {
    fn add_assign(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.total_us = self.total_us.saturating_add(other.total_us);
        self.max_us = self.max_us.max(other.max_us);
    }
}

/// What one direction of many flows counted: see [`SideQuality`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct SideSums {
    /// Packets of the TCP records that were measured: what retransmissions are a share of.
    pub tcp_packets: u64,
    /// TCP segments whose octets were seen before.
    pub retransmitted: u64,
    /// TCP segments that came after later ones, and were not seen before.
    pub out_of_order: u64,
    /// TCP segments that closed the window.
    pub zero_windows: u64,
    /// TCP resets.
    pub resets: u64,
    /// RTP packets.
    pub rtp_packets: u64,
    /// RTP packets that are missing between others.
    pub rtp_lost: u64,
    /// The highest interarrival jitter of RTP, in microseconds.
    pub rtp_jitter_us: u64,
}

impl SideSums {
    fn of(side: &SideQuality, tcp_packets: u64) -> Self {
        Self {
            tcp_packets,
            retransmitted: side.retransmitted.into(),
            out_of_order: side.out_of_order.into(),
            zero_windows: side.zero_windows.into(),
            resets: side.resets.into(),
            rtp_packets: side.rtp_packets.into(),
            rtp_lost: side.rtp_lost.into(),
            rtp_jitter_us: side.rtp_jitter_us.into(),
        }
    }
}

impl AddAssign for SideSums {
    fn add_assign(&mut self, other: Self) {
        self.tcp_packets = self.tcp_packets.saturating_add(other.tcp_packets);
        self.retransmitted = self.retransmitted.saturating_add(other.retransmitted);
        self.out_of_order = self.out_of_order.saturating_add(other.out_of_order);
        self.zero_windows = self.zero_windows.saturating_add(other.zero_windows);
        self.resets = self.resets.saturating_add(other.resets);
        self.rtp_packets = self.rtp_packets.saturating_add(other.rtp_packets);
        self.rtp_lost = self.rtp_lost.saturating_add(other.rtp_lost);
        self.rtp_jitter_us = self.rtp_jitter_us.max(other.rtp_jitter_us);
    }
}

/// The quality of many flows; of records whose quality was measured alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct QualitySums {
    /// Records that were measured.
    pub flows: u64,
    /// The network's delay on the client's side, of each handshake.
    pub connect_client: DelaySums,
    /// The same on the server's side.
    pub connect_server: DelaySums,
    /// From request to answer.
    pub response: DelaySums,
    /// What the senders of first packets sent: the clients, as a rule.
    pub forward: SideSums,
    /// What the others sent: the servers, as a rule.
    pub reverse: SideSums,
}

impl QualitySums {
    /// What a record adds; `None` where nothing was measured.
    #[must_use]
    pub fn of(record: &FlowRecord) -> Option<Self> {
        let quality = record.quality.as_ref()?;
        let tcp = |packets: u64| if record.protocol == 6 { packets } else { 0 };
        Some(Self {
            flows: 1,
            connect_client: DelaySums::of(quality.connect_client_us),
            connect_server: DelaySums::of(quality.connect_server_us),
            response: quality.response.into(),
            forward: SideSums::of(&quality.forward, tcp(record.packets)),
            reverse: SideSums::of(&quality.reverse, tcp(record.packets_rev)),
        })
    }

    /// TCP segments that were sent again, by both sides.
    #[must_use]
    pub const fn retransmitted(&self) -> u64 {
        self.forward.retransmitted.saturating_add(self.reverse.retransmitted)
    }
}

impl AddAssign for QualitySums {
    fn add_assign(&mut self, other: Self) {
        self.flows = self.flows.saturating_add(other.flows);
        self.connect_client += other.connect_client;
        self.connect_server += other.connect_server;
        self.response += other.response;
        self.forward += other.forward;
        self.reverse += other.reverse;
    }
}
