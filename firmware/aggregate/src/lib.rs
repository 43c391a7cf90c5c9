//! Windows of a link: from frames and flow deltas to counters and top-N tables, and from short
//! windows to long ones; minutes of exporters and their interfaces from records that last long.
//! Values go in, values come out; every table has a stated bound.

mod builder;
mod interfaces;
mod minutes;
mod spread;
mod top;

use model::{Timestamp, Window};

pub use builder::{FrameSeen, Limits, WindowBuilder};
pub use interfaces::{InterfaceFlow, InterfaceMeter};
pub use minutes::MinuteWindows;
pub use spread::{Spread, same_interval, spread};
pub use top::TopMerger;

/// Rows that a window keeps in each of its tables.
pub const ROWS_KEPT: usize = 256;

/// The start of the interval of `seconds` (more than 0) that `time` lies in.
#[must_use]
pub const fn align(time: Timestamp, seconds: u32) -> Timestamp {
    let seconds = if seconds == 0 { 1 } else { seconds as u64 };
    Timestamp::from_secs(time.as_secs() / seconds * seconds)
}

/// One window from windows of one link within it: counters are summed, tables merged and cut to
/// [`ROWS_KEPT`]. `None` where there is no window. The first window names the link, `seconds` the
/// new length; a row's sum lacks what the merged windows did not keep of it.
#[must_use]
pub fn merge<'a>(windows: impl IntoIterator<Item = &'a Window>, seconds: u32) -> Option<Window> {
    let mut windows = windows.into_iter().peekable();
    let first = windows.peek()?;
    let mut merged = Window {
        link: first.link,
        start: align(first.start, seconds),
        seconds,
        counters: model::LinkCounters::default(),
        hosts: model::TopTable::default(),
        protocols: model::TopTable::default(),
        apps: model::TopTable::default(),
        conversations: model::TopTable::default(),
    };
    let mut tables: [TopMerger; 4] = std::array::from_fn(|_| TopMerger::default());
    for window in windows {
        merged.counters += &window.counters;
        let theirs = [&window.hosts, &window.protocols, &window.apps, &window.conversations];
        for (mine, theirs) in tables.iter_mut().zip(theirs) {
            mine.add(theirs);
        }
    }
    let [hosts, protocols, apps, conversations] = tables.map(|table| table.finish(ROWS_KEPT).0);
    merged.hosts = hosts;
    merged.protocols = protocols;
    merged.apps = apps;
    merged.conversations = conversations;
    Some(merged)
}
