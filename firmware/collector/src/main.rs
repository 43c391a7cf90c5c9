//! The collector: captures on the ports that settings name, meters flows and hands records and
//! windows to the analyzer.

mod backlog;
mod fleet;
mod opener;
mod pipeline;
mod plan;
mod port;
mod spool;
mod tap;
mod uplink;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use api::client::Client;
use api::collector::{CollectorRequest, CollectorStatus};
use api::server::{self, Reply};
use api::supervisor::SettingsQuery;
use api::{Failure, FailureKind, INGEST_SOCKET, Service};
use clap::Parser;
use model::{DropCounters, HomeNetworks, Prefix, Timestamp};
use service::{NotifyState, Workers, tell};
use settings::FlowTimeouts;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::backlog::Backlog;
use crate::fleet::Fleet;
use crate::opener::Opener;
use crate::plan::Plans;
use crate::port::now;
use crate::uplink::{Health, Uplink};

/// Owner and group may connect.
const SOCKET_MODE: u32 = 0o660;
/// Blocks and windows between the ports and the uplink.
const QUEUE: usize = 64;
/// Octets of batches in memory; beyond, they go to disk.
const MEMORY_MAX: usize = 16 << 20;
/// Pause after the supervisor did not answer.
const SETTINGS_RETRY: Duration = Duration::from_secs(2);

/// Captures traffic and hands flow records to the analyzer.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Where batches wait while the analyzer is away.
    #[arg(long, default_value = "/data/collector")]
    data: PathBuf,
    /// Where the sockets are.
    #[arg(long, default_value = api::RUN_DIR)]
    run_dir: PathBuf,
    /// Captures on this interface instead of asking the supervisor; may be given several times.
    #[arg(long, value_name = "NAME")]
    interface: Vec<String>,
    /// With --interface: a network that counts as inside; the private networks where none is given.
    #[arg(long, value_name = "PREFIX", requires = "interface")]
    home: Vec<Prefix>,
    /// With --interface: seconds of silence after which a flow ends.
    #[arg(long, value_name = "SECONDS", requires = "interface", default_value_t = FlowTimeouts::default().idle_s)]
    idle: u32,
    /// With --interface: seconds after which a flow that goes on is reported.
    #[arg(long, value_name = "SECONDS", requires = "interface", default_value_t = FlowTimeouts::default().active_s)]
    active: u32,
    /// MiB of batches that may wait on disk.
    #[arg(long, value_name = "MIB", default_value_t = 1_024)]
    spool_mib: u64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    service::log_as("collector");
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            log::error!(EVENT = "failed"; "the collector stops: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    // Before any other thread, since threads inherit what this one gives up.
    let opener = Opener::start().context("cannot start")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(4)
        .enable_all()
        .build()
        .context("cannot start")?;
    runtime.block_on(serve(options, opener))
}

struct Collector {
    fleet: Mutex<Option<Fleet>>,
    health: Arc<Health>,
    started: Timestamp,
}

async fn serve(options: &Options, opener: Opener) -> anyhow::Result<()> {
    let started = now();
    let spool = options.data.join("spool");
    // A disk that is full or broken is no reason not to capture.
    let backlog = Backlog::open(spool.clone(), options.spool_mib << 20, MEMORY_MAX).unwrap_or_else(|e| {
        log::error!(EVENT = "no_spool"; "{} cannot be used, batches wait in memory alone: {e}", spool.display());
        Backlog::in_memory(MEMORY_MAX)
    });
    if backlog.len() > 0 {
        log::info!(EVENT = "unspooled"; "{} batches of the last run are still to be sent", backlog.len());
    }
    let path = options.run_dir.join(Service::Collector.socket());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let questions =
        server::listen(&path, SOCKET_MODE).with_context(|| format!("cannot listen at {}", path.display()))?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;

    let health = Arc::new(Health::new());
    let workers = Workers::default();
    let (links, links_seen) = watch::channel(Vec::new());
    let (outgoing, queue) = mpsc::channel(QUEUE);
    let uplink = Uplink::new(
        options.run_dir.join(INGEST_SOCKET),
        backlog,
        health.clone(),
        links_seen,
        started,
        workers.add("uplink"),
    );
    let uplink = tokio::spawn(uplink.run(queue));
    let fleet = Fleet::new(opener, outgoing, health.clone(), links, workers.clone());
    let collector = Arc::new(Collector {
        fleet: Mutex::new(Some(fleet)),
        health,
        started,
    });

    tell(&[NotifyState::Ready, NotifyState::Status("capturing")]);
    log::info!(EVENT = "ready"; "the collector is ready");
    let answers = {
        let collector = collector.clone();
        server::serve(questions, move |request, _| {
            let collector = collector.clone();
            async move { answer(&request, &collector) }
        })
    };
    tokio::select! {
        () = answers => {}
        () = workers.beat() => {}
        () = follow(options, &collector) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tell(&[NotifyState::Stopping]);
    log::info!(EVENT = "stopping"; "the collector stops");
    let fleet = collector.fleet.lock().unwrap_or_else(PoisonError::into_inner).take();
    tokio::task::spawn_blocking(|| fleet.into_iter().for_each(Fleet::stop)).await?;
    // The queue is closed now: the uplink says its last words.
    uplink.await?;
    Ok(())
}

/// Keeps the ports as the settings want them; for ever.
async fn follow(options: &Options, collector: &Arc<Collector>) {
    if !options.interface.is_empty() {
        let home = match options.home.as_slice() {
            [] => HomeNetworks::private(),
            given => HomeNetworks::new(given.to_vec()),
        };
        let timeouts = FlowTimeouts {
            idle_s: options.idle.max(1),
            active_s: options.active.max(1),
        };
        apply(collector, plan::from_names(&options.interface, &home, timeouts)).await;
        return std::future::pending().await;
    }
    let client = Client::new(&options.run_dir);
    let mut newer_than = None;
    let mut silent = false;
    loop {
        match client.call(SettingsQuery { newer_than }).await {
            Ok(answer) => {
                silent = false;
                // The same answer again is the end of a wait in which nothing changed.
                if newer_than.replace(answer.change) != Some(answer.change) {
                    apply(collector, plan::from_settings(&answer)).await;
                }
            }
            Err(e) => {
                if !std::mem::replace(&mut silent, true) {
                    log::warn!(EVENT = "no_settings"; "the settings cannot be read, the last ones stay: {e}");
                }
                // A supervisor that starts anew counts its changes anew.
                newer_than = None;
                tokio::time::sleep(SETTINGS_RETRY).await;
            }
        }
    }
}

/// Stopping a port waits for its thread, so this is done where waiting is allowed.
async fn apply(collector: &Arc<Collector>, plans: Plans) {
    let collector = collector.clone();
    let done = tokio::task::spawn_blocking(move || {
        let mut fleet = collector.fleet.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fleet) = &mut *fleet {
            fleet.apply(&plans);
        }
    });
    if let Err(e) = done.await {
        log::error!(EVENT = "failed"; "the settings could not be applied: {e}");
    }
}

fn answer(request: &CollectorRequest, collector: &Collector) -> Reply {
    match request {
        CollectorRequest::Status(_) => server::reply(status(collector)),
        CollectorRequest::Exporters(_) | CollectorRequest::Exporter(_) | CollectorRequest::Probe(_) => {
            Err(Failure::new(
                FailureKind::Unavailable,
                "this collector does not receive from exporters",
            ))
        }
    }
}

fn status(collector: &Collector) -> CollectorStatus {
    let states = {
        let fleet = collector.fleet.lock().unwrap_or_else(PoisonError::into_inner);
        fleet.as_ref().map(Fleet::states).unwrap_or_default()
    };
    let health = &collector.health;
    let mut drops = DropCounters::default();
    states.iter().for_each(|s| drops += s.status.counters.drops);
    CollectorStatus {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: collector.started,
        flows: states.iter().map(|s| s.flows).sum(),
        flows_max: states.len() as u64 * plan::FLOWS_MAX as u64,
        records: states.iter().map(|s| s.records).sum(),
        unacknowledged: health.unacknowledged.load(Ordering::Relaxed),
        spooled_bytes: health.spooled.load(Ordering::Relaxed),
        drops,
        analyzer: health.analyzer.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        ports: states.into_iter().map(|s| s.status).collect(),
    }
}
