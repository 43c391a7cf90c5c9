//! The two listening sockets: handed over by systemd, or opened here.

use std::net::{SocketAddr, TcpListener};

use anyhow::{Context, Result, bail};
use listenfd::ListenFd;

/// The sockets for HTTPS and for the redirect.
pub(crate) struct Listeners {
    /// HTTPS.
    pub(crate) https: TcpListener,
    /// The redirect, where there is one.
    pub(crate) http: Option<TcpListener>,
}

impl Listeners {
    /// Opens sockets on the addresses, or takes those that systemd names `https` and `http` (sd_listen_fds(3)).
    pub(crate) fn open(https: Option<SocketAddr>, http: Option<SocketAddr>) -> Result<Self> {
        let listeners = match https {
            Some(https) => Self {
                https: bind(https)?,
                http: http.map(bind).transpose()?,
            },
            None => Self::handed_over()?,
        };
        for listener in [Some(&listeners.https), listeners.http.as_ref()].into_iter().flatten() {
            listener.set_nonblocking(true)?;
        }
        Ok(listeners)
    }

    fn handed_over() -> Result<Self> {
        let names: Vec<String> = sd_notify::listen_fds_with_names()
            .context("cannot read which sockets systemd handed over")?
            .map(|(_, name)| name)
            .collect();
        let mut sockets = ListenFd::from_env();
        let (mut https, mut http) = (None, None);
        for (place, name) in names.iter().enumerate() {
            let slot = match name.as_str() {
                "https" => &mut https,
                "http" => &mut http,
                other => bail!("systemd handed over a socket named {other:?}: only https and http are known"),
            };
            *slot = sockets
                .take_tcp_listener(place)
                .with_context(|| format!("the socket {name} is no TCP socket"))?;
        }
        match https {
            Some(https) => Ok(Self { https, http }),
            None => bail!("systemd handed over no socket named https; outside systemd use --listen-https ADDRESS:PORT"),
        }
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))
}
