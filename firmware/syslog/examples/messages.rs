//! Measures how many messages a CPU-second are read: of `tests/lines.txt` (with `FILE`, of that
//! file's lines), read over and over, without and with making records of them.
#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a program to measure with"
)]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use model::{LinkId, Timestamp};

fn cpu_seconds() -> f64 {
    // utime and stime, in ticks of 10 ms, are fields 14 and 15 of proc_pid_stat(5).
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|n| n.parse::<u64>().unwrap())
        .sum();
    ticks as f64 / 100.0
}

fn main() {
    let path = std::env::args().nth(1);
    let path = path.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lines.txt").to_owned());
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with(['#', '@']))
        .collect();
    let now = Timestamp::parse("2021-01-05T12:00:10Z").unwrap();
    let peer = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    for records in [false, true] {
        let before = cpu_seconds();
        let (mut count, mut spent) = (0u64, 0.0);
        while spent < 3.0 {
            for _ in 0..200 {
                for line in &lines {
                    let message = syslog::parse(now, peer, 0, black_box(line.as_bytes()));
                    if records {
                        black_box(message.into_record(LinkId(1)));
                    } else {
                        black_box(message);
                    }
                    count += 1;
                }
            }
            spent = cpu_seconds() - before;
        }
        let what = if records { "read and made records" } else { "read" };
        println!("{:.2} M messages a CPU-second {what}", count as f64 / spent / 1e6);
    }
}
