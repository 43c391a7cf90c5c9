//! The consoles: English on the screen, whose text mode has no Chinese, both languages on the serial line.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::sync::mpsc::{Receiver, Sender, channel};

/// A text in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// English.
    pub(crate) en: String,
    /// Chinese.
    pub(crate) zh: String,
}

/// A text in both languages.
pub(crate) fn both(en: impl Into<String>, zh: impl Into<String>) -> Said {
    Said {
        en: en.into(),
        zh: zh.into(),
    }
}

/// A text that is the same in both.
pub(crate) fn same(text: impl Into<String>) -> Said {
    let text = text.into();
    both(text.clone(), text)
}

/// Where an operator sits.
pub(crate) struct Consoles {
    screens: Vec<(File, bool)>,
    lines: Receiver<String>,
    /// Kept, so that waiting does not end when there is no console.
    _sender: Sender<String>,
}

impl Consoles {
    /// Opens the screen and the first serial line, as far as the machine has them.
    pub(crate) fn open() -> Self {
        let (sender, lines) = channel();
        let mut screens = Vec::new();
        for (path, chinese) in [("/dev/tty1", false), ("/dev/ttyS0", true)] {
            let open = || File::options().read(true).write(true).open(path);
            let (Ok(screen), Ok(keys)) = (open(), open()) else {
                continue;
            };
            screens.push((screen, chinese));
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(keys).lines() {
                    let Ok(line) = line else { break };
                    if sender.send(line.trim().chars().take(200).collect()).is_err() {
                        break;
                    }
                }
            });
        }
        Self {
            screens,
            lines,
            _sender: sender,
        }
    }

    /// Shows a line everywhere.
    pub(crate) fn say(&mut self, said: &Said) {
        for (screen, chinese) in &mut self.screens {
            let text = if !*chinese || said.en == said.zh {
                said.en.replace('\n', "\r\n")
            } else {
                format!("{}\n{}", said.zh, said.en).replace('\n', "\r\n")
            };
            // a console that went away is no reason to stop
            let _ = write!(screen, "{text}\r\n");
        }
    }

    /// Asks, and waits for a line from any console.
    pub(crate) fn ask(&mut self, question: &Said) -> String {
        while self.lines.try_recv().is_ok() {}
        self.say(question);
        for (screen, _) in &mut self.screens {
            let _ = write!(screen, "> ");
        }
        self.lines.recv().unwrap_or_default()
    }
}
