//! The memory that kernel and program share.
#![allow(unsafe_code, reason = "memory is shared with the kernel")]

use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::libc;

use super::socket::{PacketSocket, failed};
use crate::Error;

/// Where `block_status` is in a block.
const STATUS: usize = 8;

/// The mapped ring.
#[derive(Debug)]
pub(super) struct Map {
    base: NonNull<u8>,
    block_size: usize,
    blocks: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread; `Map` is its only owner.
unsafe impl Send for Map {}

impl Map {
    /// Maps the ring of a socket, which has to have `blocks` blocks of `block_size` octets.
    pub(super) fn new(socket: &PacketSocket, interface: &str, block_size: u32, blocks: u32) -> Result<Self, Error> {
        let (block_size, blocks) = (block_size as usize, blocks as usize);
        // SAFETY: no address is asked for, so no other mapping is touched; the result is checked.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                block_size * blocks,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                socket.as_raw_fd(),
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(failed(interface, "map the packet ring"));
        }
        NonNull::new(address.cast())
            .map(|base| Self {
                base,
                block_size,
                blocks,
            })
            .ok_or_else(|| failed(interface, "map the packet ring"))
    }

    pub(super) const fn blocks(&self) -> usize {
        self.blocks
    }

    pub(super) const fn octets(&self) -> usize {
        self.block_size * self.blocks
    }

    fn status(&self, block: usize) -> &AtomicU32 {
        assert!(block < self.blocks);
        // SAFETY: the block lies in the mapping, which lives as long as `self`; blocks are page-aligned,
        // so the status is aligned; the kernel, too, reads and writes it as one 32-bit word.
        unsafe { AtomicU32::from_ptr(self.base.add(block * self.block_size + STATUS).cast().as_ptr()) }
    }

    /// Whether the kernel has given us the block.
    pub(super) fn is_ready(&self, block: usize) -> bool {
        // Acquire: the kernel wrote the block before the status.
        self.status(block).load(Ordering::Acquire) & libc::TP_STATUS_USER != 0
    }

    /// A block that is ready.
    pub(super) fn block(&self, block: usize) -> &[u8] {
        assert!(block < self.blocks && self.is_ready(block));
        // SAFETY: the block lies in the mapping, and the kernel does not write to a block that is
        // ours; `release` takes `&mut self`, so no slice outlives our turn.
        unsafe { std::slice::from_raw_parts(self.base.add(block * self.block_size).as_ptr(), self.block_size) }
    }

    /// Gives a block back to the kernel.
    pub(super) fn release(&mut self, block: usize) {
        // Release: our reads are done before the kernel may write.
        self.status(block).store(libc::TP_STATUS_KERNEL, Ordering::Release);
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: address and length are those of the mapping, and nothing borrows from it any more.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.block_size * self.blocks) };
    }
}
