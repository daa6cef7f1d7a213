//! Why the salts are as wide as the modulus: with small ones a cheat chooses its cell for nothing.
//!
//! `N = (2^521 - 1)(2^607 - 1)`, both factors prime. Modulo `2^k - 1` the number 2 has order `k`, so
//! modulo `N` it has order `521 * 607 = 316,247`: `2^e mod N` depends on `e mod 316,247` alone. The cheat
//! looks for a residue that gives the coordinate it wants, and then searches for the hashcash among the
//! exponents with that residue: a walk with a stride, as quick as any other. (The sides below are odd,
//! because the powers of 2 modulo this sparse `N` do not reach every remainder modulo 16.)

use hashcash::Identity;
use hashcash::place::salt;
use hashcash::search::{Kernel, Puzzle};
use num_bigint::BigUint;

use crate::support::{TODAY, rejects_uniformity, sixteen_bytes};

const ORDER: u32 = 521 * 607;
const BITS: u32 = 14;

fn modulus() -> BigUint {
    (BigUint::from(2u8).pow(521) - 1u8) * (BigUint::from(2u8).pow(607) - 1u8)
}

/// The residues of exponents that have a private exponent as far as 521 and 607 go, with the cell that
/// the salts `2^1, 2^2, ..` give them on a grid of this side.
fn classes(dims: u32, side: u32) -> impl Iterator<Item = (u32, Vec<u32>)> {
    let modulus = modulus();
    let mut powers = vec![BigUint::from(1u8); dims as usize];
    (0..ORDER)
        .map(move |class| {
            let cell = powers.iter().map(|power| u32::try_from(power % side).unwrap()).collect();
            for (axis, power) in (1u32..).zip(&mut powers) {
                *power = (&*power << axis) % &modulus;
            }
            (class, cell)
        })
        .filter(|(class, _)| class % 521 != 0 && class % 607 != 0)
}

/// Searches the exponents `e = class (mod ORDER)`, odd, of today, for the zero bits. Returns the exponent and the
/// number of attempts.
fn search_class(class: u32, salt: u64) -> (BigUint, u64) {
    let mut exponent: BigUint = (BigUint::from(TODAY.number()) << 96u32) | (BigUint::from(salt) << 30u32);
    exponent = &exponent - &exponent % ORDER + ORDER + class;
    if !exponent.bit(0) {
        exponent += ORDER;
    }
    let message = [exponent.to_bytes_be(), modulus().to_bytes_be()].concat();
    let message = [vec![0; 16 + 141 - message.len()], message].concat();
    let puzzle = Puzzle::new(message, 4..16, 2 * ORDER, BITS).unwrap();
    let mut hits = Vec::new();
    for batch in 0.. {
        Kernel::best().search(&puzzle, batch..batch + 1, &mut hits);
        if let Some(hit) = hits.first() {
            assert!(hit.bits >= BITS);
            return (BigUint::from_bytes_be(&hit.message[..16]), (batch + 1) * puzzle.attempts_per_batch());
        }
    }
    unreachable!("some nonce has the bits")
}

fn power_of_two(power: u32, exponent: &BigUint) -> BigUint {
    BigUint::from(2u8).pow(power).modpow(exponent, &modulus())
}

#[test]
fn with_the_salt_2_a_coordinate_is_chosen_at_no_cost() {
    const SIDE: u32 = 15;
    let (mut attempts, mut chosen) = (0, 0u32);
    for wanted in 0..SIDE {
        let (class, _) = classes(1, SIDE).find(|(_, cell)| cell[0] == wanted).unwrap();
        for salt in 0..4 {
            let (exponent, needed) = search_class(class, u64::from(wanted * 4 + salt) + 1);
            assert_eq!(power_of_two(1, &exponent) % SIDE, BigUint::from(wanted));
            attempts += needed;
            chosen += 1;
        }
    }
    // Geometric with mean 2^14, 60 times: the mean of them has a standard deviation of an eighth. Who
    // cannot choose would need 15 times as many.
    let ratio = attempts as f64 / f64::from(chosen) / f64::from(BITS).exp2();
    println!("{ratio:.2} times the price of a place nobody chose");
    assert!((0.6..1.5).contains(&ratio), "{ratio}");
}

#[test]
fn with_salts_that_are_powers_of_each_other_every_axis_falls_at_once() {
    const SIDE: u32 = 7;
    for wanted in [[3, 1, 4], [1, 5, 2], [6, 6, 6]] {
        let (class, _) = classes(3, SIDE).find(|(_, cell)| *cell == wanted).unwrap();
        let (exponent, attempts) = search_class(class, 77);
        let cell: Vec<BigUint> = (1..=3).map(|axis| power_of_two(axis, &exponent) % SIDE).collect();
        assert_eq!(cell, wanted.map(BigUint::from));
        // One cell of 343: without the choice, 343 * 2^14 attempts. Ten times 2^14 is exceeded once in 20,000.
        assert!(attempts < 10 << BITS, "{attempts}");
    }
}

/// With our salts the members of a class, even of the best one, are spread over all coordinates.
#[test]
fn full_width_salts_stop_it() {
    const SIDE: u32 = 15;
    let modulus = modulus();
    let (class, _) = classes(1, SIDE).find(|(_, cell)| cell[0] == 5).unwrap();
    let first = (BigUint::from(TODAY.number()) << 96u32) / ORDER * ORDER + class;
    let mut counts = vec![0; (SIDE * SIDE) as usize];
    let mut small = vec![0; SIDE as usize];
    for step in 1u32..=5_000 {
        let exponent = &first + BigUint::from(step) * (2 * ORDER);
        let identity = Identity::new(sixteen_bytes(&exponent), modulus.to_bytes_be());
        let coordinate = |salt: &BigUint| usize::try_from(salt.modpow(&exponent, &modulus) % SIDE).unwrap();
        let ours = |axis| coordinate(&BigUint::from_bytes_be(&salt(&[7; 32], axis, &identity)));
        counts[ours(0) * SIDE as usize + ours(1)] += 1;
        small[coordinate(&BigUint::from(2u8))] += 1;
    }
    assert!(!rejects_uniformity(&counts));
    assert_eq!(small[5], 5_000, "while with the salt 2 all are where the cheat wants them");
}
