//! Sending, over any UDP stack.

use core::net::SocketAddr;
use core::num::NonZeroU8;

use embedded_nal::{UdpClientStack, nb};

/// Why a datagram was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure<E> {
    /// The stack stayed busy for all tries.
    Busy,
    /// The stack's last error.
    Stack(E),
}

/// Hands one datagram to the stack for `remote`, in at most `tries` tries; `pause` is called between two of them and may
/// wait, or let the stack work. The socket is closed again, whatever happens.
///
/// Nothing waits here: a stack that stays busy costs `tries` calls, where `nb::block!` would spin for ever.
///
/// # Errors
/// [`Failure::Busy`], or the stack's last error.
pub fn notify<S: UdpClientStack>(
    stack: &mut S,
    remote: SocketAddr,
    datagram: &[u8],
    tries: NonZeroU8,
    mut pause: impl FnMut(),
) -> Result<(), Failure<S::Error>> {
    let mut socket = stack.socket().map_err(Failure::Stack)?;
    let mut outcome = stack.connect(&mut socket, remote).map_err(Failure::Stack);
    if outcome.is_ok() {
        for number in 0..tries.get() {
            if number > 0 {
                pause();
            }
            outcome = match stack.send(&mut socket, datagram) {
                Ok(()) => Ok(()),
                Err(nb::Error::WouldBlock) => Err(Failure::Busy),
                Err(nb::Error::Other(error)) => Err(Failure::Stack(error)),
            };
            if outcome.is_ok() {
                break;
            }
        }
    }
    let closed = stack.close(socket).map_err(Failure::Stack);
    outcome.and(closed)
}
