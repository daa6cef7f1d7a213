//! How long nodes stay, and how they go.
//!
//! Deaths are a Poisson process, as in S. Rhea, D. Geels, T. Roscoe and J. Kubiatowicz, "Handling Churn in a DHT"
//! (USENIX 2004), section 4: with `N` nodes and sessions of median `t`, one dies every `t / (N ln 2)` on average. So each
//! session is exponential with mean `t / ln 2`, and since such a session has no memory, those that are under way
//! when the churn begins are drawn like the others.

use core::f64::consts::LN_2;
use core::time::Duration;

use crate::chance::Chance;

/// The distribution of session times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sessions {
    mean: Duration,
}

impl Sessions {
    /// Exponential sessions, of which half are shorter than `median`.
    pub fn of_median(median: Duration) -> Self {
        Self { mean: median.div_f64(LN_2) }
    }

    /// Their mean.
    pub fn mean(self) -> Duration {
        self.mean
    }

    /// One of them, by inversion: `-mean · ln(1 - u)` for a uniform `u` in `0..1`.
    pub fn draw(self, chance: &mut Chance) -> Duration {
        self.mean.mul_f64(-(1.0 - chance.unit()).ln())
    }
}

/// How a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The node says farewell to its neighbours.
    Farewell,
    /// The process is ended, and the machine's kernel closes its links.
    Kill,
    /// The machine vanishes without a sign.
    Crash,
}

impl Ending {
    /// A farewell or a kill with these probabilities, else a crash.
    pub fn draw(graceful: f64, killed: f64, chance: &mut Chance) -> Self {
        match chance.unit() {
            part if part < graceful => Self::Farewell,
            part if part < graceful + killed => Self::Kill,
            _ => Self::Crash,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: u32 = 100_000;

    #[test]
    fn median_mean_and_spread_are_those_of_an_exponential() {
        let sessions = Sessions::of_median(Duration::from_secs(600));
        let mut chance = Chance::new(7);
        let mut drawn: Vec<f64> = (0..DRAWS).map(|_| sessions.draw(&mut chance).as_secs_f64()).collect();
        drawn.sort_by(f64::total_cmp);
        let (count, true_mean) = (f64::from(DRAWS), 600.0 / LN_2);
        assert!((sessions.mean().as_secs_f64() - true_mean).abs() < 1e-6);
        let mean = drawn.iter().sum::<f64>() / count;
        let variance = drawn.iter().map(|session| (session - mean).powi(2)).sum::<f64>() / count;
        // Standard errors of n draws of an exponential with mean m: of the mean m / √n, of the median m / √n as well
        // (1 / (2 f √n) with the density f = 1 / 2m there), of the variance m² √(8 / n). Five of each are allowed: a
        // correct sampler fails at less than one seed in half a million.
        let error = 5.0 / count.sqrt();
        assert!((mean / true_mean - 1.0).abs() < error, "mean {mean}");
        assert!((drawn[drawn.len() / 2] - 600.0).abs() < error * true_mean, "median {}", drawn[drawn.len() / 2]);
        assert!((variance / true_mean.powi(2) - 1.0).abs() < error * 8_f64.sqrt(), "variance {variance}");
    }

    #[test]
    fn endings_have_their_shares() {
        let mut chance = Chance::new(8);
        let drawn: Vec<Ending> = (0..DRAWS).map(|_| Ending::draw(0.25, 0.25, &mut chance)).collect();
        for (ending, share) in [(Ending::Farewell, 0.25), (Ending::Kill, 0.25), (Ending::Crash, 0.5_f64)] {
            let found = drawn.iter().filter(|&&drawn| drawn == ending).count();
            // Five standard errors of a binomial share.
            let error = 5.0 * (share * (1.0 - share) / f64::from(DRAWS)).sqrt();
            let found = f64::from(u32::try_from(found).unwrap()) / f64::from(DRAWS);
            assert!((found - share).abs() < error, "{ending:?}: {found}");
        }
    }
}
