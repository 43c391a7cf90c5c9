//! The packet socket: what socket2 has no names for.
#![allow(unsafe_code, reason = "packet sockets have options of their own")]
#![allow(
    clippy::cast_possible_truncation,
    reason = "sizes and constants of C structures fit their fields"
)]

use std::ffi::{c_int, c_void};
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use nix::libc;
use socket2::{Domain, SockAddr, Socket, Type};

use super::RingConfig;
use crate::Error;

/// Hardware types of linux/if_arp.h.
const ARPHRD_ETHER: u16 = 1;
const ARPHRD_PPP: u16 = 512;
const ARPHRD_LOOPBACK: u16 = 772;
const ARPHRD_NONE: u16 = 0xfffe;
const ETH_P_ALL: u16 = 3;
const BPF_RETURN: u16 = 6;

/// A packet socket; every call names its interface for the error.
#[derive(Debug)]
pub(super) struct PacketSocket(Socket);

impl AsRawFd for PacketSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// The error of the system call that just failed.
pub(super) fn failed(interface: &str, what: &'static str) -> Error {
    error(interface, what, io::Error::last_os_error())
}

fn error(interface: &str, what: &'static str, source: io::Error) -> Error {
    Error::Interface {
        interface: interface.to_owned(),
        what,
        source,
    }
}

impl PacketSocket {
    /// A socket that receives nothing yet: its protocol is set when it is bound.
    pub(super) fn open(interface: &str) -> Result<Self, Error> {
        let socket = Socket::new(Domain::PACKET, Type::RAW, None)
            .map_err(|source| error(interface, "open a packet socket (it takes CAP_NET_RAW)", source))?;
        Ok(Self(socket))
    }

    /// Options and the ring; before the socket is bound.
    pub(super) fn set_up(&self, interface: &str, config: &RingConfig) -> Result<(), Error> {
        let version: c_int = libc::tpacket_versions::TPACKET_V3 as c_int;
        self.set(interface, "choose TPACKET_V3", libc::PACKET_VERSION, &version)?;
        let yes: c_int = 1;
        self.set(interface, "leave out what is sent", libc::PACKET_IGNORE_OUTGOING, &yes)?;
        if config.hardware_time {
            // Where the NIC stamps nothing the kernel's time is there all the same.
            let stamps = (libc::SOF_TIMESTAMPING_RAW_HARDWARE | libc::SOF_TIMESTAMPING_SOFTWARE).cast_signed();
            self.set(
                interface,
                "ask for the NIC's timestamps",
                libc::PACKET_TIMESTAMP,
                &stamps,
            )?;
        }
        // Closed until all is ready.
        self.filter(interface, 0)?;
        let timeout = u32::try_from(config.block_timeout.as_millis()).unwrap_or(u32::MAX);
        let request = libc::tpacket_req3 {
            tp_block_size: config.block_size,
            tp_block_nr: config.blocks,
            // Unused but checked by the kernel: frames have the length that they need.
            tp_frame_size: 2048,
            tp_frame_nr: config.block_size / 2048 * config.blocks,
            tp_retire_blk_tov: timeout,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        self.set(interface, "allocate the packet ring", libc::PACKET_RX_RING, &request)
    }

    /// A filter of one instruction that keeps so many octets of every frame; 0: that takes none.
    fn filter(&self, interface: &str, octets: u32) -> Result<(), Error> {
        let mut instruction = libc::sock_filter {
            code: BPF_RETURN,
            jt: 0,
            jf: 0,
            k: octets,
        };
        let program = libc::sock_fprog {
            len: 1,
            filter: &raw mut instruction,
        };
        self.set_at(
            interface,
            "set the snap length",
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            &program,
        )
    }

    /// Frames come from now on, whole or cut.
    pub(super) fn open_gate(&self, interface: &str, snaplen: Option<u32>) -> Result<(), Error> {
        self.filter(interface, snaplen.unwrap_or(u32::MAX))
    }

    /// Binds to an interface: frames come from now on. Also allowed without CAP_NET_RAW.
    pub(super) fn bind(&self, interface: &str, index: i32) -> Result<(), Error> {
        // SAFETY: all zero is a valid sockaddr_ll.
        let mut address: libc::sockaddr_ll = unsafe { zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = ETH_P_ALL.to_be();
        address.sll_ifindex = index;
        // SAFETY: a sockaddr_storage is large and aligned enough for a sockaddr_ll, whose size is given.
        let ((), address) = unsafe {
            SockAddr::try_init(|storage, length| {
                storage.cast::<libc::sockaddr_ll>().write(address);
                *length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
                Ok(())
            })
        }
        .map_err(|source| error(interface, "bind to it", source))?;
        self.0
            .bind(&address)
            .map_err(|source| error(interface, "bind to it", source))
    }

    /// Receives frames to all stations, as long as the socket is open.
    pub(super) fn set_promiscuous(&self, interface: &str, index: i32) -> Result<(), Error> {
        let request = libc::packet_mreq {
            mr_ifindex: index,
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        self.set(interface, "set promiscuous mode", libc::PACKET_ADD_MEMBERSHIP, &request)
    }

    /// Makes a fanout group of its own, after it was bound; gives the group's number.
    pub(super) fn found(&self, interface: &str) -> Result<u16, Error> {
        let what = "make a fanout group";
        let mode = libc::PACKET_FANOUT_CBPF | libc::PACKET_FANOUT_FLAG_UNIQUEID;
        self.set(interface, what, libc::PACKET_FANOUT, &(mode << 16))?;
        let mut argument: u32 = 0;
        let mut length = size_of::<u32>() as libc::socklen_t;
        // SAFETY: the kernel writes at most `length` octets, the size of the number.
        let result = unsafe {
            libc::getsockopt(
                self.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_FANOUT,
                (&raw mut argument).cast(),
                &raw mut length,
            )
        };
        if result != 0 {
            return Err(failed(interface, what));
        }
        Ok((argument & 0xffff) as u16)
    }

    /// Joins a fanout group, after it was bound.
    pub(super) fn join(&self, interface: &str, group: u16) -> Result<(), Error> {
        let argument = u32::from(group) | libc::PACKET_FANOUT_CBPF << 16;
        self.set(interface, "join the fanout group", libc::PACKET_FANOUT, &argument)
    }

    /// The program that chooses among the rings of this socket's group.
    pub(super) fn steer(&self, interface: &str, program: &[libc::sock_filter]) -> Result<(), Error> {
        let program = libc::sock_fprog {
            len: program.len() as u16,
            // The kernel only reads it.
            filter: program.as_ptr().cast_mut(),
        };
        self.set(
            interface,
            "share the frames among rings",
            libc::PACKET_FANOUT_DATA,
            &program,
        )
    }

    #[cfg(test)]
    pub(super) fn send(&self, frame: &[u8]) -> io::Result<usize> {
        self.0.send(frame)
    }

    /// Packets, drops and freezes since the last call.
    pub(super) fn statistics(&self, interface: &str) -> Result<(u32, u32, u32), Error> {
        let mut length = size_of::<libc::tpacket_stats_v3>() as libc::socklen_t;
        // SAFETY: three numbers, which may be zero.
        let mut statistics: libc::tpacket_stats_v3 = unsafe { zeroed() };
        // SAFETY: the kernel writes at most `length` octets, the size of the structure.
        let result = unsafe {
            libc::getsockopt(
                self.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut statistics).cast(),
                &raw mut length,
            )
        };
        if result != 0 {
            return Err(failed(interface, "read the ring's counters"));
        }
        Ok((statistics.tp_packets, statistics.tp_drops, statistics.tp_freeze_q_cnt))
    }

    /// Waits for a block; an error of the socket (its interface went down) is taken off it, and
    /// the time is waited out, so that nobody spins on it.
    pub(super) fn wait(&self, wait: Duration) {
        let mut poll = libc::pollfd {
            fd: self.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let millis = c_int::try_from(wait.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: one structure, which lives through the call.
        unsafe { libc::poll(&raw mut poll, 1, millis) };
        if poll.revents & (libc::POLLERR | libc::POLLHUP | libc::POLLNVAL) != 0 {
            let cause = self.0.take_error().ok().flatten();
            log::debug!(cause:debug = cause; "packet socket");
            std::thread::sleep(wait.min(Duration::from_millis(50)));
        }
    }

    /// The number of the interface that has the name now.
    pub(super) fn index(&self, interface: &str) -> Result<i32, Error> {
        let request = self.ask(interface, libc::SIOCGIFINDEX, "find the interface")?;
        // SAFETY: the kernel set this member.
        Ok(unsafe { request.ifr_ifru.ifru_ifindex })
    }

    /// Whether the interface is up and has a carrier.
    pub(super) fn is_running(&self, interface: &str) -> bool {
        self.ask(interface, libc::SIOCGIFFLAGS, "read the interface's flags")
            .is_ok_and(|request| {
                // SAFETY: the kernel set this member.
                let flags = c_int::from(unsafe { request.ifr_ifru.ifru_flags });
                let both = libc::IFF_UP | libc::IFF_RUNNING;
                flags & both == both
            })
    }

    /// The LINKTYPE_ of the interface's frames.
    pub(super) fn link_type(&self, interface: &str) -> Result<u16, Error> {
        let request = self.ask(interface, libc::SIOCGIFHWADDR, "read the interface's hardware type")?;
        // SAFETY: the kernel set this member.
        match unsafe { request.ifr_ifru.ifru_hwaddr.sa_family } {
            ARPHRD_ETHER | ARPHRD_LOOPBACK => Ok(1),
            // Tunnels: the IP packet alone.
            ARPHRD_NONE | ARPHRD_PPP => Ok(101),
            other => Err(error(
                interface,
                "capture from it",
                io::Error::other(format!("its hardware type {other} is not Ethernet")),
            )),
        }
    }

    fn ask(&self, interface: &str, request: libc::c_ulong, what: &'static str) -> Result<libc::ifreq, Error> {
        // SAFETY: all zero is a valid ifreq.
        let mut argument: libc::ifreq = unsafe { zeroed() };
        let name = interface.as_bytes();
        // The last octet stays zero: the name's end.
        if name.is_empty() || name.len() >= argument.ifr_name.len() {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "no interface has such a name");
            return Err(error(interface, what, source));
        }
        for (to, from) in argument.ifr_name.iter_mut().zip(name) {
            *to = from.cast_signed();
        }
        // SAFETY: these requests read the name and write a member of the structure, which is large enough for each.
        if unsafe { libc::ioctl(self.as_raw_fd(), request as _, &raw mut argument) } != 0 {
            return Err(failed(interface, what));
        }
        Ok(argument)
    }

    fn set<T>(&self, interface: &str, what: &'static str, option: c_int, value: &T) -> Result<(), Error> {
        self.set_at(interface, what, libc::SOL_PACKET, option, value)
    }

    fn set_at<T>(
        &self,
        interface: &str,
        what: &'static str,
        level: c_int,
        option: c_int,
        value: &T,
    ) -> Result<(), Error> {
        // SAFETY: address and size are those of `value`, which the kernel only reads.
        let result = unsafe {
            libc::setsockopt(
                self.as_raw_fd(),
                level,
                option,
                std::ptr::from_ref(value).cast::<c_void>(),
                size_of::<T>() as libc::socklen_t,
            )
        };
        if result == 0 {
            Ok(())
        } else {
            Err(failed(interface, what))
        }
    }
}
