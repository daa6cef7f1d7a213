//! One node's state machine, told by hand what happens around it.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test may fail")]

mod numbered;

use std::collections::BTreeSet;
use std::time::Duration;

use grid::cell::{Cell, Shape};
use grid::config::Config;
use grid::id::{NodeId, RequestId};
use grid::input::{Command, Input, Ticket};
use grid::level::Level;
use grid::message::{Answer, AnswerBody, Message, Request, RequestBody, StoreFailure};
use grid::output::Output;
use grid::overlay::{Overlay, Timer};
use grid::parameters::Parameters;
use grid::peer::{Address, DialFailure, DialTarget, Peer};
use grid::placement::replica_cells;
use grid::queue::Class;
use grid::record::pointer::StampDigest;
use grid::record::terms::StampMessage;
use grid::record::{Body, Chunk, Pointer, Record, Rules, Stamp, Subject, Terms, Tree, Verifier};
use grid::time::{Day, Time};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

use numbered::peer;

const TODAY: u32 = 2_461_366;

struct Books;

impl Verifier for Books {
    fn digest(&self, message: &StampMessage) -> StampDigest {
        // 23 zero bits, whatever is stamped: work is not what these tests are about.
        let mut digest: StampDigest = Sha256::digest(message)[..20].try_into().unwrap();
        digest[..3].copy_from_slice(&[0, 0, 1]);
        digest
    }

    fn is_signed(&self, _: &[u8; 32], _: &[u8], _: &[u8; 64]) -> bool {
        false
    }
}

fn parameters() -> Parameters {
    Parameters { shape: Shape::new(2, 8).unwrap(), ..Parameters::local() }
}

fn record(number: u32) -> Record {
    let (rules, value) = (Rules::of(&parameters()), number.to_be_bytes());
    let tree = Tree::of(&value, rules.limits.chunk);
    let terms = Terms {
        subject: Subject::Immutable { root: tree.root() },
        size: 4,
        from: Day::new(TODAY),
        days: 1,
        half_life: 0,
        priority: 0,
        application: Vec::new(),
    };
    let pointer = Pointer::check(terms, Stamp { nonce: [0; 8], bits: 23 }, &rules, &Books).unwrap();
    Record::check(pointer, Body::Chunk(Chunk { number: 0, proof: [].into(), value: value.into() }), &rules, &Books)
        .unwrap()
}

/// A node with a neighbour in every cell of its lines.
struct Node {
    overlay: Overlay<ChaCha8Rng>,
    now: Time,
    home: Cell,
    neighbour: NodeId,
}

impl Node {
    fn new() -> Self {
        let (parameters, shape) = (parameters(), parameters().shape);
        let home = shape.cell(&[3, 4]).unwrap();
        let rng = ChaCha8Rng::seed_from_u64(1);
        let overlay = Overlay::new(&parameters, Config::default(), peer(shape, home), rng);
        let others: Vec<Peer> = shape.neighbourhood(home).skip(1).map(|cell| peer(shape, cell)).collect();
        let mut node = Self { overlay, now: Time::ZERO, home, neighbour: others[0].id() };
        let unix = Day::new(TODAY).unix_seconds() + 3600;
        let start = Command::Start { known: Vec::new(), records: Vec::new(), introducers: Vec::new(), unix };
        node.tell(Input::Command(start));
        for peer in others {
            node.tell(Input::Connected { peer, level: Level::Normal, introducer: None });
        }
        node
    }

    fn tell(&mut self, input: Input) -> Vec<Output> {
        self.now = self.now + Duration::from_millis(1);
        let mut outputs = Vec::new();
        self.overlay.handle(self.now, input, &mut outputs);
        while self.overlay.waiting() > 0 {
            self.overlay.handle(self.now, Input::Turn, &mut outputs);
        }
        outputs
    }

    /// What the node wants to have done about a put from its neighbour, and what it answers.
    fn put(&mut self, record: &Record, number: u8) -> (bool, Option<AnswerBody>) {
        let (id, target) = (RequestId::from_bytes([number; 16]), self.home);
        let (class, body) = (Class::Interactive, RequestBody::Put(record.clone()));
        let request = Request { id, target, hops: 0, hops_left: 2, class, paid: None, body };
        let message = Message::Request(request);
        let outputs = self.tell(Input::Message { from: self.neighbour, message });
        let stores = outputs.iter().any(|output| matches!(output, Output::Store { .. }));
        let answer = outputs.into_iter().find_map(|output| match output {
            Output::Send { message: Message::Answer(answer), .. } if answer.id == id => Some(answer.body),
            _ => None,
        });
        (stores, answer)
    }
}

/// One stamp pays for a record's own cells, not for every cell that somebody sends it to.
#[test]
fn a_cell_keeps_its_own_records_alone() {
    let (mut node, shape) = (Node::new(), parameters().shape);
    let place = |record: &Record| {
        replica_cells(shape, &record.key().routing_key()).iter().position(|cell| *cell == shape.cell(&[3, 4]).unwrap())
    };
    let first_with =
        |wanted: &dyn Fn(usize) -> bool| (0..).map(record).find(|record| place(record).is_some_and(wanted)).unwrap();
    let (home, stand_in) = (first_with(&|place| place < 3), first_with(&|place| (3..6).contains(&place)));
    // So far along that some of the cells before it are on our lines, and somebody is there.
    let elsewhere = first_with(&|place| place > 40);
    assert_eq!(node.put(&home, 1), (true, None), "it is stored first and answered then");
    assert_eq!(node.put(&stand_in, 2), (true, None));
    assert_eq!(node.put(&elsewhere, 3), (false, Some(AnswerBody::NotStored(StoreFailure::NotHere))));
}

/// What finds no room on a slow link is not lost without a word: a request goes another way, and whoever waits for an answer
/// hears that there is none just now.
#[test]
fn what_is_not_sent_goes_another_way_or_is_said() {
    let mut node = Node::new();
    let requests = |outputs: Vec<Output>| {
        let mut sent = outputs.into_iter().filter_map(|output| match output {
            Output::Send { to, message: Message::Request(request) } => Some((to, request)),
            _ => None,
        });
        sent.next()
    };
    let target = parameters().shape.cell(&[6, 6]).unwrap();
    let first = requests(node.tell(Input::Command(Command::Echo { ticket: Ticket(1), target }))).unwrap();
    let unsent = Input::Unsent { to: first.0, message: Message::Request(first.1.clone()) };
    let second = requests(node.tell(unsent.clone())).unwrap();
    assert!(second.1 == first.1 && second.0 != first.0, "the same to somebody else: {first:?} {second:?}");
    assert_eq!(requests(node.tell(unsent)), None, "it is not with that one any more");

    let (id, from) = (RequestId::from_bytes([9; 16]), node.home);
    let answer = Answer { id, hops: 1, class: Class::Bulk, from, body: AnswerBody::Found(record(1)) };
    let (to, message) = (node.neighbour, Message::Answer(answer.clone()));
    let outputs = node.tell(Input::Unsent { to, message });
    let busy = Message::Answer(Answer { class: Class::Interactive, body: AnswerBody::Busy, ..answer });
    assert!(matches!(&outputs[..], [Output::Send { to: it, message }] if *it == to && *message == busy), "{outputs:?}");
}

/// A node that comes back asks a few neighbours for their rosters. One that has just given it up for dead does not hear it:
/// so it asks again, until somebody answers.
#[test]
fn who_comes_back_asks_until_it_is_heard() {
    let (parameters, shape) = (parameters(), parameters().shape);
    let home = shape.cell(&[3, 4]).unwrap();
    let me = peer(shape, home);
    let overlay = Overlay::new(&parameters, Config::default(), me, ChaCha8Rng::seed_from_u64(2));
    let known: Vec<Peer> = shape.neighbourhood(home).skip(1).map(|cell| peer(shape, cell)).collect();
    let mut node = Node { overlay, now: Time::ZERO, home, neighbour: known[0].id() };
    let unix = Day::new(TODAY).unix_seconds();
    let start = Command::Start { known: known.clone(), records: Vec::new(), introducers: Vec::new(), unix };
    let asks = |outputs: &[Output]| {
        let asked = |output: &&Output| matches!(output, Output::Send { message: Message::RosterQuery, .. });
        outputs.iter().filter(asked).count()
    };
    let mut again: Vec<Timer> = timers(&node.tell(Input::Command(start)));
    let linked =
        known.into_iter().map(|peer| node.tell(Input::Connected { peer, level: Level::Normal, introducer: None }));
    assert_eq!(linked.map(|outputs| asks(&outputs)).sum::<usize>(), 3, "the first few are asked");
    for _ in 0..10 {
        let outputs: Vec<Output> = again.drain(..).flat_map(|timer| node.tell(Input::Timer(timer))).collect();
        assert_eq!(asks(&outputs), 1, "nobody has answered, so another one is asked");
        again = timers(&outputs);
    }
    let outputs = node.tell(Input::Message { from: node.neighbour, message: Message::Roster(Vec::new()) });
    let settle = timers(&outputs);
    assert!(!settle.is_empty());
    settle.into_iter().for_each(|timer| drop(node.tell(Input::Timer(timer))));
    assert!(node.overlay.status().joined);
    let outputs: Vec<Output> = again.drain(..).flat_map(|timer| node.tell(Input::Timer(timer))).collect();
    assert_eq!(asks(&outputs), 0, "it has joined");
}

/// Of several introducers all are tried, in any order, before one is tried again.
#[test]
fn an_introducer_that_fails_is_tried_again_after_all_the_others() {
    let (parameters, shape) = (parameters(), parameters().shape);
    let home = shape.cell(&[3, 4]).unwrap();
    let mut orders = BTreeSet::new();
    for seed in 0..20 {
        let overlay = Overlay::new(&parameters, Config::default(), peer(shape, home), ChaCha8Rng::seed_from_u64(seed));
        let mut node = Node { overlay, now: Time::ZERO, home, neighbour: peer(shape, home).id() };
        let introducers: Vec<Address> = (0..4).map(|number| Address(number.to_string())).collect();
        let unix = Day::new(TODAY).unix_seconds();
        let start = Command::Start { known: Vec::new(), records: Vec::new(), introducers: introducers.clone(), unix };
        let (mut outputs, mut order) = (node.tell(Input::Command(start)), Vec::new());
        for _ in 0..12 {
            let dialled = outputs.iter().find_map(|output| match output {
                Output::Dial(DialTarget::Introducer(address)) => Some(address.clone()),
                _ => None,
            });
            let target = DialTarget::Introducer(dialled.clone().unwrap());
            order.push(dialled.unwrap());
            let failed = node.tell(Input::DialFailed { target, why: DialFailure::Unreachable("refused".into()) });
            outputs = timers(&failed).into_iter().flat_map(|timer| node.tell(Input::Timer(timer))).collect();
        }
        for round in order.chunks(4) {
            let tried: BTreeSet<&Address> = round.iter().collect();
            assert_eq!(tried.len(), 4, "{order:?}");
        }
        orders.insert(order[..4].to_vec());
    }
    assert!(orders.len() > 5, "not all nodes begin with the same one: {orders:?}");
}

/// The timers of joining that were set.
fn timers(outputs: &[Output]) -> Vec<Timer> {
    let joins = |output: &Output| match output {
        Output::SetTimer { timer: timer @ Timer::Join(_), .. } => Some(*timer),
        _ => None,
    };
    outputs.iter().filter_map(joins).collect()
}
