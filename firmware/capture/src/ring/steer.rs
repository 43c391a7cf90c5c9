//! Which ring of a group a frame goes to.
//!
//! By the two addresses of the frame's outermost IP header, both ways alike, and by nothing else: so both directions
//! of a flow, all fragments of a datagram, and what belongs to a flow (the data connection of FTP, the media of SIP)
//! meet on one ring, and the kernel need not put fragments together, after which frames would not be those of the
//! link. What a tunnel carries goes by the tunnel's ends. Frames that are not IP go to the first ring.

use std::collections::HashMap;
#[cfg(test)]
use std::net::IpAddr;

use nix::libc::{self, sock_filter};

/// Where a classic filter finds the frame's EtherType, after a tag that the kernel took off (SKF_AD_OFF and
/// SKF_AD_PROTOCOL of linux/filter.h: −0x1000).
const PROTOCOL: u32 = 0xffff_f000;
/// VLAN tags within the outermost, and MPLS labels, that are stepped over.
const TAGS: [&str; 2] = ["tag 1", "tag 2"];
const LABELS: usize = 5;
/// The program's memory: the sum of the addresses' words, where the header begins, and what was read last.
const SUM: u32 = 0;
const BEGIN: u32 = 1;
const READ: u32 = 2;

/// The ring that gets frames between two addresses of one family: what [`program`] computes, in other words.
#[cfg(test)]
pub(super) fn ring_of(a: IpAddr, b: IpAddr, multiplier: u32, rings: u32) -> u32 {
    let word = |address: IpAddr| match address {
        IpAddr::V4(v4) => u32::from(v4),
        IpAddr::V6(v6) => {
            let [a, b, c, d, e, f, g, h] = v6.segments().map(u32::from);
            (a << 16 | b) ^ (c << 16 | d) ^ (e << 16 | f) ^ (g << 16 | h)
        }
    };
    ((word(a) ^ word(b)).wrapping_mul(multiplier) >> 16) % rings.max(1)
}

/// A line of the program: a place that is jumped to, an instruction, or a test with where it leads (empty: on).
enum Line {
    At(&'static str),
    Do(u32, u32),
    If(u32, u32, &'static str, &'static str),
}

/// A classic BPF program over a frame from its network header on; the kernel takes its result modulo the group's rings
/// (PACKET_FANOUT_CBPF). `multiplier` is odd and chosen at random, so that nobody can choose addresses that crowd one
/// ring. A frame that ends early goes to the first ring, as the kernel ends the program with 0.
pub(super) fn program(multiplier: u32) -> Vec<sock_filter> {
    use Line::{At, Do, If};
    const EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let (load_x, store) = (libc::BPF_LDX | libc::BPF_MEM, libc::BPF_ST);
    let load = libc::BPF_LD | libc::BPF_MEM;
    let half = libc::BPF_LD | libc::BPF_H | libc::BPF_IND;
    let octet = libc::BPF_LD | libc::BPF_B | libc::BPF_IND;
    // Steps over `octets` of header; what was read stays read.
    let over = |octets: u32| {
        [
            Do(store, READ),
            Do(libc::BPF_MISC | libc::BPF_TXA, 0),
            Do(libc::BPF_ALU | libc::BPF_ADD | libc::BPF_K, octets),
            Do(libc::BPF_MISC | libc::BPF_TAX, 0),
            Do(load, READ),
        ]
    };
    let mut lines = vec![
        Do(libc::BPF_LD | libc::BPF_IMM, 0),
        Do(store, SUM),
        Do(libc::BPF_MISC | libc::BPF_TAX, 0),
        Do(libc::BPF_LD | libc::BPF_H | libc::BPF_ABS, PROTOCOL),
    ];
    for tag in TAGS {
        lines.extend([
            If(EQUAL, 0x8100, tag, ""),
            If(EQUAL, 0x88a8, tag, ""),
            If(EQUAL, 0x9100, tag, "type"),
            At(tag),
            Do(half, 2),
        ]);
        lines.extend(over(4));
    }
    lines.extend([
        At("type"),
        If(EQUAL, 0x0800, "ip", ""),
        If(EQUAL, 0x86dd, "ip", ""),
        If(EQUAL, 0x8847, "mpls", ""),
        If(EQUAL, 0x8848, "mpls", ""),
        If(EQUAL, 0x8864, "", "other"),
        // PPPoE (RFC 2516) with PPP's protocol (RFC 1661).
        Do(half, 6),
    ]);
    lines.extend(over(8));
    lines.extend([
        If(EQUAL, 0x0021, "ip", ""),
        If(EQUAL, 0x0057, "ip", "other"),
        At("mpls"),
    ]);
    for _ in 0..LABELS {
        lines.push(Do(octet, 2));
        lines.extend(over(4));
        // The bottom of the stack (RFC 3032).
        lines.push(If(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 1, "ip", ""));
    }
    lines.extend([
        At("other"),
        Do(libc::BPF_RET | libc::BPF_K, 0),
        At("ip"),
        Do(libc::BPF_STX, BEGIN),
        Do(octet, 0),
        Do(libc::BPF_ALU | libc::BPF_RSH | libc::BPF_K, 4),
        If(EQUAL, 4, "four", ""),
        If(EQUAL, 6, "", "other"),
    ]);
    let add = |place: u32| {
        [
            Do(load_x, BEGIN),
            Do(libc::BPF_LD | libc::BPF_W | libc::BPF_IND, place),
            Do(load_x, SUM),
            Do(libc::BPF_ALU | libc::BPF_XOR | libc::BPF_X, 0),
            Do(store, SUM),
        ]
    };
    let mix = [
        Do(libc::BPF_ALU | libc::BPF_MUL | libc::BPF_K, multiplier),
        Do(libc::BPF_ALU | libc::BPF_RSH | libc::BPF_K, 16),
        Do(libc::BPF_RET | libc::BPF_A, 0),
    ];
    lines.extend((8..40).step_by(4).flat_map(add));
    lines.push(If(EQUAL, 0, "mix", "mix"));
    lines.push(At("four"));
    lines.extend([12, 16].into_iter().flat_map(add));
    lines.push(At("mix"));
    lines.extend(mix);
    assemble(&lines)
}

/// Puts numbers in the places of names; jumps only lead on, and less than 256 steps.
fn assemble(lines: &[Line]) -> Vec<sock_filter> {
    let mut places = HashMap::new();
    let mut count = 0_usize;
    for line in lines {
        match line {
            Line::At(name) => drop(places.insert(*name, count)),
            Line::Do(..) | Line::If(..) => count += 1,
        }
    }
    let mut program = Vec::with_capacity(count);
    for line in lines {
        let next = program.len() + 1;
        let steps = |name: &str| {
            let place = places.get(name).copied().unwrap_or(next);
            u8::try_from(place.saturating_sub(next)).unwrap_or(u8::MAX)
        };
        let (code, jt, jf, k) = match line {
            Line::At(_) => continue,
            Line::Do(code, k) => (*code, 0, 0, *k),
            Line::If(code, k, yes, no) => (*code, steps(yes), steps(no), *k),
        };
        let code = u16::try_from(code).unwrap_or_default();
        program.push(sock_filter { code, jt, jf, k });
    }
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_jump_leads_on_and_stays_within() {
        let program = program(0x9e37_79b1);
        assert!(program.len() < 255, "{}", program.len());
        for (place, step) in program.iter().enumerate() {
            if u32::from(step.code) & 7 == libc::BPF_JMP {
                let furthest = place + 1 + usize::from(step.jt.max(step.jf));
                assert!(furthest < program.len(), "{place}");
            }
        }
    }

    #[test]
    fn both_ways_are_alike() {
        let (a, b) = ("10.1.2.3".parse().unwrap(), "192.0.2.77".parse().unwrap());
        assert_eq!(ring_of(a, b, 77, 5), ring_of(b, a, 77, 5));
        let (a, b) = ("2001:db8::1".parse().unwrap(), "fd00::77".parse().unwrap());
        assert_eq!(ring_of(a, b, 77, 5), ring_of(b, a, 77, 5));
    }
}
