//! What comes through tunnels, and what tables of circuits make of it.

use grid::id::{GridId, NodeId};
use grid::peer::Peer;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tunnel::cell::{BODY, CELL, Cell, CircuitId, Reading};
use tunnel::initiator::{Opening, Tunnel};
use tunnel::keys::{Hop, OnionSecret};
use tunnel::moment::Moment;
use tunnel::name::Name;
use tunnel::payload::{self, Command, MOST, Payload};
use tunnel::table::{Config, Output, Table, TunnelId};

use super::decoded;
use super::wire::{Numbers, rules, shape};
use crate::tunnels::service::{Meeting, ServiceName};
use crate::tunnels::talk::{Answer, Ask};
use crate::wire::{WireBrief, WireCard, codec};

/// A question or an answer.
pub fn talk(bytes: &[u8]) -> bool {
    let question = decoded::<Ask>(bytes).is_some();
    let answer = decoded::<Answer>(bytes).is_some();
    question || answer
}

/// A certificate beside a list of cards: cards, then the certificate.
pub fn brief(bytes: &[u8]) -> bool {
    let Some((cards, brief)) = decoded::<(Vec<WireCard>, WireBrief)>(bytes) else { return false };
    let peers: Vec<Peer> = cards.into_iter().filter_map(|card| Peer::check(card.into(), &Numbers).ok()).collect();
    let Ok(certificate) = brief.check(shape(), rules().grid(), |place| peers.get(usize::from(place))) else {
        return false;
    };
    let roster = certificate.roster();
    for signed in certificate.signed() {
        assert!(roster.members().any(|(member, _)| member == signed.peer().id()));
    }
    let place = |peer: &Peer| u16::try_from(peers.iter().position(|one| one.id() == peer.id()).unwrap()).unwrap();
    let again = WireBrief::new(&certificate, place);
    let second = again.check(shape(), rules().grid(), |place| peers.get(usize::from(place))).unwrap();
    assert_eq!(second.claim(), certificate.claim());
    assert_eq!(codec::encode(&WireBrief::new(&second, place)), codec::encode(&again));
    true
}

/// A note of a service.
pub fn meeting(bytes: &[u8]) -> bool {
    let (grid, node) = (GridId::from_bytes([1; 32]), NodeId::from_bytes([2; 32]));
    let name: ServiceName = "notes".parse().unwrap();
    let Ok(meeting) = Meeting::check(bytes, &grid, &node, &name, NOW) else { return false };
    assert_eq!(meeting.note(), bytes);
    true
}

/// When notes of the corpus hold, in seconds of Unix time.
pub(super) const NOW: u64 = 1_800_000_000;

/// What is in a cell when all layers are off.
pub fn payload(bytes: &[u8]) -> bool {
    let Some(Payload { command, bytes: said }) = payload::read(bytes) else { return false };
    assert!(said.len() <= MOST);
    let mut frame = vec![0; bytes.len()];
    payload::write(command, &said, &mut frame).expect("what was read has room");
    assert_eq!(frame[..2 + said.len()], bytes[..2 + said.len()]);
    assert_eq!(payload::read(&frame), Some(Payload { command, bytes: said }));
    true
}

/// Few, so that they run out.
const CONFIG: Config = Config { circuits: 6, of_neighbour: 4, ..DEFAULT };
const DEFAULT: Config = Config {
    circuits: 0,
    of_neighbour: 0,
    set_ups: tunnel::bucket::Rate { burst: 8, every: std::time::Duration::from_millis(100) },
    life: std::time::Duration::from_secs(600),
    idle: std::time::Duration::from_secs(180),
    ping: std::time::Duration::from_secs(20),
    deaf: std::time::Duration::from_secs(70),
    patience: std::time::Duration::from_secs(10),
    replays: tunnel::replay::Limits { window: 2, entries: 64 },
};

/// A node's table, its two neighbours, and what they do with it.
struct World {
    table: Table,
    me: Hop,
    links: [Name; 2],
    rng: StdRng,
    now: Moment,
    /// Set-ups and tunnels of the first neighbour.
    openings: Vec<(CircuitId, Opening)>,
    tunnels: Vec<(CircuitId, Tunnel)>,
    /// Tunnels that end or begin here.
    ends: Vec<TunnelId>,
    /// What the table has sent.
    sent: Vec<(Name, Cell)>,
    delivered: usize,
}

impl World {
    fn new() -> Self {
        let mut rng = StdRng::seed_from_u64(1);
        let secret = OnionSecret::draw(&mut rng);
        let me = Hop { name: Name::from_bytes([7; 32]), onion: secret.public() };
        let table = Table::new(me.name, secret, CONFIG);
        let now = Moment { steady: std::time::Duration::from_secs(100), minute: 30_000_000 };
        let links = [Name::from_bytes([8; 32]), Name::from_bytes([9; 32])];
        let (openings, tunnels) = (Vec::new(), Vec::new());
        Self { table, me, links, rng, now, openings, tunnels, ends: Vec::new(), sent: Vec::new(), delivered: 0 }
    }

    fn hand(&mut self, from: Name, cell: Cell) {
        let before = total(&self.table);
        let mut out = Vec::new();
        self.table.handle(self.now, from, cell, &mut self.rng, &mut out);
        assert!(total(&self.table) <= before + 2, "a cell is counted once, and a circuit that it ends");
        assert!(out.len() <= 6, "a cell has few consequences: {out:?}");
        self.take(out);
        // Some keys are agreed on before the answer comes, some when it does.
        if self.table.is_unsettled() && self.sent.len().is_multiple_of(2) {
            let mut out = Vec::new();
            self.table.settle(&mut self.rng, &mut out);
            assert!(out.is_empty(), "what was passed on has keys: {out:?}");
        }
    }

    fn take(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Send { to, cell } => self.sent.push((to, cell)),
                Output::Arrived { tunnel } => {
                    assert!(!self.ends.contains(&tunnel));
                    self.ends.push(tunnel);
                }
                Output::Ended { tunnel, .. } => {
                    let place = self.ends.iter().position(|end| *end == tunnel).expect("what ends has begun");
                    self.ends.swap_remove(place);
                }
                Output::Deliver { tunnel, payload } => {
                    assert!(self.ends.contains(&tunnel) && payload.bytes.len() <= MOST);
                    self.delivered += 1;
                }
                Output::Ready { tunnel } => assert!(self.ends.contains(&tunnel)),
                Output::Carried { cells, .. } => assert!(cells > 0),
            }
        }
        assert!(self.table.len() <= CONFIG.circuits && self.ends.len() <= self.table.len());
    }

    /// The last cell that was sent to the first neighbour on a circuit that it has opened.
    fn answer(&self, id: CircuitId) -> Option<Cell> {
        let its = |(to, cell): &&(Name, Cell)| *to == self.links[0] && cell.read() == Reading::Circuit(id.turned());
        self.sent.iter().rev().find(its).map(|(_, cell)| cell.clone())
    }
}

/// All that cells are counted under.
fn total(table: &Table) -> u64 {
    let counts = table.counts();
    let passed = counts.outward + counts.homeward + counts.set_ups + counts.cover + counts.ended;
    passed
        + counts.forged
        + counts.out_of_turn
        + counts.unknown
        + counts.malformed
        + counts.unreadable
        + counts.replayed
        + counts.stale
        + counts.no_room
}

fn body(cell: Cell) -> Box<[u8; BODY]> {
    let bytes = cell.into_bytes();
    Box::new(std::array::from_fn(|place| bytes[CELL - BODY + place]))
}

/// A circuit's cell with this body.
fn circuit_cell(id: CircuitId, body: &[u8; BODY]) -> Cell {
    let mut bytes = Box::new([0; CELL]);
    bytes[..2].copy_from_slice(&id.wire().to_be_bytes());
    bytes[CELL - BODY..].copy_from_slice(body);
    Cell::from_bytes(bytes)
}

/// What neighbours do to a table of circuits: each step is an octet and those that it takes.
pub fn cells(bytes: &[u8]) -> bool {
    let (mut world, mut rest) = (World::new(), bytes.iter().copied());
    // Set-ups are multiplications on a curve, so there cannot be many.
    for _ in 0..64 {
        let Some(step) = rest.next() else { break };
        let mut next = || rest.next().unwrap_or(0);
        let link = world.links[usize::from(step >> 7)];
        match step % 10 {
            0 => {
                let mut raw = Box::new([next(); CELL]);
                raw[..5].fill_with(&mut next);
                world.hand(link, Cell::from_bytes(raw));
            }
            1 => {
                let Some(id) = CircuitId::opened(u16::from(next() % 8) + 1) else { continue };
                let path = [vec![world.me], if next() % 2 == 0 { Vec::new() } else { vec![beyond()] }].concat();
                let minute = (world.now.minute + u32::from(next() % 8)).saturating_sub(4);
                let (opening, set_up) = Opening::new(&path, minute, &mut world.rng).unwrap();
                world.openings.retain(|(known, _)| *known != id);
                world.openings.push((id, opening));
                world.hand(world.links[0], Cell::set_up(id, &set_up));
            }
            2 => {
                let place = usize::from(next());
                if let Some((id, opening)) = world.openings.get(place % world.openings.len().max(1))
                    && let Some(answer) = world.answer(*id)
                {
                    let (id, change) = (*id, next());
                    let mut body = body(answer);
                    body[usize::from(next()) * 5] ^= change;
                    let finished = opening.finish(&mut body, &mut world.rng);
                    assert!(change == 0 || finished.is_err(), "a changed answer was taken");
                    if let Ok(tunnel) = finished {
                        world.tunnels.push((id, tunnel));
                    }
                }
            }
            3 => {
                let (place, number, change) = (usize::from(next()), next(), next());
                let all = world.tunnels.len().max(1);
                let Some((id, tunnel)) = world.tunnels.get_mut(place % all) else { continue };
                let commands =
                    [Command::Data, Command::Marked, Command::Reached, Command::End, Command::Padding, Command::Ping];
                let mut body = Box::new([0; BODY]);
                tunnel.seal(commands[usize::from(number % 6)], &vec![number; usize::from(number)], &mut body).unwrap();
                body[usize::from(next()) * 5] ^= change;
                let (cell, before) = (circuit_cell(*id, &body), world.delivered);
                world.hand(world.links[0], cell);
                assert!(change == 0 || world.delivered == before, "a changed cell was delivered");
            }
            4 => {
                let place = usize::from(next());
                let Some((_, cell)) = world.sent.get(place % world.sent.len().max(1)).cloned() else { continue };
                let mut raw = cell.into_bytes();
                raw[0] ^= next() & 0x80;
                raw[usize::from(next()) * 5] ^= next();
                world.hand(link, Cell::from_bytes(raw));
            }
            5 => {
                world.now.steady += std::time::Duration::from_millis(u64::from(next()) * 100);
                world.now.minute += u32::from(next() % 2);
                let mut out = Vec::new();
                world.table.tick(world.now, &mut out);
                world.take(out);
            }
            6 => {
                let mut out = Vec::new();
                world.table.link_lost(link, &mut out);
                world.take(out);
            }
            7 => {
                let (place, length, mut out) = (usize::from(next()), usize::from(next()) * 6, Vec::new());
                let Some(&end) = world.ends.get(place % world.ends.len().max(1)) else { continue };
                let said = world.table.send(end, Command::Data, &vec![1; length], &mut out);
                assert!(said.is_ok() || out.is_empty());
                world.take(out);
            }
            8 => {
                let place = usize::from(next());
                let Some((to, cell)) = world.sent.get(place % world.sent.len().max(1)).cloned() else { continue };
                let mut out = Vec::new();
                world.table.dropped(to, &cell, &mut out);
                world.take(out);
            }
            _ => {
                let mut out = Vec::new();
                if let Ok(tunnel) = world.table.open(world.now, &[beyond()], &mut world.rng, &mut out) {
                    world.ends.push(tunnel);
                }
                world.take(out);
            }
        }
    }
    let delivered = world.delivered > 0;
    let mut out = Vec::new();
    world.now.steady += CONFIG.life;
    world.table.tick(world.now, &mut out);
    world.take(out);
    assert!(world.table.is_empty() && world.ends.is_empty(), "nothing lives longer");
    delivered
}

/// The node behind ours: the second neighbour.
fn beyond() -> Hop {
    let secret = OnionSecret::from_bytes([5; 32]);
    Hop { name: Name::from_bytes([9; 32]), onion: secret.public() }
}
