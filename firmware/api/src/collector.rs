//! What the collector is asked.

use model::{DropCounters, LinkCounters, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ingest::LinkInfo;
use crate::service;

service! {
    /// A request to the collector.
    Collector, CollectorRequest {
        /// How it is.
        Status(StatusQuery) -> CollectorStatus,
    }
}

/// Asks how the collector is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct StatusQuery {}

/// How the collector is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CollectorStatus {
    /// The release.
    pub version: String,
    /// When it started.
    pub started: Timestamp,
    /// The capture ports.
    pub ports: Vec<PortStatus>,
    /// Flows in the caches.
    pub flows: u64,
    /// Flows that the caches can hold.
    pub flows_max: u64,
    /// Records made since the start.
    pub records: u64,
    /// Records in batches that the analyzer has not acknowledged yet.
    pub unacknowledged: u64,
    /// Of those, octets that are spooled on disk.
    pub spooled_bytes: u64,
    /// What was lost since the start, summed over the ports.
    pub drops: DropCounters,
    /// Whether the analyzer is connected; if not, why.
    pub analyzer: Result<(), String>,
}

/// A capture port's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PortStatus {
    /// The port.
    pub info: LinkInfo,
    /// What it saw since the start.
    pub counters: LinkCounters,
    /// Why nothing is captured on it now; `None` when all is well.
    pub trouble: Option<String>,
}
