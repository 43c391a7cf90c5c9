//! Reading and writing disks past the page cache, so that what is read back comes from the disk, and
//! what fails is known to the octet.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::plan::{Area, Step};

/// What is read or written at a time.
pub(crate) const CHUNK: usize = 1 << 20;
const PAGE: usize = 4096;

/// What went wrong, on which disk, at which octet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The disk cannot be opened.
    #[error("disk {0} cannot be opened: {1}")]
    Open(String, std::io::Error),
    /// Writing failed.
    #[error("disk {0} cannot be written at octet {1}: {2}; replace it and install again")]
    Write(String, u64, std::io::Error),
    /// Reading failed.
    #[error("disk {0} cannot be read at octet {1}: {2}; replace it and install again")]
    Read(String, u64, std::io::Error),
    /// What was read is not what was written.
    #[error("disk {0} gives back something else at octet {1} than what was written; replace it and install again")]
    Differs(String, u64),
    /// The disk did not confirm what it had taken.
    #[error("disk {0} cannot store what was written ({1}); replace it and install again")]
    Flush(String, std::io::Error),
    /// The image cannot be read.
    #[error("the medium's image cannot be read at octet {0}: {1}")]
    Image(u64, std::io::Error),
}

/// What steps are carried out on.
pub(crate) trait Disk {
    /// Writes octets.
    fn write(&mut self, at: u64, octets: &[u8]) -> Result<(), Fault>;
    /// Reads as many octets as the buffer has.
    fn read(&mut self, at: u64, octets: &mut [u8]) -> Result<(), Fault>;
    /// Has everything stored.
    fn flush(&mut self) -> Result<(), Fault>;
    /// The disk's name in messages.
    fn name(&self) -> String;
}

/// Carries steps out, and returns the SHA-256 of all that was read back, in the order of the steps.
/// `progress` is told of octets that were written or read.
pub(crate) fn carry_out<D: Disk>(
    steps: &[Step],
    disks: &mut [D],
    image: &mut (impl Read + Seek),
    mut progress: impl FnMut(u64),
) -> Result<String, Fault> {
    let mut hash = Sha256::new();
    let (mut wanted, mut found) = (vec![0; CHUNK], vec![0; CHUNK]);
    for step in steps {
        match step {
            Step::Flush(disk) => on(disks, *disk)?.flush()?,
            Step::Put(disk, at, octets) => {
                let disk = on(disks, *disk)?;
                disk.write(*at, octets)?;
                disk.flush()?;
                let mut back = vec![0; octets.len()];
                disk.read(*at, &mut back)?;
                same(disk, *at, octets, &back)?;
                hash.update(&back);
            }
            Step::Zero(area) => {
                wanted.fill(0);
                for (at, length) in chunks(*area) {
                    on(disks, area.disk)?.write(at, wanted.get(..length).unwrap_or_default())?;
                }
            }
            Step::Copy(area) | Step::Compare(area) => {
                let disk = on(disks, area.disk)?;
                for (at, length) in chunks(*area) {
                    let wanted = wanted.get_mut(..length).unwrap_or_default();
                    of_image(image, at, wanted)?;
                    if let Step::Compare(_) = step {
                        let found = found.get_mut(..length).unwrap_or_default();
                        disk.read(at, found)?;
                        same(disk, at, wanted, found)?;
                        hash.update(found);
                    } else {
                        disk.write(at, wanted)?;
                    }
                    progress(length as u64);
                }
            }
        }
    }
    Ok(hash.finalize().iter().map(|octet| format!("{octet:02x}")).collect())
}

/// The octets of the steps that `progress` is told of.
pub(crate) fn effort(steps: &[Step]) -> u64 {
    let octets = steps.iter().map(|step| match step {
        Step::Copy(area) | Step::Compare(area) => area.octets,
        _ => 0,
    });
    octets.sum()
}

fn on<D: Disk>(disks: &mut [D], index: usize) -> Result<&mut D, Fault> {
    let missing = || Fault::Open(format!("number {index}"), std::io::ErrorKind::NotFound.into());
    disks.get_mut(index).ok_or_else(missing)
}

fn chunks(area: Area) -> impl Iterator<Item = (u64, usize)> {
    let whole = (0..area.octets).step_by(CHUNK);
    whole.map(move |from| {
        let length = usize::try_from(area.octets - from).map_or(CHUNK, |rest| rest.min(CHUNK));
        (area.at + from, length)
    })
}

fn of_image(image: &mut (impl Read + Seek), at: u64, octets: &mut [u8]) -> Result<(), Fault> {
    image
        .seek(SeekFrom::Start(at))
        .and_then(|_| image.read_exact(octets))
        .map_err(|error| Fault::Image(at, error))
}

/// That two pieces are equal; else the first octet that differs.
pub(crate) fn same(disk: &impl Disk, at: u64, wanted: &[u8], found: &[u8]) -> Result<(), Fault> {
    if wanted == found {
        return Ok(());
    }
    match wanted.iter().zip(found).position(|(a, b)| a != b) {
        None => Ok(()),
        Some(offset) => Err(Fault::Differs(disk.name(), at + offset as u64)),
    }
}

#[derive(Clone)]
#[repr(C, align(4096))]
struct Page([u8; PAGE]);

/// A disk of this machine, opened past the page cache and for nobody else.
pub(crate) struct Drive {
    name: String,
    file: File,
    pages: Vec<Page>,
}

impl Drive {
    /// Opens a disk by its kernel name; fails while a file system on it is mounted.
    pub(crate) fn open(name: &str) -> Result<Self, Fault> {
        let flags = rustix::fs::OFlags::DIRECT | rustix::fs::OFlags::EXCL;
        let file = File::options()
            .read(true)
            .write(true)
            .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
            .open(Path::new("/dev").join(name))
            .map_err(|error| Fault::Open(name.to_owned(), error))?;
        Ok(Self {
            name: name.to_owned(),
            file,
            pages: vec![Page([0; PAGE]); CHUNK / PAGE],
        })
    }

    /// One request of at most a chunk; true when all of it was done.
    fn put(&mut self, at: u64, octets: &[u8]) -> std::io::Result<bool> {
        for (page, part) in self.pages.iter_mut().zip(octets.chunks(PAGE)) {
            if let Some(to) = page.0.get_mut(..part.len()) {
                to.copy_from_slice(part);
            }
        }
        let parts: Vec<IoSlice> = self
            .pages
            .iter()
            .zip(octets.chunks(PAGE))
            .map(|(page, part)| IoSlice::new(page.0.get(..part.len()).unwrap_or_default()))
            .collect();
        Ok(rustix::io::pwritev(&self.file, &parts, at)? == octets.len())
    }

    fn get(&mut self, at: u64, octets: &mut [u8]) -> std::io::Result<bool> {
        let mut parts: Vec<IoSliceMut> = self
            .pages
            .iter_mut()
            .zip(octets.chunks(PAGE))
            .map(|(page, part)| IoSliceMut::new(page.0.get_mut(..part.len()).unwrap_or_default()))
            .collect();
        let got = rustix::io::preadv(&self.file, &mut parts, at)?;
        for (page, part) in self.pages.iter().zip(octets.chunks_mut(PAGE)) {
            part.copy_from_slice(page.0.get(..part.len()).unwrap_or_default());
        }
        Ok(got == octets.len())
    }
}

fn cut_off() -> std::io::Error {
    std::io::Error::other("the disk took or gave less than it was asked to")
}

impl Disk for Drive {
    fn write(&mut self, at: u64, octets: &[u8]) -> Result<(), Fault> {
        for (at, chunk) in (at..).step_by(CHUNK).zip(octets.chunks(CHUNK)) {
            if self.put(at, chunk).is_ok_and(|whole| whole) {
                continue;
            }
            // once more in small pieces, to tell where it fails
            for (at, piece) in (at..).step_by(PAGE).zip(chunk.chunks(PAGE)) {
                let done = self
                    .put(at, piece)
                    .and_then(|whole| if whole { Ok(()) } else { Err(cut_off()) });
                done.map_err(|error| Fault::Write(self.name.clone(), at, error))?;
            }
        }
        Ok(())
    }

    fn read(&mut self, at: u64, octets: &mut [u8]) -> Result<(), Fault> {
        for (at, chunk) in (at..).step_by(CHUNK).zip(octets.chunks_mut(CHUNK)) {
            if self.get(at, chunk).is_ok_and(|whole| whole) {
                continue;
            }
            for (at, piece) in (at..).step_by(PAGE).zip(chunk.chunks_mut(PAGE)) {
                let done = self
                    .get(at, piece)
                    .and_then(|whole| if whole { Ok(()) } else { Err(cut_off()) });
                done.map_err(|error| Fault::Read(self.name.clone(), at, error))?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Fault> {
        self.file
            .sync_all()
            .map_err(|error| Fault::Flush(self.name.clone(), error))
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}
