//! Frames: how messages are told apart in a stream of bytes.
//!
//! ```text
//! length, 4 bytes, big-endian | so many bytes
//! ```

use std::io;

use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Room is made for so many bytes at a time, as they arrive: a length alone costs us nothing.
const STEP: usize = 64 << 10;

/// Why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The other side closed the stream where a frame would begin: the orderly end.
    #[error("the other side closed the stream")]
    Closed,
    /// The stream ended within a frame.
    #[error("the stream ended within a frame, after {found} bytes of {expected}")]
    Truncated {
        /// How many bytes there were.
        found: usize,
        /// How many bytes there should have been.
        expected: usize,
    },
    /// A frame that is longer than it may be.
    #[error("a frame of {length} bytes, and the most is {limit}")]
    TooLong {
        /// The length, as it stands before the frame.
        length: usize,
        /// The most it may be.
        limit: usize,
    },
    /// The stream failed.
    #[error("the stream failed: {0}")]
    Io(#[from] io::Error),
}

/// Reads one frame of at most `limit` bytes.
///
/// # Errors
/// [`FrameError::TooLong`] before anything is reserved; the others as the stream ends or fails. After an error the
/// stream is of no more use.
pub async fn read_frame<R: AsyncRead + Unpin>(from: &mut R, limit: usize) -> Result<Vec<u8>, FrameError> {
    let mut prefix = [0; 4];
    match fill(from, &mut prefix).await? {
        0 => return Err(FrameError::Closed),
        4 => {}
        found => return Err(FrameError::Truncated { found, expected: prefix.len() }),
    }
    let length = usize::try_from(u32::from_be_bytes(prefix)).unwrap_or(usize::MAX);
    if length > limit {
        return Err(FrameError::TooLong { length, limit });
    }
    let mut frame = Vec::new();
    while frame.len() < length {
        let start = frame.len();
        frame.resize(length.min(start + STEP), 0);
        let found = fill(from, &mut frame[start..]).await?;
        if start + found < frame.len() {
            return Err(FrameError::Truncated { found: start + found, expected: length });
        }
    }
    Ok(frame)
}

/// Writes one frame, and sees to it that it leaves.
///
/// # Errors
/// [`FrameError::TooLong`] for 2^32 bytes and more, or the stream's own.
pub async fn write_frame<W: AsyncWrite + Unpin>(to: &mut W, bytes: &[u8]) -> Result<(), FrameError> {
    let Ok(length) = u32::try_from(bytes.len()) else {
        return Err(FrameError::TooLong { length: bytes.len(), limit: u32::MAX as usize });
    };
    to.write_all(&length.to_be_bytes()).await?;
    to.write_all(bytes).await?;
    Ok(to.flush().await?)
}

/// Reads until the buffer is full or the stream ends; says how many bytes there were.
async fn fill<R: AsyncRead + Unpin>(from: &mut R, buffer: &mut [u8]) -> io::Result<usize> {
    let mut found = 0;
    while found < buffer.len() {
        match from.read(&mut buffer[found..]).await {
            Ok(0) => break,
            Ok(read) => found += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::io::Cursor;

    use super::*;

    fn written(bytes: &[u8]) -> Vec<u8> {
        let mut stream = Cursor::new(Vec::new());
        block_on(write_frame(&mut stream, bytes)).unwrap();
        stream.into_inner()
    }

    fn read(stream: &[u8], limit: usize) -> Result<Vec<u8>, FrameError> {
        block_on(read_frame(&mut Cursor::new(stream), limit))
    }

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, STEP - 1, STEP, STEP + 1, 3 * STEP] {
            let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(length).collect();
            assert_eq!(read(&written(&bytes), length).unwrap(), bytes);
        }
        assert_eq!(written(&[9, 8]), [0, 0, 0, 2, 9, 8]);
    }

    #[test]
    fn frames_follow_each_other() {
        let mut stream = Cursor::new([written(b"one"), written(b"two")].concat());
        assert_eq!(block_on(read_frame(&mut stream, 9)).unwrap(), b"one");
        assert_eq!(block_on(read_frame(&mut stream, 9)).unwrap(), b"two");
        assert!(matches!(block_on(read_frame(&mut stream, 9)), Err(FrameError::Closed)));
    }

    #[test]
    fn a_long_frame_is_refused() {
        assert!(matches!(read(&written(&[0; 10]), 9), Err(FrameError::TooLong { length: 10, limit: 9 })));
        assert!(matches!(read(&[0xff; 4], 9), Err(FrameError::TooLong { .. })));
    }

    #[test]
    fn a_short_stream_is_an_error() {
        assert!(matches!(read(&[], 9), Err(FrameError::Closed)));
        assert!(matches!(read(&[0, 0], 9), Err(FrameError::Truncated { found: 2, expected: 4 })));
        assert!(matches!(read(&[0, 0, 0, 3, 1], 9), Err(FrameError::Truncated { found: 1, expected: 3 })));
    }
}
