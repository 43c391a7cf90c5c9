//! What is to be captured and how: from the supervisor's settings, or from the command line.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use api::supervisor::{PortRole, SettingsAnswer};
use model::{Definitions, HomeNetworks, LinkId};
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
    /// The applications that the firmware does not know.
    pub(crate) definitions: Arc<Definitions>,
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
            definitions: self.definitions.clone(),
            ..meter::Config::live(self.link, self.home.clone())
        }
    }
}

/// The plans of all capture ports by their interface's name.
pub(crate) type Plans = BTreeMap<String, PortPlan>;

/// The plans that settings and ports call for; none where the box only analyzes.
pub(crate) fn from_settings(answer: &SettingsAnswer, definitions: &Arc<Definitions>) -> Plans {
    let settings = &answer.settings;
    if settings.role == Role::Analyzer {
        return Plans::new();
    }
    let capture = answer.ports.iter().filter(|p| p.role == PortRole::Capture);
    let plans = capture.filter_map(|port| {
        let own = settings.ports.get(&port.name).cloned().unwrap_or_default();
        let plan = PortPlan {
            link: LinkId(u32::from(port.link?)),
            name: port.name.clone(),
            label: own.label,
            direction: own.direction,
            capacity_bps: own.capacity_bps.or(port.speed_bps),
            home: settings.home_networks.clone(),
            timeouts: settings.flow,
            definitions: definitions.clone(),
        };
        Some((port.name.clone(), plan))
    });
    plans.collect()
}

/// The plans that the command line calls for: the interfaces are links 1, 2, 3 …
pub(crate) fn from_names(
    names: &[String],
    home: &HomeNetworks,
    timeouts: FlowTimeouts,
    definitions: &Arc<Definitions>,
) -> Plans {
    let plans = (1u16..).zip(names).map(|(number, name)| {
        let plan = PortPlan {
            link: LinkId(u32::from(number)),
            name: name.clone(),
            label: String::new(),
            direction: PortDirection::default(),
            capacity_bps: capture::nic::info(Path::new("/sys/class/net"), name).speed,
            home: home.clone(),
            timeouts,
            definitions: definitions.clone(),
        };
        (name.clone(), plan)
    });
    plans.collect()
}

#[cfg(test)]
mod tests {
    use api::supervisor::NetworkPort;
    use settings::{Port, Settings};

    use super::*;

    fn port(name: &str, role: PortRole, link: Option<u16>) -> NetworkPort {
        NetworkPort {
            name: name.to_owned(),
            role,
            link,
            pci: None,
            mac: None,
            driver: None,
            up: true,
            speed_bps: Some(10_000_000_000),
            addresses: Vec::new(),
        }
    }

    fn answer(role: Role) -> SettingsAnswer {
        let mut settings = Settings {
            role,
            ..Settings::default()
        };
        let own = Port {
            label: "core".to_owned(),
            direction: PortDirection::In,
            capacity_bps: Some(1_000_000_000),
            rings: None,
        };
        settings.ports.insert("enp2".to_owned(), own);
        SettingsAnswer {
            change: 1,
            settings,
            ports: vec![
                port("enp1", PortRole::Management, None),
                port("enp2", PortRole::Capture, Some(1)),
                port("enp3", PortRole::Capture, Some(2)),
            ],
            unconfirmed_until: None,
        }
    }

    fn erp() -> Definitions {
        let application = model::Application {
            name: "erp".to_owned(),
            endpoints: vec![model::Endpoint {
                protocol: Some(6),
                ..model::Endpoint::default()
            }],
        };
        Definitions::new(&BTreeMap::from([(1, application)]))
    }

    #[test]
    fn capture_ports_are_captured_as_the_settings_say() {
        let plans = from_settings(&answer(Role::Standalone), &Arc::default());
        assert_eq!(plans.keys().collect::<Vec<_>>(), ["enp2", "enp3"]);
        let (named, plain) = (&plans["enp2"], &plans["enp3"]);
        assert_eq!((named.label.as_str(), named.direction), ("core", PortDirection::In));
        assert_eq!((named.link, named.capacity_bps), (LinkId(1), Some(1_000_000_000)));
        assert_eq!((plain.link, plain.capacity_bps), (LinkId(2), Some(10_000_000_000)));
        assert_eq!(plain.home, HomeNetworks::private());
        assert!(from_settings(&answer(Role::Analyzer), &Arc::default()).is_empty());
    }

    #[test]
    fn only_what_concerns_the_meter_cuts_flows() {
        let plan = from_settings(&answer(Role::Collector), &Arc::default())["enp3"].clone();
        let changed = |change: fn(&mut PortPlan)| {
            let mut other = plan.clone();
            change(&mut other);
            plan.meters_differently(&other)
        };
        assert!(!changed(|p| p.label = "x".to_owned()) && !changed(|p| p.capacity_bps = None));
        assert!(!changed(|p| p.definitions = Arc::new(erp())));
        assert!(changed(|p| p.timeouts.idle_s = 7) && changed(|p| p.direction = PortDirection::Out));
        assert!(changed(|p| p.home = HomeNetworks::default()));
    }
}
