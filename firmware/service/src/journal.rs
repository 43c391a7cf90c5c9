//! Messages: to the journal with structured fields under systemd, else to standard error.

use std::io::Write;

use log::kv::{Error, Key, Value, VisitSource};
use log::{LevelFilter, Log, Metadata, Record};

/// Starts logging under a program's name. Messages carry fields, written
/// `log::info!(EVENT = "ready", PORT = name; "…")`. A second call changes nothing.
pub fn log_as(program: &str) {
    log::set_max_level(LevelFilter::Info);
    if systemd_journal_logger::connected_to_journal()
        && let Ok(journal) = systemd_journal_logger::JournalLog::new()
        && journal
            .with_syslog_identifier(format!("spanwatch-{program}"))
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
        let _ = std::io::stderr().write_all(line(record).as_bytes());
    }

    fn flush(&self) {}
}

fn line(record: &Record<'_>) -> String {
    struct Fields(String);
    impl<'kvs> VisitSource<'kvs> for Fields {
        fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
            self.0.push_str(&format!(" {key}={value}"));
            Ok(())
        }
    }
    let mut fields = Fields(format!("{:5} {}", record.level(), record.args()));
    // writing to a string does not fail
    let _ = record.key_values().visit(&mut fields);
    fields.0.push('\n');
    fields.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_level_its_text_and_its_fields() {
        let fields = [("EVENT", "ready")];
        let record = Record::builder()
            .args(format_args!("listening"))
            .level(log::Level::Warn)
            .key_values(&fields)
            .build();
        assert_eq!(line(&record), "WARN  listening EVENT=ready\n");
    }
}
