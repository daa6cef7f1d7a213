//! The messages as they travel: [`grid::message`] once more, in types that anybody may fill with anything.
//!
//! The order of the fields and of the variants is the wire format. A variant is known by its place, counted from 0: a
//! new one goes to the end, and none is ever removed or moved.

use std::num::NonZeroU32;
use std::sync::Arc;

use grid::certified::MAX_MEMBERS;
use grid::message::{MAX_AUDIT, MAX_QUESTION, MAX_REPLY};
use grid::provider::MAX_ANSWERED;
use grid::ranges::{MAX_ITEMS, MAX_RANGES};
use serde::{Deserialize, Serialize};

use super::{MAX_CARDS, MAX_ECHO, MAX_NAMES, MAX_WELCOME};
use crate::wire::bounded;
use crate::wire::card::WireCard;
use crate::wire::offer::WireProvider;
use crate::wire::record::WireRecord;
use crate::wire::roster::{WireCertificate, WireClaim, WireEquivocation, WireMembership, WireRoster, WireSignature};

/// The most coordinates that are read; how many a cell has is the grid's affair.
const MAX_COORDINATES: usize = grid::cell::MAX_DIMS as usize;

/// A [`NodeId`](grid::id::NodeId).
pub(super) type WireName = [u8; 32];

/// A [`Message`](grid::message::Message).
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum WireMessage {
    /// 0
    Announce(WireCard),
    /// 1
    Farewell,
    /// 2
    Request(WireRequest),
    /// 3
    Accepted([u8; 16]),
    /// 4
    Refused([u8; 16], WireRefusal),
    /// 5
    Answer(WireAnswer),
    /// 6
    Ping(u64),
    /// 7
    Pong {
        nonce: u64,
        #[serde(deserialize_with = "bounded::list::<MAX_COORDINATES, _, _>")]
        ways: Vec<u16>,
        load: u32,
    },
    /// 8
    ProbeFor { nonce: u64, target: WireName },
    /// 9
    ProbedAlive { nonce: u64, target: WireName },
    /// 10
    Suspect(WireName),
    /// 11
    RosterQuery,
    /// 12
    Roster(#[serde(deserialize_with = "bounded::list::<MAX_CARDS, _, _>")] Vec<WireCard>),
    /// 13
    LineSummary { axis: u8, count: u32, sum: u64 },
    /// 14
    LineMembers {
        axis: u8,
        #[serde(deserialize_with = "bounded::list::<MAX_NAMES, _, _>")]
        members: Vec<WireName>,
    },
    /// 15
    CardQuery(#[serde(deserialize_with = "bounded::list::<MAX_NAMES, _, _>")] Vec<WireName>),
    /// 16
    Cards(#[serde(deserialize_with = "bounded::list::<MAX_CARDS, _, _>")] Vec<WireCard>),
    /// 17
    Replicate { nonce: u64, record: WireRecord },
    /// 18
    Replicated { nonce: u64, stored: bool },
    /// 19
    Fetch { nonce: u64, key: [u8; 32], than: Option<WireMark> },
    /// 20
    Fetched { nonce: u64, record: Option<WireRecord> },
    /// 21
    Ranges(#[serde(deserialize_with = "bounded::list::<MAX_RANGES, _, _>")] Vec<WireRange>),
    /// 22
    Offered(WireProvider),
    /// 23
    RosterClaims {
        claim: WireClaim,
        #[serde(deserialize_with = "bounded::list::<MAX_MEMBERS, _, _>")]
        signatures: Vec<(WireName, WireSignature)>,
    },
    /// 24
    RosterWanted(WireClaim),
    /// 25
    RosterNamed(WireRoster),
    /// 26
    Equivocation(Box<WireEquivocation>),
}

/// A [`Mark`](grid::record::Mark): sequence and tag.
pub(super) type WireMark = (u64, u64);

/// An [`Item`](grid::ranges::Item): key and mark.
pub(super) type WireItem = ([u8; 32], WireMark);

/// A [`RangeReport`](grid::ranges::RangeReport).
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WireRange {
    pub(super) first: [u8; 32],
    pub(super) last: [u8; 32],
    pub(super) content: WireRangeContent,
}

/// A [`RangeContent`](grid::ranges::RangeContent).
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum WireRangeContent {
    /// 0
    Fingerprint([u8; 16]),
    /// 1
    All(#[serde(deserialize_with = "bounded::list::<MAX_ITEMS, _, _>")] Vec<WireItem>),
    /// 2
    Lacking(#[serde(deserialize_with = "bounded::list::<MAX_ITEMS, _, _>")] Vec<WireItem>),
}

/// A [`Request`](grid::message::Request).
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WireRequest {
    pub(super) id: [u8; 16],
    pub(super) target: WireCell,
    pub(super) hops: u8,
    pub(super) hops_left: u8,
    pub(super) class: WireClass,
    pub(super) postage: Option<WirePostage>,
    pub(super) body: WireRequestBody,
}

/// A [`Postage`](grid::postage::Postage).
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct WirePostage {
    pub(super) window: u32,
    pub(super) effort: NonZeroU32,
    pub(super) nonce: u64,
}

/// A [`Class`](grid::queue::Class).
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum WireClass {
    /// 0
    Control,
    /// 1
    Interactive,
    /// 2
    Bulk,
}

/// A [`RequestBody`](grid::message::RequestBody).
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum WireRequestBody {
    /// 0
    Join(WireCard),
    /// 1
    Put(WireRecord),
    /// 2
    Get { key: [u8; 32], reach: WireReach },
    /// 3
    Echo(
        #[serde(serialize_with = "bounded::write_bytes", deserialize_with = "bounded::bytes::<MAX_ECHO, _, _>")]
        Arc<[u8]>,
    ),
    /// 4
    Audit(#[serde(deserialize_with = "bounded::list::<MAX_AUDIT, _, _>")] Vec<WireItem>),
    /// 5
    Provide(WireProvider),
    /// 6
    Providers([u8; 32]),
    /// 7
    Ask {
        node: [u8; 32],
        #[serde(serialize_with = "bounded::write_bytes", deserialize_with = "bounded::bytes::<MAX_QUESTION, _, _>")]
        question: Arc<[u8]>,
    },
    /// 8
    Roster { axis: u8, member: Option<WireName> },
}

/// A [`Reach`](grid::message::Reach).
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum WireReach {
    /// 0
    Nearest,
    /// 1
    Cell,
    /// 2
    Newest,
}

/// An [`Answer`](grid::message::Answer).
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WireAnswer {
    pub(super) id: [u8; 16],
    pub(super) hops: u8,
    pub(super) class: WireClass,
    pub(super) from: WireCell,
    pub(super) body: WireAnswerBody,
}

/// An [`AnswerBody`](grid::message::AnswerBody).
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum WireAnswerBody {
    /// 0
    Welcome(
        #[serde(serialize_with = "bounded::write_bytes", deserialize_with = "bounded::bytes::<MAX_WELCOME, _, _>")]
        Arc<[u8]>,
    ),
    /// 1
    Stored { nodes: u16 },
    /// 2
    NotStored(WireStoreFailure),
    /// 3
    Found(WireRecord),
    /// 4
    NotFound,
    /// 5
    Vacant,
    /// 6
    Echo(
        #[serde(serialize_with = "bounded::write_bytes", deserialize_with = "bounded::bytes::<MAX_ECHO, _, _>")]
        Arc<[u8]>,
    ),
    /// 7
    Audited {
        #[serde(deserialize_with = "bounded::list::<MAX_AUDIT, _, _>")]
        lacking: Vec<u16>,
        #[serde(deserialize_with = "bounded::list::<MAX_AUDIT, _, _>")]
        declined: Vec<u16>,
    },
    /// 8
    Provided,
    /// 9
    Providers(#[serde(deserialize_with = "bounded::list::<MAX_ANSWERED, _, _>")] Vec<WireProvider>),
    /// 10
    Busy,
    /// 11
    Reply(
        #[serde(serialize_with = "bounded::write_bytes", deserialize_with = "bounded::bytes::<MAX_REPLY, _, _>")]
        Arc<[u8]>,
    ),
    /// 12
    Absent,
    /// 13
    Roster(WireCertificate),
    /// 14
    Member(WireMembership),
}

/// A [`StoreFailure`](grid::message::StoreFailure).
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum WireStoreFailure {
    /// 0
    Full,
    /// 1
    Failed,
    /// 2
    TooLarge,
    /// 3
    QuotaFull { worth: i32 },
    /// 4
    Busy,
    /// 5
    Expired,
    /// 6
    Future,
    /// 7
    TooEarly { seconds: u32 },
    /// 8
    Superseded { sequence: u64 },
    /// 9
    Equivocation,
    /// 10
    NotHere,
}

/// A [`Refusal`](grid::message::Refusal).
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum WireRefusal {
    /// 0
    NoWay,
    /// 1
    Loop,
    /// 2
    Busy { retry_after_ms: u16, effort: u32 },
    /// 3
    NotAllowed,
    /// 4
    Slow,
}

/// A [`Cell`](grid::cell::Cell): its coordinates.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WireCell(#[serde(deserialize_with = "bounded::list::<MAX_COORDINATES, _, _>")] pub(super) Vec<u16>);
