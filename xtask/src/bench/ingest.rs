//! Flow records from datagrams to the disk, beside nfcapd: the same datagrams over loopback.

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::datagrams::{Exporter, Version};
use super::{Row, children};
use crate::step::{exec_logged, step};

/// Records of each run.
const RECORDS: u64 = 3_000_000;
/// Records a second that nobody loses: this is about processor time.
const EASY: f64 = 250_000.0;
/// How long a program may take to store what it was sent.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a run took.
struct Run {
    cpu_s: f64,
    stored: u64,
}

/// Records of the file that the stages are measured with, and how often it is gone through.
const FILE_RECORDS: u64 = 1_000_000;
const ROUNDS: u32 = 3;
/// Runs of each stage; the best one counts.
const RUNS: usize = 3;

/// The figures of exported records, each beside nfcapd where it has one.
pub(super) fn rows() -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let example = example()?;
    rows.push(memory(&example)?);
    rows.extend(paths(&example)?);
    Ok(rows)
}

/// Over loopback, and what a record costs by the way.
fn paths(example: &Path) -> Result<Vec<Row>> {
    let folder = crate::build_dir()?.join("bench/ingest");
    std::fs::create_dir_all(&folder)?;
    let programs = crate::programs::build()?;
    let mut rows = Vec::new();
    for (version, name) in [(Version::V9, "NetFlow v9"), (Version::Ipfix, "IPFIX")] {
        let ours = ours(&programs, &folder, version, EASY)?;
        let theirs = nfcapd(&folder, version)?;
        for (who, run) in [("Spanwatch", &ours), ("nfcapd", &theirs)] {
            ensure!(
                run.stored == RECORDS,
                "{who} stored {} of {RECORDS} {name} records at {EASY} a second",
                run.stored
            );
        }
        let file = datagrams(&folder, version)?;
        let parse = stage(example, "parse", &file)?;
        rows.push(Row {
            figure: format!("{name}: parse alone"),
            target: "≥ 10 M records a CPU-second".to_owned(),
            measured: rate(parse),
            peer: String::new(),
            command: command(&file, "parse"),
            kept: per_s(parse) >= 10e6,
        });
        let commit = stage(example, "commit", &file)?;
        let times = theirs.cpu_s / commit;
        rows.push(Row {
            figure: format!("{name}: decode, block and commit"),
            target: "≥ 3 M records a CPU-second, ≥ 1.5 × nfcapd".to_owned(),
            measured: format!("{}, {times:.2} ×", rate(commit)),
            peer: format!("nfcapd -y (LZ4), with its sockets: {}", rate(theirs.cpu_s)),
            command: command(&file, "commit"),
            kept: per_s(commit) >= 3e6 && times >= 1.5,
        });
        let ratio = theirs.cpu_s / ours.cpu_s;
        rows.push(Row {
            figure: format!(
                "{name} over UDP to records, windows and interfaces on disk, collector and analyzer together"
            ),
            target: "beside nfcapd".to_owned(),
            measured: format!("{} ({ratio:.2} ×)", rate(ours.cpu_s)),
            peer: format!("nfcapd -y (LZ4), records alone: {}", rate(theirs.cpu_s)),
            command: "make bench".to_owned(),
            kept: true,
        });
    }
    let fast = ours(&programs, &folder, Version::V9, 300_000.0)?;
    rows.push(Row {
        figure: "records lost at 300,000 a second over loopback, sender on the same 2 cores".to_owned(),
        target: "0".to_owned(),
        measured: (RECORDS - fast.stored.min(RECORDS)).to_string(),
        peer: String::new(),
        command: "make bench".to_owned(),
        kept: fast.stored == RECORDS,
    });
    Ok(rows)
}

#[allow(clippy::cast_precision_loss, reason = "a few million")]
fn per_s(cpu_s: f64) -> f64 {
    RECORDS as f64 / cpu_s
}

fn rate(cpu_s: f64) -> String {
    format!("{:.2} M records a CPU-second", per_s(cpu_s) / 1e6)
}

fn command(file: &Path, stage: &str) -> String {
    format!(
        "cargo run --release -p store --example ingest {stage} {} {ROUNDS}",
        file.strip_prefix(crate::root()).unwrap_or(file).display()
    )
}

/// The program that measures the stages.
fn example() -> Result<PathBuf> {
    let log = crate::build_dir()?.join("bench-build.log");
    step("bench", "cargo build --release -p store --example ingest", || {
        exec_logged(
            Command::new("cargo").current_dir(crate::root()).args([
                "build",
                "--release",
                "--locked",
                "-p",
                "store",
                "--example",
                "ingest",
            ]),
            &log,
        )
    })?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::root().join("target"), PathBuf::from);
    Ok(target.join("release/examples/ingest"))
}

/// Datagrams for the stages, each after its length; the templates first.
fn datagrams(folder: &Path, version: Version) -> Result<PathBuf> {
    let path = folder.join(format!("{version:?}.datagrams").to_lowercase());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let mut exporter = Exporter::new(version, 1, u32::try_from(now.as_secs())?);
    let mut out = std::io::BufWriter::new(std::fs::File::create(&path)?);
    let mut write = |datagram: &[u8]| -> Result<()> {
        out.write_all(&u16::try_from(datagram.len())?.to_be_bytes())?;
        Ok(out.write_all(datagram)?)
    };
    write(&exporter.templates())?;
    let mut made = 0;
    while made < FILE_RECORDS {
        let (datagram, records) = exporter.data(usize::try_from(FILE_RECORDS - made)?);
        write(&datagram)?;
        made += records as u64;
    }
    out.flush()?;
    Ok(path)
}

fn ask(command: &mut Command) -> Result<Value> {
    let text = crate::step::output(command)?;
    serde_json::from_str(&text).with_context(|| format!("{command:?} printed no JSON: {text}"))
}

/// Processor seconds of a stage for as many records as a run has; the best of several.
fn stage(example: &Path, stage: &str, file: &Path) -> Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let answer = ask(Command::new(example).arg(stage).arg(file).arg(ROUNDS.to_string()))?;
        let number = |name: &str| answer.get(name).and_then(Value::as_f64);
        let records = answer.get("records").and_then(Value::as_u64);
        ensure!(
            records == Some(RECORDS),
            "{stage} made {records:?} of {RECORDS} records"
        );
        if stage == "commit" {
            ensure!(
                answer.get("stored") == answer.get("records"),
                "not all was stored: {answer}"
            );
        }
        best = best.min(number("cpu_s").context("no cpu_s")?);
    }
    Ok(best)
}

fn memory(example: &Path) -> Result<Row> {
    let answer = ask(Command::new(example).args(["templates", "10000", "10"]))?;
    let number = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or(0);
    let (templates, bytes) = (number("templates"), number("bytes"));
    Ok(Row {
        figure: "memory of 10,000 exporters with 10 templates each".to_owned(),
        target: "≤ 200 MB".to_owned(),
        measured: format!("{} MB for {templates} templates of 20 fields", bytes / 1_000_000),
        peer: String::new(),
        command: "cargo run --release -p store --example ingest templates 10000 10".to_owned(),
        kept: templates == 100_000 && bytes <= 200_000_000,
    })
}

/// Sends the run's records at a rate, evenly.
#[allow(clippy::cast_precision_loss, reason = "a few million")]
fn send(version: Version, port: u16, per_s: f64) -> Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(("127.0.0.1", port))?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let mut exporter = Exporter::new(version, 1, u32::try_from(now.as_secs()).unwrap_or(u32::MAX));
    socket.send(&exporter.templates())?;
    let began = Instant::now();
    let mut sent = 0_u64;
    while sent < RECORDS {
        let (datagram, records) = exporter.data(usize::try_from(RECORDS - sent).unwrap_or(usize::MAX));
        socket.send(&datagram)?;
        sent += records as u64;
        let due = Duration::from_secs_f64(sent as f64 / per_s);
        if let Some(early) = due
            .checked_sub(began.elapsed())
            .filter(|early| *early > Duration::from_millis(2))
        {
            std::thread::sleep(early);
        }
    }
    Ok(())
}

pub(super) fn free_port() -> Result<u16> {
    Ok(UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn quiet(command: &mut Command) -> Result<Child> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))
}

fn terminate(mut child: Child) -> Result<()> {
    let pid = i32::try_from(child.id()).context("no such process number")?;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM)?;
    child.wait()?;
    Ok(())
}

fn empty(folder: &Path) -> Result<()> {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

fn nfcapd(folder: &Path, version: Version) -> Result<Run> {
    let folder = folder.join("nfcapd");
    empty(&folder)?;
    let port = free_port()?;
    let before = children()?;
    let mut command = Command::new("nfcapd");
    command.args(["-y", "-t", "3600", "-B", "16777216", "-b", "127.0.0.1"]);
    command.args(["-p", &port.to_string()]).arg("-w").arg(&folder);
    let child = quiet(&mut command).context("nfcapd is in Debian's package nfdump")?;
    std::thread::sleep(Duration::from_secs(1));
    send(version, port, EASY)?;
    std::thread::sleep(Duration::from_secs(2));
    terminate(child)?;
    let cpu_s = children()? - before;
    let out = Command::new("nfdump").arg("-I").arg("-R").arg(&folder).output()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let flows = text.lines().find_map(|line| line.strip_prefix("Flows: "));
    let stored = flows
        .and_then(|count| count.trim().parse().ok())
        .with_context(|| format!("nfdump -I says nothing of flows: {text}"))?;
    Ok(Run { cpu_s, stored })
}

fn ours(programs: &Path, folder: &Path, version: Version, per_s: f64) -> Result<Run> {
    let folder = folder.join("spanwatch");
    empty(&folder)?;
    let run_dir = folder.join("run");
    let port = free_port()?;
    let before = children()?;
    let analyzer = quiet(
        Command::new(programs.join("analyzer"))
            .arg("--run-dir")
            .arg(&run_dir)
            .arg("--data")
            .arg(folder.join("analyzer")),
    )?;
    let collector = quiet(
        Command::new(programs.join("collector"))
            .arg("--run-dir")
            .arg(&run_dir)
            .arg("--data")
            .arg(folder.join("collector"))
            .args(["--exporter", "bench=127.0.0.1", "--listen-flow", &port.to_string()]),
    )?;
    listening(port)?;
    send(version, port, per_s)?;
    let stored = stored(&run_dir);
    terminate(collector)?;
    terminate(analyzer)?;
    Ok(Run {
        cpu_s: children()? - before,
        stored: stored?,
    })
}

/// Waits until someone has the UDP port.
fn listening(port: u16) -> Result<()> {
    let wanted = format!(":{port:04X} ");
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        for table in ["/proc/net/udp", "/proc/net/udp6"] {
            if std::fs::read_to_string(table).unwrap_or_default().contains(&wanted) {
                return Ok(());
            }
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("the collector does not listen on UDP port {port}")
}

/// Records that the analyzer has once there are enough, or no more come.
fn stored(run_dir: &Path) -> Result<u64> {
    let began = Instant::now();
    let (mut last, mut changed) = (0, Instant::now());
    loop {
        let now = records(run_dir)?;
        if now != last {
            (last, changed) = (now, Instant::now());
        }
        if now >= RECORDS || changed.elapsed() > Duration::from_secs(20) || began.elapsed() > PATIENCE {
            return Ok(now);
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// Asks the analyzer, as the command line does: a frame of JSON each way (docs/formats.md).
fn records(run_dir: &Path) -> Result<u64> {
    let mut socket = UnixStream::connect(run_dir.join("analyzer/api.sock"))?;
    let question = br#"{"call":"status","args":{}}"#;
    socket.write_all(&u32::try_from(question.len())?.to_be_bytes())?;
    socket.write_all(question)?;
    let mut length = [0; 4];
    socket.read_exact(&mut length)?;
    let mut answer = Vec::new();
    socket
        .take(u64::from(u32::from_be_bytes(length)))
        .read_to_end(&mut answer)?;
    let answer: Value = serde_json::from_slice(&answer).context("the analyzer's answer is no JSON")?;
    answer
        .pointer("/ok/records")
        .and_then(Value::as_u64)
        .with_context(|| format!("the analyzer's answer has no count of records: {answer}"))
}
