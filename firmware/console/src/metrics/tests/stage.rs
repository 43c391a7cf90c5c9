//! A box whose programs the test plays, behind the console's own server.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use api::alarms::AlarmCounts;
use api::analyzer::AnalyzerRequest;
use api::collector::{CollectorRequest, ExporterStatus, PendingSender, PortStatus, RingStatus, SnmpStatus};
use api::hardware::{DriveCount, HwmonRequest, Text};
use api::ingest::{LinkInfo, LinkKind};
use api::metrics::{MetricsAccess, MetricsProved};
use api::server::{Reply, listen, reply, serve};
use api::supervisor::{Account, AccountRole, SetupState, SupervisorRequest};
use api::{Failure, FailureKind, Service};
use model::{Counters, LinkCounters, LinkId, NicErrors, Split};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::identity::Identity;

/// The token that the played supervisor makes.
const TOKEN: &str = "5f2b6c0d9e8a7f4b3c2d1e0f5f2b6c0d9e8a7f4b3c2d1e0f5f2b6c0d9e8a7f4b";
const PASSWORD: &str = "correct horse battery";

/// Sockets whose programs say what a snapshot holds.
pub(super) struct Played {
    pub(super) dir: tempfile::TempDir,
    /// Whether the hardware monitor takes requests and answers none.
    pub(super) hang: Arc<AtomicBool>,
}

impl Played {
    pub(super) fn start(snapshot: Snapshot) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = |service: Service| {
            let path = dir.path().join(service.socket());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            listen(&path, 0o600).unwrap()
        };
        let hang = Arc::new(AtomicBool::new(false));
        let said = Arc::new(snapshot);
        let desk = Arc::new(Mutex::new(Desk::default()));
        let own = said.clone();
        tokio::spawn(serve(
            socket(Service::Supervisor),
            move |request: SupervisorRequest, _| {
                let (said, desk) = (own.clone(), desk.clone());
                async move { supervisor(&said, &desk, request) }
            },
        ));
        let own = said.clone();
        tokio::spawn(serve(
            socket(Service::Collector),
            move |request: CollectorRequest, _| {
                let said = own.clone();
                async move {
                    match request {
                        CollectorRequest::Status(_) => tell(said.collector.as_ref()),
                        CollectorRequest::Exporters(_) => tell(said.exporters.as_ref()),
                        _ => tell::<()>(None),
                    }
                }
            },
        ));
        let own = said.clone();
        tokio::spawn(serve(socket(Service::Analyzer), move |request: AnalyzerRequest, _| {
            let said = own.clone();
            async move {
                match request {
                    AnalyzerRequest::Status(_) => tell(said.analyzer.as_ref()),
                    AnalyzerRequest::Storage(_) => tell(said.storage.as_ref()),
                    AnalyzerRequest::Alarms(query) if query.open => tell(said.alarms.as_ref()),
                    _ => tell::<()>(None),
                }
            }
        }));
        let (own, hangs) = (said, hang.clone());
        tokio::spawn(serve(socket(Service::Hwmon), move |_: HwmonRequest, _| {
            let (said, hangs) = (own.clone(), hangs.load(Ordering::SeqCst));
            async move {
                if hangs {
                    std::future::pending::<()>().await;
                }
                tell(said.hardware.as_ref())
            }
        }));
        Self { dir, hang }
    }
}

fn tell<T: serde::Serialize>(value: Option<&T>) -> Reply {
    value.map_or_else(|| Err(Failure::new(FailureKind::Unavailable, "not played")), reply)
}

#[derive(Default)]
struct Desk {
    on: bool,
    wrong: u32,
}

fn supervisor(said: &Snapshot, desk: &Mutex<Desk>, request: SupervisorRequest) -> Reply {
    use SupervisorRequest as R;
    let mut desk = desk.lock().unwrap();
    let fail = |kind, text: &str| Err(Failure::new(kind, text));
    match request {
        R::Status(_) => tell(said.system.as_ref()),
        R::Firmware(_) => tell(said.firmware.as_ref()),
        R::SetupState(_) => reply(SetupState {
            done: true,
            language: settings::Language::English,
            hostname: "probe-1".into(),
            version: "0.1.0".into(),
        }),
        R::Authenticate(login) if login.password == PASSWORD => reply(Account {
            user: login.user,
            role: AccountRole::Administrator,
            generation: 1,
        }),
        R::ChangeMetrics(change) if change.user == "admin" => {
            *desk = Desk {
                on: change.on,
                wrong: 0,
            };
            reply(MetricsToken {
                token: change.on.then(|| TOKEN.to_owned()),
            })
        }
        R::Metrics(_) => reply(MetricsAccess {
            made: desk.on.then_some(Timestamp::from_secs(1_700_000_000)),
            read: None,
        }),
        R::ProveMetrics(_) if !desk.on => fail(FailureKind::NotFound, "metrics are off"),
        R::ProveMetrics(given) if given.token.is_none() => fail(FailureKind::Denied, "there is no token"),
        R::ProveMetrics(_) if desk.wrong >= 5 => {
            fail(FailureKind::LockedOut, "too many wrong tokens: try again in 15 s")
        }
        R::ProveMetrics(given) if given.token.as_deref() == Some(TOKEN) => reply(MetricsProved {}),
        R::ProveMetrics(_) => {
            desk.wrong += 1;
            fail(FailureKind::Denied, "the token is wrong")
        }
        _ => fail(FailureKind::Unavailable, "not played"),
    }
}

/// The console's server in front of played programs.
pub(super) struct Appliance {
    played: Played,
    pub(super) port: u16,
    _stop: watch::Sender<bool>,
}

impl Appliance {
    pub(super) async fn start(snapshot: Snapshot) -> Self {
        let played = Played::start(snapshot);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        // What every box's certificate names; where its reader reaches it is not among them.
        let names = ["localhost".to_owned(), "spanwatch".to_owned()];
        let identity = Identity::open(
            played.dir.path(),
            &names,
            time::OffsetDateTime::now_utc(),
            provider.clone(),
        );
        let tls = crate::tls(provider.clone(), Arc::new(identity.unwrap())).unwrap();
        let (stop, stopping) = watch::channel(false);
        let app = App::new(Client::new(played.dir.path()), provider, stopping.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(crate::serve::serve(
            listener,
            Some(TlsAcceptor::from(Arc::new(tls))),
            crate::routes::router(app),
            stopping,
        ));
        Self {
            played,
            port,
            _stop: stop,
        }
    }

    /// The folder with the certificate.
    pub(super) fn dir(&self) -> &std::path::Path {
        self.played.dir.path()
    }

    /// What curl gets from a path: status, head and body; `None`, and a word about it, where there is no curl.
    pub(super) async fn get(&self, path: &str, token: Option<&str>) -> Option<(u16, String, String)> {
        let bearer = token.map(|token| format!("Authorization: Bearer {token}"));
        let more: Vec<&str> = bearer.iter().flat_map(|bearer| ["-H", bearer.as_str()]).collect();
        self.curl(path, &more).await
    }

    /// Signs in and makes a token.
    pub(super) async fn new_token(&self) -> String {
        let jar = self.sign_in().await;
        let (status, _, text) = self.change(&jar, "POST").await;
        assert_eq!(status, 200, "{text}");
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["token"], TOKEN);
        TOKEN.to_owned()
    }

    /// Signs in and switches metrics off.
    pub(super) async fn switch_off(&self) {
        let jar = self.sign_in().await;
        let (status, _, text) = self.change(&jar, "DELETE").await;
        assert_eq!((status, text.as_str()), (200, "{\"token\":null}"));
        let (_, _, text) = self.curl("/api/v1/metrics", &["-b", &jar]).await.unwrap();
        assert_eq!(text, "{\"made\":null,\"read\":null}");
    }

    async fn sign_in(&self) -> String {
        let jar = self.dir().join("cookies").display().to_string();
        let login = json!({ "user": "admin", "password": PASSWORD }).to_string();
        let origin = format!("Origin: https://127.0.0.1:{}", self.port);
        let more = [
            "-c",
            &jar,
            "-H",
            &origin,
            "-H",
            "Content-Type: application/json",
            "-d",
            &login,
        ];
        let (status, _, text) = self.curl("/api/v1/session", &more).await.unwrap();
        assert_eq!(status, 200, "{text}");
        jar
    }

    async fn change(&self, jar: &str, method: &str) -> (u16, String, String) {
        let origin = format!("Origin: https://127.0.0.1:{}", self.port);
        let more = ["-X", method, "-b", jar, "-H", &origin];
        self.curl("/api/v1/metrics/token", &more).await.unwrap()
    }

    async fn curl(&self, path: &str, more: &[&str]) -> Option<(u16, String, String)> {
        let mut command = Command::new("curl");
        command.args(["-sk", "-i", "-m", "60"]).args(more);
        command.arg(format!("https://127.0.0.1:{}{path}", self.port));
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
        let Ok(output) = output else {
            eprintln!("skipped: curl is not installed");
            return None;
        };
        let text = String::from_utf8(output.stdout).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Some((status, head.to_owned(), body.to_owned()))
    }
}

/// A box of which everything is known.
pub(super) fn full() -> Snapshot {
    Snapshot {
        system: Some(system()),
        firmware: Some(firmware()),
        collector: Some(collector()),
        exporters: Some(exporters()),
        analyzer: Some(AnalyzerStatus {
            records: 5_000,
            oldest_window: Some(Timestamp::from_secs(1_600_000_000)),
            ..crate::pulse::tests::analyzer(Some(1_700_000_000))
        }),
        storage: Some(storage()),
        alarms: Some(alarms()),
        hardware: Some(hardware()),
    }
}

fn from<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn system() -> SystemStatus {
    let port = |name: &str, role: &str, link: Option<u16>| {
        json!({ "name": name, "role": role, "link": link, "pci": null, "mac": null, "driver": "igb", "up": true,
            "speed_bps": 1_000_000_000_u64, "addresses": [] })
    };
    from(json!({
        "version": "0.1.0", "hostname": "probe-1", "role": "standalone", "kernel": "6.12", "hardware": "2U",
        "serial_number": "SN-1", "processor": "x", "processors": 4, "uptime_s": 3_600, "now": 1_700_000_000_000_000_000_u64,
        "clock_synchronised": true, "load": [1.5, 1.0, 0.5], "cpu_used": 0.25,
        "memory": { "total": 4_000, "available": 3_000, "ours": 500 },
        "disks": [{ "mount": "/data", "total": 1_000, "available": 300, "read_only": false }],
        "units": [{ "name": "spanwatch-collector.service", "description": "Collector", "state": "active", "detail": "running",
            "since": null, "restarts": 1, "memory": 100, "cpu_nanos": 2_500_000_000_u64 }],
        "ports": [port("enp0s2", "management", None), port("enp0s3", "capture", Some(1))],
        "collection": { "registered": 5, "discovered": 0, "unregistered": 7 },
        "slot": "a", "troubles": ["one"],
    }))
}

fn firmware() -> FirmwareStatus {
    from(json!({
        "version": "0.1.0", "running": "a", "secure_boot": true, "floor": null, "update": { "state": "idle" }, "last": null,
        "slots": [
            { "slot": "a", "version": "0.1.0", "installed": null, "generation": 2, "tries_left": null },
            { "slot": "b", "version": null, "installed": null, "generation": null, "tries_left": null },
        ],
        "history": [], "boots": { "total": 10, "ordered": 6, "power": 3, "watchdog": 0, "panic": 0 },
        "health": { "state": "good" }, "room": 1,
    }))
}

fn collector() -> CollectorStatus {
    let count = |packets| Counters {
        packets,
        bytes: packets * 100,
    };
    let mut counters = LinkCounters {
        frames: Split {
            total: count(100),
            inbound: count(60),
            outbound: count(30),
        },
        broadcast: Some(1),
        multicast: Some(2),
        non_ip: Some(3),
        malformed: Some([1; 8]),
        sizes: Some([1; 7]),
        nic: NicErrors {
            crc: Some(1),
            ..NicErrors::default()
        },
        ..LinkCounters::default()
    };
    (counters.drops.ring, counters.drops.nic) = (3, 4);
    let ring = RingStatus {
        cpu: Some(1),
        frames: 100,
        drops: 3,
        freezes: 1,
        flows: 20,
        memory_bytes: 1 << 20,
    };
    CollectorStatus {
        ports: vec![PortStatus {
            info: LinkInfo {
                id: LinkId(1),
                kind: LinkKind::Port,
                name: "enp0s3".into(),
                label: "core".into(),
                capacity_bps: Some(1_000_000_000),
                up: true,
            },
            counters,
            trouble: None,
            rings: vec![ring.clone(), ring],
            timestamps: api::collector::Timestamps::Hardware,
            driver: None,
            mtu: None,
        }],
        ..crate::pulse::tests::collector()
    }
}

fn exporters() -> Exporters {
    let core = ExporterStatus {
        last_seen: Some(Timestamp::from_secs(1_700_000_000)),
        datagrams: 10,
        lost: 2,
        snmp: Some(SnmpStatus {
            last_answer: Some(Timestamp::from_secs(1_700_000_000)),
            trouble: None,
            round_trip_ms: Some(2.5),
            requests: 9,
            timeouts: 1,
            poll_ms: None,
        }),
        ..ExporterStatus::silent(LinkId::of_exporter(1), "core".into(), Vec::new(), true)
    };
    // It was never heard, and nobody polls it.
    let silent = ExporterStatus::silent(LinkId::of_exporter(2), "silent".into(), Vec::new(), true);
    Exporters {
        exporters: vec![core, silent],
        pending: vec![PendingSender {
            address: [192, 0, 2, 1].into(),
            protocols: Vec::new(),
            datagrams: 1,
            first_seen: Timestamp::EPOCH,
            last_seen: Timestamp::EPOCH,
        }],
        sockets: vec![from(json!({
            "purpose": "flow", "address": "[::]:2055", "datagrams": 10, "dropped": 1, "unregistered": 2, "buffer": 4_096,
            "trouble": null,
        }))],
        syslog_certificate: None,
    }
}

fn storage() -> Storage {
    from(json!({
        "disk_bytes": 1_000, "free_bytes": 300, "full_percent": 95, "removed": [],
        "damaged_files": [{ "name": "x", "bytes": 1 }], "hours_open": 1, "countries": null,
        "classes": [{ "class": "records", "limit": { "age": 30 }, "bytes": 600, "records": 5_000,
            "oldest": 1_600_000_000_000_000_000_u64, "newest": null, "bytes_per_day": null, "next": null, "next_at": null,
            "next_why": null }],
    }))
}

fn alarms() -> Alarms {
    Alarms {
        now: Timestamp::from_secs(1_700_000_000),
        counts: AlarmCounts::default(),
        open: vec![from(json!({
            "id": 7, "source": "hardware", "name": "bay-2.pending", "component": "bay 2", "serial": null, "code": "pending",
            "severity": "critical", "text": { "zh": "", "en": "" }, "zh": { "title": "", "todo": "" },
            "en": { "title": "", "todo": "" }, "raised": 1, "recurrences": 0, "acknowledged": { "at": 2, "by": "mei" },
            "cleared": null, "part": { "zh": "槽位 2", "en": "bay 2" },
        }))],
        history: Vec::new(),
        next: None,
    }
}

/// The hardware that the command line's tests print, and a reading of each unit.
fn hardware() -> Hardware {
    let mut hardware: Hardware = serde_json::from_str(include_str!("../../../../cli/golden/hardware.json")).unwrap();
    let one = hardware.readings[0].clone();
    let reading = |id: String, name: &str, unit: &str, value: f64| Reading {
        source: "sysfs".to_owned(),
        id,
        name: Text {
            zh: "读数".to_owned(),
            en: name.to_owned(),
        },
        unit: unit.to_owned(),
        value: Some(value),
        ..one.clone()
    };
    for unit in [
        "celsius", "volt", "ampere", "joule", "percent", "count", "hour", "minute", "second", "octet", "hertz",
    ] {
        hardware.readings.push(reading(format!("test/{unit}"), unit, unit, 2.0));
    }
    let flow = reading("ipmi/flow".to_owned(), "flow", "count", 42.0);
    hardware.readings.push(Reading {
        source: "ipmi".to_owned(),
        ..flow
    });
    for (what, unit, value) in [
        ("missing", "count", 1.0),
        ("works", "boolean", 1.0),
        ("sync", "percent", 42.5),
        ("sda3", "boolean", 0.0),
    ] {
        hardware
            .readings
            .push(reading(format!("md/md0/{what}"), what, unit, value));
    }
    let drive = &mut hardware.drives[0];
    drive.used = Some(7);
    drive.counts = vec![DriveCount {
        code: "media_errors".into(),
        count: 8,
    }];
    hardware
}
