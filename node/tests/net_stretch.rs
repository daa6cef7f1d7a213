#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test may fail"
)]
//! How much longer requests between real nodes are under way than they would be on the direct path. Each node lies in a
//! city of the simulator's internet, and says that it is to be dialled at a relay of ours, which is as far from each of the
//! others as the cities are. Beside the choice of hops that ships stands any choice, at the same time.

mod net_support;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use grid::cell::Cell;
use grid::config::Config;
use grid::id::{NodeId, RequestId};
use grid::message::{Message, Request, RequestBody};
use grid::parameters::Parameters;
use grid::record::Rules;
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use net_support::door::Doors;
use net_support::{Node, Setup, mint_in, parameters};
use node::daemon::FrameLog;
use node::wire::decode_message;
use sim::chance::Chance;
use sim::internet::{Internet, Site};
use tokio::time::sleep;

/// For all of them to find each other: on a machine that does other things as well some are found by asking again only.
const PATIENCE: Duration = Duration::from_secs(180);
/// Milliseconds of the longest access line, as in `rook-sim run stretch_2`.
const ACCESS: f64 = 12.0;
/// Until everybody has heard of everybody's ways: nodes look around every half minute, and ping a neighbour in each
/// `PROBE`.
const SETTLE: Duration = Duration::from_secs(40);
const PROBE: Duration = Duration::from_millis(300);

/// A node has got a request from another.
#[derive(Clone, Copy, Debug)]
struct Step {
    id: RequestId,
    from: NodeId,
    to: usize,
}

type Steps = Arc<Mutex<Vec<Step>>>;

/// A grid of nodes in the world.
struct World {
    nodes: Vec<(Node, Cell)>,
    /// Where they lie.
    sites: Vec<Site>,
    internet: Arc<Internet>,
    steps: Steps,
    doors: Arc<Doors>,
}

impl World {
    /// All nodes that have joined, where `compared` candidates are compared.
    async fn new(side: u16, per_cell: usize, compared: usize, seed: u64) -> Self {
        let grid = parameters(2, side);
        let (internet, mut chance) = (Arc::new(Internet::new(ACCESS, seed)), Chance::of(seed, 2));
        let cells: Vec<Cell> = (0..grid.shape.cells()).map(|number| grid.shape.cell_at(number)).collect();
        // Round by round, so that early ones have somebody in most cells.
        let cells: Vec<Cell> = cells.iter().cycle().take(per_cell * cells.len()).copied().collect();
        let sites: Vec<Site> = cells.iter().map(|_| internet.site(&mut chance)).collect();
        let doors = {
            let (internet, sites) = (internet.clone(), sites.clone());
            Doors::new(move |from, to| internet.one_way(sites[from], sites[to]))
        };
        let mut world = Self { nodes: Vec::new(), sites, internet, steps: Steps::default(), doors };
        for (number, cell) in cells.into_iter().enumerate() {
            let node = world.start(&grid, number, cell, compared).await;
            world.nodes.push((node, cell));
        }
        let line = per_cell * (2 * usize::from(side) - 1) - 1;
        for (node, _) in &world.nodes {
            let begun = Instant::now();
            while node.status().await.status.links < line {
                assert!(begun.elapsed() < PATIENCE, "{:?}", node.status().await);
                sleep(Duration::from_millis(100)).await;
            }
        }
        world
    }

    async fn start(&self, grid: &Parameters, number: usize, cell: Cell, compared: usize) -> Node {
        let door: Multiaddr = format!("/ip4/127.0.0.1/tcp/{}", self.doors.open(number).await).parse().unwrap();
        let config =
            Config { probe_timeout: Duration::from_secs(10), probe_every: PROBE, compared, ..Config::default() };
        let mut setup = Setup { config, ..Setup::new(grid, mint_in(grid, cell.coordinates())) };
        setup.advertise.push(door);
        setup.peers.extend(self.nodes.first().map(|(first, _)| first.advertised.clone()));
        setup.frame_log = Some(self.log(grid, number));
        let node = setup.start().await;
        let port = node.address.iter().find_map(|part| if let Protocol::Tcp(port) = part { Some(port) } else { None });
        self.doors.arrived(number, port.unwrap());
        node
    }

    fn log(&self, grid: &Parameters, to: usize) -> FrameLog {
        let (steps, shape, rules) = (self.steps.clone(), grid.shape, Rules::of(grid));
        FrameLog::new(move |from, frame| {
            let decoded = decode_message(frame, shape, &rules, &mut |_| None, &|_, _, _| None);
            let Ok(Message::Request(request)) = decoded.map(|decoded| decoded.message) else { return };
            if let Request { id, body: RequestBody::Echo(_), .. } = request {
                steps.lock().unwrap().push(Step { id, from, to });
            }
        })
    }

    fn millis(&self, one: usize, other: usize) -> f64 {
        f64::from(self.internet.millis(self.sites[one], self.sites[other]))
    }

    /// A node asks each other cell so many times, one after the other.
    async fn ask(&self, origin: usize, rounds: usize) -> Vec<Asked> {
        let (node, home) = &self.nodes[origin];
        let mut cells: Vec<Cell> = self.nodes.iter().map(|(_, cell)| *cell).filter(|cell| cell != home).collect();
        cells.sort_unstable();
        cells.dedup();
        let mut asked = Vec::new();
        for &target in cells.iter().cycle().take(cells.len() * rounds) {
            let before = self.steps.lock().unwrap().len();
            let begun = Instant::now();
            let answer = node.handle.echo(target).await;
            let took = begun.elapsed().as_secs_f64() * 1e3;
            let steps = self.steps.lock().unwrap()[before..].to_vec();
            asked.extend(answer.ok().and_then(|_| self.trace(origin, target, took, &steps)));
        }
        asked
    }

    /// The way of a request of a node that was not sent twice, among what everybody got meanwhile.
    fn trace(&self, origin: usize, target: Cell, took: f64, steps: &[Step]) -> Option<Asked> {
        let name = self.nodes[origin].0.id;
        let mut first = steps.iter().filter(|step| step.from == name && self.begins(step, steps));
        let (first, None) = (first.next()?, first.next()) else { return None };
        let (mut at, mut way) = (origin, 0.0);
        for step in steps.iter().filter(|step| step.id == first.id) {
            if step.from != self.nodes[at].0.id {
                return None;
            }
            way += self.millis(at, step.to);
            at = step.to;
        }
        let direct = self.millis(origin, at);
        (self.nodes[at].1 == target).then(|| Asked {
            measured: took / (2.0 * direct),
            way: way / direct,
            millis: way,
            shortest: self.shortest(origin, target),
            is_far: self.nodes[origin].1.distance(&target) == 2,
        })
    }

    /// Whether the sender of a request had not got it from another.
    fn begins(&self, step: &Step, steps: &[Step]) -> bool {
        !steps.iter().any(|other| other.id == step.id && self.nodes[other.to].0.id == step.from)
    }

    /// The stretch of the shortest of all ways that correct a coordinate with each move.
    fn shortest(&self, origin: usize, target: Cell) -> f64 {
        let home = self.nodes[origin].1;
        if home.distance(&target) < 2 {
            return 1.0;
        }
        let numbers = || 0..self.nodes.len();
        let ends = numbers().filter(|&end| self.nodes[end].1 == target);
        let ways = ends.map(|end| {
            let direct = self.millis(origin, end);
            let between = |by: &usize| [home, target].iter().all(|cell| self.nodes[*by].1.distance(cell) == 1);
            let ways = numbers().filter(between).map(|by| self.millis(origin, by) + self.millis(by, end));
            let way = ways.fold(f64::MAX, f64::min);
            (way, way / direct)
        });
        ways.min_by(|one, other| one.0.total_cmp(&other.0)).unwrap().1
    }

    /// All nodes ask, and what each of them took of others' requests meanwhile.
    async fn measure(&self, rounds: usize) -> (Vec<Asked>, Vec<f64>) {
        let begun = self.steps.lock().unwrap().len();
        let asked = futures::future::join_all((0..self.nodes.len()).map(|origin| self.ask(origin, rounds))).await;
        let mut loads = vec![0.0; self.nodes.len()];
        self.steps.lock().unwrap()[begun..].iter().for_each(|step| loads[step.to] += 1.0);
        (asked.into_iter().flatten().collect(), loads)
    }
}

/// What a request took over the direct path to the node that answered it.
struct Asked {
    /// By the clock, there and back.
    measured: f64,
    /// By the lengths of the links that it crossed.
    way: f64,
    /// The same in milliseconds, one way.
    millis: f64,
    /// By those of the shortest way that there is.
    shortest: f64,
    /// Whether it takes two moves: for one there is no choice.
    is_far: bool,
}

struct Figures {
    /// The mean way of those of two moves, in milliseconds.
    way: f64,
    load: f64,
}

/// Prints two rows of the table: all requests, and those of two moves.
fn figures(name: &str, asked: Vec<Asked>, loads: &[f64]) -> Figures {
    let load = loads.iter().copied().fold(0.0, f64::max) * loads.len() as f64 / loads.iter().sum::<f64>();
    row(name, &asked, load);
    let far: Vec<Asked> = asked.into_iter().filter(|one| one.is_far).collect();
    Figures { way: row(&format!("{name}, two moves"), &far, load), load }
}

/// Prints a row of the table; the mean way, in milliseconds.
fn row(name: &str, asked: &[Asked], load: f64) -> f64 {
    let of = |what: fn(&Asked) -> f64| {
        let mut values: Vec<f64> = asked.iter().map(what).collect();
        values.sort_by(f64::total_cmp);
        [0.5, 0.95].map(|share| values[((values.len() - 1) as f64 * share).round() as usize])
    };
    let [measured, way, shortest] = [of(|one| one.measured), of(|one| one.way), of(|one| one.shortest)];
    let mean = asked.iter().map(|one| one.millis).sum::<f64>() / asked.len() as f64;
    println!(
        "| {name} | {} | {:.2}, {:.1} | {:.2}, {:.1} | {:.2}, {:.1} | {mean:.0} | {load:.2} |",
        asked.len(),
        measured[0],
        measured[1],
        way[0],
        way[1],
        shortest[0],
        shortest[1]
    );
    mean
}

/// `ROOK_STRETCH_SIDE` is the number of coordinates on each of the two axes, `ROOK_STRETCH_NODES` how many nodes are in each
/// cell, `ROOK_STRETCH_ROUNDS` how often each node asks each cell, and `ROOK_STRETCH_SEED` which world they lie in.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it wants a machine that has nothing else to do: run it there with -- --ignored --nocapture"]
async fn ways_are_shorter_than_by_any_choice_and_nobody_is_swamped() {
    let number = |name: &str, usual: u16| std::env::var(name).map_or(usual, |text| text.parse().unwrap());
    let (side, rounds) = (number("ROOK_STRETCH_SIDE", 2), usize::from(number("ROOK_STRETCH_ROUNDS", 16)));
    let per_cell = usize::from(number("ROOK_STRETCH_NODES", 4));
    let compared = Config::default().compared;
    let seed = number("ROOK_STRETCH_SEED", 1).into();
    let (ships, any) = tokio::join!(World::new(side, per_cell, compared, seed), World::new(side, per_cell, 1, seed));
    sleep(SETTLE).await;
    // What they take from then on is told with the pings.
    ships.measure(rounds.div_ceil(3)).await;
    any.measure(rounds.div_ceil(3)).await;
    let (by_rule, rule_loads) = ships.measure(rounds).await;
    let (by_chance, chance_loads) = any.measure(rounds).await;
    println!(
        "{} nodes, {} turned away at the doors",
        ships.nodes.len(),
        ships.doors.strangers() + any.doors.strangers()
    );
    println!("| next hop | requests | measured | links | shortest | mean way, ms | greatest/mean load |");
    println!("| --- | ---: | --- | --- | --- | ---: | ---: |");
    let all = ships.nodes.len() * (usize::from(side).pow(2) - 1) * rounds;
    assert!(2 * by_rule.len() > all && 2 * by_chance.len() > all, "{} and {} of {all}", by_rule.len(), by_chance.len());
    let rule = figures("what ships", by_rule, &rule_loads);
    let chance = figures("any", by_chance, &chance_loads);
    assert!(rule.way < chance.way, "{} and {} ms", rule.way, chance.way);
    assert!(rule.load < 3.0, "{}", rule.load);
}
