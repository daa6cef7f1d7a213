//! What nodes say to each other. The bytes stand in the node, in `node/src/wire`; here is the meaning.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::cell::{Axis, Cell};
use crate::certified::{Certificate, Claim, Equivocation, Membership, Roster, Signature};
use crate::id::{NodeId, RecordKey, RequestId};
use crate::load::Load;
use crate::peer::Peer;
use crate::postage::Paid;
use crate::provider::{Provider, Topic};
use crate::queue::Class;
use crate::ranges::{Item, RangeReport};
use crate::record::{Mark, Record};
use crate::ways::Ways;

/// One message on a link between two verified nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// "This is me, and here I can be dialled." To a stranger, without the contact: "pass requests on for me, and I do
    /// for you."
    Announce(Peer),
    /// "I am leaving; do not look for me."
    Farewell,
    /// A request on its way to a cell.
    Request(Request),
    /// "I have taken this request and will see to it": stops the sender's hop timeout.
    Accepted(RequestId),
    /// "I cannot bring this request further"; the sender tries another way.
    Refused(RequestId, Refusal),
    /// The answer, on its way back.
    Answer(Answer),
    /// "Are you there?"
    Ping(Nonce),
    /// "I am; so far it is from me along each axis, and so much have I taken for others."
    Pong {
        /// From the ping.
        nonce: Nonce,
        /// How far it is to the next nodes, as the sender has measured it.
        ways: Ways,
        /// Requests that the sender has taken of late.
        load: Load,
    },
    /// "Is that node there? I get no answer from it."
    ProbeFor {
        /// Chosen by who asks.
        nonce: Nonce,
        /// Who may be dead.
        target: NodeId,
    },
    /// The answer to [`Message::ProbeFor`]: it answered me just now.
    ProbedAlive {
        /// From the question.
        nonce: Nonce,
        /// Who is alive.
        target: NodeId,
    },
    /// "That node is gone, as far as I can see; look for yourself."
    Suspect(NodeId),
    /// "Whom do you know that is a neighbour of mine?"
    RosterQuery,
    /// The answer: all the neighbours of the asker that this node has seen alive itself.
    Roster(Vec<Peer>),
    /// One line in short, to find differences.
    LineSummary(LineSummary),
    /// The same line in full, sent when the summaries differ.
    LineMembers {
        /// The line's direction; both nodes lie on it.
        axis: Axis,
        /// Who is on it.
        members: Vec<NodeId>,
    },
    /// "Send me the cards of these nodes."
    CardQuery(Vec<NodeId>),
    /// Cards of nodes on a line that both share.
    Cards(Vec<Peer>),
    /// "Keep this record as well": from the node that a put reached to the others of its cell.
    Replicate {
        /// Chosen by who asks.
        nonce: Nonce,
        /// The record.
        record: Record,
    },
    /// The answer to [`Message::Replicate`].
    Replicated {
        /// From the question.
        nonce: Nonce,
        /// Whether it is stored safely now.
        stored: bool,
    },
    /// "Send me this record, if you have more of it than I." Asked within a cell.
    Fetch {
        /// Chosen by who asks.
        nonce: Nonce,
        /// Which record.
        key: RecordKey,
        /// The state in which who asks has it.
        than: Option<Mark>,
    },
    /// The answer to [`Message::Fetch`].
    Fetched {
        /// From the question.
        nonce: Nonce,
        /// The record, if it is there.
        record: Option<Record>,
    },
    /// "These are the records that I have, in short or by name." Between nodes of one cell, until both have the same.
    Ranges(Vec<RangeReport>),
    /// "These offer something": to the other nodes of the cell, of what has just been announced to it.
    Offered(Provider),
    /// "This is our line's roster, and so many have signed that": between nodes of a line.
    RosterClaims {
        /// What was signed.
        claim: Claim,
        /// By whom; not checked.
        signatures: Vec<(NodeId, Signature)>,
    },
    /// "Whom does this claim name?"
    RosterWanted(Claim),
    /// The answer to [`Message::RosterWanted`].
    RosterNamed(Roster),
    /// "This node has signed two rosters of one line and epoch": to all who are neighbours of it.
    Equivocation(Equivocation),
}

impl Message {
    /// How urgent it is on its link.
    pub fn class(&self) -> Class {
        match self {
            // What is bulk about a small request is its answer: behind other bulk it would be given up before it arrives.
            Self::Request(request) if request.is_light() => request.class().min(Class::Interactive),
            Self::Request(request) => request.class(),
            Self::Answer(answer) => answer.class,
            Self::Replicate { .. } | Self::Fetched { .. } | Self::Ranges(_) => Class::Bulk,
            Self::Fetch { .. } | Self::Replicated { .. } | Self::Offered(_) => Class::Interactive,
            Self::Announce(_)
            | Self::Farewell
            | Self::Accepted(_)
            | Self::Refused(..)
            | Self::Ping(_)
            | Self::Pong { .. }
            | Self::ProbeFor { .. }
            | Self::ProbedAlive { .. }
            | Self::Suspect(_)
            | Self::RosterQuery
            | Self::Roster(_)
            | Self::LineSummary(_)
            | Self::LineMembers { .. }
            | Self::CardQuery(_)
            | Self::Cards(_)
            | Self::RosterClaims { .. }
            | Self::RosterWanted(_)
            | Self::RosterNamed(_)
            | Self::Equivocation(_) => Class::Control,
        }
    }
}

/// A number that ties an answer to its question, between two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(pub u64);

/// A line in a few bytes: equal summaries mean equal rosters (but for a chance of 2^-64).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineSummary {
    /// The line's direction; both nodes lie on it.
    pub axis: Axis,
    /// How many nodes are on it.
    pub count: u32,
    /// The sum of the first eight bytes of their names, modulo 2^64. Names are hashes, so they need no more mixing.
    pub sum: u64,
}

/// A request to whoever is in a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Ties the answer to the request on every link of the way.
    pub id: RequestId,
    /// Where it goes.
    pub target: Cell,
    /// Links crossed so far.
    pub hops: u8,
    /// Links it may still cross.
    pub hops_left: u8,
    /// How urgent it is, as whoever asks says; see [`Request::class`].
    pub class: Class,
    /// What was paid for it, if somebody on the way asked for that.
    pub paid: Option<Paid>,
    /// What is asked.
    pub body: RequestBody,
}

impl Request {
    /// The class in which it is served: what it says, but control only for what keeps the grid together.
    pub fn class(&self) -> Class {
        match (&self.body, self.class) {
            (RequestBody::Join(_) | RequestBody::Audit(_), class) => class,
            (_, class) => class.max(Class::Interactive),
        }
    }

    /// What it costs to serve or to pass on, in units of the simplest request. Rough: what is compared is neighbours
    /// who ask for many different things.
    pub(crate) fn work(&self) -> u32 {
        let payload = u32::try_from(self.body.payload() / BYTES_A_UNIT).unwrap_or(u32::MAX);
        let base: u32 = match &self.body {
            // Sealing takes an RSA operation, about as long as twenty records take.
            RequestBody::Join(_) => 20,
            // What answers it is as long as some records.
            RequestBody::Put(_) | RequestBody::Roster { .. } => 4,
            RequestBody::Get { reach: Reach::Nearest, .. } => 2,
            RequestBody::Get { reach: Reach::Cell | Reach::Newest, .. } => 8,
            RequestBody::Audit(_) | RequestBody::Provide(_) | RequestBody::Providers(_) | RequestBody::Ask { .. } => 2,
            RequestBody::Echo(_) => 1,
        };
        base.saturating_add(payload)
    }

    /// Whether it is no burden on a link.
    pub(crate) fn is_light(&self) -> bool {
        self.body.payload() <= BYTES_A_UNIT
    }

    /// Memory that it takes while it waits, about.
    pub(crate) fn bytes(&self) -> usize {
        core::mem::size_of::<Self>() + self.body.payload()
    }

    /// Who joins by it, if that is what it is for.
    pub(crate) fn newcomer(&self) -> Option<NodeId> {
        match &self.body {
            RequestBody::Join(newcomer) => Some(newcomer.id()),
            RequestBody::Put(_)
            | RequestBody::Get { .. }
            | RequestBody::Echo(_)
            | RequestBody::Audit(_)
            | RequestBody::Provide(_)
            | RequestBody::Providers(_)
            | RequestBody::Roster { .. }
            | RequestBody::Ask { .. } => None,
        }
    }

    /// Whether who is asked needs no time for it: then the answer says as much as an acceptance.
    pub(crate) const fn is_quick(&self) -> bool {
        match self.body {
            RequestBody::Get { reach: Reach::Nearest, .. } | RequestBody::Echo(_) | RequestBody::Roster { .. } => true,
            RequestBody::Get { reach: Reach::Cell | Reach::Newest, .. }
            | RequestBody::Join(_)
            | RequestBody::Put(_)
            | RequestBody::Audit(_)
            | RequestBody::Provide(_)
            | RequestBody::Providers(_)
            | RequestBody::Ask { .. } => false,
        }
    }

    /// The one node of the cell that it is for, if not for any.
    pub(crate) fn addressee(&self) -> Option<NodeId> {
        match &self.body {
            RequestBody::Ask { node, .. } => Some(*node),
            RequestBody::Join(_)
            | RequestBody::Put(_)
            | RequestBody::Get { .. }
            | RequestBody::Echo(_)
            | RequestBody::Audit(_)
            | RequestBody::Provide(_)
            | RequestBody::Roster { .. }
            | RequestBody::Providers(_) => None,
        }
    }
}

/// Bytes whose handling costs about as much as the simplest request.
const BYTES_A_UNIT: usize = 4 << 10;

/// The longest question to a node's own services, in bytes.
pub const MAX_QUESTION: usize = 4 << 10;
/// The longest reply to one.
pub const MAX_REPLY: usize = 64 << 10;

/// Records that one audit asks for: 25 KiB at most.
pub const MAX_AUDIT: usize = 512;

/// What a request asks of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestBody {
    /// "I am new and belong near you: tell me, sealed, where you are." The card bears no contact.
    Join(Peer),
    /// "Keep this."
    Put(Record),
    /// "Give me this."
    Get {
        /// Which record.
        key: RecordKey,
        /// How many nodes of the cell are to be asked.
        reach: Reach,
    },
    /// "Say the same": for measurements.
    Echo(Arc<[u8]>),
    /// "Which of these do you lack?" Between the cells that keep a record.
    Audit(Vec<Item>),
    /// "I offer this: tell others."
    Provide(Provider),
    /// "Who offers this?"
    Providers(Topic),
    /// "Pass this on to that node of your cell": to the services of a node whose address nobody needs to know.
    Ask {
        /// Whom it is for.
        node: NodeId,
        /// What it is asked; at most [`MAX_QUESTION`] bytes, opaque to the overlay.
        question: Arc<[u8]>,
    },
    /// "Who is on your line, by whose word?"
    Roster {
        /// Along which axis.
        axis: Axis,
        /// Only the proof that this node is on it is wanted, of somebody who has the certificate.
        member: Option<NodeId>,
    },
}

impl RequestBody {
    /// Bytes of what it carries.
    pub(crate) fn payload(&self) -> usize {
        match self {
            Self::Join(peer) => peer.card().identity.len() + peer.card().credential.len(),
            Self::Put(record) => usize::try_from(record.weight()).unwrap_or(usize::MAX),
            Self::Echo(bytes) => bytes.len(),
            Self::Audit(items) => core::mem::size_of_val(items.as_slice()),
            Self::Ask { question, .. } => question.len(),
            Self::Get { .. } | Self::Provide(_) | Self::Providers(_) | Self::Roster { .. } => 0,
        }
    }
}

/// How far a get goes within a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The node that it reaches answers alone.
    Nearest,
    /// If that one lacks the record, it asks the others.
    Cell,
    /// It asks the others in any case, and answers with the newest: for mutable records.
    Newest,
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// From the request.
    pub id: RequestId,
    /// Links that the request crossed to reach the node that answers.
    pub hops: u8,
    /// The class of the request: its answer travels in the same.
    pub class: Class,
    /// The cell of the node that answers.
    pub from: Cell,
    /// The answer itself.
    pub body: AnswerBody,
}

/// The answers to [`RequestBody`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerBody {
    /// To a join: the answerer's card, sealed to the newcomer's key.
    Welcome(Arc<[u8]>),
    /// To a put: on how many nodes of the cell the record is stored safely.
    Stored {
        /// Nodes, at least 1.
        nodes: u16,
    },
    /// To a put: no node of the cell could store it.
    NotStored(StoreFailure),
    /// To a get.
    Found(Record),
    /// To a get: the node (or the whole cell, where that was asked) does not have it.
    NotFound,
    /// To any: nobody is in the target cell, says a node on one of its lines.
    Vacant,
    /// To an echo.
    Echo(Arc<[u8]>),
    /// To an audit: the places in the question, in ascending order, of those that the node lacks, and of those that it
    /// has no room for.
    Audited {
        /// "Send me these."
        lacking: Vec<u16>,
        /// "I shall not keep these."
        declined: Vec<u16>,
    },
    /// To an announcement.
    Provided,
    /// To a question for providers: some of those that are known.
    Providers(Vec<Provider>),
    /// To a get, an announcement or a question: too much to do just now; it says nothing about what is there.
    Busy,
    /// To a question: what the node's services say; at most [`MAX_REPLY`] bytes.
    Reply(Arc<[u8]>),
    /// To a question: that node is not in this cell, or not just now.
    Absent,
    /// To a question for a roster: the newest that is certified. If there is none: [`AnswerBody::NotFound`].
    Roster(Certificate),
    /// To a question for one member of a roster.
    Member(Membership),
}

impl AnswerBody {
    /// Bytes of what it carries.
    pub(crate) fn payload(&self) -> usize {
        match self {
            Self::Welcome(bytes) | Self::Echo(bytes) | Self::Reply(bytes) => bytes.len(),
            Self::Found(record) => usize::try_from(record.weight()).unwrap_or(usize::MAX),
            Self::Audited { lacking, declined } => 2 * (lacking.len() + declined.len()),
            Self::Providers(providers) => core::mem::size_of_val(providers.as_slice()),
            Self::Roster(certificate) => certificate.bytes(),
            Self::Stored { .. }
            | Self::NotStored(_)
            | Self::NotFound
            | Self::Vacant
            | Self::Provided
            | Self::Busy
            | Self::Member(_)
            | Self::Absent => 0,
        }
    }
}

/// Why a node could not store a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreFailure {
    /// The disk, or its quota, is full.
    #[error("no space left to store it")]
    Full,
    /// The storage failed in another way; the node's log says how.
    #[error("the storage failed")]
    Failed,
    /// The value is larger than the grid allows.
    #[error("the value is larger than the grid allows")]
    TooLarge,
    /// The node's share of its disk is full, and all that is there matters as much.
    #[error("its quota is full of records that are worth as much as this one, {}", advice(*worth))]
    QuotaFull {
        /// What the record is worth, in bits above the price.
        worth: i32,
    },
    /// Too many writes under way.
    #[error("too busy just now")]
    Busy,
    /// The record's time is over.
    #[error("the record has expired")]
    Expired,
    /// The record begins, or was written, in the future.
    #[error("it is dated in the future: set the writer's clock right")]
    Future,
    /// The terms allow the next version only later.
    #[error("it is too early for another version: the terms allow it in {seconds} s")]
    TooEarly {
        /// How long to wait.
        seconds: u32,
    },
    /// A later version is there.
    #[error("version {sequence} is there already, and this is an earlier one: get the record and rewrite that")]
    Superseded {
        /// The later version.
        sequence: u64,
    },
    /// The cell is not one of those that keep the record.
    #[error("the cell is not one of those that keep this record")]
    NotHere,
    /// The writer has signed another value under the same number.
    #[error("the writer has signed another value under the same number, and both are kept as proof of that")]
    Equivocation,
}

/// What would make room for a record of that worth.
fn advice(worth: i32) -> alloc::string::String {
    match worth {
        0.. => alloc::format!("of priority {worth}: more would make room"),
        lacking => alloc::format!("since the price was not paid in full, {} bits are lacking", lacking.unsigned_abs()),
    }
}

impl StoreFailure {
    /// Whether other nodes would say the same: the fault is the record's, not the node's.
    pub const fn is_final(&self) -> bool {
        match self {
            Self::TooLarge
            | Self::Expired
            | Self::Future
            | Self::TooEarly { .. }
            | Self::Superseded { .. }
            | Self::Equivocation => true,
            Self::Full | Self::Failed | Self::QuotaFull { .. } | Self::Busy | Self::NotHere => false,
        }
    }
}

/// Why a node did not take a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No neighbour brings it nearer, or all that could have failed.
    #[error("no way to the cell")]
    NoWay,
    /// This request has been here before.
    #[error("it has been here before")]
    Loop,
    /// Too much waits here, and this request is worth less than the rest.
    #[error("too busy, for about {} ms", retry_after.as_millis())]
    Busy {
        /// When it may be better.
        retry_after: Duration,
        /// The effort with which a request would be served before those that pay nothing; 0 if none is asked for.
        effort: u32,
    },
    /// The sender may not ask this: a guest only joins.
    #[error("not allowed to ask this")]
    NotAllowed,
    /// There is a way, but somebody on it did not take the request in time, or was too busy.
    #[error("somebody on the way did not answer")]
    Slow,
}
