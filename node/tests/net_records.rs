#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm, reason = "a test may fail")]
//! What a verified neighbour says of records and offers: lies cut its link, what is merely too late, too early or too
//! old gets an answer that says so.

mod net_support;

use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use grid::cell::Cell;
use grid::id::RequestId;
use grid::load::Load;
use grid::message::{Answer, AnswerBody, Message, Nonce, Reach, Request, RequestBody, StoreFailure};
use grid::peer::{Card, Peer};
use grid::provider::{Offer, Provider, Topic};
use grid::queue::Class;
use grid::record::{Pointer, Record, Rules, Subject, Terms};
use grid::time::Day;
use grid::ways::Ways;
use libp2p::Stream;
use libp2p::identity::Keypair;
use net_support::attacker::{Attacker, is_cut, now, others_do_not_notice, victim};
use net_support::{Node, mint, parameters, record};
use node::stamps::{self, Wanted, WriterKey};
use node::verifier::Verifier;
use node::wire::piece::{Reached, Unit, Units, append_reached, whole_message};
use node::wire::{decode_message, encode_message};

const HOUR: u32 = 3600;

fn rules() -> Rules {
    Rules::of(&parameters(1, 2))
}

fn writer() -> WriterKey {
    WriterKey::from_bytes(&[3; 32])
}

/// A mutable record that was begun some days ago, or will be.
fn mutable(age: i64, days: u16, size: u64) -> Pointer {
    let wanted = Wanted { days, ..Wanted::default() };
    let terms = wanted.terms(Subject::Mutable { writer: writer().public(), interval: HOUR }, size);
    let from = now().checked_add_signed(-86_400 * age).unwrap();
    let terms = Terms { from: Day::of_unix(from), ..terms };
    // More work than anybody asks: so the stamp has another number of zero bits with any other terms.
    stamps::pay(terms, 16, &rules(), 0, &()).unwrap()
}

fn version(pointer: &Pointer, sequence: u64, written: u64, value: &[u8]) -> Record {
    stamps::version(pointer, &writer(), sequence, written, value, &rules()).unwrap()
}

fn replicate(record: &Record) -> Vec<u8> {
    encode_message(&Message::Replicate { nonce: Nonce(5), record: record.clone() })
}

/// The bytes with another byte at the end of a part of them.
fn changed(bytes: &[u8], part: &[u8]) -> Vec<u8> {
    let at = bytes.windows(part.len()).position(|window| window == part).unwrap();
    let mut changed = bytes.to_vec();
    changed[at + part.len() - 1] ^= 1;
    changed
}

/// A version on the terms and stamp of a record that allows less.
fn too_large() -> Vec<u8> {
    let (small, large) = (mutable(1, 30, 4), mutable(1, 30, 5));
    let head = |pointer: &Pointer| {
        [pointer.terms().to_bytes(), pointer.stamp().nonce.to_vec(), vec![pointer.stamp().bits]].concat()
    };
    let bytes = replicate(&version(&large, 0, now(), b"five!"));
    let at = bytes.windows(head(&large).len()).position(|window| window == head(&large)).unwrap();
    [&bytes[..at], &head(&small), &bytes[at + head(&large).len()..]].concat()
}

/// What somebody offers under the name of a node that has never said so.
async fn false_offer() -> Provider {
    let grid = parameters(1, 2);
    let (identity, keypair) = (mint(&grid), Keypair::generate_ed25519());
    let peer_id = keypair.public().to_peer_id().to_bytes();
    let (id, now) = (grid.grid_id(), now());
    let credential =
        identity.sign_credential(id.as_bytes(), &peer_id, [0; 32], now, now + 3600, &mut rand::rng()).unwrap();
    let (identity, credential) = (identity.identity().to_bytes().into(), credential.to_bytes().into());
    let peer: Peer = Verifier::new(grid).verify(Card { identity, credential, contact: None }).await.unwrap();
    let offer = Offer { topic: Topic::named("maps"), issued: now, expires: now + 3600, note: b"a lie"[..].into() };
    let signature = Keypair::generate_ed25519().sign(&offer.signed_bytes(&id, &peer.id())).unwrap();
    Provider::check(&peer, offer, signature, &id, |_, _, _| true).unwrap()
}

fn request(target: Cell, body: RequestBody) -> Request {
    Request {
        id: RequestId::from_bytes(rand::random()),
        target,
        hops: 0,
        hops_left: 2,
        class: Class::Interactive,
        paid: None,
        body,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_about_records_and_offers_are_cut() {
    let (victim, honest) = victim().await;
    let target = victim.status().await.cell;
    let pointer = mutable(1, 30, 100);
    let (one, other) = (version(&pointer, 1, now(), b"one value"), version(&pointer, 1, now(), b"the other"));
    let good = replicate(&one);
    let head = one.version().unwrap().head;
    let twins = one.merge(&other);
    let twin = twins.version().unwrap().twin.unwrap();
    let immutable = record(&parameters(1, 2), b"some bytes");
    let put = encode_message(&Message::Request(request(target, RequestBody::Put(immutable.clone()))));
    let fetched = encode_message(&Message::Fetched { nonce: Nonce(1), record: Some(immutable) });
    let offered = false_offer().await;
    let provide = encode_message(&Message::Request(request(target, RequestBody::Provide(offered.clone()))));
    let answer = AnswerBody::Providers(vec![offered.clone()]);
    let answer = Answer { id: RequestId::from_bytes([1; 16]), hops: 1, class: Class::Bulk, from: target, body: answer };
    let lies = [
        ("a wrong signature", changed(&good, &head.signature)),
        ("a value that does not hash", changed(&good, b"one value")),
        ("a value larger than its terms", too_large()),
        ("a false twin", changed(&replicate(&twins), &twin.signature)),
        ("other terms than were stamped", changed(&good, &writer().public())),
        ("a put of other bytes", changed(&put, b"some bytes")),
        ("other bytes fetched", changed(&fetched, b"some bytes")),
        ("a false offer", encode_message(&Message::Offered(offered))),
        ("a false offer announced", provide),
        ("a false offer in an answer", encode_message(&Message::Answer(answer))),
    ];
    let mut cut = victim.status().await.counters.cut_links;
    for (lie, bytes) in lies {
        let mut attacker = Attacker::connect(&victim.address).await;
        let mut stream = attacker.accepted(&victim).await;
        stream.write_all(&whole_message(Class::Bulk, &bytes)).await.unwrap();
        assert!(is_cut(stream, Duration::from_secs(10)).await, "{lie}");
        cut += 1;
        victim.until(&format!("{lie} is counted"), |status| status.counters.cut_links >= cut).await;
    }
    victim.until("only the honest one is left", |status| status.status.links == 1).await;
    assert_eq!(victim.status().await.status.records, 0, "nothing of it was kept");
    assert!(victim.handle.providers(Topic::named("maps")).await.unwrap().is_empty());
    others_do_not_notice(&victim, &honest).await;
}

/// The two directions of an attacker's stream, and the marks that it has read.
type Halves = (Units<ReadHalf<Stream>>, WriteHalf<Stream>, u64);

fn halves(stream: Stream) -> Halves {
    let (reader, writer) = stream.split();
    (Units::new(reader, 1 << 20), writer, 0)
}

/// Asks, and waits for what is answered.
async fn ask((units, writer, marks): &mut Halves, node: &Node, body: RequestBody) -> AnswerBody {
    let question = request(node.status().await.cell, body);
    let id = question.id;
    let question = whole_message(Class::Interactive, &encode_message(&Message::Request(question)));
    writer.write_all(&question).await.unwrap();
    let answered = async {
        loop {
            let unit = units.next().await.unwrap();
            if unit == Unit::Mark {
                // Bulk for it is under way, and it says that it reads on.
                *marks += 1;
                let mut reached = Vec::new();
                append_reached(&mut reached, Reached { marks: *marks, at: *marks });
                writer.write_all(&reached).await.unwrap();
            }
            let Unit::Message(message) = unit else { continue };
            let decoded = decode_message(&message, parameters(1, 2).shape, &rules(), &mut |_| None, &|_, _, _| None);
            match decoded.map(|decoded| decoded.message) {
                Ok(Message::Answer(answer)) if answer.id == id => return answer.body,
                Ok(Message::Refused(refused, why)) if refused == id => panic!("{why}"),
                // It confirms no replicas, but is not to be taken for dead while that is waited for.
                Ok(Message::Ping(nonce)) => {
                    let pong = encode_message(&Message::Pong { nonce, ways: Ways::none(1), load: Load::default() });
                    writer.write_all(&whole_message(Class::Control, &pong)).await.unwrap();
                }
                _ => {}
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), answered).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_too_late_or_too_early_gets_an_answer() {
    let (victim, honest) = victim().await;
    let (pointer, frequent) = (mutable(2, 30, 100), mutable(2, 30, 99));
    let later = version(&pointer, 3, now() - u64::from(HOUR), b"later");
    honest.handle.put(later.clone()).await.unwrap();
    honest.handle.put(version(&frequent, 0, now(), b"just now")).await.unwrap();
    let began = version(&mutable(-5, 30, 100), 0, now() + 6 * 86_400, b"begins next week");
    let cases = [
        (version(&mutable(9, 3, 100), 0, now() - 8 * 86_400, b"over"), StoreFailure::Expired),
        (began, StoreFailure::Future),
        (version(&mutable(1, 30, 100), 0, now() + 1000, b"from tomorrow"), StoreFailure::Future),
        (version(&pointer, 2, now(), b"earlier"), StoreFailure::Superseded { sequence: 3 }),
        (version(&frequent, 1, now(), b"too soon"), StoreFailure::TooEarly { seconds: HOUR }),
    ];
    let cut = victim.status().await.counters.cut_links;
    let mut attacker = Attacker::connect(&victim.address).await;
    let mut stream = halves(attacker.accepted(&victim).await);
    for (record, expected) in cases {
        let answer = ask(&mut stream, &victim, RequestBody::Put(record)).await;
        match (answer, expected) {
            (AnswerBody::NotStored(StoreFailure::TooEarly { seconds }), StoreFailure::TooEarly { seconds: most }) => {
                // Clocks count whole seconds, and nodes are asked for the time of day only now and then.
                assert!((most - 60..=most + 2).contains(&seconds), "{seconds}");
            }
            (AnswerBody::NotStored(why), expected) => assert_eq!(why, expected),
            (other, expected) => panic!("{other:?} instead of {expected:?}"),
        }
    }
    // The link is as good as before, and what was there is as it was.
    let get = RequestBody::Get { key: pointer.key(), reach: Reach::Nearest };
    assert_eq!(ask(&mut stream, &victim, get).await, AnswerBody::Found(later));
    assert_eq!(victim.status().await.counters.cut_links, cut);
    assert_eq!(victim.status().await.status.records, 2);
    drop(stream);
    others_do_not_notice(&victim, &honest).await;
}

/// The proof of it is what an honest node would send as well.
#[tokio::test(flavor = "multi_thread")]
async fn who_brings_the_proof_that_a_writer_cheats_is_believed() {
    let (victim, _honest) = victim().await;
    let pointer = mutable(2, 30, 100);
    let (one, other) = (version(&pointer, 1, now(), b"one"), version(&pointer, 1, now(), b"other"));
    let mut attacker = Attacker::connect(&victim.address).await;
    let mut stream = halves(attacker.accepted(&victim).await);
    let first = ask(&mut stream, &victim, RequestBody::Put(one.clone())).await;
    assert!(matches!(first, AnswerBody::Stored { .. }), "{first:?}");
    let second = ask(&mut stream, &victim, RequestBody::Put(other.clone())).await;
    assert_eq!(second, AnswerBody::NotStored(StoreFailure::Equivocation));
    let get = RequestBody::Get { key: pointer.key(), reach: Reach::Nearest };
    assert_eq!(ask(&mut stream, &victim, get).await, AnswerBody::Found(one.merge(&other)));
}
