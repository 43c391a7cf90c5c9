//! `spanwatch flows`: meters captures and prints a line a flow.

mod applications;
mod csv;
mod facts;
mod json;
pub(crate) mod logs;
mod metering;
mod summary;
mod table;
pub(crate) mod text;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use dissect::l7;
use meter::{Config, Sink};
use model::{App, FlowRecord, LogRecord, Timestamp};

use applications::Applications;
pub(crate) use metering::Metering;

/// Meter captures (pcap or pcapng, also gzipped) and print one flow a line, by start time.
///
/// A flow is bidirectional: its source is who sent the first packet, and "_rev" counts what came
/// back. Bytes are those of the IP packets. Inside tunnels (GRE, IP in IP, VXLAN, Geneve, GTP-U) the
/// inner flow is what is printed. Several files are read as one capture, in the order given.
///
/// The first packets of a flow say its application, whatever its ports: "l7" in JSON has app, confidence (dns: by the name
/// that DNS gave to the address; pattern; parsed), host, sni, dns {query, type, code, answers}, and what else was read:
/// alpn, ja4, ja3, tls_version, cipher, subject, issuer, method, path, status, agent, server ... "quality" has
/// connect_client_us and connect_server_us (the TCP handshake, split at the capture), responses, response_us (the mean),
/// response_max_us, and of each direction retransmitted, out_of_order, zero_windows, resets, rtp_packets, rtp_lost,
/// rtp_jitter_us; null and missing are what was not there to be measured. CSV has the same as columns.
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
    /// Print application logs instead: a line for each DNS query, HTTP request, TLS session, mail and login
    #[arg(long)]
    logs: bool,
    /// Know more applications, by a file of signatures: lines such as "app erp host erp.example.com"
    #[arg(long, value_name = "FILE", conflicts_with = "ports_only")]
    signatures: Option<PathBuf>,
    /// Leave applications to their ports: quicker
    #[arg(long, conflicts_with = "logs")]
    ports_only: bool,
    /// Flows to keep in memory at a time; the one silent longest is printed early to make room
    #[arg(long, value_name = "COUNT", default_value_t = 4 << 20)]
    max_flows: usize,
}

/// How flows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One JSON object a line
    Json,
    /// Comma-separated values (RFC 4180) with a header line
    Csv,
    /// Columns for people
    Table,
    /// A line an application instead: its flows, packets and bytes, both directions together
    Summary,
}

/// Runs the command.
pub(crate) fn run(args: FlowsArgs) -> anyhow::Result<()> {
    if args.logs && args.format == Format::Summary {
        bail!("application logs have no summary: choose --format json, csv or table for them");
    }
    let mut config = Config::offline();
    config.idle = args.idle_timeout.map(Duration::from_secs);
    config.active = args.active_timeout.map(Duration::from_secs);
    config.vlan_in_key = args.split_vlans;
    config.max_flows = args.max_flows;
    config.layer7 = layer7(&args)?;
    let mut run = Run {
        metering: Metering::new(config),
        taken: Taken {
            wanted: match args.format {
                _ if args.logs => Wanted::Logs,
                Format::Summary => Wanted::Applications,
                Format::Json | Format::Csv | Format::Table => Wanted::Flows,
            },
            ..Taken::default()
        },
    };
    let mut failures = Vec::new();
    for file in &args.files {
        let Run { metering, taken } = &mut run;
        let read = crate::captures::open(file).and_then(|mut source| {
            let name = file.display().to_string();
            metering.read(&mut source, &name, taken, |_| true)
        });
        failures.extend(read.err());
    }
    if failures.len() == args.files.len() && run.metering.summary.frames == 0 {
        // Nothing to print; one failure says it all.
        return crate::captures::report(failures, args.files.len());
    }
    run.metering.finish(&mut run.taken);
    run.print(args.format)?;
    eprint!("{}", run.metering.summary);
    crate::captures::report(failures, args.files.len())
}

/// How flows are looked into.
fn layer7(args: &FlowsArgs) -> anyhow::Result<Option<l7::Config>> {
    if args.ports_only {
        return Ok(None);
    }
    let signatures = match &args.signatures {
        None => l7::Signatures::builtin(),
        Some(file) => {
            let name = file.display();
            let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
            l7::Signatures::with(&text, &App::by_name).with_context(|| name.to_string())?
        }
    };
    Ok(Some(l7::Config {
        logs: args.logs,
        signatures,
        ..l7::Config::default()
    }))
}

struct Run {
    metering: Metering,
    taken: Taken,
}

/// What is kept of what the meter gives.
#[derive(Debug, Clone, Copy, Default)]
enum Wanted {
    #[default]
    Flows,
    Logs,
    Applications,
}

/// What the meter gave.
#[derive(Default)]
struct Taken {
    wanted: Wanted,
    records: Vec<FlowRecord>,
    logs: Vec<LogRecord>,
    applications: Applications,
}

impl Sink for Taken {
    fn record(&mut self, record: FlowRecord) {
        match self.wanted {
            Wanted::Flows => self.records.push(record),
            Wanted::Logs => {}
            Wanted::Applications => self.applications.add(&record),
        }
    }

    fn wants_facts(&self) -> bool {
        matches!(self.wanted, Wanted::Flows)
    }

    fn log(&mut self, log: LogRecord) {
        self.logs.push(log);
    }
}

impl Run {
    /// Prints the flows; a reader who has seen enough is no failure.
    fn print(&mut self, format: Format) -> anyhow::Result<()> {
        let Taken {
            wanted,
            records,
            logs,
            applications,
        } = &mut self.taken;
        logs.sort_by_key(|log| log.time);
        let mut order: Vec<(Timestamp, usize)> = records.iter().map(|r| r.start).zip(0..).collect();
        order.sort_unstable();
        let sorted = order.iter().filter_map(|&(_, place)| records.get(place));
        let mut out = BufWriter::with_capacity(256 << 10, io::stdout().lock());
        let written = match format {
            _ if matches!(wanted, Wanted::Logs) => logs::write(logs.iter(), format, &mut out),
            Format::Summary => applications.write(&mut out),
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
