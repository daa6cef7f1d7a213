//! Every kernel finds exactly what a naive loop over the `sha1` crate finds.

use std::ops::ControlFlow;

use hashcash::difficulty::leading_zero_bits;
use hashcash::search::{BATCH, Hit, Kernel, MAX_STRIDE, Outcome, Puzzle, PuzzleError, baseline, kernels, run};
use proptest::prelude::*;
use sha1::{Digest as _, Sha1};

/// The hits among these batches, by the definition: hash every message whole.
fn naive(puzzle: &Puzzle, batches: std::ops::Range<u64>) -> Vec<Hit> {
    let mut hits = Vec::new();
    for batch in batches {
        for variant in 0..puzzle.variants() {
            for lane in 0..BATCH {
                let message = puzzle.message(batch, lane, variant);
                let bits = leading_zero_bits(&Sha1::digest(&message));
                if bits >= puzzle.difficulty() {
                    hits.push(Hit { message, variant, bits });
                }
            }
        }
    }
    sorted(hits)
}

fn sorted(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by(|a, b| (a.variant, &a.message).cmp(&(b.variant, &b.message)));
    hits
}

/// A message, where its nonce stands, a stride, and variants that differ in the blocks after the nonce's.
fn puzzles() -> impl Strategy<Value = Puzzle> {
    let length = 0usize..400;
    (length, any::<prop::sample::Index>(), 5usize..20, 1u32..5_000, 0u32..9, 1usize..4, any::<u64>()).prop_filter_map(
        "the nonce fits its block",
        |(length, place, nonce, stride, difficulty, variants, seed)| {
            let length = length + nonce;
            let start = place.index(length - nonce + 1);
            let mut message: Vec<u8> =
                (0..length).map(|i| Sha1::digest((seed, i).0.to_be_bytes())[i % 20] ^ i.to_be_bytes()[7]).collect();
            message[start] ^= 0x55;
            let fixed = ((start + nonce).div_ceil(64) * 64).min(length);
            let variants = (0..variants)
                .map(|variant| {
                    let mut other = message.clone();
                    other[fixed..].iter_mut().skip(variant * 17).for_each(|byte| *byte ^= variant.to_be_bytes()[7]);
                    other
                })
                .collect();
            Puzzle::with_variants(variants, start..start + nonce, stride, difficulty).ok()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn kernels_find_what_the_naive_loop_finds(puzzle in puzzles(), first in any::<prop::sample::Index>()) {
        let first = first.index(usize::try_from(puzzle.batches()).unwrap_or(usize::MAX)) as u64;
        let batches = first..first.saturating_add(3).min(puzzle.batches());
        let expected = naive(&puzzle, batches.clone());
        for kernel in kernels() {
            let mut hits = Vec::new();
            kernel.search(&puzzle, batches.clone(), &mut hits);
            prop_assert_eq!(&sorted(hits), &expected, "kernel {}", kernel);
        }
        let mut hits = Vec::new();
        baseline(&puzzle, batches, &mut hits);
        prop_assert_eq!(&sorted(hits), &expected, "baseline");
    }

    #[test]
    fn nonces_keep_their_class_and_never_repeat(puzzle_and_message in strided(), batches in prop::collection::vec(any::<prop::sample::Index>(), 1..6)) {
        let (puzzle, start, stride) = puzzle_and_message;
        let mut seen = std::collections::BTreeSet::new();
        let batches: std::collections::BTreeSet<u64> =
            batches.iter().map(|index| index.index(usize::try_from(puzzle.batches()).unwrap_or(usize::MAX)) as u64).collect();
        for batch in batches {
            for lane in 0..BATCH {
                let message = puzzle.message(batch, lane, 0);
                let nonce = u128::from_be_bytes(message[7..23].try_into().unwrap());
                prop_assert_eq!(nonce % u128::from(stride), start % u128::from(stride));
                prop_assert_eq!(&message[..7], &[3; 7]);
                prop_assert_eq!(&message[23..], &[3; 77]);
                prop_assert!(seen.insert(nonce), "nonce {} twice", nonce);
            }
        }
    }
}

fn strided() -> impl Strategy<Value = (Puzzle, u128, u32)> {
    (any::<u128>(), 1..=MAX_STRIDE).prop_map(|(start, stride)| {
        let mut message = vec![3; 100];
        message[7..23].copy_from_slice(&start.to_be_bytes());
        (Puzzle::new(message, 7..23, stride, 0).unwrap(), start, stride)
    })
}

#[test]
fn every_length_around_the_block_boundaries() {
    for length in (8..140).chain([272]) {
        for start in [0, length / 2, length - 8] {
            let Ok(puzzle) = Puzzle::new(vec![0x5a; length], start..(start + 8).min(length), 6, 4) else { continue };
            let expected = naive(&puzzle, 5..7);
            for kernel in kernels() {
                let mut hits = Vec::new();
                kernel.search(&puzzle, 5..7, &mut hits);
                assert_eq!(sorted(hits), expected, "kernel {kernel}, {length} bytes, nonce at {start}");
            }
        }
    }
}

#[test]
fn a_small_nonce_is_searched_to_its_end() {
    // Four bytes, stride 3: the step is 256 * 3, so 2^32 / 768 batches of 64.
    let puzzle = Puzzle::new(vec![9; 4], 0..4, 3, 0).unwrap();
    assert_eq!(puzzle.batches(), (1 << 32) / 768);
    let impossible = Puzzle::new(vec![9; 3], 0..3, 2, 160).unwrap();
    let outcome: Outcome<()> = run(&impossible, Kernel::best(), 2, &(), |_| None);
    assert_eq!(outcome, Outcome::Exhausted { attempts: impossible.batches() * 64 });
}

#[test]
fn threads_stop_when_the_monitor_says_so_and_count_what_they_did() {
    let puzzle = Puzzle::new(vec![1; 272], 4..16, 30, 120).unwrap();
    let monitor = |so_far: u64| if so_far > 3_000_000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let outcome: Outcome<()> = run(&puzzle, Kernel::best(), 2, &monitor, |_| None);
    let Outcome::Stopped { attempts } = outcome else { panic!("{outcome:?}") };
    assert!(attempts > 3_000_000 && attempts < 10_000_000, "{attempts}");
}

#[test]
fn a_refused_hit_does_not_end_the_search() {
    let puzzle = Puzzle::new(vec![1; 100], 4..16, 2, 10).unwrap();
    let seen = std::sync::atomic::AtomicU32::new(0);
    let third = |hit| (seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= 2).then_some(hit);
    let Outcome::Found { value, .. } = run(&puzzle, Kernel::best(), 2, &(), third) else { panic!("nothing found") };
    assert_eq!(value.bits, leading_zero_bits(&Sha1::digest(&value.message)));
}

#[test]
fn what_cannot_be_searched_is_refused() {
    let new = |nonce, stride, difficulty| Puzzle::new(vec![0; 100], nonce, stride, difficulty).unwrap_err();
    assert_eq!(new(0..8, 0, 1), PuzzleError::Stride(0));
    assert_eq!(new(0..8, MAX_STRIDE + 1, 1), PuzzleError::Stride(MAX_STRIDE + 1));
    assert_eq!(new(0..8, 1, 161), PuzzleError::Difficulty(161));
    assert_eq!(new(96..101, 1, 1), PuzzleError::NonceOutside { nonce: 96..101, length: 100 });
    assert_eq!(new(62..66, 1 << 20, 1), PuzzleError::NonceTooShort { usable: 2, stride: 1 << 20 });
    let (mut one, other) = (vec![0; 200], vec![0; 200]);
    one[60] = 1;
    assert_eq!(Puzzle::with_variants(vec![one, other], 0..8, 1, 1).unwrap_err(), PuzzleError::Variants);
    assert_eq!(Puzzle::with_variants(vec![], 0..8, 1, 1).unwrap_err(), PuzzleError::Variants);
}

#[test]
fn kernels_have_names() {
    for kernel in kernels() {
        assert_eq!(kernel.name().parse(), Ok(kernel));
        assert!(kernel.lanes() >= 4);
    }
    let error = "abacus".parse::<Kernel>().unwrap_err();
    assert!(error.to_string().contains("portable"), "{error}");
}
