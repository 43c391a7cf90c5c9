//! Meters captures, one after the other, as one.

use std::time::Duration;

use anyhow::{Context, bail};
use capture::file::CaptureFile;
use capture::{Polled, Source};
use meter::{Config, Meter};
use model::{FlowRecord, Timestamp};

use super::summary::Summary;

/// Packets that are metered together: they stay in the first-level cache.
const BATCH: usize = 64;

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
            meter: Meter::new(config),
            latest: Timestamp::EPOCH,
            flows: 0,
            summary: Summary::default(),
        }
    }

    /// Reads a capture to its end; `emit` gets the flows that are over. `go_on` is asked now and then with the octets
    /// that were read: where it says no, reading ends.
    ///
    /// # Errors
    /// When the capture is cut off or damaged, or none of its frames can be read; the file is named. What was read
    /// before was metered.
    pub(crate) fn read(
        &mut self,
        source: &mut CaptureFile,
        name: &str,
        emit: &mut impl FnMut(FlowRecord),
        go_on: impl Fn(u64) -> bool,
    ) -> anyhow::Result<()> {
        let before = self.summary;
        let mut packets = Vec::with_capacity(BATCH);
        while go_on(source.position()) {
            let Self {
                meter,
                summary,
                latest,
                flows,
                ..
            } = self;
            let mut emit = |record| {
                *flows += 1;
                emit(record);
            };
            let polled = source.poll(Duration::ZERO, |frame| {
                summary.frames += 1;
                *latest = (*latest).max(frame.time);
                match dissect::dissect(&dissect::Frame {
                    link_type: frame.link_type,
                    data: frame.data,
                    wire_len: frame.wire_len,
                    vlan_tci: frame.vlan_tci,
                }) {
                    Ok(packet) => packets.push((frame.time, packet)),
                    Err(reason) => summary.count(reason),
                }
                if packets.len() >= BATCH {
                    meter.observe_all(&packets, &mut emit, |_| {});
                    packets.clear();
                }
            });
            meter.observe_all(&packets, &mut emit, |_| {});
            packets.clear();
            match polled.with_context(|| name.to_owned())? {
                Polled::End => break,
                Polled::Frames(_) | Polled::Idle => {}
            }
            if self.timed {
                self.meter.advance(self.latest, &mut emit);
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

    /// Gives the flows that are still open to `emit`, and closes the summary.
    pub(crate) fn finish(&mut self, emit: &mut impl FnMut(FlowRecord)) {
        let flows = &mut self.flows;
        self.meter.flush(&mut |record| {
            *flows += 1;
            emit(record);
        });
        self.summary.finish(self.flows, &self.meter.statistics());
    }
}
