//! The memory that is free: patterns written all over it, then read again.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Part, Verdict};
use crate::answers::Depth;

/// Octets of one piece.
const PIECE: usize = 8 << 20;

/// How much, at most, and for how long.
fn bounds(depth: Depth, free: u64) -> (u64, Duration) {
    match depth {
        Depth::None => (0, Duration::ZERO),
        Depth::Quick => ((free / 2).min(512 << 20), Duration::from_secs(60)),
        Depth::Full => (free / 10 * 8, Duration::from_secs(1200)),
    }
}

pub(super) fn test(depth: Depth) -> Part {
    let part = |verdict, summary, seen| Part {
        name: "memory",
        verdict,
        summary,
        seen,
    };
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let (total, free) = (field(&meminfo, "MemTotal"), field(&meminfo, "MemAvailable"));
    if depth == Depth::None {
        return part(Verdict::Skipped, "not asked for".to_owned(), json!({ "octets": total }));
    }
    let (octets, time) = bounds(depth, free.unwrap_or(0));
    let began = Instant::now();
    let mut pieces: Vec<Vec<u64>> = Vec::new();
    for _ in 0..octets / PIECE as u64 {
        let mut piece = Vec::new();
        if piece.try_reserve_exact(PIECE / 8).is_err() {
            break;
        }
        piece.resize(PIECE / 8, 0);
        pieces.push(piece);
        // taking memory alone must not use the time up
        if began.elapsed() > time / 2 {
            break;
        }
    }
    let result = run(&mut pieces, began + time);
    let tested = pieces.len() * PIECE;
    let edac = corrected();
    let seen = json!({
        "octets": total, "tested_octets": tested, "patterns": result.patterns, "wrong_words": result.wrong,
        "corrected_errors": edac, "seconds": began.elapsed().as_secs(),
    });
    let verdict = match (result.wrong, result.patterns, edac) {
        (1.., _, _) => Verdict::Failed,
        (0, 0, _) => Verdict::Failed,
        (0, _, Some(1..)) => Verdict::Warning,
        _ => Verdict::Passed,
    };
    let summary = format!(
        "{} MiB of {} tested with {} patterns, {} words wrong",
        tested >> 20,
        total.unwrap_or(0) >> 20,
        result.patterns,
        result.wrong
    );
    part(verdict, summary, seen)
}

struct Run {
    /// Patterns that were written and read all over.
    patterns: u32,
    /// Words that were read differently.
    wrong: u64,
}

/// What word number `at` gets in pass `pass`: bits and their opposites, then something that differs everywhere.
fn word(pass: u32, at: u64) -> u64 {
    let mixed = at.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    match pass {
        0 => mixed,
        1 => !mixed,
        2 => 0x5555_5555_5555_5555,
        _ => 0xaaaa_aaaa_aaaa_aaaa,
    }
}

fn run(pieces: &mut [Vec<u64>], until: Instant) -> Run {
    let mut run = Run { patterns: 0, wrong: 0 };
    for pass in 0..4 {
        for (n, piece) in pieces.iter_mut().enumerate() {
            let first = (n * PIECE / 8) as u64;
            for (at, to) in (first..).zip(piece.iter_mut()) {
                *to = word(pass, at);
            }
            // the memory and not what the compiler knows of it
            std::hint::black_box(piece);
        }
        for (n, piece) in pieces.iter_mut().enumerate() {
            let first = (n * PIECE / 8) as u64;
            let wrong = (first..)
                .zip(piece.iter())
                .filter(|(at, found)| **found != word(pass, *at))
                .count();
            run.wrong += wrong as u64;
        }
        if pieces.is_empty() {
            return run;
        }
        run.patterns += 1;
        if Instant::now() >= until {
            break;
        }
    }
    run
}

fn field(meminfo: &str, name: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Errors that the memory controllers corrected since the start; none where they do not tell.
fn corrected() -> Option<u64> {
    let controllers = crate::machine::names("/sys/devices/system/edac/mc");
    let counts: Vec<u64> = controllers
        .iter()
        .filter_map(|name| {
            crate::machine::text(format!("/sys/devices/system/edac/mc/{name}/ce_count"))?
                .parse()
                .ok()
        })
        .collect();
    (!counts.is_empty()).then(|| counts.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_differ_and_every_bit_is_both() {
        for at in 0..1000 {
            assert_ne!(word(0, at), word(0, at + 1));
            assert_eq!(word(0, at) ^ word(1, at), u64::MAX);
            assert_eq!(word(2, at) ^ word(3, at), u64::MAX);
        }
    }

    #[test]
    fn good_memory_passes_every_pattern() {
        let mut pieces = vec![vec![0; PIECE / 8]; 2];
        let result = run(&mut pieces, Instant::now() + Duration::from_secs(3600));
        assert_eq!((result.patterns, result.wrong), (4, 0));
    }

    #[test]
    fn sizes_are_read() {
        let text = "MemTotal:        2031616 kB\nMemFree:  1 kB\nMemAvailable:    1500000 kB\n";
        assert_eq!(field(text, "MemTotal"), Some(2_031_616 << 10));
        assert_eq!(field(text, "MemAvailable"), Some(1_500_000 << 10));
        assert_eq!(field(text, "Swap"), None);
    }
}
