//! What the machine has for capturing.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::sysinfo::sysinfo;
use nix::unistd::Pid;

/// Memory that is counted on where the machine does not say how much it has.
const MEMORY_UNKNOWN: u64 = 2 << 30;

/// Processors and memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Machine {
    /// The numbers of the processors that the program may use.
    pub(crate) cpus: Vec<usize>,
    /// Octets of memory.
    pub(crate) memory: u64,
}

impl Machine {
    /// This one.
    pub(crate) fn here() -> Self {
        let set = sched_getaffinity(Pid::from_raw(0)).unwrap_or_default();
        Self {
            cpus: (0..CpuSet::count())
                .filter(|cpu| set.is_set(*cpu).unwrap_or(false))
                .collect(),
            memory: sysinfo().map_or(MEMORY_UNKNOWN, |info| info.ram_total()),
        }
    }

    /// Holds the calling thread to a processor, or lets it run on all; says where it is held.
    pub(crate) fn sit(&self, cpu: Option<usize>) -> Option<usize> {
        let mut set = CpuSet::new();
        let wanted = cpu.as_slice();
        let wanted = if wanted.is_empty() {
            self.cpus.as_slice()
        } else {
            wanted
        };
        let named = wanted.iter().try_for_each(|cpu| set.set(*cpu));
        match named.and_then(|()| sched_setaffinity(Pid::from_raw(0), &set)) {
            Ok(()) => cpu,
            Err(e) => {
                log::warn!(EVENT = "not_held"; "a thread cannot be held to a processor: {e}");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_sits_where_it_is_told() {
        let machine = Machine::here();
        assert!(!machine.cpus.is_empty() && machine.memory > 0);
        let last = machine.cpus.last().copied();
        let thread = std::thread::spawn(move || {
            let held = machine.sit(last);
            let now = Machine::here().cpus;
            machine.sit(None);
            (held, now, Machine::here() == machine)
        });
        let (held, now, free) = thread.join().unwrap();
        assert_eq!((held, now.as_slice()), (last, last.as_slice()));
        assert!(free);
    }
}
