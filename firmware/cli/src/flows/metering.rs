//! Meters captures, one after the other, as one.

use std::time::Duration;

use anyhow::{Context, bail};
use capture::file::CaptureFile;
use capture::{Polled, Source};
use meter::{Config, Meter, Sink};
use model::{FlowRecord, LogRecord, Timestamp};

use super::summary::Summary;

/// A meter with what it read.
pub(crate) struct Metering {
    timed: bool,
    meter: Meter,
    /// The latest time in the captures: the meter's clock.
    latest: Timestamp,
    flows: usize,
    /// What was read.
    pub(crate) summary: Summary,
}

impl Metering {
    /// A meter that has read nothing.
    pub(crate) fn new(config: Config) -> Self {
        Self {
            timed: config.idle.is_some() || config.active.is_some(),
            meter: Meter::new(Config {
                on_memory: capture::favour_large_pages,
                ..config
            }),
            latest: Timestamp::EPOCH,
            flows: 0,
            summary: Summary::default(),
        }
    }

    /// Reads a capture to its end; `sink` gets the flows that are over. `go_on` is asked now and then with the octets
    /// that were read: where it says no, reading ends.
    ///
    /// # Errors
    /// When the capture is cut off or damaged, or none of its frames can be read; the file is named. What was read
    /// before was metered.
    pub(crate) fn read(
        &mut self,
        source: &mut CaptureFile,
        name: &str,
        sink: &mut impl Sink,
        go_on: impl Fn(u64) -> bool,
    ) -> anyhow::Result<()> {
        let before = self.summary;
        while go_on(source.position()) {
            let Self {
                meter,
                summary,
                latest,
                flows,
                ..
            } = self;
            let mut sink = Counted { flows, sink };
            let polled = source.poll_together(Duration::ZERO, |mut frames| {
                let each = |(): &(), _| {};
                meter.observe_all(
                    capture::fetch_line,
                    |packet| {
                        Iterator::any(&mut frames, |frame| {
                            summary.frames += 1;
                            *latest = (*latest).max(frame.time);
                            let view = dissect::Frame {
                                link_type: frame.link_type,
                                data: frame.data,
                                wire_len: frame.wire_len,
                                vlan_tci: frame.vlan_tci,
                            };
                            match dissect::dissect_into(&view, &mut packet.packet) {
                                Ok(()) => {
                                    packet.time = frame.time;
                                    packet.payload = packet.packet.payload_in(frame.data);
                                    true
                                }
                                Err(reason) => {
                                    summary.count(reason);
                                    false
                                }
                            }
                        })
                    },
                    &mut sink,
                    each,
                );
            });
            match polled.with_context(|| name.to_owned())? {
                Polled::End => break,
                Polled::Frames(_) | Polled::Idle => {}
            }
            if self.timed {
                self.meter.advance(self.latest, &mut sink);
            }
        }
        if let Some(link_type) = self.summary.only_unsupported(&before) {
            bail!(
                "{name}: frames of link type {link_type} cannot be read; Ethernet, raw IP, PPP, Linux cooked, \
                 loopback and unencrypted 802.11 ones can"
            );
        }
        Ok(())
    }

    /// Gives the flows that are still open to `sink`, and closes the summary.
    pub(crate) fn finish(&mut self, sink: &mut impl Sink) {
        let flows = &mut self.flows;
        self.meter.flush(&mut Counted { flows, sink });
        self.summary.finish(self.flows, &self.meter.statistics());
    }
}

/// Counts flows on their way.
struct Counted<'a, S> {
    flows: &'a mut usize,
    sink: &'a mut S,
}

impl<S: Sink> Sink for Counted<'_, S> {
    fn record(&mut self, record: FlowRecord) {
        *self.flows += 1;
        self.sink.record(record);
    }

    fn wants_facts(&self) -> bool {
        self.sink.wants_facts()
    }

    fn log(&mut self, log: LogRecord) {
        self.sink.log(log);
    }
}
