//! `make bench`: the figures of docs/promises.md, measured beside their peers.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::session::{BOOT_WITHIN, Session, setup_code};
use crate::bench::{self, Row};
use crate::qemu::Machine;

/// What is measured together: its name, and how.
type Part = (&'static str, fn() -> Result<Vec<Row>>);
const PARTS: [Part; 6] = [
    ("flows", bench::flows),
    ("export", bench::export),
    ("line", bench::line),
    ("store", bench::store),
    ("image", image),
    ("update", update),
];

/// Measures and prints the figures of the named parts, or all; fails when a promise is not kept.
pub(super) fn print(names: &[String]) -> Result<()> {
    let known = || PARTS.map(|(name, _)| name).join(", ");
    if let Some(name) = names.iter().find(|name| PARTS.iter().all(|(known, _)| known != name)) {
        anyhow::bail!("there are no figures of {name:?}; there are: {}", known());
    }
    let mut rows = Vec::new();
    for (name, measure) in PARTS {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            rows.extend(measure()?);
        }
    }
    println!("\n| figure | target | measured | peer | command |\n| --- | --- | --- | --- | --- |");
    for row in &rows {
        let mark = if row.kept { "" } else { " (**missed**)" };
        println!(
            "| {} | {} | {}{mark} | {} | `{}` |",
            row.figure, row.target, row.measured, row.peer, row.command
        );
    }
    let missed = rows.iter().filter(|row| !row.kept).count();
    ensure!(
        missed == 0,
        "{missed} of {} promised figures were missed in this run",
        rows.len()
    );
    Ok(())
}

fn image() -> Result<Vec<Row>> {
    let image = crate::image::build()?;
    let mut rows = sizes()?;
    rows.extend(appliance(&image)?);
    Ok(rows)
}

fn row(figure: &str, target: &str, measured: String, kept: bool) -> Row {
    Row {
        figure: figure.to_owned(),
        target: target.to_owned(),
        measured,
        peer: String::new(),
        command: "make bench".to_owned(),
        kept,
    }
}

fn sizes() -> Result<Vec<Row>> {
    let manifest = crate::build_dir()?.join("spanwatch-x86_64.manifest.json");
    let manifest: Value = serde_json::from_slice(&std::fs::read(manifest)?)?;
    let bytes = |place: &str| {
        manifest
            .pointer(place)
            .and_then(Value::as_u64)
            .with_context(|| format!("the manifest has no {place}"))
    };
    let (raw, packed) = (bytes("/image/bytes")?, bytes("/image/compressed_bytes")?);
    let (raw_max, packed_max) = crate::image::LIMITS;
    let mb = |bytes: u64| format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10);
    Ok(vec![
        row("disk image", "≤ 400 MB", mb(raw), raw <= raw_max),
        row("disk image, compressed", "≤ 90 MB", mb(packed), packed <= packed_max),
    ])
}

/// Boots three times for the time, then lets the last one idle for the memory.
fn appliance(image: &std::path::Path) -> Result<Vec<Row>> {
    let dir = crate::build_dir()?.join("bench/appliance");
    let mut times = Vec::new();
    let mut last = None;
    for _ in 0..3 {
        drop(last.take());
        let mut guest = Machine::new(image, &dir).capture_ports(2).start()?;
        guest.wait_for_https(BOOT_WITHIN)?;
        times.push(guest.uptime());
        last = Some(guest);
    }
    times.sort();
    let mut guest = last.context("no machine was started")?;
    let code = setup_code(&mut guest)?;
    let session = Session::forwarded(guest.forwards()?);
    session.set_up(&code)?;
    // the first start's own work is over then
    std::thread::sleep(Duration::from_secs(60));
    let memory = memory(&session)?;
    let median = times.get(1).copied().unwrap_or_default();
    Ok(vec![
        row(
            "power-on to the console answering, first boot, median of 3",
            "≤ 30 s (QEMU TCG, 2 processors)",
            format!("{:.1} s ({})", median.as_secs_f64(), guest.accel()),
            median <= Duration::from_secs(30),
        ),
        row(
            "idle memory of all our programs (their control groups)",
            "≤ 120 MB",
            format!("{}.{} MB", memory / 1_000_000, memory / 100_000 % 10),
            memory <= 120_000_000,
        ),
    ])
}

/// An update, from the bundle's first octet to the new version's console.
fn update() -> Result<Vec<Row>> {
    let took = super::update::measure(90_000_000)?;
    let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
    let megabytes = took.octets / 1_000_000;
    Ok(vec![
        row(
            "update by a bundle of 90 MB: sent over SSH, checked, installed",
            "≤ 60 s (QEMU TCG, 2 processors)",
            format!("{} ({megabytes} MB)", seconds(took.installed)),
            took.installed <= Duration::from_secs(60),
        ),
        row(
            "the restart into it, until its console answers",
            "none",
            seconds(took.restarted),
            true,
        ),
    ])
}

/// The sum of the memory of our services' control groups: resident, page cache and kernel memory.
fn memory(session: &Session) -> Result<u64> {
    let status = session.show("services")?;
    let units = status
        .get("units")
        .and_then(Value::as_array)
        .context("`show services | json` lists no units")?;
    let ours = units.iter().filter(|unit| {
        unit.get("name")
            .and_then(Value::as_str)
            .is_some_and(|name| name.starts_with("spanwatch-") && name.ends_with(".service"))
    });
    let sizes: Vec<u64> = ours
        .filter_map(|unit| unit.get("memory").and_then(Value::as_u64))
        .collect();
    ensure!(sizes.len() >= 4, "the memory of only {} services is known", sizes.len());
    Ok(sizes.iter().sum())
}
