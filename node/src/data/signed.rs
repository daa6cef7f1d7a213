//! What a server answers for: its signature over a request and the hash of what it answered.

use grid::id::{GridId, NodeId};
use grid::peer::Peer;
use libp2p::identity::{Keypair, SigningError};

use crate::verifier::is_signed_by;

/// An answer, as far as its server stands for it. Anybody who has the server's card can check that it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedAnswer {
    /// Who answered.
    pub server: NodeId,
    /// What was asked: the canonical form of a [`Values`](super::wire::Request::Values) or
    /// [`Check`](super::wire::Request::Check) request.
    pub request: Vec<u8>,
    /// The BLAKE3 hash of all bytes of the answer.
    pub root: [u8; 32],
    /// By the server's transport key, over [`SignedAnswer::signed_bytes`].
    pub signature: Vec<u8>,
}

impl SignedAnswer {
    /// Signs an answer.
    ///
    /// # Errors
    /// If the key cannot sign.
    pub(crate) fn sign(
        keypair: &Keypair,
        grid: &GridId,
        server: NodeId,
        request: Vec<u8>,
        root: [u8; 32],
    ) -> Result<Self, SigningError> {
        let signature = keypair.sign(&Self::signed_bytes(grid, &server, &request, &root))?;
        Ok(Self { server, request, root, signature })
    }

    /// What a server signs:
    ///
    /// ```text
    /// "rook answer v1" | grid, 32 bytes | server, 32 bytes | length of the request, 4 bytes, big-endian | request
    /// | root, 32 bytes
    /// ```
    pub fn signed_bytes(grid: &GridId, server: &NodeId, request: &[u8], root: &[u8; 32]) -> Vec<u8> {
        let length = u32::try_from(request.len()).unwrap_or(u32::MAX);
        let parts: [&[u8]; 6] =
            [b"rook answer v1", grid.as_bytes(), server.as_bytes(), &length.to_be_bytes(), request, root];
        parts.concat()
    }

    /// Whether a node, which is the one that is named, has signed this.
    pub fn is_by(&self, server: &Peer, grid: &GridId) -> bool {
        let signed = Self::signed_bytes(grid, &self.server, &self.request, &self.root);
        server.id() == self.server && is_signed_by(server, &signed, &self.signature)
    }
}
