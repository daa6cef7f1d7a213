//! From the messages that travel to those that the core may see: every claim that can be checked here is checked here.

use grid::cell::{Axis, Cell, Shape};
use grid::id::{NodeId, RecordKey, RequestId};
use grid::message::{Answer, AnswerBody, LineSummary, Message, Nonce, Refusal, Request, RequestBody, StoreFailure};
use grid::peer::{Card, Peer};
use grid::ranges::{KeyRange, RangeContent, RangeReport};
use grid::record::Record;

use super::Limits;
use super::mirror::{
    WireAnswer, WireAnswerBody, WireCell, WireMessage, WireName, WireRange, WireRangeContent, WireRecord, WireRefusal,
    WireRequest, WireRequestBody, WireStoreFailure,
};
use crate::wire::card::WireCard;
use crate::wire::error::WireError;

/// Checks the parts of one message.
pub(super) struct Reader<'a> {
    pub(super) shape: Shape,
    pub(super) limits: &'a Limits,
    pub(super) check: &'a mut dyn FnMut(Card) -> Option<Peer>,
    /// The cards of a list that `check` refused so far.
    pub(super) refused_cards: usize,
}

impl Reader<'_> {
    /// The whole message.
    pub(super) fn message(&mut self, message: WireMessage) -> Result<Message, WireError> {
        Ok(match message {
            WireMessage::Announce(card) => Message::Announce(self.peer(card)?),
            WireMessage::Farewell => Message::Farewell,
            WireMessage::Request(request) => Message::Request(self.request(request)?),
            WireMessage::Accepted(id) => Message::Accepted(RequestId::from_bytes(id)),
            WireMessage::Refused(id, refusal) => Message::Refused(RequestId::from_bytes(id), refusal.into()),
            WireMessage::Answer(answer) => Message::Answer(self.answer(answer)?),
            WireMessage::Ping(nonce) => Message::Ping(Nonce(nonce)),
            WireMessage::Pong(nonce) => Message::Pong(Nonce(nonce)),
            WireMessage::ProbeFor { nonce, target } => {
                Message::ProbeFor { nonce: Nonce(nonce), target: NodeId::from_bytes(target) }
            }
            WireMessage::ProbedAlive { nonce, target } => {
                Message::ProbedAlive { nonce: Nonce(nonce), target: NodeId::from_bytes(target) }
            }
            WireMessage::Suspect(id) => Message::Suspect(NodeId::from_bytes(id)),
            WireMessage::RosterQuery => Message::RosterQuery,
            WireMessage::Roster(cards) => Message::Roster(self.peers(cards)),
            WireMessage::LineSummary { axis, count, sum } => {
                Message::LineSummary(LineSummary { axis: self.axis(axis)?, count, sum })
            }
            WireMessage::LineMembers { axis, members } => {
                Message::LineMembers { axis: self.axis(axis)?, members: names(members) }
            }
            WireMessage::CardQuery(ids) => Message::CardQuery(names(ids)),
            WireMessage::Cards(cards) => Message::Cards(self.peers(cards)),
            WireMessage::Replicate { nonce, record } => {
                Message::Replicate { nonce: Nonce(nonce), record: self.record(record)? }
            }
            WireMessage::Replicated { nonce, stored } => Message::Replicated { nonce: Nonce(nonce), stored },
            WireMessage::Fetch { nonce, key } => {
                Message::Fetch { nonce: Nonce(nonce), key: RecordKey::from_bytes(key) }
            }
            WireMessage::Fetched { nonce, record } => {
                Message::Fetched { nonce: Nonce(nonce), record: record.map(|record| self.record(record)).transpose()? }
            }
            WireMessage::Ranges(ranges) => Message::Ranges(ranges.into_iter().map(range).collect()),
        })
    }

    fn request(&mut self, request: WireRequest) -> Result<Request, WireError> {
        let WireRequest { id, target, hops, hops_left, body } = request;
        let target = self.cell(&target)?;
        Ok(Request { id: RequestId::from_bytes(id), target, hops, hops_left, body: self.request_body(body)? })
    }

    fn request_body(&mut self, body: WireRequestBody) -> Result<RequestBody, WireError> {
        Ok(match body {
            WireRequestBody::Join(card) => RequestBody::Join(self.peer(card)?),
            WireRequestBody::Put(record) => RequestBody::Put(self.record(record)?),
            WireRequestBody::Get { key, ask_cell } => RequestBody::Get { key: RecordKey::from_bytes(key), ask_cell },
            WireRequestBody::Echo(payload) => RequestBody::Echo(payload),
        })
    }

    fn answer(&self, answer: WireAnswer) -> Result<Answer, WireError> {
        let WireAnswer { id, hops, from, body } = answer;
        let from = self.cell(&from)?;
        Ok(Answer { id: RequestId::from_bytes(id), hops, from, body: self.answer_body(body)? })
    }

    fn answer_body(&self, body: WireAnswerBody) -> Result<AnswerBody, WireError> {
        Ok(match body {
            WireAnswerBody::Welcome(sealed) => AnswerBody::Welcome(sealed),
            WireAnswerBody::Stored { nodes } => AnswerBody::Stored { nodes },
            WireAnswerBody::NotStored(failure) => AnswerBody::NotStored(failure.into()),
            WireAnswerBody::Found(record) => AnswerBody::Found(self.record(record)?),
            WireAnswerBody::NotFound => AnswerBody::NotFound,
            WireAnswerBody::Vacant => AnswerBody::Vacant,
            WireAnswerBody::Echo(payload) => AnswerBody::Echo(payload),
        })
    }

    /// The one card on which a message depends.
    fn peer(&mut self, card: WireCard) -> Result<Peer, WireError> {
        (self.check)(card.into()).ok_or(WireError::RefusedCard)
    }

    /// The cards of a list: one bad card does not spoil the others.
    fn peers(&mut self, cards: Vec<WireCard>) -> Vec<Peer> {
        let sent = cards.len();
        let peers: Vec<Peer> = cards.into_iter().filter_map(|card| (self.check)(card.into())).collect();
        self.refused_cards += sent - peers.len();
        peers
    }

    fn cell(&self, cell: &WireCell) -> Result<Cell, WireError> {
        self.shape.cell(&cell.0).map_err(WireError::Cell)
    }

    fn axis(&self, axis: u8) -> Result<Axis, WireError> {
        self.shape.axes().nth(axis.into()).ok_or(WireError::Axis { axis, dims: self.shape.dims() })
    }

    /// The size goes first: a hash costs time.
    fn record(&self, record: WireRecord) -> Result<Record, WireError> {
        let (length, limit) = (record.value.len(), self.limits.max_record_bytes);
        if length > limit {
            return Err(WireError::RecordTooLarge { length, limit });
        }
        Ok(Record::check(RecordKey::from_bytes(record.key), record.value)?)
    }
}

impl From<WireStoreFailure> for StoreFailure {
    fn from(failure: WireStoreFailure) -> Self {
        match failure {
            WireStoreFailure::Full => Self::Full,
            WireStoreFailure::Failed => Self::Failed,
            WireStoreFailure::TooLarge => Self::TooLarge,
        }
    }
}

impl From<WireRefusal> for Refusal {
    fn from(refusal: WireRefusal) -> Self {
        match refusal {
            WireRefusal::NoWay => Self::NoWay,
            WireRefusal::Loop => Self::Loop,
            WireRefusal::Busy => Self::Busy,
            WireRefusal::NotAllowed => Self::NotAllowed,
        }
    }
}

fn names(ids: Vec<WireName>) -> Vec<NodeId> {
    ids.into_iter().map(NodeId::from_bytes).collect()
}

fn range(WireRange { first, last, content }: WireRange) -> RangeReport {
    let keys = |keys: Vec<[u8; 32]>| keys.into_iter().map(RecordKey::from_bytes).collect();
    let content = match content {
        WireRangeContent::Fingerprint(fingerprint) => RangeContent::Fingerprint(fingerprint),
        WireRangeContent::All(all) => RangeContent::All(keys(all)),
        WireRangeContent::Lacking(lacking) => RangeContent::Lacking(keys(lacking)),
    };
    let range = KeyRange { first: RecordKey::from_bytes(first), last: RecordKey::from_bytes(last) };
    RangeReport { range, content }
}
