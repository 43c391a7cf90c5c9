//! Plans carried out on disks of memory.

#![allow(clippy::cast_possible_truncation, reason = "the disks and counts of tests are small")]

use std::collections::BTreeMap;
use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::answers::{Depth, Finish};
use crate::disk::tests::disk;
use crate::drive::{self, Fault, carry_out};
use crate::gpt::tests::image_table;

/// A disk of memory: chunks that were never written are as they were found.
#[derive(Clone)]
struct Memory {
    octets: u64,
    before: u8,
    pages: BTreeMap<u64, Vec<u8>>,
    /// How many more writes it takes before it fails.
    budget: usize,
}

const PAGE: u64 = 64 << 10;

impl Memory {
    fn new(octets: u64, before: u8) -> Self {
        Self {
            octets,
            before,
            pages: BTreeMap::new(),
            budget: usize::MAX,
        }
    }

    fn octets(&self, at: u64, length: usize) -> Vec<u8> {
        let mut octets = vec![0; length];
        self.clone_into(at, &mut octets);
        octets
    }

    fn clone_into(&self, at: u64, octets: &mut [u8]) {
        for (page, from, range) in pieces(at, octets.len()) {
            let part = &mut octets[range];
            match self.pages.get(&page) {
                Some(page) => part.copy_from_slice(&page[from..from + part.len()]),
                None => part.fill(self.before),
            }
        }
    }
}

/// A piece of a disk by pages: page, offset in it, range of the piece.
fn pieces(at: u64, length: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let position = at + done as u64;
        let from = (position % PAGE) as usize;
        let part = (PAGE as usize - from).min(length - done);
        let range = done..done + part;
        done += part;
        (part > 0).then_some((position / PAGE, from, range))
    })
}

impl drive::Disk for Memory {
    fn write(&mut self, at: u64, octets: &[u8]) -> Result<(), Fault> {
        assert!(
            at + octets.len() as u64 <= self.octets,
            "a write behind the end, at {at}"
        );
        assert_eq!((at % SECTOR, octets.len() as u64 % SECTOR), (0, 0));
        if self.budget == 0 {
            return Err(Fault::Write("memory".into(), at, std::io::ErrorKind::Other.into()));
        }
        self.budget -= 1;
        for (page, from, range) in pieces(at, octets.len()) {
            let page = self
                .pages
                .entry(page)
                .or_insert_with(|| vec![self.before; PAGE as usize]);
            page[from..from + range.len()].copy_from_slice(&octets[range]);
        }
        Ok(())
    }

    fn read(&mut self, at: u64, octets: &mut [u8]) -> Result<(), Fault> {
        assert!(at + octets.len() as u64 <= self.octets);
        self.clone_into(at, octets);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    fn name(&self) -> String {
        "memory".to_owned()
    }
}

/// An image as small as its steps allow, with the product's names: each partition 2 MiB, full of its number.
fn small_image() -> (Image, Vec<u8>) {
    let mut table = image_table();
    let mut octets = vec![0; 12 << 20];
    for (n, partition) in table.partitions.iter_mut().enumerate() {
        partition.first = 2048 + n as u64 * 4096;
        partition.last = partition.first + 4095;
        let fill = if partition.name == "spanwatch-data" {
            0
        } else {
            n as u8 + 1
        };
        let start = partition.start() as usize;
        octets[start..start + (2 << 20)].fill(fill);
    }
    (Image { table }, octets)
}

fn answers() -> Answers {
    Answers {
        disk: None,
        layout: Layout::Single,
        members: Members::All,
        serial_number: Some("SW-1".to_owned()),
        existing: Existing::Refuse,
        erase: false,
        self_test: Depth::None,
        finish: Finish::PowerOff,
    }
}

fn found(name: &str, memory: &Memory) -> Disk {
    let mut disk = disk(name, memory.octets);
    disk.contents = Contents::of(&memory.octets(0, crate::disk::HEAD));
    disk
}

fn ids() -> impl FnMut() -> [u8; 16] {
    let mut next = 0;
    move || {
        next += 1;
        [next; 16]
    }
}

/// Whether the firmware would start something from it: a table, and the boot partition's first octets.
fn starts(memory: &Memory) -> bool {
    let head = memory.octets(0, crate::gpt::HEAD);
    Table::parse(&head).is_some_and(|table| {
        let esp = table.named("spanwatch-esp");
        esp.is_some_and(|(_, esp)| memory.octets(esp.start(), 512).iter().any(|octet| *octet != 0))
    })
}

#[test]
fn an_empty_disk_holds_the_image_and_the_rest_is_data() {
    let (image, octets) = small_image();
    let mut memory = [Memory::new(5 << 30, 0)];
    let disks = [found("sda", &memory[0])];
    let choice = choose(&answers(), &disks, &image, None).expect("it is chosen");
    let plan = Plan::make(&choice, &disks, &image, ids());
    carry_out(&plan.steps, &mut memory, &mut Cursor::new(&octets), |_| {}).expect("it is written");
    assert!(starts(&memory[0]));
    for partition in &image.table.partitions {
        let (start, length) = (partition.start(), partition.octets() as usize);
        let from = &octets[start as usize..start as usize + length];
        assert!(memory[0].octets(start, length) == from, "{}", partition.name);
    }
    let table = Table::parse(&memory[0].octets(0, crate::gpt::HEAD)).expect("a table");
    let data = table.named("spanwatch-data").expect("data").1;
    assert_eq!(data.start() + data.octets(), (5 << 30) - MIB);
}

#[test]
fn a_spanwatch_is_refused_unless_told_and_keeps_who_it_is() {
    let (image, octets) = small_image();
    let identity = image.table.named("spanwatch-identity").expect("identity").1.clone();
    let mut memory = [Memory::new(5 << 30, 0xaa)];
    let (head, _) = image.table.encode((5 << 30) / SECTOR);
    drive::Disk::write(&mut memory[0], 0, &head).expect("written");
    let disks = [found("sda", &memory[0])];
    assert_eq!(
        choose(&answers(), &disks, &image, None),
        Err(Refused::Existing("sda".into()))
    );
    let keep = Answers {
        existing: Existing::KeepIdentity,
        serial_number: None,
        ..answers()
    };
    let choice = choose(&keep, &disks, &image, None).expect("it is chosen");
    let plan = Plan::make(&choice, &disks, &image, ids());
    carry_out(&plan.steps, &mut memory, &mut Cursor::new(&octets), |_| {}).expect("it is written");
    let kept = memory[0].octets(identity.start(), identity.octets() as usize);
    assert!(kept.iter().all(|octet| *octet == 0xaa), "the identity was touched");
    assert!(starts(&memory[0]));
    let anew = Answers {
        existing: Existing::NewIdentity,
        ..answers()
    };
    let choice = choose(&anew, &disks, &image, None).expect("it is chosen");
    let plan = Plan::make(&choice, &disks, &image, ids());
    carry_out(&plan.steps, &mut memory, &mut Cursor::new(&octets), |_| {}).expect("it is written");
    assert!(memory[0].octets(identity.start(), 512).iter().all(|octet| *octet == 4));
}

#[test]
fn what_is_wrong_is_refused_with_its_reason() {
    let (image, _) = small_image();
    let mut disks = vec![disk("sda", 5 << 30), disk("sdb", 5 << 30), disk("sdc", 1 << 20)];
    let refused = |answers: &Answers, disks: &[Disk]| choose(answers, disks, &image, None).expect_err("it is refused");
    let none = Answers {
        serial_number: None,
        ..answers()
    };
    assert_eq!(refused(&none, &disks), Refused::NoSerial);
    assert!(choose(&none, &disks, &image, Some("DMI-1")).is_ok());
    let named = |name: &str| Answers {
        disk: Some(name.into()),
        ..answers()
    };
    assert_eq!(refused(&named("sdz"), &disks), Refused::Unknown("sdz".into()));
    assert_eq!(
        refused(&named("/dev/sdc"), &disks),
        Refused::Unsuitable("sdc".into(), Unsuitable::TooSmall(SYSTEM_MIN))
    );
    let raid = |level, members| Answers {
        layout: Layout::Raid(level),
        members,
        ..answers()
    };
    assert_eq!(
        refused(&raid(5, Members::All), &disks),
        Refused::TooFew(Layout::Raid(5), 2)
    );
    let twice = Members::These(vec!["sdb".into(), "S-sdb".into()]);
    assert_eq!(refused(&raid(1, twice), &disks), Refused::Twice("sdb".into()));
    disks[0].contents = Contents::Other("XFS");
    assert_eq!(
        refused(&answers(), &disks),
        Refused::Used("sda".into(), Contents::Other("XFS"))
    );
    assert!(
        choose(
            &Answers {
                erase: true,
                ..answers()
            },
            &disks,
            &image,
            None
        )
        .is_ok()
    );
    let small = vec![disk("sda", 1 << 20)];
    assert!(matches!(refused(&answers(), &small), Refused::NoDisk(why) if why.len() == 1));
}

#[test]
fn an_array_has_a_member_on_each_disk() {
    let (image, octets) = small_image();
    let mut memory = [
        Memory::new(5 << 30, 0),
        Memory::new(6 << 30, 0),
        Memory::new(5 << 30, 0x55),
    ];
    let mut disks: Vec<Disk> = ["sda", "sdb", "sdc"]
        .iter()
        .zip(&memory)
        .map(|(name, memory)| found(name, memory))
        .collect();
    let raid = Answers {
        layout: Layout::Raid(5),
        erase: true,
        ..answers()
    };
    disks[2].contents = Contents::Member;
    let choice = choose(&raid, &disks, &image, None).expect("it is chosen");
    let plan = Plan::make(&choice, &disks, &image, ids());
    carry_out(&plan.steps, &mut memory, &mut Cursor::new(&octets), |_| {}).expect("it is written");
    assert_eq!(plan.members, [(0, 5), (1, 1), (2, 1)]);
    for ((_, number), memory) in plan.members.iter().zip(&memory) {
        let table = Table::parse(&memory.octets(0, crate::gpt::HEAD)).expect("a table");
        assert_eq!(
            table
                .named("spanwatch-member")
                .map(|(number, partition)| (number, partition.kind)),
            Some((*number, RAID))
        );
        assert!(table.named("spanwatch-data").is_none());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Ended anywhere, by a power cut or a failing disk, and begun again: the identity is there, nothing
    /// half-written starts, and the second time it is whole.
    #[test]
    fn ended_anywhere_it_can_be_done_again(budget in 0_usize..60, keep in any::<bool>()) {
        let (image, octets) = small_image();
        let identity = image.table.named("spanwatch-identity").expect("identity").1.clone();
        let mut memory = [Memory::new(5 << 30, 0xaa)];
        let (head, _) = image.table.encode((5 << 30) / SECTOR);
        drive::Disk::write(&mut memory[0], 0, &head).expect("written");
        let disks = [found("sda", &memory[0])];
        let existing = if keep { Existing::KeepIdentity } else { Existing::NewIdentity };
        let answers = Answers { existing, ..answers() };
        let choice = choose(&answers, &disks, &image, None).expect("it is chosen");
        let plan = Plan::make(&choice, &disks, &image, ids());
        memory[0].budget = budget;
        let first = carry_out(&plan.steps, &mut memory, &mut Cursor::new(&octets), |_| {});
        if first.is_err() && budget > 0 && starts(&memory[0]) {
            // all but the last writes of the tables are done: what starts is whole
            let root = image.table.named("spanwatch-root-b").expect("a root").1;
            prop_assert!(memory[0].octets(root.start(), 512).iter().all(|octet| *octet == 3));
        }
        if keep {
            let kept = memory[0].octets(identity.start(), identity.octets() as usize);
            prop_assert!(kept.iter().all(|octet| *octet == 0xaa));
        }
        memory[0].budget = usize::MAX;
        let disks = [found("sda", &memory[0])];
        let again = Answers { erase: true, ..answers };
        let choice = choose(&again, &disks, &image, None).expect("it is chosen again");
        prop_assert_eq!(choice.keep_identity, keep);
        let plan = Plan::make(&choice, &disks, &image, ids());
        carry_out(&plan.steps, &mut memory, &mut Cursor::new(&octets), |_| {}).expect("it is written");
        prop_assert!(starts(&memory[0]));
    }

    #[test]
    fn no_step_leaves_its_disk(sizes in proptest::collection::vec(SYSTEM_MIN / 512..20_000_000_u64, 1..6), level in proptest::sample::select(vec![0_u8, 1, 5, 6, 10])) {
        let (image, _) = small_image();
        let disks: Vec<Disk> = sizes.iter().enumerate().map(|(n, sectors)| disk(&format!("sd{n}"), sectors * 512)).collect();
        let layout = if level == 0 { Layout::Single } else { Layout::Raid(level) };
        let answers = Answers { layout, ..answers() };
        match choose(&answers, &disks, &image, None) {
            Err(refused) => prop_assert_eq!(refused, Refused::TooFew(layout, disks.len())),
            Ok(choice) => {
                let plan = Plan::make(&choice, &disks, &image, ids());
                for step in &plan.steps {
                    let (disk, end) = match step {
                        Step::Zero(area) | Step::Copy(area) | Step::Compare(area) => (area.disk, area.at + area.octets),
                        Step::Put(disk, at, octets) => (*disk, at + octets.len() as u64),
                        Step::Flush(disk) => (*disk, 0),
                    };
                    prop_assert!(end <= disks[disk].octets);
                }
                for area in &plan.free {
                    prop_assert!(area.at >= MIB && area.at + area.octets <= disks[area.disk].octets - TAIL as u64);
                }
            }
        }
    }
}
