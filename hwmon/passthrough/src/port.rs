//! The EEPROM of a port's transceiver: ETHTOOL_GMODULEINFO and ETHTOOL_GMODULEEEPROM of linux/ethtool.h.
#![allow(unsafe_code, reason = "SIOCETHTOOL takes pointers")]

use std::ffi::{c_char, c_void};
use std::io;
use std::os::fd::AsRawFd as _;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

nix::ioctl_readwrite_bad!(
    /// SIOCETHTOOL of linux/sockios.h.
    ethtool,
    0x8946,
    Request
);

const NAME_MAX: usize = 16;
const EEPROM_MAX: usize = 1024;
const GMODULEINFO: u32 = 0x42;
const GMODULEEEPROM: u32 = 0x43;

/// `struct ifreq` with its pointer.
#[repr(C)]
pub(crate) struct Request {
    name: [c_char; NAME_MAX],
    data: *mut c_void,
    // the union is larger than its pointer
    padding: [u64; 2],
}

/// `struct ethtool_modinfo`.
#[repr(C)]
#[derive(Default)]
struct Info {
    command: u32,
    kind: u32,
    length: u32,
    reserved: [u32; 8],
}

/// `struct ethtool_eeprom` with room for its data.
#[repr(C)]
struct Eeprom {
    command: u32,
    magic: u32,
    offset: u32,
    length: u32,
    data: [u8; EEPROM_MAX],
}

/// The kind of the transceiver's EEPROM (1 SFF-8079, 2 SFF-8472, 3 SFF-8636, 4 SFF-8436) and its first octets, at most 1024.
///
/// # Errors
/// The system's: no transceiver, none that can be read, no permission (CAP_NET_ADMIN).
pub fn module_eeprom(interface: &str) -> io::Result<(u32, Vec<u8>)> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let mut name = [0; NAME_MAX];
    if interface.len() >= NAME_MAX || interface.bytes().any(|octet| octet == 0) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in name.iter_mut().zip(interface.bytes()) {
        *to = c_char::from_ne_bytes([from]);
    }
    let mut info = Info {
        command: GMODULEINFO,
        ..Info::default()
    };
    let mut request = Request {
        name,
        data: (&raw mut info).cast(),
        padding: [0; 2],
    };
    // SAFETY: the structures are the kernel's, `request` at least as large as its; `info` outlives the call, and the kernel
    // writes no more than its size.
    crate::checked(unsafe { ethtool(socket.as_raw_fd(), &raw mut request) })?;
    let length = usize::try_from(info.length).unwrap_or(0).min(EEPROM_MAX);
    let mut eeprom = Eeprom {
        command: GMODULEEEPROM,
        magic: 0,
        offset: 0,
        length: crate::length(length)?,
        data: [0; EEPROM_MAX],
    };
    request.data = (&raw mut eeprom).cast();
    // SAFETY: as above; the kernel writes `length` octets behind the head, which `data` has room for.
    crate::checked(unsafe { ethtool(socket.as_raw_fd(), &raw mut request) })?;
    Ok((info.kind, eeprom.data.iter().take(length).copied().collect()))
}
