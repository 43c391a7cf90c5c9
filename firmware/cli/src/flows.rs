//! `spanwatch flows`: meters captures and prints a line a flow.

mod csv;
mod json;
mod summary;
mod table;
pub(crate) mod text;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use capture::{Polled, Source};
use clap::{Args, ValueEnum};
use meter::{Config, Meter};
use model::{FlowRecord, Timestamp};

use summary::Summary;

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

/// Packets that are metered together: they stay in the first-level cache.
const BATCH: usize = 64;

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
        timed: config.idle.is_some() || config.active.is_some(),
        meter: Meter::new(config),
        records: Vec::new(),
        summary: Summary::default(),
        latest: Timestamp::EPOCH,
    };
    let mut failures = Vec::new();
    for file in &args.files {
        if let Err(error) = run.read(file) {
            failures.push(error);
        }
    }
    if failures.len() == args.files.len() && run.summary.frames == 0 {
        // Nothing to print; one failure says it all.
        return crate::captures::report(failures, args.files.len());
    }
    let records = &mut run.records;
    run.meter.flush(&mut |record| records.push(record));
    run.summary.finish(records.len(), &run.meter.statistics());
    run.print(args.format)?;
    eprint!("{}", run.summary);
    crate::captures::report(failures, args.files.len())
}

struct Run {
    timed: bool,
    meter: Meter,
    records: Vec<FlowRecord>,
    summary: Summary,
    /// The latest time in the captures: the meter's clock.
    latest: Timestamp,
}

impl Run {
    fn read(&mut self, path: &Path) -> anyhow::Result<()> {
        let name = || path.display().to_string();
        let mut source = crate::captures::open(path)?;
        let before = self.summary;
        let mut packets = Vec::with_capacity(BATCH);
        loop {
            let Self {
                meter,
                records,
                summary,
                latest,
                ..
            } = self;
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
                    meter.observe_all(&packets, &mut |record| records.push(record), |_| {});
                    packets.clear();
                }
            });
            meter.observe_all(&packets, &mut |record| records.push(record), |_| {});
            packets.clear();
            match polled.with_context(name)? {
                Polled::End => break,
                Polled::Frames(_) | Polled::Idle => {}
            }
            if self.timed {
                let records = &mut self.records;
                self.meter.advance(self.latest, &mut |record| records.push(record));
            }
        }
        if let Some(link_type) = self.summary.only_unsupported(&before) {
            bail!(
                "{}: frames of link type {link_type} cannot be read; Ethernet, raw IP, PPP, Linux cooked, \
                 loopback and unencrypted 802.11 ones can",
                path.display()
            );
        }
        Ok(())
    }

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
