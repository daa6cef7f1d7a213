//! What comes over links and from servers of datasets.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::io::AsyncRead;
use grid::cell::{Cell, Shape};
use grid::id::{GridId, NodeId, RequestId};
use grid::peer::{Card, Facts, Peer, Verifier};
use grid::postage::{self, Paid, Postage};
use grid::queue::Class;
use grid::record::terms::TermsLimits;
use grid::record::{PriceTable, Rules, Terms};
use sha2::{Digest, Sha256};

use super::decoded;
use crate::data::contradiction::Contradiction;
use crate::data::reports::Reports;
use crate::data::wire::{Ask, Ending, Request, Status};
use crate::wire::frame::{FrameError, read_frame, write_frame};
use crate::wire::greeting::Greeting;
use crate::wire::piece::{PieceError, Unit, Units, whole_message};
use crate::wire::{Decoded, WireError, WireRecord, decode_message, encode_message};

/// The longest frame, and the longest message.
const LIMIT: usize = 1 << 14;

/// Small chunks, and work that costs nothing; as the vectors of messages have it.
pub(super) fn rules() -> Rules {
    let prices = PriceTable { base_bits: 0, size_unit: 1 << 20, day_unit: 365 };
    Rules::new(GridId::from_bytes([0x67; 32]), prices, TermsLimits { days: 365, chunk: 1 << 10 })
}

pub(super) fn shape() -> Shape {
    Shape::new(3, 300).unwrap()
}

/// Believes a card whose identity is eight bytes: they number the node and its cell.
pub(super) struct Numbers;

impl Verifier for Numbers {
    type Error = ();

    fn verify(&self, card: &Card) -> Result<Facts, ()> {
        let number = u64::from_be_bytes(card.identity.as_ref().try_into().map_err(drop)?);
        Ok(Facts {
            id: NodeId::from_bytes(Sha256::digest(number.to_be_bytes()).into()),
            cell: shape().cell_at(number),
            issued: card.credential.len() as u64,
            contact_version: card.contact.as_ref().map_or(0, |contact| contact.len() as u64),
        })
    }
}

/// Nonces above a hundred prove any effort.
struct Hundreds;

impl postage::Verifier for Hundreds {
    fn is_proven(&self, _: &Cell, _: &RequestId, postage: &Postage) -> bool {
        postage.nonce > 100
    }
}

fn toll(target: Cell, request: RequestId, postage: Postage) -> Option<Paid> {
    Paid::check(target, request, postage, postage.window, &Hundreds).ok()
}

pub(super) fn read(bytes: &[u8]) -> Result<Decoded, WireError> {
    decode_message(bytes, shape(), &rules(), &mut |card| Peer::check(card, &Numbers).ok(), &toll)
}

pub fn greeting(bytes: &[u8]) -> bool {
    let Ok(greeting) = Greeting::decode(bytes) else { return false };
    let again = greeting.encode();
    assert!(again.len() <= bytes.len());
    assert_eq!(Greeting::decode(&again).unwrap(), greeting);
    if let Greeting::Refused(why) = &greeting {
        assert!(why.len() <= 400 && !why.contains(char::is_control));
    }
    true
}

/// Frames, one after the other.
pub fn frames(bytes: &[u8]) -> bool {
    let (mut from, mut again, mut whole) = (bytes, Vec::new(), 0);
    let error = loop {
        match read_frame(&mut from, LIMIT).now_or_never().unwrap() {
            Ok(frame) => {
                assert!(frame.len() <= LIMIT);
                write_frame(&mut again, &frame).now_or_never().unwrap().unwrap();
                whole += 1;
            }
            Err(error) => break error,
        }
    };
    assert!(bytes.starts_with(&again));
    let rest = bytes.len() - again.len();
    match error {
        FrameError::Closed => assert_eq!(rest, 0),
        FrameError::Truncated { found, expected } => {
            assert!(found < expected && rest == found + if rest < 4 { 0 } else { 4 })
        }
        FrameError::TooLong { length, limit } => assert!(length > limit && rest >= 4),
        FrameError::Io(error) => panic!("memory failed: {error}"),
    }
    whole > 0
}

/// Gives so many bytes at a time.
struct Pieces<'a>(&'a [u8], usize);

impl AsyncRead for Pieces<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, to: &mut [u8]) -> Poll<std::io::Result<usize>> {
        let length = self.1.min(to.len()).min(self.0.len());
        let (now, rest) = self.0.split_at(length);
        to[..length].copy_from_slice(now);
        self.0 = rest;
        Poll::Ready(Ok(length))
    }
}

fn all_units(bytes: &[u8], at_a_time: usize) -> (Vec<Unit>, PieceError) {
    let (mut units, mut all) = (Units::new(Pieces(bytes, at_a_time), LIMIT), Vec::new());
    loop {
        match units.next().now_or_never().unwrap() {
            Ok(unit) => all.push(unit),
            Err(error) => return (all, error),
        }
    }
}

/// A link after its greeting.
pub fn units(bytes: &[u8]) -> bool {
    let (all, error) = all_units(bytes, usize::MAX);
    let (slowly, same) = all_units(bytes, 1 + bytes.len() % 7);
    assert_eq!((&all, error.to_string()), (&slowly, same.to_string()), "it matters how they come");
    let mut held = 0;
    for unit in &all {
        let Unit::Message(message) = unit else { continue };
        assert!((1..=LIMIT).contains(&message.len()));
        held += message.len();
        let (again, end) = all_units(&whole_message(Class::Bulk, message), usize::MAX);
        assert!(again == [Unit::Message(message.clone())] && matches!(end, PieceError::Closed));
    }
    assert!(held <= bytes.len());
    !all.is_empty()
}

pub fn message(bytes: &[u8]) -> bool {
    let Ok(decoded) = read(bytes) else { return false };
    let again = encode_message(&decoded.message);
    assert!(again.len() <= bytes.len(), "{} bytes are read, {} written", bytes.len(), again.len());
    let second = read(&again).expect("what was written is read");
    assert_eq!(second, Decoded { message: decoded.message, refused_cards: 0 });
    true
}

/// A record, as it lies on disk and is put by way of the API.
pub fn record(bytes: &[u8]) -> bool {
    let Some(record) = decoded::<WireRecord>(bytes) else { return false };
    let Ok(record) = record.check(&rules()) else { return false };
    let again = crate::wire::codec::encode(&WireRecord::from(&record));
    assert!(again.len() <= bytes.len());
    let second = crate::wire::codec::decode::<WireRecord>(&again).unwrap().check(&rules()).unwrap();
    assert_eq!(second, record);
    true
}

pub fn terms(bytes: &[u8]) -> bool {
    let Ok(terms) = Terms::from_bytes(bytes) else { return false };
    assert_eq!(terms.to_bytes(), bytes);
    // What they may be is for the grid to say, of any numbers.
    _ = terms.validate(&rules().limits);
    true
}

/// What is said to and by servers of datasets: a question, how an answer begins and ends, what is known of liars.
pub fn data(bytes: &[u8]) -> bool {
    let Some((kind, bytes)) = bytes.split_first() else { return false };
    match kind % 6 {
        0 => decoded::<Ask>(bytes).is_some(),
        1 => decoded::<Status>(bytes).is_some(),
        2 => decoded::<Ending>(bytes).is_some(),
        3 => decoded::<Request>(bytes).is_some(),
        4 => decoded::<Contradiction>(bytes).is_some_and(|contradiction| contradiction.request().is_ok()),
        _ => Reports::decode(bytes).is_ok(),
    }
}
