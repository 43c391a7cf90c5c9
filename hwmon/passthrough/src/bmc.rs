//! The board's management controller: /dev/ipmi0 by linux/ipmi.h.
#![allow(unsafe_code, reason = "the ioctls take pointers")]

use std::ffi::{c_int, c_long, c_short, c_uchar, c_uint, c_ushort};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::Path;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

nix::ioctl_read!(
    /// IPMICTL_SEND_COMMAND, which the header calls a reading one.
    send_command,
    b'i',
    13,
    Request
);
nix::ioctl_readwrite!(
    /// IPMICTL_RECEIVE_MSG_TRUNC.
    receive_message,
    b'i',
    11,
    Received
);

/// `struct ipmi_msg`.
#[repr(C)]
struct Message {
    function: c_uchar,
    command: c_uchar,
    length: c_ushort,
    data: *mut c_uchar,
}

/// `struct ipmi_req`.
#[repr(C)]
pub(crate) struct Request {
    address: *mut c_uchar,
    address_length: c_uint,
    number: c_long,
    message: Message,
}

/// `struct ipmi_recv`.
#[repr(C)]
pub(crate) struct Received {
    kind: c_int,
    address: *mut c_uchar,
    address_length: c_uint,
    number: c_long,
    message: Message,
}

/// `struct ipmi_system_interface_addr`.
#[repr(C)]
struct SystemInterface {
    kind: c_int,
    channel: c_short,
    lun: c_uchar,
}

/// The most octets of one message (IPMI_MAX_MSG_LENGTH).
const MESSAGE_MAX: usize = 272;
/// IPMI_RESPONSE_RECV_TYPE.
const RESPONSE: c_int = 1;

/// The open device.
#[derive(Debug)]
pub struct Bmc {
    device: File,
    number: c_long,
}

impl Bmc {
    /// Opens `/dev/ipmi0` or the like.
    ///
    /// # Errors
    /// The system's.
    pub fn open(path: &Path) -> io::Result<Self> {
        let device = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Self { device, number: 0 })
    }

    /// Asks and waits for the answer until `deadline`: completion code and data. An answer to an earlier question, which came
    /// too late, is dropped.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`], or the system's.
    pub fn ask(&mut self, function: u8, command: u8, lun: u8, data: &[u8], deadline: Instant) -> io::Result<Vec<u8>> {
        self.number = self.number.wrapping_add(1);
        self.send(function, command, lun, data)?;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let mut polled = [PollFd::new(self.device.as_fd(), PollFlags::POLLIN)];
            let wait = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(&mut polled, wait) {
                Ok(0) | Err(nix::errno::Errno::EINTR) => continue,
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
            match self.receive(function, command) {
                Ok(Some(answer)) => return Ok(answer),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn send(&self, function: u8, command: u8, lun: u8, data: &[u8]) -> io::Result<()> {
        let mut address = SystemInterface {
            // IPMI_SYSTEM_INTERFACE_ADDR_TYPE, IPMI_BMC_CHANNEL
            kind: 0x0c,
            channel: 0x0f,
            lun,
        };
        let mut octets = data.to_vec();
        let length = c_ushort::try_from(octets.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut request = Request {
            address: (&raw mut address).cast(),
            address_length: crate::length(size_of::<SystemInterface>())?,
            number: self.number,
            message: Message {
                function,
                command,
                length,
                data: octets.as_mut_ptr(),
            },
        };
        // SAFETY: the structures are the kernel's; address and octets outlive the call, with their lengths, and the kernel
        // copies them before it returns.
        crate::checked(unsafe { send_command(self.device.as_raw_fd(), &raw mut request) })?;
        Ok(())
    }

    /// The answer that waits; none where it is not ours.
    fn receive(&self, function: u8, command: u8) -> io::Result<Option<Vec<u8>>> {
        // struct ipmi_addr is larger than any of its kinds
        let mut address = [0u64; 8];
        let mut octets = [0u8; MESSAGE_MAX];
        let mut received = Received {
            kind: 0,
            address: address.as_mut_ptr().cast(),
            address_length: crate::length(size_of_val(&address))?,
            number: 0,
            message: Message {
                function: 0,
                command: 0,
                length: c_ushort::try_from(octets.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
                data: octets.as_mut_ptr(),
            },
        };
        // SAFETY: the structures are the kernel's; address and octets are borrowed mutably over the call, with their lengths,
        // and the kernel writes no more than these.
        crate::checked(unsafe { receive_message(self.device.as_raw_fd(), &raw mut received) })?;
        let ours = received.kind == RESPONSE
            && received.number == self.number
            && received.message.function == function | 1
            && received.message.command == command;
        let length = usize::from(received.message.length).min(octets.len());
        Ok(ours.then(|| octets.iter().take(length).copied().collect()))
    }
}
