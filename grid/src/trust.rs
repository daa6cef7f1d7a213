//! Which dataset servers are asked, checked and believed: a policy, a table of standings, and the course of one check.
//!
//! A dataset server answers deterministic requests, so that any other server's answer tells whether its own is right,
//! for the price of a hash. What the 2010 protocol does with that, and where it leaks, is measured beside what this
//! module does instead by `rook-sim checks`; the reasons stand in `docs/decisions/011-checks.md`.
//!
//! | Part | What it is for |
//! | --- | --- |
//! | [`policy`] | what a gateway decides for itself, each with its default and reason |
//! | [`standing`] | what is known of one server |
//! | [`table`] | what is known of all, and who is asked |
//! | [`credibility`] | how likely an answer is right, after Sarmenta (2001) |
//! | [`step`] | what a check wants done, and how it ends |
//! | [`check`] | one request, from the first question to an answer that may be delivered |
//!
//! # Example
//!
//! Three servers in three cells, one of which lies, and a dataset whose publisher has signed a manifest:
//!
//! ```
//! use grid::cell::Shape;
//! use grid::id::{AnswerDigest, NodeId, Nonce, RequestDigest};
//! use grid::trust::check::{Check, Request};
//! use grid::trust::policy::Policy;
//! use grid::trust::step::{Step, Validation};
//! use grid::trust::table::Trust;
//! use grid::trust::{Manifest, Proofs, Server};
//! use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
//!
//! let shape = Shape::new(2, 4)?;
//! let servers = (0..3).map(|n| Server { id: NodeId::from_bytes([n; 32]), cell: shape.cell_at(n.into()) });
//! let request = Request {
//!     servers: servers.collect(),
//!     digest: RequestDigest::from_bytes([7; 32]),
//!     nonce: Nonce::from_bytes([8; 32]),
//!     manifest: Manifest::Signed(Proofs::Always),
//! };
//! let (mut trust, liar) = (Trust::new(100), NodeId::from_bytes([0; 32]));
//! let mut check = Check::begin(Policy::default(), &mut trust, request, &mut ChaCha8Rng::seed_from_u64(1));
//! let right = AnswerDigest::from_bytes([1; 32]);
//! let validation = loop {
//!     match check.poll() {
//!         Some(Step::Ask { server }) if server.id == liar => check.disproved(&mut trust, &server.id),
//!         Some(Step::Ask { server }) => check.answered(&mut trust, &server.id, right),
//!         Some(Step::Deliver { validation, .. }) => break validation,
//!         other => panic!("nothing else is needed here: {other:?}"),
//!     }
//! };
//! assert_eq!(validation, Validation::Signed);
//! # Ok::<(), grid::cell::GeometryError>(())
//! ```

mod ballot;
pub mod check;
pub mod credibility;
mod lot;
pub mod policy;
pub mod standing;
pub mod step;
pub mod table;

use crate::cell::Cell;
use crate::id::NodeId;

/// A dataset server as the policy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Server {
    /// Its name, which nobody can choose.
    pub id: NodeId,
    /// Where its identity has placed it, which nobody can choose either.
    pub cell: Cell,
}

/// What the publisher has signed of a dataset's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manifest {
    /// Nothing that an answer could be proven against: servers can only be compared.
    None,
    /// The tree hashes of all source data.
    Signed(Proofs),
}

/// When source data are fetched with proofs against the signed tree hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proofs {
    /// With every answer. It proves itself while it streams.
    Always,
    /// When answers differ. One honest node then decides.
    OnDispute,
}
