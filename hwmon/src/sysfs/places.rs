//! Where disks and network interfaces are: block, class/net, class/enclosure and bus/pci/slots.

use std::path::Component;

use super::Root;
use crate::board::{DiskPlace, PortPlace};

/// The most disks or interfaces.
const PLACES_MAX: usize = 512;

impl Root {
    /// The disks that hold data of their own: no partitions, arrays, loop devices or optical drives.
    #[must_use]
    pub fn disks(&self) -> Vec<DiskPlace> {
        let slots = self.pci_slots();
        self.names("block")
            .into_iter()
            .filter(|name| self.is_folder(&format!("block/{name}/device")) && !name.starts_with("sr"))
            .filter_map(|name| self.disk(name, &slots))
            .take(PLACES_MAX)
            .collect()
    }

    fn disk(&self, disk: String, slots: &[(String, String)]) -> Option<DiskPlace> {
        let way = self.way(&format!("block/{disk}"))?;
        let pci = addresses(&way);
        let named = |prefix: &str| {
            way.iter().rev().find(|part| {
                part.strip_prefix(prefix)
                    .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
            })
        };
        let ata_port = named("ata").and_then(|ata| {
            let number = self.number(&format!("class/ata_port/{ata}/port_no")).ok();
            number.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0)
        });
        // end_device-0:3 hangs at phy-0:3, whose identifier is that of the port on controller or expander
        let phy = way
            .iter()
            .rev()
            .find(|part| part.starts_with("end_device-"))
            .and_then(|end| {
                let told = self.number(&format!("class/sas_device/{end}/phy_identifier"));
                let bay = self.number(&format!("class/sas_device/{end}/bay_identifier"));
                u32::try_from(bay.or(told).ok()?).ok()
            });
        let device = format!("block/{disk}/device");
        let enclosure_slot = self
            .names(&device)
            .iter()
            .find_map(|name| name.strip_prefix("enclosure_device:").map(str::to_owned));
        let pci_slot = pci.iter().rev().find_map(|address| {
            let slot = slots
                .iter()
                .find(|(of, _)| address.get(..of.len()) == Some(of.as_str()) && !of.is_empty());
            slot.map(|(_, name)| name.clone())
        });
        Some(DiskPlace {
            address: self.link_name(&device),
            disk,
            pci,
            ata_port,
            phy,
            enclosure_slot,
            pci_slot,
        })
    }

    /// Addresses without function, `0000:5e:00`, and the slots' names.
    fn pci_slots(&self) -> Vec<(String, String)> {
        let address = |name: &str| self.text(&format!("bus/pci/slots/{name}/address")).ok();
        self.names("bus/pci/slots")
            .into_iter()
            .filter_map(|name| Some((address(&name)?, name)))
            .collect()
    }

    /// The network interfaces with hardware behind them.
    #[must_use]
    pub fn interfaces(&self) -> Vec<PortPlace> {
        let place = |interface: String| {
            let folder = format!("class/net/{interface}");
            if !self.is_folder(&format!("{folder}/device")) {
                return None;
            }
            let way = self.way(&folder).unwrap_or_default();
            let port = self.number(&format!("{folder}/dev_port")).ok();
            Some(PortPlace {
                pci: addresses(&way).pop(),
                driver: self.link_name(&format!("{folder}/device/driver")),
                function_port: port.and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
                interface,
            })
        };
        self.names("class/net")
            .into_iter()
            .filter_map(place)
            .take(PLACES_MAX)
            .collect()
    }

    /// The names on the way to a device, from what its link says; copies of a /sys may lack what the link names.
    fn way(&self, path: &str) -> Option<Vec<String>> {
        let link = std::fs::read_link(self.path.join(path)).ok()?;
        let names = link.components().filter_map(|part| match part {
            Component::Normal(name) => name.to_str().map(str::to_owned),
            _ => None,
        });
        Some(names.collect())
    }
}

/// The PCI addresses among the names, the last one nearest to the device.
fn addresses(way: &[String]) -> Vec<String> {
    let hex = |text: &str, digits: usize| text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
    let address = |name: &str| {
        let mut parts = name.split([':', '.']);
        [4, 2, 2, 1]
            .into_iter()
            .all(|digits| parts.next().is_some_and(|part| hex(part, digits)))
            && parts.next().is_none()
    };
    way.iter().filter(|name| address(name)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A tree of folders, files and links, as the kernel has them.
    fn tree(files: &[(&str, &str)], links: &[(&str, &str)]) -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("class")).expect("a folder");
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        for (path, target) in links {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            symlink(target, path).expect("a link");
        }
        let root = Root::open(folder.path()).expect("a root");
        (folder, root)
    }

    #[test]
    fn disks_are_found_behind_every_controller() {
        let sata = "devices/pci0000:00/0000:00:17.0/ata3/host2/target2:0:0/2:0:0:0";
        let sas = "devices/pci0000:00/0000:00:02.0/0000:02:00.0/host0/port-0:3/end_device-0:3/target0:0:3/0:0:3:0";
        let nvme = "devices/pci0000:5d/0000:5d:02.0/0000:5e:00.0/nvme/nvme0";
        let (_folder, root) = tree(
            &[
                (&format!("{sata}/block/sda/size"), "1"),
                (&format!("{sas}/block/sdb/size"), "1"),
                (&format!("{sas}/enclosure_device:Slot 03/x"), ""),
                (&format!("{nvme}/nvme0n1/size"), "1"),
                ("class/ata_port/ata3/port_no", "2\n"),
                ("class/sas_device/end_device-0:3/phy_identifier", "3\n"),
                ("bus/pci/slots/12/address", "0000:5e:00\n"),
                ("devices/virtual/block/loop0/size", "1"),
            ],
            &[
                ("block/sda", &format!("../{sata}/block/sda")),
                ("block/sdb", &format!("../{sas}/block/sdb")),
                ("block/nvme0n1", &format!("../{nvme}/nvme0n1")),
                ("block/loop0", "../devices/virtual/block/loop0"),
                (&format!("{sata}/block/sda/device"), "../../../2:0:0:0"),
                (&format!("{sas}/block/sdb/device"), "../../../0:0:3:0"),
                (&format!("{nvme}/nvme0n1/device"), "../../nvme0"),
            ],
        );
        let disks = root.disks();
        assert_eq!(disks.len(), 3, "{disks:?}");
        let of = |name: &str| disks.iter().find(|d| d.disk == name).expect("the disk");
        let sda = of("sda");
        assert_eq!(
            (sda.ata_port, sda.pci.last().map(String::as_str)),
            (Some(2), Some("0000:00:17.0"))
        );
        assert_eq!(sda.address.as_deref(), Some("2:0:0:0"));
        let sdb = of("sdb");
        assert_eq!((sdb.phy, sdb.enclosure_slot.as_deref()), (Some(3), Some("Slot 03")));
        assert_eq!(of("nvme0n1").pci_slot.as_deref(), Some("12"));
        assert_eq!(of("nvme0n1").address.as_deref(), Some("nvme0"));
    }

    #[test]
    fn interfaces_know_their_card() {
        let card = "devices/pci0000:00/0000:00:1c.0/0000:01:00.1";
        let (_folder, root) = tree(
            &[
                (&format!("{card}/net/eth1/dev_port"), "0\n"),
                ("devices/virtual/net/lo/mtu", "1"),
                ("bus/pci/drivers/igb/x", ""),
            ],
            &[
                ("class/net/eth1", &format!("../../{card}/net/eth1")),
                ("class/net/lo", "../../devices/virtual/net/lo"),
                (&format!("{card}/net/eth1/device"), "../../../0000:01:00.1"),
                (&format!("{card}/driver"), "../../../../bus/pci/drivers/igb"),
            ],
        );
        let expected = PortPlace {
            interface: "eth1".to_owned(),
            pci: Some("0000:01:00.1".to_owned()),
            driver: Some("igb".to_owned()),
            function_port: 0,
        };
        assert_eq!(root.interfaces(), [expected]);
    }
}
