//! What was read, what was lost and what could not be decoded.

use std::fmt::Write as _;

use decode::{Decoder, DomainReport, ExporterReport, Extractor};

use crate::flows::text::{count, octets};

/// Counts of what was read.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) frames: u64,
    /// UDP datagrams, and those of them that were decoded.
    pub(crate) datagrams: u64,
    pub(crate) decoded: u64,
    /// Messages of IPFIX files.
    pub(crate) messages: u64,
}

impl Summary {
    /// All of it in words.
    pub(crate) fn text(&self, decoder: &Decoder, extractor: &Extractor) -> String {
        let mut text = String::new();
        let _ = writeln!(
            text,
            "{} read: {}, {} of them from exporters",
            count(self.frames, "frame"),
            count(self.datagrams, "UDP datagram"),
            self.decoded
        );
        if self.messages > 0 {
            let _ = writeln!(text, "{} read from files", count(self.messages, "IPFIX message"));
        }
        if self.decoded + self.messages == 0 {
            text.push_str("no exporter was recognised; --port PORT decodes whatever is sent to that port\n");
        }
        if extractor.incomplete() > 0 {
            let _ = writeln!(
                text,
                "{} never complete: fragments are missing",
                count(extractor.incomplete(), "datagram")
            );
        }
        let mut exporters: Vec<_> = decoder
            .exporters()
            .filter_map(|address| decoder.exporter(address))
            .collect();
        exporters.sort_by_key(|exporter| exporter.address);
        for exporter in &exporters {
            of_exporter(exporter, &mut text);
        }
        for (kind, times) in decoder.errors().iter() {
            let _ = writeln!(text, "not from an exporter: {times} {}", kind.name());
        }
        text
    }
}

fn of_exporter(exporter: &ExporterReport, text: &mut String) {
    let _ = writeln!(
        text,
        "{}: {} ({}), {}, {} options, {} counters",
        exporter.address,
        count(exporter.datagrams, "datagram"),
        octets(exporter.octets),
        count(exporter.flows, "flow"),
        exporter.options,
        exporter.counters
    );
    for domain in &exporter.domains {
        of_domain(domain, text);
    }
    if exporter.others > 0 {
        let _ = writeln!(
            text,
            "  {} that no flow can be made of",
            count(exporter.others, "record")
        );
    }
    if exporter.waited > 0 {
        let _ = writeln!(
            text,
            "  {} came before their template",
            count(exporter.waited, "record")
        );
    }
    for (kind, times) in exporter.errors.iter() {
        let _ = writeln!(text, "  error: {times} {}", kind.name());
    }
}

fn of_domain(domain: &DomainReport, text: &mut String) {
    let _ = write!(
        text,
        "  {} domain {}: {}, {}",
        domain.version.name(),
        domain.id,
        count(domain.records, "record"),
        count(domain.templates.len() as u64, "template")
    );
    if let Some(rate) = domain.sampling {
        let _ = write!(text, ", sampled 1:{rate}");
    }
    let losses = domain.losses;
    if losses.lost > 0 {
        let unit = match domain.version {
            decode::Version::NetflowV9 | decode::Version::SflowV5 => "datagram",
            _ => "record",
        };
        let _ = write!(
            text,
            ", {} lost in {}",
            count(losses.lost, unit),
            count(losses.gaps, "gap")
        );
    }
    if losses.restarts > 0 {
        let _ = write!(text, ", sequence began anew {} times", losses.restarts);
    }
    if domain.waiting_octets > 0 {
        let waiting = octets(domain.waiting_octets as u64);
        let _ = write!(text, ", {waiting} whose template never came");
    }
    text.push('\n');
}
