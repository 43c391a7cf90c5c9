//! Hears when the analyzer has closed another second, and how analyzer and collector are. One task asks for all live
//! streams together, and only while there are any.

use std::time::Duration;

use api::analyzer::{AnalyzerStatus, StatusQuery as AnalyzerQuery};
use api::client::Client;
use api::collector::{CollectorStatus, StatusQuery as CollectorQuery};
use model::Timestamp;
use serde::Serialize;
use tokio::sync::watch;

/// How often the analyzer is asked.
const EVERY: Duration = Duration::from_millis(250);
/// The collector is asked at every so many beats.
const COLLECTOR_EVERY: u32 = 8;
/// Without a new second for so long, no data arrives.
const SILENT_S: u64 = 10;

/// How the way of the data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Health {
    /// Data flows.
    Ok,
    /// The analyzer does not answer: nothing can be shown.
    AnalyzerDown,
    /// The collector does not answer, or is not connected to the analyzer.
    CollectorDown,
    /// Both answer, but no second was closed for some time.
    Silent,
    /// The analyzer answers, but stores nothing.
    NotStoring,
}

/// The state that a live page shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Beat {
    /// How it is.
    pub(crate) health: Health,
    /// What the services said about it (English).
    pub(crate) detail: Option<String>,
    /// The end of the newest closed second, seconds since 1970; `None` before the first.
    #[serde(skip)]
    pub(crate) newest: Option<u64>,
}

/// The pulse; clones of its receiver hear every beat.
pub(crate) struct Pulse(watch::Sender<Option<Beat>>);

impl Pulse {
    /// Starts the task that asks; it lives as long as the runtime.
    pub(crate) fn start(client: Client) -> Self {
        let (sender, _) = watch::channel(None);
        tokio::spawn(run(client, sender.clone()));
        Self(sender)
    }

    /// Hears beats; `None` until the first.
    pub(crate) fn listen(&self) -> watch::Receiver<Option<Beat>> {
        self.0.subscribe()
    }
}

async fn run(client: Client, sender: watch::Sender<Option<Beat>>) {
    let (mut count, mut collector) = (0_u32, None);
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if sender.receiver_count() == 0 {
            count = 0;
            sender.send_if_modified(|beat| beat.take().is_some());
            continue;
        }
        if count.is_multiple_of(COLLECTOR_EVERY) {
            collector = Some(client.call(CollectorQuery {}).await.map_err(|e| e.to_string()));
        }
        count = count.wrapping_add(1);
        let analyzer = client.call(AnalyzerQuery {}).await.map_err(|e| e.to_string());
        let Some(collector) = &collector else { continue };
        let beat = judge(&analyzer, collector, now());
        sender.send_if_modified(|old| {
            let changed = old.as_ref() != Some(&beat);
            *old = Some(beat);
            changed
        });
    }
}

/// The box's clock.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp::from_secs(since.unwrap_or_default().as_secs())
}

/// The state that the two answers mean at a time.
pub(crate) fn judge(
    analyzer: &Result<AnalyzerStatus, String>,
    collector: &Result<CollectorStatus, String>,
    now: Timestamp,
) -> Beat {
    let newest = analyzer
        .as_ref()
        .ok()
        .and_then(|status| status.newest_window)
        .map(Timestamp::as_secs);
    let silent = newest.is_none_or(|newest| newest.saturating_add(SILENT_S) < now.as_secs());
    let (health, detail) = match (analyzer, collector) {
        (Err(why), _) => (Health::AnalyzerDown, Some(why.clone())),
        (Ok(AnalyzerStatus { trouble: Some(why), .. }), _) => (Health::NotStoring, Some(why.clone())),
        (_, Err(why)) => (Health::CollectorDown, Some(why.clone())),
        (Ok(AnalyzerStatus { collectors: 0, .. }), Ok(status)) => {
            (Health::CollectorDown, status.analyzer.clone().err())
        }
        _ if silent => (Health::Silent, None),
        _ => (Health::Ok, None),
    };
    Beat { health, detail, newest }
}

#[cfg(test)]
pub(crate) mod tests {
    use model::DropCounters;

    use super::*;

    /// An analyzer that is well and has closed the second before `newest`.
    pub(crate) fn analyzer(newest: Option<u64>) -> AnalyzerStatus {
        AnalyzerStatus {
            version: "1".into(),
            started: Timestamp::EPOCH,
            collectors: 1,
            records: 0,
            blocks: 0,
            duplicates: 0,
            refused: 0,
            deferred: 0,
            newest_window: newest.map(Timestamp::from_secs),
            oldest_window: None,
            disk_bytes: 0,
            damaged_files: Vec::new(),
            trouble: None,
        }
    }

    /// A collector that is well.
    pub(crate) fn collector() -> CollectorStatus {
        CollectorStatus {
            version: "1".into(),
            started: Timestamp::EPOCH,
            ports: Vec::new(),
            flows: 0,
            flows_max: 1,
            records: 0,
            unacknowledged: 0,
            spooled_bytes: 0,
            drops: DropCounters::default(),
            analyzer: Ok(()),
        }
    }

    #[test]
    fn each_trouble_has_its_name() {
        let now = Timestamp::from_secs(100);
        let health = |a: Result<AnalyzerStatus, String>, c: Result<CollectorStatus, String>| judge(&a, &c, now).health;
        let down = || Err("gone".to_owned());
        assert_eq!(health(Ok(analyzer(Some(95))), Ok(collector())), Health::Ok);
        assert_eq!(health(Ok(analyzer(Some(80))), Ok(collector())), Health::Silent);
        assert_eq!(health(Ok(analyzer(None)), Ok(collector())), Health::Silent);
        assert_eq!(health(down(), Ok(collector())), Health::AnalyzerDown);
        assert_eq!(
            health(Ok(analyzer(Some(95))), Err("gone".into())),
            Health::CollectorDown
        );
        let alone = AnalyzerStatus {
            collectors: 0,
            ..analyzer(Some(95))
        };
        assert_eq!(health(Ok(alone), Ok(collector())), Health::CollectorDown);
        let full = AnalyzerStatus {
            trouble: Some("disk full".into()),
            ..analyzer(Some(95))
        };
        assert_eq!(health(Ok(full), Ok(collector())), Health::NotStoring);
    }
}
