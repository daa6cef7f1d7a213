//! Why bytes from another node are no message.

use grid::cell::{Cell, GeometryError};
use grid::certified::{CertificateError, ClaimError, MembershipError, RosterError};
use grid::provider::OfferError;
use grid::record::RecordError;

/// Why bytes from another node are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes end within a value.
    #[error("the message ends too early")]
    Truncated,
    /// The value is complete, but the bytes go on.
    #[error("{extra} bytes follow the message's end")]
    Trailing {
        /// How many bytes too many.
        extra: usize,
    },
    /// The message is larger than any may be.
    #[error("the message has {length} bytes, and the most is {limit}")]
    TooLong {
        /// Its bytes.
        length: usize,
        /// The most it may have.
        limit: usize,
    },
    /// The bytes are no value of the kind that is expected, or a part of it is out of bounds.
    #[error("the message is malformed: {0}")]
    Malformed(String),
    /// A cell that this grid does not have.
    #[error("the message names a cell that is not in this grid: {0}")]
    Cell(#[source] GeometryError),
    /// An axis that this grid does not have.
    #[error("the message names axis {axis}, and this grid has {dims}")]
    Axis {
        /// The axis, counted from 0.
        axis: u8,
        /// How many there are.
        dims: u8,
    },
    /// Ways along more or fewer axes than this grid has.
    #[error("the message tells the ways along {found} axes, and this grid has {dims}")]
    Ways {
        /// How many.
        found: usize,
        /// How many axes there are.
        dims: u8,
    },
    /// A record that is none.
    #[error("the message holds a false record: {0}")]
    Record(#[source] Box<RecordError>),
    /// An offer that nobody made.
    #[error("the message holds a false offer: {0}")]
    Offer(#[from] OfferError),
    /// A line that is not named by its first cell.
    #[error("the message names a line by cell {0}, which is not its first")]
    Line(Cell),
    /// A list that is no roster.
    #[error("the message holds no roster: {0}")]
    Roster(#[from] RosterError),
    /// A roster that was not signed by who is said to have signed it.
    #[error("the message holds a false signature: {0}")]
    Claim(#[from] ClaimError),
    /// A roster that is not certified.
    #[error("the message holds no certificate: {0}")]
    Certificate(#[from] CertificateError),
    /// A proof that somebody is in a roster, which is none.
    #[error("the message holds a false proof: {0}")]
    Membership(#[from] MembershipError),
    /// A proof against a liar that proves nothing.
    #[error("the message accuses a node that has not signed two rosters of one line and epoch")]
    Equivocation,
    /// A card that the verifier refused, where the message means nothing without it.
    #[error("the card in the message was refused")]
    RefusedCard,
}
