//! Requests by kind and outcome, out of the node's figures for Prometheus.

use std::collections::BTreeMap;
use std::time::Duration;

/// Whose requests, and what became of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    /// The owner's own.
    Own,
    /// Neighbours' that were answered here or from further on.
    Answered,
    /// Neighbours' that were sent on.
    PassedOn,
    /// Neighbours' that were refused.
    Refused,
}

impl Sort {
    /// For people.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Answered => "answered",
            Self::PassedOn => "passed on",
            Self::Refused => "refused",
        }
    }
}

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Counted {
    /// Whose.
    pub(super) sort: Sort,
    /// What was asked for; of what was refused, the class.
    pub(super) kind: String,
    /// What it came to; of what was refused, why; nothing of what was sent on.
    pub(super) outcome: String,
}

/// How many of each since the node started.
pub(super) type Counts = BTreeMap<Counted, u64>;

/// The metrics that are read, with the labels that say kind and outcome.
const READ: [(&str, Sort, &str, &str); 4] = [
    ("rook_operations_total", Sort::Own, "kind", "outcome"),
    ("rook_requests_answered_total", Sort::Answered, "kind", "outcome"),
    ("rook_requests_passed_on_total", Sort::PassedOn, "kind", ""),
    ("rook_requests_refused_total", Sort::Refused, "class", "reason"),
];

/// Reads the node's OpenMetrics text; what is not understood is left out.
pub(super) fn read(text: &str) -> Counts {
    let mut counts = Counts::new();
    for line in text.lines() {
        let Some((counted, number)) = counted(line) else { continue };
        *counts.entry(counted).or_default() += number;
    }
    counts
}

fn counted(line: &str) -> Option<(Counted, u64)> {
    let (name, rest) = line.split_once('{')?;
    let &(_, sort, kind, outcome) = READ.iter().find(|(metric, ..)| *metric == name)?;
    let (labels, value) = rest.split_once('}')?;
    // The words in these labels are the program's own, without commas and quotes.
    let label = |wanted: &str| {
        let mut labels = labels.split(',').filter_map(|label| label.split_once('='));
        labels.find(|(name, _)| *name == wanted).map(|(_, value)| value.trim_matches('"').to_owned())
    };
    let number = value.split_whitespace().next()?.parse().ok()?;
    Some((Counted { sort, kind: label(kind)?, outcome: label(outcome).unwrap_or_default() }, number))
}

/// How many a second between two looks; none of what began anew meanwhile, since the node was started again.
pub(super) fn rates(before: &Counts, now: &Counts, apart: Duration) -> BTreeMap<Counted, f64> {
    let seconds = apart.as_secs_f64();
    let rate = |(counted, number): (&Counted, &u64)| {
        let more = number.checked_sub(before.get(counted).copied().unwrap_or_default())?;
        (seconds > 0.0).then(|| (counted.clone(), more as f64 / seconds))
    };
    now.iter().filter_map(rate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# TYPE rook_operations counter\n\
        rook_operations_total{kind=\"put\",outcome=\"done\"} 3\n\
        rook_operations_total{kind=\"put\",outcome=\"busy\"} rubbish\n\
        rook_requests_passed_on_total{kind=\"get\"} 7\n\
        rook_requests_refused_total{reason=\"loop\",class=\"bulk\"} 2\n\
        rook_requests_received_total{kind=\"get\",class=\"bulk\"} 9\n\
        rook_joined 1\nrook_operations_total{kind\n# EOF\n";

    fn put() -> Counted {
        Counted { sort: Sort::Own, kind: "put".into(), outcome: "done".into() }
    }

    #[test]
    fn what_is_counted_is_read_and_nothing_else() {
        let counts = read(TEXT);
        let shown: Vec<_> = counts.iter().map(|(one, n)| (one.sort.name(), &*one.kind, &*one.outcome, *n)).collect();
        assert_eq!(shown, [("own", "put", "done", 3), ("passed on", "get", "", 7), ("refused", "bulk", "loop", 2)]);
    }

    #[test]
    fn rates_are_between_two_looks() {
        let (before, now) = (Counts::from([(put(), 3)]), Counts::from([(put(), 8)]));
        assert_eq!(rates(&before, &now, Duration::from_secs(2))[&put()], 2.5);
        assert!(rates(&now, &before, Duration::from_secs(2)).is_empty(), "it was started again");
        assert!(rates(&before, &now, Duration::ZERO).is_empty());
    }
}
