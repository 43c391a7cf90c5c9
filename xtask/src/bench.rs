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

/// `spanwatch flows` with layer 7 on captures of a million and a half packets, beside softflowd and ndpiReader, and the
/// memory of a million flows.
pub(crate) fn flows() -> Result<Vec<Row>> {
    let mixed = capture()?;
    let small = made("traffic-small.pcap", traffic::write_small)?;
    let spanwatch = crate::programs::build()?.join("spanwatch");
    let mut best = [f64::INFINITY; 5];
    // In turns: what slows one down slows the others.
    for round in 0..RUNS {
        for (at, capture, more) in [(0, &mixed, None), (1, &mixed, Some("--ports-only")), (2, &small, None)] {
            let mut command = Command::new(&spanwatch);
            // As the others, which print no flows either.
            command.args(["flows", "--format", "summary"]).args(more).arg(capture);
            best[at] = best[at].min(cpu_seconds(&mut command)?);
        }
        best[3] = best[3].min(softflowd(&mixed)?);
        // Slow, and always the same.
        if round < 2 {
            best[4] = best[4].min(ndpi_reader(&mixed)?);
        }
    }
    let rate = |seconds: f64| f64::from(traffic::FRAMES) / seconds / 1e6;
    let [ours, by_ports, of_small, softflowd, ndpi] = best;
    let command = |capture: &Path| format!("spanwatch flows --format summary {}", capture.display());
    let of_softflowd = format!("softflowd -r: {:.2} M packets a CPU-second", rate(softflowd));
    let of_ndpi = format!("ndpiReader -q: {:.2} M packets a CPU-second", rate(ndpi));
    let row = |figure: &str, target: &str, measured: String, peer: &str, kept: bool| Row {
        figure: figure.to_owned(),
        target: target.to_owned(),
        measured,
        peer: peer.to_owned(),
        command: command(&mixed),
        kept,
    };
    Ok(vec![
        row(
            "metering a capture with layer 7",
            "≥ 4 M packets a CPU-second",
            format!(
                "{:.2} M packets a CPU-second ({:.2} M with --ports-only)",
                rate(ours),
                rate(by_ports)
            ),
            &of_softflowd,
            rate(ours) >= 4.0,
        ),
        row(
            "the same, beside softflowd",
            "≥ 3 ×",
            format!("{:.2} ×", softflowd / ours),
            &of_softflowd,
            softflowd / ours >= 3.0,
        ),
        row(
            "the same, beside ndpiReader",
            "≥ 15 ×",
            format!("{:.1} ×", ndpi / ours),
            &of_ndpi,
            ndpi / ours >= 15.0,
        ),
        Row {
            command: command(&small),
            ..row(
                "metering packets of 64 octets",
                "≥ 6 M packets a CPU-second",
                format!("{:.2} M packets a CPU-second", rate(of_small)),
                "",
                rate(of_small) >= 6.0,
            )
        },
        concurrent()?,
    ])
}

/// What a million flows at a time take.
fn concurrent() -> Result<Row> {
    let arguments = "run --release -q -p meter --features craft --example concurrent 1000000";
    let output = Command::new("cargo")
        .args(arguments.split(' '))
        .stderr(Stdio::null())
        .output()
        .context("cannot run cargo")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let megabytes: u64 = said
        .split(" MB")
        .next()
        .and_then(|before| before.rsplit(' ').next()?.parse().ok())
        .with_context(|| format!("cargo {arguments} said no size: {said}"))?;
    Ok(Row {
        figure: "memory of 1 M flows at a time, layer 7 on".to_owned(),
        target: "≤ 400 MB".to_owned(),
        measured: format!("{megabytes} MB"),
        peer: String::new(),
        command: format!("cargo {arguments}"),
        kept: megabytes <= 400,
    })
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

/// The traffic of a busy link.
fn capture() -> Result<PathBuf> {
    made("traffic-mixed.pcap", traffic::write)
}

/// A capture to measure with, made once.
fn made(name: &str, write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>) -> Result<PathBuf> {
    let folder = crate::build_dir()?.join("bench");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(name);
    if !path.exists() {
        // Whole or not at all.
        let part = path.with_extension("part");
        let file = File::create(&part).with_context(|| format!("cannot create {}", part.display()))?;
        write(&mut BufWriter::with_capacity(1 << 20, file)).context("cannot write the capture")?;
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

/// ndpiReader on the same capture, which prints nothing but its sums.
fn ndpi_reader(capture: &Path) -> Result<f64> {
    let mut command = Command::new("ndpiReader");
    command.arg("-q").arg("-i").arg(capture);
    cpu_seconds(&mut command).context("ndpiReader is in Debian's package libndpi-bin")
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
