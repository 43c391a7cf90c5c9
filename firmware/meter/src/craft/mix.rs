//! The traffic of a busy link: conversations of many kinds and lengths, interleaved.
//!
//! Of 100 conversations 38 are DNS, 30 TLS, 8 QUIC, 7 HTTP, 2 SSH, 8 something unknown, 7 SYNs that nobody answers. Their
//! hosts follow Zipf's law, as do their lengths; one in ten is IPv6. Openings are real (see [`Opening`]) and come from
//! templates, since a host says the same to many.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::frame::{Conversation, Ends};
use super::opening::Opening;
use super::random::Random;

/// Hosts, and openings of each kind.
const HOSTS: u32 = 4_096;
/// The most octets that a TCP segment or a datagram carries.
const SEGMENT: usize = 1_448;
const SYN: u8 = 2;
const ACK: u8 = 16;
const PUSH_ACK: u8 = 24;
const FIN_ACK: u8 = 17;

/// A frame and its time.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Microseconds since the first one.
    pub micros: u64,
    /// Ethernet.
    pub octets: &'a [u8],
}

/// What a conversation does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Syn,
    SynAck,
    Acknowledge,
    /// The opening's message and how much of it is said.
    Message(usize, usize),
    /// Data: how many more packets.
    Data(u32),
    Fin(bool),
}

#[derive(Debug)]
struct Talk {
    conversation: Conversation,
    /// Index of its opening; `None`: a SYN and no more.
    opening: Option<usize>,
    step: Step,
    data: u32,
}

/// The traffic.
#[derive(Debug)]
pub struct Mix {
    random: Random,
    openings: Vec<Vec<Opening>>,
    /// Next time in microseconds, and the conversation's place.
    queue: BinaryHeap<Reverse<(u64, usize)>>,
    talks: Vec<Talk>,
    free: Vec<usize>,
    next_start: u64,
    begun: u64,
    filler: Vec<u8>,
    frame: Vec<u8>,
}

/// The kinds, with how many of 100.
const KINDS: [(usize, u32); 8] = [(0, 38), (1, 22), (2, 8), (3, 8), (4, 7), (5, 2), (6, 4), (7, 4)];

impl Mix {
    /// The traffic of a seed, which is not 0.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let hosts: Vec<String> = (0..HOSTS).map(host).collect();
        let of =
            |make: &mut dyn FnMut(&str) -> Option<Opening>| hosts.iter().filter_map(|h| make(h)).collect::<Vec<_>>();
        let openings = vec![
            of(&mut |host| Some(Opening::dns(host, &mut random))),
            of(&mut |host| Some(Opening::tls13(host, &mut random))),
            of(&mut |host| Some(Opening::tls12(host, &mut random))),
            of(&mut |host| Opening::quic(host, &mut random)),
            of(&mut |host| Some(Opening::http(host, &mut random))),
            of(&mut |_| Some(Opening::ssh(&mut random))),
            of(&mut |_| Some(Opening::unknown(6, 8_899, &mut random))),
            of(&mut |_| Some(Opening::unknown(17, 40_404, &mut random))),
        ];
        Self {
            filler: random.octets(2 * SEGMENT),
            random,
            openings,
            queue: BinaryHeap::new(),
            talks: Vec::new(),
            free: Vec::new(),
            next_start: 0,
            begun: 0,
            frame: Vec::new(),
        }
    }

    /// Conversations that began so far.
    #[must_use]
    pub const fn conversations(&self) -> u64 {
        self.begun
    }

    /// The next frame.
    pub fn next_frame(&mut self) -> Frame<'_> {
        // About 100,000 packets a second of 14 packets a conversation.
        while self
            .queue
            .peek()
            .is_none_or(|Reverse((time, _))| *time >= self.next_start)
        {
            self.begin();
        }
        let Some(Reverse((micros, place))) = self.queue.pop() else {
            return Frame { micros: 0, octets: &[] };
        };
        self.frame.clear();
        let (next, pause) = self.say(place);
        match next {
            Some(step) => {
                self.talks[place].step = step;
                let wait = u64::from(pause / 2 + self.random.below(pause));
                self.queue.push(Reverse((micros + wait, place)));
            }
            None => self.free.push(place),
        }
        Frame {
            micros,
            octets: &self.frame,
        }
    }

    fn begin(&mut self) {
        let random = &mut self.random;
        let mut draw = random.below(100);
        let mut kind = None;
        for (of, share) in KINDS {
            if draw < share {
                kind = Some(of);
                break;
            }
            draw -= share;
        }
        let host = random.zipf(HOSTS) % HOSTS;
        let client = random.zipf(50_000);
        let openings = kind.and_then(|kind| Some((kind, self.openings.get(kind)?)));
        let (opening, protocol, port) = match openings {
            Some((kind, openings)) => {
                let at = host as usize % openings.len();
                let opening = &openings[at];
                (Some(kind * HOSTS as usize + at), opening.protocol, opening.port)
            }
            None => (None, 6, 445),
        };
        #[allow(clippy::cast_possible_truncation, reason = "a port")]
        let client_port = (1_024 + random.below(60_000)) as u16;
        // All ask the same few resolvers.
        let server = if port == 53 {
            host % 4
        } else {
            host.wrapping_mul(2_654_435_761)
        };
        let ends = Ends::numbered(protocol, client, client_port, server, port, host.is_multiple_of(10));
        let numbers = [random.below(u32::MAX), random.below(u32::MAX)];
        let talk = Talk {
            conversation: Conversation::new(ends, numbers),
            opening,
            step: if protocol == 6 { Step::Syn } else { Step::Message(0, 0) },
            // Most are short, a few carry most.
            data: if port == 53 { 0 } else { random.zipf(190) - 1 },
        };
        let place = match self.free.pop() {
            Some(place) => {
                self.talks[place] = talk;
                place
            }
            None => {
                self.talks.push(talk);
                self.talks.len() - 1
            }
        };
        self.queue.push(Reverse((self.next_start, place)));
        self.next_start += u64::from(random.below(310)) + 1;
        self.begun += 1;
    }

    /// Says the conversation's next packet; what comes next, and after how many microseconds in the mean.
    fn say(&mut self, place: usize) -> (Option<Step>, u32) {
        let Self {
            random,
            openings,
            talks,
            filler,
            frame,
            ..
        } = self;
        let Talk {
            conversation,
            opening,
            step,
            data,
        } = &mut talks[place];
        let opening = opening.map(|at| &openings[at / HOSTS as usize][at % HOSTS as usize]);
        match *step {
            Step::Syn => {
                conversation.frame(true, SYN, &[], frame);
                (opening.map(|_| Step::SynAck), 8_000)
            }
            Step::SynAck => {
                conversation.frame(false, SYN | ACK, &[], frame);
                (Some(Step::Acknowledge), 2_000)
            }
            Step::Acknowledge => {
                conversation.frame(true, ACK, &[], frame);
                (Some(Step::Message(0, 0)), 500)
            }
            Step::Message(number, said) => {
                let Some(opening) = opening else { return (None, 0) };
                let (forward, message) = &opening.messages[number];
                let end = message.len().min(said + SEGMENT);
                conversation.frame(*forward, PUSH_ACK, &message[said..end], frame);
                if end < message.len() {
                    return (Some(Step::Message(number, end)), 20);
                }
                let next = if number + 1 < opening.messages.len() {
                    Some(Step::Message(number + 1, 0))
                } else if *data > 0 {
                    Some(Step::Data(*data))
                } else if opening.protocol == 6 {
                    Some(Step::Fin(true))
                } else {
                    None
                };
                (next, 9_000)
            }
            Step::Data(left) => {
                let protocol = opening.map_or(6, |o| o.protocol);
                // Acknowledgements, full segments and what is between.
                let (forward, length) = match random.below(100) {
                    0..52 if protocol == 6 => (random.below(4) != 0, 0),
                    0..52 => (true, 30 + random.below(40) as usize),
                    52..66 => (false, if protocol == 6 { SEGMENT } else { 1_250 }),
                    _ => (random.below(2) == 0, 20 + random.below(600) as usize),
                };
                let start = random.below(1_000) as usize;
                // A short header of QUIC, or a record of TLS, which nobody looks at any more.
                conversation.frame(
                    forward,
                    if length == 0 { ACK } else { PUSH_ACK },
                    &filler[start..start + length],
                    frame,
                );
                let next = match left {
                    0 | 1 if protocol == 6 => Some(Step::Fin(true)),
                    0 | 1 => None,
                    left => Some(Step::Data(left - 1)),
                };
                (next, 12_000)
            }
            Step::Fin(true) => {
                conversation.frame(true, FIN_ACK, &[], frame);
                (Some(Step::Fin(false)), 8_000)
            }
            Step::Fin(false) => {
                conversation.frame(false, FIN_ACK, &[], frame);
                (None, 0)
            }
        }
    }
}

/// The name of a host.
fn host(number: u32) -> String {
    let words = ["www", "api", "cdn", "img", "static", "mail", "login", "update"];
    let kind = words.get(number as usize % words.len()).copied().unwrap_or("www");
    format!("{kind}{}.site{}.example.com", number / 64 % 16, number / 8)
}
