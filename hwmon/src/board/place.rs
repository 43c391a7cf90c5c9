//! Where disks and interfaces are, as the kernel's device tree tells it, and whether that is a bay or port of the board.

use serde::Serialize;

use super::{DiskAt, PortAt};

/// A disk and the way to it. [`crate::sysfs::Root::disks`] reads it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct DiskPlace {
    /// The kernel's name: `sda`, `nvme0n1`.
    pub disk: String,
    /// The PCI addresses on the way to it, the controller (or the `NVMe` drive itself) last.
    pub pci: Vec<String>,
    /// The number of its ATA port on the controller, from 1.
    pub ata_port: Option<u32>,
    /// The number of its SAS phy, from 0, on the controller or expander.
    pub phy: Option<u32>,
    /// Its slot's name in an enclosure.
    pub enclosure_slot: Option<String>,
    /// The name of the PCIe hot-plug slot on the way to it.
    pub pci_slot: Option<String>,
    /// SCSI address, `HOST:CHANNEL:TARGET:LUN`, or the `NVMe` controller's name.
    pub address: Option<String>,
}

impl DiskPlace {
    pub(super) fn is_at(&self, at: &DiskAt) -> bool {
        let on = |controller: &Option<String>| {
            controller
                .as_ref()
                .is_none_or(|c| self.pci.last().is_some_and(|own| own.eq_ignore_ascii_case(c)))
        };
        match at {
            DiskAt::Ata { port, controller } => self.ata_port == Some(*port) && on(controller),
            DiskAt::Phy { phy, controller } => self.phy == Some(*phy) && on(controller),
            DiskAt::Enclosure { slot } => self.enclosure_slot.as_ref() == Some(slot),
            DiskAt::Slot { name } => self.pci_slot.as_ref() == Some(name),
            DiskAt::Pci { address } => self.pci.iter().any(|own| own.eq_ignore_ascii_case(address)),
        }
    }
}

/// A network interface and the way to it. [`crate::sysfs::Root::interfaces`] reads it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct PortPlace {
    /// The kernel's name: `eth0`.
    pub interface: String,
    /// The PCI address of its card's function.
    pub pci: Option<String>,
    /// The name of its driver: `igb`.
    pub driver: Option<String>,
    /// Which of several ports of that function it is.
    pub function_port: u32,
}

pub(super) fn interface<'a>(at: &PortAt, places: &'a [PortPlace]) -> Option<&'a PortPlace> {
    match at {
        PortAt::Name(name) => places.iter().find(|p| p.interface == *name),
        PortAt::Pci(address) => places
            .iter()
            .find(|p| p.pci.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(address))),
        PortAt::Driver { driver, index } => {
            let mut own: Vec<&PortPlace> = places
                .iter()
                .filter(|p| p.driver.as_ref() == Some(driver) && p.pci.is_some())
                .collect();
            // the kernel writes PCI addresses with leading zeros
            own.sort_by(|a, b| (&a.pci, a.function_port, &a.interface).cmp(&(&b.pci, b.function_port, &b.interface)));
            own.get(*index).copied()
        }
    }
}
