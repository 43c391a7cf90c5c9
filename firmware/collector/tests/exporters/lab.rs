//! A collector that receives on loopback, and an analyzer. Every exporter has an address of its own: Linux has all of
//! 127.0.0.0/8 there.

#[path = "../programs/analyzer.rs"]
mod analyzer;

use std::net::{IpAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use api::analyzer::{RecordsQuery, Scope, SeriesQuery};
use api::client::{CallError, Client};
use api::collector::{ExporterDetail, ExporterQuery, Exporters, ExportersQuery, SocketPurpose, SocketStatus};
use model::{FlowRecord, LinkCounters, LinkId, Timestamp};

/// How long anything may take that is waited for; no test depends on how long it does take.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Lab {
    folder: tempfile::TempDir,
    analyzer: Option<Child>,
    collector: Option<Child>,
    runtime: tokio::runtime::Runtime,
    settings: settings::Settings,
}

/// A port that nobody has. Somebody else could take it before the collector does; it would say so.
pub(crate) fn free_port() -> u16 {
    UdpSocket::bind("[::]:0").unwrap().local_addr().unwrap().port()
}

/// Nanoseconds since 1970, now.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    Timestamp::from_nanos(u64::try_from(since.as_nanos()).unwrap())
}

impl Lab {
    /// Both programs, with exporters of these addresses (numbers from 1), receiving flows on a free port.
    pub(crate) fn new(exporters: &[&[&str]]) -> Self {
        let mut settings = settings::Settings::default();
        let none = || settings::Listen {
            enabled: false,
            ports: Vec::new(),
        };
        settings.collection.flow.ports = vec![free_port()];
        (settings.collection.syslog, settings.collection.syslog_tls) = (none(), none());
        settings.collection.traps = none();
        let mut lab = Self {
            folder: tempfile::tempdir().unwrap(),
            analyzer: None,
            collector: None,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
            settings,
        };
        for addresses in exporters {
            lab.register(addresses);
        }
        lab
    }

    /// Changes what the settings will say; see [`Lab::reload`].
    pub(crate) fn settings(&mut self) -> &mut settings::Settings {
        &mut self.settings
    }

    /// Registers another exporter.
    pub(crate) fn register(&mut self, addresses: &[&str]) -> LinkId {
        self.settings.exporter_numbers += 1;
        let number = self.settings.exporter_numbers;
        let exporter = settings::Exporter {
            name: format!("router {number}"),
            addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
            enabled: true,
            sampling: None,
            utc_offset_min: 0,
            snmp: None,
            interfaces: Default::default(),
        };
        self.settings.exporters.insert(number, exporter);
        LinkId::of_exporter(number)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn flow_port(&self) -> u16 {
        self.settings.collection.flow.ports[0]
    }

    fn log(&self, name: &str) -> Stdio {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path(name));
        Stdio::from(file.unwrap())
    }

    pub(crate) fn start(mut self) -> Self {
        let child = Command::new(analyzer::analyzer())
            .arg("--data")
            .arg(self.path("analyzer"))
            .arg("--run-dir")
            .arg(self.path("run"))
            .stderr(self.log("analyzer.log"))
            .spawn();
        self.analyzer = Some(child.unwrap());
        self.wait("the analyzer answers", |lab| {
            lab.call(api::analyzer::StatusQuery {}).ok().map(|_| ())
        });
        self.start_collector();
        self
    }

    fn write_settings(&self) {
        std::fs::write(self.path("settings.json"), self.settings.to_json()).unwrap();
    }

    pub(crate) fn start_collector(&mut self) {
        self.write_settings();
        let child = Command::new(env!("CARGO_BIN_EXE_collector"))
            .arg("--data")
            .arg(self.path("collector"))
            .arg("--run-dir")
            .arg(self.path("run"))
            .arg("--settings")
            .arg(self.path("settings.json"))
            .args(["--block-seconds", "1"])
            .stderr(self.log("collector.log"))
            .spawn();
        self.collector = Some(child.unwrap());
        self.wait_for_ports();
    }

    /// Waits until what the settings say is open.
    pub(crate) fn wait_for_ports(&mut self) {
        self.wait("the ports open", |lab| {
            let exporters = lab.exporters().ok()?;
            let known = exporters.exporters.len() == lab.settings.exporters.len();
            let open = |port| {
                let sockets = exporters.sockets.iter();
                sockets
                    .filter(|s| s.trouble.is_none())
                    .any(|s| s.address.port() == port)
            };
            let c = &lab.settings.collection;
            let all = [&c.flow, &c.syslog, &c.syslog_tls, &c.traps];
            let mut ports = all.into_iter().filter(|l| l.enabled).flat_map(|l| &l.ports);
            (known && ports.all(|&port| open(port))).then_some(())
        });
    }

    /// Lets the collector take new settings.
    pub(crate) fn reload(&mut self) {
        self.write_settings();
        self.signal("HUP");
        self.wait_for_ports();
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.collector.as_ref().unwrap().id().to_string();
        assert!(
            Command::new("kill")
                .args([&format!("-{name}"), &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    pub(crate) fn end_collector(&mut self, signal: &str) {
        end(self.collector.take(), signal);
    }

    pub(crate) fn call<C: api::Call>(&self, call: C) -> Result<C::Answer, CallError> {
        self.runtime.block_on(Client::new(self.path("run")).call(call))
    }

    pub(crate) fn exporters(&self) -> Result<Exporters, CallError> {
        self.call(ExportersQuery {})
    }

    pub(crate) fn exporter(&self, link: LinkId) -> ExporterDetail {
        self.call(ExporterQuery { link }).unwrap()
    }

    pub(crate) fn socket(&self, purpose: SocketPurpose) -> SocketStatus {
        let sockets = self.exporters().unwrap().sockets;
        sockets.into_iter().find(|s| s.purpose == purpose).unwrap()
    }

    pub(crate) fn records(&self, link: LinkId) -> Vec<FlowRecord> {
        let query = RecordsQuery {
            from: Timestamp::EPOCH,
            to: None,
            limit: 10_000,
            scope: Some(Scope::Link(link)),
            interface: None,
        };
        let answer = self.call(query).unwrap();
        assert!(!answer.more);
        answer.records
    }

    /// Waits for so many records of a link; there must never be more.
    pub(crate) fn wait_for_records(&mut self, link: LinkId, count: usize) -> Vec<FlowRecord> {
        self.wait(&format!("{count} records"), |lab| {
            let records = lab.records(link);
            assert!(records.len() <= count, "{} records, {count} were sent", records.len());
            (records.len() == count).then_some(records)
        })
    }

    /// The counters of the last two days.
    pub(crate) fn counters(&self, link: LinkId) -> LinkCounters {
        let now = now().as_secs();
        let query = SeriesQuery {
            scope: Scope::Link(link),
            from: Timestamp::from_secs(now - 172_800),
            to: Some(Timestamp::from_secs(now + 120)),
            step_s: 60,
        };
        let mut sum = LinkCounters::default();
        for point in self.call(query).unwrap().points {
            sum += &point.counters;
        }
        sum
    }

    /// A socket that sends from an address.
    pub(crate) fn sender(&self, from: &str) -> Sender {
        let address: IpAddr = from.parse().unwrap();
        let socket = UdpSocket::bind((address, 0)).unwrap();
        Sender {
            to: (if address.is_ipv4() { "127.0.0.1" } else { "::1" }).parse().unwrap(),
            socket,
        }
    }

    pub(crate) fn wait<T>(&mut self, what: &str, mut answer: impl FnMut(&Self) -> Option<T>) -> T {
        let since = Instant::now();
        loop {
            if let Some(found) = answer(self) {
                return found;
            }
            if since.elapsed() > PATIENCE {
                let log = |name: &str| std::fs::read_to_string(self.path(name)).unwrap_or_default();
                panic!(
                    "waited for {what} in vain\nanalyzer:\n{}\ncollector:\n{}\n{:#?}",
                    log("analyzer.log"),
                    log("collector.log"),
                    self.exporters(),
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

pub(crate) struct Sender {
    socket: UdpSocket,
    to: IpAddr,
}

impl Sender {
    pub(crate) fn send(&self, port: u16, datagram: &[u8]) {
        self.socket.send_to(datagram, (self.to, port)).unwrap();
    }
}

fn end(child: Option<Child>, signal: &str) {
    let Some(mut child) = child else { return };
    let pid = child.id().to_string();
    let _ = Command::new("kill").args([&format!("-{signal}"), &pid]).status();
    let _ = child.wait();
}

impl Drop for Lab {
    fn drop(&mut self) {
        end(self.collector.take(), "KILL");
        end(self.analyzer.take(), "KILL");
    }
}
