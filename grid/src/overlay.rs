//! The state machine of one node: gives each input to the part of the protocol that it concerns, and carries the
//! parts' signals to each other. No rule of the protocol stands here.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use rand_core::Rng;

use crate::cell::{Cell, Line};
use crate::certified::{Certificate, Equivocation, LineStanding};
use crate::config::Config;
use crate::id::{NodeId, RecordKey, RequestId};
use crate::input::{Command, Input};
use crate::ledger::policy::Policy;
use crate::ledger::saved::Snapshot;
use crate::ledger::tariff;
use crate::ledger::{Ledger, Statement};
use crate::level::Level;
use crate::load::Load;
use crate::message::{Answer, AnswerBody, Message, RequestBody};
use crate::neighbours::{Member, Role, Table};
use crate::output::{Event, Output};
use crate::parameters::Parameters;
use crate::peer::{Address, DialTarget, Peer};
use crate::protocol::client::{self, Client};
use crate::protocol::exchange::{self, Exchange};
use crate::protocol::join::{self, Join};
use crate::protocol::links::{self, Links};
use crate::protocol::liveness::{self, Liveness};
use crate::protocol::providers::{self, Providers};
use crate::protocol::request::{self, Requests};
use crate::protocol::roster::{self, Rosters};
use crate::protocol::scout::{self, Scout};
use crate::protocol::services::Services;
use crate::protocol::store::{self, Store};
use crate::protocol::{Asker, Context, Signal};
use crate::queue::Class;
use crate::record::Holding;
use crate::time::{Calendar, Time};

/// Timers, each belonging to one part of the protocol. The shell only hands them back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Of the owner's operations.
    Client(client::Timer),
    /// Of the comparison of rosters.
    Exchange(exchange::Timer),
    /// Of joining.
    Join(join::Timer),
    /// Of the links.
    Links(links::Timer),
    /// Of failure detection.
    Liveness(liveness::Timer),
    /// Of who offers what.
    Providers(providers::Timer),
    /// Of requests.
    Request(request::Timer),
    /// Of certified rosters.
    Roster(roster::Timer),
    /// Of the look for unknown neighbours.
    Scout(scout::Timer),
    /// Of the cell's records.
    Store(store::Timer),
}

macro_rules! timer_from {
    ($($part:ident: $module:ident),*) => {
        $(impl From<$module::Timer> for Timer {
            fn from(timer: $module::Timer) -> Self {
                Self::$part(timer)
            }
        })*
    };
}

timer_from!(
    Client: client, Exchange: exchange, Join: join, Links: links, Liveness: liveness, Providers: providers,
    Request: request, Roster: roster, Scout: scout, Store: store
);

/// One node.
#[derive(Debug)]
pub struct Overlay<R> {
    me: Peer,
    config: Config,
    level: Level,
    calendar: Calendar,
    rng: R,
    table: Table,
    ledger: Ledger,
    tickets: u64,
    signals: VecDeque<Signal>,
    parts: Parts,
    /// Farewell has been said: nothing is done any more.
    left: bool,
}

#[derive(Debug)]
struct Parts {
    client: Client,
    exchange: Exchange,
    join: Join,
    links: Links,
    liveness: Liveness,
    providers: Providers,
    requests: Requests,
    rosters: Rosters,
    scout: Scout,
    services: Services,
    store: Store,
}

/// A node's state in figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Nodes in the rosters.
    pub neighbours: usize,
    /// Open links, to neighbours and others.
    pub links: usize,
    /// Cells of our lines in which we know somebody, our own included.
    pub cells_known: u64,
    /// Cells of our lines in which we know nobody.
    pub vacant_cells: u64,
    /// Records held.
    pub records: usize,
    /// Bytes that they take, about.
    pub record_bytes: u64,
    /// Whether the node has joined.
    pub joined: bool,
    /// How much it does for others.
    pub level: Level,
    /// Leaves that it is host to.
    pub leaves: usize,
    /// What has come of the rosters of our lines in this epoch.
    pub lines: Vec<LineStanding>,
    /// Requests that wait for their turn, in the order of [`Class::ALL`].
    pub queued: [usize; 3],
    /// Bytes that records may take at most.
    pub quota: u64,
}

/// What a node has in hand for others, each of which is bounded by its [`Config`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InHand {
    /// Linked strangers on their way in, or that wait until their time is over.
    pub guests: usize,
    /// Linked strangers with whom it passes requests on.
    pub bridges: usize,
    /// Requests that it works on, or whose answer it waits for, its own included.
    pub requests: usize,
    /// Welcomes for newcomers that are being sealed.
    pub welcomes: usize,
}

/// One node of the rosters, for display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeighbourStatus {
    /// Its name.
    pub id: NodeId,
    /// Its cell.
    pub cell: Cell,
    /// Whether a link to it is open.
    pub linked: bool,
    /// Peak-EWMA of its answer times; `None` before the first.
    pub latency: Option<Duration>,
    /// Whether it is a neighbour, not a guest or a bridge.
    pub neighbour: bool,
    /// Whether it is a leaf that we are host to.
    pub leaf: bool,
    /// Requests that it has taken for others of late, as it says; `None` before it said so.
    pub load: Option<Load>,
}

impl<R: Rng> Overlay<R> {
    /// A node that has done nothing yet. `me` bears our own contact if we can be dialled.
    pub fn new(parameters: &Parameters, config: Config, me: Peer, rng: R) -> Self {
        let parts = Parts {
            client: Client::new(parameters.replica_cells),
            exchange: Exchange::new(parameters),
            join: Join::new(),
            links: Links::default(),
            liveness: Liveness::default(),
            providers: Providers::default(),
            requests: Requests::new(&config),
            rosters: Rosters::new(parameters),
            scout: Scout::default(),
            services: Services::default(),
            store: Store::new(parameters.replica_cells),
        };
        let table = Table::new(parameters.shape, me.cell(), config.compared);
        let calendar = Calendar::default();
        let ledger = Ledger::new(Policy::default());
        let level = config.level;
        Self {
            me,
            config,
            level,
            calendar,
            rng,
            table,
            ledger,
            tickets: 0,
            signals: VecDeque::new(),
            parts,
            left: false,
        }
    }

    /// Takes one input and appends what is to be done about it to `out`, in the order in which it is to be done.
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Vec<Output>) {
        if self.left {
            return;
        }
        self.take_note(now, &input);
        let mut cx = Context {
            now,
            calendar: self.calendar,
            me: &self.me,
            config: &self.config,
            level: &mut self.level,
            table: &mut self.table,
            ledger: &mut self.ledger,
            rng: &mut self.rng,
            tickets: &mut self.tickets,
            out,
            signals: &mut self.signals,
        };
        self.parts.on_input(input, &mut cx);
        while let Some(signal) = cx.signals.pop_front() {
            self.left |= matches!(signal, Signal::HandedOver);
            self.parts.on_signal(signal, &mut cx);
        }
    }

    /// What concerns no part of the protocol alone.
    fn take_note(&mut self, now: Time, input: &Input) {
        match input {
            Input::Command(Command::CardChanged(me)) => self.me = me.clone(),
            Input::Command(Command::Clock(unix) | Command::Start { unix, .. }) => {
                self.calendar = Calendar::new(now, *unix);
            }
            Input::Command(_)
            | Input::Message { .. }
            | Input::Timer(_)
            | Input::Connected { .. }
            | Input::Disconnected(_)
            | Input::DialFailed { .. }
            | Input::Found(_)
            | Input::Sealed { .. }
            | Input::Opened { .. }
            | Input::Stored { .. }
            | Input::Loaded { .. }
            | Input::Unread { .. }
            | Input::Paid { .. }
            | Input::ClaimSigned(_)
            | Input::ClaimsChecked { .. }
            | Input::Unsent { .. }
            | Input::Turn => {}
        }
    }

    /// How many requests wait for their turn, see [`Input::Turn`].
    pub fn waiting(&self) -> usize {
        if self.left { 0 } else { self.parts.requests.waiting() }
    }

    /// What this node has in hand for others.
    pub fn in_hand(&self) -> InHand {
        InHand {
            guests: self.table.count(Role::Guest),
            bridges: self.table.count(Role::Bridge),
            requests: self.parts.requests.under_way(),
            welcomes: self.parts.join.sealing(),
        }
    }

    /// How much this node does for others now.
    pub const fn level(&self) -> Level {
        self.level
    }

    /// This node.
    pub fn me(&self) -> &Peer {
        &self.me
    }

    /// The node's state in figures.
    pub fn status(&self) -> Status {
        let shape = self.table.shape();
        let occupied = |&cell: &Cell| self.table.is_occupied(cell, None);
        let (records, record_bytes) = self.parts.store.size();
        let cells_known = shape.neighbourhood(self.me.cell()).filter(occupied).count() as u64;
        Status {
            neighbours: self.table.count(Role::Neighbour),
            links: self.table.iter().filter(|member| member.is_linked()).count(),
            cells_known,
            vacant_cells: shape.neighbour_cells() - cells_known,
            records,
            record_bytes,
            joined: self.parts.join.is_joined(),
            level: self.level,
            leaves: self.table.count(Role::Leaf),
            lines: self.lines().map(|line| self.parts.rosters.standing(line)).collect(),
            queued: Class::ALL.map(|class| self.parts.requests.waiting_in(class)),
            quota: self.config.quota,
        }
    }

    fn lines(&self) -> impl Iterator<Item = Line> {
        let home = self.me.cell();
        self.table.shape().axes().map(move |axis| Line::through(home, axis))
    }

    /// The newest certified rosters of our lines.
    pub fn certificates(&self) -> Vec<Certificate> {
        self.parts.rosters.certificates(self.table.shape().axes())
    }

    /// Those of this epoch and of the one before, in that order from behind: what strangers are shown, who may be an epoch apart.
    pub fn recent_certificates(&self) -> Vec<Certificate> {
        self.parts.rosters.recent()
    }

    /// The proofs against nodes of our lines that have signed two rosters of one line and epoch.
    pub fn equivocations(&self) -> Vec<Equivocation> {
        self.parts.rosters.proofs().cloned().collect()
    }

    /// The accounts of all neighbours, past ones too, each with its cell if it is known now.
    pub fn statements(&self, now: Time) -> Vec<(Statement, Option<Cell>)> {
        let with_cell = |one: Statement| (one, self.table.peer(one.id).map(Peer::cell));
        self.ledger.statements(now).map(with_cell).collect()
    }

    /// A tunnel that led over this node is over: so many cells went through it, which it carried for one neighbour, if it did not
    /// begin here, and had carried by another, if it did not end here.
    pub fn carried(&mut self, now: Time, for_whom: Option<NodeId>, by_whom: Option<NodeId>, cells: u64) {
        let work = tariff::slots(cells);
        for_whom.into_iter().for_each(|id| self.ledger.carried(now, id, work));
        by_whom.into_iter().for_each(|id| self.ledger.was_carried(now, id, work));
    }

    /// The ledger, to be kept over a restart; `unix` is the wall clock's time, in seconds.
    pub fn ledger_snapshot(&self, now: Time, unix: u64) -> Snapshot {
        self.ledger.snapshot(now, unix)
    }

    /// Goes on with the ledger of an earlier run, see [`Ledger::restore`]. Before anything else is done.
    pub fn restore_ledger(&mut self, now: Time, unix: u64, saved: Snapshot) {
        self.ledger = Ledger::restore(Policy::default(), now, unix, saved);
    }

    /// All nodes that this one knows, with their cards: for checking whether they still hold.
    pub fn cards(&self) -> Vec<Peer> {
        self.table.iter().map(|member| member.peer().clone()).collect()
    }

    /// The neighbours that serve others, with their cards: all, or those to which a link is open.
    pub fn neighbours(&self, linked: bool) -> Vec<Peer> {
        let serves = |member: &&Member| member.is_neighbour() && member.role() != Role::Leaf;
        let wanted = |member: &&Member| !linked || member.is_linked();
        self.table.iter().filter(serves).filter(wanted).map(|member| member.peer().clone()).collect()
    }

    /// All nodes that this one knows, in the order of their names.
    pub fn peers(&self) -> Vec<NeighbourStatus> {
        let status = |member: &Member| NeighbourStatus {
            id: member.id(),
            cell: member.cell(),
            linked: member.is_linked(),
            latency: self.table.latency(member.id()),
            neighbour: member.is_neighbour(),
            leaf: member.role() == Role::Leaf,
            load: self.table.load_of(member.id()),
        };
        self.table.iter().map(status).collect()
    }
}

impl Parts {
    fn on_input<R: Rng>(&mut self, input: Input, cx: &mut Context<'_, R>) {
        match input {
            Input::Command(command) => self.on_command(command, cx),
            Input::Message { from, message } => self.on_message(from, message, cx),
            Input::Timer(timer) => self.on_timer(timer, cx),
            Input::Connected { peer, level, introducer } => self.on_connected(peer, level, introducer, cx),
            Input::Disconnected(node) => self.links.on_disconnected(node, cx),
            Input::DialFailed { target: DialTarget::Peer(peer), why } => self.links.on_dial_failed(&peer, why, cx),
            Input::DialFailed { target: DialTarget::Introducer(address), why } => {
                self.join.on_introducer_failed(&address, &why, cx);
            }
            Input::Found(address) => self.join.on_found(address, cx),
            Input::Sealed { ticket, sealed } => self.join.on_sealed(ticket, sealed, cx),
            Input::Opened { ticket, welcome } => {
                self.scout.on_opened(ticket, &welcome, cx);
                self.join.on_opened(ticket, welcome, cx);
            }
            Input::Stored { ticket, outcome } => self.store.on_stored(ticket, outcome, cx),
            Input::Loaded { ticket, record } => self.store.on_loaded(ticket, record, cx),
            Input::Unread { ticket } => self.store.on_unread(ticket, cx),
            Input::Paid { ticket, paid } => self.requests.on_paid(ticket, paid, cx),
            Input::ClaimSigned(signed) => self.rosters.on_signed(signed, cx),
            Input::ClaimsChecked { from, claim, signed, refused } => {
                self.rosters.on_checked(from, claim, signed, refused, cx);
            }
            Input::Unsent { to, message } => self.requests.on_unsent(to, message, cx),
            Input::Turn => self.requests.on_turn(cx),
        }
    }

    fn on_command<R: Rng>(&mut self, command: Command, cx: &mut Context<'_, R>) {
        match command {
            Command::Start { known, records, introducers, unix: _ } => self.start(known, records, introducers, cx),
            Command::CardChanged(_) => self.announce(cx),
            Command::Clock(_) => {}
            Command::Revoke(node) => self.links.revoke(node, cx),
            Command::Leave => self.store.hand_over(cx),
            Command::Put { ticket, record } => self.client.put(ticket, record, cx),
            Command::Get { ticket, pointer, chunk } => self.client.get(ticket, &pointer, chunk, cx),
            Command::Provide { ticket, provider } => self.client.provide(ticket, provider, cx),
            Command::Providers { ticket, topic } => self.client.providers(ticket, topic, cx),
            Command::Roster { ticket, cell, axis } => {
                let own = self.rosters.certified_counts(cx.table.shape().axes());
                self.client.roster(ticket, cell, axis, own, cx);
            }
            Command::Echo { ticket, target } => self.client.echo(ticket, target, cx),
            Command::Ask { ticket, node, cell, question } => self.client.ask(ticket, node, cell, question, cx),
            Command::Reply { ticket, reply } => self.services.reply(ticket, reply, cx),
        }
    }

    fn start<R: Rng>(
        &mut self,
        known: Vec<Peer>,
        records: Vec<(RecordKey, Holding)>,
        introducers: Vec<Address>,
        cx: &mut Context<'_, R>,
    ) {
        self.join.start(known.len(), introducers, cx);
        known.into_iter().for_each(|peer| self.links.look_for(peer, cx));
        self.links.start(cx);
        self.liveness.start(cx);
        if !cx.is_leaf() {
            self.exchange.start(cx);
            self.scout.start(cx);
            self.rosters.start(cx);
        }
        self.store.start(records, cx);
        self.providers.start(cx);
    }

    /// Tells everybody who may know it where we can be dialled now.
    fn announce<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        // To its hosts a leaf would say by that that it is none any more.
        let told: Vec<_> = cx.table.linked_neighbours().filter(|_| !cx.is_leaf()).map(Member::id).collect();
        for node in told {
            cx.send(node, Message::Announce(cx.me.clone()));
        }
    }

    /// Says farewell to everybody; whatever comes now must not bring us back.
    fn leave<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        let linked = cx.table.iter().filter(|member| member.is_linked()).map(Member::id);
        for node in linked.collect::<Vec<_>>() {
            cx.send(node, Message::Farewell);
        }
        cx.emit(Event::Left);
    }

    fn on_connected<R: Rng>(&mut self, peer: Peer, level: Level, introducer: Option<Address>, cx: &mut Context<'_, R>) {
        let id = peer.id();
        // An introducer that is dialled may turn out to be linked already, under its own name.
        if !cx.table.is_linked(id) {
            self.links.on_connected(peer, level, introducer.is_some(), cx);
        }
        if introducer.is_some() {
            self.join.on_introducer(id, cx);
        }
    }

    fn on_message<R: Rng>(&mut self, from: NodeId, message: Message, cx: &mut Context<'_, R>) {
        if !cx.table.is_linked(from) {
            return;
        }
        match message {
            Message::Announce(peer) => self.links.on_announce(from, peer, cx),
            Message::Farewell => self.links.on_farewell(from, cx),
            Message::Request(request) => self.requests.on_request(from, request, cx),
            Message::Accepted(id) => self.requests.on_accepted(from, id, cx),
            Message::Refused(id, refusal) => self.requests.on_refused(from, id, refusal, cx),
            Message::Answer(answer) => self.requests.on_answer(from, answer, cx),
            Message::Ping(nonce) => self.liveness.on_ping(from, nonce, cx),
            Message::Pong { nonce, ways, load } => self.liveness.on_pong(from, nonce, (ways, load), cx),
            Message::ProbeFor { nonce, target } => self.liveness.on_probe_for(from, nonce, target, cx),
            Message::ProbedAlive { nonce, target } => self.liveness.on_probed_alive(nonce, target, cx),
            Message::Suspect(node) => self.liveness.on_suspect(node, cx),
            Message::RosterQuery => self.exchange.on_roster_query(from, cx),
            Message::Roster(roster) => self.join.on_roster(from, roster, cx),
            Message::LineSummary(summary) => self.exchange.on_summary(from, summary, cx),
            Message::LineMembers { axis, members } => self.exchange.on_members(from, axis, members, &self.links, cx),
            Message::CardQuery(wanted) => self.exchange.on_card_query(from, &wanted, cx),
            Message::Cards(cards) => self.exchange.on_cards(from, cards, cx),
            Message::Replicate { nonce, record } => self.store.on_replicate(from, nonce, record, cx),
            Message::Replicated { nonce, stored } => self.store.on_replicated(from, nonce, stored, cx),
            Message::Fetch { nonce, key, than } => self.store.on_fetch(from, nonce, key, than, cx),
            Message::Fetched { nonce, record } => self.store.on_fetched(from, nonce, record, cx),
            Message::Ranges(reports) => self.store.on_ranges(from, &reports, cx),
            Message::Offered(provider) => self.providers.on_offered(from, provider, cx),
            Message::RosterClaims { claim, signatures } => self.rosters.on_claims(from, claim, signatures, cx),
            Message::RosterWanted(claim) => self.rosters.on_wanted(from, claim, cx),
            Message::RosterNamed(roster) => self.rosters.on_named(from, roster, cx),
            Message::Equivocation(proof) => self.rosters.on_equivocation(proof, cx),
        }
    }

    fn on_timer<R: Rng>(&mut self, timer: Timer, cx: &mut Context<'_, R>) {
        match timer {
            Timer::Client(timer) => self.client.on_timer(timer, cx),
            Timer::Exchange(timer) => self.exchange.on_timer(timer, cx),
            Timer::Join(timer) => self.join.on_timer(timer, &self.links, cx),
            Timer::Links(timer) => self.links.on_timer(timer, cx),
            Timer::Liveness(timer) => self.liveness.on_timer(timer, cx),
            Timer::Providers(timer) => self.providers.on_timer(timer, cx),
            Timer::Request(timer) => self.requests.on_timer(timer, cx),
            Timer::Roster(timer) => self.rosters.on_timer(timer, cx),
            Timer::Scout(timer) => self.scout.on_timer(timer, cx),
            Timer::Store(timer) => self.store.on_timer(timer, cx),
        }
    }

    fn on_signal<R: Rng>(&mut self, signal: Signal, cx: &mut Context<'_, R>) {
        match signal {
            Signal::LinkUp(node) => {
                self.liveness.on_link_up(node);
                self.exchange.on_link_up(node, cx);
                self.store.on_link_up(node, cx);
                self.join.on_link_up(node, cx);
                self.rosters.on_link_up(node, cx);
            }
            Signal::LinkDown(node) => {
                self.requests.on_link_down(node, cx);
                self.liveness.on_link_down(node, cx);
                self.join.on_link_down(node, cx);
                self.rosters.on_link_down(node, cx);
            }
            Signal::DialFailed(node, why) => self.join.on_dial_failed(node, &why, cx),
            Signal::Doubt(node) => self.liveness.on_doubt(node, cx),
            Signal::Dead(node) => self.links.on_dead(node, cx),
            Signal::Heard(peer) => self.links.heard(peer, cx),
            Signal::Ask(ask) => self.requests.ask(ask, cx),
            Signal::Asked(Asker::Join(number), outcome) => self.join.on_asked(number, outcome, cx),
            Signal::Asked(Asker::Scout, outcome) => self.scout.on_asked(outcome, cx),
            Signal::Asked(Asker::Client(ticket, cell), outcome) => {
                if let Ok(Answer { body: AnswerBody::Roster(certificate), .. }) = &outcome {
                    self.rosters.compare(certificate, cx);
                }
                self.client.on_asked(ticket, cell, outcome, cx);
            }
            Signal::Asked(Asker::Audit(number), outcome) => self.store.on_audited(number, outcome, cx),
            Signal::Asked(Asker::Push, _) => self.store.on_pushed(cx),
            Signal::Serve(id, body) => self.serve(id, body, cx),
            Signal::Reply(id, body) => self.requests.reply(id, body, cx),
            Signal::Grown => {
                self.exchange.start(cx);
                self.scout.start(cx);
                self.rosters.start(cx);
                self.join.grow(cx);
            }
            Signal::HandedOver => self.leave(cx),
        }
    }

    fn serve<R: Rng>(&mut self, id: RequestId, body: RequestBody, cx: &mut Context<'_, R>) {
        match body {
            RequestBody::Join(newcomer) => self.join.serve(id, newcomer, cx),
            RequestBody::Put(record) => self.store.put(id, record, cx),
            RequestBody::Get { key, reach } => self.store.get(id, key, reach, cx),
            RequestBody::Echo(bytes) => self.requests.reply(id, AnswerBody::Echo(bytes), cx),
            RequestBody::Audit(items) => self.store.audited(id, &items, cx),
            RequestBody::Provide(provider) => self.providers.announced(id, provider, cx),
            RequestBody::Providers(topic) => self.providers.asked(id, &topic, cx),
            RequestBody::Roster { axis, member } => self.rosters.serve(id, axis, member, cx),
            RequestBody::Ask { question, .. } => self.services.asked(id, question, cx),
        }
    }
}
