//! SG_IO of scsi/sg.h, also for ATA commands inside of SCSI ones (SAT).
#![allow(unsafe_code, reason = "SG_IO takes pointers")]

use std::ffi::{c_int, c_uchar, c_uint, c_ushort, c_void};
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

nix::ioctl_readwrite_bad!(
    /// SG_IO.
    sg_io,
    0x2285,
    Header
);

/// `struct sg_io_hdr`.
#[repr(C)]
pub(crate) struct Header {
    interface_id: c_int,
    direction: c_int,
    cmd_len: c_uchar,
    max_sense: c_uchar,
    iovec_count: c_ushort,
    data_len: c_uint,
    data: *mut c_void,
    command: *const c_uchar,
    sense: *mut c_uchar,
    timeout: c_uint,
    flags: c_uint,
    pack_id: c_int,
    user: *mut c_void,
    status: c_uchar,
    masked_status: c_uchar,
    message_status: c_uchar,
    sense_written: c_uchar,
    host_status: c_ushort,
    driver_status: c_ushort,
    residual: c_int,
    duration: c_uint,
    info: c_uint,
}

/// Which way data goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// None does.
    None,
    /// From the device into the slice.
    FromDevice,
    /// From the slice to the device.
    ToDevice,
}

/// What the device said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// SCSI status: 0 is good, 2 says that `sense` has more.
    pub status: u8,
    /// The host adapter's own status, 0 where it has nothing to say; 3 is a timeout (DID_TIME_OUT).
    pub host: u16,
    /// Sense data.
    pub sense: Vec<u8>,
    /// Octets of the data that were transferred.
    pub octets: usize,
}

/// Sends a command of 6 to 16 octets and waits for its end, `timeout` in milliseconds; a device that hangs may make the kernel
/// wait for longer, since it resets the device first.
///
/// # Errors
/// The system's: no such ioctl for this device, no permission.
pub fn scsi(fd: BorrowedFd<'_>, command: &[u8], way: Way, data: &mut [u8], timeout: u32) -> io::Result<Answer> {
    let mut sense = [0u8; 64];
    let cmd_len = u8::try_from(command.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut header = Header {
        interface_id: c_int::from(b'S'),
        // SG_DXFER_NONE, SG_DXFER_FROM_DEV, SG_DXFER_TO_DEV
        direction: match way {
            Way::None => -1,
            Way::FromDevice => -3,
            Way::ToDevice => -2,
        },
        cmd_len,
        max_sense: 64,
        iovec_count: 0,
        data_len: if way == Way::None {
            0
        } else {
            crate::length(data.len())?
        },
        data: data.as_mut_ptr().cast(),
        command: command.as_ptr(),
        sense: sense.as_mut_ptr(),
        timeout,
        flags: 0,
        pack_id: 0,
        user: std::ptr::null_mut(),
        status: 0,
        masked_status: 0,
        message_status: 0,
        sense_written: 0,
        host_status: 0,
        driver_status: 0,
        residual: 0,
        duration: 0,
        info: 0,
    };
    // SAFETY: the structure is the kernel's; its pointers are of slices that are borrowed over the call, with their lengths,
    // and the kernel writes no more than these. Without flags the call ends before it returns.
    crate::checked(unsafe { sg_io(fd.as_raw_fd(), &raw mut header) })?;
    let residual = usize::try_from(header.residual).unwrap_or(0);
    let written = usize::from(header.sense_written).min(sense.len());
    Ok(Answer {
        status: header.status,
        host: header.host_status,
        sense: sense.iter().take(written).copied().collect(),
        octets: if way == Way::None {
            0
        } else {
            data.len().saturating_sub(residual)
        },
    })
}
