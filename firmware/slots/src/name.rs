//! File names of kernel images.

use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::Refused;

/// The highest generation that six digits hold.
pub const LAST_GENERATION: u32 = 999_999;

/// One of the two places for a version of the firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Slot {
    /// The slot that the factory fills.
    A,
    /// The other one.
    B,
}

impl Slot {
    /// Both slots.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// The slot as file names have it.
    pub fn letter(self) -> char {
        match self {
            Self::A => 'a',
            Self::B => 'b',
        }
    }

    /// The slot that this is not.
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

impl fmt::Display for Slot {
    /// As RAUC and the kernel's command line have it: `A` or `B`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.letter().to_ascii_uppercase())
    }
}

impl FromStr for Slot {
    type Err = Refused;

    /// Takes either case.
    fn from_str(text: &str) -> Result<Self, Refused> {
        match text {
            "A" | "a" => Ok(Self::A),
            "B" | "b" => Ok(Self::B),
            other => Err(Refused::NoSlot(other.to_owned())),
        }
    }
}

impl Serialize for Slot {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_char(self.letter())
    }
}

/// A kernel image on the EFI system partition, as its file name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Entry {
    /// Whose root it starts.
    #[serde(skip)]
    pub slot: Slot,
    /// Raised at each installation; the higher one starts.
    pub generation: u32,
    /// Starts that are left before it counts as bad; none when it is not counted.
    pub tries_left: Option<u8>,
    /// Starts since it was last found good.
    pub tries_done: u8,
}

impl Entry {
    /// A kernel that was not started yet.
    pub fn fresh(slot: Slot, generation: u32, tries: u8) -> Self {
        Self {
            slot,
            generation,
            tries_left: Some(tries),
            tries_done: 0,
        }
    }

    /// Reads a file name; none when it is not that of a slot's kernel. Case does not matter, as on FAT.
    pub fn parse(file: &str) -> Option<Self> {
        let file = file.to_ascii_lowercase();
        let rest = file.strip_prefix("spanwatch-")?.strip_suffix(".efi")?;
        let (generation, rest) = rest.split_once('-')?;
        if generation.len() != 6 || !generation.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (slot, counter) = match rest.split_once('+') {
            Some((slot, counter)) => (slot, Some(counter)),
            None => (rest, None),
        };
        let (tries_left, tries_done) = match counter {
            None => (None, 0),
            Some(counter) => {
                let (left, done) = counter.split_once('-').unwrap_or((counter, "0"));
                (Some(number(left)?), number(done)?)
            }
        };
        Some(Self {
            slot: slot.parse().ok()?,
            generation: generation.parse().ok()?,
            tries_left,
            tries_done,
        })
    }

    /// Whether the boot loader may choose it before those without tries.
    pub fn bootable(&self) -> bool {
        self.tries_left != Some(0)
    }

    /// The boot loader's order: the smallest of several is started.
    pub fn order(&self) -> impl Ord + use<> {
        // names compare by generation, then by the slot's letter, then by tries
        (
            !self.bootable(),
            Reverse((self.generation, self.slot, self.tries_left)),
            self.tries_done,
        )
    }

    /// What the boot loader makes of it when it starts it.
    pub fn tried(self) -> Self {
        match self.tries_left {
            Some(left @ 1..) => Self {
                tries_left: Some(left - 1),
                tries_done: self.tries_done.saturating_add(1),
                ..self
            },
            _ => self,
        }
    }
}

impl fmt::Display for Entry {
    /// The file name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spanwatch-{:06}-{}", self.generation, self.slot.letter())?;
        if let Some(left) = self.tries_left {
            write!(f, "+{left}")?;
            if self.tries_done > 0 {
                write!(f, "-{}", self.tries_done)?;
            }
        }
        write!(f, ".efi")
    }
}

/// A kernel that is being written, `spanwatch-GGGGGG-S.new`; the boot loader takes no notice of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unfinished {
    /// Whose root it will start.
    pub slot: Slot,
    /// The generation that it will have.
    pub generation: u32,
}

impl Unfinished {
    /// Reads a file name; none when it is not that of an unfinished kernel.
    pub fn parse(file: &str) -> Option<Self> {
        let file = file.to_ascii_lowercase();
        let entry = Entry::parse(&format!("{}.efi", file.strip_suffix(".new")?))?;
        entry.tries_left.is_none().then_some(Self {
            slot: entry.slot,
            generation: entry.generation,
        })
    }
}

impl fmt::Display for Unfinished {
    /// The file name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spanwatch-{:06}-{}.new", self.generation, self.slot.letter())
    }
}

fn number(text: &str) -> Option<u8> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_that_is_written_reads_the_same(
            generation in 0..=LAST_GENERATION,
            b in any::<bool>(),
            counter in proptest::option::of((any::<u8>(), any::<u8>())),
        ) {
            let entry = Entry {
                slot: if b { Slot::B } else { Slot::A },
                generation,
                tries_left: counter.map(|(left, _)| left),
                tries_done: counter.map_or(0, |(_, done)| done),
            };
            prop_assert_eq!(Entry::parse(&entry.to_string()), Some(entry));
        }

        #[test]
        fn any_text_is_read_or_left(text in "\\PC{0,40}") {
            if let Some(entry) = Entry::parse(&text) {
                prop_assert!(entry.generation <= LAST_GENERATION);
            }
        }
    }

    #[test]
    fn names_of_other_files_are_left_alone() {
        for name in [
            "spanwatch-recovery.efi",
            "spanwatch-000001-c+3.efi",
            "spanwatch-1-a+3.efi",
            "spanwatch-000001-a+.efi",
            "spanwatch-000001-a+3-.efi",
            "spanwatch-000001-a+-1.efi",
            "spanwatch-000001-a+256.efi",
            "spanwatch-000001-a+3.new",
            "spanwatch-00000１-a.efi",
            "vmlinuz.efi",
        ] {
            assert_eq!(Entry::parse(name), None, "{name}");
        }
        assert_eq!(
            Entry::parse("SPANWATCH-000001-A+3.EFI"),
            Some(Entry::fresh(Slot::A, 1, 3))
        );
    }

    #[test]
    fn the_counter_is_systemds() {
        let mut entry = Entry::fresh(Slot::A, 7, 3);
        for name in [
            "spanwatch-000007-a+3.efi",
            "spanwatch-000007-a+2-1.efi",
            "spanwatch-000007-a+1-2.efi",
            "spanwatch-000007-a+0-3.efi",
            "spanwatch-000007-a+0-3.efi",
        ] {
            assert_eq!(entry.to_string(), name);
            entry = entry.tried();
        }
    }

    #[test]
    fn generation_decides_and_then_tries() {
        let order = |mut entries: Vec<Entry>| {
            entries.sort_by_key(Entry::order);
            entries.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let old_b = Entry::fresh(Slot::B, 4, 3);
        let new_a = Entry::fresh(Slot::A, 5, 3);
        assert_eq!(order(vec![old_b, new_a])[0], "spanwatch-000005-a+3.efi");
        let bad_a = Entry {
            tries_left: Some(0),
            tries_done: 3,
            ..new_a
        };
        assert_eq!(order(vec![bad_a, old_b])[0], "spanwatch-000004-b+3.efi");
        assert_eq!(order(vec![bad_a])[0], "spanwatch-000005-a+0-3.efi");
    }
}
