//! The supervisor's state, and who gets which answer.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use api::firmware::{FirmwareStatus, Health};
use api::server::{Peer, Reply, reply};
use api::supervisor::{
    CollectionCounters, NetworkPort, PowerAction, PowerAnswer, PowerRequest, RestartAnswer, RestartRequest,
    Restartable, SettingsAnswer, SettingsQuery, SetupCode, SetupState, SupervisorRequest, SystemStatus, Unit,
};
use api::{Failure, FailureKind};
use model::Timestamp;
use settings::Settings;
use tokio::sync::{Mutex as AsyncMutex, Notify, Semaphore, watch};

use crate::access::{self, Caller, Identities};
use crate::accounts::{ADMIN, Accounts};
use crate::firmware::Order;
use crate::lockout::Lockout;
use crate::metrics::Metrics;
use crate::vault::{Unconfirmed, Vault};
use crate::{command, firewall, firmware, ports, reset, setup_code, system, units};

/// How long a question for newer settings waits.
const LONG_POLL: Duration = Duration::from_secs(25);
/// How old the state of the units and the packet filter's counters may be when they are shown.
const UNITS_FRESH: Duration = Duration::from_secs(2);

/// Where things are.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    /// The data partition.
    pub(crate) data: PathBuf,
    /// The run folder of our programs.
    pub(crate) run: PathBuf,
    /// The root of sysfs.
    pub(crate) sys: PathBuf,
    /// networkd's volatile configuration.
    pub(crate) networkd: PathBuf,
    /// The identity partition.
    pub(crate) identity: PathBuf,
    /// Whether to act on the system at all; else requests are answered and nothing is changed.
    pub(crate) act: bool,
}

/// What changes while the supervisor runs.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) unconfirmed: Option<Unconfirmed>,
    pub(crate) accounts: Accounts,
    /// The setup code; `None` once the set-up is done.
    pub(crate) setup_code: Option<String>,
    pub(crate) lockout: Lockout,
    /// Who may read metrics.
    pub(crate) metrics: Metrics,
    pub(crate) ports: Vec<NetworkPort>,
    /// What was found damaged at the start.
    pub(crate) damage: Vec<String>,
    /// What could not be done to the system, by kind of work.
    pub(crate) failures: BTreeMap<&'static str, String>,
    /// The share of processor time in use.
    pub(crate) cpu_used: Option<f64>,
}

impl State {
    /// Whether there is an administrator.
    pub(crate) fn set_up(&self) -> bool {
        self.accounts.find(ADMIN).is_some()
    }

    /// Puts settings in force, for the ports too.
    pub(crate) fn put(&mut self, settings: Settings) {
        ports::assign(&mut self.ports, &settings.collection);
        self.settings = settings;
    }
}

/// The supervisor.
pub(crate) struct Engine {
    pub(crate) paths: Paths,
    identities: Identities,
    pub(crate) state: AsyncMutex<State>,
    vault: Arc<Mutex<Vault>>,
    change: watch::Sender<u64>,
    /// Wakes whoever brings the system in line with the state.
    pub(crate) wake: Notify,
    /// One password is hashed at a time: it takes 19 MiB.
    pub(crate) hashing: Semaphore,
    pub(crate) hashing_queue: Semaphore,
    units: AsyncMutex<Option<(Instant, UnitStates)>>,
    counters: AsyncMutex<Option<(Instant, Option<CollectionCounters>)>>,
    /// Firmware updates; set once the supervisor answers.
    pub(crate) firmware: OnceLock<firmware::Counter>,
    /// When the administrator's password was set in the recovery system, at the start; `None` where it was not.
    pub(crate) recovered: Option<Timestamp>,
}

#[derive(Clone, Default)]
struct UnitStates {
    shown: Vec<Unit>,
    troubles: Vec<String>,
}

impl Engine {
    /// Reads what is stored, or starts with the defaults.
    pub(crate) fn start(paths: Paths, identities: Identities, mut vault: Vault) -> Self {
        let loaded = vault.load();
        let mut damage = loaded.troubles;
        for trouble in &damage {
            log::error!(event = "damage"; "{trouble}");
        }
        let (accounts, recovered) = reset::recovered(&paths.identity, &mut vault, loaded.accounts, &mut damage);
        let code = if accounts.find(ADMIN).is_some() {
            None
        } else {
            let kept = loaded.setup_code.filter(|code| setup_code::is_well_formed(code));
            kept.or_else(|| new_code(&mut vault, &mut damage))
        };
        let now_ms = now().as_nanos() / 1_000_000;
        Self {
            paths,
            identities,
            state: AsyncMutex::new(State {
                settings: loaded.settings,
                unconfirmed: loaded.unconfirmed,
                accounts,
                setup_code: code,
                lockout: Lockout::default(),
                metrics: Metrics::new(loaded.metrics),
                ports: Vec::new(),
                damage,
                failures: BTreeMap::new(),
                cpu_used: None,
            }),
            vault: Arc::new(Mutex::new(vault)),
            // Starts at the time, so that a number of before a restart is not met again.
            change: watch::Sender::new(now_ms),
            wake: Notify::new(),
            hashing: Semaphore::new(1),
            hashing_queue: Semaphore::new(8),
            units: AsyncMutex::new(None),
            counters: AsyncMutex::new(None),
            firmware: OnceLock::new(),
            recovered,
        }
    }

    /// Answers a request.
    pub(crate) async fn answer(&self, request: SupervisorRequest, peer: Peer) -> Reply {
        use SupervisorRequest as R;
        let caller = self.identities.caller(peer);
        let set_up = self.state.lock().await.set_up();
        access::check(caller, &request, set_up).inspect_err(|_| {
            log::warn!(event = "refused", uid = peer.uid; "a request was refused to user {}", peer.uid);
        })?;
        match request {
            R::Status(_) => reply(self.status().await),
            R::SetupState(_) => reply(self.setup_state().await),
            R::SetupCode(_) => reply(SetupCode {
                code: self.state.lock().await.setup_code.clone(),
            }),
            R::Setup(request) => reply(self.set_up(request).await?),
            R::Authenticate(request) => reply(self.authenticate(request, caller).await?),
            R::ChangePassword(request) => reply(self.change_password(request, caller).await?),
            R::Settings(query) => reply(self.settings(query, caller).await),
            R::Apply(request) => reply(self.apply(request, caller).await?),
            R::Confirm(request) => reply(self.confirm(request, caller).await?),
            R::Restart(request) => reply(self.restart(request, caller).await?),
            R::Power(request) => reply(self.power(request, caller).await?),
            R::FactoryReset(request) => reply(self.factory_reset(request, caller).await?),
            R::Firmware(_) => reply(self.firmware_status()?),
            R::ReceiveFirmware(mut request) => {
                request.user = who(caller, &request.user);
                reply(self.office()?.order(|to| Order::Receive(request, to)).await?)
            }
            R::FetchFirmware(mut request) => {
                request.user = who(caller, &request.user);
                reply(self.office()?.order(|to| Order::Fetch(request, to)).await?)
            }
            R::FirmwareSticks(request) => {
                let user = who(caller, &request.user);
                reply(self.office()?.order(|to| Order::Sticks(user, to)).await?)
            }
            R::VerifyFirmware(mut request) => {
                request.user = who(caller, &request.user);
                reply(self.office()?.order(|to| Order::Verify(request, to)).await?)
            }
            R::InstallFirmware(mut request) => {
                request.user = who(caller, &request.user);
                reply(self.office()?.order(|to| Order::Install(request, to)).await?)
            }
            R::CancelFirmware(request) => {
                let user = who(caller, &request.user);
                reply(self.office()?.order(|to| Order::Cancel(user, to)).await?)
            }
            R::RestartFirmware(request) => {
                let user = who(caller, &request.user);
                reply(self.office()?.order(|to| Order::Restart(request.at, user, to)).await?)
            }
            R::Metrics(_) => reply(self.metrics().await),
            R::ChangeMetrics(request) => reply(self.change_metrics(request, caller).await?),
            R::ProveMetrics(request) => reply(self.prove_metrics(request).await?),
            R::Health(report) => {
                let problem = report.problem.or(self.failed_unit().await);
                reply(self.office()?.order(|to| Order::Health(problem, to)).await?)
            }
        }
    }

    /// The way to the firmware's task.
    fn office(&self) -> Result<&firmware::Counter, Failure> {
        let away = || Failure::new(FailureKind::Unavailable, "firmware is not updated on this system");
        self.firmware.get().ok_or_else(away)
    }

    fn firmware_status(&self) -> Result<FirmwareStatus, Failure> {
        let unknown = || {
            Failure::new(
                FailureKind::Unavailable,
                "the firmware's state is not known yet: try again in a few seconds",
            )
        };
        self.office()?.shown().ok_or_else(unknown)
    }

    /// A unit of the system that failed, in words.
    async fn failed_unit(&self) -> Option<String> {
        let states = self.units().await;
        states.troubles.into_iter().find(|trouble| trouble.ends_with(" failed"))
    }

    pub(crate) async fn setup_state(&self) -> SetupState {
        let state = self.state.lock().await;
        SetupState {
            done: state.set_up(),
            language: state.settings.language,
            hostname: state.settings.hostname.clone(),
            version: system::version(),
        }
    }

    pub(crate) async fn settings(&self, query: SettingsQuery, caller: Caller) -> SettingsAnswer {
        let mut change = self.change.subscribe();
        if let Some(known) = query.newer_than {
            let newer = change.wait_for(|change| *change != known);
            let _ = tokio::time::timeout(LONG_POLL, newer).await;
        }
        let state = self.state.lock().await;
        SettingsAnswer {
            change: *self.change.borrow(),
            settings: if access::knows_secrets(caller) {
                state.settings.clone()
            } else {
                state.settings.without_secrets()
            },
            ports: state.ports.clone(),
            unconfirmed_until: state.unconfirmed.as_ref().map(until),
        }
    }

    /// Tells everyone who waits that settings or ports changed.
    pub(crate) fn changed(&self) {
        self.change.send_modify(|change| *change += 1);
        self.wake.notify_one();
    }

    /// Works on the stored files, off the thread that answers.
    pub(crate) async fn on_disk(
        &self,
        work: impl FnOnce(&mut Vault) -> std::io::Result<()> + Send + 'static,
    ) -> Result<(), Failure> {
        let vault = self.vault.clone();
        let done = tokio::task::spawn_blocking(move || match vault.lock() {
            Ok(mut vault) => work(&mut vault),
            Err(_) => Err(std::io::Error::other("an earlier write ended abruptly")),
        });
        let result = done.await.unwrap_or_else(|e| Err(std::io::Error::other(e.to_string())));
        result.map_err(|e| {
            log::error!(event = "store-failed"; "settings cannot be stored: {e}");
            Failure::new(
                FailureKind::Unavailable,
                format!("nothing was changed, because the data partition cannot store it: {e}; see `show system`"),
            )
        })
    }

    async fn restart(&self, request: RestartRequest, caller: Caller) -> Result<RestartAnswer, Failure> {
        let unit = match request.program {
            Restartable::Collector => "spanwatch-collector.service",
            Restartable::Analyzer => "spanwatch-analyzer.service",
            Restartable::Console => "spanwatch-console.service",
            Restartable::Hwmon => "spanwatch-hwmon.service",
        };
        let user = who(caller, &request.user);
        log::warn!(event = "restart", user = user.as_str(), unit = unit; "{user} restarts {unit}");
        if self.paths.act {
            command::run("systemctl", &["restart", unit], "")
                .await
                .map_err(|e| Failure::new(FailureKind::Unavailable, format!("{unit} did not restart: {e}")))?;
        }
        Ok(RestartAnswer {})
    }

    async fn power(&self, request: PowerRequest, caller: Caller) -> Result<PowerAnswer, Failure> {
        let verb = match request.action {
            PowerAction::Reboot => "reboot",
            PowerAction::PowerOff => "poweroff",
        };
        let user = who(caller, &request.user);
        log::warn!(event = "power", user = user.as_str(), action = verb; "{user} asked for {verb}");
        self.switch(verb);
        Ok(PowerAnswer {})
    }

    /// Restarts or powers off; the answer leaves first.
    pub(crate) fn switch(&self, verb: &'static str) {
        if self.paths.act {
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(500)).await;
                if let Err(e) = command::run("systemctl", &["--no-block", verb], "").await {
                    log::error!(event = "power-failed"; "{e}");
                }
            });
        }
    }

    pub(crate) async fn status(&self) -> SystemStatus {
        let units = self.units().await;
        let uptime_s = system::uptime_s();
        let collection = self.collection_counters().await;
        let clock_synchronised = system::clock_synchronised();
        let (processor, processors) = system::processor();
        let data = self.paths.data.as_path();
        let state = self.state.lock().await;
        let mut troubles = state.damage.clone();
        troubles.extend(system::data_trouble(data, self.paths.act));
        troubles.extend(units.troubles);
        troubles.extend(state.failures.values().cloned());
        if state.ports.is_empty() {
            troubles.push("there is no network port".to_owned());
        } else if state.ports.len() == 1 {
            troubles.push("there is no capture port: the only network port is for management".to_owned());
        }
        troubles.extend(ports::collection_trouble(&state.ports, &state.settings.collection));
        if let Some(Health::Failing { problem }) = self.firmware.get().and_then(|f| f.shown()).map(|f| f.health) {
            troubles.push(format!("the box has not proved itself since its start: {problem}"));
        }
        // A minute to find a time server is no trouble.
        if clock_synchronised == Some(false) && uptime_s > 120 {
            troubles.push("the clock is not synchronised: no time server answers".to_owned());
        }
        SystemStatus {
            version: system::version(),
            hostname: state.settings.hostname.clone(),
            role: state.settings.role,
            kernel: system::kernel(),
            hardware: system::hardware(),
            serial_number: system::serial_number(&self.paths.identity),
            processor,
            processors,
            uptime_s,
            now: now(),
            clock_synchronised,
            load: system::load(),
            cpu_used: state.cpu_used,
            memory: system::memory(),
            disks: [system::disk("/".as_ref(), "/".as_ref()), system::data_disk(data)]
                .into_iter()
                .flatten()
                .collect(),
            units: units.shown,
            ports: state.ports.clone(),
            collection,
            slot: system::slot(&std::fs::read_to_string("/proc/cmdline").unwrap_or_default()),
            troubles,
        }
    }

    /// What the packet filter counted; `None` where it cannot be read.
    async fn collection_counters(&self) -> Option<CollectionCounters> {
        if !self.paths.act {
            return None;
        }
        let mut cache = self.counters.lock().await;
        if let Some((at, counters)) = *cache
            && at.elapsed() < UNITS_FRESH
        {
            return counters;
        }
        let listing = command::run("nft", &firewall::LIST_COUNTERS, "").await;
        let counters = listing.ok().and_then(|text| firewall::counters(&text));
        *cache = Some((Instant::now(), counters));
        counters
    }

    async fn units(&self) -> UnitStates {
        if !self.paths.act {
            return UnitStates::default();
        }
        let mut cache = self.units.lock().await;
        if let Some((at, units)) = &*cache
            && at.elapsed() < UNITS_FRESH
        {
            return units.clone();
        }
        let mut show = vec!["show", "--no-pager", "--timestamp=unix", units::PROPERTIES, "--"];
        show.extend(units::SHOWN);
        let failed = [
            "list-units",
            "--failed",
            "--plain",
            "--no-legend",
            "--no-pager",
            "--full",
        ];
        let (shown, failed) = tokio::join!(
            command::run("systemctl", &show, ""),
            command::run("systemctl", &failed, "")
        );
        let mut states = UnitStates::default();
        match shown {
            Ok(text) => states.shown = units::parse(&text),
            Err(e) => states
                .troubles
                .push(format!("the state of the services is unknown: {e}")),
        }
        for name in failed
            .unwrap_or_default()
            .lines()
            .filter_map(|line| line.split_whitespace().next())
        {
            states.troubles.push(format!("{name} failed"));
        }
        for unit in &states.shown {
            if unit.detail.starts_with("auto-restart") {
                states
                    .troubles
                    .push(format!("{} ended and is started again", unit.name));
            }
        }
        *cache = Some((Instant::now(), states.clone()));
        states
    }
}

fn new_code(vault: &mut Vault, damage: &mut Vec<String>) -> Option<String> {
    let code = setup_code::generate()
        .inspect_err(|e| damage.push(format!("no setup code can be made: {e}")))
        .ok()?;
    if let Err(e) = vault.save_setup_code(Some(&code)) {
        log::warn!(event = "setup-code"; "the setup code is new at each start, because it cannot be stored: {e}");
    }
    Some(code)
}

/// The clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// When settings that wait for confirmation are taken back.
pub(crate) fn until(unconfirmed: &Unconfirmed) -> Timestamp {
    let left = unconfirmed.deadline_s.saturating_sub(system::uptime_s());
    now().plus_nanos(left.saturating_mul(1_000_000_000))
}

/// The name for the log: the console's word for it, else the program that asked.
pub(crate) fn who(caller: Caller, user: &str) -> String {
    match caller {
        Caller::Admin => ADMIN.to_owned(),
        Caller::Physical if user.is_empty() => "physical console".to_owned(),
        _ => user.chars().filter(|c| !c.is_control()).take(32).collect(),
    }
}
