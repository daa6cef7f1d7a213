//! Cells of circuits: passed on, delivered, or the end of the circuit.

use rand_core::CryptoRng;

use super::Table;
use super::circuits::{Circuit, Role};
use super::output::{Output, TunnelId, Why};
use crate::cell::{Cell, Joint};
use crate::endpoint;
use crate::gcm::Forged;
use crate::moment::Moment;
use crate::name::Name;
use crate::payload::{Command, Payload};

/// What becomes of a cell.
enum Fate {
    /// It goes on to that neighbour.
    Outward(Name),
    /// It goes back to that neighbour.
    Homeward(Name),
    /// It has reached its end.
    Here(Payload),
    /// The answer has come home.
    Ready,
    /// It was not sealed for this circuit as the next one.
    Ends(Why),
    /// None may come from there now.
    OutOfTurn,
}

impl Table {
    pub(super) fn on_cell(
        &mut self,
        now: Moment,
        from: Joint,
        mut cell: Cell,
        rng: &mut impl CryptoRng,
        out: &mut Vec<Output>,
    ) {
        let found = self.circuits.find(from);
        let Some((tunnel, circuit)) = found.and_then(|tunnel| Some((tunnel, self.circuits.of(tunnel)?))) else {
            self.counts.unknown += 1;
            return;
        };
        let stood = !circuit.waits();
        let fate = circuit.pass(from, &mut cell, rng);
        circuit.used = now.steady;
        circuit.cells += u64::from(stood && matches!(fate, Fate::Outward(_) | Fate::Homeward(_) | Fate::Here(_)));
        match fate {
            Fate::Outward(to) => {
                self.counts.outward += 1;
                out.push(Output::Send { to, cell });
            }
            Fate::Homeward(to) => {
                self.counts.homeward += 1;
                out.push(Output::Send { to, cell });
            }
            Fate::Here(Payload { command: Command::Padding | Command::Pong, .. }) => {}
            Fate::Here(Payload { command: Command::Ping, bytes }) => {
                self.say_alone(tunnel, Command::Pong, &bytes, out);
            }
            Fate::Here(payload) => out.push(Output::Deliver { tunnel, payload }),
            Fate::Ready => out.push(Output::Ready { tunnel }),
            Fate::Ends(why) => {
                self.counts.forged += 1;
                self.end(tunnel, why, |_| true, out);
            }
            Fate::OutOfTurn => self.out_of_turn(tunnel, out),
        }
    }

    fn out_of_turn(&mut self, tunnel: TunnelId, out: &mut Vec<Output>) {
        self.counts.out_of_turn += 1;
        self.end(tunnel, Why::Destroyed, |_| true, out);
    }
}

impl Circuit {
    /// Opens, checks or seals a cell that came from one of its neighbours, and names the circuit as the next one does.
    fn pass(&mut self, from: Joint, cell: &mut Cell, rng: &mut impl CryptoRng) -> Fate {
        if self.on() == Some(from) && !self.settle(rng) {
            return Fate::Ends(Why::Destroyed);
        }
        match &mut self.role {
            Role::Last { endpoint, .. } => {
                endpoint.open(cell.body_mut()).map_or_else(|broken| Fate::Ends(broken.into()), Fate::Here)
            }
            Role::Own { tunnel, .. } => {
                tunnel.open(cell.body_mut()).map_or_else(|broken| Fate::Ends(broken.into()), Fate::Here)
            }
            Role::Opening { on, opening } => {
                let on = *on;
                match opening.finish(cell.body_mut(), rng) {
                    Ok(tunnel) => {
                        self.role = Role::Own { on, tunnel };
                        Fate::Ready
                    }
                    Err(broken) => Fate::Ends(broken.into()),
                }
            }
            Role::Relay { back, on, hop, answer } if from == *on => {
                cell.name(back.id.turned());
                match answer.take() {
                    Some(answer) => answer.put(cell.body_mut()),
                    None => hop.put(cell.body_mut()),
                }
                Fate::Homeward(back.link)
            }
            Role::Passed { .. } | Role::Relay { answer: Some(_), .. } => Fate::OutOfTurn,
            Role::Relay { on, hop, .. } => match hop.take(cell.body_mut()) {
                Ok(()) => {
                    cell.name(on.id.turned());
                    Fate::Outward(on.link)
                }
                Err(Forged) => Fate::Ends(Why::Hostile(endpoint::Broken::Seal)),
            },
        }
    }
}
