//! Who is asked: the kernel, the management controller, and each drive.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant, SystemTime};

use hwmon::board::{DiskPlace, PortPlace};
use hwmon::drive::Drive;
use hwmon::ipmi::sel::Cursor;
use hwmon::ipmi::{Controller, Device};
use hwmon::sysfs::Root;
use hwmon::why::{Why, phrases};
use hwmon::{NoData, filesystems};

use super::readers::{Answer, Pace, Reader, Told};

/// The kernel's files: quick, and where arrays, fans and supplies show first what happened to them.
const SYSFS: Pace = Pace {
    every: Duration::from_secs(3),
    patience: Duration::from_secs(8),
};
/// A drive answers within seconds, or not at all.
const DRIVE: Pace = Pace {
    every: Duration::from_secs(10),
    patience: Duration::from_secs(20),
};
/// The management controller: its event log shows at once that something happened, and its sensors are read then.
const CONTROLLER: Pace = Pace {
    every: Duration::from_secs(3),
    patience: Duration::from_secs(25),
};
/// How often its sensors are read when nothing happens.
const SENSORS_EVERY: Duration = Duration::from_secs(10);
/// By when it has to answer all that it is asked at a time.
const CONTROLLER_ANSWERS: Duration = Duration::from_secs(20);
/// Where it is asked.
const CONTROLLER_DEVICE: &str = "/dev/ipmi0";
/// How full file systems are, which changes slowly.
const SPACE: Pace = Pace {
    every: Duration::from_secs(30),
    patience: Duration::from_secs(60),
};
/// What the supervisor leaves of transceivers, and timesyncd of the clock.
const LEFT: Pace = Pace {
    every: Duration::from_secs(15),
    patience: Duration::from_secs(60),
};
/// Where the kernel says what is mounted.
const MOUNTS: &str = "/proc/self/mountinfo";
/// How often it is looked which disks there are.
const LOOK: Duration = Duration::from_secs(2);
/// The most drives that are read.
const DRIVES_MAX: usize = 64;

/// Sources and their answers.
pub(crate) struct Sources {
    root: Option<Root>,
    readers: Vec<Reader>,
    places: Vec<DiskPlace>,
    interfaces: Vec<PortPlace>,
    looked: Option<Instant>,
    late: usize,
    answers: Sender<Answer>,
    came: Receiver<Answer>,
}

impl Sources {
    /// Sources below a /sys; `run` is the programs' run folder.
    pub(crate) fn new(root: Option<Root>, run: &Path) -> Self {
        let (answers, came) = channel();
        let mut sources = Self {
            root: root.clone(),
            readers: Vec::new(),
            places: Vec::new(),
            interfaces: Vec::new(),
            looked: None,
            late: 0,
            answers,
            came,
        };
        match root {
            Some(root) => sources.start("sysfs", SYSFS, move || Told::Readings(root.readings())),
            None => {
                sources.start("sysfs", SYSFS, || Told::Failed(phrases::NO_SYSFS.into()));
            }
        }
        sources.start("space", SPACE, || {
            let mounts = std::fs::read_to_string(MOUNTS).unwrap_or_default();
            Told::Readings(filesystems::readings(&filesystems::mounts(&mounts)))
        });
        let optics = run.join(api::eeprom::FOLDER);
        sources.start("optics", LEFT, move || {
            Told::Readings(hwmon::optics::left(&optics, SystemTime::now()))
        });
        sources.start("clock", LEFT, || {
            Told::Readings(hwmon::clock::readings(
                Path::new(hwmon::clock::MARKS),
                SystemTime::now(),
            ))
        });
        sources
    }

    fn start(&mut self, name: &str, pace: Pace, work: impl FnMut() -> Told + Send + 'static) {
        match Reader::start(name, pace, self.answers.clone(), work) {
            Ok(reader) => self.readers.push(reader),
            Err(e) => log::error!(EVENT = "unread"; "cannot start what reads {name}: {e}"),
        }
    }

    /// Asks who is due; whether the disks or who is late changed.
    pub(crate) fn turn(&mut self, now: Instant) -> bool {
        let mut changed = false;
        if self.looked.is_none_or(|at| now.saturating_duration_since(at) >= LOOK) {
            self.looked = Some(now);
            changed = self.look();
        }
        for reader in &mut self.readers {
            reader.turn(now);
        }
        let late = self.readers.iter().filter(|reader| reader.late(now)).count();
        changed |= late != self.late;
        self.late = late;
        changed
    }

    /// Makes the kernel's files due: something happened.
    pub(crate) fn hurry(&mut self) {
        self.looked = None;
        for reader in self.readers.iter_mut().filter(|reader| reader.name() == "sysfs") {
            reader.hurry();
        }
    }

    /// Finds disks and ports; whether they are others than before.
    fn look(&mut self) -> bool {
        let controller = Path::new(CONTROLLER_DEVICE);
        if controller.exists() && !self.readers.iter().any(|reader| reader.name() == "ipmi") {
            self.start("ipmi", CONTROLLER, controller_reader(controller));
        }
        let Some(root) = &self.root else { return false };
        let interfaces = root.interfaces();
        let changed = interfaces != self.interfaces;
        self.interfaces = interfaces;
        let mut places = root.disks();
        places.retain(|place| !on_usb(root, &place.disk));
        places.truncate(DRIVES_MAX);
        if places == self.places {
            return changed;
        }
        // another disk may come under the name of one that went
        let gone: Vec<String> = self
            .places
            .iter()
            .filter(|before| !places.contains(before))
            .map(|before| before.disk.clone())
            .collect();
        self.readers
            .retain(|reader| !gone.iter().any(|disk| disk == reader.name()));
        for place in &places {
            if !self.readers.iter().any(|reader| reader.name() == place.disk) {
                let device = hwmon::disks::device(place);
                let asked = tells(&place.disk);
                self.start(&place.disk, DRIVE, move || {
                    Told::Drive(Box::new(match asked {
                        true => hwmon::disks::read(&device),
                        false => Drive::unknown(NoData::Unsupported),
                    }))
                });
            }
        }
        self.places = places;
        true
    }

    /// What came since the last time.
    pub(crate) fn answers(&mut self) -> Vec<Answer> {
        let came: Vec<Answer> = self.came.try_iter().collect();
        for answer in &came {
            if let Some(reader) = self.readers.iter_mut().find(|reader| reader.name() == answer.source) {
                reader.answered();
            }
        }
        came
    }

    /// The disks.
    pub(crate) fn places(&self) -> &[DiskPlace] {
        &self.places
    }

    /// The network interfaces.
    pub(crate) fn interfaces(&self) -> &[PortPlace] {
        &self.interfaces
    }

    /// Who is waited for too long.
    pub(crate) fn late(&self, now: Instant) -> Vec<String> {
        let late = self.readers.iter().filter(|reader| reader.late(now));
        late.map(|reader| reader.name().to_owned()).collect()
    }
}

/// Reads the controller's new events, and its sensors when they are due or something happened.
fn controller_reader(device: &Path) -> impl FnMut() -> Told + Send + 'static {
    let device = device.to_owned();
    let mut controller: Option<Controller<Device>> = None;
    let mut cursor: Option<Cursor> = None;
    let mut read: Option<Instant> = None;
    move || {
        let asked = match &mut controller {
            Some(asked) => asked,
            None => match Device::open(&device, CONTROLLER_ANSWERS) {
                Ok(opened) => controller.insert(Controller::new(opened)),
                Err(e) => return Told::Failed(failed(e)),
            },
        };
        asked.within(CONTROLLER_ANSWERS);
        let mut work = || -> Result<Told, hwmon::ipmi::IpmiError> {
            // events name sensors, so those come first
            if cursor.is_none() {
                asked.sensors()?;
            }
            let events = asked.events(cursor)?;
            cursor = events.last().map(|event| event.cursor).or(cursor);
            let due = read.is_none_or(|at| at.elapsed() >= SENSORS_EVERY);
            let readings = if due || !events.is_empty() {
                let readings = asked.readings()?;
                read = Some(Instant::now());
                Some(readings)
            } else {
                None
            };
            Ok(Told::Controller { readings, events })
        };
        match work() {
            Ok(told) => told,
            Err(e) => {
                // opened anew: it may have been restarted
                controller = None;
                Told::Failed(failed(e))
            }
        }
    }
}

/// An error with its causes, in its own words.
fn failed(error: hwmon::ipmi::IpmiError) -> Why {
    let said = format!("{:#}", anyhow::Error::from(error));
    phrases::SOURCE_FAILED.with([said.into()])
}

/// Whether a disk can be asked how it is: virtual ones tell nothing.
pub(crate) fn tells(disk: &str) -> bool {
    disk.starts_with("sd") || disk.starts_with("nvme")
}

/// Whether a disk hangs at USB: sticks come and go, and that is no alarm.
fn on_usb(root: &Root, disk: &str) -> bool {
    let way = std::fs::read_link(root.path().join("block").join(disk));
    way.is_ok_and(|way| way.components().any(|part| is_usb(part.as_os_str().to_str())))
}

/// `usb1`, the name of a bus.
fn is_usb(part: Option<&str>) -> bool {
    let number = part.and_then(|part| part.strip_prefix("usb"));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stick_is_no_drive_of_the_box() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("block")).expect("made");
        let link = |disk: &str, way: &str| {
            std::os::unix::fs::symlink(way, folder.path().join("block").join(disk)).expect("a link");
        };
        link(
            "sda",
            "../devices/pci0000:00/0000:00:1b.0/usb2/2-1/2-1:1.0/host6/target6:0:0/6:0:0:0/block/sda",
        );
        link(
            "sdb",
            "../devices/pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0/block/sdb",
        );
        let root = Root::open(folder.path()).expect("a root");
        assert!(on_usb(&root, "sda"));
        assert!(!on_usb(&root, "sdb"));
        assert!(!on_usb(&root, "sdc"));
    }
}
