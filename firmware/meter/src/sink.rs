//! Where a meter's results go.

use model::{FlowRecord, LogRecord};

/// Takes what a meter gives. A closure takes records and lets application logs go.
pub trait Sink {
    /// Takes a flow's record, or that of a part of it.
    fn record(&mut self, record: FlowRecord);

    /// Whether facts of layer 7 beside the application are wanted in records; asked for each.
    fn wants_facts(&self) -> bool {
        true
    }

    /// Takes an application's transaction (see [`model::LogSource::is_application`]).
    fn log(&mut self, log: LogRecord);
}

impl<F: FnMut(FlowRecord)> Sink for F {
    #[inline]
    fn record(&mut self, record: FlowRecord) {
        self(record);
    }

    fn log(&mut self, _log: LogRecord) {}
}
