//! Questions about stored flow records, typed at the booted image's command line while the office is replayed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::session::Session;
use super::tally::Tally;

/// How long anything may take under emulation.
const SOON: Duration = Duration::from_secs(120);

/// Every kind of question, a filter that is wrong, an application that is defined, what is kept.
pub(super) fn checks(tally: &mut Tally, session: &Session) {
    tally.check("records of a filter are found, and none else", records(session));
    tally.check("a top list of stored records finds who asks for names", top(session));
    tally.check("totals, records and series of one span agree", agree(session));
    tally.check("a wrong filter is refused with its place", wrong(session));
    tally.check(
        "an application defined later names records stored before",
        defined(session),
    );
    tally.check("show storage says what is kept and for how long", storage(session));
    for what in [
        "top by src_ip,app last 1h",
        "records last 1h limit 5",
        "series step 1m last 1h",
        "totals distinct host last 1h",
        "storage",
        "applications",
        "retention",
    ] {
        tally.check(
            &format!("ssh: show {what} in words"),
            session.cli(&format!("show {what}")).and_then(|text| {
                ensure!(!text.trim().is_empty(), "it prints nothing");
                Ok(())
            }),
        );
    }
}

fn rows(answer: &Value) -> Option<&Vec<Value>> {
    answer.get("rows")?.as_array().filter(|rows| !rows.is_empty())
}

fn number(row: &Value, column: &str) -> Option<u64> {
    row.get(column)?.as_u64()
}

fn records(session: &Session) -> Result<()> {
    let found = session.wait_for(
        "records filter \"udp and dport 53 and src 10.20.0.0/24\" last 1h limit 1000",
        SOON,
        |answer| rows(answer).cloned(),
    )?;
    for row in &found {
        let port = number(row, "dst_port");
        let source = row.get("src_ip").and_then(Value::as_str).unwrap_or_default();
        ensure!(
            port == Some(53) && source.starts_with("10.20.0."),
            "not asked for: {row}"
        );
    }
    Ok(())
}

fn top(session: &Session) -> Result<()> {
    let what = "top by src_ip filter \"app dns\" measure flows last 1h limit 10";
    let found = session.wait_for(what, SOON, |answer| rows(answer).cloned())?;
    let mut before = u64::MAX;
    for row in &found {
        let flows = number(row, "flows").context("a row without flows")?;
        ensure!(
            flows <= before,
            "the rows are not in order of flows: {}",
            Value::from(found.clone())
        );
        before = flows;
    }
    ensure!(
        found
            .iter()
            .any(|row| row.to_string().contains("10.20.0.") || row.to_string().contains("fd20:")),
        "no client of the office asks for names: {}",
        Value::from(found.clone())
    );
    Ok(())
}

/// The sums of three ways to ask about a span that is over are the same.
fn agree(session: &Session) -> Result<()> {
    let what = |ask: &str, span: &str| format!("{ask} filter \"tcp and dport 22\" {span} scope ports");
    let recent = session.wait_for(&what("totals", "last 1h"), SOON, |answer| {
        let flows = number(rows(answer)?.first()?, "flows")?;
        (flows > 3).then(|| answer.clone())
    })?;
    let time = |name: &str| {
        let text = recent.get(name).and_then(Value::as_str);
        text.map(str::to_owned)
            .with_context(|| format!("the answer has no {name}"))
    };
    let (from, to) = (time("from")?, time("to")?);
    let minute = to.get(..16).context("the answer's end is no time")?;
    let span = format!("from {from} to {minute}:00Z");
    // Records that end within the span are still stored while the collector hands over its last block.
    let mut before = None;
    let totals = session.wait_for(&what("totals", &span), 2 * SOON, |answer| {
        let settled = before.as_ref() == rows(answer);
        if !settled {
            before = rows(answer).cloned();
            std::thread::sleep(Duration::from_secs(20));
        }
        settled.then(|| answer.clone())
    })?;
    let total = rows(&totals).and_then(|rows| rows.first()).context("no totals")?;
    let flows = number(total, "flows").context("totals without flows")?;
    let bytes = number(total, "bytes").context("totals without octets")?;
    let records = session.show(&format!("{} limit 1000", what("records", &span)))?;
    let listed = rows(&records).context("no records")?;
    let sum: u64 = listed.iter().filter_map(|row| number(row, "bytes")).sum();
    ensure!(
        (listed.len() as u64, sum) == (flows, bytes),
        "{} records with {sum} octets forward are listed, {flows} with {bytes} are counted",
        listed.len()
    );
    let series = session.show(&format!(
        "series step 1m filter \"tcp and dport 22\" {span} scope ports"
    ))?;
    let points = rows(&series).context("no series")?;
    let counted: u64 = points.iter().filter_map(|row| number(row, "flows")).sum();
    ensure!(
        counted == flows,
        "the series counts {counted} flows, the totals {flows}"
    );
    Ok(())
}

fn wrong(session: &Session) -> Result<()> {
    let text = session.cli_refused("show records filter \"src 10.20.0.300\" last 1h")?;
    ensure!(text.contains("300"), "the message does not say what is wrong: {text}");
    let text = session.cli_refused("show records filter \"app dnss\" last 1h")?;
    ensure!(text.contains("dns"), "the message suggests nothing: {text}");
    Ok(())
}

fn defined(session: &Session) -> Result<()> {
    session.cli("set application office-net addresses 10.20.0.0/24")?;
    session.wait_for("totals filter \"app office-net\" last 1h", SOON, |answer| {
        (number(rows(answer)?.first()?, "flows")? > 0).then_some(())
    })?;
    session.cli("delete application office-net")?;
    session.cli_refused("show totals filter \"app office-net\" last 1h")?;
    Ok(())
}

fn storage(session: &Session) -> Result<()> {
    session.cli("set retention records age 90")?;
    session.wait_for("storage", SOON, |answer| {
        let classes = answer.pointer("/storage/classes")?.as_array()?;
        let records = classes
            .iter()
            .find(|class| class.get("class").is_some_and(|name| name == "records"))?;
        let kept = records.pointer("/limit/age")?.as_u64()? == 90;
        let there = records.get("bytes")?.as_u64()? > 0 && records.get("records")?.as_u64()? > 0;
        (kept && there).then_some(())
    })
}
