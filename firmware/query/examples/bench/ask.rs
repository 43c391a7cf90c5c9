//! Questions to a store, as `spanwatch query` asks them, and what they took.

use std::io::BufRead;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use model::{BlockBuilder, BlockHashes, BlockRef, Query, Timestamp, Unpacker};
use nix::time::{ClockId, clock_gettime};
use query::{Context, Watch};
use serde_json::{Value, json};
use store::{Batch, BatchKey, Content, Folder, HourIndexBuilder, Keep, Outcome, Store};

use crate::Result;
use crate::clock::cpu_s;
use crate::traffic::{BLOCK, Scale, Traffic};

const SECOND: u64 = 1_000_000_000;

/// Opens a store as it is at a moment.
pub(crate) fn open(folder: &Path, now: Timestamp) -> Result<Store> {
    // What a benchmark stored is not forgotten, whenever it was.
    let keep = Keep {
        full_percent: 100,
        ..Keep::default()
    };
    Ok(Store::open(Arc::new(Folder::open(folder)?), keep, now)?)
}

fn run(store: &Store, asked: &Value, threads: NonZeroUsize) -> Result<Value> {
    let query: Query = serde_json::from_value(asked.get("query").cloned().unwrap_or_default())?;
    let (before, began) = (cpu_s()?, Instant::now());
    let filter = filter::parse(&query.filter, &filter::Names::default())?;
    let now = query.to.unwrap_or(Timestamp::EPOCH);
    let question = query::Question::new(&query, &filter, &Context::default(), now, threads)?;
    let answer = question.run(store, &Watch::new(Duration::from_millis(query.timeout_ms.into())));
    let (cpu_s, wall_s) = (cpu_s()? - before, began.elapsed().as_secs_f64());
    Ok(json!({"name": asked.get("name"), "cpu_s": cpu_s, "wall_s": wall_s, "answer": answer}))
}

/// Answers questions, a JSON object a line: {"name", "query"}; an answer a line: {"name", "cpu_s", "wall_s", "answer"}.
pub(crate) fn ask(folder: &Path, threads: NonZeroUsize) -> Result<()> {
    let mut store = None;
    for line in std::io::stdin().lock().lines() {
        let asked: Value = serde_json::from_str(&line?)?;
        let began = Instant::now();
        // The first answer's time is that of the opening too.
        let store = match &store {
            Some(store) => store,
            None => store.insert(open(folder, Timestamp::EPOCH)?),
        };
        let opened = began.elapsed().as_secs_f64();
        let mut answer = run(store, &asked, threads)?;
        if let Some(fields) = answer.as_object_mut() {
            fields.insert("opened_s".to_owned(), opened.into());
        }
        println!("{answer}");
    }
    Ok(())
}

/// Closes the hours of the last days, as an analyzer does in the background, and makes the index alone of those before:
/// look-ups need no more, and the rollups of half a year take a quarter of an hour. The rollups of older hours are empty.
pub(crate) fn close(folder: &Path, scale: Scale, rolled_days: u64) -> Result<()> {
    let now = Timestamp::from_nanos((scale.until_s() + 86_400) * SECOND);
    let store = open(folder, now)?;
    let before = cpu_s()?;
    let (mut hours, mut records) = (0, 0);
    // The newest are the first.
    for _ in 0..rolled_days.min(scale.days) * 24 {
        let closed = query::close(&store, &Context::default(), now, 1, || true)?;
        hours += u64::from(closed.hours);
        records += closed.records;
    }
    if rolled_days >= scale.days {
        let closed = query::close_all(&store, &Context::default(), now, || true)?;
        hours += u64::from(closed.hours);
        records += closed.records;
    }
    let rolled_s = cpu_s()? - before;
    let indexed = if rolled_days < scale.days {
        index(&store, now)?
    } else {
        0
    };
    let indexed_s = cpu_s()? - before - rolled_s;
    println!(
        "{}",
        json!({"hours": hours, "records": records, "cpu_s": rolled_s, "indexed": indexed, "index_cpu_s": indexed_s})
    );
    Ok(())
}

/// Makes the index of all hours that are not closed; answers of how many records.
fn index(store: &Store, now: Timestamp) -> Result<u64> {
    let stamp = query::stamp(&Context::default().objects);
    let (mut unpacker, mut hashes, mut records) = (Unpacker::new(), BlockHashes::new(), 0);
    loop {
        let hours = store.hours_to_close(now, stamp, 64)?;
        if hours.is_empty() {
            return Ok(records);
        }
        for hour in hours {
            let ids: Vec<_> = hour.filed.iter().map(|meta| meta.id).collect();
            let (mut index, mut problem) = (HourIndexBuilder::new(), None);
            store.read_blocks(&ids, |_, octets| {
                let add = || -> Result<()> {
                    let block = BlockRef::open(octets?)?;
                    hashes.read(&block, &mut unpacker)?;
                    records += block.len() as u64;
                    hashes.addresses().iter().for_each(|hash| index.address(*hash));
                    hashes.flows().iter().for_each(|hash| index.flow(*hash));
                    Ok(())
                };
                match add() {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(e) => {
                        problem = Some(e);
                        ControlFlow::Break(())
                    }
                }
            });
            if let Some(problem) = problem {
                return Err(problem);
            }
            if !store.close_hour(hour.token, index.finish(), Vec::new(), stamp)? {
                return Err("an hour was not closed".into());
            }
        }
    }
}

/// Processor seconds of this thread so far.
fn thread_s() -> Result<f64> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
    Ok(time.tv_sec() as f64 + time.tv_nsec() as f64 / 1e9)
}

/// Appends blocks for some seconds while another thread asks a question again and again; says what appending alone took.
pub(crate) fn ingest(folder: &Path, scale: Scale, seconds: u64, question: &str) -> Result<()> {
    let now = Timestamp::from_nanos(scale.until_s() * SECOND);
    let store = open(folder, now)?;
    let traffic = Traffic::new(scale);
    let (mut records, mut builder, mut blocks) = (Vec::new(), BlockBuilder::new(), Vec::new());
    // The last day's, made before.
    for number in scale.blocks().saturating_sub(24)..scale.blocks() {
        traffic.fill(number, &mut records);
        for record in &records {
            builder.push(record)?;
        }
        blocks.push(builder.finish()?);
    }
    let asked: Value = serde_json::from_str(question)?;
    let over = AtomicBool::new(false);
    let (took, stored, answers) = std::thread::scope(|threads| {
        let asking = threads.spawn(|| {
            let mut answers = 0u32;
            while !over.load(Ordering::Relaxed) {
                run(&store, &asked, NonZeroUsize::MIN)?;
                answers += 1;
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(answers)
        });
        let (before, began) = (thread_s()?, Instant::now());
        let mut stored = 0;
        let result = (1..).zip(blocks.iter().cycle()).try_for_each(|(sequence, block)| {
            if began.elapsed() > Duration::from_secs(seconds) {
                return Err(None);
            }
            let key = BatchKey { epoch: 2, sequence };
            let content = Content::Block(block.clone());
            match store.append(&[Batch { key, content }], now).pop() {
                Some(Outcome::Stored) => stored += BLOCK,
                other => return Err(Some(format!("not stored: {other:?}"))),
            }
            Ok(())
        });
        over.store(true, Ordering::Relaxed);
        if let Err(Some(problem)) = result {
            return Err(problem.into());
        }
        let took = thread_s()? - before;
        let answers = asking.join().map_err(|_| "a thread panicked")??;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>((took, stored, answers))
    })?;
    println!("{}", json!({"records": stored, "cpu_s": took, "answers": answers}));
    Ok(())
}

/// Filters that look one 5-tuple or one address up, of those that a few records have, and of some that none has.
pub(crate) fn keys(scale: Scale, count: u64) -> Result<()> {
    let traffic = Traffic::new(scale);
    let mut records = Vec::new();
    for n in 0..count {
        let block = scale.blocks() * (2 * n + 1) / (2 * count);
        traffic.fill(block, &mut records);
        let ported = |record: &&model::FlowRecord| matches!(record.protocol, 6 | 17);
        let record = records
            .iter()
            .skip(1_000 * usize::try_from(n)?)
            .find(ported)
            .ok_or("no record")?;
        let flow = |src_port: u16| {
            format!(
                "src {} and dst {} and sport {src_port} and dport {} and proto {}",
                record.src_ip, record.dst_ip, record.dst_port, record.protocol
            )
        };
        // A server of the long tail.
        let tail = records
            .iter()
            .rev()
            .find(|record| traffic.is_rare(record))
            .ok_or("no rare address")?;
        let rows = [
            ("5-tuple", true, flow(record.src_port)),
            ("5-tuple", false, flow(record.src_port ^ 0x55)),
            ("address", true, format!("host {}", tail.dst_ip)),
            ("address", false, format!("host 203.0.113.{n}")),
        ];
        for (kind, present, filter) in rows {
            println!("{}", json!({"kind": kind, "present": present, "filter": filter}));
        }
    }
    Ok(())
}
