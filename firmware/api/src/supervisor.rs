//! What the supervisor is asked.

use std::net::IpAddr;

use model::Timestamp;
use serde::{Deserialize, Serialize};
use settings::{Language, Role, Settings};

use crate::firmware::{
    CancelRequest, FetchRequest, FirmwareQuery, FirmwareStatus, Health, HealthReport, InstallRequest, RebootRequest,
    ReceiveAnswer, ReceiveRequest, SticksRequest, VerifyRequest,
};
use crate::metrics::{
    ChangeMetricsRequest, MetricsAccess, MetricsProved, MetricsQuery, MetricsToken, ProveMetricsRequest,
};
use crate::service;

service! {
    /// A request to the supervisor.
    Supervisor, SupervisorRequest {
        /// The box's state.
        Status(StatusQuery) -> SystemStatus,
        /// Whether the first set-up is done.
        SetupState(SetupQuery) -> SetupState,
        /// The setup code, for the physical console alone.
        SetupCode(SetupCodeQuery) -> SetupCode,
        /// The first set-up.
        Setup(SetupRequest) -> SetupState,
        /// Checks a password.
        Authenticate(AuthenticateRequest) -> Account,
        /// Changes one's own password.
        ChangePassword(ChangePasswordRequest) -> Account,
        /// The settings and the ports that they apply to.
        Settings(SettingsQuery) -> SettingsAnswer,
        /// New settings.
        Apply(ApplyRequest) -> ApplyAnswer,
        /// Keeps settings that wait for confirmation.
        Confirm(ConfirmRequest) -> ApplyAnswer,
        /// Restarts one of our programs.
        Restart(RestartRequest) -> RestartAnswer,
        /// Restarts or powers off the box.
        Power(PowerRequest) -> PowerAnswer,
        /// Wipes all data and restarts.
        FactoryReset(FactoryResetRequest) -> PowerAnswer,
        /// The firmware's state.
        Firmware(FirmwareQuery) -> FirmwareStatus,
        /// Begins to send a bundle.
        ReceiveFirmware(ReceiveRequest) -> ReceiveAnswer,
        /// Has the box get a bundle by itself.
        FetchFirmware(FetchRequest) -> FirmwareStatus,
        /// Looks for bundles on USB sticks.
        FirmwareSticks(SticksRequest) -> FirmwareStatus,
        /// Checks a bundle.
        VerifyFirmware(VerifyRequest) -> FirmwareStatus,
        /// Installs the bundle that was checked.
        InstallFirmware(InstallRequest) -> FirmwareStatus,
        /// Takes an update back that does not run yet.
        CancelFirmware(CancelRequest) -> FirmwareStatus,
        /// Restarts into what was installed.
        RestartFirmware(RebootRequest) -> FirmwareStatus,
        /// What the health gate found.
        Health(HealthReport) -> Health,
        /// Whether metrics are answered, and who read them.
        Metrics(MetricsQuery) -> MetricsAccess,
        /// A new token for them, or none.
        ChangeMetrics(ChangeMetricsRequest) -> MetricsToken,
        /// Checks a token.
        ProveMetrics(ProveMetricsRequest) -> MetricsProved,
    }
}

/// Asks for the box's state.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct StatusQuery {}

/// The box's state. `None` is what could not be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SystemStatus {
    /// The firmware's version.
    pub version: String,
    /// The box's name.
    pub hostname: String,
    /// What the box does.
    pub role: Role,
    /// The kernel's release.
    pub kernel: String,
    /// The machine's maker and model (DMI).
    pub hardware: Option<String>,
    /// The box's serial number, as the factory wrote it.
    #[serde(default)]
    pub serial_number: Option<String>,
    /// The processor's name.
    pub processor: Option<String>,
    /// Processors online.
    pub processors: u32,
    /// Seconds since the kernel started.
    pub uptime_s: u64,
    /// The box's clock.
    pub now: Timestamp,
    /// Whether the clock is synchronised.
    pub clock_synchronised: Option<bool>,
    /// Load averages over 1, 5 and 15 minutes.
    pub load: Option<[f64; 3]>,
    /// Share of processor time in use over the last sample (about 2 s), 0–1.
    pub cpu_used: Option<f64>,
    /// Memory in octets.
    pub memory: Option<Memory>,
    /// File systems.
    pub disks: Vec<Disk>,
    /// Our units and the system's that matter.
    pub units: Vec<Unit>,
    /// Network ports.
    pub ports: Vec<NetworkPort>,
    /// What the packet filter counted at the port that exporters send to.
    #[serde(default)]
    pub collection: Option<CollectionCounters>,
    /// The root slot that is running, `a` or `b`; `None` outside the appliance.
    pub slot: Option<String>,
    /// Things that want attention, in words.
    pub troubles: Vec<String>,
}

/// Memory in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// All of it.
    pub total: u64,
    /// What programs could still get (MemAvailable).
    pub available: u64,
    /// Resident memory of our own programs (PSS where readable).
    pub ours: Option<u64>,
}

/// A file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// Where it is mounted.
    pub mount: String,
    /// Octets in all.
    pub total: u64,
    /// Octets that are free for programs.
    pub available: u64,
    /// Whether it is read-only.
    pub read_only: bool,
}

/// A systemd unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// The name, such as `spanwatch-collector.service`.
    pub name: String,
    /// What it does, one line.
    pub description: String,
    /// `active`, `activating`, `failed`, `inactive` …
    pub state: String,
    /// `running`, `exited`, `dead`, `auto-restart` …
    pub detail: String,
    /// Since when it is in that state.
    pub since: Option<Timestamp>,
    /// How often systemd restarted it.
    pub restarts: u32,
    /// Memory of its control group in octets.
    pub memory: Option<u64>,
    /// Processor time of its control group in nanoseconds.
    pub cpu_nanos: Option<u64>,
}

/// Datagrams to the ports for flow records, logs and traps, as the packet filter counted them since the boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CollectionCounters {
    /// Let through, from registered exporters.
    pub registered: u64,
    /// Let through from anyone else while discovery is on.
    pub discovered: u64,
    /// Dropped: from senders that are not registered.
    pub unregistered: u64,
}

/// What a network port is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortRole {
    /// The first by PCI order: console and SSH.
    Management,
    /// The one that the settings name: exporters send to it and are polled from it.
    Collection,
    /// All others.
    Capture,
}

/// A network port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkPort {
    /// The interface's name, such as `enp0s2`.
    pub name: String,
    /// What it is for.
    pub role: PortRole,
    /// For a capture port its place in PCI order from 1: the link's number. A collection port keeps the number that it
    /// would have; only the management port has none.
    pub link: Option<u16>,
    /// The PCI address, such as `0000:00:02.0`.
    pub pci: Option<String>,
    /// The hardware address.
    pub mac: Option<String>,
    /// The driver's name.
    pub driver: Option<String>,
    /// Whether it has carrier.
    pub up: bool,
    /// Speed in bit/s; `None` where the NIC does not say.
    pub speed_bps: Option<u64>,
    /// Addresses with prefix lengths; always empty for capture ports.
    pub addresses: Vec<String>,
}

/// Asks whether the first set-up is done.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SetupQuery {}

/// Whether the first set-up is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetupState {
    /// Done: there is an administrator.
    pub done: bool,
    /// The language that the console starts with.
    pub language: Language,
    /// The box's name.
    pub hostname: String,
    /// The firmware's version.
    pub version: String,
}

/// Asks for the setup code. Answered to the physical console's user alone.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SetupCodeQuery {}

/// The setup code, shown on the box's own screen and serial port until the set-up is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetupCode {
    /// Eight characters in two groups; `None` once the set-up is done.
    pub code: Option<String>,
}

/// The first set-up: proves presence by the code, chooses a language, sets the administrator's password.
#[derive(Clone, Serialize, Deserialize)]
pub struct SetupRequest {
    /// The code from the box's own screen or serial port; case and hyphens do not matter.
    pub code: String,
    /// The language of console and command line.
    pub language: Language,
    /// The administrator's password.
    pub password: String,
    /// The box's name; `None` keeps it.
    pub hostname: Option<String>,
    /// Where the request came from, for the lock-out.
    pub source: Option<IpAddr>,
}

/// Checks a password. Wrong ones are counted by account and by address.
#[derive(Clone, Serialize, Deserialize)]
pub struct AuthenticateRequest {
    /// The account, such as `admin`.
    pub user: String,
    /// The password.
    pub password: String,
    /// Where the request came from; `None` is the physical console.
    pub source: Option<IpAddr>,
}

/// Changes one's own password.
#[derive(Clone, Serialize, Deserialize)]
pub struct ChangePasswordRequest {
    /// The account.
    pub user: String,
    /// The password until now.
    pub current: String,
    /// The password from now on.
    pub new: String,
    /// Where the request came from.
    pub source: Option<IpAddr>,
}

/// Passwords never reach a log by way of `Debug`.
macro_rules! without_secrets {
    ($($name:ident { $($shown:ident),* })*) => {
        $(impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))$(.field(stringify!($shown), &self.$shown))*.finish_non_exhaustive()
            }
        })*
    };
}
without_secrets! {
    SetupRequest { language, hostname, source }
    AuthenticateRequest { user, source }
    ChangePasswordRequest { user, source }
}

/// An account that proved itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The account's name.
    pub user: String,
    /// What it may do.
    pub role: AccountRole,
    /// Counts password changes: a session made under an older number is void.
    pub generation: u64,
}

/// What an account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountRole {
    /// Everything.
    Administrator,
}

/// Asks for the settings; with `newer_than` the answer waits up to 25 s for a newer revision (or a change of ports).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SettingsQuery {
    /// The `change` of the answer that the caller has.
    #[serde(default)]
    pub newer_than: Option<u64>,
}

/// The settings in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsAnswer {
    /// Counts changes of settings and of ports since the supervisor started; see [`SettingsQuery::newer_than`].
    pub change: u64,
    /// The settings.
    pub settings: Settings,
    /// The network ports, in PCI order.
    pub ports: Vec<NetworkPort>,
    /// When settings that wait for confirmation are taken back; `None` when none wait.
    pub unconfirmed_until: Option<Timestamp>,
}

/// Applies new settings. Changes of the management network must be confirmed within two minutes, or are taken back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApplyRequest {
    /// The new settings; `revision` is the one that was read.
    pub settings: Settings,
    /// Who applies them, for the log.
    pub user: String,
}

/// The outcome of an apply or a confirm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyAnswer {
    /// The revision in force now.
    pub revision: u64,
    /// When the change is taken back unless it is confirmed; `None` when it needs no confirmation.
    pub confirm_until: Option<Timestamp>,
}

/// Keeps settings that wait for confirmation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConfirmRequest {
    /// Who confirms, for the log.
    pub user: String,
}

/// A program that an administrator may restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restartable {
    /// Capture and metering.
    Collector,
    /// Records and queries.
    Analyzer,
    /// The console; it ends all its sessions.
    Console,
    /// The hardware monitor.
    Hwmon,
}

/// Restarts one of our programs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RestartRequest {
    /// Which one.
    pub program: Restartable,
    /// Who asks, for the log.
    pub user: String,
}

/// The program was restarted and is ready again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartAnswer {}

/// What to do with the power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PowerAction {
    /// Restart the box.
    Reboot,
    /// Shut the box down.
    PowerOff,
}

/// Restarts or powers off the box.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PowerRequest {
    /// What to do.
    pub action: PowerAction,
    /// Who asks, for the log.
    pub user: String,
}

/// The power request was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerAnswer {}

/// The word that confirms a factory reset, in every language.
pub const RESET_WORD: &str = "ERASE";

/// Wipes records, settings, accounts, keys and logs at the next start, which follows at once. The box keeps its
/// identity, both versions of its firmware and the version floor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FactoryResetRequest {
    /// What the person typed: [`RESET_WORD`].
    pub word: String,
    /// Who asks, for the log and for the box that is empty then.
    pub user: String,
}
