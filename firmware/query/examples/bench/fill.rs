//! Stores full of records.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::{BlockBuilder, Timestamp};
use store::{Batch, BatchKey, Content, Folder, Keep, Outcome, Store};

use crate::Result;
use crate::traffic::{BLOCK, Scale, Traffic};

/// Octets a record of each column, on a few blocks.
pub(crate) fn sizes(traffic: &Traffic, scale: Scale) -> Result<()> {
    let mut records = Vec::new();
    let mut builder = BlockBuilder::new();
    let few = scale.blocks().min(8);
    let mut blocks = Vec::new();
    let mut seen = 0;
    for n in 0..few {
        let before = std::time::Instant::now();
        traffic.fill(n * scale.blocks() / few, &mut records);
        seen += before.elapsed().as_nanos();
        for record in &records {
            builder.push(record)?;
        }
        blocks.push(builder.finish()?);
    }
    println!("{} ns a record to make", seen / u128::from(few * BLOCK));
    let a_record = |octets: usize| octets as f64 / (few * BLOCK) as f64;
    println!("whole: {:.3}", a_record(blocks.iter().map(|b| b.bytes().len()).sum()));
    let mut parts = BTreeMap::new();
    for (number, octets) in blocks.iter().flat_map(|block| block.view().octets()) {
        *parts.entry(number).or_default() += octets;
    }
    for (number, octets) in parts {
        println!("{number:>4} {:.3}", a_record(octets));
    }
    Ok(())
}

/// Appends the records to a new store, as an analyzer does.
pub(crate) fn store(folder: &Path, scale: Scale) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let now = Timestamp::from_nanos(scale.until_s() * 1_000_000_000);
    let store = Store::open(Arc::new(Folder::open(folder)?), Keep::default(), now)?;
    let next = AtomicU64::new(0);
    let (sender, receiver) = std::sync::mpsc::sync_channel::<Batch>(8);
    let octets = std::thread::scope(|threads| {
        let workers: Vec<_> = (0..2)
            .map(|_| {
                let (sender, next) = (sender.clone(), &next);
                threads.spawn(move || make(scale, next, &sender))
            })
            .collect();
        drop(sender);
        let mut octets = 0;
        while let Ok(first) = receiver.recv() {
            let mut batches = vec![first];
            batches.extend(receiver.try_iter());
            octets += batches.iter().map(size).sum::<u64>();
            for outcome in store.append(&batches, now) {
                if !matches!(outcome, Outcome::Stored) {
                    return Err(format!("not stored: {outcome:?}").into());
                }
            }
        }
        for worker in workers {
            worker.join().map_err(|_| "a thread panicked")??;
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(octets)
    })?;
    println!("{{\"records\":{},\"block_octets\":{octets}}}", scale.blocks() * BLOCK);
    Ok(())
}

fn size(batch: &Batch) -> u64 {
    match &batch.content {
        Content::Block(block) => block.bytes().len() as u64,
        _ => 0,
    }
}

fn make(scale: Scale, next: &AtomicU64, sender: &std::sync::mpsc::SyncSender<Batch>) -> Result<()> {
    let traffic = Traffic::new(scale);
    let (mut records, mut builder) = (Vec::new(), BlockBuilder::new());
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= scale.blocks() {
            return Ok(());
        }
        traffic.fill(number, &mut records);
        for record in &records {
            builder.push(record)?;
        }
        let key = BatchKey {
            epoch: 1,
            sequence: number + 1,
        };
        sender.send(Batch {
            key,
            content: Content::Block(builder.finish()?),
        })?;
    }
}
