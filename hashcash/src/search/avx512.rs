//! Sixteen lanes of AVX-512, four vectors interleaved. With rotations and three-operand logic a round
//! over a constant block takes six instructions: two rotations, one for `f`, three additions.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_loadu_si512, _mm512_rol_epi32, _mm512_set1_epi32, _mm512_ternarylogic_epi32,
    _mm512_testn_epi32_mask, _mm512_xor_si512,
};
use std::ops::Range;

use crate::search::lanes::{self, Lanes};
use crate::search::puzzle::{Hit, Puzzle};

pub(super) const LANES: usize = 16;
const INTERLEAVED: usize = 4;

/// Truth tables for `vpternlogd`: bit `4b + 2c + d` is the result.
const CHOOSE: i32 = 0b1100_1010;
const PARITY: i32 = 0b1001_0110;
const MAJORITY: i32 = 0b1110_1000;

#[derive(Clone, Copy)]
struct Avx512(__m512i);

/// Wraps one intrinsic without memory operands.
macro_rules! avx512 {
    ($intrinsic:expr) => {
        // SAFETY: this type is only used within `search`, whose caller has detected AVX-512F.
        unsafe { $intrinsic }
    };
}

impl Lanes for Avx512 {
    const COUNT: usize = LANES;

    #[inline(always)]
    fn splat(word: u32) -> Self {
        Self(avx512!(_mm512_set1_epi32(word.cast_signed())))
    }

    #[inline(always)]
    fn load(words: &[u32]) -> Self {
        let words = &words[..LANES];
        // SAFETY: AVX-512F as above; the slice has the sixteen words that are read, at any alignment.
        Self(unsafe { _mm512_loadu_si512(words.as_ptr().cast()) })
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(avx512!(_mm512_add_epi32(self.0, other.0)))
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self(avx512!(_mm512_xor_si512(self.0, other.0)))
    }

    #[inline(always)]
    fn rotate_left<const N: i32, const REST: i32>(self) -> Self {
        Self(avx512!(_mm512_rol_epi32::<N>(self.0)))
    }

    #[inline(always)]
    fn choose(b: Self, c: Self, d: Self) -> Self {
        Self(avx512!(_mm512_ternarylogic_epi32::<CHOOSE>(b.0, c.0, d.0)))
    }

    #[inline(always)]
    fn parity(b: Self, c: Self, d: Self) -> Self {
        Self(avx512!(_mm512_ternarylogic_epi32::<PARITY>(b.0, c.0, d.0)))
    }

    #[inline(always)]
    fn majority(b: Self, c: Self, d: Self) -> Self {
        Self(avx512!(_mm512_ternarylogic_epi32::<MAJORITY>(b.0, c.0, d.0)))
    }

    #[inline(always)]
    fn zero_under(self, mask: u32) -> u32 {
        u32::from(avx512!(_mm512_testn_epi32_mask(self.0, _mm512_set1_epi32(mask.cast_signed()))))
    }
}

/// # Safety
/// The processor must have AVX-512F.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn search(puzzle: &Puzzle, batches: Range<u64>, hits: &mut Vec<Hit>) {
    lanes::search::<Avx512, INTERLEAVED>(puzzle, batches, hits);
}
