//! What a node does about it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::num::NonZeroU32;
use core::time::Duration;

use crate::cell::{Cell, Line};
use crate::certified::{Certificate, Claim, Signature};
use crate::id::{NodeId, RecordKey, RequestId};
use crate::input::Ticket;
use crate::message::{Message, StoreFailure};
use crate::overlay::Timer;
use crate::peer::{DialTarget, Peer};
use crate::provider::Provider;
use crate::record::Record;

/// One thing that the shell has to do, in the order given.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send on the open link; if there is none any more, drop it (a `Disconnected` is on its way).
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        message: Message,
    },
    /// Open a link; answered by `Connected` or `DialFailed`.
    Dial(DialTarget),
    /// Close the link, after what has been sent; answered by `Disconnected`.
    Disconnect(NodeId),
    /// Come back with the timer after that time.
    SetTimer {
        /// How long from now.
        after: Duration,
        /// Which timer.
        timer: Timer,
    },
    /// Seal our own card, contact included, to the newcomer's key; answered by `Sealed`.
    Seal {
        /// For the answer.
        ticket: Ticket,
        /// The newcomer.
        to: Peer,
    },
    /// Open a welcome that was sealed to our key and verify the card in it; answered by `Opened`.
    Open {
        /// For the answer.
        ticket: Ticket,
        /// The sealed bytes.
        sealed: Arc<[u8]>,
    },
    /// Put the record on disk, safe against a crash; answered by `Stored`.
    Store {
        /// For the answer.
        ticket: Ticket,
        /// The record.
        record: Record,
    },
    /// Read a record from disk; answered by `Loaded`.
    Load {
        /// For the answer.
        ticket: Ticket,
        /// Which.
        key: RecordKey,
    },
    /// Do work for a request of ours, since others are too busy for those who do not; answered by `Paid`.
    Pay {
        /// For the answer.
        ticket: Ticket,
        /// Where the request goes.
        target: Cell,
        /// Its name.
        request: RequestId,
        /// How much, see [`crate::postage`].
        effort: NonZeroU32,
    },
    /// Sign a claim about one of our lines with the transport key; answered by `ClaimSigned`, or not at all if it cannot be
    /// signed. Of a line and epoch at most one is asked for in a run; the shell sees to it that a later run does not sign
    /// for an epoch again.
    SignClaim(Claim),
    /// Check the signatures of nodes on one claim; answered by `ClaimsChecked`.
    CheckClaims {
        /// Who has sent them.
        from: NodeId,
        /// What is said to be signed.
        claim: Claim,
        /// By whom.
        signatures: Vec<(Peer, Signature)>,
    },
    /// Remove a record from disk; nobody waits for it.
    Discard(RecordKey),
    /// Keep this neighbour, contact included, for a restart without an introducer.
    Remember(Peer),
    /// This node is no neighbour any more; forget it.
    Forget(NodeId),
    /// Tell the owner.
    Emit(Event),
}

/// What an owner hears of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Joining has come one step further.
    JoinProgress(JoinStep),
    /// Joining failed at a step and will be tried again.
    JoinFailed {
        /// Where.
        step: JoinStep,
        /// Why, for a person.
        why: alloc::string::String,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// The node is part of the grid: it has heard all its lines, or knows that they are empty.
    Joined {
        /// Linked neighbours.
        neighbours: u32,
    },
    /// What was said of one line does not fit the other lines; it is asked for again, elsewhere.
    RosterDoubt {
        /// Nodes that were named.
        counted: u32,
        /// The least count that the other lines make believable.
        least: u32,
        /// The greatest.
        greatest: u32,
    },
    /// A node has signed two rosters of one line and epoch: there is proof, and others are told.
    Equivocated(NodeId),
    /// The outcome of a question for a line's roster.
    RosterDone {
        /// From the command.
        ticket: Ticket,
        /// Who is on it.
        outcome: Result<Certificate, RequestFailure>,
    },
    /// This node is no leaf any more; it says so to whomever it links from now on.
    Grown,
    /// A neighbour is linked.
    NeighbourUp(NodeId),
    /// A neighbour is gone.
    NeighbourDown(NodeId),
    /// The outcome of a put.
    PutDone {
        /// From the command.
        ticket: Ticket,
        /// Where it went.
        outcome: Result<PutReport, RequestFailure>,
    },
    /// The outcome of a get.
    GetDone {
        /// From the command.
        ticket: Ticket,
        /// What was found.
        outcome: Result<GetReport, RequestFailure>,
    },
    /// The outcome of an announcement.
    ProvideDone {
        /// From the command.
        ticket: Ticket,
        /// How many cells heard it.
        outcome: Result<u32, RequestFailure>,
    },
    /// The outcome of a question for providers.
    ProvidersDone {
        /// From the command.
        ticket: Ticket,
        /// Who they are.
        outcome: Result<Vec<Provider>, RequestFailure>,
    },
    /// Nobody else is in the cell of this node that leaves: its records go to the cells that will stand in for it.
    HandingOver {
        /// How many.
        records: u32,
    },
    /// Farewell was said: the process may end.
    Left,
    /// Somebody asks this node's services something; answered by [`crate::input::Command::Reply`].
    Asked {
        /// For the reply.
        ticket: Ticket,
        /// What is asked.
        question: Arc<[u8]>,
    },
    /// The outcome of a question to a node's services.
    AskDone {
        /// From the command.
        ticket: Ticket,
        /// What they say.
        outcome: Result<Arc<[u8]>, RequestFailure>,
    },
    /// The outcome of an echo.
    EchoDone {
        /// From the command.
        ticket: Ticket,
        /// How far it went.
        outcome: Result<EchoReport, RequestFailure>,
    },
}

/// The steps of joining, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JoinStep {
    /// Connect to the introducer.
    Dial,
    /// Exchange credentials with it.
    Credential,
    /// Have it route the request to the home cell.
    Route,
    /// Get the home cell's sealed answer and open it.
    HomeCell,
    /// Connect to the node that answered.
    DialBack,
    /// Get the rosters and connect to the neighbours.
    Rosters,
}

/// A put that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutReport {
    /// Nodes that have stored the record.
    pub nodes: u32,
    /// Cells they are in.
    pub cells: u32,
}

/// A get that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetReport {
    /// The record.
    pub record: Record,
    /// Links crossed to the node that answered; 0 if this node has it itself.
    pub hops: u8,
    /// The cell of the node that answered.
    pub from: Cell,
    /// Cells that were heard before it was believed to be the newest; 1 for an immutable record.
    pub cells: u32,
}

/// An echo that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EchoReport {
    /// Links crossed to the node that answered.
    pub hops: u8,
    /// The cell of the node that answered.
    pub from: Cell,
}

/// Why a request of ours came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestFailure {
    /// Nobody is in the cell.
    #[error("no node is in cell {0}")]
    Vacant(Cell),
    /// No way was found.
    #[error("no way to cell {0} was found: its lines are empty or all nodes on the way failed")]
    NoWay(Cell),
    /// The cell was reached, and the node is not there.
    #[error("the node is not in cell {0}, or not just now")]
    Absent(Cell),
    /// The node has too much to do.
    #[error("the node in cell {0} is too busy just now: try again in a moment")]
    Busy(Cell),
    /// Requests went out, and nothing came back in time.
    #[error("no answer from cell {0} in time")]
    TimedOut(Cell),
    /// All cells that should have it answered, and none has it.
    #[error("not found: {asked} of its cells answered, none has the record")]
    NotFound {
        /// Cells that answered.
        asked: u32,
    },
    /// No cell that may keep the record has a node.
    #[error("no node was found in any of the cells that may keep this record: the grid is nearly empty")]
    NoKeeper,
    /// The record is not one that a cell keeps now.
    #[error("not stored: {0}")]
    Refused(StoreFailure),
    /// The line has no certified roster, or not of this epoch.
    #[error(
        "the members of the line through cell {0} have not certified a roster yet: that takes an epoch after the grid has begun"
    )]
    Uncertified(Cell),
    /// A certified roster is much too short or too long.
    #[error(
        "the roster of line {line} has {count} members, which does not fit the lines of this node: somebody leaves others out"
    )]
    Doubtful {
        /// The line.
        line: Line,
        /// How many it names.
        count: u32,
    },
    /// Too few cells stored the record.
    #[error("stored in {stored} cells only, {needed} are needed{}", why.map(|why| alloc::format!(": {why}")).unwrap_or_default())]
    TooFewCells {
        /// Cells that did.
        stored: u32,
        /// Cells that it takes.
        needed: u32,
        /// What one of the others said, if they said something.
        why: Option<StoreFailure>,
    },
}
