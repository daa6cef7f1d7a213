//! Where an identity lives: `L_i = (S_i^e mod N) mod side`, one coordinate an axis.
//!
//! The salts `S_i` are as wide as the modulus, and each identity has its own:
//!
//! ```text
//! S_i = OS2IP( SHA-256("rook salt v2" ‖ grid id ‖ i ‖ id ‖ 0) ‖ SHA-256(.. ‖ 1) ‖ .. ) mod N
//! ```
//!
//! with `i` and the counter as 4 bytes big-endian and `id` the 32 bytes of [`Identity::id`], cut to
//! `modulus bytes + 16` bytes. The 128 bits in excess make the bias of the reduction less than 2^-128.
//!
//! Why as wide as the modulus: with a small salt a cheat picks a prime `p` that divides `S_i^k - 1` for a
//! small `k`; then `S_i` has order `k`, the coordinate depends on `e mod k` alone, and the cheat chooses
//! its cell before it searches for the hashcash.
//!
//! Why each identity has its own: a cheat can as well make `N` of many primes `p` whose `p - 1` all
//! divide one small number `L`. Then *every* salt has an order that divides `L`, wide or not. With salts
//! that the cheat knows before it has chosen `e`, the cell depends on `e mod L`, and is again chosen for
//! nothing. Salts that hash `e` itself cannot be known before. Both attacks are carried out in
//! `tests/small_salts.rs` and `tests/smooth_moduli.rs`.

use num_bigint::BigUint;
use sha2::{Digest as _, Sha256};

use crate::identity::Identity;
use crate::rules::Rules;

const DOMAIN: &[u8] = b"rook salt v2";
/// Bytes beyond the size of the modulus, so that reducing leaves no bias worth mentioning.
const EXCESS_BYTES: usize = 16;
/// Residues are kept modulo `side * 2^32`: the side can double 32 times and every node stays in a part
/// of the cell it was in.
const REFINEMENT: u64 = 1 << 32;

/// The salt of an identity on an axis before its reduction modulo `N`: as many bytes as the modulus has
/// and 16 more, big-endian.
pub fn salt(grid_id: &[u8; 32], axis: u32, identity: &Identity) -> Vec<u8> {
    let seed = Sha256::new().chain_update(DOMAIN).chain_update(grid_id).chain_update(axis.to_be_bytes());
    let seed = seed.chain_update(identity.id());
    let wanted = identity.modulus().len() + EXCESS_BYTES;
    let mut salt = Vec::with_capacity(wanted + 31);
    for counter in 0u32.. {
        if salt.len() >= wanted {
            break;
        }
        salt.extend_from_slice(&seed.clone().chain_update(counter.to_be_bytes()).finalize());
    }
    salt.truncate(wanted);
    salt
}

/// `(S_i^e mod N) mod (side * 2^32)` for each axis: the place of an identity, fine enough for the grid
/// to grow. The caller has checked that `N` is odd and the rules make sense.
pub(crate) fn residues(identity: &Identity, rules: &Rules) -> Vec<u64> {
    let modulus = BigUint::from_bytes_be(identity.modulus());
    let exponent = BigUint::from_bytes_be(identity.exponent());
    let range = u64::from(rules.side) * REFINEMENT;
    let residue = |axis| {
        let salt = BigUint::from_bytes_be(&salt(&rules.grid_id, axis, identity)) % &modulus;
        let power = salt.modpow(&exponent, &modulus) % range;
        power.iter_u64_digits().next().unwrap_or(0)
    };
    (0..u32::from(rules.dims)).map(residue).collect()
}

/// The coordinate on an axis with `side` coordinates that a residue stands for.
pub(crate) fn coordinate(residue: u64, side: u32) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "a remainder by a u32 fits a u32")]
    let coordinate = (residue % u64::from(side.max(1))) as u32;
    coordinate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn salts_differ_by_grid_axis_and_identity() {
        let identity = Identity::new([1; 16], vec![3; 256]);
        let one = salt(&[1; 32], 0, &identity);
        assert_eq!(one.len(), 272);
        assert_ne!(one, salt(&[2; 32], 0, &identity));
        assert_ne!(one, salt(&[1; 32], 1, &identity));
        assert_ne!(one, salt(&[1; 32], 0, &Identity::new([2; 16], vec![3; 256])));
        assert_ne!(one[..32], one[32..64]);
    }

    #[test]
    fn doubling_the_side_splits_each_cell_in_two() {
        for residue in [0, 5, 1 << 33, u64::MAX / 7] {
            assert_eq!(coordinate(residue, 8) % 4, coordinate(residue, 4));
        }
    }
}
