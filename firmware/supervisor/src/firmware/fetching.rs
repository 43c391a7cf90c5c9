//! Bundles that the box gets by itself, from a web server or a USB stick: what is ordered of the units that do it, and
//! what became of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::firmware::{BundlePlace, Stick};
use fetch::download::Address;
use fetch::order::{self, Report};
use tokio::task::JoinHandle;

use crate::command;
use crate::disk::{self, Folder};

/// Downloads.
const DOWNLOAD: &str = "spanwatch-fetch.service";
/// Copies from a stick.
const COPY: &str = "spanwatch-sticks@copy.service";
/// Looks what is on the sticks.
const LIST: &str = "spanwatch-sticks@list.service";
/// Where the units report.
const REPORTS: &str = "/run/spanwatch/transfer";
/// Longer than any unit may take by its own limit.
const LONGEST: Duration = Duration::from_secs(7 * 3_600);
/// The same for a look at the sticks.
const LOOK: Duration = Duration::from_secs(90);

/// A bundle on its way.
pub(super) struct Fetch {
    from: BundlePlace,
    unit: &'static str,
    report: PathBuf,
    pub(super) user: String,
    work: JoinHandle<Result<(), String>>,
}

impl Fetch {
    /// Orders a bundle. `run` is the supervisor's run folder, which the units read.
    pub(super) fn start(from: BundlePlace, run: &Path, most: u64, reserve: u64, user: String) -> Result<Self, String> {
        let (place, unit, file, report) = match from.clone() {
            BundlePlace::Url { url } => (order::Place::Url { url }, DOWNLOAD, "fetch.json", "fetch.json"),
            BundlePlace::Stick { partition, name } => {
                let partition = partition.ok_or("no partition is named")?;
                (
                    order::Place::Stick { partition, name },
                    COPY,
                    "sticks.json",
                    "copy.json",
                )
            }
        };
        let ordered = order::Order {
            from: place,
            most,
            reserve,
        };
        let report = Path::new(REPORTS).join(report);
        serde_json::to_vec(&ordered)
            .map_err(std::io::Error::other)
            .and_then(|text| disk::replace(&mut Folder(run.to_owned()), file, &text, 0o640))
            .map_err(|e| format!("the order cannot be written: {e}"))?;
        Ok(Self {
            from,
            unit,
            report,
            user,
            work: tokio::spawn(start(unit, LONGEST)),
        })
    }

    /// Where it comes from.
    pub(super) fn from(&self) -> String {
        self.from.shown()
    }

    /// The octets that it will have, once that is known.
    pub(super) fn expected(&self) -> Option<u64> {
        match self.reported()? {
            Report::Going { total } => total,
            Report::Done { octets } => Some(octets),
            Report::Failed { .. } => None,
        }
    }

    fn reported(&self) -> Option<Report> {
        // What an earlier one reported is overwritten once the unit runs.
        Report::last(&fs::read_to_string(&self.report).ok()?)
    }

    /// Whether its unit is done.
    pub(super) fn is_over(&self) -> bool {
        self.work.is_finished()
    }

    /// What became of it.
    pub(super) async fn result(self) -> Result<(), String> {
        let report = self.report.clone();
        self.work.await.unwrap_or_else(|e| Err(e.to_string()))?;
        match Report::last(&fs::read_to_string(report).unwrap_or_default()) {
            Some(Report::Done { .. }) => Ok(()),
            Some(Report::Failed { problem }) => Err(problem),
            _ => Err("it ended before its time: see the journal".to_owned()),
        }
    }

    /// Ends it.
    pub(super) async fn stop(self) {
        if let Err(e) = command::run("systemctl", &["stop", self.unit], "").await {
            log::warn!(event = "firmware-fetch"; "{} cannot be stopped: {e}", self.unit);
        }
        self.work.abort();
    }
}

/// Ends what a supervisor before this one ordered.
pub(super) async fn stop_left_over() {
    if let Err(e) = command::run("systemctl", &["stop", DOWNLOAD, COPY, LIST], "").await {
        log::warn!(event = "firmware-fetch"; "what was on its way cannot be stopped: {e}");
    }
}

async fn start(unit: &'static str, within: Duration) -> Result<(), String> {
    let done = command::run_within("systemctl", &["start", unit], "", within).await;
    done.map(drop).map_err(|e| format!("it did not come to its end: {e}"))
}

/// A look at the sticks that goes on.
pub(super) struct Look {
    work: JoinHandle<Result<Vec<Stick>, String>>,
    /// What was plugged in when it began.
    plugged: BTreeSet<String>,
}

impl Look {
    pub(super) fn start(sys: &Path) -> Self {
        Self {
            work: tokio::spawn(look()),
            plugged: plugged(sys),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.work.is_finished()
    }

    pub(super) async fn result(self) -> Result<(Vec<Stick>, BTreeSet<String>), String> {
        let sticks = self.work.await.unwrap_or_else(|e| Err(e.to_string()))?;
        Ok((sticks, self.plugged))
    }
}

async fn look() -> Result<Vec<Stick>, String> {
    let unseen = |e: String| format!("the USB sticks cannot be looked at: {e}");
    start(LIST, LOOK).await.map_err(unseen)?;
    let text = fs::read_to_string(Path::new(REPORTS).join("list.json")).map_err(|e| unseen(e.to_string()))?;
    serde_json::from_str(&text).map_err(|e| unseen(e.to_string()))
}

/// The USB sticks that are plugged in now.
pub(super) fn plugged(sys: &Path) -> BTreeSet<String> {
    fetch::sticks::devices(sys)
        .into_iter()
        .map(|device| device.disk)
        .collect()
}

/// Where exactly a bundle is, among what was found on the sticks.
pub(super) fn place(from: BundlePlace, sticks: &[Stick]) -> Result<BundlePlace, String> {
    match from {
        BundlePlace::Url { url } => {
            let address = Address::parse(&url).map_err(|e| e.to_string())?;
            Ok(BundlePlace::Url {
                url: address.to_string(),
            })
        }
        BundlePlace::Stick { partition, name } => {
            let holds = |stick: &&Stick| {
                partition.as_ref().is_none_or(|wanted| *wanted == stick.partition)
                    && stick.bundles.iter().any(|bundle| bundle.name == name)
            };
            let found: Vec<&Stick> = sticks.iter().filter(holds).collect();
            match found.as_slice() {
                [] => Err("no USB stick has a bundle of this name in its top folder: look what there is".to_owned()),
                [one] => Ok(BundlePlace::Stick {
                    partition: Some(one.partition.clone()),
                    name,
                }),
                [one, ..] => Err(format!(
                    "several USB sticks have a bundle of this name: name one with its partition, such as usb:{}/{name}",
                    one.partition
                )),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::firmware::StickBundle;

    fn stick(partition: &str, names: &[&str]) -> Stick {
        Stick {
            partition: partition.to_owned(),
            model: String::new(),
            octets: 1,
            filesystem: Some("vfat".to_owned()),
            bundles: names
                .iter()
                .map(|name| StickBundle {
                    name: (*name).to_owned(),
                    octets: 1,
                })
                .collect(),
            problems: Vec::new(),
        }
    }

    #[test]
    fn a_name_is_found_on_one_stick_or_asked_for_more() {
        let sticks = [stick("sda1", &["a.raucb", "b.raucb"]), stick("sdb1", &["b.raucb"])];
        let placed = |text: &str| place(BundlePlace::parse(text).unwrap(), &sticks).map(|place| place.shown());
        assert_eq!(placed("usb:a.raucb"), Ok("usb:sda1/a.raucb".to_owned()));
        assert_eq!(placed("usb:sdb1/b.raucb"), Ok("usb:sdb1/b.raucb".to_owned()));
        assert!(placed("usb:b.raucb").unwrap_err().contains("usb:sda1/b.raucb"));
        for missing in [
            "usb:c.raucb",
            "usb:sdb1/a.raucb",
            "usb:../a.raucb",
            "usb:sda1/../a.raucb",
        ] {
            assert!(placed(missing).is_err(), "{missing}");
        }
    }

    #[test]
    fn addresses_are_checked_before_anything_is_ordered() {
        let placed = |url: &str| place(BundlePlace::Url { url: url.to_owned() }, &[]);
        assert!(placed("https://updates.example/a.raucb").is_ok());
        assert!(placed("https://user:word@updates.example/a.raucb").is_err());
        assert!(placed("file:///data/settings").is_err());
    }
}
