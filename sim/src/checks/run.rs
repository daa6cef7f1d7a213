//! One gateway's requests.

use grid::cell::Shape;
use grid::id::{NodeId, Nonce, RequestDigest};
use grid::trust::check::{Check, Request};
use grid::trust::policy::Policy;
use grid::trust::standing::Question;
use grid::trust::step::{Known, Step, Validation};
use grid::trust::table::Trust;
use rand_chacha::ChaCha8Rng;

use crate::chance::Chance;
use crate::checks::plan::{Conspiracy, Plan, Protocol};
use crate::checks::servers::{Servers, TRUTH};

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) protocol: Protocol,
    pub(super) conspiracy: Conspiracy,
    pub(super) liars: f64,
    pub(super) lie_rate: f64,
    pub(super) check_rate: f64,
}

/// What some requests have cost, and brought.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) requests: u64,
    pub(super) wrong: u64,
    pub(super) refused: u64,
    /// Questions of every kind, the first of each request included.
    pub(super) questions: u64,
    pub(super) bytes: f64,
}

/// What came of one run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outcome {
    pub(super) all: Tally,
    /// The second half of the requests.
    pub(super) steady: Tally,
    /// The last request for which a liar was asked for an answer, counted from 1.
    pub(super) last_liar_asked: u64,
    pub(super) liars_asked: u64,
    pub(super) liars_found: u64,
    pub(super) liars_shunned: u64,
    pub(super) honest_flagged: u64,
    pub(super) honest_shunned: u64,
}

/// One run under way.
#[derive(Debug)]
pub(super) struct Run<'a> {
    plan: &'a Plan,
    setting: Setting,
    policy: Policy,
    servers: Servers,
    trust: Trust,
    chance: Chance,
    rng: ChaCha8Rng,
    tally: Tally,
    last_liar_asked: u64,
    asked: std::collections::BTreeSet<NodeId>,
}

impl<'a> Run<'a> {
    pub(super) fn new(plan: &'a Plan, setting: Setting, seed: u64) -> Result<Self, String> {
        let shape = Shape::new(plan.dims, plan.side).map_err(|error| error.to_string())?;
        let mut chance = Chance::new(seed);
        Ok(Self {
            plan,
            setting,
            policy: setting.protocol.policy(setting.check_rate),
            servers: Servers::new(plan, &setting, shape, &mut chance),
            trust: Trust::new(usize::from(plan.servers)),
            rng: chance.fork(),
            chance,
            tally: Tally::default(),
            last_liar_asked: 0,
            asked: std::collections::BTreeSet::new(),
        })
    }

    pub(super) fn finish(mut self) -> Outcome {
        let half = self.plan.requests / 2;
        (0..half).for_each(|number| self.request(number));
        let first = std::mem::take(&mut self.tally);
        (half..self.plan.requests).for_each(|number| self.request(number));
        let steady = self.tally;
        let mut outcome = Outcome {
            all: first.and(&steady),
            steady,
            last_liar_asked: self.last_liar_asked,
            liars_asked: self.asked.len() as u64,
            ..Outcome::default()
        };
        for (id, standing) in self.trust.standings() {
            let shunned = u64::from(standing.shunned.is_some());
            if self.servers.is_liar(id) {
                outcome.liars_shunned += shunned;
                outcome.liars_found += u64::from(shunned == 1 || standing.flagged);
            } else {
                outcome.honest_shunned += shunned;
                outcome.honest_flagged += u64::from(standing.flagged);
            }
        }
        outcome
    }

    fn request(&mut self, number: u32) {
        self.tally.requests += 1;
        self.servers.next_request();
        let mut nonce = [0; 32];
        nonce[..8].copy_from_slice(&self.chance.number().to_be_bytes());
        let mut digest = [0; 32];
        digest[..4].copy_from_slice(&number.to_be_bytes());
        let request = Request {
            servers: self.servers.all().clone(),
            digest: RequestDigest::from_bytes(digest),
            nonce: Nonce::from_bytes(nonce),
            manifest: self.setting.protocol.manifest(),
        };
        let mut check = Check::begin(self.policy, &mut self.trust, request, &mut self.rng);
        while let Some(step) = check.poll() {
            self.carry_out(&mut check, step, number);
        }
        debug_assert!(check.is_over(), "everything is answered at once, so nothing can be waited for");
    }

    fn carry_out(&mut self, check: &mut Check, step: Step, number: u32) {
        let answer_bytes = f64::from(self.plan.answer_bytes);
        match step {
            Step::Ask { server } => self.ask(check, &server.id, number),
            Step::Challenge { server } => {
                self.charge(f64::from(self.plan.digest_bytes));
                if self.chance.happens(self.plan.unanswered) {
                    check.timed_out(&mut self.trust, &server.id);
                } else {
                    let digest = self.servers.says(&server.id, Question::Check, &mut self.chance);
                    check.challenged(&mut self.trust, &server.id, digest);
                }
            }
            Step::KnownAnswer { server } => {
                self.charge(f64::from(self.plan.digest_bytes));
                let is_right = self.servers.knows(&server.id, &mut self.chance);
                check.known_answer(&mut self.trust, &server.id, if is_right { Known::Right } else { Known::Wrong });
            }
            Step::Recompute => {
                self.charge(answer_bytes * (1.0 + self.plan.proof_share));
                check.recomputed(&mut self.trust, TRUTH);
            }
            Step::Deliver { answer, validation } => {
                // An answer that is proven carries its proof.
                if validation == Validation::Signed && self.setting.protocol == Protocol::Proven {
                    self.tally.bytes += answer_bytes * self.plan.proof_share;
                }
                self.tally.wrong += u64::from(answer != TRUTH);
            }
            Step::Refuse(_) => self.tally.refused += 1,
        }
    }

    fn ask(&mut self, check: &mut Check, id: &NodeId, number: u32) {
        if self.servers.is_liar(id) {
            self.last_liar_asked = u64::from(number) + 1;
            self.asked.insert(*id);
        }
        if self.chance.happens(self.plan.unanswered) {
            self.charge(0.0);
            return check.timed_out(&mut self.trust, id);
        }
        // A lie counts as if it had been fetched whole, though what does not prove itself ends at its first bad group.
        self.charge(f64::from(self.plan.answer_bytes));
        let digest = self.servers.says(id, Question::Answer, &mut self.chance);
        if self.setting.protocol == Protocol::Proven && digest != TRUTH {
            check.disproved(&mut self.trust, id);
        } else {
            check.answered(&mut self.trust, id, digest);
        }
    }

    fn charge(&mut self, bytes: f64) {
        self.tally.questions += 1;
        self.tally.bytes += bytes;
    }
}

impl Tally {
    pub(super) fn and(&self, other: &Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            wrong: self.wrong + other.wrong,
            refused: self.refused + other.refused,
            questions: self.questions + other.questions,
            bytes: self.bytes + other.bytes,
        }
    }
}
