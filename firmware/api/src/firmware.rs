//! Firmware: what is installed, what is on its way, and how updates ended. The supervisor answers.

use model::Timestamp;
use serde::{Deserialize, Serialize};

/// A root slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// The first.
    A,
    /// The second.
    B,
}

impl Slot {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// `a` or `b`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    /// Reads `a`, `A`, `b` or `B`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "a" | "A" => Some(Self::A),
            "b" | "B" => Some(Self::B),
            _ => None,
        }
    }
}

/// Asks for the firmware's state.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct FirmwareQuery {}

/// The firmware's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FirmwareStatus {
    /// The version that runs.
    pub version: String,
    /// The slot that runs; `None` outside the appliance.
    pub running: Option<Slot>,
    /// Both slots; empty where the boot loader's files cannot be read.
    pub slots: Vec<SlotStatus>,
    /// Whether the board's firmware checked the signatures of what it started; `None` where it does not say.
    pub secure_boot: Option<bool>,
    /// The lowest version that may be installed; `None` where every version may.
    pub floor: Option<String>,
    /// What is on its way.
    pub update: Update,
    /// How the last update or start ended.
    pub last: Option<Outcome>,
    /// What happened to the firmware, the newest first.
    pub history: Vec<HistoryEntry>,
    /// Starts of the box by their reason, over its life.
    pub boots: Boots,
    /// What the health gate says of this start.
    pub health: Health,
    /// Octets that a bundle may take on the data partition now.
    pub room: u64,
    /// What went wrong that nobody asked for, in words.
    #[serde(default)]
    pub trouble: Option<String>,
    /// Why the last download or copy brought no bundle, in words; gone with the next one.
    #[serde(default)]
    pub unfetched: Option<String>,
    /// USB sticks that are plugged in now.
    #[serde(default)]
    pub plugged: u32,
    /// What was found on them when they were looked at; empty again when something is plugged in or out.
    #[serde(default)]
    pub sticks: Vec<Stick>,
}

/// A partition of a USB stick and what may be installed from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stick {
    /// The kernel's name of the partition, such as `sda1`.
    pub partition: String,
    /// Maker and model as the stick tells.
    pub model: String,
    /// Its octets.
    pub octets: u64,
    /// The file system; `None` where there is none that is read.
    pub filesystem: Option<String>,
    /// Files whose names end in `.raucb`, by name.
    pub bundles: Vec<StickBundle>,
    /// What was left out and why, or why nothing could be read, in words.
    pub problems: Vec<String>,
}

/// A file that may be a bundle.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StickBundle {
    /// Its name in the top folder.
    pub name: String,
    /// Its octets.
    pub octets: u64,
}

/// Where a bundle is that the box gets by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum BundlePlace {
    /// On a web server.
    Url {
        /// `http://` or `https://`.
        url: String,
    },
    /// On a USB stick.
    Stick {
        /// The kernel's name of the partition, such as `sda1`; `None`: wherever the only one of that name is.
        #[serde(default)]
        partition: Option<String>,
        /// The file's name in the top folder.
        name: String,
    },
}

impl BundlePlace {
    /// Reads an address, or `usb:NAME`, or `usb:PARTITION/NAME`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix("usb:") {
            let (partition, name) = match rest.split_once('/') {
                Some((partition, name)) => (Some(partition.to_owned()), name),
                None => (None, rest),
            };
            let name = name.to_owned();
            return (!name.is_empty()).then_some(Self::Stick { partition, name });
        }
        let web = ["https://", "http://"].iter().any(|scheme| {
            let head = text.get(..scheme.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(scheme)) && text.len() > scheme.len()
        });
        web.then(|| Self::Url { url: text.to_owned() })
    }

    /// For people and logs: as [`BundlePlace::parse`] reads it, but without what follows a `?`, which may be a secret.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Url { url } => match url.split_once('?') {
                Some((place, _)) => format!("{place}?…"),
                None => url.clone(),
            },
            Self::Stick { partition: None, name } => format!("usb:{name}"),
            Self::Stick {
                partition: Some(partition),
                name,
            } => format!("usb:{partition}/{name}"),
        }
    }
}

/// Has the box get a bundle by itself and check it; how far it is, is in [`FirmwareStatus::update`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FetchRequest {
    /// From where.
    pub from: BundlePlace,
    /// Who asks, for the log.
    pub user: String,
}

/// Has the USB sticks looked at: they are mounted for that moment alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SticksRequest {
    /// Who asks, for the log.
    pub user: String,
}

/// A slot as the boot loader sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotStatus {
    /// Which.
    pub slot: Slot,
    /// The version in it; `None` where it is empty or unknown.
    pub version: Option<String>,
    /// When that was installed; `None` for the factory's.
    pub installed: Option<Timestamp>,
    /// Its place in the boot loader's order, the highest first; `None` where the slot cannot be started.
    pub generation: Option<u32>,
    /// Starts that it has left to prove itself; `None` where they are not counted.
    pub tries_left: Option<u8>,
}

/// A bundle that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// Its version.
    pub version: String,
    /// What it says of itself; may be empty.
    pub description: String,
    /// The board that it is for.
    pub compatible: String,
    /// The SHA-256 of its manifest: names its contents.
    pub manifest: String,
    /// What must be confirmed before it is installed.
    pub confirmations: Vec<Confirmation>,
}

/// Something that is allowed but must be confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirmation {
    /// It is older than what runs.
    Downgrade,
    /// It is what runs.
    SameVersion,
    /// It was tried before and did not become healthy.
    RolledBackBefore,
}

/// What is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Update {
    /// Nothing.
    Idle,
    /// A bundle is being received.
    Receiving {
        /// Octets that arrived.
        received: u64,
        /// Octets that are expected; `None` where that is not known.
        expected: Option<u64>,
        /// From where the box gets it by itself; `None` where somebody sends it.
        #[serde(default)]
        from: Option<String>,
    },
    /// A bundle was checked and may be installed.
    Verified {
        /// The bundle.
        bundle: Bundle,
    },
    /// A bundle is being installed.
    Installing {
        /// Its version.
        version: String,
        /// How far, 0–100.
        percent: u8,
        /// What is being done, in RAUC's words.
        step: String,
    },
    /// Installed: the next start runs it.
    Ready {
        /// Its version.
        version: String,
        /// Where.
        slot: Slot,
        /// When the box restarts by itself; `None`: when it is told to.
        at: Option<Timestamp>,
    },
    /// It runs and has not proved itself yet.
    Trying {
        /// Its version.
        version: String,
        /// Counts the starts, from 1.
        attempt: u32,
    },
}

/// How an update ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// When.
    pub at: Timestamp,
    /// The version in question.
    pub version: String,
    /// What became of it.
    pub result: OutcomeKind,
}

/// The ways in which updates end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OutcomeKind {
    /// It runs and proved itself.
    Good,
    /// It did not prove itself: the version before runs again.
    RolledBack {
        /// Why.
        reason: Reason,
    },
    /// It could not be installed; nothing changed.
    Failed {
        /// Why, in words.
        message: String,
    },
    /// The power failed, or the box restarted, while it was written; nothing changed.
    Interrupted,
    /// It was taken back before it ran.
    Cancelled,
    /// A version that was good did not start any more: the other slot runs.
    FellBack {
        /// Why.
        reason: Reason,
    },
}

/// Why a version was left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The kind, for programs.
    pub kind: ReasonKind,
    /// More about it (English); may be empty.
    pub detail: String,
}

/// The kinds of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonKind {
    /// It never got as far as to say anything.
    DidNotStart,
    /// It ran, and one of its services did not work.
    Unhealthy,
    /// The kernel failed.
    Panic,
    /// It hung, and the watchdog restarted the box.
    Watchdog,
    /// The power failed, or the box was switched off, before it had proved itself.
    Interrupted,
}

/// Something that happened to the firmware.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When.
    pub at: Timestamp,
    /// Who asked for it; empty for the box itself.
    pub user: String,
    /// The version in question.
    pub version: String,
    /// What happened.
    pub event: HistoryEvent,
}

/// What can happen to the firmware.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum HistoryEvent {
    /// An installation began.
    Began,
    /// It is installed and waits for a restart.
    Installed {
        /// Where.
        slot: Slot,
    },
    /// It ran for the first time, or once more, without having proved itself.
    Started {
        /// Counts the starts, from 1.
        attempt: u32,
    },
    /// How it ended.
    Ended {
        /// The outcome.
        result: OutcomeKind,
    },
    /// The lowest version that may be installed was raised to this one.
    FloorRaised,
    /// All data was wiped.
    FactoryReset {
        /// Counts the resets of this box, from 1.
        count: u32,
    },
    /// The administrator's password was set in the recovery system, at the box itself.
    PasswordRecovered,
}

/// Starts of the box by their reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Boots {
    /// All of them.
    pub total: u64,
    /// After the box was restarted or switched off in order.
    pub ordered: u64,
    /// After the power failed.
    pub power: u64,
    /// After the watchdog restarted it.
    pub watchdog: u64,
    /// After the kernel failed.
    pub panic: u64,
}

/// What the health gate says of this start.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Health {
    /// Nothing yet.
    #[default]
    Unknown,
    /// Probes succeed, for so many seconds; 60 are wanted.
    Proving {
        /// Seconds without a failure.
        seconds: u32,
    },
    /// Probes fail.
    Failing {
        /// What fails, in words.
        problem: String,
    },
    /// All probes succeeded for 60 s, and the boot loader knows.
    Good,
}

/// Begins an upload: the caller then writes the bundle to the path of the answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReceiveRequest {
    /// The bundle's octets; `None` where that is not known before.
    pub octets: Option<u64>,
    /// Who sends it, for the log.
    pub user: String,
}

/// Where the bundle goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiveAnswer {
    /// A file that is to be made with this name; the group must be able to read it.
    pub path: String,
    /// The most octets that may be written to it.
    pub most: u64,
}

/// Checks the bundle that was received: signature, format, board, version.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VerifyRequest {
    /// Who asks, for the log.
    pub user: String,
}

/// Installs a bundle that was checked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InstallRequest {
    /// The manifest of the bundle that was checked ([`Bundle::manifest`]).
    pub manifest: String,
    /// What is confirmed.
    #[serde(default)]
    pub confirmed: Vec<Confirmation>,
    /// Who asks, for the log.
    pub user: String,
}

/// Takes back what was received, checked or installed and does not run yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CancelRequest {
    /// Who asks, for the log.
    pub user: String,
}

/// Restarts the box into what was installed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RebootRequest {
    /// When; `None` is now.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// Who asks, for the log.
    pub user: String,
}

/// What the health gate found; asked by its own user alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HealthReport {
    /// The first thing that does not work, in words; `None` where everything does.
    pub problem: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_shown() {
        for text in ["https://h/a.raucb", "HTTP://h", "usb:a b.raucb", "usb:sda1/a.raucb"] {
            assert_eq!(
                BundlePlace::parse(text).map(|place| place.shown()).as_deref(),
                Some(text)
            );
        }
        let secret = BundlePlace::parse("https://h/a.raucb?key=1?2").map(|place| place.shown());
        assert_eq!(secret.as_deref(), Some("https://h/a.raucb?…"));
        for bad in ["", "https://", "ftp://h/a", "usb:", "usb:sda1/", "a.raucb", "升级包"] {
            assert_eq!(BundlePlace::parse(bad), None, "{bad}");
        }
    }
}
