//! Connections: bounded in number, in time and in memory, with TLS or without.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::routes::Source;

/// Connections at a time, and of one address.
const CONNECTIONS_MAX: usize = 256;
const CONNECTIONS_OF_ONE: u32 = 64;
/// How long a TLS handshake may take.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// How long a request's head may take, and a connection may rest between requests.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// Data that the peer does not acknowledge for so long end the connection (TCP_USER_TIMEOUT).
const ACKNOWLEDGE_WITHIN: Duration = Duration::from_secs(60);
/// How long open connections may take to finish when the console stops.
const FINISH_WITHIN: Duration = Duration::from_secs(3);

/// Serves `router` on a listener until `stopping` turns true; with TLS where there is an acceptor.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) {
    let (places, of_one) = (
        Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        Arc::new(PerAddress::default()),
    );
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stopping) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, for instance: give the others time to finish.
                log::debug!("cannot accept: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let (Ok(place), Some(count)) = (
            places.clone().try_acquire_owned(),
            PerAddress::enter(&of_one, peer.ip()),
        ) else {
            continue;
        };
        let (tls, router, stopping) = (tls.clone(), router.clone(), stopping.clone());
        tokio::spawn(async move {
            let _held = (place, count);
            prepare(&stream);
            match tls {
                None => converse(stream, peer, router, stopping).await,
                Some(tls) => match tokio::time::timeout(HANDSHAKE_WITHIN, tls.accept(stream)).await {
                    Ok(Ok(stream)) => converse(stream, peer, router, stopping).await,
                    Ok(Err(error)) => log::debug!("TLS with {peer}: {error}"),
                    Err(_) => log::debug!("TLS with {peer}: no handshake in time"),
                },
            }
        });
    }
    drop(listener);
    let all = u32::try_from(CONNECTIONS_MAX).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(FINISH_WITHIN, places.acquire_many(all)).await;
}

/// Returns when the console stops.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone: that is a stop as well.
    let _ = stopping.wait_for(|stop| *stop).await;
}

fn prepare(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    let set = socket
        .set_tcp_nodelay(true)
        .and_then(|()| socket.set_keepalive(true))
        .and_then(|()| socket.set_tcp_user_timeout(Some(ACKNOWLEDGE_WITHIN)));
    if let Err(error) = set {
        log::debug!("a socket option was refused: {error}");
    }
}

async fn converse<S>(stream: S, peer: SocketAddr, router: Router, mut stopping: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let inner = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Source(peer.ip()));
        inner.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(32 << 10)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        log::debug!("connection with {peer}: {error}");
    }
}

/// Counts the connections of each address.
#[derive(Debug, Default)]
struct PerAddress(Mutex<HashMap<IpAddr, u32>>);

/// A connection that is counted until this is dropped.
struct Counted {
    all: Arc<PerAddress>,
    address: IpAddr,
}

impl PerAddress {
    fn enter(all: &Arc<Self>, address: IpAddr) -> Option<Counted> {
        let mut counts = all.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        (*count < CONNECTIONS_OF_ONE).then(|| {
            *count += 1;
            Counted {
                all: all.clone(),
                address,
            }
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_every_place() {
        let all = Arc::new(PerAddress::default());
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let held: Vec<_> = (0..CONNECTIONS_OF_ONE)
            .map(|_| PerAddress::enter(&all, one).unwrap())
            .collect();
        assert!(PerAddress::enter(&all, one).is_none());
        assert!(PerAddress::enter(&all, other).is_some());
        drop(held);
        assert!(PerAddress::enter(&all, one).is_some());
        assert!(all.0.lock().unwrap().is_empty());
    }
}
