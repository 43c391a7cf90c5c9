//! A capture to measure with: deterministic, with the mix of sizes and flows of a busy link.
//!
//! A million frames of 343 octets in the mean (58 % small, 12 % full-sized), between 80,000
//! conversations whose popularity follows Zipf's law (so that over 50,000 show up), nine in ten of
//! them IPv4, three in four TCP.

use std::io::{self, Write};

/// Frames in the capture.
pub(crate) const FRAMES: u32 = 1_000_000;
const CONVERSATIONS: f64 = 80_000.0;

/// xorshift64* (Vigna, 2016).
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From 0 to below 1.
    #[allow(clippy::cast_precision_loss, reason = "53 bits are used")]
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    #[allow(clippy::cast_possible_truncation, reason = "below the bound, which is 32 bits")]
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        (self.next() % u64::from(bound)) as u32
    }
}

/// Writes the capture: pcap, microseconds, Ethernet.
pub(crate) fn write(out: &mut impl Write) -> io::Result<()> {
    let mut random = Random::new(0x5eed_0f5e_ed0f_5eed);
    let mut header = Vec::new();
    header.extend(0xa1b2_c3d4_u32.to_le_bytes());
    header.extend([2, 0, 4, 0]);
    header.extend([0; 8]);
    header.extend(65_535_u32.to_le_bytes());
    header.extend(1_u32.to_le_bytes());
    out.write_all(&header)?;
    let mut frame = vec![0_u8; 1514];
    let mut seen = vec![false; 1 << 17];
    for number in 0..FRAMES {
        // Zipf with exponent 1: the logarithm of the rank is uniform.
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 1 to 80,000"
        )]
        let conversation = CONVERSATIONS.powf(random.unit()) as u32;
        let first = seen
            .get_mut(conversation as usize)
            .is_some_and(|seen| !std::mem::replace(seen, true));
        // The smallest holds an IPv6 and a TCP header.
        let length = match random.below(100) {
            0..58 => 74 + random.below(6),
            58..70 => 1514,
            _ => 80 + random.below(620),
        };
        let length = length as usize;
        fill(&mut frame, conversation, first || random.below(2) == 0, first, length);
        // 100,000 frames a second.
        out.write_all(&(1_700_000_000 + number / 100_000).to_le_bytes())?;
        out.write_all(&(number % 100_000 * 10).to_le_bytes())?;
        let wire = u32::try_from(length).unwrap_or(0).to_le_bytes();
        out.write_all(&wire)?;
        out.write_all(&wire)?;
        out.write_all(frame.get(..length).unwrap_or(&[]))?;
    }
    Ok(())
}

/// One frame of a conversation, whose number decides its addresses, ports and protocols.
fn fill(frame: &mut [u8], conversation: u32, forward: bool, first: bool, length: usize) {
    let mixed = conversation.wrapping_mul(2_654_435_761);
    let [a, b, c, d] = mixed.to_be_bytes();
    let client_port = 1024 + u16::from_be_bytes([a, c]) % 60_000;
    let server_port: u16 = [443, 80, 53, 22, 8080, 3306, 123, 25][usize::from(d % 8)];
    let (src_port, dst_port) = if forward {
        (client_port, server_port)
    } else {
        (server_port, client_port)
    };
    let v6 = mixed.is_multiple_of(10);
    let udp = conversation.is_multiple_of(4);
    let (client, server) = ([10, 1, b, c], [192, 0, a, d]);
    let (src, dst) = if forward { (client, server) } else { (server, client) };

    let mut at = Vec::with_capacity(74);
    at.extend([2, 0, 0, 0, 0, u8::from(forward)]);
    at.extend([2, 0, 0, 0, 0, u8::from(!forward)]);
    let ip_length = u16::try_from(length - 14).unwrap_or(0);
    let protocol = if udp { 17 } else { 6 };
    let transport_length = if v6 { ip_length - 40 } else { ip_length - 20 };
    if v6 {
        at.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
        at.extend(transport_length.to_be_bytes());
        at.extend([protocol, 64]);
        for end in [src, dst] {
            at.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0]);
            at.extend(end);
        }
    } else {
        at.extend([8, 0, 0x45, 0]);
        at.extend(ip_length.to_be_bytes());
        at.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
        at.extend(src);
        at.extend(dst);
    }
    at.extend(src_port.to_be_bytes());
    at.extend(dst_port.to_be_bytes());
    if protocol == 17 {
        at.extend(transport_length.to_be_bytes());
        at.extend([0, 0]);
    } else {
        at.extend([
            0,
            0,
            0,
            1,
            0,
            0,
            0,
            1,
            0x50,
            if first { 2 } else { 0x10 },
            0xff,
            0xff,
            0,
            0,
            0,
            0,
        ]);
    }
    for (to, from) in frame.iter_mut().zip(at) {
        *to = from;
    }
}
