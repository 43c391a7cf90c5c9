//! `spanwatch query --logs`: application logs of a store in a folder.

use std::io::{BufWriter, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use api::endpoints::endpoints;
use clap::Args;
use model::{AddressRange, LogSource, Timestamp};
use store::{LogSearch, Store};

use super::{Format, INCOMPLETE};
use crate::flows::logs;

/// Lines that are printed where nobody says how many.
const USUAL: u32 = 100;
/// Lines that are read at a time.
const PAGE: u32 = 10_000;

/// Which lines.
#[derive(Debug, Args)]
#[command(next_help_heading = "With --logs")]
pub(super) struct Conditions {
    /// Of these kinds alone: dns, http, tls, mail or session
    #[arg(long = "kind", value_name = "KINDS", requires = "logs", value_delimiter = ',', value_parser = kind)]
    kinds: Vec<LogSource>,
    /// Of these clients: an address, subnet or range
    #[arg(long, value_name = "ADDRESSES", requires = "logs")]
    client: Option<AddressRange>,
    /// Of these servers: an address, subnet or range, with :PORT or without
    #[arg(long, value_name = "ADDRESSES", requires = "logs", value_parser = server)]
    server: Option<(AddressRange, Option<u16>)>,
    /// With this outcome, such as NXDOMAIN or 404
    #[arg(long, value_name = "CODE", requires = "logs")]
    code: Option<String>,
    /// With this word in its text, host, application, outcome or details; given several times: with each
    #[arg(long = "word", value_name = "WORD", requires = "logs")]
    words: Vec<String>,
}

fn kind(text: &str) -> Result<LogSource, String> {
    let kinds = LogSource::ALL.into_iter().filter(|kind| kind.is_application());
    let mut kinds = kinds.map(|kind| (logs::kind(kind), kind));
    let found = kinds.find(|(name, _)| *name == text);
    found.map_or_else(
        || Err("write dns, http, tls, mail or session".to_owned()),
        |(_, kind)| Ok(kind),
    )
}

fn server(text: &str) -> Result<(AddressRange, Option<u16>), String> {
    endpoints(text).map_err(|error| error.to_string())
}

/// Prints the newest lines of a span that meet the conditions.
pub(super) fn print(
    store: &Store,
    of: &Conditions,
    (from, to): (Timestamp, Timestamp),
    limit: Option<u32>,
    format: Format,
) -> anyhow::Result<ExitCode> {
    let mut rest = limit.unwrap_or(USUAL);
    let mut search = LogSearch {
        transactions: true,
        from,
        to,
        kinds: of.kinds.clone(),
        client: of.client,
        server: of.server,
        code: of.code.clone(),
        keywords: of.words.clone(),
        ..LogSearch::default()
    };
    let format = match format {
        Format::Table => crate::flows::Format::Table,
        Format::Json => crate::flows::Format::Json,
        Format::Csv => crate::flows::Format::Csv,
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut write = |found: &store::LogsFound, is_first: bool| match is_first {
        true => logs::write(found.records.iter(), format, &mut out),
        false => logs::rows(found.records.iter(), format, &mut out),
    };
    let mut is_whole = true;
    let mut is_first = true;
    loop {
        search.limit = rest.min(PAGE) as usize;
        let found = store.logs(&search, || true);
        let written = write(&found, std::mem::take(&mut is_first));
        match written {
            // A reader who has seen enough is no failure.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
            written => written.context("cannot write the logs to standard output")?,
        }
        for problem in found.problems {
            is_whole = false;
            eprintln!("some lines are missing: {problem}");
        }
        rest = rest.saturating_sub(u32::try_from(found.records.len()).unwrap_or(u32::MAX));
        search.before = found.next;
        if search.before.is_none() || rest == 0 {
            break;
        }
    }
    match out.flush() {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            return Err(error).context("cannot write the logs to standard output");
        }
        _ => {}
    }
    crate::offline::tell(store);
    Ok(match is_whole {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(INCOMPLETE),
    })
}
