//! `rook dataset show`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::slice;

use super::list::versions;
use crate::api::client::Client;
use crate::api::types::datasets::{DatasetHead, DatasetServer};
use crate::cli::files::write_file;
use crate::cli::text::{self, fields, note, say, say_json, table};
use crate::cli::{Failure, api_address};
use crate::datasets::name::Reference;

/// Show what a dataset's name stands for, and who serves it.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ShowArgs {
    /// The dataset: NAME, or NAME@POINTER.
    dataset: Reference,
    /// Write the manifest of the newest version that lies on the node to a file, for `rook dataset serve`; `-` writes to
    /// standard output.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// The node to ask: where its API listens [default: 127.0.0.1:7117].
    #[arg(long, value_parser = api_address)]
    api: Option<SocketAddr>,
    /// Print JSON: head, problem, here.
    #[arg(long, conflicts_with = "manifest")]
    json: bool,
}

pub(super) async fn show(args: ShowArgs) -> Result<(), Failure> {
    let client = Client::find(args.api)?;
    if let Some(file) = &args.manifest {
        return write_file(file, &client.dataset_manifest(args.dataset.name.as_str()).await?);
    }
    let shown = client.dataset(&args.dataset.to_string()).await?;
    if args.json {
        say_json(&shown);
        return Ok(());
    }
    if let Some(head) = &shown.head {
        say(describe(head));
    }
    if let Some(problem) = &shown.problem {
        note(format_args!("{}; {}", problem.error, problem.what_to_do));
    }
    if let Some(here) = &shown.here {
        say(format_args!("\non this node:\n{}", versions(slice::from_ref(here))));
    }
    Ok(())
}

fn describe(head: &DatasetHead) -> String {
    let about = fields(&[
        ("name", head.name.clone()),
        ("pointer", head.pointer.clone()),
        ("version", format!("{}, root {}", head.sequence, head.version)),
        ("manifest", text::bytes(head.manifest_bytes)),
    ]);
    if head.servers.is_empty() {
        return format!("{about}\nnobody is known to serve it just now");
    }
    let row = |server: &DatasetServer| {
        let version = if server.version == head.version { "newest" } else { text::short(&server.version) };
        let reached =
            if server.addresses.is_empty() { "along the grid".to_owned() } else { server.addresses.join(" ") };
        vec![text::short(&server.id).to_owned(), text::cell(&server.cell), version.to_owned(), reached]
    };
    let rows: Vec<Vec<String>> = head.servers.iter().map(row).collect();
    format!("{about}\n\n{}", table(&["server", "cell", "version", "reached"], &rows))
}
