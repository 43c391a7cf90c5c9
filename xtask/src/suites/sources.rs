//! Where bundles come from beside uploads: USB sticks and web servers, good and hostile ones. And what becomes of a
//! kernel that hangs or fails.

mod server;
mod sticks;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::session::{BOOT_WITHIN, Session, first_boot};
use super::tally::Tally;
use crate::image::bundle;
use crate::qemu::{Debugger, Guest, Machine};
use crate::rootfs::Release;
use server::Server;

const NEXT: &str = "0.2.0";
const STICK_WITHIN: Duration = Duration::from_secs(60);
const INSTALLED_WITHIN: Duration = Duration::from_secs(600);
/// The watchdog's 30 s, or the 10 s after a panic, and a start.
const BACK_WITHIN: Duration = Duration::from_secs(400);

/// Bundles from USB sticks and web servers.
pub(super) fn run(tally: &mut Tally) -> Result<()> {
    let next = bundle::build(&Release::other(NEXT, None)?)?;
    let dir = crate::build_dir()?.join("test/sources");
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir)?;
    // A small disk: what has no end meets its bounds soon.
    let mut machine = Machine::new(crate::image::build()?, &dir).disk_size(640 << 20);
    for stick in sticks::make(&dir.join("sticks"), &next)? {
        machine = machine.usb_stick(stick);
    }
    let server = Server::start(&next)?;
    let mut guest = machine.start()?;
    let (session, code) = first_boot(&mut guest)?;
    session.set_up(&code)?;
    // The state is known once the boot loader's files were looked at.
    session.wait_for("firmware", BOOT_WITHIN, |now| {
        (number(now, "/plugged") == 4).then_some(())
    })?;

    let seen = session.show("firmware usb")?;
    tally.check("bundles on vfat, ext4 and iso9660 are listed", listed(&seen));
    tally.check("an exfat partition is read", exfat(&seen));
    tally.check(
        "strange names, links and folders are left out with a word",
        left_out(&seen),
    );
    tally.check("a broken file system is said, and the box goes on", broken(&seen));
    for (name, words) in [
        ("usb:link.raucb", "no USB stick has"),
        ("usb:../settings.raucb", "no USB stick has"),
        ("usb:garbage.raucb", "refused"),
    ] {
        let said = session.cli_refused(&format!("firmware fetch {name}"))?;
        tally.check(
            &format!("{name} is refused"),
            words_in(&said, words).and_then(|()| nothing_staged(&session)),
        );
    }
    web(tally, &session, &server)?;
    let large = dir.join("large.raucb");
    std::fs::File::create(&large)?.set_len(640 << 20)?;
    let said = session.cli_refused_with_file("firmware receive", &large)?;
    tally.check(
        "more than the data partition has room for, sent over SSH: refused",
        words_in(&said, "there is room for").and_then(|()| nothing_staged(&session)),
    );
    tally.check("a bundle is installed from a stick", from_stick(&session));
    tally.check("the box shuts down in order", guest.shut_down(Duration::from_secs(120)));
    Ok(())
}

fn web(tally: &mut Tally, session: &Session, server: &Server) -> Result<()> {
    let url = |path: &str| format!("http://10.0.2.2:{}{path}", server.port());
    for (name, address, words) in [
        (
            "nothing at the address",
            url("/missing.raucb"),
            "nothing at this address",
        ),
        ("redirects without an end", url("/loop"), "leads on and on"),
        ("a body without an end", url("/endless"), "larger than"),
        ("more than there is room for", url("/huge"), "larger than"),
        ("fewer octets than were said", url("/short"), "broke off"),
        (
            "a server on the box itself",
            "http://127.0.0.1/x".to_owned(),
            "cannot be reached",
        ),
        ("another scheme", "ftp://10.0.2.2/x".to_owned(), ""),
    ] {
        let said = session.cli_refused(&format!("firmware fetch {address}"))?;
        tally.check(
            &format!("{name}: refused"),
            words_in(&said, words).and_then(|()| nothing_staged(session)),
        );
    }
    tally.check(
        "a slow download is cancelled, and nothing of it stays",
        cancelled(session, &url("/slow")),
    );
    tally.check("a download that breaks off is taken up and checked", {
        let answer = session.cli(&format!("firmware fetch {} | json", url("/parts")))?;
        let answer: Value = serde_json::from_str(&answer)?;
        let ranges = server.ranges();
        if text(&answer, "/update/bundle/version") == NEXT && ranges > 0 {
            session.cli("firmware cancel").map(drop)
        } else {
            Err(anyhow::anyhow!("it came with {ranges} parts: {answer}"))
        }
    });
    Ok(())
}

fn cancelled(session: &Session, url: &str) -> Result<()> {
    let began = std::thread::spawn({
        let (session, command) = (session.clone(), format!("firmware fetch {url}"));
        move || session.cli_refused(&command)
    });
    let going = session.wait_for("firmware", STICK_WITHIN, |now| {
        (number(now, "/update/received") > 0).then(|| now.clone())
    })?;
    ensure!(
        text(&going, "/update/from") == url,
        "it does not say from where: {going}"
    );
    ensure!(
        number(&going, "/update/expected") > 0,
        "it does not say how much: {going}"
    );
    session.cli("firmware cancel")?;
    let said = began.join().ok().context("the command ended abruptly")??;
    words_in(&said, "taken back")?;
    nothing_staged(session)
}

fn from_stick(session: &Session) -> Result<()> {
    session.cli("firmware install usb:next.raucb")?;
    let state = session.wait_for("firmware", INSTALLED_WITHIN, |now| {
        (text(now, "/update/state") != "installing").then(|| now.clone())
    })?;
    ensure!(text(&state, "/update/state") == "ready", "it is not installed: {state}");
    session.cli("firmware cancel")?;
    let last = session.show("firmware")?;
    ensure!(
        text(&last, "/last/result/kind") == "cancelled",
        "it is not taken back: {last}"
    );
    Ok(())
}

fn nothing_staged(session: &Session) -> Result<()> {
    let now = session.show("firmware")?;
    ensure!(text(&now, "/update/state") == "idle", "something is left: {now}");
    Ok(())
}

fn stick(seen: &Value, holds: impl Fn(&Value) -> bool) -> Result<&Value> {
    let sticks = seen.get("sticks").and_then(Value::as_array);
    sticks
        .and_then(|sticks| sticks.iter().find(|stick| holds(stick)))
        .with_context(|| format!("it is not listed: {seen}"))
}

fn bundles(stick: &Value) -> Vec<&str> {
    let bundles = stick.get("bundles").and_then(Value::as_array);
    bundles
        .into_iter()
        .flatten()
        .filter_map(|bundle| bundle.get("name")?.as_str())
        .collect()
}

fn listed(seen: &Value) -> Result<()> {
    for (kind, expected) in [
        ("vfat", vec!["next.raucb"]),
        ("ext4", vec!["garbage.raucb", "升级包 1.raucb"]),
        ("iso9660", vec!["on-a-cd.raucb"]),
    ] {
        let found = stick(seen, |stick| text(stick, "/filesystem") == kind)?;
        ensure!(bundles(found) == expected, "on {kind} there is {found}");
        ensure!(number(found, "/bundles/0/octets") > 0, "no size: {found}");
    }
    Ok(())
}

fn exfat(seen: &Value) -> Result<()> {
    stick(seen, |stick| text(stick, "/filesystem") == "exfat").map(drop)
}

fn left_out(seen: &Value) -> Result<()> {
    let found = stick(seen, |stick| text(stick, "/filesystem") == "ext4")?;
    let problems = found.get("problems").map(Value::to_string).unwrap_or_default();
    words_in(&problems, "3 names are not shown")?;
    words_in(
        &problems,
        "2 names end in .raucb and are empty, folders, links or devices",
    )
}

fn broken(seen: &Value) -> Result<()> {
    let said = |stick: &Value| stick.to_string().contains("ext4 file system cannot be read");
    stick(seen, said).map(drop)
}

/// A kernel that hangs is reset by the watchdog; one that fails restarts; both are counted and told.
pub(super) fn hang(tally: &mut Tally) -> Result<()> {
    let dir = crate::build_dir()?.join("test/hang");
    let _ = std::fs::remove_dir_all(&dir);
    let mut guest = Machine::new(crate::image::build()?, &dir).start()?;
    let (session, code) = first_boot(&mut guest)?;
    session.set_up(&code)?;
    let before = session.wait_for("firmware", BOOT_WITHIN, |now| Some(now.clone()))?;
    let length = guest.serial().len();
    Debugger::attach(&guest)?.hang()?;
    starts_again(&mut guest, length)?;
    tally.check(
        "a kernel that hangs is reset by the watchdog, and counted",
        restarted(&session, &before, "watchdog"),
    );
    let before = session.show("firmware")?;
    let length = guest.serial().len();
    let began = Instant::now();
    while !Debugger::attach(&guest)?.derail()? {
        ensure!(
            began.elapsed() < Duration::from_secs(60),
            "no processor is ever in the kernel"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    starts_again(&mut guest, length)?;
    tally.check(
        "a kernel that fails restarts the box, and is counted",
        restarted(&session, &before, "panic"),
    );
    let words = session.cli("show firmware")?;
    tally.check(
        "the command line tells both",
        words_in(&words, "1 by the watchdog, 1 after the kernel failed"),
    );
    tally.check("the box shuts down in order", guest.shut_down(Duration::from_secs(120)));
    Ok(())
}

/// Waits until the firmware writes to the serial console again, and takes the old code out of its way.
fn starts_again(guest: &mut Guest, length: usize) -> Result<()> {
    guest.poll("a start of the machine", BACK_WITHIN, |guest| {
        let serial = guest.serial();
        serial.get(length..)?.contains("BdsDxe").then_some(())
    })?;
    Debugger::attach(guest)?.forget_translations()
}

/// Waits until one start more is counted, for this reason.
fn restarted(session: &Session, before: &Value, reason: &str) -> Result<()> {
    let starts = |now: &Value| number(now, "/boots/total");
    let now = session.wait_for("firmware", BACK_WITHIN, |now| {
        (starts(now) > starts(before)).then(|| now.clone())
    })?;
    let pointer = format!("/boots/{reason}");
    ensure!(
        number(&now, &pointer) == number(before, &pointer) + 1,
        "the starts are {}, and were {}",
        now.get("boots").cloned().unwrap_or_default(),
        before.get("boots").cloned().unwrap_or_default()
    );
    Ok(())
}

fn words_in(text: &str, words: &str) -> Result<()> {
    ensure!(text.contains(words), "it says: {text}");
    Ok(())
}

fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

fn text(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}
