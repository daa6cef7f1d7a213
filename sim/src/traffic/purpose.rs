//! What messages are sent for. Most kinds say it themselves; of requests and what answers them, the simulator remembers
//! who began them and why.

use core::time::Duration;
use std::collections::BTreeMap;

use grid::id::{RecordKey, RequestId};
use grid::message::{Message, Request, RequestBody};
use grid::time::Time;

use crate::traffic::Passage;

/// What a message is sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// An owner's put, get or echo: the requests and what comes back.
    Client,
    /// Keeping records where they belong: everything between the nodes of a cell about records, the replicas of a
    /// fresh put included, and puts that no owner asked for.
    Repair,
    /// Keeping the rosters true and the dead out of them.
    Upkeep,
    /// Whatever is sent for a node that has not joined yet.
    Join,
}

impl Purpose {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Client, Self::Repair, Self::Upkeep, Self::Join];
}

/// How long the beginning of a request is remembered at least: longer than any operation takes.
const MEMORY: Duration = Duration::from_secs(60);

/// What is remembered to tell purposes apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Purposes {
    requests: Recent<RequestId, Purpose>,
    /// Records that an owner puts: a put of another one is a repair.
    puts: Recent<RecordKey, ()>,
}

impl Purposes {
    /// An owner puts a record.
    pub(super) fn begin_put(&mut self, now: Time, key: RecordKey) {
        self.puts.insert(now, key, ());
    }

    /// What a message is for.
    pub(super) fn of(&mut self, passage: &Passage, message: &Message) -> Purpose {
        match message {
            Message::Request(request) => self.of_request(passage, request),
            Message::Accepted(id) | Message::Refused(id, _) => self.of_known(id),
            Message::Answer(answer) => self.of_known(&answer.id),
            Message::Announce(_) | Message::RosterQuery | Message::Roster(_) => passage.join_or_upkeep(),
            Message::Farewell
            | Message::Ping(_)
            | Message::Pong { .. }
            | Message::ProbeFor { .. }
            | Message::ProbedAlive { .. }
            | Message::Suspect(_)
            | Message::LineSummary(_)
            | Message::LineMembers { .. }
            | Message::CardQuery(_)
            | Message::Cards(_)
            | Message::RosterClaims { .. }
            | Message::RosterWanted(_)
            | Message::RosterNamed(_)
            | Message::Equivocation(_) => Purpose::Upkeep,
            Message::Replicate { .. }
            | Message::Replicated { .. }
            | Message::Fetch { .. }
            | Message::Fetched { .. }
            | Message::Ranges(_)
            | Message::Offered(_) => Purpose::Repair,
        }
    }

    /// The first to be seen with a request is who began it.
    fn of_request(&mut self, passage: &Passage, request: &Request) -> Purpose {
        if let Some(&purpose) = self.requests.find(&request.id) {
            return purpose;
        }
        let purpose = match &request.body {
            // A node that has joined looks for unknown neighbours by the same request.
            RequestBody::Join(_) if passage.from.joined => Purpose::Upkeep,
            RequestBody::Join(_) => Purpose::Join,
            RequestBody::Put(record) if self.puts.find(&record.key()).is_none() => Purpose::Repair,
            RequestBody::Audit(_) => Purpose::Repair,
            RequestBody::Put(_)
            | RequestBody::Get { .. }
            | RequestBody::Echo(_)
            | RequestBody::Provide(_)
            | RequestBody::Ask { .. }
            | RequestBody::Roster { .. }
            | RequestBody::Providers(_) => Purpose::Client,
        };
        self.requests.insert(passage.at, request.id, purpose);
        purpose
    }

    fn of_known(&self, id: &RequestId) -> Purpose {
        self.requests.find(id).copied().unwrap_or(Purpose::Upkeep)
    }
}

/// A map that forgets: what is put in stays for [`MEMORY`], and for twice that at most.
#[derive(Clone, Debug)]
struct Recent<K, V> {
    young: BTreeMap<K, V>,
    old: BTreeMap<K, V>,
    turned: Time,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { young: BTreeMap::new(), old: BTreeMap::new(), turned: Time::ZERO }
    }
}

impl<K: Ord, V> Recent<K, V> {
    fn insert(&mut self, now: Time, key: K, value: V) {
        if now.since(self.turned) >= MEMORY {
            self.old = std::mem::take(&mut self.young);
            self.turned = now;
        }
        self.young.insert(key, value);
    }

    fn find(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records;
    use crate::traffic::End;
    use grid::cell::Shape;
    use grid::message::{Answer, AnswerBody, Nonce};
    use grid::parameters::Parameters;
    use grid::queue::Class;
    use grid::record::Rules;

    fn passage(seconds: u64, joined: bool) -> Passage {
        let end = |joined| End { host: 0, joined };
        Passage { at: Time::ZERO + Duration::from_secs(seconds), from: end(joined), to: end(true) }
    }

    fn request(number: u8, body: RequestBody) -> Message {
        let target = Shape::new(2, 2).unwrap().cell_at(0);
        Message::Request(Request {
            id: RequestId::from_bytes([number; 16]),
            target,
            hops: 0,
            hops_left: 4,
            class: Class::Interactive,
            paid: None,
            body,
        })
    }

    #[test]
    fn a_put_that_no_owner_asked_for_is_a_repair_and_so_is_its_answer() {
        let mut purposes = Purposes::default();
        let rules = Rules::of(&Parameters::local());
        let record = |value: &[u8]| records::immutable(value, 0, &rules).unwrap();
        let (mine, other) = (record(b"mine"), record(b"other"));
        purposes.begin_put(Time::ZERO, mine.key());
        let now = passage(1, true);
        assert_eq!(purposes.of(&now, &request(1, RequestBody::Put(mine))), Purpose::Client);
        assert_eq!(purposes.of(&now, &request(2, RequestBody::Put(other))), Purpose::Repair);
        let from = Shape::new(2, 2).unwrap().cell_at(0);
        let id = RequestId::from_bytes([2; 16]);
        let answer = Message::Answer(Answer {
            id,
            hops: 1,
            class: Class::Interactive,
            from,
            body: AnswerBody::Stored { nodes: 1 },
        });
        assert_eq!(purposes.of(&now, &answer), Purpose::Repair);
        assert_eq!(purposes.of(&now, &Message::Accepted(RequestId::from_bytes([1; 16]))), Purpose::Client);
    }

    #[test]
    fn rosters_are_for_a_join_until_both_have_joined() {
        let mut purposes = Purposes::default();
        assert_eq!(purposes.of(&passage(0, false), &Message::RosterQuery), Purpose::Join);
        assert_eq!(purposes.of(&passage(0, true), &Message::RosterQuery), Purpose::Upkeep);
        assert_eq!(purposes.of(&passage(0, false), &Message::Ping(Nonce(1))), Purpose::Upkeep);
    }

    #[test]
    fn what_is_recent_is_known_and_what_is_old_is_forgotten() {
        let mut recent = Recent::default();
        for second in 0..1000 {
            recent.insert(Time::ZERO + Duration::from_secs(second), second, ());
            let known = (0..=second).filter(|key| recent.find(key).is_some()).count() as u64;
            assert!(known <= 2 * MEMORY.as_secs() && known >= MEMORY.as_secs().min(second));
        }
    }
}
