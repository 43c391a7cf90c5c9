//! Locating lights of bays: an enclosure's slot (SES), or a PCIe slot's light (NPEM).

use std::path::{Path, PathBuf};

use api::FailureKind;
use api::hardware::Located;
use hwmon::board::DiskPlace;
use hwmon::sysfs::Root;

/// The most entries of a folder.
const ENTRIES_MAX: usize = 1_024;

/// Why a light cannot be switched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LightError {
    /// No such light.
    #[error(
        "bay {bay} has no locating light that this box can switch: find the drive by its serial number (`show disks`)"
    )]
    None {
        /// The bay.
        bay: u8,
    },
    /// It refuses.
    #[error("the locating light of bay {bay} ({by}) cannot be switched: {source}")]
    Refused {
        /// The bay.
        bay: u8,
        /// What was switched.
        by: String,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl LightError {
    /// For those who asked.
    pub(crate) fn kind(&self) -> FailureKind {
        match self {
            Self::None { .. } => FailureKind::NotFound,
            Self::Refused { .. } => FailureKind::Unavailable,
        }
    }
}

/// A light.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Light {
    /// The file that switches it.
    path: PathBuf,
    /// The slot's name in an enclosure, its number, or the PCI address of the slot.
    slot: Slot,
    /// Whether it shines.
    on: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Slot {
    Enclosure { name: String, number: Option<u32> },
    Pci(String),
}

/// Every light below a /sys.
pub(crate) fn all(root: &Root) -> Vec<Light> {
    let mut lights = Vec::new();
    for enclosure in folders(&root.path().join("class/enclosure")) {
        for slot in folders(&enclosure) {
            let path = slot.join("locate");
            if let (Some(on), Some(name)) = (value(&path), name(&slot)) {
                let number = value(&slot.join("slot")).and_then(|n| n.parse().ok());
                lights.push(Light {
                    path,
                    slot: Slot::Enclosure { name, number },
                    on: on != "0",
                });
            }
        }
    }
    for led in folders(&root.path().join("class/leds")) {
        // drivers/pci/npem.c names them ADDRESS:enclosure:locate
        let address = name(&led).and_then(|name| Some(name.strip_suffix(":enclosure:locate")?.to_owned()));
        let path = led.join("brightness");
        if let (Some(address), Some(on)) = (address, value(&path)) {
            lights.push(Light {
                path,
                slot: Slot::Pci(address),
                on: on != "0",
            });
        }
    }
    lights
}

/// The folders in a folder, by name.
fn folders(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path) else {
        return Vec::new();
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut folders: Vec<PathBuf> = paths.filter(|path| path.is_dir()).take(ENTRIES_MAX).collect();
    folders.sort();
    folders
}

fn name(path: &Path) -> Option<String> {
    path.file_name()?.to_str().map(str::to_owned)
}

/// What a file of one word says.
fn value(path: &Path) -> Option<String> {
    let octets = std::fs::read_to_string(path).ok()?;
    Some(octets.trim().to_owned())
}

/// The light of a bay: by the disks in it, else by the slot's own number.
pub(crate) fn of<'a>(lights: &'a [Light], bay: u8, disks: &[DiskPlace]) -> Option<&'a Light> {
    let of_disk = |light: &&Light| {
        disks.iter().any(|disk| match &light.slot {
            Slot::Enclosure { name, .. } => disk.enclosure_slot.as_ref() == Some(name),
            Slot::Pci(address) => disk.pci.iter().any(|on_the_way| on_the_way == address),
        })
    };
    // enclosures count from 0, boards from 1
    let by_number = |light: &&Light| matches!(&light.slot, Slot::Enclosure { number: Some(number), .. } if number.checked_add(1) == Some(u32::from(bay)));
    lights.iter().find(of_disk).or_else(|| lights.iter().find(by_number))
}

impl Light {
    /// Whether it shines.
    pub(crate) fn on(&self) -> bool {
        self.on
    }
}

/// Switches the light of a bay.
///
/// # Errors
/// Where it has none, or that refuses.
pub(crate) fn switch(root: Option<&Root>, bay: u8, disks: &[DiskPlace], on: bool) -> Result<Located, LightError> {
    let lights = root.map(all).unwrap_or_default();
    let light = of(&lights, bay, disks).ok_or(LightError::None { bay })?;
    let by = match &light.slot {
        Slot::Enclosure { name, .. } => format!("enclosure slot {name}"),
        Slot::Pci(address) => format!("PCIe slot {address}"),
    };
    let octets = if on { "1" } else { "0" };
    std::fs::write(&light.path, octets).map_err(|source| LightError::Refused {
        bay,
        by: by.clone(),
        source,
    })?;
    Ok(Located { bay, on, by })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().expect("a folder");
        for slot in 0..2 {
            let path = folder.path().join(format!("class/enclosure/6:0:0:0/Slot 0{slot}"));
            std::fs::create_dir_all(&path).expect("made");
            std::fs::write(path.join("locate"), "0\n").expect("written");
            std::fs::write(path.join("slot"), format!("{slot}\n")).expect("written");
        }
        let led = folder.path().join("class/leds/0000:00:1c.0:enclosure:locate");
        std::fs::create_dir_all(&led).expect("made");
        std::fs::write(led.join("brightness"), "0\n").expect("written");
        let root = Root::open(folder.path()).expect("a root");
        (folder, root)
    }

    #[test]
    fn a_bays_light_is_that_of_its_disk_or_of_its_number() {
        let (folder, root) = tree();
        let disk = DiskPlace {
            disk: "sda".to_owned(),
            enclosure_slot: Some("Slot 00".to_owned()),
            ..DiskPlace::default()
        };
        let read = |path: &str| std::fs::read_to_string(folder.path().join(path)).expect("read");
        let located = switch(Some(&root), 5, &[disk], true).expect("a light");
        assert_eq!((located.on, located.by.as_str()), (true, "enclosure slot Slot 00"));
        assert_eq!(read("class/enclosure/6:0:0:0/Slot 00/locate"), "1");
        assert!(all(&root).iter().any(Light::on));
        // an empty bay
        switch(Some(&root), 2, &[], true).expect("a light");
        assert_eq!(read("class/enclosure/6:0:0:0/Slot 01/locate"), "1");
        let nvme = DiskPlace {
            disk: "nvme0n1".to_owned(),
            pci: vec!["0000:00:1c.0".to_owned(), "0000:03:00.0".to_owned()],
            ..DiskPlace::default()
        };
        switch(Some(&root), 7, &[nvme], true).expect("a light");
        assert_eq!(read("class/leds/0000:00:1c.0:enclosure:locate/brightness"), "1");
    }

    #[test]
    fn where_there_is_no_light_that_is_said() {
        let (_folder, root) = tree();
        let error = switch(Some(&root), 8, &[], true).expect_err("no light");
        assert_eq!(error.kind(), FailureKind::NotFound);
        assert!(error.to_string().contains("show disks"), "{error}");
        assert!(switch(None, 1, &[], false).is_err());
    }
}
