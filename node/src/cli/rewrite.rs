//! `rook rewrite`.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::files::read_small;
use super::put::{describe, rules_of};
use super::{Failure, api_address, get, writer};
use crate::api::client::Client;
use crate::clock;
use crate::stamps;

/// Give a mutable record another value.
#[derive(Debug, clap::Args)]
pub(super) struct RewriteArgs {
    /// The record's pointer, `rook1...`
    pointer: String,
    /// The new value; `-` reads standard input.
    file: PathBuf,
    /// The writer's key [default: where `rook put --mutable` has put it].
    #[arg(long)]
    key: Option<PathBuf>,
    /// The number of the new version [default: the one after what is there].
    #[arg(long)]
    sequence: Option<u64>,
    /// The node to ask: where its API listens [default: 127.0.0.1:7117].
    #[arg(long, value_parser = api_address)]
    api: Option<SocketAddr>,
    /// Print JSON: pointer, sequence, nodes, cells, ms.
    #[arg(long)]
    json: bool,
}

pub(super) async fn rewrite(args: RewriteArgs) -> Result<(), Failure> {
    let text = get::parse(&args.pointer)?;
    let client = Client::find(args.api)?;
    let rules = rules_of(&client).await?;
    let pointer = text.clone().check(&rules)?;
    let key = writer::of_record(&pointer, args.key.as_deref())?;
    let advice = "put a new record with a greater --max-size, or put the value and let the record hold its pointer";
    let value = read_small(&args.file, pointer.terms().size, advice)?;
    let sequence = match args.sequence {
        Some(sequence) => sequence,
        None => {
            let there = client.get(&text, 0).await?.headers.sequence;
            writer::next_number(&pointer, args.key.as_deref(), there)?
        }
    };
    writer::note_signed(&pointer, args.key.as_deref(), sequence)?;
    let record = stamps::version(&pointer, &key, sequence, clock::unix_seconds(), &value, &rules)?;
    let put = client.put(&record).await?;
    describe(&put, Some(sequence), None, args.json);
    Ok(())
}
