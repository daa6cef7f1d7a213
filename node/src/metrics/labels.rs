//! The words in the labels. Each set is small and fixed: a label that anybody on the network could choose would let them
//! fill the memory of whoever collects the figures.

use grid::level::Level;
use grid::message::{AnswerBody, Message, Refusal, RequestBody, StoreFailure};
use grid::output::{JoinStep, RequestFailure};
use grid::peer::DialFailure;
use grid::queue::Class;

use crate::transport::Filling;

/// All kinds of messages.
pub(super) const MESSAGES: [&str; 27] = [
    "accepted",
    "announce",
    "answer",
    "card_query",
    "cards",
    "equivocation",
    "farewell",
    "fetch",
    "fetched",
    "line_members",
    "line_summary",
    "offered",
    "ping",
    "pong",
    "probe_for",
    "probed_alive",
    "ranges",
    "refused",
    "replicate",
    "replicated",
    "request",
    "roster",
    "roster_claims",
    "roster_named",
    "roster_query",
    "roster_wanted",
    "suspect",
];
/// All kinds of requests.
pub(super) const REQUESTS: [&str; 9] = ["ask", "audit", "echo", "get", "join", "provide", "providers", "put", "roster"];
/// All that answers come to.
pub(super) const ANSWERS: [&str; 6] = ["absent", "busy", "done", "not_found", "not_stored", "vacant"];
/// All reasons not to take a request.
pub(super) const REFUSALS: [&str; 6] = ["busy", "loop", "no_way", "not_allowed", "other", "slow"];
/// All classes.
pub(super) const CLASSES: [&str; 3] = ["bulk", "control", "interactive"];
/// All that fills send slots.
pub(super) const FILLINGS: [&str; 3] = ["cell", "cover", "messages"];
/// All levels.
pub(super) const LEVELS: [&str; 2] = ["leaf", "normal"];
/// All reasons for which dials fail.
pub(super) const DIALS: [&str; 5] = ["credential", "foreign", "other", "timed_out", "unreachable"];
/// All steps of joining.
pub(super) const STEPS: [&str; 6] = ["credential", "dial", "dial_back", "home_cell", "rosters", "route"];
/// All outcomes of operations of the owner.
pub(super) const OUTCOMES: [&str; 13] = [
    "absent",
    "busy",
    "done",
    "doubtful",
    "no_keeper",
    "no_way",
    "not_found",
    "other",
    "refused",
    "timed_out",
    "too_few_cells",
    "uncertified",
    "vacant",
];
/// All operations of the owner.
pub(super) const OPERATIONS: [&str; 7] = ["ask", "echo", "get", "provide", "providers", "put", "roster"];
/// All outcomes of writing a record.
pub(super) const WRITTEN: [&str; 3] = ["done", "failed", "full"];

/// What a message is.
pub(crate) const fn message(message: &Message) -> &'static str {
    match message {
        Message::Accepted(_) => "accepted",
        Message::Announce(_) => "announce",
        Message::Answer(_) => "answer",
        Message::CardQuery(_) => "card_query",
        Message::Cards(_) => "cards",
        Message::Equivocation(_) => "equivocation",
        Message::Farewell => "farewell",
        Message::Fetch { .. } => "fetch",
        Message::Fetched { .. } => "fetched",
        Message::LineMembers { .. } => "line_members",
        Message::LineSummary(_) => "line_summary",
        Message::Offered(_) => "offered",
        Message::Ping(_) => "ping",
        Message::Pong { .. } => "pong",
        Message::ProbeFor { .. } => "probe_for",
        Message::ProbedAlive { .. } => "probed_alive",
        Message::Ranges(_) => "ranges",
        Message::Refused(..) => "refused",
        Message::Replicate { .. } => "replicate",
        Message::Replicated { .. } => "replicated",
        Message::Request(_) => "request",
        Message::Roster(_) => "roster",
        Message::RosterClaims { .. } => "roster_claims",
        Message::RosterNamed(_) => "roster_named",
        Message::RosterQuery => "roster_query",
        Message::RosterWanted(_) => "roster_wanted",
        Message::Suspect(_) => "suspect",
    }
}

/// What a request asks for.
pub(crate) const fn request(body: &RequestBody) -> &'static str {
    match body {
        RequestBody::Ask { .. } => "ask",
        RequestBody::Audit(_) => "audit",
        RequestBody::Echo(_) => "echo",
        RequestBody::Get { .. } => "get",
        RequestBody::Join(_) => "join",
        RequestBody::Provide(_) => "provide",
        RequestBody::Providers(_) => "providers",
        RequestBody::Put(_) => "put",
        RequestBody::Roster { .. } => "roster",
    }
}

/// What an answer comes to.
pub(crate) const fn answer(body: &AnswerBody) -> &'static str {
    match body {
        AnswerBody::Absent => "absent",
        AnswerBody::Busy => "busy",
        AnswerBody::NotFound => "not_found",
        AnswerBody::NotStored(_) => "not_stored",
        AnswerBody::Vacant => "vacant",
        AnswerBody::Audited { .. }
        | AnswerBody::Echo(_)
        | AnswerBody::Found(_)
        | AnswerBody::Member(_)
        | AnswerBody::Provided
        | AnswerBody::Providers(_)
        | AnswerBody::Reply(_)
        | AnswerBody::Roster(_)
        | AnswerBody::Stored { .. }
        | AnswerBody::Welcome(_) => "done",
    }
}

/// Why a request was not taken.
pub(crate) const fn refusal(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Busy { .. } => "busy",
        Refusal::Loop => "loop",
        Refusal::NoWay => "no_way",
        Refusal::NotAllowed => "not_allowed",
        Refusal::Slow => "slow",
        _ => "other",
    }
}

/// Why an operation of the owner came to nothing.
pub(crate) const fn failure(failure: &RequestFailure) -> &'static str {
    match failure {
        RequestFailure::Absent(_) => "absent",
        RequestFailure::Busy(_) => "busy",
        RequestFailure::Doubtful { .. } => "doubtful",
        RequestFailure::NoKeeper => "no_keeper",
        RequestFailure::NoWay(_) => "no_way",
        RequestFailure::NotFound { .. } => "not_found",
        RequestFailure::Refused(_) => "refused",
        RequestFailure::TimedOut(_) => "timed_out",
        RequestFailure::TooFewCells { .. } => "too_few_cells",
        RequestFailure::Uncertified(_) => "uncertified",
        RequestFailure::Vacant(_) => "vacant",
        _ => "other",
    }
}

/// Why a record was not written.
pub(crate) const fn store_failure(failure: StoreFailure) -> &'static str {
    if matches!(failure, StoreFailure::Full | StoreFailure::QuotaFull { .. }) { "full" } else { "failed" }
}

/// How urgent something is.
pub(crate) const fn class(class: Class) -> &'static str {
    match class {
        Class::Bulk => "bulk",
        Class::Control => "control",
        Class::Interactive => "interactive",
    }
}

/// What fills a send slot.
pub(super) const fn filling(filling: Filling) -> &'static str {
    match filling {
        Filling::Cell => "cell",
        Filling::Messages => "messages",
        Filling::Cover => "cover",
    }
}

/// How much a node does for others.
pub(crate) const fn level(level: Level) -> &'static str {
    match level {
        Level::Leaf => "leaf",
        Level::Normal => "normal",
    }
}

/// Why a dial led to no link.
pub(crate) const fn dial(failure: &DialFailure) -> &'static str {
    match failure {
        DialFailure::Credential(_) => "credential",
        DialFailure::Foreign(_) => "foreign",
        DialFailure::TimedOut(_) => "timed_out",
        DialFailure::Unreachable(_) => "unreachable",
        _ => "other",
    }
}

/// A step of joining.
pub(crate) const fn step(step: JoinStep) -> &'static str {
    match step {
        JoinStep::Credential => "credential",
        JoinStep::Dial => "dial",
        JoinStep::DialBack => "dial_back",
        JoinStep::HomeCell => "home_cell",
        JoinStep::Rosters => "rosters",
        JoinStep::Route => "route",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_in_its_list() {
        assert!(Class::ALL.iter().all(|&one| CLASSES.contains(&class(one))));
        assert!([Filling::Cell, Filling::Messages, Filling::Cover].iter().all(|&one| FILLINGS.contains(&filling(one))));
        assert!([Level::Leaf, Level::Normal].iter().all(|&one| LEVELS.contains(&level(one))));
        let body = RequestBody::Echo([].into());
        assert!(REQUESTS.contains(&request(&body)) && OPERATIONS.iter().all(|one| REQUESTS.contains(one)));
        assert!(ANSWERS.contains(&answer(&AnswerBody::Absent)) && ANSWERS.contains(&answer(&AnswerBody::Provided)));
        assert!(
            WRITTEN.contains(&store_failure(StoreFailure::Full))
                && WRITTEN.contains(&store_failure(StoreFailure::Busy))
        );
        assert!(REFUSALS.contains(&refusal(Refusal::Loop)) && MESSAGES.contains(&message(&Message::RosterQuery)));
    }
}
