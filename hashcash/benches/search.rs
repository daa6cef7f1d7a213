//! Each kernel and the plain loop over the `sha1` crate, on the 272 bytes of a 2048-bit identity.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hashcash::search::{Puzzle, baseline, kernels};

fn search(criterion: &mut Criterion) {
    let variants: Vec<Vec<u8>> = (0..64)
        .map(|variant| {
            let mut message = vec![0x5a; 272];
            message[200] = variant;
            message
        })
        .collect();
    let one = Puzzle::new(variants[0].clone(), 4..16, 30_030, 160);
    let family = Puzzle::with_variants(variants, 4..16, 30_030, 160);
    for (name, puzzle) in [("one modulus", one), ("64 moduli", family)] {
        let Ok(puzzle) = puzzle else { unreachable!("the nonce of an identity fits") };
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(puzzle.attempts_per_batch()));
        let mut batch = 0;
        let mut next = move || {
            batch += 1;
            batch..batch + 1
        };
        let mut hits = Vec::new();
        group.bench_function("sha1 crate", |b| b.iter(|| baseline(&puzzle, next(), &mut hits)));
        for kernel in kernels() {
            group.bench_function(kernel.name(), |b| b.iter(|| kernel.search(&puzzle, next(), &mut hits)));
        }
        group.finish();
    }
}

criterion_group!(benches, search);
criterion_main!(benches);
