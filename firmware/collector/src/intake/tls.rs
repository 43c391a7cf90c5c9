//! Syslog over TLS (RFC 5425). A connection's messages are framed by their length; one that ends with its line is taken
//! too (RFC 6587). Connections are bounded, in all and of one sender.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::collector::{Protocol, SocketPurpose, SocketStatus};
use syslog::Framer;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::identity::Identity;
use super::logs::Book;
use crate::opener::Opener;
use crate::port::now;

/// Connections at a time; further ones are closed at once.
const CONNECTIONS_MAX: usize = 1_024;
/// Connections of one address.
const CONNECTIONS_EACH: usize = 32;
/// How long a sender may take for TLS's first words.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// A connection that is silent for this long is closed: its sender opens another when it has something to say.
const IDLE: Duration = Duration::from_secs(3_600);
/// Octets that are read at a time.
const READ: usize = 16 << 10;

/// Counts of a port.
#[derive(Debug, Default)]
struct Counts {
    messages: AtomicU64,
    unregistered: AtomicU64,
    refused: AtomicU64,
}

struct Port {
    address: SocketAddr,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

impl Drop for Port {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The ports on which syslog comes over TLS.
pub(crate) struct TlsPorts {
    ports: HashMap<u16, Result<Port, String>>,
    identity: Option<Identity>,
    book: Book,
    opener: Opener,
}

impl TlsPorts {
    pub(crate) fn new(book: Book, opener: Opener) -> Self {
        Self {
            ports: HashMap::new(),
            identity: None,
            book,
            opener,
        }
    }

    /// Listens on these ports and no others; needs a runtime. What could not be opened before is tried again.
    pub(crate) fn listen(&mut self, ports: &[u16], folder: &Path) {
        self.ports.retain(|port, state| ports.contains(port) && state.is_ok());
        for &port in ports {
            if self.ports.contains_key(&port) {
                continue;
            }
            let opened = self.open(port, folder);
            if let Err(why) = &opened {
                log::error!(EVENT = "not_receiving", PORT = port; "syslog over TLS: {why}");
            }
            self.ports.insert(port, opened);
        }
    }

    fn open(&mut self, port: u16, folder: &Path) -> Result<Port, String> {
        let identity = match &self.identity {
            Some(identity) => identity.clone(),
            None => {
                let identity = Identity::open(folder).map_err(|e| format!("{e:#}"))?;
                self.identity.insert(identity).clone()
            }
        };
        let listener = TcpListener::from_std(self.opener.stream(port)?).map_err(|e| e.to_string())?;
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        let counts = Arc::new(Counts::default());
        log::info!(EVENT = "receiving", PORT = port; "receiving syslog over TLS on TCP port {port}");
        let task = tokio::spawn(accept(listener, identity, self.book.clone(), counts.clone()));
        Ok(Port { address, counts, task })
    }

    /// Closes all ports, and the connections with them.
    pub(crate) fn close(&mut self) {
        self.ports.clear();
    }

    /// The certificate's SHA-256, where a port is open.
    pub(crate) fn fingerprint(&self) -> Option<String> {
        let listens = self.ports.values().any(Result::is_ok);
        self.identity
            .as_ref()
            .filter(|_| listens)
            .map(|identity| identity.fingerprint.clone())
    }

    pub(crate) fn statuses(&self) -> Vec<SocketStatus> {
        let status = |(&port, state): (&u16, &Result<Port, String>)| match state {
            Ok(open) => SocketStatus {
                purpose: SocketPurpose::SyslogTls,
                address: open.address,
                datagrams: open.counts.messages.load(Ordering::Relaxed),
                dropped: open.counts.refused.load(Ordering::Relaxed),
                unregistered: open.counts.unregistered.load(Ordering::Relaxed),
                buffer: 0,
                trouble: None,
            },
            Err(why) => SocketStatus {
                purpose: SocketPurpose::SyslogTls,
                address: (std::net::Ipv6Addr::UNSPECIFIED, port).into(),
                datagrams: 0,
                dropped: 0,
                unregistered: 0,
                buffer: 0,
                trouble: Some(why.clone()),
            },
        };
        self.ports.iter().map(status).collect()
    }
}

/// Connections by their sender.
#[derive(Debug, Default)]
struct Places(Mutex<HashMap<IpAddr, usize>>);

impl Places {
    fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if places.values().sum::<usize>() >= CONNECTIONS_MAX {
            return None;
        }
        let mine = places.entry(peer).or_default();
        if *mine >= CONNECTIONS_EACH {
            return None;
        }
        *mine += 1;
        Some(Place(self.clone(), peer))
    }
}

/// A connection's place, given back when it ends.
struct Place(Arc<Places>, IpAddr);

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mine) = places.get_mut(&self.1) {
            *mine -= 1;
            if *mine == 0 {
                places.remove(&self.1);
            }
        }
    }
}

/// Takes connections for ever; those that are open end with this.
async fn accept(listener: TcpListener, identity: Identity, book: Book, counts: Arc<Counts>) {
    let places = Arc::new(Places::default());
    let mut connections = JoinSet::new();
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(_) => {
                // Out of file descriptors, for instance: give the others time to finish.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        let peer = peer.ip().to_canonical();
        if !book.admits(now(), peer, Protocol::SyslogTls) {
            counts.unregistered.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let Some(place) = places.take(peer) else {
            counts.refused.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let (identity, book, counts) = (identity.clone(), book.clone(), counts.clone());
        connections.spawn(async move {
            if let Err(e) = converse(stream, peer, &identity, &book, &counts).await {
                log::info!(EVENT = "syslog_closed"; "syslog over TLS from {peer}: {e:#}");
            }
            drop(place);
        });
    }
}

async fn converse(
    stream: TcpStream,
    peer: IpAddr,
    identity: &Identity,
    book: &Book,
    counts: &Counts,
) -> anyhow::Result<()> {
    let mut stream = timeout(HANDSHAKE, identity.acceptor.accept(stream)).await??;
    let mut framer = Framer::default();
    let mut octets = vec![0; READ];
    loop {
        let read = match timeout(IDLE, stream.read(&mut octets)).await {
            Ok(read) => read?,
            Err(_) => 0,
        };
        let time = now();
        let mut registered = true;
        let mut take = |message: &[u8]| {
            counts.messages.fetch_add(1, Ordering::Relaxed);
            registered &= book.message(time, peer, Protocol::SyslogTls, message);
        };
        let fed = match read {
            0 => {
                // A last line without its end.
                framer.finish(&mut take);
                return Ok(());
            }
            read => framer.push(octets.get(..read).unwrap_or_default(), &mut take),
        };
        fed?;
        anyhow::ensure!(registered, "the sender is no longer registered");
    }
}
