//! Measures the promised figures beside their peers, in one run on one machine: ratios are worth
//! more than seconds.

mod datagrams;
mod ingest;
mod line;
mod store;
mod traffic;

pub(crate) use datagrams::{Exporter, Version};
pub(crate) use store::compare;

use std::fs::File;
use std::io::BufWriter;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// Runs of each program; the best one counts, since whatever else the machine does only adds time.
const RUNS: usize = 5;

/// A line of the table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// What is measured.
    pub(crate) figure: String,
    /// What was promised.
    pub(crate) target: String,
    /// What came out.
    pub(crate) measured: String,
    /// What the peer reaches in the same run.
    pub(crate) peer: String,
    /// How to measure it again.
    pub(crate) command: String,
    /// Whether the promise is kept.
    pub(crate) kept: bool,
}

/// `spanwatch flows` on a capture of a million packets, beside softflowd.
pub(crate) fn flows() -> Result<Vec<Row>> {
    let capture = capture()?;
    let spanwatch = crate::programs::build()?.join("spanwatch");
    let (mut ours, mut theirs) = (f64::INFINITY, f64::INFINITY);
    // In turns: what slows one down slows the other.
    for _ in 0..RUNS {
        let mut command = Command::new(&spanwatch);
        command.args(["flows", "--format", "json"]).arg(&capture);
        ours = ours.min(cpu_seconds(&mut command)?);
        theirs = theirs.min(softflowd(&capture)?);
    }
    let rate = |seconds: f64| f64::from(traffic::FRAMES) / seconds / 1e6;
    let command = format!("spanwatch flows --format json {}", capture.display());
    let peer = format!("softflowd -r: {:.2} M packets a CPU-second", rate(theirs));
    Ok(vec![
        Row {
            figure: "metering a capture".to_owned(),
            target: "≥ 3 M packets a CPU-second".to_owned(),
            measured: format!("{:.2} M packets a CPU-second", rate(ours)),
            peer: peer.clone(),
            command: command.clone(),
            kept: rate(ours) >= 3.0,
        },
        Row {
            figure: "metering a capture, beside softflowd".to_owned(),
            target: "≥ 2 ×".to_owned(),
            measured: format!("{:.2} ×", theirs / ours),
            peer,
            command,
            kept: theirs / ours >= 2.0,
        },
    ])
}

/// Exported records, beside nfcapd.
pub(crate) fn export() -> Result<Vec<Row>> {
    ingest::rows()
}

/// Frames that are lost on a fast link, beside softflowd and suricata.
pub(crate) fn line() -> Result<Vec<Row>> {
    line::rows()
}

/// The record store, beside nfdump, DuckDB and chdb.
pub(crate) fn store() -> Result<Vec<Row>> {
    store::rows()
}

/// The capture to measure with, made once.
fn capture() -> Result<PathBuf> {
    let folder = crate::build_dir()?.join("bench");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("traffic.pcap");
    if !path.exists() {
        // Whole or not at all.
        let part = folder.join("traffic.part");
        let file = File::create(&part).with_context(|| format!("cannot create {}", part.display()))?;
        traffic::write(&mut BufWriter::with_capacity(1 << 20, file)).context("cannot write the capture")?;
        std::fs::rename(&part, &path)?;
    }
    // Into the page cache: both programs are measured with the file in memory.
    std::io::copy(&mut File::open(&path)?, &mut std::io::sink())?;
    Ok(path)
}

/// softflowd on the same capture, exporting to a socket that nobody reads. Its cache holds 8,192
/// flows unless it is told otherwise; the quicker of the two ways counts.
fn softflowd(capture: &Path) -> Result<f64> {
    let sink = UdpSocket::bind("127.0.0.1:0").context("cannot open a UDP socket")?;
    let to = sink.local_addr()?.to_string();
    let folder = crate::build_dir()?.join("bench");
    let mut best = f64::INFINITY;
    for flows in ["8192", "200000"] {
        let mut command = Command::new("softflowd");
        command.args(["-d", "-m", flows, "-n", &to]);
        command.arg("-p").arg(folder.join("softflowd.pid"));
        command.arg("-c").arg(folder.join("softflowd.ctl"));
        command.arg("-r").arg(capture);
        best = best.min(cpu_seconds(&mut command).context("softflowd is in Debian's package of that name")?);
    }
    Ok(best)
}

/// User and system time of a command, which has to succeed. One at a time: the kernel counts all
/// children together.
fn cpu_seconds(command: &mut Command) -> Result<f64> {
    let before = children()?;
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .with_context(|| format!("cannot run {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(children()? - before)
}

fn children() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    #[allow(clippy::cast_precision_loss, reason = "a CPU-year has fewer than 2^53 microseconds")]
    let seconds = micros as f64 / 1e6;
    Ok(seconds)
}
