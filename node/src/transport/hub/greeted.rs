//! What becomes of a connection whose two sides have exchanged credentials, or failed to.

use futures::AsyncWriteExt;
use grid::id::NodeId;
use grid::peer::{DialFailure, DialTarget};
use libp2p::swarm::ConnectionId;
use tokio::time::timeout;

use super::super::TransportEvent;
use super::super::link::{End, Ending, GreetingError, Proved, Reading, say_last_word, write_all, write_slots};
use super::super::outbox::{Outbox, outbox};
use super::{Hub, Link, Report, Waiting};

/// What to do with a second connection to a node.
enum Verdict {
    /// It is the only one.
    First,
    /// The link goes on over it.
    Replace,
    /// The node has come up elsewhere: the old link ends, a new one begins.
    Supersede,
    /// The old one stays.
    Surplus,
    /// The old one stays, because its credential is newer.
    Outdated,
    /// The other side shows our own identity.
    Ourselves,
}

impl Hub {
    pub(super) fn on_greeting_failed(&mut self, connection: ConnectionId, error: GreetingError) {
        tracing::debug!(%error, "no link with a stranger");
        let why = match &error {
            GreetingError::TimedOut(time) => DialFailure::TimedOut(*time),
            GreetingError::Broken(_) => DialFailure::Unreachable(error.to_string()),
            GreetingError::Malformed(_) => DialFailure::Foreign(error.to_string()),
            GreetingError::TheirsRefused(_) | GreetingError::OursRefused(_) => {
                DialFailure::Credential(error.to_string())
            }
        };
        self.counters.failed_greetings += 1;
        if let Some(target) = self.dials.remove(&connection) {
            self.tell(TransportEvent::DialFailed { target, why });
        }
        if matches!(error, GreetingError::TheirsRefused(_)) {
            // It shall hear why.
            self.end(connection);
        } else {
            self.close(connection);
        }
    }

    pub(super) fn on_proved(&mut self, id: ConnectionId, proved: Proved) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.proved = true;
        let fresh = Link {
            connection: id,
            peer: connection.peer,
            we_dialled: connection.we_dialled,
            is_relayed: connection.is_relayed,
            issued: proved.peer.issued(),
            cell: proved.peer.cell(),
            level: proved.level,
        };
        self.swarm.behaviour_mut().proved(id, fresh.peer, fresh.is_relayed);
        let came_in =
            connection.dialled.clone().filter(|_| !fresh.is_relayed).map(|at| (connection.remote.clone(), at));
        if let Some((remote, at)) = came_in {
            self.on_dialled(&remote, &at);
        }
        if let Some(seen) = proved.seen.as_ref().filter(|_| fresh.we_dialled && !fresh.is_relayed) {
            self.on_seen(seen);
        }
        let node = proved.peer.id();
        let verdict = self.judge(node, &fresh);
        let target = self.dials.remove(&id);
        match verdict {
            Verdict::First => self.establish(node, fresh, proved, target),
            Verdict::Supersede => {
                self.unlink(node);
                self.establish(node, fresh, proved, target);
            }
            Verdict::Replace => self.replace(node, fresh, proved, target),
            Verdict::Surplus => {
                self.answer_dial(&proved, target);
                self.hear_out(id, node, proved);
            }
            Verdict::Outdated => self.reject(id, target, "the same identity is linked with a newer credential"),
            Verdict::Ourselves => {
                tracing::error!("another node shows this node's own identity: an identity is for one node at a time");
                self.reject(id, target, "it shows this node's own identity; mint another one for it");
            }
        }
    }

    /// Both ends come to the same verdict on two connections between them: a direct one stays before one over a relay, and
    /// else the one whose dialler has the smaller name. Of two that the same side dialled the later stays, since that side has given the earlier one up.
    fn judge(&self, node: NodeId, fresh: &Link) -> Verdict {
        if node == self.session.me() {
            return Verdict::Ourselves;
        }
        let Some(old) = self.links.get(&node) else { return Verdict::First };
        if old.peer != fresh.peer {
            return if fresh.issued > old.issued { Verdict::Supersede } else { Verdict::Outdated };
        }
        if old.is_relayed != fresh.is_relayed {
            return if old.is_relayed { Verdict::Replace } else { Verdict::Surplus };
        }
        let we_are_smaller = *self.swarm.local_peer_id() < fresh.peer;
        if old.we_dialled == fresh.we_dialled || fresh.we_dialled == we_are_smaller {
            Verdict::Replace
        } else {
            Verdict::Surplus
        }
    }

    fn establish(&mut self, node: NodeId, link: Link, proved: Proved, target: Option<DialTarget>) {
        let (peer, level) = (proved.peer.clone(), proved.level);
        let (outbox, read) = self.spawn_tasks(link.connection, node, proved);
        self.links.insert(node, link);
        self.cells.links.opened(node, outbox.cells());
        let introducer = match target {
            Some(DialTarget::Introducer(address)) => Some(address),
            Some(DialTarget::Peer(wanted)) if wanted.id() != node => {
                let why = DialFailure::Foreign("another node answers there".into());
                self.tell(TransportEvent::DialFailed { target: DialTarget::Peer(wanted), why });
                None
            }
            Some(DialTarget::Peer(_)) | None => None,
        };
        self.tell(TransportEvent::Up { peer, level, outbox, introducer });
        self.waiting.push_back(Waiting::Reader(read));
    }

    fn replace(&mut self, node: NodeId, link: Link, proved: Proved, target: Option<DialTarget>) {
        self.answer_dial(&proved, target);
        let (outbox, read) = self.spawn_tasks(link.connection, node, proved);
        // The old connection ends when the driver drops its outbox, and the other node its own.
        if let Some(old) = self.links.insert(node, link) {
            self.retire(old.connection);
        }
        self.cells.links.opened(node, outbox.cells());
        self.tell(TransportEvent::Moved { node, outbox });
        self.waiting.push_back(Waiting::Reader(read));
    }

    /// A surplus connection: the other node may have seen it first and written on it. It is read until the other node
    /// has moved to the one that stays; closing it earlier would look like the end of the link.
    fn hear_out(&mut self, id: ConnectionId, node: NodeId, Proved { reader, mut writer, .. }: Proved) {
        self.retire(id);
        let (reading, reports, stall) = (self.reading(node), self.reports.clone(), self.limits.write_stall);
        let read = async move {
            // If writing fails, reading ends as well.
            _ = timeout(stall, say_last_word(&mut writer)).await;
            let outcome = reading.rest(reader).await;
            _ = timeout(stall, writer.close()).await;
            _ = reports.send(Report::WriterEnded(id, Ok(()))).await;
            // We have said nothing that could be lost.
            _ = reports.send(Report::ReaderEnded(id, outcome.map(|()| End::HeardAll))).await;
        };
        self.waiting.push_back(Waiting::Reader(Box::new(move || drop(tokio::spawn(read)))));
    }

    /// A dial that ended at a node that is linked already.
    fn answer_dial(&mut self, proved: &Proved, target: Option<DialTarget>) {
        if let Some(DialTarget::Introducer(introducer)) = target {
            self.tell(TransportEvent::Already { peer: proved.peer.clone(), level: proved.level, introducer });
        }
    }

    fn reject(&mut self, connection: ConnectionId, target: Option<DialTarget>, why: &str) {
        if let Some(target) = target {
            self.tell(TransportEvent::DialFailed { target, why: DialFailure::Credential(why.into()) });
        }
        self.close(connection);
    }

    /// Starts writing now, and reading when the driver knows the link.
    fn spawn_tasks(
        &mut self,
        id: ConnectionId,
        node: NodeId,
        Proved { reader, writer, .. }: Proved,
    ) -> (Outbox, Box<dyn FnOnce() + Send>) {
        let (outbox, batches, marks) = outbox(&self.limits);
        let ending = Ending::default();
        let (stall, reports, heard) = (self.limits.write_stall, self.reports.clone(), ending.clone());
        let (slots, session) = (self.cells.links.slots().cloned(), self.session.clone());
        tokio::spawn(async move {
            let outcome = match slots {
                Some(slots) => write_slots(writer, batches, heard, stall, (&slots, session.metrics())).await,
                None => write_all(writer, batches, heard, stall).await,
            };
            _ = reports.send(Report::WriterEnded(id, outcome)).await;
        });
        let (reading, reports) = (self.reading(node), self.reports.clone());
        let read = async move {
            let outcome = reading.all(reader, marks, ending).await;
            _ = reports.send(Report::ReaderEnded(id, outcome)).await;
        };
        (outbox, Box::new(move || drop(tokio::spawn(read))))
    }

    fn reading(&self, from: NodeId) -> Reading {
        let (session, inbox, cells) = (self.session.clone(), self.inbox.clone(), self.cells.clone());
        Reading { from, session, max_message: self.max_message, inbox, cells }
    }
}
