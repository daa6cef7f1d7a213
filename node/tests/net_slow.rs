#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm, reason = "a test may fail")]
//! Peers that are slow on purpose, and peers that are too many things at once.

mod net_support;

use std::time::Duration;

use futures::AsyncWriteExt;
use futures::future::join_all;
use grid::level::Level;
use grid::message::{Message, Nonce};
use grid::queue::Class;
use net_support::attacker::{Attacker, now, others_do_not_notice, victim};
use net_support::liar::Liar;
use net_support::{Node, Setup, mint, parameters};
use node::wire::WireCard;
use node::wire::greeting::Greeting;
use node::wire::piece::append_piece;
use tokio::time::{Instant, sleep, timeout};

/// The process' resident memory: the victim's, and the attacker's.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// A card that would be taken, in a frame.
fn hello(attacker: &Attacker) -> Vec<u8> {
    let (grid, identity) = (parameters(1, 2).grid_id(), mint(&parameters(1, 2)));
    let peer_id = attacker.keypair.public().to_peer_id().to_bytes();
    let credential =
        identity.sign_credential(grid.as_bytes(), &peer_id, [0; 32], now(), now() + 3600, &mut rand::rng()).unwrap();
    let card = WireCard { identity: identity.identity().to_bytes(), credential: credential.to_bytes(), contact: None };
    let hello = Greeting::hello(card, Level::Normal).encode();
    [&u32::try_from(hello.len()).unwrap().to_be_bytes()[..], &hello].concat()
}

/// A greeting that never ends, though it goes on: its time is bounded as a whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_greeting_byte_by_byte_is_cut_in_time() {
    let grid = parameters(1, 2);
    let mut setup = Setup::new(&grid, mint(&grid));
    setup.limits.hello_timeout = Duration::from_secs(3);
    let victim = setup.start().await;
    let honest = Setup::new(&grid, mint(&grid)).joining(&victim).start().await;
    honest.linked(1).await;
    let mut attacker = Attacker::connect(&victim.address).await;
    let mut stream = attacker.stream(&victim).await;
    let (frame, began) = (hello(&attacker), Instant::now());
    let mut said = 0;
    for byte in &frame {
        if stream.write_all(&[*byte]).await.is_err() || stream.flush().await.is_err() {
            break;
        }
        said += 1;
        sleep(Duration::from_millis(100)).await;
    }
    let took = began.elapsed();
    println!("cut after {took:?} and {said} bytes of {}", frame.len());
    assert!(said < frame.len() && took < Duration::from_secs(10));
    victim.until("only the honest one is left", |status| status.counters.connections == 1).await;
    assert!(victim.status().await.counters.failed_greetings >= 1);
    others_do_not_notice(&victim, &honest).await;
}

/// A verified neighbour whose messages never end is one that does not answer: it is found dead while it still talks.
#[tokio::test(flavor = "multi_thread")]
async fn messages_that_never_end_do_not_keep_a_link_alive() {
    let grid = parameters(1, 2);
    let mut setup = Setup::new(&grid, mint(&grid));
    setup.config.probe_every = Duration::from_millis(500);
    setup.config.probe_timeout = Duration::from_secs(1);
    setup.limits.write_stall = Duration::from_secs(5);
    let victim = setup.start().await;
    let honest = Setup::new(&grid, mint(&grid)).joining(&victim).start().await;
    honest.linked(1).await;
    let before = resident_mib();
    let mut attacker = Attacker::connect(&victim.address).await;
    let mut stream = attacker.accepted(&victim).await;
    victim.linked(2).await;
    // A message on each lane, as long as one may be, of which the shortest pieces come.
    let (message, began, mut start) = (vec![7; 1 << 20], Instant::now(), 0);
    while start < message.len() - 2048 {
        let (mut bytes, mut now) = (Vec::new(), 0);
        for lane in Class::ALL {
            now = append_piece(&mut bytes, lane, &message, start, 1024);
        }
        start += now;
        if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    println!("cut after {:?} and 3 x {start} bytes; memory grew by {} MiB", began.elapsed(), resident_mib() - before);
    assert!(began.elapsed() < Duration::from_secs(30) && start < message.len() / 2);
    victim.until("it is gone", |status| status.status.links == 1).await;
    assert!(resident_mib() - before < 64);
    others_do_not_notice(&victim, &honest).await;
}

/// More streams on a connection than the one that there is to be.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_streams_on_one_connection() {
    let (victim, honest) = victim().await;
    let before = resident_mib();
    let mut attacker = Attacker::connect(&victim.address).await;
    let _first = attacker.accepted(&victim).await;
    victim.linked(2).await;
    let mut opened = 0;
    for _ in 0..5 {
        let streams = (0..100).map(|_| attacker.another_stream(&victim, Duration::from_secs(1)));
        let mut streams: Vec<_> = join_all(streams).await.into_iter().flatten().collect();
        for stream in &mut streams {
            opened += 1;
            _ = stream.write_all(&[0xff; 64]).await;
            _ = stream.flush().await;
        }
    }
    println!("{opened} of 500 streams were opened; memory grew by {} MiB", resident_mib().saturating_sub(before));
    assert!(resident_mib().saturating_sub(before) < 64);
    others_do_not_notice(&victim, &honest).await;
}

/// How long the honest neighbour waits for an echo of the victim.
async fn echo(honest: &Node, victim: &Node) -> Duration {
    let (began, cell) = (Instant::now(), victim.status().await.cell);
    timeout(Duration::from_secs(20), honest.handle.echo(cell)).await.unwrap().unwrap();
    began.elapsed()
}

/// Pings, as many as fit, all of which are answered: others are served meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_pings_keeps_nobody_from_being_served() {
    let (victim, honest) = victim().await;
    let (grid, before) = (parameters(1, 2), resident_mib());
    let liar = Liar::connect(&grid, &mint(&grid), &victim, |_| Vec::new()).await;
    victim.linked(2).await;
    let flood = async {
        let began = Instant::now();
        let mut nonce = 0;
        while began.elapsed() < Duration::from_secs(3) {
            nonce += 1;
            liar.say(&Message::Ping(Nonce(nonce))).await;
        }
        nonce
    };
    let ask = async {
        let mut waits = Vec::new();
        for _ in 0..20 {
            waits.push(echo(&honest, &victim).await);
            sleep(Duration::from_millis(100)).await;
        }
        waits.sort();
        waits
    };
    let (pings, waits) = tokio::join!(flood, ask);
    let pongs = || liar.heard().iter().filter(|said| matches!(said, Message::Pong { .. })).count();
    println!("{pings} pings, {} pongs; an echo took {:?}, {:?} at most", pongs(), waits[10], waits[19]);
    assert!(pings > 1000 && waits[10] < Duration::from_secs(2), "{waits:?}");
    // Answered or cut, but nothing is kept.
    assert!(resident_mib().saturating_sub(before) < 128);
    others_do_not_notice(&victim, &honest).await;
}
