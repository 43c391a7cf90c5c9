//! Frames that are lost when a link is as fast as the sender: our collector, softflowd and suricata in turns, each alone
//! on the same cable between two network namespaces with the same traffic.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::Row;

/// How often the capture is sent each time.
const TIMES: u32 = 4;
/// How often each listens.
const ROUNDS: u32 = 2;
/// How long a program may take to listen, or to end.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long frames that were sent may lie in a ring.
const SETTLE: Duration = Duration::from_secs(3);
const RECEIVER: &str = "spanwatch-line-rx";
const SENDER: &str = "spanwatch-line-tx";

/// What was sent, and what was heard of it.
#[derive(Debug, Clone, Copy, Default)]
struct Heard {
    sent: u64,
    heard: u64,
    millis: u64,
}

impl Heard {
    fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.heard += other.heard;
        self.millis += other.millis;
    }

    #[allow(clippy::cast_precision_loss, reason = "far fewer than 2^53 frames")]
    fn lost(&self) -> f64 {
        self.sent.saturating_sub(self.heard) as f64 / self.sent.max(1) as f64
    }

    fn say(&self) -> String {
        format!(
            "{:.2} % of {:.1} M at {} k/s",
            self.lost() * 100.0,
            f64::from(u32::try_from(self.sent / 1_000).unwrap_or(u32::MAX)) / 1e3,
            self.sent / self.millis.max(1)
        )
    }
}

/// The rows of the table.
pub(super) fn rows() -> Result<Vec<Row>> {
    let capture = super::capture()?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::root().join("target"), PathBuf::from);
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(crate::root())
        .args(["build", "--release", "--locked"]);
    cargo.args(["-p", "capture", "--example", "send"]);
    cargo.args(["-p", "collector", "--bin", "collector", "--example", "status"]);
    crate::step::exec(&mut cargo)?;
    let programs = target.join("release");
    let folder = crate::build_dir()?.join("bench/line");
    let _cable = Cable::plug_in()?;
    let suricata = crate::deps::peer("suricata")?;
    let (mut ours, mut softflowd, mut theirs) = (Heard::default(), Heard::default(), Heard::default());
    for _ in 0..ROUNDS {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        let line = Line {
            capture: &capture,
            programs: &programs,
            folder: &folder,
        };
        ours.add(line.collector().context("the collector")?);
        softflowd.add(line.softflowd().context("softflowd")?);
        if suricata {
            theirs.add(line.suricata().context("suricata")?);
        }
    }
    let row = |peer: &str, of: String, kept: bool| Row {
        figure: format!("frames lost at the sender's fastest rate, beside {peer}"),
        target: "fewer".to_owned(),
        measured: ours.say(),
        peer: of,
        command: "cargo xtask bench line".to_owned(),
        kept,
    };
    let fewer = |than: &Heard| ours.lost() < than.lost() || ours.lost() == 0.0;
    let mut rows = vec![row("softflowd", softflowd.say(), fewer(&softflowd))];
    rows.push(if suricata {
        row("suricata", theirs.say(), fewer(&theirs))
    } else {
        let missing = "not in this Debian: it is in bookworm-backports, and in trixie".to_owned();
        row("suricata", missing, false)
    });
    Ok(rows)
}

/// Two namespaces with a cable between them, while it lives.
struct Cable;

impl Cable {
    fn plug_in() -> Result<Self> {
        let cable = Self;
        Self::pull();
        for line in [
            format!("netns add {SENDER}"),
            format!("netns add {RECEIVER}"),
            // the traffic has frames of up to 1,522 octets
            format!("-n {SENDER} link add tx0 mtu 2000 type veth peer name rx0 mtu 2000 netns {RECEIVER}"),
            format!("-n {RECEIVER} link set lo up"),
            format!("-n {SENDER} link set tx0 addrgenmode none"),
            format!("-n {RECEIVER} link set rx0 addrgenmode none"),
            format!("-n {SENDER} link set tx0 up"),
            format!("-n {RECEIVER} link set rx0 up"),
        ] {
            let status = Command::new("ip")
                .args(line.split(' '))
                .status()
                .context("cannot run ip")?;
            ensure!(status.success(), "ip {line}: a network namespace takes root");
        }
        Ok(cable)
    }

    fn pull() {
        for name in [SENDER, RECEIVER] {
            let _ = Command::new("ip")
                .args(["netns", "del", name])
                .stderr(Stdio::null())
                .status();
        }
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        Self::pull();
    }
}

/// A program that listens, while it lives.
struct Listener(Child);

impl Listener {
    fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let out = File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .with_context(|| format!("cannot run {command:?}"))?;
        Ok(Self(child))
    }

    /// Asks it to end, and waits until it did.
    fn end(&mut self) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.0.id())?);
        kill(pid, Signal::SIGTERM)?;
        until("it ends", || Ok(self.0.try_wait()?))?;
        Ok(())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks again and again.
fn until<T>(what: &str, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if start.elapsed() > PATIENCE {
            bail!("waited {} s until {what}", PATIENCE.as_secs());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// A command in the receiver's namespace; `ip netns exec` becomes it.
fn listening(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", RECEIVER]).arg(program);
    command
}

struct Line<'a> {
    capture: &'a Path,
    programs: &'a Path,
    folder: &'a Path,
}

impl Line<'_> {
    /// Sends the capture; what was sent, and how long it took in ms.
    fn send(&self) -> Result<(u64, u64)> {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", SENDER])
            .arg(self.programs.join("examples/send"));
        let out = command.arg("tx0").arg(self.capture).arg(TIMES.to_string()).output()?;
        ensure!(
            out.status.success(),
            "the sender: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        let said = String::from_utf8(out.stdout)?;
        let mut numbers = said.split_whitespace().map(str::parse::<u64>);
        let (Some(sent), Some(millis)) = (numbers.next(), numbers.next()) else {
            bail!("the sender said {said:?}");
        };
        std::thread::sleep(SETTLE);
        Ok((sent?, millis?))
    }

    fn collector(&self) -> Result<Heard> {
        let run_dir = self.folder.join("run");
        let mut command = listening(self.programs.join("collector"));
        command.args(["--interface", "rx0", "--run-dir"]).arg(&run_dir);
        command.arg("--data").arg(self.folder.join("data"));
        let mut listener = Listener::start(&mut command, &self.folder.join("collector.log"))?;
        let status = || -> Result<Option<Value>> {
            let out = Command::new(self.programs.join("examples/status"))
                .arg(&run_dir)
                .output()?;
            Ok(serde_json::from_slice(&out.stdout).ok())
        };
        until("the port captures", || {
            Ok(status()?.filter(|s| s["ports"][0]["trouble"].is_null() && s["ports"][0].is_object()))
        })?;
        let (sent, millis) = self.send()?;
        let status = until("the collector answers", status)?;
        let heard = status["ports"][0]["counters"]["frames"]["total"]["packets"].as_u64();
        listener.end()?;
        Ok(Heard {
            sent,
            heard: heard.context("no count of frames")?,
            millis,
        })
    }

    fn softflowd(&self) -> Result<Heard> {
        let control = self.folder.join("softflowd.ctl");
        let mut command = listening("softflowd");
        // Flows as many as ours; what it exports goes to a port that nobody listens on.
        command.args(["-d", "-i", "rx0", "-m", "1000000", "-n", "127.0.0.1:9995"]);
        command
            .arg("-p")
            .arg(self.folder.join("softflowd.pid"))
            .arg("-c")
            .arg(&control);
        let mut listener = Listener::start(&mut command, &self.folder.join("softflowd.log"))?;
        let processed = || -> Result<Option<u64>> {
            let out = Command::new("softflowctl")
                .arg("-c")
                .arg(&control)
                .arg("statistics")
                .output()?;
            let said = String::from_utf8_lossy(&out.stdout).into_owned();
            let line = said.lines().find_map(|line| line.strip_prefix("Packets processed:"));
            Ok(line.and_then(|count| count.trim().parse().ok()))
        };
        until("softflowd answers", processed)?;
        let (sent, millis) = self.send()?;
        let heard = until("softflowd answers", processed)?;
        listener.end()?;
        Ok(Heard { sent, heard, millis })
    }

    fn suricata(&self) -> Result<Heard> {
        let log = self.folder.join("suricata.log");
        let mut command = listening("suricata");
        // As Debian configures it, without rules.
        command.args([
            "-c",
            "/etc/suricata/suricata.yaml",
            "--af-packet=rx0",
            "-S",
            "/dev/null",
        ]);
        command
            .arg("-l")
            .arg(self.folder)
            .arg("--pidfile")
            .arg(self.folder.join("suricata.pid"));
        let mut listener = Listener::start(&mut command, &log)?;
        until("suricata listens", || {
            Ok(fs::read_to_string(&log)?.contains("Engine started").then_some(()))
        })?;
        let (sent, millis) = self.send()?;
        listener.end()?;
        // "rx0: packets: 123, drops: 4 (0.00%), …"
        let said = fs::read_to_string(&log)?;
        let line = said
            .lines()
            .find(|line| line.contains("rx0: packets:"))
            .context("no counts")?;
        let number = |after: &str| -> Result<u64> {
            let (_, rest) = line.split_once(after).with_context(|| line.to_owned())?;
            let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
            Ok(digits.parse()?)
        };
        let heard = number("packets:")?.saturating_sub(number("drops:")?);
        Ok(Heard { sent, heard, millis })
    }
}
