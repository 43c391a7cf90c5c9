//! Which protocol a flow's first octets are: readers first, then recognisers, those of the flow's ports before the others,
//! then the signatures.

use std::sync::LazyLock;

use model::{App, Confidence, L7};

use super::reader::{READERS, Reader};
use super::recognise;
use super::sample::{SCTP, Sample, TCP, UDP, Verdict, transport_bit};
use super::signatures::Signatures;

/// Readers and recognisers that there may be.
const CANDIDATES_MAX: usize = 256;

/// Who has said no.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Candidates {
    ruled_out: [u64; CANDIDATES_MAX / 64],
}

impl Candidates {
    fn is_out(&self, number: usize) -> bool {
        let word = self.ruled_out.get(number / 64).copied().unwrap_or(u64::MAX);
        word >> (number % 64) & 1 != 0
    }

    fn rule_out(&mut self, number: usize) {
        if let Some(word) = self.ruled_out.get_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
    }
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

/// The recognisers of each transport, and of each port.
struct Order {
    /// Of TCP, UDP and SCTP.
    all: [Vec<usize>; 3],
    /// By port and transport; sorted.
    ports: Vec<(u16, u8, usize)>,
}

static ORDER: LazyLock<Order> = LazyLock::new(|| {
    let mut order = Order {
        all: [const { Vec::new() }; 3],
        ports: Vec::new(),
    };
    for (number, recogniser) in recognise::ALL.iter().enumerate() {
        for (list, bit) in order.all.iter_mut().zip([TCP, UDP, SCTP]) {
            if recogniser.transports & bit != 0 {
                list.push(number);
            }
        }
        for port in recogniser.ports {
            order.ports.push((*port, recogniser.transports, number));
        }
    }
    order.ports.sort_unstable();
    order
});

/// Looks at a flow's first octets. Facts go into `l7` along with a decision.
pub(super) fn decide(sample: &Sample<'_>, l7: &mut L7, signatures: &Signatures, candidates: &mut Candidates) -> Found {
    let bit = transport_bit(sample.transport);
    let (mut open, mut awaited) = (false, false);
    for (number, reader) in READERS.iter().enumerate() {
        if reader.transports & bit == 0 || candidates.is_out(number) {
            continue;
        }
        match (reader.check)(sample) {
            Verdict::No => candidates.rule_out(number),
            Verdict::More => awaited = true,
            Verdict::Is(app, _) => return Found::Reader((reader.make)(sample), app),
        }
    }
    let order = &*ORDER;
    let list = match bit {
        TCP => &order.all[0],
        UDP => &order.all[1],
        _ => &order.all[2],
    };
    let by_port = [sample.dst_port, sample.src_port].into_iter().flat_map(|port| {
        let start = order.ports.partition_point(|(p, ..)| *p < port);
        let of_port = order.ports.get(start..).unwrap_or_default().iter();
        let of_port = of_port.take_while(move |(p, ..)| *p == port);
        of_port
            .filter(move |(_, transports, _)| transports & bit != 0)
            .map(|(.., number)| *number)
    });
    for number in by_port.chain(list.iter().copied()) {
        let at = number + READERS.len();
        let Some(recogniser) = recognise::ALL.get(number) else {
            continue;
        };
        if candidates.is_out(at) {
            continue;
        }
        match (recogniser.check)(sample, l7) {
            Verdict::No => candidates.rule_out(at),
            Verdict::More => open = true,
            Verdict::Is(app, confidence) => return Found::App(app, confidence),
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
        assert!(READERS.len() + recognise::ALL.len() <= CANDIDATES_MAX);
    }
}
