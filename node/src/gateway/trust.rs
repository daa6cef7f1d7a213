//! What this gateway has learned of servers, kept in a file.
//!
//! It is written some seconds after it changed, and at the end. A crash forgets what was learned in these seconds: a few
//! checks that a server passed, or a lie, which it would have to repeat.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grid::id::NodeId;
use grid::trust::policy::Policy;
use grid::trust::standing::{Question, Reason, Standing};
use grid::trust::table::Trust;
use serde::{Deserialize, Serialize};

use super::opened::Server;
use crate::data::traffic::{Asked, Traffic};
use crate::private;

/// Servers that are remembered.
const CAPACITY: usize = 4096;
/// How long a change may wait to be written.
const DELAY: Duration = Duration::from_secs(2);

/// The table of all servers. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct TrustBook(Arc<Mutex<Book>>);

#[derive(Debug)]
struct Book {
    path: PathBuf,
    trust: Trust,
    /// The cells of servers, for display.
    cells: BTreeMap<NodeId, String>,
    changed: bool,
}

/// One server, as it is shown and kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TrustEntry {
    /// The node.
    pub id: String,
    /// Its cell.
    pub cell: String,
    /// How likely its next answer is right (Sarmenta 2001), 0 to 1.
    pub trust: f64,
    /// Whether it took part in a disagreement and was not validated since.
    pub flagged: bool,
    /// Statements of it that were checked.
    pub checks: u32,
    /// Those that were right.
    pub passed: u32,
    /// Those that were right since the last that was not.
    pub in_a_row: u32,
    /// Those that were not.
    pub mismatches: u32,
    /// Questions that it did not answer.
    pub timeouts: u32,
    /// Answers that it began to give since this node was started.
    #[serde(default)]
    pub answers: u64,
    /// Checks of others' answers that it began to give since then.
    #[serde(default)]
    pub challenges: u64,
    /// Bytes that came with all of these.
    #[serde(default)]
    pub bytes: u64,
    /// Why it is never asked again, if it is not.
    pub shunned: Option<String>,
}

/// The file.
#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    requests: u64,
    servers: Vec<TrustEntry>,
}

const REASONS: [(Reason, &str); 4] = [
    (Reason::Disproved, "sent data that the publisher has not signed"),
    (Reason::Recomputed, "signed an answer that its source data contradict"),
    (Reason::TwoAnswers, "signed two answers to one request"),
    (Reason::Verdict, "contradicted a group of servers that is credible beyond doubt"),
];

impl TrustBook {
    /// Reads the file, if it is there. One that cannot be understood is put aside and begun anew.
    ///
    /// # Errors
    /// If the system does not let it be read.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let read = match fs::read(path) {
            Ok(bytes) => Self::parse(path, &bytes).inspect_err(|error| {
                let aside = path.with_extension("damaged");
                tracing::warn!(%error, aside = %aside.display(), "what was known of dataset servers cannot be read and is put aside");
                _ = fs::rename(path, aside);
            }).ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(read.unwrap_or_else(|| Self::of(path, Saved { requests: 0, servers: Vec::new() })))
    }

    /// The table of a file's bytes.
    ///
    /// # Errors
    /// If they are none.
    pub(crate) fn parse(path: &Path, bytes: &[u8]) -> serde_json::Result<Self> {
        Ok(Self::of(path, serde_json::from_slice(bytes)?))
    }

    fn of(path: &Path, saved: Saved) -> Self {
        let known = saved.servers.iter().filter_map(|entry| Some((node(&entry.id)?, entry)));
        let standings: Vec<_> = known.clone().map(|(id, entry)| (id, entry.standing())).collect();
        let cells = known.map(|(id, entry)| (id, entry.cell.clone())).collect();
        let trust = Trust::restore(CAPACITY, saved.requests, standings);
        Self(Arc::new(Mutex::new(Book { path: path.to_owned(), trust, cells, changed: false })))
    }

    /// Writes what has changed, again and again, until the book is closed.
    pub(crate) async fn keep(self) {
        loop {
            tokio::time::sleep(DELAY).await;
            let book = self.clone();
            if tokio::task::spawn_blocking(move || book.save()).await.is_err() {
                return;
            }
        }
    }

    /// Writes what has changed.
    pub(crate) fn save(&self) {
        let (path, saved) = {
            let mut book = self.lock();
            if !std::mem::take(&mut book.changed) {
                return;
            }
            (book.path.clone(), Saved { requests: book.trust.requests(), servers: book.entries() })
        };
        let written = serde_json::to_vec_pretty(&saved).map_err(io::Error::from);
        if let Err(error) = written.and_then(|bytes| private::replace(&path, &bytes)) {
            tracing::warn!(%error, path = %path.display(), "what is known of dataset servers cannot be written");
        }
    }

    /// All servers of whom something is known, with what was asked of them.
    pub(crate) fn entries(&self, traffic: &Traffic) -> Vec<TrustEntry> {
        let mut entries = self.lock().entries();
        for entry in &mut entries {
            let Asked { answers, challenges, bytes } = node(&entry.id).map(|id| traffic.of(&id)).unwrap_or_default();
            (entry.answers, entry.challenges, entry.bytes) = (answers, challenges, bytes);
        }
        entries
    }

    /// Lets the table be used, and remembers the cells of the servers that are concerned.
    pub(super) fn with<T>(&self, servers: &[Server], act: impl FnOnce(&mut Trust) -> T) -> T {
        let mut book = self.lock();
        let outcome = act(&mut book.trust);
        for server in servers {
            book.cells.insert(server.peer.id(), server.peer.cell().to_string());
        }
        if book.cells.len() > 2 * CAPACITY {
            let known: std::collections::BTreeSet<NodeId> = book.trust.standings().map(|(id, _)| *id).collect();
            book.cells.retain(|id, _| known.contains(id));
        }
        book.changed = true;
        outcome
    }

    /// What it sent was what the publisher has signed.
    pub(super) fn proved(&self, server: &Server) {
        let id = server.peer.id();
        self.with(std::slice::from_ref(server), |trust| {
            trust.spoke(&id, Question::Answer);
            trust.passed(&id);
        });
    }

    /// What it sent was something else.
    pub(super) fn disproved(&self, server: &Server) {
        let id = server.peer.id();
        self.with(std::slice::from_ref(server), |trust| trust.convicted(&id, Reason::Disproved));
    }

    /// It did not answer, or not all of it.
    pub(super) fn failed(&self, server: &Server) {
        let id = server.peer.id();
        self.with(std::slice::from_ref(server), |trust| trust.timed_out(&id, Question::Answer));
    }

    /// Whether it is never asked again.
    pub(super) fn is_shunned(&self, id: &NodeId) -> bool {
        self.lock().trust.standing(id).shunned.is_some()
    }

    /// A server's standing in a few words.
    pub(super) fn describe(&self, id: &NodeId) -> String {
        let standing = self.lock().trust.standing(id);
        match standing.shunned {
            Some(reason) => format!("never asked again: it {}", reason_text(reason)),
            None if standing.flagged => "flagged: it took part in a disagreement".to_owned(),
            None if standing.checks == 0 => "nothing known of it yet".to_owned(),
            None => format!("{} of {} checks passed", standing.passed, standing.checks),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn entries(&self) -> Vec<TrustEntry> {
        let policy = Policy::default();
        let entry = |(id, standing): (&NodeId, &Standing)| TrustEntry {
            id: id.to_string(),
            cell: self.cells.get(id).cloned().unwrap_or_default(),
            trust: policy.credibility(standing),
            flagged: standing.flagged,
            checks: standing.checks,
            passed: standing.passed,
            in_a_row: standing.in_a_row,
            mismatches: standing.mismatches,
            timeouts: standing.timeouts,
            answers: 0,
            challenges: 0,
            bytes: 0,
            shunned: standing.shunned.map(|reason| reason_text(reason).to_owned()),
        };
        self.trust.standings().map(entry).collect()
    }
}

impl TrustEntry {
    fn standing(&self) -> Standing {
        let reason = |text: &String| REASONS.iter().find(|(_, known)| known == text).map(|(reason, _)| *reason);
        Standing {
            checks: self.checks,
            passed: self.passed,
            in_a_row: self.in_a_row,
            mismatches: self.mismatches,
            flagged: self.flagged,
            shunned: self.shunned.as_ref().and_then(reason),
            timeouts: self.timeouts,
            ..Standing::default()
        }
    }
}

fn reason_text(reason: Reason) -> &'static str {
    REASONS.iter().find(|(known, _)| *known == reason).map_or("lied", |(_, text)| text)
}

/// A node's name from its text.
fn node(text: &str) -> Option<NodeId> {
    let bytes = blake3::Hash::from_hex(text).ok()?;
    Some(NodeId::from_bytes(*bytes.as_bytes()))
}
