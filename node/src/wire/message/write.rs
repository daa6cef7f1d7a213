//! From the core's messages to those that travel.

use grid::cell::Cell;
use grid::id::NodeId;
use grid::message::{Answer, AnswerBody, Message, Reach, Refusal, Request, RequestBody, StoreFailure};
use grid::peer::Peer;
use grid::postage::Postage;
use grid::queue::Class;
use grid::ranges::{Item, RangeContent, RangeReport};
use grid::record::Mark;

use super::mirror::{
    WireAnswer, WireAnswerBody, WireCell, WireClass, WireItem, WireMark, WireMessage, WireName, WirePostage, WireRange,
    WireRangeContent, WireReach, WireRefusal, WireRequest, WireRequestBody, WireStoreFailure,
};
use crate::wire::card::WireCard;
use crate::wire::roster::halves;

impl From<&Message> for WireMessage {
    fn from(message: &Message) -> Self {
        match message {
            Message::Announce(peer) => Self::Announce(card(peer)),
            Message::Farewell => Self::Farewell,
            Message::Request(request) => Self::Request(request.into()),
            Message::Accepted(id) => Self::Accepted(*id.as_bytes()),
            Message::Refused(id, refusal) => Self::Refused(*id.as_bytes(), (*refusal).into()),
            Message::Answer(answer) => Self::Answer(answer.into()),
            Message::Ping(nonce) => Self::Ping(nonce.0),
            Message::Pong { nonce, ways, load } => {
                Self::Pong { nonce: nonce.0, ways: ways.steps().to_vec(), load: load.requests() }
            }
            Message::ProbeFor { nonce, target } => Self::ProbeFor { nonce: nonce.0, target: *target.as_bytes() },
            Message::ProbedAlive { nonce, target } => Self::ProbedAlive { nonce: nonce.0, target: *target.as_bytes() },
            Message::Suspect(id) => Self::Suspect(*id.as_bytes()),
            Message::RosterQuery => Self::RosterQuery,
            Message::Roster(peers) => Self::Roster(peers.iter().map(card).collect()),
            Message::LineSummary(line) => Self::LineSummary { axis: axis(line.axis), count: line.count, sum: line.sum },
            Message::LineMembers { axis: line, members } => {
                Self::LineMembers { axis: axis(*line), members: names(members) }
            }
            Message::CardQuery(ids) => Self::CardQuery(names(ids)),
            Message::Cards(peers) => Self::Cards(peers.iter().map(card).collect()),
            Message::Replicate { nonce, record } => Self::Replicate { nonce: nonce.0, record: record.into() },
            Message::Replicated { nonce, stored } => Self::Replicated { nonce: nonce.0, stored: *stored },
            Message::Fetch { nonce, key, than } => {
                Self::Fetch { nonce: nonce.0, key: *key.as_bytes(), than: than.as_ref().map(mark) }
            }
            Message::Fetched { nonce, record } => {
                Self::Fetched { nonce: nonce.0, record: record.as_ref().map(Into::into) }
            }
            Message::Ranges(reports) => Self::Ranges(reports.iter().map(range).collect()),
            Message::Offered(provider) => Self::Offered(provider.into()),
            Message::RosterClaims { claim, signatures } => {
                let signatures = signatures.iter().map(|(id, signature)| (*id.as_bytes(), halves(signature)));
                Self::RosterClaims { claim: claim.into(), signatures: signatures.collect() }
            }
            Message::RosterWanted(claim) => Self::RosterWanted(claim.into()),
            Message::RosterNamed(roster) => Self::RosterNamed(roster.into()),
            Message::Equivocation(proof) => Self::Equivocation(Box::new(proof.into())),
        }
    }
}

impl From<&Request> for WireRequest {
    fn from(request: &Request) -> Self {
        let Request { id, target, hops, hops_left, class, paid, body } = request;
        let (id, class) = (*id.as_bytes(), (*class).into());
        let postage = paid.map(|paid| paid.postage().into());
        Self { id, target: target.into(), hops: *hops, hops_left: *hops_left, class, postage, body: body.into() }
    }
}

impl From<&RequestBody> for WireRequestBody {
    fn from(body: &RequestBody) -> Self {
        match body {
            RequestBody::Join(peer) => Self::Join(card(peer)),
            RequestBody::Put(record) => Self::Put(record.into()),
            RequestBody::Get { key, reach } => Self::Get { key: *key.as_bytes(), reach: (*reach).into() },
            RequestBody::Echo(payload) => Self::Echo(payload.clone()),
            RequestBody::Audit(items) => Self::Audit(items.iter().map(item).collect()),
            RequestBody::Provide(provider) => Self::Provide(provider.into()),
            RequestBody::Providers(topic) => Self::Providers(*topic.as_bytes()),
            RequestBody::Roster { axis: line, member } => {
                Self::Roster { axis: axis(*line), member: member.map(|id| *id.as_bytes()) }
            }
            RequestBody::Ask { node, question } => Self::Ask { node: *node.as_bytes(), question: question.clone() },
        }
    }
}

impl From<&Answer> for WireAnswer {
    fn from(answer: &Answer) -> Self {
        let Answer { id, hops, class, from, body } = answer;
        let (id, class) = (*id.as_bytes(), (*class).into());
        Self { id, hops: *hops, class, from: from.into(), body: body.into() }
    }
}

impl From<&AnswerBody> for WireAnswerBody {
    fn from(body: &AnswerBody) -> Self {
        match body {
            AnswerBody::Welcome(sealed) => Self::Welcome(sealed.clone()),
            AnswerBody::Stored { nodes } => Self::Stored { nodes: *nodes },
            AnswerBody::NotStored(failure) => Self::NotStored((*failure).into()),
            AnswerBody::Found(record) => Self::Found(record.into()),
            AnswerBody::NotFound => Self::NotFound,
            AnswerBody::Vacant => Self::Vacant,
            AnswerBody::Echo(payload) => Self::Echo(payload.clone()),
            AnswerBody::Audited { lacking, declined } => {
                Self::Audited { lacking: lacking.clone(), declined: declined.clone() }
            }
            AnswerBody::Busy => Self::Busy,
            AnswerBody::Reply(reply) => Self::Reply(reply.clone()),
            AnswerBody::Absent => Self::Absent,
            AnswerBody::Roster(certificate) => Self::Roster(certificate.into()),
            AnswerBody::Member(member) => Self::Member(member.into()),
            AnswerBody::Provided => Self::Provided,
            AnswerBody::Providers(providers) => Self::Providers(providers.iter().map(Into::into).collect()),
        }
    }
}

impl From<StoreFailure> for WireStoreFailure {
    fn from(failure: StoreFailure) -> Self {
        match failure {
            StoreFailure::Full => Self::Full,
            StoreFailure::TooLarge => Self::TooLarge,
            StoreFailure::QuotaFull { worth } => Self::QuotaFull { worth },
            StoreFailure::Busy => Self::Busy,
            StoreFailure::Expired => Self::Expired,
            StoreFailure::Future => Self::Future,
            StoreFailure::TooEarly { seconds } => Self::TooEarly { seconds },
            StoreFailure::Superseded { sequence } => Self::Superseded { sequence },
            StoreFailure::Equivocation => Self::Equivocation,
            StoreFailure::NotHere => Self::NotHere,
            // A reason that the wire has no word for yet is told as the general one.
            StoreFailure::Failed | _ => Self::Failed,
        }
    }
}

impl From<Postage> for WirePostage {
    fn from(postage: Postage) -> Self {
        let Postage { window, effort, nonce } = postage;
        Self { window: window.number(), effort, nonce }
    }
}

impl From<Class> for WireClass {
    fn from(class: Class) -> Self {
        match class {
            Class::Control => Self::Control,
            Class::Interactive => Self::Interactive,
            Class::Bulk => Self::Bulk,
        }
    }
}

impl From<Refusal> for WireRefusal {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Loop => Self::Loop,
            Refusal::Busy { retry_after, effort } => {
                Self::Busy { retry_after_ms: u16::try_from(retry_after.as_millis()).unwrap_or(u16::MAX), effort }
            }
            Refusal::NotAllowed => Self::NotAllowed,
            Refusal::Slow => Self::Slow,
            // As above: the sender of the request tries another way in any case.
            Refusal::NoWay | _ => Self::NoWay,
        }
    }
}

impl From<&Cell> for WireCell {
    fn from(cell: &Cell) -> Self {
        Self(cell.coordinates().to_vec())
    }
}

impl From<Reach> for WireReach {
    fn from(reach: Reach) -> Self {
        match reach {
            Reach::Nearest => Self::Nearest,
            Reach::Cell => Self::Cell,
            Reach::Newest => Self::Newest,
        }
    }
}

fn mark(mark: &Mark) -> WireMark {
    (mark.sequence, mark.tag)
}

fn item(item: &Item) -> WireItem {
    (*item.key.as_bytes(), mark(&item.mark))
}

fn card(peer: &Peer) -> WireCard {
    peer.card().into()
}

fn names(ids: &[NodeId]) -> Vec<WireName> {
    ids.iter().map(|id| *id.as_bytes()).collect()
}

/// An axis has a number below `MAX_DIMS`, so it fits.
fn axis(axis: grid::cell::Axis) -> u8 {
    u8::try_from(axis.index()).unwrap_or(u8::MAX)
}

fn range(RangeReport { range, content }: &RangeReport) -> WireRange {
    let items = |items: &[Item]| items.iter().map(item).collect();
    let content = match content {
        RangeContent::Fingerprint(fingerprint) => WireRangeContent::Fingerprint(*fingerprint),
        RangeContent::All(all) => WireRangeContent::All(items(all)),
        RangeContent::Lacking(lacking) => WireRangeContent::Lacking(items(lacking)),
    };
    WireRange { first: *range.first.as_bytes(), last: *range.last.as_bytes(), content }
}
