//! Downloads over HTTP and HTTPS: what to ask and what an answer means (pure), and the connection (shell).

mod address;
mod connection;
#[cfg(test)]
mod tests;
mod transfer;

use std::path::Path;
use std::time::{Duration, Instant};

pub use address::{Address, BadAddress};
pub use connection::{Pace, Roots};
pub use transfer::{Ask, Failed, Head, Next, Transfer};

use crate::order::Report;
use crate::staging::Staging;

/// Why a download did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The address is none.
    #[error(transparent)]
    Address(#[from] BadAddress),
    /// The server's answers.
    #[error(transparent)]
    Server(#[from] Failed),
    /// The staging place.
    #[error(transparent)]
    Staging(#[from] crate::staging::StagingError),
    /// It takes too long.
    #[error("it is not here after {} min: fetch it with another computer and upload it", .0.as_secs() / 60)]
    Deadline(Duration),
}

/// Downloads a bundle to the staging place and gives its octets. What broke off is taken up where it was.
///
/// # Errors
/// Says why it is not there; nothing of it is left then.
pub async fn download(
    url: &str,
    folder: &Path,
    most: u64,
    reserve: u64,
    roots: &Roots,
    pace: &Pace,
    mut report: impl FnMut(Report),
) -> Result<u64, DownloadError> {
    let mut transfer = Transfer::new(Address::parse(url)?);
    let mut staging = Staging::start(folder, most, reserve)?;
    let began = Instant::now();
    loop {
        let left = pace.whole.saturating_sub(began.elapsed());
        let attempt = connection::attempt(&mut transfer, &mut staging, roots, pace, &mut report);
        let next = tokio::time::timeout(left, attempt)
            .await
            .map_err(|_| DownloadError::Deadline(pace.whole))??;
        match next {
            Next::Done => return Ok(staging.finish()?),
            Next::Ask => {}
            Next::Wait(seconds) => tokio::time::sleep(pace.pause.saturating_mul(seconds)).await,
        }
    }
}
