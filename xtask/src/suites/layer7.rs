//! What content says of the replayed office, typed at the booted image's command line: applications by name, quality,
//! application logs, ports side by side, signatures.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::session::Session;
use super::tally::Tally;

/// How long anything may take under emulation.
const SOON: Duration = Duration::from_secs(180);

/// Each command in words as well as in JSON.
pub(super) fn checks(tally: &mut Tally, session: &Session) {
    tally.check(
        "application logs of DNS are found by their outcome, and none else",
        names_that_are_not_there(session),
    );
    for (kind, field) in [("http", "status"), ("tls", "tls_version"), ("mail", "client")] {
        tally.check(
            &format!("application logs of {kind} are made"),
            lines(session, kind, field),
        );
    }
    tally.check("records are found by the server's name", domain(session));
    tally.check("servers have response times", quality(session));
    tally.check("a port has sizes of frames and rings", ports(session));
    tally.check(
        "a wrong signature is refused with its place, a right one is kept",
        signatures(session),
    );
    tally.check(
        "signatures are imported whole, and a file with a mistake leaves them as they were",
        import_signatures(session),
    );
    tally.check("application logs are switched off and on", application_logs(session));
    tally.check("a port gets as many rings as were set", rings(session));
    tally.check("a host has its applications, names and transactions", host(session));
    for what in [
        "host 10.20.0.11 last 1h",
        "applog last 1h",
        "applog dns last 1h view full limit 3",
        "quality last 1h",
        "quality streams last 1h",
        "quality series step 1m last 1h filter \"dport 53\"",
        "links detail",
        "links detail last 10m",
        "signatures",
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

fn records(answer: &Value) -> Option<Vec<Value>> {
    let records = answer.get("records")?.as_array()?;
    (!records.is_empty()).then(|| records.clone())
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn names_that_are_not_there(session: &Session) -> Result<()> {
    let found = session.wait_for("applog dns code NXDOMAIN client 10.20.0.0/24 last 1h", SOON, records)?;
    for line in &found {
        ensure!(
            word(line, "code") == "NXDOMAIN" && word(line, "peer").starts_with("10.20.0."),
            "not asked for: {line}"
        );
        ensure!(word(line, "host").contains("no-such"), "another name: {line}");
    }
    Ok(())
}

fn lines(session: &Session, kind: &str, field: &str) -> Result<()> {
    let found = session.wait_for(&format!("applog {kind} last 1h limit 50"), SOON, records)?;
    ensure!(
        found.iter().all(|line| word(line, "source") == kind),
        "of another kind: {}",
        Value::from(found.clone())
    );
    let said = found
        .iter()
        .any(|line| word(line, "data").contains(&format!("{field}=\"")));
    ensure!(said, "no line says its {field}: {}", found.first().context("no line")?);
    Ok(())
}

fn domain(session: &Session) -> Result<()> {
    let what = "top by domain filter \"domain example.com\" last 1h limit 20";
    let found = session.wait_for(what, SOON, |answer| {
        let rows = answer.get("rows")?.as_array()?;
        (!rows.is_empty()).then(|| rows.clone())
    })?;
    for row in &found {
        ensure!(word(row, "domain").ends_with("example.com"), "another name: {row}");
    }
    Ok(())
}

fn quality(session: &Session) -> Result<()> {
    let what = "quality filter \"dport 53\" order response last 1h";
    session.wait_for(what, SOON, |answer| {
        let rows = answer.get("rows")?.as_array()?;
        let timed = |row: &Value| row.get("response_mean_us").is_some_and(Value::is_u64);
        rows.iter().any(timed).then_some(())
    })
}

fn ports(session: &Session) -> Result<()> {
    session.wait_for("links detail last 5m", SOON, |answer| {
        let port = answer
            .as_array()?
            .iter()
            .find(|port| !port.get("counters").is_none_or(Value::is_null))?;
        let sizes = port.get("counters")?.get("sizes")?.as_array()?;
        let framed: u64 = sizes.iter().filter_map(Value::as_u64).sum();
        let rings = port.get("status")?.get("rings")?.as_array()?;
        (framed > 0 && !rings.is_empty()).then_some(())
    })
}

fn signatures(session: &Session) -> Result<()> {
    let text = session.cli_refused("set signatures add app nobody-knows-it host x.example")?;
    ensure!(
        text.contains("1") && text.contains("nobody-knows-it"),
        "no place: {text:?}"
    );
    session.cli("set signatures add app postgresql host erp.example.com")?;
    let kept = session.cli("show signatures")?;
    ensure!(
        kept.contains("app postgresql host erp.example.com"),
        "not kept: {kept:?}"
    );
    session.cli("set signatures clear")?;
    Ok(())
}

fn import_signatures(session: &Session) -> Result<()> {
    let rules = "# ours\napp postgresql host erp.example.com\napp redis host cache.example.com\n";
    session.cli_with("import signatures", rules)?;
    let text = session.cli_refused_with(
        "import signatures",
        "app ssh host a.example\napp nobody-knows-it host x.example\n",
    )?;
    ensure!(
        text.contains("2") && text.contains("nobody-knows-it"),
        "no place: {text:?}"
    );
    let kept = session.cli("show signatures")?;
    ensure!(kept.trim() == rules.trim(), "not kept: {kept:?}");
    session.cli("set signatures clear")?;
    Ok(())
}

fn application_logs(session: &Session) -> Result<()> {
    let is_on = |answer: &Value| answer.pointer("/settings/application_logs").and_then(Value::as_bool);
    for (word, on) in [("off", false), ("on", true)] {
        session.cli(&format!("set application-logs {word}"))?;
        let said = is_on(&session.show("settings")?);
        ensure!(said == Some(on), "after `{word}` the settings say {said:?}");
    }
    Ok(())
}

fn rings(session: &Session) -> Result<()> {
    let first = |answer: &Value| Some(answer.as_array()?.first()?.clone());
    let port = session.wait_for("links detail", SOON, first)?;
    let name = port.pointer("/link/info/name").and_then(Value::as_str);
    let name = name.context("the port has no name")?.to_owned();
    let count = |answer: &Value| Some(first(answer)?.pointer("/status/rings")?.as_array()?.len());
    let usual = count(&session.show("links detail")?).context("the port has no rings")?;
    let own = if usual == 3 { 2 } else { 3 };
    for (word, expected) in [(own.to_string(), own), ("automatic".to_owned(), usual)] {
        session.cli(&format!("set port {name} rings {word}"))?;
        session
            .wait_for("links detail", SOON, |answer| {
                (count(answer)? == expected).then_some(())
            })
            .with_context(|| format!("rings {word}"))?;
    }
    session
        .wait_for("links detail", SOON, |answer| {
            let frames = first(answer)?.pointer("/counters/frames/total/packets")?.as_u64()?;
            (frames > 0).then_some(())
        })
        .context("frames after the rings changed")
}

fn host(session: &Session) -> Result<()> {
    session.wait_for("host 10.20.0.11 last 1h", SOON, |answer| {
        let apps = answer.get("applications")?.as_array()?;
        let named = |app: &Value| {
            app.get("names")
                .and_then(Value::as_array)
                .is_some_and(|names| !names.is_empty())
        };
        let timed = |app: &Value| app.pointer("/quality/response/count").and_then(Value::as_u64) > Some(0);
        let lines = answer.pointer("/transactions/records")?.as_array()?;
        (apps.iter().any(named) && apps.iter().any(timed) && !lines.is_empty()).then_some(())
    })
}
