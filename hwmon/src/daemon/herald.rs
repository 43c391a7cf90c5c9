//! Tells the analyzer's alarm list what happens. It is a task of its own: whatever the analyzer does, nobody else waits.

use std::time::{Duration, Instant};

use api::alarms::HardwareReport;
use api::client::{CallError, Client};
use hwmon::policy::{Change, Event};
use model::{AlarmEnd, Timestamp};

use super::{Shared, now, run_number, wire};

/// Without news all is said again after so long: a value in a text has changed, or the list was lost.
const AGAIN: Duration = Duration::from_secs(60);
/// After a failure; twice as long after each further one.
const RETRY: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(30);
/// A failure is told after so long: at the start of the box the list comes a little later.
const TELL_AFTER: Duration = Duration::from_secs(60);

impl Shared {
    /// Puts edges into the outbox.
    pub(super) fn post(&self, monitor: &super::Monitor, events: &[Event]) {
        let mut outbox = self.outbox();
        for event in events {
            let end = match event.change {
                // an alarm that goes on is no edge
                Change::Reminder => continue,
                Change::Raised | Change::Worse | Change::Better => None,
                Change::Cleared => Some(AlarmEnd::Over),
                Change::Replaced => Some(AlarmEnd::Replaced),
            };
            outbox.push(
                Timestamp::from_secs(now()),
                wire::alarm(monitor.board(), &event.alarm),
                end,
            );
        }
        self.news.notify_one();
    }

    /// Puts what somebody has acknowledged into the outbox.
    pub(super) fn post_seen(&self, monitor: &super::Monitor, id: &str) {
        let mut outbox = self.outbox();
        for alarm in monitor.open().filter(|alarm| super::monitor::alarm_id(alarm) == id) {
            outbox.push(Timestamp::from_secs(now()), wire::alarm(monitor.board(), alarm), None);
        }
        self.news.notify_one();
    }

    /// What is open, and what waits: both of the same moment.
    fn report(&self) -> HardwareReport {
        let monitor = self.monitor();
        let open = monitor
            .open()
            .map(|alarm| wire::alarm(monitor.board(), alarm))
            .collect();
        self.outbox().report(Timestamp::from_secs(now()), open)
    }
}

/// Reports what is new, and all of it now and then; for ever.
pub(super) async fn tell(shared: &Shared, client: &Client) {
    let (mut pause, mut failing, mut told) = (RETRY, None, false);
    loop {
        let wait = match client.call(shared.report()).await {
            Ok(receipt) => {
                (pause, failing) = (RETRY, None);
                if std::mem::take(&mut told) {
                    log::info!(EVENT = "told"; "the alarm list takes the hardware's alarms again");
                }
                let confirmed = shared.outbox().confirmed(receipt);
                if confirmed {
                    shared.keep(&shared.monitor());
                }
                match receipt.newer {
                    // the clock went back, or what was kept is lost
                    Some(newer) => {
                        shared.outbox().renew(newer, run_number());
                        RETRY
                    }
                    None => AGAIN,
                }
            }
            Err(e) => {
                let since = *failing.get_or_insert_with(Instant::now);
                if !absent(&e) && since.elapsed() >= TELL_AFTER && !std::mem::replace(&mut told, true) {
                    log::warn!(EVENT = "untold"; "the alarm list does not take the hardware's alarms, which wait: {e}");
                }
                let wait = pause;
                pause = (pause * 2).min(RETRY_MAX);
                wait
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shared.news.notified() => {}
        }
    }
}

/// Whether no analyzer runs here at all, as on a box whose role has none: then nobody is to be told.
fn absent(error: &CallError) -> bool {
    matches!(error, CallError::Connect { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use api::Service;
    use api::alarms::ReportReceipt;
    use api::analyzer::AnalyzerRequest;
    use api::server;
    use hwmon::board::Board;
    use hwmon::policy::{Book, Finding, Subject};
    use hwmon::watch::Watch;
    use tokio::net::UnixListener;
    use tokio::sync::mpsc;

    use super::super::keeper::Keeper;
    use super::super::monitor::Monitor;
    use super::*;

    fn shared(folder: &Path) -> Arc<Shared> {
        let keeper = Keeper::open(folder);
        let monitor = Monitor::resume(Board::unknown(), &keeper, 1);
        Arc::new(Shared::new(monitor, keeper, None))
    }

    fn raised() -> Vec<Event> {
        let finding = Finding {
            subject: Subject {
                place: "bay 2".to_owned(),
                serial: Some("S1".to_owned()),
            },
            code: "pending".to_owned(),
            state: hwmon::State::Warning,
            text: api::hardware::Text::default(),
        };
        Book::default().update(7, &[finding], &[], &[])
    }

    fn listener(folder: &Path) -> UnixListener {
        let path = folder.join(Service::Analyzer.socket());
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        server::listen(&path, 0o600).expect("a socket")
    }

    #[tokio::test]
    async fn an_analyzer_that_is_stuck_holds_up_nobody() {
        let folder = tempfile::tempdir().expect("a folder");
        let shared = shared(folder.path());
        let stuck = listener(folder.path());
        let telling = {
            let (shared, client) = (shared.clone(), Client::new(folder.path()));
            tokio::spawn(async move { tell(&shared, &client).await })
        };
        let (mut stream, _) = stuck.accept().await.expect("a connection");
        let asked = api::frame::read(&mut stream).await.expect("read").expect("a request");
        assert!(String::from_utf8_lossy(&asked).contains("report_hardware"));
        // the question waits for its answer, and whoever judges goes on
        let monitor = shared.monitor.try_lock().expect("nobody holds what is judged");
        shared.post(&monitor, &raised());
        drop(monitor);
        assert_eq!(shared.outbox().waiting().len(), 1);
        telling.abort();
    }

    #[tokio::test]
    async fn a_box_without_an_analyzer_is_told_from_one_that_does_not_answer() {
        let folder = tempfile::tempdir().expect("a folder");
        let shared = shared(folder.path());
        let client = Client::new(folder.path());
        let asked = client.call(shared.report()).await.expect_err("nobody there");
        assert!(absent(&asked), "{asked}");
        // one that has stopped leaves its socket
        drop(listener(folder.path()));
        let asked = client.call(shared.report()).await.expect_err("nobody listens");
        assert!(!absent(&asked), "{asked}");
    }

    #[tokio::test]
    async fn edges_wait_over_a_restart_until_the_list_has_them() {
        let folder = tempfile::tempdir().expect("a folder");
        {
            let shared = shared(folder.path());
            let monitor = shared.monitor();
            shared.post(&monitor, &raised());
            let outbox = shared.outbox().kept();
            let courses = hwmon::series::Unsaved::default();
            shared.keeper.finish(monitor.state(), outbox, courses);
        }
        // the writer lets the file go a moment after its keeper
        while hwmon::memory::Memory::open(&folder.path().join("state.redb")).is_err() {
            tokio::task::yield_now().await;
        }
        let shared = shared(folder.path());
        assert_eq!(shared.outbox().waiting().len(), 1, "what the last run left");
        let (came, mut reports) = mpsc::unbounded_channel();
        let refuse = Arc::new(Mutex::new(true));
        let serving = {
            let refuse = refuse.clone();
            server::serve(listener(folder.path()), move |request, _| {
                let (came, refuse) = (came.clone(), refuse.clone());
                async move {
                    let AnalyzerRequest::ReportHardware(report) = request else {
                        panic!("another request: {request:?}");
                    };
                    let last = report.edges.last().map(|edge| edge.id);
                    came.send(report).expect("somebody listens");
                    if std::mem::take(&mut *refuse.lock().expect("a lock")) {
                        return Err(api::Failure::new(api::FailureKind::Unavailable, "the disk is full"));
                    }
                    server::reply(ReportReceipt { last, newer: None })
                }
            })
        };
        let serving = tokio::spawn(serving);
        let telling = {
            let (shared, client) = (shared.clone(), Client::new(folder.path()));
            tokio::spawn(async move { tell(&shared, &client).await })
        };
        let refused = reports.recv().await.expect("a report");
        let again = reports.recv().await.expect("the same again");
        assert_eq!(refused.edges, again.edges);
        assert_eq!(again.edges.first().expect("an edge").alarm.component, "bay 2");
        let watch = Watch::new(Board::unknown());
        assert_eq!(again.open.len(), watch.open().count(), "no alarm is open in this watch");
        while shared.outbox().waiting().len() > 0 {
            tokio::task::yield_now().await;
        }
        telling.abort();
        serving.abort();
    }
}
