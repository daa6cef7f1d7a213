//! What came of a trial.

use std::collections::BTreeMap;

use crate::experiment::Measures;
use crate::figures::ratio;

/// Of two kinds: honest nodes, and others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sides<T> {
    pub(super) honest: T,
    pub(super) leech: T,
}

impl<T> Sides<T> {
    pub(super) fn of(&mut self, is_leech: bool) -> &mut T {
        if is_leech { &mut self.leech } else { &mut self.honest }
    }
}

/// How many were asked for, and how many came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) asked: u64,
    pub(super) served: u64,
}

impl Share {
    pub(super) fn rate(self) -> f64 {
        ratio(self.served, self.asked)
    }
}

/// Counts of a trial.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Nodes of each kind.
    pub(super) nodes: Sides<u64>,
    /// Requests of the second half.
    pub(super) late: Sides<Share>,
    /// Tries at honest nodes, by tens of exchanges of the pair.
    pub(super) tries: BTreeMap<u32, Sides<Share>>,
    /// Waits of what was served in the second half, in seconds.
    pub(super) waits: Sides<f64>,
    /// Neighbours of honest nodes, and those among them with the verdict.
    pub(super) verdicts: Sides<Share>,
    /// Work for honest nodes, in the ledger's units, over all the measured time.
    pub(super) work: Sides<u64>,
    /// What leeches got, in the same.
    pub(super) taken: Sides<u64>,
    /// Identities that leeches used.
    pub(super) identities: u64,
}

/// What an identity of the public grid costs, in the ledger's units: a day of a core. A rented server's core-month comes
/// with a terabyte, see [`grid::ledger::tariff`].
const IDENTITY: f64 = 1e12 / 30.0;

impl Tally {
    pub(super) fn measures(&self, without: &Self) -> Measures {
        let (honest, leech) = (self.late.honest.rate(), self.late.leech.rate());
        let alone = without.late.honest.rate();
        let a_node =
            |units: &Sides<u64>| (ratio(units.honest, self.nodes.honest), ratio(units.leech, self.nodes.leech));
        let ((honest_work, leech_work), (honest_taken, leech_taken)) = (a_node(&self.work), a_node(&self.taken));
        let an_identity = ratio(self.taken.leech, self.identities);
        BTreeMap::from([
            ("honest_served", honest),
            ("leech_served", leech),
            ("leech_to_honest", part(leech, honest)),
            ("leech_to_honest_by_16", self.ratio_by(1)),
            ("leech_to_honest_by_50", self.ratio_by(4)),
            ("leech_to_honest_by_100", self.ratio_by(9)),
            ("honest_tries_by_50", self.tries.get(&4).map_or(0.0, |sides| sides.honest.rate())),
            ("honest_loss", 1.0 - part(honest, alone)),
            ("honest_served_alone", alone),
            ("honest_wait_s", part(self.waits.honest, count(self.late.honest.served))),
            ("leech_wait_s", part(self.waits.leech, count(self.late.leech.served))),
            ("leeches_found", self.verdicts.leech.rate()),
            ("honest_called_leech", self.verdicts.honest.rate()),
            ("leech_work", part(leech_work, honest_work)),
            ("leech_taken", part(leech_taken, honest_taken)),
            ("units_an_identity", an_identity),
            ("identity_price_share", an_identity / IDENTITY),
        ])
    }

    /// What honest nodes serve of a leech's tries, over what they serve of others', in those ten exchanges.
    fn ratio_by(&self, tens: u32) -> f64 {
        self.tries.get(&tens).map_or(0.0, |sides| part(sides.leech.rate(), sides.honest.rate()))
    }
}

fn part(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a simulation are below 2^53")]
fn count(number: u64) -> f64 {
    number as f64
}
