//! Measures the way of exported records, in processor time of this program: `ingest parse|commit FILE ROUNDS`, and
//! `ingest templates EXPORTERS TEMPLATES` for the memory that templates take.
//!
//! FILE holds datagrams, each after its length (2 octets, big endian); those of the first kind, templates, come first.
//! Prints one JSON object.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::SystemTime;

use decode::{Config, Decoder, Origin, Sink};
use model::{BlockBuilder, FlowRecord, LinkId, Timestamp};
use nix::time::{ClockId, clock_gettime};
use store::{Batch, BatchKey, Content, Folder, Keep, Outcome, Store};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["parse", file, rounds] => parse(&datagrams(file)?, rounds.parse()?),
        ["commit", file, rounds] => commit(&datagrams(file)?, rounds.parse()?),
        ["templates", exporters, templates] => memory(exporters.parse()?, templates.parse()?),
        _ => Err("usage: ingest parse|commit FILE ROUNDS, or ingest templates EXPORTERS TEMPLATES".into()),
    }
}

fn datagrams(path: &str) -> Result<Vec<Vec<u8>>> {
    let octets = std::fs::read(path)?;
    let mut rest = octets.as_slice();
    let mut all = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let (datagram, after) = after
            .split_at_checked(usize::from(u16::from_be_bytes(*length)))
            .ok_or("the file ends within a datagram")?;
        all.push(datagram.to_vec());
        rest = after;
    }
    Ok(all)
}

fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// Processor time of all threads so far, in seconds.
#[allow(clippy::cast_precision_loss, reason = "seconds, and nanoseconds below 10^9")]
fn cpu() -> Result<f64> {
    let time = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?;
    Ok(time.tv_sec() as f64 + time.tv_nsec() as f64 / 1e9)
}

const EXPORTER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

#[derive(Default)]
struct Count {
    records: u64,
    octets: u64,
}

impl Sink for Count {
    fn flow(&mut self, _: &Origin, flow: &FlowRecord) {
        self.records += 1;
        self.octets = self.octets.wrapping_add(flow.bytes);
    }
}

fn parse(datagrams: &[Vec<u8>], rounds: u32) -> Result<()> {
    let mut decoder = Decoder::new(Config::default());
    let mut count = Count::default();
    let (now, before) = (now(), cpu()?);
    for _ in 0..rounds {
        for datagram in datagrams {
            decoder.decode(now, EXPORTER, datagram, &mut count);
        }
    }
    let took = cpu()? - before;
    println!(
        "{{\"records\":{},\"cpu_s\":{took:.6},\"octets\":{}}}",
        count.records, count.octets
    );
    Ok(())
}

/// Blocks of records, stored as they fill.
struct Blocks {
    builder: BlockBuilder,
    store: Store,
    records: u64,
    stored: u64,
    bytes: u64,
    sequence: u64,
    now: Timestamp,
    problem: Option<String>,
}

impl Blocks {
    fn store(&mut self) {
        if self.builder.is_empty() {
            return;
        }
        let records = self.builder.len() as u64;
        let block = match self.builder.finish() {
            Ok(block) => block,
            Err(e) => {
                self.problem = Some(e.to_string());
                return;
            }
        };
        self.bytes += block.bytes().len() as u64;
        self.sequence += 1;
        let key = BatchKey {
            epoch: 1,
            sequence: self.sequence,
        };
        let batch = Batch {
            key,
            content: Content::Block(block),
        };
        match self.store.append(&[batch], self.now).pop() {
            Some(Outcome::Stored) => self.stored += records,
            other => self.problem = Some(format!("{other:?}")),
        }
    }
}

impl Sink for Blocks {
    fn link(&mut self, _: &Origin, _: Option<u32>, _: Option<u32>) -> LinkId {
        LinkId::of_exporter(1)
    }

    fn flow(&mut self, _: &Origin, flow: &FlowRecord) {
        self.records += 1;
        if let Err(e) = self.builder.push(flow) {
            self.problem = Some(e.to_string());
        }
        if self.builder.is_full() {
            self.store();
        }
    }
}

fn commit(datagrams: &[Vec<u8>], rounds: u32) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let disk = Arc::new(Folder::open(folder.path())?);
    let now = now();
    let mut decoder = Decoder::new(Config::default());
    let mut blocks = Blocks {
        builder: BlockBuilder::new(),
        store: Store::open(disk, Keep::default(), now)?,
        records: 0,
        stored: 0,
        bytes: 0,
        sequence: 0,
        now,
        problem: None,
    };
    let before = cpu()?;
    for _ in 0..rounds {
        for datagram in datagrams {
            decoder.decode(now, EXPORTER, datagram, &mut blocks);
        }
    }
    blocks.store();
    let took = cpu()? - before;
    if let Some(problem) = blocks.problem {
        return Err(problem.into());
    }
    println!(
        "{{\"records\":{},\"stored\":{},\"cpu_s\":{took:.6},\"block_bytes\":{}}}",
        blocks.records, blocks.stored, blocks.bytes
    );
    Ok(())
}

/// Resident octets of this program.
fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line
        .and_then(|line| line.split_whitespace().next())
        .ok_or("no VmRSS")?
        .parse()?;
    Ok(kib * 1_024)
}

/// NetFlow v9 templates of 20 fields, no two exporters' alike in their lengths where that is possible.
fn memory(exporters: u32, templates: u16) -> Result<()> {
    let mut decoder = Decoder::new(Config::default());
    let mut count = Count::default();
    let before = resident()?;
    let now = now();
    for number in 0..exporters {
        let address = IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + number));
        let mut body = Vec::new();
        for id in 256..256 + templates {
            body.extend(id.to_be_bytes());
            body.extend(20_u16.to_be_bytes());
            for field in 0..20_u16 {
                // the same elements, rotated and of other lengths: no plan fits two exporters
                let element = [1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 21, 22, 61, 89]
                    [usize::from((field + id) % 20)];
                let length = 1 + u16::try_from((number >> (field % 16)) & 3)?;
                body.extend(u16::to_be_bytes(element));
                body.extend(length.to_be_bytes());
            }
        }
        let mut datagram = Vec::new();
        datagram.extend(9_u16.to_be_bytes());
        datagram.extend(templates.to_be_bytes());
        datagram.extend([0, 0x36, 0xee, 0x80]);
        datagram.extend(u32::try_from(now.as_secs()).unwrap_or(u32::MAX).to_be_bytes());
        datagram.extend([0; 8]);
        datagram.extend(0_u16.to_be_bytes());
        datagram.extend(u16::try_from(4 + body.len())?.to_be_bytes());
        datagram.extend(body);
        decoder.decode(now, address, &datagram, &mut count);
    }
    let known: usize = (0..exporters)
        .filter_map(|number| decoder.totals(IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + number)), 0))
        .map(|totals| totals.templates)
        .sum();
    println!(
        "{{\"templates\":{known},\"bytes\":{}}}",
        resident()?.saturating_sub(before)
    );
    Ok(())
}
