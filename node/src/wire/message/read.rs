//! From the messages that travel to those that the core may see: every claim that can be checked here is checked here.

use std::time::Duration;

use grid::cell::{Axis, Cell, Shape};
use grid::certified::{Certificate, Equivocation, Membership};
use grid::id::{NodeId, RecordKey, RequestId};
use grid::load::Load;
use grid::message::{
    Answer, AnswerBody, LineSummary, Message, Nonce, Reach, Refusal, Request, RequestBody, StoreFailure,
};
use grid::peer::{Card, Peer};
use grid::postage::{Paid, Postage, Window};
use grid::provider::{Provider, Topic};
use grid::queue::Class;
use grid::ranges::{Item, KeyRange, RangeContent, RangeReport};
use grid::record::{Mark, Record, Rules};
use grid::ways::Ways;

use super::mirror::{
    WireAnswer, WireAnswerBody, WireCell, WireClass, WireItem, WireMark, WireMessage, WireName, WirePostage, WireRange,
    WireRangeContent, WireReach, WireRefusal, WireRequest, WireRequestBody, WireStoreFailure,
};
use crate::wire::card::WireCard;
use crate::wire::error::WireError;
use crate::wire::offer::WireProvider;
use crate::wire::record::WireRecord;
use crate::wire::roster::{WireCertificate, WireEquivocation, WireMembership, signature};

/// Checks the parts of one message.
pub(super) struct Reader<'a> {
    pub(super) shape: Shape,
    pub(super) rules: &'a Rules,
    pub(super) check: &'a mut dyn FnMut(Card) -> Option<Peer>,
    pub(super) toll: &'a dyn Fn(Cell, RequestId, Postage) -> Option<Paid>,
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
            WireMessage::Pong { nonce, ways, load } => {
                Message::Pong { nonce: Nonce(nonce), ways: self.ways(&ways)?, load: Load::of_requests(load) }
            }
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
            WireMessage::Fetch { nonce, key, than } => {
                Message::Fetch { nonce: Nonce(nonce), key: RecordKey::from_bytes(key), than: than.map(mark) }
            }
            WireMessage::Fetched { nonce, record } => {
                Message::Fetched { nonce: Nonce(nonce), record: record.map(|record| self.record(record)).transpose()? }
            }
            WireMessage::Ranges(ranges) => Message::Ranges(ranges.into_iter().map(range).collect()),
            WireMessage::Offered(provider) => Message::Offered(self.provider(provider)?),
            WireMessage::RosterClaims { claim, signatures } => {
                let signatures =
                    signatures.into_iter().map(|(name, halves)| (NodeId::from_bytes(name), signature(halves)));
                Message::RosterClaims { claim: claim.check(self.shape)?, signatures: signatures.collect() }
            }
            WireMessage::RosterWanted(claim) => Message::RosterWanted(claim.check(self.shape)?),
            WireMessage::RosterNamed(roster) => Message::RosterNamed(roster.check(self.shape)?),
            WireMessage::Equivocation(proof) => Message::Equivocation(self.equivocation(&proof)?),
        })
    }

    fn request(&mut self, request: WireRequest) -> Result<Request, WireError> {
        let WireRequest { id, target, hops, hops_left, class, postage, body } = request;
        let target = self.cell(&target)?;
        let (id, class) = (RequestId::from_bytes(id), class.into());
        let paid = postage.and_then(|postage| (self.toll)(target, id, postage.into()));
        Ok(Request { id, target, hops, hops_left, class, paid, body: self.request_body(body)? })
    }

    fn request_body(&mut self, body: WireRequestBody) -> Result<RequestBody, WireError> {
        Ok(match body {
            WireRequestBody::Join(card) => RequestBody::Join(self.peer(card)?),
            WireRequestBody::Put(record) => RequestBody::Put(self.record(record)?),
            WireRequestBody::Get { key, reach } => {
                RequestBody::Get { key: RecordKey::from_bytes(key), reach: reach.into() }
            }
            WireRequestBody::Echo(payload) => RequestBody::Echo(payload),
            WireRequestBody::Audit(items) => RequestBody::Audit(items.into_iter().map(item).collect()),
            WireRequestBody::Provide(provider) => RequestBody::Provide(self.provider(provider)?),
            WireRequestBody::Providers(topic) => RequestBody::Providers(Topic::from_bytes(topic)),
            WireRequestBody::Roster { axis, member } => {
                RequestBody::Roster { axis: self.axis(axis)?, member: member.map(NodeId::from_bytes) }
            }
            WireRequestBody::Ask { node, question } => RequestBody::Ask { node: NodeId::from_bytes(node), question },
        })
    }

    fn answer(&mut self, answer: WireAnswer) -> Result<Answer, WireError> {
        let WireAnswer { id, hops, class, from, body } = answer;
        let from = self.cell(&from)?;
        let (id, class) = (RequestId::from_bytes(id), class.into());
        Ok(Answer { id, hops, class, from, body: self.answer_body(body)? })
    }

    fn answer_body(&mut self, body: WireAnswerBody) -> Result<AnswerBody, WireError> {
        Ok(match body {
            WireAnswerBody::Welcome(sealed) => AnswerBody::Welcome(sealed),
            WireAnswerBody::Stored { nodes } => AnswerBody::Stored { nodes },
            WireAnswerBody::NotStored(failure) => AnswerBody::NotStored(failure.into()),
            WireAnswerBody::Found(record) => AnswerBody::Found(self.record(record)?),
            WireAnswerBody::NotFound => AnswerBody::NotFound,
            WireAnswerBody::Vacant => AnswerBody::Vacant,
            WireAnswerBody::Echo(payload) => AnswerBody::Echo(payload),
            WireAnswerBody::Audited { lacking, declined } => AnswerBody::Audited { lacking, declined },
            WireAnswerBody::Busy => AnswerBody::Busy,
            WireAnswerBody::Reply(reply) => AnswerBody::Reply(reply),
            WireAnswerBody::Absent => AnswerBody::Absent,
            WireAnswerBody::Roster(certificate) => AnswerBody::Roster(self.certificate(certificate)?),
            WireAnswerBody::Member(member) => AnswerBody::Member(self.membership(member)?),
            WireAnswerBody::Provided => AnswerBody::Provided,
            WireAnswerBody::Providers(providers) => AnswerBody::Providers(self.providers(providers)?),
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

    fn ways(&self, ways: &[u16]) -> Result<Ways, WireError> {
        let dims = self.shape.dims();
        let fitting = Ways::of_steps(ways).filter(|_| ways.len() == usize::from(dims));
        fitting.ok_or(WireError::Ways { found: ways.len(), dims })
    }

    fn record(&self, record: WireRecord) -> Result<Record, WireError> {
        record.check(self.rules)
    }

    fn provider(&mut self, provider: WireProvider) -> Result<Provider, WireError> {
        let peer = self.peer(provider.card.clone())?;
        provider.check(&peer, self.rules.grid())
    }

    /// A certificate means nothing without any of those who have signed it.
    fn certificate(&mut self, certificate: WireCertificate) -> Result<Certificate, WireError> {
        let peers = certificate.cards().cloned().map(|card| self.peer(card)).collect::<Result<Vec<_>, _>>()?;
        certificate.check(self.shape, self.rules.grid(), &peers)
    }

    fn membership(&mut self, member: WireMembership) -> Result<Membership, WireError> {
        let peer = self.peer(member.card.clone())?;
        member.check(self.shape, &peer)
    }

    fn equivocation(&mut self, proof: &WireEquivocation) -> Result<Equivocation, WireError> {
        let [(_, one), (_, other)] = &proof.sides;
        let peers = [self.peer(one.card.clone())?, self.peer(other.card.clone())?];
        proof.check(self.shape, self.rules.grid(), &peers)
    }

    /// The providers of a list: a card that is refused does not spoil the others, a false signature does.
    fn providers(&mut self, providers: Vec<WireProvider>) -> Result<Vec<Provider>, WireError> {
        let mut checked = Vec::with_capacity(providers.len());
        for provider in providers {
            match self.provider(provider) {
                Ok(provider) => checked.push(provider),
                Err(WireError::RefusedCard) => self.refused_cards += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(checked)
    }
}

impl From<WireStoreFailure> for StoreFailure {
    fn from(failure: WireStoreFailure) -> Self {
        match failure {
            WireStoreFailure::Full => Self::Full,
            WireStoreFailure::Failed => Self::Failed,
            WireStoreFailure::TooLarge => Self::TooLarge,
            WireStoreFailure::QuotaFull { worth } => Self::QuotaFull { worth },
            WireStoreFailure::Busy => Self::Busy,
            WireStoreFailure::Expired => Self::Expired,
            WireStoreFailure::Future => Self::Future,
            WireStoreFailure::TooEarly { seconds } => Self::TooEarly { seconds },
            WireStoreFailure::Superseded { sequence } => Self::Superseded { sequence },
            WireStoreFailure::Equivocation => Self::Equivocation,
            WireStoreFailure::NotHere => Self::NotHere,
        }
    }
}

impl From<WirePostage> for Postage {
    fn from(postage: WirePostage) -> Self {
        let WirePostage { window, effort, nonce } = postage;
        Self { window: Window::new(window), effort, nonce }
    }
}

impl From<WireClass> for Class {
    fn from(class: WireClass) -> Self {
        match class {
            WireClass::Control => Self::Control,
            WireClass::Interactive => Self::Interactive,
            WireClass::Bulk => Self::Bulk,
        }
    }
}

impl From<WireRefusal> for Refusal {
    fn from(refusal: WireRefusal) -> Self {
        match refusal {
            WireRefusal::NoWay => Self::NoWay,
            WireRefusal::Loop => Self::Loop,
            WireRefusal::Busy { retry_after_ms, effort } => {
                Self::Busy { retry_after: Duration::from_millis(retry_after_ms.into()), effort }
            }
            WireRefusal::NotAllowed => Self::NotAllowed,
            WireRefusal::Slow => Self::Slow,
        }
    }
}

impl From<WireReach> for Reach {
    fn from(reach: WireReach) -> Self {
        match reach {
            WireReach::Nearest => Self::Nearest,
            WireReach::Cell => Self::Cell,
            WireReach::Newest => Self::Newest,
        }
    }
}

fn mark((sequence, tag): WireMark) -> Mark {
    Mark { sequence, tag }
}

fn item((key, state): WireItem) -> Item {
    Item { key: RecordKey::from_bytes(key), mark: mark(state) }
}

fn names(ids: Vec<WireName>) -> Vec<NodeId> {
    ids.into_iter().map(NodeId::from_bytes).collect()
}

fn range(WireRange { first, last, content }: WireRange) -> RangeReport {
    let items = |items: Vec<WireItem>| items.into_iter().map(item).collect();
    let content = match content {
        WireRangeContent::Fingerprint(fingerprint) => RangeContent::Fingerprint(fingerprint),
        WireRangeContent::All(all) => RangeContent::All(items(all)),
        WireRangeContent::Lacking(lacking) => RangeContent::Lacking(items(lacking)),
    };
    let range = KeyRange { first: RecordKey::from_bytes(first), last: RecordKey::from_bytes(last) };
    RangeReport { range, content }
}
