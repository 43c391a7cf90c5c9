//! What the programs say to each other over Unix sockets: requests, answers, and both ends of the
//! conversation. A socket's requests are one enum; each kind of request knows its answer's type.

pub mod alarms;
pub mod analyzer;
pub mod client;
pub mod collector;
pub mod eeprom;
pub mod endpoints;
pub mod firmware;
pub mod frame;
pub mod hardware;
pub mod ingest;
pub mod labels;
pub mod metrics;
pub mod server;
pub mod sheet;
pub mod supervisor;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Where the programs' sockets are.
pub const RUN_DIR: &str = "/run/spanwatch";

/// A program that answers requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Settings, users, system state.
    Supervisor,
    /// Capture state.
    Collector,
    /// Records and windows.
    Analyzer,
    /// Hardware.
    Hwmon,
}

impl Service {
    /// The socket's path below the run folder.
    #[must_use]
    pub const fn socket(self) -> &'static str {
        match self {
            Self::Supervisor => "supervisor/api.sock",
            Self::Collector => "collector/api.sock",
            Self::Analyzer => "analyzer/api.sock",
            Self::Hwmon => "hwmon/api.sock",
        }
    }

    /// The program's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Supervisor => "supervisor",
            Self::Collector => "collector",
            Self::Analyzer => "analyzer",
            Self::Hwmon => "hwmon",
        }
    }
}

/// Where the analyzer takes records from collectors, below the run folder.
pub const INGEST_SOCKET: &str = "analyzer/ingest.sock";

/// A request whose answer's type is known.
pub trait Call: Serialize {
    /// What comes back.
    type Answer: Serialize + DeserializeOwned;
    /// Who answers.
    const SERVICE: Service;
    /// The request as its service's enum has it.
    type Request: Serialize + DeserializeOwned + From<Self>
    where
        Self: Sized;
}

/// Why a request was not answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The kind, for programs.
    pub kind: FailureKind,
    /// What went wrong and what to do, for people (English).
    pub message: String,
}

/// The kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The request itself is wrong.
    BadRequest,
    /// The caller may not do that, or did not prove who they are.
    Denied,
    /// Too many wrong attempts: try again later.
    LockedOut,
    /// The state changed meanwhile; read it again.
    Conflict,
    /// What was asked for is not there.
    NotFound,
    /// The service cannot do it now.
    Unavailable,
}

impl Failure {
    /// A failure of a kind with its message.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

/// Defines a service's request enum and binds each request to its answer.
macro_rules! service {
    ($(#[$doc:meta])* $service:ident, $request:ident { $($(#[$vdoc:meta])* $variant:ident($call:ty) -> $answer:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "call", content = "args", rename_all = "snake_case")]
        #[allow(clippy::large_enum_variant, reason = "requests are few and live for one call")]
        pub enum $request {
            $($(#[$vdoc])* $variant($call),)*
        }
        $(
            impl From<$call> for $request {
                fn from(call: $call) -> Self {
                    Self::$variant(call)
                }
            }
            impl $crate::Call for $call {
                type Answer = $answer;
                type Request = $request;
                const SERVICE: $crate::Service = $crate::Service::$service;
            }
        )*
    };
}
pub(crate) use service;
