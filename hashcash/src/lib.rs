//! Proofs of work of a Grid of Trust: RSA identities that are their own hashcash, and the places that
//! they compute.
//!
//! An identity is an RSA public key `<e, N>` whose bytes `e ‖ N` have a SHA-1 that begins with zero
//! bits. It took work to find, it can be checked with one hash, and it fixes the cell of the grid that
//! its owner lives in: nobody chooses a place, and nobody has many without paying for each.
//!
//! | part | what it is for |
//! |---|---|
//! | [`Rules`] | what a grid demands of identities |
//! | [`JulianDay`] | the date of minting |
//! | [`Identity`], [`VerifiedIdentity`] | the public part: before and after its check |
//! | [`SecretIdentity`] | the private key: signs and opens |
//! | [`mint`](mod@mint) | makes identities |
//! | [`file`](mod@file) | keeps them, as PKCS#8 |
//! | [`credential`] | an identity's word for the node that acts for it |
//! | [`stamp`] | the work that is paid for a record |
//! | [`postage`] | the work that is paid for a request |
//! | [`seal`] | messages that only the owner of an identity can read |
//! | [`place`] | salts and coordinates |
//! | [`difficulty`] | what a number of zero bits costs |
//! | [`search`] | the search for nonces, on whatever the processor offers |
//!
//! ```
//! use hashcash::mint::{MintOptions, mint};
//! use hashcash::{JulianDay, Rules};
//! # use rand_chacha::rand_core::SeedableRng as _;
//! # let mut rng = rand_chacha::ChaCha20Rng::from_seed([7; 32]);
//!
//! let rules = Rules { grid_id: [1; 32], modulus_bits: 1024, difficulty: 10, lifetime_days: 365, dims: 2, side: 4 };
//! let today = JulianDay::from_unix_seconds(1_795_219_200);
//! let secret = mint(&rules, today, &MintOptions::default(), &mut rng, &())?;
//!
//! let node = secret.identity().clone().verify(&rules, today)?;
//! assert!(node.bits() >= 10);
//! assert_eq!(node.minted().to_iso(), "2026-11-21");
//! println!("lives in cell {:?}", node.coordinates());
//!
//! let sealed = hashcash::seal::seal(&node, b"greeting", b"well met", &mut rng)?;
//! assert_eq!(secret.open(b"greeting", &sealed)?, b"well met");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod credential;
mod date;
pub mod difficulty;
pub mod file;
mod identity;
pub mod mint;
pub mod place;
pub mod postage;
mod rules;
pub mod seal;
pub mod search;
mod secret;
pub mod stamp;
mod verify;

pub use credential::{Credential, CredentialError};
pub use date::JulianDay;
pub use file::FileError;
pub use identity::{EXPONENT_BYTES, Identity};
pub use rules::{MODULUS_BITS, MODULUS_STEP, Rules, RulesError};
pub use secret::{KeyError, SecretIdentity};
pub use verify::{IdentityError, VerifiedIdentity};
