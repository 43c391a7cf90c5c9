//! Transceivers' octets for the hardware monitor, which may not ask a network card itself.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use api::eeprom::{self, Found};

use crate::disk::{self, Folder};
use crate::engine::Engine;

/// Those of the programs' group may look.
const FOLDER_MODE: u32 = 0o750;
const FILE_MODE: u32 = 0o640;
/// The most ports.
const PORTS_MAX: usize = 64;

/// Asks every port again and again, one after the other: a driver holds the kernel's lock on all ports while it asks.
pub(crate) async fn run(engine: Arc<Engine>) {
    let folder = engine.paths.run.join(eeprom::FOLDER);
    let mut failing = false;
    loop {
        let ports: Vec<String> = {
            let state = engine.state.lock().await;
            state
                .ports
                .iter()
                .map(|port| port.name.clone())
                .take(PORTS_MAX)
                .collect()
        };
        let at = folder.clone();
        let left =
            tokio::task::spawn_blocking(move || leave(&at, &ports, |port| capture::nic::Device::new(port).module()));
        let trouble = match left.await {
            Ok(Ok(())) => None,
            Ok(Err(e)) => Some(e.to_string()),
            Err(e) => Some(e.to_string()),
        };
        if let Some(trouble) = &trouble
            && !failing
        {
            log::warn!(event = "optics"; "transceivers' readings cannot be left for the hardware monitor: {trouble}");
        }
        failing = trouble.is_some();
        tokio::time::sleep(Duration::from_secs(eeprom::EVERY_S)).await;
    }
}

/// Leaves what each port's module says, and removes what was left of ports that are gone.
fn leave(folder: &Path, ports: &[String], mut ask: impl FnMut(&str) -> io::Result<Vec<u8>>) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(FOLDER_MODE))?;
    let mut files = Folder(PathBuf::from(folder));
    for port in ports {
        let found = found(ask(port));
        disk::replace(&mut files, port, &found.file(), FILE_MODE)?;
    }
    let known: BTreeSet<&str> = ports.iter().map(String::as_str).collect();
    for entry in fs::read_dir(folder)?.flatten() {
        if entry.file_name().to_str().is_none_or(|name| !known.contains(name)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// What the kernel's answer means. Drivers differ in what they say of an empty cage: EINVAL (i40e), EIO (ixgbe), ENODEV, ENXIO.
fn found(told: io::Result<Vec<u8>>) -> Found {
    let error = match told {
        Ok(octets) => return Found::Octets(octets),
        Err(error) => error,
    };
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::PermissionDenied, _) => Found::Denied,
        // EOPNOTSUPP, and ENOTTY of what is no card
        (io::ErrorKind::Unsupported, _) | (_, Some(25 | 95)) => Found::None,
        // EIO, ENXIO, ENODEV, EINVAL
        (_, Some(5 | 6 | 19 | 22)) => Found::Empty,
        _ => Found::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ports_answer_is_left_and_a_port_that_is_gone_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("supervisor/optics");
        let ports = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let error = |number: i32| Err(io::Error::from_raw_os_error(number));
        let ask = |port: &str| match port {
            "eth0" => Ok(vec![3, 4, 7]),
            "eth1" => error(95),
            "eth2" => error(22),
            "eth3" => error(1),
            _ => error(110),
        };
        leave(&folder, &ports(&["eth0", "eth1", "eth2", "eth3", "eth4"]), ask).unwrap();
        let read = |port: &str| Found::read(&fs::read(folder.join(port)).unwrap()).unwrap();
        assert_eq!(read("eth0"), Found::Octets(vec![3, 4, 7]));
        assert_eq!((read("eth1"), read("eth2")), (Found::None, Found::Empty));
        assert_eq!((read("eth3"), read("eth4")), (Found::Denied, Found::Failed));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join("eth0"))), (FOLDER_MODE, FILE_MODE));
        leave(&folder, &ports(&["eth0"]), |_| error(6)).unwrap();
        assert_eq!(read("eth0"), Found::Empty);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn a_card_that_has_no_cage_says_so() {
        // the loopback interface has no driver that could be asked
        assert_eq!(found(capture::nic::Device::new("lo").module()), Found::None);
    }
}
