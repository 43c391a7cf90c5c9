//! The answering end.

use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use crate::{Failure, FailureKind, frame};

/// Connections served at a time; further ones wait in the socket's backlog.
const CONNECTIONS_MAX: usize = 64;
/// A connection that is silent for this long is closed.
const IDLE: Duration = Duration::from_secs(60);

/// Who asks: the kernel's word for it (SO_PEERCRED).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The user.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
}

/// An answer ready to be sent.
pub type Reply = Result<serde_json::Value, Failure>;

/// Makes a reply of a value.
///
/// # Errors
/// When the value cannot be written as JSON.
pub fn reply<T: Serialize>(value: T) -> Reply {
    serde_json::to_value(value)
        .map_err(|e| Failure::new(FailureKind::Unavailable, format!("the answer is not JSON: {e}")))
}

/// Listens at `path` with permissions `mode`; a socket that a dead program left is replaced.
///
/// # Errors
/// When the folder is missing or may not be written.
pub fn listen(path: &Path, mode: u32) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(listener)
}

/// Answers requests for ever. Each connection may ask again and again, one request at a time.
pub async fn serve<R, F, A>(listener: UnixListener, answer: F)
where
    R: DeserializeOwned + Send + 'static,
    F: Fn(R, Peer) -> A + Send + Sync + 'static,
    A: Future<Output = Reply> + Send,
{
    let answer = Arc::new(answer);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let answer = answer.clone();
                tokio::spawn(async move {
                    converse(stream, &*answer).await;
                    drop(place);
                });
            }
            // Out of file descriptors, for instance: give the others time to finish.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn converse<R, F, A>(mut stream: UnixStream, answer: &F)
where
    R: DeserializeOwned,
    F: Fn(R, Peer) -> A,
    A: Future<Output = Reply>,
{
    let Ok(peer) = stream.peer_cred().map(|cred| Peer {
        uid: cred.uid(),
        gid: cred.gid(),
    }) else {
        return;
    };
    while let Ok(Ok(Some(body))) = tokio::time::timeout(IDLE, frame::read(&mut stream)).await {
        let reply = match serde_json::from_slice::<R>(&body) {
            Ok(request) => answer(request, peer).await,
            Err(e) => Err(Failure::new(
                FailureKind::BadRequest,
                format!("the request is not understood: {e}"),
            )),
        };
        let body = match reply {
            Ok(value) => serde_json::json!({ "ok": value }),
            Err(failure) => serde_json::json!({ "error": failure }),
        };
        if frame::write(&mut stream, body.to_string().as_bytes()).await.is_err() {
            return;
        }
    }
}
