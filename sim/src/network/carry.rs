//! Carrying out the outputs of a node, and delivering what others sent.

use core::time::Duration;

use grid::cell::Cell;
use grid::id::RequestId;
use grid::input::Input;
use grid::message::{Message, StoreFailure};
use grid::output::Output;
use grid::postage::{Paid, Postage, Verifier, Window};

use crate::identity::HostIndex;
use crate::network::{Happening, Network, Sealed, Told};
use crate::records::BEGINNING;
use crate::traffic::{End, Passage, kind, payload};

/// A commit to disk: a fast one with a flush.
const STORE: Duration = Duration::from_millis(2);
/// A read from disk.
const LOAD: Duration = Duration::from_micros(200);
/// An RSA operation with a private key; sealing is faster, but never mind.
const RSA: Duration = Duration::from_millis(2);

/// An Ed25519 signature, made or checked.
const ED25519: Duration = Duration::from_micros(60);

/// Attempts at postage that a modest core makes in a second; the search takes its mean time.
const ATTEMPTS_A_SECOND: f64 = (1 << 24) as f64;

/// The books of the honest: they pay by waiting for as long as the search takes.
struct Honest;

impl Verifier for Honest {
    fn is_proven(&self, _: &Cell, _: &RequestId, _: &Postage) -> bool {
        true
    }
}

impl Network {
    /// The window of time in which postage is good now.
    fn window(&self) -> Window {
        Window::of_unix(BEGINNING + self.now.as_micros() / 1_000_000)
    }

    pub(crate) fn carry_out(&mut self, host: HostIndex, output: Output) {
        match output {
            Output::Send { to, message } => self.send(host, self.book.host(to), message),
            Output::Dial(target) => self.dial(host, target),
            Output::Disconnect(node) => self.close(host, self.book.host(node)),
            Output::SetTimer { after, timer } => self.plan_local(after, host, Input::Timer(timer)),
            Output::Seal { ticket, to } => {
                let sealed = self.seal(host, self.book.host(to.id()));
                self.plan_local(RSA, host, Input::Sealed { ticket, sealed });
            }
            Output::Open { ticket, sealed } => {
                let welcome = self.open(host, &sealed).ok_or_else(|| "it was sealed to somebody else".to_owned());
                self.plan_local(RSA, host, Input::Opened { ticket, welcome });
            }
            Output::Store { ticket, record } => {
                let disk = &mut self.hosts[host].disk;
                let outcome = if disk.full { Err(StoreFailure::Full) } else { Ok(()) };
                if outcome.is_ok() {
                    disk.records.insert(record.key(), record);
                }
                self.plan_local(STORE, host, Input::Stored { ticket, outcome });
            }
            Output::Load { ticket, key } => {
                let record = self.hosts[host].disk.records.get(&key).cloned();
                self.plan_local(LOAD, host, Input::Loaded { ticket, record });
            }
            Output::Pay { ticket, target, request, effort } => {
                let postage = Postage { window: self.window(), effort, nonce: 0 };
                let paid = Paid::check(target, request, postage, self.window(), &Honest).ok();
                let search = Duration::from_secs_f64(f64::from(effort.get()) / ATTEMPTS_A_SECOND);
                self.plan_local(search, host, Input::Paid { ticket, paid });
            }
            Output::SignClaim(claim) => {
                if let Some(signed) = self.sign(host, claim).filter(|_| self.hosts[host].signs) {
                    self.plan_local(ED25519, host, Input::ClaimSigned(signed));
                }
            }
            Output::CheckClaims { from, claim, signatures } => {
                let all = signatures.len();
                let checked =
                    signatures.into_iter().filter_map(|(peer, signature)| self.check(&peer, claim, signature));
                let signed: Vec<_> = checked.collect();
                let refused = u32::try_from(all - signed.len()).unwrap_or(u32::MAX);
                let after = ED25519.saturating_mul(u32::try_from(all).unwrap_or(u32::MAX));
                self.plan_local(after, host, Input::ClaimsChecked { from, claim, signed, refused });
            }
            Output::Discard(key) => {
                self.hosts[host].disk.records.remove(&key);
            }
            Output::Remember(peer) => {
                self.hosts[host].disk.known.insert(peer.id(), peer);
            }
            Output::Forget(node) => {
                self.hosts[host].disk.known.remove(&node);
            }
            Output::Emit(event) => {
                self.hosts[host].hear(&event);
                self.told.push(Told { at: self.now, host, event });
            }
        }
    }

    fn seal(&mut self, host: HostIndex, to: HostIndex) -> Option<Vec<u8>> {
        self.vault.push(Sealed { to, host, issued: self.hosts[host].issued });
        Some((self.vault.len() as u64 - 1).to_be_bytes().to_vec())
    }

    fn open(&self, host: HostIndex, sealed: &[u8]) -> Option<grid::peer::Peer> {
        let index = usize::try_from(u64::from_be_bytes(sealed.try_into().ok()?)).ok()?;
        let sealed = self.vault.get(index).filter(|sealed| sealed.to == host)?;
        self.book.peer(sealed.host, sealed.issued).ok()
    }

    pub(crate) fn send(&mut self, from: HostIndex, to: HostIndex, message: Message) {
        let (a, b) = (self.hosts[from].position, self.hosts[to].position);
        let Some(end) = self.hosts[from].links.get_mut(to) else { return };
        let latency = self.weather.latency(a, b, &mut self.chance);
        let arrival = (self.now + latency).max(end.last_arrival);
        end.last_arrival = arrival;
        let link = end.number;
        self.queue.push(arrival, Happening::Arrival { from, to, link, message });
    }

    pub(crate) fn latency(&mut self, from: HostIndex, to: HostIndex) -> Duration {
        let (a, b) = (self.hosts[from].position, self.hosts[to].position);
        self.weather.latency(a, b, &mut self.chance)
    }

    pub(crate) fn arrive(&mut self, from: HostIndex, to: HostIndex, link: u64, message: Message) {
        if self.hosts[from].island != self.hosts[to].island {
            return self.stall(from, to, link, message);
        }
        if !self.hosts[to].is_up() {
            return;
        }
        if self.hosts[to].links.get(from).is_none_or(|end| end.number != link) {
            // The other side has no such link any more, after a restart for example, and resets it.
            let latency = self.latency(to, from);
            return self.plan(latency, Happening::Closed { host: from, other: to, link });
        }
        if self.torn
            && let Some(end) = self.hosts[from].links.get_mut(to)
        {
            end.stalled = None;
        }
        self.trace.note(self.now, from as u64, to as u64, kind(&message), payload(&message));
        let end = |host: HostIndex| End { host, joined: self.hosts[host].joined };
        let passage = Passage { at: self.now, from: end(from), to: end(to) };
        self.traffic.note(&self.book, &passage, &message);
        let from = self.book.id(from);
        self.input(to, Input::Message { from, message });
    }
}
