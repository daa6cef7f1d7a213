//! What can be wrong with an identity, said so that its owner knows what to do.

use crate::date::JulianDay;
use crate::rules::RulesError;

/// The rule that an identity breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The exponent is even.
    #[error("the exponent e is even, so it has no private key: the identity is damaged or forged; mint a new one")]
    EvenExponent,
    /// The modulus is even.
    #[error("the modulus N is even, so it is no RSA modulus: the identity is damaged or forged; mint a new one")]
    EvenModulus,
    /// It is older than the grid lets identities become.
    #[error("it was minted on {minted} and was good until {last_day}; today is {today}: mint a new one")]
    Expired {
        /// Day of minting.
        minted: JulianDay,
        /// Last day on which it was good.
        last_day: JulianDay,
        /// The day of this check.
        today: JulianDay,
    },
    /// Its day of minting has not come yet.
    #[error(
        "it was minted on {minted}, but today is {today}: set the clock of this computer (or of the one that minted it) right"
    )]
    MintedInTheFuture {
        /// Day of minting.
        minted: JulianDay,
        /// The day of this check.
        today: JulianDay,
    },
    /// The top bit of the modulus is not set.
    #[error(
        "the modulus N has {have} bits where this grid wants {need}: it belongs to another grid; mint one for this grid"
    )]
    ModulusTooSmall {
        /// Bits of the modulus.
        have: u32,
        /// Bits that the grid demands.
        need: u32,
    },
    /// The modulus is a prime.
    #[error("the modulus N is a prime, so anyone can compute the private key: mint a new identity")]
    PrimeModulus,
    /// The rules themselves cannot be used.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The modulus has a small prime factor.
    #[error("the modulus N is divisible by {factor}: a real one has two large factors; mint a new identity")]
    SmallFactor {
        /// The smallest prime factor.
        factor: u32,
    },
    /// The modulus is a square.
    #[error("the modulus N is a square, so anyone can compute the private key: mint a new identity")]
    SquareModulus,
    /// Too little work went into it.
    #[error(
        "it has {have} zero bits where this grid wants {need}: it was tampered with, or minted for a cheaper grid; mint one for this grid"
    )]
    TooFewBits {
        /// Zero bits found.
        have: u32,
        /// Zero bits that the grid demands.
        need: u32,
    },
    /// It has not the length that identities have.
    #[error("an identity of {have} bytes{}: it is cut short or belongs to another grid; mint one for this grid", wanted(*need))]
    WrongLength {
        /// Bytes of `e ‖ N`.
        have: usize,
        /// Bytes that the grid demands, if the grid is known.
        need: Option<usize>,
    },
}

fn wanted(need: Option<usize>) -> String {
    need.map_or_else(String::new, |need| format!(" where this grid wants {need}"))
}
