//! One message of each kind, and a verifier that believes cards whose identity is a number.

use std::num::NonZeroU32;
use std::time::Duration;

use grid::cell::{Cell, Line, Shape};
use grid::certified::{Certificate, Claim, Epoch, Equivocation, Membership, Roster, Signature, SignedClaim, threshold};
use grid::id::{GridId, NodeId, RequestId};
use grid::load::Load;
use grid::message::{
    Answer, AnswerBody, LineSummary, Message, Nonce, Reach, Refusal, Request, RequestBody, StoreFailure,
};
use grid::peer::{Card, Facts, Peer, Verifier};
use grid::postage::{self, Paid, Postage, Window};
use grid::provider::{Offer, Provider, Topic};
use grid::queue::Class;
use grid::ranges::{Item, KeyRange, RangeContent, RangeReport};
use grid::record::terms::TermsLimits;
use grid::record::{Mark, Pointer, PointerError, PriceTable, Record, Rules, Stamp, Subject, Terms, Tree};
use grid::time::Day;
use grid::ways::Ways;
use hashcash::Credential;
use libp2p::identity::Keypair;
use node::stamps::{self, Proofs, WriterKey};
use node::wire::{Decoded, WireError, decode_message};
use sha2::{Digest, Sha256};

/// What the records of these tests may be: small chunks, and work that costs nothing.
pub(crate) fn rules() -> Rules {
    let prices = PriceTable { base_bits: 0, size_unit: 1 << 20, day_unit: 365 };
    Rules::new(GridId::from_bytes([0x67; 32]), prices, TermsLimits { days: 365, chunk: 1 << 10 })
}

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
    NodeId::from_bytes(Sha256::digest(number.to_be_bytes()).into())
}

/// A verified node.
pub(crate) fn peer(number: u64, contact: Option<&[u8]>) -> Peer {
    let card =
        Card { identity: number.to_be_bytes().into(), credential: [7; 3].into(), contact: contact.map(Into::into) };
    Peer::check(card, &Numbers).unwrap()
}

/// The transport key of a numbered node.
fn transport_key(number: u64) -> Keypair {
    Keypair::ed25519_from_bytes(<[u8; 32]>::from(Sha256::digest(number.to_be_bytes()))).unwrap()
}

/// A verified node whose credential names its transport key.
fn peer_with_key(number: u64) -> Peer {
    let peer_id = transport_key(number).public().to_peer_id().to_bytes();
    let credential = Credential { peer_id, onion_key: [4; 32], issued: 5, expires: 6, signature: vec![7; 32] };
    let (identity, credential) = (number.to_be_bytes().into(), credential.to_bytes().into());
    Peer::check(Card { identity, credential, contact: None }, &Numbers).unwrap()
}

/// An offer that a numbered node has signed.
pub(crate) fn provider(number: u64, issued: u64, note: &[u8]) -> Provider {
    let (peer, topic) = (peer_with_key(number), Topic::named("maps"));
    let offer = Offer { topic, issued, expires: issued.saturating_add(3600), note: note.into() };
    let signed = offer.signed_bytes(rules().grid(), &peer.id());
    let signature = transport_key(number).sign(&signed).unwrap();
    // Whether it holds is for the reader to say.
    Provider::check(&peer, offer, signature, rules().grid(), |_, _, _| true).unwrap()
}

/// The line on which the nodes with numbers below 300 are.
pub(crate) fn line() -> Line {
    Line::through(shape().cell_at(0), shape().axes().next().unwrap())
}

/// A roster of numbered nodes.
pub(crate) fn roster(numbers: impl IntoIterator<Item = u64>) -> Roster {
    Roster::new(line(), numbers.into_iter().map(|number| (node(number), shape().cell_at(number)))).unwrap()
}

/// A claim that a numbered node has signed.
pub(crate) fn signed(number: u64, claim: Claim) -> SignedClaim {
    let peer = peer_with_key(number);
    let signature = transport_key(number).sign(&claim.signed_bytes(rules().grid(), &peer.id())).unwrap();
    SignedClaim::check(&peer, claim, signature.try_into().unwrap(), rules().grid(), |_, _, _| true).unwrap()
}

/// A roster of numbered nodes that the first of them, as many as it takes, have signed.
pub(crate) fn certificate(numbers: &[u64], epoch: u64) -> Certificate {
    let roster = roster(numbers.iter().copied());
    let (claim, needed) = (Claim::of(&roster, Epoch::new(epoch)), threshold(roster.count()) as usize);
    Certificate::new(claim, roster, numbers[..needed].iter().map(|&number| signed(number, claim)).collect()).unwrap()
}

/// The proof that a numbered node is in a roster.
pub(crate) fn membership(numbers: &[u64], which: u64, epoch: u64) -> Membership {
    let roster = roster(numbers.iter().copied());
    let proof = roster.proof(node(which)).unwrap();
    Membership::check(Claim::of(&roster, Epoch::new(epoch)), &peer_with_key(which), proof).unwrap()
}

/// The proof that a numbered node has signed two rosters.
pub(crate) fn equivocation(number: u64, epoch: u64) -> Equivocation {
    let [one, other] =
        [vec![1, 2, number], vec![1, number]].map(|numbers| Claim::of(&roster(numbers), Epoch::new(epoch)));
    Equivocation::of(&signed(number, one), &signed(number, other)).unwrap()
}

/// Some bytes in the place of a signature.
pub(crate) fn some_signature(fill: u8) -> Signature {
    let mut signature = [fill; 64];
    signature[63] = !fill;
    signature
}

/// Terms with every field in use, from the same day for ever.
pub(crate) fn terms(subject: Subject, size: u64, application: &[u8]) -> Terms {
    let (from, application) = (Day::new(2_461_366), application.to_vec());
    Terms { subject, size, from, days: 30, half_life: 7, priority: 3, application }
}

/// A pointer with that nonce, as many zero bits as it gives.
pub(crate) fn pointer(terms: &Terms, nonce: [u8; 8]) -> Pointer {
    let check = |bits| Pointer::check(terms.clone(), Stamp { nonce, bits }, &rules(), &Proofs);
    match check(0) {
        Err(PointerError::OtherTerms { found, .. }) => check(u8::try_from(found).unwrap()).unwrap(),
        other => other.unwrap(),
    }
}

/// One chunk of a value.
pub(crate) fn chunk(value: &[u8], number: u32, application: &[u8], nonce: [u8; 8]) -> Record {
    let tree = Tree::of(value, rules().limits.chunk);
    let terms = terms(Subject::Immutable { root: tree.root() }, value.len() as u64, application);
    let bytes = value.chunks(1 << 10).nth(number as usize).unwrap_or_default();
    stamps::chunk(&pointer(&terms, nonce), &tree, number, bytes, &rules()).unwrap()
}

/// The writer of these tests.
pub(crate) fn writer() -> WriterKey {
    WriterKey::from_bytes(&[3; 32])
}

/// The pointer of a mutable record.
pub(crate) fn mutable(application: &[u8], nonce: [u8; 8]) -> Pointer {
    let subject = Subject::Mutable { writer: writer().public(), interval: 60 };
    pointer(&terms(subject, 1 << 10, application), nonce)
}

/// A version of a mutable record, written as early as it may be.
pub(crate) fn version(pointer: &Pointer, sequence: u64, value: &[u8]) -> Record {
    let written = pointer.terms().from.unix_seconds() + 60 * sequence;
    stamps::version(pointer, &writer(), sequence, written, value, &rules()).unwrap()
}

fn small() -> Record {
    chunk(b"a value", 0, b"", [1; 8])
}

/// Reads a message of the grid of these tests.
pub(crate) fn read(bytes: &[u8]) -> Result<Decoded, WireError> {
    decode_message(bytes, shape(), &rules(), &mut |card| Peer::check(card, &Numbers).ok(), &toll)
}

/// Nonces above a hundred prove any effort.
struct Hundreds;

impl postage::Verifier for Hundreds {
    fn is_proven(&self, _: &Cell, _: &RequestId, postage: &Postage) -> bool {
        postage.nonce > 100
    }
}

/// What these tests take for paid.
pub(crate) fn toll(target: Cell, request: RequestId, postage: Postage) -> Option<Paid> {
    Paid::check(target, request, postage, postage.window, &Hundreds).ok()
}

/// A request that somebody paid for.
fn paid_request() -> Message {
    let Message::Request(request) = request(RequestBody::Echo([7, 8].into())) else { unreachable!() };
    let effort = NonZeroU32::new(1 << 18).unwrap();
    let postage = Postage { window: Window::new(29_900_000), effort, nonce: 1 << 40 };
    Message::Request(Request { paid: toll(request.target, request.id, postage), ..request })
}

fn request(body: RequestBody) -> Message {
    let target = shape().cell(&[1, 250, 299]).unwrap();
    Message::Request(Request {
        id: RequestId::from_bytes([0x1d; 16]),
        target,
        hops: 2,
        hops_left: 9,
        class: Class::Interactive,
        paid: None,
        body,
    })
}

fn answer(body: AnswerBody) -> Message {
    let from = shape().cell(&[0, 251, 7]).unwrap();
    Message::Answer(Answer { id: RequestId::from_bytes([0x1d; 16]), hops: 3, class: Class::Bulk, from, body })
}

/// Every kind of message and of what it may hold, each with a name.
pub(crate) fn samples() -> Vec<(&'static str, Message)> {
    let mut all = links();
    all.extend(requests());
    all.extend(lines());
    all.extend(records());
    all.extend(rosters());
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
        (
            "refused-busy",
            Message::Refused(id, Refusal::Busy { retry_after: Duration::from_millis(300), effort: 1 << 18 }),
        ),
        ("request-paid", paid_request()),
        ("refused-not-allowed", Message::Refused(id, Refusal::NotAllowed)),
        ("refused-slow", Message::Refused(id, Refusal::Slow)),
        ("ping", Message::Ping(nonce)),
        (
            "pong",
            Message::Pong {
                nonce: Nonce(5),
                ways: Ways::of_steps(&[17, u16::MAX, 300]).unwrap(),
                load: Load::of_requests(70_000),
            },
        ),
        ("probe-for", Message::ProbeFor { nonce, target }),
        ("probed-alive", Message::ProbedAlive { nonce, target }),
        ("suspect", Message::Suspect(target)),
    ]
}

fn requests() -> Vec<(&'static str, Message)> {
    let record = small();
    let key = record.key();
    let items = vec![Item { key, mark: Mark::default() }, Item { key, mark: Mark { sequence: 300, tag: u64::MAX } }];
    let get = |reach| request(RequestBody::Get { key, reach });
    let mut all = vec![
        ("request-join", request(RequestBody::Join(peer(2, None)))),
        ("request-put", request(RequestBody::Put(record.clone()))),
        ("request-get-nearest", get(Reach::Nearest)),
        ("request-get-cell", get(Reach::Cell)),
        ("request-get-newest", get(Reach::Newest)),
        ("request-echo", request(RequestBody::Echo((*b"echo").into()))),
        ("request-audit", request(RequestBody::Audit(items))),
        ("request-audit-of-nothing", request(RequestBody::Audit(vec![]))),
        ("request-provide", request(RequestBody::Provide(provider(8, 70_000, b"a copy")))),
        ("request-providers", request(RequestBody::Providers(Topic::named("maps")))),
        ("request-ask", request(RequestBody::Ask { node: node(7), question: (*b"what?").into() })),
        ("answer-reply", answer(AnswerBody::Reply((*b"that").into()))),
        ("answer-absent", answer(AnswerBody::Absent)),
        ("answer-welcome", answer(AnswerBody::Welcome((*b"sealed").into()))),
        ("answer-stored", answer(AnswerBody::Stored { nodes: 4 })),
        ("answer-found", answer(AnswerBody::Found(record))),
        ("answer-not-found", answer(AnswerBody::NotFound)),
        ("answer-vacant", answer(AnswerBody::Vacant)),
        ("answer-echo", answer(AnswerBody::Echo((*b"echo").into()))),
        ("answer-audited", answer(AnswerBody::Audited { lacking: vec![0, 300], declined: vec![7] })),
        ("answer-busy", answer(AnswerBody::Busy)),
        ("answer-provided", answer(AnswerBody::Provided)),
        ("answer-providers", answer(AnswerBody::Providers(vec![provider(8, 1, b""), provider(9, 2, b"note")]))),
        ("answer-no-providers", answer(AnswerBody::Providers(vec![]))),
        ("request-roster", request(RequestBody::Roster { axis: line().axis(), member: None })),
        ("request-roster-member", request(RequestBody::Roster { axis: line().axis(), member: Some(node(3)) })),
        ("answer-roster", answer(AnswerBody::Roster(certificate(&[1, 2, 299], 300)))),
        ("answer-member", answer(AnswerBody::Member(membership(&[1, 2, 299], 2, 1 << 33)))),
    ];
    let failed = |(name, failure)| (name, answer(AnswerBody::NotStored(failure)));
    all.extend(failures().into_iter().map(failed));
    all
}

/// Every reason for not storing a record.
fn failures() -> Vec<(&'static str, StoreFailure)> {
    vec![
        ("answer-not-stored-full", StoreFailure::Full),
        ("answer-not-stored-failed", StoreFailure::Failed),
        ("answer-not-stored-too-large", StoreFailure::TooLarge),
        ("answer-not-stored-quota-full", StoreFailure::QuotaFull { worth: -3 }),
        ("answer-not-stored-busy", StoreFailure::Busy),
        ("answer-not-stored-expired", StoreFailure::Expired),
        ("answer-not-stored-future", StoreFailure::Future),
        ("answer-not-stored-too-early", StoreFailure::TooEarly { seconds: 3600 }),
        ("answer-not-stored-superseded", StoreFailure::Superseded { sequence: 1 << 40 }),
        ("answer-not-stored-equivocation", StoreFailure::Equivocation),
        ("answer-not-stored-not-here", StoreFailure::NotHere),
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
    let (nonce, record) = (Nonce(300), small());
    let key = record.key();
    let (first, second) = (version(&mutable(b"app", [2; 8]), 0, b""), version(&mutable(b"app", [2; 8]), 7, b"seven"));
    let twins = second.merge(&version(&mutable(b"app", [2; 8]), 7, b"other"));
    let proved = chunk(&[9; 2500], 2, &[0xa5; 32], [0; 8]);
    let item = |mark| Item { key, mark };
    let (all, lacking) = (vec![item(Mark::default()), item(second.mark())], vec![item(twins.mark())]);
    let contents = [RangeContent::Fingerprint([7; 16]), RangeContent::All(all), RangeContent::Lacking(lacking)];
    let ranges = contents.map(|content| RangeReport { range: KeyRange::ALL, content });
    let fetched = |record| Message::Fetched { nonce, record };
    vec![
        ("replicate", Message::Replicate { nonce, record: record.clone() }),
        ("replicate-chunk-with-proof", Message::Replicate { nonce, record: proved }),
        ("replicate-version", Message::Replicate { nonce, record: first }),
        ("replicated", Message::Replicated { nonce, stored: true }),
        ("fetch", Message::Fetch { nonce, key, than: None }),
        ("fetch-later", Message::Fetch { nonce, key, than: Some(second.mark()) }),
        ("fetched", fetched(Some(record))),
        ("fetched-version", fetched(Some(second))),
        ("fetched-version-with-twin", fetched(Some(twins))),
        ("fetched-nothing", fetched(None)),
        ("ranges", Message::Ranges(ranges.into())),
        ("offered", Message::Offered(provider(8, 1 << 33, &[b'n'; 512]))),
    ]
}

fn rosters() -> Vec<(&'static str, Message)> {
    let claim = Claim::of(&roster([5, 6]), Epoch::new(3_000_000));
    let signatures = vec![(node(5), some_signature(5)), (node(6), some_signature(6))];
    vec![
        ("roster-claims", Message::RosterClaims { claim, signatures }),
        ("roster-wanted", Message::RosterWanted(claim)),
        ("roster-named", Message::RosterNamed(roster([5, 6, 299]))),
        ("equivocation", Message::Equivocation(equivocation(7, 251))),
    ]
}
