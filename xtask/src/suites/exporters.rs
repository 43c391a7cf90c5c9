//! Real exporters on this machine that send to a guest: a switch made of a veth pair, its traffic
//! exported by softflowd (NetFlow v9) and pmacct (sFlow), its agent net-snmp's, its logs by logger.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::playback::office;
use super::session::Session;
use super::tally::Tally;
use crate::qemu::{Forwards, Guest};
use crate::step::exec;

/// The address that all of it comes from, as the guest sees it on QEMU's user network.
pub(super) const ADDRESS: &str = "10.0.2.2";
const SEEN: &str = "swexp0";
const SENT: &str = "swexp1";
/// How long anything may take under emulation.
const SOON: Duration = Duration::from_secs(120);
/// Between two log messages, and between two traps.
const PAUSE: Duration = Duration::from_secs(2);

/// The exporters; they end when dropped.
pub(super) struct Exporters {
    children: Vec<Child>,
    stop: Arc<AtomicBool>,
    talker: Option<JoinHandle<()>>,
    /// The UDP port of the SNMP agent on this machine's loopback.
    pub(super) snmp_port: u16,
}

impl Exporters {
    /// Starts them towards a guest's forwarded ports. Needs root.
    pub(super) fn start(guest: &Guest) -> Result<Self> {
        let ports = guest.forwards()?;
        let dir = crate::build_dir()?.join("test/exporters");
        std::fs::create_dir_all(&dir)?;
        let snmp_port = std::net::UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        let stop = Arc::new(AtomicBool::new(false));
        let mut exporters = Self {
            children: Vec::new(),
            stop: stop.clone(),
            talker: None,
            snmp_port,
        };
        wire()?;
        for mut command in [
            traffic(),
            softflowd(&dir, ports.netflow),
            pmacctd(&dir, ports.sflow)?,
            snmpd(&dir, snmp_port)?,
        ] {
            let log = std::fs::File::create(dir.join(format!("{}.log", exporters.children.len())))?;
            let child = command
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log)
                .spawn()
                .with_context(|| format!("cannot start {command:?}"))?;
            exporters.children.push(child);
        }
        exporters.talker = Some(std::thread::spawn(move || talk(&stop, ports)));
        Ok(exporters)
    }
}

impl Drop for Exporters {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        if let Some(talker) = self.talker.take() {
            let _ = talker.join();
        }
        unwire();
    }
}

fn wire() -> Result<()> {
    unwire();
    exec(Command::new("ip").args(["link", "add", SEEN, "type", "veth", "peer", "name", SENT]))?;
    for end in [SEEN, SENT] {
        // nothing of this machine's own gets in between
        std::fs::write(format!("/proc/sys/net/ipv6/conf/{end}/disable_ipv6"), "1")?;
        exec(Command::new("ip").args(["link", "set", end, "arp", "off", "promisc", "on", "up"]))?;
    }
    Ok(())
}

fn unwire() {
    let _ = Command::new("ip")
        .args(["link", "del", SEEN])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

fn traffic() -> Command {
    let mut command = Command::new("tcpreplay");
    command
        .args(["--quiet", "--loop=0", "--pps=500", "--timer=nano", "-i", SENT])
        .arg(office());
    command
}

fn softflowd(dir: &Path, port: u16) -> Command {
    let mut command = Command::new("softflowd");
    // as ifIndex 1, which the SNMP agent knows too
    command.args(["-d", "-v", "9", "-i", &format!("1:{SEEN}")]);
    command.args(["-n", &format!("127.0.0.1:{port}")]);
    for timeout in ["tcp=20", "udp=10", "general=10", "maxlife=20", "expint=5"] {
        command.args(["-t", timeout]);
    }
    command.arg("-p").arg(dir.join("softflowd.pid"));
    command.arg("-c").arg(dir.join("softflowd.ctl"));
    command
}

fn pmacctd(dir: &Path, port: u16) -> Result<Command> {
    let config = written(
        dir,
        "pmacctd.conf",
        &format!(
            "daemonize: false\npcap_interface: {SEEN}\nplugins: sfprobe[lab]\nsampling_rate: 4\n\
             sfprobe_receiver: 127.0.0.1:{port}\nsfprobe_agentip: 127.0.0.1\npmacctd_as: false\n"
        ),
    )?;
    let mut command = Command::new("pmacctd");
    command.arg("-f").arg(config);
    Ok(command)
}

fn snmpd(dir: &Path, port: u16) -> Result<Command> {
    let config = written(
        dir,
        "snmpd.conf",
        "rocommunity lab-public\ncreateUser labuser SHA-256 lab-auth-pass AES lab-priv-pass\nrouser labuser priv\n\
         sysName lab-router\nsysLocation rack 7\nsysContact noc@example.net\n",
    )?;
    let mut command = Command::new("snmpd");
    command
        .args(["-f", "-Lo", "-C", "-I", "-smux", "-c"])
        .arg(config)
        .arg("-p")
        .arg(dir.join("snmpd.pid"))
        .arg(format!("udp:127.0.0.1:{port}"))
        .env("SNMP_PERSISTENT_DIR", dir);
    Ok(command)
}

fn written(dir: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let path = dir.join(name);
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Log messages and traps until told to stop.
fn talk(stop: &AtomicBool, ports: Forwards) {
    let quietly = |command: &mut Command| {
        let _ = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    };
    for number in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let mut log = Command::new("logger");
        log.args([
            "-d",
            "-n",
            "127.0.0.1",
            "-P",
            &ports.syslog.to_string(),
            "-t",
            "spanlab",
        ]);
        log.args(["-p", "local4.warning"]);
        log.arg(if number % 2 == 0 { "--rfc3164" } else { "--rfc5424" });
        log.arg(format!("link lab-uplink changed state to down {number}"));
        quietly(&mut log);
        let mut trap = Command::new("snmptrap");
        trap.args(["-v", "2c", "-c", "lab-public"]);
        trap.arg(format!("127.0.0.1:{}", ports.traps));
        trap.args(["", "1.3.6.1.6.3.1.1.5.3", "1.3.6.1.2.1.2.2.1.1.3", "i", "3"]);
        quietly(&mut trap);
        std::thread::sleep(PAUSE);
    }
}

/// What the box made of them, by its command line; the browser's checks registered them as `lab-router`.
pub(super) fn checks(tally: &mut Tally, session: &Session) {
    tally.check(
        "netflow and sflow of a registered exporter become records",
        records(session),
    );
    tally.check(
        "an exporter's interfaces carry traffic by flow records and by SNMP",
        interfaces(session),
    );
    tally.check("syslog and traps are found by keyword and host", logs(session));
    tally.check(
        "show device knows the agent's system group",
        session.wait_for("device lab-router", SOON, |device| {
            (device.pointer("/facts/system/location")? == "rack 7").then_some(())
        }),
    );
    for what in ["exporters", "exporter lab-router", "interfaces", "logs", "pending"] {
        tally.check(
            &format!("ssh: show {what} in words"),
            session.cli(&format!("show {what}")).and_then(|text| {
                ensure!(!text.trim().is_empty(), "it prints nothing");
                Ok(())
            }),
        );
    }
}

fn records(session: &Session) -> Result<()> {
    session.wait_for("exporters", SOON, |answer| {
        let lab = answer
            .get("exporters")?
            .as_array()?
            .iter()
            .find(|one| one.get("name").and_then(Value::as_str) == Some("lab-router"))?;
        let protocols = lab.get("protocols")?.as_array()?;
        let speaks = |name: &str| protocols.iter().any(|protocol| protocol == name);
        let enough = lab.get("records")?.as_u64()? > 20 && lab.get("messages")?.as_u64()? > 2;
        let answers = lab.pointer("/snmp/last_answer").is_some_and(|at| !at.is_null());
        (enough && answers && speaks("netflow_v9") && speaks("sflow") && speaks("syslog") && speaks("trap"))
            .then_some(())
    })
}

fn interfaces(session: &Session) -> Result<()> {
    session.wait_for("interfaces", Duration::from_secs(240), |answer| {
        let all = answer.as_array()?;
        let by_flow = all
            .iter()
            .any(|one| one.get("flow").is_some_and(|rate| !rate.is_null()));
        let by_counters = all
            .iter()
            .any(|one| one.get("counters").is_some_and(|rate| !rate.is_null()));
        (by_flow && by_counters).then_some(())
    })
}

fn logs(session: &Session) -> Result<()> {
    for (what, text, source) in [
        ("logs keyword lab-uplink", "changed state to down", "syslog"),
        ("logs keyword linkDown", "linkDown", "trap"),
    ] {
        session.wait_for(what, SOON, |answer| {
            let first = answer.get("records")?.as_array()?.first()?;
            let says = first.get("text")?.as_str()?.contains(text);
            (says && first.get("source")? == source).then_some(())
        })?;
    }
    Ok(())
}
