//! Circuits begin: our own, and those that neighbours ask for.

use rand_core::CryptoRng;

use super::circuits::{Circuit, Role};
use super::output::{OpenError, Output, TunnelId, Why};
use super::{Table, destroy};
use crate::cell::{Cell, CircuitId, Joint};
use crate::endpoint::Endpoint;
use crate::initiator::Opening;
use crate::keys::Hop;
use crate::moment::Moment;
use crate::name::Name;
use crate::replay::Verdict;
use crate::setup::{Taken, fresh_key};

impl Table {
    pub(super) fn lay(
        &mut self,
        now: Moment,
        path: &[Hop],
        rng: &mut impl CryptoRng,
        out: &mut Vec<Output>,
    ) -> Result<TunnelId, OpenError> {
        if path.iter().any(|hop| hop.name == self.me) {
            return Err(OpenError::Ourselves);
        }
        let (opening, set_up) = Opening::new(path, now.minute, rng)?;
        let on = path.first().filter(|_| self.has_room()).and_then(|first| self.circuits.draw(first.name));
        let on = on.ok_or(OpenError::Full)?;
        out.push(Output::Send { to: on.link, cell: Cell::set_up(on.id.turned(), &set_up) });
        Ok(self.circuits.insert(Circuit::new(Role::Opening { on, opening }, now.steady)))
    }

    /// A neighbour asks for a circuit. Whatever is wrong with it, it hears that the circuit has ended and no more.
    pub(super) fn on_set_up(
        &mut self,
        now: Moment,
        back: Joint,
        mut cell: Cell,
        rng: &mut impl CryptoRng,
        out: &mut Vec<Output>,
    ) {
        if self.circuits.find(back).is_some() {
            // An honest neighbour does not use an id twice, and the circuit that has it must not suffer.
            self.counts.out_of_turn += 1;
            return;
        }
        match self.take(now, back, &mut cell) {
            Some(taken) => self.begin(now, back, taken, cell, rng, out),
            None => destroy(Some(back), out),
        }
    }

    /// A neighbour's set-up is not taken, for there are too many.
    pub fn refuse(&mut self, from: Name, id: CircuitId, out: &mut Vec<Output>) {
        self.counts.no_room += 1;
        destroy(Some(Joint { link: from, id }), out);
    }

    /// A neighbour has ended a circuit before its set-up, which the shell had not handed over yet, was looked at.
    pub fn withdrawn(&mut self) {
        self.counts.withdrawn += 1;
    }

    /// Judges a set-up, the cheapest first.
    fn take(&mut self, now: Moment, back: Joint, cell: &mut Cell) -> Option<Taken> {
        let room = self.has_room() && self.circuits.opened_by(back.link) < self.config.of_neighbour;
        if !room || !self.circuits.set_ups(back.link).take(now.steady, self.config.set_ups) {
            self.counts.no_room += 1;
            return None;
        }
        let fresh = fresh_key(cell.set_up_mut());
        if self.seen.has(fresh) {
            self.counts.replayed += 1;
            return None;
        }
        let Ok(taken) = Taken::new(cell.set_up_mut(), self.me, &self.onion) else {
            self.counts.unreadable += 1;
            return None;
        };
        match self.seen.take(now.minute, fresh, taken.minute) {
            Verdict::Fresh => return Some(taken),
            Verdict::Replayed => self.counts.replayed += 1,
            Verdict::Stale => self.counts.stale += 1,
            Verdict::Full => self.counts.no_room += 1,
        }
        None
    }

    fn begin(
        &mut self,
        now: Moment,
        back: Joint,
        taken: Taken,
        mut cell: Cell,
        rng: &mut impl CryptoRng,
        out: &mut Vec<Output>,
    ) {
        let Some(next) = taken.next else {
            let Some((keys, answer)) = taken.accept(rng) else {
                self.counts.unreadable += 1;
                return destroy(Some(back), out);
            };
            let mut cell = Cell::of_circuit(back.id.turned());
            answer.put(cell.body_mut());
            out.push(Output::Send { to: back.link, cell });
            let role = Role::Last { back, endpoint: Endpoint::new(&keys) };
            self.counts.set_ups += 1;
            let tunnel = self.circuits.insert(Circuit::new(role, now.steady));
            return out.push(Output::Arrived { tunnel });
        };
        // Back to where it came from, or to ourselves, leads no honest initiator.
        let leads_on = next != back.link && next != self.me;
        let Some(on) = Some(next).filter(|_| leads_on).and_then(|next| self.circuits.draw(next)) else {
            self.counts.unreadable += 1;
            return destroy(Some(back), out);
        };
        cell.name_new(on.id.turned());
        out.push(Output::Send { to: on.link, cell });
        let role = Role::Passed { back, on, taken: Box::new(taken) };
        self.counts.set_ups += 1;
        let passed = self.circuits.insert(Circuit::new(role, now.steady));
        self.unsettled.push_back(passed);
    }

    /// Whether a set-up was passed on of which the session's keys are not agreed on yet.
    pub fn is_unsettled(&self) -> bool {
        !self.unsettled.is_empty()
    }

    /// Agrees on the session's keys of a set-up that was passed on, which is more than half of the work that a relay has with one:
    /// so it is done while the set-up is under way to the next nodes. Who does not call this has it done when the answer comes.
    pub fn settle(&mut self, rng: &mut impl CryptoRng, out: &mut Vec<Output>) {
        let Some(tunnel) = self.unsettled.pop_front() else { return };
        if self.circuits.of(tunnel).is_some_and(|circuit| !circuit.settle(rng)) {
            self.end(tunnel, Why::Destroyed, |_| true, out);
        }
    }

    fn has_room(&self) -> bool {
        self.circuits.len() < self.config.circuits
    }
}
