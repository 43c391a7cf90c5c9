//! Measures closing hours and looking them up: `hours fill FOLDER HOURS ADDRESSES FLOWS` makes a store whose hours have
//! one block and so many addresses and 5-tuples each, all different; `hours find FOLDER` opens it and looks for things
//! that it does not have, and for one that it has; `hours stats FOLDER` makes its files small and says what the index has.
//! Prints JSON objects. Drop the page cache before `find`.

#[path = "../tests/made/mod.rs"]
mod made;

use std::error::Error;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use made::record;
use model::{Block, Timestamp};
use store::{Batch, BatchKey, BlockId, Content, Folder, HourIndexBuilder, Keep, Outcome, Probe, Store};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const UNTIL: u64 = 1_800_000_000 / 3_600 * 3_600;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["fill", folder, hours, addresses, flows] => fill(folder, hours.parse()?, addresses.parse()?, flows.parse()?),
        ["find", folder] => find(folder),
        ["stats", folder] => stats(folder),
        _ => Err("usage: hours fill FOLDER HOURS ADDRESSES FLOWS, or hours find FOLDER, or hours stats FOLDER".into()),
    }
}

/// A hash that is spread over 64 bits.
fn hash(number: u64) -> u64 {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

fn open(folder: &str) -> Result<Store> {
    let now = Timestamp::from_secs(UNTIL);
    Ok(Store::open(Arc::new(Folder::open(folder)?), Keep::default(), now)?)
}

fn fill(folder: &str, hours: u64, addresses: u64, flows: u64) -> Result<()> {
    let store = open(folder)?;
    let now = Timestamp::from_secs(UNTIL + 3_600);
    for hour in 0..hours {
        let end = UNTIL - (hours - hour) * 3_600 + 60;
        let batch = Batch {
            key: BatchKey {
                epoch: 1,
                sequence: hour + 1,
            },
            content: Content::Block(Block::encode(&[record(1, end - 1, end)])?),
        };
        if !matches!(
            store.append(&[batch], Timestamp::from_secs(UNTIL)).as_slice(),
            [Outcome::Stored]
        ) {
            return Err("a block was not stored".into());
        }
    }
    let mut took = 0.0;
    let mut number = 0;
    let due = store.hours_to_close(now, 1, usize::MAX)?;
    for hour in due.into_iter().rev() {
        let mut index = HourIndexBuilder::new();
        for _ in 0..addresses {
            index.address(hash(number));
            number += 1;
        }
        for _ in 0..flows {
            index.flow(hash(number));
            number += 1;
        }
        let before = Instant::now();
        if !store.close_hour(hour.token, index.finish(), Vec::new(), 1)? {
            return Err("an hour was not closed".into());
        }
        took += before.elapsed().as_secs_f64();
    }
    // Whole days are merged.
    store.hours_to_close(Timestamp::from_secs(UNTIL + 86_400), 1, 1)?;
    let octets = std::fs::metadata(format!("{folder}/index.redb"))?.len();
    println!("{{\"hours\":{hours},\"keys\":{number},\"index_octets\":{octets},\"close_s\":{took:.3}}}");
    Ok(())
}

fn stats(folder: &str) -> Result<()> {
    let store = open(folder)?;
    let before = Instant::now();
    store.compact(|file, before, after| println!("{{\"file\":\"{file}\",\"before\":{before},\"after\":{after}}}"))?;
    println!("{{\"compact_s\":{:.3}}}", before.elapsed().as_secs_f64());
    for file in store.stats()?.iter().filter(|file| file.file == "index.redb") {
        for table in &file.tables {
            println!(
                "{{\"table\":\"{}\",\"rows\":{},\"octets\":{},\"overhead\":{}}}",
                table.name, table.rows, table.octets, table.overhead
            );
        }
        println!("{{\"index_octets\":{}}}", file.octets);
    }
    Ok(())
}

fn find(folder: &str) -> Result<()> {
    let before = Instant::now();
    let store = open(folder)?;
    println!("{{\"open_ms\":{:.1}}}", before.elapsed().as_secs_f64() * 1e3);
    let everything = (Timestamp::EPOCH, Timestamp::from_secs(UNTIL * 2));
    let address = |hash| Probe {
        addresses: vec![vec![hash]],
        flows: Vec::new(),
    };
    let flow = |hash| Probe {
        addresses: Vec::new(),
        flows: vec![hash],
    };
    let probes = [
        ("absent address", address(hash(1 << 60))),
        ("absent flow", flow(hash(1 << 61))),
        ("another absent flow", flow(hash(1 << 62))),
        ("first address", address(hash(0))),
        ("everything", Probe::default()),
    ];
    for (name, probe) in probes {
        let before = Instant::now();
        let found = store.candidates(everything, &probe);
        let looked = before.elapsed().as_secs_f64() * 1e3;
        let ids: Vec<BlockId> = found.blocks.iter().map(|block| block.id).take(100).collect();
        let mut octets = 0;
        store.read_blocks(&ids, |_, block| {
            octets += block.map_or(0, <[u8]>::len);
            ControlFlow::Continue(())
        });
        println!(
            "{{\"of\":\"{name}\",\"blocks\":{},\"in_span\":{},\"candidates_ms\":{looked:.1},\"with_reading_100_ms\":{:.1},\"octets\":{octets}}}",
            found.blocks.len(),
            found.in_span,
            before.elapsed().as_secs_f64() * 1e3
        );
    }
    Ok(())
}
