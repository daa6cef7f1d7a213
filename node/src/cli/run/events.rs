//! What a running node tells its owner: as sentences, or as JSON for scripts.

use std::net::SocketAddr;

use grid::id::NodeId;
use grid::level::Level;
use grid::output::{Event, JoinStep};
use grid::parameters::Parameters;
use libp2p::Multiaddr;
use serde_json::{Value, json};

use crate::cli::text::{self, say};
use crate::handle::NodeStatus;
use crate::metrics::{advice_on_join, labels};
use crate::services::Services;

fn texts(addresses: &[Multiaddr]) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}

/// The addresses by which others come.
fn reached(status: &NodeStatus) -> &[Multiaddr] {
    if status.advertised.is_empty() { &status.listen } else { &status.advertised }
}

/// A node that was told of nobody.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alone {
    /// Whether it looks for others on its network.
    pub(super) seeks: bool,
    /// How much it does for others.
    pub(super) level: Level,
}

impl Alone {
    fn hope(self) -> &'static str {
        match (self.seeks, self.level) {
            (false, _) => "this node is the first of its grid",
            (true, Level::Leaf) => "this leaf waits until it finds others on its network",
            (true, Level::Normal) => {
                "this node looks for others on its network, and is the first of its grid if none answers"
            }
        }
    }
}

/// Says each thing in the form that was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reporter {
    json: bool,
}

impl Reporter {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    fn tell(self, sentence: impl FnOnce() -> String, object: impl FnOnce() -> Value) {
        match self.json {
            true => say(object()),
            false => say(sentence()),
        }
    }

    /// The node listens, and its API answers.
    pub(super) fn ready(self, status: &NodeStatus, grid: &Parameters, api: SocketAddr, alone: Option<Alone>) {
        let listen = texts(&status.listen);
        let cell = status.cell.coordinates();
        let sentence = || {
            let mut lines = vec![format!(
                "node {} in cell {} of grid {} ({})",
                text::short(&status.id.to_string()),
                text::cell(cell),
                grid.name,
                text::short(&status.grid.to_string())
            )];
            lines.push(format!("API at {api}"));
            lines
                .extend(alone.map(|alone| format!("no --peer, and no neighbours known from before: {}", alone.hope())));
            lines.push("a friend joins through this node with one of".into());
            lines.extend(reached(status).iter().map(|address| format!("  --peer {address}")));
            lines.join("\n")
        };
        let object = || {
            json!({ "event": "ready", "id": status.id.to_string(), "grid": grid.name,
                "grid_id": status.grid.to_string(), "cell": cell, "listen": &listen,
                "advertised": texts(&status.advertised), "api": api.to_string(), "alone": alone.is_some(), "seeks": alone.is_some_and(|alone| alone.seeks) })
        };
        self.tell(sentence, object);
    }

    /// Another identity of a strong node listens.
    pub(super) fn also(self, status: &NodeStatus) {
        let listen = texts(&status.listen);
        let (id, cell) = (status.id.to_string(), status.cell.coordinates());
        let sentence = || {
            let at = reached(status).first().map(|address| format!(", at {address}")).unwrap_or_default();
            format!("also node {} in cell {}{at}", text::short(&id), text::cell(cell))
        };
        self.tell(sentence, || json!({ "event": "also", "id": id, "cell": cell, "listen": listen }));
    }

    /// Another identity of a strong node has joined.
    pub(super) fn also_joined(self, id: NodeId, neighbours: u32) {
        let id = id.to_string();
        self.tell(
            || format!("node {} joined, with {neighbours} neighbours linked", text::short(&id)),
            || json!({ "event": "also_joined", "id": id, "neighbours": neighbours }),
        );
    }

    /// Datasets are served.
    pub(super) fn services(self, services: &Services) {
        let data: Vec<String> = services.data_listening().iter().map(ToString::to_string).collect();
        let gateway = services.gateway().map(|gateway| format!("http://{}", gateway.address()));
        let sentence = || match &gateway {
            Some(gateway) => format!("datasets for DAP clients at {gateway}, a dataset's address is {gateway}/NAME"),
            None => "datasets can be published and served; --dap ADDR makes them readable for DAP clients here".into(),
        };
        self.tell(sentence, || json!({ "event": "services", "data": data, "dap": gateway }));
    }

    /// Something happened.
    pub(super) fn event(self, event: &Event) {
        match event {
            Event::JoinProgress(step) => {
                self.tell(|| format!("joining: {}", doing(*step)), || json!({ "event": "joining", "step": labels::step(*step) }));
            }
            Event::JoinFailed { step, why, retry_in } => self.tell(
                || {
                    let wait = text::duration(*retry_in);
                    let what = advice_on_join(*step);
                    format!("join failed when trying to {}: {why}\n  {what}\n  next try in {wait}", doing(*step))
                },
                || {
                    json!({ "event": "join_failed", "step": labels::step(*step), "why": why, "what_to_do": advice_on_join(*step),
                        "retry_in_ms": u64::try_from(retry_in.as_millis()).unwrap_or(u64::MAX) })
                },
            ),
            Event::Joined { neighbours } => self.tell(
                || format!("joined, with {neighbours} neighbours linked"),
                || json!({ "event": "joined", "neighbours": neighbours }),
            ),
            Event::RosterDoubt { counted, least, greatest } => self.tell(
                || {
                    format!(
                        "a line was said to have {counted} nodes, the other lines make {least} to {greatest} believable: \
                         asking elsewhere"
                    )
                },
                || json!({ "event": "roster_doubt", "counted": counted, "least": least, "greatest": greatest }),
            ),
            Event::Grown => self.tell(
                || "no leaf any more: this node passes requests on and keeps records from now on".into(),
                || json!({ "event": "grown" }),
            ),
            Event::Equivocated(id) => self.tell(
                || format!("node {id} has signed two rosters of one line: it is left out of rosters from now on"),
                || json!({ "event": "equivocated", "node": id.to_string() }),
            ),
            Event::NeighbourUp(id) => tracing::info!(%id, "a neighbour is linked"),
            Event::NeighbourDown(id) => tracing::info!(%id, "a neighbour is gone"),
            Event::HandingOver { records } => self.tell(
                || format!("nobody else is in this node's cell: handing {records} records over first"),
                || json!({ "event": "handing_over", "records": records }),
            ),
            // Whoever asked hears of these by the API, and of the end by the process.
            Event::PutDone { .. }
            | Event::GetDone { .. }
            | Event::EchoDone { .. }
            | Event::ProvideDone { .. }
            | Event::ProvidersDone { .. }
            | Event::RosterDone { .. }
            | Event::Asked { .. }
            | Event::AskDone { .. }
            | Event::Left => {}
        }
    }

    /// Events came faster than they could be written.
    pub(super) fn missed(self, count: u64) {
        self.tell(|| format!("{count} events were not shown"), || json!({ "event": "missed", "count": count }));
    }

    /// The node was told to leave.
    pub(super) fn leaving(self) {
        self.tell(|| "leaving".to_owned(), || json!({ "event": "leaving" }));
    }
}

/// A step for people.
fn doing(step: JoinStep) -> &'static str {
    match step {
        JoinStep::Dial => "dial the introducer",
        JoinStep::Credential => "exchange credentials with the introducer",
        JoinStep::Route => "have the introducer route the request to the home cell",
        JoinStep::HomeCell => "get an answer from the home cell",
        JoinStep::DialBack => "dial the node of the home cell that answered",
        JoinStep::Rosters => "get the rosters of the lines",
    }
}
