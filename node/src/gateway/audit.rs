//! A look at all servers of a dataset: whether each has it, and gives what the publisher has signed.

use std::ops::Range;
use std::time::{Duration, Instant};

use dataset::tree::GROUP;
use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::fetch::{Fault, Fetcher, Groups, Wanted};
use super::opened::{Opened, Server};
use super::reading::Reading;
use super::refusal::Refusal;
use super::shelf::Turn;

/// How much of each variable is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sample {
    /// So many groups of 16 KiB, drawn at random.
    Groups(u64),
    /// All of it.
    All,
}

/// What one server gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ServerReport {
    /// The node.
    pub id: String,
    /// Its cell.
    pub cell: String,
    /// Whether it can be dialled, or is asked along the grid.
    pub direct: bool,
    /// Groups of 16 KiB that it gave and that are what the publisher has signed.
    pub groups: u64,
    /// Requests of which something was wrong.
    pub faults: u64,
    /// Milliseconds that it took.
    pub milliseconds: u64,
    /// What was wrong first; nothing if all was right.
    pub wrong: Option<String>,
    /// Whether that was a lie, and no mere failure.
    pub lied: bool,
}

/// Groups that are asked for at a time.
const AT_ONCE: usize = 128;
/// How long one server may take in all, unless all of it is looked at.
const PATIENCE: Duration = Duration::from_secs(60);
/// Failures in a row after which a server is taken for gone: each may be a wait.
const FAILURES: u64 = 3;

/// What was found of one server.
#[derive(Default)]
struct Found {
    groups: u64,
    faults: u64,
    /// The worst that was found: the first lie, or the first failure.
    worst: Option<Fault>,
}

impl Found {
    /// Takes note of one request's outcome.
    fn note(&mut self, outcome: Result<(), Fault>) {
        let Err(fault) = outcome else { return };
        self.faults += 1;
        if self.worst.is_none() || matches!(fault, Fault::Lie(_)) && !matches!(self.worst, Some(Fault::Lie(_))) {
            self.worst = Some(fault);
        }
    }
}

impl Reading {
    /// Looks at every server of a dataset, one after the other.
    pub(crate) async fn check_servers(&self, name: &str, sample: Sample) -> Result<Vec<ServerReport>, Refusal> {
        let opened = self.shelf.open(name, Turn::First).await?;
        let mut reports = Vec::new();
        for server in opened.servers.iter().filter(|server| server.peer.id() != self.fetcher.me) {
            let begun = Instant::now();
            let mut found = Found::default();
            let look = look(&self.fetcher, &opened, server, sample, &mut found);
            let is_in_time = match sample {
                Sample::All => {
                    look.await;
                    true
                }
                Sample::Groups(_) => tokio::time::timeout(PATIENCE, look).await.is_ok(),
            };
            if !is_in_time {
                found.note(Err(Fault::Failure(format!("it took more than {} s", PATIENCE.as_secs()))));
            }
            let Found { groups, faults, worst: fault } = found;
            let lied = matches!(fault, Some(Fault::Lie(_)));
            match &fault {
                Some(Fault::Lie(_)) => self.fetcher.trust.disproved(server),
                Some(Fault::Failure(_)) => self.fetcher.trust.failed(server),
                Some(Fault::Declined(_)) => {}
                None => self.fetcher.trust.proved(server),
            }
            reports.push(ServerReport {
                id: server.peer.id().to_string(),
                cell: server.peer.cell().to_string(),
                direct: server.target.is_some(),
                groups,
                faults,
                milliseconds: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                wrong: fault.map(|fault| match fault {
                    Fault::Lie(what) | Fault::Failure(what) | Fault::Declined(what) => what,
                }),
                lied,
            });
        }
        Ok(reports)
    }
}

async fn look(fetcher: &Fetcher, opened: &std::sync::Arc<Opened>, server: &Server, sample: Sample, found: &mut Found) {
    let mut failures = 0;
    for (file, description) in opened.manifest.files.iter().enumerate() {
        let Some(streams) = &description.streams else {
            let why = "its publisher has signed no values, so that nothing can be proved";
            return found.note(Err(Fault::Declined(why.into())));
        };
        for (variable, &stream) in streams.iter().enumerate() {
            let wanted = Wanted { opened: opened.clone(), file, variable, stream };
            for groups in drawn(stream.length.div_ceil(GROUP), sample) {
                let mut have = Groups::new();
                let outcome = fetcher.ask(server, &wanted, &[groups], &mut have).await;
                found.groups += have.len() as u64;
                // One fault says little of the rest; one that is gone, or does not have the version, is not asked on.
                failures = if matches!(outcome, Err(Fault::Failure(_))) { failures + 1 } else { 0 };
                let is_over = failures == FAILURES || matches!(outcome, Err(Fault::Declined(_)));
                found.note(outcome);
                if is_over {
                    return;
                }
            }
        }
    }
}

fn drawn(groups: u64, sample: Sample) -> Vec<Range<u64>> {
    match sample {
        Sample::All => (0..groups).step_by(AT_ONCE).map(|first| first..groups.min(first + AT_ONCE as u64)).collect(),
        Sample::Groups(_) if groups == 0 => Vec::new(),
        Sample::Groups(count) => {
            let mut drawn: Vec<u64> = (0..count).map(|_| rand::rng().random_range(0..groups)).collect();
            drawn.sort_unstable();
            drawn.dedup();
            drawn.into_iter().map(|group| group..group + 1).collect()
        }
    }
}
