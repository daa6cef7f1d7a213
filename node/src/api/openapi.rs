//! The API's description for machines.

use axum::Json;
use utoipa::OpenApi;

use super::{handlers, offers, records};

#[derive(OpenApi)]
#[openapi(
    info(title = "rook", description = "The local API of a Grid of Trust node"),
    paths(
        records::put,
        records::put_record,
        records::get,
        offers::provide,
        offers::providers,
        handlers::status,
        handlers::peers,
        handlers::leave
    )
)]
struct Description;

/// The OpenAPI document.
pub(super) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Description::openapi())
}
