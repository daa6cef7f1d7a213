//! `rook get`.

mod part;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Serialize;

use self::part::Part;
use super::files::{write_file, write_out};
use super::put::rules_of;
use super::text::{self, bytes, note, say_json};
use super::transfer::{self, Meter};
use super::{Failure, api_address};
use crate::api::client::{Client, Found};
use crate::api::types::FoundHeaders;
use crate::clock;
use crate::pointer::PointerText;

/// Find a record and write it to standard output or a file.
///
/// A large file is fetched in parts, several at a time; when it was interrupted, the same command with the same -o goes
/// on where it was.
#[derive(Debug, clap::Args)]
pub(super) struct GetArgs {
    /// The pointer, `rook1...`
    pointer: String,
    /// Write here instead of to standard output; a file that is there is replaced, all at once or not at all.
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// Ask through a tunnel: no node learns who wants it. Takes a second for the first tunnel.
    #[arg(long)]
    tunnel: bool,
    /// The node to ask: where its API listens [default: 127.0.0.1:7117].
    #[arg(long, value_parser = api_address)]
    api: Option<SocketAddr>,
    /// Print JSON: bytes, hops, ms, from_cell, cells; of a mutable record also sequence, written, age_s and twin. The
    /// value itself is written only with -o then.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct GetOutput<'a> {
    bytes: u64,
    age_s: Option<u64>,
    #[serde(flatten)]
    headers: &'a FoundHeaders,
}

/// A pointer from the command line.
pub(super) fn parse(text: &str) -> Result<PointerText, Failure> {
    text.parse().map_err(|error| Failure::new(format!("this is no pointer: {error}\n  {text}")))
}

pub(super) async fn get(args: GetArgs) -> Result<(), Failure> {
    let text = parse(&args.pointer)?;
    let client = Client::find(args.api)?.through_tunnel(args.tunnel);
    let pointer = text.clone().check(&rules_of(&client).await?)?;
    let file = args.output.as_deref().filter(|file| *file != Path::new("-"));
    if pointer.terms().is_mutable() || pointer.cut().chunks() == 1 {
        let Found { value, headers } = client.get(&text, 0).await?;
        match &args.output {
            Some(file) => write_file(file, &value)?,
            None if args.json => {}
            None => write_out(&value)?,
        }
        describe(value.len() as u64, &headers, args.json);
        return Ok(());
    }
    let begun = std::time::Instant::now();
    let headers = match file {
        Some(file) => {
            let part = Part::open(file, &text, pointer.clone())?;
            fetch(&client, &text, part).await?
        }
        None if args.json && args.output.is_none() => client.get(&text, 0).await?.headers,
        None => transfer::stream_out(&client, &text, pointer.cut()).await?,
    };
    let headers = FoundHeaders { ms: begun.elapsed().as_secs_f64() * 1e3, ..headers };
    describe(pointer.terms().size, &headers, args.json);
    Ok(())
}

/// Fetches what is lacking of a file. The figures are those of the chunk that came the longest way.
async fn fetch(client: &Client, text: &PointerText, mut part: Part) -> Result<FoundHeaders, Failure> {
    let (lacking, cut) = (part.lacking(), part.cut());
    let there = cut.size - lacking.iter().filter_map(|&number| cut.length(number)).sum::<u64>();
    if there > 0 {
        note(format_args!("going on: {} of {} are there", bytes(there), bytes(cut.size)));
    }
    let mut meter = Meter::new("got", cut.size, there);
    let mut farthest: Option<FoundHeaders> = None;
    let fetched = transfer::download(client, text, lacking, |number, value, headers| {
        part.write(number, &value)?;
        meter.advance(value.len() as u64);
        if farthest.as_ref().is_none_or(|farthest| farthest.hops < headers.hops) {
            farthest = Some(headers.clone());
        }
        Ok(())
    });
    fetched.await.map_err(|failure| {
        Failure::new(format!("{failure}\n  what came is not lost: the same command goes on where this ended"))
    })?;
    meter.finish();
    tokio::task::spawn_blocking(move || part.finish()).await??;
    let nothing =
        FoundHeaders { hops: 0, from_cell: Vec::new(), ms: 0.0, cells: 0, sequence: None, written: None, twin: None };
    Ok(farthest.unwrap_or(nothing))
}

fn describe(size: u64, headers: &FoundHeaders, json: bool) {
    let age_s = headers.written.map(|written| clock::unix_seconds().saturating_sub(written));
    if json {
        say_json(&GetOutput { bytes: size, age_s, headers });
    } else {
        let version = match (headers.sequence, age_s) {
            (Some(sequence), Some(age)) => format!("version {sequence}, {} old, ", text::seconds(age as f64)),
            (Some(_) | None, _) => String::new(),
        };
        let (hops, ms) = (headers.hops, text::seconds(headers.ms / 1e3));
        note(format_args!("{version}{} from cell {}, {hops} hops, {ms}", bytes(size), text::cell(&headers.from_cell)));
    }
    warn_of_twin(headers);
}

/// A writer that signs two values under one number is not to be trusted.
pub(super) fn warn_of_twin(headers: &FoundHeaders) {
    if let (Some(twin), Some(sequence)) = (&headers.twin, headers.sequence) {
        note(format_args!(
            "warning: the writer has signed two values as version {sequence}, this one and one with the BLAKE3 hash {twin}: \
             its key is used by two, or it means to deceive"
        ));
    }
}
