//! Structured messages to the journal, or to standard error outside systemd.

use std::io::Write as _;

use log::kv::{Key, Value, VisitSource};
use log::{LevelFilter, Log, Metadata, Record};

/// Sends messages where systemd wants them.
pub(crate) fn start() {
    log::set_max_level(LevelFilter::Info);
    if systemd_journal_logger::connected_to_journal()
        && let Ok(journal) = systemd_journal_logger::JournalLog::new()
        && journal
            .with_syslog_identifier("spanwatch-supervisor".to_owned())
            .install()
            .is_ok()
    {
        return;
    }
    let _ = log::set_logger(&StandardError);
}

struct StandardError;

impl Log for StandardError {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        struct Fields(String);
        impl<'kvs> VisitSource<'kvs> for Fields {
            fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
                self.0.push_str(&format!(" {key}={value}"));
                Ok(())
            }
        }
        let mut fields = Fields(String::new());
        let _ = record.key_values().visit(&mut fields);
        let _ = writeln!(std::io::stderr(), "{}: {}{}", record.level(), record.args(), fields.0);
    }

    fn flush(&self) {}
}
