//! The servers: most of them honest.

use std::sync::Arc;

use grid::cell::Shape;
use grid::id::{AnswerDigest, NodeId};
use grid::trust::Server;
use grid::trust::standing::Question;

use crate::chance::Chance;
use crate::checks::plan::{Conspiracy, Plan};
use crate::checks::run::Setting;

/// What an honest server answers. Digests are compared within one check only, so it is the same for all requests.
pub(super) const TRUTH: AnswerDigest = AnswerDigest::from_bytes([0; 32]);
const COMMON_LIE: AnswerDigest = AnswerDigest::from_bytes([1; 32]);

/// All servers; the first ones lie.
#[derive(Debug)]
pub(super) struct Servers {
    all: Arc<[Server]>,
    liars: u16,
    lie_rate: f64,
    conspiracy: Conspiracy,
    checkers_lie: bool,
    honest_first: u32,
    /// Truthful answers so far.
    answered: Vec<u32>,
    /// What liars have said about the present request: who has lied once stands by it.
    said: Vec<(usize, bool)>,
}

impl Servers {
    pub(super) fn new(plan: &Plan, setting: &Setting, shape: Shape, chance: &mut Chance) -> Self {
        let server = |index: u16| {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&chance.number().to_be_bytes());
            id[30..].copy_from_slice(&index.to_be_bytes());
            Server { id: NodeId::from_bytes(id), cell: shape.cell_at(chance.number()) }
        };
        Self {
            all: (0..plan.servers).map(server).collect(),
            liars: plan.liars_of(setting.liars),
            lie_rate: setting.lie_rate,
            conspiracy: setting.conspiracy,
            checkers_lie: plan.checkers_lie,
            honest_first: plan.honest_first,
            answered: vec![0; usize::from(plan.servers)],
            said: Vec::new(),
        }
    }

    pub(super) fn all(&self) -> &Arc<[Server]> {
        &self.all
    }

    /// Whether a server is a liar, even where it has not lied yet.
    pub(super) fn is_liar(&self, id: &NodeId) -> bool {
        index(id) < usize::from(self.liars)
    }

    /// The next request begins.
    pub(super) fn next_request(&mut self) {
        self.said.clear();
    }

    /// What a server says about the present request.
    pub(super) fn says(&mut self, id: &NodeId, question: Question, chance: &mut Chance) -> AnswerDigest {
        if !self.is_liar(id) || !self.lies(index(id), question, chance) {
            return TRUTH;
        }
        match self.conspiracy {
            Conspiracy::Colluding => COMMON_LIE,
            Conspiracy::Independent => {
                let mut lie = *id.as_bytes();
                lie[29] = 2;
                AnswerDigest::from_bytes(lie)
            }
        }
    }

    /// Whether a server gives a known answer rightly.
    pub(super) fn knows(&self, id: &NodeId, chance: &mut Chance) -> bool {
        !(self.is_liar(id) && self.checkers_lie && chance.happens(self.lie_rate))
    }

    fn lies(&mut self, liar: usize, question: Question, chance: &mut Chance) -> bool {
        if let Some((_, lied)) = self.said.iter().find(|(who, _)| *who == liar) {
            return *lied;
        }
        let mates_lie = self.conspiracy == Conspiracy::Colluding && self.said.iter().any(|(_, lied)| *lied);
        let may_begin = match question {
            Question::Answer => self.answered[liar] >= self.honest_first,
            Question::Check => self.checkers_lie,
        };
        let lies = mates_lie || may_begin && chance.happens(self.lie_rate);
        if question == Question::Answer && !lies {
            self.answered[liar] = self.answered[liar].saturating_add(1);
        }
        self.said.push((liar, lies));
        lies
    }
}

/// A server's place among all.
fn index(id: &NodeId) -> usize {
    let bytes = id.as_bytes();
    usize::from(u16::from_be_bytes([bytes[30], bytes[31]]))
}
