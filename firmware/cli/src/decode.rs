//! `spanwatch decode`: prints what exporters sent, record by record, from captures of their datagrams.

mod reading;
mod summary;
mod table;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use decode::{Origin, Record, Sink};
use model::{FlowRecord, HomeNetworks};

pub(crate) use reading::Reading;

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

/// Runs the command.
pub(crate) fn run(args: DecodeArgs) -> anyhow::Result<()> {
    let mut reading = Reading::new(args.ports, HomeNetworks::private());
    let mut printer = Printer::new(args.format);
    let mut failures = Vec::new();
    for file in &args.files {
        failures.extend(
            reading
                .read(file, &mut printer, |printer, _| printer.failure.is_none())
                .err(),
        );
        if printer.failure.is_some() {
            break;
        }
    }
    let read = reading.summary.frames + reading.summary.messages;
    match printer.finish() {
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
    eprint!("{}", reading.text());
    Ok(())
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
