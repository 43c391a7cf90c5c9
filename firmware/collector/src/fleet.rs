//! The capture ports' threads: started, told of new plans, and stopped as ports come and go.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use api::ingest::{LinkInfo, LinkKind};
use tokio::sync::{mpsc, watch};

use crate::machine::Machine;
use crate::opener::Opener;
use crate::plan::{Plans, seats};
use crate::port::{self, Port, State, Tools};
use crate::uplink::{Health, Outgoing};
use service::Workers;

struct Running {
    port: Arc<Port>,
    thread: JoinHandle<()>,
}

/// The threads by interface.
pub(crate) struct Fleet {
    opener: Opener,
    outgoing: mpsc::Sender<Outgoing>,
    health: Arc<Health>,
    links: watch::Sender<Vec<LinkInfo>>,
    workers: Workers,
    machine: Machine,
    running: BTreeMap<String, Running>,
}

impl Fleet {
    pub(crate) fn new(
        opener: Opener,
        outgoing: mpsc::Sender<Outgoing>,
        health: Arc<Health>,
        links: watch::Sender<Vec<LinkInfo>>,
        workers: Workers,
        machine: Machine,
    ) -> Self {
        Self {
            opener,
            outgoing,
            health,
            links,
            workers,
            machine,
            running: BTreeMap::new(),
        }
    }

    /// Makes the threads what the plans say.
    pub(crate) fn apply(&mut self, plans: &Plans) {
        let gone: Vec<String> = self
            .running
            .keys()
            .filter(|n| !plans.contains_key(*n))
            .cloned()
            .collect();
        for name in gone {
            log::info!(EVENT = "port_removed", PORT = name.as_str(); "{name}: no longer captured");
            if let Some(running) = self.running.remove(&name) {
                self.end(&name, running);
            }
        }
        let seats = seats(plans, &self.machine);
        for (name, plan) in plans {
            let cpus = seats.get(name).map(Vec::as_slice).unwrap_or_default();
            let anew = |running: &Running| running.port.replan(plan.clone(), cpus);
            if let Some(running) = self.running.remove(name) {
                if !anew(&running) {
                    self.running.insert(name.clone(), running);
                    continue;
                }
                log::info!(EVENT = "restarted", PORT = name.as_str(); "{name}: other rings");
                self.end(name, running);
            }
            if let Err(e) = self.start(name, Port::new(plan.clone(), cpus)) {
                log::error!(EVENT = "not_capturing", PORT = name.as_str(); "{name}: no thread: {e}");
            }
        }
        self.links.send_if_modified(|links| {
            let before = links.len();
            links.retain(|l| l.kind != LinkKind::Port || plans.values().any(|p| p.link == l.id));
            links.len() != before
        });
    }

    fn start(&mut self, name: &str, port: Port) -> std::io::Result<()> {
        let port = Arc::new(port);
        let tools = Tools {
            opener: self.opener.clone(),
            outgoing: self.outgoing.clone(),
            health: self.health.clone(),
            links: self.links.clone(),
            workers: self.workers.clone(),
            machine: self.machine.clone(),
        };
        let turns = self.workers.add(name);
        let thread = {
            let port = port.clone();
            std::thread::Builder::new()
                .name(format!("port-{name}"))
                .spawn(move || port::run(&port, &tools, &turns))?
        };
        self.running.insert(name.to_owned(), Running { port, thread });
        Ok(())
    }

    fn end(&self, name: &str, running: Running) {
        running.port.stop.store(true, Ordering::Relaxed);
        self.workers.remove(name);
        if running.thread.join().is_err() {
            log::error!(EVENT = "port_failed", PORT = name; "{name}: the thread failed");
        }
    }

    /// Stops all threads; each hands over what it has.
    pub(crate) fn stop(mut self) {
        for running in self.running.values() {
            running.port.stop.store(true, Ordering::Relaxed);
        }
        while let Some((name, running)) = self.running.pop_first() {
            self.end(&name, running);
        }
    }

    /// What is shown of each port, in the order of the links.
    pub(crate) fn states(&self) -> Vec<State> {
        let mut states: Vec<State> = self.running.values().map(|r| r.port.state()).collect();
        states.sort_by_key(|s| s.status.info.id);
        states
    }
}
