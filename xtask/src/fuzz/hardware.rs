//! What fuzzing of the hardware's octets starts from. The first octet says which reader a seed is for, as the target has it.

use std::path::{Path, PathBuf};

/// Sensor records, the controller's messages, pages of ATA, SCSI and `NVMe`, smartctl's JSON and text, transceivers, texts.
const SENSORS: u8 = 0;
const CONTROLLER: u8 = 1;
const ATA: u8 = 2;
const SCSI: u8 = 3;
const NVME: u8 = 4;
const JSON: u8 = 5;
const TEXT: u8 = 6;
const OPTICS: u8 = 7;
const TEXTS: u8 = 8;
/// The longest file that is a seed.
const FILE_MAX: usize = 48 << 10;

/// The seeds.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![
        seed(SENSORS, &sensor()),
        seed(SENSORS, &[0xc0, 0xc0, 2, 0, 1, 0, 2, 0, 0, 0, 0x65, 0x20, 0, 4, 8, 0x63, 0x6f, 0x41, 0xff, 0xff]),
        seed(CONTROLLER, &[1, 0, 0, 1, 0, 0, 0, 0xfe, 1, 2, 0, 0, 0, 0, 0xc4, b'A', b'B', b'C', b'D', 0xc1, 0, 0, 0, 0x10]),
        seed(CONTROLLER, &[6, 0, 0xff, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0x81, 0x2c, 0x53, 0x20, 4, 0x23, 0, 0xb9]),
        seed(ATA, &page(512, &[(2, &[5, 3, 0, 100, 100, 8]), (14, &[194, 2, 0, 60, 50, 34, 0, 20, 0, 45]), (363, &[0xf7])])),
        seed(ATA, &page(1_024, &[(0, &[1, 0, 2, 0]), (4, &[1, 0, 0, 32]), (30, &[2, 0x70, 0x10, 0x27])])),
        seed(SCSI, &page(64, &[(0, &[0x0d, 0, 0, 12, 0, 0, 3, 2, 0, 34, 0, 1, 3, 2, 0, 60])])),
        seed(SCSI, &page(404, &[(0, &[0x10, 0, 1, 0x90, 0, 1, 3, 16, 0x40, 1, 0x27, 0x10])])),
        seed(NVME, &page(512, &[(0, &[4, 0x39, 1, 100, 10, 3])])),
        seed(NVME, &page(4_096, &[(0, &[0, 0, 0, 0, 1]), (26, &[1]), (130, &[9]), (134, &[12])])),
        seed(OPTICS, &page(512, &[(0, &[3, 4, 7]), (20, b"FINISAR CORP.   "), (92, &[0x68]), (256, &[78, 0, 0xf3, 0, 73, 0, 0xf8, 0]), (352, &[33, 0x80])])),
        seed(OPTICS, &page(640, &[(0, &[0x11]), (22, &[41, 0x40]), (34, &[35, 40]), (220, &[0x0c]), (512, &[75, 0, 0xfb, 0, 70, 0])])),
        seed(TEXTS, include_bytes!("../../../board/x86_64/board.toml")),
        seed(TEXTS, b"change@/devices/virtual/block/md127\0ACTION=change\0DEVPATH=/devices/virtual/block/md127\0SUBSYSTEM=block\0DEVNAME=md127\0SEQNUM=7\0"),
        seed(TEXTS, b"25 22 9:127 / /data rw,noatime shared:1 - ext4 /dev/md127 rw\n"),
    ];
    for (folder, kind) in [
        ("smartctl-json", JSON),
        ("smartctl-text/failing", TEXT),
        ("smartctl-text/passing", TEXT),
    ] {
        seeds.extend(files(&shared().join(folder)).iter().map(|octets| seed(kind, octets)));
    }
    seeds
}

fn seed(kind: u8, octets: &[u8]) -> Vec<u8> {
    [&[kind], octets].concat()
}

/// Octets at their places, the rest 0.
fn page(length: usize, parts: &[(usize, &[u8])]) -> Vec<u8> {
    let mut page = vec![0; length];
    for (at, octets) in parts {
        if let Some(to) = page.get_mut(*at..at + octets.len()) {
            to.copy_from_slice(octets);
        }
    }
    page
}

/// An answer, and a full sensor record: a temperature with six limits (IPMI 2.0, table 43-1).
fn sensor() -> Vec<u8> {
    let record = page(
        56,
        &[
            (2, &[0x51, 1, 51]),
            (7, &[5, 7, 1, 0x7f, 0x68, 1, 1]),
            (18, &[0x3f, 0x3f, 0, 1, 0, 0, 1, 0]),
            (36, &[90, 85, 80, 5, 3, 1]),
            (47, &[0xc8]),
            (48, b"CPU Temp"),
        ],
    );
    [&[40, 0xc0, 0, 0], record.as_slice()].concat()
}

/// Readings of real hardware, where they are.
fn shared() -> PathBuf {
    std::env::var_os("SPANWATCH_HARDWARE").map_or_else(|| crate::root().join("../shared/hardware"), PathBuf::from)
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let read = paths.iter().filter_map(|path| std::fs::read(path).ok());
    read.filter(|octets| octets.len() <= FILE_MAX).collect()
}
