//! The booted image as its user meets it: first set-up and console in a browser, commands over
//! SSH, bad frames, a cable that is pulled, services that are restarted.

use std::io::{Read, Write};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::alarms;
use super::exporters::{self, Exporters};
use super::flows;
use super::hardware;
use super::layer7;
use super::metrics;
use super::playback::{Playback, office};
use super::session::{PASSWORD, Session, first_boot};
use super::tally::Tally;
use crate::qemu::{Guest, Machine};

/// The test machine's disk; the image is a small part of it.
const DISK: u64 = 16 << 30;
const SOON: Duration = Duration::from_secs(90);

/// How the browser sees each page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Looks {
    /// Each language once and each appearance once.
    Two,
    /// Each language in each appearance.
    Every,
}

/// The image on QEMU's full processor, two capture ports, the recorded office on the first.
pub(super) fn run(tally: &mut Tally) -> Result<()> {
    whole(tally, Looks::Two)
}

/// The same, with every page in every look.
pub(super) fn every_look(tally: &mut Tally) -> Result<()> {
    whole(tally, Looks::Every)
}

fn whole(tally: &mut Tally, looks: Looks) -> Result<()> {
    let image = crate::image::build()?;
    let dir = crate::build_dir()?.join("test/appliance");
    let machine = Machine::new(image, &dir).capture_ports(2).disk_size(DISK);
    let mut guest = hardware::drives(machine, &dir)?.start()?;
    let (session, code) = first_boot(&mut guest)?;
    tally.pass(&format!(
        "the console answers {} after power-on ({})",
        crate::step::human(guest.uptime()),
        guest.accel()
    ));
    let replay = Playback::start(&guest, 0, &office())?;
    let devices = Exporters::start(&guest)?;
    browser(tally, &session, &code, &devices, looks)?;
    commands(tally, &session);
    exporters::checks(tally, &session);
    flows::checks(tally, &session);
    layer7::checks(tally, &session);
    hardware::checks(tally, &session, &guest);
    alarms::checks(tally, &session, &guest);
    metrics::checks(tally, &session);
    tally.check("the data partition grew to the disk", grown(&session));
    tally.check(
        "the physical console asks for the password, then obeys",
        physical(&guest),
    );
    capture(tally, &session, &guest);
    restarts(tally, &session);
    drop((replay, devices));
    for port in 0..guest.capture_ports() {
        tally.check(
            &format!("capture port {} sends nothing", port + 1),
            silent(&guest, port),
        );
    }
    tally.check("the box shuts down in order", guest.shut_down(Duration::from_secs(120)));
    Ok(())
}

/// The image on the oldest supported processor: it boots, is set up, and counts what is replayed.
pub(super) fn ivy_bridge(tally: &mut Tally) -> Result<()> {
    let image = crate::image::build()?;
    let dir = crate::build_dir()?.join("test/ivybridge");
    let mut guest = Machine::new(image, &dir).cpu("IvyBridge").start()?;
    let (session, code) = first_boot(&mut guest)?;
    tally.pass("the console answers on -cpu IvyBridge");
    session.set_up(&code)?;
    let _replay = Playback::start(&guest, 0, &office())?;
    tally.check(
        "replayed frames are counted on -cpu IvyBridge",
        session
            .wait_for("links", SOON, |links| frames(links, 1).filter(|n| *n > 0))
            .map(drop),
    );
    tally.check(
        "top hosts are found on -cpu IvyBridge",
        session.wait_for("top hosts", SOON, first_row).map(drop),
    );
    Ok(())
}

/// Playwright's checks; they do the first set-up too.
fn browser(tally: &mut Tally, session: &Session, code: &str, devices: &Exporters, looks: Looks) -> Result<()> {
    let port = devices.snmp_port.to_string();
    let variables = [
        ("SPANWATCH_SETUP_CODE", code),
        ("SPANWATCH_EXPORTER", exporters::ADDRESS),
        ("SPANWATCH_SNMP_PORT", &port),
        (
            "SPANWATCH_LOOKS",
            match looks {
                Looks::Two => "two",
                Looks::Every => "every",
            },
        ),
    ];
    super::browser::play(tally, session, "run.mjs", &variables)
}

fn commands(tally: &mut Tally, session: &Session) {
    tally.check(
        "ssh: show version",
        session.cli("show version").and_then(|text| {
            ensure!(text.contains(env!("CARGO_PKG_VERSION")), "no version in: {text}");
            Ok(())
        }),
    );
    tally.check("ssh: every service is running", services(session));
    tally.check("ssh: show links in words", session.cli("show links").map(drop));
    tally.check(
        "ssh: show top hosts finds the office",
        session.wait_for("top hosts", SOON, |top| {
            top.to_string().contains("10.20.0.1").then_some(())
        }),
    );
    for what in [
        "top protocols",
        "top conversations",
        "top apps",
        "system",
        "ports",
        "settings",
        "flows",
    ] {
        tally.check(
            &format!("ssh: show {what}"),
            session.cli(&format!("show {what}")).and_then(|text| {
                ensure!(!text.trim().is_empty(), "it prints nothing");
                Ok(())
            }),
        );
    }
    tally.check(
        "ssh: a wrong command is refused in words",
        session.cli_refused("show nonsense").and_then(|text| {
            ensure!(
                text.contains("nonsense"),
                "the message does not name what is wrong: {text}"
            );
            Ok(())
        }),
    );
    tally.check("ssh: no way to a shell", no_shell(session));
    tally.check(
        "ssh: completion and help on a terminal",
        session.type_lines("sh\tver\t\rhelp\rexit\r").and_then(|text| {
            ensure!(
                text.contains(env!("CARGO_PKG_VERSION")),
                "`sh<TAB>ver<TAB>` showed no version: {text}"
            );
            ensure!(text.contains("show top"), "help does not name `show top`: {text}");
            Ok(())
        }),
    );
}

fn grown(session: &Session) -> Result<()> {
    let system = session.show("system")?;
    let disks = system
        .pointer("/disks")
        .and_then(Value::as_array)
        .context("`show system | json` lists no disks")?;
    let data = disks
        .iter()
        .find(|disk| disk.get("mount").and_then(Value::as_str) == Some("/data"))
        .context("/data is not mounted")?;
    let total = data.get("total").and_then(Value::as_u64).unwrap_or(0);
    ensure!(total > DISK * 9 / 10, "/data has {total} octets of a disk of {DISK}");
    Ok(())
}

/// The serial port, as a person with a cable uses it.
fn physical(guest: &Guest) -> Result<()> {
    let mut serial = guest.serial_console()?;
    serial.set_read_timeout(Some(Duration::from_secs(2)))?;
    serial.write_all(b"\r")?;
    // "Password of admin: " or its Chinese, as the wizard chose
    expect(&mut serial, &["assword", "密码"])?;
    serial.write_all(format!("{PASSWORD}\r").as_bytes())?;
    std::thread::sleep(Duration::from_secs(5));
    serial.write_all(b"show version\r")?;
    expect(&mut serial, &["Version", "版本"])
}

fn expect(serial: &mut std::os::unix::net::UnixStream, texts: &[&str]) -> Result<()> {
    let began = std::time::Instant::now();
    let mut shown = Vec::new();
    let mut buffer = [0; 4096];
    while began.elapsed() < SOON {
        match serial.read(&mut buffer) {
            Ok(read) => shown.extend_from_slice(buffer.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        let screen = String::from_utf8_lossy(&shown);
        if texts.iter().any(|text| screen.contains(text)) {
            return Ok(());
        }
    }
    anyhow::bail!(
        "the serial console does not show {texts:?} but {:?}",
        String::from_utf8_lossy(&shown)
    )
}

fn services(session: &Session) -> Result<()> {
    let status = session.show("services")?;
    let units = status
        .get("units")
        .and_then(Value::as_array)
        .context("`show services | json` lists no units")?;
    for name in ["supervisor", "collector", "analyzer", "console", "hwmon"] {
        let unit = format!("spanwatch-{name}.service");
        let found = units
            .iter()
            .find(|u| u.get("name").and_then(Value::as_str) == Some(unit.as_str()));
        let state = found
            .and_then(|u| u.get("state"))
            .and_then(Value::as_str)
            .unwrap_or("missing");
        ensure!(state == "active", "{unit} is {state}");
    }
    Ok(())
}

fn no_shell(session: &Session) -> Result<()> {
    for attempt in [
        "/bin/sh",
        "show version; id",
        "show version && id",
        "$(id)",
        "`id`",
        "sftp",
    ] {
        let text = session.cli_refused(attempt)?;
        ensure!(!text.contains("uid="), "`{attempt}` reached a shell: {text}");
    }
    Ok(())
}

fn capture(tally: &mut Tally, session: &Session, guest: &Guest) {
    tally.check(
        "malformed and random frames are counted by kind, and capture goes on",
        malformed(session, guest),
    );
    tally.check(
        "a pulled cable is shown, and capture resumes when it is back",
        cable(session, guest),
    );
}

fn malformed(session: &Session, guest: &Guest) -> Result<()> {
    // an IPv4 header cut after 10 octets, version 9, a TCP header cut after 4, an ARP cut after 6
    let ethernet = |ethertype: [u8; 2], payload: &[u8]| {
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
        frame.extend(ethertype);
        frame.extend(payload);
        frame
    };
    let mut tcp = vec![0x45, 0, 0, 24, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    tcp.extend([0, 80, 0, 81]);
    let bad = [
        ethernet([8, 0], &[0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6]),
        ethernet([8, 0], &[0x95; 40]),
        ethernet([8, 0], &tcp),
        ethernet([8, 6], &[0, 1, 8, 0, 6, 4]),
    ];
    let before = session.wait_for("capture", SOON, malformed_total)?;
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..50_usize {
        for frame in &bad {
            guest.inject_frame(0, frame)?;
        }
        let mut noise = Vec::with_capacity(64 + round);
        for _ in 0..64 + round {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            noise.push(random.to_le_bytes()[0]);
        }
        guest.inject_frame(0, &noise)?;
        std::thread::sleep(Duration::from_millis(5));
    }
    session.wait_for("capture", SOON, |capture| {
        malformed_total(capture).filter(|now| *now >= before + 200)
    })?;
    session.wait_for("links", SOON, |links| frames(links, 1).filter(|n| *n > 0))?;
    services(session)
}

/// The malformed frames of all ports since the collector's start.
fn malformed_total(capture: &Value) -> Option<u64> {
    let ports = capture.get("ports")?.as_array()?;
    let kinds = ports
        .iter()
        .filter_map(|port| port.pointer("/counters/malformed")?.as_array());
    Some(kinds.flatten().filter_map(Value::as_u64).sum())
}

fn cable(session: &Session, guest: &Guest) -> Result<()> {
    let up = |links: &Value, wanted: bool| {
        let link = links
            .as_array()?
            .iter()
            .find(|l| l.pointer("/info/id") == Some(&Value::from(1)))?;
        (link.pointer("/info/up")?.as_bool()? == wanted).then_some(())
    };
    session.wait_for("links", SOON, |links| up(links, true))?;
    guest.set_link(0, false)?;
    session
        .wait_for("links", SOON, |links| up(links, false))
        .context("the cable is pulled")?;
    guest.set_link(0, true)?;
    session
        .wait_for("links", SOON, |links| up(links, true))
        .context("the cable is back")?;
    session
        .wait_for("links", SOON, |links| frames(links, 1).filter(|n| *n > 0))
        .context("capture after the cable is back")?;
    Ok(())
}

fn restarts(tally: &mut Tally, session: &Session) {
    for name in ["analyzer", "collector", "console"] {
        tally.check(
            &format!("the rest works while the {name} restarts"),
            restart(session, name),
        );
    }
}

fn restart(session: &Session, name: &str) -> Result<()> {
    session.cli(&format!("restart {name}"))?;
    session.cli("show version")?;
    session
        .wait_for("links", SOON, |links| frames(links, 1).filter(|n| *n > 0))
        .context("frames after the restart")?;
    session.wait_for("capture", SOON, |capture| {
        capture
            .get("unacknowledged")?
            .as_u64()
            .filter(|waiting| *waiting < 10_000)
    })?;
    services(session)
}

/// Frames of a link's newest second.
fn frames(links: &Value, id: u64) -> Option<u64> {
    let link = links
        .as_array()?
        .iter()
        .find(|l| l.pointer("/info/id").and_then(Value::as_u64) == Some(id))?;
    link.pointer("/second/frames/total/packets")?.as_u64()
}

fn first_row(top: &Value) -> Option<()> {
    top.pointer("/table/rows/0").map(drop)
}

fn silent(guest: &Guest, port: usize) -> Result<()> {
    if let Some(frame) = guest.sent_frame(port)? {
        anyhow::bail!(
            "it sent a frame of {} octets: {:02x?}",
            frame.len(),
            frame.get(..64.min(frame.len()))
        );
    }
    Ok(())
}
