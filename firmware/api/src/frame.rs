//! Length-prefixed frames: four octets of length, big endian, then that many octets.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest frame that is read or written, in octets.
pub const FRAME_MAX: usize = 16 << 20;

/// A frame could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The connection failed.
    #[error("the connection failed: {0}")]
    Io(#[from] std::io::Error),
    /// The peer announced, or the caller offered, a frame that is too long.
    #[error("a frame of {0} octets is longer than the {FRAME_MAX} that are allowed")]
    TooLong(usize),
}

/// Reads a frame; `None` where the peer closed the connection between frames.
///
/// # Errors
/// When the connection fails or ends within a frame, or the frame is too long.
pub async fn read(from: &mut (impl AsyncRead + Unpin)) -> Result<Option<Vec<u8>>, FrameError> {
    let mut length = [0; 4];
    match from.read(&mut length).await? {
        0 => return Ok(None),
        n => from.read_exact(length.get_mut(n..).unwrap_or_default()).await?,
    };
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > FRAME_MAX {
        return Err(FrameError::TooLong(length));
    }
    // Memory grows with what arrives, not with what the peer announces.
    let mut body = Vec::with_capacity(length.min(64 << 10));
    let read = from.take(length as u64).read_to_end(&mut body).await?;
    if read < length {
        return Err(FrameError::Io(std::io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(Some(body))
}

/// Writes a frame.
///
/// # Errors
/// When the connection fails or the body is too long.
pub async fn write(to: &mut (impl AsyncWrite + Unpin), body: &[u8]) -> Result<(), FrameError> {
    let length = u32::try_from(body.len())
        .ok()
        .filter(|_| body.len() <= FRAME_MAX)
        .ok_or(FrameError::TooLong(body.len()))?;
    to.write_all(&length.to_be_bytes()).await?;
    to.write_all(body).await?;
    to.flush().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_arrive_as_they_were_sent() {
        let mut wire = Vec::new();
        for body in [&b""[..], b"one", &[7; 100_000]] {
            write(&mut wire, body).await.unwrap();
        }
        let mut from = wire.as_slice();
        assert_eq!(read(&mut from).await.unwrap().unwrap(), b"");
        assert_eq!(read(&mut from).await.unwrap().unwrap(), b"one");
        assert_eq!(read(&mut from).await.unwrap().unwrap(), [7; 100_000]);
        assert!(read(&mut from).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_cut_frame_and_a_giant_are_errors() {
        assert!(matches!(read(&mut &[0, 0][..]).await, Err(FrameError::Io(_))));
        assert!(matches!(read(&mut &[0, 0, 0, 9, 1][..]).await, Err(FrameError::Io(_))));
        assert!(matches!(
            read(&mut &[255, 255, 255, 255][..]).await,
            Err(FrameError::TooLong(_))
        ));
    }
}
