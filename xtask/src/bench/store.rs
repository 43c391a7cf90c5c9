//! The record store beside nfdump, DuckDB and chdb: the same records, the same questions, one run. Answers have to be
//! equal before anything is measured.

mod data;
mod questions;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use self::data::{Data, HALF_YEAR, SMALL, Scale, WEEK, octets};
use self::questions::{ALL, FILTERS, Group, Question, Sql, TOPS, ensure_same};
use super::{Row, children};
use crate::step::step;

/// Runs of each question; the best one counts.
const RUNS: usize = 3;
/// Days of the half year that have rollups; those before have the index alone.
const ROLLED_DAYS: u64 = 31;
/// Look-ups of each kind.
const LOOK_UPS: u64 = 7;

/// The figures of the record store.
pub(super) fn rows() -> Result<Vec<Row>> {
    let data = Data::new(crate::cache::dir()?.join("bench"), true)?;
    let week = Week {
        store: data.store("week", WEEK)?,
        nfdump: data.nfdump("week.nfdump", WEEK)?,
        parquet: data.parquet("week.parquet", WEEK)?,
        chdb: data.chdb("week.chdb", &data.parquet("week.parquet", WEEK)?)?,
        data: &data,
    };
    let mut rows = week.questions()?;
    let half_year = data.closed("half-year", HALF_YEAR, ROLLED_DAYS)?;
    rows.extend(sizes(&week, &half_year)?);
    rows.extend(look_ups(&data, &half_year)?);
    rows.push(month(&data, &half_year)?);
    rows.push(ingest(&data)?);
    Ok(rows)
}

/// The same records in each engine's form.
struct Week<'a> {
    store: std::path::PathBuf,
    nfdump: std::path::PathBuf,
    parquet: std::path::PathBuf,
    chdb: std::path::PathBuf,
    data: &'a Data,
}

/// Processor seconds and the answer.
type Answered = (f64, Vec<Group>);

impl Week<'_> {
    /// Asks everyone everything; answers have to be equal.
    fn questions(&self) -> Result<Vec<Row>> {
        let all: Vec<Question> = FILTERS.into_iter().chain(TOPS).collect();
        let ours = step("bench", "asking Spanwatch", || ours(self.data, &self.store, &all, WEEK))?;
        let duckdb = step("bench", "asking DuckDB", || self.sql(Sql::DuckDb, &self.parquet, &all))?;
        let chdb = step("bench", "asking chdb", || self.sql(Sql::Chdb, &self.chdb, &all))?;
        let nfdump = step("bench", "asking nfdump", || {
            all.iter()
                .map(|question| nfdump(&self.nfdump, question))
                .collect::<Result<Vec<_>>>()
        })?;
        let mut rows = Vec::new();
        for (at, question) in all.iter().enumerate() {
            let mut answers = vec![("DuckDB", &duckdb[at]), ("chdb", &chdb[at])];
            answers.extend(nfdump[at].as_ref().map(|answered| ("nfdump", answered)));
            for (who, (_, groups)) in &answers {
                ensure_same(&ours[at].1, groups).with_context(|| format!("{}: not what {who} says", question.name))?;
            }
            let theirs = |who: &str| answers.iter().find(|(name, _)| *name == who).map(|(_, (cpu, _))| *cpu);
            rows.push(judged(question, ours[at].0, theirs("chdb"), theirs("nfdump"), &answers));
        }
        Ok(rows)
    }

    /// Everything to one SQL engine, in one process.
    fn sql(&self, who: Sql, place: &Path, questions: &[Question]) -> Result<Vec<Answered>> {
        let (python, script) = self.data.python.as_ref().context("no Python")?;
        let name = match who {
            Sql::DuckDb => "duckdb",
            Sql::Chdb => "chdb",
        };
        let mut command = Command::new(python);
        command.arg(script).args(["ask", name]).arg(place);
        let asked = questions
            .iter()
            .map(|question| json!({"name": question.name, "sql": question.sql(who)}));
        best(&mut command, questions, asked, |question, answer| {
            question.read_sql(answer.get("rows").context("no rows")?)
        })
    }
}

/// Our answers, in one process, by as many threads as the peers have.
fn ours(data: &Data, store: &Path, questions: &[Question], scale: Scale) -> Result<Vec<Answered>> {
    let mut command = Command::new(&data.bench);
    command.arg("ask").arg(store).arg("2");
    let asked = questions
        .iter()
        .map(|question| json!({"name": question.name, "query": question.ours(scale.span())}));
    best(&mut command, questions, asked, |question, answer| {
        question.read_ours(answer.get("answer").context("no answer")?)
    })
}

/// Asks each question some times; the quickest answer's processor time, and the answer.
fn best(
    command: &mut Command,
    questions: &[Question],
    asked: impl Iterator<Item = Value>,
    read: impl Fn(&Question, &Value) -> Result<Vec<Group>>,
) -> Result<Vec<Answered>> {
    let lines = asked
        .flat_map(|asked| std::iter::repeat_n(asked, RUNS))
        .map(|asked| format!("{asked}\n"))
        .collect::<String>();
    let answers = answers(command, &lines)?;
    ensure!(
        answers.len() == questions.len() * RUNS,
        "{} answers of {}",
        answers.len(),
        questions.len() * RUNS
    );
    questions
        .iter()
        .zip(answers.chunks(RUNS))
        .map(|(question, runs)| {
            let times = runs
                .iter()
                .filter_map(|answer| answer.get("cpu_s").and_then(Value::as_f64));
            let groups = read(question, runs.first().context("no run")?).with_context(|| question.name.to_owned())?;
            Ok((times.fold(f64::INFINITY, f64::min), groups))
        })
        .collect()
}

/// Gives a program lines, and reads the JSON objects that it prints.
fn answers(command: &mut Command, lines: &str) -> Result<Vec<Value>> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut to = child.stdin.take().context("no input")?;
    let lines = lines.to_owned();
    // Whoever answers before all is asked must not wait for us.
    let writer = std::thread::spawn(move || to.write_all(lines.as_bytes()));
    let out = child.wait_with_output()?;
    let written = writer.join();
    ensure!(out.status.success(), "{command:?} ended with {}", out.status);
    ensure!(matches!(written, Ok(Ok(()))), "{command:?} did not take its questions");
    let text = String::from_utf8(out.stdout)?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// nfdump's answer, where it has one; it reads its files anew each time.
fn nfdump(folder: &Path, question: &Question) -> Result<Option<Answered>> {
    let Some(args) = question.nfdump() else {
        return Ok(None);
    };
    let (mut best, mut groups) = (f64::INFINITY, Vec::new());
    for _ in 0..RUNS {
        let before = children()?;
        let out = Command::new("nfdump")
            .arg("-R")
            .arg(folder)
            .args(&args)
            .stdin(Stdio::null())
            .output()?;
        best = best.min(children()? - before);
        ensure!(out.status.success(), "nfdump {args:?} ended with {}", out.status);
        groups = question
            .read_nfdump(&String::from_utf8_lossy(&out.stdout))
            .context("nfdump")?;
    }
    Ok(Some((best, groups)))
}

#[allow(clippy::cast_precision_loss, reason = "some hundred million")]
fn per_s(records: u64, cpu_s: f64) -> f64 {
    records as f64 / cpu_s / 1e6
}

/// A question's row.
fn judged(
    question: &Question,
    cpu_s: f64,
    chdb: Option<f64>,
    nfdump: Option<f64>,
    answers: &[(&str, &Answered)],
) -> Row {
    let speed = per_s(WEEK.records, cpu_s);
    let peers: Vec<_> = answers
        .iter()
        .map(|(who, (cpu, _))| format!("{who} {:.1} M", per_s(WEEK.records, *cpu)))
        .collect();
    let (target, kept) = if question.by.is_empty() {
        let times = nfdump.map_or(f64::INFINITY, |theirs| theirs / cpu_s);
        (
            "≥ 40 M records a CPU-second, ≥ 10 × nfdump",
            speed >= 40.0 && times >= 10.0,
        )
    } else {
        let slower = chdb.is_some_and(|theirs| theirs < cpu_s);
        (
            "≥ 20 M records a CPU-second, not slower than chdb",
            speed >= 20.0 && !slower,
        )
    };
    Row {
        figure: format!("records read: {}", question.name),
        target: target.to_owned(),
        measured: format!("{speed:.1} M records a CPU-second"),
        peer: format!("{}; all answers are equal", peers.join(", ")),
        command: "cargo xtask bench store".to_owned(),
        kept,
    }
}

#[allow(clippy::cast_precision_loss, reason = "some gigabytes")]
fn sizes(week: &Week<'_>, half_year: &Path) -> Result<Vec<Row>> {
    let a_record = |octets: u64, scale: Scale| octets as f64 / scale.records as f64;
    let file = |name: &str| octets(half_year, &|file| file.starts_with(name));
    let (blocks, index, rollups) = (file("blocks-")?, file("index.redb")?, file("rollups.redb")?);
    let all = |path: &Path| octets(path, &|_| true);
    let peer = [
        ("nfdump LZ4", &week.nfdump),
        ("Parquet zstd", &week.parquet),
        ("chdb", &week.chdb),
    ]
    .into_iter()
    .map(|(who, path)| Ok(format!("{who} {:.1}", a_record(all(path)?, WEEK))))
    .collect::<Result<Vec<_>>>()?;
    let ours = a_record(blocks + index, HALF_YEAR);
    Ok(vec![Row {
        figure: "octets a record on disk, blocks with their filters and the hours' index".to_owned(),
        target: "≤ 16".to_owned(),
        measured: format!(
            "{ours:.2} (blocks {:.2}, index {:.2}); rollups besides {:.2}",
            a_record(blocks, HALF_YEAR),
            a_record(index, HALF_YEAR),
            a_record(rollups, HALF_YEAR) * HALF_YEAR.days as f64 / ROLLED_DAYS as f64
        ),
        peer: peer.join(", "),
        command: "cargo xtask bench store".to_owned(),
        kept: ours <= 16.0,
    }])
}

/// One 5-tuple or one address of half a year, nothing in memory: each in a process of its own.
fn look_ups(data: &Data, half_year: &Path) -> Result<Vec<Row>> {
    let mut command = Command::new(&data.bench);
    command.arg("keys").args(HALF_YEAR.args()).arg(LOOK_UPS.to_string());
    let keys = answers(&mut command, "")?;
    let mut rows = Vec::new();
    for kind in ["5-tuple", "address"] {
        for present in [true, false] {
            let filters = keys
                .iter()
                .filter(|key| key["kind"] == kind && key["present"] == present);
            let mut times = Vec::new();
            let mut found = 0;
            for key in filters {
                let (from, to) = HALF_YEAR.span();
                let query = json!({
                    "from": from * 1_000_000_000, "to": to * 1_000_000_000, "filter": key["filter"],
                    "ask": {"records": {"limit": 100}}, "timeout_ms": 600_000,
                });
                drop_caches()?;
                let mut command = Command::new(&data.bench);
                command.arg("ask").arg(half_year).arg("2");
                let answers = answers(&mut command, &format!("{}\n", json!({"name": kind, "query": query})))?;
                let answer = answers.first().context("no answer")?;
                let seconds = |name: &str| answer[name].as_f64().context("no time");
                times.push(seconds("wall_s")? + seconds("opened_s")?);
                let records = answer
                    .pointer("/answer/found/records/records")
                    .and_then(Value::as_array);
                let records = records.context("no records")?.len();
                ensure!((records > 0) == present, "{}: {records} records", key["filter"]);
                ensure!(
                    answer.pointer("/answer/complete") == Some(&Value::Bool(true)),
                    "cut short: {answer}"
                );
                found += records;
            }
            times.sort_by(f64::total_cmp);
            let median = times.get(times.len() / 2).copied().context("no look-up")?;
            let worst = times.last().copied().unwrap_or_default();
            let what = if present { "that is there" } else { "that is not" };
            rows.push(Row {
                figure: format!("look-up of one {kind} {what}, 500 M records of 180 days, cold"),
                target: "≤ 1 s".to_owned(),
                measured: format!(
                    "{median:.2} s (median of {}, worst {worst:.2} s, {found} records found)",
                    times.len()
                ),
                peer: String::new(),
                command: "cargo xtask bench store".to_owned(),
                kept: median <= 1.0,
            });
        }
    }
    Ok(rows)
}

/// Forgets what the kernel keeps of files.
fn drop_caches() -> Result<()> {
    nix::unistd::sync();
    std::fs::write("/proc/sys/vm/drop_caches", "3").context("cannot drop the page cache: run as root")
}

/// The heaviest hosts of 30 days.
fn month(data: &Data, half_year: &Path) -> Result<Row> {
    let from = data::FROM_S + (HALF_YEAR.days - 30) * 86_400;
    let query = json!({
        "from": from * 1_000_000_000, "to": (from + 30 * 86_400) * 1_000_000_000,
        "ask": {"top": {"by": ["host"], "limit": 20}}, "timeout_ms": 600_000,
    });
    let mut command = Command::new(&data.bench);
    command.arg("ask").arg(half_year).arg("2");
    let line = format!("{}\n", json!({"name": "month", "query": query}));
    let answers = answers(&mut command, &line.repeat(RUNS))?;
    let first = answers.first().context("no answer")?;
    let from = first
        .pointer("/answer/read/from")
        .and_then(Value::as_str)
        .unwrap_or_default();
    ensure!(from == "rollups", "a month was answered from {from}");
    let times = answers.iter().filter_map(|answer| answer["wall_s"].as_f64());
    let ms = times.fold(f64::INFINITY, f64::min) * 1e3;
    Ok(Row {
        figure: "TopN of a month from rollups: hosts".to_owned(),
        target: "≤ 100 ms".to_owned(),
        measured: format!("{ms:.0} ms"),
        peer: String::new(),
        command: "cargo xtask bench store".to_owned(),
        kept: ms <= 100.0,
    })
}

/// Blocks that are appended while a question reads everything.
fn ingest(data: &Data) -> Result<Row> {
    let folder = crate::build_dir()?.join("bench/store-ingest");
    let _ = std::fs::remove_dir_all(&folder);
    let mut fill = Command::new(&data.bench);
    answers(fill.arg("fill").arg(&folder).args(SMALL.args()), "")?;
    let all = Question {
        name: "all",
        condition: ALL,
        by: &[],
    };
    let top = Question {
        by: &[questions::Key::SrcIp],
        ..all
    };
    let asked = json!({"name": "all", "query": top.ours(SMALL.span())});
    let mut command = Command::new(&data.bench);
    command
        .arg("ingest")
        .arg(&folder)
        .args(SMALL.args())
        .arg("10")
        .arg(asked.to_string());
    let answers = answers(&mut command, "")?;
    let _ = std::fs::remove_dir_all(&folder);
    let answer = answers.first().context("no answer")?;
    let number = |name: &str| answer[name].as_f64().with_context(|| format!("no {name}"));
    let speed = number("records")? / number("cpu_s")? / 1e6;
    Ok(Row {
        figure: "ingest of blocks while questions are read".to_owned(),
        target: "≥ 3 M records a CPU-second".to_owned(),
        measured: format!(
            "{speed:.1} M records a CPU-second, {} answers meanwhile",
            number("answers")?
        ),
        peer: String::new(),
        command: "cargo xtask bench store".to_owned(),
        kept: speed >= 3.0 && number("answers")? >= 1.0,
    })
}

/// The same answers as nfdump's on a million records: what every change is tested with.
pub(crate) fn compare(check: &mut dyn FnMut(&str, Result<()>)) -> Result<()> {
    let folder = crate::build_dir()?.join("bench/compare");
    let _ = std::fs::remove_dir_all(&folder);
    let data = Data::new(folder.clone(), false)?;
    let (store, files) = (data.store("small", SMALL)?, data.nfdump("small.nfdump", SMALL)?);
    let closed = data.closed("small-closed", SMALL, SMALL.days)?;
    let all: Vec<Question> = FILTERS.into_iter().chain(TOPS).collect();
    let from_records = ours(&data, &store, &all, SMALL)?;
    let from_rollups = ours(&data, &closed, &all, SMALL)?;
    for ((question, records), rollups) in all.iter().zip(from_records).zip(from_rollups) {
        if let Some((_, groups)) = nfdump(&files, question)? {
            check(
                &format!("nfdump agrees: {}", question.name),
                ensure_same(&records.1, &groups),
            );
        }
        check(
            &format!("closed hours agree: {}", question.name),
            ensure_same(&records.1, &rollups.1),
        );
    }
    let _ = std::fs::remove_dir_all(&folder);
    Ok(())
}
