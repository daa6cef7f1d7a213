//! What a node keeps of the tunnels that begin at, lead over and end at it, as a state machine.
//!
//! A shell calls [`Table::handle`] with each cell that comes over a link, [`Table::settle`] when it has carried out what comes
//! of that, [`Table::tick`] about once a second and [`Table::link_lost`] when a link is gone, and carries out the [`Output`]s.
//! Of a circuit the table knows the two neighbours, the ids on their links, keys and times; nothing tells whose it is, where
//! it leads, or how far it is to either end.
//!
//! Whatever breaks a rule ends the circuit at once, in both directions: a circuit has one attempt at forgery in it.

mod circuits;
mod config;
mod counts;
mod output;
mod passing;
mod set_up;

use std::collections::VecDeque;
use std::fmt;

use rand_core::CryptoRng;

use crate::cell::{Cell, CircuitId, Joint, Reading};
use crate::keys::{Hop, OnionSecret};
use crate::moment::Moment;
use crate::name::Name;
use crate::payload::Command;
use crate::replay::Filter;
use circuits::{Circuit, Circuits, Role};
pub use config::Config;
pub use counts::Counts;
pub use output::{OpenError, Output, SendError, TunnelId, Why};

/// A node's tunnels.
pub struct Table {
    me: Name,
    onion: OnionSecret,
    config: Config,
    circuits: Circuits,
    seen: Filter,
    counts: Counts,
    /// Circuits that were passed on and may lack the session's keys still; some have them by now, or are gone.
    unsettled: VecDeque<TunnelId>,
}

impl Table {
    /// An empty table of the node with that name and onion key.
    pub fn new(me: Name, onion: OnionSecret, config: Config) -> Self {
        let seen = Filter::new(config.replays);
        let (circuits, counts, unsettled) = (Circuits::default(), Counts::default(), VecDeque::new());
        Self { me, onion, config, circuits, seen, counts, unsettled }
    }

    /// What it has seen.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How many circuits begin at, lead over and end at this node.
    pub fn len(&self) -> usize {
        self.circuits.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a cell that came over the link to a neighbour.
    pub fn handle(&mut self, now: Moment, from: Name, cell: Cell, rng: &mut impl CryptoRng, out: &mut Vec<Output>) {
        match cell.read() {
            Reading::Circuit(id) => self.on_cell(now, Joint { link: from, id }, cell, rng, out),
            Reading::Cover => self.counts.cover += 1,
            Reading::Destroy(id) => self.on_destroy(Joint { link: from, id }, out),
            Reading::SetUp(id) => self.on_set_up(now, Joint { link: from, id }, cell, rng, out),
            Reading::Malformed => self.counts.malformed += 1,
        }
    }

    /// Lays a tunnel over these nodes, the first relay first. [`Output::Ready`] or [`Output::Ended`] will follow.
    ///
    /// # Errors
    ///
    /// There are too many circuits, or the path is none.
    pub fn open(
        &mut self,
        now: Moment,
        path: &[Hop],
        rng: &mut impl CryptoRng,
        out: &mut Vec<Output>,
    ) -> Result<TunnelId, OpenError> {
        self.lay(now, path, rng, out)
    }

    /// Says something to the other end of a tunnel.
    ///
    /// # Errors
    ///
    /// The tunnel is gone or does not stand yet, or it is too long for a cell; nothing has happened then.
    pub fn send(
        &mut self,
        tunnel: TunnelId,
        command: Command,
        bytes: &[u8],
        out: &mut Vec<Output>,
    ) -> Result<(), SendError> {
        let circuit = self.circuits.of(tunnel).ok_or(SendError::Gone)?;
        let (joint, mut cell) = match &mut circuit.role {
            Role::Last { back, .. } => (*back, Cell::of_circuit(back.id.turned())),
            Role::Own { on, .. } => (*on, Cell::of_circuit(on.id.turned())),
            Role::Opening { .. } => return Err(SendError::NotReady),
            Role::Passed { .. } | Role::Relay { .. } => return Err(SendError::Gone),
        };
        match &mut circuit.role {
            Role::Last { endpoint, .. } => endpoint.seal(command, bytes, cell.body_mut())?,
            Role::Own { tunnel, .. } => tunnel.seal(command, bytes, cell.body_mut())?,
            Role::Opening { .. } | Role::Passed { .. } | Role::Relay { .. } => {}
        }
        circuit.cells += 1;
        out.push(Output::Send { to: joint.link, cell });
        Ok(())
    }

    /// Ends a tunnel from our end: what is still on its way is lost, so let both ends say [`Command::End`] before. Nothing
    /// happens if it is gone already.
    pub fn close(&mut self, tunnel: TunnelId, out: &mut Vec<Output>) {
        if let Some(circuit) = self.remove(tunnel, out) {
            destroy(circuit.back(), out);
            destroy(circuit.on(), out);
        }
    }

    /// The link to a neighbour is gone, or was never there.
    pub fn link_lost(&mut self, link: Name, out: &mut Vec<Output>) {
        for tunnel in self.circuits.over(link) {
            self.end(tunnel, Why::LinkLost, |joint| joint.link != link, out);
        }
        self.circuits.forget(link);
    }

    /// Ends what is too old, idle or not answered, and keeps our own tunnels alive. Once a second is often enough.
    pub fn tick(&mut self, now: Moment, out: &mut Vec<Output>) {
        let ends: Vec<_> =
            self.circuits.all().filter_map(|(id, circuit)| Some((id, self.over(now, circuit)?))).collect();
        for (tunnel, why) in ends {
            self.end(tunnel, why, |_| true, out);
        }
        self.unsettled.retain(|&tunnel| self.circuits.of(tunnel).is_some_and(|circuit| circuit.is_passed()));
        let silent = |circuit: &Circuit| {
            let asked = circuit.asked.unwrap_or(circuit.used).max(circuit.used);
            matches!(circuit.role, Role::Own { .. }) && now.since(asked) >= self.config.ping
        };
        let silent: Vec<_> = self.circuits.all().filter(|(_, circuit)| silent(circuit)).map(|(id, _)| id).collect();
        for tunnel in silent {
            self.say_alone(tunnel, Command::Ping, &[], out);
            if let Some(circuit) = self.circuits.of(tunnel) {
                circuit.asked = Some(now.steady);
            }
        }
    }

    /// A cell was not sent, for there was no room in the link's queue. Its circuit is lost, since no later cell would open.
    pub fn dropped(&mut self, to: Name, cell: &Cell, out: &mut Vec<Output>) {
        if let Reading::Circuit(id) | Reading::SetUp(id) = cell.read()
            && let Some(tunnel) = self.circuits.find(Joint { link: to, id: id.turned() })
        {
            self.end(tunnel, Why::NoRoom, |_| true, out);
        }
    }

    /// Changes the onion key. Set-ups for the old one that are still under way will not open.
    pub fn renew(&mut self, onion: OnionSecret) {
        self.onion = onion;
    }

    /// Says something that nobody here asked for; short enough, and to a tunnel that stands.
    fn say_alone(&mut self, tunnel: TunnelId, command: Command, bytes: &[u8], out: &mut Vec<Output>) {
        let said = self.send(tunnel, command, bytes, out);
        debug_assert!(said.is_ok(), "{command:?} was not said: {said:?}");
    }

    /// Why a circuit is to end now, if it is.
    fn over(&self, now: Moment, circuit: &Circuit) -> Option<Why> {
        let Config { life, idle, patience, deaf, .. } = self.config;
        let limit = if matches!(circuit.role, Role::Own { .. }) { deaf } else { idle };
        if now.since(circuit.born) >= life {
            Some(Why::TooOld)
        } else if circuit.waits() && now.since(circuit.born) >= patience {
            Some(Why::NoAnswer)
        } else {
            (now.since(circuit.used) >= limit).then_some(Why::Idle)
        }
    }

    /// Somebody says that a circuit has ended.
    fn on_destroy(&mut self, joint: Joint, out: &mut Vec<Output>) {
        match self.circuits.find(joint) {
            Some(tunnel) => self.end(tunnel, Why::Destroyed, |other| other != joint, out),
            None => self.counts.unknown += 1,
        }
    }

    /// Ends a circuit, and says so to those of its neighbours whom `tell` names, and here if it is an end.
    fn end(&mut self, tunnel: TunnelId, why: Why, tell: impl Fn(Joint) -> bool, out: &mut Vec<Output>) {
        let Some(circuit) = self.remove(tunnel, out) else { return };
        destroy(circuit.back().filter(|&joint| tell(joint)), out);
        destroy(circuit.on().filter(|&joint| tell(joint)), out);
        if circuit.is_end() {
            out.push(Output::Ended { tunnel, why });
        }
    }

    fn remove(&mut self, tunnel: TunnelId, out: &mut Vec<Output>) -> Option<Circuit> {
        let circuit = self.circuits.remove(tunnel)?;
        self.counts.ended += 1;
        if circuit.cells > 0 {
            let [back, on] = [circuit.back(), circuit.on()].map(|joint| joint.map(|joint| joint.link));
            out.push(Output::Carried { back, on, cells: circuit.cells });
        }
        Some(circuit)
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("me", &self.me).field("circuits", &self.len()).finish_non_exhaustive()
    }
}

/// Tells a neighbour that a circuit has ended.
fn destroy(joint: Option<Joint>, out: &mut Vec<Output>) {
    if let Some(Joint { link, id }) = joint {
        out.push(Output::Send { to: link, cell: Cell::destroy(CircuitId::turned(id)) });
    }
}
