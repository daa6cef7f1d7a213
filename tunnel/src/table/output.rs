//! What the shell is to do, and what it learns.

use thiserror::Error;

use crate::cell::Cell;
use crate::name::Name;
use crate::payload::{Payload, TooLong};
use crate::{endpoint, initiator};

/// A tunnel that ends or begins here; to nobody else it is called so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TunnelId(pub(super) u64);

/// What is to be done or to be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Somebody's tunnel ends here: we are its last node.
    Arrived {
        /// Its name here.
        tunnel: TunnelId,
    },
    /// A circuit has ended on which so many cells went to and fro in order: each of them is work that we did for the neighbour
    /// towards its initiator, if that is not us, and that the one towards its last node did for us, if that is not us. Of a tunnel as
    /// a whole, and when it is over, so that nobody's account shows when it was used.
    Carried {
        /// For whom.
        back: Option<Name>,
        /// By whom.
        on: Option<Name>,
        /// How many.
        cells: u64,
    },
    /// The other end says this.
    Deliver {
        /// Through which tunnel.
        tunnel: TunnelId,
        /// What it says.
        payload: Payload,
    },
    /// A tunnel that began or ended here is no more.
    Ended {
        /// Which one.
        tunnel: TunnelId,
        /// Why.
        why: Why,
    },
    /// Our own tunnel stands.
    Ready {
        /// Which one.
        tunnel: TunnelId,
    },
    /// Put this cell into the queue of the link to that neighbour; those of one circuit must stay in order. If there is no such
    /// link, [`super::Table::link_lost`] wants to know.
    Send {
        /// To whom.
        to: Name,
        /// The cell.
        cell: Cell,
    },
}

/// Why a tunnel has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Why {
    /// What came from its far end was not in order.
    #[error(transparent)]
    Broken(#[from] initiator::Broken),
    /// A node on the way ended it.
    #[error("a node on the way ended the tunnel")]
    Destroyed,
    /// What came from its initiator was not in order.
    #[error(transparent)]
    Hostile(#[from] endpoint::Broken),
    /// Nothing has come for long.
    #[error("nothing has come through the tunnel for long")]
    Idle,
    /// The link to the neighbour is gone.
    #[error("the link to the tunnel's next node is gone")]
    LinkLost,
    /// No answer came to the set-up.
    #[error("the set-up was not answered in time")]
    NoAnswer,
    /// The link to the neighbour had no room for a cell.
    #[error("too much waits for the link to the tunnel's next node")]
    NoRoom,
    /// It has lived as long as tunnels do.
    #[error("the tunnel is as old as tunnels grow")]
    TooOld,
}

/// Why no tunnel is laid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// We are on the path ourselves.
    #[error("the path leads through this node itself")]
    Ourselves,
    /// The path is none.
    #[error(transparent)]
    Path(#[from] initiator::PathError),
    /// There are too many circuits.
    #[error("this node has as many circuits as it may")]
    Full,
}

/// Why nothing is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The tunnel is gone.
    #[error("the tunnel is no more")]
    Gone,
    /// Its set-up is not answered yet.
    #[error("the tunnel does not stand yet")]
    NotReady,
    /// There are more bytes than a cell carries.
    #[error(transparent)]
    TooLong(#[from] TooLong),
}
