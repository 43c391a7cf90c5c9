//! GUID partition tables (UEFI 2.10, section 5.3) of disks with sectors of 512 octets.

/// A sector's octets.
pub(crate) const SECTOR: u64 = 512;
const ENTRY: usize = 128;
const ENTRIES: usize = 128;
/// Octets of the table at the disk's start: protective MBR, header, entries.
pub(crate) const HEAD: usize = 34 * 512;
/// Octets of the spare table at the disk's end: entries, header.
pub(crate) const TAIL: usize = 33 * 512;
/// Where the first partition may start, in sectors.
const FIRST_USABLE: u64 = 2048;

/// `A19D880F-05FC-4D3B-A006-743F0F84911E`: a member of a Linux array.
pub(crate) const RAID: [u8; 16] = [
    0x0f, 0x88, 0x9d, 0xa1, 0xfc, 0x05, 0x3b, 0x4d, 0xa0, 0x06, 0x74, 0x3f, 0x0f, 0x84, 0x91, 0x1e,
];
/// `0FC63DAF-8483-4772-8E79-3D69D8477DE4`: a Linux file system.
pub(crate) const LINUX: [u8; 16] = [
    0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4,
];

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    /// Its type, as it stands on the disk.
    pub(crate) kind: [u8; 16],
    /// Its own identifier, as it stands on the disk.
    pub(crate) id: [u8; 16],
    /// Its first sector.
    pub(crate) first: u64,
    /// Its last sector.
    pub(crate) last: u64,
    /// Its attribute bits.
    pub(crate) attributes: u64,
    /// Its name: at most 36 UTF-16 units.
    pub(crate) name: String,
}

impl Partition {
    /// The first octet.
    pub(crate) fn start(&self) -> u64 {
        self.first * SECTOR
    }

    /// The octets.
    pub(crate) fn octets(&self) -> u64 {
        (self.last + 1).saturating_sub(self.first) * SECTOR
    }
}

/// A table: partitions in the order of their numbers, of which the first is 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    /// The disk's identifier.
    pub(crate) id: [u8; 16],
    /// The partitions; tables with gaps between numbers lose the gaps.
    pub(crate) partitions: Vec<Partition>,
}

impl Table {
    /// Reads the table from a disk's first [`HEAD`] octets; none when there is none that is whole.
    pub(crate) fn parse(head: &[u8]) -> Option<Self> {
        let header = head.get(512..604)?;
        if header.get(..8)? != b"EFI PART" || number(header, 12, 4)? != 92 {
            return None;
        }
        let mut unsummed = header.to_vec();
        unsummed.get_mut(16..20)?.fill(0);
        if u64::from(crc32fast::hash(&unsummed)) != number(header, 16, 4)? || number(header, 72, 8)? != 2 {
            return None;
        }
        if number(header, 80, 4)? != ENTRIES as u64 || number(header, 84, 4)? != ENTRY as u64 {
            return None;
        }
        let entries = head.get(1024..1024 + ENTRIES * ENTRY)?;
        if u64::from(crc32fast::hash(entries)) != number(header, 88, 4)? {
            return None;
        }
        let partitions = entries.chunks_exact(ENTRY).filter_map(partition).collect();
        Some(Self {
            id: header.get(56..72)?.try_into().ok()?,
            partitions,
        })
    }

    /// The partition with this name, and its number.
    pub(crate) fn named(&self, name: &str) -> Option<(usize, &Partition)> {
        let at = self.partitions.iter().position(|partition| partition.name == name)?;
        Some((at + 1, self.partitions.get(at)?))
    }

    /// The octets of the table and of its spare for a disk of so many sectors.
    pub(crate) fn encode(&self, sectors: u64) -> (Vec<u8>, Vec<u8>) {
        let mut entries = vec![0; ENTRIES * ENTRY];
        for (entry, partition) in entries.chunks_exact_mut(ENTRY).zip(&self.partitions) {
            write_partition(entry, partition);
        }
        let sum = crc32fast::hash(&entries);
        let spare = sectors.saturating_sub(1);
        let mut head = protective(sectors);
        head.extend(self.header(1, spare, 2, sectors, sum));
        head.extend(&entries);
        let mut tail = entries;
        tail.extend(self.header(spare, 1, sectors.saturating_sub(33), sectors, sum));
        (head, tail)
    }

    fn header(&self, here: u64, other: u64, entries: u64, sectors: u64, sum: u32) -> Vec<u8> {
        let mut header = Vec::with_capacity(512);
        header.extend(b"EFI PART");
        header.extend(0x0001_0000_u32.to_le_bytes());
        header.extend(92_u32.to_le_bytes());
        header.extend([0; 8]);
        for sector in [here, other, FIRST_USABLE, last_usable(sectors)] {
            header.extend(sector.to_le_bytes());
        }
        header.extend(self.id);
        header.extend(entries.to_le_bytes());
        for count in [128_u32, 128, sum] {
            header.extend(count.to_le_bytes());
        }
        let checksum = crc32fast::hash(&header).to_le_bytes();
        header.splice(16..20, checksum);
        header.resize(512, 0);
        header
    }
}

/// The last sector that a partition may have on a disk of so many.
pub(crate) fn last_usable(sectors: u64) -> u64 {
    sectors.saturating_sub(34)
}

fn number(octets: &[u8], at: usize, length: usize) -> Option<u64> {
    let mut whole = [0; 8];
    whole.get_mut(..length)?.copy_from_slice(octets.get(at..at + length)?);
    Some(u64::from_le_bytes(whole))
}

fn partition(entry: &[u8]) -> Option<Partition> {
    let kind: [u8; 16] = entry.get(..16)?.try_into().ok()?;
    let (first, last) = (number(entry, 32, 8)?, number(entry, 40, 8)?);
    // sectors whose octets no number holds are none
    if kind == [0; 16] || last < first || last >= u64::MAX / SECTOR {
        return None;
    }
    let units: Vec<u16> = entry
        .get(56..128)?
        .chunks_exact(2)
        .filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)))
        .take_while(|unit| *unit != 0)
        .collect();
    Some(Partition {
        kind,
        id: entry.get(16..32)?.try_into().ok()?,
        first,
        last,
        attributes: number(entry, 48, 8)?,
        name: String::from_utf16_lossy(&units),
    })
}

fn write_partition(entry: &mut [u8], partition: &Partition) {
    let mut octets = Vec::with_capacity(ENTRY);
    octets.extend(partition.kind);
    octets.extend(partition.id);
    for value in [partition.first, partition.last, partition.attributes] {
        octets.extend(value.to_le_bytes());
    }
    octets.extend(partition.name.encode_utf16().take(36).flat_map(u16::to_le_bytes));
    for (to, from) in entry.iter_mut().zip(octets) {
        *to = from;
    }
}

/// The MBR that keeps programs which know no GUID partition table off the disk.
fn protective(sectors: u64) -> Vec<u8> {
    let mut mbr = vec![0; 446];
    mbr.extend([0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0]);
    mbr.extend(
        u32::try_from(sectors.saturating_sub(1))
            .unwrap_or(u32::MAX)
            .to_le_bytes(),
    );
    mbr.resize(510, 0);
    mbr.extend([0x55, 0xaa]);
    mbr
}

#[cfg(test)]
pub(crate) mod tests {
    use std::os::unix::fs::FileExt;
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    /// The table of the product's image, as sfdisk writes it.
    pub(crate) fn image_table() -> Table {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../board/x86_64/partitions.sfdisk");
        let file = tempfile::NamedTempFile::new().expect("a file");
        file.as_file().set_len((772_096 + 2048) * 512).expect("a size");
        let made = Command::new("/usr/sbin/sfdisk")
            .arg("-q")
            .arg(file.path())
            .stdin(std::fs::File::open(script).expect("the board's table"))
            .status();
        assert!(made.expect("sfdisk (package fdisk)").success());
        let mut head = [0; HEAD];
        std::io::Read::read_exact(&mut file.as_file(), &mut head).expect("the disk's start");
        Table::parse(&head).expect("a table")
    }

    #[test]
    fn what_sfdisk_wrote_is_read() {
        let table = image_table();
        let names: Vec<&str> = table
            .partitions
            .iter()
            .map(|partition| partition.name.as_str())
            .collect();
        let all = ["esp", "root-a", "root-b", "identity", "data"].map(|name| format!("spanwatch-{name}"));
        assert_eq!(names, all);
        assert_eq!(table.named("spanwatch-data").expect("data").1.kind, LINUX);
        assert_eq!(table.named("spanwatch-identity").expect("identity").1.octets(), 8 << 20);
    }

    #[test]
    fn sfdisk_finds_no_fault_with_what_is_written() {
        let table = image_table();
        let sectors = 2_097_152;
        let (head, tail) = table.encode(sectors);
        assert_eq!((head.len(), tail.len()), (HEAD, TAIL));
        let file = tempfile::NamedTempFile::new().expect("a file");
        let disk = file.as_file();
        disk.set_len(sectors * SECTOR).expect("a size");
        disk.write_all_at(&head, 0).expect("written");
        let end = sectors * SECTOR - TAIL as u64;
        disk.write_all_at(&tail, end).expect("written");
        let out = Command::new("/usr/sbin/sfdisk")
            .arg("--verify")
            .arg(file.path())
            .output()
            .expect("sfdisk");
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success() && said.contains("No errors detected"), "{said}");
    }

    fn any_partition() -> impl Strategy<Value = Partition> {
        (
            any::<[u8; 16]>().prop_filter("a kind", |kind| *kind != [0; 16]),
            any::<[u8; 16]>(),
            2048_u64..1 << 40,
            0_u64..1 << 40,
            any::<u64>(),
            "[a-z0-9 é网-]{0,36}",
        )
            .prop_map(|(kind, id, first, more, attributes, name)| Partition {
                kind,
                id,
                first,
                last: first + more,
                attributes,
                name,
            })
    }

    proptest! {
        #[test]
        fn a_table_reads_back(id: [u8; 16], partitions in proptest::collection::vec(any_partition(), 0..20), sectors in 4096_u64..1 << 40) {
            let table = Table { id, partitions };
            let (head, tail) = table.encode(sectors);
            prop_assert_eq!(Table::parse(&head), Some(table));
            prop_assert_eq!((head.len(), tail.len()), (HEAD, TAIL));
        }

        #[test]
        fn a_flipped_bit_of_the_table_is_noticed(at in prop_oneof![512_usize..604, 1024_usize..1152], bit in 0_u8..8) {
            let table = Table { id: [7; 16], partitions: vec![Partition { kind: RAID, id: [3; 16], first: 2048, last: 4095, attributes: 0, name: "x".into() }] };
            let mut head = table.encode(8192).0;
            head[at] ^= 1 << bit;
            prop_assert_eq!(Table::parse(&head), None);
        }

        #[test]
        fn any_octets_are_read_without_a_panic(octets in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let _ = Table::parse(&octets);
        }
    }
}
