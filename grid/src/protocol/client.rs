//! The owner's operations: a put goes to the record's cells and succeeds at a quorum; a get asks the nearest of them
//! and hedges to the others.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use rand_core::Rng;

use crate::cell::Cell;
use crate::id::RecordKey;
use crate::input::Ticket;
use crate::message::{Answer, AnswerBody, RequestBody, StoreFailure};
use crate::output::{EchoReport, Event, GetReport, PutReport, RequestFailure};
use crate::placement::replica_cells;
use crate::protocol::{Ask, Asker, Context, Signal};
use crate::record::Record;

/// When an operation should do something without being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Ask another cell as well.
    Hedge(Ticket),
    /// The operation has had its time.
    Over(Ticket),
}

#[derive(Debug)]
struct Put {
    record: Record,
    /// Cells that were not asked yet, in the record's own order.
    rest: VecDeque<Cell>,
    /// Cells that store it when nothing is amiss.
    wanted: u32,
    /// Cells that must.
    quorum: u32,
    stored_cells: u32,
    stored_nodes: u32,
    /// Cells that could not be asked though somebody may be there, or that failed to store.
    failed: u32,
    why: Option<StoreFailure>,
    waiting: u32,
}

#[derive(Debug)]
struct Get {
    key: RecordKey,
    /// The cells that keep it when none is vacant.
    homes: Vec<Cell>,
    /// Cells that were not asked yet, in the order in which they are to be.
    rest: VecDeque<Cell>,
    /// Cells whose first node lacked it: asked again for all their nodes, when nothing else is left.
    lacking: VecDeque<Cell>,
    /// Whether the questions now go to all nodes of a cell.
    thorough: bool,
    /// Cells that answered and lack it.
    answered: u32,
    /// So many of them are enough to look no further along the sequence.
    enough: u32,
    waiting: u32,
    last_asked: Cell,
    last_failure: Option<RequestFailure>,
}

#[derive(Debug)]
enum Operation {
    Put(Put),
    Get(Get),
    Echo(Cell),
}

/// The operations under way.
#[derive(Debug)]
pub(crate) struct Client {
    replicas: u8,
    operations: BTreeMap<Ticket, Operation>,
}

impl Client {
    pub(crate) fn new(replicas: u8) -> Self {
        Self { replicas, operations: BTreeMap::new() }
    }

    pub(crate) fn put<R: Rng>(&mut self, ticket: Ticket, record: Record, cx: &mut Context<'_, R>) {
        let rest = replica_cells(cx.table.shape(), &record.key().routing_key()).into();
        let wanted = self.replicas.into();
        let quorum = u32::from(cx.config.write_quorum).min(wanted);
        let (stored_cells, stored_nodes, failed, why, waiting) = (0, 0, 0, None, 0);
        let mut put = Put { record, rest, wanted, quorum, stored_cells, stored_nodes, failed, why, waiting };
        for _ in 0..self.replicas {
            put.ask_next(ticket, cx);
        }
        self.begin(ticket, Operation::Put(put), cx);
    }

    pub(crate) fn get<R: Rng>(&mut self, ticket: Ticket, key: RecordKey, cx: &mut Context<'_, R>) {
        let mut cells = replica_cells(cx.table.shape(), &key.routing_key());
        let home = cx.me.cell();
        let first = usize::from(self.replicas).min(cells.len());
        // The record is in the first occupied cells; of those, the nearest costs least. The sort keeps the order of
        // equals, so that the sequence decides among them.
        cells[..first].sort_by_key(|cell| cell.distance(&home));
        let mut get = Get {
            key,
            homes: cells[..first].to_vec(),
            rest: cells.into(),
            lacking: VecDeque::new(),
            thorough: false,
            answered: 0,
            // Twice as many as hold it when nothing is amiss: a bound on what a get for nothing costs the grid.
            enough: 2 * u32::from(self.replicas),
            waiting: 0,
            last_asked: home,
            last_failure: None,
        };
        get.ask_next(ticket, cx);
        cx.timer(cx.config.hedge_after, Timer::Hedge(ticket));
        self.begin(ticket, Operation::Get(get), cx);
    }

    pub(crate) fn echo<R: Rng>(&mut self, ticket: Ticket, target: Cell, cx: &mut Context<'_, R>) {
        let body = RequestBody::Echo(Vec::new().into());
        cx.signal(Signal::Ask(Ask { asker: Asker::Client(ticket, target), via: None, target, body }));
        self.begin(ticket, Operation::Echo(target), cx);
    }

    fn begin<R: Rng>(&mut self, ticket: Ticket, operation: Operation, cx: &mut Context<'_, R>) {
        self.operations.insert(ticket, operation);
        cx.timer(cx.config.operation_timeout, Timer::Over(ticket));
    }

    pub(crate) fn on_asked<R: Rng>(
        &mut self,
        ticket: Ticket,
        cell: Cell,
        outcome: Result<Answer, RequestFailure>,
        cx: &mut Context<'_, R>,
    ) {
        let done = match self.operations.get_mut(&ticket) {
            Some(Operation::Put(put)) => put.on_asked(ticket, outcome, cx),
            Some(Operation::Get(get)) => get.on_asked(ticket, cell, outcome, cx),
            Some(Operation::Echo(_)) => Some(echo_done(ticket, cell, outcome)),
            None => None,
        };
        if let Some(event) = done {
            self.operations.remove(&ticket);
            cx.emit(event);
        }
    }

    pub(crate) fn on_timer<R: Rng>(&mut self, timer: Timer, cx: &mut Context<'_, R>) {
        match timer {
            Timer::Hedge(ticket) => {
                if let Some(Operation::Get(get)) = self.operations.get_mut(&ticket)
                    && get.ask_next(ticket, cx)
                {
                    cx.timer(cx.config.hedge_after, Timer::Hedge(ticket));
                }
            }
            Timer::Over(ticket) => {
                if let Some(operation) = self.operations.remove(&ticket) {
                    cx.emit(operation.over(ticket));
                }
            }
        }
    }
}

impl Operation {
    /// The outcome when the time is up.
    fn over(self, ticket: Ticket) -> Event {
        match self {
            Self::Put(put) => Event::PutDone { ticket, outcome: put.outcome() },
            Self::Get(get) => {
                let late = RequestFailure::TimedOut(get.last_asked);
                Event::GetDone { ticket, outcome: Err(get.last_failure.unwrap_or(late)) }
            }
            Self::Echo(target) => Event::EchoDone { ticket, outcome: Err(RequestFailure::TimedOut(target)) },
        }
    }
}

impl Put {
    fn ask_next<R: Rng>(&mut self, ticket: Ticket, cx: &mut Context<'_, R>) {
        if let Some(target) = self.rest.pop_front() {
            self.waiting += 1;
            let body = RequestBody::Put(self.record.clone());
            cx.signal(Signal::Ask(Ask { asker: Asker::Client(ticket, target), via: None, target, body }));
        }
    }

    fn on_asked<R: Rng>(
        &mut self,
        ticket: Ticket,
        outcome: Result<Answer, RequestFailure>,
        cx: &mut Context<'_, R>,
    ) -> Option<Event> {
        self.waiting -= 1;
        match outcome.map(|answer| answer.body) {
            Ok(AnswerBody::Stored { nodes }) => {
                self.stored_cells += 1;
                self.stored_nodes += u32::from(nodes);
            }
            // Nobody there, or nobody who can be reached: the next cell of the sequence stands in.
            Ok(AnswerBody::Vacant) | Err(RequestFailure::NoWay(_)) => self.ask_next(ticket, cx),
            Ok(AnswerBody::NotStored(why)) => {
                (self.failed, self.why) = (self.failed + 1, Some(why));
                self.ask_next(ticket, cx);
            }
            Ok(AnswerBody::Welcome(_) | AnswerBody::Found(_) | AnswerBody::NotFound | AnswerBody::Echo(_)) | Err(_) => {
                self.failed += 1;
                self.ask_next(ticket, cx);
            }
        }
        let done = self.stored_cells >= self.wanted || self.waiting == 0;
        done.then(|| Event::PutDone { ticket, outcome: self.outcome() })
    }

    /// What it comes to, given what is known now. Where all other cells are vacant, one cell is all there can be.
    fn outcome(&self) -> Result<PutReport, RequestFailure> {
        let needed = if self.failed == 0 && self.waiting == 0 { 1 } else { self.quorum };
        if self.stored_cells >= needed {
            Ok(PutReport { nodes: self.stored_nodes, cells: self.stored_cells })
        } else if self.failed == 0 && self.waiting == 0 {
            Err(RequestFailure::NoKeeper)
        } else {
            Err(RequestFailure::TooFewCells { stored: self.stored_cells, needed, why: self.why })
        }
    }
}

impl Get {
    /// Asks one more cell; `false` if there is none left.
    fn ask_next<R: Rng>(&mut self, ticket: Ticket, cx: &mut Context<'_, R>) -> bool {
        if !self.thorough && self.answered >= self.enough {
            return false;
        }
        let Some(target) = self.rest.pop_front() else { return false };
        self.waiting += 1;
        self.last_asked = target;
        let body = RequestBody::Get { key: self.key, ask_cell: self.thorough };
        cx.signal(Signal::Ask(Ask { asker: Asker::Client(ticket, target), via: None, target, body }));
        true
    }

    fn on_asked<R: Rng>(
        &mut self,
        ticket: Ticket,
        cell: Cell,
        outcome: Result<Answer, RequestFailure>,
        cx: &mut Context<'_, R>,
    ) -> Option<Event> {
        self.waiting -= 1;
        match outcome {
            Ok(Answer { body: AnswerBody::Found(record), hops, from, .. }) if record.key() == self.key => {
                self.repair(ticket, &record, cx);
                return Some(Event::GetDone { ticket, outcome: Ok(GetReport { record, hops, from }) });
            }
            Ok(Answer { body: AnswerBody::Vacant, .. }) => {}
            Ok(_) => {
                self.answered += u32::from(!self.thorough);
                self.lacking.push_back(cell);
            }
            Err(failure) => self.last_failure = Some(failure),
        }
        self.go_on(ticket, cx)
    }

    /// Read repair: the cells that should have the record and said that they lack it, for they were vacant when it was
    /// put, or all their nodes are new, get it now. Nobody waits for their answers.
    fn repair<R: Rng>(&mut self, ticket: Ticket, record: &Record, cx: &mut Context<'_, R>) {
        for target in core::mem::take(&mut self.lacking).into_iter().filter(|cell| self.homes.contains(cell)) {
            let body = RequestBody::Put(record.clone());
            cx.signal(Signal::Ask(Ask { asker: Asker::Client(ticket, target), via: None, target, body }));
        }
    }

    /// Asks the next cell, or the same ones more thoroughly, or gives up.
    fn go_on<R: Rng>(&mut self, ticket: Ticket, cx: &mut Context<'_, R>) -> Option<Event> {
        if self.ask_next(ticket, cx) || self.waiting > 0 {
            return None;
        }
        if !self.thorough && !self.lacking.is_empty() {
            self.thorough = true;
            self.rest = core::mem::take(&mut self.lacking);
            while self.ask_next(ticket, cx) {}
            return None;
        }
        let nobody = RequestFailure::NotFound { asked: self.answered };
        let failure = if self.answered > 0 { nobody.clone() } else { self.last_failure.take().unwrap_or(nobody) };
        Some(Event::GetDone { ticket, outcome: Err(failure) })
    }
}

fn echo_done(ticket: Ticket, target: Cell, outcome: Result<Answer, RequestFailure>) -> Event {
    let outcome = outcome.and_then(|answer| match answer.body {
        AnswerBody::Echo(_) => Ok(EchoReport { hops: answer.hops, from: answer.from }),
        AnswerBody::Vacant => Err(RequestFailure::Vacant(target)),
        AnswerBody::Welcome(_)
        | AnswerBody::Stored { .. }
        | AnswerBody::NotStored(_)
        | AnswerBody::Found(_)
        | AnswerBody::NotFound => Err(RequestFailure::NoWay(target)),
    });
    Event::EchoDone { ticket, outcome }
}
