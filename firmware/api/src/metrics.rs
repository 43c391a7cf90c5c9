//! Who may read the box's metrics: whoever has the token. The supervisor makes it, keeps its hash, and checks it.

use std::net::IpAddr;

use model::Timestamp;
use serde::{Deserialize, Serialize};

/// Asks whether metrics are answered, and who read them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct MetricsQuery {}

/// Whether metrics are answered, and who read them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MetricsAccess {
    /// When the token was made; `None`: there is none, and nobody reads metrics.
    pub made: Option<Timestamp>,
    /// The last reading with the token; `None`: none since the supervisor started.
    pub read: Option<MetricsRead>,
}

/// A reading of metrics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricsRead {
    /// When.
    pub at: Timestamp,
    /// From where.
    pub source: IpAddr,
}

/// Makes a new token in the place of the one before, or takes it away.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChangeMetricsRequest {
    /// Whether there is a token from now on.
    pub on: bool,
    /// Who asks, for the log.
    pub user: String,
}

/// What there is now.
#[derive(Clone, Serialize, Deserialize)]
pub struct MetricsToken {
    /// The new token, which is never told again: 64 hexadecimal digits; `None`: metrics are off.
    pub token: Option<String>,
}

/// Checks a token. Wrong ones are counted by address.
#[derive(Clone, Serialize, Deserialize)]
pub struct ProveMetricsRequest {
    /// What was given as the token; `None`: nothing was.
    pub token: Option<String>,
    /// Where the request came from.
    pub source: IpAddr,
}

/// The token is right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricsProved {}

/// Tokens never reach a log by way of `Debug`.
impl std::fmt::Debug for MetricsToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetricsToken").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ProveMetricsRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProveMetricsRequest")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
