#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm, reason = "a test may fail")]
//! Neighbours that keep to the form and lie: wrong answers, stolen credentials, rosters that are signed twice or made up.

mod net_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::AsyncWriteExt;
use grid::cell::{Axis, Line};
use grid::certified::{Claim, Epoch, Equivocation, Roster, Signature, SignedClaim};
use grid::id::NodeId;
use grid::level::Level;
use grid::message::{Answer, AnswerBody, Message, Nonce, Refusal, Request, RequestBody};
use grid::output::Event;
use grid::parameters::Parameters;
use grid::peer::{Card, Peer};
use grid::placement::replica_cells;
use grid::queue::Class;
use net_support::attacker::{Attacker, is_cut, now, others_do_not_notice, victim};
use net_support::liar::Liar;
use net_support::{Node, Setup, mint, mint_in, parameters, record};
use node::verifier::Verifier;
use node::wire::frame::{read_frame, write_frame};
use node::wire::greeting::Greeting;
use node::wire::piece::whole_message;
use node::wire::{WireCard, encode_message};
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep, timeout};

fn answer(request: &Request, body: AnswerBody) -> Message {
    Message::Answer(Answer { id: request.id, hops: 1, class: Class::Interactive, from: request.target, body })
}

/// What it says to a get: one of all the things that are no answer, or not the right one.
fn lie(number: usize, request: &Request, other: &AnswerBody) -> Vec<Message> {
    let answer = |body| answer(request, body);
    match number % 7 {
        // Another record than was asked for, as good as any.
        0 => vec![answer(other.clone())],
        1 => vec![answer(AnswerBody::NotFound)],
        2 => vec![answer(AnswerBody::Vacant)],
        // Answers to other questions.
        3 => vec![answer(AnswerBody::Stored { nodes: 1000 })],
        4 => vec![answer(AnswerBody::Reply(vec![7; 999].into()))],
        // Two answers.
        5 => vec![answer(AnswerBody::NotFound), answer(other.clone())],
        // It takes the request on, and says nothing more of it.
        _ => vec![Message::Accepted(request.id)],
    }
}

/// Who asks a cell that is nothing but a liar gets what was stored all the same, from elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_answers_are_not_believed() {
    let grid = Parameters { replica_cells: 2, ..parameters(1, 4) };
    let mut setup = Setup::new(&grid, mint_in(&grid, &[0]));
    setup.config.answer_timeout = Duration::from_secs(1);
    let victim = setup.start().await;
    let honest = Setup::new(&grid, mint_in(&grid, &[2])).joining(&victim).start().await;
    let _other = Setup::new(&grid, mint_in(&grid, &[3])).joining(&victim).start().await;
    victim.linked(2).await;
    honest.linked(2).await;
    let lies = Arc::new(AtomicUsize::new(0));
    let (counter, other) = (lies.clone(), AnswerBody::Found(record(&grid, b"another record")));
    let answers = move |request: &Request| match request.body {
        RequestBody::Get { .. } => lie(counter.fetch_add(1, Ordering::Relaxed), request, &other),
        RequestBody::Put(_) => vec![answer(request, AnswerBody::Stored { nodes: 1000 })],
        _ => vec![Message::Refused(request.id, Refusal::NoWay)],
    };
    let _liar = Liar::connect(&grid, &mint_in(&grid, &[1]), &victim, answers).await;
    victim.linked(3).await;
    // The liar's cell is asked first, and the victim's own is none of those that keep it.
    let sequence = [[1], [2], [3], [0]];
    let fits = |value: &Vec<u8>| {
        let cells = replica_cells(grid.shape, &record(&grid, value).pointer().chunk_key(0).routing_key());
        cells[0].coordinates() == sequence[0] && cells[3].coordinates() == sequence[3]
    };
    let values = (0_u32..).map(|number| number.to_be_bytes().to_vec()).filter(fits);
    let records: Vec<_> = values.take(60).map(|value| record(&grid, &value)).collect();
    for record in &records {
        honest.handle.put(record.clone()).await.unwrap();
    }
    for record in &records {
        let got = victim.handle.get(record.pointer(), 0).await.unwrap();
        assert_eq!(got.record, *record);
    }
    let lies = lies.load(Ordering::Relaxed);
    println!("{lies} lies told to {} gets", records.len());
    assert!(lies > 0, "nobody asked the liar");
    assert_eq!(victim.status().await.status.links, 3, "a wrong answer is no breach of form");
}

/// The card that a node shows to whoever connects.
async fn card_of(node: &Node) -> WireCard {
    let mut attacker = Attacker::connect(&node.address).await;
    let mut stream = attacker.stream(node).await;
    // The listener gets the stream with the first bytes on it.
    stream.write_all(&[0]).await.unwrap();
    match Greeting::decode(&read_frame(&mut stream, 1 << 16).await.unwrap()).unwrap() {
        Greeting::Hello(hello) => hello.card,
        other => panic!("{other:?}"),
    }
}

/// The victim knows the card, has verified it and is linked to its owner; yet who shows it from another key is nobody.
#[tokio::test(flavor = "multi_thread")]
async fn the_credential_of_another_node_opens_no_door() {
    let (victim, honest) = victim().await;
    let stolen = card_of(&honest).await;
    let mut thief = Attacker::connect(&victim.address).await;
    let mut stream = thief.stream(&victim).await;
    write_frame(&mut stream, &Greeting::hello(stolen.clone(), Level::Normal).encode()).await.unwrap();
    read_frame(&mut stream, 1 << 16).await.unwrap();
    let verdict = Greeting::decode(&read_frame(&mut stream, 1 << 16).await.unwrap()).unwrap();
    assert!(matches!(&verdict, Greeting::Refused(why) if why.contains("another transport key")), "{verdict:?}");
    assert!(is_cut(stream, Duration::from_secs(10)).await);
    // As the victim's own, too.
    let own = card_of(&victim).await;
    let mut thief = Attacker::connect(&victim.address).await;
    let mut stream = thief.stream(&victim).await;
    write_frame(&mut stream, &Greeting::hello(own, Level::Normal).encode()).await.unwrap();
    assert!(is_cut(stream, Duration::from_secs(10)).await);
    // Under its own name, and then as the other: what it says of somebody else is nothing.
    let verifier = Verifier::new(parameters(1, 2));
    let honest_peer = verifier.verify(stolen.into()).await.unwrap();
    let liar = Liar::connect(&parameters(1, 2), &mint(&parameters(1, 2)), &victim, |_| Vec::new()).await;
    victim.linked(2).await;
    liar.say(&Message::Announce(honest_peer)).await;
    liar.say(&Message::Suspect(honest.id)).await;
    sleep(Duration::from_secs(1)).await;
    let peers = victim.handle.peers().await.unwrap();
    let seen = peers.iter().find(|peer| peer.id == honest.id).unwrap();
    assert!(seen.linked, "who is said to be gone was asked, and is there: {seen:?}");
    assert!(victim.status().await.counters.failed_greetings >= 2);
    victim.linked(2).await;
    others_do_not_notice(&victim, &honest).await;
}

/// Rosters of so many seconds, so that a test sees some begin.
const EPOCH: Duration = Duration::from_secs(6);

/// The one line of the grid of these tests.
fn line(grid: &Parameters) -> Line {
    let axis: Axis = grid.shape.axes().next().unwrap();
    Line::through(grid.shape.cell(&[0]).unwrap(), axis)
}

fn claim(grid: &Parameters, members: &[NodeId], epoch: Epoch) -> Claim {
    let cell = grid.shape.cell(&[0]).unwrap();
    Claim::of(&Roster::new(line(grid), members.iter().map(|&id| (id, cell))).unwrap(), epoch)
}

fn sign(liar: &Liar, grid: &Parameters, id: NodeId, claim: &Claim) -> Signature {
    liar.keypair().sign(&claim.signed_bytes(&grid.grid_id(), &id)).unwrap().try_into().unwrap()
}

async fn equivocated(events: &mut broadcast::Receiver<Event>) -> NodeId {
    let told = async {
        loop {
            if let Ok(Event::Equivocated(node)) = events.recv().await {
                return node;
            }
        }
    };
    timeout(Duration::from_secs(20), told).await.unwrap()
}

/// The beginning of the next epoch, and a little.
async fn next_epoch() -> Epoch {
    let next = Epoch::of_unix(now(), EPOCH).next();
    while Epoch::of_unix(now(), EPOCH) < next {
        sleep(Duration::from_millis(50)).await;
    }
    sleep(Duration::from_millis(500)).await;
    next
}

/// A member that signs two rosters of one line is convicted by them, everywhere; one that says so of another is not believed.
#[tokio::test(flavor = "multi_thread")]
async fn who_signs_two_rosters_is_convicted_and_nobody_else() {
    let grid = parameters(1, 2);
    let setup = |identity| {
        let mut setup = Setup::new(&grid, identity);
        setup.config.roster_epoch = EPOCH;
        setup.config.probe_timeout = Duration::from_secs(60);
        setup
    };
    let victim = setup(mint(&grid)).start().await;
    let honest = setup(mint(&grid)).joining(&victim).start().await;
    honest.linked(1).await;
    let identity = mint(&grid);
    let id = NodeId::from_bytes(identity.identity().id());
    let liar = Liar::connect(&grid, &identity, &victim, |_| Vec::new()).await;
    victim.linked(2).await;
    let [mut victims, mut others] = [&victim, &honest].map(|node| node.handle.events());
    next_epoch().await;
    let epoch = next_epoch().await;
    // In the name of another: a signature that is none.
    let false_claim = claim(&grid, &[id, honest.id], epoch);
    let signatures = vec![(honest.id, [7; 64])];
    liar.say(&Message::RosterClaims { claim: false_claim, signatures }).await;
    // Names that it was not asked for.
    let cell = grid.shape.cell(&[0]).unwrap();
    liar.say(&Message::RosterNamed(Roster::new(line(&grid), [(id, cell)]).unwrap())).await;
    let claims = [claim(&grid, &[id], epoch), claim(&grid, &[id, victim.id], epoch)];
    let signed =
        claims.map(|claim| Message::RosterClaims { claim, signatures: vec![(id, sign(&liar, &grid, id, &claim))] });
    // Again and again: for a node whose clock is behind the epoch has not begun, and of what comes too early it keeps the last.
    let lies = async {
        loop {
            for message in &signed {
                liar.say(message).await;
            }
            sleep(Duration::from_millis(300)).await;
        }
    };
    tokio::select! {
        () = lies => {}
        convict = equivocated(&mut victims) => assert_eq!(convict, id),
    }
    // The honest neighbour has no link to the liar, and hears of it: the proof travels.
    assert_eq!(equivocated(&mut others).await, id);

    // A proof that is made up, of the honest one: who brings it is cut.
    let peer = Verifier::new(grid.clone()).verify(card_of(&honest).await.into()).await.unwrap();
    let forged = |claim: Claim, fill| believing(&peer, claim, [fill; 64], &grid);
    let [one, other] = claims;
    let proof = Equivocation::of(&forged(one, 1), &forged(other, 2)).unwrap();
    let cut = victim.status().await.counters.cut_links;
    let mut attacker = Attacker::connect(&victim.address).await;
    let mut stream = attacker.accepted(&victim).await;
    let message = encode_message(&Message::Equivocation(proof));
    stream.write_all(&whole_message(Class::Control, &message)).await.unwrap();
    assert!(is_cut(stream, Duration::from_secs(10)).await);
    victim.until("that is counted", |status| status.counters.cut_links > cut).await;
    let warnings = victim.handle.metrics().warnings().recent();
    let convicts: Vec<_> = warnings.iter().filter(|warning| warning.text.contains("two rosters")).collect();
    assert!(convicts.len() == 1 && convicts[0].text.contains(&id.to_string()), "{convicts:?}");
    others_do_not_notice(&victim, &honest).await;
}

/// What only a liar holds: a claim whose signature nobody has checked.
fn believing(peer: &Peer, claim: Claim, signature: Signature, grid: &Parameters) -> SignedClaim {
    SignedClaim::check(peer, claim, signature, &grid.grid_id(), |_, _, _| true).unwrap()
}

/// Names of nobody and cards that do not verify cost their reader little, and do not become neighbours.
#[tokio::test(flavor = "multi_thread")]
async fn rosters_of_nobody_make_no_neighbours() {
    let (victim, honest) = victim().await;
    let grid = parameters(1, 2);
    let liar = Liar::connect(&grid, &mint(&grid), &victim, |_| Vec::new()).await;
    let before = victim.linked(2).await;
    let axis = grid.shape.axes().next().unwrap();
    let began = Instant::now();
    // 1,024 cards that are no cards, in a message; and names that nobody has.
    let mut card = card_of(&honest).await;
    let last = card.identity.len() - 2;
    card.identity[last] ^= 1;
    let nobody = Peer::check(card.into(), &Anybody).unwrap();
    for round in 0..4_u8 {
        liar.say(&Message::Roster(vec![nobody.clone(); 1024])).await;
        let names = (0..4096_u32).map(|number| {
            let mut name = [round; 32];
            name[..4].copy_from_slice(&number.to_be_bytes());
            NodeId::from_bytes(name)
        });
        liar.say(&Message::LineMembers { axis, members: names.collect() }).await;
        liar.say(&Message::ProbedAlive { nonce: Nonce(7), target: honest.id }).await;
    }
    let refused = |status: &node::handle::NodeStatus| status.counters.refused_cards >= 4 * 1024;
    let after = victim.until("the cards are refused", refused).await;
    println!("4,096 false cards and 16,384 names of nobody took {:?}", began.elapsed());
    assert_eq!(after.status.links, before.status.links);
    assert_eq!(after.status.neighbours, before.status.neighbours);
    let asked = liar.heard().iter().filter(|said| matches!(said, Message::CardQuery(_))).count();
    assert!(asked <= 64, "it asks for the cards of nobody {asked} times");
    others_do_not_notice(&victim, &honest).await;
}

/// Believes anything.
struct Anybody;

impl grid::peer::Verifier for Anybody {
    type Error = ();

    fn verify(&self, card: &Card) -> Result<grid::peer::Facts, ()> {
        let cell = parameters(1, 2).shape.cell(&[0]).unwrap();
        let id = NodeId::from_bytes([card.identity[0]; 32]);
        Ok(grid::peer::Facts { id, cell, issued: 1, contact_version: 0 })
    }
}
