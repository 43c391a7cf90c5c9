//! The menu, on each terminal, and what happens when nobody uses it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use recovery::terminal::Terminal;
use rustix::system::RebootCommand;

use crate::{leave, tasks};

/// How long the box waits for somebody who chooses something, before it tries its slots again.
const ALONE: Duration = Duration::from_secs(60);
/// How long it waits for somebody who has chosen something already.
const USED: Duration = Duration::from_secs(600);
/// How often it looks whether somebody is there.
const LOOK: Duration = Duration::from_secs(1);

const MENU: &str = "
Spanwatch recovery

  1  Install a bundle from a USB stick
  2  Factory reset: wipe all data at the next start
  3  New administrator password
  4  Show the box's state
  5  Restart
  6  Power off
";

/// When somebody was there last, and who works.
#[derive(Clone)]
pub(crate) struct Watch {
    until: Arc<Mutex<Instant>>,
    work: Arc<Mutex<()>>,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self {
            until: Arc::new(Mutex::new(Instant::now() + ALONE)),
            work: Arc::default(),
        }
    }

    /// Somebody is there.
    pub(crate) fn seen(&self) {
        *lock(&self.until) = Instant::now() + USED;
    }

    fn over(&self) -> bool {
        *lock(&self.until) < Instant::now()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Somebody at a terminal, with time to answer.
pub(crate) struct Person<'a> {
    pub(crate) terminal: Terminal,
    watch: &'a Watch,
}

impl Person<'_> {
    pub(crate) fn say(&mut self, text: &str) {
        self.terminal.say(text);
    }

    /// Asks for a line.
    pub(crate) fn ask(&mut self, question: &str) -> Result<String> {
        self.say(question);
        match self.terminal.line(USED)? {
            Some(line) => {
                self.watch.seen();
                Ok(line)
            }
            None => bail!("nobody answered: nothing was done"),
        }
    }

    /// Asks for a line that is not shown.
    pub(crate) fn ask_hidden(&mut self, question: &str) -> Result<String> {
        match self.terminal.secret(question, USED)? {
            Some(line) => {
                self.watch.seen();
                Ok(line)
            }
            None => bail!("nobody answered: nothing was done"),
        }
    }

    /// Asks for a word that is to be typed as it is.
    pub(crate) fn confirm(&mut self, question: &str, word: &str) -> Result<()> {
        if self.ask(&format!("{question}\nType {word}: "))? == word {
            return Ok(());
        }
        bail!("nothing was done")
    }

    /// Says how far something is, on one line.
    pub(crate) fn progress<'b>(&'b mut self, what: &'b str) -> impl FnMut(u8) + use<'b> {
        let (terminal, watch) = (&mut self.terminal, self.watch);
        let mut last = None;
        move |percent| {
            if last != Some(percent) && percent.is_multiple_of(5) {
                last = Some(percent);
                watch.seen();
                let end = if percent == 100 { "\n" } else { "" };
                terminal.say(&format!("\r{what}: {percent} %{end}"));
            }
        }
    }
}

/// Offers the menu on a terminal until that is gone.
pub(crate) fn serve(terminal: Terminal, watch: &Watch) {
    let mut person = Person { terminal, watch };
    person.say(&format!(
        "{MENU}\nWithout a choice within {} s the box tries to start again.\n",
        ALONE.as_secs()
    ));
    loop {
        person.say("> ");
        let choice = loop {
            match person.terminal.line(USED) {
                Ok(Some(line)) => break line,
                Ok(None) => {}
                Err(_) => return,
            }
        };
        let task: fn(&mut Person<'_>) -> Result<()> = match choice.as_str() {
            "1" => tasks::install,
            "2" => tasks::factory_reset,
            "3" => tasks::password,
            "4" => tasks::show,
            "5" => |_| leave(RebootCommand::Restart),
            "6" => |_| leave(RebootCommand::PowerOff),
            _ => {
                person.say(MENU);
                continue;
            }
        };
        watch.seen();
        let Ok(_work) = watch.work.try_lock() else {
            person.say("Somebody works at the box's other terminal: wait until that is done.\n");
            continue;
        };
        match task(&mut person) {
            Ok(()) => person.say("Done.\n"),
            Err(error) => person.say(&format!("\nNot done: {error:#}\n")),
        }
        watch.seen();
    }
}

/// Waits until nobody is there any more, gives slots that are out of tries new ones, and restarts.
pub(crate) fn go_on(watch: &Watch) {
    loop {
        std::thread::sleep(LOOK);
        if watch.over()
            && let Ok(_work) = watch.work.try_lock()
        {
            match tasks::try_again() {
                Ok(true) => return,
                // Nothing could start: whoever comes finds the menu.
                Ok(false) => watch.seen(),
                Err(error) => {
                    eprintln!("The slots cannot be tried again: {error:#}");
                    watch.seen();
                }
            }
        }
    }
}
