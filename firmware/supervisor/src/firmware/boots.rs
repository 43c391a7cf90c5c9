//! How the boot before ended, and how often which.

use api::firmware::Boots;
use serde::{Deserialize, Serialize};

/// How a boot ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub(crate) enum Cause {
    /// Restarted or switched off in order.
    Ordered,
    /// The power failed.
    Power,
    /// The watchdog restarted the box.
    Watchdog,
    /// The kernel failed.
    Panic {
        /// The first line that says why; may be empty.
        message: String,
    },
}

/// Counts boots over the life of the box.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct BootBook {
    counts: Boots,
    /// The boot that was counted last.
    boot: String,
    /// Whether that one ended in order, as far as is known.
    ended: bool,
    /// How the one before it ended; `None` for the first.
    cause: Option<Cause>,
    /// The kernel's last words that are known already, by the name of their record.
    #[serde(default)]
    heard: Vec<String>,
}

/// What tells how the boot before ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evidence {
    /// What the kernel left when it failed (pstore): the name of each record, and its text.
    pub(crate) words: Vec<(String, String)>,
    /// The watchdog says that it caused this start.
    pub(crate) watchdog: bool,
}

impl BootBook {
    /// Counts a boot, once; gives how the boot before ended, `None` for the first of all. A supervisor that was
    /// restarted gets the same answer again.
    pub(crate) fn start(&mut self, boot: &str, evidence: Evidence) -> Option<Cause> {
        if self.boot != boot {
            let new = evidence.words.iter().filter(|(name, _)| !self.heard.contains(name));
            let new: Vec<&str> = new.map(|(_, text)| text.as_str()).collect();
            let panic = (!new.is_empty()).then(|| telling_line(&new.join("\n")));
            self.heard = evidence.words.iter().map(|(name, _)| name.clone()).collect();
            self.cause = (!self.boot.is_empty()).then_some(match panic {
                Some(message) => Cause::Panic { message },
                None if evidence.watchdog => Cause::Watchdog,
                _ if self.ended => Cause::Ordered,
                _ => Cause::Power,
            });
            self.counts.total += 1;
            let count = match &self.cause {
                None => None,
                Some(Cause::Ordered) => Some(&mut self.counts.ordered),
                Some(Cause::Power) => Some(&mut self.counts.power),
                Some(Cause::Watchdog) => Some(&mut self.counts.watchdog),
                Some(Cause::Panic { .. }) => Some(&mut self.counts.panic),
            };
            if let Some(count) = count {
                *count += 1;
            }
            boot.clone_into(&mut self.boot);
        }
        self.ended = false;
        self.cause.clone()
    }

    /// The supervisor ends in order: if it is not started again in this boot, the box did.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// The counts.
    pub(crate) const fn counts(&self) -> Boots {
        self.counts
    }
}

/// The line of a kernel's last words that says why.
pub(crate) fn telling_line(log: &str) -> String {
    let tells = |line: &&str| {
        ["Kernel panic", "BUG:", "Oops", "general protection"]
            .iter()
            .any(|word| line.contains(word))
    };
    let line = log
        .lines()
        .find(tells)
        .or_else(|| log.lines().last())
        .unwrap_or_default();
    // `<0>[    5.123456] Kernel panic - not syncing: ...`
    let text = line.rsplit_once("] ").map_or(line, |(_, text)| text);
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_boot_is_counted_once_with_its_reason() {
        let mut book = BootBook::default();
        let none = Evidence::default;
        assert_eq!(book.start("one", none()), None);
        // The supervisor alone was restarted.
        book.end();
        assert_eq!(book.start("one", none()), None);
        assert_eq!(book.start("two", none()), Some(Cause::Power));
        book.end();
        assert_eq!(book.start("three", none()), Some(Cause::Ordered));
        assert_eq!(book.start("three", none()), Some(Cause::Ordered));
        let watchdog = Evidence {
            watchdog: true,
            ..none()
        };
        assert_eq!(book.start("four", watchdog.clone()), Some(Cause::Watchdog));
        let words = vec![("dmesg-1".to_owned(), "<0>[ 1.0] Kernel panic: why".to_owned())];
        let panic = Evidence { words, ..watchdog };
        assert_eq!(
            book.start("five", panic.clone()),
            Some(Cause::Panic {
                message: "Kernel panic: why".to_owned()
            })
        );
        // The record is still there after the next start: it tells of the last one alone.
        let after = Evidence {
            watchdog: false,
            ..panic
        };
        assert_eq!(book.start("six", after), Some(Cause::Power));
        let expected = Boots {
            total: 6,
            ordered: 1,
            power: 2,
            watchdog: 1,
            panic: 1,
        };
        assert_eq!(book.counts(), expected);
    }

    #[test]
    fn the_telling_line_is_found() {
        let log = "Panic#1 Part1\n<4>[   12.1] something\n<0>[   12.345678] Kernel panic - not syncing: sysrq triggered crash\n<0>[   12.4] CPU: 0";
        assert_eq!(telling_line(log), "Kernel panic - not syncing: sysrq triggered crash");
        assert_eq!(telling_line(""), "");
    }
}
