//! The hardware's self-test. Each part gives a verdict and what it saw, as JSON for the report.

mod memory;
mod sensors;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use hwmon::verdict::Health;
use serde_json::{Value, json};

use crate::answers::Depth;
use crate::disk;
use crate::drive::{CHUNK, Disk as _, Drive, Fault, same};
use crate::machine::{names, ports, text};
use crate::plan::Area;
use crate::smart::Condition;

/// What a part of the test came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// All is as it should be.
    Passed,
    /// There was nothing to test, or it was not asked for.
    Skipped,
    /// Somebody should look at it.
    Warning,
    /// The machine must not be delivered.
    Failed,
}

impl Verdict {
    /// As reports write it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

/// A part of the test.
pub(crate) struct Part {
    /// Its name in the report.
    pub(crate) name: &'static str,
    /// What it came to.
    pub(crate) verdict: Verdict,
    /// One line for people.
    pub(crate) summary: String,
    /// Everything that was seen.
    pub(crate) seen: Value,
}

/// The worst of all parts.
pub(crate) fn overall(parts: &[Part]) -> Verdict {
    let worst = parts
        .iter()
        .map(|part| part.verdict)
        .filter(|verdict| *verdict != Verdict::Skipped)
        .max();
    worst.unwrap_or(Verdict::Skipped)
}

/// Tests the memory.
pub(crate) fn memory(depth: Depth) -> Part {
    memory::test(depth)
}

/// Reads the sensors.
pub(crate) fn sensors() -> Part {
    sensors::read(Path::new("/sys"), Path::new("/dev/ipmi0"))
}

/// The ports' names and addresses.
pub(crate) fn addresses() -> Vec<(String, String)> {
    let each = ports().into_iter();
    each.filter_map(|(name, dir)| Some((name, text(dir.join("address"))?)))
        .collect()
}

/// Switches the ports on, so that they have a link where a cable is. The network service does it, with a
/// configuration of this boot that gives them no addresses.
pub(crate) fn switch_ports_on() {
    let text = "[Match]\nName=*\nType=ether\n\n[Link]\nRequiredForOnline=no\n\n[Network]\nLinkLocalAddressing=no\nIPv6AcceptRA=no\nLLDP=no\n";
    let dir = Path::new("/run/systemd/network");
    let written = std::fs::create_dir_all(dir).and_then(|()| std::fs::write(dir.join("00-installer.network"), text));
    if written.is_ok() {
        let _ = Command::new("/usr/bin/systemctl")
            .args(["start", "systemd-networkd.service"])
            .status();
    }
}

/// Looks at the network ports.
pub(crate) fn network() -> Part {
    let began = Instant::now();
    let carrier = |dir: &Path| text(dir.join("carrier")).as_deref() == Some("1");
    let all = ports();
    while began.elapsed() < Duration::from_secs(6) && !all.iter().all(|(_, dir)| carrier(dir)) {
        std::thread::sleep(Duration::from_millis(200));
    }
    let mut seen = Vec::new();
    let (mut linked, mut errors) = (0, 0);
    for (name, dir) in &all {
        let count = |what: &str| text(dir.join("statistics").join(what)).and_then(|text| text.parse::<u64>().ok());
        let link = carrier(dir);
        let wrong = ["rx_errors", "tx_errors", "rx_crc_errors"].map(|what| (what, count(what)));
        linked += usize::from(link);
        errors += wrong.iter().filter_map(|(_, count)| *count).sum::<u64>();
        let driver = std::fs::read_link(dir.join("device/driver")).ok();
        let driver = driver.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        let speed = text(dir.join("speed")).and_then(|text| text.parse::<u64>().ok());
        seen.push(json!({
            "name": name, "mac": text(dir.join("address")), "driver": driver, "link": link,
            "speed_mbit_s": speed.filter(|_| link),
            "errors": wrong.into_iter().map(|(name, count)| (name.to_owned(), json!(count))).collect::<serde_json::Map<_, _>>(),
        }));
    }
    let verdict = match (all.is_empty(), errors, linked) {
        (true, ..) => Verdict::Failed,
        (_, 0, 1..) => Verdict::Passed,
        _ => Verdict::Warning,
    };
    Part {
        name: "network",
        verdict,
        summary: format!("{} ports, {linked} with a link, {errors} errors", all.len()),
        seen: json!({ "ports": seen }),
    }
}

/// Writes, reads and compares places spread over the areas that will be data: what was there is lost.
pub(crate) fn disks(depth: Depth, disks: &[disk::Disk], areas: &[Area]) -> Part {
    let places: u64 = match depth {
        Depth::None => 0,
        Depth::Quick => 16,
        Depth::Full => 512,
    };
    let mut verdict = Verdict::Passed;
    let (mut seen, mut faults) = (Vec::new(), Vec::new());
    for area in areas {
        let Some(disk) = disks.get(area.disk) else { continue };
        let began = Instant::now();
        let result = exercise(&disk.name, *area, places);
        // asked anew: what was just written may have shown sectors that are bad
        let condition = Condition::read(&disk.name);
        let seconds = began.elapsed().as_secs_f64();
        let tested = *result.as_ref().unwrap_or(&0);
        let (health, why) = match condition.health {
            Health::Failing => (Verdict::Failed, "failing"),
            Health::Warning => (Verdict::Warning, "in doubt"),
            Health::Ok | Health::Unknown => (Verdict::Passed, ""),
        };
        if health != Verdict::Passed {
            faults.push(format!("{} is {why}: {}", disk.name, condition.words().en));
        }
        verdict = verdict.max(health);
        if let Err(fault) = &result {
            verdict = Verdict::Failed;
            faults.insert(0, fault.to_string());
        }
        seen.push(json!({
            "name": disk.name, "model": disk.model, "serial": disk.serial, "octets": disk.octets,
            "smart": condition.json(), "tested_octets": tested, "seconds": (seconds * 10.0).round() / 10.0,
            "io_errors": text(Path::new("/sys/block").join(&disk.name).join("device/ioerr_cnt")),
            "fault": result.err().map(|fault| fault.to_string()),
        }));
    }
    let summary = match faults.first() {
        Some(fault) => fault.clone(),
        None => format!(
            "{} disks, {places} places of 1 MiB each written, read and compared",
            areas.len()
        ),
    };
    Part {
        name: "disks",
        verdict,
        summary,
        seen: json!({ "disks": seen }),
    }
}

fn exercise(name: &str, area: Area, places: u64) -> Result<u64, Fault> {
    let mut drive = Drive::open(name)?;
    let (mut back, room) = (vec![0; CHUNK], area.octets.saturating_sub(CHUNK as u64));
    let spots: Vec<u64> = (0..places)
        .map(|n| area.at + room / places.max(1) * n / 4096 * 4096)
        .collect();
    for (n, at) in spots.iter().enumerate() {
        drive.write(*at, &pattern(n))?;
    }
    drive.flush()?;
    for (n, at) in spots.iter().enumerate() {
        drive.read(*at, &mut back)?;
        same(&drive, *at, &pattern(n), &back)?;
    }
    for at in &spots {
        drive.write(*at, &vec![0; CHUNK])?;
    }
    drive.flush()?;
    Ok(spots.len() as u64 * CHUNK as u64)
}

/// Octets that differ from place to place and within each.
fn pattern(place: usize) -> Vec<u8> {
    let mut state = (place as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let words = (0..CHUNK / 8).flat_map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.collect()
}

/// The processors, as the kernel names them.
pub(crate) fn processors() -> Value {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map(|(_, model)| model.trim())
        .collect();
    json!({"model": models.first(), "count": models.len(), "nodes": names("/sys/devices/system/node").iter().filter(|name| name.starts_with("node")).count()})
}
