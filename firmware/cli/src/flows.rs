//! `spanwatch flows`: meters captures and prints a line a flow.

mod csv;
mod json;
mod metering;
mod summary;
mod table;
pub(crate) mod text;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use meter::Config;
use model::{FlowRecord, Timestamp};

pub(crate) use metering::Metering;

/// Meter captures (pcap or pcapng, also gzipped) and print one flow a line, by start time.
///
/// A flow is bidirectional: its source is who sent the first packet, and "_rev" counts what came
/// back. Bytes are those of the IP packets. Inside tunnels (GRE, IP in IP, VXLAN, Geneve, GTP-U) the
/// inner flow is what is printed. Several files are read as one capture, in the order given.
///
/// What could not be metered is summed up on standard error. The exit status is 0 when all was
/// read; 1 when a file cannot be read, or is cut off or damaged (the flows before that are printed).
#[derive(Debug, Args)]
pub(crate) struct FlowsArgs {
    /// The captures; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to print the flows
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Close a flow that is silent for longer, in seconds [default: never]
    #[arg(long, value_name = "SECONDS")]
    idle_timeout: Option<u64>,
    /// Print a flow in parts no longer than this, in seconds [default: in one piece]
    #[arg(long, value_name = "SECONDS")]
    active_timeout: Option<u64>,
    /// Keep flows of different VLANs apart that have the same addresses and ports
    #[arg(long)]
    split_vlans: bool,
    /// Flows to keep in memory at a time; the one silent longest is printed early to make room
    #[arg(long, value_name = "COUNT", default_value_t = 4 << 20)]
    max_flows: usize,
}

/// How flows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object a line
    Json,
    /// Comma-separated values (RFC 4180) with a header line
    Csv,
    /// Columns for people
    Table,
}

/// Runs the command.
pub(crate) fn run(args: FlowsArgs) -> anyhow::Result<()> {
    let mut config = Config::offline();
    config.idle = args.idle_timeout.map(Duration::from_secs);
    config.active = args.active_timeout.map(Duration::from_secs);
    config.vlan_in_key = args.split_vlans;
    config.max_flows = args.max_flows;
    let mut run = Run {
        metering: Metering::new(config),
        records: Vec::new(),
    };
    let mut failures = Vec::new();
    for file in &args.files {
        let records = &mut run.records;
        let read = crate::captures::open(file).and_then(|mut source| {
            let name = file.display().to_string();
            run.metering
                .read(&mut source, &name, &mut |record: FlowRecord| records.push(record), |_| true)
        });
        failures.extend(read.err());
    }
    if failures.len() == args.files.len() && run.metering.summary.frames == 0 {
        // Nothing to print; one failure says it all.
        return crate::captures::report(failures, args.files.len());
    }
    let records = &mut run.records;
    run.metering.finish(&mut |record: FlowRecord| records.push(record));
    run.print(args.format)?;
    eprint!("{}", run.metering.summary);
    crate::captures::report(failures, args.files.len())
}

struct Run {
    metering: Metering,
    records: Vec<FlowRecord>,
}

impl Run {
    /// Prints the flows; a reader who has seen enough is no failure.
    fn print(&mut self, format: Format) -> anyhow::Result<()> {
        let mut order: Vec<(Timestamp, usize)> = self.records.iter().map(|r| r.start).zip(0..).collect();
        order.sort_unstable();
        let sorted = order.iter().filter_map(|&(_, place)| self.records.get(place));
        let mut out = BufWriter::with_capacity(256 << 10, io::stdout().lock());
        let written = match format {
            Format::Json => json::write(sorted, &mut out),
            Format::Csv => csv::write(sorted, &mut out),
            Format::Table => table::write(sorted, &mut out),
        };
        match written.and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other.context("cannot write the flows to standard output"),
        }
    }
}

/// Flows as CSV, for tests of those who read it.
#[cfg(test)]
pub(crate) fn write_csv(flows: &[FlowRecord], out: &mut Vec<u8>) {
    csv::write(flows.iter(), out).expect("memory takes all");
}

/// Flows as JSON, for tests of those who read it.
#[cfg(test)]
pub(crate) fn write_json(flows: &[FlowRecord], out: &mut Vec<u8>) {
    json::write(flows.iter(), out).expect("memory takes all");
}
