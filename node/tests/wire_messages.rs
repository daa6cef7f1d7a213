//! Messages and their bytes: there and back, golden vectors, bounds, and bytes that nobody meant.
#![allow(clippy::unwrap_used, reason = "a test may fail")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test wants one kind of message")]

use std::path::Path;

use grid::message::{Answer, AnswerBody, Message, Nonce, RequestBody};
use grid::peer::{Card, Peer};
use grid::record::Record;
use node::wire::card::WireCard;
use node::wire::message::{MAX_CARDS, MAX_ECHO, MAX_NAMES, MAX_WELCOME};
use node::wire::{WireError, codec, decode_message, encode_message};
use proptest::prelude::*;
use proptest::sample::{Index, select};

#[path = "wire_messages/samples.rs"]
mod samples;
#[path = "wire_messages/strategies.rs"]
mod strategies;

use samples::{LIMITS, Numbers, node, peer, read, samples, shape};
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
        let decoded = decode_message(&encode_message(&message), shape(), &LIMITS, &mut not_two).unwrap();
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
        let read = decode_message(&encode_message(&message), shape(), &LIMITS, &mut |_| None);
        let expected = matches!(name, "announce" | "announce-without-contact" | "request-join");
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
    let echo = |length| {
        Message::Request(grid::message::Request { body: RequestBody::Echo(vec![0; length].into()), ..request.clone() })
    };
    let answered = |body| Message::Answer(Answer { body, ..answer.clone() });
    assert!(read(&encode_message(&echo(MAX_ECHO))).is_ok());
    assert!(malformed(&echo(MAX_ECHO + 1)));
    assert!(read(&encode_message(&answered(AnswerBody::Welcome(vec![0; MAX_WELCOME].into())))).is_ok());
    assert!(malformed(&answered(AnswerBody::Welcome(vec![0; MAX_WELCOME + 1].into()))));
    assert!(malformed(&answered(AnswerBody::Echo(vec![0; MAX_ECHO + 1].into()))));
}

#[test]
fn records_are_checked() {
    let replicate = |length| Message::Replicate { nonce: Nonce(1), record: Record::new(vec![1; length]) };
    let limit = LIMITS.max_record_bytes;
    assert!(read(&encode_message(&replicate(limit))).is_ok());
    let too_large = WireError::RecordTooLarge { length: limit + 1, limit };
    assert_eq!(read(&encode_message(&replicate(limit + 1))).unwrap_err(), too_large);
    let mut bytes = encode_message(&replicate(9));
    *bytes.last_mut().unwrap() ^= 1;
    assert!(matches!(read(&bytes).unwrap_err(), WireError::Record(_)));
}

#[test]
fn places_are_checked_against_the_shape() {
    let smaller = grid::cell::Shape::new(2, 300).unwrap();
    let read_there = |message: &Message| decode_message(&encode_message(message), smaller, &LIMITS, &mut |_| None);
    assert!(matches!(read_there(&Message::Request(request())), Err(WireError::Cell(_))));
    assert!(matches!(read_there(&Message::Answer(answer())), Err(WireError::Cell(_))));
    let axis = shape().axes().nth(2).unwrap();
    let members = Message::LineMembers { axis, members: vec![] };
    assert_eq!(read_there(&members).unwrap_err(), WireError::Axis { axis: 2, dims: 2 });
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
    fn arbitrary_bodies_do_not_panic(kind in 0..21_u8, body in prop::collection::vec(any::<u8>(), 0..600)) {
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

fn request() -> grid::message::Request {
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
