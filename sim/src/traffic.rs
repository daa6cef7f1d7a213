//! What was sent: counts and bytes by kind and by purpose, and whether an address reached somebody who must not know it.

mod purpose;

use std::collections::BTreeMap;

use grid::cell::MAX_DIMS;
use grid::id::RecordKey;
use grid::message::{AnswerBody, Message, RequestBody};
use grid::peer::Peer;
use grid::ranges::{RangeContent, RangeReport};
use grid::record::Record;
use grid::time::Time;

use crate::identity::{Book, HostIndex};

pub use purpose::Purpose;
use purpose::Purposes;

/// Bytes of a card without contact on the real wire: a 272-byte identity, a 256-byte signature, keys and lengths.
const CARD: u64 = 650;
/// Bytes of a contact: a few addresses and an Ed25519 signature.
const CONTACT: u64 = 150;
/// Bytes around every message: frame length, kind, numbers.
const ENVELOPE: u64 = 30;

/// Counts of one kind of message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Messages delivered.
    pub messages: u64,
    /// Their estimated bytes on the real wire.
    pub bytes: u64,
}

impl Count {
    pub(crate) fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }

    /// What came since an earlier count.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self { messages: self.messages - earlier.messages, bytes: self.bytes - earlier.bytes }
    }
}

/// One end of a message's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Which host.
    pub host: HostIndex,
    /// Whether its node has joined.
    pub joined: bool,
}

/// A message's way over one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// When it arrives.
    pub at: Time,
    /// Who sent it.
    pub from: End,
    /// Who gets it.
    pub to: End,
}

impl Passage {
    fn join_or_upkeep(&self) -> Purpose {
        if self.from.joined && self.to.joined { Purpose::Upkeep } else { Purpose::Join }
    }
}

/// What was delivered since the beginning.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    kinds: BTreeMap<&'static str, Count>,
    by_purpose: BTreeMap<Purpose, Count>,
    purposes: Purposes,
    /// What each host has sent or got.
    by_host: Vec<Count>,
    /// Contacts given to somebody who is no neighbour of their owner. Must stay 0.
    pub leaked_contacts: u64,
}

impl Traffic {
    /// Takes one message.
    pub fn note(&mut self, book: &Book, passage: &Passage, message: &Message) {
        let one = Count { messages: 1, bytes: ENVELOPE + payload(message) };
        let purpose = self.purposes.of(passage, message);
        self.kinds.entry(kind(message)).or_default().add(one);
        self.by_purpose.entry(purpose).or_default().add(one);
        let to = passage.to.host;
        for host in [passage.from.host, to] {
            if self.by_host.len() <= host {
                self.by_host.resize(host + 1, Count::default());
            }
            self.by_host[host].add(one);
        }
        for peer in cards(message).filter(|peer| peer.has_contact()) {
            let entitled = peer.cell().is_neighbour(&book.cell(to)) || book.id(to) == peer.id();
            self.leaked_contacts += u64::from(!entitled);
        }
    }

    /// Is told of an owner's put, so that it is not taken for a repair.
    pub fn begin_put(&mut self, now: Time, key: RecordKey) {
        self.purposes.begin_put(now, key);
    }

    /// The count of a purpose.
    pub fn of(&self, purpose: Purpose) -> Count {
        self.by_purpose.get(&purpose).copied().unwrap_or_default()
    }

    /// What a host has sent or got.
    pub fn of_host(&self, host: HostIndex) -> Count {
        self.by_host.get(host).copied().unwrap_or_default()
    }

    /// The counts, by kind.
    pub fn kinds(&self) -> impl Iterator<Item = (&'static str, Count)> + '_ {
        self.kinds.iter().map(|(&kind, &count)| (kind, count))
    }

    /// All kinds together.
    pub fn total(&self) -> Count {
        let mut total = Count::default();
        self.kinds.values().for_each(|&count| total.add(count));
        total
    }
}

/// All cards that a message shows in the clear.
pub fn cards(message: &Message) -> impl Iterator<Item = &Peer> {
    let (one, many): (Option<&Peer>, &[Peer]) = match message {
        Message::Announce(peer) => (Some(peer), &[]),
        Message::Offered(provider) => (Some(provider.peer()), &[]),
        Message::Request(request) => match &request.body {
            RequestBody::Join(peer) => (Some(peer), &[]),
            RequestBody::Provide(provider) => (Some(provider.peer()), &[]),
            RequestBody::Put(_)
            | RequestBody::Get { .. }
            | RequestBody::Echo(_)
            | RequestBody::Audit(_)
            | RequestBody::Ask { .. }
            | RequestBody::Roster { .. }
            | RequestBody::Providers(_) => (None, &[]),
        },
        Message::Roster(peers) | Message::Cards(peers) => (None, peers),
        // Of these no card ever has a contact.
        Message::Equivocation(_)
        | Message::RosterClaims { .. }
        | Message::RosterWanted(_)
        | Message::RosterNamed(_)
        | Message::Farewell
        | Message::Accepted(_)
        | Message::Refused(..)
        | Message::Answer(_)
        | Message::Ping(_)
        | Message::Pong { .. }
        | Message::ProbeFor { .. }
        | Message::ProbedAlive { .. }
        | Message::Suspect(_)
        | Message::RosterQuery
        | Message::LineSummary(_)
        | Message::LineMembers { .. }
        | Message::CardQuery(_)
        | Message::Replicate { .. }
        | Message::Replicated { .. }
        | Message::Fetch { .. }
        | Message::Fetched { .. }
        | Message::Ranges(_) => (None, &[]),
    };
    one.into_iter().chain(many)
}

/// The estimated bytes of a message on the real wire, without what is around every message.
pub(crate) fn payload(message: &Message) -> u64 {
    let cards: u64 = cards(message).map(|peer| CARD + if peer.has_contact() { CONTACT } else { 0 }).sum();
    let rest = match message {
        Message::Request(request) => match &request.body {
            RequestBody::Put(record) => record_bytes(record),
            RequestBody::Audit(items) => ITEM * items.len(),
            RequestBody::Provide(provider) => OFFER + provider.offer().note.len(),
            RequestBody::Providers(_) => 32,
            RequestBody::Echo(bytes) => bytes.len(),
            RequestBody::Ask { question, .. } => 32 + question.len(),
            RequestBody::Get { .. } | RequestBody::Roster { .. } => 33,
            RequestBody::Join(_) => 0,
        },
        Message::Answer(answer) => match &answer.body {
            AnswerBody::Found(record) => record_bytes(record),
            AnswerBody::Audited { lacking, declined } => 2 * (lacking.len() + declined.len()),
            AnswerBody::Providers(providers) => {
                providers.iter().map(|provider| OFFER + provider.offer().note.len()).sum()
            }
            AnswerBody::Roster(certificate) => {
                let signers = certificate.signed().len() * (size(CARD) + 64);
                CLAIM + MEMBER * certificate.roster().members().len() + signers
            }
            AnswerBody::Member(member) => CLAIM + size(CARD) + 32 * member.proof().hashes.len(),
            AnswerBody::Provided | AnswerBody::Busy | AnswerBody::Absent => 0,
            AnswerBody::Welcome(bytes) | AnswerBody::Echo(bytes) | AnswerBody::Reply(bytes) => bytes.len(),
            AnswerBody::Stored { .. } | AnswerBody::NotStored(_) | AnswerBody::NotFound | AnswerBody::Vacant => 2,
        },
        Message::Replicate { record, .. } | Message::Fetched { record: Some(record), .. } => record_bytes(record),
        Message::Offered(provider) => OFFER + provider.offer().note.len(),
        // Three bytes an axis at most, of which there are eight at most, and five for the load.
        Message::Pong { .. } => 3 * usize::from(MAX_DIMS) + 5,
        Message::LineMembers { members, .. } => 32 * members.len(),
        Message::CardQuery(names) => 32 * names.len(),
        Message::RosterClaims { signatures, .. } => CLAIM + (32 + 64) * signatures.len(),
        Message::RosterWanted(_) => CLAIM,
        Message::RosterNamed(roster) => MEMBER * roster.members().len(),
        Message::Equivocation(_) => 2 * (CLAIM + size(CARD) + 64),
        Message::Fetch { .. } => 32 + 17,
        Message::Ranges(reports) => reports.iter().map(range_bytes).sum(),
        Message::Announce(_)
        | Message::Farewell
        | Message::Accepted(_)
        | Message::Refused(..)
        | Message::Ping(_)
        | Message::ProbeFor { .. }
        | Message::ProbedAlive { .. }
        | Message::Suspect(_)
        | Message::RosterQuery
        | Message::Roster(_)
        | Message::LineSummary(_)
        | Message::Cards(_)
        | Message::Replicated { .. }
        | Message::Fetched { record: None, .. } => 0,
    };
    cards + rest as u64
}

/// The kind's name, as reports print it.
pub fn kind(message: &Message) -> &'static str {
    match message {
        Message::Announce(_) => "announce",
        Message::Farewell => "farewell",
        Message::Request(_) => "request",
        Message::Accepted(_) => "accepted",
        Message::Refused(..) => "refused",
        Message::Answer(_) => "answer",
        Message::Ping(_) => "ping",
        Message::Pong { .. } => "pong",
        Message::ProbeFor { .. } => "probe-for",
        Message::ProbedAlive { .. } => "probed-alive",
        Message::Suspect(_) => "suspect",
        Message::RosterQuery => "roster-query",
        Message::Roster(_) => "roster",
        Message::LineSummary(_) => "line-summary",
        Message::LineMembers { .. } => "line-members",
        Message::CardQuery(_) => "card-query",
        Message::Ranges(_) => "ranges",
        Message::Cards(_) => "cards",
        Message::Replicate { .. } => "replicate",
        Message::Replicated { .. } => "replicated",
        Message::Fetch { .. } => "fetch",
        Message::Fetched { .. } => "fetched",
        Message::Offered(_) => "offered",
        Message::RosterClaims { .. } => "roster-claims",
        Message::RosterWanted(_) => "roster-wanted",
        Message::RosterNamed(_) => "roster-named",
        Message::Equivocation(_) => "equivocation",
    }
}

/// A key and a mark.
const ITEM: usize = 34;
/// An offer without its note: topic, times, signature.
const OFFER: usize = 32 + 18 + 64;

/// A claim: line, epoch, root and count.
const CLAIM: usize = 10 + 9 + 32 + 3;
/// A member of a roster: name and place.
const MEMBER: usize = 32 + 1;

fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

fn record_bytes(record: &Record) -> usize {
    usize::try_from(record.weight()).unwrap_or(usize::MAX)
}

/// Two keys, and a fingerprint or keys.
fn range_bytes(report: &RangeReport) -> usize {
    let content = match &report.content {
        RangeContent::Fingerprint(fingerprint) => fingerprint.len(),
        RangeContent::All(keys) | RangeContent::Lacking(keys) => ITEM * keys.len(),
    };
    64 + content
}
