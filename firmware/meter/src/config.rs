//! What a meter can be told.

use std::sync::Arc;
use std::time::Duration;

use dissect::l7;
use model::{Definitions, HomeNetworks, LinkId};

/// The settings of a meter.
#[derive(Debug, Clone)]
pub struct Config {
    /// The link that the records name.
    pub link: LinkId,
    /// What is inside, for the records' direction.
    pub home: HomeNetworks,
    /// The applications that the firmware does not know.
    pub definitions: Arc<Definitions>,
    /// Flows in the cache; about 300 octets each, taken as they come.
    pub max_flows: usize,
    /// A flow that was silent for longer is closed; `None` never closes one for that.
    pub idle: Option<Duration>,
    /// A flow that lasts longer is reported in parts; `None` reports it once.
    pub active: Option<Duration>,
    /// A TCP flow that ended (FIN both ways, or RST) is kept for stragglers as long as no packet
    /// is later than this; `None` waits for the idle timeout.
    pub linger: Option<Duration>,
    /// Whether the same addresses and ports in another VLAN are another flow.
    pub vlan_in_key: bool,
    /// Whether [`crate::Meter::deltas`] will be asked.
    pub deltas: bool,
    /// How flows are looked into; `None` leaves their applications to their ports. Its link is the meter's.
    pub layer7: Option<l7::Config>,
    /// Gets the memory of flows, address and octets, before it is used: `capture::favour_large_pages`, or nothing.
    pub on_memory: fn(*const u8, usize),
}

impl Config {
    /// For live traffic: idle after 30 s, reported every 60 s, a million flows.
    #[must_use]
    pub fn live(link: LinkId, home: HomeNetworks) -> Self {
        Self {
            link,
            home,
            definitions: Arc::default(),
            max_flows: 1 << 20,
            idle: Some(Duration::from_secs(30)),
            active: Some(Duration::from_secs(60)),
            linger: Some(Duration::from_secs(2)),
            vlan_in_key: false,
            deltas: true,
            layer7: Some(l7::Config {
                max_inspections: 1 << 16,
                ..l7::Config::default()
            }),
            on_memory: |_, _| {},
        }
    }

    /// For captures: one record a flow, however long it lasts or is silent; a new connection on
    /// the ports of one that ended is a flow of its own.
    #[must_use]
    pub fn offline() -> Self {
        Self {
            link: LinkId::default(),
            home: HomeNetworks::private(),
            definitions: Arc::default(),
            max_flows: 4 << 20,
            idle: None,
            active: None,
            linger: None,
            vlan_in_key: false,
            deltas: false,
            layer7: Some(l7::Config {
                logs: false,
                ..l7::Config::default()
            }),
            on_memory: |_, _| {},
        }
    }
}
