//! The clock of a link's send slots.

use std::time::Duration;

use rand_core::Rng;

use crate::cell::CELL;

/// How the time between two slots is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pace {
    /// Always the same.
    Constant,
    /// Drawn from an exponential distribution: the slots are a Poisson process, as in Loopix (Piotrowska et al., USENIX
    /// Security 2017). Slots of several links cannot be told apart by their phase.
    Poisson,
}

/// What was taken for a pace and is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no pace of send slots: say constant or poisson")]
pub struct UnknownPace(String);

impl std::str::FromStr for Pace {
    type Err = UnknownPace;

    fn from_str(text: &str) -> Result<Self, UnknownPace> {
        match text {
            "constant" => Ok(Self::Constant),
            "poisson" => Ok(Self::Poisson),
            _ => Err(UnknownPace(text.to_owned())),
        }
    }
}

impl std::fmt::Display for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Constant => "constant",
            Self::Poisson => "poisson",
        })
    }
}

/// Says when the next slot of a link is.
#[derive(Clone, Debug)]
pub struct Clock {
    pace: Pace,
    /// The mean time between two slots.
    mean: Duration,
    next: Duration,
}

impl Clock {
    /// Shorter means than this are taken for this: no shell keeps a finer time.
    pub const FINEST: Duration = Duration::from_micros(10);

    /// A clock whose first slot lies within one mean time of now, at random, so that the clocks of a node's links do not
    /// strike together.
    pub fn new(pace: Pace, mean: Duration, now: Duration, rng: &mut impl Rng) -> Self {
        let mean = mean.max(Self::FINEST);
        Self { pace, mean, next: now + mean.mul_f64(uniform(rng)) }
    }

    /// Changes the mean time between two slots, from the one on that is drawn next.
    pub fn set_mean(&mut self, mean: Duration) {
        self.mean = mean.max(Self::FINEST);
    }

    /// When the next slot is.
    pub fn next(&self) -> Duration {
        self.next
    }

    /// Whether a slot is due; if so the next one is drawn.
    ///
    /// The next slot is reckoned from when this one was due, not from when somebody asked, so that a busy node's delays
    /// do not shift the times. Slots that were missed by more than [`Self::LATEST`] are left out instead of being sent
    /// in a burst.
    pub fn strikes(&mut self, now: Duration, rng: &mut impl Rng) -> bool {
        let due = self.next <= now;
        if due {
            self.draw(rng);
            while self.next + Self::LATEST <= now {
                self.skip(now, rng);
            }
        }
        due
    }

    /// Later than this no slot is used.
    pub const LATEST: Duration = Duration::from_secs(1);

    fn draw(&mut self, rng: &mut impl Rng) {
        self.next += match self.pace {
            Pace::Constant => self.mean,
            // The inverse of the distribution function; the draw is never 0.
            Pace::Poisson => self.mean.mul_f64(-libm::log(1.0 - uniform(rng))).max(Duration::from_nanos(1)),
        };
    }

    /// Leaves out slots that were missed: by whole steps where steps are equal, and by beginning anew where they are
    /// drawn, which a Poisson process allows, for it has no memory.
    fn skip(&mut self, now: Duration, rng: &mut impl Rng) {
        match self.pace {
            Pace::Constant => {
                let missed = (now - self.next).as_nanos() / self.mean.as_nanos().max(1);
                self.next += self.mean * u32::try_from(missed).unwrap_or(u32::MAX).max(1);
            }
            Pace::Poisson => {
                self.next = now;
                self.draw(rng);
            }
        }
    }
}

/// A number from 0 to 1, 1 not included, with 53 random bits.
fn uniform(rng: &mut impl Rng) -> f64 {
    const BITS: u32 = 53;
    #[allow(clippy::cast_precision_loss, reason = "a double holds 53 bits")]
    let drawn = (rng.next_u64() >> (u64::BITS - BITS)) as f64;
    libm::scalbn(drawn, -53)
}

/// The bits of a cell.
#[allow(clippy::cast_precision_loss, reason = "a cell has 10,240 bits")]
const BITS: f64 = (8 * CELL) as f64;

/// What slots cost, each way, in kbit/s (1,000 bits): one cell each `mean` time on each of so many links. Without what
/// the link adds for its own encryption and headers.
pub fn cost_kbit_per_second(mean: Duration, links: u32) -> f64 {
    BITS * f64::from(links) / mean.max(Clock::FINEST).as_secs_f64() / 1000.0
}

/// The mean time between two slots of a link, if so many links share so many kbit/s evenly: what
/// [`cost_kbit_per_second`] is the inverse of.
pub fn gap(kbit_per_second: u32, links: u32) -> Duration {
    Duration::from_secs_f64(BITS * f64::from(links.max(1)) / (f64::from(kbit_per_second.max(1)) * 1000.0))
}
