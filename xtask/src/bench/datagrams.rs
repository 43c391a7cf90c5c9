//! Flow datagrams to measure with: deterministic, with the skew of a busy router's export.
//!
//! Records between 200,000 conversations whose popularity follows Zipf's law; six in ten are short
//! (one to three packets), one in ten is IPv6. The template is what a Cisco ASR exports.

use super::traffic::Random;

/// Records in a datagram of IPv4: a full one of 1,500 octets.
const RECORDS: usize = 24;
const CONVERSATIONS: f64 = 200_000.0;
/// Milliseconds that the exporter is up at its first datagram.
const UPTIME: u64 = 3_600_000;
const TEMPLATE_V4: u16 = 256;
const TEMPLATE_V6: u16 = 257;

/// What the datagrams speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// NetFlow v9 (RFC 3954).
    V9,
    /// IPFIX (RFC 7011).
    Ipfix,
}

/// (element, length): IPv4 first; IPv6 differs in the addresses and the next hop.
const FIELDS_V4: [(u16, u16); 20] = [
    (8, 4),
    (12, 4),
    (15, 4),
    (10, 4),
    (14, 4),
    (2, 4),
    (1, 4),
    (22, 4),
    (21, 4),
    (7, 2),
    (11, 2),
    (6, 1),
    (4, 1),
    (5, 1),
    (9, 1),
    (13, 1),
    (61, 1),
    (89, 1),
    (16, 4),
    (17, 4),
];

fn fields(version: Version, v6: bool) -> Vec<(u16, u16)> {
    let own = |(element, length): (u16, u16)| match (element, version) {
        (8, _) if v6 => (27, 16),
        (12, _) if v6 => (28, 16),
        (15, _) if v6 => (62, 16),
        (9, _) if v6 => (29, 1),
        (13, _) if v6 => (30, 1),
        // milliseconds since 1970 in place of the uptime
        (22, Version::Ipfix) => (152, 8),
        (21, Version::Ipfix) => (153, 8),
        _ => (element, length),
    };
    FIELDS_V4.into_iter().map(own).collect()
}

/// Makes datagrams of one exporter, one after another.
pub(crate) struct Exporter {
    version: Version,
    random: Random,
    /// Datagrams for v9, records for IPFIX.
    sequence: u32,
    made: u32,
    /// Seconds since 1970 of the first datagram.
    epoch: u32,
}

impl Exporter {
    /// An exporter whose first datagram is of `epoch`; `seed` tells exporters apart.
    pub(crate) fn new(version: Version, seed: u32, epoch: u32) -> Self {
        Self {
            version,
            random: Random::new(0x5eed_0000_0000_0001 ^ (u64::from(seed) << 20)),
            sequence: 0,
            made: 0,
            epoch,
        }
    }

    /// Announces both templates.
    pub(crate) fn templates(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        for (id, v6) in [(TEMPLATE_V4, false), (TEMPLATE_V6, true)] {
            let fields = fields(self.version, v6);
            body.extend(id.to_be_bytes());
            body.extend(u16::try_from(fields.len()).unwrap_or(0).to_be_bytes());
            for (element, length) in fields {
                body.extend(element.to_be_bytes());
                body.extend(length.to_be_bytes());
            }
        }
        let set = match self.version {
            Version::V9 => 0_u16,
            Version::Ipfix => 2,
        };
        self.datagram(set, &body, 0)
    }

    /// A datagram of as many records as fit, but no more than `limit`, and how many; one in ten datagrams is IPv6.
    pub(crate) fn data(&mut self, limit: usize) -> (Vec<u8>, usize) {
        self.made += 1;
        let v6 = self.made.is_multiple_of(10);
        let count = if v6 { RECORDS / 2 } else { RECORDS }.min(limit);
        let mut body = Vec::with_capacity(1_400);
        for _ in 0..count {
            self.record(&mut body, v6);
        }
        let id = if v6 { TEMPLATE_V6 } else { TEMPLATE_V4 };
        (self.datagram(id, &body, count), count)
    }

    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 1 to the number of conversations"
    )]
    fn record(&mut self, out: &mut Vec<u8>, v6: bool) {
        // Zipf with exponent 1: the logarithm of the rank is uniform.
        let conversation = CONVERSATIONS.powf(self.random.unit()) as u32;
        let [a, b, c, d] = conversation.wrapping_mul(2_654_435_761).to_be_bytes();
        let (client, server) = ([10, 1, b, c], [192, 0, a, d]);
        let port: u16 = [443, 80, 53, 22, 8080, 3306, 123, 25][usize::from(d % 8)];
        let short = self.random.below(10) < 6;
        let packets = if short {
            1 + self.random.below(3)
        } else {
            4 + self.random.below(2_000)
        };
        let octets = packets * (60 + self.random.below(1_300));
        let uptime = self.uptime();
        let lasted = if short {
            self.random.below(200)
        } else {
            self.random.below(60_000)
        };
        for end in [client, server, [10, 0, 0, 1]] {
            if v6 {
                out.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0]);
            }
            out.extend(end);
        }
        for number in [1 + u32::from(a % 4), 1 + u32::from(d % 4), packets, octets] {
            out.extend(number.to_be_bytes());
        }
        for time in [uptime - lasted, uptime] {
            match self.version {
                Version::V9 => out.extend(time.to_be_bytes()),
                Version::Ipfix => out.extend(self.unix_ms(time).to_be_bytes()),
            }
        }
        out.extend((1_024 + self.random.below(60_000) as u16).to_be_bytes());
        out.extend(port.to_be_bytes());
        out.extend([if d % 4 == 0 { 17 } else { 6 }, 0x1b, 0, 24, 16, 0, 0x40]);
        out.extend((64_512 + u32::from(a % 16)).to_be_bytes());
        out.extend((64_600 + u32::from(d % 32)).to_be_bytes());
    }

    /// Milliseconds since the exporter started, an hour before the first datagram: ten datagrams a millisecond.
    fn uptime(&self) -> u32 {
        3_600_000 + self.made / 10
    }

    fn unix_ms(&self, uptime: u32) -> u64 {
        u64::from(self.epoch) * 1_000 + u64::from(uptime) - UPTIME
    }

    fn datagram(&mut self, set: u16, body: &[u8], records: usize) -> Vec<u8> {
        let padding = (4 - body.len() % 4) % 4;
        let set_length = u16::try_from(4 + body.len() + padding).unwrap_or(u16::MAX);
        let now = self.epoch + self.made / 10_000;
        let count = u32::try_from(records).unwrap_or(0);
        let mut out = Vec::with_capacity(1_500);
        match self.version {
            Version::V9 => {
                out.extend(9_u16.to_be_bytes());
                // records of data, or the two templates
                let count = if records == 0 { 2 } else { records };
                out.extend(u16::try_from(count).unwrap_or(0).to_be_bytes());
                out.extend(self.uptime().to_be_bytes());
                out.extend(now.to_be_bytes());
                out.extend(self.sequence.to_be_bytes());
                self.sequence = self.sequence.wrapping_add(1);
            }
            Version::Ipfix => {
                out.extend(10_u16.to_be_bytes());
                out.extend((16 + set_length).to_be_bytes());
                out.extend(now.to_be_bytes());
                out.extend(self.sequence.to_be_bytes());
                self.sequence = self.sequence.wrapping_add(count);
            }
        }
        out.extend(7_u32.to_be_bytes());
        out.extend(set.to_be_bytes());
        out.extend(set_length.to_be_bytes());
        out.extend(body);
        out.extend(std::iter::repeat_n(0, padding));
        out
    }
}
