//! The factory's media on a machine: what they install runs, and what they refuse stays as it was.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::disk::Partition;
use super::session::{BOOT_WITHIN, Session, first_boot};
use super::tally::Tally;
use crate::factory::Media;
use crate::keys::Keys;
use crate::qemu::{Bay, Guest, Machine};
use crate::step::exec_logged;

/// How long an installation may take under emulation on a busy host.
const INSTALLED_WITHIN: Duration = Duration::from_secs(3600);

/// How long the disks of a new array take until they are alike.
const ALIKE_WITHIN: Duration = Duration::from_secs(1200);

const GIB: u64 = 1 << 30;

/// From CD onto an empty disk, which then starts; again from a stick, which keeps who the box is.
pub(super) fn run(tally: &mut Tally) -> Result<()> {
    let bench = Bench::new("factory")?;
    let disk = bench.disk("system", 6 * GIB)?;
    let installed = bench.install_by_cd(&disk);
    let first = match installed {
        Ok(serial) => {
            tally.pass("unattended from CD, under Secure Boot, onto an empty disk: written, read back, powered off");
            serial
        }
        Err(error) => {
            tally.fail("unattended from CD onto an empty disk", &format!("{error:#}"));
            return Ok(());
        }
    };
    tally.check(
        "the report is on the stick, passes, and its signatures hold",
        bench.report("answers", "SW-TEST-0001"),
    );
    tally.check(
        "what was installed starts, and its login page answers",
        bench.starts(&disk),
    );
    tally.check(
        "again, from a USB stick: who the box is stays",
        bench.again_from_stick(&disk, &first),
    );
    Ok(())
}

/// What `make test-long` has besides.
pub(super) fn more(tally: &mut Tally) -> Result<()> {
    let bench = Bench::new("factory-more")?;
    tally.check("a disk that is too small is refused", bench.too_small());
    tally.check("a used disk is refused, and nothing on it changes", bench.used());
    tally.check("an answer file's mistake is told by key and value", bench.mistaken());
    tally.check(
        "a disk that fails in the middle is named with the octet, and can be installed again",
        bench.failing(),
    );
    tally.check("a disk that says that it fails is refused", bench.says_failing());
    for (layout, count, lost) in [("raid1", 2, 1), ("raid5", 3, 1), ("raid6", 4, 2), ("raid10", 4, 1)] {
        tally.check(
            &format!("data on {layout} over {count} disks, of which {lost} may die"),
            bench.array(layout, count, lost),
        );
    }
    tally.check("the kernel image alone starts the installer", bench.kernel_alone());
    tally.check("the installer starts from the network (PXE)", bench.network());
    Ok(())
}

struct Bench {
    media: Media,
    dir: PathBuf,
    keys: Keys,
}

impl Bench {
    fn new(name: &str) -> Result<Self> {
        let media = crate::factory::build()?;
        let dir = crate::build_dir()?.join("test").join(name);
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir)?;
        Ok(Self {
            media,
            dir,
            keys: Keys::get()?,
        })
    }

    /// An empty disk.
    fn disk(&self, name: &str, octets: u64) -> Result<PathBuf> {
        let path = self.dir.join(format!("{name}.img"));
        std::fs::File::create(&path)?.set_len(octets)?;
        Ok(path)
    }

    fn machine(&self, disk: &Path) -> Machine {
        Machine::new(&self.media.image, &self.dir).disk(disk)
    }

    /// A stick with an answer file.
    fn stick(&self, name: &str, answers: &Value) -> Result<PathBuf> {
        let path = self.dir.join(format!("{name}.fat"));
        std::fs::File::create(&path)?.set_len(32 << 20)?;
        let mut format = Command::new("mformat");
        exec_logged(
            format.arg("-i").arg(&path).args(["-v", "ANSWERS", "::"]),
            &self.dir.join("mformat.log"),
        )?;
        self.answers(&path, answers)?;
        Ok(path)
    }

    /// Puts an answer file onto a FAT file system, as mtools name it.
    fn answers(&self, fat: &Path, answers: &Value) -> Result<()> {
        let file = self.dir.join("spanwatch-install.json");
        std::fs::write(&file, answers.to_string())?;
        let mut copy = Command::new("mcopy");
        copy.env("MTOOLS_SKIP_CHECK", "1")
            .args(["-o", "-i"])
            .arg(fat)
            .arg(&file)
            .arg("::/");
        exec_logged(&mut copy, &self.dir.join("mcopy.log"))
    }

    /// Reads a file of a FAT file system.
    fn file(&self, fat: &Path, name: &str) -> Result<Vec<u8>> {
        let to = self.dir.join(name);
        let _ = std::fs::remove_file(&to);
        let mut copy = Command::new("mcopy");
        copy.env("MTOOLS_SKIP_CHECK", "1")
            .args(["-o", "-i"])
            .arg(fat)
            .arg(format!("::/{name}"))
            .arg(&to);
        exec_logged(&mut copy, &self.dir.join("mcopy.log"))?;
        Ok(std::fs::read(to)?)
    }

    /// Waits until the installer is done and the machine off; fails with what it says when it fails.
    fn finished(&self, guest: &mut Guest) -> Result<String> {
        let line = guest.poll("the installation's end", INSTALLED_WITHIN, |guest| {
            let serial = guest.serial();
            let ends = [
                "SPANWATCH-INSTALL-FINISHED",
                "SPANWATCH-INSTALL-FAILED",
                "cannot start from this medium",
            ];
            let line = serial
                .lines()
                .rev()
                .find(|line| ends.iter().any(|end| line.contains(end)))?;
            Some(line.to_owned())
        })?;
        ensure!(line.contains("FINISHED"), "{line}");
        let serial = guest.serial();
        guest.wait_exit(Duration::from_secs(120))?;
        Ok(serial)
    }

    /// Waits for the installer's refusal.
    fn refusal(&self, guest: &mut Guest) -> Result<String> {
        guest.wait_for("SPANWATCH-INSTALL-FAILED", INSTALLED_WITHIN)
    }

    fn install_by_cd(&self, disk: &Path) -> Result<String> {
        let stick = self.stick("answers", &json!({"version": 1, "serial_number": "SW-TEST-0001"}))?;
        let machine = self.machine(disk).secure_boot(&self.keys);
        let mut guest = machine.cd(&self.media.iso).usb_stick(stick).start()?;
        self.finished(&mut guest)?;
        self.request("answers", "SW-TEST-0001")
    }

    /// The certificate request of the box, as it is on a stick.
    fn request(&self, stick: &str, serial: &str) -> Result<String> {
        let fat = self.dir.join(format!("{stick}.fat"));
        let request = self.file(&fat, &format!("spanwatch-report-{serial}.csr"))?;
        Ok(String::from_utf8(request)?)
    }

    fn report(&self, stick: &str, serial: &str) -> Result<()> {
        let fat = self.dir.join(format!("{stick}.fat"));
        let name = format!("spanwatch-report-{serial}");
        self.request(stick, serial)?;
        let openssl = |line: String| {
            let mut openssl = Command::new("openssl");
            exec_logged(
                openssl.current_dir(&self.dir).args(line.split(' ')),
                &self.dir.join("openssl.log"),
            )
        };
        openssl(format!("req -in {name}.csr -noout -verify -pubkey -out device.pem"))?;
        for end in ["json", "html"] {
            self.file(&fat, &format!("{name}.{end}"))?;
            self.file(&fat, &format!("{name}.{end}.sig"))?;
            openssl(format!(
                "dgst -sha256 -verify device.pem -signature {name}.{end}.sig {name}.{end}"
            ))?;
        }
        let report: Value = serde_json::from_slice(&std::fs::read(self.dir.join(format!("{name}.json")))?)?;
        let text = |pointer: &str| report.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        ensure!(
            ["passed", "warning"].contains(&text("/verdict")),
            "the verdict is {:?}",
            text("/verdict")
        );
        for part in ["memory", "disks", "network", "sensors"] {
            let verdict = text(&format!("/tests/{part}/verdict")).to_owned();
            ensure!(!verdict.is_empty() && verdict != "failed", "{part}: {verdict:?}");
        }
        let smart = text("/tests/disks/seen/disks/0/smart/health");
        ensure!(
            ["ok", "unknown"].contains(&smart),
            "the report says of the disk's health {smart:?}"
        );
        ensure!(
            text("/installation/read_back_sha256").len() == 64,
            "nothing was read back"
        );
        let ports = report.pointer("/tests/network/seen/ports").and_then(Value::as_array);
        let ports = ports.context("the report has no ports")?;
        ensure!(ports.len() == 2, "{} ports are in the report, and not two", ports.len());
        Ok(())
    }

    fn starts(&self, disk: &Path) -> Result<()> {
        let mut guest = self.machine(disk).secure_boot(&self.keys).start()?;
        let status = guest.wait_for_https(BOOT_WITHIN)?;
        ensure!(status.contains("200"), "the console answers {status}");
        let (session, code) = first_boot(&mut guest)?;
        session.set_up(&code)?;
        let shown = session.cli("show version")?;
        ensure!(
            shown.contains("SW-TEST-0001"),
            "its serial number is not shown: {shown}"
        );
        guest.kill()
    }

    /// A copy of the medium as a stick, with the answer file on its own FAT partition.
    fn again_from_stick(&self, disk: &Path, first: &str) -> Result<()> {
        let stick = self.dir.join("medium.img");
        std::fs::copy(&self.media.iso, &stick)?;
        let start = Partition::named(&stick, "Appended2")?.start;
        let fat = PathBuf::from(format!("{}@@{start}", stick.display()));
        self.answers(
            &fat,
            &json!({"version": 1, "existing": "keep-identity", "self_test": "none"}),
        )?;
        let machine = self.machine(disk).secure_boot(&self.keys);
        let mut guest = machine.usb_stick(&stick).stick_first().start()?;
        self.finished(&mut guest)?;
        let request = self.file(&fat, "spanwatch-report-SW-TEST-0001.csr")?;
        ensure!(request == first.as_bytes(), "the certificate request is another one");
        Ok(())
    }

    /// Starts the installer from CD with these answers.
    fn with(&self, disk: &Path, answers: &Value) -> Result<Guest> {
        let stick = self.stick("answers", answers)?;
        self.machine(disk).cd(&self.media.iso).usb_stick(stick).start()
    }

    fn too_small(&self) -> Result<()> {
        let disk = self.disk("small", GIB)?;
        let mut guest = self.with(&disk, &json!({"version": 1, "serial_number": "SW-1"}))?;
        let said = self.refusal(&mut guest)?;
        ensure!(said.contains("too small"), "{said}");
        guest.kill()
    }

    fn used(&self) -> Result<()> {
        let disk = self.disk("used", 5 * GIB)?;
        let mut make = Command::new("/usr/sbin/mke2fs");
        exec_logged(
            make.args(["-q", "-F", "-t", "ext4"]).arg(&disk),
            &self.dir.join("mke2fs.log"),
        )?;
        let before = head(&disk)?;
        let mut guest = self.with(&disk, &json!({"version": 1, "serial_number": "SW-1"}))?;
        let said = self.refusal(&mut guest)?;
        ensure!(said.contains("used_disks") && said.contains("ext4"), "{said}");
        guest.kill()?;
        ensure!(head(&disk)? == before, "the disk was written");
        let mut guest = self.with(
            &disk,
            &json!({"version": 1, "serial_number": "SW-1", "used_disks": "erase", "self_test": "none"}),
        )?;
        self.finished(&mut guest).map(drop)
    }

    fn mistaken(&self) -> Result<()> {
        let disk = self.disk("mistaken", 5 * GIB)?;
        let mut guest = self.with(&disk, &json!({"version": 1, "data": {"layout": "raid7"}}))?;
        let said = self.refusal(&mut guest)?;
        ensure!(said.contains("data.layout") && said.contains("raid7"), "{said}");
        guest.kill()
    }

    fn failing(&self) -> Result<()> {
        let disk = self.disk("failing", 5 * GIB)?;
        let answers = json!({"version": 1, "serial_number": "SW-2", "self_test": "none"});
        let bad = 600_000_u64;
        let stick = self.stick("answers", &answers)?;
        let machine = self.machine(&disk).cd(&self.media.iso).usb_stick(stick).bad_sector(bad);
        let mut guest = machine.start()?;
        let said = self.refusal(&mut guest)?;
        guest.kill()?;
        ensure!(
            said.contains("vda") && said.contains(&format!("octet {}", bad * 512 / 4096 * 4096)),
            "{said}"
        );
        // the same disk, mended
        let answers = json!({"version": 1, "serial_number": "SW-2", "self_test": "none", "used_disks": "erase"});
        let mut guest = self.with(&disk, &answers)?;
        self.finished(&mut guest).map(drop)
    }

    /// An NVMe drive that calls its medium read-only (NVMe base specification, log 02h) cannot be chosen.
    fn says_failing(&self) -> Result<()> {
        let (disk, failing) = (self.disk("well", 5 * GIB)?, self.disk("says-failing", 5 * GIB)?);
        let answers = json!({"version": 1, "serial_number": "SW-6", "disk": "NVME-4"});
        let stick = self.stick("answers", &answers)?;
        let machine = self.machine(&disk).bay(Bay::Nvme(4), &failing);
        let mut guest = machine.cd(&self.media.iso).usb_stick(stick).start()?;
        let property = json!({
            "path": "/machine/peripheral/nvme-4", "property": "smart_critical_warning", "value": 8,
        });
        guest.qmp("qom-set", &property)?;
        let said = self.refusal(&mut guest)?;
        ensure!(said.contains("nvme0n1") && said.contains("SMART"), "{said}");
        guest.kill()?;
        ensure!(head(&failing)?.iter().all(|&octet| octet == 0), "the disk was written");
        Ok(())
    }

    /// Data on an array over `count` disks: what is set stays when the last `lost` of them are gone.
    fn array(&self, layout: &str, count: usize, lost: usize) -> Result<()> {
        let disk = self.disk("first", 6 * GIB)?;
        let others: Vec<PathBuf> = (1..count)
            .map(|at| self.disk(&format!("other-{at}"), 5 * GIB))
            .collect::<Result<_>>()?;
        let with = |others: &[PathBuf]| {
            others
                .iter()
                .fold(self.machine(&disk), |machine, disk| machine.second_disk(disk))
        };
        let answers = json!({"version": 1, "serial_number": "SW-3", "self_test": "none", "data": {"layout": layout}});
        let stick = self.stick("answers", &answers)?;
        let installer = with(&others).cd(&self.media.iso).usb_stick(stick);
        self.finished(&mut installer.start()?)?;
        let mut guest = with(&others).start()?;
        guest.wait_for_https(BOOT_WITHIN)?;
        let (session, code) = first_boot(&mut guest)?;
        session.set_up(&code)?;
        session.cli("set hostname on-an-array")?;
        // an array that was made just now has its redundancy once its disks are alike
        session.wait_for("hardware", ALIKE_WITHIN, |hardware| {
            let hardware = hardware.to_string();
            (hardware.contains("md/md127/missing") && !hardware.contains("md/md127/sync")).then_some(())
        })?;
        guest.shut_down(Duration::from_secs(180))?;
        let mut guest = with(others.get(..count - 1 - lost).unwrap_or_default()).start()?;
        guest.wait_for_https(BOOT_WITHIN)?;
        let settings = Session::forwarded(guest.forwards()?).show("settings");
        let settings = settings.context("the settings on the degraded array are gone")?;
        ensure!(
            settings.to_string().contains("on-an-array"),
            "the settings are others: {settings}"
        );
        guest.kill()
    }

    fn network(&self) -> Result<()> {
        let disk = self.disk("network", 5 * GIB)?;
        let served = self.dir.join("tftp");
        std::fs::create_dir_all(&served)?;
        let program = served.join("installer.efi");
        std::fs::copy(&self.media.efi, &program)?;
        let stick = self.stick(
            "answers",
            &json!({"version": 1, "serial_number": "SW-5", "self_test": "none"}),
        )?;
        let machine = self.machine(&disk).netboot(&program).usb_stick(stick);
        self.finished(&mut machine.start()?).map(drop)
    }

    fn kernel_alone(&self) -> Result<()> {
        let disk = self.disk("alone", 5 * GIB)?;
        let stick = self.dir.join("alone.fat");
        let size = std::fs::metadata(&self.media.efi)?.len() + (16 << 20);
        std::fs::File::create(&stick)?.set_len(size)?;
        let log = self.dir.join("alone.log");
        let mtool = |name: &str| {
            let mut command = Command::new(name);
            command.arg("-i").arg(&stick);
            command
        };
        exec_logged(mtool("mformat").args(["-c", "4", "::"]), &log)?;
        exec_logged(mtool("mmd").args(["::/EFI", "::/EFI/BOOT"]), &log)?;
        exec_logged(mtool("mcopy").arg(&self.media.efi).arg("::/EFI/BOOT/BOOTX64.EFI"), &log)?;
        self.answers(
            &stick,
            &json!({"version": 1, "serial_number": "SW-4", "self_test": "none"}),
        )?;
        let mut guest = self
            .machine(&disk)
            .secure_boot(&self.keys)
            .usb_stick(&stick)
            .stick_first()
            .start()?;
        self.finished(&mut guest).map(drop)
    }
}

/// A disk's first mebibyte.
fn head(disk: &Path) -> Result<Vec<u8>> {
    use std::io::Read;
    let mut head = vec![0; 1 << 20];
    std::fs::File::open(disk)?.read_exact(&mut head)?;
    Ok(head)
}
