//! A disk behind a socket that remembers every write and every flush in order, spoken in NBD
//! (github.com/NetworkBlockDevice/nbd, doc/proto.md): one client, the fixed newstyle handshake, simple replies.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};

const OPTION_MAGIC: u64 = 0x4948_4156_454f_5054;
const OPTION_REPLY_MAGIC: u64 = 0x0003_e889_0455_65a9;
const REQUEST_MAGIC: u32 = 0x2560_9513;
const REPLY_MAGIC: u32 = 0x6744_6698;

/// Fixed newstyle, and no padding after the export's size.
const HANDSHAKE: u16 = 0b11;
/// Flags are valid; flush and forced unit access are understood.
const EXPORT: u16 = 0b1101;

const OPT_EXPORT_NAME: u32 = 1;
const OPT_ABORT: u32 = 2;
const OPT_INFO: u32 = 6;
const OPT_GO: u32 = 7;
const REP_ACK: u32 = 1;
const REP_INFO: u32 = 3;
const REP_UNSUPPORTED: u32 = 0x8000_0001;
const INFO_EXPORT: u16 = 0;

const READ: u16 = 0;
const WRITE: u16 = 1;
const DISCONNECT: u16 = 2;
const FLUSH: u16 = 3;
const FORCED: u16 = 1;
const EINVAL: u32 = 22;

/// The most octets of one request (QEMU's limit is 32 MiB).
const PART_MAX: u32 = 64 << 20;

/// What the machine did to its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// Octets were written; they are on the disk after the next flush, or at once when that was forced.
    Write {
        /// Where on the disk.
        at: u64,
        /// Octets.
        len: u32,
        /// Where the octets are in the recording.
        kept: u64,
        /// Written through.
        forced: bool,
    },
    /// All that was written before is on the disk.
    Flush,
}

/// The recording of a disk.
pub(super) struct Recording {
    events: Mutex<Vec<Event>>,
    /// The disk as its machine sees it.
    disk: File,
    size: u64,
    /// The octets of all writes, one after the other.
    octets: File,
    kept: Mutex<u64>,
    socket: PathBuf,
}

impl Recording {
    /// Serves the disk in file `disk` at a socket; the octets of each write go to `octets`.
    pub(super) fn start(disk: &Path, octets: &Path, socket: &Path) -> Result<Arc<Self>> {
        let _ = std::fs::remove_file(socket);
        let listener = UnixListener::bind(socket).with_context(|| format!("cannot listen at {}", socket.display()))?;
        let file = File::options().read(true).write(true).open(disk)?;
        let recording = Arc::new(Self {
            events: Mutex::new(Vec::new()),
            size: file.metadata()?.len(),
            disk: file,
            octets: File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .open(octets)?,
            kept: Mutex::new(0),
            socket: socket.to_owned(),
        });
        let serving = recording.clone();
        std::thread::spawn(move || {
            // QEMU connects anew when it is started anew.
            for client in listener.incoming().flatten() {
                if let Err(error) = serving.serve(client) {
                    eprintln!("    the recorded disk's client: {error:#}");
                }
            }
        });
        Ok(recording)
    }

    /// The disk's address, as QEMU takes it for a drive's file.
    pub(super) fn address(&self) -> String {
        format!("nbd:unix:{}", self.socket.display())
    }

    /// How many events there were so far.
    pub(super) fn len(&self) -> usize {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Everything that happened so far.
    pub(super) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The octets of a write.
    pub(super) fn octets(&self, kept: u64, len: u32) -> Result<Vec<u8>> {
        let mut octets = vec![0; usize::try_from(len)?];
        self.octets.read_exact_at(&mut octets, kept)?;
        Ok(octets)
    }

    fn note(&self, event: Event) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    fn serve(&self, mut client: UnixStream) -> Result<()> {
        if self.shake_hands(&mut client)? {
            while self.obey(&mut client)? {}
        }
        Ok(())
    }

    /// Whether the client wants the disk.
    fn shake_hands(&self, client: &mut UnixStream) -> Result<bool> {
        client.write_all(b"NBDMAGIC")?;
        client.write_all(&OPTION_MAGIC.to_be_bytes())?;
        client.write_all(&HANDSHAKE.to_be_bytes())?;
        let _flags: [u8; 4] = take(client)?;
        loop {
            ensure!(u64::from_be_bytes(take(client)?) == OPTION_MAGIC, "no option's magic");
            let option = u32::from_be_bytes(take(client)?);
            let length = u32::from_be_bytes(take(client)?);
            ensure!(length <= 65_536, "an option of {length} octets");
            let mut data = vec![0; usize::try_from(length)?];
            client.read_exact(&mut data)?;
            match option {
                OPT_EXPORT_NAME => {
                    client.write_all(&self.size.to_be_bytes())?;
                    client.write_all(&EXPORT.to_be_bytes())?;
                    return Ok(true);
                }
                OPT_GO | OPT_INFO => {
                    let mut info = INFO_EXPORT.to_be_bytes().to_vec();
                    info.extend(self.size.to_be_bytes());
                    info.extend(EXPORT.to_be_bytes());
                    answer(client, option, REP_INFO, &info)?;
                    answer(client, option, REP_ACK, &[])?;
                    if option == OPT_GO {
                        return Ok(true);
                    }
                }
                OPT_ABORT => {
                    answer(client, option, REP_ACK, &[])?;
                    return Ok(false);
                }
                _ => answer(client, option, REP_UNSUPPORTED, &[])?,
            }
        }
    }

    /// Does one request; `false` when there are no more.
    fn obey(&self, client: &mut UnixStream) -> Result<bool> {
        let mut magic = [0; 4];
        match client.read_exact(&mut magic) {
            // The machine was switched off.
            Err(e) if matches!(e.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => return Ok(false),
            other => other?,
        }
        ensure!(u32::from_be_bytes(magic) == REQUEST_MAGIC, "no request's magic");
        let flags = u16::from_be_bytes(take(client)?);
        let kind = u16::from_be_bytes(take(client)?);
        let handle: [u8; 8] = take(client)?;
        let at = u64::from_be_bytes(take(client)?);
        let len = u32::from_be_bytes(take(client)?);
        let inside = at.checked_add(u64::from(len)).is_some_and(|end| end <= self.size);
        let mut reply = REPLY_MAGIC.to_be_bytes().to_vec();
        match kind {
            READ if inside && len <= PART_MAX => {
                let mut octets = vec![0; usize::try_from(len)?];
                self.disk.read_exact_at(&mut octets, at)?;
                reply.extend(0_u32.to_be_bytes());
                reply.extend(handle);
                reply.extend(octets);
            }
            WRITE if len <= PART_MAX => {
                let mut octets = vec![0; usize::try_from(len)?];
                client.read_exact(&mut octets)?;
                let error = if inside { 0 } else { EINVAL };
                if inside {
                    self.write(at, &octets, flags & FORCED != 0)?;
                }
                reply.extend(error.to_be_bytes());
                reply.extend(handle);
            }
            FLUSH => {
                self.note(Event::Flush);
                reply.extend(0_u32.to_be_bytes());
                reply.extend(handle);
            }
            DISCONNECT => return Ok(false),
            WRITE => bail!("a write of {len} octets"),
            _ => {
                reply.extend(EINVAL.to_be_bytes());
                reply.extend(handle);
            }
        }
        client.write_all(&reply)?;
        Ok(true)
    }

    fn write(&self, at: u64, octets: &[u8], forced: bool) -> Result<()> {
        let mut end = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = *end;
        self.octets.write_all_at(octets, kept)?;
        self.disk.write_all_at(octets, at)?;
        *end += octets.len() as u64;
        drop(end);
        let len = u32::try_from(octets.len())?;
        self.note(Event::Write { at, len, kept, forced });
        Ok(())
    }
}

fn take<const N: usize>(from: &mut UnixStream) -> Result<[u8; N]> {
    let mut octets = [0; N];
    from.read_exact(&mut octets)?;
    Ok(octets)
}

fn answer(client: &mut UnixStream, option: u32, kind: u32, data: &[u8]) -> Result<()> {
    let mut reply = OPTION_REPLY_MAGIC.to_be_bytes().to_vec();
    reply.extend(option.to_be_bytes());
    reply.extend(kind.to_be_bytes());
    reply.extend(u32::try_from(data.len())?.to_be_bytes());
    reply.extend(data);
    client.write_all(&reply)?;
    Ok(())
}
