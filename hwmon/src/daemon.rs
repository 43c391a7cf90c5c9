//! `hwmon --daemon`: asks every source again and again, keeps what must outlast a restart, and answers the other programs.

mod herald;
mod keeper;
mod lights;
mod monitor;
mod readers;
mod selftests;
mod sources;
mod wire;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use api::client::Client;
use api::hardware::{Courses, HwmonRequest};
use api::server::{self, Peer, Reply};
use api::{Failure, FailureKind, Service};
use clap::Args;
use hwmon::board::Board;
use hwmon::outbox::Outbox;
use hwmon::series::{FINE_STEP, Span};
use hwmon::sysfs::Root;
use hwmon::uevent::{Heard, Listener};
use service::{NotifyState, Workers, tell};
use tokio::signal::unix::{SignalKind, signal};

use self::keeper::Keeper;
use self::monitor::Monitor;
use self::sources::Sources;

/// Owner and group may connect.
const SOCKET_MODE: u32 = 0o660;
/// Between two looks at who is due, late, or has answered.
const TURN: Duration = Duration::from_millis(500);
/// After a message of the kernel, others about the same are waited for.
const SETTLE: Duration = Duration::from_millis(300);
/// Seconds between two writes of courses.
const COURSES_EVERY: u64 = 600;
/// Seconds between two writes of the watch's state when nothing happens: counters move slowly.
const STATE_EVERY: u64 = 3_600;

/// How the daemon runs.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where its state is kept
    #[arg(long, value_name = "DIR", default_value = "/data/hwmon", requires = "daemon")]
    data: PathBuf,
    /// Where the programs' sockets are
    #[arg(long, value_name = "DIR", default_value = api::RUN_DIR, requires = "daemon")]
    run_dir: PathBuf,
    /// What the box is made of; without it, what is found
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/usr/lib/spanwatch/board.toml",
        requires = "daemon"
    )]
    board: PathBuf,
}

/// Runs until systemd or the terminal ends it.
///
/// # Errors
/// Where the socket cannot be made, or threads cannot start.
pub(crate) fn run(options: &Options, sysfs: &Path) -> anyhow::Result<()> {
    service::log_as("hwmon");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(4)
        .thread_stack_size(256 << 10)
        .build()
        .context("cannot start")?;
    let ended = runtime.block_on(watch(options, sysfs));
    // a reader that hangs in a drive is not waited for
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

/// What all that answer and ask share.
struct Shared {
    monitor: Mutex<Monitor>,
    keeper: Keeper,
    root: Option<Root>,
    starts: selftests::Starts,
    /// Edges on their way to the alarm list; locked after the monitor.
    outbox: Mutex<Outbox>,
    /// The alarm list is told at once.
    news: tokio::sync::Notify,
    /// Who is late is asked at once: something changed.
    hurry: tokio::sync::Notify,
}

impl Shared {
    fn new(monitor: Monitor, keeper: Keeper, root: Option<Root>) -> Self {
        Self {
            outbox: Mutex::new(Outbox::resume(run_number(), keeper.outbox())),
            monitor: Mutex::new(monitor),
            keeper,
            root,
            starts: selftests::Starts::default(),
            news: tokio::sync::Notify::new(),
            hurry: tokio::sync::Notify::new(),
        }
    }

    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps alarms and edges as they are now.
    fn keep(&self, monitor: &Monitor) {
        let outbox = self.outbox().kept();
        self.keeper.keep_state(monitor.state(), outbox);
    }

    fn monitor(&self) -> MutexGuard<'_, Monitor> {
        self.monitor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs())
}

/// The number of a run that begins now.
fn run_number() -> u64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or_default()
}

fn board(path: &Path) -> Board {
    let whence = path.display().to_string();
    let read = hwmon::input::read(path).map_err(anyhow::Error::from);
    let parsed = read.and_then(|octets| Ok(Board::parse(&whence, &hwmon::input::text(&octets))?));
    parsed.unwrap_or_else(|e| {
        log::warn!(EVENT = "no_board"; "the chassis is not described: {e:#}");
        Board::unknown()
    })
}

async fn watch(options: &Options, sysfs: &Path) -> anyhow::Result<()> {
    let keeper = Keeper::open(&options.data);
    let monitor = Monitor::resume(board(&options.board), &keeper, now());
    let root = Root::open(sysfs)
        .inspect_err(|e| log::error!(EVENT = "unreadable"; "{e}"))
        .ok();
    let shared = Arc::new(Shared::new(monitor, keeper, root));
    // the next run's number must be greater than this one's
    shared.keep(&shared.monitor());
    let path = options.run_dir.join(Service::Hwmon.socket());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let listener =
        server::listen(&path, SOCKET_MODE).with_context(|| format!("cannot listen at {}", path.display()))?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let workers = Workers::default();
    let turns = workers.add("turns");
    let sources = Sources::new(shared.root.clone(), &options.run_dir);
    listen_to_kernel(shared.clone());
    tell(&[NotifyState::Ready, NotifyState::Status("watching")]);
    log::info!(EVENT = "ready"; "the hardware monitor is ready");
    let answers = {
        let shared = shared.clone();
        server::serve(listener, move |request, peer| {
            let shared = shared.clone();
            async move { answer(&shared, request, peer).await }
        })
    };
    let client = Client::new(&options.run_dir);
    tokio::select! {
        () = answers => {}
        () = poll(&shared, sources, &turns) => {}
        () = herald::tell(&shared, &client) => {}
        () = workers.beat() => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tell(&[NotifyState::Stopping]);
    log::info!(EVENT = "stopping"; "the hardware monitor stops");
    let mut monitor = shared.monitor();
    let (state, courses) = (monitor.state(), monitor.unsaved(now()));
    let outbox = shared.outbox().kept();
    drop(monitor);
    shared.keeper.finish(state, outbox, courses);
    Ok(())
}

/// Looks at once when the kernel says that something came, went, or happened to an array.
fn listen_to_kernel(shared: Arc<Shared>) {
    let listen = move || -> std::io::Result<()> {
        let listener = Listener::open()?;
        loop {
            let changed = match listener.next(Duration::from_secs(60))? {
                Heard::Event(event) => event.hot_plug() || event.array().is_some(),
                Heard::Lost => true,
                Heard::Nothing => false,
            };
            if changed {
                shared.hurry.notify_one();
                // what happens to one device makes many messages
                std::thread::sleep(SETTLE);
            }
        }
    };
    let thread = std::thread::Builder::new()
        .name("uevents".to_owned())
        .stack_size(256 << 10);
    let started = thread.spawn(move || {
        if let Err(e) = listen() {
            log::warn!(EVENT = "deaf"; "the kernel's events are not heard, so changes show some seconds later: {e}");
        }
    });
    if let Err(e) = started {
        log::warn!(EVENT = "deaf"; "cannot start what listens to the kernel: {e}");
    }
}

/// Asks who is due, takes what came, judges, keeps; for ever.
async fn poll(shared: &Shared, mut sources: Sources, turns: &service::Turns) {
    let mut every = tokio::time::interval(TURN);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut courses_at, mut state_at, mut pushed) = (now() + COURSES_EVERY, now() + STATE_EVERY, 0);
    loop {
        tokio::select! {
            _ = every.tick() => {}
            () = shared.hurry.notified() => sources.hurry(),
        }
        turns.tick();
        let mut changed = sources.turn(Instant::now());
        let now = now();
        let mut monitor = shared.monitor();
        for answer in sources.answers() {
            changed = true;
            monitor.take(now, answer);
        }
        if changed {
            monitor.places(sources.places(), sources.interfaces(), sources.late(Instant::now()));
            let events = monitor.judge(now);
            if !events.is_empty() {
                events.iter().for_each(say);
                shared.post(&monitor, &events);
                shared.keep(&monitor);
                state_at = now + STATE_EVERY;
            }
        }
        if now / FINE_STEP != pushed {
            pushed = now / FINE_STEP;
            monitor.push(now);
        }
        if now >= courses_at {
            courses_at = now + COURSES_EVERY;
            shared.keeper.keep_courses(monitor.unsaved(now));
        }
        if now >= state_at {
            state_at = now + STATE_EVERY;
            shared.keep(&monitor);
        }
    }
}

/// An edge of an alarm, for the journal.
fn say(event: &hwmon::policy::Event) {
    use hwmon::policy::Change;
    let alarm = &event.alarm;
    let (change, word) = match event.change {
        Change::Raised => ("raised", "alarm"),
        Change::Worse => ("worse", "alarm, worse than before"),
        Change::Better => ("better", "alarm, better than before"),
        Change::Reminder => ("reminder", "alarm that nobody has acknowledged"),
        Change::Cleared => ("cleared", "over"),
        Change::Replaced => ("replaced", "over: replaced"),
    };
    let level = match (event.change, alarm.state) {
        (Change::Cleared | Change::Replaced | Change::Better, _) => log::Level::Info,
        (_, hwmon::State::Critical) => log::Level::Error,
        _ => log::Level::Warn,
    };
    let place = alarm.subject.place.as_str();
    let serial = alarm.subject.serial.as_deref().unwrap_or_default();
    log::log!(
        level,
        EVENT = "hardware", CHANGE = change, COMPONENT = place, SERIAL = serial, CODE = alarm.code.as_str();
        "{place}: {word}: {}", alarm.text
    );
}

async fn answer(shared: &Arc<Shared>, request: HwmonRequest, _: Peer) -> Reply {
    match request {
        HwmonRequest::Status(_) => {
            let lights = shared.root.as_ref().map(lights::all).unwrap_or_default();
            let unsaved = shared.keeper.trouble();
            let status = wire::hardware(&shared.monitor(), now(), &lights, unsaved);
            server::reply(status)
        }
        HwmonRequest::Courses(query) => {
            let now = now();
            let to = query.to.map_or(now, model::Timestamp::as_secs);
            let points = u64::from(query.points.min(api::hardware::POINTS_MAX));
            let span = Span::over(query.from.as_secs(), to, now, points);
            if span.steps > u64::from(api::hardware::POINTS_MAX) || query.ids.len() > api::hardware::COURSES_MAX {
                return Err(Failure::new(
                    FailureKind::BadRequest,
                    "too much at a time: ask for fewer readings or points",
                ));
            }
            let pending = shared.monitor().courses().ask(&query.ids, span);
            let shared = shared.clone();
            let read = move || {
                let memory = shared.keeper.memory();
                let answers = pending.into_iter().map(|one| one.finish(memory.as_deref()));
                answers.collect::<Result<Vec<_>, _>>()
            };
            let answers = tokio::task::spawn_blocking(read)
                .await
                .map_err(unanswered)?
                .map_err(unanswered)?;
            server::reply(Courses {
                from: model::Timestamp::from_secs(span.from),
                step_s: u32::try_from(span.step).unwrap_or(u32::MAX),
                courses: answers.into_iter().map(wire::course).collect(),
            })
        }
        HwmonRequest::EventLog(_) => server::reply(shared.monitor().event_log()),
        HwmonRequest::Acknowledge(request) => {
            let mut monitor = shared.monitor();
            if !monitor.acknowledge(&request.id, &request.user) {
                return Err(Failure::new(
                    FailureKind::NotFound,
                    format!("there is no open alarm {:?}: see `show hardware`", request.id),
                ));
            }
            log::info!(EVENT = "acknowledged", USER = request.user.as_str(); "{} acknowledges {}", request.user, request.id);
            shared.post_seen(&monitor, &request.id);
            shared.keep(&monitor);
            server::reply(())
        }
        HwmonRequest::Locate(request) => {
            let disks = shared.monitor().in_bay(request.bay);
            let root = shared.root.clone();
            let light = move || lights::switch(root.as_ref(), request.bay, &disks, request.on);
            let located = tokio::task::spawn_blocking(light).await.map_err(unanswered)?;
            let located = located.map_err(|e| Failure::new(e.kind(), e.to_string()))?;
            log::info!(EVENT = "locate", USER = request.user.as_str(); "bay {}: locating light {}", located.bay, if located.on { "on" } else { "off" });
            server::reply(located)
        }
        HwmonRequest::TestDrive(request) => {
            let drives = shared.monitor().tested_drives();
            let started = shared.starts.start(&request.drive, request.extent, &drives).await;
            let started = started.map_err(|e| Failure::new(e.kind(), e.to_string()))?;
            log::info!(EVENT = "self_test", USER = request.user.as_str(), COMPONENT = started.drive.as_str(); "{} starts a self-test of {}", request.user, started.drive);
            server::reply(started)
        }
    }
}

fn unanswered(error: impl std::fmt::Display) -> Failure {
    Failure::new(FailureKind::Unavailable, error.to_string())
}
