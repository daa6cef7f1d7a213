//! Dataset servers with whatever manners a test gives them, and gateways that ask them.

use std::sync::Arc;

use grid::cell::{Cell, Shape};
use grid::id::{AnswerDigest, NodeId, Nonce, RequestDigest};
use grid::trust::check::{Check, Request};
use grid::trust::policy::Policy;
use grid::trust::standing::Standing;
use grid::trust::step::{Known, Refusal, Step, Validation};
use grid::trust::table::Trust;
use grid::trust::{Manifest, Server};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a server is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Answer,
    Check,
    /// As a check, of which only the gateway knows that the answer is known.
    Known,
}

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Truth,
    /// The truth but for the last byte, which becomes this one.
    LastByte(u8),
    /// What the answering server has said, as far as there is one.
    Echo,
    Nothing,
    Declines,
}

/// How a server behaves: by what it is asked for, by whom, and the number of the request.
pub(crate) type Manners = Box<dyn Fn(Asked, usize, u32) -> Reply>;

pub(crate) fn honest() -> Manners {
    Box::new(|_, _, _| Reply::Truth)
}

/// Lies about a share of requests, always with the same lie.
pub(crate) fn lies(share: f64, lie: u8) -> Manners {
    Box::new(move |_, _, number| if fraction(number) < share { Reply::LastByte(lie) } else { Reply::Truth })
}

/// The same for all who look at this request.
pub(crate) fn fraction(number: u32) -> f64 {
    f64::from(number.wrapping_mul(2_654_435_761)) / f64::from(u32::MAX)
}

#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) delivered: Option<(bool, Validation)>,
    pub(crate) refusal: Option<Refusal>,
    pub(crate) asked: Vec<usize>,
    pub(crate) challenged: Vec<usize>,
    pub(crate) known: Vec<usize>,
}

pub(crate) struct Gateway {
    pub(crate) number: usize,
    pub(crate) policy: Policy,
    pub(crate) trust: Trust,
    rng: ChaCha8Rng,
    requests: u32,
}

impl Gateway {
    pub(crate) fn new(number: usize, policy: Policy) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(number as u64);
        Self { number, policy, trust: Trust::new(1000), rng, requests: 0 }
    }
}

pub(crate) struct World {
    pub(crate) servers: Arc<[Server]>,
    manners: Vec<Manners>,
    pub(crate) manifest: Manifest,
}

impl World {
    /// Each server in a cell of its own.
    pub(crate) fn new(manifest: Manifest, manners: Vec<Manners>) -> Self {
        let shape = Shape::new(3, 8).unwrap();
        // 37 and 512 have no common divisor.
        let server = |n: usize| Server { id: id(n), cell: shape.cell_at(37 * n as u64) };
        Self { servers: (0..manners.len()).map(server).collect(), manners, manifest }
    }

    pub(crate) fn run(&self, gateway: &mut Gateway, requests: usize) -> Vec<Outcome> {
        (0..requests).map(|_| self.request(gateway)).collect()
    }

    pub(crate) fn request(&self, gateway: &mut Gateway) -> Outcome {
        let number = gateway.requests;
        gateway.requests += 1;
        let mut nonce = [0; 32];
        gateway.rng.fill_bytes(&mut nonce);
        let mut digest = [0; 32];
        digest[..4].copy_from_slice(&number.to_be_bytes());
        let request = Request {
            servers: self.servers.clone(),
            digest: RequestDigest::from_bytes(digest),
            nonce: Nonce::from_bytes(nonce),
            manifest: self.manifest,
        };
        let mut check = Check::begin(gateway.policy, &mut gateway.trust, request, &mut gateway.rng);
        let mut course = Course { world: self, gateway, number, nonce, outcome: Outcome::default(), said: None };
        let mut compared: Vec<Cell> = Vec::new();
        while let Some(step) = check.poll() {
            course.invariant_checkers_are_in_other_cells(&step, &mut compared);
            course.carry_out(&mut check, step);
        }
        assert!(check.is_over(), "nothing is under way, so it must have ended");
        course.outcome
    }

    pub(crate) fn standing(&self, gateway: &Gateway, server: usize) -> Standing {
        gateway.trust.standing(&self.servers[server].id)
    }
}

struct Course<'a> {
    world: &'a World,
    gateway: &'a mut Gateway,
    number: u32,
    nonce: [u8; 32],
    outcome: Outcome,
    said: Option<AnswerDigest>,
}

impl Course<'_> {
    fn carry_out(&mut self, check: &mut Check, step: Step) {
        match step {
            Step::Ask { server } => {
                self.outcome.asked.push(index(&server.id));
                let reply = self.reply(&server, Asked::Answer);
                let proves = matches!(self.world.manifest, Manifest::Signed(grid::trust::Proofs::Always));
                if let Some(digest) = reply.and_then(Result::ok) {
                    self.said = Some(digest);
                    if proves && digest != self.truth() {
                        return check.disproved(&mut self.gateway.trust, &server.id);
                    }
                    return check.answered(&mut self.gateway.trust, &server.id, digest);
                }
                self.without_words(check, &server.id, reply);
            }
            Step::Challenge { server } => {
                self.outcome.challenged.push(index(&server.id));
                match self.reply(&server, Asked::Check) {
                    Some(Ok(digest)) => check.challenged(&mut self.gateway.trust, &server.id, digest),
                    reply => self.without_words(check, &server.id, reply),
                }
            }
            Step::KnownAnswer { server } => {
                self.outcome.known.push(index(&server.id));
                match self.reply(&server, Asked::Known) {
                    Some(Ok(digest)) => {
                        let known = if digest == self.truth() {
                            Known::Right
                        } else if self.world.manifest == Manifest::None {
                            Known::Wrong
                        } else {
                            Known::WrongAndProven
                        };
                        check.known_answer(&mut self.gateway.trust, &server.id, known);
                    }
                    reply => self.without_words(check, &server.id, reply),
                }
            }
            Step::Recompute => {
                let truth = self.truth();
                check.recomputed(&mut self.gateway.trust, truth);
            }
            Step::Deliver { answer, validation } => {
                assert!(check.is_over() && self.outcome.delivered.is_none() && self.outcome.refusal.is_none());
                self.outcome.delivered = Some((answer == self.truth(), validation));
            }
            Step::Refuse(refusal) => {
                assert!(check.is_over() && self.outcome.delivered.is_none() && self.outcome.refusal.is_none());
                self.outcome.refusal = Some(refusal);
            }
        }
    }

    fn without_words(&mut self, check: &mut Check, id: &NodeId, reply: Option<Result<AnswerDigest, ()>>) {
        match reply {
            Some(_) => check.declined(&mut self.gateway.trust, id),
            None => check.timed_out(&mut self.gateway.trust, id),
        }
    }

    /// Nothing for silence, an error for one that declines.
    fn reply(&self, server: &Server, asked: Asked) -> Option<Result<AnswerDigest, ()>> {
        let manners = &self.world.manners[index(&server.id)];
        match manners(asked, self.gateway.number, self.number) {
            Reply::Truth => Some(Ok(self.truth())),
            Reply::LastByte(byte) => Some(Ok(self.digest(byte))),
            Reply::Echo => Some(Ok(self.said.filter(|_| asked != Asked::Known).unwrap_or(self.digest(99)))),
            Reply::Nothing => None,
            Reply::Declines => Some(Err(())),
        }
    }

    fn truth(&self) -> AnswerDigest {
        self.digest(0)
    }

    /// The digest of the request's answer with this last byte.
    fn digest(&self, last: u8) -> AnswerDigest {
        let mut answer = vec![7; 1000];
        answer.extend(self.number.to_be_bytes());
        answer.push(last);
        AnswerDigest::from_bytes(*blake3::keyed_hash(&self.nonce, &answer).as_bytes())
    }

    fn invariant_checkers_are_in_other_cells(&self, step: &Step, compared: &mut Vec<Cell>) {
        let (Step::Ask { server } | Step::Challenge { server }) = step else { return };
        let is_new = !self.outcome.asked.iter().chain(&self.outcome.challenged).any(|&n| n == index(&server.id));
        if is_new && matches!(step, Step::Challenge { .. }) {
            assert!(!compared.contains(&server.cell), "two that are compared are in one cell");
        }
        compared.push(server.cell);
    }
}

pub(crate) fn id(number: usize) -> NodeId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&(number as u64).to_be_bytes());
    NodeId::from_bytes(bytes)
}

pub(crate) fn index(id: &NodeId) -> usize {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&id.as_bytes()[..8]);
    usize::try_from(u64::from_be_bytes(bytes)).unwrap()
}
