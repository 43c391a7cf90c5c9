//! Packets that are counted together say what they say one by one, whatever waits for layer 7 meanwhile.

use std::sync::atomic::{AtomicUsize, Ordering};

use dissect::l7;
use meter::craft::{Conversation, Ends, Opening, Random};
use meter::{Config, Meter, Observed, Sink};
use model::{FlowRecord, LogRecord, Timestamp};

const SYN: u8 = 2;
const SYN_ACK: u8 = 18;
const ACK: u8 = 16;
const PUSH_ACK: u8 = 24;
const FIN_ACK: u8 = 17;

/// What a meter said, in an order that does not depend on when it was said.
#[derive(Default)]
struct Said {
    records: Vec<FlowRecord>,
    logs: Vec<LogRecord>,
    /// Facts are not wanted.
    bare: bool,
}

impl Sink for Said {
    fn record(&mut self, record: FlowRecord) {
        self.records.push(record);
    }

    fn log(&mut self, log: LogRecord) {
        self.logs.push(log);
    }

    fn wants_facts(&self) -> bool {
        !self.bare
    }
}

impl Said {
    fn sorted(self) -> (Vec<String>, Vec<String>) {
        let mut records: Vec<_> = self.records.iter().map(|r| format!("{r:?}")).collect();
        let mut logs: Vec<_> = self.logs.iter().map(|l| format!("{l:?}")).collect();
        records.sort_unstable();
        logs.sort_unstable();
        (records, logs)
    }
}

/// The frames of a conversation of each kind.
fn conversation(number: u32, random: &mut Random) -> Vec<Vec<u8>> {
    let host = format!("host{}.example.com", number % 13);
    let opening = match number % 8 {
        0 => Opening::dns(&host, random),
        1 => Opening::tls13(&host, random),
        2 => Opening::tls12(&host, random),
        3 => Opening::quic(&host, random).expect("a short name"),
        4 => Opening::http(&host, random),
        5 => Opening::ssh(random),
        6 => Opening::unknown(6, 8_899, random),
        _ => Opening::unknown(17, 40_404, random),
    };
    let port = u16::try_from(2_000 + number).expect("a port");
    let ends = Ends::numbered(
        opening.protocol,
        number / 3,
        port,
        number % 17,
        opening.port,
        number.is_multiple_of(10),
    );
    let mut conversation = Conversation::new(ends, [number, !number]);
    let mut frames = Vec::new();
    let mut say = |forward, flags, payload: &[u8]| {
        let mut frame = Vec::new();
        conversation.frame(forward, flags, payload, &mut frame);
        frames.push(frame);
    };
    let is_tcp = opening.protocol == 6;
    if is_tcp {
        say(true, SYN, &[]);
        say(false, SYN_ACK, &[]);
        say(true, ACK, &[]);
    }
    for (forward, message) in &opening.messages {
        message
            .chunks(1_448)
            .for_each(|part| say(*forward, if is_tcp { PUSH_ACK } else { 0 }, part));
    }
    if is_tcp {
        say(true, FIN_ACK, &[]);
        say(false, FIN_ACK, &[]);
    }
    frames
}

/// Conversations whose frames come in turns of chance, up to three of one in a row.
fn traffic(seed: u64) -> Vec<Vec<u8>> {
    let mut random = Random::new(seed);
    let mut open: Vec<_> = (0..320)
        .map(|number| conversation(number, &mut random).into_iter())
        .collect();
    let mut frames = Vec::new();
    while !open.is_empty() {
        let which = random.below(u32::try_from(open.len()).expect("few").min(60)) as usize;
        for _ in 0..=random.below(3) {
            frames.extend(open[which].next());
        }
        if open[which].len() == 0 {
            open.remove(which);
        }
    }
    frames
}

fn packets(frames: &[Vec<u8>]) -> Vec<Observed<'_>> {
    let observed = |(number, frame): (u64, &'_ Vec<u8>)| {
        let view = dissect::Frame {
            link_type: 1,
            data: frame,
            wire_len: 0,
            vlan_tci: None,
        };
        (number, dissect::dissect(&view).expect("a sound frame"))
    };
    let dissected = (0..).zip(frames).map(observed);
    let with_payload = dissected.zip(frames).map(|((number, packet), frame)| Observed {
        time: Timestamp::from_nanos(1_700_000_000_000_000_000 + number * 50_000),
        packet,
        payload: packet.payload_in(frame),
        note: (),
    });
    with_payload.collect()
}

#[test]
fn they_say_what_they_say_one_by_one() {
    for (seed, max_flows) in [(3, 1 << 20), (4, 1 << 20), (5, 24)] {
        let frames = traffic(seed);
        let packets = packets(&frames);
        let mut config = Config::offline();
        config.max_flows = max_flows;
        config.layer7 = Some(l7::Config::default());
        let (mut single, mut together) = (Meter::new(config.clone()), Meter::new(config));
        let (mut said, mut said_together) = (Said::default(), Said::default());
        for observed in &packets {
            single.observe(&observed.packet, observed.payload, observed.time, &mut said);
        }
        single.flush(&mut said);
        for some in packets.chunks(701) {
            let mut some = some.iter();
            together.observe_all(
                |_| {},
                |packet| some.next().map(|observed| *packet = *observed).is_some(),
                &mut said_together,
                |(), _| {},
            );
        }
        together.flush(&mut said_together);
        let evicted = single.statistics().evictions;
        assert_eq!(evicted > 0, max_flows < 320, "{evicted}");
        assert_eq!(together.statistics(), single.statistics());
        let (said, said_together) = (said.sorted(), said_together.sorted());
        assert!(said.1.len() > 100, "{} lines", said.1.len());
        assert_eq!(said_together, said);
    }
}

/// Whoever wants no facts gets all else as others do, the application above all.
#[test]
fn facts_that_nobody_wants_are_left_out() {
    let frames = traffic(6);
    let mut config = Config::offline();
    config.layer7 = Some(l7::Config::default());
    let mut all = [false, true].map(|bare| Said {
        bare,
        ..Said::default()
    });
    for said in &mut all {
        let mut meter = Meter::new(config.clone());
        for observed in packets(&frames) {
            meter.observe(&observed.packet, observed.payload, observed.time, said);
        }
        meter.flush(said);
    }
    let [mut said, bare] = all;
    assert!(bare.records.iter().all(|record| record.l7.is_none()));
    let with_facts = said.records.iter_mut().filter_map(|record| record.l7.take()).count();
    assert!(with_facts > 200, "{with_facts}");
    assert_eq!(bare.sorted(), said.sorted());
}

/// The memory of flows is shown before a flow is in it, once for many.
#[test]
fn the_memory_of_flows_is_shown() {
    static OCTETS: AtomicUsize = AtomicUsize::new(0);
    let mut config = Config::offline();
    config.on_memory = |_, octets| {
        OCTETS.fetch_add(octets, Ordering::Relaxed);
    };
    let mut meter = Meter::new(config);
    assert_eq!(OCTETS.load(Ordering::Relaxed), 0);
    let frames = traffic(7);
    for observed in packets(&frames) {
        meter.observe(&observed.packet, observed.payload, observed.time, &mut Said::default());
    }
    let shown = OCTETS.load(Ordering::Relaxed);
    assert!((320 * 200..=16 << 20).contains(&shown), "{shown}");
}
