//! Installs a bundle: RAUC checks its signature, as it does in the running system, and gives its contents through
//! dm-verity; what goes where is decided here.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use slots::{Esp, Slot};

use crate::stick::percent;

/// The board that bundles must be for.
pub const COMPATIBLE: &str = "spanwatch-x86_64";
const RAUC: &str = "/usr/bin/rauc";
const CONF: &str = "/usr/share/spanwatch/recovery.conf";
/// Where `mountprefix` of [`CONF`] leads.
const MOUNTED: &str = "/run/rauc/bundle";
const PART: usize = 1 << 20;

/// What a bundle says of itself, once its signature was found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its version.
    pub version: String,
    /// The board that it is for.
    pub compatible: String,
}

/// Why a bundle is not installed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// RAUC says no: signature, format.
    #[error("the bundle is refused: {0}")]
    Signature(String),
    /// It is for something else.
    #[error("the bundle is for {0:?}, this box is {COMPATIBLE:?}: get the one for this model")]
    Board(String),
    /// It is too old.
    #[error("version {version} is below {floor}, the lowest that may be installed on this box")]
    Floor {
        /// The bundle's.
        version: String,
        /// The box's.
        floor: String,
    },
}

/// Checks a bundle's signature and format, and tells what it is.
///
/// # Errors
/// [`Refused::Signature`], or RAUC cannot be started.
pub fn inspect(bundle: &Path) -> Result<Manifest> {
    let done = rauc("info").arg("--output-format=json").arg(bundle).output();
    let done = done.context("cannot start rauc")?;
    if !done.status.success() {
        return Err(Refused::Signature(last_line(&done.stderr)).into());
    }
    parse(&done.stdout)
}

fn rauc(verb: &str) -> Command {
    let mut command = Command::new(RAUC);
    command.arg(format!("--conf={CONF}")).arg("--mount=/run/rauc").arg(verb);
    command
}

fn parse(json: &[u8]) -> Result<Manifest> {
    let value: serde_json::Value = serde_json::from_slice(json).context("rauc said something else than JSON")?;
    let text = |key: &str| {
        let text = value.get(key).and_then(serde_json::Value::as_str);
        let text = text.with_context(|| format!("the bundle has no {key}"))?;
        anyhow::Ok(text.chars().filter(|c| !c.is_control()).take(100).collect())
    };
    Ok(Manifest {
        version: text("version")?,
        compatible: text("compatible")?,
    })
}

fn last_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = text
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("no reason is given");
    line.chars().filter(|c| !c.is_control()).take(300).collect()
}

/// Whether this box may have the bundle; `floors` are the recovery system's own and the box's, where there are any.
///
/// # Errors
/// Why not.
pub fn admit(manifest: &Manifest, floors: [Option<&str>; 2]) -> Result<(), Refused> {
    if manifest.compatible != COMPATIBLE {
        return Err(Refused::Board(manifest.compatible.clone()));
    }
    let floors = floors
        .into_iter()
        .flatten()
        .map(str::trim)
        .filter(|floor| !floor.is_empty());
    for floor in floors {
        if slots::floor::version(&manifest.version) < slots::floor::version(floor) {
            return Err(Refused::Floor {
                version: manifest.version.clone(),
                floor: floor.to_owned(),
            });
        }
    }
    Ok(())
}

/// The slot that a bundle goes into: an empty one, or else the one that would start last.
#[must_use]
pub fn target(esp: &Esp) -> Slot {
    let empty = Slot::ALL.into_iter().find(|slot| esp.kernel(*slot).is_none());
    let last = esp.primary().map_or(Slot::A, |primary| primary.slot.other());
    // An empty box gets A.
    empty.unwrap_or(last)
}

/// A bundle's contents, mounted.
#[derive(Debug)]
pub struct Opened(());

impl Opened {
    /// Mounts what is in a bundle; its signature is checked again.
    ///
    /// # Errors
    /// RAUC does not mount it.
    pub fn mount(bundle: &Path) -> Result<Self> {
        std::fs::create_dir_all("/run/rauc").context("cannot make /run/rauc")?;
        let done = rauc("mount").arg(bundle).output().context("cannot start rauc")?;
        if !done.status.success() {
            bail!(Refused::Signature(last_line(&done.stderr)));
        }
        Ok(Self(()))
    }

    /// The root image.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        Path::new(MOUNTED).join("root.img")
    }

    /// The kernel of a slot.
    #[must_use]
    pub fn kernel(&self, slot: Slot) -> PathBuf {
        Path::new(MOUNTED).join(format!("spanwatch-{}.efi", slot.letter()))
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(MOUNTED, rustix::mount::UnmountFlags::empty());
    }
}

/// Writes an image to a partition and reads it back; tells how far it is, in per cent.
///
/// # Errors
/// It does not fit, cannot be read or written, or reads back differently.
pub fn write(image: &Path, partition: &Path, room: u64, mut progress: impl FnMut(u8)) -> Result<()> {
    let octets = std::fs::metadata(image)
        .context("the bundle holds no root image")?
        .len();
    ensure!(
        octets > 0 && octets <= room,
        "the root image has {octets} octets, the slot {room}"
    );
    let mut source = File::open(image)?;
    let mut target = File::options()
        .write(true)
        .open(partition)
        .with_context(|| format!("cannot write {}", partition.display()))?;
    let mut part = vec![0; PART];
    let mut done = 0_u64;
    while let read @ 1.. = source.read(&mut part).context("the bundle is damaged")? {
        let piece = part.get(..read).unwrap_or_default();
        target
            .write_all(piece)
            .with_context(|| format!("cannot write {}: the disk may be failing", partition.display()))?;
        done += read as u64;
        progress(percent(done, octets * 2));
    }
    ensure!(done == octets, "the bundle is damaged: its root image ends early");
    target
        .sync_all()
        .with_context(|| format!("cannot flush {}", partition.display()))?;
    // From the disk, not from memory.
    rustix::fs::fadvise(&target, 0, None, rustix::fs::Advice::DontNeed)?;
    drop(target);
    compare(image, partition, octets, &mut progress)
}

fn compare(image: &Path, partition: &Path, octets: u64, progress: &mut impl FnMut(u8)) -> Result<()> {
    let (mut wanted, mut written) = (File::open(image)?, File::open(partition)?);
    let (mut one, mut other) = (vec![0; PART], vec![0; PART]);
    let mut done = 0_u64;
    while done < octets {
        let size = usize::try_from((octets - done).min(PART as u64)).unwrap_or(PART);
        let (one, other) = (
            one.get_mut(..size).unwrap_or_default(),
            other.get_mut(..size).unwrap_or_default(),
        );
        wanted.read_exact(one).context("the bundle is damaged")?;
        written
            .read_exact(other)
            .with_context(|| format!("cannot read {} back", partition.display()))?;
        ensure!(
            one == other,
            "{} reads back differently: the disk is failing",
            partition.display()
        );
        done += size as u64;
        progress(percent(octets + done, octets * 2));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(version: &str) -> Manifest {
        Manifest {
            version: version.to_owned(),
            compatible: COMPATIBLE.to_owned(),
        }
    }

    #[test]
    fn boards_and_floors_are_kept_to() {
        assert_eq!(admit(&manifest("0.2.0"), [Some("0.1.0\n"), Some("0.2.0")]), Ok(()));
        assert_eq!(admit(&manifest("0.2.0"), [None, Some("\n")]), Ok(()));
        let refused = admit(&manifest("0.1.9"), [Some("0.1.0"), Some("0.2.0")]);
        assert!(
            refused
                .expect_err("below the box's")
                .to_string()
                .contains("below 0.2.0")
        );
        let other = Manifest {
            compatible: "spanwatch-other".to_owned(),
            ..manifest("9.0.0")
        };
        assert!(matches!(admit(&other, [None, None]), Err(Refused::Board(_))));
    }

    #[test]
    fn the_slot_that_would_start_last_is_replaced() {
        let esp = |names: &[&str]| Esp::of(names.iter().copied());
        assert_eq!(target(&esp(&[])), Slot::A);
        assert_eq!(target(&esp(&["spanwatch-000001-a+0-3.efi"])), Slot::B);
        let both = ["spanwatch-000002-b+0-3.efi", "spanwatch-000001-a+0-3.efi"];
        assert_eq!(target(&esp(&both)), Slot::A);
        let one = ["spanwatch-000000-b+0-3.efi", "spanwatch-000001-a+3.efi"];
        assert_eq!(target(&esp(&one)), Slot::B);
    }

    #[test]
    fn what_rauc_says_is_read() {
        let json = br#"{"compatible":"spanwatch-x86_64","version":"0.2.0","description":"x","build":"","images":[]}"#;
        assert_eq!(parse(json).expect("a bundle"), manifest("0.2.0"));
        for bad in [&b""[..], b"{}", b"[]", br#"{"version":1,"compatible":"x"}"#] {
            assert!(parse(bad).is_err());
        }
        assert_eq!(
            last_line(b"rauc-Message: x\nsignature verification failed\n\n"),
            "signature verification failed"
        );
    }

    #[test]
    fn what_is_written_is_read_back() {
        let dir = tempfile::tempdir().expect("a folder");
        let (image, partition) = (dir.path().join("image"), dir.path().join("partition"));
        let bytes: Vec<u8> = (0..2_500_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        std::fs::write(&image, &bytes).expect("a file");
        std::fs::write(&partition, vec![9; 4_000_000]).expect("a file");
        let mut last = 0;
        write(&image, &partition, 4_000_000, |percent| last = percent).expect("written");
        let written = std::fs::read(&partition).expect("a file");
        assert_eq!((written.get(..bytes.len()), last), (Some(bytes.as_slice()), 100));
        assert!(write(&image, &partition, 2_000_000, |_| ()).is_err());
        let other = dir.path().join("other");
        std::fs::write(&other, vec![0; 2_500_000]).expect("a file");
        assert!(compare(&image, &other, 2_500_000, &mut |_| ()).is_err());
    }
}
