//! Neighbours that have the tables of tunnels and nothing else of a node: one that lays tunnels, one that is the end of some.

use std::time::{Duration, Instant};

use grid::id::NodeId;
use grid::parameters::Parameters;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tunnel::cell::Cell;
use tunnel::keys::{Hop, OnionPublic, OnionSecret};
use tunnel::moment::Moment;
use tunnel::name::Name;
use tunnel::payload::{Command, MOST};
use tunnel::table::{Config, Output, Table, TunnelId, Why};

use super::flooder::Flooder;
use super::{Node, mint};

/// How long anything is waited for on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A link to a victim, and a table of tunnels at its end.
pub struct Initiator {
    link: Flooder,
    table: Table,
    victim: Name,
    me: Hop,
    begun: Instant,
    rng: StdRng,
}

pub fn name(node: NodeId) -> Name {
    Name::from_bytes(*node.as_bytes())
}

impl Initiator {
    pub async fn connect(grid: &Parameters, victim: &Node, seed: u64) -> Self {
        let identity = mint(grid);
        let mut rng = StdRng::seed_from_u64(seed);
        let onion = OnionSecret::from_bytes(rng.random());
        let me = Hop { name: Name::from_bytes(identity.identity().id()), onion: onion.public() };
        let link = Flooder::connect(grid, identity, victim).await;
        let table = Table::new(me.name, onion, Config::default());
        Self { link, table, victim: name(victim.id), me, begun: Instant::now(), rng }
    }

    /// Itself on a way.
    pub fn hop(&self) -> Hop {
        self.me
    }

    /// The victim on a way.
    pub fn victim(&self) -> Hop {
        Hop { name: self.victim, onion: OnionPublic::from_bytes(self.link.onion()) }
    }

    fn now(&self) -> Moment {
        let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Moment::new(self.begun.elapsed(), unix.as_secs())
    }

    /// Sends what the table wants sent, and gives what else it says.
    async fn carry_out(&self, out: Vec<Output>) -> Vec<Output> {
        let (mut cells, mut rest) = (Vec::<Cell>::new(), Vec::new());
        for output in out {
            match output {
                Output::Send { cell, .. } => cells.push(cell),
                other => rest.push(other),
            }
        }
        if !cells.is_empty() {
            self.link.send(&cells).await;
        }
        rest
    }

    /// Takes the next cell, and gives what follows of it.
    pub async fn next(&mut self) -> Vec<Output> {
        let cell = tokio::time::timeout(PATIENCE, self.link.cell()).await.unwrap();
        let mut out = Vec::new();
        self.table.handle(self.now(), self.victim, cell, &mut self.rng, &mut out);
        self.carry_out(out).await
    }

    /// Opens a tunnel; the time until it stood.
    pub async fn open(&mut self, path: &[Hop]) -> (TunnelId, Duration) {
        let (begun, mut out) = (Instant::now(), Vec::new());
        let tunnel = self.table.open(self.now(), path, &mut self.rng, &mut out).unwrap();
        self.carry_out(out).await;
        loop {
            match &self.next().await[..] {
                [] => {}
                [Output::Ready { .. }] => return (tunnel, begun.elapsed()),
                other => panic!("{other:?}"),
            }
        }
    }

    pub async fn close(&mut self, tunnel: TunnelId) {
        let mut out = Vec::new();
        self.table.close(tunnel, &mut out);
        self.carry_out(out).await;
    }

    /// Sends so many cells of payload.
    pub async fn stream(&mut self, tunnel: TunnelId, cells: usize) {
        let mut out = Vec::new();
        for _ in 0..cells {
            self.table.send(tunnel, Command::Data, &[7; MOST], &mut out).unwrap();
        }
        self.carry_out(out).await;
    }

    /// Why a tunnel has ended, if word of that has come.
    pub fn ended(&mut self, tunnel: TunnelId) -> Option<Why> {
        let mut out = Vec::new();
        while let Some(cell) = self.link.try_cell() {
            self.table.handle(self.now(), self.victim, cell, &mut self.rng, &mut out);
        }
        out.iter().find_map(|output| match output {
            Output::Ended { tunnel: ended, why } if *ended == tunnel => Some(*why),
            _ => None,
        })
    }

    /// Reads nothing of its link any more.
    pub fn stall(&self) {
        self.link.stall();
    }
}
