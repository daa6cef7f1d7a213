//! Whom a node passes its requests to when a neighbour turns slow, or lets them vanish: the state machine with two
//! neighbours that are played by hand, on a clock of its own.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a test may fail"
)]

mod numbered;

use std::collections::BTreeMap;
use std::time::Duration;

use grid::cell::{Cell, Shape};
use grid::config::Config;
use grid::id::NodeId;
use grid::input::{Command, Input, Ticket};
use grid::level::Level;
use grid::load::Load;
use grid::message::{Answer, AnswerBody, Message, Refusal, RequestBody};
use grid::output::{Event, Output};
use grid::overlay::Overlay;
use grid::parameters::Parameters;
use grid::queue::Class;
use grid::time::Time;
use grid::ways::Ways;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use numbered::peer;

const MS: Duration = Duration::from_millis(1);

/// How a neighbour behaves.
#[derive(Clone, Copy)]
struct Manner {
    /// From a message to its answer.
    round_trip: Duration,
    /// How long the way behind it takes, there and back; `None` if it lets requests vanish.
    onward: Option<Duration>,
    /// What it says of the way.
    claim: Duration,
    /// Requests that it says to have taken.
    load: u32,
}

fn honest(round_trip: Duration) -> Manner {
    Manner { round_trip, onward: Some(20 * MS), claim: 20 * MS, load: 100 }
}

/// A node with one neighbour in each corner that leads to the target, and what is going to happen.
struct Stage {
    overlay: Overlay<ChaCha8Rng>,
    shape: Shape,
    target: Cell,
    manners: BTreeMap<NodeId, Manner>,
    to_come: BTreeMap<(Time, u64), Input>,
    planned: u64,
    now: Time,
    /// To whom each request was sent, in the order of sending.
    sent: Vec<NodeId>,
    /// To whom each was sent first; copies of late ones, which take any other hop, are not here.
    chosen: Vec<NodeId>,
    answered: BTreeMap<Ticket, Time>,
}

impl Stage {
    fn new(manners: [Manner; 2]) -> (Self, NodeId, NodeId) {
        let parameters = Parameters { shape: Shape::new(2, 4).unwrap(), ..Parameters::local() };
        let shape = parameters.shape;
        let cell = |a, b| shape.cell(&[a, b]).unwrap();
        let others = [peer(shape, cell(2, 0)), peer(shape, cell(0, 2))];
        let [first, second] = [0, 1].map(|index: usize| others[index].id());
        let rng = ChaCha8Rng::seed_from_u64(7);
        let overlay = Overlay::new(&parameters, Config::default(), peer(shape, cell(0, 0)), rng);
        let manners = BTreeMap::from([(first, manners[0]), (second, manners[1])]);
        let mut stage = Self {
            overlay,
            shape,
            target: cell(2, 2),
            manners,
            to_come: BTreeMap::new(),
            planned: 0,
            now: Time::ZERO,
            sent: Vec::new(),
            chosen: Vec::new(),
            answered: BTreeMap::new(),
        };
        let start = Command::Start { known: Vec::new(), records: Vec::new(), introducers: Vec::new(), unix: 1 << 30 };
        stage.tell(Input::Command(start));
        for peer in others {
            stage.tell(Input::Connected { peer, level: Level::Normal, introducer: None });
        }
        (stage, first, second)
    }

    /// One more neighbour, which leads nowhere.
    fn bystander(&mut self, manner: Manner) {
        let peer = peer(self.shape, self.shape.cell(&[1, 0]).unwrap());
        self.manners.insert(peer.id(), manner);
        self.tell(Input::Connected { peer, level: Level::Normal, introducer: None });
    }

    fn plan(&mut self, after: Duration, input: Input) {
        self.planned += 1;
        self.to_come.insert((self.now + after, self.planned), input);
    }

    fn tell(&mut self, input: Input) {
        let mut outputs = Vec::new();
        self.overlay.handle(self.now, input, &mut outputs);
        outputs.into_iter().for_each(|output| self.carry_out(output));
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::SetTimer { after, timer } => self.plan(after, Input::Timer(timer)),
            Output::Send { to, message } => self.play(to, message),
            Output::Emit(Event::EchoDone { ticket, outcome }) => {
                assert!(outcome.is_ok(), "{outcome:?}");
                assert_eq!(self.answered.insert(ticket, self.now), None, "answered twice");
            }
            _ => {}
        }
    }

    /// What the neighbour does about a message.
    fn play(&mut self, from: NodeId, message: Message) {
        let Manner { round_trip, onward, claim, load } = self.manners[&from];
        match message {
            Message::Request(request) => {
                // The node also looks for unknown neighbours, by ways that it takes in turn.
                if !matches!(request.body, RequestBody::Echo(_)) {
                    let refused = Message::Refused(request.id, Refusal::NoWay);
                    return self.plan(round_trip, Input::Message { from, message: refused });
                }
                self.sent.push(from);
                self.plan(round_trip, Input::Message { from, message: Message::Accepted(request.id) });
                if let Some(onward) = onward {
                    let body = AnswerBody::Echo([].into());
                    let answer = Answer { id: request.id, hops: 2, class: Class::Interactive, from: self.target, body };
                    self.plan(round_trip + onward, Input::Message { from, message: Message::Answer(answer) });
                }
            }
            Message::Ping(nonce) => {
                let mut ways = Ways::none(2);
                self.shape.axes().for_each(|axis| ways.set(axis, claim));
                self.plan(
                    round_trip,
                    Input::Message { from, message: Message::Pong { nonce, ways, load: Load::of_requests(load) } },
                );
            }
            _ => {}
        }
    }

    fn run_until(&mut self, until: Time) {
        while let Some(entry) = self.to_come.first_entry().filter(|entry| entry.key().0 <= until) {
            let ((at, _), input) = entry.remove_entry();
            self.now = at;
            self.tell(input);
        }
        self.now = until;
    }

    /// Asks the target so many times, one request every `every`; returns how long each answer took, in milliseconds.
    fn ask(&mut self, count: u64, every: Duration) -> Vec<u64> {
        let begun: Vec<_> = (0..count)
            .map(|_| {
                self.planned += 1;
                let ticket = Ticket(self.planned);
                let before = self.sent.len();
                self.tell(Input::Command(Command::Echo { ticket, target: self.target }));
                self.chosen.push(self.sent[before]);
                let began = self.now;
                self.run_until(self.now + every);
                (ticket, began)
            })
            .collect();
        self.run_until(self.now + Duration::from_secs(10));
        begun.iter().map(|(ticket, began)| self.answered[ticket].since(*began).as_micros() as u64 / 1000).collect()
    }

    /// How many of the requests since the first so many were sent to a neighbour first.
    fn chosen(&self, node: NodeId, skipped: usize) -> usize {
        self.chosen[skipped..].iter().filter(|&&to| to == node).count()
    }
}

/// The one that answers in 10 ms gets all requests; when it slows to 2 s, no more than three find out.
#[test]
fn traffic_leaves_a_neighbour_that_slows_within_three_requests() {
    for every in [50 * MS, 150 * MS, 1000 * MS] {
        let (mut stage, quick, other) = Stage::new([honest(10 * MS), honest(14 * MS)]);
        stage.ask(100, 200 * MS);
        assert!(stage.chosen(quick, 20) >= 72, "{} of 80", stage.chosen(quick, 20));
        stage.manners.insert(quick, honest(Duration::from_secs(2)));
        let took = stage.ask(40, every);
        let asked_in_vain = stage.chosen(quick, 100);
        assert!(asked_in_vain <= 3, "every {every:?}: {asked_in_vain} requests went to the slow one");
        assert_eq!(stage.chosen(other, 100), 40 - asked_in_vain);
        // The first of them waits for the hop's timeout, eight times the usual latency.
        assert!(took.iter().all(|&millis| millis < 200), "{took:?}");
    }
}

/// A neighbour accepts at once and brings nothing home: the first few requests are sent by the other as well, as soon as the
/// answer is later than usual, and the rest go there directly.
#[test]
fn who_lets_requests_vanish_is_overtaken_and_then_left() {
    let (mut stage, quick, _) = Stage::new([honest(10 * MS), honest(14 * MS)]);
    stage.ask(200, 200 * MS);
    let silent = Manner { onward: None, ..honest(10 * MS) };
    stage.manners.insert(quick, silent);
    let took = stage.ask(60, 200 * MS);
    let vanished = stage.chosen(quick, 200);
    assert!(vanished <= 8, "{vanished} requests vanished");
    assert!(took.iter().all(|&millis| millis < 200), "overtaken after the 95th percentile of 30 ms: {took:?}");
}

/// It says that everything is near, accepts in a millisecond, and drops what it gets: being quick does not help it for long.
#[test]
fn a_boaster_that_drops_is_found_out() {
    let boaster = Manner { round_trip: MS, onward: None, claim: Duration::ZERO, load: 0 };
    let (mut stage, boaster, _) = Stage::new([boaster, honest(40 * MS)]);
    stage.ask(100, 500 * MS);
    // Ten requests are on their way before the first is missed, after five seconds.
    let (early, late) = stage.chosen.split_at(20);
    let wasted = [early, late].map(|chosen| chosen.iter().filter(|&&to| to == boaster).count());
    assert!(wasted[0] <= 12 && wasted[1] == 0, "{wasted:?} to the boaster");
}

/// The quicker of two gets all requests, a little busier or not, until it says to have taken three times what others have; and
/// again when it has rested.
#[test]
fn who_says_to_be_busy_is_spared() {
    let (mut stage, quick, other) = Stage::new([honest(10 * MS), honest(14 * MS)]);
    stage.bystander(honest(10 * MS));
    let mut share_at = |load| {
        stage.manners.insert(quick, Manner { load, ..honest(10 * MS) });
        // It is told with the next ping, and what all have in common is found out anew after half a minute.
        stage.run_until(stage.now + Duration::from_secs(90));
        let before = stage.chosen.len();
        stage.ask(40, 200 * MS);
        [quick, other].map(|node| stage.chosen(node, before))
    };
    let shares = share_at(100);
    assert!(shares[0] >= 36, "{shares:?}");
    let shares = share_at(105);
    assert!(shares[0] >= 36, "{shares:?}");
    assert_eq!(share_at(300), [0, 40]);
    let shares = share_at(100);
    assert!(shares[0] >= 36, "{shares:?}");
}

/// One request in twenty may be sent twice, however slow the grid becomes.
#[test]
fn copies_are_bounded() {
    let (mut stage, ..) = Stage::new([honest(10 * MS), honest(11 * MS)]);
    stage.ask(100, 100 * MS);
    let before = stage.sent.len();
    let slow = Manner { onward: Some(Duration::from_secs(1)), ..honest(10 * MS) };
    let both: Vec<NodeId> = stage.manners.keys().copied().collect();
    stage.manners.extend(both.into_iter().map(|node| (node, slow)));
    stage.ask(400, 50 * MS);
    let copies = stage.sent.len() - before - 400;
    assert!((1..=28).contains(&copies), "{copies} copies of 400, and 8 were saved up");
}
