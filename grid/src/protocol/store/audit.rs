//! Between the cells of a record: each of its cells asks the others now and then whether they have it, and gives it to
//! those that do not. So a cell that died out and was settled again gets back what it should have, a cell that stands in
//! for a vacant one gets what it lacks, and the last node of a cell hands everything on before it leaves.
//!
//! The questions go by the target's cell, many records in one, and one node of a cell asks for each record.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use rand_core::Rng;

use crate::cell::{Cell, Shape};
use crate::chance::jitter;
use crate::id::{NodeId, RecordKey, RequestId, leading_number};
use crate::message::{Answer, AnswerBody, MAX_AUDIT, RequestBody};
use crate::output::{Event, RequestFailure};
use crate::placement::first_cells;
use crate::protocol::store::{Reader, Store, Timer};
use crate::protocol::{Ask, Asker, Context, Signal};
use crate::queue::Class;
use crate::ranges::{Item, is_news};
use crate::record::Record;

/// Records on their way to other cells at the same time: with 256 KiB each, 2 MiB.
const MAX_PUSHING: usize = 8;
/// Records that may wait for that; the next round finds the others again.
const MAX_PUSHES: usize = 16_384;
/// Questions under way at the same time.
const MAX_ASKED: usize = 16;
/// Questions are not asked more often than this.
const LEAST_STEP: Duration = Duration::from_millis(100);
/// Time between two handfuls of questions of a node that leaves.
const LEAVING_STEP: Duration = Duration::from_millis(10);
/// How often a vacant cell's place is given to the next of a record's sequence.
const STAND_INS: usize = 4;

/// One question: which of these does a cell lack?
#[derive(Debug)]
struct Batch {
    cell: Cell,
    items: Vec<Item>,
}

/// What a node does about the other cells of its records.
#[derive(Debug, Default)]
pub(super) struct Audit {
    queue: VecDeque<Batch>,
    step: Duration,
    stepping: bool,
    asked: BTreeMap<u32, Batch>,
    /// Records that we only stand in for, and which of their homes have said in this round that they have them.
    confirmed: BTreeMap<RecordKey, BTreeSet<Cell>>,
    /// Where in a record's sequence the next stand-in for a vacant cell is, of those that had one in this round.
    stand_ins: BTreeMap<RecordKey, usize>,
    numbers: u32,
    pushes: VecDeque<(Cell, RecordKey)>,
    pushing: usize,
    leaving: bool,
}

impl Audit {
    /// Whether the last of a cell is handing over.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving
    }

    fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.asked.is_empty() && self.pushes.is_empty() && self.pushing == 0
    }

    /// Time between two questions. Who leaves has no round to spread them over.
    fn pace(&self) -> Duration {
        if self.leaving { LEAVING_STEP } else { self.step }
    }
}

impl Store {
    pub(super) fn plan_audit<R: Rng>(&self, cx: &mut Context<'_, R>) {
        let wait = jitter(cx.rng, cx.config.audit_every);
        cx.timer(wait, Timer::Audit);
    }

    pub(super) fn on_audit<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        // A round that takes longer than the time between two is finished first.
        if self.audit.queue.is_empty() && self.audit.asked.is_empty() && !self.audit.leaving {
            self.begin_round(cx);
        }
        self.plan_audit(cx);
    }

    /// Sorts the records that are ours to ask for by the cells that are to be asked.
    fn begin_round<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        let (shape, home) = (cx.table.shape(), cx.me.cell());
        let mut members = cx.table.mates_alive();
        members.push(cx.me.id());
        members.sort_unstable();
        let leaving = self.audit.leaving;
        let mut by_cell: BTreeMap<Cell, Vec<Item>> = BTreeMap::new();
        self.audit.stand_ins.clear();
        self.audit.confirmed.clear();
        for (&key, &mark) in self.index.items() {
            let is_home = first_cells(shape, &key.routing_key(), self.replicas).contains(&home);
            if is_home && !leaving && !asks(&members, &key, cx.me.id()) {
                continue;
            }
            // Each node finds out for itself whether it still has to stand in.
            if !is_home && !leaving {
                self.audit.confirmed.insert(key, BTreeSet::new());
            }
            let others = self.replicas - usize::from(is_home && !leaving);
            for cell in others_of(shape, &key, home, others) {
                by_cell.entry(cell).or_default().push(Item { key, mark });
            }
        }
        self.queue_batches(by_cell);
        let batches = u32::try_from(self.audit.queue.len()).unwrap_or(u32::MAX).max(1);
        // Twice as fast as the round allows, since vacant cells bring more questions.
        self.audit.step = (cx.config.audit_every / 2 / batches).max(LEAST_STEP);
        self.step_soon(Duration::ZERO, cx);
    }

    fn queue_batches(&mut self, by_cell: BTreeMap<Cell, Vec<Item>>) {
        for (cell, items) in by_cell {
            let batches = items.chunks(MAX_AUDIT).map(|items| Batch { cell, items: items.to_vec() });
            self.audit.queue.extend(batches);
        }
    }

    fn step_soon<R: Rng>(&mut self, after: Duration, cx: &mut Context<'_, R>) {
        if !self.audit.stepping && !self.audit.queue.is_empty() {
            self.audit.stepping = true;
            cx.timer(after, Timer::AuditStep);
        }
    }

    pub(super) fn on_audit_step<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        self.audit.stepping = false;
        let at_once = if self.audit.leaving { MAX_ASKED } else { 1 };
        for _ in 0..at_once {
            if self.audit.asked.len() >= MAX_ASKED {
                break;
            }
            let Some(batch) = self.audit.queue.pop_front() else { break };
            self.audit.numbers = self.audit.numbers.wrapping_add(1);
            let number = self.audit.numbers;
            let body = RequestBody::Audit(batch.items.clone());
            let target = batch.cell;
            self.audit.asked.insert(number, batch);
            cx.signal(Signal::Ask(Ask { asker: Asker::Audit(number), via: None, class: Class::Control, target, body }));
        }
        self.step_soon(self.audit.pace(), cx);
    }

    /// Another cell asks what we lack of what it has.
    pub(crate) fn audited<R: Rng>(&self, request: RequestId, items: &[Item], cx: &mut Context<'_, R>) {
        let lacks = |item: &Item| {
            let held = self.index.get(&item.key).map(|holding| holding.mark);
            is_news(item.mark, held.as_ref())
        };
        let lacking = (0..).zip(items.iter().take(MAX_AUDIT)).filter(|(_, item)| lacks(item));
        let (declined, lacking): (Vec<_>, Vec<_>) = lacking.partition(|(_, item)| self.index.has_declined(&item.key));
        let places = |items: Vec<(u16, &Item)>| items.into_iter().map(|(place, _)| place).collect();
        let body = AnswerBody::Audited { lacking: places(lacking), declined: places(declined) };
        cx.signal(Signal::Reply(request, body));
    }

    pub(crate) fn on_audited<R: Rng>(
        &mut self,
        number: u32,
        outcome: Result<Answer, RequestFailure>,
        cx: &mut Context<'_, R>,
    ) {
        let Some(batch) = self.audit.asked.remove(&number) else { return };
        match outcome.map(|answer| answer.body) {
            // Who names a place twice wants a record twice.
            Ok(AnswerBody::Audited { lacking, .. }) if !lacking.is_sorted_by(|a, b| a < b) => {}
            Ok(AnswerBody::Audited { lacking, declined }) => {
                self.count_homes(&batch, &[&lacking[..], &declined[..]].concat(), cx);
                let lacking = lacking.into_iter().filter_map(|place| batch.items.get(usize::from(place)));
                let room = MAX_PUSHES.saturating_sub(self.audit.pushes.len());
                let pushes = lacking.map(|item| (batch.cell, item.key)).take(room);
                self.audit.pushes.extend(pushes);
                self.push_more(cx);
            }
            Ok(AnswerBody::Vacant) | Err(RequestFailure::NoWay(_)) => self.ask_stand_ins(batch, cx),
            // No answer: the next round asks again.
            Ok(_) | Err(_) => {}
        }
        self.step_soon(self.audit.pace(), cx);
        self.check_handed_over(cx);
    }

    /// What all of a record's homes have, we need not stand in for any more.
    fn count_homes<R: Rng>(&mut self, batch: &Batch, missing: &[u16], cx: &mut Context<'_, R>) {
        let missing: BTreeSet<u16> = missing.iter().copied().collect();
        for (_, Item { key, mark }) in (0..).zip(&batch.items).filter(|(place, _)| !missing.contains(place)) {
            let Some(homes) = self.audit.confirmed.get_mut(key) else { continue };
            if first_cells(cx.table.shape(), &key.routing_key(), self.replicas).contains(&batch.cell) {
                homes.insert(batch.cell);
            }
            // A later version may have come meanwhile, which they were not asked about.
            let same = self.index.get(key).is_some_and(|holding| holding.mark == *mark);
            if homes.len() == self.replicas && same && !self.lines.contains_key(key) {
                self.recovery.retire(*key, cx.now);
                self.discard(*key, cx);
            }
        }
    }

    /// Nobody is in the cell: for each record the next of its sequence stands in.
    fn ask_stand_ins<R: Rng>(&mut self, batch: Batch, cx: &mut Context<'_, R>) {
        let mut by_cell: BTreeMap<Cell, Vec<Item>> = BTreeMap::new();
        for item in batch.items {
            if let Some(cell) = self.next_stand_in(&item.key, cx) {
                by_cell.entry(cell).or_default().push(item);
            }
        }
        self.queue_batches(by_cell);
    }

    /// The first cell of a record's sequence that neither keeps it anyway nor stands in for another vacant one; `None`
    /// if that is our own, or too far along.
    fn next_stand_in<R: Rng>(&mut self, key: &RecordKey, cx: &Context<'_, R>) -> Option<Cell> {
        let (home, leaving) = (cx.me.cell(), self.audit.leaving);
        let cells = first_cells(cx.table.shape(), &key.routing_key(), self.replicas * (STAND_INS + 1));
        let next = self.audit.stand_ins.entry(*key).or_insert_with(|| {
            // Who leaves asks one more cell from the beginning, in place of its own.
            let is_replaced = leaving && cells.iter().take(self.replicas).any(|cell| *cell == home);
            self.replicas + usize::from(is_replaced)
        });
        while let Some(&cell) = cells.get(*next) {
            *next += 1;
            if cell != home {
                return Some(cell);
            }
            if !leaving {
                return None;
            }
        }
        None
    }

    fn push_more<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        while self.audit.pushing < MAX_PUSHING {
            let Some((cell, key)) = self.audit.pushes.pop_front() else { return };
            if self.index.contains(&key) {
                self.audit.pushing += 1;
                self.read(key, Reader::Push(cell), cx);
            }
        }
    }

    /// Sends a record that was read for it to the cell that lacks it.
    pub(super) fn push<R: Rng>(&mut self, target: Cell, record: Option<Record>, cx: &mut Context<'_, R>) {
        match record {
            Some(record) => {
                let body = RequestBody::Put(record);
                cx.signal(Signal::Ask(Ask { asker: Asker::Push, via: None, class: Class::Bulk, target, body }));
            }
            None => self.on_pushed(cx),
        }
    }

    /// It has arrived, or not: the next round finds out.
    pub(crate) fn on_pushed<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        self.audit.pushing = self.audit.pushing.saturating_sub(1);
        self.push_more(cx);
        self.check_handed_over(cx);
    }

    /// We are about to leave. If nobody else is in our cell, its records go to the cells that will stand in for it.
    pub(crate) fn hand_over<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        if self.audit.leaving {
            return;
        }
        // What is on its way to other cells arrives all the same.
        let (numbers, pushing) = (self.audit.numbers, self.audit.pushing);
        self.audit = Audit { leaving: true, numbers, pushing, ..Audit::default() };
        let alone = cx.table.mates_alive().is_empty();
        if alone && self.index.len() > 0 {
            cx.emit(Event::HandingOver { records: u32::try_from(self.index.len()).unwrap_or(u32::MAX) });
            cx.timer(cx.config.hand_over_timeout, Timer::HandedOver);
            self.begin_round(cx);
        }
        self.check_handed_over(cx);
    }

    fn check_handed_over<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        if self.audit.leaving && self.audit.is_idle() {
            self.on_handed_over(cx);
        }
    }

    pub(super) fn on_handed_over<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        if core::mem::take(&mut self.audit.leaving) {
            cx.signal(Signal::HandedOver);
        }
    }
}

/// Whether a node is the one of its cell that asks for a record: each for its share, by the key.
fn asks(members: &[NodeId], key: &RecordKey, me: NodeId) -> bool {
    let number = leading_number(&key.as_bytes()[8..]);
    let place = usize::try_from(number % (members.len().max(1) as u64)).unwrap_or_default();
    members.get(place) == Some(&me)
}

/// The first cells of a record's sequence without our own.
fn others_of(shape: Shape, key: &RecordKey, home: Cell, count: usize) -> Vec<Cell> {
    let cells = first_cells(shape, &key.routing_key(), count + 1);
    cells.into_iter().filter(|cell| *cell != home).take(count).collect()
}
