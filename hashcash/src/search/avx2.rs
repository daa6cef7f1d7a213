//! Eight lanes of AVX2, two vectors interleaved. There are no rotations and no three-operand logic:
//! a round takes 12 to 14 instructions.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_castsi256_ps, _mm256_cmpeq_epi32, _mm256_loadu_si256,
    _mm256_movemask_ps, _mm256_or_si256, _mm256_set1_epi32, _mm256_setzero_si256, _mm256_slli_epi32, _mm256_srli_epi32,
    _mm256_xor_si256,
};
use std::ops::Range;

use crate::search::lanes::{self, Lanes};
use crate::search::puzzle::{Hit, Puzzle};

pub(super) const LANES: usize = 8;
const INTERLEAVED: usize = 2;

#[derive(Clone, Copy)]
struct Avx2(__m256i);

/// Wraps one intrinsic without memory operands.
macro_rules! avx2 {
    ($intrinsic:expr) => {
        // SAFETY: this type is only used within `search`, whose caller has detected AVX2.
        unsafe { $intrinsic }
    };
}

impl Lanes for Avx2 {
    const COUNT: usize = LANES;

    #[inline(always)]
    fn splat(word: u32) -> Self {
        Self(avx2!(_mm256_set1_epi32(word.cast_signed())))
    }

    #[inline(always)]
    fn load(words: &[u32]) -> Self {
        let words = &words[..LANES];
        // SAFETY: AVX2 as above; the slice has the eight words that are read, at any alignment.
        Self(unsafe { _mm256_loadu_si256(words.as_ptr().cast()) })
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(avx2!(_mm256_add_epi32(self.0, other.0)))
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self(avx2!(_mm256_xor_si256(self.0, other.0)))
    }

    #[inline(always)]
    fn rotate_left<const N: i32, const REST: i32>(self) -> Self {
        Self(avx2!(_mm256_or_si256(_mm256_slli_epi32::<N>(self.0), _mm256_srli_epi32::<REST>(self.0))))
    }

    #[inline(always)]
    fn choose(b: Self, c: Self, d: Self) -> Self {
        Self(avx2!(_mm256_xor_si256(d.0, _mm256_and_si256(b.0, _mm256_xor_si256(c.0, d.0)))))
    }

    #[inline(always)]
    fn parity(b: Self, c: Self, d: Self) -> Self {
        b.xor(c).xor(d)
    }

    #[inline(always)]
    fn majority(b: Self, c: Self, d: Self) -> Self {
        let (both, either) = avx2!((_mm256_and_si256(b.0, c.0), _mm256_or_si256(b.0, c.0)));
        Self(avx2!(_mm256_or_si256(both, _mm256_and_si256(d.0, either))))
    }

    #[inline(always)]
    fn zero_under(self, mask: u32) -> u32 {
        let masked = avx2!(_mm256_and_si256(self.0, _mm256_set1_epi32(mask.cast_signed())));
        let equal = avx2!(_mm256_cmpeq_epi32(masked, _mm256_setzero_si256()));
        avx2!(_mm256_movemask_ps(_mm256_castsi256_ps(equal))).cast_unsigned()
    }
}

/// # Safety
/// The processor must have AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn search(puzzle: &Puzzle, batches: Range<u64>, hits: &mut Vec<Hit>) {
    lanes::search::<Avx2, INTERLEAVED>(puzzle, batches, hits);
}
