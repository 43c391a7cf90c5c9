//! The collector: captures on the ports that settings name, meters flows, receives what exporters
//! send, and hands records and windows to the analyzer.

mod answers;
mod backlog;
mod fleet;
mod intake;
mod machine;
mod opener;
mod options;
mod output;
mod pipeline;
mod plan;
mod port;
mod selftest;
mod spool;
mod tap;
mod uplink;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use api::client::Client;
use api::collector::SocketPurpose;
use api::ingest::LinkInfo;
use api::server;
use api::supervisor::SettingsQuery;
use api::{INGEST_SOCKET, Service};
use clap::Parser;
use model::Timestamp;
use service::{NotifyState, Workers, tell};
use settings::FlowTimeouts;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::backlog::Backlog;
use crate::fleet::Fleet;
use crate::intake::{Facts, Intake, IntakePlan, Pace, Polling, TlsPorts};
use crate::machine::Machine;
use crate::opener::Opener;
use crate::options::Options;
use crate::plan::{Known, Plans};
use crate::port::now;
use crate::uplink::{Health, Outgoing, Uplink};

/// Owner and group may connect.
const SOCKET_MODE: u32 = 0o660;
/// Blocks and windows between the ports and the uplink.
const QUEUE: usize = 64;
/// Octets of batches in memory; beyond, they go to disk.
const MEMORY_MAX: usize = 16 << 20;
/// Pause after the supervisor did not answer.
const SETTINGS_RETRY: Duration = Duration::from_secs(2);

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
    intake: Mutex<Option<Intake>>,
    tls: Mutex<TlsPorts>,
    polling: Polling,
    facts: Facts,
    links: watch::Sender<Vec<LinkInfo>>,
    /// The way to the uplink for the self-test; `None` once the collector stops.
    self_tests: Mutex<Option<mpsc::Sender<Outgoing>>>,
    folder: PathBuf,
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
    let pace = Pace {
        block_s: options.block_seconds,
    };
    let templates = options.data.join("templates");
    let intake = Intake::new(
        opener.clone(),
        outgoing.clone(),
        health.clone(),
        workers.clone(),
        &templates,
        pace,
    );
    let (book, facts) = (intake.book(), intake.facts());
    let (polling, carrier) = Polling::start(
        &options.data,
        book.clone(),
        opener.clone(),
        facts.clone(),
        outgoing.clone(),
        health.clone(),
    );
    let machine = Machine::here();
    let self_tests = Mutex::new(Some(outgoing.clone()));
    let fleet = Fleet::new(
        opener.clone(),
        outgoing,
        health.clone(),
        links.clone(),
        workers.clone(),
        machine.clone(),
    );
    let collector = Arc::new(Collector {
        fleet: Mutex::new(Some(fleet)),
        intake: Mutex::new(Some(intake)),
        tls: Mutex::new(TlsPorts::new(book, opener)),
        polling,
        facts,
        links,
        self_tests,
        folder: options.data.clone(),
        health,
        started,
    });

    tell(&[NotifyState::Ready, NotifyState::Status("capturing")]);
    log::info!(EVENT = "ready"; "the collector is ready");
    let answers = {
        let collector = collector.clone();
        server::serve(questions, move |request, _| {
            let collector = collector.clone();
            async move { answers::answer(request, &collector).await }
        })
    };
    let followed = tokio::select! {
        () = answers => Ok(()),
        () = workers.beat() => Ok(()),
        () = answers::keep(&collector) => Ok(()),
        followed = follow(options, &collector, &machine) => followed,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    };
    tell(&[NotifyState::Stopping]);
    log::info!(EVENT = "stopping"; "the collector stops");
    collector.polling.stop().await;
    drop(collector.lock(&collector.self_tests).take());
    collector.lock(&collector.tls).close();
    let (fleet, intake) = (
        collector.lock(&collector.fleet).take(),
        collector.lock(&collector.intake).take(),
    );
    tokio::task::spawn_blocking(|| {
        intake.into_iter().for_each(Intake::stop);
        fleet.into_iter().for_each(Fleet::stop);
    })
    .await?;
    carrier.await?;
    // The queue is closed now: the uplink says its last words.
    uplink.await?;
    followed
}

impl Collector {
    fn lock<'a, T>(&self, what: &'a Mutex<T>) -> MutexGuard<'a, T> {
        what.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps ports and exporters as the settings want them; for ever.
///
/// # Errors
/// When there is no supervisor and what the command line gives cannot be read.
async fn follow(options: &Options, collector: &Arc<Collector>, machine: &Machine) -> anyhow::Result<()> {
    let mut known = Known::default();
    if options.alone() {
        let mut again = signal(SignalKind::hangup())?;
        let mut settings = options.settings()?;
        loop {
            settings.flow = FlowTimeouts {
                idle_s: options.idle.max(1),
                active_s: options.active.max(1),
            };
            known.follow(&settings);
            let ports = plan::from_names(&options.interface, &settings, &known, machine);
            apply(collector, ports, intake::from_settings(&settings, &known.definitions)).await;
            again.recv().await;
            match options.settings() {
                Ok(new) => settings = new,
                Err(e) => log::error!(EVENT = "no_settings"; "the last settings stay: {e:#}"),
            }
        }
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
                    known.follow(&answer.settings);
                    let intake = intake::from_settings(&answer.settings, &known.definitions);
                    apply(collector, plan::from_settings(&answer, &known, machine), intake).await;
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
async fn apply(collector: &Arc<Collector>, ports: Plans, intake: IntakePlan) {
    collector.facts.register(intake.registry.clone());
    collector.polling.apply(&intake).await;
    let streams: Vec<u16> = intake.ports(SocketPurpose::SyslogTls).collect();
    let (shared, runtime) = (collector.clone(), tokio::runtime::Handle::current());
    let done = tokio::task::spawn_blocking(move || {
        if let Some(fleet) = &mut *shared.lock(&shared.fleet) {
            fleet.apply(&ports);
        }
        if let Some(intake_now) = &mut *shared.lock(&shared.intake) {
            intake_now.apply(intake);
        }
        let _entered = runtime.enter();
        shared.lock(&shared.tls).listen(&streams, &shared.folder);
    });
    if let Err(e) = done.await {
        log::error!(EVENT = "failed"; "the settings could not be applied: {e}");
    }
    answers::show_links(collector).await;
}

/// An error with all that caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
