//! The machine's own figures, from /proc, /sys and statvfs.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use api::supervisor::{Disk, Memory};
use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use nix::sys::statvfs::{FsFlags, statvfs};

/// Processor time in ticks since the boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CpuTimes {
    busy: u64,
    total: u64,
}

impl CpuTimes {
    /// From /proc/stat (proc_stat(5)): user nice system idle iowait irq softirq steal.
    pub(crate) fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Vec<u64> = line.split_whitespace().take(8).filter_map(|t| t.parse().ok()).collect();
        let [user, nice, system, idle, iowait, irq, softirq, steal] = ticks.as_slice() else {
            return None;
        };
        let busy = user + nice + system + irq + softirq + steal;
        Some(Self {
            busy,
            total: busy + idle + iowait,
        })
    }

    /// The share of time in use since an earlier reading, 0–1; `None` where no time went by.
    #[allow(clippy::cast_precision_loss, reason = "ticks between two readings are few")]
    pub(crate) fn used_since(self, earlier: Self) -> Option<f64> {
        let total = self.total.checked_sub(earlier.total).filter(|t| *t > 0)?;
        Some((self.busy.saturating_sub(earlier.busy) as f64 / total as f64).clamp(0.0, 1.0))
    }
}

/// The processor time now.
pub(crate) fn cpu_times() -> Option<CpuTimes> {
    CpuTimes::parse(&fs::read_to_string("/proc/stat").ok()?)
}

/// Memory now; `ours` is what the control groups of our units hold.
pub(crate) fn memory() -> Option<Memory> {
    let (total, available) = parse_meminfo(&fs::read_to_string("/proc/meminfo").ok()?)?;
    Some(Memory {
        total,
        available,
        ours: group_memory(Path::new("/sys/fs/cgroup/system.slice")),
    })
}

fn parse_meminfo(text: &str) -> Option<(u64, u64)> {
    let field = |key: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        line.trim()
            .strip_suffix(" kB")?
            .trim()
            .parse::<u64>()
            .ok()
            .map(|kib| kib * 1_024)
    };
    Some((field("MemTotal")?, field("MemAvailable")?))
}

/// Anonymous and mapped memory of the units named `spanwatch-*` below a slice, templates' slices included. A page
/// that several map is charged to one of them, as in a proportional set size. `None` where no group can be read.
fn group_memory(slice: &Path) -> Option<u64> {
    let mut sum = None;
    for entry in fs::read_dir(slice).ok()?.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let of_group = if name.starts_with("spanwatch-") {
            fs::read_to_string(entry.path().join("memory.stat"))
                .ok()
                .map(|text| mapped(&text))
        } else if name.starts_with("system-spanwatch") {
            group_memory(&entry.path())
        } else {
            None
        };
        if let Some(bytes) = of_group {
            sum = Some(sum.unwrap_or(0) + bytes);
        }
    }
    sum
}

fn mapped(stat: &str) -> u64 {
    let field = |key: &str| {
        stat.lines()
            .find_map(|line| line.strip_prefix(key)?.trim().parse::<u64>().ok())
    };
    field("anon ").unwrap_or(0) + field("file_mapped ").unwrap_or(0)
}

/// Load averages over 1, 5 and 15 minutes.
pub(crate) fn load() -> Option<[f64; 3]> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    let mut words = text.split_whitespace().map(str::parse);
    Some([words.next()?.ok()?, words.next()?.ok()?, words.next()?.ok()?])
}

/// The processor's name and the number of processors online.
pub(crate) fn processor() -> (Option<String>, u32) {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let count = text.lines().filter(|line| line.starts_with("processor\t")).count();
    (
        name.map(|(_, name)| name.trim().to_owned()),
        u32::try_from(count).unwrap_or(u32::MAX),
    )
}

/// The machine's maker and model as its firmware tells (DMI).
pub(crate) fn hardware() -> Option<String> {
    let read = |file: &str| fs::read_to_string(Path::new("/sys/class/dmi/id").join(file)).ok();
    let words = [read("sys_vendor"), read("product_name")].into_iter().flatten();
    let text = words
        .map(|w| w.trim().to_owned())
        .filter(|w| !w.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    (!text.is_empty()).then_some(text)
}

/// The serial number on the identity partition; none before the factory wrote one.
pub(crate) fn serial_number(identity: &Path) -> Option<String> {
    let text = fs::read_to_string(identity.join("serial-number")).ok()?;
    let number: String = text
        .lines()
        .next()?
        .chars()
        .filter(|c| c.is_ascii_graphic())
        .take(32)
        .collect();
    (!number.is_empty()).then_some(number)
}

/// The root slot on the kernel's command line.
pub(crate) fn slot(cmdline: &str) -> Option<String> {
    let slot = cmdline
        .split_whitespace()
        .find_map(|word| word.strip_prefix("rauc.slot="))?;
    Some(slot.to_ascii_lowercase())
}

/// The firmware's version: the image's, or this program's where it is not in one.
pub(crate) fn version() -> String {
    static VERSION: OnceLock<String> = OnceLock::new();
    let read = || version_in(&fs::read_to_string("/usr/lib/os-release").unwrap_or_default());
    VERSION
        .get_or_init(|| read().unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned()))
        .clone()
}

/// The version that an os-release file of ours names.
fn version_in(os_release: &str) -> Option<String> {
    let field = |key: &str| {
        os_release
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
    };
    let ours = field("ID")? == "spanwatch";
    ours.then(|| field("VERSION_ID").map(|version| version.trim_matches('"').to_owned()))?
}

/// The release of the kernel.
pub(crate) fn kernel() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease")
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// Seconds since the kernel started, suspended time included.
pub(crate) fn uptime_s() -> u64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME);
    now.ok().and_then(|t| u64::try_from(t.tv_sec()).ok()).unwrap_or(0)
}

/// A random name of this boot; empty where the kernel does not tell.
pub(crate) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// Whether systemd-timesyncd has set the clock; `None` where it does not run.
pub(crate) fn clock_synchronised() -> Option<bool> {
    let state = Path::new("/run/systemd/timesync");
    state.is_dir().then(|| state.join("synchronized").exists())
}

/// A file system's size and state; `None` where nothing is there. It is measured at `at`, a folder on it that the
/// sandbox leaves as it is: elsewhere every mount looks read-only.
pub(crate) fn disk(mount: &Path, at: &Path) -> Option<Disk> {
    let stat = statvfs(at).ok()?;
    let size = stat.fragment_size();
    Some(Disk {
        mount: mount.display().to_string(),
        total: stat.blocks() * size,
        available: stat.blocks_available() * size,
        read_only: stat.flags().contains(FsFlags::ST_RDONLY),
    })
}

/// The data partition, measured at the settings folder.
pub(crate) fn data_disk(data: &Path) -> Option<Disk> {
    disk(data, &data.join("settings"))
}

/// What is wrong with the data partition, in words. `appliance` is whether there ought to be one.
pub(crate) fn data_trouble(data: &Path, appliance: bool) -> Option<String> {
    let Some(disk) = data_disk(data) else {
        return Some(format!(
            "{} is missing: settings and records are kept in memory only",
            data.display()
        ));
    };
    if disk.read_only {
        return Some(
            "the data partition is read-only after an error: nothing is stored; check the disks and restart".to_owned(),
        );
    }
    if appliance && statfs(&data.join("settings")).is_ok_and(|stat| stat.filesystem_type() == TMPFS_MAGIC) {
        return Some(
            "the data partition is missing or damaged: settings and records last until the next restart".to_owned(),
        );
    }
    // Below this the analyzer cannot commit, and settings cannot be changed.
    let full = disk.available < (16 << 20) || disk.available < disk.total / 50;
    full.then(|| {
        let mib = disk.available >> 20;
        format!("the data partition is full ({mib} MiB free): new records may not be stored")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_use_is_the_share_between_two_readings() {
        let first = CpuTimes::parse("cpu  10 0 10 80 0 0 0 0 0 0\ncpu0 1 2 3\n").unwrap();
        let second = CpuTimes::parse("cpu  20 0 15 160 5 0 0 0 0 0\n").unwrap();
        assert!((second.used_since(first).unwrap() - 0.15).abs() < 1e-9);
        assert_eq!(first.used_since(first), None);
        assert_eq!(first.used_since(second), None);
        assert_eq!(CpuTimes::parse("cpu  1 2\n"), None);
    }

    #[test]
    fn files_of_the_kernel_are_read() {
        assert_eq!(
            parse_meminfo("MemTotal:  2 kB\nMemAvailable:   1 kB\n"),
            Some((2_048, 1_024))
        );
        assert_eq!(parse_meminfo("MemTotal:  2 kB\n"), None);
        assert_eq!(mapped("anon 5\nfile 100\nfile_mapped 7\nanon_thp 3\n"), 12);
        assert_eq!(slot("ro rauc.slot=A quiet").as_deref(), Some("a"));
        assert_eq!(slot("ro quiet"), None);
        assert_eq!(version_in("ID=spanwatch\nVERSION_ID=1.2.3\n").as_deref(), Some("1.2.3"));
        assert_eq!(version_in("ID=debian\nVERSION_ID=\"12\"\n"), None);
        assert!(cpu_times().is_some() && processor().1 > 0 && load().is_some() && memory().is_some());
    }

    #[test]
    fn a_serial_number_is_one_word_or_none() {
        let identity = tempfile::tempdir().unwrap();
        assert_eq!(serial_number(identity.path()), None);
        let file = identity.path().join("serial-number");
        fs::write(&file, "SW-2026-0001\n").unwrap();
        assert_eq!(serial_number(identity.path()).as_deref(), Some("SW-2026-0001"));
        fs::write(&file, "\n").unwrap();
        assert_eq!(serial_number(identity.path()), None);
        fs::write(&file, "\u{1b}[2J".to_owned() + &"x".repeat(99)).unwrap();
        assert_eq!(serial_number(identity.path()).map(|n| n.len()), Some(32));
    }

    #[test]
    fn a_missing_data_partition_is_a_trouble() {
        assert!(
            data_trouble(Path::new("/nonexistent"), true)
                .unwrap()
                .contains("missing")
        );
        let Ok(shm) = tempfile::tempdir_in("/dev/shm") else {
            return;
        };
        fs::create_dir(shm.path().join("settings")).unwrap();
        if statfs(shm.path()).is_ok_and(|stat| stat.filesystem_type() == TMPFS_MAGIC) {
            assert!(data_trouble(shm.path(), true).unwrap().contains("next restart"));
        }
    }

    #[test]
    fn our_groups_are_summed_with_those_of_templates() {
        let dir = tempfile::tempdir().unwrap();
        for (group, anon) in [
            ("spanwatch-a.service", 5),
            ("system-spanwatch\\x2dtty.slice/spanwatch-tty@tty1.service", 7),
            ("other.service", 9),
        ] {
            let path = dir.path().join(group);
            fs::create_dir_all(&path).unwrap();
            fs::write(path.join("memory.stat"), format!("anon {anon}\n")).unwrap();
        }
        assert_eq!(group_memory(dir.path()), Some(12));
        assert_eq!(group_memory(Path::new("/nonexistent")), None);
    }
}
