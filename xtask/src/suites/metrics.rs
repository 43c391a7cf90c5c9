//! Metrics of the booted image as Prometheus reads them: with the token alone, in its format, from every program.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::session::Session;
use super::tally::Tally;

const SOON: Duration = Duration::from_secs(90);
/// Samples that a box with two capture ports, drives and replayed traffic has.
const WANTED: [&str; 20] = [
    "spanwatch_service_up{service=\"supervisor\"} 1",
    "spanwatch_service_up{service=\"collector\"} 1",
    "spanwatch_service_up{service=\"analyzer\"} 1",
    "spanwatch_service_up{service=\"hwmon\"} 1",
    "spanwatch_build_info{version=",
    "spanwatch_uptime_seconds ",
    "spanwatch_filesystem_size_bytes{mount=\"/data\"}",
    "spanwatch_unit_active{unit=\"spanwatch-collector.service\"} 1",
    "spanwatch_firmware_slot_info{slot=\"a\"",
    "spanwatch_alarms{severity=\"critical\",acknowledged=\"false\"}",
    "spanwatch_capture_packets_total{port=",
    "spanwatch_capture_dropped_packets_total{port=",
    "spanwatch_capture_ring_packets_total{port=",
    "spanwatch_flows ",
    "spanwatch_records_made_total ",
    "spanwatch_exporter_datagrams_total{exporter=",
    "spanwatch_store_class_bytes{class=\"records\"}",
    "spanwatch_hardware_health{state=",
    "spanwatch_drive_health{drive=",
    "spanwatch_samples_left_out 0",
];

/// What holds on the appliance's machine once traffic and exporters were seen.
pub(super) fn checks(tally: &mut Tally, session: &Session) {
    tally.check("metrics are off until there is a token", status(session, None, 404));
    let token = match made(session) {
        Ok(token) => {
            tally.pass("ssh: set metrics token prints a token");
            token
        }
        Err(error) => return tally.fail("ssh: set metrics token prints a token", &format!("{error:#}")),
    };
    tally.check(
        "metrics are refused without the token, and with a wrong one",
        status(session, None, 401).and_then(|()| status(session, Some(&"0".repeat(64)), 401)),
    );
    match read(session, &token) {
        Ok(text) => {
            tally.pass("metrics tell of every program, with the token");
            tally.check("promtool finds nothing wrong with the metrics", promtool(&text));
        }
        Err(error) => tally.fail("metrics tell of every program, with the token", &format!("{error:#}")),
    }
    tally.check("ssh: show metrics tells who read them", shown(session));
    tally.check(
        "the token opens nothing else",
        session.get("/api/v1/system", Some(&token)).and_then(|(status, _)| {
            ensure!(status == 401, "/api/v1/system is answered with {status}");
            Ok(())
        }),
    );
    tally.check(
        "ssh: set metrics off takes the token away",
        session
            .cli("set metrics off")
            .and_then(|_| status(session, Some(&token), 404)),
    );
}

fn status(session: &Session, token: Option<&str>, expected: u16) -> Result<()> {
    let (status, answer) = session.get("/metrics", token)?;
    ensure!(
        status == expected,
        "/metrics is answered with {status}, not {expected}: {answer}"
    );
    Ok(())
}

fn made(session: &Session) -> Result<String> {
    let text = session.cli("set metrics token")?;
    let token = text.lines().next().unwrap_or_default().trim();
    ensure!(
        token.len() == 64 && token.bytes().all(|b| b.is_ascii_hexdigit()),
        "it prints no token: {text}"
    );
    Ok(token.to_owned())
}

/// The metrics, once all that is wanted is there.
fn read(session: &Session, token: &str) -> Result<String> {
    let began = Instant::now();
    loop {
        let (status, text) = session.get("/metrics", Some(token))?;
        let missing: BTreeSet<&str> = WANTED.into_iter().filter(|wanted| !text.contains(wanted)).collect();
        if status == 200 && missing.is_empty() {
            return Ok(text);
        }
        if began.elapsed() > SOON {
            bail!("/metrics is answered with {status} and lacks {missing:?}: {text}");
        }
        std::thread::sleep(Duration::from_secs(2));
    }
}

/// `promtool check metrics`, which reads the format and knows the rules of naming.
fn promtool(text: &str) -> Result<()> {
    let mut child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start promtool of Debian's package prometheus")?;
    child
        .stdin
        .take()
        .context("no stdin")?
        .write_all(text.as_bytes())
        .context("promtool does not read")?;
    let out = child.wait_with_output()?;
    let said = [out.stdout, out.stderr].concat();
    ensure!(out.status.success(), "{}", String::from_utf8_lossy(&said));
    Ok(())
}

fn shown(session: &Session) -> Result<()> {
    let access = session.show("metrics")?;
    ensure!(
        access["made"].is_u64() && access["read"]["source"].is_string(),
        "`show metrics | json` says {access}"
    );
    Ok(())
}
