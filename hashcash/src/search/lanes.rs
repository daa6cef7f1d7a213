//! The search over any vector of 32-bit lanes: written once, compiled for each instruction set.
//!
//! Everything here is `inline(always)`: it becomes part of a function with the `target_feature` of its
//! instruction set, where the vector operations are single instructions.

use std::ops::Range;

use crate::search::puzzle::{BATCH, Constant, Hit, Puzzle};
use crate::search::schedule::{K, ROUNDS, Schedule};

/// A vector of 32-bit lanes.
pub(super) trait Lanes: Copy {
    /// Number of lanes.
    const COUNT: usize;

    fn splat(word: u32) -> Self;
    /// The first `COUNT` words of a slice that has at least as many.
    fn load(words: &[u32]) -> Self;
    fn add(self, other: Self) -> Self;
    fn xor(self, other: Self) -> Self;
    fn rotate_left<const N: i32, const REST: i32>(self) -> Self;
    /// `b ? c : d`, bit by bit.
    fn choose(b: Self, c: Self, d: Self) -> Self;
    fn parity(b: Self, c: Self, d: Self) -> Self;
    fn majority(b: Self, c: Self, d: Self) -> Self;
    /// A bit for each lane in which none of the bits of the mask is set.
    fn zero_under(self, mask: u32) -> u32;
}

/// The five state words of `G` vectors that are worked on in turn, to hide latency.
type State<V, const G: usize> = [[V; G]; 5];

/// Searches `batches` with `G` interleaved vectors.
#[inline(always)]
pub(super) fn search<V: Lanes, const G: usize>(puzzle: &Puzzle, batches: Range<u64>, hits: &mut Vec<Hit>) {
    let prepared = &puzzle.prepared;
    for batch in batches {
        let base = puzzle.base_schedule(batch);
        for first in (0..BATCH).step_by(V::COUNT * G) {
            let before: State<V, G> = prepared.before.map(|word| [V::splat(word); G]);
            let mut state = varied_block(before, &base, &prepared.lanes, first);
            for block in &prepared.shared {
                state = constant_block(state, block);
            }
            for (variant, blocks) in prepared.variants.iter().enumerate() {
                let mut end = state;
                for block in blocks {
                    end = constant_block(end, block);
                }
                let zeros: [u32; G] = end[0].map(|vector| vector.zero_under(prepared.mask));
                if zeros.iter().any(|lanes| *lanes != 0) {
                    collect::<V, G>(puzzle, batch, first, variant, zeros, hits);
                }
            }
        }
    }
}

/// Checks the candidates: a bit in `zeros` for each lane whose first digest word will do.
#[cold]
#[inline(never)]
fn collect<V: Lanes, const G: usize>(
    puzzle: &Puzzle,
    batch: u64,
    first: usize,
    variant: usize,
    zeros: [u32; G],
    hits: &mut Vec<Hit>,
) {
    for (group, lanes) in zeros.into_iter().enumerate() {
        let candidates = (0..V::COUNT).filter(|lane| lanes >> lane & 1 == 1);
        hits.extend(candidates.filter_map(|lane| puzzle.check(batch, first + group * V::COUNT + lane, variant)));
    }
}

/// A compression over a block that is the same for all lanes.
#[inline(always)]
fn constant_block<V: Lanes, const G: usize>(before: State<V, G>, block: &Constant) -> State<V, G> {
    let words = &block.with_constants;
    compress(before, |round, _| [V::splat(words[round]); G])
}

/// A compression over the block with the nonce: the batch's schedule XOR each lane's.
#[inline(always)]
fn varied_block<V: Lanes, const G: usize>(
    before: State<V, G>,
    base: &Schedule,
    lanes: &[[u32; BATCH]; ROUNDS],
    first: usize,
) -> State<V, G> {
    compress(before, |round, stage| {
        let (common, k) = (V::splat(base[round]), V::splat(K[stage]));
        std::array::from_fn(|group| V::load(&lanes[round][first + group * V::COUNT..]).xor(common).add(k))
    })
}

/// The eighty rounds; `words(round, stage)` gives `W + K` for each vector.
#[inline(always)]
fn compress<V: Lanes, const G: usize>(before: State<V, G>, words: impl Fn(usize, usize) -> [V; G]) -> State<V, G> {
    let mut state = before;
    for round in (0..20).step_by(5) {
        five_rounds(&mut state, V::choose, |i| words(round + i, 0));
    }
    for round in (20..40).step_by(5) {
        five_rounds(&mut state, V::parity, |i| words(round + i, 1));
    }
    for round in (40..60).step_by(5) {
        five_rounds(&mut state, V::majority, |i| words(round + i, 2));
    }
    for round in (60..80).step_by(5) {
        five_rounds(&mut state, V::parity, |i| words(round + i, 3));
    }
    std::array::from_fn(|i| std::array::from_fn(|group| state[i][group].add(before[i][group])))
}

/// Five rounds, after which every word of the state is back in its place.
#[inline(always)]
fn five_rounds<V: Lanes, const G: usize>(
    state: &mut State<V, G>,
    f: impl Fn(V, V, V) -> V,
    words: impl Fn(usize) -> [V; G],
) {
    let [a, b, c, d, e] = state;
    round(*a, b, *c, *d, e, &f, words(0));
    round(*e, a, *b, *c, d, &f, words(1));
    round(*d, e, *a, *b, c, &f, words(2));
    round(*c, d, *e, *a, b, &f, words(3));
    round(*b, c, *d, *e, a, &f, words(4));
}

#[inline(always)]
fn round<V: Lanes, const G: usize>(
    a: [V; G],
    b: &mut [V; G],
    c: [V; G],
    d: [V; G],
    e: &mut [V; G],
    f: impl Fn(V, V, V) -> V,
    word: [V; G],
) {
    for g in 0..G {
        let sum = e[g].add(word[g]).add(f(b[g], c[g], d[g]));
        e[g] = sum.add(a[g].rotate_left::<5, 27>());
        b[g] = b[g].rotate_left::<30, 2>();
    }
}
