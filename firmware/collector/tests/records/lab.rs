//! Two network namespaces with a cable between them, a collector in one of them and an analyzer.

#[path = "../programs/analyzer.rs"]
mod analyzer;

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use api::analyzer::{AnalyzerStatus, RecordsQuery, Scope, Series, SeriesQuery, StatusQuery};
use api::client::{CallError, Client};
use api::collector::CollectorStatus;
use model::{FlowRecord, Timestamp};

/// How long anything may take that is waited for; no test depends on how long it does take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A network, two programs, and a folder for what they keep.
pub(crate) struct Lab {
    folder: tempfile::TempDir,
    sender: String,
    receiver: String,
    analyzer: Option<Child>,
    collector: Option<Child>,
    runtime: tokio::runtime::Runtime,
    pub(crate) data: PathBuf,
    /// What the collector reads when it starts, and at [`Lab::reload`]; nothing is received from exporters.
    pub(crate) settings: settings::Settings,
}

fn run(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).output().unwrap();
    assert!(
        output.status.success(),
        "{program} {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn settings() -> settings::Settings {
    let mut settings = settings::Settings::default();
    let collection = &mut settings.collection;
    for listen in [
        &mut collection.flow,
        &mut collection.syslog,
        &mut collection.syslog_tls,
        &mut collection.traps,
    ] {
        listen.enabled = false;
    }
    settings
}

impl Lab {
    /// `None` where the test cannot make network namespaces.
    pub(crate) fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = |end| format!("sw{}-{number}-{end}", std::process::id());
        let (sender, receiver) = (name("tx"), name("rx"));
        let made = Command::new("ip")
            .args(["netns", "add", &sender])
            .stderr(Stdio::null())
            .status();
        if !made.is_ok_and(|s| s.success()) {
            eprintln!("SKIPPED: network namespaces need root and iproute2");
            return None;
        }
        run("ip", &["netns", "add", &receiver]);
        let folder = tempfile::tempdir().unwrap();
        let lab = Self {
            data: folder.path().join("analyzer"),
            settings: settings(),
            folder,
            sender,
            receiver,
            analyzer: None,
            collector: None,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
        };
        for ns in [&lab.sender, &lab.receiver] {
            let quiet = "for f in all default; do echo 1 > /proc/sys/net/ipv6/conf/$f/disable_ipv6; done";
            run("ip", &["netns", "exec", ns, "sh", "-c", quiet]);
        }
        lab.plug_in();
        Some(lab)
    }

    /// Puts the cable in.
    pub(crate) fn plug_in(&self) {
        let (tx, rx) = (self.sender.as_str(), self.receiver.as_str());
        run(
            "ip",
            &[
                "-n", tx, "link", "add", "tx0", "type", "veth", "peer", "name", "rx0", "netns", rx,
            ],
        );
        run("ip", &["-n", tx, "link", "set", "tx0", "up"]);
        run("ip", &["-n", rx, "link", "set", "rx0", "up"]);
        for host in (1..=30).filter(|host| *host != 2) {
            let address = format!("10.9.0.{host}/24");
            run("ip", &["-n", tx, "addr", "add", &address, "dev", "tx0"]);
        }
        run(
            "ip",
            &[
                "-n",
                tx,
                "neigh",
                "add",
                "10.9.0.2",
                "lladdr",
                "02:00:00:00:00:02",
                "dev",
                "tx0",
            ],
        );
    }

    /// Takes the cable and both interfaces away.
    pub(crate) fn unplug(&self) {
        run("ip", &["-n", &self.sender, "link", "del", "tx0"]);
    }

    /// Sets the captured interface up or down.
    pub(crate) fn set_link(&self, state: &str) {
        run("ip", &["-n", &self.receiver, "link", "set", "rx0", state]);
    }

    pub(crate) fn run_dir(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.folder.path().join("collector/spool")
    }

    fn log(&self, name: &str) -> Stdio {
        let path = self.folder.path().join(name);
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        Stdio::from(file)
    }

    pub(crate) fn start_analyzer(&mut self) {
        let child = Command::new(analyzer::analyzer())
            .arg("--data")
            .arg(&self.data)
            .arg("--run-dir")
            .arg(self.run_dir())
            .stderr(self.log("analyzer.log"))
            .spawn();
        self.analyzer = Some(child.unwrap());
        self.wait("the analyzer answers", |lab| {
            lab.analyzer_status().is_ok().then_some(())
        });
    }

    /// Flows end after a second of silence, so that a test need not wait for long.
    pub(crate) fn start_collector(&mut self) {
        self.write_settings();
        let child = Command::new("ip")
            .args(["netns", "exec", &self.receiver, env!("CARGO_BIN_EXE_collector")])
            .arg("--data")
            .arg(self.folder.path().join("collector"))
            .arg("--run-dir")
            .arg(self.run_dir())
            .args(["--interface", "rx0", "--idle", "1", "--active", "2"])
            .arg("--settings")
            .arg(self.settings_file())
            .stderr(self.log("collector.log"))
            .spawn();
        self.collector = Some(child.unwrap());
        self.wait("the port captures", |lab| {
            let status = lab.collector_status().ok()?;
            status.ports.first()?.trouble.is_none().then_some(())
        });
    }

    fn settings_file(&self) -> PathBuf {
        self.folder.path().join("settings.json")
    }

    fn write_settings(&self) {
        std::fs::write(self.settings_file(), self.settings.to_json()).unwrap();
    }

    /// Lets the collector take new settings, at some time.
    pub(crate) fn reload(&self) {
        self.write_settings();
        let pid = self.collector.as_ref().unwrap().id().to_string();
        run("kill", &["-HUP", &pid]);
    }

    pub(crate) fn kill_analyzer(&mut self) {
        end(self.analyzer.take(), "KILL");
    }

    pub(crate) fn kill_collector(&mut self) {
        end(self.collector.take(), "KILL");
    }

    pub(crate) fn stop_collector(&mut self) {
        end(self.collector.take(), "TERM");
    }

    pub(crate) fn stop_analyzer(&mut self) {
        end(self.analyzer.take(), "TERM");
    }

    /// Sends `count` datagrams of `payload` octets to 10.9.0.2:`port`, from a port of their own.
    pub(crate) fn send(&self, port: u16, count: usize, payload: usize) {
        let socket = self.socket();
        for _ in 0..count {
            socket.send_to(&vec![7; payload], ("10.9.0.2", port)).unwrap();
        }
    }

    /// A UDP socket in the sender's namespace.
    pub(crate) fn socket(&self) -> UdpSocket {
        self.socket_of(1)
    }

    /// A UDP socket of the sender's address 10.9.0.`host`, 1–30.
    pub(crate) fn socket_of(&self, host: u8) -> UdpSocket {
        let namespace = std::fs::File::open(Path::new("/run/netns").join(&self.sender)).unwrap();
        let thread = std::thread::spawn(move || {
            // The socket stays in the namespace that it was made in; the thread ends there.
            nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
            UdpSocket::bind((std::net::Ipv4Addr::new(10, 9, 0, host), 0)).unwrap()
        });
        thread.join().unwrap()
    }

    fn call<C: api::Call>(&self, call: C) -> Result<C::Answer, CallError> {
        self.runtime.block_on(Client::new(self.run_dir()).call(call))
    }

    pub(crate) fn analyzer_status(&self) -> Result<AnalyzerStatus, CallError> {
        self.call(StatusQuery {})
    }

    pub(crate) fn collector_status(&self) -> Result<CollectorStatus, CallError> {
        self.call(api::collector::StatusQuery {})
    }

    pub(crate) fn records(&self) -> Vec<FlowRecord> {
        let query = RecordsQuery {
            from: Timestamp::EPOCH,
            to: None,
            limit: 10_000,
            scope: None,
            interface: None,
        };
        let answer = self.call(query).unwrap();
        assert!(!answer.more);
        answer.records
    }

    /// Packets to a port, as the records have them.
    pub(crate) fn packets_to(&self, port: u16) -> u64 {
        let records = self.records();
        records.iter().filter(|r| r.dst_port == port).map(|r| r.packets).sum()
    }

    /// The last hour second by second, in minutes where it is older.
    pub(crate) fn series(&self) -> Series {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::SystemTime::UNIX_EPOCH)
            .unwrap();
        self.call(SeriesQuery {
            scope: Scope::default(),
            from: Timestamp::from_secs(now.as_secs() - 1_800),
            to: Some(Timestamp::from_secs(now.as_secs() + 60)),
            step_s: 1,
        })
        .unwrap()
    }

    /// Frames and octets of all windows.
    pub(crate) fn frames(&self) -> (u64, u64) {
        let points = self.series().points;
        let total = |f: fn(&model::Counters) -> u64| points.iter().map(|p| f(&p.counters.frames.total)).sum();
        (total(|c| c.packets), total(|c| c.bytes))
    }

    /// Waits until there is an answer.
    pub(crate) fn wait<T>(&mut self, what: &str, mut answer: impl FnMut(&Self) -> Option<T>) -> T {
        let since = Instant::now();
        loop {
            if let Some(found) = answer(self) {
                return found;
            }
            if since.elapsed() > PATIENCE {
                let log = |name: &str| std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
                panic!(
                    "waited for {what} in vain\nanalyzer:\n{}\ncollector:\n{}",
                    log("analyzer.log"),
                    log("collector.log")
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the records show so many packets to a port; then it must be no more.
    pub(crate) fn wait_for_packets(&mut self, port: u16, count: u64) {
        self.wait(&format!("{count} packets to port {port}"), |lab| {
            let seen = lab.packets_to(port);
            assert!(seen <= count, "{seen} packets to port {port}, {count} were sent");
            (seen == count).then_some(())
        });
    }
}

fn end(child: Option<Child>, signal: &str) {
    let Some(mut child) = child else { return };
    let pid = child.id().to_string();
    // `ip netns exec` becomes the program itself: the child is the program.
    let _ = Command::new("kill").args([&format!("-{signal}"), &pid]).status();
    let _ = child.wait();
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.kill_collector();
        self.kill_analyzer();
        for ns in [&self.sender, &self.receiver] {
            let _ = Command::new("ip").args(["netns", "del", ns]).status();
        }
    }
}
