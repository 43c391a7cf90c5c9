//! Power cuts at every moment of every change: whatever was not flushed may be lost or not, and
//! the boot loader always finds a kernel whose root is whole.

use std::collections::BTreeMap;

use proptest::prelude::*;
use slots::{Entry, Esp, Slot, Step};

/// A file's clusters; freed ones are lost to every name that leads there.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Chain {
    /// Being written.
    Partial,
    Kernel {
        slot: Slot,
        version: u32,
    },
    Free,
}

/// What is on the disk.
#[derive(Clone, Debug)]
struct Disk {
    names: BTreeMap<String, usize>,
    chains: Vec<Chain>,
    /// The version in each slot's root; none while it is being written.
    roots: [Option<u32>; 2],
}

/// A write that the disk may hold back until the next flush.
#[derive(Clone, Debug)]
enum Pending {
    Name(String, usize),
    NoName(String),
    Chain(usize, Chain),
    Root(Slot, Option<u32>),
}

/// The machine: a disk, and how many writes it takes until the power is cut.
struct Machine {
    disk: Disk,
    cut: Cut,
}

/// At which flush the power goes, and which of the writes before it are kept.
struct Cut {
    flushes: usize,
    keep: u64,
}

struct PowerCut;

impl Machine {
    fn listing(&self) -> Esp {
        Esp::of(self.disk.names.keys().map(String::as_str))
    }

    /// Writes in any order, then flushes; a cut keeps an arbitrary part.
    fn flush(&mut self, writes: Vec<Pending>) -> Result<(), PowerCut> {
        let cut = self.cut.flushes == 0;
        for (at, write) in writes.into_iter().enumerate() {
            if cut && self.cut.keep >> (at % 64) & 1 == 0 {
                continue;
            }
            match write {
                Pending::Name(name, chain) => drop(self.disk.names.insert(name, chain)),
                Pending::NoName(name) => drop(self.disk.names.remove(&name)),
                Pending::Chain(at, chain) => self.disk.chains[at] = chain,
                Pending::Root(slot, version) => self.disk.roots[slot as usize] = version,
            }
        }
        if cut {
            return Err(PowerCut);
        }
        self.cut.flushes -= 1;
        Ok(())
    }

    fn run(&mut self, steps: Vec<Step>, version: u32) -> Result<(), PowerCut> {
        for step in steps {
            match step {
                Step::Write(new) => {
                    // the first free clusters are taken, whoever else may have a name for them
                    let free = self.disk.chains.iter().position(|chain| *chain == Chain::Free);
                    let chain = free.unwrap_or(self.disk.chains.len());
                    if chain == self.disk.chains.len() {
                        self.disk.chains.push(Chain::Free);
                    }
                    let begun = vec![
                        Pending::Name(new.to_string(), chain),
                        Pending::Chain(chain, Chain::Partial),
                    ];
                    self.flush(begun)?;
                    let whole = Chain::Kernel {
                        slot: new.slot,
                        version,
                    };
                    self.flush(vec![Pending::Chain(chain, whole)])?;
                }
                Step::Publish(from, to) => self.rename(from.to_string(), to.to_string())?,
                Step::Rename(from, to) => self.rename(from.to_string(), to.to_string())?,
                Step::Discard(file) => self.remove(file.to_string())?,
                Step::Remove(file) => self.remove(file.to_string())?,
            }
        }
        Ok(())
    }

    /// The new name is on the disk before the old one goes, at the worst.
    fn rename(&mut self, from: String, to: String) -> Result<(), PowerCut> {
        let chain = self.disk.names[&from];
        assert!(!self.disk.names.contains_key(&to), "{to} is taken");
        self.flush(vec![Pending::Name(to, chain)])?;
        self.flush(vec![Pending::NoName(from)])
    }

    fn remove(&mut self, file: String) -> Result<(), PowerCut> {
        let chain = self.disk.names[&file];
        self.flush(vec![Pending::NoName(file), Pending::Chain(chain, Chain::Free)])
    }

    /// What RAUC does: mark the target bad, write its root, activate it.
    fn install(&mut self, booted: Slot, version: u32) -> Result<(), PowerCut> {
        let target = booted.other();
        self.run(self.listing().mark_bad(target), 0)?;
        self.flush(vec![Pending::Root(target, None)])?;
        self.flush(vec![Pending::Root(target, Some(version))])?;
        let steps = self
            .listing()
            .install(target, Some(booted))
            .expect("the other slot is free");
        self.run(steps, version)
    }

    /// Starts until a kernel finds its root, and settles. The power may go while it does, once.
    fn boot(&mut self) -> Option<Slot> {
        let slot = self.start()?;
        if self.run(self.listing().settle(slot), 0).is_ok() {
            return Some(slot);
        }
        self.cut = Cut {
            flushes: usize::MAX,
            keep: 0,
        };
        let slot = self.start()?;
        let _settled = self.run(self.listing().settle(slot), 0);
        Some(slot)
    }

    /// Starts until a kernel finds its root; each start is counted. Says which slot runs.
    fn start(&mut self) -> Option<Slot> {
        for _ in 0..12 {
            let entry = *self.listing().primary()?;
            let tried = entry.tried();
            let (name, new) = (entry.to_string(), tried.to_string());
            // the firmware's driver renames unless the name is taken
            let chain = self.disk.names[&name];
            if name != new && !self.disk.names.contains_key(&new) {
                self.disk.names.remove(&name);
                self.disk.names.insert(new, chain);
            }
            match self.disk.chains[chain] {
                Chain::Kernel { slot, version } if self.disk.roots[slot as usize] == Some(version) => {
                    return Some(slot);
                }
                _ => {}
            }
        }
        None
    }
}

#[derive(Clone, Debug)]
enum Act {
    Boot,
    Good,
    Install,
    /// The update is cancelled, or fails its probe.
    Bad,
    Activate,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => Just(Act::Boot),
        3 => Just(Act::Good),
        3 => Just(Act::Install),
        1 => Just(Act::Bad),
        1 => Just(Act::Activate),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]
    #[test]
    fn some_slot_always_boots(
        acts in proptest::collection::vec((act(), 0..16_usize, any::<u64>(), 0..6_usize), 1..24),
    ) {
        let mut machine = Machine {
            disk: Disk {
                names: [(Entry::fresh(Slot::A, 1, 3).to_string(), 0)].into(),
                chains: vec![Chain::Kernel { slot: Slot::A, version: 1 }],
                roots: [Some(1), None],
            },
            cut: Cut { flushes: usize::MAX, keep: 0 },
        };
        let mut booted = machine.boot().expect("the factory's image boots");
        let mut version = 1;
        for (act, flushes, keep, settled) in acts {
            machine.cut = Cut { flushes, keep };
            let esp = machine.listing();
            let done = match act {
                Act::Boot => Err(PowerCut),
                Act::Good => esp.mark_good(booted).map_or(Ok(()), |steps| machine.run(steps, 0)),
                // the supervisor installs when the running slot was found good
                Act::Install => esp.mark_good(booted).map_or(Ok(()), |steps| machine.run(steps, 0)).and_then(|()| {
                    version += 1;
                    machine.install(booted, version)
                }),
                Act::Bad => machine.run(esp.mark_bad(booted.other()), 0),
                // what runs may be activated again, and so may the other when it was found good once
                Act::Activate => esp.activate(booted).map_or(Ok(()), |steps| machine.run(steps, 0)),
            };
            if done.is_err() {
                machine.cut = Cut { flushes: settled, keep };
                let found = machine.boot();
                prop_assert!(found.is_some(), "nothing boots: {:?}", machine.disk);
                booted = found.unwrap_or(Slot::A);
            }
        }
    }

    #[test]
    fn an_update_that_was_acknowledged_is_tried_first(keep in any::<u64>()) {
        let mut machine = Machine {
            disk: Disk {
                names: [(Entry::fresh(Slot::A, 9, 3).to_string(), 0)].into(),
                chains: vec![Chain::Kernel { slot: Slot::A, version: 1 }],
                roots: [Some(1), None],
            },
            cut: Cut { flushes: 100, keep },
        };
        prop_assert!(machine.install(Slot::A, 2).is_ok());
        prop_assert_eq!(machine.boot(), Some(Slot::B));
        // it never comes up whole: three starts, then the old one
        machine.disk.roots[1] = None;
        prop_assert_eq!(machine.boot(), Some(Slot::A));
    }
}
