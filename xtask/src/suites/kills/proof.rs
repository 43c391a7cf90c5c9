//! What a disk after a power cut must still hold: a slot that starts, whole file systems, every record that was shown.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use slots::Slot;

use super::OFFICE;
use crate::image::bundle::Contents;
use crate::rootfs::Release;
use crate::step::output;
use crate::suites::disk::{Esp, Partition};

/// What the slots hold when they are whole.
pub(super) struct Expected {
    /// Slot A's kernel of the version before.
    kernel_a: Vec<u8>,
    /// Slot B's kernel of the new version.
    kernel_b: Vec<u8>,
    /// The new version's root.
    root_b: Vec<u8>,
    /// Files of the boot partition that no update touches, with their contents.
    fixed: Vec<(&'static str, Vec<u8>)>,
    /// The host's `spanwatch`, which reads stores.
    reader: PathBuf,
}

impl Expected {
    pub(super) fn of(before: &Release, new: &Release, first_disk: &Path, reader: PathBuf) -> Result<Self> {
        let (before, new) = (Contents::of(before).parts, Contents::of(new).parts);
        let read = |path: PathBuf| std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()));
        let esp = Esp::of(first_disk)?;
        let fixed = [
            "EFI/BOOT/BOOTX64.EFI",
            "EFI/systemd/boot-1.efi",
            "EFI/systemd/boot-2.efi",
            "EFI/Linux/spanwatch-recovery.efi",
            "loader/loader.conf",
        ];
        let fixed = fixed.map(|name| Ok((name, esp.contents(name)?)));
        Ok(Self {
            kernel_a: read(before.join("spanwatch-a.efi"))?,
            kernel_b: read(new.join("spanwatch-b.efi"))?,
            root_b: read(new.join("root.img"))?,
            fixed: fixed.into_iter().collect::<Result<_>>()?,
            reader,
        })
    }

    /// Checks a disk; `flows` is how many of the office's flows were shown before. Returns the slot that starts.
    pub(super) fn check(&self, disk: &Path, flows: u64, scratch: &Path) -> Result<Slot> {
        let slot = self.starts(disk).context("the boot partition")?;
        let data = Partition::named(disk, "spanwatch-data")?;
        // by itself: e2fsck loses an offset once it has played the journal
        let file = scratch.with_extension("data.img");
        data.copy(disk, &file)?;
        let place = file.display().to_string();
        let log = scratch.with_extension("e2fsck.log");
        let status = Command::new("e2fsck")
            .args(["-f", "-p", &place])
            .stdout(File::create(&log)?)
            .stderr(Stdio::null())
            .status()
            .context("cannot start e2fsck: install e2fsprogs")?;
        // 1: the journal was played, and what it had open was closed
        ensure!(
            matches!(status.code(), Some(0 | 1)),
            "the data partition needs a hand: {}",
            std::fs::read_to_string(&log).unwrap_or_default()
        );
        for name in ["firmware.json", "settings.json", "accounts.json"] {
            let text = debugfs(&place, &format!("cat /settings/{name}"))?;
            let _: Value = serde_json::from_str(&text).with_context(|| format!("{name} is {text:?}"))?;
        }
        self.records(&place, flows, scratch).context("the records")?;
        Ok(slot)
    }

    /// The slot that the boot loader takes. Every kernel with tries left, and its root, must be whole: it may start.
    fn starts(&self, disk: &Path) -> Result<Slot> {
        let esp = Esp::of(disk)?;
        for (name, contents) in &self.fixed {
            ensure!(esp.contents(name)? == *contents, "{name} changed");
        }
        let mut names = esp.kernels()?;
        // a name whose size was lost; boot loader and box pass it over
        let empty = |name: &String| {
            esp.contents(&format!("EFI/Linux/{name}"))
                .is_ok_and(|octets| octets.is_empty())
        };
        names.retain(|name| !empty(name));
        let kernels: Vec<slots::Entry> = names.iter().filter_map(|name| slots::Entry::parse(name)).collect();
        let listing = slots::Esp::of(names.iter().map(String::as_str));
        let first = listing
            .primary()
            .with_context(|| format!("no kernel but {}", names.join(", ")))?;
        ensure!(first.bootable(), "no kernel has tries left: {}", names.join(", "));
        for kernel in kernels.iter().filter(|kernel| kernel.bootable()) {
            let contents = esp.contents(&format!("EFI/Linux/{kernel}"))?;
            let whole = match kernel.slot {
                Slot::A => contents == self.kernel_a,
                Slot::B => contents == self.kernel_b && self.root_is_whole(disk)?,
            };
            ensure!(whole, "{kernel} may start and is not whole, among {}", names.join(", "));
        }
        Ok(first.slot)
    }

    fn root_is_whole(&self, disk: &Path) -> Result<bool> {
        let root = Partition::named(disk, "spanwatch-root-b")?;
        let mut found = vec![0; self.root_b.len()];
        File::open(disk)?.read_exact_at(&mut found, root.start)?;
        Ok(found == self.root_b)
    }

    fn records(&self, place: &str, flows: u64, scratch: &Path) -> Result<()> {
        let _ = std::fs::remove_dir_all(scratch);
        std::fs::create_dir_all(scratch)?;
        debugfs(place, &format!("rdump /analyzer {}", scratch.display()))?;
        let store = scratch.join("analyzer");
        // What it opens it repairs, as the analyzer does at its start.
        let asked = ["--totals", "--filter", OFFICE, "--format", "json"];
        let answer = output(
            Command::new(&self.reader)
                .args(["query", "--store"])
                .arg(&store)
                .args(asked)
                .stderr(Stdio::null()),
        )?;
        let answer: Value = serde_json::from_str(&answer)?;
        let found = super::flows(&answer).with_context(|| format!("no flows in {answer}"))?;
        ensure!(found >= flows, "{found} flows are left of {flows} that were shown");
        let checked = Command::new(&self.reader)
            .args(["store", "check"])
            .arg(&store)
            .output()?;
        if !checked.status.success() {
            bail!("a file is damaged: {}", String::from_utf8_lossy(&checked.stdout));
        }
        std::fs::remove_dir_all(scratch)?;
        Ok(())
    }
}

fn debugfs(place: &str, request: &str) -> Result<String> {
    output(
        Command::new("debugfs")
            .args(["-R", request, place])
            .stderr(Stdio::null()),
    )
}
