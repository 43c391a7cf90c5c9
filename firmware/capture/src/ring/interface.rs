//! An interface that may go down, vanish and come back.

use super::socket::PacketSocket;
use crate::Error;

/// What an interface is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// Up, with a carrier.
    Up,
    /// Down, or without a carrier.
    Down,
    /// There is no interface of this name.
    Missing,
}

/// Follows an interface by its name.
#[derive(Debug)]
pub(super) struct Watch {
    name: String,
    promiscuous: bool,
    /// The interface that the socket is bound to.
    bound: Option<i32>,
    state: LinkState,
    /// Whether the socket cannot be bound anew: the kernel refuses that in a fanout group.
    held: bool,
}

impl Watch {
    pub(super) fn new(name: &str, promiscuous: bool) -> Self {
        Self {
            name: name.to_owned(),
            promiscuous,
            bound: None,
            state: LinkState::Missing,
            held: false,
        }
    }

    /// The socket joined a group, and stays bound as it is.
    pub(super) const fn hold(&mut self) {
        self.held = true;
    }

    /// Whether nothing will come any more.
    pub(super) const fn is_lost(&self) -> bool {
        self.held && self.bound.is_none()
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn state(&self) -> LinkState {
        self.state
    }

    /// Binds the socket to the interface that has the name now.
    pub(super) fn attach(&mut self, socket: &PacketSocket) -> Result<(), Error> {
        let index = socket.index(&self.name)?;
        socket.bind(&self.name, index)?;
        if self.promiscuous {
            socket.set_promiscuous(&self.name, index)?;
        }
        self.bound = Some(index);
        self.note(socket);
        Ok(())
    }

    /// Looks how the interface is; binds anew when another one has taken its name.
    pub(super) fn look(&mut self, socket: &PacketSocket) {
        match socket.index(&self.name) {
            Ok(index) if self.bound == Some(index) => self.note(socket),
            Ok(_) if self.held => {
                self.bound = None;
                self.set(LinkState::Missing);
            }
            Ok(_) => {
                if let Err(error) = self.attach(socket) {
                    // Tried again at the next look.
                    self.bound = None;
                    self.set(LinkState::Missing);
                    log::debug!(interface = self.name.as_str(), error:% = error; "the interface cannot be bound yet");
                }
            }
            Err(_) => {
                self.bound = None;
                self.set(LinkState::Missing);
            }
        }
    }

    fn note(&mut self, socket: &PacketSocket) {
        let up = socket.is_running(&self.name);
        self.set(if up { LinkState::Up } else { LinkState::Down });
    }

    fn set(&mut self, state: LinkState) {
        if state != self.state {
            log::info!(interface = self.name.as_str(), state:debug = state; "capture interface");
            self.state = state;
        }
    }
}
