//! The kernel's word that hardware came, went or changed: kobject-uevent over netlink (lib/kobject_uevent.c).
//!
//! A rebuild of an array can begin and end between two polls, and a pulled disk is gone at once: these messages tell of both.

use std::collections::BTreeMap;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recvfrom, setsockopt, socket, sockopt,
};

/// The kernel's group; udev's own messages have another one.
const KERNEL: u32 = 1;
/// The kernel's buffer for one message is 2 kB.
const MESSAGE_MAX: usize = 8_192;
/// Octets of messages that wait: a controller that resets tells of all its disks at once.
const QUEUE: usize = 1024 * 1024;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `add`, `remove`, `change`, `move`, `online`, `offline`, `bind`, `unbind`.
    pub action: String,
    /// The device under /sys: `/devices/virtual/block/md0`.
    pub device: String,
    /// `block`, `net`, `scsi`, `nvme`.
    pub subsystem: String,
    /// All of it: `DEVNAME`, `DEVTYPE`, `DISK_MEDIA_CHANGE`.
    pub values: BTreeMap<String, String>,
}

impl Event {
    /// Whether it is about an array, and the array's name.
    #[must_use]
    pub fn array(&self) -> Option<&str> {
        let name = self.device.rsplit('/').next()?;
        (self.subsystem == "block" && name.starts_with("md")).then_some(name)
    }

    /// Whether disks, network ports or cards came or went, so that everything is to be looked for anew.
    #[must_use]
    pub fn hot_plug(&self) -> bool {
        let came_or_went = matches!(self.action.as_str(), "add" | "remove" | "bind" | "unbind");
        let whole = self.values.get("DEVTYPE").is_none_or(|kind| kind != "partition");
        let hardware = matches!(
            self.subsystem.as_str(),
            "block" | "net" | "nvme" | "scsi" | "enclosure" | "pci" | "hwmon"
        );
        came_or_went && whole && hardware && !self.device.starts_with("/devices/virtual/")
    }
}

/// Reads a message; one that is none gives none.
#[must_use]
pub fn parse(message: &[u8]) -> Option<Event> {
    let mut parts = message.split(|octet| *octet == 0).map(String::from_utf8_lossy);
    // `add@/devices/...`; udev's messages begin with `libudev`
    let head = parts.next()?;
    let (action, device) = head.split_once('@')?;
    let values: BTreeMap<String, String> = parts
        .take(128)
        .filter_map(|part| {
            part.split_once('=')
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
        })
        .collect();
    let value = |name: &str| values.get(name).map(String::as_str);
    let same = value("ACTION") == Some(action) && value("DEVPATH") == Some(device);
    let subsystem = value("SUBSYSTEM")?.to_owned();
    same.then(|| Event {
        action: action.to_owned(),
        device: device.to_owned(),
        subsystem,
        values: values.clone(),
    })
}

/// An open socket.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
}

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A message.
    Event(Event),
    /// More messages came than could wait: everything is to be looked at anew.
    Lost,
    /// None came in time.
    Nothing,
}

impl Listener {
    /// Begins to listen. Any user may.
    ///
    /// # Errors
    /// The system's.
    pub fn open() -> std::io::Result<Self> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            SockProtocol::NetlinkKObjectUEvent,
        )?;
        // a smaller queue than is wanted is one all the same
        let _ = setsockopt(&socket, sockopt::RcvBuf, &QUEUE);
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, KERNEL))?;
        Ok(Self { socket })
    }

    /// The next message, waited for up to `patience`. Messages of others than the kernel are passed over.
    ///
    /// # Errors
    /// The system's.
    pub fn next(&self, patience: Duration) -> std::io::Result<Heard> {
        let until = Instant::now() + patience;
        let mut octets = vec![0; MESSAGE_MAX];
        loop {
            match recvfrom::<NetlinkAddr>(self.socket.as_raw_fd(), &mut octets) {
                Ok((length, from)) => {
                    let kernel = from.is_some_and(|address| address.pid() == 0);
                    let event = octets.get(..length).and_then(parse).filter(|_| kernel);
                    if let Some(event) = event {
                        return Ok(Heard::Event(event));
                    }
                }
                Err(nix::errno::Errno::ENOBUFS) => return Ok(Heard::Lost),
                Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Heard::Nothing);
            }
            let wait = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)], wait) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ADD: &[u8] = b"add@/devices/pci0000:00/0000:00:17.0/ata3/host2/target2:0:0/2:0:0:0/block/sdb\0ACTION=add\0\
DEVPATH=/devices/pci0000:00/0000:00:17.0/ata3/host2/target2:0:0/2:0:0:0/block/sdb\0SUBSYSTEM=block\0MAJOR=8\0MINOR=16\0\
DEVNAME=sdb\0DEVTYPE=disk\0SEQNUM=2301\0";
    const MD: &[u8] = b"change@/devices/virtual/block/md0\0ACTION=change\0DEVPATH=/devices/virtual/block/md0\0SUBSYSTEM=block\0DEVNAME=md0\0DEVTYPE=disk\0SEQNUM=9\0";

    #[test]
    fn a_disk_and_an_array_are_told_apart() {
        let disk = parse(ADD).expect("an event");
        assert_eq!((disk.action.as_str(), disk.subsystem.as_str()), ("add", "block"));
        assert_eq!(disk.values.get("DEVNAME").map(String::as_str), Some("sdb"));
        assert!(disk.hot_plug() && disk.array().is_none());
        let array = parse(MD).expect("an event");
        assert_eq!(array.array(), Some("md0"));
        assert!(!array.hot_plug());
    }

    #[test]
    fn what_is_no_message_of_the_kernels_is_none() {
        assert_eq!(parse(b"libudev\0\xfe\xed\xca\xfe"), None);
        assert_eq!(parse(b""), None);
        // the head and the values have to agree
        assert_eq!(
            parse(b"add@/devices/a\0ACTION=remove\0DEVPATH=/devices/a\0SUBSYSTEM=block\0"),
            None
        );
        assert_eq!(parse(b"add@/devices/a\0ACTION=add\0DEVPATH=/devices/a\0"), None);
    }

    #[test]
    fn a_listener_hears_nothing_where_nothing_happens() {
        let listener = Listener::open().expect("a socket");
        // others may plug things meanwhile
        assert!(listener.next(Duration::ZERO).is_ok());
    }

    proptest! {
        #[test]
        fn no_octets_panic(octets: Vec<u8>, at in 0..ADD.len(), octet: u8) {
            let _ = parse(&octets);
            let mut message = ADD.to_vec();
            message[at] = octet;
            let _ = parse(&message).map(|event| event.hot_plug());
        }
    }
}
