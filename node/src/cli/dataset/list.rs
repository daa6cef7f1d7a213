//! `rook dataset list`.

use std::net::SocketAddr;

use crate::api::client::Client;
use crate::api::types::datasets::Dataset;
use crate::cli::text::{self, note, say, say_json, table};
use crate::cli::{Failure, api_address};

/// Show what your node publishes and serves.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ListArgs {
    /// The node to ask: where its API listens [default: 127.0.0.1:7117].
    #[arg(long, value_parser = api_address)]
    api: Option<SocketAddr>,
    /// Print JSON: datasets, each with its versions.
    #[arg(long)]
    json: bool,
}

pub(super) async fn list(args: ListArgs) -> Result<(), Failure> {
    let found = Client::find(args.api)?.datasets().await?;
    if args.json {
        say_json(&found);
        return Ok(());
    }
    if found.datasets.is_empty() {
        note("the node publishes and serves no dataset: see `rook dataset add` and `rook dataset serve`");
        return Ok(());
    }
    say(versions(&found.datasets));
    Ok(())
}

/// A row for each version that lies here.
pub(super) fn versions(datasets: &[Dataset]) -> String {
    let rows = datasets.iter().flat_map(|dataset| {
        dataset.versions.iter().map(|version| {
            vec![
                dataset.name.clone(),
                version.sequence.map_or_else(|| "-".to_owned(), |sequence| sequence.to_string()),
                text::short(&version.version).to_owned(),
                version.files.to_string(),
                text::bytes(version.file_bytes),
                version.state.clone(),
                version.location.clone(),
            ]
        })
    });
    table(&["name", "version", "root", "files", "bytes", "state", "from"], &rows.collect::<Vec<_>>())
}
