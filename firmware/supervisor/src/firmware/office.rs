//! Runs the machine: one task that takes orders, does what the machine says, and shows how it stands.

mod arrivals;

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::firmware::{
    Bundle, FetchRequest, FirmwareStatus, Health, InstallRequest, ReceiveAnswer, ReceiveRequest, Slot, SlotStatus,
    Update, VerifyRequest,
};
use api::{Failure, FailureKind};
use model::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use self::arrivals::Sticks;
use super::fetching::Fetch;
use super::gate::{Gate, Verdict};
use super::machine::{Act, Busy, Entry, Happened, Here, Loader, Machine, Phase};
use super::rauc::RaucError;
use super::rules::{self, Refusal, Rules};
use super::{books, rauc, trial};
use crate::disk::Folder;
use crate::engine::now;
use crate::{command, system};

/// How often it looks at what goes on.
const TICK: Duration = Duration::from_secs(1);
/// The name of the file that is received.
const RECEIVED: &str = "bundle.raucb";
/// Orders that wait.
const ORDERS: usize = 16;
/// The units that run the boot loader's program.
const BOOT_LOADER: &str = "spanwatch-slots@";

/// What the others ask of the firmware's task.
pub(crate) enum Order {
    Receive(ReceiveRequest, Reply<ReceiveAnswer>),
    Fetch(FetchRequest, Reply<FirmwareStatus>),
    Sticks(String, Reply<FirmwareStatus>),
    Verify(VerifyRequest, Reply<FirmwareStatus>),
    Install(InstallRequest, Reply<FirmwareStatus>),
    Cancel(String, Reply<FirmwareStatus>),
    Restart(Option<Timestamp>, String, Reply<FirmwareStatus>),
    Health(Option<String>, Reply<Health>),
    /// The supervisor ends.
    End(Reply<()>),
}

type Reply<T> = oneshot::Sender<Result<T, Failure>>;

/// The way to the firmware's task.
#[derive(Debug, Clone)]
pub(crate) struct Counter {
    orders: mpsc::Sender<Order>,
    shown: watch::Receiver<Option<FirmwareStatus>>,
}

impl Counter {
    /// How the firmware stands; `None` while that is being found out.
    pub(crate) fn shown(&self) -> Option<FirmwareStatus> {
        self.shown.borrow().clone()
    }

    /// Gives an order and waits for what comes of it.
    pub(crate) async fn order<T>(&self, order: impl FnOnce(Reply<T>) -> Order) -> Result<T, Failure> {
        let away = || unavailable("the firmware's state is not known yet: try again in a few seconds");
        if self.shown.borrow().is_none() {
            return Err(away());
        }
        let (reply, answer) = oneshot::channel();
        self.orders.try_send(order(reply)).map_err(|_| away())?;
        answer.await.map_err(|_| away())?
    }
}

/// A bundle on its way to the machine.
#[derive(Debug, Clone)]
enum Staged {
    Nothing,
    Receiving {
        expected: Option<u64>,
    },
    /// The box gets it by itself.
    Fetching,
    Verified {
        bundle: Bundle,
    },
}

struct Office {
    data: PathBuf,
    sys: PathBuf,
    /// Where orders for other units are.
    run: PathBuf,
    journal: Folder,
    machine: Machine,
    loader: Option<Loader>,
    staged: Staged,
    fetch: Option<Fetch>,
    /// Why the last one brought nothing.
    unfetched: Option<String>,
    sticks: Sticks,
    gate: Gate,
    /// How far RAUC is, while it installs.
    progress: (u8, String),
    /// What went wrong that nobody was told of.
    trouble: Option<String>,
    shown: watch::Sender<Option<FirmwareStatus>>,
}

/// Starts the task; `happened` is entered into the history. Outside the appliance it has nothing to say.
pub(crate) fn open(data: PathBuf, sys: PathBuf, run_folder: PathBuf, happened: Vec<Happened>, act: bool) -> Counter {
    let (orders, queue) = mpsc::channel(ORDERS);
    let (sender, shown) = watch::channel(None);
    if act {
        tokio::spawn(run(data, sys, run_folder, happened, queue, sender));
    }
    Counter { orders, shown }
}

fn unavailable(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Unavailable, message)
}

fn busy(busy: Busy) -> Failure {
    Failure::new(FailureKind::Conflict, busy.to_string())
}

fn refused(refusal: &Refusal) -> Failure {
    let kind = match refusal {
        Refusal::Unconfirmed { .. } => FailureKind::Conflict,
        _ => FailureKind::BadRequest,
    };
    Failure::new(kind, refusal.to_string())
}

/// The slot that runs; `None` outside the appliance.
fn running() -> Option<Slot> {
    let cmdline = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    system::slot(&cmdline).as_deref().and_then(Slot::parse)
}

/// What an update wants before the settings are read: see [`trial`]. Gives what an administrator must know.
pub(crate) fn before_settings(data: &Path) -> Option<String> {
    let said = trial::at_start(&mut Folder(data.join("settings")), running()?, &system::version())?;
    log::warn!(event = "trial-settings"; "{said}");
    Some(said)
}

async fn run(
    data: PathBuf,
    sys: PathBuf,
    run_folder: PathBuf,
    happened: Vec<Happened>,
    mut orders: mpsc::Receiver<Order>,
    shown: watch::Sender<Option<FirmwareStatus>>,
) {
    let Some(slot) = running() else {
        log::info!(event = "no-slots"; "this system has no slots: firmware is not updated here");
        return;
    };
    let mut folder = Folder(data.join("settings"));
    let (mut journal, trouble) = books::load(&mut folder);
    if let Some(trouble) = &trouble {
        log::error!(event = "damage"; "{trouble}");
    }
    let boot = system::boot_id();
    let cause = journal.boots.start(&boot, books::evidence(&sys));
    if matches!(journal.phase, Phase::Installing { .. }) {
        // The supervisor alone was restarted while RAUC works on.
        while rauc::progress().await.is_ok_and(|progress| progress.busy) {
            tokio::time::sleep(TICK).await;
        }
    }
    let loader = look().await;
    let here = Here {
        slot,
        version: system::version(),
        boot,
    };
    let (mut machine, mut acts) = Machine::start(journal, here, loader, cause, now());
    machine.happened(happened);
    acts.insert(0, Act::Store);
    let mut office = Office {
        data,
        sys,
        run: run_folder,
        journal: folder,
        machine,
        loader,
        staged: Staged::Nothing,
        fetch: None,
        unfetched: None,
        sticks: Sticks::default(),
        gate: Gate::new(system::uptime_s()),
        progress: (0, String::new()),
        trouble,
        shown,
    };
    office.perform(acts).await;
    if !office.machine.unstored() {
        books::forget_words(&office.sys);
    }
    // What the counters told of a failed trial is in the journal now: the failed slot comes last from here on.
    if let Err(e) = boot_loader("settle").await {
        log::error!(event = "boot-loader"; "{e}");
    }
    office.loader = look().await;
    office.forget_part().await;
    office.show();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(order) => office.obey(order).await,
                None => return,
            },
            _ = ticks.tick() => office.tick().await,
        }
        office.show();
    }
}

/// What the boot loader has; `None` where it cannot be asked.
async fn look() -> Option<Loader> {
    boot_loader("status")
        .await
        .inspect_err(|e| log::error!(event = "boot-loader"; "{e}"))
        .ok()?;
    let text = fs::read_to_string("/run/spanwatch/slots/status.json").ok()?;
    parse_loader(&text)
}

fn parse_loader(text: &str) -> Option<Loader> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let entry = |name: &str| value.pointer(&format!("/slots/{name}")).cloned();
    let read = |value: Option<serde_json::Value>| -> Option<Option<Entry>> { serde_json::from_value(value?).ok() };
    Some([read(entry("a"))?, read(entry("b"))?])
}

/// Lets the boot loader's program do something, in a unit that may mount its partition.
async fn boot_loader(verb: &str) -> Result<(), String> {
    let unit = format!("{BOOT_LOADER}{verb}.service");
    let done = command::run_within("systemctl", &["start", &unit], "", command::LONG).await;
    done.map(drop)
        .map_err(|e| format!("the boot loader's files cannot be used ({verb}): {e}"))
}

impl Office {
    fn received(&self) -> PathBuf {
        self.data.join("firmware/incoming").join(RECEIVED)
    }

    fn room(&self) -> u64 {
        let there = self.data.join("firmware");
        rules::room(system::disk(&self.data, &there).map_or(0, |disk| disk.available))
    }

    async fn obey(&mut self, order: Order) {
        // Whoever asked may be gone: that is no trouble of ours.
        match order {
            Order::Receive(request, reply) => drop(reply.send(self.receive(&request).await)),
            Order::Fetch(request, reply) => drop(reply.send(self.fetch(request).await)),
            Order::Sticks(user, reply) => self.look_at_sticks(&user, reply),
            Order::Verify(request, reply) => drop(reply.send(self.verify(request).await)),
            Order::Install(request, reply) => drop(reply.send(self.install(&request).await)),
            Order::Cancel(user, reply) => drop(reply.send(self.cancel(&user).await)),
            Order::Restart(at, user, reply) => drop(reply.send(self.restart(at, &user).await)),
            Order::Health(problem, reply) => {
                self.gate.report(problem, system::uptime_s());
                drop(reply.send(Ok(self.gate.health())));
            }
            Order::End(reply) => {
                self.machine.journal.boots.end();
                let stored = books::store(&mut self.journal, &self.machine.journal);
                drop(reply.send(stored.map_err(|e| unavailable(e.to_string()))));
            }
        }
    }

    async fn acted(&mut self, acts: Result<Vec<Act>, Failure>) -> Result<FirmwareStatus, Failure> {
        let acts = acts?;
        let failure = self.perform(acts).await;
        self.show();
        match failure {
            Some(message) => Err(unavailable(message)),
            None => Ok(self.status()),
        }
    }

    async fn receive(&mut self, request: &ReceiveRequest) -> Result<ReceiveAnswer, Failure> {
        self.machine.admits().map_err(busy)?;
        let path = self.received();
        self.forget().await;
        let there = self.data.join("firmware");
        let available = system::disk(&self.data, &there).map_or(0, |disk| disk.available);
        let most = rules::room(available);
        rules::admit_size(request.octets.unwrap_or(most.max(1)), available).map_err(|refusal| refused(&refusal))?;
        log::info!(event = "firmware-upload", user = request.user.as_str(), octets = request.octets; "{} sends a bundle", request.user);
        self.staged = Staged::Receiving {
            expected: request.octets,
        };
        Ok(ReceiveAnswer {
            path: path.display().to_string(),
            most: request.octets.unwrap_or(most),
        })
    }

    /// Removes what was received.
    async fn forget(&mut self) {
        if let Some(fetch) = self.fetch.take() {
            fetch.stop().await;
        }
        self.unfetched = None;
        self.staged = Staged::Nothing;
        for entry in fs::read_dir(self.data.join("firmware/incoming"))
            .into_iter()
            .flatten()
            .flatten()
        {
            if let Err(e) = fs::remove_file(entry.path()) {
                log::warn!(event = "firmware-leftover"; "{} cannot be removed: {e}", entry.path().display());
            }
        }
    }

    async fn verify(&mut self, request: VerifyRequest) -> Result<FirmwareStatus, Failure> {
        self.machine.admits().map_err(busy)?;
        if matches!(self.staged, Staged::Fetching) {
            let message = "the bundle is still on its way: wait until it is here";
            return Err(Failure::new(FailureKind::Conflict, message));
        }
        match self.judge(&request).await {
            Ok(bundle) => self.staged = Staged::Verified { bundle },
            Err(failure) => {
                // What is refused once is of no use any more.
                if failure.kind == FailureKind::BadRequest {
                    self.forget().await;
                }
                self.show();
                return Err(failure);
            }
        }
        self.show();
        Ok(self.status())
    }

    /// Whether what was received may be installed.
    async fn judge(&self, request: &VerifyRequest) -> Result<Bundle, Failure> {
        let wrong = |message: String| Failure::new(FailureKind::BadRequest, message);
        let arrived = fs::metadata(self.received()).map_or(0, |file| file.len());
        match self.staged {
            Staged::Receiving {
                expected: Some(expected),
            } if arrived != expected => {
                return Err(wrong(format!(
                    "{arrived} of {expected} octets arrived: send the bundle again"
                )));
            }
            Staged::Nothing if arrived == 0 => return Err(wrong("there is no bundle: send one first".to_owned())),
            _ => {}
        }
        let received = self.received().display().to_string();
        let bundle = rauc::inspect(&received).await.map_err(|e| {
            log::warn!(event = "firmware-refused", user = request.user.as_str(); "a bundle was refused: {e}");
            match e {
                RaucError::Command(_) => unavailable(e.to_string()),
                RaucError::Refused(_) | RaucError::Answer(_) => wrong(format!("the bundle is refused: {e}")),
            }
        })?;
        let floor = books::floor();
        Rules {
            running: &self.machine.here().version,
            floor: floor.as_ref(),
            rolled_back: &self.machine.journal.rolled_back,
        }
        .admit(bundle)
        .map_err(|refusal| {
            log::warn!(event = "firmware-refused", user = request.user.as_str(); "a bundle was refused: {refusal}");
            refused(&refusal)
        })
    }

    async fn install(&mut self, request: &InstallRequest) -> Result<FirmwareStatus, Failure> {
        let Staged::Verified { bundle } = self.staged.clone() else {
            return Err(Failure::new(
                FailureKind::Conflict,
                "no bundle was checked: send one and check it first",
            ));
        };
        if bundle.manifest != request.manifest {
            return Err(Failure::new(
                FailureKind::Conflict,
                "another bundle was checked meanwhile: check this one again",
            ));
        }
        rules::confirmed(&bundle, &request.confirmed).map_err(|refusal| refused(&refusal))?;
        log::warn!(event = "firmware-install", user = request.user.as_str(), version = bundle.version.as_str(); "{} installs version {}", request.user, bundle.version);
        let acts = self
            .machine
            .install(&bundle.version, &bundle.manifest, &request.user, now())
            .map_err(busy);
        self.acted(acts).await
    }

    async fn cancel(&mut self, user: &str) -> Result<FirmwareStatus, Failure> {
        log::warn!(event = "firmware-cancel", user = user; "{user} takes the update back");
        // What was sent goes first; what waits for its restart goes when it is taken back again.
        if !matches!(self.staged, Staged::Nothing) && self.machine.admits().is_ok() {
            self.forget().await;
            return Ok(self.status());
        }
        let acts = self.machine.cancel().map_err(busy);
        self.acted(acts).await
    }

    async fn restart(&mut self, at: Option<Timestamp>, user: &str) -> Result<FirmwareStatus, Failure> {
        if at.is_some_and(|at| at <= now()) {
            let message = "that time is over: name one that is still to come, or none for now";
            return Err(Failure::new(FailureKind::BadRequest, message));
        }
        let acts = self.machine.restart(at, now()).map_err(busy);
        if acts.is_ok() {
            log::warn!(event = "firmware-restart", user = user; "{user} asked for a restart into the new version");
        }
        self.acted(acts).await
    }

    async fn tick(&mut self) {
        self.attend().await;
        let acts = self.machine.tick(now());
        self.perform(acts).await;
        if matches!(self.machine.journal.phase, Phase::Installing { .. }) {
            self.follow().await;
        }
        let acts = match self.gate.tick(system::uptime_s()) {
            Verdict::Wait => Vec::new(),
            Verdict::Good => self.machine.healthy(),
            Verdict::Bad(problem) => {
                log::error!(event = "unhealthy"; "the box did not prove itself: {problem}");
                self.machine.unhealthy(&problem)
            }
        };
        self.perform(acts).await;
    }

    /// Looks how far RAUC is.
    async fn follow(&mut self) {
        let progress = match rauc::progress().await {
            Ok(progress) => progress,
            Err(e) => return self.conclude(Err(e.to_string())).await,
        };
        if progress.busy {
            self.progress = (progress.percent, progress.step);
        } else if progress.error.is_empty() {
            let checked = self.same().await;
            self.conclude(checked).await;
        } else {
            self.conclude(Err(progress.error)).await;
        }
    }

    /// Whether what was installed is what was checked: the file may have been replaced in between.
    async fn same(&self) -> Result<(), String> {
        let Phase::Installing { pending, .. } = &self.machine.journal.phase else {
            return Ok(());
        };
        let installed = rauc::installed(pending.target).await.map_err(|e| e.to_string())?;
        if installed.as_deref() == Some(pending.manifest.as_str()) {
            return Ok(());
        }
        Err("another bundle was installed than the one that was checked".to_owned())
    }

    async fn conclude(&mut self, result: Result<(), String>) {
        self.loader = look().await;
        let ours = self.machine.here().slot;
        let generation = |slot: Slot| {
            let entry = self.loader?.get(usize::from(slot == Slot::B)).copied()??;
            (entry.tries_left != Some(0)).then_some(entry.generation)
        };
        let active = generation(ours.other()) > generation(ours) && generation(ours.other()).is_some();
        match &result {
            Ok(()) => log::info!(event = "firmware-installed"; "the new version is installed"),
            Err(message) => log::error!(event = "firmware-failed"; "the new version could not be installed: {message}"),
        }
        if result.is_ok() {
            self.forget().await;
        }
        let acts = self.machine.installed(result, active, now());
        self.perform(acts).await;
    }

    /// Does what the machine says, in its order; gives the first failure in words.
    async fn perform(&mut self, acts: Vec<Act>) -> Option<String> {
        let mut queue = VecDeque::from(acts);
        let mut first = None;
        while let Some(act) = queue.pop_front() {
            match self.act(&act).await {
                Ok(more) => more.into_iter().rev().for_each(|act| queue.push_front(act)),
                Err(message) => {
                    log::error!(event = "firmware-act"; "{message}");
                    if act == Act::MarkGood {
                        self.gate.not_marked(message.clone());
                    }
                    queue = self.machine.failed(&act, &message, now()).into();
                    // What cannot be stored now is not tried for ever.
                    if first.is_some() {
                        queue.clear();
                    }
                    self.trouble = Some(message.clone());
                    first.get_or_insert(message);
                }
            }
        }
        first
    }

    async fn act(&mut self, act: &Act) -> Result<Vec<Act>, String> {
        match act {
            Act::Store => {
                let stored = books::store(&mut self.journal, &self.machine.journal);
                stored.map_err(|e| format!("the firmware's journal cannot be stored: {e}"))?;
            }
            Act::Install { .. } => {
                self.progress = (0, String::new());
                let received = self.received().display().to_string();
                if let Err(e) = rauc::install(&received).await {
                    return Ok(self.machine.installed(Err(e.to_string()), false, now()));
                }
            }
            Act::MarkBad(slot) => {
                boot_loader(&format!("bad-{}", slot.name())).await?;
                self.loader = look().await;
            }
            Act::MarkGood => {
                boot_loader("mark-good").await?;
                self.loader = look().await;
                self.gate.marked();
                self.trouble = None;
                log::info!(event = "good"; "the box proved itself: the slot that runs is good");
            }
            Act::KeepSettings => {
                trial::forget(&mut self.journal).map_err(|e| format!("the trial's end cannot be noted: {e}"))?;
            }
            Act::RaiseFloor => {
                let before = books::floor();
                boot_loader("raise-floor").await?;
                let after = books::floor();
                if before != after {
                    log::info!(event = "floor"; "the lowest version that may be installed is {after:?}");
                }
            }
            Act::Restart => {
                command::run("systemctl", &["--no-block", "reboot"], "")
                    .await
                    .map_err(|e| e.to_string())?;
            }
            Act::Cancelled => return Ok(self.machine.cancelled(now())),
            Act::Proved => return Ok(self.machine.proved(now())),
        }
        Ok(Vec::new())
    }

    fn show(&self) {
        let status = self.status();
        self.shown.send_if_modified(|place| {
            let changed = place.as_ref() != Some(&status);
            *place = Some(status);
            changed
        });
    }

    fn status(&self) -> FirmwareStatus {
        let journal = &self.machine.journal;
        let here = self.machine.here();
        let slots = self.loader.map(|loader| {
            [Slot::A, Slot::B]
                .into_iter()
                .zip(loader)
                .zip(&journal.contents)
                .map(|((slot, entry), content)| SlotStatus {
                    slot,
                    version: content.as_ref().map(|content| content.version.clone()),
                    installed: content.as_ref().and_then(|content| content.installed),
                    generation: entry
                        .filter(|entry| entry.tries_left != Some(0))
                        .map(|entry| entry.generation),
                    tries_left: entry.and_then(|entry| entry.tries_left),
                })
                .collect()
        });
        FirmwareStatus {
            version: here.version.clone(),
            running: Some(here.slot),
            slots: slots.unwrap_or_default(),
            secure_boot: books::secure_boot(&self.sys),
            floor: books::floor().map(|floor| floor.to_string()),
            update: self.update(),
            last: journal.last.clone(),
            history: journal.history.iter().rev().cloned().collect(),
            boots: journal.boots.counts(),
            health: self.gate.health(),
            room: self.room(),
            trouble: self.trouble.clone(),
            unfetched: self.unfetched.clone(),
            plugged: u32::try_from(self.sticks.plugged.len()).unwrap_or(u32::MAX),
            sticks: self.sticks.found.clone(),
        }
    }

    fn update(&self) -> Update {
        match &self.machine.journal.phase {
            Phase::Installing { pending, .. } => Update::Installing {
                version: pending.version.clone(),
                percent: self.progress.0,
                step: self.progress.1.clone(),
            },
            Phase::Trying { pending, attempt, .. } => Update::Trying {
                version: pending.version.clone(),
                attempt: *attempt,
            },
            phase => match (&self.staged, phase) {
                (Staged::Receiving { expected }, _) => Update::Receiving {
                    received: fs::metadata(self.received()).map_or(0, |file| file.len()),
                    expected: *expected,
                    from: None,
                },
                (Staged::Fetching, _) => Update::Receiving {
                    received: fs::metadata(self.data.join("firmware/incoming").join(fetch::staging::PART))
                        .map_or(0, |file| file.len()),
                    expected: self.fetch.as_ref().and_then(Fetch::expected),
                    from: self.fetch.as_ref().map(Fetch::from),
                },
                (Staged::Verified { bundle }, _) => Update::Verified { bundle: bundle.clone() },
                (Staged::Nothing, Phase::Ready { pending, at, .. }) => Update::Ready {
                    version: pending.version.clone(),
                    slot: pending.target,
                    at: *at,
                },
                _ => Update::Idle,
            },
        }
    }
}

/// Makes an order answer that waits for nobody, at the end of the supervisor.
pub(crate) async fn end(counter: &Counter) {
    let stored = tokio::time::timeout(Duration::from_secs(2), counter.order(Order::End)).await;
    if let Ok(Err(e)) = stored {
        log::warn!(event = "firmware-end"; "the end of this boot is not noted: {e}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_loader_s_state_is_read() {
        let text = r#"{"booted":"a","esp":"x","slots":{"a":{"generation":3,"tries_left":3,"tries_done":0},"b":null}}"#;
        let first = Entry {
            generation: 3,
            tries_left: Some(3),
            tries_done: 0,
        };
        assert_eq!(parse_loader(text), Some([Some(first), None]));
        let uncounted = r#"{"slots":{"a":null,"b":{"generation":1,"tries_left":null,"tries_done":0}}}"#;
        let second = Entry {
            generation: 1,
            tries_left: None,
            tries_done: 0,
        };
        assert_eq!(parse_loader(uncounted), Some([None, Some(second)]));
        for bad in ["", "{}", "{\"slots\":{\"a\":3,\"b\":null}}", "{\"slots\":{\"a\":null}}"] {
            assert_eq!(parse_loader(bad), None, "{bad}");
        }
    }
}
