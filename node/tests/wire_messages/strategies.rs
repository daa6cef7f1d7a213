//! Any message that a node may send.

use std::num::NonZeroU32;
use std::time::Duration;

use grid::cell::{Axis, Cell, Line};
use grid::certified::{Claim, Epoch};
use grid::id::{NodeId, RecordKey, RequestId};
use grid::load::Load;
use grid::message::{
    Answer, AnswerBody, LineSummary, Message, Nonce, Reach, Refusal, Request, RequestBody, StoreFailure,
};
use grid::peer::Peer;
use grid::postage::{Postage, Window};
use grid::provider::{Provider, Topic};
use grid::queue::Class;
use grid::ranges::{Item, KeyRange, RangeContent, RangeReport};
use grid::record::{Mark, Record};
use grid::ways::Ways;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use super::samples::{
    certificate, chunk, equivocation, membership, mutable, peer, provider, roster, shape, some_signature, toll, version,
};

/// Any message, of any kind.
pub(crate) fn any_message() -> impl Strategy<Value = Message> {
    prop_oneof![links(), requests(), lines(), records(), rosters()]
}

fn links() -> impl Strategy<Value = Message> {
    let busy = Refusal::Busy { retry_after: Duration::from_millis(1234), effort: 1 << 20 };
    let refusal = select(vec![Refusal::NoWay, Refusal::Loop, busy, Refusal::NotAllowed, Refusal::Slow]);
    prop_oneof![
        any_peer().prop_map(Message::Announce),
        Just(Message::Farewell),
        id().prop_map(Message::Accepted),
        (id(), refusal).prop_map(|(id, refusal)| Message::Refused(id, refusal)),
        nonce().prop_map(Message::Ping),
        (nonce(), any::<[u16; 3]>(), any::<u32>()).prop_map(|(nonce, steps, load)| {
            Message::Pong { nonce, ways: Ways::of_steps(&steps).unwrap(), load: Load::of_requests(load) }
        }),
        (nonce(), name()).prop_map(|(nonce, target)| Message::ProbeFor { nonce, target }),
        (nonce(), name()).prop_map(|(nonce, target)| Message::ProbedAlive { nonce, target }),
        name().prop_map(Message::Suspect),
    ]
}

fn requests() -> impl Strategy<Value = Message> {
    let request = (id(), cell(), any::<u8>(), any::<u8>(), class(), option::of(any::<u64>()), request_body()).prop_map(
        |(id, target, hops, hops_left, class, nonce, body)| {
            let postage = nonce.map(|nonce| Postage { window: Window::new(9), effort: NonZeroU32::MIN, nonce });
            let paid = postage.and_then(|postage| toll(target, id, postage));
            Request { id, target, hops, hops_left, class, paid, body }
        },
    );
    let answer = (id(), any::<u8>(), class(), cell(), answer_body()).prop_map(|(id, hops, class, from, body)| Answer {
        id,
        hops,
        class,
        from,
        body,
    });
    prop_oneof![request.prop_map(Message::Request), answer.prop_map(Message::Answer)]
}

fn class() -> impl Strategy<Value = Class> {
    select(Class::ALL.to_vec())
}

fn request_body() -> impl Strategy<Value = RequestBody> {
    prop_oneof![
        any_peer().prop_map(RequestBody::Join),
        record().prop_map(RequestBody::Put),
        (key(), reach()).prop_map(|(key, reach)| RequestBody::Get { key, reach }),
        vec(item(), 0..20).prop_map(RequestBody::Audit),
        any_provider().prop_map(RequestBody::Provide),
        (axis(), option::of(name())).prop_map(|(axis, member)| RequestBody::Roster { axis, member }),
        any::<[u8; 32]>().prop_map(|topic| RequestBody::Providers(Topic::from_bytes(topic))),
        payload().prop_map(|payload| RequestBody::Echo(payload.into())),
        (any::<[u8; 32]>(), payload()).prop_map(|(node, question)| RequestBody::Ask {
            node: NodeId::from_bytes(node),
            question: question.into()
        }),
    ]
}

fn answer_body() -> impl Strategy<Value = AnswerBody> {
    prop_oneof![
        payload().prop_map(|payload| AnswerBody::Welcome(payload.into())),
        any::<u16>().prop_map(|nodes| AnswerBody::Stored { nodes }),
        failure().prop_map(AnswerBody::NotStored),
        record().prop_map(AnswerBody::Found),
        Just(AnswerBody::NotFound),
        Just(AnswerBody::Vacant),
        payload().prop_map(|payload| AnswerBody::Echo(payload.into())),
        (vec(any::<u16>(), 0..20), vec(any::<u16>(), 0..20))
            .prop_map(|(lacking, declined)| AnswerBody::Audited { lacking, declined }),
        Just(AnswerBody::Busy),
        Just(AnswerBody::Absent),
        (numbers(), any::<u64>()).prop_map(|(numbers, epoch)| AnswerBody::Roster(certificate(&numbers, epoch))),
        (numbers(), any::<Index>(), any::<u64>()).prop_map(|(numbers, at, epoch)| {
            AnswerBody::Member(membership(&numbers, numbers[at.index(numbers.len())], epoch))
        }),
        payload().prop_map(|payload| AnswerBody::Reply(payload.into())),
        Just(AnswerBody::Provided),
        vec(any_provider(), 0..5).prop_map(AnswerBody::Providers),
    ]
}

fn failure() -> impl Strategy<Value = StoreFailure> {
    let plain = vec![
        StoreFailure::Full,
        StoreFailure::Failed,
        StoreFailure::TooLarge,
        StoreFailure::Busy,
        StoreFailure::Expired,
        StoreFailure::Future,
        StoreFailure::Equivocation,
        StoreFailure::NotHere,
    ];
    prop_oneof![
        select(plain),
        any::<i32>().prop_map(|worth| StoreFailure::QuotaFull { worth }),
        any::<u32>().prop_map(|seconds| StoreFailure::TooEarly { seconds }),
        any::<u64>().prop_map(|sequence| StoreFailure::Superseded { sequence }),
    ]
}

fn reach() -> impl Strategy<Value = Reach> {
    select(vec![Reach::Nearest, Reach::Cell, Reach::Newest])
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

fn rosters() -> impl Strategy<Value = Message> {
    let signatures = vec((name(), any::<u8>().prop_map(some_signature)), 0..9);
    prop_oneof![
        (claim(), signatures).prop_map(|(claim, signatures)| Message::RosterClaims { claim, signatures }),
        claim().prop_map(Message::RosterWanted),
        numbers().prop_map(|numbers| Message::RosterNamed(roster(numbers))),
        (3..300_u64, any::<u64>()).prop_map(|(number, epoch)| Message::Equivocation(equivocation(number, epoch))),
    ]
}

/// Nodes of one line.
fn numbers() -> impl Strategy<Value = Vec<u64>> {
    subsequence((0..300).collect::<Vec<u64>>(), 1..40)
}

fn claim() -> impl Strategy<Value = Claim> {
    (cell(), axis(), any::<u64>(), any::<[u8; 32]>(), any::<u32>()).prop_map(|(cell, axis, epoch, root, count)| Claim {
        line: Line::through(cell, axis),
        epoch: Epoch::new(epoch),
        root,
        count,
    })
}

fn records() -> impl Strategy<Value = Message> {
    prop_oneof![
        (nonce(), record()).prop_map(|(nonce, record)| Message::Replicate { nonce, record }),
        (nonce(), any::<bool>()).prop_map(|(nonce, stored)| Message::Replicated { nonce, stored }),
        (nonce(), key(), option::of(mark())).prop_map(|(nonce, key, than)| Message::Fetch { nonce, key, than }),
        (nonce(), option::of(record())).prop_map(|(nonce, record)| Message::Fetched { nonce, record }),
        vec(range(), 0..20).prop_map(Message::Ranges),
        any_provider().prop_map(Message::Offered),
    ]
}

fn range() -> impl Strategy<Value = RangeReport> {
    let content = prop_oneof![
        any::<[u8; 16]>().prop_map(RangeContent::Fingerprint),
        vec(item(), 0..20).prop_map(RangeContent::All),
        vec(item(), 0..20).prop_map(RangeContent::Lacking),
    ];
    (key(), key(), content).prop_map(|(first, last, content)| RangeReport { range: KeyRange { first, last }, content })
}

fn any_peer() -> impl Strategy<Value = Peer> {
    (any::<u64>(), option::of(payload())).prop_map(|(number, contact)| peer(number, contact.as_deref()))
}

/// A chunk of any value, or a version, with another of the same number or without.
fn record() -> impl Strategy<Value = Record> {
    let application = || vec(any::<u8>(), 0..=32);
    let value = vec(any::<u8>(), 0..5000);
    let chunk =
        (value, any::<Index>(), application(), any::<[u8; 8]>()).prop_map(|(value, index, application, nonce)| {
            let number = index.index(value.len().div_ceil(1 << 10).max(1));
            chunk(&value, u32::try_from(number).unwrap(), &application, nonce)
        });
    let values = (payload(), option::of(payload()));
    let version = (application(), any::<[u8; 8]>(), 0..1_u64 << 40, values).prop_map(
        |(application, nonce, sequence, (value, other))| {
            let pointer = mutable(&application, nonce);
            let record = version(&pointer, sequence, &value);
            other.map_or(record.clone(), |other| record.merge(&version(&pointer, sequence, &other)))
        },
    );
    prop_oneof![chunk, version]
}

fn any_provider() -> impl Strategy<Value = Provider> {
    (any::<u64>(), 0..u64::MAX - 3600, vec(any::<u8>(), 0..=512))
        .prop_map(|(number, issued, note)| provider(number, issued, &note))
}

fn mark() -> impl Strategy<Value = Mark> {
    (any::<u64>(), any::<u64>()).prop_map(|(sequence, tag)| Mark { sequence, tag })
}

fn item() -> impl Strategy<Value = Item> {
    (key(), mark()).prop_map(|(key, mark)| Item { key, mark })
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
