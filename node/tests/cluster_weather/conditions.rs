//! What the weather does to packets: when each arrives, if it does. It has neither a clock nor chance of its own.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Machines are places in a square that light crosses in this time, on the way that packets take.
const ACROSS: Duration = Duration::from_millis(40);
/// The least that a packet takes, however near.
const NEAR: Duration = Duration::from_millis(1);
/// By how much a packet is later than the one before that was as large, in the mean, as a part of its way.
const JITTER: f64 = 0.05;
/// By how much a packet that is overtaken is later, at most.
const OVERTAKEN: Duration = Duration::from_millis(60);

/// The weather of a moment.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    /// How many times as long as usual all ways are.
    pub(crate) longer: f64,
    /// The part of packets that get lost.
    pub(crate) loss: f64,
    /// The part of packets that others overtake.
    pub(crate) overtaken: f64,
    /// The machines on the one side of a partition, if there is one.
    pub(crate) side: Option<BTreeSet<usize>>,
    /// Machines whose cable is out.
    pub(crate) down: BTreeSet<usize>,
}

impl Weather {
    /// A good day on the internet.
    pub(crate) fn fair() -> Self {
        Self { longer: 1.0, loss: 0.001, overtaken: 0.001, side: None, down: BTreeSet::new() }
    }

    fn is_cut(&self, from: usize, to: usize) -> bool {
        let apart = self.side.as_ref().is_some_and(|side| side.contains(&from) != side.contains(&to));
        apart || self.down.contains(&from) || self.down.contains(&to)
    }
}

/// The ways between machines.
#[derive(Debug)]
pub(crate) struct Ways {
    rng: StdRng,
    places: Vec<(f64, f64)>,
    /// When the last packet in its order arrives, by where it is from and where it goes.
    last: Vec<Vec<Duration>>,
}

impl Ways {
    /// So many machines at places that are drawn.
    pub(crate) fn draw(seed: u64, machines: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let places = (0..machines).map(|_| (rng.random(), rng.random())).collect();
        Self { rng, places, last: vec![vec![Duration::ZERO; machines]; machines] }
    }

    /// How long a packet takes on a good day.
    pub(crate) fn usual(&self, from: usize, to: usize) -> Duration {
        let ((x, y), (u, v)) = (self.places[from], self.places[to]);
        NEAR + ACROSS.mul_f64((x - u).hypot(y - v))
    }

    /// When a packet arrives that is sent now; `None` if it does not.
    pub(crate) fn carry(&mut self, weather: &Weather, from: usize, to: usize, now: Duration) -> Option<Duration> {
        // As many draws for each packet, whatever the weather is.
        let [lost, overtaken, jitter, by]: [f64; 4] = self.rng.random();
        if weather.is_cut(from, to) || lost < weather.loss {
            return None;
        }
        let way = self.usual(from, to).mul_f64(weather.longer);
        // Exponential: most packets are hardly late.
        let arrives = now + way + way.mul_f64(-(1.0 - jitter).ln() * JITTER);
        if overtaken < weather.overtaken {
            return Some(arrives + OVERTAKEN.mul_f64(by));
        }
        let last = &mut self.last[from][to];
        *last = arrives.max(*last);
        Some(*last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKETS: u32 = 20_000;

    /// When packets that are sent a millisecond apart arrive.
    fn sent(weather: &Weather, seed: u64, from: usize, to: usize) -> Vec<Option<Duration>> {
        let mut ways = Ways::draw(seed, 4);
        (0..PACKETS).map(|at| ways.carry(weather, from, to, Duration::from_millis(at.into()))).collect()
    }

    fn delays(arrived: &[Option<Duration>]) -> Vec<Duration> {
        let sent = (0..).map(Duration::from_millis);
        arrived.iter().zip(sent).filter_map(|(arrived, sent)| Some(arrived.as_ref()?.saturating_sub(sent))).collect()
    }

    #[test]
    fn the_same_seed_is_the_same_weather() {
        let weather = Weather { loss: 0.2, overtaken: 0.3, ..Weather::fair() };
        assert_eq!(sent(&weather, 7, 0, 1), sent(&weather, 7, 0, 1));
        assert_ne!(sent(&weather, 7, 0, 1), sent(&weather, 8, 0, 1));
    }

    #[test]
    fn packets_keep_their_order_unless_they_are_overtaken() {
        let arrived: Vec<Duration> =
            sent(&Weather { overtaken: 0.0, ..Weather::fair() }, 1, 2, 3).into_iter().flatten().collect();
        assert!(arrived.is_sorted());
        let overtaken: Vec<Duration> =
            sent(&Weather { overtaken: 0.25, ..Weather::fair() }, 1, 2, 3).into_iter().flatten().collect();
        // Those that are overtaken are up to 60 ms late, while the next comes a millisecond later.
        let later = overtaken.windows(2).filter(|two| two[0] > two[1]).count() as f64 / f64::from(PACKETS);
        assert!((0.15..0.27).contains(&later), "{later}");
    }

    #[test]
    fn as_many_are_lost_as_is_said() {
        let lost = |loss| sent(&Weather { loss, ..Weather::fair() }, 5, 0, 1).iter().filter(|at| at.is_none()).count();
        for loss in [0.0, 0.01, 0.3] {
            let (lost, expected) = (lost(loss) as f64, loss * f64::from(PACKETS));
            assert!((lost - expected).abs() <= 4.0 * expected.sqrt(), "{lost} of {expected}");
        }
    }

    #[test]
    fn ways_are_as_long_as_they_are_and_longer_when_that_is_said() {
        let usual = Ways::draw(3, 4).usual(0, 1);
        for longer in [1.0, 5.0] {
            let weather = Weather { longer, loss: 0.0, overtaken: 0.0, ..Weather::fair() };
            let delays = delays(&sent(&weather, 3, 0, 1));
            assert_eq!(delays.len(), PACKETS as usize);
            assert!(*delays.iter().min().unwrap() >= usual.mul_f64(longer));
            let mean = delays.iter().sum::<Duration>() / PACKETS;
            // Packets that wait for the one before them are later than the jitter alone.
            assert!(mean < usual.mul_f64(longer * 1.3), "{mean:?} of {usual:?}");
        }
    }

    #[test]
    fn nothing_crosses_a_partition_or_a_cable_that_is_out() {
        let apart = Weather { side: Some([0, 2].into()), loss: 0.0, ..Weather::fair() };
        let out = Weather { down: [1].into(), loss: 0.0, ..Weather::fair() };
        for (weather, from, to, arrives) in [
            (&apart, 0, 1, false),
            (&apart, 3, 2, false),
            (&apart, 0, 2, true),
            (&apart, 3, 1, true),
            (&out, 0, 1, false),
            (&out, 1, 0, false),
            (&out, 0, 2, true),
        ] {
            let count = sent(weather, 1, from, to).iter().flatten().count() as u32;
            assert_eq!(count, if arrives { PACKETS } else { 0 }, "{from} to {to}: {weather:?}");
        }
    }
}
