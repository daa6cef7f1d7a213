//! The besieged cells, day by day.

use std::collections::VecDeque;

use super::{BoaConstrictor, chosen};
use crate::adversary::draws;
use crate::chance::Chance;
use crate::figures;
use crate::queueing::Discipline;

/// One victim cell and what lies beside it.
#[derive(Clone, Debug)]
struct Victim {
    honest: u32,
    hostile: u32,
    honest_beside: u32,
    hostile_beside: u32,
    /// What was minted on each day that has not expired: into the cell, and beside it.
    minted: VecDeque<(u32, u32)>,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Siege<'a> {
    boa: &'a BoaConstrictor,
    chance: Chance,
    victims: Vec<Victim>,
    mints_into_a_cell: f64,
    cells_beside: f64,
}

impl<'a> Siege<'a> {
    #[expect(clippy::cast_precision_loss, reason = "a neighbourhood has at most 2^19 cells")]
    pub(super) fn begin(boa: &'a BoaConstrictor, neighbour_cells: u64, chance: &mut Chance) -> Self {
        let mut chance = Chance::new(chance.number());
        let cells = f64::from(boa.side).powi(boa.dims.into());
        let cells_beside = (neighbour_cells - 1) as f64;
        let mut victim = || Victim {
            honest: draws::poisson(&mut chance, boa.x),
            hostile: 0,
            honest_beside: draws::poisson(&mut chance, boa.x * cells_beside),
            hostile_beside: 0,
            minted: VecDeque::new(),
        };
        let victims = (0..boa.cells).map(|_| victim()).collect();
        Self { boa, victims, mints_into_a_cell: boa.mints_a_day() / cells, cells_beside, chance }
    }

    pub(super) fn pass_day(&mut self) {
        let boa = self.boa;
        for victim in &mut self.victims {
            let into = draws::poisson(&mut self.chance, self.mints_into_a_cell);
            let beside = draws::poisson(&mut self.chance, self.mints_into_a_cell * self.cells_beside);
            victim.mint(into, beside, boa.lifetime_days as usize);
            let pressure = victim.pressure(boa.service);
            let rate = boa.leave_a_day + boa.harassed_leave_a_day * pressure;
            let leaving = draws::binomial(&mut self.chance, victim.honest.into(), 1.0 - (-rate).exp());
            victim.honest -= leaving;
            victim.honest += draws::poisson(&mut self.chance, boa.leave_a_day * boa.x);
        }
    }

    /// The hostile share of the cell that has the least of it.
    pub(super) fn least_share(&self) -> f64 {
        self.victims.iter().map(Victim::share).fold(1.0, f64::min)
    }

    pub(super) fn mean_share(&self) -> f64 {
        self.mean(Victim::share)
    }

    pub(super) fn mean_share_beside(&self) -> f64 {
        self.mean(Victim::share_beside)
    }

    pub(super) fn honest_left(&self) -> f64 {
        self.mean(|victim| victim.honest.into())
    }

    pub(super) fn identities_run(&self) -> f64 {
        self.victims.iter().map(|victim| f64::from(victim.hostile + victim.hostile_beside)).sum()
    }

    /// The chance that a lookup finds no cell that answers, when the hostile drop the share `drops` of what reaches them.
    /// A try fails with the node that passes it into the cell, or with the one that it reaches there.
    pub(super) fn censored(&self, drops: f64) -> f64 {
        let lost = |share: f64| drops * chosen(share, self.boa.boasts);
        let fails = |victim: &Victim| 1.0 - (1.0 - lost(victim.share())) * (1.0 - lost(victim.share_beside()));
        self.victims.iter().map(|victim| fails(victim).powi(self.boa.tries.into())).product()
    }

    fn mean(&self, of: impl Fn(&Victim) -> f64) -> f64 {
        let values: Vec<f64> = self.victims.iter().map(of).collect();
        figures::mean(&values)
    }
}

impl Victim {
    fn mint(&mut self, into: u32, beside: u32, lifetime: usize) {
        self.minted.push_back((into, beside));
        self.hostile += into;
        self.hostile_beside += beside;
        if self.minted.len() > lifetime
            && let Some((into, beside)) = self.minted.pop_front()
        {
            self.hostile -= into;
            self.hostile_beside -= beside;
        }
    }

    /// Nobody at all counts as nobody hostile: an empty cell's neighbours stand in for it.
    fn share(&self) -> f64 {
        hostile_share(self.hostile, self.honest)
    }

    fn share_beside(&self) -> f64 {
        hostile_share(self.hostile_beside, self.honest_beside)
    }

    fn pressure(&self, service: Discipline) -> f64 {
        let hostile = self.hostile + self.hostile_beside;
        if service == Discipline::Fifo {
            return f64::from(u8::from(hostile > 0));
        }
        // A node's neighbours are the others of its cell and those beside.
        hostile_share(hostile, self.honest.saturating_sub(1) + self.honest_beside)
    }
}

fn hostile_share(hostile: u32, honest: u32) -> f64 {
    figures::ratio(hostile.into(), u64::from(hostile) + u64::from(honest))
}
