//! One message of each kind, and a verifier that believes cards whose identity is a number.

use grid::cell::Shape;
use grid::id::{NodeId, RecordKey, RequestId};
use grid::message::{Answer, AnswerBody, LineSummary, Message, Nonce, Refusal, Request, RequestBody, StoreFailure};
use grid::peer::{Card, Facts, Peer, Verifier};
use grid::ranges::{KeyRange, RangeContent, RangeReport};
use grid::record::Record;
use node::wire::{Decoded, Limits, WireError, decode_message};

/// What the messages of these tests may hold.
pub(crate) const LIMITS: Limits = Limits { max_record_bytes: 1 << 10 };

/// The grid of these tests.
pub(crate) fn shape() -> Shape {
    Shape::new(3, 300).unwrap()
}

/// Believes a card whose identity is eight bytes: they number the node and its cell.
pub(crate) struct Numbers;

impl Verifier for Numbers {
    type Error = ();

    fn verify(&self, card: &Card) -> Result<Facts, ()> {
        let number = u64::from_be_bytes(card.identity.as_ref().try_into().map_err(drop)?);
        Ok(Facts {
            id: node(number),
            cell: shape().cell_at(number),
            issued: card.credential.len() as u64,
            contact_version: card.contact.as_ref().map_or(0, |contact| contact.len() as u64),
        })
    }
}

/// The name of a numbered node.
pub(crate) fn node(number: u64) -> NodeId {
    NodeId::from_bytes(*Record::new(number.to_be_bytes()).key().as_bytes())
}

/// A verified node.
pub(crate) fn peer(number: u64, contact: Option<&[u8]>) -> Peer {
    let card =
        Card { identity: number.to_be_bytes().into(), credential: [7; 3].into(), contact: contact.map(Into::into) };
    Peer::check(card, &Numbers).unwrap()
}

/// Reads a message of the grid of these tests.
pub(crate) fn read(bytes: &[u8]) -> Result<Decoded, WireError> {
    decode_message(bytes, shape(), &LIMITS, &mut |card| Peer::check(card, &Numbers).ok())
}

fn request(body: RequestBody) -> Message {
    let target = shape().cell(&[1, 250, 299]).unwrap();
    Message::Request(Request { id: RequestId::from_bytes([0x1d; 16]), target, hops: 2, hops_left: 9, body })
}

fn answer(body: AnswerBody) -> Message {
    let from = shape().cell(&[0, 251, 7]).unwrap();
    Message::Answer(Answer { id: RequestId::from_bytes([0x1d; 16]), hops: 3, from, body })
}

/// Every kind of message and of what it may hold, each with a name.
pub(crate) fn samples() -> Vec<(&'static str, Message)> {
    let mut all = links();
    all.extend(requests());
    all.extend(lines());
    all.extend(records());
    all
}

fn links() -> Vec<(&'static str, Message)> {
    let (nonce, target) = (Nonce(0x0102_0304_0506_0708), node(4));
    let id = RequestId::from_bytes([0xac; 16]);
    vec![
        ("announce", Message::Announce(peer(1, Some(b"contact")))),
        ("announce-without-contact", Message::Announce(peer(1, None))),
        ("farewell", Message::Farewell),
        ("accepted", Message::Accepted(id)),
        ("refused-no-way", Message::Refused(id, Refusal::NoWay)),
        ("refused-loop", Message::Refused(id, Refusal::Loop)),
        ("refused-busy", Message::Refused(id, Refusal::Busy)),
        ("refused-not-allowed", Message::Refused(id, Refusal::NotAllowed)),
        ("ping", Message::Ping(nonce)),
        ("pong", Message::Pong(Nonce(5))),
        ("probe-for", Message::ProbeFor { nonce, target }),
        ("probed-alive", Message::ProbedAlive { nonce, target }),
        ("suspect", Message::Suspect(target)),
    ]
}

fn requests() -> Vec<(&'static str, Message)> {
    let record = Record::new(*b"a value");
    let key = record.key();
    vec![
        ("request-join", request(RequestBody::Join(peer(2, None)))),
        ("request-put", request(RequestBody::Put(record.clone()))),
        ("request-get", request(RequestBody::Get { key, ask_cell: true })),
        ("request-echo", request(RequestBody::Echo((*b"echo").into()))),
        ("answer-welcome", answer(AnswerBody::Welcome((*b"sealed").into()))),
        ("answer-stored", answer(AnswerBody::Stored { nodes: 4 })),
        ("answer-not-stored-full", answer(AnswerBody::NotStored(StoreFailure::Full))),
        ("answer-not-stored-failed", answer(AnswerBody::NotStored(StoreFailure::Failed))),
        ("answer-not-stored-too-large", answer(AnswerBody::NotStored(StoreFailure::TooLarge))),
        ("answer-found", answer(AnswerBody::Found(record))),
        ("answer-not-found", answer(AnswerBody::NotFound)),
        ("answer-vacant", answer(AnswerBody::Vacant)),
        ("answer-echo", answer(AnswerBody::Echo((*b"echo").into()))),
    ]
}

fn lines() -> Vec<(&'static str, Message)> {
    let axis = shape().axes().nth(2).unwrap();
    vec![
        ("roster-query", Message::RosterQuery),
        ("roster", Message::Roster(vec![peer(1, Some(b"here")), peer(2, None)])),
        ("line-summary", Message::LineSummary(LineSummary { axis, count: 1000, sum: u64::MAX })),
        ("line-members", Message::LineMembers { axis, members: vec![node(1), node(2)] }),
        ("card-query", Message::CardQuery(vec![node(3)])),
        ("cards", Message::Cards(vec![peer(3, Some(b"there"))])),
    ]
}

fn records() -> Vec<(&'static str, Message)> {
    let (nonce, record) = (Nonce(300), Record::new(*b"a value"));
    let key: RecordKey = record.key();
    vec![
        ("replicate", Message::Replicate { nonce, record: record.clone() }),
        ("replicated", Message::Replicated { nonce, stored: true }),
        ("fetch", Message::Fetch { nonce, key }),
        ("fetched", Message::Fetched { nonce, record: Some(record) }),
        ("fetched-nothing", Message::Fetched { nonce, record: None }),
        (
            "ranges",
            Message::Ranges(
                [RangeContent::Fingerprint([7; 16]), RangeContent::All(vec![key]), RangeContent::Lacking(vec![])]
                    .map(|content| RangeReport { range: KeyRange::ALL, content })
                    .into(),
            ),
        ),
    ]
}
