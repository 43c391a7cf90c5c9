//! The disks of a RAID 1 as the installer leaves them, made without an array driver on this machine.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Octets of a member's disk.
pub(super) const DISK: u64 = 2 << 30;
const SECTOR: u64 = 512;
/// Where the member's partition starts, and where in it the array's octets do, in sectors.
const PARTITION: u64 = 2048;
const DATA: u64 = 2048;
/// Sectors of the array; a disk's last mebibyte stays free for its own table.
const SIZE: u64 = DISK / SECTOR - PARTITION - DATA - 2048;
/// Superblock (version 1.2) and bitmap in the partition, in sectors.
const SUPERBLOCK: u64 = 8;
const BITMAP: u64 = 8;
const BAD_BLOCKS: u32 = 16;
/// Places in the table of roles.
const ROLES: u16 = 128;
const NO_ROLE: u16 = 0xffff;
/// What both members and the bitmap say of the array.
const UUID: &[u8; 16] = b"spanwatch-array1";
const EVENTS: u64 = 1;

/// Makes both disks; the array holds one empty data partition.
pub(super) fn make(paths: [&Path; 2]) -> Result<()> {
    let array = paths.map(|path| path.with_extension("array"));
    let [array, _] = array;
    table(
        &array,
        SIZE * SECTOR,
        "type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name=\"spanwatch-data\"",
    )?;
    for (number, path) in paths.into_iter().enumerate() {
        let kind = "type=A19D880F-05FC-4D3B-A006-743F0F84911E, name=\"spanwatch-member\"";
        table(path, DISK, &format!("start={PARTITION}, {kind}"))?;
        let disk = File::options().write(true).open(path)?;
        let put = |sector: u64, octets: &[u8]| disk.write_all_at(octets, (PARTITION + sector) * SECTOR);
        put(SUPERBLOCK, &superblock(u16::try_from(number)?))?;
        put(SUPERBLOCK + BITMAP, &bitmap())?;
        // both ends of the array's own table
        let mut end = vec![0; 1 << 20];
        let file = File::open(&array)?;
        file.read_exact_at(&mut end, 0)?;
        put(DATA, &end)?;
        let last = SIZE - (1 << 20) / SECTOR;
        file.read_exact_at(&mut end, last * SECTOR)?;
        put(DATA + last, &end)?;
    }
    std::fs::remove_file(&array).context("cannot remove the array's table")
}

/// A new file of so many octets with a GPT of one partition.
fn table(path: &Path, octets: u64, partition: &str) -> Result<()> {
    File::create(path)
        .and_then(|file| file.set_len(octets))
        .with_context(|| format!("cannot make {}", path.display()))?;
    let mut sfdisk = Command::new("sfdisk")
        .arg("--quiet")
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .context("cannot start sfdisk: install fdisk")?;
    let mut script = sfdisk.stdin.take().context("sfdisk takes no script")?;
    std::io::Write::write_all(&mut script, format!("label: gpt\n{partition}\n").as_bytes())?;
    drop(script);
    ensure!(sfdisk.wait()?.success(), "sfdisk refuses {}", path.display());
    Ok(())
}

/// Fields at their offsets.
fn fields(length: usize, fields: &[(usize, &[u8])]) -> Vec<u8> {
    let mut octets = vec![0; length];
    for (at, field) in fields {
        for (to, from) in octets.iter_mut().skip(*at).zip(*field) {
            *to = *from;
        }
    }
    octets
}

/// The superblock of a member (Linux, include/uapi/linux/raid/md_p.h, struct mdp_superblock_1).
fn superblock(number: u16) -> Vec<u8> {
    let roles: Vec<u8> = (0..ROLES)
        .flat_map(|at| if at < 2 { at } else { NO_ROLE }.to_le_bytes())
        .collect();
    let mut device = *b"spanwatch-disk-0";
    if let Some(last) = device.last_mut() {
        *last += u8::try_from(number).unwrap_or_default();
    }
    let (one, two) = (1_u32.to_le_bytes(), 2_u32.to_le_bytes());
    let mut octets = fields(
        256 + roles.len(),
        &[
            (0, &0xa92b_4efc_u32.to_le_bytes()),
            (4, &one),
            // it has a bitmap
            (8, &one),
            (16, UUID),
            (32, b"spanwatch:data"),
            // RAID 1 of two disks
            (72, &one),
            (80, &SIZE.to_le_bytes()),
            (92, &two),
            (96, &8_u32.to_le_bytes()),
            (128, &DATA.to_le_bytes()),
            (136, &SIZE.to_le_bytes()),
            (144, &SUPERBLOCK.to_le_bytes()),
            (160, &u32::from(number).to_le_bytes()),
            (168, &device),
            (186, &8_u16.to_le_bytes()),
            (188, &BAD_BLOCKS.to_le_bytes()),
            (200, &EVENTS.to_le_bytes()),
            // the members are alike
            (208, &u64::MAX.to_le_bytes()),
            (220, &u32::from(ROLES).to_le_bytes()),
            (256, &roles),
        ],
    );
    // drivers/md/md.c, calc_sb_1_csum
    let words = octets.chunks_exact(4).map(|word| {
        let word = <[u8; 4]>::try_from(word).unwrap_or_default();
        u64::from(u32::from_le_bytes(word))
    });
    let sum: u64 = words.sum();
    let folded = (sum & 0xffff_ffff) + (sum >> 32);
    for (to, from) in octets
        .iter_mut()
        .skip(216)
        .zip(folded.to_le_bytes().into_iter().take(4))
    {
        *to = from;
    }
    octets
}

/// The bitmap's head (Linux, drivers/md/md-bitmap.c, struct bitmap_super_s); no bit behind it is set.
fn bitmap() -> Vec<u8> {
    fields(
        256,
        &[
            (0, b"bitm"),
            (4, &4_u32.to_le_bytes()),
            (8, UUID),
            (24, &EVENTS.to_le_bytes()),
            (32, &EVENTS.to_le_bytes()),
            (40, &SIZE.to_le_bytes()),
            // octets of a chunk, seconds between two looks
            (52, &(64_u32 << 20).to_le_bytes()),
            (56, &5_u32.to_le_bytes()),
        ],
    )
}

/// An empty disk as large as the members.
pub(super) fn empty(path: PathBuf) -> Result<PathBuf> {
    File::create(&path)?.set_len(DISK)?;
    Ok(path)
}
