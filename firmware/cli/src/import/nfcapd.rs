//! Files of nfcapd and nfpcapd, read by the nfdump program.

use std::io::{BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use anyhow::{Context, anyhow, bail};

/// The most that is kept of what nfdump complains about.
const COMPLAINT_MAX: u64 = 16 << 10;

/// A running nfdump.
pub(super) struct Nfdump {
    child: Child,
    complaint: JoinHandle<Vec<u8>>,
}

impl Nfdump {
    /// Has nfdump write the file as JSON, with times in UTC.
    ///
    /// # Errors
    /// When nfdump is not installed.
    pub(super) fn start(path: &Path) -> anyhow::Result<(Self, BufReader<ChildStdout>)> {
        let mut child = command(path)
            .args(["-o", "json"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(missing)?;
        let (Some(output), Some(errors)) = (child.stdout.take(), child.stderr.take()) else {
            bail!("nfdump has no output");
        };
        let complaint = std::thread::spawn(move || {
            let mut text = Vec::new();
            let mut errors = errors;
            let _ = errors.by_ref().take(COMPLAINT_MAX).read_to_end(&mut text);
            // The rest is read so that nfdump does not wait.
            let _ = std::io::copy(&mut errors, &mut std::io::sink());
            text
        });
        Ok((Self { child, complaint }, BufReader::with_capacity(256 << 10, output)))
    }

    /// Waits for its end; its output has to be read or dropped before.
    ///
    /// # Errors
    /// What it complains about.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        let status = self.child.wait().context("nfdump does not end")?;
        let complaint = self.complaint.join().unwrap_or_default();
        let complaint = String::from_utf8_lossy(&complaint);
        let complaint = complaint.split_whitespace().collect::<Vec<_>>().join(" ");
        match (status.code(), complaint.is_empty()) {
            (Some(0), true) => Ok(()),
            (Some(_), false) => Err(anyhow!("nfdump says: {complaint}")),
            (Some(code), true) => Err(anyhow!("nfdump failed with status {code}")),
            // It was killed: nothing is wrong with the file.
            (None, _) => Err(std::io::Error::other(format!("nfdump was ended by {status}")).into()),
        }
    }
}

/// The number of flows that the file says it holds; `None` where nfdump does not say.
pub(super) fn flows(path: &Path) -> Option<u64> {
    let output = command(path).arg("-I").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = text.lines();
    lines.find_map(|line| line.strip_prefix("Flows:")?.trim().parse().ok())
}

fn command(path: &Path) -> Command {
    let mut command = Command::new("nfdump");
    // A path that begins with a dash would be taken for an option.
    let path = if path.is_relative() {
        Path::new(".").join(path)
    } else {
        path.to_owned()
    };
    command.env("TZ", "UTC").arg("-r").arg(path);
    command
}

fn missing(error: std::io::Error) -> anyhow::Error {
    let text = match error.kind() {
        std::io::ErrorKind::NotFound => {
            "this is a file of nfcapd, and the program nfdump, which reads it, is not installed: install it (Debian: apt \
             install nfdump), or import what `nfdump -r FILE -o json` writes elsewhere"
                .to_owned()
        }
        _ => format!("nfdump cannot be started: {error}"),
    };
    anyhow::Error::from(std::io::Error::new(error.kind(), text))
}
