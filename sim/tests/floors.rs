//! The two floors of the simulator say the same: real state machines with time and messages, and the flat field that
//! shares their geometry and choice of hops, over the same 2,000 nodes.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail, and says what it has measured")]

use core::time::Duration;

use grid::cell::Cell;
use sim::chance::Chance;
use sim::field::Field;
use sim::field::walk::Walk;
use sim::oracle;
use sim::scenario::{Outcome, Scenario};

const REQUESTS: usize = 10_000;

/// What one floor says: the share that arrived, and hops and their variance.
#[derive(Debug)]
struct Figures {
    success: f64,
    hops: f64,
    variance: f64,
}

impl Figures {
    fn of(by_hops: impl Iterator<Item = (u8, usize)> + Clone, asked: usize) -> Self {
        let count = |n: usize| f64::from(u32::try_from(n).unwrap());
        let arrived = count(by_hops.clone().map(|(_, n)| n).sum());
        let hops = by_hops.clone().map(|(hops, n)| f64::from(hops) * count(n)).sum::<f64>() / arrived;
        let variance = by_hops.map(|(h, n)| (f64::from(h) - hops).powi(2) * count(n)).sum::<f64>() / arrived;
        Self { success: arrived / count(asked), hops, variance }
    }

    fn of_machines(outcome: &Outcome) -> Self {
        Self::of(outcome.by_hops.iter().map(|(&hops, &count)| (hops, count)), outcome.asked)
    }

    /// Random nodes of the field ask random occupied cells, as `Scenario::ask_random_cells` does.
    fn of_field(field: &Field, cells: &[Cell], seed: u64) -> Self {
        let (mut chance, mut walk, mut by_hops) = (Chance::new(seed), Walk::default(), [0_usize; 16]);
        for _ in 0..REQUESTS {
            let pair = (field.random_node(&mut chance).unwrap(), chance.pick(cells).unwrap());
            if let Some(arrival) = walk.go(field, pair, |_| true, chance.generator()) {
                by_hops[usize::from(arrival.hops)] += 1;
            }
        }
        Self::of((0..).zip(by_hops), REQUESTS)
    }

    /// Equal within four standard errors of the difference of two samples.
    fn assert_like(&self, other: &Self, what: &str) {
        let n = f64::from(u32::try_from(REQUESTS).unwrap());
        let error = ((self.variance + other.variance) / n).sqrt();
        assert!((self.hops - other.hops).abs() < 4.0 * error, "{what}: hops {self:?} and {other:?}, error {error}");
        let share = (self.success + other.success) / 2.0;
        // Where all but a few arrive the binomial error vanishes; a tenth of a percent is told apart by nobody.
        let error = (2.0 * share * (1.0 - share) / n).sqrt().max(2.5e-4);
        assert!((self.success - other.success).abs() < 4.0 * error, "{what}: success {self:?} and {other:?}");
    }
}

fn compare(scenario: &mut Scenario) -> (Figures, Figures) {
    let network = &scenario.network;
    let field = Field::of_cells(network.shape(), oracle::living_cells(network)).unwrap();
    let cells: Vec<Cell> = oracle::occupied_cells(network).into_iter().collect();
    let above = Figures::of_field(&field, &cells, 11);
    let below = Figures::of_machines(&scenario.ask_random_cells(REQUESTS));
    (below, above)
}

#[test]
fn state_machines_and_field_agree_on_hops_and_success() {
    let mut scenario = Scenario::new(3, 8, 1).unwrap();
    scenario.grow(2000, Duration::from_millis(500)).unwrap();
    scenario.network.run_for(Duration::from_secs(120));
    let (below, above) = compare(&mut scenario);
    below.assert_like(&above, "joined");
    // Three in ten vanish; once the others have noticed, a fifth of the corners is vacant and sidesteps are taken.
    scenario.silence_share(0.3);
    scenario.network.run_for(Duration::from_secs(240));
    let (below, above) = compare(&mut scenario);
    below.assert_like(&above, "after the loss of 30 %");
}
