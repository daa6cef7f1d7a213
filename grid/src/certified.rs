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
//! Whoever lists its own alone brings its own majority. The length of such a list tells ([`crate::density`]): with 128
//! expected members a quarter of colluders alone passes with a chance of 1e-11. A list of the colluders and one fewer of the
//! others is theirs as well, and twice as long: it passes in 13 cases of 100 at 128, in one of 400 at 232. But those who were
//! left out have certified another list with more signatures: of two certificates for one line and epoch the one that more
//! have signed counts ([`Certificate::outweighs`]).

mod certificate;
mod claim;
mod epoch;
mod equivocation;
mod membership;
mod merkle;
mod opinions;
mod roster;
mod standing;

pub use certificate::{Certificate, CertificateError, threshold};
pub use claim::{Claim, ClaimError, Signature, SignedClaim};
pub use epoch::Epoch;
pub use equivocation::Equivocation;
pub use membership::{Membership, MembershipError};
pub use merkle::Hash;
pub use opinions::{Doubt, Opinions};
pub use roster::{MAX_MEMBERS, MAX_PROOF, Proof, Roster, RosterError};
pub use standing::LineStanding;
