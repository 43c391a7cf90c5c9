//! What the machine runs, and what it refuses: Secure Boot, the root's hashes, the fallback.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::disk::{Esp, Partition, flip};
use super::session::BOOT_WITHIN;
use super::tally::Tally;
use crate::keys::{self, Keys};
use crate::qemu::{Guest, Machine};
use crate::rootfs::{Release, Tools};
use crate::step::{exec_logged, output};

/// Starts that fail one after the other take longer than one that works.
const RESETS_WITHIN: Duration = Duration::from_secs(900);

/// What a box shows on its console when it is up and was never set up.
const UP: &str = "Setup code";

/// The trust chain on the booted image, with few boots.
pub(super) fn run(tally: &mut Tally) -> Result<()> {
    let image = crate::image::build()?;
    let bench = Bench::new(&image)?;
    tally.check(
        "signatures are those of our key, and the same each time",
        bench.signatures(),
    );
    let refused = bench.refused();
    match refused {
        Ok(found) => {
            for (name, result) in found {
                tally.check(name, result);
            }
            tally.check(
                "a machine whose NVRAM was lost boots, and nothing that is not signed changes how",
                bench.injected(),
            );
        }
        Err(error) => tally.fail("what is not signed is refused", &format!("{error:#}")),
    }
    tally.check("an altered first program is refused", bench.altered_guard());
    tally.check("a boot entry cannot add an initrd", bench.planted_initrd());
    Ok(())
}

/// One byte of the root that nothing reads early: found before the boot is called good.
pub(super) fn late(tally: &mut Tally) -> Result<()> {
    let image = crate::image::build()?;
    let bench = Bench::new(&image)?;
    tally.check(
        "a byte of the root that only a late reader meets: the other slot runs in the end",
        bench.late_byte(),
    );
    Ok(())
}

/// What the tests work with.
struct Bench {
    image: PathBuf,
    /// root.img and the signed programs.
    parts: PathBuf,
    dir: PathBuf,
    disk: PathBuf,
    keys: Keys,
    tools: Tools,
}

impl Bench {
    fn new(image: &Path) -> Result<Self> {
        let dir = crate::build_dir()?.join("test/trust");
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir)?;
        Ok(Self {
            image: image.to_owned(),
            parts: Release::current()?.dir.join("image"),
            disk: dir.join("disk.img"),
            dir,
            keys: Keys::get()?,
            tools: Tools::get()?,
        })
    }

    /// A machine with Secure Boot on, on a disk that is kept.
    fn machine(&self) -> Machine {
        Machine::new(&self.image, &self.dir)
            .disk(&self.disk)
            .secure_boot(&self.keys)
    }

    /// Makes the disk anew, without starting it.
    fn new_disk(&self) -> Result<Esp> {
        std::fs::copy(&self.image, &self.disk)?;
        std::fs::File::options()
            .write(true)
            .open(&self.disk)?
            .set_len(2 << 30)?;
        self.lose_nvram()?;
        Esp::of(&self.disk)
    }

    /// Forgets the firmware's variables; the keys are enrolled anew at the next start.
    fn lose_nvram(&self) -> Result<()> {
        match std::fs::remove_file(self.disk.with_extension("vars.fd")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn signatures(&self) -> Result<()> {
        for name in [
            "BOOTX64.EFI",
            "systemd-boot.efi",
            "spanwatch-a.efi",
            "spanwatch-b.efi",
            "spanwatch-recovery.efi",
        ] {
            let mut verify = self.tools.command("sbverify");
            verify.arg("--cert").arg(&self.keys.sb_cert).arg(self.parts.join(name));
            exec_logged(&mut verify, &self.dir.join("sbverify.log")).with_context(|| name.to_owned())?;
        }
        let mut copies = Vec::new();
        for name in ["once.efi", "twice.efi"] {
            let copy = self.unsigned(name)?;
            self.keys.sign_efi(&self.tools, "1700000000", &copy)?;
            copies.push(std::fs::read(copy)?);
        }
        ensure!(
            copies.first() == copies.last(),
            "two signatures of the same bytes differ"
        );
        Ok(())
    }

    /// Slot B's kernel without its signature.
    fn unsigned(&self, name: &str) -> Result<PathBuf> {
        let target = self.dir.join(name);
        std::fs::copy(self.parts.join("spanwatch-b.efi"), &target)?;
        let mut strip = self.tools.command("sbattach");
        exec_logged(strip.arg("--remove").arg(&target), &self.dir.join("sbattach.log"))?;
        Ok(target)
    }

    /// One guest that meets, in this order: an unsigned kernel, an altered one, one that another
    /// key signed, a root with a flipped byte; and falls back to slot A after each of them had its
    /// tries. Its first copy of the boot loader is altered as well.
    fn refused(&self) -> Result<Vec<(&'static str, Result<()>)>> {
        let esp = self.new_disk()?;
        // five kernels have no room beside it
        esp.remove("EFI/Linux/spanwatch-recovery.efi")?;
        let good = self.dir.join("good.efi");
        std::fs::copy(self.parts.join("spanwatch-b.efi"), &good)?;
        let unsigned = self.unsigned("unsigned.efi")?;
        let altered = self.dir.join("altered.efi");
        std::fs::copy(&good, &altered)?;
        flip(&altered, std::fs::metadata(&altered)?.len() / 2)?;
        let stranger = self.unsigned("stranger.efi")?;
        let others = self.dir.join("other-keys");
        keys::make(&others)?;
        Keys::of(&others).sign_efi(&self.tools, "1700000000", &stranger)?;
        let loader = self.dir.join("altered-loader.efi");
        std::fs::copy(self.parts.join("systemd-boot.efi"), &loader)?;
        flip(&loader, 0x5000)?;

        esp.put(&loader, "EFI/systemd/boot-1.efi")?;
        // three tries of one of them are enough to see that they are counted
        for (kernel, name) in [
            (&unsigned, "9-b+3"),
            (&altered, "8-b+1"),
            (&stranger, "7-b+1"),
            (&good, "6-b+1"),
        ] {
            esp.put(kernel, &format!("EFI/Linux/spanwatch-00000{name}.efi"))?;
        }
        // with a credential for what starts in the end; the stub makes an initrd of it
        let credential = self.dir.join("evil.cred");
        std::fs::write(&credential, "evil-host")?;
        esp.folder("loader/credentials")?;
        esp.put(&credential, "loader/credentials/system.hostname.cred")?;
        let root = Partition::named(&self.disk, "spanwatch-root-b")?;
        root.write(&self.disk, &self.parts.join("root.img"))?;
        // in the superblock, which is read first
        root.flip(&self.disk, 1024)?;

        let mut guest = self.machine().start()?;
        guest.wait_for(UP, RESETS_WITHIN)?;
        let serial = guest.serial();
        guest.kill()?;
        let esp = Esp::of(&self.disk)?;
        let kernels = esp.kernels()?;
        // the box that came up may have given them another generation by now, and another name
        // where two would be the same
        let used_up = |kernel: &Path, tries: u32| {
            let wanted = std::fs::read(kernel)?;
            for name in &kernels {
                let done = name.strip_suffix(".efi").and_then(|name| name.split_once("-b+0-"));
                let Some((_, done)) = done else { continue };
                if esp.contents(&format!("EFI/Linux/{name}"))? == wanted {
                    ensure!(done.parse::<u32>()? >= tries, "{name} has not had {tries} tries");
                    return Ok(());
                }
            }
            bail!("it is not there without tries, but {}", kernels.join(", "))
        };
        let met = serial.contains("data block 0 is corrupted");
        let starts = serial.matches("BdsDxe: starting").count();
        Ok(vec![
            (
                "an unsigned kernel is refused three times, and the machine resets by itself",
                used_up(&unsigned, 3),
            ),
            ("an altered kernel is refused", used_up(&altered, 1)),
            ("a kernel signed with another key is refused", used_up(&stranger, 1)),
            ("an altered boot loader is refused, and its second copy runs", {
                if starts >= 7 {
                    Ok(())
                } else {
                    Err(anyhow!("{starts} starts, and not seven"))
                }
            }),
            (
                "a flipped byte of the root stops the kernel, and the other slot runs",
                used_up(&good, 1).and_then(|()| {
                    ensure!(met, "the kernel did not meet the byte");
                    let fell_back = kernels.iter().any(|name| name == "spanwatch-000001-a+2-1.efi");
                    ensure!(fell_back, "slot A was not started: {}", kernels.join(", "));
                    Ok(())
                }),
            ),
            ("a credential on the EFI system partition is not heard", {
                if serial.contains("evil-host") {
                    Err(anyhow!("it named the box"))
                } else {
                    Ok(())
                }
            }),
        ])
    }

    /// On the same disk after its NVRAM was lost: settings in SMBIOS, on the EFI system partition
    /// and in a boot entry, each of which would keep the box from coming up if it were heard.
    fn injected(&self) -> Result<()> {
        self.lose_nvram()?;
        let esp = Esp::of(&self.disk)?;
        let kernel = esp
            .kernels()?
            .into_iter()
            .find(|name| name.starts_with("spanwatch-000001-a"));
        let kernel = kernel.context("slot A's kernel is gone")?;
        esp.rename(&kernel, "spanwatch-000001-a+3.efi")?;
        let evil = "init=/evil root=/dev/evil systemd.unit=poweroff.target";
        // an unsigned add-on with a command line
        let addon = self.dir.join("evil.addon.efi");
        let stub = self.tools.boot().join("addonx64.efi.stub");
        let mut ukify = self.tools.command("ukify");
        ukify
            .args(["build", &format!("--cmdline={evil}")])
            .arg("--stub")
            .arg(stub);
        exec_logged(ukify.arg("--output").arg(&addon), &self.dir.join("ukify.log"))?;
        let entry = self.planted_entry(evil, "")?;
        for folder in ["loader/addons", "loader/entries"] {
            esp.folder(folder)?;
        }
        esp.put(&addon, "loader/addons/evil.addon.efi")?;
        esp.put(&entry, "loader/entries/evil.conf")?;
        let mut guest = self
            .machine()
            .oem_string(&format!("io.systemd.stub.kernel-cmdline-extra={evil}"))
            .oem_string(&format!("io.systemd.boot.kernel-cmdline-extra={evil}"))
            .oem_string("io.systemd.credential:system.hostname=evil-host")
            .start()?;
        guest.wait_for(UP, BOOT_WITHIN)?;
        let serial = guest.serial();
        guest.kill()?;
        let kernels = Esp::of(&self.disk)?.kernels()?;
        ensure!(
            kernels.iter().any(|name| name == "spanwatch-000001-a+3.efi"),
            "the planted boot entry was not the one that was started: {}",
            kernels.join(", ")
        );
        ensure!(!serial.contains("evil-host"), "a credential in SMBIOS named the box");
        Ok(())
    }

    /// A boot entry that comes before all others and starts slot A's kernel with options of its own.
    fn planted_entry(&self, options: &str, more: &str) -> Result<PathBuf> {
        let entry = self.dir.join("evil.conf");
        let text =
            format!("title Evil\nsort-key 0\nlinux /EFI/Linux/spanwatch-000001-a+3.efi\noptions {options}\n{more}");
        std::fs::write(&entry, text)?;
        Ok(entry)
    }

    /// The stub has an initrd of its own, of what it hands over, and stops at a second one; should
    /// it not, the signed command line has noinitrd.
    fn planted_initrd(&self) -> Result<()> {
        let esp = self.new_disk()?;
        let (init, initrd) = (self.dir.join("init"), self.dir.join("evil.cpio"));
        std::fs::write(&init, "not a program\n")?;
        let mut cpio = Command::new("sh");
        cpio.current_dir(&self.dir)
            .args(["-c", "chmod 755 init && echo init | cpio -o -H newc > evil.cpio"]);
        exec_logged(&mut cpio, &self.dir.join("cpio.log"))?;
        esp.folder("loader/entries")?;
        esp.put(&initrd, "evil.cpio")?;
        esp.put(
            &self.planted_entry("quiet", "initrd /evil.cpio\n")?,
            "loader/entries/evil.conf",
        )?;
        let mut guest = self.machine().start()?;
        let refused = guest.wait_for("Error registering initrd", BOOT_WITHIN);
        guest.kill()?;
        refused.map(drop)
    }

    fn altered_guard(&self) -> Result<()> {
        let esp = self.new_disk()?;
        let guard = self.dir.join("altered-guard.efi");
        std::fs::copy(self.parts.join("BOOTX64.EFI"), &guard)?;
        flip(&guard, 0x280)?;
        esp.put(&guard, "EFI/BOOT/BOOTX64.EFI")?;
        let mut guest = self.machine().start()?;
        let refused = guest.wait_for("Access Denied", BOOT_WITHIN);
        guest.kill()?;
        refused.map(drop)?;
        let kernels = Esp::of(&self.disk)?.kernels()?;
        ensure!(
            kernels == ["spanwatch-000001-a+3.efi", "spanwatch-recovery.efi"],
            "something was started: {}",
            kernels.join(", ")
        );
        Ok(())
    }

    fn late_byte(&self) -> Result<()> {
        let esp = self.new_disk()?;
        esp.rename("spanwatch-000001-a+3.efi", "spanwatch-000002-a+3.efi")?;
        esp.put(
            &self.parts.join("spanwatch-b.efi"),
            "EFI/Linux/spanwatch-000001-b+3.efi",
        )?;
        Partition::named(&self.disk, "spanwatch-root-b")?.write(&self.disk, &self.parts.join("root.img"))?;
        let at = late_byte_of(&self.tools, &self.parts)?;
        Partition::named(&self.disk, "spanwatch-root-a")?.flip(&self.disk, at)?;
        let mut guest: Guest = self.machine().start()?;
        guest.poll("a start of slot B", Duration::from_secs(1800), |guest| {
            (guest.serial().matches(UP).count() >= 4).then_some(())
        })?;
        let corrupted = guest.serial().matches("is corrupted").count();
        guest.kill()?;
        ensure!(corrupted >= 3, "{corrupted} starts of three met the byte");
        let kernels = Esp::of(&self.disk)?.kernels()?;
        ensure!(
            kernels.iter().any(|name| name.starts_with("spanwatch-000001-b")),
            "slot B did not start: {}",
            kernels.join(", ")
        );
        Ok(())
    }
}

/// A byte of the packed root that no start reads: of a program that people call by hand.
fn late_byte_of(tools: &Tools, parts: &Path) -> Result<u64> {
    let mut dump = tools.command("dump.erofs");
    dump.args(["-e", "--path=/usr/bin/resolvectl"])
        .arg(parts.join("root.img"));
    first_extent(&output(&mut dump)?).context("dump.erofs does not tell where resolvectl lies")
}

/// The middle of the first extent that dump.erofs names, in bytes from the begin.
fn first_extent(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.trim_start().starts_with("0:"))?;
    let place = line.split('|').nth(1)?.split_once(':')?.1;
    let (from, to) = place.split_once("..")?;
    let (from, to): (u64, u64) = (from.trim().parse().ok()?, to.split('|').next()?.trim().parse().ok()?);
    Some(from.midpoint(to))
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_extent_is_read_from_dump_erofs() {
        let text = "Path : /usr/bin/x\n\n Ext:   logical offset   |  length :     physical offset    |  length \n   \
                    0:        0..   38663 |   38663 :     610304..    626688 |   16384\n";
        assert_eq!(super::first_extent(text), Some(618_496));
    }
}
