//! Batches on disk while the analyzer is away: files of a few MiB, appended to and then unlinked
//! when all that is in them was acknowledged. A file that was cut off is read up to the cut.
//!
//! A file is a sequence of entries: length (u32), CRC-32 (u32), records (u32), all little endian,
//! then the ingest message in as many octets as the length says. docs/formats.md has it too.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// A file is not appended to beyond this.
const SEGMENT: u64 = 8 << 20;
const HEAD: usize = 12;
/// The longest message that is believed: a frame's length.
const MESSAGE_MAX: usize = api::frame::FRAME_MAX;

/// Where a message lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    segment: u64,
    offset: u64,
    length: u32,
}

/// A message that was found at the start.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) place: Place,
    pub(crate) message: Vec<u8>,
    pub(crate) records: u32,
}

#[derive(Debug)]
struct Segment {
    file: File,
    octets: u64,
    /// Messages that were not acknowledged.
    open: usize,
}

/// The folder of files.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    bytes_max: u64,
    segments: BTreeMap<u64, Segment>,
    /// The file that is appended to.
    current: Option<u64>,
}

impl Spool {
    /// Opens the folder, giving every message in it to `left`, the oldest file first.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub(crate) fn open(folder: PathBuf, bytes_max: u64, mut left: impl FnMut(Left)) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let mut spool = Self {
            folder,
            bytes_max,
            segments: BTreeMap::new(),
            current: None,
        };
        let mut numbers: Vec<u64> = fs::read_dir(&spool.folder)?
            .filter_map(|entry| number_of(entry.ok()?.file_name().to_str()?))
            .collect();
        numbers.sort_unstable();
        for number in numbers {
            let path = spool.path(number);
            let mut octets = Vec::new();
            let file = OpenOptions::new().read(true).write(true).open(&path)?;
            (&file)
                .take(SEGMENT + MESSAGE_MAX as u64 + HEAD as u64)
                .read_to_end(&mut octets)?;
            let mut open = 0;
            for (offset, message, records) in Entries::new(&octets) {
                open += 1;
                left(Left {
                    place: Place {
                        segment: number,
                        offset,
                        length: u32::try_from(message.len()).unwrap_or(u32::MAX),
                    },
                    message: message.to_vec(),
                    records,
                });
            }
            if open == 0 {
                fs::remove_file(&path)?;
                continue;
            }
            let octets = octets.len() as u64;
            spool.segments.insert(number, Segment { file, octets, open });
        }
        Ok(spool)
    }

    /// A spool that takes nothing: where the folder cannot be used.
    pub(crate) fn none() -> Self {
        Self {
            folder: PathBuf::new(),
            bytes_max: 0,
            segments: BTreeMap::new(),
            current: None,
        }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:016x}.spool"))
    }

    /// Octets on disk.
    pub(crate) fn octets(&self) -> u64 {
        self.segments.values().map(|s| s.octets).sum()
    }

    /// Writes a message down.
    ///
    /// # Errors
    /// When the folder's bound is reached ([`io::ErrorKind::StorageFull`]) or the disk fails.
    pub(crate) fn push(&mut self, message: &[u8], records: u32) -> io::Result<Place> {
        let length = u32::try_from(message.len())
            .ok()
            .filter(|_| message.len() <= MESSAGE_MAX)
            .ok_or(io::ErrorKind::InvalidInput)?;
        let needed = (HEAD + message.len()) as u64;
        if self.octets() + needed > self.bytes_max {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let number = self.writable()?;
        let Some(segment) = self.segments.get_mut(&number) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let mut entry = Vec::with_capacity(HEAD + message.len());
        entry.extend_from_slice(&length.to_le_bytes());
        entry.extend_from_slice(&crc32fast::hash(message).to_le_bytes());
        entry.extend_from_slice(&records.to_le_bytes());
        entry.extend_from_slice(message);
        let offset = segment.octets;
        if let Err(e) = segment.file.write_all_at(&entry, offset) {
            // What was written of it is overwritten by the next, or cut off.
            let _ = segment.file.set_len(offset);
            return Err(e);
        }
        segment.octets += needed;
        segment.open += 1;
        Ok(Place {
            segment: number,
            offset: offset + HEAD as u64,
            length,
        })
    }

    /// The file to append to.
    fn writable(&mut self) -> io::Result<u64> {
        if let Some(number) = self.current
            && self.segments.get(&number).is_some_and(|s| s.octets < SEGMENT)
        {
            return Ok(number);
        }
        let number = self.segments.keys().next_back().map_or(0, |n| n + 1);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(self.path(number))?;
        self.segments.insert(
            number,
            Segment {
                file,
                octets: 0,
                open: 0,
            },
        );
        self.current = Some(number);
        Ok(number)
    }

    /// Reads a message back.
    ///
    /// # Errors
    /// When the disk fails or lost it.
    pub(crate) fn read(&self, place: Place) -> io::Result<Vec<u8>> {
        let segment = self.segments.get(&place.segment).ok_or(io::ErrorKind::NotFound)?;
        let mut message = vec![0; place.length as usize];
        segment.file.read_exact_at(&mut message, place.offset)?;
        Ok(message)
    }

    /// A message was acknowledged.
    ///
    /// # Errors
    /// When its file cannot be unlinked.
    pub(crate) fn remove(&mut self, place: Place) -> io::Result<()> {
        let Some(segment) = self.segments.get_mut(&place.segment) else {
            return Ok(());
        };
        segment.open = segment.open.saturating_sub(1);
        if segment.open > 0 {
            return Ok(());
        }
        self.segments.remove(&place.segment);
        if self.current == Some(place.segment) {
            self.current = None;
        }
        fs::remove_file(self.path(place.segment))
    }

    /// Makes everything survive a loss of power.
    ///
    /// # Errors
    /// When the disk fails.
    pub(crate) fn sync(&self) -> io::Result<()> {
        if self.segments.is_empty() {
            return Ok(());
        }
        for segment in self.segments.values() {
            segment.file.sync_data()?;
        }
        File::open(&self.folder)?.sync_all()
    }
}

fn number_of(name: &str) -> Option<u64> {
    u64::from_str_radix(name.strip_suffix(".spool")?, 16).ok()
}

/// The whole entries of a file: (offset of the message, message, records).
struct Entries<'a> {
    rest: &'a [u8],
    offset: u64,
}

impl<'a> Entries<'a> {
    fn new(octets: &'a [u8]) -> Self {
        Self {
            rest: octets,
            offset: 0,
        }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (u64, &'a [u8], u32);

    fn next(&mut self) -> Option<Self::Item> {
        let (length, rest) = self.rest.split_first_chunk::<4>()?;
        let (crc, rest) = rest.split_first_chunk::<4>()?;
        let (records, rest) = rest.split_first_chunk::<4>()?;
        let (message, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        if crc32fast::hash(message) != u32::from_le_bytes(*crc) {
            return None;
        }
        let at = self.offset + HEAD as u64;
        self.offset = at + message.len() as u64;
        self.rest = rest;
        Some((at, message, u32::from_le_bytes(*records)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(folder: &std::path::Path) -> (Spool, Vec<Vec<u8>>) {
        let mut found = Vec::new();
        let spool = Spool::open(folder.to_owned(), 100 << 20, |left| found.push(left.message)).unwrap();
        (spool, found)
    }

    #[test]
    fn messages_survive_in_order_and_go_when_acknowledged() {
        let dir = tempfile::tempdir().unwrap();
        let messages: Vec<Vec<u8>> = (0..40u8).map(|n| vec![n; 500_000]).collect();
        let (mut spool, _) = all(dir.path());
        let places: Vec<Place> = messages.iter().map(|m| spool.push(m, 7).unwrap()).collect();
        assert!(spool.segments.len() > 1);
        assert_eq!(spool.read(places[33]).unwrap(), messages[33]);
        drop(spool);
        let (mut spool, found) = all(dir.path());
        assert_eq!(found, messages);
        places.iter().for_each(|p| spool.remove(*p).unwrap());
        assert_eq!(spool.octets(), 0);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_cut_or_damaged_file_gives_what_is_before() {
        let dir = tempfile::tempdir().unwrap();
        let (mut spool, _) = all(dir.path());
        for n in 0..3u8 {
            spool.push(&[n; 100], 1).unwrap();
        }
        drop(spool);
        let path = dir.path().join(format!("{:016x}.spool", 0));
        let whole = fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(all(dir.path()).1.len(), cut / 112, "{cut}");
        }
        let mut damaged = whole;
        damaged[112 + 50] ^= 1;
        fs::write(&path, &damaged).unwrap();
        assert_eq!(all(dir.path()).1, [vec![0; 100]]);
    }

    #[test]
    fn a_full_spool_takes_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(dir.path().to_owned(), 1_000, |_| {}).unwrap();
        let first = spool.push(&[0; 900], 1).unwrap();
        assert_eq!(spool.push(&[0; 900], 1).unwrap_err().kind(), io::ErrorKind::StorageFull);
        spool.remove(first).unwrap();
        spool.push(&[0; 900], 1).unwrap();
    }
}
