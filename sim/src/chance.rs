//! The simulator's own randomness: one generator, seeded, for everything that the state machines do not draw.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// A seeded generator.
#[derive(Debug)]
pub struct Chance(ChaCha8Rng);

impl Chance {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// One of many generators of a seed: those of different streams have nothing in common.
    pub fn of(seed: u64, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        Self(generator)
    }

    /// The generator itself, for who wants one.
    pub fn generator(&mut self) -> &mut ChaCha8Rng {
        &mut self.0
    }

    /// A generator of its own for one node.
    pub fn fork(&mut self) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.0.next_u64())
    }

    /// A random 64-bit number.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A random number in `0..1`, with 53 bits.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether something of that probability happens.
    pub fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.unit() < probability
    }

    /// A random number below `bound` (Lemire 2019, without the rejection: the bias is below `bound / 2^64`); 0 for 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.number()) * u128::from(bound);
        (product >> 64) as u64
    }

    /// A random index below `count`, which must not be 0.
    pub fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.below(count as u64)).unwrap_or(0)
    }

    /// A random element; `None` of an empty slice.
    pub fn pick<T: Clone>(&mut self, items: &[T]) -> Option<T> {
        if items.is_empty() { None } else { items.get(self.index(items.len())).cloned() }
    }
}
