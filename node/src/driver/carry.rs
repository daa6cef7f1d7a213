//! Carrying out what the state machine wants.

use std::num::NonZeroU32;
use std::time::Instant;

use grid::cell::Cell;
use grid::certified::{Claim, Signature, SignedClaim};
use grid::id::{NodeId, RequestId};
use grid::input::{Command, Input, Ticket};
use grid::message::{Message, StoreFailure};
use grid::output::{Event, Output};
use grid::peer::{DialTarget, Peer};
use grid::queue::Class;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};

use super::{Driver, Waiter};
use crate::handle::Question;
use crate::sealing;
use crate::shelf::Order;
use crate::transport::{Full, TransportCommand};
use crate::verifier::{Verifier, is_signed_by};
use crate::wire::encode_message;

impl Driver {
    pub(super) async fn carry_out(&mut self, output: Output) {
        match output {
            Output::Send { to, message } => self.send(to, message).await,
            Output::Dial(target) => self.dial(target).await,
            Output::Disconnect(node) => self.close(node).await,
            Output::SetTimer { after, timer } => self.timers.set(Instant::now() + after, timer),
            Output::Seal { ticket, to } => self.seal(ticket, to),
            Output::Open { ticket, sealed } => self.open(ticket, sealed),
            Output::Store { ticket, record } => {
                if self.shelf.order(Order::Store(ticket, record)).is_err() {
                    let outcome = Err(StoreFailure::Failed);
                    self.soon.push_back(Input::Stored { ticket, outcome });
                }
            }
            Output::Load { ticket, key } => {
                if let Some(record) = self.shelf.at_hand(&key) {
                    self.soon.push_back(Input::Loaded { ticket, record: Some(record) });
                } else if self.shelf.order(Order::Load(ticket, key)).is_err() {
                    self.soon.push_back(Input::Unread { ticket });
                }
            }
            Output::Pay { ticket, target, request, effort } => self.pay(ticket, target, request, effort),
            Output::SignClaim(claim) => match self.own.sign_claim(self.overlay.me(), claim) {
                Ok(signed) => self.soon.push_back(Input::ClaimSigned(signed)),
                Err(error) => tracing::warn!(%error, "a line's roster is not signed"),
            },
            Output::CheckClaims { from, claim, signatures } => self.check_claims(from, claim, signatures),
            Output::Discard(key) => {
                if self.shelf.order(Order::Discard(key)).is_err() {
                    tracing::warn!(%key, "the disk does not keep up; an expired record stays for now");
                }
            }
            Output::Remember(peer) => self.note(Order::Remember(peer.id(), peer.card().clone())),
            Output::Forget(node) => self.note(Order::Forget(node)),
            Output::Emit(event) => self.emit(event),
        }
    }

    /// Sends on the link's outbox. One that is full belongs to a node that does not read: its link is cut. One that is
    /// full of bulk belongs to a slow one: more bulk is not sent, and the state machine hears so.
    async fn send(&mut self, to: NodeId, message: Message) {
        let Some(outbox) = self.links.get(&to) else { return };
        let asks = matches!(message, Message::Request(_) | Message::Replicate { .. } | Message::Fetch { .. });
        self.asked += u64::from(asks);
        let bytes = encode_message(&message);
        self.tap.metrics().counts().sent(&message, bytes.len());
        let sent = match outbox.send(lane(&message), bytes) {
            Err(Full::Bulk) if message == Message::Farewell => {
                outbox.send(Class::Interactive, encode_message(&Message::Farewell))
            }
            Err(Full::Bulk) => {
                self.soon.push_back(Input::Unsent { to, message });
                Ok(())
            }
            sent => sent,
        };
        if sent.is_err() {
            tracing::info!(node = %to, "a node does not read what it is sent; its link is cut");
            self.tap.metrics().counts().cut();
            self.close(to).await;
        }
    }

    async fn close(&mut self, node: NodeId) {
        // Dropping the outbox lets the writer finish and close the stream.
        self.links.remove(&node);
        _ = self.transport.send(TransportCommand::Close(node)).await;
    }

    async fn dial(&mut self, target: DialTarget) {
        let (peer, addresses) = match &target {
            DialTarget::Peer(peer) => (self.verifier.transport_of(peer), self.verifier.addresses_of(peer)),
            DialTarget::Introducer(address) => introducer(&address.0),
        };
        _ = self.transport.send(TransportCommand::Dial { target, peer, addresses }).await;
    }

    fn pay(&self, ticket: Ticket, target: Cell, request: RequestId, effort: NonZeroU32) {
        let (payer, inputs) = (self.payer.clone(), self.inputs.clone());
        tokio::spawn(async move {
            let paid = payer.pay(target, request, effort).await;
            let paid = paid.inspect_err(|error| tracing::info!(%error, "a request goes out unpaid")).ok();
            _ = inputs.send(Input::Paid { ticket, paid }).await;
        });
    }

    fn seal(&self, ticket: Ticket, to: Peer) {
        let (me, inputs) = (self.overlay.me().clone(), self.inputs.clone());
        let verifier = self.verifier.clone();
        tokio::spawn(async move {
            let seal = move |verifier: &Verifier| sealing::seal(verifier, &me, &to);
            let sealed =
                verifier.run(seal).await.inspect_err(|error| tracing::info!(%error, "a welcome cannot be sealed"));
            _ = inputs.send(Input::Sealed { ticket, sealed: sealed.ok() }).await;
        });
    }

    fn open(&self, ticket: Ticket, sealed: std::sync::Arc<[u8]>) {
        let (identity, inputs) = (self.identity.clone(), self.inputs.clone());
        let verifier = self.verifier.clone();
        tokio::spawn(async move {
            let open = move |verifier: &Verifier| sealing::open(verifier, &identity, &sealed);
            let welcome = verifier.run(open).await.map_err(|error| error.to_string());
            _ = inputs.send(Input::Opened { ticket, welcome }).await;
        });
    }

    fn check_claims(&self, from: NodeId, claim: Claim, signatures: Vec<(Peer, Signature)>) {
        let (verifier, inputs) = (self.verifier.clone(), self.inputs.clone());
        tokio::spawn(async move {
            let all = signatures.len();
            let check = move |verifier: &Verifier| {
                let check = |(peer, signature): (Peer, Signature)| {
                    SignedClaim::check(&peer, claim, signature, &verifier.grid(), is_signed_by).ok()
                };
                signatures.into_iter().filter_map(check).collect::<Vec<_>>()
            };
            let signed = verifier.run(check).await;
            let refused = u32::try_from(all - signed.len()).unwrap_or(u32::MAX);
            _ = inputs.send(Input::ClaimsChecked { from, claim, signed, refused }).await;
        });
    }

    fn note(&self, order: Order) {
        if self.shelf.order(order).is_err() {
            tracing::warn!("the disk does not keep up; the list of neighbours is not up to date");
        }
    }

    fn emit(&mut self, event: Event) {
        match &event {
            Event::PutDone { ticket, outcome } => {
                if let Some(Waiter::Put(reply)) = self.waiters.remove(ticket) {
                    _ = reply.send(outcome.clone());
                }
            }
            Event::GetDone { ticket, outcome } => {
                if let Some(Waiter::Get(reply)) = self.waiters.remove(ticket) {
                    _ = reply.send(outcome.clone());
                }
            }
            Event::ProvideDone { ticket, outcome } => {
                if let Some(Waiter::Provide(reply)) = self.waiters.remove(ticket) {
                    _ = reply.send(outcome.clone());
                }
            }
            Event::ProvidersDone { ticket, outcome } => {
                if let Some(Waiter::Providers(reply)) = self.waiters.remove(ticket) {
                    _ = reply.send(outcome.clone());
                }
            }
            Event::Asked { ticket, question } => {
                let services = self.services.as_ref();
                let taken = services.is_some_and(|to| to.try_send(Question::new(*ticket, question.clone())).is_ok());
                if !taken {
                    // There are no services, or they do not keep up.
                    self.soon.push_back(Input::Command(Command::Reply { ticket: *ticket, reply: None }));
                }
                return;
            }
            Event::AskDone { ticket, outcome } => {
                if let Some(Waiter::Ask(reply)) = self.waiters.remove(ticket) {
                    _ = reply.send(outcome.clone());
                }
                return;
            }
            Event::RosterDone { ticket, outcome } => {
                if let Some(Waiter::Roster(reply)) = self.waiters.remove(ticket) {
                    _ = reply.send(outcome.clone());
                }
                return;
            }
            Event::Left => self.left = true,
            // Before anybody is dialled as what this node is now.
            Event::Grown => _ = self.own_level.send_replace(self.overlay.level()),
            Event::EchoDone { ticket, outcome } => {
                if let Some(Waiter::Echo(reply)) = self.waiters.remove(ticket) {
                    _ = reply.send(outcome.clone());
                }
            }
            Event::JoinProgress(_)
            | Event::JoinFailed { .. }
            | Event::Joined { .. }
            | Event::RosterDoubt { .. }
            | Event::HandingOver { .. }
            | Event::Equivocated(_)
            | Event::NeighbourUp(_)
            | Event::NeighbourDown(_) => {}
        }
        // Nobody may be listening.
        _ = self.events.send(event);
    }
}

/// An introducer's peer id, if its address names one, and the address without it.
fn introducer(text: &str) -> (Option<PeerId>, Vec<Multiaddr>) {
    let Ok(mut address) = text.parse::<Multiaddr>() else { return (None, Vec::new()) };
    match address.pop() {
        Some(Protocol::P2p(peer)) => (Some(peer), vec![address]),
        Some(last) => {
            address.push(last);
            (None, vec![address])
        }
        None => (None, Vec::new()),
    }
}

/// The lane of a message: that of its class, but for the farewell. Nothing that was said before is to come after it.
fn lane(message: &Message) -> Class {
    if *message == Message::Farewell { Class::Bulk } else { message.class() }
}
