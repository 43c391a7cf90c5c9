//! Progress that a person can follow: what is being done, and how long it took.

use std::fmt::Display;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Runs `work` as a named step and prints when it starts, and how long it took.
pub(crate) fn step<T>(name: &str, what: impl Display, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("==> {name}: {what}");
    let began = Instant::now();
    let done = work().with_context(|| format!("step `{name}` failed"))?;
    eprintln!("    {name}: done in {}", human(began.elapsed()));
    Ok(done)
}

/// Says that a step had nothing to do.
pub(crate) fn cached(name: &str, what: impl Display) {
    eprintln!("==> {name}: cached ({what})");
}

/// A duration as people say it: `4.2 s`, `3 min 07 s`.
pub(crate) fn human(took: Duration) -> String {
    let seconds = took.as_secs();
    if seconds < 60 {
        format!("{:.1} s", took.as_secs_f64())
    } else {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    }
}

/// Runs a command, its output shown; fails with the command line when it fails.
pub(crate) fn exec(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start {}", line(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", line(command));
    }
    Ok(())
}

/// Runs a command with its output going to `log`; on failure shows the log's end.
pub(crate) fn exec_logged(command: &mut Command, log: &Path) -> Result<()> {
    let out = std::fs::File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let status = command
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out)
        .status()
        .with_context(|| format!("cannot start {}", line(command)))?;
    if !status.success() {
        let text = String::from_utf8_lossy(&std::fs::read(log)?).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(30)..].join("\n");
        bail!(
            "{} ended with {status}; the end of {}:\n{tail}",
            line(command),
            log.display()
        );
    }
    Ok(())
}

/// Runs a command and returns what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let out = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", line(command)))?;
    if !out.status.success() {
        bail!("{} ended with {}", line(command), out.status);
    }
    Ok(String::from_utf8(out.stdout)?)
}

fn line(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        text.push(' ');
        text.push_str(&arg.to_string_lossy());
    }
    text
}
