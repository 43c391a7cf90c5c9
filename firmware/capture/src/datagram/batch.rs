//! Reading many datagrams at a time.
#![allow(unsafe_code, reason = "recvmmsg takes pointers to buffers, and poll to descriptors")]

use std::ffi::{c_int, c_uint};
use std::io;
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::libc;

use super::{BATCH, Datagram, DatagramSocket, OCTETS_MAX};
use crate::Error;

/// Room for a batch of datagrams; a thread needs one, whatever the number of its sockets.
pub struct Receiver {
    octets: Box<[u8]>,
    senders: Box<[libc::sockaddr_storage]>,
    ready: Vec<libc::pollfd>,
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

impl Default for Receiver {
    fn default() -> Self {
        Self::new()
    }
}

impl Receiver {
    /// 4 MiB of room, of which what is never used never becomes real.
    #[must_use]
    pub fn new() -> Self {
        // SAFETY: all zero is a valid sockaddr_storage.
        let nobody: libc::sockaddr_storage = unsafe { zeroed() };
        Self {
            octets: vec![0; BATCH * OCTETS_MAX].into_boxed_slice(),
            senders: vec![nobody; BATCH].into_boxed_slice(),
            ready: Vec::new(),
        }
    }

    /// Waits until one of the sockets has something, at most so long; gives the places of those that do.
    pub fn wait<'s>(&mut self, sockets: impl IntoIterator<Item = &'s DatagramSocket>, wait: Duration) -> Vec<usize> {
        self.ready.clear();
        self.ready.extend(sockets.into_iter().map(|socket| libc::pollfd {
            fd: socket.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        }));
        let count = libc::nfds_t::try_from(self.ready.len()).unwrap_or_default();
        let millis = c_int::try_from(wait.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: `count` structures, which live through the call.
        let found = unsafe { libc::poll(self.ready.as_mut_ptr(), count, millis) };
        if found <= 0 {
            return Vec::new();
        }
        let ready = self.ready.iter().enumerate();
        ready.filter(|(_, p)| p.revents != 0).map(|(n, _)| n).collect()
    }

    /// Hands over what is there, at most [`BATCH`] datagrams, without waiting; says how many.
    ///
    /// # Errors
    /// When the socket cannot be read.
    pub fn receive(
        &mut self,
        socket: &DatagramSocket,
        mut on_datagram: impl FnMut(&Datagram<'_>),
    ) -> Result<usize, Error> {
        // SAFETY: all zero is a valid iovec and a valid mmsghdr.
        let mut parts: [libc::iovec; BATCH] = unsafe { zeroed() };
        // SAFETY: as above.
        let mut messages: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
        let rooms = self.octets.chunks_exact_mut(OCTETS_MAX).zip(self.senders.iter_mut());
        for ((message, part), (room, sender)) in messages.iter_mut().zip(parts.iter_mut()).zip(rooms) {
            part.iov_base = room.as_mut_ptr().cast();
            part.iov_len = room.len();
            message.msg_hdr.msg_iov = part;
            message.msg_hdr.msg_iovlen = 1;
            message.msg_hdr.msg_name = std::ptr::from_mut(sender).cast();
            message.msg_hdr.msg_namelen = SENDER;
        }
        // SAFETY: each message points at one iovec of `parts`, at its own room in `octets` and its own sender, all of
        // which live through the call and are not touched meanwhile; `BATCH` is the length of `messages`.
        let got = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                messages.as_mut_ptr(),
                BATCH_COUNT,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        let Ok(got) = usize::try_from(got) else {
            let source = io::Error::last_os_error();
            return match source.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(0),
                _ => Err(Error::Datagrams {
                    address: socket.address(),
                    what: "receive",
                    source,
                }),
            };
        };
        let lengths = messages.map(|m| m.msg_len as usize);
        let rooms = self.octets.chunks_exact(OCTETS_MAX).zip(self.senders.iter());
        for ((room, sender), length) in rooms.zip(lengths).take(got) {
            if let (Some(octets), Some(from)) = (room.get(..length), address(sender)) {
                on_datagram(&Datagram { from, octets });
            }
        }
        Ok(got)
    }
}

#[allow(clippy::cast_possible_truncation, reason = "128 and 64")]
const SENDER: libc::socklen_t = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
#[allow(clippy::cast_possible_truncation, reason = "128 and 64")]
const BATCH_COUNT: c_uint = BATCH as c_uint;

fn address(sender: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match c_int::from(sender.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that this is a sockaddr_in, which is smaller and of no stricter alignment.
            let v4 = unsafe { &*std::ptr::from_ref(sender).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddr::new(ip.into(), u16::from_be(v4.sin_port)))
        }
        libc::AF_INET6 => {
            // SAFETY: as above, for a sockaddr_in6.
            let v6 = unsafe { &*std::ptr::from_ref(sender).cast::<libc::sockaddr_in6>() };
            let ip = IpAddr::from(Ipv6Addr::from(v6.sin6_addr.s6_addr)).to_canonical();
            Some(SocketAddr::new(ip, u16::from_be(v6.sin6_port)))
        }
        _ => None,
    }
}
