//! Any message that a node may send.

use grid::cell::{Axis, Cell};
use grid::id::{NodeId, RecordKey, RequestId};
use grid::message::{Answer, AnswerBody, LineSummary, Message, Nonce, Refusal, Request, RequestBody, StoreFailure};
use grid::peer::Peer;
use grid::ranges::{KeyRange, RangeContent, RangeReport};
use grid::record::Record;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::samples::{peer, shape};

/// Any message, of any kind.
pub(crate) fn any_message() -> impl Strategy<Value = Message> {
    prop_oneof![links(), requests(), lines(), records()]
}

fn links() -> impl Strategy<Value = Message> {
    let refusal = select(vec![Refusal::NoWay, Refusal::Loop, Refusal::Busy, Refusal::NotAllowed]);
    prop_oneof![
        any_peer().prop_map(Message::Announce),
        Just(Message::Farewell),
        id().prop_map(Message::Accepted),
        (id(), refusal).prop_map(|(id, refusal)| Message::Refused(id, refusal)),
        nonce().prop_map(Message::Ping),
        nonce().prop_map(Message::Pong),
        (nonce(), name()).prop_map(|(nonce, target)| Message::ProbeFor { nonce, target }),
        (nonce(), name()).prop_map(|(nonce, target)| Message::ProbedAlive { nonce, target }),
        name().prop_map(Message::Suspect),
    ]
}

fn requests() -> impl Strategy<Value = Message> {
    let request = (id(), cell(), any::<u8>(), any::<u8>(), request_body())
        .prop_map(|(id, target, hops, hops_left, body)| Request { id, target, hops, hops_left, body });
    let answer =
        (id(), any::<u8>(), cell(), answer_body()).prop_map(|(id, hops, from, body)| Answer { id, hops, from, body });
    prop_oneof![request.prop_map(Message::Request), answer.prop_map(Message::Answer)]
}

fn request_body() -> impl Strategy<Value = RequestBody> {
    prop_oneof![
        any_peer().prop_map(RequestBody::Join),
        record().prop_map(RequestBody::Put),
        (key(), any::<bool>()).prop_map(|(key, ask_cell)| RequestBody::Get { key, ask_cell }),
        payload().prop_map(|payload| RequestBody::Echo(payload.into())),
    ]
}

fn answer_body() -> impl Strategy<Value = AnswerBody> {
    let failure = select(vec![StoreFailure::Full, StoreFailure::Failed, StoreFailure::TooLarge]);
    prop_oneof![
        payload().prop_map(|payload| AnswerBody::Welcome(payload.into())),
        any::<u16>().prop_map(|nodes| AnswerBody::Stored { nodes }),
        failure.prop_map(AnswerBody::NotStored),
        record().prop_map(AnswerBody::Found),
        Just(AnswerBody::NotFound),
        Just(AnswerBody::Vacant),
        payload().prop_map(|payload| AnswerBody::Echo(payload.into())),
    ]
}

fn lines() -> impl Strategy<Value = Message> {
    prop_oneof![
        Just(Message::RosterQuery),
        vec(any_peer(), 0..20).prop_map(Message::Roster),
        (axis(), any::<u32>(), any::<u64>()).prop_map(|(axis, count, sum)| Message::LineSummary(LineSummary {
            axis,
            count,
            sum
        })),
        (axis(), vec(name(), 0..40)).prop_map(|(axis, members)| Message::LineMembers { axis, members }),
        vec(name(), 0..40).prop_map(Message::CardQuery),
        vec(any_peer(), 0..20).prop_map(Message::Cards),
    ]
}

fn records() -> impl Strategy<Value = Message> {
    prop_oneof![
        (nonce(), record()).prop_map(|(nonce, record)| Message::Replicate { nonce, record }),
        (nonce(), any::<bool>()).prop_map(|(nonce, stored)| Message::Replicated { nonce, stored }),
        (nonce(), key()).prop_map(|(nonce, key)| Message::Fetch { nonce, key }),
        (nonce(), option::of(record())).prop_map(|(nonce, record)| Message::Fetched { nonce, record }),
        vec(range(), 0..20).prop_map(Message::Ranges),
    ]
}

fn range() -> impl Strategy<Value = RangeReport> {
    let content = prop_oneof![
        any::<[u8; 16]>().prop_map(RangeContent::Fingerprint),
        vec(key(), 0..20).prop_map(RangeContent::All),
        vec(key(), 0..20).prop_map(RangeContent::Lacking),
    ];
    (key(), key(), content).prop_map(|(first, last, content)| RangeReport { range: KeyRange { first, last }, content })
}

fn any_peer() -> impl Strategy<Value = Peer> {
    (any::<u64>(), option::of(payload())).prop_map(|(number, contact)| peer(number, contact.as_deref()))
}

fn record() -> impl Strategy<Value = Record> {
    payload().prop_map(Record::new)
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..400)
}

fn cell() -> impl Strategy<Value = Cell> {
    any::<u64>().prop_map(|index| shape().cell_at(index))
}

fn axis() -> impl Strategy<Value = Axis> {
    select(shape().axes().collect::<Vec<_>>())
}

fn nonce() -> impl Strategy<Value = Nonce> {
    any::<u64>().prop_map(Nonce)
}

fn id() -> impl Strategy<Value = RequestId> {
    any::<[u8; 16]>().prop_map(RequestId::from_bytes)
}

fn name() -> impl Strategy<Value = NodeId> {
    any::<[u8; 32]>().prop_map(NodeId::from_bytes)
}

fn key() -> impl Strategy<Value = RecordKey> {
    any::<[u8; 32]>().prop_map(RecordKey::from_bytes)
}
