//! A port that datagrams are received on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use api::collector::{SocketPurpose, SocketStatus};
use capture::datagram::DatagramSocket;

use crate::chain;

/// Octets of receive buffer that each socket asks for.
pub(super) const BUFFER: usize = 32 << 20;

/// An open port: one socket for each thread that reads it.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) purpose: SocketPurpose,
    pub(super) port: u16,
    sockets: Vec<DatagramSocket>,
    pub(super) received: AtomicU64,
    pub(super) unregistered: AtomicU64,
    /// What the kernel dropped, and what found no place between threads.
    pub(super) dropped: AtomicU64,
    trouble: Mutex<Option<String>>,
}

impl Listener {
    pub(super) fn new(purpose: SocketPurpose, port: u16, sockets: Vec<DatagramSocket>) -> Self {
        Self {
            purpose,
            port,
            sockets,
            received: AtomicU64::new(0),
            unregistered: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            trouble: Mutex::new(None),
        }
    }

    /// A thread's socket.
    pub(super) fn socket(&self, thread: usize) -> Option<&DatagramSocket> {
        self.sockets.get(thread)
    }

    /// Adds what the kernel dropped of a thread's datagrams since this was last called, and answers it.
    pub(super) fn count_drops(&self, thread: usize) -> u64 {
        let drops = self.socket(thread).and_then(|s| s.take_drops().ok()).unwrap_or(0);
        self.dropped.fetch_add(drops, Ordering::Relaxed);
        drops
    }

    /// A socket cannot be read.
    pub(super) fn fail(&self, error: &capture::Error) {
        let why = chain(error);
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.as_ref() != Some(&why) {
            log::error!(EVENT = "not_receiving"; "{why}");
        }
        *trouble = Some(why);
    }

    pub(super) fn status(&self) -> Option<SocketStatus> {
        let first = self.sockets.first()?;
        let buffer = self.sockets.iter().filter_map(|s| s.buffer().ok()).sum::<usize>();
        Some(SocketStatus {
            purpose: self.purpose,
            address: first.address(),
            datagrams: self.received.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            unregistered: self.unregistered.load(Ordering::Relaxed),
            buffer: buffer as u64,
            trouble: self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        })
    }
}
