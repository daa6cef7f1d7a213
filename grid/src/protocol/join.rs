//! Joining: from one known peer to the rosters of all our lines, without anybody on the way learning an address.
//!
//! The introducer routes `d + 1` requests for us: one to our home cell, one to a cell on each of our lines. Each is
//! answered with a card that is sealed to our key. We dial those who answered, ask each for our neighbours, and dial
//! these. No single answer is trusted: the union is taken, and a line's count that does not fit the others (outside
//! the Poisson band, see [`crate::density`]) is asked for once more, elsewhere.
//!
//! A node that was in the grid before dials the neighbours that it remembers, and needs no introducer.
//!
//! Introducers may be found besides those that the owner has named: somebody on the same network who says that there is a node.
//! Nothing is believed of that. Each is tried, and forgotten when it fails; a node that has no links tries it at once,
//! another one when it asks again anyway. So two nodes that have founded the grid at the same time become one grid.

mod hosts;
mod inquiry;
mod introducers;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use rand_core::Rng;

use crate::cell::{Axis, Cell};
use crate::chance::{backoff, pick};
use crate::density::Band;
use crate::id::{NodeId, RequestId};
use crate::input::Ticket;
use crate::message::{AnswerBody, Message};
use crate::neighbours::{Member, Role};
use crate::output::{Event, JoinStep, Output};
use crate::peer::{Address, DialFailure, DialTarget, Peer};
use crate::protocol::links::Links;
use crate::protocol::{Context, Signal};

use hosts::{any_host, any_linked, lacks_hosts, part_from_spare_hosts};
use inquiry::Inquiry;
use introducers::Introducers;

/// When joining should go on by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Try again from the start, or once more after a success. The number tells which plan: the newest counts.
    Retry(u32),
    /// An inquiry has had its time; the second number tells which of its steps.
    Inquiry(u32, u32),
    /// Look whether the neighbours are linked.
    Settle,
    /// If nobody was found by now, this node is the first of its grid.
    Found,
    /// The neighbours that were asked for rosters after a restart have had their time.
    AskAgain,
}

/// Where joining stands.
#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// Not begun, done, or waiting to try again.
    Idle,
    /// The introducer is being dialled.
    Dialing,
    /// Inquiries are under way.
    Asking,
    /// All rosters are here, neighbours are being dialled. The number counts the looks so far.
    Settling(u32),
}

/// Whether this node founds the grid when there is nobody to join through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Founding {
    /// It knows whom to wait for.
    No,
    /// Not yet: somebody may be found.
    Later,
    /// It has waited long enough.
    Now,
}

/// How this node gets in, and how it lets others in.
#[derive(Debug)]
pub(crate) struct Join {
    introducers: Introducers,
    founding: Founding,
    phase: Phase,
    joined: bool,
    /// The introducer in use, and the one used last.
    introducer: Option<NodeId>,
    last_introducer: Option<NodeId>,
    failures: u32,
    /// Rounds through the introducer since the node has joined.
    rounds: u32,
    inquiries: BTreeMap<u32, Inquiry>,
    next_inquiry: u32,
    /// Neighbours that were asked for rosters after a restart.
    asked: BTreeSet<NodeId>,
    plans: u32,
    /// Welcomes that are being sealed for others.
    sealing: BTreeMap<Ticket, RequestId>,
}

/// Welcomes that are sealed at the same time; more newcomers than that are let wait.
const MAX_SEALING: usize = 64;

/// Inquiries about one line that find its cell vacant, after which the line is taken to be empty.
const MAX_TRIES: u32 = 4;

/// How long the first few neighbours may take after a restart to tell us of the others.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// Looks at the links, half a second apart, before a join counts as done with what it has.
const MAX_LOOKS: u32 = 20;

/// The chance at which a count of an honest line is doubted: see the design, section 5.
const DOUBT: f64 = 1e-6;

impl Join {
    pub(crate) fn new() -> Self {
        Self {
            introducers: Introducers::default(),
            founding: Founding::No,
            phase: Phase::Idle,
            joined: false,
            introducer: None,
            last_introducer: None,
            failures: 0,
            rounds: 0,
            inquiries: BTreeMap::new(),
            next_inquiry: 0,
            asked: BTreeSet::new(),
            plans: 0,
            sealing: BTreeMap::new(),
        }
    }

    pub(crate) fn is_joined(&self) -> bool {
        self.joined
    }

    /// Welcomes that are being sealed for others.
    pub(crate) fn sealing(&self) -> usize {
        self.sealing.len()
    }

    pub(crate) fn start<R: Rng>(&mut self, known: usize, introducers: Vec<Address>, cx: &mut Context<'_, R>) {
        self.introducers.name(introducers);
        if known > 0 {
            cx.timer(ASK_AGAIN, Timer::AskAgain);
        }
        if self.introducers.has_named() {
            self.begin(cx);
        } else if known == 0 && cx.config.found_after.is_zero() {
            // The first node of its grid.
            self.finish(cx);
        } else if known == 0 && !cx.is_leaf() {
            self.founding = Founding::Later;
            cx.timer(cx.config.found_after, Timer::Found);
        }
    }

    /// Somebody who may be a node of this grid is said to be there.
    pub(crate) fn on_found<R: Rng>(&mut self, address: Address, cx: &mut Context<'_, R>) {
        if self.introducers.is_named(&address) {
            return;
        }
        let was_nobody = self.introducers.is_empty();
        self.introducers.find(address);
        if self.phase != Phase::Idle {
            return;
        }
        if !self.joined || cx.table.has_no_links() {
            self.plans += 1;
            self.begin(cx);
        } else if was_nobody && !cx.is_leaf() {
            // No round was planned as long as there was nobody to ask.
            self.plan_round(cx);
        }
    }

    /// Nobody of the grid has answered so far. Whoever is being dialled may still turn out to be of it.
    fn found_grid<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        self.founding = Founding::Now;
        if !self.joined && matches!(self.phase, Phase::Idle | Phase::Dialing) {
            self.finish(cx);
        }
    }

    fn begin<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        self.inquiries.clear();
        let introducer = self.last_introducer.filter(|&id| cx.table.is_linked(id));
        if let Some(introducer) = introducer.or_else(|| any_host(cx)) {
            return self.ask_introducer(introducer, cx);
        }
        if let Some(address) = self.introducers.draw(cx.rng) {
            self.phase = Phase::Dialing;
            self.progress(JoinStep::Dial, cx);
            cx.out.push(Output::Dial(DialTarget::Introducer(address)));
        }
    }

    pub(crate) fn on_introducer<R: Rng>(&mut self, id: NodeId, cx: &mut Context<'_, R>) {
        // It may have taken so long that this node has founded the grid meanwhile.
        let is_late = self.phase == Phase::Idle && self.founding == Founding::Now && cx.table.is_alone();
        if self.phase == Phase::Dialing || is_late {
            self.ask_introducer(id, cx);
        }
    }

    /// What an owner who waits for the first join wants to see; later rounds are silent.
    fn progress<R: Rng>(&self, step: JoinStep, cx: &mut Context<'_, R>) {
        if !self.joined {
            cx.emit(Event::JoinProgress(step));
        }
    }

    fn ask_introducer<R: Rng>(&mut self, id: NodeId, cx: &mut Context<'_, R>) {
        (self.introducer, self.last_introducer) = (Some(id), Some(id));
        self.phase = Phase::Asking;
        self.progress(JoinStep::Route, cx);
        if !cx.is_leaf() {
            self.inquire(None, 0, cx);
        }
        let wanted = |axis: &Axis| !cx.is_leaf() || !cx.table.has_link_along(*axis);
        let axes: Vec<Axis> = cx.table.shape().axes().filter(wanted).collect();
        if axes.is_empty() {
            return self.settle(cx);
        }
        axes.into_iter().for_each(|axis| self.inquire(Some(axis), 0, cx));
    }

    /// This node is no leaf any more: it joins like any other, by way of one of its hosts.
    pub(crate) fn grow<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        self.inquiries.clear();
        match any_linked(cx) {
            Some(host) => self.ask_introducer(host, cx),
            None => self.fail(JoinStep::Rosters, "no host was left when it grew".into(), cx),
        }
    }

    pub(crate) fn on_introducer_failed<R: Rng>(
        &mut self,
        address: &Address,
        why: &DialFailure,
        cx: &mut Context<'_, R>,
    ) {
        if self.phase != Phase::Dialing || !self.introducers.is_tried(address) {
            return self.introducers.forget(address);
        }
        let step = match why {
            DialFailure::Unreachable(_) | DialFailure::TimedOut(_) => JoinStep::Dial,
            DialFailure::Foreign(_) | DialFailure::Credential(_) => JoinStep::Credential,
        };
        self.fail(step, why.to_string(), cx);
    }

    fn fail<R: Rng>(&mut self, step: JoinStep, why: String, cx: &mut Context<'_, R>) {
        self.phase = Phase::Idle;
        self.inquiries.clear();
        self.part_from_introducer(cx);
        self.introducers.fail();
        if self.joined {
            return self.plan_round(cx);
        }
        if !self.introducers.has_named() && !cx.is_leaf() {
            return self.try_next(cx);
        }
        self.failures += 1;
        let retry_in = backoff(cx.rng, cx.config.retry_first, cx.config.retry_most, self.failures);
        cx.emit(Event::JoinFailed { step, why, retry_in });
        self.retry(retry_in, cx);
    }

    /// Somebody who was found was of no use. The owner has not named him, and does not hear of it.
    fn try_next<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        if self.founding == Founding::Now {
            self.finish(cx);
        } else if self.introducers.has_found() {
            self.begin(cx);
        }
    }

    fn retry<R: Rng>(&mut self, wait: Duration, cx: &mut Context<'_, R>) {
        self.plans += 1;
        cx.timer(wait, Timer::Retry(self.plans));
    }

    /// A node that has joined asks again through its introducer, ever less often: nodes that came while the grid was
    /// sparse, or during a partition, may know each other and nobody else, and would never find out by themselves.
    fn plan_round<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        let wanted = match cx.is_leaf() {
            true => lacks_hosts(cx),
            false => !self.introducers.is_empty(),
        };
        if wanted {
            self.rounds += 1;
            let (first, most) = match self.founding == Founding::Now && cx.table.has_no_links() {
                true => (cx.config.retry_first, cx.config.retry_most),
                false => (cx.config.rejoin_first, cx.config.rejoin_most),
            };
            let wait = backoff(cx.rng, first, most, self.rounds);
            self.retry(wait, cx);
        }
    }

    /// Asks a random cell on our line along an axis, or our home cell.
    fn inquire<R: Rng>(&mut self, axis: Option<Axis>, tries: u32, cx: &mut Context<'_, R>) {
        let Some(introducer) = self.introducer else { return };
        let target = match axis {
            Some(axis) => other_cell_on_line(axis, cx),
            None => cx.me.cell(),
        };
        let number = self.next_inquiry;
        self.next_inquiry += 1;
        self.inquiries.insert(number, Inquiry::begin(number, axis, tries, target, introducer, cx));
    }

    pub(crate) fn on_asked<R: Rng>(
        &mut self,
        number: u32,
        outcome: Result<crate::message::Answer, crate::output::RequestFailure>,
        cx: &mut Context<'_, R>,
    ) {
        let Some(inquiry) = self.inquiries.get_mut(&number) else { return };
        match outcome {
            Ok(answer) => match answer.body {
                AnswerBody::Welcome(sealed) => inquiry.open(number, sealed, cx),
                AnswerBody::Vacant => inquiry.vacant(),
                AnswerBody::Stored { .. }
                | AnswerBody::NotStored(_)
                | AnswerBody::Found(_)
                | AnswerBody::NotFound
                | AnswerBody::Echo(_)
                | AnswerBody::Audited { .. }
                | AnswerBody::Busy
                | AnswerBody::Reply(_)
                | AnswerBody::Absent
                | AnswerBody::Roster(_)
                | AnswerBody::Member(_)
                | AnswerBody::Provided
                | AnswerBody::Providers(_) => inquiry.fail(JoinStep::HomeCell, "the answer is none to a join".into()),
            },
            Err(failure) => inquiry.fail_asking(&failure),
        }
        self.review(cx);
    }

    pub(crate) fn on_opened<R: Rng>(&mut self, ticket: Ticket, welcome: Result<Peer, String>, cx: &mut Context<'_, R>) {
        let found = self.inquiries.iter_mut().find(|(_, inquiry)| inquiry.is_opening(ticket));
        let Some((&number, inquiry)) = found else { return };
        match welcome {
            Ok(peer) => inquiry.dial_back(number, peer, cx),
            Err(why) => inquiry.fail(JoinStep::HomeCell, why),
        }
        self.review(cx);
    }

    pub(crate) fn on_link_up<R: Rng>(&mut self, node: NodeId, cx: &mut Context<'_, R>) {
        for (&number, inquiry) in &mut self.inquiries {
            inquiry.on_link_up(number, node, cx);
        }
        let neighbour = cx.table.role(node) == Some(Role::Neighbour);
        if cx.is_leaf() {
            return self.on_host(neighbour, cx);
        }
        if matches!(self.phase, Phase::Settling(_)) && !needs_bridge(cx) {
            self.part_from_introducer(cx);
        }
        // After a restart the first few neighbours that are back tell us of the others.
        if neighbour && !self.is_joined() && self.asked.len() <= cx.table.shape().dims().into() {
            self.asked.insert(node);
            cx.send(node, Message::RosterQuery);
        }
    }

    /// A link of this leaf is open: that is all that it wants of an inquiry, and of a neighbour from before a restart.
    fn on_host<R: Rng>(&mut self, neighbour: bool, cx: &mut Context<'_, R>) {
        // An introducer of our own cell is asked for others first.
        let is_enough = match self.phase {
            Phase::Idle => neighbour,
            Phase::Dialing => neighbour && cx.table.shape().axes().any(|axis| cx.table.has_link_along(axis)),
            Phase::Asking | Phase::Settling(_) => false,
        };
        if self.joined && self.phase == Phase::Idle {
            part_from_spare_hosts(cx);
        } else if is_enough {
            self.settle(cx);
        } else {
            self.review(cx);
        }
    }

    /// Those that were asked after a restart may not have heard it: one that has just given us up for dead drops what comes
    /// over the link that it is about to close. So somebody is asked again until the node has joined.
    fn ask_again<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        if self.is_joined() || cx.is_leaf() {
            return;
        }
        let linked: Vec<NodeId> = cx.table.linked_neighbours().map(Member::id).collect();
        if let Some(&node) = pick(cx.rng, &linked).filter(|_| self.phase != Phase::Asking) {
            self.asked.insert(node);
            cx.send(node, Message::RosterQuery);
        }
        cx.timer(ASK_AGAIN, Timer::AskAgain);
    }

    pub(crate) fn on_dial_failed<R: Rng>(&mut self, node: NodeId, why: &DialFailure, cx: &mut Context<'_, R>) {
        for inquiry in self.inquiries.values_mut() {
            inquiry.on_gone(node, &why.to_string());
        }
        self.review(cx);
    }

    pub(crate) fn on_link_down<R: Rng>(&mut self, node: NodeId, cx: &mut Context<'_, R>) {
        self.asked.remove(&node);
        for inquiry in self.inquiries.values_mut() {
            inquiry.on_gone(node, "the link broke");
            if self.introducer == Some(node) {
                inquiry.on_introducer_gone();
            }
        }
        self.review(cx);
        let alone = cx.table.is_alone();
        if self.joined && self.phase == Phase::Idle && !alone && cx.is_leaf() {
            self.rounds = 0;
            self.plan_round(cx);
        }
        if self.joined && alone && self.introducers.has_named() {
            (self.joined, self.rounds) = (false, 0);
            self.fail(JoinStep::Rosters, "all neighbours are gone".into(), cx);
        }
    }

    pub(crate) fn on_roster<R: Rng>(&mut self, from: NodeId, roster: Vec<Peer>, cx: &mut Context<'_, R>) {
        let Some(peer) = cx.table.peer(from).cloned() else { return };
        let remembered = self.asked.contains(&from);
        let mut expected = remembered || cx.table.role(from) == Some(Role::Bridge);
        for inquiry in self.inquiries.values_mut() {
            expected |= inquiry.on_roster(&peer, &roster, cx.me.cell());
        }
        if expected {
            roster.into_iter().for_each(|peer| cx.signal(Signal::Heard(peer)));
        }
        if remembered && matches!(self.phase, Phase::Idle | Phase::Dialing) {
            self.settle(cx);
        }
        self.review(cx);
    }

    pub(crate) fn on_timer<R: Rng>(&mut self, timer: Timer, links: &Links, cx: &mut Context<'_, R>) {
        match timer {
            Timer::Retry(plan) => {
                if self.phase == Phase::Idle && plan == self.plans {
                    self.begin(cx);
                }
            }
            Timer::Inquiry(number, step) => {
                if let Some(inquiry) = self.inquiries.get_mut(&number) {
                    inquiry.on_timeout(step);
                    self.review(cx);
                }
            }
            Timer::Settle => self.look(links, cx),
            Timer::Found => self.found_grid(cx),
            Timer::AskAgain => self.ask_again(cx),
        }
    }

    /// Looks whether all inquiries are over, starts further ones where they are wanted, and draws the conclusion.
    fn review<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        if self.phase != Phase::Asking {
            return;
        }
        let vacant: Vec<u32> = self.inquiries.iter().filter(|(_, i)| i.wants_another_cell()).map(|(&n, _)| n).collect();
        for number in vacant {
            if let Some(Inquiry { axis, tries, .. }) = self.inquiries.remove(&number) {
                self.inquire(axis, tries + 1, cx);
            }
        }
        if self.inquiries.values().all(Inquiry::is_over) && !self.doubts(cx) {
            self.conclude(cx);
        }
    }

    /// Whether some line's count does not fit the others, and is being asked for again.
    fn doubts<R: Rng>(&mut self, cx: &mut Context<'_, R>) -> bool {
        let counts: Vec<(u32, Axis, u32)> =
            self.inquiries.iter().filter_map(|(&n, i)| i.line_count().map(|(axis, count)| (n, axis, count))).collect();
        let total: u32 = counts.iter().map(|&(_, _, count)| count).sum();
        let mean = f64::from(total) / f64::from(u32::try_from(counts.len()).unwrap_or(u32::MAX).max(1));
        let band = Band::poisson(mean, DOUBT);
        let odd = counts.iter().find(|&&(number, _, count)| {
            !band.contains(count) && self.inquiries.get(&number).is_some_and(|i| i.tries < MAX_TRIES)
        });
        let Some(&(number, axis, count)) = odd else { return false };
        cx.emit(Event::RosterDoubt { counted: count, least: band.least, greatest: band.greatest });
        let tries = self.inquiries.remove(&number).map_or(0, |inquiry| inquiry.tries);
        self.inquire(Some(axis), tries + 1, cx);
        true
    }

    fn conclude<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        if self.inquiries.values().any(Inquiry::succeeded) || self.is_beside_nobody(cx) {
            return self.settle(cx);
        }
        let home = self.inquiries.values().find(|inquiry| inquiry.axis.is_none());
        let failure = home.or(self.inquiries.values().next()).and_then(Inquiry::failure);
        let (step, why) = failure.unwrap_or((JoinStep::HomeCell, "nobody answered".into()));
        self.fail(step, why, cx);
    }

    /// Whether the grid has answered that nobody is on any line of this leaf: it stays with whoever introduced it.
    fn is_beside_nobody<R: Rng>(&self, cx: &Context<'_, R>) -> bool {
        let stays = |id| cx.table.is_linked(id);
        cx.is_leaf() && self.introducer.is_some_and(stays) && self.inquiries.values().all(Inquiry::is_vacant)
    }

    fn settle<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        self.phase = Phase::Settling(0);
        self.inquiries.clear();
        self.progress(JoinStep::Rosters, cx);
        cx.timer(LOOK_EVERY, Timer::Settle);
    }

    /// Joined once every dial has been tried.
    fn look<R: Rng>(&mut self, links: &Links, cx: &mut Context<'_, R>) {
        let Phase::Settling(looks) = self.phase else { return };
        if links.is_dialing_first() && looks < MAX_LOOKS {
            self.phase = Phase::Settling(looks + 1);
            return cx.timer(LOOK_EVERY, Timer::Settle);
        }
        self.finish(cx);
    }

    fn finish<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        self.phase = Phase::Idle;
        self.failures = 0;
        self.introducers.part();
        self.asked.clear();
        if !self.joined {
            self.joined = true;
            let neighbours = cx.table.linked_neighbours().count();
            cx.emit(Event::Joined { neighbours: u32::try_from(neighbours).unwrap_or(u32::MAX) });
        }
        self.plan_round(cx);
        if cx.is_leaf() {
            part_from_spare_hosts(cx);
        }
        // A stranger that introduced us stays our bridge while some line of ours is empty.
        if needs_bridge(cx)
            && let Some(introducer) = self.introducer.filter(|&id| cx.table.role(id) == Some(Role::Guest))
        {
            self.introducer = None;
            cx.table.make_bridge(introducer);
            // It has no right to our address, and needs none: it passes on requests, over this link.
            cx.send(introducer, Message::Announce(cx.me.without_contact()));
        }
        self.part_from_introducer(cx);
    }

    /// A stranger that introduces us has few places, for others want to be let in as well: ours is given up as soon as we
    /// want nothing of it any more, or not soon.
    fn part_from_introducer<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        if let Some(introducer) = self.introducer.take()
            && cx.table.role(introducer) == Some(Role::Guest)
        {
            cx.out.push(Output::Disconnect(introducer));
        }
    }

    /// Somebody's join has reached our cell, or we stand in for it. Our address goes to neighbours only; and to a
    /// newcomer that is linked to us and so knows it.
    pub(crate) fn serve<R: Rng>(&mut self, request: RequestId, newcomer: Peer, cx: &mut Context<'_, R>) {
        let entitled = newcomer.cell().is_neighbour(&cx.me.cell()) || cx.table.is_linked(newcomer.id());
        if !entitled || self.sealing.len() >= MAX_SEALING {
            return cx.signal(Signal::Reply(request, AnswerBody::Vacant));
        }
        let ticket = cx.ticket();
        self.sealing.insert(ticket, request);
        cx.out.push(Output::Seal { ticket, to: newcomer });
    }

    pub(crate) fn on_sealed<R: Rng>(&mut self, ticket: Ticket, sealed: Option<Vec<u8>>, cx: &mut Context<'_, R>) {
        if let Some(request) = self.sealing.remove(&ticket) {
            let body = sealed.map_or(AnswerBody::Vacant, |bytes| AnswerBody::Welcome(bytes.into()));
            cx.signal(Signal::Reply(request, body));
        }
    }
}

/// Whether our neighbours alone may not lead everywhere.
fn needs_bridge<R>(cx: &Context<'_, R>) -> bool {
    if cx.is_leaf() { cx.table.is_alone() } else { cx.table.is_sparse() }
}

/// Time between two looks at the links.
const LOOK_EVERY: Duration = Duration::from_millis(500);

fn other_cell_on_line<R: Rng>(axis: Axis, cx: &mut Context<'_, R>) -> Cell {
    let home = cx.me.cell();
    let others: Vec<Cell> = cx.table.shape().line(home, axis).filter(|&cell| cell != home).collect();
    crate::chance::pick(cx.rng, &others).copied().unwrap_or(home)
}

impl Inquiry {
    fn wants_another_cell(&self) -> bool {
        self.axis.is_some() && self.is_vacant() && self.tries < MAX_TRIES
    }
}
