//! How fast one thread answers questions from blocks in memory: `cargo run --release -p query --example scan [BLOCKS
//! [QUESTION…]]`. Records a second of the thread's CPU time, the best of some rounds.

#[path = "bench/clock.rs"]
#[allow(dead_code, reason = "the other example uses the rest")]
mod clock;
#[path = "bench/traffic.rs"]
#[allow(
    dead_code,
    clippy::cast_possible_truncation,
    reason = "the other example uses the rest; made up numbers"
)]
mod traffic;

use model::{Ask, Block, BlockBuilder, BlockRef, Key, Measure, Order, Query, Timestamp};
use query::{Compiled, Context};
use traffic::{BLOCK, FROM_S, Scale, Traffic};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const ROUNDS: usize = 7;

fn top(by: &[Key], measure: Measure) -> Ask {
    Ask::Top {
        by: by.to_vec(),
        measure,
        limit: 20,
        ascending: false,
        compare: false,
        quality: false,
    }
}

fn series(by: &[Key], step_s: u32) -> Ask {
    Ask::Series {
        step_s: Some(step_s),
        zone_s: 0,
        by: by.to_vec(),
        measure: Measure::Bytes,
        limit: 10,
        compare: false,
        quality: false,
    }
}

fn totals(distinct: &[Key]) -> Ask {
    Ask::Totals {
        distinct: distinct.to_vec(),
        compare: false,
        quality: false,
    }
}

fn questions() -> Vec<(&'static str, &'static str, Ask)> {
    let latest = |order| Ask::Records {
        order,
        ascending: false,
        offset: 0,
        limit: 100,
    };
    vec![
        ("totals", "", totals(&[])),
        ("filter-port", "dst port 443 and proto tcp", totals(&[])),
        (
            "filter-443",
            "proto tcp and dst port 443 and bytes > 10000",
            totals(&[]),
        ),
        ("filter-53", "src net 10.1.0.0/16 and dst port 53", totals(&[])),
        ("filter-or", "packets > 100 or dst port 22", totals(&[])),
        (
            "top-src-wk",
            "dst port 1-1023",
            top(&[Key::SrcIp, Key::DstPort], Measure::Bytes),
        ),
        ("filter-net", "src 10.1.0.0/16 and bytes > 10k", totals(&[])),
        ("filter-host", "host 10.1.0.77", totals(&[])),
        ("filter-rare", "dst port 179", totals(&[])),
        ("filter-not", "not (proto udp or port 443) and flags S/SA", totals(&[])),
        ("filter-rate", "bps > 1M and duration > 1s", totals(&[])),
        ("top-src", "", top(&[Key::SrcIp], Measure::Bytes)),
        ("top-dst", "", top(&[Key::DstIp], Measure::Bytes)),
        ("top-host", "", top(&[Key::Host], Measure::Bytes)),
        ("top-app", "", top(&[Key::App], Measure::Bytes)),
        ("top-proto", "", top(&[Key::Protocol], Measure::Packets)),
        ("top-dport", "", top(&[Key::DstPort], Measure::Flows)),
        ("top-srcnet", "", top(&[Key::SrcNet], Measure::Bytes)),
        ("top-as", "", top(&[Key::SrcAs], Measure::Bytes)),
        ("top-if", "", top(&[Key::Interface], Measure::Bytes)),
        ("top-src-dport", "", top(&[Key::SrcIp, Key::DstPort], Measure::Bytes)),
        (
            "top-app-proto",
            "",
            top(&[Key::App, Key::Protocol, Key::Dscp], Measure::Bytes),
        ),
        ("top-conv", "", top(&[Key::Conversation], Measure::Bytes)),
        ("top-src-443", "dst port 443", top(&[Key::SrcIp], Measure::Bytes)),
        ("top-app-p95", "", top(&[Key::App], Measure::P95)),
        ("series-hour", "", series(&[], 3_600)),
        ("series-minute", "", series(&[], 60)),
        ("series-app", "", series(&[Key::App], 600)),
        ("distinct-src", "", totals(&[Key::SrcIp])),
        ("latest", "", latest(Order::End)),
        ("largest", "", latest(Order::Bytes)),
    ]
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let count: u64 = args.first().map_or(Ok(64), |n| n.parse())?;
    let wanted = args.get(1..).unwrap_or_default();
    let scale = Scale {
        records: count * BLOCK,
        days: 1,
    };
    let traffic = Traffic::new(scale);
    let mut blocks: Vec<Block> = Vec::new();
    let (mut records, mut builder) = (Vec::new(), BlockBuilder::new());
    for number in 0..count {
        traffic.fill(number, &mut records);
        records.iter().try_for_each(|record| builder.push(record))?;
        blocks.push(builder.finish()?);
    }
    drop(records);
    let octets: usize = blocks.iter().map(|block| block.bytes().len()).sum();
    let total = count * BLOCK;
    println!("{total} records, {:.2} octets each", octets as f64 / total as f64);
    for (name, text, ask) in questions() {
        if !wanted.is_empty() && !wanted.iter().any(|w| name.starts_with(w.as_str())) {
            continue;
        }
        let query = Query {
            from: Timestamp::from_secs(FROM_S),
            to: Some(Timestamp::from_secs(FROM_S + 86_400)),
            scope: None,
            filter: text.to_owned(),
            ask,
            timeout_ms: 10_000,
        };
        let filter = filter::parse(text, &filter::Names::default())?;
        let mut best = f64::MAX;
        let mut matched = 0;
        for _ in 0..ROUNDS {
            let compiled = Compiled::new(&query, &filter, &Context::default(), Timestamp::EPOCH)?;
            let before = clock::cpu_s()?;
            let mut worker = compiled.worker();
            matched = 0;
            for block in &blocks {
                matched += worker.block(&BlockRef::open(block.bytes())?)?.matched;
            }
            std::hint::black_box(compiled.finish(worker.into_partial()));
            best = best.min(clock::cpu_s()? - before);
        }
        println!(
            "{name:16} {:8.1} M records a CPU-second, {:6.1} ns each; {matched} matched",
            total as f64 / best / 1e6,
            best * 1e9 / total as f64
        );
    }
    Ok(())
}
