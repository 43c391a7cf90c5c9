//! Agents that are slow, dead or hostile, among many that are not.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod simulated;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::{InterfaceMinute, LinkId};
use simulated::{Manner, RATE, Simulated};
use snmp::{Agent, Credentials, Engine, Failure, Patience, Poller, PollerOptions, Sample};
use tokio::sync::mpsc;
use tokio::time::timeout;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn agent(number: u32, port: u16, interval: Duration) -> Agent {
    let credentials = Credentials::V2c {
        community: "public".to_owned(),
    };
    Agent {
        id: LinkId::of_exporter(number),
        address: LOOPBACK,
        port,
        credentials,
        interval,
    }
}

struct Bench {
    poller: Poller,
    samples: mpsc::Receiver<Sample>,
    _folder: tempfile::TempDir,
}

async fn bench(sockets: usize, patience: Patience) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(&folder.path().join("engine.json")).unwrap();
    let (out, samples) = mpsc::channel(256);
    let options = PollerOptions {
        sockets: vec![SocketAddr::new(LOOPBACK, 0); sockets],
        patience,
        interval_min: Duration::from_millis(100),
        slow_interval: Duration::from_secs(1),
    };
    Bench {
        poller: Poller::open(options, engine, out).await.unwrap(),
        samples,
        _folder: folder,
    }
}

fn impatient() -> Patience {
    Patience {
        timeout: Duration::from_millis(300),
        retries: 1,
    }
}

/// Each agent's state, and what its interfaces carried.
#[derive(Default)]
struct Gathered {
    minutes: BTreeMap<LinkId, Vec<InterfaceMinute>>,
    named: BTreeSet<LinkId>,
}

impl Bench {
    /// Takes samples until a condition holds.
    async fn until(&mut self, mut done: impl FnMut(&Gathered, &Poller) -> bool) -> Gathered {
        let mut gathered = Gathered::default();
        let all = async {
            while !done(&gathered, &self.poller) {
                // States change without a sample too.
                let Ok(sample) = timeout(Duration::from_millis(100), self.samples.recv()).await else {
                    continue;
                };
                match sample.unwrap() {
                    Sample::Interfaces(minutes) => {
                        for minute in minutes {
                            gathered
                                .minutes
                                .entry(minute.interface.exporter)
                                .or_default()
                                .push(minute);
                        }
                    }
                    Sample::Device(id, facts) if facts.interfaces.is_some() => drop(gathered.named.insert(id)),
                    _ => (),
                }
            }
        };
        if timeout(Duration::from_secs(90), all).await.is_err() {
            let states = self.poller.states();
            panic!("not reached; counted {:?}; {states:#?}", gathered.minutes.keys());
        }
        gathered
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_manners_harm_nobody_else() {
    let manners = [
        Manner::Honest,
        Manner::Silent,
        Manner::Late(2_000),
        Manner::WrongId,
        Manner::WrongCommunity,
        Manner::WrongSource,
        Manner::Garbage,
        Manner::Truncated,
        Manner::Endless,
        Manner::Circle,
        Manner::Empty,
        Manner::Absurd,
        Manner::Small,
        Manner::LosesLarge,
    ];
    let mut agents = Vec::new();
    let mut running = Vec::new();
    for (number, manner) in (1u32..).zip(manners) {
        let simulated = Simulated::start(manner, 5).await;
        agents.push(agent(number, simulated.port, Duration::from_millis(300)));
        running.push(simulated);
    }
    // All of them over one socket.
    let mut bench = bench(1, impatient()).await;
    bench.poller.set_agents(agents);
    let number = |manner| u32::try_from(manners.iter().position(|m| *m == manner).unwrap() + 1).unwrap();
    let id = |manner| LinkId::of_exporter(number(manner));
    // Those that carry the right octets to the right place give what they count; the honest one is not kept waiting.
    let counting = [Manner::Honest, Manner::Garbage, Manner::Small, Manner::LosesLarge];
    let dead = [
        Manner::Silent,
        Manner::Late(2_000),
        Manner::WrongId,
        Manner::WrongCommunity,
        Manner::WrongSource,
    ];
    let gathered = bench
        .until(|gathered, poller| {
            let counted = |m: &Manner| gathered.minutes.get(&id(*m)).is_some_and(|minutes| minutes.len() >= 20);
            let failed = |m: &Manner| {
                poller
                    .state(id(*m))
                    .is_some_and(|s| s.failures >= 2 && s.time_outs >= 4)
            };
            let settled = |m: Manner| poller.state(id(m)).is_some_and(|s| s.reachable.is_some());
            let endless = gathered.named.contains(&id(Manner::Endless));
            counting.iter().all(counted) && dead.iter().all(failed) && manners.into_iter().all(settled) && endless
        })
        .await;
    for manner in dead {
        let state = bench.poller.state(id(manner)).unwrap();
        assert_eq!(
            (state.reachable, state.failure),
            (Some(false), Some(Failure::TimedOut)),
            "{manner:?}"
        );
        assert!(!gathered.minutes.contains_key(&id(manner)), "{manner:?}");
    }
    for manner in [Manner::Absurd, Manner::Empty] {
        let state = bench.poller.state(id(manner)).unwrap();
        assert_eq!(state.failure, Some(Failure::NoUpTime), "{manner:?}");
        assert!(!gathered.minutes.contains_key(&id(manner)), "{manner:?}");
    }
    let endless = bench.poller.state(id(Manner::Endless)).unwrap();
    assert_eq!(endless.interfaces, 4_096);
    for manner in counting {
        // Rates are right, though every counter has wrapped: no spike, and nothing of what others sent.
        for minute in &gathered.minutes[&id(manner)] {
            assert!(minute.inbound.bytes < RATE * 60, "{manner:?}: {minute:?}");
            if manner == Manner::Honest {
                assert_eq!(minute.inbound.bytes, minute.outbound.bytes, "both are of one moment");
            }
            assert_eq!(minute.detail.in_errors.unwrap_or(0), 0);
            assert!((1..=5).contains(&minute.interface.index));
        }
    }
    assert!(running.iter().all(|agent| agent.asked.load(Ordering::Relaxed) > 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_is_slow_but_within_patience_is_polled_as_often_as_it_can_answer() {
    let slow = Simulated::start(Manner::Late(200), 5).await;
    let mut bench = bench(1, impatient()).await;
    let id = LinkId::of_exporter(1);
    bench
        .poller
        .set_agents(vec![agent(1, slow.port, Duration::from_millis(100))]);
    let counted = |gathered: &Gathered| gathered.minutes.get(&id).map_or(0, Vec::len);
    bench.until(|gathered, _| counted(gathered) >= 10).await;
    let state = bench.poller.state(id).unwrap();
    assert_eq!((state.reachable, state.time_outs), (Some(true), 0), "{state:?}");
    assert!(state.round_trip.unwrap() >= Duration::from_millis(200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_agents_are_polled_over_four_sockets_while_a_quarter_is_dead() {
    const AGENTS: u32 = 2_000;
    let mut honest = Vec::new();
    let mut silent = Vec::new();
    for number in 0..200 {
        let manner = if number % 4 == 3 {
            Manner::Silent
        } else {
            Manner::Honest
        };
        let simulated = Simulated::start(manner, 2).await;
        if manner == Manner::Honest {
            honest.push(simulated)
        } else {
            silent.push(simulated)
        };
    }
    let mut agents = Vec::new();
    let mut alive = BTreeSet::new();
    for number in 0..AGENTS {
        let place = usize::try_from(number).unwrap();
        let simulated = if number % 4 == 3 {
            &silent[place % silent.len()]
        } else {
            alive.insert(LinkId::of_exporter(number + 1));
            &honest[place % honest.len()]
        };
        agents.push(agent(number + 1, simulated.port, Duration::from_secs(5)));
    }
    let patience = Patience {
        timeout: Duration::from_secs(2),
        retries: 1,
    };
    let mut bench = bench(4, patience).await;
    assert_eq!(bench.poller.set_agents(agents), 0);
    assert_eq!(bench.poller.addresses().len(), 4);
    let counted = |gathered: &Gathered| alive.iter().filter(|id| gathered.minutes.contains_key(id)).count();
    let dead = usize::try_from(AGENTS).unwrap() - alive.len();
    let gathered = bench
        .until(|gathered, poller| {
            let states = poller.states();
            let failed = states.iter().filter(|s| s.failure == Some(Failure::TimedOut)).count();
            failed >= dead && counted(gathered) == alive.len()
        })
        .await;
    let peers: BTreeSet<_> = honest.iter().chain(&silent).flat_map(Simulated::peers).collect();
    assert_eq!(
        peers,
        bench.poller.addresses().into_iter().collect(),
        "all is asked from the four sockets"
    );
    for minute in gathered.minutes.values().flatten() {
        assert!(minute.inbound.bytes < RATE * 60, "{minute:?}");
    }
    let states = bench.poller.states();
    assert_eq!(states.len(), 2_000);
    let unreachable: Vec<_> = states
        .iter()
        .filter(|s| alive.contains(&s.id) && s.reachable != Some(true))
        .collect();
    assert!(unreachable.is_empty(), "{unreachable:?}");
}

#[tokio::test]
async fn agents_come_and_go_while_others_are_polled_on() {
    let (first, second) = (
        Simulated::start(Manner::Honest, 1).await,
        Simulated::start(Manner::Honest, 1).await,
    );
    let mut bench = bench(2, impatient()).await;
    let interval = Duration::from_millis(200);
    let one = agent(1, first.port, interval);
    bench.poller.set_agents(vec![one.clone()]);
    bench.until(|gathered, _| gathered.minutes.len() == 1).await;
    let polled = bench.poller.state(one.id).unwrap().responses;
    bench
        .poller
        .set_agents(vec![one.clone(), agent(2, second.port, interval)]);
    bench.until(|gathered, _| gathered.minutes.len() == 2).await;
    assert!(
        bench.poller.state(one.id).unwrap().responses > polled,
        "it was not begun anew"
    );
    bench.poller.set_agents(vec![agent(2, second.port, interval)]);
    assert!(bench.poller.state(one.id).is_none());
    // A changed agent begins anew.
    bench.poller.set_agents(vec![agent(2, first.port, interval)]);
    assert_eq!(bench.poller.state(LinkId::of_exporter(2)).unwrap().responses, 0);
    assert_eq!(
        bench.poller.probe(agent(3, second.port, interval)).await.unwrap().name,
        "sim"
    );
}
