//! Neighbours that send set-ups as fast as their links carry them, and one that reads nothing of what is to go on to it: what others have
//! of that.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::wildcard_enum_match_arm, reason = "a test")]

mod net_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use net_support::attacker::{others_do_not_notice, victim, victim_with_stall};
use net_support::flooder::Flooder;
use net_support::initiator::Initiator;
use net_support::{mint, parameters};
use node::tunnels::{ExitPolicy, Tunnels};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;
use tunnel::cell::{Cell, CircuitId, SET_UP};
use tunnel::table::{Output, Why};

/// Neighbours that flood: of one alone hardly any set-up is looked at, for each may open ten a second.
const HOSTILE: u8 = 16;
/// Circuits that the honest one opens before the flood, and while it lasts, and the pause between two.
const CIRCUITS: usize = 40;
const PAUSE: Duration = Duration::from_millis(110);

/// Opens many circuits that end at the victim, one after the other, and ends each: the times in ascending order.
async fn open_all(initiator: &mut Initiator) -> Vec<Duration> {
    let (mut all, path) = (Vec::new(), [initiator.victim()]);
    for _ in 0..CIRCUITS {
        let (tunnel, took) = initiator.open(&path).await;
        initiator.close(tunnel).await;
        all.push(took);
        tokio::time::sleep(PAUSE).await;
    }
    all.sort_unstable();
    all
}

fn middle_and_last(all: &[Duration]) -> String {
    format!("{:.1?} in the median, {:.1?} at most", all[all.len() / 2], all[all.len() - 1])
}

#[tokio::test(flavor = "multi_thread")]
async fn who_floods_with_set_ups_keeps_nobody_from_laying_tunnels() {
    let grid = parameters(1, 2);
    let (victim, honest) = victim().await;
    let tunnels =
        Tunnels::start(victim.handle.clone(), victim.folder.path().to_owned(), ExitPolicy::default()).unwrap();
    let mut initiator = Initiator::connect(&grid, &victim, 1).await;
    let quiet = open_all(&mut initiator).await;
    let (over, mut flood) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
    for number in 0..HOSTILE {
        let (link, over) = (Flooder::connect(&grid, mint(&grid), &victim).await, over.clone());
        flood.spawn(async move {
            let (mut rng, mut sent) = (StdRng::seed_from_u64(number.into()), 0);
            let mut set_up = [0; SET_UP];
            while !over.load(Ordering::Relaxed) {
                let begin = |circuit: u16| {
                    rng.fill(&mut set_up[..]);
                    Cell::set_up(CircuitId::opened(circuit).unwrap(), &set_up)
                };
                let cells: Vec<Cell> = (1..=100).map(begin).collect();
                link.send(&cells).await;
                sent += cells.len();
            }
            sent
        });
    }
    let before = tunnels.status().await.unwrap().counts;
    let begun = Instant::now();
    let flooded = open_all(&mut initiator).await;
    let (lasted, after) = (begun.elapsed(), tunnels.status().await.unwrap().counts);
    over.store(true, Ordering::Relaxed);
    let sent: usize = flood.join_all().await.into_iter().sum();
    let tried = after.unreadable - before.unreadable;
    println!(
        "{HOSTILE} neighbours, {sent} set-ups in {lasted:.1?}, of which {tried} were tried and {} refused unseen; a circuit stood after {}; \
         without the flood after {}",
        after.no_room - before.no_room,
        middle_and_last(&flooded),
        middle_and_last(&quiet)
    );
    assert_eq!(after.set_ups, 2 * CIRCUITS as u64, "all that the honest one began, and none of the others': {after:?}");
    assert!(tried > 0 && after.no_room - before.no_room > 4 * tried, "{after:?}");
    others_do_not_notice(&victim, &honest).await;
}

/// Cells that are sent into a tunnel whose next node reads nothing: more than links and their queues hold.
const STREAM: usize = 30_000;

/// The node before it keeps what a queue holds, ends the tunnel, and tells the initiator; nobody else notices.
#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_over_a_relay_that_stops_reading_ends_before_much_waits() {
    let grid = parameters(1, 2);
    let (victim, honest) = victim_with_stall(Duration::from_secs(3)).await;
    let tunnels =
        Tunnels::start(victim.handle.clone(), victim.folder.path().to_owned(), ExitPolicy::default()).unwrap();
    let mut initiator = Initiator::connect(&grid, &victim, 1).await;
    let mut end = Initiator::connect(&grid, &victim, 2).await;
    // Who connects is told so a moment before cells find its link.
    victim.linked(3).await;
    let path = [initiator.victim(), end.hop()];
    let (opened, arrived) = tokio::join!(initiator.open(&path), end.next());
    assert!(matches!(arrived[..], [Output::Arrived { .. }]), "{arrived:?}");
    end.stall();
    let (tunnel, mut sent, mut ended) = (opened.0, 0, None);
    while ended.is_none() && sent < STREAM {
        initiator.stream(tunnel, 100).await;
        sent += 100;
        ended = initiator.ended(tunnel);
    }
    for _ in 0..200 {
        ended = ended.or_else(|| initiator.ended(tunnel));
        if ended.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("ended after {sent} cells: {ended:?}");
    assert_eq!(ended, Some(Why::Destroyed), "the initiator hears of it");
    assert!(sent < STREAM, "what waits for a link is bounded");
    assert_eq!(tunnels.status().await.unwrap().circuits, 0);
    others_do_not_notice(&victim, &honest).await;
}
