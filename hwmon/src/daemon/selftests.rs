//! Starting drives' self-tests, each in a thread that a drive which hangs does not share with anybody.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::FailureKind;
use api::hardware::{TestExtent, TestStarted};
use hwmon::board::DiskPlace;
use hwmon::disks::{Extent, TestError, device, start_test};
use tokio::sync::oneshot;

/// How many are started at a time.
const STARTS_MAX: usize = 4;
/// How long a drive may take to begin.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why a self-test does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// No such drive.
    #[error("there is no drive {0:?}: name its bay or the drive itself, see `show disks`")]
    Unknown(String),
    /// It is asked just now, or too many are.
    #[error("{0} is asked for a self-test just now: ask again in a minute")]
    Asked(String),
    /// The drive says no.
    #[error("{drive}: {source}")]
    Drive {
        /// Its name.
        drive: String,
        /// Why.
        source: TestError,
    },
    /// It does not answer.
    #[error("{0} has not answered in time; whether its self-test runs shows in `show disks`")]
    Silent(String),
}

impl StartError {
    /// For those who asked.
    pub(crate) fn kind(&self) -> FailureKind {
        match self {
            Self::Unknown(_) => FailureKind::NotFound,
            // this program answers, and the drive does not do it now
            Self::Asked(_) | Self::Drive { .. } | Self::Silent(_) => FailureKind::Conflict,
        }
    }
}

/// The drives that are being asked.
#[derive(Debug)]
pub(crate) struct Starts {
    asked: Arc<Mutex<BTreeSet<String>>>,
    patience: Duration,
}

impl Default for Starts {
    fn default() -> Self {
        Self {
            asked: Arc::default(),
            patience: PATIENCE,
        }
    }
}

/// The drive that somebody means: by its bay's number, or by its name. `places` have their bays.
pub(crate) fn meant<'a>(drive: &str, places: &'a [(DiskPlace, Option<u8>)]) -> Option<&'a (DiskPlace, Option<u8>)> {
    let bay: Option<u8> = drive.parse().ok();
    places
        .iter()
        .find(|(place, at)| place.disk == drive || bay.is_some() && *at == bay)
}

impl Starts {
    fn asked(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts one.
    ///
    /// # Errors
    /// Where there is no such drive, one runs already, or the drive has none.
    pub(crate) async fn start(
        &self,
        drive: &str,
        extent: TestExtent,
        places: &[(DiskPlace, Option<u8>)],
    ) -> Result<TestStarted, StartError> {
        let (place, bay) = meant(drive, places).ok_or_else(|| StartError::Unknown(drive.to_owned()))?;
        let (name, path) = (place.disk.clone(), device(place));
        let how = match extent {
            TestExtent::Short => Extent::Short,
            TestExtent::Long => Extent::Extended,
        };
        self.ask(&name, move || start_test(&path, how)).await?;
        Ok(TestStarted {
            drive: name,
            bay: *bay,
            extent,
        })
    }

    async fn ask(
        &self,
        name: &str,
        work: impl FnOnce() -> Result<(), TestError> + Send + 'static,
    ) -> Result<(), StartError> {
        {
            let mut asked = self.asked();
            if asked.len() >= STARTS_MAX || !asked.insert(name.to_owned()) {
                return Err(StartError::Asked(name.to_owned()));
            }
        }
        let (tell, told) = oneshot::channel();
        let (shared, own) = (self.asked.clone(), name.to_owned());
        let thread = std::thread::Builder::new()
            .name("self-test".to_owned())
            .stack_size(256 << 10);
        let begun = thread.spawn(move || {
            let ended = work();
            shared.lock().unwrap_or_else(PoisonError::into_inner).remove(&own);
            // nobody may wait any more
            let _ = tell.send(ended);
        });
        if begun.is_err() {
            self.asked().remove(name);
            return Err(StartError::Asked(name.to_owned()));
        }
        match tokio::time::timeout(self.patience, told).await {
            Ok(Ok(ended)) => ended.map_err(|source| StartError::Drive {
                drive: name.to_owned(),
                source,
            }),
            Ok(Err(_)) | Err(_) => Err(StartError::Silent(name.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn place(disk: &str) -> DiskPlace {
        DiskPlace {
            disk: disk.to_owned(),
            ..DiskPlace::default()
        }
    }

    #[test]
    fn a_drive_is_meant_by_its_bay_or_its_name() {
        let places = [(place("sda"), Some(2)), (place("nvme0n1"), None)];
        let name = |drive: &str| meant(drive, &places).map(|(place, _)| place.disk.as_str());
        assert_eq!((name("2"), name("nvme0n1")), (Some("sda"), Some("nvme0n1")));
        assert_eq!((name("1"), name("sdb"), name("")), (None, None, None));
    }

    #[tokio::test]
    async fn a_drive_that_hangs_is_asked_once_and_others_all_the_same() {
        let hasty = Starts {
            patience: Duration::ZERO,
            ..Starts::default()
        };
        let (release, hangs) = channel::<()>();
        let hung = hasty.ask("sda", move || {
            let _ = hangs.recv();
            Err(TestError::Busy)
        });
        assert!(matches!(hung.await, Err(StartError::Silent(_))));
        let starts = Starts {
            asked: hasty.asked.clone(),
            patience: Duration::from_secs(600),
        };
        assert!(matches!(starts.ask("sda", || Ok(())).await, Err(StartError::Asked(_))));
        assert!(starts.ask("sdb", || Ok(())).await.is_ok());
        drop(release);
        while !starts.asked().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let busy = starts.ask("sda", || Err(TestError::Busy)).await.expect_err("busy");
        assert_eq!(busy.kind(), FailureKind::Conflict);
    }
}
