//! `rook watch`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ::grid::record::Subject;
use serde::Serialize;

use super::files::{write_file, write_out};
use super::put::rules_of;
use super::quantity;
use super::signals::Signals;
use super::text::{self, note};
use super::{Failure, api_address, get};
use crate::api::client::{Client, ClientError, Found};
use crate::clock;

/// Show each new version of a mutable record, until Ctrl-C.
#[derive(Debug, clap::Args)]
pub(super) struct WatchArgs {
    /// The record's pointer, `rook1...`
    pointer: String,
    /// Write each version here instead of to standard output; all at once or not at all.
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// How often to look [default: half the record's least interval, at most 30 s].
    #[arg(long, value_parser = quantity::seconds)]
    every: Option<u64>,
    /// End after so many versions.
    #[arg(long)]
    count: Option<u64>,
    /// The node to ask: where its API listens [default: 127.0.0.1:7117].
    #[arg(long, value_parser = api_address)]
    api: Option<SocketAddr>,
    /// Print a line of JSON for each version: sequence, written, age_s, bytes. The values are written only with -o then.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line {
    sequence: u64,
    written: u64,
    age_s: u64,
    bytes: usize,
    twin: Option<String>,
}

/// How often to look where nothing is said.
const MOST: Duration = Duration::from_secs(30);
const LEAST: Duration = Duration::from_millis(500);

pub(super) async fn watch(args: WatchArgs) -> Result<(), Failure> {
    let text = get::parse(&args.pointer)?;
    let client = Client::find(args.api)?;
    let pointer = text.clone().check(&rules_of(&client).await?)?;
    let Subject::Mutable { interval, .. } = pointer.terms().subject else {
        return Err(Failure::new("the record never changes: it was put without --mutable; see `rook get`"));
    };
    let usual = (Duration::from_secs(interval.into()) / 2).clamp(LEAST, MOST);
    let mut ticks = tokio::time::interval(args.every.map_or(usual, |every| Duration::from_secs(every.max(1))));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut signals = Signals::new()?;
    let (mut last, mut shown, mut silent) = (None, 0, false);
    while args.count.is_none_or(|count| shown < count) {
        tokio::select! {
            _ = ticks.tick() => {}
            () = signals.wait() => return Ok(()),
        }
        let looked = tokio::select! {
            looked = client.get(&text, 0) => looked,
            () = signals.wait() => return Ok(()),
        };
        match looked {
            Ok(found) if found.headers.sequence > last => {
                last = found.headers.sequence;
                shown += 1;
                show(&args, &found)?;
                silent = false;
            }
            Ok(_) => silent = false,
            Err(error @ ClientError::Strange { .. }) => return Err(error.into()),
            // It may come, or come back: said once, and looked at again.
            Err(error) if !silent => {
                note(format_args!("{error}; looking on"));
                silent = true;
            }
            Err(_) => {}
        }
    }
    Ok(())
}

fn show(args: &WatchArgs, Found { value, headers }: &Found) -> Result<(), Failure> {
    match &args.output {
        Some(file) => write_file(file, value)?,
        None if args.json => {}
        None => write_out(value)?,
    }
    let (sequence, written) = (headers.sequence.unwrap_or_default(), headers.written.unwrap_or_default());
    let age_s = clock::unix_seconds().saturating_sub(written);
    match args.json {
        true => {
            let line = Line { sequence, written, age_s, bytes: value.len(), twin: headers.twin.clone() };
            let line = serde_json::to_string(&line).map_err(|error| Failure::new(error.to_string()))?;
            text::say(line);
        }
        false => note(format_args!(
            "version {sequence}, {} old, {}",
            text::seconds(age_s as f64),
            text::bytes(value.len() as u64)
        )),
    }
    get::warn_of_twin(headers);
    Ok(())
}
