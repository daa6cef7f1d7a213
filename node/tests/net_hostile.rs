#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm, reason = "a test may fail")]
//! Hostile peers: they are cut, and others do not notice.

mod net_support;

use std::time::Duration;

use futures::AsyncWriteExt;
use grid::level::Level;
use grid::message::{Message, Nonce};
use grid::queue::Class;
use libp2p::identity::Keypair;
use net_support::attacker::{Attacker, is_cut, now, others_do_not_notice, tcp_address, victim};
use net_support::parameters;
use node::minting;
use node::wire::frame::{read_frame, write_frame};
use node::wire::greeting::Greeting;
use node::wire::piece::{LAST_WORD, Reached, Unit, Units, append_reached, whole_message};
use node::wire::{WireCard, encode_message};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn garbage_on_the_socket_is_cut() {
    let (victim, honest) = victim().await;
    let mut socket = TcpStream::connect(tcp_address(&victim)).await.unwrap();
    socket.write_all(&[0xA5; 4096]).await.unwrap();
    let end = tokio::time::timeout(Duration::from_secs(15), socket.read_to_end(&mut Vec::new())).await;
    assert!(end.is_ok(), "the connection is closed");
    others_do_not_notice(&victim, &honest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_is_cut() {
    let (victim, honest) = victim().await;
    // One opens a stream and is silent; one does not even open a stream.
    let mut silent = Attacker::connect(&victim.address).await;
    let stream = silent.stream(&victim).await;
    let _idle = Attacker::connect(&victim.address).await;
    assert!(is_cut(stream, Duration::from_secs(25)).await);
    victim.until("only the honest one is left", |status| status.counters.connections == 1).await;
    assert!(victim.status().await.counters.failed_greetings >= 2);
    others_do_not_notice(&victim, &honest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_greeting_is_cut() {
    let (victim, honest) = victim().await;
    let garbage: [&[u8]; 4] = [&[0xff; 50], &[], &[1], &[0, 0, 0, 0, 0]];
    for bytes in garbage {
        let mut attacker = Attacker::connect(&victim.address).await;
        let mut stream = attacker.stream(&victim).await;
        write_frame(&mut stream, bytes).await.unwrap();
        assert!(is_cut(stream, Duration::from_secs(10)).await, "{bytes:?}");
    }
    let mut attacker = Attacker::connect(&victim.address).await;
    let mut stream = attacker.stream(&victim).await;
    stream.write_all(&u32::MAX.to_be_bytes()).await.unwrap();
    assert!(is_cut(stream, Duration::from_secs(10)).await, "a frame of 4 GiB is announced");
    others_do_not_notice(&victim, &honest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn void_credentials_are_refused_with_the_reason() {
    let (victim, honest) = victim().await;
    let now = now();
    let cases = [
        (now - 7200, now - 3600, None, "expired"),
        (now + 7200, now + 9000, None, "clocks"),
        (now, now + 3600, Some([9; 32]), "another identity or grid"),
    ];
    for (issued, expires, grid_id, word) in cases {
        let mut attacker = Attacker::connect(&victim.address).await;
        let (_, verdict) = attacker.greet(&victim, issued, expires, grid_id).await;
        assert!(matches!(&verdict, Greeting::Refused(why) if why.contains(word)), "{word}: {verdict:?}");
    }
    // A credential for another transport key than the one that secures the connection.
    let mut attacker = Attacker::connect(&victim.address).await;
    attacker.keypair = Keypair::generate_ed25519();
    let (_, verdict) = attacker.greet(&victim, now, now + 3600, None).await;
    assert!(matches!(&verdict, Greeting::Refused(why) if why.contains("transport key")), "{verdict:?}");
    others_do_not_notice(&victim, &honest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_with_too_little_work_is_refused() {
    let (victim, _honest) = victim().await;
    let mut cheap = parameters(1, 2);
    cheap.identity_bits = 0;
    let wanted = minting::rules(&parameters(1, 2));
    let identity = loop {
        let identity = minting::mint_quickly(&cheap).unwrap();
        if identity.identity().clone().verify(&wanted, minting::today()).is_err() {
            break identity;
        }
    };
    let mut attacker = Attacker::connect(&victim.address).await;
    let (grid, peer_id) = (parameters(1, 2).grid_id(), attacker.keypair.public().to_peer_id().to_bytes());
    let credential =
        identity.sign_credential(grid.as_bytes(), &peer_id, [0; 32], now(), now() + 3600, &mut rand::rng()).unwrap();
    let card = WireCard { identity: identity.identity().to_bytes(), credential: credential.to_bytes(), contact: None };
    let mut stream = attacker.stream(&victim).await;
    write_frame(&mut stream, &Greeting::hello(card, Level::Normal).encode()).await.unwrap();
    read_frame(&mut stream, 1 << 16).await.unwrap();
    let verdict = Greeting::decode(&read_frame(&mut stream, 1 << 16).await.unwrap()).unwrap();
    assert!(matches!(&verdict, Greeting::Refused(why) if why.contains("zero bits")), "{verdict:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verified_neighbour_that_turns_hostile_is_cut() {
    let (victim, honest) = victim().await;
    let message = |bytes: &[u8]| whole_message(Class::Control, bytes);
    let ping = message(&encode_message(&Message::Ping(Nonce(7))));
    let mut unasked = Vec::new();
    // The victim may have set a mark or two in what it says to a new neighbour, but not so many.
    append_reached(&mut unasked, Reached { marks: 1000, at: 0 });
    let first = |length: u32, piece: u16| {
        [&[0x12][..], &length.to_be_bytes(), &piece.to_be_bytes(), &vec![7; usize::from(piece)]].concat()
    };
    let attacks = [
        ("no message", message(&[200, 1, 2, 3])),
        ("half a message", message(&[2, 1, 2, 3])),
        ("two last words", vec![LAST_WORD; 2]),
        ("something after the last word", [vec![LAST_WORD], ping].concat()),
        ("an empty message", vec![0, 0, 0]),
        ("a piece of nothing", vec![0x22, 0, 1, 7]),
        ("a piece for another lane", [first(9000, 2000), vec![0x21, 0, 1, 7]].concat()),
        ("a second beginning", [first(9000, 2000), first(9000, 2000)].concat()),
        ("a crumb", first(9000, 1)),
        ("more than was announced", [first(3000, 2000), vec![0x22, 4, 0], vec![7; 1024]].concat()),
        ("the answer to no mark", unasked),
        ("an unknown unit", vec![0x77]),
        ("a message beyond the grid's limit is announced", first(64 << 20, 1024)),
    ];
    let cut = u64::try_from(attacks.len()).unwrap();
    for (what, bytes) in attacks {
        let mut attacker = Attacker::connect(&victim.address).await;
        let mut stream = attacker.accepted(&victim).await;
        stream.write_all(&bytes).await.unwrap();
        assert!(is_cut(stream, Duration::from_secs(10)).await, "{what}");
    }
    victim.until("all are cut", |status| status.status.links == 1).await;
    assert!(victim.status().await.counters.cut_links >= cut);
    others_do_not_notice(&victim, &honest).await;
}

/// Pings and farewells of somebody who is verified are no attack, and a stranger to the protocol is told apart.
#[tokio::test(flavor = "multi_thread")]
async fn an_honest_stranger_is_served() {
    let (victim, _honest) = victim().await;
    let mut attacker = Attacker::connect(&victim.address).await;
    let mut stream = attacker.accepted(&victim).await;
    let ping = encode_message(&Message::Ping(Nonce(7)));
    stream.write_all(&whole_message(Class::Control, &ping)).await.unwrap();
    // Its number and that of the ping; the ways that follow are the victim's affair.
    let is_pong = |unit: &Unit| matches!(unit, Unit::Message(message) if message.first() == Some(&7) && message[1..].starts_with(&ping[1..]));
    let mut units = Units::new(stream, 1 << 20);
    let answered = async { while !is_pong(&units.next().await.unwrap()) {} };
    tokio::time::timeout(Duration::from_secs(20), answered).await.unwrap();
}
