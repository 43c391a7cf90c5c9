//! Reads what exporters sent from captures and IPFIX files.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use capture::{Polled, Source};
use decode::{Config, Decoder, Extractor, Limits, Sink, looks_exported};
use model::{HomeNetworks, Timestamp};

use super::summary::Summary;

/// Ports that exporters usually send to: what comes there is decoded whatever it looks like.
const USUAL: [u16; 7] = [2_055, 2_056, 4_739, 6_343, 9_555, 9_995, 9_996];

/// A decoder with what it read.
pub(crate) struct Reading {
    decoder: Decoder,
    extractor: Extractor,
    ports: Vec<u16>,
    /// What was read.
    pub(crate) summary: Summary,
}

impl Reading {
    /// A decoder of what is sent to these ports; of what exporters usually send where there is none. `home` is what the
    /// flows' direction is made out by.
    pub(crate) fn new(ports: Vec<u16>, home: HomeNetworks) -> Self {
        Self {
            decoder: Decoder::new(offline(home)),
            extractor: Extractor::default(),
            ports,
            summary: Summary::default(),
        }
    }

    /// Reads a capture or an IPFIX file to its end. `go_on` is asked now and then with the octets that were read: where
    /// it says no, reading ends.
    ///
    /// # Errors
    /// When it is neither, or is cut off or damaged; the file is named. What was read before was decoded.
    pub(crate) fn read<S: Sink>(
        &mut self,
        path: &Path,
        sink: &mut S,
        go_on: impl Fn(&S, u64) -> bool,
    ) -> anyhow::Result<()> {
        let mut source = match crate::captures::open(path) {
            Ok(source) => source,
            Err(error) => {
                let Ok(file) = File::open(path) else { return Err(error) };
                let mut input = BufReader::with_capacity(256 << 10, file);
                // What else can be read is no IPFIX, and the error says why it is no capture.
                return match self.read_ipfix(&mut input, sink, go_on) {
                    Ok(true) => Ok(()),
                    Ok(false) => Err(error),
                    Err(damaged) => Err(damaged.context(path.display().to_string())),
                };
            }
        };
        while go_on(sink, source.position()) {
            let Self {
                decoder,
                extractor,
                ports,
                summary,
            } = self;
            let polled = source.poll(Duration::ZERO, |frame| {
                summary.frames += 1;
                let datagram = extractor.push(&dissect::Frame {
                    link_type: frame.link_type,
                    data: frame.data,
                    wire_len: frame.wire_len,
                    vlan_tci: frame.vlan_tci,
                });
                let Some(datagram) = datagram else { return };
                summary.datagrams += 1;
                if is_wanted(ports, datagram.dst_port, &datagram.payload) {
                    summary.decoded += 1;
                    decoder.decode(frame.time, datagram.src, &datagram.payload, sink);
                }
            });
            match polled.with_context(|| path.display().to_string())? {
                Polled::End => break,
                Polled::Frames(_) | Polled::Idle => {}
            }
        }
        Ok(())
    }

    /// Reads IPFIX messages, one after the other, to their end; answers whether there was any. They name no exporter.
    ///
    /// # Errors
    /// When they are cut off or damaged, or cannot be read. What was read before was decoded.
    pub(crate) fn read_ipfix<S: Sink>(
        &mut self,
        input: &mut impl BufRead,
        sink: &mut S,
        go_on: impl Fn(&S, u64) -> bool,
    ) -> anyhow::Result<bool> {
        let mut used = 0_u64;
        let mut message = Vec::new();
        while go_on(sink, used) {
            message.clear();
            input.by_ref().take(16).read_to_end(&mut message)?;
            let length = match message.first_chunk::<4>() {
                None if message.is_empty() => break,
                Some(&[0, 10, high, low]) => u64::from(u16::from_be_bytes([high, low])),
                _ if used == 0 => return Ok(false),
                _ => 0,
            };
            input
                .by_ref()
                .take(length.saturating_sub(16))
                .read_to_end(&mut message)?;
            if length < 16 || message.len() as u64 != length {
                anyhow::bail!("the IPFIX file is cut off or damaged at byte {used}");
            }
            used += length;
            self.summary.messages += 1;
            let exported = message.get(4..8).and_then(|time| time.try_into().ok());
            let now = Timestamp::from_secs(exported.map_or(0, u32::from_be_bytes).into());
            let nobody = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
            self.decoder.decode(now, nobody, &message, sink);
        }
        Ok(used > 0)
    }

    /// What was read, lost and not understood, in words.
    pub(crate) fn text(&self) -> String {
        self.summary.text(&self.decoder, &self.extractor)
    }
}

/// Templates and waiting data last to the end of the captures, and nobody has to be held off.
fn offline(home: HomeNetworks) -> Config {
    let limits = Limits {
        exporters: 1 << 20,
        pending_domain: 256 << 20,
        pending_total: 1 << 30,
        fields_total: 64 << 20,
        ..Limits::default()
    };
    Config {
        home,
        limits,
        pending_lifetime: Duration::MAX,
        ..Config::default()
    }
}

/// Whether a datagram is to be decoded.
fn is_wanted(ports: &[u16], port: u16, payload: &[u8]) -> bool {
    match ports {
        [] => USUAL.contains(&port) || looks_exported(payload),
        ports => ports.contains(&port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_that_are_named_are_the_only_ones() {
        let v5 = [&[0, 5, 0, 1][..], &[0; 68]].concat();
        assert!(is_wanted(&[], 9_995, b"anything"));
        assert!(is_wanted(&[], 12_345, &v5) && !is_wanted(&[], 12_345, b"anything"));
        assert!(is_wanted(&[12_345], 12_345, b"anything") && !is_wanted(&[12_345], 9_995, &v5));
    }
}
