//! Programs of the system that are run with a deadline.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// What a program may take before it is killed.
const DEADLINE: Duration = Duration::from_secs(20);
/// The same where a disk is read from end to end.
pub(crate) const LONG: Duration = Duration::from_secs(180);

/// A program could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// It could not be run.
    #[error("{program} cannot be run: {source}")]
    Start {
        /// The program.
        program: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// It took too long and was killed.
    #[error("{program} did not finish within {} s", within.as_secs())]
    Deadline {
        /// The program.
        program: &'static str,
        /// The time that it had.
        within: Duration,
    },
    /// It failed.
    #[error("{program} failed ({status}): {message}")]
    Failed {
        /// The program.
        program: &'static str,
        /// Its exit status.
        status: std::process::ExitStatus,
        /// The start of what it said.
        message: String,
    },
}

/// Runs a program with `input` on its standard input; gives its standard output.
pub(crate) async fn run(program: &'static str, args: &[&str], input: &str) -> Result<String, CommandError> {
    run_within(program, args, input, DEADLINE).await
}

/// The same with a deadline of its own.
pub(crate) async fn run_within(
    program: &'static str,
    args: &[&str],
    input: &str,
    within: Duration,
) -> Result<String, CommandError> {
    let start = |source| CommandError::Start { program, source };
    let mut child = Command::new(program)
        .args(args)
        .env_clear()
        .env("PATH", "/usr/bin:/usr/sbin")
        .env("LC_ALL", "C.UTF-8")
        .env("SYSTEMD_COLORS", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(start)?;
    let stdin = child.stdin.take();
    let work = async {
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A program that ends early does not read all of it; its exit status says more.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
        };
        let ((), output) = tokio::join!(feed, child.wait_with_output());
        output
    };
    let output = tokio::time::timeout(within, work)
        .await
        .map_err(|_| CommandError::Deadline { program, within })?
        .map_err(start)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let message = String::from_utf8_lossy(&output.stderr)
        .trim()
        .chars()
        .take(400)
        .collect();
    Err(CommandError::Failed {
        program,
        status: output.status,
        message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn output_and_failure_come_back() {
        assert_eq!(run("cat", &[], "text").await.unwrap(), "text");
        let error = run("ls", &["/nonexistent"], "").await.unwrap_err().to_string();
        assert!(error.contains("ls failed") && error.contains("/nonexistent"), "{error}");
        assert!(
            run("no-such-program", &[], "")
                .await
                .unwrap_err()
                .to_string()
                .contains("cannot be run")
        );
    }
}
