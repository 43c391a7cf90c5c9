//! The analyzer's program on a folder of its own, a supervisor that the test plays, and a collector's connection.

use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use api::analyzer::{PollQuery, QueryState, StartQuery, StatusQuery};
use api::client::{CallError, Client};
use api::ingest::{self, BatchId, LinkInfo, LinkKind, Message, Receipt};
use api::server::{listen, reply, serve};
use api::supervisor::{SettingsAnswer, SupervisorRequest};
use api::{Call, Failure, FailureKind, INGEST_SOCKET, Service, frame};
use model::{Answer, App, Ask, Block, Direction, EndReason, FlowRecord, LinkId, Query, Sums, Timestamp};
use settings::Settings;
use tokio::net::UnixStream;

/// How long anything may take that is waited for; no test depends on how long it does take.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Lab {
    folder: tempfile::TempDir,
    analyzer: Option<Child>,
    client: Client,
    settings: Arc<Mutex<(u64, Settings)>>,
}

/// Nanoseconds since 1970, now.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    Timestamp::from_nanos(u64::try_from(since.as_nanos()).unwrap())
}

impl Lab {
    /// Starts the analyzer.
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Service::Supervisor.socket());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let settings = Arc::new(Mutex::new((1, Settings::default())));
        let held = settings.clone();
        let listener = listen(&path, 0o600).unwrap();
        tokio::spawn(serve(listener, move |request: SupervisorRequest, _| {
            let held = held.clone();
            async move {
                let SupervisorRequest::Settings(query) = request else {
                    return Err(Failure::new(FailureKind::Unavailable, "not played"));
                };
                // Answers when something changed.
                let begun = Instant::now();
                loop {
                    let (change, settings) = held.lock().unwrap().clone();
                    if query.newer_than != Some(change) || begun.elapsed() > Duration::from_secs(10) {
                        return reply(SettingsAnswer {
                            change,
                            settings,
                            ports: Vec::new(),
                            unconfirmed_until: None,
                        });
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }));
        let mut lab = Self {
            client: Client::new(folder.path()),
            folder,
            analyzer: None,
            settings,
        };
        lab.start().await;
        lab
    }

    async fn start(&mut self) {
        let child = Command::new(env!("CARGO_BIN_EXE_analyzer"))
            .arg("--data")
            .arg(self.folder.path().join("data"))
            .arg("--run-dir")
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.analyzer = Some(child);
        self.until("the analyzer answers", async |lab| {
            lab.ask(StatusQuery {}).await.is_ok()
        })
        .await;
    }

    /// Kills the analyzer, and starts it again.
    pub(crate) async fn kill(&mut self) {
        let mut child = self.analyzer.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        self.start().await;
    }

    /// Changes the settings.
    pub(crate) fn change(&self, edit: impl FnOnce(&mut Settings)) {
        let mut held = self.settings.lock().unwrap();
        edit(&mut held.1);
        held.1.check().unwrap();
        held.0 += 1;
    }

    pub(crate) async fn ask<C: Call>(&self, call: C) -> Result<C::Answer, CallError> {
        self.client.call(call).await
    }

    /// Waits until something is so.
    pub(crate) async fn until(&self, what: &str, is_so: impl AsyncFn(&Self) -> bool) {
        let begun = Instant::now();
        while !is_so(self).await {
            assert!(begun.elapsed() < PATIENCE, "{what}: not so");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Begins a question.
    pub(crate) async fn begin(&self, query: &Query) -> Result<u64, CallError> {
        Ok(self.ask(StartQuery { query: query.clone() }).await?.id)
    }

    /// How far a question is, after waiting for it.
    pub(crate) async fn poll(&self, id: u64, wait_ms: u32) -> Result<QueryState, CallError> {
        let call = PollQuery {
            id,
            wait_ms,
            partial: true,
        };
        self.ask(call).await
    }

    /// A question's answer.
    pub(crate) async fn answer(&self, query: &Query) -> Answer {
        let id = self.begin(query).await.unwrap();
        loop {
            let state = self.poll(id, 10_000).await.unwrap();
            if state.done {
                self.ask(api::analyzer::CancelQuery { id }).await.unwrap();
                return state.answer.unwrap();
            }
        }
    }

    /// A collector's connection.
    pub(crate) async fn collector(&self) -> Collector {
        let stream = UnixStream::connect(self.folder.path().join(INGEST_SOCKET))
            .await
            .unwrap();
        let mut collector = Collector { stream };
        let links = vec![LinkInfo {
            id: LinkId(1),
            kind: LinkKind::Port,
            name: "eth1".to_owned(),
            label: "core switch".to_owned(),
            capacity_bps: None,
            up: true,
        }];
        let hello = Message::Hello {
            version: ingest::VERSION,
            links,
        };
        collector.send(&hello).await;
        collector
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Some(child) = &mut self.analyzer {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub(crate) struct Collector {
    stream: UnixStream,
}

impl Collector {
    async fn send(&mut self, message: &Message) {
        let octets = ingest::encode(message).unwrap();
        frame::write(&mut self.stream, &octets).await.unwrap();
    }

    /// Sends a batch.
    pub(crate) async fn block(&mut self, sequence: u64, records: &[FlowRecord]) {
        let message = Message::Block {
            id: BatchId { epoch: 1, sequence },
            bytes: Block::encode(records).unwrap().into_bytes(),
        };
        self.send(&message).await;
    }

    /// The next receipt.
    pub(crate) async fn receipt(&mut self) -> Receipt {
        let body = frame::read(&mut self.stream).await.unwrap().expect("a receipt");
        ingest::decode(&body).unwrap()
    }
}

/// Record `n`, that ends so many milliseconds after `base`.
pub(crate) fn record(n: u32, base: Timestamp, after_ms: u64) -> FlowRecord {
    let end = base.plus_nanos(after_ms * 1_000_000);
    let [.., c, d] = n.to_be_bytes();
    FlowRecord {
        link: LinkId(1),
        start: end,
        end,
        src_ip: [10, 0, c, d].into(),
        dst_ip: [192, 0, 2, d % 5].into(),
        src_port: 1_024 + u16::from(d),
        dst_port: if n.is_multiple_of(3) { 9_000 } else { 443 },
        protocol: 6,
        vlan: None,
        vlan_inner: None,
        src_mac: None,
        dst_mac: None,
        packets: 2,
        bytes: u64::from(n) + 40,
        packets_rev: 1,
        bytes_rev: 52,
        tcp_flags: 2,
        tcp_flags_rev: 18,
        icmp: None,
        icmp_rev: None,
        tos: 0,
        app: if n.is_multiple_of(3) {
            App::UNKNOWN
        } else {
            App::by_name("https").unwrap()
        },
        direction: Direction::Out,
        end_reason: EndReason::Idle,
        export: None,
        l7: None,
        quality: None,
    }
}

/// The sums of records.
pub(crate) fn sums<'a>(records: impl IntoIterator<Item = &'a FlowRecord>) -> Sums {
    let mut all = Sums::default();
    for r in records {
        all += Sums {
            flows: 1,
            packets: r.packets,
            bytes: r.bytes,
            packets_rev: r.packets_rev,
            bytes_rev: r.bytes_rev,
        };
    }
    all
}

/// A question about all records since `from`.
pub(crate) fn query(from: Timestamp, filter: &str, ask: Ask) -> Query {
    Query {
        from,
        to: Some(from.plus_nanos(3_600_000_000_000)),
        scope: None,
        filter: filter.to_owned(),
        ask,
        timeout_ms: 600_000,
    }
}
