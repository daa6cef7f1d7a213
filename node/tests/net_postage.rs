#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a test may fail"
)]
//! A real node that is asked for ten times what it serves: what it asks for, who pays, and who is served.

mod net_support;

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use grid::cell::Cell;
use grid::config::Config;
use grid::effort;
use grid::id::{NodeId, RequestId};
use grid::message::Message;
use grid::parameters::Parameters;
use grid::postage::{Paid, Postage, Verifier as Proof};
use grid::record::Rules;
use net_support::flooder::{Flooder, Heard, echo};
use net_support::{Node, Setup, mint_in, parameters};
use node::daemon::FrameLog;
use node::postage::{Inspector, Payer, this_window};
use node::wire::decode_message;
use tokio::task::JoinSet;

/// Requests that the node serves in a second.
const CAPACITY: u32 = 50;
/// What the hostile ask for, in capacities.
const FLOOD: f64 = 10.0;
/// What the honest ask for, in capacities.
const LOAD: f64 = 0.6;
/// What it asks for: a few milliseconds on any machine, and no more under whatever else the machine does.
const EFFORT: NonZeroU32 = NonZeroU32::new(1 << 14).unwrap();
/// A step of the plan.
const TICK: Duration = Duration::from_millis(20);

/// A node that is alone in its cell and serves little, its honest neighbours, and what they paid it.
struct Siege {
    grid: Parameters,
    victim: Node,
    cell: Cell,
    honest: Vec<Node>,
    paid: Payments,
}

/// How many requests came from whom with postage that was good.
type Payments = Arc<Mutex<BTreeMap<NodeId, usize>>>;

impl Siege {
    async fn new(honest: usize) -> Self {
        let grid = parameters(1, 2);
        let (paid, frames) = counting(&grid);
        let mut setup = Setup { frame_log: Some(frames), ..asking(&grid, 1) };
        setup.limits.requests_per_s = NonZeroU32::new(CAPACITY);
        let victim = setup.start().await;
        let mut neighbours = Vec::new();
        for _ in 0..honest {
            neighbours.push(asking(&grid, 0).joining(&victim).start().await);
        }
        for node in &neighbours {
            node.linked(honest).await;
        }
        let cell = victim.status().await.cell;
        Self { grid, victim, cell, honest: neighbours, paid }
    }

    /// Asks the honest for `load` of the node's capacity for so long: whoever only takes is served after newcomers. How many answered, of
    /// how many.
    async fn ask_back(&self, load: f64, time: Duration) -> (usize, usize) {
        let (mut answers, home) = (JoinSet::new(), self.honest[0].status().await.cell);
        let (begun, mut tick) =
            (Instant::now(), tokio::time::interval(Duration::from_secs_f64(1.0 / (load * f64::from(CAPACITY)))));
        while begun.elapsed() < time {
            tick.tick().await;
            let handle = self.victim.handle.clone();
            answers.spawn(async move { handle.echo(home).await.is_ok() });
        }
        let answers = answers.join_all().await;
        (answers.iter().filter(|is_answered| **is_answered).count(), answers.len())
    }

    async fn flooder(&self) -> Flooder {
        Flooder::connect(&self.grid, mint_in(&self.grid, &[0]), &self.victim).await
    }

    /// The honest ask for `load` of the capacity for so long, while `flood` is done with each tick. How many were answered, of how
    /// many, and how long each took.
    async fn rage(&self, load: f64, asks: Asks, time: Duration, mut flood: impl FnMut(f64)) -> Outcome {
        let (mut asked, mut due, begun) = (0_usize, 0.0, Instant::now());
        let mut answers = JoinSet::new();
        let mut tick = tokio::time::interval(TICK);
        let mut before = begun;
        while begun.elapsed() < time {
            let now = tick.tick().await.into_std();
            // A machine that does other things as well comes late, and makes up for it.
            let requests = now.duration_since(before).as_secs_f64() * f64::from(CAPACITY);
            before = now;
            flood(FLOOD * requests);
            due += load * requests;
            while due >= 1.0 {
                due -= 1.0;
                let node = match asks {
                    Asks::Equally => asked % self.honest.len(),
                    Asks::HalfByOne if asked.is_multiple_of(2) => 0,
                    Asks::HalfByOne => 1 + asked / 2 % (self.honest.len() - 1),
                };
                asked += 1;
                let (handle, cell) = (self.honest[node].handle.clone(), self.cell);
                answers.spawn(async move {
                    let begun = Instant::now();
                    handle.echo(cell).await.map(|_| begun.elapsed())
                });
            }
        }
        let mut took = Vec::new();
        while let Some(answer) = answers.join_next().await {
            match answer.unwrap() {
                Ok(time) => took.push(time),
                Err(error) => println!("an honest request failed: {error}"),
            }
        }
        took.sort_unstable();
        let payments = std::mem::take(&mut *self.paid.lock().unwrap());
        let paid = self.honest.iter().filter_map(|node| payments.get(&node.id)).sum();
        Outcome { asked, took, paid }
    }
}

/// Which of the honest ask.
#[derive(Clone, Copy)]
enum Asks {
    /// All for as much.
    Equally,
    /// The first for half of all, the others for the rest.
    HalfByOne,
}

/// A node in a cell that asks for [`EFFORT`] or nothing.
fn asking(grid: &Parameters, cell: u16) -> Setup {
    let effort = effort::Config { least: EFFORT.get(), most: EFFORT.get(), ..Default::default() };
    Setup { config: Config { effort, ..Config::default() }, ..Setup::new(grid, mint_in(grid, &[cell])) }
}

/// What came of honest requests.
struct Outcome {
    asked: usize,
    /// By those that were answered, in ascending order.
    took: Vec<Duration>,
    /// Times that the honest paid.
    paid: usize,
}

impl Outcome {
    fn goodput(&self) -> f64 {
        self.took.len() as f64 / self.asked as f64
    }

    fn print(&self, name: &str) {
        let quantile = |share: usize| self.took[(self.took.len() - 1) * share / 100].as_millis();
        println!(
            "{name}: {} of {} answered, {} paid for; {} ms in the median, {} ms at the 99th percentile",
            self.took.len(),
            self.asked,
            self.paid,
            quantile(50),
            quantile(99)
        );
    }
}

/// Counts the requests that come with postage that is good, used or not.
fn counting(grid: &Parameters) -> (Payments, FrameLog) {
    let paid = Payments::default();
    let (count, shape, rules, inspector) = (paid.clone(), grid.shape, Rules::of(grid), Inspector::new(grid.grid_id()));
    let log = FrameLog::new(move |from, frame| {
        let toll = |target, request, postage| inspector.inspect(target, request, postage).ok();
        let decoded = decode_message(frame, shape, &rules, &mut |_| None, &toll);
        let Ok(Message::Request(request)) = decoded.map(|decoded| decoded.message) else { return };
        if request.paid.is_some() {
            *count.lock().unwrap().entry(from).or_default() += 1;
        }
    });
    (paid, log)
}

/// Says of all postage that it is good: forgers have their own opinion.
struct Forger;

impl Proof for Forger {
    fn is_proven(&self, _: &Cell, _: &RequestId, _: &Postage) -> bool {
        true
    }
}

/// A stamp that claims the most effort and was not worked for.
fn forged(id: RequestId, target: Cell) -> Paid {
    let postage = Postage { window: this_window(), effort: NonZeroU32::MAX, nonce: rand::random() };
    Paid::check(target, id, postage, this_window(), &Forger).unwrap()
}

fn id() -> RequestId {
    RequestId::from_bytes(rand::random())
}

fn seconds() -> Duration {
    let seconds = std::env::var("ROOK_POSTAGE_SECONDS").map_or(8, |text| text.parse::<NonZeroU64>().unwrap().get());
    Duration::from_secs(seconds)
}

/// Nearly all that the hostile asked for was refused as busy, with what would be served instead.
fn check_refusals(heard: &Heard, sent: usize) {
    let with_price = heard.busy.iter().filter(|(_, effort)| *effort == EFFORT.get()).count();
    let with_wait = heard.busy.iter().filter(|(retry_after, _)| *retry_after > 0).count();
    println!(
        "hostile: {sent} asked, {} answered, {} busy, {with_price} with a price",
        heard.answered,
        heard.busy.len()
    );
    assert!(2 * heard.busy.len() > sent, "{} of {sent}", heard.busy.len());
    assert!(2 * with_price > heard.busy.len(), "{with_price} of {}", heard.busy.len());
    assert!(2 * with_wait > heard.busy.len(), "{with_wait} of {}", heard.busy.len());
    assert_eq!(heard.other, []);
}

/// One of twenty neighbours floods and pays nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_neighbour_that_floods_and_pays_nothing_keeps_nobody_from_being_served() {
    let siege = Siege::new(19).await;
    let calm = siege.rage(LOAD, Asks::Equally, seconds(), |_| {});
    let (calm, (given, asked_for)) = tokio::join!(calm, siege.ask_back(LOAD, seconds()));
    calm.print("calm");
    assert!(20 * given >= 19 * asked_for, "what the node asks for in its turn: {given} of {asked_for}");
    let hostile = siege.flooder().await;
    let (mut due, mut sent) = (0.0, 0);
    let mut flood = |requests| {
        due += requests;
        while due >= 1.0 {
            due -= 1.0;
            sent += usize::from(hostile.ask(echo(id(), siege.cell, None)));
        }
    };
    let equally = siege.rage(LOAD, Asks::Equally, seconds(), &mut flood).await;
    equally.print("flooded, all ask for as much");
    let by_one = siege.rage(LOAD, Asks::HalfByOne, seconds(), &mut flood).await;
    by_one.print("flooded, one asks for half of all");
    check_refusals(&hostile.heard(), sent);
    assert_eq!(calm.paid, 0, "nobody has to pay while the node keeps up");
    for storm in [equally, by_one] {
        assert!(storm.goodput() >= 0.95 * calm.goodput(), "{} after {}", storm.goodput(), calm.goodput());
    }
}

/// Six of nine flood. Two pay nothing, two forge stamps, two use a good one again and again. The honest ask for more than the
/// three turns in nine that they would have without paying; so they pay what they are asked for.
#[tokio::test(flavor = "multi_thread")]
async fn who_pays_is_served_and_forged_and_used_stamps_are_no_payment() {
    let siege = Siege::new(3).await;
    let calm = siege.rage(LOAD, Asks::HalfByOne, seconds(), |_| {}).await;
    calm.print("calm");
    let mut hostile = Vec::new();
    for _ in 0..6 {
        hostile.push(siege.flooder().await);
    }
    let used = id();
    let stamp = Payer::new(siege.grid.grid_id()).pay(siege.cell, used, EFFORT).await.unwrap();
    let (mut due, mut next, mut sent) = (0.0, 0, [0; 3]);
    let mut flood = |requests| {
        due += requests;
        while due >= 1.0 {
            due -= 1.0;
            next = (next + 1) % hostile.len();
            let new = id();
            let request = match next % 3 {
                0 => echo(new, siege.cell, None),
                1 => echo(new, siege.cell, Some(forged(new, siege.cell))),
                _ => echo(used, siege.cell, Some(stamp)),
            };
            sent[next % 3] += usize::from(hostile[next].ask(request));
        }
    };
    // Until effort is asked for, and those who ask have heard it.
    siege.rage(LOAD, Asks::HalfByOne, seconds() / 2, &mut flood).await.print("at first");
    let storm = siege.rage(LOAD, Asks::HalfByOne, seconds(), &mut flood).await;
    storm.print("flooded");
    let heard: Vec<Heard> = (0..3).map(|kind| hostile[kind].heard().and(hostile[kind + 3].heard())).collect();
    heard.iter().zip(sent).for_each(|(heard, sent)| check_refusals(heard, sent));
    assert_eq!(calm.paid, 0, "nobody has to pay while the node keeps up");
    assert!(2 * storm.paid > storm.asked, "{} of {} paid for", storm.paid, storm.asked);
    assert!(storm.goodput() >= 0.95 * calm.goodput(), "{} after {}", storm.goodput(), calm.goodput());
    // All three kinds are served with what the honest leave, and which of them has how much of that is chance: what is stale when
    // its turn comes uses that up. That a stamp which is void counts as none is tested in `wire_messages`.
}
