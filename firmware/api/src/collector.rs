//! What the collector is asked.

use std::net::{IpAddr, SocketAddr};

use model::{DropCounters, LinkCounters, LinkId, SystemFacts, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ingest::LinkInfo;
use crate::service;

service! {
    /// A request to the collector.
    Collector, CollectorRequest {
        /// How it is.
        Status(StatusQuery) -> CollectorStatus,
        /// The exporters, and who else sends.
        Exporters(ExportersQuery) -> Exporters,
        /// One exporter in full.
        Exporter(ExporterQuery) -> ExporterDetail,
        /// Asks a registered exporter's SNMP agent for its system group, now.
        Probe(ProbeRequest) -> ProbeAnswer,
        /// Sends a packet of the collector's own through its stages; the analyzer has its record soon after.
        SelfTest(SelfTestRequest) -> SelfTestAnswer,
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
    /// Its packet rings; each has a thread of its own.
    #[serde(default)]
    pub rings: Vec<RingStatus>,
    /// Whose clock the packets' times come from.
    #[serde(default)]
    pub timestamps: Timestamps,
    /// The NIC's driver; `None` where it does not say.
    #[serde(default)]
    pub driver: Option<String>,
    /// The longest payload of a frame, in octets; longer frames are not received.
    #[serde(default)]
    pub mtu: Option<u32>,
}

/// A packet ring of a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingStatus {
    /// The processor that its thread is held to; `None`: whichever is free.
    pub cpu: Option<u32>,
    /// Frames that came to it since the port was opened, those that it dropped included.
    pub frames: u64,
    /// Frames that the kernel dropped because the ring was full.
    pub drops: u64,
    /// How often the ring was full.
    pub freezes: u64,
    /// Flows in its cache.
    pub flows: u64,
    /// Octets of the ring's memory.
    pub memory_bytes: u64,
}

/// Whose clock packets' times come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timestamps {
    /// Nobody's: the port is not open.
    #[default]
    None,
    /// The kernel's, when it takes the packet from the NIC.
    Software,
    /// The NIC's, when the packet comes in.
    Hardware,
}

/// Asks for the exporters.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ExportersQuery {}

/// The exporters, and who else sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exporters {
    /// Registered exporters, by number.
    pub exporters: Vec<ExporterStatus>,
    /// Senders that are not registered, while discovery is on: the latest first, at most 1,000.
    pub pending: Vec<PendingSender>,
    /// What is received on.
    pub sockets: Vec<SocketStatus>,
    /// SHA-256 of the certificate of syslog over TLS, in hexadecimal; `None` where it is not received.
    pub syslog_certificate: Option<String>,
}

/// A protocol that exporters speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the protocols' own names")]
pub enum Protocol {
    NetflowV1,
    NetflowV5,
    NetflowV7,
    NetflowV9,
    Ipfix,
    Sflow,
    Syslog,
    SyslogTls,
    Trap,
}

/// How an exporter is. Counts are since the collector's start; rates are of the last 60 s.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExporterStatus {
    /// Its link.
    pub link: LinkId,
    /// Its name in the settings.
    pub name: String,
    /// Its addresses in the settings.
    pub addresses: Vec<IpAddr>,
    /// Whether it is enabled in the settings.
    pub enabled: bool,
    /// When its first datagram came since the start; `None`: none yet.
    pub first_seen: Option<Timestamp>,
    /// When its last datagram came.
    pub last_seen: Option<Timestamp>,
    /// The protocols that it spoke.
    pub protocols: Vec<Protocol>,
    /// Datagrams.
    pub datagrams: u64,
    /// Octets of datagrams.
    pub octets: u64,
    /// Flow records, or flow samples of sFlow.
    pub records: u64,
    /// Log messages and traps.
    pub messages: u64,
    /// Datagrams a second.
    pub datagrams_per_s: f64,
    /// Records a second.
    pub records_per_s: f64,
    /// Traffic in bit/s by its records, with sampling applied.
    pub bits_per_s: f64,
    /// Records (v5, IPFIX) or datagrams (v9, sFlow) that never came, by the sequence numbers.
    pub lost: u64,
    /// Decode errors of all kinds.
    pub errors: u64,
    /// Templates that are known.
    pub templates: u32,
    /// Sampling rates in use, the smallest first; at most 8.
    pub sampling: Vec<u32>,
    /// The SNMP agent's state; `None` where it is not polled.
    pub snmp: Option<SnmpStatus>,
}

impl ExporterStatus {
    /// An exporter that nothing came from.
    #[must_use]
    pub fn silent(link: LinkId, name: String, addresses: Vec<IpAddr>, enabled: bool) -> Self {
        Self {
            link,
            name,
            addresses,
            enabled,
            first_seen: None,
            last_seen: None,
            protocols: Vec::new(),
            datagrams: 0,
            octets: 0,
            records: 0,
            messages: 0,
            datagrams_per_s: 0.0,
            records_per_s: 0.0,
            bits_per_s: 0.0,
            lost: 0,
            errors: 0,
            templates: 0,
            sampling: Vec::new(),
            snmp: None,
        }
    }
}

/// How an SNMP agent is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SnmpStatus {
    /// When it last answered.
    pub last_answer: Option<Timestamp>,
    /// Why it does not answer, or what it refuses; `None` when all is well.
    pub trouble: Option<String>,
    /// Milliseconds of the last round trip.
    pub round_trip_ms: Option<f64>,
    /// Requests sent.
    pub requests: u64,
    /// Requests that were not answered in time.
    pub timeouts: u64,
    /// Milliseconds that the last poll took in all.
    pub poll_ms: Option<f64>,
}

/// A sender that is not registered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingSender {
    /// Its address.
    pub address: IpAddr,
    /// What it seems to speak.
    pub protocols: Vec<Protocol>,
    /// Datagrams that were dropped.
    pub datagrams: u64,
    /// When the first came.
    pub first_seen: Timestamp,
    /// When the last came.
    pub last_seen: Timestamp,
}

/// A socket that datagrams are received on (several kernel sockets of the same port are one here).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SocketStatus {
    /// What is received.
    pub purpose: SocketPurpose,
    /// Where.
    pub address: SocketAddr,
    /// Datagrams or messages received.
    pub datagrams: u64,
    /// Datagrams that the kernel dropped because the buffer was full.
    pub dropped: u64,
    /// Datagrams of senders that are not registered.
    pub unregistered: u64,
    /// Octets of the receive buffer.
    pub buffer: u64,
    /// Why nothing is received; `None` when all is well.
    pub trouble: Option<String>,
}

/// What a socket receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SocketPurpose {
    /// NetFlow, IPFIX and sFlow.
    Flow,
    /// Syslog over UDP.
    Syslog,
    /// Syslog over TLS.
    SyslogTls,
    /// SNMP traps and informs.
    Traps,
}

/// Asks for one exporter.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExporterQuery {
    /// Its link.
    pub link: LinkId,
}

/// One exporter in full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExporterDetail {
    /// As in the list.
    pub status: ExporterStatus,
    /// Its streams: one an address, protocol and observation domain.
    pub streams: Vec<StreamStatus>,
    /// Decode errors by kind: the kind's name, and how many.
    pub errors: Vec<(String, u64)>,
    /// The newest decode error in words, with where in the datagram it was found.
    pub last_error: Option<String>,
}

/// One stream of an exporter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamStatus {
    /// The address that it comes from.
    pub address: IpAddr,
    /// The protocol.
    pub protocol: Protocol,
    /// Observation domain, source id, engine or sub-agent.
    pub domain: u32,
    /// Datagrams.
    pub datagrams: u64,
    /// Records.
    pub records: u64,
    /// Records or datagrams that never came.
    pub lost: u64,
    /// How often the sequence began anew.
    pub restarts: u64,
    /// Octets of data that wait for their template.
    pub pending_octets: u64,
    /// Data sets that were dropped because no template came.
    pub undecodable: u64,
    /// Sampling: the sampler or interface, where it is about one, and the rate.
    pub sampling: Vec<(Option<u64>, u32)>,
    /// The templates.
    pub templates: Vec<TemplateStatus>,
}

/// A template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TemplateStatus {
    /// Its number.
    pub id: u16,
    /// Whether it describes options.
    pub options: bool,
    /// When it was last announced.
    pub seen: Timestamp,
    /// Records that it decoded.
    pub records: u64,
    /// Its fields: the element's name, and its length in octets (65535: variable).
    pub fields: Vec<(String, u16)>,
}

/// Asks a registered exporter's SNMP agent for its system group, now.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProbeRequest {
    /// The exporter.
    pub link: LinkId,
}

/// What the agent said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeAnswer {
    /// The system group, or why there is none, in words.
    pub system: Result<SystemFacts, String>,
    /// Milliseconds until the answer.
    pub took_ms: f64,
}

/// Asks for a self-test.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SelfTestRequest {}

/// What the record of the self-test's packet is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfTestAnswer {
    /// When the packet was seen: the record's start.
    pub time: Timestamp,
    /// Its source.
    pub source: IpAddr,
    /// Its destination.
    pub destination: IpAddr,
    /// Its UDP source port: another in each test.
    pub source_port: u16,
    /// The record's link, [`LinkId::SELF_TEST`].
    pub link: LinkId,
}
