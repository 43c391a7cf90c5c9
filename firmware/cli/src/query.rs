//! `spanwatch query`: asks a store in a folder.

mod context;
mod logs;

use std::io::{IsTerminal as _, Write as _};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use api::labels::Labels;
use api::sheet::{FileKind, Sheet};
use clap::{ArgGroup, Args, ValueEnum};
use model::{Answer, Ask, Key, LinkId, Measure, Order, Query, Scope, Timestamp};
use query::{Question, Watch};
use serde_json::json;
use settings::Language;
use store::Store;

use crate::flows::text::count;
use crate::show::Show;
use crate::show::answer::Answered;
use context::Known;

/// Ask a store that `spanwatch import` or an appliance wrote.
///
/// A record counts where it ends. Times are RFC 3339, such as 2026-11-21T10:00:00Z; or 2026-11-21, 2026-11-21 10:00,
/// -2h (before now), now, or seconds since 1970. Without --from and --to the whole store is asked.
///
/// The filter is the appliance's: src 10.1.0.0/16 and dport 443 or app dns and not host 8.8.8.8.
///
/// How the answer was come by is said on standard error. The exit status is 3 when it is incomplete: time ran out,
/// Ctrl-C was pressed, or something could not be read.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("ask").required(true))]
pub(crate) struct QueryArgs {
    /// The store's folder
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// The start, included [default: the oldest record]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// The end, excluded [default: after the newest record]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<String>,
    /// Offset from UTC of times that name none, of days in series, and of times in tables, such as +08:00
    #[arg(long, value_name = "OFFSET", default_value = "Z", allow_hyphen_values = true, value_parser = zone)]
    zone: i32,
    /// Which records, in the filter language
    #[arg(long, value_name = "FILTER", default_value = "")]
    filter: String,
    /// Of ports, exporters, or one link by its name or number [default: all]
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
    /// The groups that weigh most, by keys such as src_ip,app
    #[arg(long, value_name = "KEYS", group = "ask", value_delimiter = ',', value_parser = crate::keys::key)]
    top: Vec<Key>,
    /// The records themselves
    #[arg(long, group = "ask")]
    records: bool,
    /// Sums over time, a row for each step such as 1m, 1h or 1d; auto: as fine as gives at most 720 rows
    #[arg(long, value_name = "STEP", group = "ask", num_args = 0..=1, default_missing_value = "auto")]
    series: Option<String>,
    /// The sums of all
    #[arg(long, group = "ask")]
    totals: bool,
    /// Application logs instead, the newest first: a line for each DNS query, HTTP request, TLS session, mail and login
    #[arg(long, group = "ask", conflicts_with_all = ["filter", "scope", "compare", "quality"])]
    logs: bool,
    #[command(flatten)]
    of_logs: logs::Conditions,
    /// What weighs: bytes, packets, flows, bytes_forward, bytes_reverse, rate, p95, response, connect or retransmissions
    #[arg(long = "by", value_name = "MEASURE", default_value = "bytes", value_parser = crate::keys::measure)]
    measure: Measure,
    /// Rows; of a split series, lines [default: 20, of a series 10, of logs 100]
    #[arg(long, short = 'n', value_name = "COUNT")]
    limit: Option<u32>,
    /// With --series: a column for each of the heaviest groups by these keys
    #[arg(long, value_name = "KEYS", requires = "series", value_delimiter = ',', value_parser = crate::keys::key)]
    split: Vec<Key>,
    /// With --totals: how many different values these keys have
    #[arg(long, value_name = "KEYS", requires = "totals", value_delimiter = ',', value_parser = crate::keys::key)]
    distinct: Vec<Key>,
    /// Also the span of equal length before
    #[arg(long, conflicts_with = "records")]
    compare: bool,
    /// Also the quality: connect and response times, retransmissions, RTP loss and jitter
    #[arg(long, conflicts_with = "records")]
    quality: bool,
    /// With --records: by end, start, duration, bytes or packets
    #[arg(long, value_name = "ORDER", default_value = "end", value_parser = crate::keys::order)]
    order: Order,
    /// The smallest first
    #[arg(long)]
    ascending: bool,
    /// With --records: leave out so many before
    #[arg(long, value_name = "COUNT", default_value_t = 0, requires = "records")]
    offset: u32,
    /// Give what was found after so many seconds, at most 600
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=600))]
    timeout: u32,
    /// Read with so many threads [default: one a processor]
    #[arg(long, value_name = "COUNT")]
    threads: Option<NonZeroUsize>,
    /// Take names, applications, businesses and groups from an appliance's settings
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Take countries from a database, CSV or MaxMind DB [default: the store's, if an appliance imported one]
    #[arg(long, value_name = "FILE")]
    countries: Option<PathBuf>,
    /// How the answer is printed; in json and csv numbers are exact
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// One JSON object: what was asked, how it was answered, and the rows
    Json,
    /// Comma-separated values (RFC 4180) with a header line
    Csv,
}

fn zone(text: &str) -> Result<i32, String> {
    crate::when::zone_of(text).ok_or_else(|| "write Z, or hours and minutes as +08:00".to_owned())
}

/// The exit status of an answer that is not whole.
const INCOMPLETE: u8 = 3;

/// Runs the command.
pub(crate) fn run(args: &QueryArgs, language: Language) -> anyhow::Result<ExitCode> {
    let settings = args.settings.as_deref().map(crate::offline::settings).transpose()?;
    let store = crate::offline::open(&args.store, false)?;
    let mut known = Known::read(&store, settings.as_ref())?;
    known.read_countries(args.countries.as_deref(), &args.store)?;
    let now = crate::offline::now();
    if args.logs {
        let (from, to) = args.span(now)?;
        let (from, to) = (from.unwrap_or_default(), to.unwrap_or(Timestamp::from_nanos(u64::MAX)));
        return logs::print(&store, &args.of_logs, (from, to), args.limit, args.format);
    }
    let query = args.query(&store, &known, now)?;
    let names = query::names(&known.context);
    let expr = filter::parse(&args.filter, &names).map_err(|problem| refused(&args.filter, &problem, language))?;
    let threads = match args.threads {
        Some(threads) => threads,
        None => std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
    };
    let question = Question::new(&query, &expr, &known.context, now, threads)?;
    let watch = Arc::new(Watch::new(Duration::from_secs(args.timeout.into())));
    let answer = attended(&watch, || question.run(&store, &watch));
    let asked = question.query();
    print(args, asked, &answer, &known.labels, language)?;
    eprint!("{}", Show(language).footing(&answer));
    crate::offline::tell(&store);
    Ok(match answer.complete {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(INCOMPLETE),
    })
}

/// A filter that cannot be read, with a mark below the place.
fn refused(text: &str, problem: &filter::FilterError, language: Language) -> anyhow::Error {
    anyhow!(
        "{}",
        crate::filters::explain(
            text,
            (problem.at.start, problem.at.end),
            match language {
                Language::English => problem.english(),
                Language::Chinese => problem.chinese(),
            },
            problem.suggestion(),
            language,
        )
    )
}

impl QueryArgs {
    fn query(&self, store: &Store, known: &Known, now: Timestamp) -> anyhow::Result<Query> {
        let (mut from, mut to) = self.span(now)?;
        if from.is_none() || to.is_none() {
            let (first, last) = context::span(store)?;
            from = from.or(Some(first.min(to.unwrap_or(first))));
            to = to.or(Some(last.max(from.unwrap_or(last))));
        }
        Ok(Query {
            from: from.unwrap_or_default(),
            to,
            scope: self.scope.as_deref().map(|name| scope(name, known)).transpose()?,
            filter: self.filter.clone(),
            ask: self.ask()?,
            timeout_ms: self.timeout.saturating_mul(1_000),
        })
    }

    /// The start and the end that were named.
    fn span(&self, now: Timestamp) -> anyhow::Result<(Option<Timestamp>, Option<Timestamp>)> {
        let time = |text: &str| {
            crate::when::asked(text, now, self.zone).with_context(|| {
                format!("{text:?} is not a time: write 2026-11-21T10:00:00Z, 2026-11-21 10:00, -2h, now, or seconds since 1970")
            })
        };
        Ok((
            self.from.as_deref().map(time).transpose()?,
            self.to.as_deref().map(time).transpose()?,
        ))
    }

    fn ask(&self) -> anyhow::Result<Ask> {
        let limit = |default| self.limit.unwrap_or(default);
        if !self.top.is_empty() {
            return Ok(Ask::Top {
                by: self.top.clone(),
                measure: self.measure,
                limit: limit(20),
                ascending: self.ascending,
                compare: self.compare,
                quality: self.quality,
            });
        }
        if let Some(step) = &self.series {
            let step_s = match step.as_str() {
                "auto" => None,
                step => Some(
                    crate::when::length_s(step)
                        .and_then(|seconds| u32::try_from(seconds).ok())
                        .with_context(|| format!("{step:?} is not a step: write 1m, 1h, 1d or auto"))?,
                ),
            };
            return Ok(Ask::Series {
                step_s,
                zone_s: self.zone,
                by: self.split.clone(),
                measure: self.measure,
                limit: limit(10),
                compare: self.compare,
                quality: self.quality,
            });
        }
        if self.totals {
            return Ok(Ask::Totals {
                distinct: self.distinct.clone(),
                compare: self.compare,
                quality: self.quality,
            });
        }
        Ok(Ask::Records {
            order: self.order,
            ascending: self.ascending,
            offset: self.offset,
            limit: limit(20),
        })
    }
}

/// A scope by its name.
fn scope(name: &str, known: &Known) -> anyhow::Result<Scope> {
    match name {
        "ports" => return Ok(Scope::Ports),
        "exporters" => return Ok(Scope::Exporters),
        _ => {}
    }
    let links = &known.context.links;
    let named: Vec<LinkId> = links
        .iter()
        .filter(|(_, names)| names.iter().any(|n| n == name))
        .map(|(link, _)| *link)
        .collect();
    match (named.as_slice(), name.parse()) {
        ([link], _) => Ok(Scope::Link(*link)),
        ([], Ok(number)) => Ok(Scope::Link(LinkId(number))),
        ([], Err(_)) => {
            let all: Vec<&str> = links
                .values()
                .filter_map(|names| Some(names.first()?.as_str()))
                .collect();
            bail!("there is no link named {name:?}: ports, exporters, {}", all.join(", "))
        }
        (_, _) => bail!("several links are named {name:?}: use a link's number"),
    }
}

/// Works while the terminal shows how far it is, and Ctrl-C ends it with what was found.
fn attended(watch: &Arc<Watch>, work: impl FnOnce() -> Answer) -> Answer {
    let over = Arc::new(AtomicBool::new(false));
    let listener = {
        let (watch, over) = (watch.clone(), over.clone());
        let shown = std::io::stderr().is_terminal();
        std::thread::spawn(move || attend(&watch, &over, shown))
    };
    let answer = work();
    over.store(true, Ordering::Relaxed);
    let _ = listener.join();
    answer
}

fn attend(watch: &Watch, over: &AtomicBool, shown: bool) {
    const TICK: Duration = Duration::from_millis(100);
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return;
    };
    runtime.block_on(async {
        let mut drawn = false;
        // The first Ctrl-C asks for what there is, the next ends the program.
        let mut pressed = 0_u32;
        loop {
            tokio::select! {
                signal = tokio::signal::ctrl_c() => {
                    pressed += u32::from(signal.is_ok());
                    watch.cancel();
                    if pressed > 1 {
                        std::process::exit(130);
                    }
                }
                () = tokio::time::sleep(TICK) => {}
            }
            if over.load(Ordering::Relaxed) {
                break;
            }
            let progress = watch.progress();
            if shown && progress.elapsed_ms > 500 {
                drawn = true;
                let share = progress
                    .done
                    .saturating_mul(100)
                    .checked_div(progress.total)
                    .unwrap_or(0);
                let records = count(progress.records, "record");
                let mut out = std::io::stderr();
                let _ = write!(out, "\r\x1b[K{share} %, {records} read").and_then(|()| out.flush());
            }
        }
        if drawn {
            let mut out = std::io::stderr();
            let _ = write!(out, "\r\x1b[K").and_then(|()| out.flush());
        }
    });
}

fn print(args: &QueryArgs, query: &Query, answer: &Answer, labels: &Labels, language: Language) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let written = match args.format {
        Format::Table => {
            let zone_s = args.zone;
            let text = Show(language).answer(Answered {
                query,
                answer,
                labels,
                zone_s,
            });
            out.write_all(text.as_bytes())
        }
        Format::Json => out.write_all(json(query, answer, labels)?.as_bytes()),
        Format::Csv => {
            let mut lines = Sheet::new(query, answer, labels).lines(FileKind::Csv);
            // The mark is for spreadsheets that open a file; scripts do not want it.
            lines.try_for_each(|line| out.write_all(line.trim_start_matches('\u{feff}').as_bytes()))
        }
    };
    match written.and_then(|()| out.flush()) {
        // A reader who has seen enough is no failure.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write the answer to standard output"),
    }
}

/// The answer with its rows as people know them, and all that is said of it.
pub(crate) fn json(query: &Query, answer: &Answer, labels: &Labels) -> anyhow::Result<String> {
    let rows: String = Sheet::new(query, answer, labels).lines(FileKind::Json).collect();
    let rows: serde_json::Value = serde_json::from_str(&rows)?;
    let quality = match &answer.found {
        model::Found::Top { quality, .. } => quality.as_ref(),
        _ => None,
    };
    let (total, before, groups, more) = match &answer.found {
        model::Found::Top {
            total, before, groups, ..
        } => (Some(total), before.as_ref(), Some(groups), None),
        model::Found::Records { more, .. } => (None, None, None, Some(more)),
        model::Found::Series { .. } | model::Found::Totals { .. } => (None, None, None, None),
    };
    let step_s = match &answer.found {
        model::Found::Series { step_s, .. } => Some(step_s),
        _ => None,
    };
    let whole = json!({
        "from": answer.from.to_string(),
        "to": answer.to.to_string(),
        "filter": answer.filter,
        "rows": rows,
        "total": total,
        "before": before,
        "quality": quality,
        "groups": groups,
        "more": more,
        "step_s": step_s,
        "read": answer.read,
        "complete": answer.complete,
        "exact": answer.exact,
        "notes": answer.notes,
    });
    Ok(serde_json::to_string_pretty(&whole)? + "\n")
}
