//! Answers of each kind, checked as far as they can be while they arrive.

use bytes::{Bytes, BytesMut};
use dataset::proof::Decoder;
use futures::stream::{self, Stream};
use grid::id::GridId;
use grid::peer::Peer;

use super::body::Body;
use super::error::DataError;
use crate::data::checksum::Checksum;
use crate::data::signed::SignedAnswer;
use crate::data::wire::{Ending, Request};

/// A group of a stream, proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Its place in the stream.
    pub offset: u64,
    /// Its bytes: 16 KiB, or the rest of the stream. They lie in memory with some neighbours, which stay there for as
    /// long as any of them is held.
    pub bytes: Bytes,
}

/// Groups as they arrive.
#[derive(Debug)]
pub struct Chunks {
    body: Body,
    decoder: Decoder,
    rest: Bytes,
}

impl Chunks {
    pub(super) fn new(body: Body, decoder: Decoder) -> Self {
        Self { body, decoder, rest: Bytes::new() }
    }

    /// The next group; none after the last.
    ///
    /// # Errors
    /// [`DataError::Wrong`] names the first group that is not what the publisher has signed; whatever was given out
    /// before is right. After any error there is nothing more.
    pub async fn next(&mut self) -> Result<Option<Leaf>, DataError> {
        while let Some(wanted) = self.decoder.wanted() {
            let bytes = self.bytes(wanted).await?;
            if let Some(offset) = self.decoder.take(&bytes)? {
                return Ok(Some(Leaf { offset, bytes }));
            }
        }
        match self.body.piece().await? {
            None if self.rest.is_empty() => Ok(None),
            None | Some(_) => Err(self.body.too_much()),
        }
    }

    /// The groups as a stream, which ends after the first error.
    pub fn into_stream(self) -> impl Stream<Item = Result<Leaf, DataError>> {
        stream::unfold(Some(self), async |chunks| {
            let mut chunks = chunks?;
            match chunks.next().await.transpose()? {
                Ok(leaf) => Some((Ok(leaf), Some(chunks))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    /// So many bytes of the encoding: without a copy if they are in one piece, as an honest server sends them.
    async fn bytes(&mut self, wanted: usize) -> Result<Bytes, DataError> {
        if self.rest.is_empty() {
            self.rest = self.more().await?;
        }
        if self.rest.len() >= wanted {
            return Ok(self.rest.split_to(wanted));
        }
        let mut bytes = BytesMut::with_capacity(wanted);
        while bytes.len() < wanted {
            if self.rest.is_empty() {
                self.rest = self.more().await?;
            }
            bytes.extend_from_slice(&self.rest.split_to(self.rest.len().min(wanted - bytes.len())));
        }
        Ok(bytes.freeze())
    }

    async fn more(&mut self) -> Result<Bytes, DataError> {
        self.body.piece().await?.ok_or_else(|| self.body.ended("no more was sent".into()))
    }
}

/// Values as they arrive: what the server says, and in the end signs.
#[derive(Debug)]
pub struct Values {
    body: Body,
    server: Peer,
    grid: GridId,
    request: Vec<u8>,
    hasher: blake3::Hasher,
    received: u64,
    signed: Option<SignedAnswer>,
}

impl Values {
    pub(super) fn new(body: Body, server: Peer, grid: GridId, request: &Request) -> Self {
        let (request, hasher) = (request.encode(), blake3::Hasher::new());
        Self { body, server, grid, request, hasher, received: 0, signed: None }
    }

    /// How many bytes are to come in all.
    pub fn length(&self) -> u64 {
        self.body.length()
    }

    /// The next piece, of at most 1 MiB; none after the last, when [`Values::signed`] is known.
    ///
    /// # Errors
    /// [`DataError`]. After any error there is nothing more.
    pub async fn next(&mut self) -> Result<Option<Bytes>, DataError> {
        let Some(piece) = self.body.piece().await? else {
            self.signed = Some(self.end()?);
            return Ok(None);
        };
        self.received += piece.len() as u64;
        if self.received > self.body.length() {
            return Err(self.body.too_much());
        }
        self.hasher.update(&piece);
        Ok(Some(piece))
    }

    /// What the server answers for: known once the last piece has come.
    pub fn signed(&self) -> Option<&SignedAnswer> {
        self.signed.as_ref()
    }

    fn end(&self) -> Result<SignedAnswer, DataError> {
        if self.received < self.body.length() {
            return Err(self.body.ended("no more was sent".into()));
        }
        let Some(Ending::Signed { root, signature }) = self.body.ending() else { return Err(DataError::Signature) };
        let answer = SignedAnswer {
            server: self.server.id(),
            request: self.request.clone(),
            root: *root,
            signature: signature.clone(),
        };
        let holds = *self.hasher.finalize().as_bytes() == *root && answer.is_by(&self.server, &self.grid);
        if holds { Ok(answer) } else { Err(DataError::Signature) }
    }
}

/// Keyed hashes as they arrive.
#[derive(Debug)]
pub struct Hashes {
    values: Values,
    /// Bytes of a hash.
    width: usize,
    rest: BytesMut,
}

impl Hashes {
    pub(super) fn new(values: Values, checksum: Checksum) -> Self {
        Self { values, width: checksum.bytes(), rest: BytesMut::new() }
    }

    /// The next hash; none after the last, when [`Hashes::signed`] is known.
    ///
    /// # Errors
    /// [`DataError`]. After any error there is nothing more.
    pub async fn next(&mut self) -> Result<Option<Bytes>, DataError> {
        while self.rest.len() < self.width {
            match self.values.next().await? {
                Some(piece) => self.rest.extend_from_slice(&piece),
                None => return Ok(None),
            }
        }
        Ok(Some(self.rest.split_to(self.width).freeze()))
    }

    /// What the server answers for: known once the last hash has come.
    pub fn signed(&self) -> Option<&SignedAnswer> {
        self.values.signed()
    }
}
