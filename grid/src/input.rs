//! What can happen to a node.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::cell::{Axis, Cell};
use crate::certified::{Claim, SignedClaim};
use crate::id::{NodeId, RecordKey};
use crate::level::Level;
use crate::message::{Message, StoreFailure};
use crate::overlay::Timer;
use crate::peer::{Address, DialFailure, DialTarget, Peer};
use crate::postage::Paid;
use crate::provider::{Provider, Topic};
use crate::record::{Holding, Pointer, Record};

/// A number that ties what the shell reports to what it was asked to do, or the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// One thing that happened; given to [`crate::overlay::Overlay::handle`].
#[derive(Clone, Debug)]
pub enum Input {
    /// The node's owner wants something.
    Command(Command),
    /// A verified node on an open link said something.
    Message {
        /// Who.
        from: NodeId,
        /// What.
        message: Message,
    },
    /// A timer that was set has run out.
    Timer(Timer),
    /// A link is open, and both sides have verified each other. The peer bears no contact yet, unless we had one.
    Connected {
        /// Who it is.
        peer: Peer,
        /// How much it does for others, as it says.
        level: Level,
        /// The address we dialled, if it was by address alone.
        introducer: Option<Address>,
    },
    /// A link is gone.
    Disconnected(NodeId),
    /// A dial led to no link.
    DialFailed {
        /// Who was dialled.
        target: DialTarget,
        /// Why it failed.
        why: DialFailure,
    },
    /// Somebody was found who may be a node of this grid, on the same network for example, and may be tried as an introducer.
    Found(Address),
    /// The outcome of [`crate::output::Output::Seal`].
    Sealed {
        /// From the request.
        ticket: Ticket,
        /// The sealed bytes; `None` if sealing was impossible.
        sealed: Option<Vec<u8>>,
    },
    /// The outcome of [`crate::output::Output::Open`].
    Opened {
        /// From the request.
        ticket: Ticket,
        /// Who welcomed us, verified; or what was wrong with the sealed bytes.
        welcome: Result<Peer, String>,
    },
    /// The outcome of [`crate::output::Output::Store`].
    Stored {
        /// From the request.
        ticket: Ticket,
        /// `Ok` when the record is on disk.
        outcome: Result<(), StoreFailure>,
    },
    /// The outcome of [`crate::output::Output::Load`].
    Loaded {
        /// From the request.
        ticket: Ticket,
        /// The record; `None` if it is not there any more.
        record: Option<Record>,
    },
    /// [`crate::output::Output::Load`] was not possible just now; the record may still be there.
    Unread {
        /// From the request.
        ticket: Ticket,
    },
    /// The outcome of [`crate::output::Output::Pay`].
    Paid {
        /// From the request.
        ticket: Ticket,
        /// What was paid; `None` if the shell could not: the request goes out without.
        paid: Option<Paid>,
    },
    /// The outcome of [`crate::output::Output::SignClaim`].
    ClaimSigned(SignedClaim),
    /// The outcome of [`crate::output::Output::CheckClaims`].
    ClaimsChecked {
        /// From the request.
        from: NodeId,
        /// From the request.
        claim: Claim,
        /// The signatures that are true.
        signed: Vec<SignedClaim>,
        /// How many are not.
        refused: u32,
    },
    /// A message was not sent: too much bulk waits for the link already, which is slow, and this is more of it.
    Unsent {
        /// To whom.
        to: NodeId,
        /// What.
        message: Message,
    },
    /// The shell has time for one of the requests that wait ([`crate::overlay::Overlay::waiting`]). Messages are taken in
    /// at once and cost little; what they ask for is done when nothing more urgent is there.
    Turn,
}

/// What a node's owner can want.
#[derive(Clone, Debug)]
pub enum Command {
    /// Begin: with what an earlier run left on disk, and with the introducers that the owner named. Comes first, once.
    Start {
        /// Neighbours known from an earlier run.
        known: Vec<Peer>,
        /// What is in the storage.
        records: Vec<(RecordKey, Holding)>,
        /// What the wall clock shows, in seconds of Unix time.
        unix: u64,
        /// Where to join; may be empty, then its known neighbours lead this node back, or it waits for somebody to be found
        /// ([`crate::config::Config::found_after`]), or is the first.
        introducers: Vec<Address>,
    },
    /// Our own card has changed: we can be dialled elsewhere, or the credential was renewed.
    CardChanged(Peer),
    /// Drop a neighbour whose identity has expired.
    Revoke(NodeId),
    /// What the wall clock shows, in seconds of Unix time: now and then, since it may be set.
    Clock(u64),
    /// Hand over what nobody else in the cell has, and say farewell to everybody. The shell ends the process when it
    /// hears [`crate::output::Event::Left`] and the messages are out.
    Leave,
    /// Store a record in its cells.
    Put {
        /// Returned with the outcome.
        ticket: Ticket,
        /// The record.
        record: Record,
    },
    /// Find a record.
    Get {
        /// Returned with the outcome.
        ticket: Ticket,
        /// Terms and stamp.
        pointer: Pointer,
        /// Which chunk of its value, counted from 0; of a mutable record 0.
        chunk: u32,
    },
    /// Announce that this node offers something.
    Provide {
        /// Returned with the outcome.
        ticket: Ticket,
        /// What, signed.
        provider: Provider,
    },
    /// Find out who offers something.
    Providers {
        /// Returned with the outcome.
        ticket: Ticket,
        /// What.
        topic: Topic,
    },
    /// Ask a cell for the certified roster of its line along an axis.
    Roster {
        /// Returned with the outcome.
        ticket: Ticket,
        /// Which cell.
        cell: Cell,
        /// Along which axis.
        axis: Axis,
    },
    /// Ask a cell to echo: for measurements.
    Echo {
        /// Returned with the outcome.
        ticket: Ticket,
        /// Which cell.
        target: Cell,
    },
    /// Ask the services of a node, along the grid.
    Ask {
        /// Returned with the outcome.
        ticket: Ticket,
        /// Which node.
        node: NodeId,
        /// Its cell.
        cell: Cell,
        /// The question; at most [`crate::message::MAX_QUESTION`] bytes.
        question: Arc<[u8]>,
    },
    /// What this node's services say to a question.
    Reply {
        /// From [`crate::output::Event::Asked`].
        ticket: Ticket,
        /// At most [`crate::message::MAX_REPLY`] bytes; `None` if they are too busy.
        reply: Option<Arc<[u8]>>,
    },
}
