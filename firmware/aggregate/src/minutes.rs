//! The open minutes of an exporter, whose records come late and last long.

use model::{DropCounters, FlowDelta, LinkId, Timestamp, Window};

use crate::{Limits, WindowBuilder};

/// Windows of one minute that are given out again and again: those of the same minute add up.
#[derive(Debug, Clone)]
pub struct MinuteWindows {
    link: LinkId,
    limits: Limits,
    open: Vec<WindowBuilder>,
}

/// Seconds of a minute.
const MINUTE: u32 = 60;

impl MinuteWindows {
    /// No window yet. Each has tables of these bounds.
    #[must_use]
    pub const fn new(link: LinkId, limits: Limits) -> Self {
        Self {
            link,
            limits,
            open: Vec::new(),
        }
    }

    /// Counts a record, or its part, in the minute that holds `time`; says how many keys the tables got more.
    pub fn observe(&mut self, time: Timestamp, delta: &FlowDelta) -> usize {
        let window = self.window(time);
        let before = window.keys();
        window.observe_exported(delta);
        window.keys() - before
    }

    /// Counts what was lost in the minute that holds `time`.
    pub fn lose(&mut self, time: Timestamp, drops: DropCounters) {
        if drops != DropCounters::default() {
            self.window(time).observe_drops(drops);
        }
    }

    /// Windows that are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether nothing was counted since the last flush.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Closes all windows.
    pub fn flush(&mut self, out: &mut Vec<Window>) {
        out.extend(self.open.drain(..).map(WindowBuilder::close));
    }

    fn window(&mut self, time: Timestamp) -> &mut WindowBuilder {
        let minute = crate::align(time, MINUTE);
        // The newest is at the end, and the one that is asked for nearly always.
        let place = self.open.iter().rposition(|w| w.start() == minute).unwrap_or_else(|| {
            self.open
                .push(WindowBuilder::with_limits(self.link, minute, MINUTE, self.limits));
            self.open.len() - 1
        });
        // The place is that of a window that is there.
        &mut self.open[place]
    }
}
