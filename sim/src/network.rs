//! The network: carries out what the state machines want, and tells them what happens, in a seeded order of events.

mod carry;
mod dial;

use core::time::Duration;

use grid::cell::{Cell, Shape};
use grid::certified::{Claim, Signature, SignedClaim};
use grid::config::Config;
use grid::input::{Command, Input, Ticket};
use grid::message::Message;
use grid::output::{Event, Output};
use grid::overlay::Overlay;
use grid::parameters::Parameters;
use grid::peer::{Address, DialTarget, Peer};
use grid::record::{Holding, Rules};
use grid::time::Time;

use crate::chance::Chance;
use crate::host::{Disk, Host, Power};
use crate::identity::{Book, Forged, HostIndex};
use crate::link::{Position, Weather};
use crate::queue::Queue;
use crate::records::BEGINNING;
use crate::trace::Trace;
use crate::traffic::Traffic;

/// What can happen next.
#[derive(Debug)]
pub(crate) enum Happening {
    /// Something for one run of one host: its timers, disk, crypto, the ends of its links.
    Local { host: HostIndex, run: u32, input: Input },
    /// A message arrives over a link.
    Arrival { from: HostIndex, to: HostIndex, link: u64, message: Message },
    /// A dial's first packet arrives.
    Knock { from: HostIndex, run: u32, target: DialTarget },
    /// The end of a link finds out that it is closed.
    Closed { host: HostIndex, other: HostIndex, link: u64 },
}

/// A welcome: for whom, and whose card of which issue is in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sealed {
    to: HostIndex,
    host: HostIndex,
    issued: u64,
}

/// How long a host's process goes on after its farewell, until the messages are out.
pub const FAREWELL: Duration = Duration::from_secs(1);
/// How long a node may take to hand its records over; it gives up by itself before that.
const HAND_OVER: Duration = Duration::from_secs(60);

/// Something that a node told its owner.
#[derive(Clone, Debug)]
pub struct Told {
    /// When.
    pub at: Time,
    /// Which node.
    pub host: HostIndex,
    /// What.
    pub event: Event,
}

/// A simulated network.
#[derive(Debug)]
pub struct Network {
    parameters: Parameters,
    rules: Rules,
    config: Config,
    weather: Weather,
    chance: Chance,
    book: Book,
    hosts: Vec<Host>,
    queue: Queue<Happening>,
    now: Time,
    /// Welcomes that were sealed. The sealed bytes are the index, so they say nothing.
    vault: Vec<Sealed>,
    links: u64,
    /// Whether hosts were ever on different islands: before, no link stalls.
    torn: bool,
    tickets: u64,
    told: Vec<Told>,
    trace: Trace,
    traffic: Traffic,
    happened: u64,
    outputs: Vec<Output>,
}

impl Network {
    /// An empty network of a grid.
    pub fn new(parameters: Parameters, config: Config, weather: Weather, seed: u64) -> Self {
        Self {
            book: Book::new(parameters.shape),
            rules: Rules::of(&parameters),
            parameters,
            config,
            weather,
            chance: Chance::new(seed),
            hosts: Vec::new(),
            queue: Queue::default(),
            now: Time::ZERO,
            vault: Vec::new(),
            links: 0,
            torn: false,
            tickets: 0,
            told: Vec::new(),
            trace: Trace::default(),
            traffic: Traffic::default(),
            happened: 0,
            outputs: Vec::new(),
        }
    }

    /// What its grid says about records.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// From now on hosts that are added, or started again, behave like this.
    pub fn set_config(&mut self, config: Config) {
        self.config = config;
    }

    /// Adds a host where chance puts it, and starts it; `introducer` is whom it joins through.
    ///
    /// # Errors
    /// [`Forged`] never happens for a host that was just minted; it is passed on rather than hidden.
    pub fn add(&mut self, introducer: Option<HostIndex>) -> Result<HostIndex, Forged> {
        let host = self.book.mint(&mut self.chance);
        self.settle(host, introducer)
    }

    /// Adds a host in a cell of one's choice, at the expected price, and starts it.
    ///
    /// # Errors
    /// As [`Network::add`].
    pub fn add_in(&mut self, cell: Cell, introducer: Option<HostIndex>) -> Result<HostIndex, Forged> {
        let host = self.book.mint_in(cell, &mut self.chance);
        self.settle(host, introducer)
    }

    fn settle(&mut self, host: HostIndex, introducer: Option<HostIndex>) -> Result<HostIndex, Forged> {
        let me = self.book.issue(host, 1)?;
        let overlay = Box::new(Overlay::new(&self.parameters, self.config.clone(), me, self.chance.fork()));
        let position = Position::random(&mut self.chance);
        let (power, disk, links) = (Power::Up, Disk::default(), Default::default());
        self.hosts.push(Host {
            overlay,
            power,
            run: 0,
            joined: false,
            left: false,
            disk,
            links,
            position,
            island: 0,
            issued: 1,
            service: Duration::ZERO,
            signs: true,
            busy: false,
        });
        self.start(host, introducer);
        Ok(host)
    }

    fn start(&mut self, host: HostIndex, introducer: Option<HostIndex>) {
        let disk = &self.hosts[host].disk;
        let known = disk.known.values().cloned().collect();
        let records = disk.records.iter().map(|(&key, record)| (key, Holding::of(record))).collect();
        let unix = BEGINNING + self.now.as_micros() / 1_000_000;
        let introducers = introducer.map(address_of).into_iter().collect();
        self.command(host, Command::Start { known, records, introducers, unix });
    }

    /// Starts a host again that was down, with what is on its disk, and a newer credential.
    ///
    /// # Errors
    /// As [`Network::add`].
    pub fn restart(&mut self, host: HostIndex, introducer: Option<HostIndex>) -> Result<(), Forged> {
        let issued = self.hosts[host].issued + 1;
        let me = self.book.issue(host, issued)?;
        let overlay = Box::new(Overlay::new(&self.parameters, self.config.clone(), me, self.chance.fork()));
        let old = &mut self.hosts[host];
        (old.overlay, old.power, old.issued, old.joined) = (overlay, Power::Up, issued, false);
        (old.left, old.busy) = (false, false);
        old.run += 1;
        old.links.clear();
        self.start(host, introducer);
        Ok(())
    }

    /// Ends a host's process: its neighbours see their links close.
    pub fn kill(&mut self, host: HostIndex) {
        self.hosts[host].power = Power::Killed;
        self.close_all(host);
    }

    /// A host vanishes from the network without a sign.
    pub fn silence(&mut self, host: HostIndex) {
        self.hosts[host].power = Power::Silent;
    }

    /// A host hands over what nobody else has, and says farewell; its process ends once the messages are out.
    pub fn leave(&mut self, host: HostIndex) {
        self.command(host, Command::Leave);
        let patience = self.now + HAND_OVER;
        while !self.hosts[host].left && self.now < patience {
            self.run_for(FAREWELL);
        }
        self.run_for(FAREWELL);
        self.kill(host);
    }

    /// A host that is down never comes back: what it held is dropped, so that the dead take no memory.
    ///
    /// # Errors
    /// As [`Network::add`].
    pub fn bury(&mut self, host: HostIndex) -> Result<(), Forged> {
        let me = self.book.peer(host, self.hosts[host].issued)?;
        let dead = &mut self.hosts[host];
        // A kernel's closing of the links is on its way already.
        dead.links.clear();
        dead.disk = Disk::default();
        *dead.overlay = Overlay::new(&self.parameters, self.config.clone(), me, self.chance.fork());
        Ok(())
    }

    /// Puts a host on an island: only hosts of the same island reach each other. All begin on island 0.
    pub fn move_to_island(&mut self, host: HostIndex, island: u8) {
        self.torn = true;
        self.hosts[host].island = island;
    }

    /// Fills a host's disk, or makes room again.
    pub fn set_disk_full(&mut self, host: HostIndex, full: bool) {
        self.hosts[host].disk.full = full;
    }

    /// From now on a host takes that long to serve a request, one after the other; what comes meanwhile waits.
    pub fn set_service(&mut self, host: HostIndex, service: Duration) {
        self.hosts[host].service = service;
    }

    /// From now on a host signs no rosters, or does again.
    pub fn set_signing(&mut self, host: HostIndex, signs: bool) {
        self.hosts[host].signs = signs;
    }

    /// What a host signs, whatever its state machine thinks of it; `None` if it is not on the line.
    pub fn sign(&self, host: HostIndex, claim: Claim) -> Option<SignedClaim> {
        let peer = self.book.peer(host, self.hosts[host].issued).ok()?;
        let grid = self.parameters.grid_id();
        let signature = self.book.signature(host, &claim.signed_bytes(&grid, &peer.id()));
        self.check(&peer, claim, signature)
    }

    /// A claim of a host, if it has signed it.
    pub(crate) fn check(&self, peer: &Peer, claim: Claim, signature: Signature) -> Option<SignedClaim> {
        let is_signed = |peer: &Peer, message: &[u8], found: &[u8]| {
            self.book.signature(self.book.host(peer.id()), message) == found
        };
        SignedClaim::check(peer, claim, signature, &self.parameters.grid_id(), is_signed).ok()
    }

    /// A host says something over an open link that its state machine would not: hostile hosts do.
    pub fn say(&mut self, from: HostIndex, to: HostIndex, message: Message) {
        self.send(from, to, message);
    }

    /// A host finds the address of another one, or one that is nobody's, as nodes do on a network that they share.
    pub fn find(&mut self, host: HostIndex, found: HostIndex) {
        self.input(host, Input::Found(address_of(found)));
    }

    /// Gives a node a command, now.
    pub fn command(&mut self, host: HostIndex, command: Command) {
        if let Command::Put { record, .. } = &command {
            self.traffic.begin_put(self.now, record.key());
        }
        self.input(host, Input::Command(command));
    }

    /// A ticket that no other operation of this network bears.
    pub fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// Lets time pass.
    pub fn run_for(&mut self, duration: Duration) {
        self.run_until(self.now + duration);
    }

    /// Lets time pass up to a moment; nothing happens if that is over.
    pub fn run_until(&mut self, until: Time) {
        while let Some((at, happening)) = self.queue.pop_until(until) {
            self.now = at;
            self.happened += 1;
            self.happen(happening);
        }
        self.now = self.now.max(until);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Local { host, run, input } => {
                if self.hosts[host].run == run {
                    self.trace.note(self.now, host as u64, 0, local_kind(&input), 0);
                    self.input(host, input);
                }
            }
            Happening::Arrival { from, to, link, message } => self.arrive(from, to, link, message),
            Happening::Knock { from, run, target } => self.knock(from, run, target),
            Happening::Closed { host, other, link } => self.closed(host, other, link),
        }
    }

    /// Hands an input to a node and carries out what it wants.
    pub(crate) fn input(&mut self, host: HostIndex, input: Input) {
        if !self.hosts[host].is_up() {
            return;
        }
        let mut outputs = std::mem::take(&mut self.outputs);
        let is_done = matches!(input, Input::Turn);
        self.hosts[host].overlay.handle(self.now, input, &mut outputs);
        if self.hosts[host].service.is_zero() {
            while self.hosts[host].overlay.waiting() > 0 {
                self.hosts[host].overlay.handle(self.now, Input::Turn, &mut outputs);
            }
        } else {
            self.work(host, is_done);
        }
        for output in outputs.drain(..) {
            self.carry_out(host, output);
        }
        self.outputs = outputs;
    }

    /// A host that serves one request after the other begins the next, if it has nothing in hand. What it does about a
    /// request is seen when it is done.
    fn work(&mut self, host: HostIndex, is_done: bool) {
        let its = &mut self.hosts[host];
        its.busy &= !is_done;
        if !its.busy && its.overlay.waiting() > 0 {
            its.busy = true;
            let service = its.service;
            self.plan_local(service, host, Input::Turn);
        }
    }

    pub(crate) fn plan(&mut self, after: Duration, happening: Happening) {
        self.queue.push(self.now + after, happening);
    }

    /// Plans an input for a host's present run.
    pub(crate) fn plan_local(&mut self, after: Duration, host: HostIndex, input: Input) {
        let run = self.hosts[host].run;
        self.plan(after, Happening::Local { host, run, input });
    }

    /// The grid's shape.
    pub fn shape(&self) -> Shape {
        self.parameters.shape
    }

    /// The hosts, by index.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The books.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Indices of the hosts that run.
    pub fn living(&self) -> Vec<HostIndex> {
        (0..self.hosts.len()).filter(|&host| self.hosts[host].is_up()).collect()
    }

    /// The generator for whatever a scenario leaves to chance.
    pub fn chance(&mut self) -> &mut Chance {
        &mut self.chance
    }

    /// What the nodes have told their owners since the last [`Network::take_told`].
    pub fn told(&self) -> &[Told] {
        &self.told
    }

    /// Takes what the nodes have told their owners since the last call.
    pub fn take_told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }

    /// The running hash over everything that happened.
    pub fn trace(&self) -> Trace {
        self.trace
    }

    /// What was sent.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Links opened so far.
    pub fn links_opened(&self) -> u64 {
        self.links
    }

    /// Events so far.
    pub fn happened(&self) -> u64 {
        self.happened
    }
}

/// The address that stands for a host.
pub(crate) fn address_of(host: HostIndex) -> Address {
    Address(host.to_string())
}

/// What happens within one host, for the trace.
fn local_kind(input: &Input) -> &'static str {
    match input {
        Input::Command(_) => "command",
        Input::Message { .. } => "message",
        Input::Timer(_) => "timer",
        Input::Connected { .. } => "connected",
        Input::Disconnected(_) => "disconnected",
        Input::DialFailed { .. } => "dial failed",
        Input::Found(_) => "found",
        Input::Sealed { .. } => "sealed",
        Input::Opened { .. } => "opened",
        Input::Stored { .. } => "stored",
        Input::Loaded { .. } => "loaded",
        Input::Unread { .. } => "unread",
        Input::Paid { .. } => "paid",
        Input::ClaimSigned(_) => "claim signed",
        Input::ClaimsChecked { .. } => "claims checked",
        Input::Unsent { .. } => "unsent",
        Input::Turn => "turn",
    }
}
