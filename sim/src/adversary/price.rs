//! What an identity costs, and on which machine.
//!
//! Sources, all fetched in November 2026:
//!
//! - a core: `docs/mint-speed.md`, 64 moduli on a Zen 4: 70.9 M attempts/s with AVX-512, 36.1 M with AVX2, three
//!   compressions an attempt;
//! - SHA-1 on a card: hashcat 6.2.6, mode 100, on an RTX 4090: 50.6 · 10^9/s
//!   (<https://gist.github.com/Chick3nman/32e662a5bb63bc4f51b847bb422222fd>); an RTX 3090 does 23.3 · 10^9/s
//!   (<https://github.com/siseci/hashcat-benchmark-comparison/issues/3>). A search for PGP keys by their SHA-1 names,
//!   close to what minting does, reaches 41.5 · 10^9/s on an RTX 5090
//!   (<https://github.com/TransparentLC/opencl_vanity_gpg/issues/3>);
//! - Argon2id, 64 MiB, three passes: hashcat on an RTX 4090 1,667/s (<https://github.com/hashcat/hashcat/pull/4284>), on
//!   all cores of an i7-14700K 91/s (<https://github.com/hashcat/hashcat/pull/4314>); the same authors break even from
//!   100 to 200 MB a hash on (<https://github.com/besser82/libxcrypt/pull/113>);
//! - Equihash: (144,5) 45 solutions/s on a card and 1/s on 16 threads of a Ryzen 1700, (200,9) 400 and 30
//!   (<https://github.com/tevador/equix>, README). Equi-X itself has no published figure for a card;
//! - RandomX: an upper estimate of 1,200 hashes/s for a Vega 56, "comparable to a quad core CPU"
//!   (<https://github.com/tevador/RandomX>, README of 2019).

use serde::{Deserialize, Serialize};

/// Seconds of an hour.
pub const HOUR: f64 = 3600.0;
/// Seconds of a day.
pub const DAY: f64 = 86_400.0;

/// Attempts a second of one core with AVX-512, rounded down from the measurement as in `docs/threats.md`.
pub const CORE_ATTEMPTS: f64 = 69e6;
/// Attempts a second of one core with AVX2: what a laptop without AVX-512 does.
pub const LAPTOP_CORE_ATTEMPTS: f64 = 36e6;
/// Single SHA-1 compressions a second of one large card.
pub const CARD_COMPRESSIONS: f64 = 50.6e9;
/// Compressions that an attempt costs who shares the upper half of the modulus: `docs/mint-speed.md`.
pub const COMPRESSIONS: f64 = 3.0;

/// Core-days of an identity of `bits`, at [`CORE_ATTEMPTS`].
pub fn core_days(bits: u8) -> f64 {
    f64::from(bits).exp2() / CORE_ATTEMPTS / DAY
}

/// A proof of work that identities could be made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// SHA-1, as the grid has it.
    Sha1,
    /// Argon2id with 64 MiB and three passes.
    Argon2id64,
    /// Equihash(144,5), 2.5 GiB.
    Equihash144,
    /// RandomX, 2 GiB.
    RandomX,
}

impl Proof {
    /// How many honest machines, all their cores together, one card stands for. For SHA-1 the machine is a laptop of
    /// `cores` at [`LAPTOP_CORE_ATTEMPTS`]; for the others it is the desktop that the published figure was measured on,
    /// whatever `cores` is.
    pub fn machines_a_card(self, cores: f64) -> f64 {
        match self {
            Self::Sha1 => CARD_COMPRESSIONS / COMPRESSIONS / (cores * LAPTOP_CORE_ATTEMPTS),
            Self::Argon2id64 => 1667.0 / 91.0,
            Self::Equihash144 => 45.0,
            Self::RandomX => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_the_threats_page() {
        // "18 core-hours", "240 times one of our cores", "4 minutes an identity".
        assert!((core_days(42) * 24.0 - 17.7).abs() < 0.1);
        let card = CARD_COMPRESSIONS / COMPRESSIONS;
        assert!((card / CORE_ATTEMPTS - 244.0).abs() < 1.0);
        assert!((42_f64.exp2() / card / 60.0 - 4.3).abs() < 0.1);
        assert!((Proof::Sha1.machines_a_card(4.0) - 117.0).abs() < 1.0);
    }
}
