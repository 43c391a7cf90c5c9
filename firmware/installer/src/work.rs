//! Carries the plan out on this machine.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::answers::{Answers, Depth, Layout};
use crate::disk::{Contents, Disk};
use crate::drive::{Drive, carry_out, effort};
use crate::gpt::Table;
use crate::identity::{Identity, Partition};
use crate::machine;
use crate::media;
use crate::plan::{Choice, Image, Plan};
use crate::report::Report;
use crate::selftest::{self, Part, Verdict, overall};
use crate::talk::{Consoles, both, same};

/// Where firmware/init leaves the disk image.
const IMAGE: &str = "/run/spanwatch-payload/disk.img";

/// The array while it is made. The installed system assembles it as md127 (rootfs-overlay/etc/mdadm.conf).
const ARRAY: &str = "md0";

/// Reads the image's table.
pub(crate) fn image() -> Result<Image> {
    let mut head = vec![0; crate::gpt::HEAD];
    let mut file = File::open(IMAGE).with_context(|| format!("cannot open {IMAGE}"))?;
    std::io::Read::read_exact(&mut file, &mut head)?;
    let table = Table::parse(&head).context("the medium's image has no partition table")?;
    Ok(Image { table })
}

/// The version that is installed: that of the root that runs.
pub(crate) fn version() -> Result<String> {
    let text = std::fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let version = text.lines().find_map(|line| line.strip_prefix("VERSION_ID="));
    Ok(version
        .context("/etc/os-release has no VERSION_ID")?
        .trim_matches('"')
        .to_owned())
}

/// Tests and installs, and leaves the report. Every error leaves a machine that can be installed again.
pub(crate) fn install(
    consoles: &mut Consoles,
    answers: &Answers,
    choice: &Choice,
    disks: &[Disk],
    image: &Image,
) -> Result<()> {
    let version = version()?;
    let system = disks.get(choice.system).context("the system disk is gone")?;
    // before anything is written: an identity that stays must be readable
    let kept = match (&system.contents, choice.keep_identity) {
        (Contents::Spanwatch(table), true) => {
            let (number, _) = table
                .named("spanwatch-identity")
                .context("it has no identity partition")?;
            let partition = Partition::open(&machine::partition(&system.name, number))?;
            let kept = partition.kept(answers.serial_number.as_deref())?;
            partition.close()?;
            kept
        }
        _ => None,
    };
    let serial = kept.as_ref().map(|identity| identity.serial_number.clone());
    let serial = serial.or(choice.serial_number.clone());
    let serial = serial.context("serial_number: the identity that stays has none, and none was given")?;

    let plan = Plan::make(choice, disks, image, machine::random_id);
    let parts = test(consoles, answers.self_test, disks, &plan);
    let began = Instant::now();
    let written = match overall(&parts) {
        Verdict::Failed => Err(anyhow::anyhow!("the self-test failed: nothing was installed")),
        _ => write(consoles, &plan, choice, disks),
    };
    let mut report = Report {
        serial_number: &serial,
        version: &version,
        time: &OffsetDateTime::now_utc().format(&Rfc3339)?,
        machine: machine::tables(),
        processors: selftest::processors(),
        parts: &parts,
        installation: json!({"done": false}),
    };
    let read_back = match written {
        Ok(hash) => hash,
        Err(error) => {
            report.installation = json!({"done": false, "error": format!("{error:#}")});
            leave(consoles, &report, None)?;
            return Err(error);
        }
    };
    await_partitions(&system.name, &plan.table)?;
    if !plan.members.is_empty() {
        consoles.say(&both("Making the data array", "正在创建数据阵列"));
        array(choice.layout, &plan, disks)?;
    }
    let (number, _) = plan
        .table
        .named("spanwatch-identity")
        .context("the image has no identity partition")?;
    let partition = Partition::open(&machine::partition(&system.name, number))?;
    let identity = match kept {
        Some(identity) => identity,
        None => Identity::new(&serial)?,
    };
    partition.write(&identity, &selftest::addresses())?;
    let members = choice
        .members
        .iter()
        .filter_map(|index| disks.get(*index))
        .map(|disk| disk.name.as_str());
    report.installation = json!({
        "done": true, "disk": system.name, "disk_serial": system.serial, "data": choice.layout.name(),
        "data_disks": members.collect::<Vec<_>>(), "identity": if choice.keep_identity { "kept" } else { "new" },
        "read_back_octets": effort(&plan.steps) / 2, "read_back_sha256": read_back, "seconds": began.elapsed().as_secs(),
    });
    let files = leave(consoles, &report, Some(&identity))?;
    for (name, octets) in &files {
        let end = name.rsplit_once(&*serial).map_or(name.as_str(), |(_, end)| end);
        if end != ".csr" {
            partition.put(&format!("report{end}"), octets, 0o644)?;
        }
    }
    partition.close()?;
    consoles.say(&both(
        format!(
            "Installed Spanwatch {version} on {}, serial number {serial}; self-test {}",
            system.name,
            overall(&parts).word()
        ),
        format!(
            "已将网镜 {version} 安装到 {}，序列号 {serial}，自检结论 {}",
            system.name,
            overall(&parts).word()
        ),
    ));
    consoles.say(&same(format!(
        "SPANWATCH-INSTALLED serial={serial} sha256={read_back} self-test={}",
        overall(&parts).word()
    )));
    Ok(())
}

/// Prints and saves the report.
fn leave(consoles: &mut Consoles, report: &Report, identity: Option<&Identity>) -> Result<Vec<(String, Vec<u8>)>> {
    let files = report.files(identity)?;
    let saved = media::save(&files);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    consoles.say(&match saved.is_empty() {
        true => both(
            "No stick took the report: it is on the identity partition alone",
            "没有可写的 U 盘：报告仅保存在身份分区",
        ),
        false => both(
            format!("Report on {}: {}", saved.join(", "), names.join(", ")),
            format!("报告已保存到 {}：{}", saved.join("、"), names.join("、")),
        ),
    });
    Ok(files)
}

fn test(consoles: &mut Consoles, depth: Depth, disks: &[Disk], plan: &Plan) -> Vec<Part> {
    if depth == Depth::None {
        return Vec::new();
    }
    consoles.say(&both(
        "Self-test: memory, disks, network, sensors",
        "自检：内存、磁盘、网口、传感器",
    ));
    selftest::switch_ports_on();
    let parts = vec![
        selftest::memory(depth),
        selftest::disks(depth, disks, &plan.free),
        selftest::network(),
        selftest::sensors(),
    ];
    for part in &parts {
        consoles.say(&same(format!(
            "  {:8} {:8} {}",
            part.name,
            part.verdict.word(),
            part.summary
        )));
    }
    parts
}

fn write(consoles: &mut Consoles, plan: &Plan, choice: &Choice, disks: &[Disk]) -> Result<String> {
    consoles.say(&both("Writing, then reading back", "正在写入，随后回读校验"));
    let taken = |index: usize| index == choice.system || choice.members.contains(&index);
    let mut drives = Vec::new();
    for (index, disk) in disks.iter().enumerate() {
        drives.push(match taken(index) {
            true => Drives::Taken(Drive::open(&disk.name)?),
            false => Drives::Other(disk.name.clone()),
        });
    }
    let mut image = File::open(IMAGE)?;
    let (all, mut done, mut shown) = (effort(&plan.steps).max(1), 0, 0);
    let hash = carry_out(&plan.steps, &mut drives, &mut image, |octets| {
        done += octets;
        let percent = done * 100 / all;
        if percent >= shown + 20 {
            shown = percent;
            consoles.say(&same(format!("  {percent} %")));
        }
    })?;
    Ok(hash)
}

/// A disk that is written, or one that no step may touch.
enum Drives {
    Taken(Drive),
    Other(String),
}

impl Drives {
    fn taken(&mut self) -> Result<&mut Drive, crate::drive::Fault> {
        match self {
            Self::Taken(drive) => Ok(drive),
            Self::Other(name) => Err(crate::drive::Fault::Open(
                name.clone(),
                std::io::Error::other("it is not one of those that were chosen"),
            )),
        }
    }
}

impl crate::drive::Disk for Drives {
    fn write(&mut self, at: u64, octets: &[u8]) -> Result<(), crate::drive::Fault> {
        self.taken()?.write(at, octets)
    }

    fn read(&mut self, at: u64, octets: &mut [u8]) -> Result<(), crate::drive::Fault> {
        self.taken()?.read(at, octets)
    }

    fn flush(&mut self) -> Result<(), crate::drive::Fault> {
        self.taken()?.flush()
    }

    fn name(&self) -> String {
        match self {
            Self::Taken(drive) => drive.name(),
            Self::Other(name) => name.clone(),
        }
    }
}

/// Waits until the kernel has the new table. udev has it read when a disk that was open for writing is closed.
fn await_partitions(disk: &str, table: &Table) -> Result<()> {
    let began = Instant::now();
    let mut nudged = Instant::now();
    loop {
        let wrong = table.partitions.iter().enumerate().find(|(index, partition)| {
            let place = machine::extent(disk, index + 1);
            let device = Path::new("/dev").join(machine::partition(disk, index + 1));
            place != Some((partition.start(), partition.octets())) || !device.exists()
        });
        let Some((_, partition)) = wrong else { return Ok(()) };
        ensure!(
            began.elapsed() < Duration::from_secs(30),
            "the kernel does not take the new partition {} of {disk}: start the installer again",
            partition.name
        );
        if nudged.elapsed() > Duration::from_secs(2) {
            nudged = Instant::now();
            drop(File::options().write(true).open(Path::new("/dev").join(disk)));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Makes the array and its table, and stops it: the installed system assembles it.
fn array(layout: Layout, plan: &Plan, disks: &[Disk]) -> Result<()> {
    let Layout::Raid(level) = layout else { return Ok(()) };
    let mut devices = Vec::new();
    for (index, number) in &plan.members {
        let disk = disks.get(*index).context("a disk of the array is gone")?;
        if *number == 1 && plan.members.len() > 1 {
            let device = Path::new("/dev").join(machine::partition(&disk.name, *number));
            let began = Instant::now();
            while !device.exists() && began.elapsed() < Duration::from_secs(30) {
                drop(File::options().write(true).open(Path::new("/dev").join(&disk.name)));
                std::thread::sleep(Duration::from_millis(500));
            }
        }
        devices.push(format!("/dev/{}", machine::partition(&disk.name, *number)));
    }
    let device = format!("/dev/{ARRAY}");
    mdadm(
        Command::new("/usr/sbin/mdadm")
            .args([
                "--create",
                &device,
                "--run",
                "--quiet",
                "--metadata=1.2",
                "--homehost=spanwatch",
                "--name=data",
            ])
            .args([
                "--bitmap=internal",
                &format!("--level={level}"),
                &format!("--raid-devices={}", devices.len()),
            ])
            .args(&devices),
    )?;
    let steps = Plan::array_table(machine::sectors(ARRAY)?, machine::random_id);
    carry_out(&steps, &mut [Drive::open(ARRAY)?], &mut std::io::empty(), |_| {})?;
    let mut last = None;
    for _ in 0..20 {
        match mdadm(Command::new("/usr/sbin/mdadm").args(["--stop", &device])) {
            Ok(()) => return Ok(()),
            // udev may still be looking at it
            Err(error) => last = Some(error),
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    Err(last.unwrap_or_else(|| anyhow::anyhow!("the array was not stopped")))
}

fn mdadm(command: &mut Command) -> Result<()> {
    let out = command.output().context("cannot start mdadm")?;
    if !out.status.success() {
        bail!(
            "mdadm ended with {}: {}",
            out.status,
            String::from_utf8_lossy(&out.stderr).trim()
        );
    }
    Ok(())
}
