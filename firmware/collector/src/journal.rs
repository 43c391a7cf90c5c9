//! Logging: to the journal with structured fields under systemd, else to stderr.

use std::io::Write;

use log::{LevelFilter, Log, Metadata, Record};

/// Starts logging. Messages carry fields such as `EVENT=` and `PORT=`, written `log::info!(EVENT = "ready"; "…")`.
///
/// # Errors
/// When a logger is installed already.
pub(crate) fn start() -> anyhow::Result<()> {
    log::set_max_level(LevelFilter::Info);
    if systemd_journal_logger::connected_to_journal() {
        systemd_journal_logger::JournalLog::new()?.install()?;
    } else {
        log::set_boxed_logger(Box::new(Stderr))?;
    }
    Ok(())
}

struct Stderr;

impl Log for Stderr {
    fn enabled(&self, _: &Metadata) -> bool {
        true
    }

    fn log(&self, record: &Record) {
        let mut line = format!("{:5} {}", record.level(), record.args());
        let mut fields = Fields(&mut line);
        // Writing to a string does not fail.
        let _ = record.key_values().visit(&mut fields);
        line.push('\n');
        let _ = std::io::stderr().write_all(line.as_bytes());
    }

    fn flush(&self) {}
}

struct Fields<'a>(&'a mut String);

impl<'kvs> log::kv::VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, key: log::kv::Key<'kvs>, value: log::kv::Value<'kvs>) -> Result<(), log::kv::Error> {
        self.0.push_str(&format!(" {key}={value}"));
        Ok(())
    }
}
