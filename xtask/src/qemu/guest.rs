//! A running guest: its serial console, its ports, its monitor.

use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::power::Power;

/// How long QEMU may take to open its sockets on a busy host.
const SOCKETS_WITHIN: Duration = Duration::from_secs(10);

/// Ports on 127.0.0.1 that lead to the guest's management port.
#[derive(Clone, Copy, Default)]
pub(crate) struct Forwards {
    /// To the guest's port 443.
    pub(crate) https: u16,
    /// To the guest's port 80.
    pub(crate) http: u16,
    /// To the guest's port 22.
    pub(crate) ssh: u16,
    /// To the guest's UDP port 2055: NetFlow and IPFIX.
    pub(crate) netflow: u16,
    /// To the guest's UDP port 6343: sFlow.
    pub(crate) sflow: u16,
    /// To the guest's UDP port 514: syslog.
    pub(crate) syslog: u16,
    /// To the guest's UDP port 162: SNMP traps.
    pub(crate) traps: u16,
}

/// A started machine; dropping it ends it at once, as a power cut does.
pub(crate) struct Guest {
    power: Power,
    dir: PathBuf,
    forwards: Option<Forwards>,
    ports: Vec<UdpSocket>,
    accel: &'static str,
    began: Instant,
}

impl Guest {
    pub(super) fn new(
        power: Power,
        dir: PathBuf,
        forwards: Option<Forwards>,
        ports: Vec<UdpSocket>,
        accel: &'static str,
    ) -> Self {
        Self {
            power,
            dir,
            forwards,
            ports,
            accel,
            began: Instant::now(),
        }
    }

    /// A file in the folder of the machine.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// How the guest's processors are run, in words.
    pub(crate) fn accel(&self) -> &'static str {
        self.accel
    }

    /// How often a machine with cold reboots was started.
    pub(crate) fn starts(&self) -> usize {
        self.power.starts()
    }

    /// The time since power-on.
    pub(crate) fn uptime(&self) -> Duration {
        self.began.elapsed()
    }

    /// The loopback ports that lead to the guest, when the management port is on QEMU's user network.
    pub(crate) fn forwards(&self) -> Result<Forwards> {
        self.forwards
            .context("the management port is on a tap interface: there are no forwarded ports")
    }

    /// Everything that the guest wrote to its serial console.
    pub(crate) fn serial(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.dir.join("serial.log")).unwrap_or_default()).into_owned()
    }

    /// A connection to the serial console, as a terminal has it.
    pub(crate) fn serial_console(&self) -> Result<UnixStream> {
        connect(&self.dir.join("serial.sock"))
    }

    /// Waits until the serial console shows `text`, and returns the line that holds it, from there on.
    pub(crate) fn wait_for(&mut self, text: &str, within: Duration) -> Result<String> {
        self.poll(&format!("{text:?} on the serial console"), within, |guest| {
            let serial = guest.serial();
            let at = serial.find(text)?;
            let rest = serial.get(at..)?;
            // the line may still be being written
            rest.split_once(['\r', '\n']).map(|(line, _)| line.to_owned())
        })
    }

    /// Waits until the console answers a request over HTTPS, and returns its status line.
    pub(crate) fn wait_for_https(&mut self, within: Duration) -> Result<String> {
        let port = self.forwards()?.https;
        self.poll("an answer of the console over HTTPS", within, |_| https_status(port))
    }

    /// Asks again and again until `check` has an answer; fails when the guest ends or `within` is over.
    pub(crate) fn poll<T>(
        &mut self,
        what: &str,
        within: Duration,
        mut check: impl FnMut(&Self) -> Option<T>,
    ) -> Result<T> {
        let began = Instant::now();
        loop {
            if let Some(found) = check(self) {
                return Ok(found);
            }
            if let Some(status) = self.power.ended()? {
                bail!("QEMU ended with {status} while waiting for {what}{}", self.tail());
            }
            if began.elapsed() >= within {
                bail!("no {what} within {} s{}", within.as_secs(), self.tail());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The number of capture ports.
    pub(crate) fn capture_ports(&self) -> usize {
        self.ports.len()
    }

    /// Puts one Ethernet frame onto a capture port's wire (0 is the first).
    pub(crate) fn inject_frame(&self, port: usize, frame: &[u8]) -> Result<()> {
        let socket = self
            .ports
            .get(port)
            .with_context(|| format!("the machine has no capture port {port}"))?;
        match socket.send(frame) {
            // before QEMU has opened its end
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => Ok(()),
            other => other
                .map(drop)
                .with_context(|| format!("cannot send {} bytes to capture port {port}", frame.len())),
        }
    }

    /// A capture port's wire of one's own: each datagram that is sent on it is a frame.
    pub(crate) fn wire(&self, port: usize) -> Result<UdpSocket> {
        let socket = self
            .ports
            .get(port)
            .with_context(|| format!("the machine has no capture port {port}"))?;
        socket.try_clone().context("cannot share a capture port's wire")
    }

    /// Takes the next frame that the guest sent out of a capture port, if there is one.
    pub(crate) fn sent_frame(&self, port: usize) -> Result<Option<Vec<u8>>> {
        let socket = self
            .ports
            .get(port)
            .with_context(|| format!("the machine has no capture port {port}"))?;
        socket.set_nonblocking(true)?;
        let mut buffer = vec![0; 65_536];
        let got = socket.recv(&mut buffer);
        socket.set_nonblocking(false)?;
        match got {
            Ok(len) => {
                buffer.truncate(len);
                Ok(Some(buffer))
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Pulls or plugs the cable of a capture port.
    pub(crate) fn set_link(&self, port: usize, up: bool) -> Result<()> {
        self.qmp("set_link", &json!({"name": format!("nic{port}"), "up": up}))
            .map(drop)
    }

    /// Runs a command of QEMU's monitor (QMP) and returns its answer.
    pub(crate) fn qmp(&self, command: &str, arguments: &Value) -> Result<Value> {
        let mut stream = connect(&self.dir.join("qmp.sock"))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        for request in [
            json!({"execute": "qmp_capabilities"}),
            json!({"execute": command, "arguments": arguments}),
        ] {
            stream.write_all(format!("{request}\n").as_bytes())?;
        }
        let mut answers = 0;
        loop {
            let line = lines.next().context("QEMU closed its monitor")??;
            let answer: Value = serde_json::from_str(&line)?;
            if let Some(error) = answer.get("error") {
                bail!("QEMU refuses {command}: {error}");
            }
            if let Some(value) = answer.get("return") {
                answers += 1;
                if answers == 2 {
                    return Ok(value.clone());
                }
            }
        }
    }

    /// Shuts the guest down in order, by Ctrl-Alt-Delete on its keyboard; fails when that takes longer.
    pub(crate) fn shut_down(mut self, within: Duration) -> Result<()> {
        self.power.hold();
        self.qmp("set-action", &json!({"reboot": "shutdown"}))?;
        let keys: Vec<Value> = ["ctrl", "alt", "delete"]
            .iter()
            .map(|key| json!({"type": "qcode", "data": key}))
            .collect();
        self.qmp("send-key", &json!({"keys": keys}))?;
        self.wait_exit(within).map(drop)
    }

    /// Waits until QEMU ends by itself.
    pub(crate) fn wait_exit(&mut self, within: Duration) -> Result<ExitStatus> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.power.ended()? {
                return Ok(status);
            }
            if began.elapsed() >= within {
                bail!(
                    "the guest did not shut down within {} s{}",
                    within.as_secs(),
                    self.tail()
                );
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Cuts the power.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.power.cut()
    }

    fn tail(&self) -> String {
        let mut text = String::new();
        for name in ["qemu.log", "serial.log"] {
            let log = String::from_utf8_lossy(&std::fs::read(self.dir.join(name)).unwrap_or_default()).into_owned();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines.get(lines.len().saturating_sub(15)..).unwrap_or_default();
            text.push_str(&format!(
                "\n--- the end of {}:\n{}",
                self.dir.join(name).display(),
                last.join("\n")
            ));
        }
        text
    }
}

/// The status line that an HTTPS server on a loopback port answers with, whatever its certificate.
fn https_status(port: u16) -> Option<String> {
    let mut client = Command::new("timeout")
        // not SIGTERM: the child may have inherited it as blocked
        .args(["-s", "KILL"])
        .args([
            "5",
            "openssl",
            "s_client",
            "-quiet",
            "-verify_quiet",
            "-connect",
            &format!("127.0.0.1:{port}"),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut stdin = client.stdin.take()?;
    let _ = stdin.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut line = String::new();
    let read = client.stdout.take().map(|out| BufReader::new(out).read_line(&mut line));
    drop(stdin);
    let _ = client.kill();
    let _ = client.wait();
    read?.ok()?;
    line.starts_with("HTTP/").then(|| line.trim().to_owned())
}

/// Connects to a socket of QEMU, which makes it a moment after its start.
fn connect(path: &Path) -> Result<UnixStream> {
    let began = Instant::now();
    loop {
        match UnixStream::connect(path) {
            Err(_) if began.elapsed() < SOCKETS_WITHIN => std::thread::sleep(Duration::from_millis(50)),
            result => return result.with_context(|| format!("cannot connect to {}", path.display())),
        }
    }
}
