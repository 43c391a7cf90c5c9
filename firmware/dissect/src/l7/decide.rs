//! Which protocol a flow's first octets are: readers first, then recognisers, those of the flow's ports before the others,
//! then the signatures.

use std::sync::LazyLock;

use model::{App, Confidence, L7};

use super::reader::{READERS, Reader};
use super::recognise;
use super::sample::{LONG, SCTP, Sample, TCP, UDP, Verdict, transport_bit};
use super::signatures::Signatures;

/// Words of bits for readers and recognisers, by number: readers come first.
const WORDS: usize = 4;

/// Who has said no.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Candidates {
    ruled_out: [u64; WORDS],
}

impl Candidates {
    fn is_out(&self, number: usize) -> bool {
        is_marked(&self.ruled_out, number)
    }

    fn rule_out(&mut self, number: usize) {
        mark(&mut self.ruled_out, number);
    }
}

fn is_marked(bits: &[u64; WORDS], number: usize) -> bool {
    let word = bits.get(number / 64).copied().unwrap_or(u64::MAX);
    word >> (number % 64) & 1 != 0
}

fn mark(bits: &mut [u64; WORDS], number: usize) {
    if let Some(word) = bits.get_mut(number / 64) {
        *word |= 1 << (number % 64);
    }
}

/// The numbers of bits that are set.
fn numbers(word: u64) -> impl Iterator<Item = usize> {
    let mut left = word;
    std::iter::from_fn(move || {
        let bit = left.trailing_zeros();
        left &= left.checked_sub(1)?;
        Some(bit as usize)
    })
}

/// What a flow is.
pub(super) enum Found {
    /// Cannot be said yet.
    More {
        /// A reader may still say yes.
        awaited: bool,
    },
    /// None of what is known here.
    Nothing,
    /// A protocol that a reader reads on.
    Reader(Reader, App),
    /// Decided.
    App(App, Confidence),
}

/// Bits of candidates.
type Bits = [u64; WORDS];

/// The candidates of each transport, and the recognisers of each port.
struct Order {
    /// Those of TCP, UDP and SCTP.
    all: [Bits; 3],
    /// By port and transport; sorted.
    ports: Vec<(u16, u8, usize)>,
    /// Those that want certain ports, and who wants which; sorted.
    gated: Bits,
    gates: Vec<(u16, usize)>,
    /// By first octet, whom a stream may be; the same of datagrams.
    streams: Vec<Bits>,
    datagrams: Vec<Bits>,
}

static ORDER: LazyLock<Order> = LazyLock::new(|| {
    let mut order = Order {
        all: [[0; WORDS]; 3],
        ports: Vec::new(),
        gated: [0; WORDS],
        gates: Vec::new(),
        streams: vec![[0; WORDS]; 256],
        datagrams: vec![[0; WORDS]; 256],
    };
    let of_transports = |all: &mut [Bits; 3], transports: u8, number: usize| {
        for (bits, bit) in all.iter_mut().zip([TCP, UDP, SCTP]) {
            if transports & bit != 0 {
                mark(bits, number);
            }
        }
    };
    for (number, reader) in READERS.iter().enumerate() {
        of_transports(&mut order.all, reader.transports, number);
        for bits in order.streams.iter_mut().chain(&mut order.datagrams) {
            mark(bits, number);
        }
    }
    for (number, recogniser) in (READERS.len()..).zip(recognise::ALL) {
        of_transports(&mut order.all, recogniser.transports, number);
        for port in recogniser.ports {
            order.ports.push((*port, recogniser.transports, number));
        }
        for port in recogniser.only {
            mark(&mut order.gated, number);
            order.gates.push((*port, number));
        }
        for (table, first) in [
            (&mut order.streams, recogniser.streams),
            (&mut order.datagrams, recogniser.datagrams),
        ] {
            for (octet, bits) in (0..=u8::MAX).zip(table) {
                if first.is_empty() || first.contains(&octet) {
                    mark(bits, number);
                }
            }
        }
    }
    order.ports.sort_unstable();
    order.gates.sort_unstable();
    order
});

impl Order {
    /// Those that want other ports than a flow's.
    fn elsewhere(&self, ports: [u16; 2]) -> Bits {
        let mut bits = self.gated;
        for port in ports {
            let start = self.gates.partition_point(|(p, _)| *p < port);
            let of_port = self.gates.get(start..).unwrap_or_default().iter();
            for (_, number) in of_port.take_while(|(p, _)| *p == port) {
                if let Some(word) = bits.get_mut(number / 64) {
                    *word &= !(1 << (number % 64));
                }
            }
        }
        bits
    }

    /// What recognisers say that need not be asked, since their protocols begin with other octets: they, and whether they
    /// could still be it. See `octets::stream` and `octets::datagram`.
    fn others(&self, sample: &Sample<'_>, bit: u8) -> (Bits, bool) {
        let packets = sample.client_packets.saturating_add(sample.server_packets);
        let of = |table: &[Bits], octets: &[u8]| match octets.first() {
            Some(first) if octets.len() >= LONG => table.get(usize::from(*first)).copied().unwrap_or([u64::MAX; WORDS]),
            Some(_) => [u64::MAX; WORDS],
            None => [0; WORDS],
        };
        match bit {
            TCP => {
                let (client, server) = (of(&self.streams, sample.client), of(&self.streams, sample.server));
                let is_silent = sample.client.is_empty() || sample.server.is_empty();
                let mut possible = client;
                for (to, from) in possible.iter_mut().zip(server) {
                    *to |= from;
                }
                (possible.map(|word| !word), is_silent && packets < 6)
            }
            UDP => (of(&self.datagrams, sample.latest).map(|word| !word), packets < 3),
            _ => ([0; WORDS], false),
        }
    }

    /// Recognisers of a port, by number.
    fn of_port(&self, port: u16, bit: u8) -> impl Iterator<Item = usize> {
        let start = self.ports.partition_point(|(p, ..)| *p < port);
        let of_port = self.ports.get(start..).unwrap_or_default().iter();
        let of_port = of_port.take_while(move |(p, ..)| *p == port);
        let of_transport = of_port.filter(move |(_, transports, _)| transports & bit != 0);
        of_transport.map(|(.., number)| *number)
    }
}

/// Looks at a flow's first octets. Facts go into `l7` along with a decision.
pub(super) fn decide(sample: &Sample<'_>, l7: &mut L7, signatures: &Signatures, candidates: &mut Candidates) -> Found {
    let bit = transport_bit(sample.transport);
    let order = &*ORDER;
    let [tcp, udp, sctp] = &order.all;
    let all = match bit {
        TCP => tcp,
        UDP => udp,
        _ => sctp,
    };
    let (mut open, mut awaited) = (false, false);
    // Readers are fewer than a word's bits.
    let [first, ..] = *all;
    let [out, ..] = candidates.ruled_out;
    for number in numbers(first & !out) {
        let Some(reader) = READERS.get(number) else { break };
        match (reader.check)(sample) {
            Verdict::No => candidates.rule_out(number),
            Verdict::More => awaited = true,
            Verdict::Is(app, _) => return Found::Reader((reader.make)(sample), app),
        }
    }
    let gated = order.elsewhere([sample.src_port, sample.dst_port]);
    let (others, more) = order.others(sample, bit);
    for (((out, all), gated), others) in candidates.ruled_out.iter_mut().zip(all).zip(gated).zip(others) {
        *out |= gated;
        let unasked = all & others & !*out;
        open |= more && unasked != 0;
        *out |= if more { 0 } else { unasked };
    }
    let mut ask = |number: usize, candidates: &mut Candidates| {
        let recogniser = recognise::ALL.get(number.checked_sub(READERS.len())?)?;
        match (recogniser.check)(sample, l7) {
            Verdict::No => candidates.rule_out(number),
            Verdict::More => open = true,
            Verdict::Is(app, confidence) => return Some(Found::App(app, confidence)),
        }
        None
    };
    // Whoever is asked by port is not asked again for this packet, nor who begins otherwise.
    let mut asked = others;
    for port in [sample.dst_port, sample.src_port] {
        for number in order.of_port(port, bit) {
            let is_asked = is_marked(&asked, number);
            mark(&mut asked, number);
            if !is_asked
                && !candidates.is_out(number)
                && let Some(found) = ask(number, candidates)
            {
                return found;
            }
        }
    }
    let out = candidates.ruled_out;
    for (word, ((all, out), asked)) in all.iter().zip(out).zip(asked).enumerate() {
        for bit in numbers(all & !out & !asked) {
            if let Some(found) = ask(word * 64 + bit, candidates) {
                return found;
            }
        }
    }
    if let Some((app, confidence)) = signatures.by_payload(sample) {
        return Found::App(app, confidence);
    }
    if open || awaited {
        Found::More { awaited }
    } else {
        Found::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_a_number() {
        assert!(READERS.len() <= 64 && READERS.len() + recognise::ALL.len() <= WORDS * 64);
    }
}
