//! Where frames and datagrams come from: capture files, packet rings and UDP sockets. The only crate with unsafe code.

mod ahead;
#[cfg(feature = "corpus")]
pub mod corpus;
pub mod datagram;
pub mod file;
pub mod nic;
mod pages;
pub mod ring;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use model::Timestamp;

pub use ahead::fetch_line;
pub use pages::favour_large_pages;

/// One captured frame, borrowed from its source's buffer.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// When it was captured.
    pub time: Timestamp,
    /// The LINKTYPE_ number of <https://www.tcpdump.org/linktypes.html>, such as 1 for Ethernet.
    pub link_type: u16,
    /// What was captured, from the first octet of the link-layer header.
    pub data: &'a [u8],
    /// The octets on the wire, without FCS.
    pub wire_len: u32,
    /// The tag control information of a VLAN tag that the NIC took off.
    pub vlan_tci: Option<u16>,
    /// That tag's EtherType: 0x8100, or 0x88a8 of a provider's (IEEE 802.1Q); means nothing where there is no such tag.
    pub vlan_tpid: u16,
}

/// The EtherType of a VLAN tag (IEEE 802.1Q).
pub const TPID: u16 = 0x8100;

impl Frame<'_> {
    /// The octets that the link carried, without FCS: with the VLAN tag that the NIC took off.
    #[must_use]
    pub const fn link_octets(&self) -> u32 {
        match self.vlan_tci {
            Some(_) => self.wire_len.saturating_add(4),
            None => self.wire_len,
        }
    }
}

/// What a call to [`Source::poll`] brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polled {
    /// This many frames were handed over.
    Frames(usize),
    /// None came in the time given.
    Idle,
    /// There will be no more.
    End,
}

/// Something that frames come from: a capture file, a packet ring.
pub trait Source {
    /// Hands over the frames that are there, a bounded number of them, in the order of their
    /// arrival; waits up to `wait` for the first (a file never waits). Frames are valid until `on_frames` returns: the
    /// source takes their memory back. It reads a frame when it is asked for, and fetches the next one meanwhile: who
    /// asks for one while it works on others waits for none. Frames that are not asked for are passed over. `on_frames`
    /// may be called several times, or not at all.
    ///
    /// # Errors
    /// When the source cannot go on. Frames before the error were handed over.
    fn poll_together(
        &mut self,
        wait: Duration,
        on_frames: impl FnMut(&mut dyn Iterator<Item = Frame<'_>>),
    ) -> Result<Polled, Error>;

    /// The same, one frame a call.
    ///
    /// # Errors
    /// As [`Self::poll_together`].
    fn poll(&mut self, wait: Duration, mut on_frame: impl FnMut(&Frame<'_>)) -> Result<Polled, Error> {
        self.poll_together(wait, |frames| frames.for_each(|frame| on_frame(&frame)))
    }
}

/// Why frames cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be opened.
    #[error("cannot open {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file cannot be read on, or its compressed data are damaged.
    #[error("cannot read on at byte {offset} of the capture")]
    Read {
        /// Where in the (decompressed) capture.
        offset: u64,
        /// The system's or the decompressor's reason.
        source: std::io::Error,
    },
    /// A file is empty.
    #[error("the file is empty; a capture starts with a header")]
    Empty,
    /// A file is of no format known here.
    #[error("this is {what}, not a pcap or pcapng capture; Wireshark's editcap -F pcapng converts other captures")]
    NotACapture {
        /// What it looks like.
        what: String,
    },
    /// A file ends within a packet or block. What came before it was handed over.
    #[error("the capture is cut off: it ends at byte {end}, within the {what} that starts at byte {offset}")]
    Truncated {
        /// Where the incomplete item starts in the (decompressed) capture.
        offset: u64,
        /// Where the capture ends.
        end: u64,
        /// What is incomplete.
        what: &'static str,
    },
    /// A packet ring cannot be opened or asked.
    #[error("{interface}: cannot {what}")]
    Interface {
        /// The interface.
        interface: String,
        /// The step.
        what: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Datagrams cannot be received.
    #[error("UDP {address}: cannot {what}")]
    Datagrams {
        /// The address and port.
        address: SocketAddr,
        /// The step.
        what: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file contradicts its format. What came before was handed over.
    #[error("the capture is damaged at byte {offset}: {what}")]
    Damaged {
        /// Where in the (decompressed) capture.
        offset: u64,
        /// What is wrong.
        what: String,
    },
}
