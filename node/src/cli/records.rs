//! `rook put` and `rook get`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::text::{self, bytes, note, say, say_json};
use super::{Failure, api_address};
use crate::api::client::{Client, Found};
use crate::pointer::Pointer;

/// Store a file in the grid and print the pointer to it.
#[derive(Debug, clap::Args)]
pub(super) struct PutArgs {
    /// The file; `-` reads standard input.
    file: PathBuf,
    /// The node to ask: where its API listens [default: 127.0.0.1:7117].
    #[arg(long, value_parser = api_address)]
    api: Option<SocketAddr>,
    /// Print JSON: pointer, nodes, cells, ms.
    #[arg(long)]
    json: bool,
}

/// Find a record and write it to standard output or a file.
#[derive(Debug, clap::Args)]
pub(super) struct GetArgs {
    /// The pointer, `rook1...`
    pointer: String,
    /// Write here instead of to standard output; a file that is there is replaced, all at once or not at all.
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// The node to ask: where its API listens [default: 127.0.0.1:7117].
    #[arg(long, value_parser = api_address)]
    api: Option<SocketAddr>,
    /// Print JSON: bytes, hops, ms, from_cell. The value itself is written only with -o then.
    #[arg(long)]
    json: bool,
}

pub(super) async fn put(args: PutArgs) -> Result<(), Failure> {
    let client = Client::find(args.api)?;
    let limit = client.status().await?.max_record_bytes;
    let value = read_value(&args.file, limit)?;
    let put = client.put(value).await?;
    match args.json {
        true => say_json(&put),
        false => {
            say(&put.pointer);
            note(format_args!("stored on {} nodes in {} cells, {}", put.nodes, put.cells, text::seconds(put.ms / 1e3)));
        }
    }
    Ok(())
}

/// Reads the whole file, but gives up as soon as it is too large.
fn read_value(file: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let mut value = Vec::new();
    let read = match file == Path::new("-") {
        true => io::stdin().lock().take(limit + 1).read_to_end(&mut value),
        false => File::open(file).and_then(|file| file.take(limit + 1).read_to_end(&mut value)),
    };
    read.map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
    match value.len() as u64 > limit {
        true => Err(Failure::new(format!(
            "{} is larger than a record of this grid may be ({limit} bytes): cut it into pieces, for example with \
             `split -b {limit}`, and put each of them",
            file.display()
        ))),
        false => Ok(value),
    }
}

#[derive(Serialize)]
struct GetOutput {
    bytes: usize,
    hops: u8,
    ms: f64,
    from_cell: Vec<u16>,
}

pub(super) async fn get(args: GetArgs) -> Result<(), Failure> {
    let pointer: Pointer = args
        .pointer
        .parse()
        .map_err(|error| Failure::new(format!("this is no pointer: {error}\n  {}", args.pointer)))?;
    let Found { value, headers } = Client::find(args.api)?.get(pointer).await?;
    match &args.output {
        Some(file) => write_file(file, &value)?,
        None if args.json => {}
        None => write_out(&value)?,
    }
    let (size, hops, ms) = (value.len(), headers.hops, headers.ms);
    match args.json {
        true => say_json(&GetOutput { bytes: size, hops, ms, from_cell: headers.from_cell }),
        false => note(format_args!(
            "{} from cell {}, {hops} hops, {}",
            bytes(size as u64),
            text::cell(&headers.from_cell),
            text::seconds(ms / 1e3)
        )),
    }
    Ok(())
}

fn write_out(value: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(value).and_then(|()| out.flush());
    written.map_err(|error| Failure::new(format!("standard output: {error}")))
}

/// Writes beside the file first, so that a reader sees all of it or what was there before.
fn write_file(file: &Path, value: &[u8]) -> Result<(), Failure> {
    let refuse = |error: io::Error| Failure::new(format!("{}: {error}", file.display()));
    if file == Path::new("-") {
        return write_out(value);
    }
    if file.is_dir() {
        return Err(Failure::new(format!("{} is a folder: name a file in it", file.display())));
    }
    let folder = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut temporary = builder.tempfile_in(folder).map_err(refuse)?;
    temporary.write_all(value).map_err(refuse)?;
    temporary.persist(file).map_err(|error| refuse(error.error))?;
    Ok(())
}
