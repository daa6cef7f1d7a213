//! Checking an identity, cheapest test first: garbage costs us one SHA-1.
//!
//! Order: lengths; N odd with its top bit set; e odd; the date; SHA-1's zero bits; no prime factor
//! below 2^16; N neither a square nor a prime; then the coordinates.

mod error;
mod modulus;

pub use error::IdentityError;

use rsa::{BoxedUint, RsaPublicKey};

use crate::date::JulianDay;
use crate::difficulty::leading_zero_bits;
use crate::identity::{EXPONENT_BYTES, Identity};
use crate::place;
use crate::rules::Rules;

/// An identity that has passed every check of its grid's rules. Only [`Identity::verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedIdentity {
    identity: Identity,
    id: [u8; 32],
    bits: u32,
    side: u32,
    residues: Vec<u64>,
}

impl Identity {
    /// Checks this identity against a grid's rules, on the day `today`.
    ///
    /// Garbage is rejected after one SHA-1. A good identity of 2048 bits costs 0.4 ms an axis and 5 ms
    /// for the tests of its modulus, nearly all of it one exponentiation that shows it composite
    /// (measured on a Zen 4): remember the outcome.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn verify(self, rules: &Rules, today: JulianDay) -> Result<VerifiedIdentity, IdentityError> {
        rules.check()?;
        self.check_shape(rules)?;
        self.check_date(rules, today)?;
        let bits = leading_zero_bits(&self.digest());
        if bits < rules.difficulty {
            return Err(IdentityError::TooFewBits { have: bits, need: rules.difficulty });
        }
        modulus::check(self.modulus())?;
        let residues = place::residues(&self, rules);
        Ok(VerifiedIdentity { id: self.id(), bits, side: rules.side, residues, identity: self })
    }

    fn check_shape(&self, rules: &Rules) -> Result<(), IdentityError> {
        let need = rules.modulus_bytes();
        let (Some(first), Some(last)) = (self.modulus().first(), self.modulus().last()) else {
            return Err(IdentityError::WrongLength { have: EXPONENT_BYTES, need: Some(EXPONENT_BYTES + need) });
        };
        if self.modulus().len() != need {
            let have = EXPONENT_BYTES + self.modulus().len();
            return Err(IdentityError::WrongLength { have, need: Some(EXPONENT_BYTES + need) });
        }
        if first >> 7 == 0 {
            let have = rules.modulus_bits - leading_zero_bits(self.modulus());
            return Err(IdentityError::ModulusTooSmall { have, need: rules.modulus_bits });
        }
        if last & 1 == 0 {
            return Err(IdentityError::EvenModulus);
        }
        if self.exponent()[EXPONENT_BYTES - 1] & 1 == 0 {
            return Err(IdentityError::EvenExponent);
        }
        Ok(())
    }

    fn check_date(&self, rules: &Rules, today: JulianDay) -> Result<(), IdentityError> {
        let minted = self.minted();
        // One day of grace: somewhere it is already tomorrow, and clocks are wrong.
        if minted > today.plus_days(1) {
            return Err(IdentityError::MintedInTheFuture { minted, today });
        }
        let last_day = minted.plus_days(rules.lifetime_days);
        if today > last_day {
            return Err(IdentityError::Expired { minted, last_day, today });
        }
        Ok(())
    }
}

impl VerifiedIdentity {
    /// The identity that was checked.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Its name: `SHA-256("rook node v1" ‖ e ‖ N)`.
    pub fn id(&self) -> [u8; 32] {
        self.id
    }

    /// The day of its minting.
    pub fn minted(&self) -> JulianDay {
        self.identity.minted()
    }

    /// How many leading zero bits its SHA-1 has: at least the grid's difficulty.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// Its place, one number an axis: `(S_i^e mod N) mod (side * 2^32)`.
    pub fn residues(&self) -> &[u64] {
        &self.residues
    }

    /// Its cell: each residue modulo the grid's side.
    pub fn coordinates(&self) -> Vec<u32> {
        self.residues.iter().map(|residue| place::coordinate(*residue, self.side)).collect()
    }

    /// The RSA key, for sealing to it and for checking its signatures. Cannot fail: the modulus is odd.
    pub(crate) fn public_key(&self) -> RsaPublicKey {
        let modulus = BoxedUint::from_be_slice_vartime(self.identity.modulus());
        let exponent = BoxedUint::from_be_slice_vartime(self.identity.exponent());
        RsaPublicKey::new_unchecked(modulus, exponent)
    }
}
