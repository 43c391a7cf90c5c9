//! Media streams against Wireshark's: packets, losses and jitter.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use meter::craft::{Conversation, Ends};

use crate::{corpus, tshark};

/// Captures where a direction differs, and why.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        "skinny.pcap",
        "the mirror shows packets twice, which tshark takes for packets found",
    ),
    (
        "whatsapp_login_call.pcap",
        "payload types that nobody announced: tshark knows no clock and no jitter, ours is learnt from the timestamps",
    ),
];
/// Packets of a stream that are more than a guess.
const STREAM: u64 = 5;

/// Sender and receiver.
type Way = ((IpAddr, u16), (IpAddr, u16));

/// One direction, all its streams together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Media {
    packets: u64,
    lost: i64,
    /// Microseconds.
    jitter: u64,
}

fn ours(path: &Path) -> BTreeMap<Way, Media> {
    let mut ways = BTreeMap::new();
    for r in corpus::meter(path).records {
        let Some(quality) = r.quality.as_deref() else { continue };
        let (src, dst) = ((r.src_ip, r.src_port), (r.dst_ip, r.dst_port));
        for (way, of) in [((src, dst), quality.forward), ((dst, src), quality.reverse)] {
            if of.rtp_packets > 0 {
                let media: &mut Media = ways.entry(way).or_default();
                media.packets += u64::from(of.rtp_packets);
                media.lost += i64::from(of.rtp_lost);
                media.jitter = media.jitter.max(u64::from(of.rtp_jitter_us));
            }
        }
    }
    ways
}

/// What `tshark -z rtp,streams` prints: times, addresses and ports, SSRC, payload type, packets, `lost (share%)`, then
/// least, mean and most of the distances and of the jitter in milliseconds.
fn theirs(text: &str) -> BTreeMap<Way, Media> {
    let mut ways = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let end = |at: usize| Some((words.get(at)?.parse().ok()?, words.get(at + 1)?.parse().ok()?));
        let (Some(src), Some(dst)) = (end(2), end(4)) else {
            continue;
        };
        let share = words.iter().position(|w| w.ends_with("%)")).expect("a share of losses");
        let number = |at: usize| words[at].parse::<i64>().expect("a number");
        let most: f64 = words[share + 6].parse().expect("milliseconds");
        let media: &mut Media = ways.entry((src, dst)).or_default();
        media.packets += u64::try_from(number(share - 2)).expect("a count");
        media.lost += number(share - 1);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a jitter is neither long nor negative"
        )]
        let jitter = (most * 1_000.0).round() as u64;
        media.jitter = media.jitter.max(jitter);
    }
    ways
}

#[test]
fn losses_and_jitter_are_those_of_wireshark() {
    let Some(folder) = corpus::folder("ndpi/pcap") else {
        return;
    };
    let (mut compared, mut packets, mut found) = (0, 0, Vec::new());
    for path in corpus::files(&folder) {
        let ours = ours(&path);
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        if ours.is_empty() && DIFFERENCES.iter().all(|(known, _)| *known != name) {
            continue;
        }
        let Some(text) = tshark::streams(&path) else { return };
        let theirs = theirs(&text);
        for (way, got) in &ours {
            compared += 1;
            packets += got.packets;
            let expected = theirs.get(way).copied();
            // Ours is in units of the stream's clock, 125 µs of a telephone's.
            let same = expected.is_some_and(|e| {
                (got.packets, got.lost) == (e.packets, e.lost) && got.jitter.abs_diff(e.jitter) <= 125 + e.jitter / 50
            });
            if !same {
                found.push((name.clone(), format!("{way:?}: {got:?}, theirs {expected:?}")));
            }
        }
        for (way, expected) in theirs {
            if expected.packets >= STREAM && !ours.contains_key(&way) {
                found.push((name.clone(), format!("{way:?}: none, theirs {expected:?}")));
            }
        }
    }
    eprintln!("{compared} directions with {packets} packets");
    assert!(compared >= 10, "only {compared} directions were compared");
    let news: Vec<_> = found
        .iter()
        .filter(|(f, _)| DIFFERENCES.iter().all(|(k, _)| k != f))
        .collect();
    let gone: Vec<_> = DIFFERENCES
        .iter()
        .filter(|(k, _)| found.iter().all(|(f, _)| k != f))
        .collect();
    assert!(news.is_empty() && gone.is_empty(), "new: {news:#?}\ngone: {gone:#?}");
}

/// Numbers that look random, the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// Telephone calls, each with its own port: packets lost, late and out of order, numbers that wrap around. Microseconds
/// and frames.
fn calls(calls: u16) -> Vec<(u64, Vec<u8>)> {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut frames: Vec<(u64, Vec<u8>)> = Vec::new();
    for call in 0..calls {
        let ends = Ends::numbered(17, 1, 20_000 + 2 * call, 2, 30_000 + 2 * call, false);
        let first = if call % 2 == 0 {
            65_500
        } else {
            u16::try_from(dice.below(60_000)).expect("16 bits")
        };
        let (lose, late) = (dice.below(20), dice.below(30_000) + 1);
        for number in 0..300_u16 {
            // The first and the last packets are there, so that all see the same span.
            if (4..296).contains(&number) && dice.below(100) < lose {
                continue;
            }
            let mut rtp = vec![0x80, 0];
            rtp.extend(first.wrapping_add(number).to_be_bytes());
            rtp.extend((u32::from(number) * 160).to_be_bytes());
            rtp.extend((0x1234_0000 + u32::from(call)).to_be_bytes());
            rtp.extend([0x55; 160]);
            let mut frame = Vec::new();
            Conversation::new(ends, [0; 2]).frame(true, 0, &rtp, &mut frame);
            let delay = if number < 4 { 0 } else { dice.below(late) };
            frames.push((u64::from(number) * 20_000 + delay + u64::from(call), frame));
        }
    }
    frames.sort();
    frames
}

#[test]
fn losses_of_made_calls_are_those_of_wireshark() {
    let calls = calls(40);
    let path = tshark::written("calls", calls.iter().map(|(micros, frame)| (*micros, frame.as_slice())));
    let Some(text) = tshark::streams(&path) else { return };
    let (ours, theirs) = (ours(&path), theirs(&text));
    assert_eq!(ours.len(), 40);
    let lost: i64 = ours.values().map(|media| media.lost).sum();
    let jitter = ours.values().map(|media| media.jitter).max();
    assert!(
        lost > 500 && jitter > Some(8_000),
        "{lost} lost, a jitter of {jitter:?} µs"
    );
    for (way, got) in &ours {
        let expected = theirs.get(way).expect("a stream");
        assert_eq!((got.packets, got.lost), (expected.packets, expected.lost), "{way:?}");
        assert!(
            got.jitter.abs_diff(expected.jitter) <= 250,
            "{way:?}: {got:?}, {expected:?}"
        );
    }
}
