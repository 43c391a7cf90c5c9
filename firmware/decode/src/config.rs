//! What a decoder can be told, and what bounds it.

use std::sync::Arc;
use std::time::Duration;

use model::{Definitions, HomeNetworks};

/// What a peer can make the decoder keep, and no more. What is evicted or refused is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Exporters. A new one is refused while every known one is in use; see [`Config::exporter_idle`].
    pub exporters: usize,
    /// Observation domains (source ids, engines, sub-agents) an exporter; the one longest silent makes room.
    pub domains: usize,
    /// Templates a domain; the one longest unused makes room.
    pub templates: usize,
    /// Fields a template; one with more is refused.
    pub fields: usize,
    /// Fields of all templates of an exporter; templates longest unused make room.
    pub fields_exporter: usize,
    /// Fields of all templates of all exporters; beyond them, new templates are refused.
    pub fields_total: usize,
    /// Octets of data before its template, a domain.
    pub pending_domain: usize,
    /// Octets of data before its template, of all exporters. One has an eighth of it at the most, but not less than a
    /// domain's worth.
    pub pending_total: usize,
    /// Entries learnt from options (samplers, interfaces, applications, VRFs, element names) an exporter.
    pub entries: usize,
    /// Entries learnt from options, of all exporters.
    pub entries_total: usize,
    /// Sources of sFlow samples whose sequence numbers are followed, a domain.
    pub sources: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            exporters: 16_384,
            domains: 64,
            templates: 256,
            fields: 512,
            fields_exporter: 1 << 15,
            fields_total: 16 << 20,
            pending_domain: 1 << 20,
            pending_total: 64 << 20,
            entries: 16_384,
            entries_total: 1 << 20,
            sources: 4_096,
        }
    }
}

/// The settings of a decoder.
#[derive(Debug, Clone)]
pub struct Config {
    /// What is inside, for the records' direction.
    pub home: HomeNetworks,
    /// The applications that the firmware does not know.
    pub definitions: Arc<Definitions>,
    /// What bounds it.
    pub limits: Limits,
    /// How long data waits for its template. Exporters repeat templates every 30 min at the latest by default.
    pub pending_lifetime: Duration,
    /// How long a template lasts that does not come again; `None`: until it is withdrawn or evicted.
    pub template_lifetime: Option<Duration>,
    /// An exporter that was silent for longer may make room for a new one.
    pub exporter_idle: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            home: HomeNetworks::private(),
            definitions: Arc::default(),
            limits: Limits::default(),
            pending_lifetime: Duration::from_secs(35 * 60),
            template_lifetime: None,
            exporter_idle: Duration::from_secs(3_600),
        }
    }
}
