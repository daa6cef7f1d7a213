//! What is said on a stream through a tunnel: one question, one answer, each a frame (`wire/frame.rs`) in the encoding of
//! messages.

use std::collections::HashMap;

use futures::io::{AsyncRead, AsyncWrite};
use grid::cell::{Axis, Cell, Shape};
use grid::certified::Certificate;
use grid::output::{GetReport, PutReport};
use grid::peer::{Card, Peer};
use grid::provider::{MAX_ANSWERED, MAX_NOTE, Provider};
use grid::record::{Body, Pointer, Record, Rules};
use serde::{Deserialize, Serialize};

use super::exit::{MAX_HOST, Why};
use super::service::{MAX_NAME, SIGNATURE};
use crate::pointer::PointerText;
use crate::wire::frame::{FrameError, read_frame, write_frame};
use crate::wire::{WireBrief, WireCard, WireCertificate, WireError, WireRecord, bounded, codec};

/// Bytes of a frame beside the record or the cards in it.
const ENVELOPE: usize = 4096;
/// The most cards of a roster.
const MAX_ROSTER: usize = 1024;
/// The most certificates beside it: of 16 lines for two epochs.
const MAX_LINES: usize = 2 * grid::cell::MAX_DIMS as usize;
/// The most bytes of a roster: a card of a 2,048-bit identity has some 620.
const MAX_ROSTER_BYTES: usize = 1 << 20;
/// The longest text in an answer or a question.
const MAX_TEXT: usize = 1024;

/// What the one who laid a tunnel wants of its last node.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Ask {
    /// 0: "Who are your neighbours, and which of them are certified?" One will be the next relay, or the last node.
    Roster,
    /// 1: "Find this for me." The pointer as people write it, and a chunk of the value.
    Get {
        #[serde(serialize_with = "bounded::write_bytes", deserialize_with = "bounded::bytes::<MAX_TEXT, _, _>")]
        pointer: Vec<u8>,
        chunk: u32,
    },
    /// 2: "Store this for me."
    Put { record: WireRecord },
    /// 3: "Where can services of this name be met?" The topic under which that is announced.
    Meetings { topic: [u8; 32] },
    /// 4: "Let a service be met here", which is at this end of the tunnel.
    Meet {
        key: [u8; 32],
        #[serde(serialize_with = "bounded::write_bytes", deserialize_with = "bounded::bytes::<MAX_NAME, _, _>")]
        name: Vec<u8>,
        /// In seconds of Unix time.
        expires: u64,
        /// For all, and for this node alone.
        #[serde(serialize_with = "bounded::write_bytes", deserialize_with = "bounded::bytes::<SIGNATURE, _, _>")]
        signature: Vec<u8>,
        #[serde(serialize_with = "bounded::write_bytes", deserialize_with = "bounded::bytes::<SIGNATURE, _, _>")]
        proof: Vec<u8>,
    },
    /// 5: "Is this service met here, still?"
    Still { key: [u8; 32] },
    /// 6: "Let me meet this service": after the answer the stream leads to it.
    Visit { key: [u8; 32] },
    /// 7: "Ask a cell for the certified roster of its line along an axis." The cell by its number.
    Line { cell: u64, axis: u8 },
    /// 8: "Connect this stream to somebody outside", by name or address: after the answer the stream leads there.
    Connect {
        #[serde(serialize_with = "bounded::write_bytes", deserialize_with = "bounded::bytes::<MAX_HOST, _, _>")]
        host: Vec<u8>,
        port: u16,
    },
}

/// A node that has announced something, and its note. The service's signature in the note says what it is worth.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Announced {
    pub(crate) node: [u8; 32],
    /// The number of its cell.
    pub(crate) cell: u64,
    #[serde(serialize_with = "bounded::write_bytes", deserialize_with = "bounded::bytes::<MAX_NOTE, _, _>")]
    pub(crate) note: Vec<u8>,
}

/// What it says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// 0: cards, those of all who have signed among them; and the certificates of the node's lines.
    Roster {
        #[serde(deserialize_with = "bounded::list::<MAX_ROSTER, _, _>")]
        cards: Vec<WireCard>,
        #[serde(deserialize_with = "bounded::list::<MAX_LINES, _, _>")]
        lines: Vec<WireBrief>,
    },
    /// 1: the record, links crossed to whoever answered, the number of its cell, cells that were heard.
    Got { record: WireRecord, hops: u8, from: u64, cells: u32 },
    /// 2: nodes and cells that have it.
    Put { nodes: u32, cells: u32 },
    /// 3: why it was not done, for people.
    Failed(
        #[serde(serialize_with = "bounded::write_bytes", deserialize_with = "bounded::bytes::<MAX_TEXT, _, _>")]
        Vec<u8>,
    ),
    /// 4: who has announced the topic.
    Meetings(#[serde(deserialize_with = "bounded::list::<MAX_ANSWERED, _, _>")] Vec<Announced>),
    /// 5: it is so; it is done.
    Done,
    /// 6: the certificate that the cell has.
    Line(WireCertificate),
    /// 7: it is not connected, for a reason that has a number (`exit.rs`), in words as well.
    NotConnected {
        why: u8,
        #[serde(serialize_with = "bounded::write_bytes", deserialize_with = "bounded::bytes::<MAX_TEXT, _, _>")]
        text: Vec<u8>,
    },
}

/// Why a question got no answer of use.
#[derive(Debug, thiserror::Error)]
pub(super) enum TalkError {
    #[error("the stream through the tunnel failed: {0}")]
    Stream(#[from] FrameError),
    #[error("what came back is no answer: {0}")]
    Malformed(#[from] WireError),
    #[error("what came back answers another question")]
    Other,
    #[error("{0}")]
    Failed(String),
}

impl Ask {
    pub(super) fn get(pointer: &Pointer, chunk: u32) -> Self {
        Self::Get { pointer: PointerText::from(pointer).to_string().into_bytes(), chunk }
    }

    pub(super) fn put(record: &Record) -> Self {
        Self::Put { record: record.into() }
    }
}

impl Answer {
    /// A failure, in words; they are cut where they are too long.
    pub(super) fn failed(why: &dyn std::fmt::Display) -> Self {
        let mut why = why.to_string().into_bytes();
        why.truncate(MAX_TEXT);
        Self::Failed(why)
    }

    /// A node's neighbours and the certificates of its lines. Whoever has signed and is a neighbour no longer, or has another
    /// card by now, is among the cards as well.
    pub(super) fn roster<'a>(peers: impl Iterator<Item = &'a Peer>, lines: &[Certificate]) -> Self {
        let without = |card: &Card| WireCard { contact: None, ..WireCard::from(card) };
        let mut cards: Vec<WireCard> = peers.map(|peer| without(peer.card())).collect();
        let mut places: HashMap<Vec<u8>, usize> =
            cards.iter().enumerate().map(|(place, card)| (card.credential.clone(), place)).collect();
        let mut place = |peer: &Peer| {
            let found = places.entry(peer.card().credential.to_vec()).or_insert_with(|| {
                cards.push(without(peer.card()));
                cards.len() - 1
            });
            u16::try_from(*found).unwrap_or(u16::MAX)
        };
        let lines = lines.iter().take(MAX_LINES).map(|line| WireBrief::new(line, &mut place)).collect();
        // Who reads takes a certificate whose cards are cut off for none.
        cards.truncate(MAX_ROSTER);
        Self::Roster { cards, lines }
    }

    pub(super) fn announced(provider: &Provider, shape: Shape) -> Announced {
        let (peer, note) = (provider.peer(), provider.offer().note.to_vec());
        Announced { node: *peer.id().as_bytes(), cell: shape.index(peer.cell()), note }
    }

    pub(super) fn got(report: &GetReport, shape: Shape) -> Self {
        let record = (&report.record).into();
        Self::Got { record, hops: report.hops, from: shape.index(report.from), cells: report.cells }
    }

    /// The record that was asked for, checked.
    pub(super) fn into_get(
        self,
        pointer: &Pointer,
        chunk: u32,
        rules: &Rules,
        shape: Shape,
    ) -> Result<GetReport, TalkError> {
        let Self::Got { record, hops, from, cells } = self.or_failure()? else { return Err(TalkError::Other) };
        let record = record.check(rules)?;
        let is_it = match record.body() {
            Body::Chunk(its) => its.number == chunk,
            Body::Version(_) => true,
        };
        if record.pointer() != pointer || !is_it {
            return Err(TalkError::Other);
        }
        Ok(GetReport { record, hops, from: cell(shape, from).ok_or(TalkError::Other)?, cells })
    }

    pub(super) fn into_put(self) -> Result<PutReport, TalkError> {
        let Self::Put { nodes, cells } = self.or_failure()? else { return Err(TalkError::Other) };
        Ok(PutReport { nodes, cells })
    }

    /// Cards and certificates, of which nothing is verified.
    pub(super) fn into_roster(self) -> Result<(Vec<Card>, Vec<WireBrief>), TalkError> {
        let Self::Roster { cards, lines } = self.or_failure()? else { return Err(TalkError::Other) };
        // Where they can be dialled is nobody's business who is not their neighbour.
        Ok((cards.into_iter().map(|card| Card { contact: None, ..card.into() }).collect(), lines))
    }

    /// A certificate of which nothing is verified.
    pub(super) fn into_line(self) -> Result<WireCertificate, TalkError> {
        let Self::Line(certificate) = self.or_failure()? else { return Err(TalkError::Other) };
        Ok(certificate)
    }

    pub(super) fn into_meetings(self) -> Result<Vec<Announced>, TalkError> {
        let Self::Meetings(announced) = self.or_failure()? else { return Err(TalkError::Other) };
        Ok(announced)
    }

    pub(super) fn into_done(self) -> Result<(), TalkError> {
        let Self::Done = self.or_failure()? else { return Err(TalkError::Other) };
        Ok(())
    }

    /// Why somebody was not connected, in words that are cut where they are too long.
    pub(super) fn not_connected(why: Why, text: &str) -> Self {
        let mut text = text.as_bytes().to_vec();
        text.truncate(MAX_TEXT);
        Self::NotConnected { why: why.number(), text }
    }

    /// Whether the stream leads outside now, or why not.
    pub(super) fn into_connected(self) -> Result<Result<(), (Why, String)>, TalkError> {
        let Self::NotConnected { why, text } = self else { return self.into_done().map(Ok) };
        Ok(Err((Why::of(why).ok_or(TalkError::Other)?, String::from_utf8_lossy(&text).into_owned())))
    }

    fn or_failure(self) -> Result<Self, TalkError> {
        let Self::Failed(why) = &self else { return Ok(self) };
        Err(TalkError::Failed(String::from_utf8_lossy(why).into_owned()))
    }
}

/// The cell of a number from the wire.
pub(super) fn cell(shape: Shape, index: u64) -> Option<Cell> {
    (index < shape.cells()).then(|| shape.cell_at(index))
}

/// The axis of a number from the wire.
pub(super) fn axis(shape: Shape, index: u8) -> Option<Axis> {
    shape.axes().nth(index.into())
}

/// The longest question or answer in a grid.
pub(super) fn longest(rules: &Rules) -> usize {
    let record = usize::try_from(rules.limits.chunk).unwrap_or(usize::MAX);
    record.max(MAX_ROSTER_BYTES).saturating_add(ENVELOPE)
}

/// Asks, and reads the answer.
///
/// # Errors
/// [`TalkError`] if the stream fails or what comes back is no answer.
pub(super) async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    question: &Ask,
    limit: usize,
) -> Result<Answer, TalkError> {
    write_frame(stream, &codec::encode(question)).await?;
    Ok(codec::decode(&read_frame(stream, limit).await?)?)
}

/// Reads a question.
///
/// # Errors
/// [`TalkError`] if the stream fails or it is none.
pub(super) async fn hear<S: AsyncRead + Unpin>(stream: &mut S, limit: usize) -> Result<Ask, TalkError> {
    Ok(codec::decode(&read_frame(stream, limit).await?)?)
}

/// Answers.
///
/// # Errors
/// [`TalkError`] if the stream fails.
pub(super) async fn tell<S: AsyncWrite + Unpin>(stream: &mut S, answer: &Answer) -> Result<(), TalkError> {
    Ok(write_frame(stream, &codec::encode(answer)).await?)
}

#[cfg(test)]
mod tests;
