//! Sends a capture's frames to an interface as fast as it takes them, for measuring what listens:
//! `send INTERFACE CAPTURE TIMES`. Prints how many frames were sent, and in how many milliseconds. Takes CAP_NET_RAW.
#![allow(unsafe_code, reason = "frames are sent in batches by sendmmsg(2)")]
#![allow(clippy::cast_possible_truncation, reason = "sizes of C structures fit their fields")]

use std::error::Error;
use std::io::ErrorKind;
use std::mem::{size_of, zeroed};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::{Duration, Instant};

use capture::file::CaptureFile;
use capture::{Polled, Source};
use nix::libc;
use socket2::{Domain, SockAddr, Socket, Type};

/// Frames that one system call sends.
const BATCH: usize = 128;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [interface, capture, times] = args.as_slice() else {
        return Err("usage: send INTERFACE CAPTURE TIMES".into());
    };
    let times: u32 = times.parse()?;
    let (octets, places) = read(Path::new(capture))?;
    let socket = open(interface)?;

    let parts: Vec<libc::iovec> = places
        .iter()
        .map(|&(from, length)| libc::iovec {
            iov_base: octets[from..from + length].as_ptr().cast_mut().cast(),
            iov_len: length,
        })
        .collect();
    let mut messages: Vec<libc::mmsghdr> = parts
        .iter()
        .map(|part| {
            // SAFETY: all zero is a valid message header.
            let mut message: libc::mmsghdr = unsafe { zeroed() };
            message.msg_hdr.msg_iov = std::ptr::from_ref(part).cast_mut();
            message.msg_hdr.msg_iovlen = 1;
            message
        })
        .collect();
    let start = Instant::now();
    let (mut sent, mut refused) = (0_u64, 0_u64);
    for _ in 0..times {
        for batch in messages.chunks_mut(BATCH) {
            let mut done = 0;
            while let Some(rest) = batch.get_mut(done..).filter(|rest| !rest.is_empty()) {
                // SAFETY: the headers and what they point to live through the call; the kernel writes their lengths alone.
                let taken = unsafe { libc::sendmmsg(socket.as_raw_fd(), rest.as_mut_ptr(), rest.len() as u32, 0) };
                if let Ok(taken) = usize::try_from(taken) {
                    done += taken;
                    sent += taken as u64;
                } else {
                    let error = std::io::Error::last_os_error();
                    if error.raw_os_error() != Some(libc::ENOBUFS) && error.kind() != ErrorKind::WouldBlock {
                        return Err(format!("{interface} takes no frame of {} octets: {error}", length(rest)).into());
                    }
                    // the frame is sent again
                    refused += 1;
                    std::thread::sleep(Duration::from_micros(50));
                }
            }
        }
    }
    println!("{sent} {} {refused}", start.elapsed().as_millis());
    Ok(())
}

/// Octets of the first frame that is to be sent.
fn length(messages: &[libc::mmsghdr]) -> usize {
    // SAFETY: each message points to its one part, which lives as long as the messages do.
    messages
        .first()
        .map_or(0, |message| unsafe { (*message.msg_hdr.msg_iov).iov_len })
}

/// Where a frame begins, and how many octets it has.
type Place = (usize, usize);

/// A capture's frames one after the other, and where each is.
fn read(path: &Path) -> Result<(Vec<u8>, Vec<Place>), Box<dyn Error>> {
    let mut source = CaptureFile::open(path)?;
    let (mut octets, mut places) = (Vec::new(), Vec::new());
    loop {
        let polled = source.poll(Duration::ZERO, |frame| {
            places.push((octets.len(), frame.data.len()));
            octets.extend_from_slice(frame.data);
        })?;
        if polled == Polled::End {
            return Ok((octets, places));
        }
    }
}

/// A packet socket that receives nothing, and sends past the queueing discipline.
fn open(interface: &str) -> Result<Socket, Box<dyn Error>> {
    let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
    let index = std::fs::read_to_string(format!("/sys/class/net/{interface}/ifindex"))?;
    // SAFETY: all zero is a valid sockaddr_ll.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_ifindex = index.trim().parse()?;
    // SAFETY: a sockaddr_storage is large and aligned enough for a sockaddr_ll, whose size is given.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, length| {
            storage.cast::<libc::sockaddr_ll>().write(address);
            *length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
            Ok(())
        })
    }?;
    socket.bind(&address)?;
    socket.set_send_buffer_size(8 << 20)?;
    let yes: libc::c_int = 1;
    // SAFETY: address and size are those of the number, which the kernel only reads.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_QDISC_BYPASS,
            (&raw const yes).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if done != 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    Ok(socket)
}
