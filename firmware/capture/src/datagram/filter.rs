//! Which socket of a group a sender's datagrams go to.

use std::net::IpAddr;

use nix::libc::{self, sock_filter};

/// 2³² divided by the golden ratio: spreads neighbouring addresses (Knuth, 6.4).
const GOLDEN: u32 = 0x9e37_79b1;
/// Where a classic filter finds the network header (SKF_NET_OFF of linux/filter.h: −0x100000).
const NETWORK: u32 = 0xfff0_0000;

/// The place in a group of `sockets` that gets the datagrams of an address.
#[must_use]
pub fn place_of(address: IpAddr, sockets: u32) -> u32 {
    let word = match address.to_canonical() {
        IpAddr::V4(v4) => u32::from(v4),
        IpAddr::V6(v6) => {
            let [a, b, c, d] = words(v6.octets());
            a ^ b ^ c ^ d
        }
    };
    (word.wrapping_mul(GOLDEN) >> 16) % sockets.max(1)
}

fn words(octets: [u8; 16]) -> [u32; 4] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = octets;
    [[a, b, c, d], [e, f, g, h], [i, j, k, l], [m, n, o, p]].map(u32::from_be_bytes)
}

/// [`place_of`] as a classic BPF program over the packet: it returns the place.
pub(super) fn program(sockets: u32) -> [sock_filter; 20] {
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let to_x = (libc::BPF_MISC | libc::BPF_TAX, 0, 0);
    let xor_x = (libc::BPF_ALU | libc::BPF_XOR | libc::BPF_X, 0, 0);
    let step = |(code, jt, k): (u32, u8, u32)| sock_filter {
        code: u16::try_from(code).unwrap_or_default(),
        jt,
        jf: 0,
        k,
    };
    [
        (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 0, NETWORK),
        (libc::BPF_ALU | libc::BPF_RSH | libc::BPF_K, 0, 4),
        // Version 4 goes on at the source address of IPv4, anything else four steps later.
        (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, 4),
        (libc::BPF_JMP | libc::BPF_JA, 0, 2),
        (load, 0, NETWORK + 12),
        (libc::BPF_JMP | libc::BPF_JA, 0, 10),
        (load, 0, NETWORK + 8),
        to_x,
        (load, 0, NETWORK + 12),
        xor_x,
        to_x,
        (load, 0, NETWORK + 16),
        xor_x,
        to_x,
        (load, 0, NETWORK + 20),
        xor_x,
        (libc::BPF_ALU | libc::BPF_MUL | libc::BPF_K, 0, GOLDEN),
        (libc::BPF_ALU | libc::BPF_RSH | libc::BPF_K, 0, 16),
        (libc::BPF_ALU | libc::BPF_MOD | libc::BPF_K, 0, sockets.max(1)),
        (libc::BPF_RET | libc::BPF_A, 0, 0),
    ]
    .map(step)
}
