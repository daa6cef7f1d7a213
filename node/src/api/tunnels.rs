//! Tunnels over the API.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::handlers::{NoQuery, milliseconds};
use super::problem::Failure;
use super::server::Shared;
use crate::tunnels::{Counts, TunnelStatus};

/// A tunnel that the node laid for requests of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OwnTunnel {
    /// The names of its relays in order, and of the last node.
    pub way: Vec<String>,
    /// Seconds since it was laid.
    pub age_s: u64,
    /// How long it took to lay, in milliseconds.
    pub laid_in_ms: f64,
    /// The shortest time in which a cell came back from its last node, in milliseconds; none before it was used.
    pub round_trip_ms: Option<f64>,
    /// Whether it leads to a node where a service is met.
    pub visits: bool,
}

/// How a node covers what it sends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CoverTraffic {
    /// What it sends in all, whatever there is to be sent, in kbit/s (1,000 bits).
    pub kbit_per_second: u32,
    /// How the times of slots are found: constant or poisson.
    pub pace: String,
    /// Links that share it now.
    pub links: u32,
    /// The mean time between two slots of a link now, in seconds.
    pub gap_s: f64,
}

/// What a node knows of tunnels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Tunnels {
    /// Its own, the one that is in use first.
    pub own: Vec<OwnTunnel>,
    /// Whether relays have to show certified rosters, as they do once the lines of this node have some.
    pub certified: bool,
    /// Relays that were found to show forged rosters, and are used no more.
    pub deceivers: usize,
    /// The rules by which strangers are let out of the grid here; none if they are not.
    pub exit: Vec<String>,
    /// How it covers what it sends; without it others that watch its lines see when it sends.
    pub cover: Option<CoverTraffic>,
    /// Circuits that begin at, lead over or end at it.
    pub circuits: usize,
    /// Cells that it has passed on for others, away from who laid the tunnel and towards it.
    pub relayed: [u64; 2],
    /// Set-ups of others that it took.
    pub taken: u64,
    /// Set-ups that it refused: no room, replayed, out of date, or not to be opened.
    pub refused: u64,
    /// Cells that were forged, replayed or out of order; each has ended its circuit.
    pub forged: u64,
}

impl From<&TunnelStatus> for Tunnels {
    fn from(status: &TunnelStatus) -> Self {
        let own = status.own.iter().map(|tunnel| OwnTunnel {
            way: tunnel.way.iter().map(ToString::to_string).collect(),
            age_s: tunnel.age.as_secs(),
            laid_in_ms: milliseconds(tunnel.laid_in),
            round_trip_ms: tunnel.round_trip.map(milliseconds),
            visits: tunnel.visits,
        });
        let Counts { outward, homeward, set_ups, no_room, replayed, stale, unreadable, forged, out_of_turn, .. } =
            status.counts;
        Self {
            own: own.collect(),
            certified: status.certified,
            deceivers: status.deceivers,
            exit: status.exit.clone(),
            cover: status.cover.map(|(cover, links)| CoverTraffic {
                kbit_per_second: cover.kbit_per_second.get(),
                pace: cover.pace.to_string(),
                links,
                gap_s: cover.gap(links).as_secs_f64(),
            }),
            circuits: status.circuits,
            relayed: [outward, homeward],
            taken: set_ups,
            refused: no_room + replayed + stale + unreadable,
            forged: forged + out_of_turn,
        }
    }
}

/// The node's tunnels, and what it has relayed for others.
#[utoipa::path(get, path = "/v1/tunnels", responses((status = 200, body = Tunnels)))]
pub(super) async fn tunnels(State(shared): State<Arc<Shared>>, _: Query<NoQuery>) -> Result<Json<Tunnels>, Failure> {
    Ok(Json((&shared.services.tunnels().status().await?).into()))
}
