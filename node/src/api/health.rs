//! What the owner should know of: what happened, and what is not as it should be just now.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::figures;
use super::handlers::NoQuery;
use super::problem::Failure;
use super::server::Shared;
use super::types::Fault;
use crate::clock::unix_seconds;
use crate::metrics::{Snapshot, Warning};

/// The share of what is bounded from which on its owner should do something.
const NEARLY_FULL: f64 = 0.9;

/// Recent warnings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WarningList {
    /// What is wrong now, then what happened, the latest first.
    pub warnings: Vec<Warning>,
}

/// What is not as it should be, and what to do about it.
#[utoipa::path(get, path = "/v1/warnings", responses((status = 200, body = WarningList), (status = 503, body = Fault)))]
pub(super) async fn warnings(
    State(shared): State<Arc<Shared>>,
    _: Query<NoQuery>,
) -> Result<Json<WarningList>, Failure> {
    let mut warnings = of_state(&figures::snapshot(&shared).await?);
    warnings.extend(shared.node.metrics().warnings().recent());
    Ok(Json(WarningList { warnings }))
}

/// What is wrong just now.
fn of_state(snapshot: &Snapshot) -> Vec<Warning> {
    let now = unix_seconds();
    let mut found = Vec::new();
    let mut warn = |kind: &str, text: String, what_to_do: &str| {
        let (kind, what_to_do) = (kind.into(), what_to_do.into());
        found.push(Warning { kind, text, what_to_do, count: 1, first: now, last: now });
    };
    let status = &snapshot.status.status;
    if !status.joined {
        let what =
            "wait a moment; if it stays so, see which step of joining fails, and join through another --peer as well";
        warn("not_joined", "this node has not joined its grid".into(), what);
    } else if status.links == 0 && status.neighbours > 0 {
        let what = "check this machine's network and firewall; the node goes on trying";
        warn("no_links", "no link is open, though neighbours are known".into(), what);
    }
    if is_nearly_full(status.record_bytes, status.quota) {
        let text = format!("records take {} of {} bytes", status.record_bytes, status.quota);
        warn("quota", text, "give more with --quota; otherwise those of lowest priority make room");
    }
    let process = &snapshot.process;
    if process.most_files.is_some_and(|most| is_nearly_full(process.open_files, most)) {
        let text = format!("{} files and sockets are open, nearly as many as may be", process.open_files);
        warn("open_files", text, "raise the limit of open files (ulimit -n, LimitNOFILE) and start the node again");
    }
    for server in &snapshot.trust {
        if let Some(reason) = &server.shunned {
            let text = format!("dataset server {} {reason}", &server.id[..server.id.len().min(8)]);
            warn("liar", text, "nothing: it is asked no more; tell its owner, whose disk may be damaged");
        }
    }
    found
}

fn is_nearly_full(part: u64, whole: u64) -> bool {
    part as f64 > NEARLY_FULL * whole as f64
}
