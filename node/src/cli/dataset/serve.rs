//! `rook dataset serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use dataset::manifest::MAX_MANIFEST;

use super::reading::Reading;
use crate::api::client::Client;
use crate::cli::files::read_small;
use crate::cli::signals::unless_interrupted;
use crate::cli::text::{note, say, say_json};
use crate::cli::{Failure, api_address};
use crate::datasets::name::Reference;
use crate::datasets::store::Location;

/// Serve a dataset that somebody else has published, from a copy of yours.
///
/// The copy may have any layout, chunks and compression; its values are compared with what the publisher has signed.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ServeArgs {
    /// The dataset: NAME, or NAME@POINTER.
    dataset: Reference,
    /// The copy: a file, a folder or s3://BUCKET/KEY. The node reads it where it is.
    place: Location,
    /// The dataset's manifest, from `rook dataset show --manifest` [default: fetched from those who serve it].
    #[arg(long)]
    manifest: Option<PathBuf>,
    /// The node: where its API listens [default: 127.0.0.1:7117].
    #[arg(long, value_parser = api_address)]
    api: Option<SocketAddr>,
    /// Print JSON: name, pointer, version, sequence, servers.
    #[arg(long)]
    json: bool,
}

pub(super) async fn serve(args: ServeArgs) -> Result<(), Failure> {
    let client = Client::find(args.api)?;
    let manifest = match &args.manifest {
        Some(file) => read_small(file, MAX_MANIFEST as u64, "that is no manifest")?,
        None => Vec::new(),
    };
    let (dataset, place) = (args.dataset.to_string(), args.place.absolute()?.to_string());
    let reading = async {
        let mut reading = Reading::default();
        client.serve_dataset(&dataset, &place, manifest, |event| reading.step(event)).await?;
        reading.serving()
    };
    let head = unless_interrupted(reading, "it is not served").await?;
    match args.json {
        true => say_json(&head),
        false => {
            say(&head.pointer);
            note(format_args!("version {} of {} is served from {place}", head.sequence, head.name));
        }
    }
    Ok(())
}
