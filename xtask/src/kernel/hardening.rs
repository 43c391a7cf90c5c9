//! The hardening gate: kernel-hardening-checker on the built configuration and the board's command line, against
//! `board/x86_64/hardening-exceptions.txt`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::pins::Pins;
use super::{board, debian, read};
use crate::cache;
use crate::step::{exec, output, step};

/// The checker's Debian package.
const CHECKER: &str = "kernel-hardening-checker";
/// The gate: at least so many checks are OK.
const LEAST_OK: usize = 225;
const EXCEPTIONS: &str = "hardening-exceptions.txt";

/// Checks the kernel's hardening: a summary, or an error that lists what is wrong.
pub(crate) fn hardening_suite() -> Result<String> {
    let kernel = super::build()?;
    let checker = checker()?;
    let report = output(
        Command::new("python3")
            .env("PYTHONPATH", checker.join("usr/lib/python3/dist-packages"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(checker.join("usr/bin").join(CHECKER))
            .arg("-c")
            .arg(&kernel.config)
            .arg("-l")
            .arg(plain_command_line()?)
            .args(["-m", "json"]),
    )?;
    let exceptions = read(&board().join(EXCEPTIONS))?;
    judge(&parse(&report)?, &exceptions).with_context(|| format!("against board/x86_64/{EXCEPTIONS}"))
}

/// The board's command line without its comments, in a file of one line as the kernel would see it.
fn plain_command_line() -> Result<PathBuf> {
    let text = read(&board().join("cmdline"))?;
    let words: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
        .collect();
    let path = crate::build_dir()?.join("kernel-cmdline");
    std::fs::write(&path, words.join(" ") + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// The checker, unpacked in the cache.
fn checker() -> Result<PathBuf> {
    let pins = Pins::read(&board().join("kernel.version"))?;
    let pin = pins.get(CHECKER)?;
    let dir = cache::dir()?.join(format!("{CHECKER}-{}", pin.version));
    if !dir.is_dir() {
        let deb = debian::fetch(pin)?;
        let part = cache::dir()?.join(format!("{CHECKER}-{}.part", pin.version));
        step(CHECKER, format!("unpack {}", pin.version), || {
            exec(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&part))?;
            std::fs::rename(&part, &dir).with_context(|| format!("cannot rename {}", part.display()))
        })?;
    }
    Ok(dir)
}

/// An option and the value that the checker wants of it: one option may have several checks.
type Check = (String, String);

/// What the checker said.
#[derive(Default)]
struct Report {
    /// The checks that passed.
    ok: usize,
    /// The checks that failed, with what was found.
    failed: BTreeMap<Check, String>,
}

fn parse(json: &str) -> Result<Report> {
    let checks: Vec<Value> = serde_json::from_str(json).context("the checker's output is not a list in JSON")?;
    let mut report = Report::default();
    for check in &checks {
        let text = |name: &str| -> Result<String> {
            let value = check.get(name).and_then(Value::as_str);
            Ok(value
                .with_context(|| format!("a check without {name:?}: {check}"))?
                .to_owned())
        };
        match check.get("check_result_bool").and_then(Value::as_bool) {
            Some(true) => report.ok += 1,
            Some(false) => {
                report
                    .failed
                    .insert((text("option_name")?, text("desired_val")?), text("check_result")?);
            }
            None => bail!("a check without \"check_result_bool\": {check}"),
        }
    }
    Ok(report)
}

fn judge(report: &Report, exceptions: &str) -> Result<String> {
    let (exceptions, mut wrong) = excepted(exceptions);
    for (check, found) in &report.failed {
        if !exceptions.contains_key(check) {
            wrong.push(format!(
                "{} should be {:?} ({found}): mend it, or add a line with the reason",
                check.0, check.1
            ));
        }
    }
    for (check, line) in &exceptions {
        if !report.failed.contains_key(check) {
            wrong.push(format!(
                "line {line}: {} | {} no longer fails: remove the line",
                check.0, check.1
            ));
        }
    }
    if report.ok < LEAST_OK {
        wrong.push(format!("only {} checks are OK, and {LEAST_OK} must be", report.ok));
    }
    if !wrong.is_empty() {
        bail!("the kernel's hardening is not as agreed:\n  {}", wrong.join("\n  "));
    }
    Ok(format!(
        "{} checks OK, {} failed and each is excepted with its reason",
        report.ok,
        report.failed.len()
    ))
}

/// The exceptions with their line numbers, and what is wrong with the list itself.
fn excepted(text: &str) -> (BTreeMap<Check, usize>, Vec<String>) {
    let mut exceptions = BTreeMap::new();
    let mut wrong = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let parts: Vec<&str> = line.splitn(3, '|').map(str::trim).collect();
        match parts[..] {
            [option, wanted, why] if !option.is_empty() && !wanted.is_empty() && !why.is_empty() => {
                if exceptions
                    .insert((option.to_owned(), wanted.to_owned()), number)
                    .is_some()
                {
                    wrong.push(format!("line {number}: {option} | {wanted} is listed twice"));
                }
            }
            _ => wrong.push(format!(
                "line {number} is not `option | wanted value | reason`: {line:?}"
            )),
        }
    }
    (exceptions, wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(ok: usize, failed: &[(&str, &str)]) -> Report {
        let failed = failed.iter().map(|(option, wanted)| {
            let check = ((*option).to_owned(), (*wanted).to_owned());
            (check, "FAIL: is not found".to_owned())
        });
        Report {
            ok,
            failed: failed.collect(),
        }
    }

    fn complaint(report: &Report, exceptions: &str) -> String {
        judge(report, exceptions).map_or_else(|error| error.to_string(), |_| String::new())
    }

    #[test]
    fn each_failure_needs_a_reason() {
        let report = report(LEAST_OK, &[("A", "y"), ("A", "*b*")]);
        assert_eq!(complaint(&report, "# c\n\nA | y | why\nA | *b* | why | not\n"), "");
        assert!(complaint(&report, "A | y | why\n").contains("A should be \"*b*\""));
        assert!(complaint(&report, "A | y | why\nA | *b* | \n").contains("line 2 is not"));
        assert!(complaint(&report, "A | y | why\nA | *b*\n").contains("line 2 is not"));
    }

    #[test]
    fn an_unused_or_double_exception_is_wrong() {
        let report = report(LEAST_OK, &[("A", "y")]);
        assert!(complaint(&report, "A | y | why\nB | y | why\n").contains("line 2: B | y no longer fails"));
        assert!(complaint(&report, "A | y | why\nA | y | why\n").contains("listed twice"));
    }

    #[test]
    fn too_few_checks_are_wrong() {
        assert!(complaint(&report(LEAST_OK - 1, &[]), "").contains("only 224 checks are OK"));
    }

    #[test]
    fn the_checkers_json_is_read() -> Result<()> {
        let json = r#"[{"option_name": "A", "desired_val": "y", "check_result": "OK", "check_result_bool": true},
                       {"option_name": "B", "desired_val": "y", "check_result": "FAIL: \"n\"", "check_result_bool": false}]"#;
        let report = parse(json)?;
        assert_eq!(report.ok, 1);
        assert_eq!(report.failed.len(), 1);
        assert!(parse("[{}]").is_err());
        assert!(parse("no list").is_err());
        Ok(())
    }
}
