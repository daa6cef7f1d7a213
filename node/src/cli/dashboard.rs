//! `rook dashboard`: the address of a running node's page.

use std::net::SocketAddr;

use super::text::{note, say};
use super::{Failure, api_address};
use crate::api::client::Client;

/// Print the address of a running node's page, to open in a browser on this machine.
///
/// The address holds the node's token, behind a `#`: a browser sends that part to nobody. Whoever has it may command the
/// node until it is started again.
#[derive(Debug, clap::Args)]
pub(super) struct DashboardArgs {
    /// The node: where its API listens [default: 127.0.0.1:7117].
    #[arg(long, value_parser = api_address)]
    api: Option<SocketAddr>,
}

pub(super) async fn dashboard(args: DashboardArgs) -> Result<(), Failure> {
    let client = Client::find(args.api)?;
    let status = client.status().await?;
    note(format_args!("the page of node {}; keep its address to yourself", super::text::short(&status.id)));
    say(client.dashboard());
    Ok(())
}
