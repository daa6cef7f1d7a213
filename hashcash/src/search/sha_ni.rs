//! The SHA instructions: four rounds each, one digest in a register pair, four digests interleaved to
//! hide their latency. The schedules come from tables, so none of the schedule instructions is needed.

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_extract_epi32, _mm_loadu_si128, _mm_set_epi32, _mm_sha1nexte_epu32,
    _mm_sha1rnds4_epu32, _mm_xor_si128,
};
use std::ops::Range;

use crate::search::puzzle::{BATCH, Hit, Puzzle};
use crate::search::schedule::{self, Schedule};

/// Digests worked on in turn.
pub(super) const LANES: usize = 4;

/// `a, b, c, d` from the top of the register down, and `e` in the top of another.
#[derive(Clone, Copy)]
struct State {
    abcd: [__m128i; LANES],
    e: [__m128i; LANES],
}

/// # Safety
/// The processor must have the SHA extensions and SSE4.1.
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
pub(super) unsafe fn search(puzzle: &Puzzle, batches: Range<u64>, hits: &mut Vec<Hit>) {
    let prepared = &puzzle.prepared;
    let [a, b, c, d, e] = prepared.before.map(u32::cast_signed);
    let before = State { abcd: [_mm_set_epi32(a, b, c, d); LANES], e: [_mm_set_epi32(e, 0, 0, 0); LANES] };
    for batch in batches {
        let base = schedule::reversed(&puzzle.base_schedule(batch));
        for first in (0..BATCH).step_by(LANES) {
            let lanes = &prepared.lanes_reversed[first..first + LANES];
            let varied = |lane: usize, round| _mm_xor_si128(load(&base, round), load(&lanes[lane], round));
            let mut state = compress(before, varied);
            for block in &prepared.shared {
                state = compress(state, |_, round| load(&block.reversed, round));
            }
            for (variant, blocks) in prepared.variants.iter().enumerate() {
                let mut end = state;
                for block in blocks {
                    end = compress(end, |_, round| load(&block.reversed, round));
                }
                for (lane, abcd) in end.abcd.into_iter().enumerate() {
                    if _mm_extract_epi32::<3>(abcd).cast_unsigned() & prepared.mask == 0 {
                        hits.extend(puzzle.check(batch, first + lane, variant));
                    }
                }
            }
        }
    }
}

/// The words of four rounds.
#[inline]
#[target_feature(enable = "sse2")]
fn load(schedule: &Schedule, round: usize) -> __m128i {
    let words = &schedule[round..round + 4];
    // SAFETY: the slice has the four words that are read, at any alignment.
    unsafe { _mm_loadu_si128(words.as_ptr().cast()) }
}

/// The eighty rounds; `words(lane, round)` gives the schedule of four.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn compress(before: State, words: impl Fn(usize, usize) -> __m128i) -> State {
    let mut state = before;
    // The first e is added as it is, the later ones are an earlier a and are rotated on the way.
    let mut e: [__m128i; LANES] = std::array::from_fn(|lane| _mm_add_epi32(before.e[lane], words(lane, 0)));
    for round in (0..80).step_by(4) {
        for (lane, e) in e.iter_mut().enumerate() {
            let abcd = state.abcd[lane];
            state.abcd[lane] = match round / 20 {
                0 => _mm_sha1rnds4_epu32::<0>(abcd, *e),
                1 => _mm_sha1rnds4_epu32::<1>(abcd, *e),
                2 => _mm_sha1rnds4_epu32::<2>(abcd, *e),
                _ => _mm_sha1rnds4_epu32::<3>(abcd, *e),
            };
            let next = if round < 76 { words(lane, round + 4) } else { before.e[lane] };
            *e = _mm_sha1nexte_epu32(abcd, next);
        }
    }
    for lane in 0..LANES {
        state.abcd[lane] = _mm_add_epi32(state.abcd[lane], before.abcd[lane]);
    }
    State { e, ..state }
}
