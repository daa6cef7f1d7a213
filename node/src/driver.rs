//! The driver: waits for the next thing that happens, gives it to the state machine, carries out what that wants.

mod carry;
mod pace;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use grid::certified::Certificate;
use grid::id::NodeId;
use grid::input::{Command, Input, Ticket};
use grid::level::Level;
use grid::output::{EchoReport, Event, GetReport, Output, PutReport, RequestFailure};
use grid::overlay::Overlay;
use grid::peer::Peer;
use grid::provider::{Offer, Provider};
use hashcash::SecretIdentity;
use libp2p::{Multiaddr, PeerId};
use rand::rngs::StdRng;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::clock::{SteadyClock, unix_seconds};
use crate::handle::{Carried, NodeStatus, Question, Wish};
use crate::metrics::Tap;
use crate::own::{OwnCard, is_link_local};
use crate::postage::Payer;
use crate::shelf::{Order, Shelf};
use crate::timers::Timers;
use crate::transport::{Outbox, TransportCommand, TransportEvent};
use crate::verifier::Verifier;

pub(crate) use pace::Pace;

/// How often expired identities are looked for, and whether our own credential is due.
const UPKEEP: Duration = Duration::from_secs(3600);
/// How often the state machine is told what the wall clock shows, which may be set, or go on while the machine sleeps; and
/// how often the ledger is kept: a crash forgets what was done since then.
const CALENDAR: Duration = Duration::from_secs(60);
/// Inputs taken between two looks at the timers, and at the requests that wait.
const BATCH: usize = 64;
/// Requests served in between. Fewer than can come in meanwhile: then what does not fit waits in the work queue, where it
/// is put in order, and not in the transport's; and enough that taking in does not eat up the time for serving.
const TURNS: usize = 32;

type Reply<T> = oneshot::Sender<Result<T, RequestFailure>>;

/// Who waits for the outcome of an operation.
pub(crate) enum Waiter {
    Put(Reply<PutReport>),
    Get(Reply<GetReport>),
    Provide(Reply<u32>),
    Providers(Reply<Vec<Provider>>),
    Roster(Reply<Certificate>),
    Echo(Reply<EchoReport>),
    Ask(Reply<Arc<[u8]>>),
}

/// Where things come from.
pub(crate) struct Sources {
    pub(crate) transport: mpsc::Receiver<TransportEvent>,
    /// What workers report: disk and cryptography.
    pub(crate) inputs: mpsc::Receiver<Input>,
    pub(crate) wishes: mpsc::Receiver<Wish>,
}

/// One node's driver.
pub(crate) struct Driver {
    pub(crate) overlay: Overlay<StdRng>,
    pub(crate) clock: SteadyClock,
    /// How fast others are served.
    pub(crate) pace: Pace,
    pub(crate) timers: Timers,
    pub(crate) links: HashMap<NodeId, Outbox>,
    pub(crate) transport: mpsc::Sender<TransportCommand>,
    pub(crate) shelf: Shelf,
    pub(crate) inputs: mpsc::Sender<Input>,
    pub(crate) verifier: Verifier,
    pub(crate) payer: Payer,
    pub(crate) identity: Arc<SecretIdentity>,
    pub(crate) own: OwnCard,
    pub(crate) own_card: watch::Sender<Peer>,
    pub(crate) own_level: watch::Sender<Level>,
    pub(crate) listening: Vec<Multiaddr>,
    pub(crate) events: Arc<broadcast::Sender<Event>>,
    pub(crate) waiters: HashMap<Ticket, Waiter>,
    /// Where questions to this node's services go, once there are services.
    pub(crate) services: Option<mpsc::Sender<Question>>,
    pub(crate) tickets: u64,
    pub(crate) outputs: Vec<Output>,
    /// What is known already about an output, and must not be handled within the input that caused it.
    pub(crate) soon: VecDeque<Input>,
    /// Farewell was said, or is not to be said.
    pub(crate) left: bool,
    /// Messages sent that ask for something, see [`NodeStatus::asked`].
    pub(crate) asked: u64,
    pub(crate) tap: Tap,
}

impl Driver {
    /// Runs until the node is told to leave, or nobody holds a handle of it any more.
    pub(crate) async fn run(mut self, mut sources: Sources, start: Command) {
        self.handle(Input::Command(start)).await;
        let (mut upkeep, mut calendar) = (tokio::time::interval(UPKEEP), tokio::time::interval(CALENDAR));
        let (mut reports, mut events) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        let mut owned = true;
        while !self.left {
            let next = self.timers.next().unwrap_or_else(|| Instant::now() + UPKEEP);
            tokio::select! {
                taken = sources.transport.recv_many(&mut events, BATCH) => match taken {
                    0 => break,
                    _ => self.on_events(&mut events).await,
                },
                _ = sources.inputs.recv_many(&mut reports, BATCH), if reports.is_empty() => self.on_reports(&mut reports).await,
                wish = sources.wishes.recv(), if owned => {
                    // Nobody is there to wish anything any more, which is a wish to leave.
                    owned = wish.is_some();
                    self.on_wish(wish.unwrap_or(Wish::Leave)).await;
                },
                () = tokio::time::sleep_until(next.into()) => self.on_timers().await,
                _ = upkeep.tick() => self.on_upkeep().await,
                _ = calendar.tick() => self.on_minute().await,
                () = self.turn(), if self.overlay.waiting() > 0 => {}
            }
            self.serve().await;
        }
        self.leave(sources).await;
    }

    /// Gives one input to the state machine and carries out what it wants, in order; then what came of that at once.
    pub(crate) async fn handle(&mut self, input: Input) {
        let mut outputs = std::mem::take(&mut self.outputs);
        self.soon.push_back(input);
        while let Some(input) = self.soon.pop_front() {
            tracing::trace!(me = %self.overlay.me().id(), ?input);
            self.tap.input(&input);
            self.overlay.handle(self.clock.now(), input, &mut outputs);
            for output in outputs.drain(..) {
                tracing::trace!(me = %self.overlay.me().id(), ?output);
                self.tap.output(&output);
                self.carry_out(output).await;
            }
        }
        self.outputs = outputs;
    }

    /// Until a request may be served.
    async fn turn(&self) {
        if let Some(next) = self.pace.next() {
            tokio::time::sleep_until(next.into()).await;
        }
    }

    /// Serves some of the requests that wait, as far as the pace allows.
    async fn serve(&mut self) {
        for _ in 0..TURNS.min(self.overlay.waiting()) {
            if !self.pace.take(Instant::now()) {
                return;
            }
            self.handle(Input::Turn).await;
        }
    }

    async fn on_events(&mut self, events: &mut Vec<TransportEvent>) {
        for event in events.drain(..) {
            self.on_transport(event).await;
        }
    }

    async fn on_transport(&mut self, event: TransportEvent) {
        let input = match event {
            TransportEvent::Message { from, message } => Input::Message { from, message },
            TransportEvent::Up { peer, level, outbox, introducer } => {
                self.links.insert(peer.id(), outbox);
                Input::Connected { peer, level, introducer }
            }
            TransportEvent::Moved { node, outbox } => {
                self.links.insert(node, outbox);
                return;
            }
            TransportEvent::Already { peer, level, introducer } => {
                Input::Connected { peer, level, introducer: Some(introducer) }
            }
            TransportEvent::Down(node) => {
                self.links.remove(&node);
                Input::Disconnected(node)
            }
            TransportEvent::Found(address) => Input::Found(address),
            TransportEvent::DialFailed { target, why } => Input::DialFailed { target, why },
            TransportEvent::Listening(addresses) => {
                self.listening = addresses;
                return self.card_changed().await;
            }
        };
        self.handle(input).await;
    }

    async fn on_reports(&mut self, reports: &mut Vec<Input>) {
        for input in reports.drain(..) {
            self.handle(input).await;
        }
    }

    async fn on_timers(&mut self) {
        let now = Instant::now();
        while let Some(timer) = self.timers.pop_due(now) {
            self.handle(Input::Timer(timer)).await;
        }
    }

    async fn on_wish(&mut self, wish: Wish) {
        let ticket = self.ticket();
        let command = match wish {
            Wish::Put(record, reply) => {
                self.waiters.insert(ticket, Waiter::Put(reply));
                Command::Put { ticket, record }
            }
            Wish::Get(pointer, chunk, reply) => {
                self.waiters.insert(ticket, Waiter::Get(reply));
                Command::Get { ticket, pointer, chunk }
            }
            Wish::Provide(topic, note, seconds, reply) => {
                let issued = unix_seconds();
                let offer = Offer { topic, issued, expires: issued.saturating_add(seconds), note: note.into() };
                match self.own.offer(self.overlay.me(), offer) {
                    Ok(provider) => {
                        self.waiters.insert(ticket, Waiter::Provide(reply));
                        Command::Provide { ticket, provider }
                    }
                    Err(error) => {
                        // The reply is dropped, so whoever asked is not left waiting.
                        return tracing::error!(%error, "an offer cannot be made");
                    }
                }
            }
            Wish::Providers(topic, reply) => {
                self.waiters.insert(ticket, Waiter::Providers(reply));
                Command::Providers { ticket, topic }
            }
            Wish::Roster(cell, axis, reply) => {
                self.waiters.insert(ticket, Waiter::Roster(reply));
                Command::Roster { ticket, cell, axis }
            }
            Wish::Echo(target, reply) => {
                self.waiters.insert(ticket, Waiter::Echo(reply));
                Command::Echo { ticket, target }
            }
            Wish::Ask { node, cell, question, reply } => {
                self.waiters.insert(ticket, Waiter::Ask(reply));
                Command::Ask { ticket, node, cell, question }
            }
            Wish::Serve(services) => {
                self.services = Some(services);
                return;
            }
            Wish::Reply(ticket, reply) => Command::Reply { ticket, reply },
            // Whoever asked may have gone away meanwhile.
            Wish::Status(reply) => return self.tell_status(reply).await,
            Wish::Peers(reply) => {
                _ = reply.send(self.overlay.peers());
                return;
            }
            Wish::Neighbours { linked, reply } => {
                _ = reply.send(self.overlay.neighbours(linked));
                return;
            }
            Wish::Certificates(reply) => {
                _ = reply.send(self.overlay.recent_certificates());
                return;
            }
            Wish::Ledger(reply) => {
                _ = reply.send(self.overlay.statements(self.clock.now()));
                return;
            }
            Wish::Carried(Carried { for_whom, by_whom, cells }) => {
                self.overlay.carried(self.clock.now(), for_whom, by_whom, cells);
                return;
            }
            Wish::Leave => Command::Leave,
            Wish::Stop => {
                self.left = true;
                return;
            }
        };
        self.handle(Input::Command(command)).await;
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    async fn tell_status(&mut self, reply: oneshot::Sender<NodeStatus>) {
        let (count, counters) = oneshot::channel();
        _ = self.transport.send(TransportCommand::Count(count)).await;
        let status = NodeStatus {
            id: self.overlay.me().id(),
            grid: self.verifier.grid(),
            cell: self.overlay.me().cell(),
            listen: with_peer_id(&self.listening, self.own.keypair().public().to_peer_id()),
            advertised: with_peer_id(self.own.advertised(), self.own.keypair().public().to_peer_id()),
            status: self.overlay.status(),
            counters: counters.await.unwrap_or_default(),
            asked: self.asked,
            outbound: self.outbound(),
        };
        _ = reply.send(status);
    }

    fn outbound(&self) -> [usize; 3] {
        self.links.values().fold([0; 3], |mut sum, outbox| {
            sum.iter_mut().zip(outbox.waiting()).for_each(|(sum, bytes)| *sum += bytes);
            sum
        })
    }

    async fn on_minute(&mut self) {
        self.handle(Input::Command(Command::Clock(unix_seconds()))).await;
        self.keep_ledger();
    }

    fn keep_ledger(&self) {
        let snapshot = self.overlay.ledger_snapshot(self.clock.now(), unix_seconds());
        if self.shelf.order(Order::Ledger(snapshot)).is_err() {
            tracing::warn!("the disk does not keep up; the ledger is not up to date");
        }
    }

    /// Renews the credential when it is due, and drops neighbours whose identities have expired.
    async fn on_upkeep(&mut self) {
        if self.own.is_due() {
            match self.own.renew() {
                Ok(()) => self.card_changed().await,
                Err(error) => tracing::error!(%error, "the credential cannot be renewed"),
            }
        }
        let (verifier, peers) = (self.verifier.clone(), self.overlay.cards());
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            let expired = verifier.run(move |verifier| {
                peers.into_iter().filter(|peer| !verifier.still_holds(peer)).map(|peer| peer.id()).collect::<Vec<_>>()
            });
            for node in expired.await {
                _ = inputs.send(Input::Command(Command::Revoke(node))).await;
            }
        });
    }

    /// Our addresses or our credential have changed.
    async fn card_changed(&mut self) {
        match self.own.peer(&self.listening) {
            Ok(me) => {
                self.own_card.send_replace(me.clone());
                self.handle(Input::Command(Command::CardChanged(me))).await;
            }
            Err(error) => tracing::error!(%error, "this node's own card is void; others will refuse it"),
        }
    }

    /// Lets everything be sent and written, and ends.
    async fn leave(mut self, sources: Sources) {
        // Readers that wait for us must not keep the hub from closing.
        drop(sources);
        self.links.clear();
        _ = self.transport.send(TransportCommand::Shutdown).await;
        self.transport.closed().await;
        self.keep_ledger();
        self.shelf.close().await;
    }
}

/// Addresses as others need them; link-local ones mean nothing on another machine.
pub(crate) fn with_peer_id(listening: &[Multiaddr], peer: PeerId) -> Vec<Multiaddr> {
    let complete = |address: &Multiaddr| address.clone().with_p2p(peer).unwrap_or_else(|address| address);
    listening.iter().filter(|address| !is_link_local(address)).map(complete).collect()
}
