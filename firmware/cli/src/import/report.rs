//! What became of each file.

use std::io::Write as _;

use anyhow::Context;
use clap::ValueEnum;
use model::Timestamp;
use serde::Serialize;

use super::filing::Filed;
use super::kind::Kind;
use super::ledger::Entry;
use super::skipped::Skipped;
use crate::amounts::{bytes, or_dash, time};
use crate::columns::Align::{Left, Right};
use crate::columns::Table;
use crate::flows::text::count;

/// How the summary is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Table,
    /// For programs
    Json,
}

/// What became of a file.
#[derive(Debug)]
pub(super) struct OfFile {
    pub(super) name: String,
    pub(super) kind: Option<Kind>,
    pub(super) filed: Filed,
    /// It was imported before.
    pub(super) before: Option<Entry>,
    pub(super) skipped: Skipped,
    /// What its reader says of it.
    pub(super) notes: Vec<String>,
    /// Why it was not read to its end, or not stored.
    pub(super) problem: Option<anyhow::Error>,
    /// Whether no further file can be stored either.
    pub(super) ends_all: bool,
}

impl OfFile {
    /// Nothing was done yet.
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            kind: None,
            filed: Filed::default(),
            before: None,
            skipped: Skipped::default(),
            notes: Vec::new(),
            problem: None,
            ends_all: false,
        }
    }

    /// Whether something of it is not in the store.
    pub(super) fn is_bad(&self) -> bool {
        let before = self.before.as_ref();
        self.problem.is_some()
            || self.skipped.count() > 0
            || before.is_some_and(|b| b.left_out > 0 || b.damage.is_some())
    }

    /// Says on standard error what was left out, and why.
    pub(super) fn complain(&self) {
        let name = &self.name;
        for note in &self.notes {
            eprintln!("{name}: {note}");
        }
        for place in self.skipped.places() {
            eprintln!("{name}: {place}");
        }
        let named = self.skipped.places().len() as u64;
        if self.skipped.count() > named {
            eprintln!("{name}: {} left out in all:", count(self.skipped.count(), "record"));
            for (reason, times) in self.skipped.reasons() {
                eprintln!("{name}:   {times} × {reason}");
            }
        }
        if let Some(problem) = &self.problem {
            let problem = format!("{problem:#}");
            // Some readers name the file themselves.
            let prefix = format!("{name}: ");
            eprintln!("{prefix}{}", problem.strip_prefix(&prefix).unwrap_or(&problem));
        }
        if let Some(damage) = self.before.as_ref().and_then(|before| before.damage.as_ref()) {
            eprintln!("{name}: {damage}");
        }
    }

    fn state(&self) -> String {
        if let Some(before) = &self.before {
            let records = count(before.records.unwrap_or(0), "record");
            let mut state = format!("already imported {} as {}: {records}", time(before.at), before.name);
            if before.left_out > 0 {
                state.push_str(&format!(", {} left out", count(before.left_out, "record")));
            }
            return state;
        }
        let filed = &self.filed;
        let mut state = match (self.kind, self.problem.is_some()) {
            (None, _) => "not imported".to_owned(),
            (_, true) if filed.records() == 0 => "not imported".to_owned(),
            (_, true) => "in part".to_owned(),
            (_, false) => "imported".to_owned(),
        };
        if filed.known > 0 {
            state.push_str(&format!(", {} were there", count(filed.known, "record")));
        }
        if self.skipped.count() > 0 {
            state.push_str(&format!(", {} left out", count(self.skipped.count(), "record")));
        }
        state
    }
}

/// What became of all files.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) files: Vec<OfFile>,
}

#[derive(Serialize)]
struct JsonFile<'a> {
    file: &'a str,
    kind: Option<&'static str>,
    already_imported: Option<Timestamp>,
    records: u64,
    stored_before: u64,
    packets: u64,
    bytes: u64,
    logs: u64,
    blocks: u64,
    block_bytes: u64,
    start: Option<String>,
    end: Option<String>,
    skipped: u64,
    reasons: Vec<(&'a str, u64)>,
    notes: &'a [String],
    problem: Option<String>,
}

impl Report {
    fn total(&self) -> Filed {
        let mut total = Filed::default();
        self.files.iter().for_each(|file| total.add(&file.filed));
        total
    }

    /// Prints it.
    ///
    /// # Errors
    /// When standard output fails.
    pub(super) fn print(&self, format: Format) -> anyhow::Result<()> {
        let text = match format {
            Format::Table => self.table(),
            Format::Json => self.json()?,
        };
        match std::io::stdout().write_all(text.as_bytes()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            written => written.context("cannot write the summary to standard output"),
        }
    }

    fn table(&self) -> String {
        let mut table = Table::new(&[
            ("FILE", Left),
            ("KIND", Left),
            ("RECORDS", Right),
            ("PACKETS", Right),
            ("BYTES", Right),
            ("FROM (UTC)", Left),
            ("TO (UTC)", Left),
            ("", Left),
        ]);
        let mut row = |name: &str, kind: &str, filed: &Filed, state: String| {
            let end = |at: Option<Timestamp>| or_dash(at, time);
            table.row([
                name.to_owned(),
                kind.to_owned(),
                filed.records().to_string(),
                filed.packets.to_string(),
                bytes(filed.bytes),
                end(filed.span.map(|(start, _)| start)),
                end(filed.span.map(|(_, end)| end)),
                state,
            ]);
        };
        for file in &self.files {
            row(&file.name, file.kind.map_or("-", Kind::name), &file.filed, file.state());
        }
        let total = self.total();
        if self.files.len() > 1 {
            row(&count(self.files.len() as u64, "file"), "", &total, String::new());
        }
        let mut text = table.render();
        if total.stored > 0 {
            let each = total.block_bytes.checked_div(total.records()).unwrap_or(0);
            text.push_str(&format!(
                "{} in {}, {} ({each} B a record)\n",
                count(total.records(), "record"),
                count(total.blocks, "block"),
                bytes(total.block_bytes)
            ));
        }
        if total.logs > 0 {
            text.push_str(&format!("{}\n", count(total.logs, "application log line")));
        }
        text
    }

    fn json(&self) -> anyhow::Result<String> {
        let files: Vec<_> = self.files.iter().map(of_json).collect();
        Ok(serde_json::to_string_pretty(&files)? + "\n")
    }
}

fn of_json(file: &OfFile) -> JsonFile<'_> {
    JsonFile {
        file: &file.name,
        kind: file.kind.map(Kind::name),
        already_imported: file.before.as_ref().map(|before| before.at),
        records: file.filed.records(),
        stored_before: file.filed.known,
        packets: file.filed.packets,
        bytes: file.filed.bytes,
        logs: file.filed.logs,
        blocks: file.filed.blocks,
        block_bytes: file.filed.block_bytes,
        start: file.filed.span.map(|(start, _)| start.to_string()),
        end: file.filed.span.map(|(_, end)| end.to_string()),
        skipped: file.skipped.count(),
        reasons: file.skipped.reasons().collect(),
        notes: &file.notes,
        problem: file.problem.as_ref().map(|problem| format!("{problem:#}")),
    }
}
