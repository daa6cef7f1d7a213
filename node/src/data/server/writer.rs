//! Writes an answer to a reader, for as long as the reader takes it.

use std::time::Duration;

use bytes::Bytes;
use futures::{AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use crate::data::fault::Prank;
use crate::data::limits::Limits;

/// Why writing ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum Cut {
    /// The stream ended.
    #[error("the reader has gone: {0}")]
    Gone(#[from] std::io::Error),
    /// Nothing was taken.
    #[error("the reader took nothing for {0:?}")]
    Stalled(Duration),
    /// Too little was taken.
    #[error("the reader takes {0} bytes a second")]
    Slow(u64),
    /// This server is faulty on purpose.
    #[error("a fault on purpose")]
    OnPurpose,
}

/// Writes with an eye on the clock.
pub(super) struct Writer<'a, W> {
    pub(super) to: W,
    pub(super) limits: &'a Limits,
    pub(super) prank: Prank,
    /// Bytes after which the fault strikes.
    pub(super) middle: u64,
    written: u64,
    /// How long it was the reader that was waited for.
    waited: Duration,
}

impl<'a, W: AsyncWrite + Unpin> Writer<'a, W> {
    pub(super) fn new(to: W, limits: &'a Limits, prank: Prank) -> Self {
        let (middle, waited) = (u64::MAX, Duration::ZERO);
        Self { to, limits, prank, middle, written: 0, waited }
    }

    /// Writes bytes of the body.
    pub(super) async fn body(&mut self, mut bytes: Bytes) -> Result<(), Cut> {
        let strikes = matches!(self.prank, Prank::Truncate | Prank::Stall);
        if strikes && self.written + bytes.len() as u64 > self.middle {
            bytes.truncate(usize::try_from(self.middle.saturating_sub(self.written)).unwrap_or(usize::MAX));
            self.all(&bytes).await?;
            self.to.flush().await?;
            if self.prank == Prank::Stall {
                // Longer than any reader waits.
                tokio::time::sleep(self.limits.stall * 4).await;
            }
            return Err(Cut::OnPurpose);
        }
        self.all(&bytes).await
    }

    /// Writes bytes. Each step must be taken in time, and all of them at some rate.
    pub(super) async fn all(&mut self, mut bytes: &[u8]) -> Result<(), Cut> {
        while !bytes.is_empty() {
            let since = Instant::now();
            let written = timeout(self.limits.stall, self.to.write(bytes)).await;
            let written = written.map_err(|_| Cut::Stalled(self.limits.stall))??;
            if written == 0 {
                return Err(Cut::Gone(std::io::ErrorKind::WriteZero.into()));
            }
            bytes = &bytes[written..];
            self.written += written as u64;
            self.waited += since.elapsed();
        }
        if self.waited > self.limits.rate_grace {
            let rate = self.written * 1000 / u64::try_from(self.waited.as_millis()).unwrap_or(u64::MAX).max(1);
            if rate < self.limits.min_rate {
                return Err(Cut::Slow(rate));
            }
        }
        Ok(())
    }

    /// Sees to it that everything leaves, and ends the stream.
    pub(super) async fn close(mut self) -> Result<(), Cut> {
        let closed = timeout(self.limits.stall, self.to.close()).await;
        Ok(closed.map_err(|_| Cut::Stalled(self.limits.stall))??)
    }
}
