//! Counters as releases before wrote them: zero where nobody measured anything.

use serde::{Deserialize, Serialize};

use super::{DropCounters, LinkCounters, LinkId, MalformedKind, NicErrors, SizeClass, Split};

/// A link's counters of a release before. What follows the malformed frames is [`FormerSizes`] of the last one, and of
/// those before it causes of loss alone: seven, and five before that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerCounters<Losses> {
    frames: Split,
    broadcast: u64,
    multicast: u64,
    non_ip: u64,
    malformed: [u64; MalformedKind::ALL.len()],
    losses: Losses,
}

/// Losses, sizes and what the NIC counted, as the last release before wrote them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerSizes {
    drops: DropCounters,
    sizes: [u64; SizeClass::ALL.len()],
    nic: NicErrors,
}

/// What a release before wrote of losses, and what else came after them.
pub trait FormerLosses {
    /// The counters that it says, and nothing of the others.
    fn counters(self) -> LinkCounters;
}

impl FormerLosses for [u64; 5] {
    fn counters(self) -> LinkCounters {
        let [ring, nic, nic_errors, flow_cache_evictions, records] = self;
        [ring, nic, nic_errors, flow_cache_evictions, records, 0, 0].counters()
    }
}

impl FormerLosses for [u64; 7] {
    fn counters(self) -> LinkCounters {
        let [ring, nic, nic_errors, flow_cache_evictions, records, export, socket] = self;
        LinkCounters {
            drops: DropCounters {
                ring,
                nic,
                nic_errors,
                flow_cache_evictions,
                records,
                export,
                socket,
                ..DropCounters::default()
            },
            ..LinkCounters::default()
        }
    }
}

impl FormerLosses for FormerSizes {
    fn counters(self) -> LinkCounters {
        LinkCounters {
            drops: self.drops,
            sizes: Some(self.sizes),
            nic: self.nic,
            ..LinkCounters::default()
        }
    }
}

impl<Losses: FormerLosses> FormerCounters<Losses> {
    /// The counters of a link: only of a capture port somebody saw the frames.
    #[must_use]
    pub fn of(self, link: LinkId) -> LinkCounters {
        let of_losses = self.losses.counters();
        let is_seen = link.is_port();
        LinkCounters {
            frames: self.frames,
            broadcast: is_seen.then_some(self.broadcast),
            multicast: is_seen.then_some(self.multicast),
            non_ip: is_seen.then_some(self.non_ip),
            malformed: is_seen.then_some(self.malformed),
            sizes: of_losses.sizes.filter(|_| is_seen),
            ..of_losses
        }
    }
}
