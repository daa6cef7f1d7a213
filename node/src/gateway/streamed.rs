//! A body that comes piece by piece.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http_body_util::StreamBody;
use hyper::body::Frame;
use tokio::sync::OwnedSemaphorePermit;

use super::answer::VALIDATION;
use super::engine::Pieces;
use super::error::ReadError;
use super::reader::Weakest;

/// An answer that has begun. It ends early if its source does: the client sees that it is not complete.
pub(super) struct Streamed {
    pub(super) first: Option<Bytes>,
    pub(super) rest: Pieces,
    /// What all of it rests on, known at its end.
    pub(super) validation: Weakest,
    /// Its place among the answers that are given at a time.
    pub(super) permit: OwnedSemaphorePermit,
}

impl Streamed {
    /// Its bytes.
    pub(super) fn plain(self) -> Body {
        Body::from_stream(self.pieces())
    }

    /// Its bytes, and in the end what they rest on.
    pub(super) fn with_trailer(self) -> Body {
        let validation = self.validation.clone();
        let frames = self.pieces().map(|piece| piece.map(Frame::data));
        let trailer = stream::once(async move {
            let said = HeaderValue::from_str(&validation.describe());
            let said = said.map(|said| (HeaderName::from_static(VALIDATION), said));
            Ok(Frame::trailers(HeaderMap::from_iter(said)))
        });
        Body::new(StreamBody::new(frames.chain(trailer)))
    }

    fn pieces(self) -> impl Stream<Item = Result<Bytes, ReadError>> + Send + use<> {
        let Self { first, rest, permit, .. } = self;
        let rest = stream::unfold((rest, permit), |(mut rest, permit)| async move {
            let piece = rest.recv().await?;
            Some((piece, (rest, permit)))
        });
        stream::iter(first.map(Ok)).chain(rest)
    }
}
