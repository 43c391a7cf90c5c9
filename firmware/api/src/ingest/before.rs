//! Windows as the release before sent them: what its collector left in the spool.

use model::{DropCounters, LinkCounters, LinkId, Split, Timestamp, TopTable, Window};
use serde::{Deserialize, Serialize};

/// A window whose counters have no sizes, nothing of the NIC's, and fewer causes of loss.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowBefore {
    link: LinkId,
    start: Timestamp,
    seconds: u32,
    counters: CountersBefore,
    tables: [TopTable; 4],
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct CountersBefore {
    frames: Split,
    broadcast: u64,
    multicast: u64,
    non_ip: u64,
    malformed: [u64; 8],
    drops: [u64; 7],
}

impl From<WindowBefore> for Window {
    fn from(before: WindowBefore) -> Self {
        let [hosts, protocols, apps, conversations] = before.tables;
        let [ring, nic, nic_errors, flow_cache_evictions, records, export, socket] = before.counters.drops;
        Self {
            link: before.link,
            start: before.start,
            seconds: before.seconds,
            counters: LinkCounters {
                frames: before.counters.frames,
                broadcast: before.counters.broadcast,
                multicast: before.counters.multicast,
                non_ip: before.counters.non_ip,
                malformed: before.counters.malformed,
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
            },
            hosts,
            protocols,
            apps,
            conversations,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BatchId, Message, decode};
    use super::*;

    #[test]
    fn what_the_release_before_spooled_is_read() {
        // Windows { id: 1, 2; one window of link 3, second 5, one frame of 100 octets, 7 lost in the ring }.
        let mut octets = vec![
            2, 1, 2, 1, 3, 0x80, 0xe4, 0x97, 0xd0, 0x12, 1, 1, 100, 0, 0, 0, 0, 2, 3, 4,
        ];
        octets.extend([0; 8]);
        octets.extend([7, 0, 0, 0, 0, 0, 6]);
        octets.extend([0; 7 * 4]);
        let Message::WindowsBefore { id, windows } = decode(&octets).unwrap() else {
            panic!("another message");
        };
        assert_eq!(id, BatchId { epoch: 1, sequence: 2 });
        let [window] = windows.as_slice() else {
            panic!("{windows:?}")
        };
        let window = Window::from(window.clone());
        assert_eq!(
            (window.link, window.start, window.seconds),
            (LinkId(3), Timestamp::from_secs(5), 1)
        );
        assert_eq!(window.counters.frames.total.bytes, 100);
        assert_eq!((window.counters.drops.ring, window.counters.drops.socket), (7, 6));
        assert_eq!(window.counters.sizes, [0; 7]);
    }
}
