//! The API's description for machines.

use axum::Json;
use utoipa::OpenApi;

use super::{datasets, figures, handlers, health, live, offers, reading, records, services, tunnels};

#[derive(OpenApi)]
#[openapi(
    info(title = "rook", description = "The local API of a Grid of Trust node"),
    paths(
        records::put,
        records::put_record,
        records::get,
        offers::provide,
        offers::providers,
        datasets::list,
        datasets::show,
        datasets::prepare,
        datasets::publish,
        datasets::serve,
        datasets::manifest,
        datasets::remove,
        datasets::forget,
        reading::opened,
        reading::values,
        reading::check,
        reading::trust,
        handlers::status,
        handlers::peers,
        handlers::ledger,
        handlers::leave,
        tunnels::tunnels,
        services::list,
        services::publish,
        services::unpublish,
        services::socks,
        services::open_socks,
        services::close_socks,
        health::warnings,
        live::events,
        figures::metrics,
        document
    )
)]
struct Description;

/// This description, made from the code. Needs no token.
#[utoipa::path(get, path = "/openapi.json", responses((status = 200, body = serde_json::Value)))]
pub(super) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Description::openapi())
}
