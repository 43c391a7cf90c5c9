//! The scripts of tests/browser: each line that they print is a check.

use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::session::{PASSWORD, Session};
use super::tally::Tally;

/// Lets a script use a booted appliance's console, with these further variables in its environment.
pub(super) fn play(tally: &mut Tally, session: &Session, script: &str, variables: &[(&str, &str)]) -> Result<()> {
    let tests = crate::root().join("tests/browser");
    let log = crate::build_dir()?.join("npm-browser.log");
    crate::step::exec_logged(
        Command::new("npm")
            .current_dir(&tests)
            .args(["ci", "--no-fund", "--no-audit"]),
        &log,
    )?;
    let out = Command::new("node")
        .current_dir(&tests)
        .arg(script)
        .env("SPANWATCH_URL", session.url())
        .env("SPANWATCH_PASSWORD", PASSWORD)
        .env("SPANWATCH_PATIENCE_MS", "120000")
        .env("SPANWATCH_SCREENSHOTS", crate::build_dir()?.join("screenshots"))
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .context("cannot start node")?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let (mut passed, mut failed) = (0, 0);
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("ok ") {
            passed += 1;
            tally.pass(&format!("browser: {}", name.trim()));
        } else if let Some(name) = line.strip_prefix("FAILED ") {
            failed += 1;
            tally.fail("browser", name);
        }
    }
    if !out.status.success() && failed == 0 || passed == 0 {
        let errors = String::from_utf8_lossy(&out.stderr).into_owned();
        tally.fail(
            "browser",
            &format!("ended with {} after {passed} checks: {text}{errors}", out.status),
        );
    }
    Ok(())
}
