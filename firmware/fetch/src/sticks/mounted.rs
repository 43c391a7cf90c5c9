//! A partition of a stick while it is mounted.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use api::firmware::Stick;
use rustix::fs::{Mode, OFlags};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use super::StickError;
use super::devices::{Device, devices};
use super::kind::{HEAD, Kind};
use super::listing::{self, admits};
use crate::staging::Staging;

/// Octets that are copied at a time.
const PART: usize = 1 << 20;

/// A mounted partition, until this is dropped.
pub struct Mounted {
    place: PathBuf,
    kind: Kind,
}

impl Mounted {
    /// Mounts a partition read-only at `place`.
    ///
    /// # Errors
    /// When it has no file system that is read, or a broken one.
    pub fn new(device: &Path, place: &Path) -> Result<Self, StickError> {
        let mut head = Vec::with_capacity(HEAD);
        let open = File::open(device).map_err(StickError::Read)?;
        open.take(HEAD as u64)
            .read_to_end(&mut head)
            .map_err(StickError::Read)?;
        let kind = Kind::of(&head).ok_or(StickError::Kind)?;
        let flags = MountFlags::RDONLY
            | MountFlags::NOSUID
            | MountFlags::NODEV
            | MountFlags::NOEXEC
            | MountFlags::NOSYMFOLLOW
            | MountFlags::NOATIME;
        let (name, options) = kind.mount();
        mount(device, place, name, flags, options).map_err(|e| StickError::Mount {
            kind: kind.name(),
            source: e.into(),
        })?;
        Ok(Self {
            place: place.to_owned(),
            kind,
        })
    }

    fn open(&self, name: &str) -> Result<File, StickError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::open(self.place.join(name), flags, Mode::empty()).map_err(|e| {
            if e == rustix::io::Errno::LOOP {
                StickError::NoFile
            } else {
                StickError::Read(e.into())
            }
        })?;
        let file = File::from(file);
        if !file.metadata().map_err(StickError::Read)?.is_file() {
            return Err(StickError::NoFile);
        }
        Ok(file)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Err(error) = unmount(&self.place, UnmountFlags::DETACH) {
            eprintln!("sticks: {} cannot be unmounted: {error}", self.place.display());
        }
    }
}

/// What is on all sticks.
#[must_use]
pub fn look(sys: &Path, dev: &Path, place: &Path) -> Vec<Stick> {
    let mut sticks: Vec<Stick> = Vec::new();
    let mut image_on: Option<String> = None;
    for device in devices(sys) {
        // The partitions of a CD's image lead to the same files.
        if image_on.as_deref() == Some(&device.disk) {
            continue;
        }
        let mounted = Mounted::new(&dev.join(&device.name), place);
        if device.whole {
            match &mounted {
                Ok(mounted) if mounted.kind == Kind::Iso9660 => image_on = Some(device.disk.clone()),
                _ => continue,
            }
        }
        sticks.push(list(&device, mounted, place));
    }
    sticks
}

fn list(device: &Device, mounted: Result<Mounted, StickError>, place: &Path) -> Stick {
    let (filesystem, bundles, problems) = match &mounted {
        Err(error) => (None, Vec::new(), vec![error.to_string()]),
        Ok(mounted) => {
            let kind = Some(mounted.kind.name().to_owned());
            match fs::read_dir(place) {
                Err(error) => (kind, Vec::new(), vec![StickError::Read(error).to_string()]),
                Ok(entries) => {
                    // An entry that cannot be read may never end.
                    let names = entries
                        .map_while(Result::ok)
                        .map(|entry| entry.file_name().into_string().ok());
                    let (bundles, problems) = listing::judge(names, |name| look_at(&place.join(name)));
                    (kind, bundles, problems)
                }
            }
        }
    };
    Stick {
        partition: device.name.clone(),
        model: device.model.clone(),
        octets: device.octets,
        filesystem,
        bundles,
        problems,
    }
}

fn look_at(path: &Path) -> listing::File {
    match fs::symlink_metadata(path) {
        Ok(file) if file.is_file() => listing::File::Plain(file.size()),
        Ok(_) => listing::File::Other,
        Err(_) => listing::File::Unreadable,
    }
}

/// Where things are.
#[derive(Debug, Clone)]
pub struct Places {
    /// The root of sysfs.
    pub sys: PathBuf,
    /// The folder of device nodes.
    pub dev: PathBuf,
    /// Where partitions are mounted.
    pub mount: PathBuf,
}

/// Copies a bundle to the staging place; `told` hears how large it is before. Gives its octets.
///
/// # Errors
/// When it is not there, or cannot be read or kept whole.
pub fn copy(
    places: &Places,
    partition: &str,
    name: &str,
    into: (&Path, u64, u64),
    told: impl FnOnce(u64),
) -> Result<u64, StickError> {
    if !admits(name) {
        return Err(StickError::Name);
    }
    let gone = || StickError::Gone(partition.chars().filter(char::is_ascii_alphanumeric).take(16).collect());
    let known = devices(&places.sys);
    let device = known.iter().find(|device| device.name == partition).ok_or_else(gone)?;
    let mounted = Mounted::new(&places.dev.join(&device.name), &places.mount)?;
    let mut file = mounted.open(name)?;
    let size = file.metadata().map_err(StickError::Read)?.len();
    let (folder, most, reserve) = into;
    let mut staging = Staging::start(folder, most, reserve)?;
    staging.admit(size)?;
    told(size);
    let mut part = vec![0; PART];
    loop {
        let read = file.read(&mut part).map_err(StickError::Read)?;
        if read == 0 {
            break;
        }
        staging.write(part.get(..read).unwrap_or_default())?;
    }
    if staging.at() != size {
        let message = format!("{} of {size} octets came", staging.at());
        return Err(StickError::Read(io::Error::other(message)));
    }
    Ok(staging.finish()?)
}
