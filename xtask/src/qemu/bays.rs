//! Drives in bays that tell of their health, and what may happen to them while the machine runs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::Guest;

/// How long the guest may take to let a drive go: the slot's button blinks for five seconds.
const LET_GO_WITHIN: Duration = Duration::from_secs(60);
/// Octets a second of a drive that is put in later: slow enough for a rebuild to be seen.
const SPEED: u32 = 48 << 20;

/// Where a drive that tells of its health is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bay {
    /// SATA, in the bay of this number (1 to 6), with the serial number `SATA-N`; QEMU's AHCI has no hot plug.
    Sata(u8),
    /// NVMe in a PCIe hot-plug slot of this number, with the serial number `NVME-N`.
    Nvme(u8),
}

impl Bay {
    /// QEMU's name of the drive in it.
    pub(crate) fn id(self) -> String {
        match self {
            Self::Sata(n) => format!("sata-{n}"),
            Self::Nvme(n) => format!("nvme-{n}"),
        }
    }

    /// The serial number of the drive that it has at first.
    pub(crate) fn serial(self) -> String {
        self.id().to_uppercase()
    }

    /// The node that the drive reads and writes, the one of its file, and the one that fails all.
    fn nodes(self) -> [String; 3] {
        ["disk", "file", "bad"].map(|part| format!("{}-{part}", self.id()))
    }
}

/// Puts bays into a machine that is not started yet, with what is in them.
pub(super) fn plug(bays: &[(Bay, PathBuf)], qemu: &mut Command) {
    if bays.is_empty() {
        return;
    }
    // slots with numbers, as a server has them: the ports' own hot plug instead of ACPI's
    qemu.args(["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"]);
    for (at, (bay, file)) in bays.iter().enumerate() {
        let (id, serial, [disk, node, _]) = (bay.id(), bay.serial(), bay.nodes());
        if let Bay::Nvme(n) = bay {
            let port = format!("pcie-root-port,id=slot-{n},chassis={n},slot={n},addr={:#x}", 0x14 + at);
            qemu.args(["-device", &port]);
        }
        // a comma would end the option
        let path = file.display().to_string().replace(',', ",,");
        qemu.args(["-blockdev", &format!("driver=file,node-name={node},filename={path}")]);
        qemu.args(["-blockdev", &format!("driver=raw,node-name={disk},file={node}")]);
        let device = match bay {
            Bay::Sata(n) => format!(
                "ide-hd,id={id},drive={disk},bus=ide.{},serial={serial}",
                n.saturating_sub(1)
            ),
            Bay::Nvme(n) => format!("nvme,id={id},drive={disk},bus=slot-{n},serial={serial}"),
        };
        qemu.args(["-device", &device]);
    }
}

impl Guest {
    /// From now on the drive's medium cannot be read or written (EIO). What it says of itself stays as it was.
    pub(crate) fn fail(&self, bay: Bay) -> Result<()> {
        let [disk, file, bad] = bay.nodes();
        let errors = json!([{"event": "none", "errno": 5}]);
        let rules = json!({"driver": "blkdebug", "node-name": bad, "image": file, "inject-error": errors});
        self.qmp("blockdev-add", &rules)?;
        let through = json!({"options": [{"driver": "raw", "node-name": disk, "file": bad}]});
        self.qmp("blockdev-reopen", &through).map(drop)
    }

    /// Pulls the drive of a hot-plug slot.
    pub(crate) fn pull(&mut self, bay: Bay) -> Result<()> {
        ensure!(matches!(bay, Bay::Nvme(_)), "{bay:?} has no hot plug");
        self.qmp("device_del", &json!({"id": bay.id()}))?;
        let [disk, file, bad] = bay.nodes();
        // its nodes are in use until the guest has let it go
        self.poll("a pulled drive that the guest lets go", LET_GO_WITHIN, |guest| {
            guest.qmp("blockdev-del", &json!({"node-name": disk})).ok()
        })?;
        for node in [bad, format!("{}-slow", bay.id()), file] {
            // those that this drive had
            let _ = self.qmp("blockdev-del", &json!({"node-name": node}));
        }
        Ok(())
    }

    /// Octets that were written to the drive since it was put in.
    pub(crate) fn written(&self, bay: Bay) -> Result<u64> {
        let stats = self.qmp("query-blockstats", &json!({}))?;
        let id = bay.id();
        let mut drives = stats.as_array().context("no list of drives")?.iter();
        // /machine/peripheral/nvme-5
        let of = |drive: &&Value| {
            drive["qdev"]
                .as_str()
                .is_some_and(|path| path.split('/').any(|part| part == id))
        };
        let drive = drives.find(of).with_context(|| format!("no {id} in {stats}"))?;
        drive["stats"]["wr_bytes"].as_u64().context("no octets")
    }

    /// Puts a drive into an empty hot-plug slot.
    pub(crate) fn put_in(&self, bay: Bay, path: &Path, serial: &str) -> Result<()> {
        let Bay::Nvme(slot) = bay else {
            anyhow::bail!("{bay:?} has no hot plug");
        };
        let path = path.to_str().context("a path that is no text")?;
        let (id, [disk, file, _]) = (bay.id(), bay.nodes());
        let (slow, speed) = (format!("{id}-slow"), format!("{id}-speed"));
        let limits = json!({"qom-type": "throttle-group", "id": speed, "limits": {"bps-total": SPEED}});
        // the group is left from the drive before
        let _ = self.qmp("object-add", &limits);
        for node in [
            json!({"driver": "file", "node-name": file, "filename": path}),
            json!({"driver": "throttle", "node-name": slow, "throttle-group": speed, "file": file}),
            json!({"driver": "raw", "node-name": disk, "file": slow}),
        ] {
            self.qmp("blockdev-add", &node)?;
        }
        let device =
            json!({"driver": "nvme", "id": id, "drive": disk, "bus": format!("slot-{slot}"), "serial": serial});
        self.qmp("device_add", &device).map(drop)
    }
}
