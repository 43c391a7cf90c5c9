//! `spanwatch decode`: prints what exporters sent, record by record, from captures of their datagrams.

mod summary;
mod table;

use std::io::{self, BufWriter, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use capture::{Polled, Source};
use clap::{Args, ValueEnum};
use decode::{Config, Decoder, Extractor, Limits, Origin, Record, Sink, ipfix_messages, looks_exported};
use model::{FlowRecord, Timestamp};

use summary::Summary;

/// Decode captures (pcap or pcapng, also gzipped) of NetFlow v1, v5, v7, v9, IPFIX and sFlow v5, and print one record a line.
///
/// Fields have the names of IANA's IPFIX registry; a field that no registry here knows is
/// enterprise.NUMBER.ID. Data that comes before its template is printed when the template comes.
/// Several files are read as one capture, in the order given. An IPFIX file (RFC 5655) is read as well.
///
/// Datagrams on the usual ports (2055, 2056, 4739, 6343, 9555, 9995, 9996) are decoded, and those on other
/// ports whose header and length are an exporter's. Fragments are put together. Gaps and errors are summed
/// up on standard error. The exit status is 0 unless nothing could be read.
#[derive(Debug, Args)]
pub(crate) struct DecodeArgs {
    /// The captures; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to print the records
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Decode what is sent to these UDP ports, whatever it looks like, and nothing else
    #[arg(long = "port", value_name = "PORT")]
    ports: Vec<u16>,
}

/// How records are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object a line
    Json,
    /// Columns for people
    Table,
}

/// Ports that exporters usually send to: what comes there is decoded whatever it looks like.
const USUAL: [u16; 7] = [2_055, 2_056, 4_739, 6_343, 9_555, 9_995, 9_996];
/// The longest IPFIX file that is read.
const IPFIX_FILE_MAX: u64 = 1 << 30;

/// Runs the command.
pub(crate) fn run(args: DecodeArgs) -> anyhow::Result<()> {
    let mut run = Run {
        decoder: Decoder::new(offline()),
        extractor: Extractor::default(),
        printer: Printer::new(args.format),
        ports: args.ports,
        summary: Summary::default(),
    };
    let mut failures = Vec::new();
    for file in &args.files {
        if let Err(error) = run.read(file) {
            failures.push(error);
        }
        if run.printer.failure.is_some() {
            break;
        }
    }
    let read = run.summary.frames + run.summary.messages;
    match run.printer.finish() {
        // A reader who has seen enough is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        written => written.context("cannot write the records to standard output")?,
    }
    if read == 0 && !failures.is_empty() {
        return crate::captures::report(failures, args.files.len());
    }
    for error in &failures {
        eprintln!("{error:#}");
    }
    eprint!("{}", run.summary.text(&run.decoder, &run.extractor));
    Ok(())
}

/// Templates and waiting data last to the end of the captures, and nobody has to be held off.
fn offline() -> Config {
    let limits = Limits {
        exporters: 1 << 20,
        pending_domain: 256 << 20,
        pending_total: 1 << 30,
        fields_total: 64 << 20,
        ..Limits::default()
    };
    Config {
        limits,
        pending_lifetime: Duration::MAX,
        ..Config::default()
    }
}

struct Run {
    decoder: Decoder,
    extractor: Extractor,
    printer: Printer,
    ports: Vec<u16>,
    summary: Summary,
}

impl Run {
    fn read(&mut self, path: &Path) -> anyhow::Result<()> {
        let mut source = match crate::captures::open(path) {
            Ok(source) => source,
            Err(error) => return self.read_ipfix(path).unwrap_or(Err(error)),
        };
        loop {
            let Self {
                decoder,
                extractor,
                printer,
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
                    decoder.decode(frame.time, datagram.src, &datagram.payload, printer);
                }
            });
            match polled.with_context(|| path.display().to_string())? {
                Polled::Frames(_) | Polled::Idle if self.printer.failure.is_none() => {}
                Polled::End | Polled::Frames(_) | Polled::Idle => return Ok(()),
            }
        }
    }

    /// Reads an IPFIX file; `None` where it is none. Its messages name no exporter.
    fn read_ipfix(&mut self, path: &Path) -> Option<anyhow::Result<()>> {
        let size = std::fs::metadata(path).ok()?;
        if !size.is_file() || size.len() > IPFIX_FILE_MAX {
            return None;
        }
        let octets = std::fs::read(path).ok()?;
        let mut used = 0;
        for message in ipfix_messages(&octets) {
            used += message.len();
            self.summary.messages += 1;
            let exported = message
                .get(4..8)
                .and_then(|time| time.try_into().ok())
                .map(u32::from_be_bytes);
            let now = Timestamp::from_secs(u64::from(exported.unwrap_or(0)));
            let nobody = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
            self.decoder.decode(now, nobody, message, &mut self.printer);
        }
        let left = octets.len() - used;
        match (used, left) {
            (0, _) => None,
            (_, 0) => Some(Ok(())),
            _ => Some(Err(anyhow::anyhow!(
                "{}: the IPFIX file is cut off or damaged at byte {used}",
                path.display()
            ))),
        }
    }
}

/// Whether a datagram is to be decoded.
fn is_wanted(ports: &[u16], port: u16, payload: &[u8]) -> bool {
    match ports {
        [] => USUAL.contains(&port) || looks_exported(payload),
        ports => ports.contains(&port),
    }
}

/// Prints every record.
struct Printer {
    format: Format,
    out: BufWriter<io::StdoutLock<'static>>,
    line: Vec<u8>,
    /// Why printing stopped.
    failure: Option<io::Error>,
}

impl Printer {
    fn new(format: Format) -> Self {
        Self {
            format,
            out: BufWriter::with_capacity(256 << 10, io::stdout().lock()),
            line: Vec::with_capacity(2_048),
            failure: None,
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        match self.failure.take() {
            Some(error) => Err(error),
            None => self.out.flush(),
        }
    }
}

impl Sink for Printer {
    const RECORDS: bool = true;

    fn flow(&mut self, _: &Origin, _: &FlowRecord) {}

    fn record(&mut self, record: &Record<'_>) {
        if self.failure.is_some() {
            return;
        }
        self.line.clear();
        match self.format {
            Format::Json => record.write_json(&mut self.line),
            Format::Table => table::write(record, &mut self.line),
        }
        self.line.push(b'\n');
        if let Err(error) = self.out.write_all(&self.line) {
            self.failure = Some(error);
        }
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
