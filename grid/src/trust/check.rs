//! One request, from the first question to an answer that may be delivered.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use rand_core::Rng;

use crate::cell::Cell;
use crate::chance;
use crate::id::{AnswerDigest, NodeId, Nonce, RequestDigest};
use crate::trust::ballot::{Ballot, Leading, Statement, TwoAnswers};
use crate::trust::lot::Lot;
use crate::trust::policy::{Policy, Rule};
use crate::trust::standing::{Question, Reason};
use crate::trust::step::{Known, Refusal, Step, Validation};
use crate::trust::table::Trust;
use crate::trust::{Manifest, Proofs, Server, credibility};

/// What is requested, and of whom.
#[derive(Clone, Debug)]
pub struct Request {
    /// Those that offer this version of the dataset. Versions are part of requests, so nobody is blamed for another one.
    pub servers: Arc<[Server]>,
    /// The request, in canonical form.
    pub digest: RequestDigest,
    /// Drawn for this check alone and not told before: with it the lot falls.
    pub nonce: Nonce,
    /// What the publisher has signed.
    pub manifest: Manifest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Gathering,
    Recomputing,
    Done,
}

/// The course of one request. [`Check::poll`] tells what is to be done; what comes of it is told to the methods named for
/// it, in any order. Whom nothing is waited for is not heard.
#[derive(Clone, Debug)]
pub struct Check {
    policy: Policy,
    manifest: Manifest,
    servers: Arc<[Server]>,
    lot: Lot,
    ballot: Ballot,
    waiting: Vec<(Server, Question)>,
    silent: Vec<NodeId>,
    disproved: Vec<NodeId>,
    known: Option<NodeId>,
    is_checked: bool,
    can_recompute: bool,
    /// Who was asked to check its own answer.
    confronted: Vec<NodeId>,
    /// Whom this dispute flagged.
    suspected: Vec<NodeId>,
    phase: Phase,
    steps: VecDeque<Step>,
}

impl Check {
    /// Begins a request: draws who is asked and whether the answer is checked. The checkers are asked at the same time,
    /// so that a check costs no second round trip.
    pub fn begin<R: Rng>(policy: Policy, trust: &mut Trust, request: Request, rng: &mut R) -> Self {
        trust.begin_request();
        let mut check = Self {
            policy,
            can_recompute: matches!(request.manifest, Manifest::Signed(_)),
            manifest: request.manifest,
            lot: Lot::new(request.nonce, request.digest),
            servers: request.servers,
            ballot: Ballot::default(),
            waiting: Vec::new(),
            silent: Vec::new(),
            disproved: Vec::new(),
            known: None,
            is_checked: false,
            confronted: Vec::new(),
            suspected: Vec::new(),
            phase: Phase::Gathering,
            steps: VecDeque::new(),
        };
        let mut asks_known = false;
        if let Some(server) = trust.who_answers(&policy, &check.servers, rng) {
            let chance = chance::unit(rng);
            check.is_checked = !check.proves_all() && chance < policy.rate(&trust.standing(&server.id));
            asks_known = !check.proves_all() && chance >= 1.0 - policy.known_answer_rate;
            check.put(server, Question::Answer);
        }
        check.advance(trust);
        // Of whoever is left: a check of this answer comes first where there are few servers.
        if asks_known && !check.is_over() {
            check.ask_what_is_known(trust);
        }
        check
    }

    /// What is to be done next; `None` while something is waited for, and at the end.
    pub fn poll(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    /// Whether an answer was delivered or refused.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Done
    }

    /// A server gave its answer. With [`Proofs::Always`]: and every part of it fitted the signed tree hashes.
    pub fn answered(&mut self, trust: &mut Trust, id: &NodeId, digest: AnswerDigest) {
        self.heard(trust, id, Question::Answer, digest);
    }

    /// A checker told its digest.
    pub fn challenged(&mut self, trust: &mut Trust, id: &NodeId, digest: AnswerDigest) {
        self.heard(trust, id, Question::Check, digest);
    }

    /// What a server sent does not fit the signed tree hashes: a lie, whatever it says.
    pub fn disproved(&mut self, trust: &mut Trust, id: &NodeId) {
        if self.take_waiting(id).is_some() {
            trust.convicted(id, Reason::Disproved);
            self.ballot.strike(id);
            self.disproved.push(*id);
            self.advance(trust);
        }
    }

    /// A server did not answer in time.
    pub fn timed_out(&mut self, trust: &mut Trust, id: &NodeId) {
        if let Some((_, question)) = self.take_waiting(id) {
            trust.timed_out(id, question);
            self.silent.push(*id);
            self.advance(trust);
        } else if self.known.take_if(|known| known == id).is_some() {
            trust.timed_out(id, Question::Check);
        }
    }

    /// A server says that it does not have this version, or is too busy. That is neither a lie nor silence.
    pub fn declined(&mut self, trust: &mut Trust, id: &NodeId) {
        if let Some((_, question)) = self.take_waiting(id) {
            trust.spoke(id, question);
            self.silent.push(*id);
            self.advance(trust);
        } else {
            self.known.take_if(|known| known == id);
        }
    }

    /// The answer was computed from source data that fit the signed tree hashes. Whoever signed another one has lied.
    pub fn recomputed(&mut self, trust: &mut Trust, digest: AnswerDigest) {
        if self.phase == Phase::Recomputing {
            self.deliver(trust, digest, Validation::Signed, Some(Reason::Recomputed));
        }
    }

    /// Nobody had the source data. The servers' word is all there is.
    pub fn not_recomputed(&mut self, trust: &mut Trust) {
        if self.phase == Phase::Recomputing {
            self.can_recompute = false;
            self.phase = Phase::Gathering;
            self.advance(trust);
        }
    }

    /// A server was asked for what is known already.
    pub fn known_answer(&mut self, trust: &mut Trust, id: &NodeId, outcome: Known) {
        if self.known.take_if(|known| known == id).is_none() {
            return;
        }
        trust.spoke(id, Question::Check);
        match outcome {
            Known::Right => trust.passed(id),
            Known::WrongAndProven => trust.convicted(id, Reason::Recomputed),
            Known::Wrong => {
                trust.mismatched(id);
                trust.flagged(id);
            }
        }
    }

    fn heard(&mut self, trust: &mut Trust, id: &NodeId, question: Question, digest: AnswerDigest) {
        let Some((server, _)) = self.take_waiting(id) else { return };
        trust.spoke(id, question);
        let whole = question == Question::Answer;
        if let Err(TwoAnswers) = self.ballot.record(Statement { server, digest, whole }) {
            trust.convicted(id, Reason::TwoAnswers);
            self.disproved.push(*id);
            self.clear_suspects(trust);
        }
        self.advance(trust);
    }

    /// If only the one that contradicted itself has contradicted others, these are as good as before.
    fn clear_suspects(&mut self, trust: &mut Trust) {
        if !self.ballot.is_disputed() {
            self.suspected.drain(..).for_each(|id| trust.unflagged(&id));
        }
    }

    fn advance(&mut self, trust: &mut Trust) {
        if self.phase != Phase::Gathering {
            return;
        }
        if self.ballot.is_disputed() {
            self.suspect(trust);
            if self.can_recompute {
                self.phase = Phase::Recomputing;
                self.steps.push_back(Step::Recompute);
                return;
            }
            if self.policy.rule == Rule::Credibility && self.confront() {
                return;
            }
        }
        if !self.has_asked() {
            self.ask_another(trust);
        }
        if self.is_checked || self.ballot.is_disputed() {
            self.gather(trust);
        }
        if self.phase == Phase::Gathering && self.waiting.is_empty() {
            self.conclude(trust);
        }
    }

    fn suspect(&mut self, trust: &mut Trust) {
        for said in self.ballot.statements() {
            if !trust.standing(&said.server.id).flagged {
                self.suspected.push(said.server.id);
            }
            trust.flagged(&said.server.id);
        }
    }

    /// Asks whoever has given an answer that others contradict to check it too: one that lies in answers alone contradicts
    /// itself then, for 32 bytes, and nobody else need be asked. Whether that is still waited for.
    fn confront(&mut self) -> bool {
        let statements = self.ballot.statements().iter().filter(|said| said.whole);
        let new: Vec<Server> =
            statements.map(|said| said.server).filter(|server| !self.confronted.contains(&server.id)).collect();
        for server in new {
            self.confronted.push(server.id);
            self.put(server, Question::Check);
        }
        self.waiting.iter().any(|(server, _)| self.confronted.contains(&server.id))
    }

    /// Asks as many more servers as it takes if all of them agree with most.
    fn gather(&mut self, trust: &mut Trust) {
        // Answers that two have agreed on are fetched whole by the seed; a digest is all that is needed otherwise.
        let question = match self.policy.rule {
            Rule::Votes(_) if self.ballot.is_disputed() => Question::Answer,
            Rule::Votes(_) | Rule::Credibility => Question::Check,
        };
        while !self.would_be_enough(trust) {
            let asked = self.ballot.statements().len() + self.waiting.len();
            let drawn = if asked < usize::from(self.policy.max_servers) { self.draw(trust) } else { None };
            let Some(server) = drawn else { return };
            self.put(server, question);
        }
    }

    /// Nothing is waited for any more.
    fn conclude(&mut self, trust: &mut Trust) {
        let Some(leading) = self.leading(trust) else { return self.refuse() };
        if self.ballot.is_disputed() && !self.is_enough(&leading) && !self.is_last_resort(&leading) {
            return self.refuse();
        }
        if !self.ballot.has_whole(&leading.digest) {
            return self.fetch_whole(trust, &leading.digest);
        }
        let Leading { digest, votes, credibility } = leading;
        let verdict = self.policy.rule == Rule::Credibility && credibility >= self.policy.verdict;
        let validation = match u16::try_from(votes).unwrap_or(u16::MAX) {
            _ if self.proves_all() => Validation::Signed,
            1 => Validation::Unchecked { credibility },
            cells => Validation::CrossChecked { cells, credibility },
        };
        self.deliver(trust, digest, validation, verdict.then_some(Reason::Verdict));
    }

    /// Judges everybody who has said something, and gives the answer.
    fn deliver(&mut self, trust: &mut Trust, answer: AnswerDigest, validation: Validation, sentence: Option<Reason>) {
        let is_compared = match validation {
            Validation::Signed | Validation::CrossChecked { .. } => true,
            Validation::Unchecked { .. } => false,
        };
        for Statement { server, digest, .. } in self.ballot.statements() {
            match sentence {
                _ if *digest == answer && is_compared => {
                    trust.passed(&server.id);
                    trust.unflagged(&server.id);
                }
                _ if *digest == answer => {}
                Some(reason) => trust.convicted(&server.id, reason),
                None => trust.mismatched(&server.id),
            }
        }
        self.phase = Phase::Done;
        self.steps.push_back(Step::Deliver { answer, validation });
    }

    fn refuse(&mut self) {
        let said = self.ballot.statements().iter().map(|said| (said.server, said.digest)).collect();
        let refusal = Refusal { said, silent: self.silent.clone(), disproved: self.disproved.clone() };
        self.phase = Phase::Done;
        self.steps.push_back(Step::Refuse(refusal));
    }

    /// An answer of which only the digest is known yet: asked of one who knows it, else of somebody new.
    fn fetch_whole(&mut self, trust: &mut Trust, digest: &AnswerDigest) {
        let knows = |said: &&Statement| said.digest == *digest && !self.silent.contains(&said.server.id);
        let server = self.ballot.statements().iter().find(knows).map(|said| said.server);
        match server.or_else(|| self.draw(trust)) {
            Some(server) => self.put(server, Question::Answer),
            None => self.refuse(),
        }
    }

    /// Whether somebody has given an answer or is expected to.
    fn has_asked(&self) -> bool {
        let expected = self.waiting.iter().any(|(_, question)| *question == Question::Answer);
        expected || !self.ballot.statements().is_empty()
    }

    fn ask_another(&mut self, trust: &Trust) {
        if let Some(server) = self.draw(trust) {
            self.is_checked |= !self.proves_all() && !self.policy.is_proven(&trust.standing(&server.id));
            self.put(server, Question::Answer);
        }
    }

    fn ask_what_is_known(&mut self, trust: &Trust) {
        if let Some(server) = self.draw(trust) {
            self.known = Some(server.id);
            self.steps.push_back(Step::KnownAnswer { server });
        }
    }

    fn put(&mut self, server: Server, question: Question) {
        self.waiting.push((server, question));
        self.steps.push_back(match question {
            Question::Answer => Step::Ask { server },
            Question::Check => Step::Challenge { server },
        });
    }

    /// Draws one of the best servers that have not been asked yet, in another cell than all that are to be compared.
    fn draw(&mut self, trust: &Trust) -> Option<Server> {
        let taken: BTreeSet<Cell> = if self.proves_all() { BTreeSet::new() } else { self.compared().collect() };
        let mut best: Vec<Server> = Vec::new();
        let mut best_rank = None;
        for server in self.servers.iter().filter(|server| !taken.contains(&server.cell) && self.is_new(&server.id)) {
            let Some(rank) = trust.rank(&server.id) else { continue };
            if best_rank.is_none_or(|best| rank < best) {
                best.clear();
                best_rank = Some(rank);
            }
            if best_rank == Some(rank) {
                best.push(*server);
            }
        }
        self.lot.draw(&best)
    }

    fn compared(&self) -> impl Iterator<Item = Cell> {
        let said = self.ballot.statements().iter().map(|said| said.server.cell);
        said.chain(self.waiting.iter().map(|(server, _)| server.cell))
    }

    fn is_new(&self, id: &NodeId) -> bool {
        let said = self.ballot.statements().iter().any(|said| said.server.id == *id);
        let waited_for = self.waiting.iter().any(|(server, _)| server.id == *id);
        !(said || waited_for || self.known == Some(*id) || self.silent.contains(id) || self.disproved.contains(id))
    }

    fn take_waiting(&mut self, id: &NodeId) -> Option<(Server, Question)> {
        let index = self.waiting.iter().position(|(server, _)| server.id == *id)?;
        Some(self.waiting.swap_remove(index))
    }

    fn would_be_enough(&self, trust: &Trust) -> bool {
        let waiting = || self.waiting.iter().map(|(server, _)| &server.id);
        match self.ballot.leading(waiting(), |id| self.weight(trust, id)) {
            Some(leading) => self.is_enough(&leading),
            None => {
                let sum = waiting().map(|id| credibility::log_odds(self.weight(trust, id))).sum();
                let credibility = credibility::of_group(sum, core::iter::empty());
                self.suffices(waiting().count(), credibility)
            }
        }
    }

    fn leading(&self, trust: &Trust) -> Option<Leading> {
        self.ballot.leading(core::iter::empty(), |id| self.weight(trust, id))
    }

    /// In a dispute everybody's word weighs the same, see [`Policy::verdict`].
    fn weight(&self, trust: &Trust, id: &NodeId) -> f64 {
        if self.ballot.is_disputed() {
            1.0 - self.policy.assumed_faulty
        } else {
            self.policy.credibility(&trust.standing(id))
        }
    }

    fn is_enough(&self, leading: &Leading) -> bool {
        self.suffices(leading.votes, leading.credibility)
    }

    fn suffices(&self, votes: usize, credibility: f64) -> bool {
        let needed = if self.ballot.is_disputed() { self.policy.verdict } else { self.policy.target };
        match self.policy.rule {
            Rule::Votes(needed) => votes >= usize::from(needed),
            Rule::Credibility => votes >= 2 && credibility >= needed,
        }
    }

    fn is_last_resort(&self, leading: &Leading) -> bool {
        self.policy.rule == Rule::Credibility && leading.credibility >= self.policy.least
    }

    const fn proves_all(&self) -> bool {
        matches!(self.manifest, Manifest::Signed(Proofs::Always))
    }
}
