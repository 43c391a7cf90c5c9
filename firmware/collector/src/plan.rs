//! What is to be captured and how: from the supervisor's settings, or from the command line.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use api::supervisor::{PortRole, SettingsAnswer};
use model::{HomeNetworks, LinkId};
use settings::{FlowTimeouts, PortDirection, Role};

/// Flows that one port's cache can hold.
pub(crate) const FLOWS_MAX: usize = 1 << 20;

/// What one port's thread is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PortPlan {
    pub(crate) link: LinkId,
    /// The interface's name.
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) direction: PortDirection,
    pub(crate) capacity_bps: Option<u64>,
    pub(crate) home: HomeNetworks,
    pub(crate) timeouts: FlowTimeouts,
}

impl PortPlan {
    /// Whether flows that are open must be closed before the plan is changed to `other`.
    pub(crate) fn meters_differently(&self, other: &Self) -> bool {
        (self.link, self.direction, &self.home, self.timeouts)
            != (other.link, other.direction, &other.home, other.timeouts)
    }

    pub(crate) fn meter_config(&self) -> meter::Config {
        meter::Config {
            max_flows: FLOWS_MAX,
            idle: Some(Duration::from_secs(self.timeouts.idle_s.into())),
            active: Some(Duration::from_secs(self.timeouts.active_s.into())),
            ..meter::Config::live(self.link, self.home.clone())
        }
    }
}

/// The plans of all capture ports by their interface's name.
pub(crate) type Plans = BTreeMap<String, PortPlan>;

/// The plans that settings and ports call for; none where the box only analyzes.
pub(crate) fn from_settings(answer: &SettingsAnswer) -> Plans {
    let settings = &answer.settings;
    if settings.role == Role::Analyzer {
        return Plans::new();
    }
    let capture = answer.ports.iter().filter(|p| p.role == PortRole::Capture);
    let plans = capture.filter_map(|port| {
        let own = settings.ports.get(&port.name).cloned().unwrap_or_default();
        let plan = PortPlan {
            link: LinkId(port.link?),
            name: port.name.clone(),
            label: own.label,
            direction: own.direction,
            capacity_bps: own.capacity_bps.or(port.speed_bps),
            home: settings.home_networks.clone(),
            timeouts: settings.flow,
        };
        Some((port.name.clone(), plan))
    });
    plans.collect()
}

/// The plans that the command line calls for: the interfaces are links 1, 2, 3 …
pub(crate) fn from_names(names: &[String], home: &HomeNetworks, timeouts: FlowTimeouts) -> Plans {
    let plans = (1u16..).zip(names).map(|(number, name)| {
        let plan = PortPlan {
            link: LinkId(number),
            name: name.clone(),
            label: String::new(),
            direction: PortDirection::default(),
            capacity_bps: capture::nic::info(Path::new("/sys/class/net"), name).speed,
            home: home.clone(),
            timeouts,
        };
        (name.clone(), plan)
    });
    plans.collect()
}
