//! `NVMe`'s admin commands: NVME_IOCTL_ADMIN_CMD of linux/nvme_ioctl.h.
#![allow(unsafe_code, reason = "the ioctl takes pointers")]

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

nix::ioctl_readwrite!(
    /// NVME_IOCTL_ADMIN_CMD.
    nvme_admin,
    b'N',
    0x41,
    Command
);

/// `struct nvme_passthru_cmd`.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Command {
    opcode: u8,
    flags: u8,
    reserved: u16,
    namespace: u32,
    cdw2: u32,
    cdw3: u32,
    metadata: u64,
    address: u64,
    metadata_len: u32,
    data_len: u32,
    cdw10: u32,
    cdw11: u32,
    cdw12: u32,
    cdw13: u32,
    cdw14: u32,
    cdw15: u32,
    timeout: u32,
    result: u32,
}

/// An admin command that brings data, or none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Admin {
    /// Opcode: 02h get log page, 06h identify, 14h device self-test.
    pub opcode: u8,
    /// Namespace; all ones is the controller.
    pub namespace: u32,
    /// Command dword 10.
    pub cdw10: u32,
    /// Command dword 11.
    pub cdw11: u32,
    /// Milliseconds.
    pub timeout: u32,
}

/// Sends it; the data that the controller gives goes into `data`. What comes back is the controller's status, 0 where it is
/// well (NVM Express base specification 2.0, figure 89).
///
/// # Errors
/// The system's.
pub fn admin(fd: BorrowedFd<'_>, command: Admin, data: &mut [u8]) -> io::Result<u16> {
    // even opcodes bring data from the controller, odd ones take it (bits 1:0 of figure 138)
    if command.opcode & 3 == 1 && !data.is_empty() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut header = Command {
        opcode: command.opcode,
        namespace: command.namespace,
        address: if data.is_empty() { 0 } else { data.as_mut_ptr() as u64 },
        data_len: crate::length(data.len())?,
        cdw10: command.cdw10,
        cdw11: command.cdw11,
        timeout: command.timeout,
        ..Command::default()
    };
    // SAFETY: the structure is the kernel's; its one address is of a slice that is borrowed mutably over the call, with its
    // length, and the kernel writes no more than that.
    let status = crate::checked(unsafe { nvme_admin(fd.as_raw_fd(), &raw mut header) })?;
    u16::try_from(status & 0x7fff).map_err(|_| io::ErrorKind::InvalidData.into())
}
