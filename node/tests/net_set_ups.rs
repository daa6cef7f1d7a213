//! Neighbours that send set-ups as fast as their links carry them, and what an honest one has of that.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::wildcard_enum_match_arm, reason = "a test")]

mod net_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use net_support::attacker::{others_do_not_notice, victim};
use net_support::flooder::Flooder;
use net_support::{mint, parameters};
use node::tunnels::{ExitPolicy, Tunnels};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;
use tunnel::cell::{Cell, CircuitId, SET_UP};
use tunnel::keys::{Hop, OnionPublic, OnionSecret};
use tunnel::moment::Moment;
use tunnel::name::Name;
use tunnel::table::{Config, Output, Table};

/// Neighbours that flood: of one alone hardly any set-up is looked at, for each may open ten a second.
const HOSTILE: u8 = 16;
/// Circuits that the honest one opens before the flood, and while it lasts, and the pause between two.
const CIRCUITS: usize = 40;
const PAUSE: Duration = Duration::from_millis(110);

/// Begins circuits that end at the victim.
struct Initiator {
    link: Flooder,
    table: Table,
    hop: Hop,
    begun: Instant,
    rng: StdRng,
}

impl Initiator {
    fn new(link: Flooder, victim: Name) -> Self {
        let mut rng = StdRng::seed_from_u64(1);
        let table = Table::new(Name::from_bytes([7; 32]), OnionSecret::from_bytes(rng.random()), Config::default());
        let hop = Hop { name: victim, onion: OnionPublic::from_bytes(link.onion()) };
        Self { link, table, hop, begun: Instant::now(), rng }
    }

    fn now(&self) -> Moment {
        let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Moment::new(self.begun.elapsed(), unix.as_secs())
    }

    /// Opens a circuit and ends it; the time until it stood.
    async fn open(&mut self) -> Duration {
        let (begun, mut out) = (Instant::now(), Vec::new());
        let tunnel = self.table.open(self.now(), &[self.hop], &mut self.rng, &mut out).unwrap();
        loop {
            for output in std::mem::take(&mut out) {
                match output {
                    Output::Send { cell, .. } => self.link.send(&[cell]).await,
                    Output::Ready { .. } => {
                        let took = begun.elapsed();
                        self.table.close(tunnel, &mut out);
                        let [Output::Send { cell, .. }] = &out[..] else { panic!("{out:?}") };
                        self.link.send(std::slice::from_ref(cell)).await;
                        return took;
                    }
                    other => panic!("{other:?}"),
                }
            }
            let arrived = tokio::time::timeout(Duration::from_secs(20), self.link.cell()).await.unwrap();
            self.table.handle(self.now(), self.hop.name, arrived, &mut self.rng, &mut out);
        }
    }

    /// Opens many, one after the other: the times in ascending order.
    async fn open_all(&mut self) -> Vec<Duration> {
        let mut all = Vec::new();
        for _ in 0..CIRCUITS {
            all.push(self.open().await);
            tokio::time::sleep(PAUSE).await;
        }
        all.sort_unstable();
        all
    }
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
    let name = Name::from_bytes(*victim.id.as_bytes());
    let mut initiator = Initiator::new(Flooder::connect(&grid, mint(&grid), &victim).await, name);
    let quiet = initiator.open_all().await;
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
    let flooded = initiator.open_all().await;
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
