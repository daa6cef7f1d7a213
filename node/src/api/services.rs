//! Services that the node publishes through tunnels, and its proxy to those of others.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::handlers::NoQuery;
use super::problem::Failure;
use super::server::Shared;
use super::types::Fault;
use crate::tunnels::{NameError, PublishError, Published, ServiceHost, ServiceName, SocksError, SocksStatus};

/// A service of the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Service {
    /// What it is called.
    pub name: String,
    /// By which host it is reached: NAME.rook.
    pub host: String,
    /// By which host it alone is reached: NAME.KEY.rook.
    pub full_host: String,
    /// Where it listens.
    pub to: String,
    /// At how many nodes it can be met just now.
    pub meetings: usize,
}

/// The node's services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceList {
    /// By name.
    pub services: Vec<Service>,
}

/// The node's SOCKS5 proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Socks {
    /// Where it listens.
    pub listen: String,
    /// What it refused last, and why.
    pub refusal: Option<String>,
}

/// What a service or a proxy has to do with on this machine.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Local {
    address: SocketAddr,
}

impl From<Published> for Service {
    fn from(Published { name, key, to, meetings }: Published) -> Self {
        let host = |key| ServiceHost { name: name.clone(), key }.to_string();
        Self { host: host(None), full_host: host(Some(key)), name: name.to_string(), to: to.to_string(), meetings }
    }
}

impl From<SocksStatus> for Socks {
    fn from(SocksStatus { listen, refusal }: SocksStatus) -> Self {
        Self { listen: listen.to_string(), refusal }
    }
}

impl From<NameError> for Failure {
    fn from(error: NameError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.to_string(), "choose another name")
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        let text = error.to_string();
        match error {
            PublishError::Twice(name) => {
                Self::new(StatusCode::CONFLICT, text, format!("`rook serve {name} --stop` ends it"))
            }
            PublishError::TooMany => Self::new(StatusCode::CONFLICT, text, "end another with `rook serve NAME --stop`"),
            PublishError::Key(..) => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, text, "see to the folder `services` in the node's data")
            }
        }
    }
}

impl From<SocksError> for Failure {
    fn from(error: SocksError) -> Self {
        let text = error.to_string();
        match error {
            SocksError::NotLoopback(_) => Self::new(StatusCode::BAD_REQUEST, text, "port 0 takes a free one"),
            SocksError::Listen(..) => Self::new(StatusCode::CONFLICT, text, "say another with --listen"),
            SocksError::Twice(_) => Self::new(StatusCode::CONFLICT, text, "`rook socks --stop` ends it"),
        }
    }
}

/// The services that the node publishes.
#[utoipa::path(get, path = "/v1/services", responses((status = 200, body = ServiceList)))]
pub(super) async fn list(State(shared): State<Arc<Shared>>, _: Query<NoQuery>) -> Json<ServiceList> {
    let services = shared.services.tunnels().published().await;
    Json(ServiceList { services: services.into_iter().map(Service::from).collect() })
}

/// Publishes what listens at an address, until that is ended or the node ends.
#[utoipa::path(put, path = "/v1/services/{name}",
    params(("name" = String, Path), ("address" = String, Query, description = "where it listens, IP:PORT")),
    responses((status = 200, body = Service), (status = 400, body = Fault), (status = 409, body = Fault)))]
pub(super) async fn publish(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    Query(Local { address }): Query<Local>,
) -> Result<Json<Service>, Failure> {
    let name: ServiceName = name.parse()?;
    Ok(Json(shared.services.tunnels().publish(name, address).await?.into()))
}

/// Ends a service.
#[utoipa::path(delete, path = "/v1/services/{name}", params(("name" = String, Path)),
    responses((status = 204), (status = 404, body = Fault)))]
pub(super) async fn unpublish(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
) -> Result<StatusCode, Failure> {
    let name: ServiceName = name.parse()?;
    match shared.services.tunnels().unpublish(&name).await {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Failure::new(
            StatusCode::NOT_FOUND,
            format!("the node serves nothing called {name}"),
            "`rook serve` without a name shows what it serves",
        )),
    }
}

/// The proxy.
#[utoipa::path(get, path = "/v1/socks", responses((status = 200, body = Socks), (status = 404, body = Fault)))]
pub(super) async fn socks(State(shared): State<Arc<Shared>>, _: Query<NoQuery>) -> Result<Json<Socks>, Failure> {
    shared.services.tunnels().socks().await.map(|socks| Json(socks.into())).ok_or_else(no_proxy)
}

/// Opens a SOCKS5 proxy to services of the grid, until that is ended or the node ends.
#[utoipa::path(put, path = "/v1/socks", params(("address" = String, Query, description = "a loopback address, IP:PORT")),
    responses((status = 200, body = Socks), (status = 400, body = Fault), (status = 409, body = Fault)))]
pub(super) async fn open_socks(
    State(shared): State<Arc<Shared>>,
    Query(Local { address }): Query<Local>,
) -> Result<Json<Socks>, Failure> {
    Ok(Json(shared.services.tunnels().open_socks(address).await?.into()))
}

/// Closes the proxy.
#[utoipa::path(delete, path = "/v1/socks", responses((status = 204), (status = 404, body = Fault)))]
pub(super) async fn close_socks(State(shared): State<Arc<Shared>>, _: Query<NoQuery>) -> Result<StatusCode, Failure> {
    match shared.services.tunnels().close_socks().await {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(no_proxy()),
    }
}

fn no_proxy() -> Failure {
    Failure::new(
        StatusCode::NOT_FOUND,
        "the node has no SOCKS5 proxy",
        "`rook socks --listen 127.0.0.1:1080` opens one",
    )
}
