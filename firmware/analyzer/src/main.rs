//! The analyzer: stores what collectors send and answers questions about it. It is the only
//! program that opens the redb files.

mod alarms;
mod answers;
mod closer;
mod countries;
mod guests;
mod ingest;
mod interface_rows;
mod known;
mod links;
mod live;
mod questions;
mod recent;
mod writer;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use api::alarms::AcknowledgeAlarm;
use api::analyzer::AnalyzerRequest;
use api::client::Client;
use api::server::{self, Reply};
use api::{Failure, FailureKind, INGEST_SOCKET, Service};
use clap::Parser;
use model::AlarmSource;
use service::{NotifyState, Workers, tell};
use store::{Folder, Grain, Keep, Store};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::guests::Guests;
use crate::links::Links;
use crate::live::Live;
use crate::recent::Recent;
use crate::writer::{Job, Shared, now};

/// Owner and group may connect.
const SOCKET_MODE: u32 = 0o660;
/// Questions that read from the disk at a time; others wait.
const READERS: usize = 3;
/// Those of them that may search through blocks for seconds: a core stays for what is stored meanwhile.
const SEARCHERS: usize = 1;
/// Changes of the alarm list at a time, beside the readers: an alarm waits for no question.
const ALARM_WRITERS: usize = 1;
const UPKEEP_EVERY: Duration = Duration::from_secs(1);

/// Stores flow records and answers questions about them.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Where the records are kept.
    #[arg(long, default_value = "/data/analyzer")]
    data: PathBuf,
    /// Where the sockets are.
    #[arg(long, default_value = api::RUN_DIR)]
    run_dir: PathBuf,
    /// Days that records are kept, unless the disk is full before.
    #[arg(long, default_value_t = Keep::default().record_days)]
    keep_days: u64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    service::log_as("analyzer");
    mark_files_that_panic(&options.data);
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            log::error!(EVENT = "failed"; "the analyzer stops: {e:#}");
            ExitCode::FAILURE
        }
    }
}

/// A damaged file may make redb panic: it is marked, so that the next start checks it before use.
fn mark_files_that_panic(data: &Path) {
    let data = data.to_owned();
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if let Some(file) = store::file_in_use() {
            // Where the mark cannot be made, the file is trusted once more.
            let _ = std::fs::write(data.join(format!("{file}.suspect")), "");
            log::error!(EVENT = "panic", FILE = file.as_str(); "failed while using {file}, which is checked at the next start: {panic}");
        } else {
            log::error!(EVENT = "panic"; "failed: {panic}");
        }
        report(panic);
    }));
}

fn run(options: &Options) -> anyhow::Result<()> {
    let shared = Arc::new(open(options)?);
    writer::Reported::default().events(&shared.store);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(READERS + ALARM_WRITERS + 3)
        .enable_all()
        .build()
        .context("cannot start")?;
    let (jobs, queue) = mpsc::channel(writer::QUEUE);
    let workers = Workers::default();
    let turns = workers.add("writer");
    let writing = {
        let shared = shared.clone();
        std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || writer::run(&shared, queue, &turns))
            .context("cannot start the writer")?
    };
    let stop = Arc::new(AtomicBool::new(false));
    let closing = {
        let (shared, stop) = (shared.clone(), stop.clone());
        std::thread::Builder::new()
            .name("closer".to_owned())
            .spawn(move || closer::run(&shared, &stop))
            .context("cannot start what closes hours")?
    };
    let served = runtime.block_on(serve(options, shared.clone(), jobs, workers));
    stop.store(true, Ordering::Relaxed);
    shared.questions.give_up();
    // Ends the connections; what is queued is stored before the process ends.
    runtime.shutdown_timeout(Duration::from_secs(5));
    if writing.join().is_err() {
        anyhow::bail!("the writer failed");
    }
    if closing.join().is_err() {
        anyhow::bail!("what closes hours failed");
    }
    served
}

fn open(options: &Options) -> anyhow::Result<Shared> {
    let folder =
        Folder::open(&options.data).with_context(|| format!("cannot use the folder {}", options.data.display()))?;
    let keep = Keep {
        record_days: options.keep_days,
        ..Keep::default()
    };
    let store = Store::open(Arc::new(folder), keep, now())?;
    // What is newest is wanted first: it is read back into memory.
    let soon = now().plus_nanos(60_000_000_000);
    let newest = store.span(soon).ok().and_then(|(_, newest)| newest);
    let from = newest.map_or(0, |n| n.as_secs().saturating_sub(live::SECONDS / 5));
    let from = model::Timestamp::from_secs(from);
    let mut live = Live::new(from);
    match store.seconds(from, soon) {
        Ok(windows) => windows.into_iter().for_each(|w| live.push(w, now())),
        Err(e) => {
            live = Live::new(soon);
            log::error!(EVENT = "unreadable"; "the newest windows cannot be read: {e}");
        }
    }
    let mut recent = Recent::default();
    let minutes_from = model::Timestamp::from_secs(now().as_secs().saturating_sub(60 * recent::MINUTES));
    let exporters = answers::links_of_exporters();
    let restored = store.scan((minutes_from, now()), &exporters, Grain::Minute, None, |row, _| {
        recent.add(row.link, row.start, &row.counters, now());
    });
    if let Err(e) = restored {
        log::error!(EVENT = "unreadable"; "the newest minutes of exporters cannot be read: {e}");
    }
    let links = store
        .state()
        .ok()
        .and_then(|values| Links::from_json(values.get("links")?).ok())
        .unwrap_or_default();
    Ok(Shared::new(store, &options.data, live, recent, links))
}

async fn serve(
    options: &Options,
    shared: Arc<Shared>,
    jobs: mpsc::Sender<Job>,
    workers: Workers,
) -> anyhow::Result<()> {
    let listen = |socket: &str| {
        let path = options.run_dir.join(socket);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        server::listen(&path, SOCKET_MODE).with_context(|| format!("cannot listen at {}", path.display()))
    };
    let ingest = listen(INGEST_SOCKET)?;
    let questions = listen(Service::Analyzer.socket())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;

    tell(&[NotifyState::Ready, NotifyState::Status("storing and answering")]);
    log::info!(EVENT = "ready"; "the analyzer is ready; its data is in {}", show(&options.data));
    let readers = Readers::new();
    let client = Client::new(&options.run_dir);
    let guests = Guests::of_this_system()?;
    let answers = {
        let (shared, client) = (shared.clone(), client.clone());
        server::serve(questions, move |request, peer| {
            let (shared, readers, client) = (shared.clone(), readers.clone(), client.clone());
            let allowed = guests.check(peer, &request);
            async move {
                allowed?;
                answer(request, shared, readers, client).await
            }
        })
    };
    tokio::select! {
        () = answers => {}
        () = ingest::serve(ingest, shared.clone(), jobs.clone()) => {}
        () = workers.beat() => {}
        () = upkeep(shared.clone(), jobs) => {}
        () = known::follow(client, shared) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tell(&[NotifyState::Stopping]);
    log::info!(EVENT = "stopping"; "the analyzer stops");
    Ok(())
}

/// Gives the writer its turns; says how things are.
async fn upkeep(shared: Arc<Shared>, jobs: mpsc::Sender<Job>) {
    let mut every = tokio::time::interval(UPKEEP_EVERY);
    let mut before = None;
    loop {
        every.tick().await;
        shared.questions.sweep();
        // A full queue means that the writer has turns enough.
        let _ = jobs.try_send(Job::Upkeep);
        let trouble = shared
            .trouble
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone();
        if before.as_ref() != Some(&trouble) {
            let status = trouble.as_deref().unwrap_or("storing and answering");
            tell(&[NotifyState::Status(status)]);
            before = Some(trouble);
        }
    }
}

/// The places of those who read.
#[derive(Debug, Clone)]
struct Readers {
    all: Arc<Semaphore>,
    searching: Arc<Semaphore>,
    alarms: Arc<Semaphore>,
}

impl Readers {
    fn new() -> Self {
        Self {
            all: Arc::new(Semaphore::new(READERS)),
            searching: Arc::new(Semaphore::new(SEARCHERS)),
            alarms: Arc::new(Semaphore::new(ALARM_WRITERS)),
        }
    }

    /// Waits for the places that the request needs; `None` when the program stops.
    async fn place(&self, request: &AnalyzerRequest) -> Option<[Option<OwnedSemaphorePermit>; 2]> {
        if let AnalyzerRequest::ReportHardware(_) | AnalyzerRequest::AcknowledgeAlarm(_) = request {
            return Some([Some(self.alarms.clone().acquire_owned().await.ok()?), None]);
        }
        let searches = match request {
            AnalyzerRequest::InterfaceTop(_) | AnalyzerRequest::Logs(_) => true,
            AnalyzerRequest::Records(q) => q.scope.is_some() || q.interface.is_some(),
            _ => false,
        };
        // In this order: those who wait for a search keep nobody else from reading.
        let searching = match searches {
            true => Some(self.searching.clone().acquire_owned().await.ok()?),
            false => None,
        };
        Some([searching, Some(self.all.clone().acquire_owned().await.ok()?)])
    }
}

async fn answer(request: AnalyzerRequest, shared: Arc<Shared>, readers: Readers, client: Client) -> Reply {
    match request {
        AnalyzerRequest::AcknowledgeAlarm(ref seen) => acknowledge(&shared, seen, &client).await?,
        AnalyzerRequest::Links(_) => return server::reply(answers::links(&shared)),
        AnalyzerRequest::PollQuery(poll) => return shared.questions.poll(poll).await.and_then(server::reply),
        AnalyzerRequest::CancelQuery(cancel) => {
            shared.questions.cancel(cancel);
            return server::reply(());
        }
        _ => {}
    }
    let failed = || {
        Failure::new(
            FailureKind::Unavailable,
            "the question was not answered: the analyzer stops",
        )
    };
    let place = readers.place(&request).await.ok_or_else(failed)?;
    let work = tokio::task::spawn_blocking(move || {
        let answered = match request {
            AnalyzerRequest::Status(_) => answers::status(&shared).and_then(server::reply),
            AnalyzerRequest::Series(q) => answers::series(&shared, &q).and_then(server::reply),
            AnalyzerRequest::Top(q) => answers::top(&shared, &q).and_then(server::reply),
            AnalyzerRequest::Records(q) => answers::records(&shared, &q).and_then(server::reply),
            AnalyzerRequest::Interfaces(q) => answers::interfaces(&shared, &q).and_then(server::reply),
            AnalyzerRequest::InterfaceSeries(q) => answers::interface_series(&shared, &q).and_then(server::reply),
            AnalyzerRequest::InterfaceTop(q) => answers::interface_top(&shared, &q).and_then(server::reply),
            AnalyzerRequest::Device(q) => answers::device(&shared, &q).and_then(server::reply),
            AnalyzerRequest::GaugeSeries(q) => answers::gauge_series(&shared, &q).and_then(server::reply),
            AnalyzerRequest::Logs(q) => answers::logs(&shared, &q).and_then(server::reply),
            AnalyzerRequest::StartQuery(q) => questions::start(&shared, &q).and_then(server::reply),
            AnalyzerRequest::Filter(q) => server::reply(answers::filter(&shared, &q)),
            AnalyzerRequest::Storage(_) => answers::storage(&shared).and_then(server::reply),
            AnalyzerRequest::ImportCountries(q) => answers::import_countries(&shared, &q).and_then(server::reply),
            AnalyzerRequest::Alarms(q) => shared.alarms.ask(&shared.store, &q, now()).and_then(server::reply),
            AnalyzerRequest::AcknowledgeAlarm(seen) => {
                // that a drive was pulled may be over with it
                let noted = shared.alarms.acknowledge(&shared.store, seen.id, &seen.user, now());
                noted.and_then(|_| server::reply(()))
            }
            AnalyzerRequest::ReportHardware(report) => {
                shared.alarms.report(&shared.store, &report).and_then(server::reply)
            }
            // Answered above.
            AnalyzerRequest::Links(_) | AnalyzerRequest::PollQuery(_) | AnalyzerRequest::CancelQuery(_) => {
                Err(failed())
            }
        };
        drop(place);
        answered
    });
    work.await.map_err(|_| failed())?
}

/// A hardware alarm is acknowledged where it comes from, which decides whether it still is.
async fn acknowledge(shared: &Shared, seen: &AcknowledgeAlarm, client: &Client) -> Result<(), Failure> {
    let alarm = shared.alarms.find(seen.id)?;
    match alarm.source {
        AlarmSource::Hardware => {
            let request = api::hardware::AcknowledgeRequest {
                id: alarm.name,
                user: seen.user.clone(),
            };
            let noted = client.call(request).await;
            noted.map_err(|e| Failure::new(e.kind(), format!("nothing was acknowledged: {e}")))
        }
    }
}

fn show(path: &Path) -> std::path::Display<'_> {
    path.display()
}

#[cfg(test)]
mod tests;
