//! An answer as it arrives, piece by piece.

use std::time::Duration;

use bytes::Bytes;
use futures::AsyncReadExt;
use grid::id::NodeId;
use tokio::time::{Instant, timeout};

use super::error::DataError;
use crate::data::limits::Limits;
use crate::data::swarm::Opened;
use crate::data::traffic::Traffic;
use crate::data::wire::{Ending, MAX_PIECE, MAX_STATUS};
use crate::wire::codec;

/// An answer that has begun.
#[derive(Debug)]
pub(super) struct Body {
    from: Opened,
    limits: Limits,
    length: u64,
    received: u64,
    /// How long it was the server that was waited for.
    waited: Duration,
    ending: Option<Ending>,
    /// Where it is counted what comes, and from whom.
    count: (Traffic, NodeId),
}

impl Body {
    pub(super) fn new(from: Opened, length: u64, limits: Limits, count: (Traffic, NodeId)) -> Self {
        Self { from, limits, length, received: 0, waited: Duration::ZERO, ending: None, count }
    }

    /// How long the answer is, as the server says.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// How it ended, if it has.
    pub(super) fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// The next piece; none after the last, when the ending is known.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, DataError> {
        if self.ending.is_some() {
            return Ok(None);
        }
        let piece = self.frame(MAX_PIECE).await?;
        if !piece.is_empty() {
            self.received += piece.len() as u64;
            return Ok(Some(piece.into()));
        }
        let ending = self.frame(MAX_STATUS).await?;
        match codec::decode(&ending).map_err(|error| DataError::Malformed(error.to_string()))? {
            Ending::Failed(refusal) => Err(DataError::Failed { received: self.received, length: self.length, refusal }),
            ending @ (Ending::Done | Ending::Signed { .. }) => {
                self.ending = Some(ending);
                Ok(None)
            }
        }
    }

    /// All of it, if it is not too much.
    pub(super) async fn all(mut self, most: u64) -> Result<Vec<u8>, DataError> {
        let mut all = Vec::new();
        if self.length > most {
            return Err(DataError::Malformed(format!("{} bytes, and {most} are possible", self.length)));
        }
        while let Some(piece) = self.piece().await? {
            if self.received > self.length {
                return Err(self.too_much());
            }
            all.extend_from_slice(&piece);
        }
        if self.received < self.length { Err(self.ended("no more was sent".into())) } else { Ok(all) }
    }

    /// The server has sent more than it said.
    pub(super) fn too_much(&self) -> DataError {
        DataError::Malformed(format!("it is longer than the {} bytes that were announced", self.length))
    }

    /// The server has sent less than it said.
    pub(super) fn ended(&self, why: String) -> DataError {
        DataError::Ended { received: self.received, length: self.length, why }
    }

    async fn frame(&mut self, most: usize) -> Result<Vec<u8>, DataError> {
        let mut prefix = [0; 4];
        self.fill(&mut prefix).await?;
        let length = usize::try_from(u32::from_be_bytes(prefix)).unwrap_or(usize::MAX);
        if length > most {
            return Err(DataError::Malformed(format!("a piece of {length} bytes, and the most is {most}")));
        }
        let mut frame = vec![0; length];
        self.fill(&mut frame).await?;
        self.count.0.received(self.count.1, (prefix.len() + frame.len()) as u64);
        Ok(frame)
    }

    /// Reads so many bytes. Each step must come in time, and all of them at some rate.
    async fn fill(&mut self, buffer: &mut [u8]) -> Result<(), DataError> {
        let mut found = 0;
        let since = Instant::now();
        while found < buffer.len() {
            let read = timeout(self.limits.stall, self.from.stream.read(&mut buffer[found..])).await;
            match read.map_err(|_| self.stalled())? {
                Ok(0) => return Err(self.ended("the server closed the stream".into())),
                Ok(read) => found += read,
                Err(error) => return Err(self.ended(error.to_string())),
            }
        }
        self.waited += since.elapsed();
        if self.waited > self.limits.rate_grace {
            let rate = self.received * 1000 / u64::try_from(self.waited.as_millis()).unwrap_or(u64::MAX).max(1);
            if rate < self.limits.min_rate {
                return Err(DataError::Slow(rate));
            }
        }
        Ok(())
    }

    fn stalled(&self) -> DataError {
        DataError::Stalled { received: self.received, length: self.length, after: self.limits.stall }
    }
}
