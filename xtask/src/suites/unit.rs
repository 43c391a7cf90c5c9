//! Every crate's own tests, by cargo.

use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::tally::Tally;

/// Runs `cargo test --workspace` and takes its counts.
pub(super) fn run(tally: &mut Tally) -> Result<()> {
    crate::web::build()?;
    let out = Command::new("cargo")
        .current_dir(crate::root())
        // a test that skips says so, and passes: its words are shown only when asked for
        .args([
            "test",
            "--workspace",
            "--locked",
            "--no-fail-fast",
            "--",
            "--show-output",
        ])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    let text = String::from_utf8_lossy(&out.stdout);
    std::fs::write(crate::build_dir()?.join("unit.log"), text.as_bytes())?;
    let mut finished = 0;
    for line in text.lines() {
        if let Some(counts) = line.strip_prefix("test result: ") {
            finished += 1;
            tally.passed += count(counts, "passed");
            tally.skipped += count(counts, "ignored");
        } else if line.starts_with("skipped: ") {
            eprintln!("    {line}");
            tally.skipped += 1;
        } else if let Some(name) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            tally.fail(name, "its output is in build/unit.log");
        }
    }
    eprintln!("    {} tests of {finished} programs passed", tally.passed);
    if !out.status.success() && tally.failed() == 0 {
        tally.fail("cargo test", &format!("ended with {}; see build/unit.log", out.status));
    }
    if tally.passed == 0 {
        tally.fail("cargo test", "ran no test");
    }
    Ok(())
}

fn count(text: &str, word: &str) -> usize {
    text.split(['.', ';'])
        .find_map(|part| part.trim().strip_suffix(word)?.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn counts_are_read_from_cargos_closing_line() {
        let line = "ok. 10 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(
            (
                super::count(line, "passed"),
                super::count(line, "ignored"),
                super::count(line, "failed")
            ),
            (10, 2, 0)
        );
    }
}
