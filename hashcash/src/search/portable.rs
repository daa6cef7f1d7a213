//! The kernel for any processor: four lanes in plain Rust, which compilers turn into whatever vector
//! instructions the target has.

use std::ops::Range;

use crate::search::lanes::{self, Lanes};
use crate::search::puzzle::{Hit, Puzzle};

pub(super) const LANES: usize = 4;

#[derive(Clone, Copy)]
struct Words([u32; LANES]);

impl Lanes for Words {
    const COUNT: usize = LANES;

    #[inline(always)]
    fn splat(word: u32) -> Self {
        Self([word; LANES])
    }

    #[inline(always)]
    fn load(words: &[u32]) -> Self {
        Self(std::array::from_fn(|i| words[i]))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i].wrapping_add(other.0[i])))
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] ^ other.0[i]))
    }

    #[inline(always)]
    fn rotate_left<const N: i32, const REST: i32>(self) -> Self {
        Self(self.0.map(|word| word << N | word >> REST))
    }

    #[inline(always)]
    fn choose(b: Self, c: Self, d: Self) -> Self {
        Self(std::array::from_fn(|i| d.0[i] ^ (b.0[i] & (c.0[i] ^ d.0[i]))))
    }

    #[inline(always)]
    fn parity(b: Self, c: Self, d: Self) -> Self {
        b.xor(c).xor(d)
    }

    #[inline(always)]
    fn majority(b: Self, c: Self, d: Self) -> Self {
        Self(std::array::from_fn(|i| (b.0[i] & c.0[i]) | (d.0[i] & (b.0[i] | c.0[i]))))
    }

    #[inline(always)]
    fn zero_under(self, mask: u32) -> u32 {
        (0..LANES).fold(0, |found, i| found | u32::from(self.0[i] & mask == 0) << i)
    }
}

pub(super) fn search(puzzle: &Puzzle, batches: Range<u64>, hits: &mut Vec<Hit>) {
    lanes::search::<Words, 1>(puzzle, batches, hits);
}
