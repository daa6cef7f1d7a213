//! Messages and their bytes: there and back, golden vectors, bounds, and bytes that nobody meant.
#![allow(clippy::unwrap_used, reason = "a test may fail")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test wants one kind of message")]

use std::cell::RefCell;
use std::path::Path;

use grid::certified::{Claim, ClaimError, Epoch, MAX_MEMBERS, MembershipError, RosterError};
use grid::id::{GridId, RecordKey};
use grid::load::Load;
use grid::message::{Answer, AnswerBody, MAX_AUDIT, Message, Nonce, Request, RequestBody};
use grid::peer::{Card, Peer};
use grid::provider::{MAX_ANSWERED, OfferError};
use grid::ranges::{Item, KeyRange, MAX_ITEMS, MAX_RANGES, RangeContent, RangeReport};
use grid::record::{Body, Chunk, ChunkError, Mark, PointerError, Record, RecordError, Rules, Subject};
use grid::ways::Ways;
use node::wire::card::WireCard;
use node::wire::message::{MAX_CARDS, MAX_ECHO, MAX_NAMES, MAX_WELCOME};
use node::wire::{WireError, codec, decode_message, encode_message};
use proptest::prelude::*;
use proptest::sample::{Index, select};

#[path = "wire_messages/samples.rs"]
mod samples;
#[path = "wire_messages/strategies.rs"]
mod strategies;

use samples::{
    Numbers, certificate, chunk, equivocation, membership, mutable, node, peer, provider, read, roster, rules, samples,
    shape, some_signature, terms, toll, version, writer,
};
use strategies::any_message;

/// Names and bytes of [`samples`]. They change only with the protocol's version; to write them anew:
///
/// ```text
/// ROOK_WRITE_VECTORS=1 cargo test -p node --test wire_messages golden_vectors
/// ```
#[test]
fn golden_vectors() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/messages.hex");
    let lines = samples().into_iter().map(|(name, message)| format!("{name} {}\n", hex(&encode_message(&message))));
    let written: String = lines.collect();
    if std::env::var_os("ROOK_WRITE_VECTORS").is_some() {
        std::fs::write(&file, &written).unwrap();
    }
    let golden = std::fs::read_to_string(&file).unwrap();
    assert_eq!(golden.lines().count(), samples().len());
    for (line, (name, message)) in golden.lines().zip(samples()) {
        assert_eq!(line, format!("{name} {}", hex(&encode_message(&message))));
        let bytes = line.split_once(' ').unwrap().1;
        assert_eq!(read(&unhex(bytes)).unwrap().message, message, "{name}");
    }
}

#[test]
fn truncations_and_extensions_are_errors() {
    for (name, message) in samples() {
        let mut bytes = encode_message(&message);
        for length in 0..bytes.len() {
            assert_eq!(read(&bytes[..length]).unwrap_err(), WireError::Truncated, "{name} cut to {length}");
        }
        bytes.push(0);
        assert_eq!(read(&bytes).unwrap_err(), WireError::Trailing { extra: 1 }, "{name}");
    }
}

#[test]
fn refused_cards_of_a_list_are_left_out() {
    for message in
        [Message::Roster(vec![peer(1, None), peer(2, None)]), Message::Cards(vec![peer(2, None), peer(1, None)])]
    {
        let mut not_two = |card: Card| Peer::check(card, &Numbers).ok().filter(|peer| peer.id() != node(2));
        let decoded = decode_message(&encode_message(&message), shape(), &rules(), &mut not_two, &toll).unwrap();
        assert_eq!(decoded.refused_cards, 1);
        assert!(match decoded.message {
            Message::Roster(peers) | Message::Cards(peers) => peers == [peer(1, None)],
            _ => false,
        });
    }
}

#[test]
fn a_message_about_a_refused_card_is_refused() {
    for (name, message) in samples() {
        let read = decode_message(&encode_message(&message), shape(), &rules(), &mut |_| None, &toll);
        let expected = matches!(
            name,
            "announce"
                | "announce-without-contact"
                | "request-join"
                | "request-provide"
                | "offered"
                | "answer-roster"
                | "answer-member"
                | "equivocation"
        );
        assert_eq!(read == Err(WireError::RefusedCard), expected, "{name}");
    }
}

#[test]
fn lists_are_bounded() {
    let roster = |count| Message::Roster(vec![peer(1, None); count]);
    assert!(read(&encode_message(&roster(MAX_CARDS))).is_ok());
    assert!(malformed(&roster(MAX_CARDS + 1)));
    assert!(malformed(&Message::Cards(vec![peer(1, None); MAX_CARDS + 1])));
    assert!(read(&encode_message(&Message::CardQuery(vec![node(1); MAX_NAMES]))).is_ok());
    assert!(malformed(&Message::CardQuery(vec![node(1); MAX_NAMES + 1])));
}

#[test]
fn payloads_are_bounded() {
    let (request, answer) = (request(), answer());
    let echo =
        |length| Message::Request(Request { body: RequestBody::Echo(vec![0; length].into()), ..request.clone() });
    let answered = |body| Message::Answer(Answer { body, ..answer.clone() });
    assert!(read(&encode_message(&echo(MAX_ECHO))).is_ok());
    assert!(malformed(&echo(MAX_ECHO + 1)));
    assert!(read(&encode_message(&answered(AnswerBody::Welcome(vec![0; MAX_WELCOME].into())))).is_ok());
    assert!(malformed(&answered(AnswerBody::Welcome(vec![0; MAX_WELCOME + 1].into()))));
    assert!(malformed(&answered(AnswerBody::Echo(vec![0; MAX_ECHO + 1].into()))));
}

/// What is wrong with a record that came in a message.
fn fault(bytes: &[u8]) -> RecordError {
    match read(bytes) {
        Err(WireError::Record(error)) => *error,
        other => panic!("{other:?}"),
    }
}

fn replicate(record: Record) -> Vec<u8> {
    encode_message(&Message::Replicate { nonce: Nonce(1), record })
}

/// The message with one byte changed, of the part that is told.
fn changed(bytes: &[u8], part: &[u8]) -> Vec<u8> {
    let at = bytes.windows(part.len()).position(|window| window == part).unwrap();
    let mut changed = bytes.to_vec();
    changed[at + part.len() - 1] ^= 1;
    changed
}

#[test]
fn chunks_are_checked() {
    let value = [7; 2500];
    let record = chunk(&value, 1, b"app", [5; 8]);
    let bytes = replicate(record.clone());
    assert!(read(&bytes).is_ok());
    assert_eq!(fault(&changed(&bytes, &value[..1024])), ChunkError::Hash.into());
    let Body::Chunk(Chunk { proof, .. }) = record.body() else { panic!("no chunk") };
    assert_eq!(fault(&changed(&bytes, &proof[0])), ChunkError::Hash.into());
    let terms = record.pointer().terms().to_bytes();
    assert!(matches!(fault(&changed(&bytes, &terms)), RecordError::Pointer(PointerError::OtherTerms { .. })));
    let stamp = [&[5; 8][..], &[record.pointer().stamp().bits]].concat();
    assert!(matches!(fault(&changed(&bytes, &stamp)), RecordError::Pointer(PointerError::OtherTerms { .. })));
    assert!(matches!(fault(&changed(&bytes, &[5; 8])), RecordError::Pointer(PointerError::OtherTerms { .. })));
}

#[test]
fn versions_are_checked() {
    let record = version(&mutable(b"app", [5; 8]), 9, b"some value");
    let bytes = replicate(record.clone());
    assert!(read(&bytes).is_ok());
    let head = record.version().unwrap().head;
    assert_eq!(fault(&changed(&bytes, b"some value")), RecordError::Hash);
    assert_eq!(fault(&changed(&bytes, &head.hash)), RecordError::Hash);
    assert_eq!(fault(&changed(&bytes, &head.signature)), RecordError::Signature);

    let twin = record.merge(&version(&mutable(b"app", [5; 8]), 9, b"another value"));
    let bytes = replicate(twin.clone());
    assert!(read(&bytes).is_ok());
    let other = twin.version().unwrap().twin.unwrap();
    assert_eq!(fault(&changed(&bytes, &other.signature)), RecordError::Twin);
    assert_eq!(fault(&changed(&bytes, &other.hash)), RecordError::Twin);
}

/// Terms for less than what came with them.
#[test]
fn a_value_larger_than_its_terms_is_refused() {
    let subject = Subject::Mutable { writer: writer().public(), interval: 60 };
    let (small, large) = (terms(subject, 4, b""), terms(subject, 5, b""));
    let [small, large] = [small, large].map(|terms| samples::pointer(&terms, [5; 8]));
    let bytes = replicate(version(&large, 0, b"five!"));
    let head = [large.terms().to_bytes(), vec![5; 8], vec![large.stamp().bits]].concat();
    let put = [small.terms().to_bytes(), vec![5; 8], vec![small.stamp().bits]].concat();
    let at = bytes.windows(head.len()).position(|window| window == head).unwrap();
    let bytes = [&bytes[..at], &put, &bytes[at + head.len()..]].concat();
    assert_eq!(fault(&bytes), RecordError::TooLarge { limit: 4, found: 5 });
}

#[test]
fn records_of_another_grid_are_refused() {
    let elsewhere = Rules::new(GridId::from_bytes([0x68; 32]), rules().prices, rules().limits);
    // Enough zero bits that the stamp has another number of them anywhere else.
    let costly = |record: fn([u8; 8]) -> Record| {
        let mut records = (0_u64..).map(|nonce| record(nonce.to_be_bytes()));
        records.find(|record| record.pointer().stamp().bits >= 10).unwrap()
    };
    let immutable = costly(|nonce| chunk(b"value", 0, b"", nonce));
    let mutable = costly(|nonce| version(&mutable(b"", nonce), 0, b"value"));
    for record in [immutable, mutable] {
        let read = decode_message(&replicate(record), shape(), &elsewhere, &mut |_| None, &toll);
        let Err(WireError::Record(error)) = read else { panic!("{read:?}") };
        assert!(matches!(*error, RecordError::Pointer(PointerError::OtherTerms { .. })), "{error}");
    }
}

#[test]
fn offers_are_checked() {
    let provider = provider(8, 1000, b"some note");
    let bytes = encode_message(&Message::Offered(provider.clone()));
    assert!(read(&bytes).is_ok());
    for part in [&b"some note"[..], &provider.offer().topic.as_bytes()[..], provider.signature()] {
        assert_eq!(read(&changed(&bytes, part)).unwrap_err(), WireError::Offer(OfferError::Signature));
    }
    let answer = Answer { body: AnswerBody::Providers(vec![provider]), ..answer() };
    let bytes = changed(&encode_message(&Message::Answer(answer)), b"some note");
    assert_eq!(read(&bytes).unwrap_err(), WireError::Offer(OfferError::Signature), "one lie spoils the list");
}

#[test]
fn certified_rosters_are_checked() {
    let certificate = certificate(&[1, 2, 299], 300);
    let bytes = encode_message(&Message::Answer(Answer { body: AnswerBody::Roster(certificate.clone()), ..answer() }));
    assert!(read(&bytes).is_ok());
    let forged = read(&changed(&bytes, certificate.signed()[1].signature())).unwrap_err();
    assert_eq!(forged, WireError::Claim(ClaimError::Signature));
    // Another name in the list is another root, which nobody has signed.
    assert_eq!(read(&changed(&bytes, node(299).as_bytes())).unwrap_err(), WireError::Claim(ClaimError::Signature));

    let member = membership(&[1, 2, 299], 2, 5);
    let bytes = encode_message(&Message::Answer(Answer { body: AnswerBody::Member(member.clone()), ..answer() }));
    for part in [&member.claim().root, &member.proof().hashes[0]] {
        let error = read(&changed(&bytes, part)).unwrap_err();
        assert_eq!(error, WireError::Membership(MembershipError::Proof));
    }

    let proof = equivocation(7, 251);
    let bytes = encode_message(&Message::Equivocation(proof.clone()));
    for signed in proof.signed() {
        let error = read(&changed(&bytes, signed.signature())).unwrap_err();
        assert_eq!(error, WireError::Claim(ClaimError::Signature), "nobody is accused by what it has not signed");
    }
}

#[test]
fn lines_have_one_encoding() {
    let claim = Claim::of(&roster([5, 6]), Epoch::new(3));
    let bytes = encode_message(&Message::RosterWanted(claim));
    // Kind, axis, number of coordinates, and the one along the axis.
    assert_eq!(bytes[..4], [24, 0, 3, 0]);
    let mut other = bytes.clone();
    other[3] = 1;
    assert!(matches!(read(&other), Err(WireError::Line(_))));
    other[..4].copy_from_slice(&[24, 3, 3, 0]);
    assert_eq!(read(&other).unwrap_err(), WireError::Axis { axis: 3, dims: 3 });
}

#[test]
fn signatures_and_members_are_bounded() {
    let claim = Claim::of(&roster([5, 6]), Epoch::new(3));
    let claims = |count| Message::RosterClaims { claim, signatures: vec![(node(5), some_signature(1)); count] };
    assert!(read(&encode_message(&claims(MAX_MEMBERS))).is_ok());
    assert!(malformed(&claims(MAX_MEMBERS + 1)));
    let twice = encode_message(&Message::RosterNamed(roster([5, 6])));
    let [five, six] = [5, 6].map(|number| *node(number).as_bytes());
    let at = |name: &[u8]| twice.windows(32).position(|window| window == name).unwrap();
    let mut named_twice = twice.clone();
    named_twice[at(&six)..][..32].copy_from_slice(&five);
    assert!(matches!(read(&named_twice), Err(WireError::Roster(RosterError::Twice(_)))));
}

#[test]
fn providers_with_refused_cards_are_left_out() {
    let providers = vec![provider(8, 1000, b"one"), provider(9, 1000, b"other")];
    let message = Message::Answer(Answer { body: AnswerBody::Providers(providers.clone()), ..answer() });
    let mut not_nine = |card: Card| Peer::check(card, &Numbers).ok().filter(|peer| peer.id() != node(9));
    let decoded = decode_message(&encode_message(&message), shape(), &rules(), &mut not_nine, &toll).unwrap();
    assert_eq!(decoded.refused_cards, 1);
    let expected = Answer { body: AnswerBody::Providers(providers[..1].to_vec()), ..answer() };
    assert_eq!(decoded.message, Message::Answer(expected));
}

#[test]
fn items_and_providers_are_bounded() {
    let item = Item { key: RecordKey::from_bytes([1; 32]), mark: Mark::default() };
    let (request, answer) = (request(), answer());
    let audit = |count| Message::Request(Request { body: RequestBody::Audit(vec![item; count]), ..request.clone() });
    assert!(read(&encode_message(&audit(MAX_AUDIT))).is_ok());
    assert!(malformed(&audit(MAX_AUDIT + 1)));
    let answered = |body| Message::Answer(Answer { body, ..answer.clone() });
    assert!(
        read(&encode_message(&answered(AnswerBody::Audited { lacking: vec![1; MAX_AUDIT], declined: vec![] }))).is_ok()
    );
    assert!(malformed(&answered(AnswerBody::Audited { lacking: vec![], declined: vec![1; MAX_AUDIT + 1] })));
    let providers = |count| answered(AnswerBody::Providers(vec![provider(8, 1000, &[0; 512]); count]));
    assert!(read(&encode_message(&providers(MAX_ANSWERED))).is_ok());
    assert!(malformed(&providers(MAX_ANSWERED + 1)));
    let ranges = |count, items| {
        let content = RangeContent::All(vec![item; items]);
        Message::Ranges(vec![RangeReport { range: KeyRange::ALL, content }; count])
    };
    assert!(read(&encode_message(&ranges(1, MAX_ITEMS))).is_ok());
    assert!(malformed(&ranges(1, MAX_ITEMS + 1)));
    assert!(read(&encode_message(&ranges(MAX_RANGES, 0))).is_ok());
    assert!(malformed(&ranges(MAX_RANGES + 1, 0)));
}

#[test]
fn places_are_checked_against_the_shape() {
    let smaller = grid::cell::Shape::new(2, 300).unwrap();
    let read_there =
        |message: &Message| decode_message(&encode_message(message), smaller, &rules(), &mut |_| None, &toll);
    assert!(matches!(read_there(&Message::Request(request())), Err(WireError::Cell(_))));
    assert!(matches!(read_there(&Message::Answer(answer())), Err(WireError::Cell(_))));
    let axis = shape().axes().nth(2).unwrap();
    let members = Message::LineMembers { axis, members: vec![] };
    assert_eq!(read_there(&members).unwrap_err(), WireError::Axis { axis: 2, dims: 2 });
    let pong = Message::Pong { nonce: Nonce(1), ways: Ways::none(3), load: Load::default() };
    assert_eq!(read_there(&pong).unwrap_err(), WireError::Ways { found: 3, dims: 2 });
}

#[test]
fn a_card_of_a_list_keeps_to_its_bounds() {
    let card = WireCard { identity: vec![0; 3 << 10], credential: vec![], contact: None };
    let roster = [codec::encode(&12_u32), codec::encode(&vec![card])].concat();
    assert!(matches!(read(&roster).unwrap_err(), WireError::Malformed(_)));
}

proptest! {
    #[test]
    fn round_trip(message in any_message()) {
        let decoded = read(&encode_message(&message)).unwrap();
        prop_assert_eq!(decoded.message, message);
        prop_assert_eq!(decoded.refused_cards, 0);
    }

    #[test]
    fn truncated(message in any_message(), cut in any::<Index>()) {
        let bytes = encode_message(&message);
        prop_assert!(read(&bytes[..cut.index(bytes.len())]).is_err());
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = read(&bytes);
    }

    #[test]
    fn arbitrary_bodies_do_not_panic(kind in 0..28_u8, body in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = read(&[vec![kind], body].concat());
    }

    #[test]
    fn mutated_bytes_do_not_panic(
        sample in select(samples()),
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = encode_message(&sample.1);
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let _ = read(&bytes);
    }
}

fn malformed(message: &Message) -> bool {
    matches!(read(&encode_message(message)), Err(WireError::Malformed(_)))
}

fn request() -> Request {
    let found = samples().into_iter().find_map(|(_, message)| match message {
        Message::Request(request) => Some(request),
        _ => None,
    });
    found.unwrap()
}

fn answer() -> Answer {
    let found = samples().into_iter().find_map(|(_, message)| match message {
        Message::Answer(answer) => Some(answer),
        _ => None,
    });
    found.unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn a_request_whose_postage_is_void_counts_as_unpaid() {
    let messages = samples();
    let (_, paid) = messages.iter().find(|(name, _)| *name == "request-paid").unwrap();
    let Message::Request(paid) = paid else { panic!("{paid:?}") };
    assert!(paid.paid.is_some());
    let bytes = encode_message(&Message::Request(paid.clone()));
    let read = decode_message(&bytes, shape(), &rules(), &mut |_| None, &|_, _, _| None).unwrap();
    assert_eq!(read.message, Message::Request(Request { paid: None, ..paid.clone() }));
}

/// A stamp is a hash to check; a card may be a signature and an identity's work.
#[test]
fn postage_is_checked_before_what_a_request_brings() {
    let messages = samples();
    let (_, paid) = messages.iter().find(|(name, _)| *name == "request-paid").unwrap();
    let Message::Request(paid) = paid else { panic!("{paid:?}") };
    let join = Request { body: RequestBody::Join(peer(1, None)), ..paid.clone() };
    let bytes = encode_message(&Message::Request(join));
    let order = RefCell::new(Vec::new());
    let mut card = |_| {
        order.borrow_mut().push("card");
        None
    };
    let stamp = |_, _, _| {
        order.borrow_mut().push("stamp");
        None
    };
    let read = decode_message(&bytes, shape(), &rules(), &mut card, &stamp);
    assert_eq!(read, Err(WireError::RefusedCard));
    assert_eq!(*order.borrow(), ["stamp", "card"]);
}
