//! A screen with a keyboard, or a serial port: text out, lines in.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

/// The longest line that is taken.
const LINE_MAX: usize = 512;

/// A terminal.
#[derive(Debug)]
pub struct Terminal {
    file: File,
    /// What came behind the last line.
    rest: Vec<u8>,
}

impl Terminal {
    /// Opens a terminal, without making it the one that ends us.
    ///
    /// # Errors
    /// It is not there.
    pub fn open(device: &Path) -> Result<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .custom_flags(OFlags::NOCTTY.bits().cast_signed())
            .open(device)
            .with_context(|| format!("cannot open {}", device.display()))?;
        Ok(Self { file, rest: Vec::new() })
    }

    /// Writes text; a terminal that is gone takes nothing.
    pub fn say(&mut self, text: &str) {
        let _ = self.file.write_all(text.as_bytes());
    }

    /// Waits so long for a line, without its end; none when none came.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn line(&mut self, within: Duration) -> Result<Option<String>> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                let line = String::from_utf8_lossy(line.get(..end).unwrap_or_default());
                return Ok(Some(line.trim().to_owned()));
            }
            if self.rest.len() > LINE_MAX {
                self.rest.clear();
            }
            let within = Timespec {
                tv_sec: i64::try_from(within.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: within.subsec_nanos().into(),
            };
            let mut fds = [PollFd::new(&self.file, PollFlags::IN)];
            if poll(&mut fds, Some(&within))? == 0 {
                return Ok(None);
            }
            let mut part = [0; 256];
            let read = self.file.read(&mut part)?;
            if read == 0 {
                bail!("the terminal is closed");
            }
            self.rest.extend_from_slice(part.get(..read).unwrap_or_default());
        }
    }

    /// Asks for a line that is not shown while it is typed; none when none came in time.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn secret(&mut self, question: &str, within: Duration) -> Result<Option<String>> {
        let before = tcgetattr(&self.file).context("cannot hide what is typed")?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&self.file, OptionalActions::Flush, &hidden).context("cannot hide what is typed")?;
        self.say(question);
        let line = self.line(within);
        tcsetattr(&self.file, OptionalActions::Now, &before).context("cannot show what is typed again")?;
        self.say("\n");
        line
    }
}

/// The devices of the kernel's consoles, from `/sys/class/tty/console/active`.
#[must_use]
pub fn devices(active: &str) -> Vec<String> {
    let names = active.split_whitespace().take(4);
    // tty0 is whichever virtual terminal is shown
    let device = |name: &str| format!("/dev/{}", if name == "tty0" { "tty1" } else { name });
    names.map(device).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consoles_are_terminals() {
        assert_eq!(devices("tty0 ttyS0\n"), ["/dev/tty1", "/dev/ttyS0"]);
        assert!(devices("").is_empty());
    }

    #[test]
    fn lines_come_one_by_one() {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("two ends");
        let mut terminal = Terminal {
            file: File::from(std::os::fd::OwnedFd::from(ours)),
            rest: Vec::new(),
        };
        let short = Duration::from_millis(1);
        assert_eq!(terminal.line(short).expect("open"), None);
        (&theirs).write_all(b" 1 \n2\rhalf").expect("written");
        assert_eq!(terminal.line(short).expect("open").as_deref(), Some("1"));
        assert_eq!(terminal.line(short).expect("open").as_deref(), Some("2"));
        assert_eq!(terminal.line(short).expect("open"), None);
        (&theirs).write_all(&[b'x'; 2_000]).expect("written");
        (&theirs).write_all(b"\n").expect("written");
        let long = terminal.line(short).expect("open").expect("a line");
        assert!(long.len() <= LINE_MAX + 256, "{} octets are kept", long.len());
        drop(theirs);
        assert!(terminal.line(short).is_err());
    }
}
