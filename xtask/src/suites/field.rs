//! What is done to a box in the field, by whoever stands before it or has its password: factory reset, the recovery
//! system, a lost password, and the management network with its way back.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::disk::Esp;
use super::lan::{self, Lan};
use super::session::{BOOT_WITHIN, PASSWORD, Session, first_boot};
use super::tally::Tally;
use crate::image::bundle::{self, Contents};
use crate::keys::{self, Keys};
use crate::qemu::{Guest, Machine, Management};
use crate::rootfs::Release;
use crate::step::exec;

/// The password that is set in the recovery system.
const RECOVERED: &str = "Found-again-at-the-rack-1";
/// A copy of a bundle into memory, and a slot written and read back, under emulation.
const WRITTEN_WITHIN: Duration = Duration::from_secs(400);
const SOON: Duration = Duration::from_secs(120);
/// Changes of the management network are taken back after 120 s.
const TAKEN_BACK_WITHIN: Duration = Duration::from_secs(240);

/// Factory reset; both slots bad, a bundle from a stick, a lost password.
pub(super) fn run(tally: &mut Tally) -> Result<()> {
    let bench = Bench::new("field")?;
    let mut guest = bench.machine().start()?;
    let (session, code) = first_boot(&mut guest)?;
    set_up(&session, &code)?;
    tally.check("factory reset from the command line", bench.reset(guest, &session));
    bench.slots_out_of_tries()?;
    let stick = bench.stick()?;
    let mut guest = bench.machine().usb_stick(&stick).start()?;
    let mut recovery = Recovery::reached(&mut guest).context("with no slot left the box starts no recovery system")?;
    tally.pass("with no slot left the box starts its recovery system");
    tally.check("it tells which slot is bad and why", recovery.state());
    for (what, name, words) in [
        (
            "a bundle of another authority",
            "foreign.raucb",
            "signature verification failed",
        ),
        ("one for another board", "board.raucb", "for this model"),
        ("one below the floor", "below.raucb", "lowest that may be installed"),
    ] {
        tally.check(&format!("{what} is refused"), recovery.refuses(name, words));
    }
    tally.check(
        "one with a flipped bit is not installed",
        recovery.fails("altered.raucb"),
    );
    tally.check("a good one is installed", recovery.installs("good.raucb"));
    tally.check("a new password is set", recovery.password());
    tally.check(
        "the box starts from the slot that was installed, with the new password",
        bench.back(guest, &mut recovery),
    );
    Ok(())
}

/// Power cuts during a factory reset, recovery with nobody there, the management network.
pub(super) fn long(tally: &mut Tally) -> Result<()> {
    let bench = Bench::new("field-long")?;
    tally.check("power cuts during a factory reset", bench.reset_cut());
    tally.check(
        "recovery with nobody there gives the slots their tries back",
        bench.alone(),
    );
    tally.check(
        "the recovery system is in the boot menu, and resets the box",
        bench.chosen(),
    );
    network(tally)
}

struct Bench {
    image: PathBuf,
    dir: PathBuf,
    disk: PathBuf,
}

impl Bench {
    fn new(name: &str) -> Result<Self> {
        let dir = crate::build_dir()?.join("test").join(name);
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir)?;
        Ok(Self {
            image: crate::image::build()?,
            disk: dir.join("disk.img"),
            dir,
        })
    }

    fn machine(&self) -> Machine {
        Machine::new(&self.image, &self.dir).disk(&self.disk)
    }

    /// A box that is set up, and switched off in order.
    fn used(&self) -> Result<()> {
        let _ = std::fs::remove_file(&self.disk);
        let mut guest = self.machine().start()?;
        let (session, code) = first_boot(&mut guest)?;
        set_up(&session, &code)?;
        session.cli("set hostname before-the-reset")?;
        guest.shut_down(SOON)
    }

    fn reset(&self, guest: Guest, session: &Session) -> Result<()> {
        session.cli("set hostname before-the-reset")?;
        let said = session.cli_refused("factory-reset")?;
        ensure!(said.contains("ERASE"), "it does not say how: {said}");
        session.cli_refused("factory-reset confirm yes")?;
        let mut guest = self.restarted(guest, || session.cli("factory-reset confirm ERASE").map(drop))?;
        let (session, code) = first_boot(&mut guest)?;
        set_up(&session, &code)?;
        let settings = session.show("settings")?.to_string();
        ensure!(
            !settings.contains("before-the-reset"),
            "the settings are still there: {settings}"
        );
        told(&session, "admin")?;
        guest.shut_down(SOON)
    }

    /// Has the box restart, in a QEMU of its own: one that emulates takes minutes to start a used guest again.
    fn restarted(&self, mut guest: Guest, act: impl FnOnce() -> Result<()>) -> Result<Guest> {
        guest.qmp("set-action", &json!({"reboot": "shutdown"}))?;
        act()?;
        guest.wait_exit(SOON).context("the restart")?;
        drop(guest);
        self.machine().start()
    }

    /// Takes all tries from the only slot, as three starts that fail do.
    fn slots_out_of_tries(&self) -> Result<()> {
        let esp = Esp::of(&self.disk)?;
        for name in esp
            .kernels()?
            .iter()
            .filter(|name| name.contains("-a") && *name != "spanwatch-000001-a+0-3.efi")
        {
            esp.rename(name, "spanwatch-000001-a+0-3.efi")?;
        }
        let kernels = esp.kernels()?;
        ensure!(
            kernels == ["spanwatch-000001-a+0-3.efi", "spanwatch-recovery.efi"],
            "the boot loader has {kernels:?}"
        );
        Ok(())
    }

    /// A stick with bundles, good and bad.
    fn stick(&self) -> Result<PathBuf> {
        let release = Release::current()?;
        let good = bundle::build(&release)?;
        let (ours, other) = (Keys::get()?, self.dir.join("keys"));
        keys::make(&other)?;
        // what is refused is refused before it is looked into
        let parts = self.dir.join("parts");
        std::fs::create_dir_all(&parts)?;
        for name in ["root.img", "spanwatch-a.efi", "spanwatch-b.efi"] {
            let whole = std::fs::read(release.dir.join("image").join(name))?;
            std::fs::write(parts.join(name), whole.get(..1 << 20).unwrap_or(&whole))?;
        }
        let contents = Contents {
            parts,
            ..Contents::of(&release)
        };
        let pack = |name: &str, contents: &Contents, keys: &Keys| -> Result<PathBuf> {
            let path = self.dir.join(name);
            contents.pack(keys, "1700000000", &path)?;
            Ok(path)
        };
        let board = Contents {
            compatible: "spanwatch-other".to_owned(),
            ..contents.clone()
        };
        let below = Contents {
            version: "0.0.9".to_owned(),
            ..contents.clone()
        };
        let mut bytes = std::fs::read(&good)?;
        let middle = bytes.len() / 2;
        if let Some(octet) = bytes.get_mut(middle) {
            *octet ^= 0x10;
        }
        let altered = self.dir.join("altered.raucb");
        std::fs::write(&altered, &bytes)?;
        let files = [
            pack("foreign.raucb", &contents, &Keys::of(&other))?,
            pack("board.raucb", &board, &ours)?,
            pack("below.raucb", &below, &ours)?,
            altered,
        ];
        let stick = self.dir.join("stick.img");
        std::fs::File::create(&stick)?.set_len(1 << 30)?;
        exec(Command::new("mformat").arg("-i").arg(&stick).args(["-F", "::"]))?;
        let put = |file: &Path, name: &str| {
            exec(
                Command::new("mcopy")
                    .arg("-i")
                    .arg(&stick)
                    .arg(file)
                    .arg(format!("::/{name}")),
            )
        };
        put(&good, "good.raucb")?;
        for file in files {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            put(&file, &name)?;
        }
        Ok(stick)
    }

    /// The box runs from slot B, and lets the new password in and not the old one.
    fn back(&self, guest: Guest, recovery: &mut Recovery) -> Result<()> {
        let mut guest = self.restarted(guest, || recovery.type_line("5"))?;
        guest.wait_for_https(BOOT_WITHIN)?;
        let session = Session::forwarded(guest.forwards()?);
        let (status, _) = session.post("/api/v1/session", &json!({"user": "admin", "password": PASSWORD}))?;
        ensure!(status != 200, "the old password is still good");
        let session = session.with_password(RECOVERED);
        let firmware = session.show("firmware")?;
        ensure!(
            text(&firmware, "/running") == "b",
            "it does not run from slot B: {firmware}"
        );
        let history = firmware.pointer("/history").map(Value::to_string).unwrap_or_default();
        ensure!(
            history.contains("password_recovered"),
            "the history does not tell: {history}"
        );
        ensure!(
            history.contains("factory_reset"),
            "the history lost the reset: {history}"
        );
        Ok(())
    }

    /// Cuts the power again and again while a reset is under way, and expects one reset in the end.
    fn reset_cut(&self) -> Result<()> {
        self.used()?;
        let mut guest = self.machine().start()?;
        guest.wait_for_https(BOOT_WITHIN)?;
        let session = Session::forwarded(guest.forwards()?);
        session.cli("factory-reset confirm ERASE")?;
        // the request is on the disk when the command has ended
        guest.kill()?;
        for cut in 0..4_u64 {
            let mut guest = self.machine().start()?;
            // from the kernel's start over the wiping to after it
            std::thread::sleep(Duration::from_millis(9_000 + cut * 3_000));
            guest.kill()?;
        }
        let mut guest = self.machine().start()?;
        let (session, code) = first_boot(&mut guest)?;
        set_up(&session, &code)?;
        told(&session, "admin")?;
        guest.shut_down(SOON)
    }

    /// Nobody is there: the slots get their tries back after a minute.
    fn alone(&self) -> Result<()> {
        self.used()?;
        self.slots_out_of_tries()?;
        let mut guest = self.machine().start()?;
        guest.qmp("set-action", &json!({"reboot": "shutdown"}))?;
        guest.wait_for("Spanwatch recovery", BOOT_WITHIN)?;
        guest.wait_exit(SOON).context("the restart by itself")?;
        let mut guest = self.machine().start()?;
        guest.wait_for_https(BOOT_WITHIN)?;
        let session = Session::forwarded(guest.forwards()?);
        let settings = session.show("settings")?.to_string();
        ensure!(
            settings.contains("before-the-reset"),
            "the settings are gone: {settings}"
        );
        guest.shut_down(SOON)
    }

    /// Chosen in the boot menu: a key from the start on, down to the last entry, Enter.
    fn chosen(&self) -> Result<()> {
        self.used()?;
        let mut guest = self.machine().start()?;
        let began = Instant::now();
        let mut serial = guest.serial_console()?;
        serial.set_read_timeout(Some(Duration::from_millis(10)))?;
        let mut press = |key: &[u8], then: Duration| -> Result<()> {
            serial.write_all(key)?;
            // what is not read fills the socket after some 280 single octets, and QEMU's port stands still
            let pressed = Instant::now();
            while pressed.elapsed() < then {
                let _ = serial.read(&mut [0; 256]);
            }
            Ok(())
        };
        // as a terminal sends it
        let down = b"\x1b[B";
        while !guest.serial().contains("Spanwatch recovery") {
            ensure!(began.elapsed() < BOOT_WITHIN, "no boot menu: {}", guest.serial());
            press(down, Duration::from_millis(200))?;
        }
        // the menu waits a second for the first key that reaches it; further down than the last entry there is nothing
        for _ in 0..10 {
            press(down, Duration::from_millis(200))?;
        }
        press(b"\r", Duration::from_secs(1))?;
        drop(serial);
        let mut recovery = Recovery::reached(&mut guest)?;
        recovery.type_line("2")?;
        recovery.expect("Type ERASE: ", SOON)?;
        recovery.type_line("ERASE")?;
        recovery.expect("choose 5", SOON)?;
        let mut guest = self.restarted(guest, || recovery.type_line("5"))?;
        let (session, code) = first_boot(&mut guest)?;
        set_up(&session, &code)?;
        told(&session, "recovery console")
    }
}

/// The first set-up; hashing a password takes long on a busy host, and the console waits for a bounded time.
fn set_up(session: &Session, code: &str) -> Result<()> {
    let mut late = false;
    for _ in 0..3 {
        match session.set_up(code).map_err(|error| format!("{error:#}")) {
            Ok(()) => return Ok(()),
            Err(error) if late && error.contains("done already") => return Ok(()),
            Err(error) if error.contains("timed_out") => late = true,
            Err(error) => bail!("{error}"),
        }
        std::thread::sleep(Duration::from_secs(10));
    }
    bail!("the set-up timed out three times")
}

/// The history says that the box was reset once, and who asked for it.
fn told(session: &Session, by: &str) -> Result<()> {
    session
        .wait_for("firmware", SOON, |firmware| {
            let history = firmware.pointer("/history")?.as_array()?;
            let resets: Vec<&Value> = history
                .iter()
                .filter(|entry| text(entry, "/event/event") == "factory_reset")
                .collect();
            let [reset] = resets[..] else { return None };
            (text(reset, "/user") == by && reset.pointer("/event/count")?.as_u64() == Some(1)).then_some(())
        })
        .context("the reset in the history")
}

/// Somebody at the serial port of a box in its recovery system.
struct Recovery {
    serial: UnixStream,
    shown: String,
}

impl Recovery {
    fn reached(guest: &mut Guest) -> Result<Self> {
        guest.wait_for("6  Power off", BOOT_WITHIN)?;
        let serial = guest.serial_console()?;
        serial.set_read_timeout(Some(Duration::from_millis(500)))?;
        Ok(Self {
            serial,
            shown: String::new(),
        })
    }

    fn type_line(&mut self, line: &str) -> Result<()> {
        self.shown.clear();
        // as a person types: the port takes 16 octets at a time
        for octet in line.bytes().chain([b'\r']) {
            self.serial.write_all(&[octet])?;
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Waits until a text is shown since the last line that was typed.
    fn expect(&mut self, text: &str, within: Duration) -> Result<()> {
        let began = Instant::now();
        let mut part = [0; 4096];
        loop {
            if self.shown.contains(text) {
                return Ok(());
            }
            ensure!(began.elapsed() < within, "no {text:?} but {:?}", self.shown);
            match self.serial.read(&mut part) {
                Ok(0) => bail!("the serial port is closed; it said {:?}", self.shown),
                Ok(read) => self
                    .shown
                    .push_str(&String::from_utf8_lossy(part.get(..read).unwrap_or_default())),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn state(&mut self) -> Result<()> {
        self.type_line("4")?;
        self.expect("Done.", SOON)?;
        for words in [
            "slot A: version ",
            "bad: started 3 times",
            "slot B: empty",
            "factory resets: 1",
        ] {
            ensure!(self.shown.contains(words), "no {words:?} in {:?}", self.shown);
        }
        Ok(())
    }

    /// Chooses a bundle by its name.
    fn choose(&mut self, name: &str) -> Result<()> {
        self.type_line("1")?;
        self.expect("Which one? ", SOON)?;
        let words: Vec<&str> = self.shown.split_whitespace().collect();
        let at = words.iter().position(|word| *word == name);
        let number = at
            .and_then(|at| words.get(at.checked_sub(1)?))
            .map(|word| (*word).to_owned());
        let number = number.with_context(|| format!("no {name} in {:?}", self.shown))?;
        self.type_line(&number)
    }

    fn refuses(&mut self, name: &str, words: &str) -> Result<()> {
        self.choose(name)?;
        self.expect("Not done: ", WRITTEN_WITHIN)?;
        self.expect(words, SOON)
    }

    fn fails(&mut self, name: &str) -> Result<()> {
        self.choose(name)?;
        self.expect("Type yes: ", WRITTEN_WITHIN)?;
        self.type_line("yes")?;
        self.expect("Not done: ", WRITTEN_WITHIN)?;
        self.expect("the bundle is damaged", SOON)?;
        self.type_line("4")?;
        self.expect("slot B: empty", SOON)
    }

    fn installs(&mut self, name: &str) -> Result<()> {
        self.choose(name)?;
        self.expect("Type yes: ", WRITTEN_WITHIN)?;
        self.type_line("yes")?;
        self.expect("starts next", WRITTEN_WITHIN)?;
        self.expect("Done.", SOON)
    }

    fn password(&mut self) -> Result<()> {
        self.type_line("3")?;
        self.expect("(not shown): ", SOON)?;
        self.type_line("short")?;
        self.expect("Not done: ", SOON)?;
        self.type_line("3")?;
        self.expect("(not shown): ", SOON)?;
        self.type_line(RECOVERED)?;
        self.expect("again: ", SOON)?;
        ensure!(
            !self.shown.contains(RECOVERED),
            "the password is shown: {:?}",
            self.shown
        );
        self.type_line(RECOVERED)?;
        self.expect("Done.", SOON)
    }
}

/// Fixed addresses, IPv6 and a VLAN on the management port, confirmed and taken back.
fn network(tally: &mut Tally) -> Result<()> {
    let bench = Bench::new("field-network")?;
    let _lan = Lan::build()?;
    let _vlan = lan::Vlan::build(7)?;
    let mut guest = bench
        .machine()
        .management(Management::Tap(lan::TAP.to_owned()))
        .start()?;
    let code = super::session::setup_code(&mut guest)?;
    let by_dhcp = Session::inside(lan::NAMESPACE, lan::GUEST_IPV4);
    by_dhcp.until_reached(BOOT_WITHIN)?;
    set_up(&by_dhcp, &code)?;
    let in_vlan = Session::inside(lan::NAMESPACE, lan::VLAN_GUEST_IPV4);
    tally.check("a VLAN that nobody confirms is taken back", {
        by_dhcp.cli("set management vlan 7").and_then(|_| {
            in_vlan.until_reached(SOON).context("in the VLAN")?;
            ensure!(
                by_dhcp
                    .post("/api/v1/session", &Value::Null)
                    .is_ok_and(|(status, _)| status == 0),
                "it answers without a tag"
            );
            by_dhcp.until_reached(TAKEN_BACK_WITHIN).context("back without a tag")
        })
    });
    tally.check("a VLAN that is confirmed stays", {
        by_dhcp.cli("set management vlan 7").and_then(|_| {
            in_vlan.until_reached(SOON)?;
            in_vlan.cli("confirm")?;
            std::thread::sleep(Duration::from_secs(130));
            let settings = in_vlan.show("settings")?;
            let vlan = settings.pointer("/settings/management/vlan").and_then(Value::as_u64);
            ensure!(vlan == Some(7), "the settings say {settings}");
            in_vlan.cli("set management vlan off")?;
            by_dhcp.until_reached(SOON).context("without a tag again")?;
            by_dhcp.cli("confirm").map(drop)
        })
    });
    let fixed = Session::inside(lan::NAMESPACE, "10.99.0.77");
    tally.check("a fixed address is confirmed at itself", {
        by_dhcp
            .cli("set management ipv4 static 10.99.0.77/24 gateway 10.99.0.1")
            .and_then(|_| {
                fixed.until_reached(SOON)?;
                fixed.cli("confirm").map(drop)
            })
    });
    let six = Session::inside(lan::NAMESPACE, "fd99::77");
    tally.check("a fixed IPv6 address is confirmed at itself", {
        fixed.cli("set management ipv6 static fd99::77/64").and_then(|_| {
            six.until_reached(SOON)?;
            six.cli("confirm").map(drop)
        })
    });
    Ok(())
}

fn text(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}
