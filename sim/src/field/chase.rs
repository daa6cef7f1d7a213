//! What the memory allows: the time of one read that has to wait for the one before.
//!
//! A hop cannot be chosen before it is known where the request is, so each hop waits for at least one read at a place
//! that the hop before has decided. Following pointers through a random cycle as large as the field measures such a read,
//! in the same run and on the same machine.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::chance::Chance;

/// The mean time of a dependent read in `bytes` of memory, over `reads` of them (at least one).
pub fn dependent_read(bytes: u64, reads: u32, seed: u64) -> Duration {
    let entries = usize::try_from(bytes / size_of::<u32>() as u64).unwrap_or(usize::MAX).clamp(2, u32::MAX as usize);
    let next = cycle(entries, seed);
    let begun = Instant::now();
    let mut at = 0_u32;
    for _ in 0..reads {
        at = next[at as usize];
    }
    black_box(at);
    begun.elapsed() / reads.max(1)
}

/// A random permutation that is a single cycle (Sattolo, Information Processing Letters 22(6), 1986).
fn cycle(entries: usize, seed: u64) -> Vec<u32> {
    let mut chance = Chance::new(seed);
    let mut next: Vec<u32> = (0..u32::try_from(entries).unwrap_or(u32::MAX)).collect();
    for last in (1..next.len()).rev() {
        next.swap(last, chance.index(last));
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cycle_goes_through_everything() {
        let next = cycle(1000, 2);
        let (mut at, mut steps) = (0, 0);
        loop {
            at = next[at as usize];
            steps += 1;
            if at == 0 {
                break;
            }
        }
        assert_eq!(steps, 1000);
    }
}
