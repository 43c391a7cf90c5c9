//! What is to be captured and how: from the supervisor's settings, or from the command line.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use api::supervisor::{PortRole, SettingsAnswer};
use dissect::l7::{self, Names, Signatures};
use model::{Definitions, HomeNetworks, LinkId};
use settings::{FlowTimeouts, PortDirection, Role, Settings};

use crate::machine::Machine;

/// Flows that one port's caches can hold where memory allows.
const FLOWS_MAX: usize = 1 << 20;
/// The fewest that they can hold, however small the machine.
const FLOWS_MIN: usize = 1 << 16;
/// Octets of memory that a flow takes, what is looked into included.
const FLOW_OCTETS: u64 = 400;
/// Application log lines that a port keeps a second.
const LOGS_PER_S: u32 = 20_000;
/// Link speed that one ring's thread is for. bit/s.
const RING_BPS: u64 = 2_500_000_000;
/// The most rings that a port gets by itself.
const RINGS_BY_SPEED: u64 = 16;
/// Octets of a ring's memory: 13 ms of 10 Gbit/s or more, for a thread that is held up.
const RING_OCTETS: u64 = 16 << 20;
const FAST_RING_OCTETS: u64 = 64 << 20;

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
    /// How applications are recognised by names and octets.
    pub(crate) signatures: SignaturesInUse,
    /// Whether application logs are kept.
    pub(crate) logs: bool,
    /// Rings that share the port's frames.
    pub(crate) rings: u16,
    /// Octets of each ring's memory.
    pub(crate) ring_octets: u64,
    /// Flows that all rings' caches together can hold.
    pub(crate) flows_max: usize,
}

/// Signatures that are in use; the same only if they are the same tables.
#[derive(Debug, Clone)]
pub(crate) struct SignaturesInUse(Arc<Signatures>);

impl SignaturesInUse {
    pub(crate) fn get(&self) -> Arc<Signatures> {
        self.0.clone()
    }
}

impl Default for SignaturesInUse {
    fn default() -> Self {
        Self(Signatures::builtin())
    }
}

impl PartialEq for SignaturesInUse {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for SignaturesInUse {}

/// What applications are known by: shared by all threads, and other values only where the settings changed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    pub(crate) definitions: Arc<Definitions>,
    pub(crate) signatures: SignaturesInUse,
    /// The text that the signatures were read from.
    text: String,
}

impl Known {
    /// Takes what is new in the settings.
    pub(crate) fn follow(&mut self, settings: &Settings) {
        let applications = &settings.objects.applications;
        let redefined = self.definitions.applications() != applications;
        if redefined {
            log::info!(EVENT = "definitions"; "{} applications are defined", applications.len());
            self.definitions = Arc::new(Definitions::new(applications));
        }
        if redefined || self.text != settings.signatures {
            self.text.clone_from(&settings.signatures);
            match Signatures::with(&settings.signatures, &|name| settings.objects.app_of(name)) {
                Ok(signatures) => self.signatures = SignaturesInUse(signatures),
                Err(e) => {
                    log::error!(EVENT = "no_signatures"; "the signatures of the settings cannot be used, the last ones stay: {e}");
                }
            }
        }
    }
}

impl PortPlan {
    /// Whether flows that are open must be closed before the plan is changed to `other`.
    pub(crate) fn meters_differently(&self, other: &Self) -> bool {
        (
            self.link,
            self.direction,
            &self.home,
            self.timeouts,
            self.logs,
            self.flows_max,
        ) != (
            other.link,
            other.direction,
            &other.home,
            other.timeouts,
            other.logs,
            other.flows_max,
        )
    }

    /// How each of the rings meters.
    pub(crate) fn meter_config(&self, names: &Arc<Names>) -> meter::Config {
        let rings = usize::from(self.rings.max(1));
        // Addresses do not spread evenly: a ring of several may hold twice its share.
        let share = |all: usize| if rings > 1 { all / rings * 2 } else { all };
        let layer7 = l7::Config::default();
        meter::Config {
            max_flows: share(self.flows_max),
            idle: Some(Duration::from_secs(self.timeouts.idle_s.into())),
            active: Some(Duration::from_secs(self.timeouts.active_s.into())),
            definitions: self.definitions.clone(),
            layer7: Some(l7::Config {
                logs: self.logs,
                signatures: self.signatures.get(),
                names: names.clone(),
                // Few flows are looked into at a time.
                max_inspections: layer7.max_inspections.min(share(self.flows_max) / 4),
                max_held: layer7.max_held.min(share(self.flows_max) * 64),
                ..layer7
            }),
            on_memory: capture::favour_large_pages,
            ..meter::Config::live(self.link, self.home.clone())
        }
    }

    /// Application log lines that each ring keeps a second.
    pub(crate) fn ring_logs_per_s(&self) -> u32 {
        LOGS_PER_S.div_ceil(u32::from(self.rings.max(1)))
    }
}

/// The plans of all capture ports by their interface's name.
pub(crate) type Plans = BTreeMap<String, PortPlan>;

/// The plans that settings and ports call for; none where the box only analyzes.
pub(crate) fn from_settings(answer: &SettingsAnswer, known: &Known, machine: &Machine) -> Plans {
    let settings = &answer.settings;
    if settings.role == Role::Analyzer {
        return Plans::new();
    }
    let capture = answer.ports.iter().filter(|p| p.role == PortRole::Capture);
    let plans = capture.filter_map(|port| {
        let own = settings.ports.get(&port.name).cloned().unwrap_or_default();
        let capacity = own.capacity_bps.or(port.speed_bps);
        let plan = PortPlan {
            link: LinkId(u32::from(port.link?)),
            label: own.label,
            direction: own.direction,
            // By the port's own speed: no mirror port carries more, whatever the mirrored link can.
            rings: own.rings.unwrap_or_else(|| rings(port.speed_bps, machine)),
            ..PortPlan::new(&port.name, capacity, settings, known)
        };
        Some((port.name.clone(), plan))
    });
    fit(plans.collect(), machine)
}

/// The plans that the command line calls for: the interfaces are links 1, 2, 3 …
pub(crate) fn from_names(names: &[String], settings: &Settings, known: &Known, machine: &Machine) -> Plans {
    let plans = (1u16..).zip(names).map(|(number, name)| {
        let own = settings.ports.get(name).cloned().unwrap_or_default();
        let speed = capture::nic::info(Path::new("/sys/class/net"), name).speed;
        let plan = PortPlan {
            link: LinkId(u32::from(number)),
            label: own.label,
            direction: own.direction,
            rings: own.rings.unwrap_or_else(|| rings(speed, machine)),
            ..PortPlan::new(name, own.capacity_bps.or(speed), settings, known)
        };
        (name.clone(), plan)
    });
    fit(plans.collect(), machine)
}

impl PortPlan {
    /// The plan of the self-test's stages: no port, one flow, no logs.
    pub(crate) fn of_self_test() -> Self {
        Self {
            link: LinkId::SELF_TEST,
            logs: false,
            flows_max: 1_024,
            ..Self::new("self-test", None, &Settings::default(), &Known::default())
        }
    }

    fn new(name: &str, capacity_bps: Option<u64>, settings: &Settings, known: &Known) -> Self {
        Self {
            link: LinkId::default(),
            name: name.to_owned(),
            label: String::new(),
            direction: PortDirection::default(),
            capacity_bps,
            home: settings.home_networks.clone(),
            timeouts: settings.flow,
            definitions: known.definitions.clone(),
            signatures: known.signatures.clone(),
            logs: settings.application_logs,
            rings: 1,
            ring_octets: RING_OCTETS,
            flows_max: FLOWS_MAX,
        }
    }
}

/// Rings for a port of this speed, where nobody says how many: one for each 2.5 Gbit/s, and no more than processors
/// that are free for them.
fn rings(speed_bps: Option<u64>, machine: &Machine) -> u16 {
    let by_speed = speed_bps.unwrap_or(0).div_ceil(RING_BPS).clamp(1, RINGS_BY_SPEED);
    let free = machine.cpus.len().saturating_sub(1).max(1);
    u16::try_from(by_speed)
        .unwrap_or(1)
        .min(u16::try_from(free).unwrap_or(u16::MAX))
}

/// Divides the machine's memory: an eighth for the rings, an eighth for the flows.
fn fit(mut plans: Plans, machine: &Machine) -> Plans {
    let eighth = machine.memory / 8;
    let ports = plans.len().max(1) as u64;
    let all_rings: u64 = plans.values().map(|p| u64::from(p.rings)).sum();
    for plan in plans.values_mut() {
        let fast = plan.rings > 1 || plan.capacity_bps.is_some_and(|bps| bps > RING_BPS);
        let wanted = if fast { FAST_RING_OCTETS } else { RING_OCTETS };
        plan.ring_octets = wanted.min(eighth / all_rings.max(1)).max(4 << 20);
        let flows = usize::try_from(eighth / ports / FLOW_OCTETS).unwrap_or(FLOWS_MAX);
        plan.flows_max = flows.clamp(FLOWS_MIN, FLOWS_MAX);
    }
    plans
}

/// The processors that the rings' threads are held to, by port: each its own, where one is left for everything else;
/// none are held where there are fewer.
pub(crate) fn seats(plans: &Plans, machine: &Machine) -> BTreeMap<String, Vec<Option<usize>>> {
    let rings: usize = plans.values().map(|p| usize::from(p.rings)).sum();
    let own = machine.cpus.len().checked_sub(1).filter(|free| rings <= *free);
    // The first ones take most interrupts.
    let mut free = machine.cpus.iter().rev().copied().take(own.unwrap_or(0));
    let seats = plans.iter().map(|(name, plan)| {
        let seats = (0..plan.rings).map(|_| free.next()).collect();
        (name.clone(), seats)
    });
    seats.collect()
}

#[cfg(test)]
mod tests {
    use api::supervisor::NetworkPort;
    use settings::Port;

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
            rings: Some(2),
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

    fn machine(cpus: usize, gib: u64) -> Machine {
        Machine {
            cpus: (0..cpus).collect(),
            memory: gib << 30,
        }
    }

    #[test]
    fn capture_ports_are_captured_as_the_settings_say() {
        let (known, machine) = (Known::default(), machine(8, 16));
        let plans = from_settings(&answer(Role::Standalone), &known, &machine);
        assert_eq!(plans.keys().collect::<Vec<_>>(), ["enp2", "enp3"]);
        let (named, plain) = (&plans["enp2"], &plans["enp3"]);
        assert_eq!((named.label.as_str(), named.direction), ("core", PortDirection::In));
        assert_eq!((named.link, named.capacity_bps), (LinkId(1), Some(1_000_000_000)));
        assert_eq!((plain.link, plain.capacity_bps), (LinkId(2), Some(10_000_000_000)));
        assert_eq!(plain.home, HomeNetworks::private());
        // One by the settings, the other by its 10 Gbit/s.
        assert_eq!((named.rings, plain.rings), (2, 4));
        assert_eq!(
            (plain.ring_octets, plain.flows_max, plain.logs),
            (64 << 20, 1 << 20, true)
        );
        assert!(from_settings(&answer(Role::Analyzer), &known, &machine).is_empty());
    }

    #[test]
    fn a_small_machine_gives_little_memory_and_no_processor_of_its_own() {
        let small = machine(2, 2);
        let plans = from_settings(&answer(Role::Standalone), &Known::default(), &small);
        assert_eq!((plans["enp2"].rings, plans["enp3"].rings), (2, 1));
        assert!(plans.values().all(|p| p.flows_max == 335_544));
        let rings: u64 = plans.values().map(|p| u64::from(p.rings) * p.ring_octets).sum();
        assert!(rings <= small.memory / 8, "{rings}");
        assert!(seats(&plans, &small).values().flatten().all(Option::is_none));
        let seats = seats(&plans, &machine(4, 2));
        assert_eq!(seats["enp2"], [Some(3), Some(2)]);
        assert_eq!(seats["enp3"], [Some(1)]);
    }

    #[test]
    fn signatures_are_read_when_they_change_and_bad_ones_leave_the_last() {
        let mut settings = Settings::default();
        let mut known = Known::default();
        let before = known.signatures.clone();
        known.follow(&settings);
        assert!(known.signatures == before);
        settings.signatures = "app wechat host intranet.example\n".to_owned();
        known.follow(&settings);
        let good = known.signatures.clone();
        assert!(good != before);
        assert_eq!(good.get().by_host("a.intranet.example"), model::App::by_name("wechat"));
        known.follow(&settings);
        assert!(known.signatures == good, "the same text is not read again");
        settings.signatures = "nonsense".to_owned();
        known.follow(&settings);
        assert!(known.signatures == good);
    }

    #[test]
    fn only_what_concerns_the_meter_cuts_flows() {
        let plan = from_settings(&answer(Role::Collector), &Known::default(), &machine(2, 2))["enp3"].clone();
        let changed = |change: fn(&mut PortPlan)| {
            let mut other = plan.clone();
            change(&mut other);
            plan.meters_differently(&other)
        };
        assert!(!changed(|p| p.label = "x".to_owned()) && !changed(|p| p.capacity_bps = None));
        assert!(!changed(|p| p.definitions = Arc::new(erp())));
        assert!(changed(|p| p.timeouts.idle_s = 7) && changed(|p| p.direction = PortDirection::Out));
        assert!(changed(|p| p.home = HomeNetworks::default()) && changed(|p| p.logs = false));
        assert!(!changed(
            |p| p.signatures = SignaturesInUse(Arc::new(Signatures::default()))
        ));
    }
}
