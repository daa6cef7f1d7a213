//! What the owner should know of, each with what to do about it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use grid::output::JoinStep;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::unix_seconds;

/// Warnings that are kept; the one that was repeated longest ago goes first.
const KEPT: usize = 64;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Warning {
    /// What sort of thing, for scripts.
    pub kind: String,
    /// What happened.
    pub text: String,
    /// What to do about it.
    pub what_to_do: String,
    /// How often it happened.
    pub count: u64,
    /// When first, in seconds of Unix time.
    pub first: u64,
    /// When last.
    pub last: u64,
}

/// The recent warnings of one node.
#[derive(Debug, Default)]
pub struct Warnings(Mutex<VecDeque<Warning>>);

impl Warnings {
    /// Something happened. The same again is counted, not listed again.
    pub(crate) fn warn(&self, kind: &str, text: impl Into<String>, what_to_do: &str) {
        let (text, now) = (text.into(), unix_seconds());
        let mut kept = self.lock();
        let known = kept.iter().position(|warning| warning.kind == kind && warning.text == text);
        let before = known.and_then(|place| kept.remove(place));
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        let (count, first) = before.map_or((1, now), |before| (before.count + 1, before.first));
        kept.push_back(Warning { kind: kind.into(), text, what_to_do: what_to_do.into(), count, first, last: now });
    }

    /// Those that are kept, the latest first.
    pub fn recent(&self) -> Vec<Warning> {
        self.lock().iter().rev().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Warning>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What to try when a step of joining failed.
pub(crate) const fn advice_on_join(step: JoinStep) -> &'static str {
    match step {
        JoinStep::Dial => {
            "check the --peer address, that its node runs, and that no firewall is between (UDP for quic-v1, TCP for tcp)"
        }
        JoinStep::Credential => {
            "check that both nodes are of the same grid (`rook status` shows its id) and that the clocks of both are right"
        }
        JoinStep::Route => "the introducer may have just started or lost its links; try another --peer as well",
        JoinStep::HomeCell => "the nodes there may have just left; it is tried by other ways, another --peer helps too",
        JoinStep::DialBack => "check that this machine may open connections to any address and port, IPv6 included",
        JoinStep::Rosters => "the neighbours may be overloaded; it is tried with others",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_counted_and_the_oldest_goes() {
        let warnings = Warnings::default();
        for number in 0..KEPT {
            warnings.warn("a", number.to_string(), "nothing");
        }
        warnings.warn("a", "0", "nothing");
        let recent = warnings.recent();
        assert_eq!((recent.len(), recent[0].text.as_str(), recent[0].count), (KEPT, "0", 2));
        warnings.warn("b", "0", "nothing");
        let recent = warnings.recent();
        assert_eq!((recent.len(), recent[0].kind.as_str()), (KEPT, "b"));
        assert!(recent.iter().all(|warning| warning.text != "1"), "the oldest stayed");
    }
}
