//! The one thread that may open packet sockets and ports below 1024. It keeps CAP_NET_RAW and
//! CAP_NET_BIND_SERVICE (and CAP_NET_ADMIN where it has it, for large receive buffers) for what appears
//! or comes back later and never sees a frame; every other thread gives its capabilities up.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::mpsc;

use caps::{CapSet, Capability};
use capture::datagram::{self, DatagramSocket};

use crate::chain;
use crate::tap::Tap;

/// What the thread does: opens something and answers.
type Request = Box<dyn FnOnce() + Send>;

/// Asks the thread to open things.
#[derive(Debug, Clone)]
pub(crate) struct Opener(mpsc::SyncSender<Request>);

impl Opener {
    /// Starts the thread, then takes the capabilities from the calling thread and from all that it
    /// starts from now on.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let (requests, asked) = mpsc::sync_channel::<Request>(16);
        std::thread::Builder::new().name("opener".to_owned()).spawn(move || {
            keep_only(&[
                Capability::CAP_NET_RAW,
                Capability::CAP_NET_BIND_SERVICE,
                Capability::CAP_NET_ADMIN,
            ]);
            asked.into_iter().for_each(|open| open());
        })?;
        keep_only(&[]);
        Ok(Self(requests))
    }

    fn ask<T: Send + 'static>(&self, open: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
        let (reply, answer) = mpsc::sync_channel(1);
        let stopped = || "the program stops".to_owned();
        let request = Box::new(move || {
            // Whoever is gone waits for no answer.
            let _ = reply.send(open());
        });
        self.0.send(request).map_err(|_| stopped())?;
        answer.recv().map_err(|_| stopped())?
    }

    /// Opens rings of so many octets each on an interface.
    ///
    /// # Errors
    /// Says why it cannot be captured on.
    pub(crate) fn open(&self, name: &str, rings: u16, ring_octets: u64) -> Result<Vec<Tap>, String> {
        let name = name.to_owned();
        self.ask(move || Tap::open(&name, rings, ring_octets))
    }

    /// Opens `sockets` sockets on a UDP port that share what comes by its sender.
    ///
    /// # Errors
    /// Says why not.
    pub(crate) fn datagrams(&self, port: u16, sockets: u32, buffer: usize) -> Result<Vec<DatagramSocket>, String> {
        self.ask(move || datagram::open(port, sockets, buffer).map_err(|e| chain(&e)))
    }

    /// Listens on a TCP port of every address.
    ///
    /// # Errors
    /// Says why not.
    pub(crate) fn stream(&self, port: u16) -> Result<TcpListener, String> {
        self.ask(move || {
            let listener = either(port, TcpListener::bind)?;
            listener.set_nonblocking(true).map_err(|e| e.to_string())?;
            Ok(listener)
        })
    }

    /// Lets the thread open whatever else.
    ///
    /// # Errors
    /// As `open` says.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        open: impl FnOnce() -> Result<T, String> + Send + 'static,
    ) -> Result<T, String> {
        self.ask(open)
    }
}

/// IPv6 with IPv4 (the system's default, net.ipv6.bindv6only), or IPv4 alone where there is no IPv6.
fn either<T>(port: u16, bind: impl Fn(SocketAddr) -> std::io::Result<T>) -> Result<T, String> {
    let (six, four) = (Ipv6Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED);
    bind((six, port).into())
        .or_else(|e| match e.kind() {
            std::io::ErrorKind::AddrInUse | std::io::ErrorKind::PermissionDenied => Err(e),
            _ => bind((four, port).into()),
        })
        .map_err(|e| format!("cannot listen on port {port}: {e}"))
}

/// Gives up the calling thread's capabilities but these; those that it does not have it does not get.
fn keep_only(wanted: &[Capability]) {
    let kept = |set| -> Result<caps::CapsHashSet, caps::errors::CapsError> {
        let mut has = caps::read(None, set)?;
        has.retain(|c| wanted.contains(c));
        Ok(has)
    };
    // Ambient first: it may not exceed the others.
    for set in [
        CapSet::Ambient,
        CapSet::Inheritable,
        CapSet::Effective,
        CapSet::Permitted,
    ] {
        let done = kept(set).and_then(|has| caps::set(None, set, &has));
        if let Err(e) = done {
            log::warn!(EVENT = "capabilities"; "cannot give up capabilities ({set:?}): {e}");
        }
    }
}
