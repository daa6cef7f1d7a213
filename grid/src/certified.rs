//! Certified rosters: who is on a line, in words that a stranger can believe.
//!
//! All members of a line know each other, so all should hold one set. In each *epoch* they agree on one [`Roster`] and sign
//! its root: a [`Claim`]. A claim with the signatures of more than half of those whom it names is a [`Certificate`]. None
//! of these checked things can be made but by checking: [`SignedClaim::check`], [`Certificate::new`],
//! [`Membership::check`], [`Equivocation::of`].
//!
//! # How many must sign
//!
//! [`threshold`]: more than half of the members, whoever they are. Two numbers decide it. A lie needs as many colluders as
//! it takes signatures; silence holds a line up once fewer than that many others are left. With `t` of `n` and a share `f`
//! of colluders the chances are the binomial tails `P(Bin(n, f) >= t)` and `P(Bin(n, f) > n - t)`; the sum is least where
//! both numbers are half of `n`. For `n = 64` and a quarter of colluders they are 5e-6 and 1.5e-5 a line
//! (`cargo test -p grid chances_of_a_majority`). All of `n` would let one silent member hold up everybody; `k` drawn witnesses
//! are all hostile with chance `f^k`, but whoever gathers signatures can draw until they are, and each line is small enough
//! that all may sign.
//!
//! # What a certificate does not show
//!
//! Whoever lists its own alone brings its own majority, and a list of which colluders are half and one more does too. Its
//! length tells: see [`crate::density`]. From 128 expected members on a quarter of colluders cannot make a list that is both
//! long enough and theirs.

mod certificate;
mod claim;
mod epoch;
mod equivocation;
mod membership;
mod merkle;
mod roster;
mod standing;

pub use certificate::{Certificate, CertificateError, threshold};
pub use claim::{Claim, ClaimError, Signature, SignedClaim};
pub use epoch::Epoch;
pub use equivocation::Equivocation;
pub use membership::{Membership, MembershipError};
pub use merkle::Hash;
pub use roster::{MAX_MEMBERS, MAX_PROOF, Proof, Roster, RosterError};
pub use standing::LineStanding;
