//! What stamps cost, measured with real ones: the price table is what it says, and nobody chooses a record's place.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::print_stdout, reason = "a test")]

use grid::cell::Shape;
use grid::parameters::Parameters;
use grid::placement::first_cells;
use grid::record::{Pointer, PriceTable, Rules, Stamp, Subject, Terms};
use grid::time::Day;
use hashcash::stamp;
use node::stamps::{Proofs, Wanted};

/// Stamps of each kind. The attempts of one are geometric, so their mean has a relative standard error of
/// 1/sqrt(200) = 7.1 %; four of them are missed by chance once in 16,000 times.
const STAMPS: u64 = 200;
const BOUND: f64 = 4.0 * 0.0707;

fn rules() -> Rules {
    let prices = PriceTable { base_bits: 8, ..Parameters::local().prices };
    Rules::of(&Parameters { prices, ..Parameters::local() })
}

/// The same on any day: what is measured does not change with the calendar.
fn terms(subject: Subject, size: u64, days: u16) -> Terms {
    let wanted = Wanted { days, ..Wanted::default() };
    Terms { from: Day::new(2_461_366), ..wanted.terms(subject, size) }
}

/// Attempts that a stamp took, on average. One thread tries the nonces in order, so they are counted by the nonce.
fn mean_attempts(terms: &Terms, rules: &Rules) -> f64 {
    let message = terms.stamp_message(rules.grid(), &[0; 8]);
    let subject: [u8; 32] = message[..32].try_into().unwrap();
    let bits = rules.prices.bits(terms);
    let attempts = (0..STAMPS).map(|number| {
        // Far apart, so that no search comes to where another began; a multiple of the kernels' batches.
        let start = number << 40;
        let found = stamp::mint(&subject, start, bits, 1, &()).unwrap();
        assert!(found.bits >= bits);
        u64::from_be_bytes(found.nonce) - start + 1
    });
    attempts.sum::<u64>() as f64 / STAMPS as f64
}

#[test]
fn the_work_is_what_the_table_says() {
    let rules = rules();
    let immutable = |size, days| terms(Subject::Immutable { root: [size as u8; 32] }, size, days);
    let mutable = |interval| terms(Subject::Mutable { writer: [9; 32], interval }, 1024, 30);
    let series = [
        ("size", [1024, 2048, 4096, 8192].map(|size| immutable(size, 4))),
        ("days", [4, 8, 16, 32].map(|days| immutable(2048, days))),
        ("rewrites", [86_400, 43_200, 21_600, 10_800].map(mutable)),
    ];
    for (what, terms) in series {
        let bits: Vec<u32> = terms.iter().map(|terms| rules.prices.bits(terms)).collect();
        assert!(bits.windows(2).all(|pair| pair[1] == pair[0] + 1), "{what}: {bits:?}");
        for (terms, bits) in terms.iter().zip(bits) {
            let (mean, expected) = (mean_attempts(terms, &rules), f64::from(bits).exp2());
            println!("{what}: 2^{bits} = {expected} expected, {mean:.0} on average over {STAMPS} stamps");
            assert!((mean / expected - 1.0).abs() < BOUND, "{what}: {mean} for {expected}");
        }
    }
}

/// The terms are known, and of no use without the stamp: to bring the record's first cell where one wants it takes as
/// many stamps as the grid has cells, on average, each at the full price.
#[test]
fn aiming_at_a_cell_costs_as_many_stamps_as_there_are_cells() {
    let (rules, shape) = (rules(), Shape::new(2, 4).unwrap());
    let terms = terms(Subject::Immutable { root: [3; 32] }, 10, 1);
    let message = terms.stamp_message(rules.grid(), &[0; 8]);
    let subject: [u8; 32] = message[..32].try_into().unwrap();
    let bits = rules.prices.bits(&terms);
    let target = shape.cell(&[2, 1]).unwrap();
    let mut start = 0;
    let mut aim = || {
        for stamps in 1.. {
            let found = stamp::mint(&subject, start, bits, 1, &()).unwrap();
            start = (u64::from_be_bytes(found.nonce) / 64 + 1) * 64;
            let stamp = Stamp { nonce: found.nonce, bits: found.bits as u8 };
            let pointer = Pointer::check(terms.clone(), stamp, &rules, &Proofs).unwrap();
            if first_cells(shape, &pointer.key().routing_key(), 1)[0] == target {
                return stamps;
            }
        }
        unreachable!("the range has no end")
    };
    let mean = (0..STAMPS).map(|_| aim()).sum::<u64>() as f64 / STAMPS as f64;
    println!("{mean:.1} stamps on average to hit one of {} cells, over {STAMPS} aims", shape.cells());
    assert!((mean / 16.0 - 1.0).abs() < BOUND, "{mean}");
}
