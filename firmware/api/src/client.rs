//! The asking end.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tokio::net::UnixStream;

use crate::frame::{self, FrameError};
use crate::{Call, Failure, FailureKind, RUN_DIR, Service};

/// How long an answer may take, unless the caller says otherwise.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A request failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody listens: the service is stopped or starting.
    #[error("the {} does not answer at {path}: {source}; it may be starting, see `show services`", service.name())]
    Connect {
        /// Who was asked.
        service: Service,
        /// The socket's path.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The connection broke.
    #[error("the {} broke off: {source}", service.name())]
    Broken {
        /// Who was asked.
        service: Service,
        /// What happened.
        source: FrameError,
    },
    /// No answer came in time.
    #[error("the {} gave no answer within {} s", service.name(), ANSWER_WITHIN.as_secs())]
    TimedOut {
        /// Who was asked.
        service: Service,
    },
    /// The answer is not what this release understands.
    #[error("the {} answered what this release does not understand: {reason}", service.name())]
    Answer {
        /// Who was asked.
        service: Service,
        /// What the parser said.
        reason: String,
    },
    /// The service refused.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl CallError {
    /// The kind of failure; [`FailureKind::Unavailable`] where the service could not be reached.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Failed(failure) => failure.kind,
            _ => FailureKind::Unavailable,
        }
    }
}

/// Asks services; each call is a connection of its own, so a restarted service is found again.
#[derive(Debug, Clone)]
pub struct Client {
    run_dir: PathBuf,
}

impl Default for Client {
    fn default() -> Self {
        Self::new(RUN_DIR)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reply<T> {
    Ok(T),
    Error(Failure),
}

impl Client {
    /// A client for services whose sockets lie below `run_dir`.
    pub fn new(run_dir: impl AsRef<Path>) -> Self {
        Self {
            run_dir: run_dir.as_ref().to_owned(),
        }
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// When the service cannot be reached, refuses, or answers nothing in time.
    pub async fn call<C: Call>(&self, call: C) -> Result<C::Answer, CallError> {
        let service = C::SERVICE;
        tokio::time::timeout(ANSWER_WITHIN, self.ask(call))
            .await
            .map_err(|_| CallError::TimedOut { service })?
    }

    async fn ask<C: Call>(&self, call: C) -> Result<C::Answer, CallError> {
        let service = C::SERVICE;
        let path = self.run_dir.join(service.socket());
        let mut stream = UnixStream::connect(&path).await.map_err(|source| CallError::Connect {
            service,
            path: path.display().to_string(),
            source,
        })?;
        let broken = |source| CallError::Broken { service, source };
        let answer = |reason: String| CallError::Answer { service, reason };
        let request = serde_json::to_vec(&C::Request::from(call)).map_err(|e| answer(e.to_string()))?;
        frame::write(&mut stream, &request).await.map_err(broken)?;
        let body = frame::read(&mut stream)
            .await
            .map_err(broken)?
            .ok_or_else(|| broken(FrameError::Io(std::io::ErrorKind::UnexpectedEof.into())))?;
        match serde_json::from_slice(&body).map_err(|e| answer(e.to_string()))? {
            Reply::Ok(value) => Ok(value),
            Reply::Error(failure) => Err(failure.into()),
        }
    }
}
