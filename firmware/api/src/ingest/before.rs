//! Windows as releases before sent them: what their collectors left in the spool.

use model::{FormerCounters, FormerLosses, LinkId, Timestamp, TopTable, Window};
use serde::{Deserialize, Serialize};

/// A window whose counters are a release before's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowBefore<Losses> {
    link: LinkId,
    start: Timestamp,
    seconds: u32,
    counters: FormerCounters<Losses>,
    tables: [TopTable; 4],
}

impl<Losses: FormerLosses> From<WindowBefore<Losses>> for Window {
    fn from(before: WindowBefore<Losses>) -> Self {
        let [hosts, protocols, apps, conversations] = before.tables;
        Self {
            link: before.link,
            start: before.start,
            seconds: before.seconds,
            counters: before.counters.of(before.link),
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

    /// { id: 1, 2; one window of link 3, second 5, one frame of 100 octets, 2 broadcast, 3 multicast, 4 not IP }.
    const BEGIN: [u8; 27] = [
        1, 2, 1, 3, 0x80, 0xe4, 0x97, 0xd0, 0x12, 1, 1, 100, 0, 0, 0, 0, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    const TABLES: [u8; 28] = [0; 28];

    fn message(number: u8, losses: &[u8]) -> Message {
        decode(&[&[number], BEGIN.as_slice(), losses, &TABLES].concat()).unwrap()
    }

    fn check(id: BatchId, window: &Window) {
        assert_eq!(id, BatchId { epoch: 1, sequence: 2 });
        assert_eq!(
            (window.link, window.start, window.seconds),
            (LinkId(3), Timestamp::from_secs(5), 1)
        );
        let counters = &window.counters;
        assert_eq!(counters.frames.total.bytes, 100);
        assert_eq!((counters.broadcast, counters.unicast()), (Some(2), Some(0)));
        assert_eq!((counters.drops.ring, counters.drops.socket), (7, 6));
    }

    #[test]
    fn what_releases_before_spooled_is_read() {
        let Message::WindowsBefore { id, windows } = message(2, &[7, 0, 0, 0, 0, 0, 6]) else {
            panic!("another message");
        };
        let window = Window::from(windows[0].clone());
        check(id, &window);
        assert_eq!(window.counters.sizes, None, "it did not measure them");

        let losses = [7, 0, 0, 0, 0, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let Message::WindowsWithZeros { id, windows } = message(8, &losses) else {
            panic!("another message");
        };
        let window = Window::from(windows[0].clone());
        check(id, &window);
        assert_eq!(window.counters.sizes, Some([0, 1, 0, 0, 0, 0, 0]));
    }
}
