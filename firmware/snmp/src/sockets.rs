//! The few sockets that all agents share.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::PoisonError;

use async_snmp::UdpTransport;
use model::LinkId;

use crate::error::Error;

/// Octets that the kernel keeps of answers that were not read yet: thousands of agents answer at once.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Octets of a datagram that we take in SNMPv3, where agents ask: what Ethernet carries in one frame.
const DATAGRAM: usize = 1_472;

/// The sockets. Each agent stays with one of them.
pub(crate) struct Sockets {
    slots: Vec<Mutex<Slot>>,
}

struct Slot {
    bind: SocketAddr,
    transport: UdpTransport,
    generation: u64,
}

/// A socket at one time; a later one in its place has another generation.
#[derive(Clone)]
pub(crate) struct Socket {
    pub(crate) transport: UdpTransport,
    slot: usize,
    generation: u64,
}

impl Sockets {
    pub(crate) async fn open(binds: &[SocketAddr]) -> Result<Self, Error> {
        let mut slots = Vec::with_capacity(binds.len());
        for &bind in binds {
            slots.push(Mutex::new(Slot {
                bind,
                transport: open(bind).await?,
                generation: 0,
            }));
        }
        Ok(Self { slots })
    }

    /// Where the sockets are.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.slots
            .iter()
            .map(|slot| {
                slot.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .transport
                    .local_addr()
            })
            .collect()
    }

    /// The socket that an agent uses: one of its address's family.
    pub(crate) fn of(&self, id: LinkId, target: SocketAddr) -> Result<Socket, Error> {
        let fits = |slot: &(usize, &Mutex<Slot>)| {
            slot.1.lock().unwrap_or_else(PoisonError::into_inner).bind.is_ipv4() == target.is_ipv4()
        };
        let count = self.slots.iter().enumerate().filter(fits).count();
        let chosen = usize::try_from(id.0)
            .unwrap_or(0)
            .checked_rem(count)
            .ok_or(Error::NoSocket(target))?;
        let (number, slot) = self
            .slots
            .iter()
            .enumerate()
            .filter(fits)
            .nth(chosen)
            .ok_or(Error::NoSocket(target))?;
        let slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Socket {
            transport: slot.transport.clone(),
            slot: number,
            generation: slot.generation,
        })
    }

    /// Opens a socket that has failed for good once more, unless that was done already.
    pub(crate) async fn replace(&self, failed: &Socket) -> Result<(), Error> {
        let Some(slot) = self.slots.get(failed.slot) else {
            return Ok(());
        };
        let bind = {
            let slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            if slot.generation != failed.generation {
                return Ok(());
            }
            slot.bind
        };
        let transport = open(bind).await?;
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.generation == failed.generation {
            slot.transport = transport;
            slot.generation += 1;
        }
        Ok(())
    }
}

async fn open(at: SocketAddr) -> Result<UdpTransport, Error> {
    let builder = UdpTransport::builder().bind(at.to_string()).max_message_size(DATAGRAM);
    builder
        .recv_buffer_size(RECEIVE_BUFFER)
        .warn_on_source_mismatch(false)
        .build()
        .await
        .map_err(|source| Error::Bind { at, source })
}
