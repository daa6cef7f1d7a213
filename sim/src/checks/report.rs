//! The table of the experiment.

use core::fmt;

use serde::Serialize;

use crate::checks::plan::{Conspiracy, Plan, Protocol};
use crate::checks::run::{Outcome, Setting, Tally};
use crate::figures::ratio;

/// Everything that was measured. Nothing in it depends on the machine that simulates.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// What was simulated.
    pub plan: Plan,
    /// A line for each combination of what the plan lists.
    pub rows: Vec<Row>,
}

/// What came of one combination, over all seeds. Counts of servers and requests are means over the runs unless said
/// otherwise.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// How answers were checked.
    pub protocol: Protocol,
    /// Whether liars knew of each other.
    pub conspiracy: Conspiracy,
    /// The share of servers that lied.
    pub liars: f64,
    /// The share of their answers that were lies.
    pub lie_rate: f64,
    /// What the gateway had chosen; nothing where it means nothing.
    pub check_rate: Option<f64>,
    /// Wrong answers that were delivered, in all runs together.
    pub wrong: u64,
    /// The same for each request.
    pub wrong_per_request: f64,
    /// Wrong answers a request that the formulas expect; nothing where there is none.
    pub predicted_wrong: Option<f64>,
    /// Requests for which nothing was delivered.
    pub refused: f64,
    /// Questions beside the first of each request, for each request.
    pub extra_requests: f64,
    /// Bytes beside one answer for each request, as a share of that.
    pub extra_bytes: f64,
    /// The same in the second half of the requests.
    pub steady_extra_requests: f64,
    /// The same in the second half of the requests.
    pub steady_extra_bytes: f64,
    /// The last request for which a liar was asked for an answer, in the longest of the runs.
    pub last_liar_asked: u64,
    /// Liars that were ever asked for an answer.
    pub liars_asked: f64,
    /// Liars that are flagged or shunned in the end.
    pub liars_found: f64,
    /// Liars that are shunned.
    pub liars_shunned: f64,
    /// Honest servers that are flagged in the end (the seed's protocol does not ask them again).
    pub honest_flagged: f64,
    /// Honest servers that are shunned, in all runs together.
    pub honest_shunned: u64,
}

impl Row {
    pub(super) fn of(plan: &Plan, setting: Setting, runs: &[Outcome]) -> Self {
        let sum = |what: fn(&Outcome) -> u64| runs.iter().map(what).sum::<u64>();
        let mean = |what: fn(&Outcome) -> u64| ratio(sum(what), runs.len() as u64);
        let all = runs.iter().fold(Tally::default(), |tally, run| tally.and(&run.all));
        let steady = runs.iter().fold(Tally::default(), |tally, run| tally.and(&run.steady));
        Self {
            protocol: setting.protocol,
            conspiracy: setting.conspiracy,
            liars: setting.liars,
            lie_rate: setting.lie_rate,
            check_rate: setting.protocol.is_checked().then_some(setting.check_rate),
            wrong: all.wrong,
            wrong_per_request: ratio(all.wrong, all.requests),
            predicted_wrong: predicted(plan, &setting),
            refused: ratio(all.refused, runs.len() as u64),
            extra_requests: extra_requests(&all),
            extra_bytes: extra_bytes(plan, &all),
            steady_extra_requests: extra_requests(&steady),
            steady_extra_bytes: extra_bytes(plan, &steady),
            last_liar_asked: runs.iter().map(|run| run.last_liar_asked).max().unwrap_or(0),
            liars_asked: mean(|run| run.liars_asked),
            liars_found: mean(|run| run.liars_found),
            liars_shunned: mean(|run| run.liars_shunned),
            honest_flagged: mean(|run| run.honest_flagged),
            honest_shunned: sum(|run| run.honest_shunned),
        }
    }
}

/// Wrong answers a request that the formulas expect.
///
/// The seed's protocol lets `(1-c')/c'` lies of each liar through before one is found, whatever its lie rate; of the `n`
/// lies that it finds the time to tell, `(1-c')/c' (1 - (1-c')^n)`. A lie is found with `c' = c` if no other liar
/// confirms it, and `c' = c (1 - share of liars)` if all do. In ours without a manifest a server that lies
/// independently has to get through its probation first, with `(1-s)^k`. What is proven lets nothing through.
fn predicted(plan: &Plan, setting: &Setting) -> Option<f64> {
    let policy = setting.protocol.policy(setting.check_rate);
    let (requests, servers) = (f64::from(plan.requests), f64::from(plan.servers));
    let escapes = |found: f64, lies: f64| (1.0 - found) / found * (1.0 - (1.0 - found).powf(lies));
    match (setting.protocol, setting.conspiracy) {
        _ if plan.honest_first > 0 || plan.checkers_lie => None,
        (Protocol::Proven, _) => Some(0.0),
        (Protocol::Seed, conspiracy) => {
            let seen_through = match conspiracy {
                Conspiracy::Independent => 1.0,
                Conspiracy::Colluding => 1.0 - setting.liars,
            };
            let lies = setting.lie_rate * requests / servers;
            Some(f64::from(plan.liars_of(setting.liars)) * escapes(setting.check_rate * seen_through, lies) / requests)
        }
        (Protocol::Unsigned | Protocol::OnDispute, Conspiracy::Independent) => {
            let members = f64::from(policy.working_set);
            let proven = members * setting.liars * (1.0 - setting.lie_rate).powf(f64::from(policy.probation));
            let found = (policy.check_rate - policy.known_answer_rate).max(policy.floor);
            Some(proven * escapes(found, setting.lie_rate * requests / members) / requests)
        }
        (Protocol::Majority, Conspiracy::Independent) => Some(0.0),
        (Protocol::Majority | Protocol::Unsigned | Protocol::OnDispute, Conspiracy::Colluding) => None,
    }
}

fn extra_requests(tally: &Tally) -> f64 {
    ratio(tally.questions, tally.requests) - 1.0
}

#[expect(clippy::cast_precision_loss, reason = "counts of a simulation are far below 2^53")]
fn extra_bytes(plan: &Plan, tally: &Tally) -> f64 {
    tally.bytes / (tally.requests as f64 * f64::from(plan.answer_bytes)) - 1.0
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { servers, dims, side, requests, seeds, seed, .. } = &self.plan;
        writeln!(
            f,
            "{servers} servers in a grid of {side}^{dims} cells, {requests} requests, {seeds} runs from seed {seed}; \
             'later' is the second half"
        )?;
        write!(
            f,
            "{:10} {:11} {:>5} {:>5} {:>5} | {:>8} {:>8} {:>7} | {:>7} {:>8} {:>7} {:>8} | {:>7} {:>5} {:>5} {:>7} | \
             {:>7} {:>7}",
            "protocol",
            "liars are",
            "share",
            "lie",
            "check",
            "wrong/rq",
            "formula",
            "refused",
            "+rq/rq",
            "+bytes",
            "later",
            "+bytes",
            "last rq",
            "asked",
            "found",
            "shunned",
            "flagged",
            "shunned"
        )?;
        self.rows.iter().try_for_each(|row| write!(f, "\n{row}"))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_dash = |number: Option<String>| number.unwrap_or_else(|| "-".into());
        write!(
            f,
            "{:10} {:11} {:>5} {:>5} {:>5} | {:>8} {:>8} {:>7.1} | {:>7.4} {:>7.3}% {:>7.4} {:>7.3}% | {:>7} {:>5.1} \
             {:>5.1} {:>7.1} | {:>7.2} {:>7}",
            name(&self.protocol),
            name(&self.conspiracy),
            self.liars,
            self.lie_rate,
            or_dash(self.check_rate.map(|rate| rate.to_string())),
            small(self.wrong_per_request),
            or_dash(self.predicted_wrong.map(small)),
            self.refused,
            self.extra_requests,
            100.0 * self.extra_bytes,
            self.steady_extra_requests,
            100.0 * self.steady_extra_bytes,
            self.last_liar_asked,
            self.liars_asked,
            self.liars_found,
            self.liars_shunned,
            self.honest_flagged,
            self.honest_shunned,
        )
    }
}

fn small(number: f64) -> String {
    if number == 0.0 { "0".into() } else { format!("{number:.1e}") }
}

/// The name by which the command line knows it.
fn name(value: &impl clap::ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().into())
}
