//! Identities are spread evenly over the cells.

use hashcash::Identity;
use hashcash::place::salt;
use num_bigint::BigUint;
use rand_chacha::rand_core::Rng as _;

use crate::support::{TODAY, minted, rejects_uniformity, rng, rules};

/// The coordinates by the definition, without the crate's own arithmetic.
fn coordinates(identity: &Identity, grid_id: &[u8; 32], dims: u32, side: u32) -> Vec<usize> {
    let modulus = BigUint::from_bytes_be(identity.modulus());
    let exponent = BigUint::from_bytes_be(identity.exponent());
    let power = |axis| BigUint::from_bytes_be(&salt(grid_id, axis, identity)).modpow(&exponent, &modulus);
    (0..dims).map(|axis| usize::try_from(power(axis) % side).unwrap()).collect()
}

#[test]
fn coordinates_are_those_of_the_definition() {
    for (bits, seed) in [(512, 1), (1024, 2), (2048, 3)] {
        let (_, node) = minted(&rules(bits, 4), seed);
        let found: Vec<usize> = node.coordinates().into_iter().map(|c| c as usize).collect();
        assert_eq!(found, coordinates(node.identity(), &[7; 32], 3, 5));
        let modulus = BigUint::from_bytes_be(node.identity().modulus());
        for (axis, residue) in (0u32..).zip(node.residues()) {
            let power = BigUint::from_bytes_be(&salt(&[7; 32], axis, node.identity()))
                .modpow(&BigUint::from_bytes_be(node.identity().exponent()), &modulus);
            assert_eq!(BigUint::from(*residue), power % (5u64 << 32));
        }
    }
}

/// 100,000 identities: 50 RSA keys with 2,000 random exponents each, on a grid of 16 x 16 cells.
#[test]
fn a_hundred_thousand_identities_fill_the_cells_evenly() {
    let keys: Vec<Vec<u8>> = (0..50).map(|seed| minted(&rules(512, 4), seed).0.identity().modulus().to_vec()).collect();
    let (first, second) = keys.split_at(25);
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| count(first, 1));
        (count(second, 2), one.join().unwrap())
    });
    let counts: Vec<u32> = one.iter().zip(&other).map(|(a, b)| a + b).collect();
    assert_eq!(counts.iter().sum::<u32>(), 100_000);
    assert!(!rejects_uniformity(&counts));
}

fn count(moduli: &[Vec<u8>], seed: u8) -> Vec<u32> {
    let mut rng = rng(seed);
    let mut counts = vec![0; 256];
    for modulus in moduli {
        for _ in 0..2_000 {
            let mut exponent = [0; 16];
            rng.fill_bytes(&mut exponent);
            exponent[..4].copy_from_slice(&TODAY.number().to_be_bytes());
            exponent[15] |= 1;
            let cell = coordinates(&Identity::new(exponent, modulus.clone()), &[7; 32], 2, 16);
            counts[cell[0] * 16 + cell[1]] += 1;
        }
    }
    counts
}
