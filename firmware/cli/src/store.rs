//! `spanwatch store`: looks at a store in a folder, and makes its files smaller.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::json;
use settings::KeptClass;
use store::{FileCheck, FileStats, Store};

use crate::amounts::{bytes, or_dash, time};
use crate::columns::Align::{Left, Right};
use crate::columns::Table;
use crate::offline;

/// Look at a store, or make its files smaller, while no other program works in its folder.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Read every octet of every file and block and say what is damaged; the exit status is 1 when something is
    Check(On),
    /// Say what each file has
    Stats(On),
    /// Make files smaller where that gains a tenth or more
    Compact(On),
}

/// Which store, and how to print.
#[derive(Debug, Args)]
pub(crate) struct On {
    /// The store's folder
    #[arg(value_name = "DIR")]
    store: PathBuf,
    /// How the answer is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For programs
    Json,
}

impl On {
    fn print(&self, table: impl FnOnce() -> String, json: impl Serialize) -> anyhow::Result<()> {
        let text = match self.format {
            Format::Table => table(),
            Format::Json => serde_json::to_string_pretty(&json)? + "\n",
        };
        match std::io::stdout().write_all(text.as_bytes()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            written => written.context("cannot write to standard output"),
        }
    }
}

/// Runs the command.
pub(crate) fn run(command: &StoreCommand) -> anyhow::Result<ExitCode> {
    match command {
        StoreCommand::Check(on) => check(on),
        StoreCommand::Stats(on) => stats(on).map(|()| ExitCode::SUCCESS),
        StoreCommand::Compact(on) => compact(on).map(|()| ExitCode::SUCCESS),
    }
}

/// A class's name, as settings have it; `-` is what all classes need.
fn class(class: Option<KeptClass>) -> String {
    let name = class.and_then(|class| serde_json::to_value(class).ok());
    name.as_ref().and_then(|name| name.as_str()).unwrap_or("-").to_owned()
}

/// A file that was looked at.
#[derive(Debug, Serialize)]
struct Looked {
    file: String,
    class: String,
    octets: u64,
    blocks: u64,
    records: u64,
    problems: Vec<String>,
}

impl From<&FileCheck> for Looked {
    fn from(check: &FileCheck) -> Self {
        Self {
            file: check.file.clone(),
            class: class(check.class),
            octets: check.octets,
            blocks: check.blocks,
            records: check.records,
            problems: check.problems.iter().map(ToString::to_string).collect(),
        }
    }
}

fn check(on: &On) -> anyhow::Result<ExitCode> {
    let (store, aside) = offline::open_quietly(&on.store, false)?;
    let mut files: Vec<Looked> = Vec::new();
    store.check(|check| files.push(check.into()))?;
    let mut problems: Vec<String> = aside;
    problems.extend(files.iter().flat_map(|file| file.problems.iter().cloned()));
    let before: Vec<String> = facts(&store)?.damaged.into_iter().map(|(name, _)| name).collect();
    let table = || {
        let mut table = Table::new(&[
            ("FILE", Left),
            ("CLASS", Left),
            ("SIZE", Right),
            ("BLOCKS", Right),
            ("RECORDS", Right),
            ("", Left),
        ]);
        for file in &files {
            let count = |n: u64| if n == 0 { String::new() } else { n.to_string() };
            table.row([
                file.file.clone(),
                file.class.clone(),
                bytes(file.octets),
                count(file.blocks),
                count(file.records),
                match file.problems.len() {
                    0 => "sound".to_owned(),
                    1 => "damaged".to_owned(),
                    n => format!("damaged in {n} places"),
                },
            ]);
        }
        let mut text = table.render();
        for problem in &problems {
            text.push_str(&format!("! {problem}\n"));
        }
        for name in &before {
            text.push_str(&format!("{name} was set aside because it is damaged\n"));
        }
        text
    };
    on.print(
        table,
        json!({ "files": files, "problems": problems, "set_aside": before }),
    )?;
    Ok(match problems.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn facts(store: &Store) -> anyhow::Result<store::StorageFacts> {
    Ok(store.storage(offline::now())?)
}

/// The table whose rows are blocks.
const BLOCKS: &str = "index";

#[derive(Debug)]
struct Stats {
    file: String,
    class: String,
    octets: u64,
    blocks: Option<u64>,
    records: Option<u64>,
    octets_a_record: Option<f64>,
    tables: Vec<(String, u64, u64, u64)>,
}

#[allow(clippy::cast_precision_loss, reason = "two decimals are shown")]
fn per_record(octets: u64, records: Option<u64>) -> Option<f64> {
    let records = records.filter(|n| *n > 0)?;
    Some((octets as f64 / records as f64 * 100.0).round() / 100.0)
}

impl From<FileStats> for Stats {
    fn from(stats: FileStats) -> Self {
        let blocks = stats.tables.iter().find(|table| table.name == BLOCKS);
        Self {
            class: class(stats.class),
            octets: stats.octets,
            blocks: stats.records.and(blocks).map(|table| table.rows),
            records: stats.records,
            octets_a_record: per_record(stats.octets, stats.records),
            file: stats.file,
            tables: stats
                .tables
                .into_iter()
                .map(|table| (table.name, table.rows, table.octets, table.overhead))
                .collect(),
        }
    }
}

fn stats(on: &On) -> anyhow::Result<()> {
    let store = offline::open(&on.store, false)?;
    let files: Vec<Stats> = store.stats()?.into_iter().map(Stats::from).collect();
    let facts = facts(&store)?;
    let shown = |octets_a_record: Option<f64>| or_dash(octets_a_record, |n| format!("{n:.2}"));
    let table = || {
        let mut table = Table::new(&[
            ("FILE", Left),
            ("CLASS", Left),
            ("SIZE", Right),
            ("BLOCKS", Right),
            ("RECORDS", Right),
            ("B/RECORD", Right),
            ("ROWS", Left),
        ]);
        for file in &files {
            let rows: Vec<String> = file
                .tables
                .iter()
                .map(|(name, rows, ..)| format!("{name} {rows}"))
                .collect();
            table.row([
                file.file.clone(),
                file.class.clone(),
                bytes(file.octets),
                or_dash(file.blocks, |n| n.to_string()),
                or_dash(file.records, |n| n.to_string()),
                shown(file.octets_a_record),
                rows.join(", "),
            ]);
        }
        let mut classes = Table::new(&[
            ("CLASS", Left),
            ("SIZE", Right),
            ("RECORDS", Right),
            ("B/RECORD", Right),
            ("OLDEST (UTC)", Left),
            ("NEWEST (UTC)", Left),
        ]);
        for facts in &facts.classes {
            classes.row([
                class(Some(facts.class)),
                bytes(facts.octets),
                or_dash(facts.records, |n| n.to_string()),
                shown(per_record(facts.octets, facts.records)),
                or_dash(facts.oldest, time),
                or_dash(facts.newest, time),
            ]);
        }
        format!(
            "{}\n{}\nhours without index and rollups yet: {}\n",
            table.render(),
            classes.render(),
            facts.hours_open
        )
    };
    let of_class = |facts: &store::ClassFacts| {
        json!({
            "class": class(Some(facts.class)),
            "octets": facts.octets,
            "records": facts.records,
            "octets_a_record": per_record(facts.octets, facts.records),
            "oldest": facts.oldest.map(|at| at.to_string()),
            "newest": facts.newest.map(|at| at.to_string()),
        })
    };
    let classes: Vec<_> = facts.classes.iter().map(of_class).collect();
    let files = json!(files.iter().map(of_file).collect::<Vec<_>>());
    on.print(
        table,
        json!({ "files": files, "classes": classes, "hours_open": facts.hours_open }),
    )
}

fn of_file(file: &Stats) -> serde_json::Value {
    let table = |(name, rows, octets, overhead): &(String, u64, u64, u64)| json!({ "name": name, "rows": rows, "octets": octets, "overhead": overhead });
    json!({
        "file": file.file,
        "class": file.class,
        "octets": file.octets,
        "blocks": file.blocks,
        "records": file.records,
        "octets_a_record": file.octets_a_record,
        "tables": file.tables.iter().map(table).collect::<Vec<_>>(),
    })
}

fn compact(on: &On) -> anyhow::Result<()> {
    let store = offline::open(&on.store, false)?;
    let mut smaller: Vec<(String, u64, u64)> = Vec::new();
    store.compact(|file, before, after| smaller.push((file.to_owned(), before, after)))?;
    let table = || {
        if smaller.is_empty() {
            return "nothing to gain: no file has a tenth of it free\n".to_owned();
        }
        let mut table = Table::new(&[("FILE", Left), ("BEFORE", Right), ("AFTER", Right)]);
        for (file, before, after) in &smaller {
            table.row([file.clone(), bytes(*before), bytes(*after)]);
        }
        table.render()
    };
    let of = |(file, before, after): &(String, u64, u64)| json!({ "file": file, "before": before, "after": after });
    on.print(table, smaller.iter().map(of).collect::<Vec<_>>())
}
