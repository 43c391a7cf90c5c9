//! The sockets: what socket2 has no names for.
#![allow(unsafe_code, reason = "socket options that socket2 does not know")]

use std::ffi::{c_int, c_void};
use std::io;
use std::mem::size_of_val;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::libc;
use socket2::{Domain, Protocol, Socket, Type};

use super::filter;
use crate::Error;

/// Where SO_MEMINFO has the drops (SK_MEMINFO_DROPS of linux/sock_diag.h), and how many numbers it has.
const MEMINFO_DROPS: usize = 8;
const MEMINFO: usize = 9;

/// A UDP socket that a [`super::Receiver`] reads.
#[derive(Debug)]
pub struct DatagramSocket {
    socket: Socket,
    address: SocketAddr,
    drops: AtomicU32,
}

impl AsRawFd for DatagramSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// Opens `sockets` sockets on a port of every address of the machine, IPv6 and IPv4, that share what comes by the
/// sender's address. Port 0 is a free one. The sockets belong together: while one of them is closed, senders move.
///
/// # Errors
/// When the port is taken or needs a capability.
pub fn open(port: u16, sockets: u32, buffer: usize) -> Result<Vec<DatagramSocket>, Error> {
    let both = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    group(both, sockets, buffer).or_else(|e| match &e {
        // A kernel without IPv6.
        Error::Datagrams { source, .. }
            if matches!(
                source.raw_os_error(),
                Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL | libc::EPROTONOSUPPORT)
            ) =>
        {
            group(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)), sockets, buffer)
        }
        _ => Err(e),
    })
}

fn group(mut address: SocketAddr, sockets: u32, buffer: usize) -> Result<Vec<DatagramSocket>, Error> {
    let sockets = sockets.max(1);
    let mut group = Vec::new();
    for _ in 0..sockets {
        let one = DatagramSocket::bind(address, sockets > 1, buffer)?;
        address = one.address;
        group.push(one);
    }
    // The kernel knows the sockets by the order in which they were bound.
    if sockets > 1
        && let Some(first) = group.first()
    {
        first.share(sockets)?;
    }
    Ok(group)
}

impl DatagramSocket {
    fn bind(address: SocketAddr, shared: bool, buffer: usize) -> Result<Self, Error> {
        let failed = |what| move |source| Error::Datagrams { address, what, source };
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))
            .map_err(failed("open a socket"))?;
        if address.is_ipv6() {
            socket
                .set_only_v6(false)
                .map_err(failed("receive IPv4 and IPv6 alike"))?;
        }
        if shared {
            socket.set_reuse_port(true).map_err(failed("share the port"))?;
        }
        socket.set_nonblocking(true).map_err(failed("open a socket"))?;
        let size = c_int::try_from(buffer / 2).unwrap_or(c_int::MAX / 2);
        // The kernel doubles what it is told, for its own use (socket(7)).
        if set(socket.as_raw_fd(), libc::SO_RCVBUFFORCE, &size).is_err() {
            set(socket.as_raw_fd(), libc::SO_RCVBUF, &size).map_err(failed("set the receive buffer"))?;
        }
        socket.bind(&address.into()).map_err(failed("listen"))?;
        let bound = socket.local_addr().map_err(failed("listen"))?;
        Ok(Self {
            address: bound.as_socket().unwrap_or(address),
            socket,
            drops: AtomicU32::new(0),
        })
    }

    fn share(&self, sockets: u32) -> Result<(), Error> {
        let mut steps = filter::program(sockets);
        let program = libc::sock_fprog {
            len: u16::try_from(steps.len()).unwrap_or_default(),
            filter: steps.as_mut_ptr(),
        };
        set(self.as_raw_fd(), libc::SO_ATTACH_REUSEPORT_CBPF, &program)
            .map_err(self.failed("share datagrams by their sender"))
    }

    fn failed(&self, what: &'static str) -> impl FnOnce(io::Error) -> Error {
        let address = self.address;
        move |source| Error::Datagrams { address, what, source }
    }

    /// Where it receives: `[::]` and the port, or `0.0.0.0` where there is no IPv6.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Octets of the receive buffer, as the kernel counts them: with its own overhead.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn buffer(&self) -> Result<usize, Error> {
        self.socket
            .recv_buffer_size()
            .map_err(self.failed("read the receive buffer's size"))
    }

    /// Datagrams that the kernel dropped since this was last asked, since the buffer was full or their checksum was
    /// wrong (SO_MEMINFO: what SO_RXQ_OVFL tells with the next datagram, but at once).
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn take_drops(&self) -> Result<u64, Error> {
        let mut numbers = [0u32; MEMINFO];
        let mut length = libc::socklen_t::try_from(size_of_val(&numbers)).unwrap_or_default();
        // SAFETY: the kernel writes at most `length` octets, the array's size; any octets are numbers.
        let result = unsafe {
            libc::getsockopt(
                self.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_MEMINFO,
                (&raw mut numbers).cast(),
                &raw mut length,
            )
        };
        if result != 0 {
            return Err(self.failed("read the drops")(io::Error::last_os_error()));
        }
        let now = numbers.get(MEMINFO_DROPS).copied().unwrap_or_default();
        let before = self.drops.swap(now, Ordering::Relaxed);
        Ok(u64::from(now.wrapping_sub(before)))
    }
}

fn set<T>(socket: RawFd, option: c_int, value: &T) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of_val(value)).unwrap_or_default();
    // SAFETY: address and size are those of `value`, which the kernel only reads.
    let result = unsafe {
        libc::setsockopt(
            socket,
            libc::SOL_SOCKET,
            option,
            std::ptr::from_ref(value).cast::<c_void>(),
            length,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
