//! `rook dataset add`.

use std::net::SocketAddr;
use std::path::PathBuf;

use ::grid::record::{Pointer, Record, Rules, Subject};
use hyper::StatusCode;
use serde::Serialize;

use super::reading::Reading;
use crate::api::client::{Client, ClientError};
use crate::api::types::Put;
use crate::api::types::datasets::{DatasetWish, PreparedDataset};
use crate::cli::put::rules_of;
use crate::cli::signals::unless_interrupted;
use crate::cli::text::{self, note, say, say_json};
use crate::cli::{Failure, api_address, quantity, stamping, writer};
use crate::clock;
use crate::datasets::head::{Head, MAX_HEAD};
use crate::datasets::name::Reference;
use crate::datasets::store::Location;
use crate::pointer::PointerText;
use crate::stamps::{self, Wanted};

/// The days for which a head is kept unless its publisher or the grid says otherwise.
const DAYS: u16 = 365;
/// Least times between two versions, in seconds, of which the shortest is taken that is cheap: a minute, ten, an hour, a
/// day.
const INTERVALS: [u32; 4] = [60, 600, 3600, 86_400];
/// What is cheap, in bits: half a minute's work of one processor.
const CHEAP: u32 = 31;

/// Publish a dataset, or its next version.
///
/// The node reads the files, describes them and hashes their values; the description's hash stands in a mutable record,
/// the dataset's head, that you sign. The same name again publishes the next version under the same pointer.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct AddArgs {
    /// The dataset's name; NAME@POINTER if it was published from another node.
    dataset: Reference,
    /// A file, a folder or s3://BUCKET/KEY: NetCDF, NetCDF-4 and CSV files. The node reads it where it is.
    place: Location,
    /// Have the node serve it.
    #[arg(long)]
    server: bool,
    /// What distinguishes this version from one with the same contents.
    #[arg(long, default_value = "")]
    label: String,
    /// Describe the files only: quick, but what servers say of the values can then only be compared with what others
    /// say.
    #[arg(long)]
    without_roots: bool,
    /// Days for which the head is to be kept [default: 365, or the most that the grid allows].
    #[arg(long)]
    days: Option<u16>,
    /// The least time between two versions [default: the shortest of 1min, 10min, 1h, 1d that is cheap].
    #[arg(long, value_parser = quantity::interval)]
    every: Option<u32>,
    /// Bits of work beyond the price, for the head.
    #[arg(long, default_value_t = 0)]
    priority: u8,
    /// The file of the publisher's key; made if it is not there [default: one of its own in the user's data folder].
    #[arg(long)]
    key: Option<PathBuf>,
    /// The node: where its API listens [default: 127.0.0.1:7117].
    #[arg(long, value_parser = api_address)]
    api: Option<SocketAddr>,
    /// Print JSON: name, pointer, version, sequence, files, bytes, nodes, cells.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct AddOutput<'a> {
    name: &'a str,
    pointer: &'a str,
    version: &'a str,
    /// None if there was nothing to publish.
    sequence: Option<u64>,
    files: usize,
    bytes: u64,
    nodes: u32,
    cells: u32,
}

pub(super) async fn add(args: AddArgs) -> Result<(), Failure> {
    let client = Client::find(args.api)?;
    let rules = rules_of(&client).await?;
    let prepared = unless_interrupted(prepare(&args, &client), "nothing was published").await?;
    prepared.skipped.iter().for_each(|skipped| note(format_args!("left out: {skipped}")));
    let known = prepared.pointer.as_deref().map(str::parse::<PointerText>).transpose()?;
    let said = args.dataset.pointer.clone();
    if let (true, Some(known)) = (prepared.published, &known)
        && said.as_ref().is_none_or(|said| said == known)
    {
        note("the newest version is the same: nothing was published");
        describe(&args, &prepared, &known.to_string(), None, None);
        return Ok(());
    }
    let (pointer, sequence) = match said.or(known) {
        Some(text) => next(&args, &client, text, &rules).await?,
        None => (first(&args, &client, &rules).await?, 0),
    };
    let record = sign(&args, &prepared, &pointer, sequence, &rules)?;
    let text = PointerText::from(&pointer).to_string();
    let name = args.dataset.name.as_str();
    let again = format!("the head is paid for: say `rook dataset add {name}@{text} ...` to go on with it");
    let put = async {
        client.publish_dataset(name, &record).await.map_err(|error| Failure::new(format!("{error}\n  {again}")))
    };
    let put = unless_interrupted(put, &again).await?;
    describe(&args, &prepared, &text, Some(sequence), Some(&put));
    Ok(())
}

async fn prepare(args: &AddArgs, client: &Client) -> Result<PreparedDataset, Failure> {
    let wish = DatasetWish {
        location: args.place.clone().absolute()?.to_string(),
        label: args.label.clone(),
        serve: args.server,
        without_roots: args.without_roots,
    };
    let mut reading = Reading::default();
    client.prepare_dataset(args.dataset.name.as_str(), &wish, |event| reading.step(event)).await?;
    reading.prepared()
}

/// Pays for the head of a new dataset.
async fn first(args: &AddArgs, client: &Client, rules: &Rules) -> Result<Pointer, Failure> {
    let name = &args.dataset.name;
    if let Ok(shown) = client.dataset(name.as_str()).await
        && let Some(head) = shown.head
    {
        let pointer = head.pointer;
        note(format_args!(
            "somebody else publishes a dataset {name}: people will have to say {name}@POINTER\n  {pointer}"
        ));
    }
    let days = args.days.unwrap_or_else(|| DAYS.min(rules.limits.days));
    let wanted = Wanted { days, priority: args.priority, ..Wanted::default() };
    let terms = |writer, interval| wanted.terms(Subject::Mutable { writer, interval }, MAX_HEAD as u64);
    let bits = |interval| wanted.bits(&terms([0; 32], interval), rules);
    let cheap = || INTERVALS.into_iter().find(|&interval| bits(interval) <= CHEAP).unwrap_or(INTERVALS[3]);
    let interval = args.every.unwrap_or_else(cheap);
    terms([0; 32], interval).validate(&rules.limits)?;
    let (key, file) = writer::for_new_record(args.key.as_deref())?;
    note(format_args!("the publisher's key is {}", file.display()));
    stamping::pay(terms(key.public(), interval), bits(interval), *rules).await
}

/// The head of a dataset that was published before, and the number of its next version.
async fn next(args: &AddArgs, client: &Client, text: PointerText, rules: &Rules) -> Result<(Pointer, u64), Failure> {
    let pointer = text.clone().check(rules)?;
    let there = match client.get(&text, 0).await {
        Ok(found) => found.headers.sequence,
        // Nobody has it any more, or it was paid for and never stored.
        Err(ClientError::Refused { status: StatusCode::NOT_FOUND, .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let sequence = writer::next_number(&pointer, args.key.as_deref(), there)?;
    Ok((pointer, sequence))
}

fn sign(
    args: &AddArgs,
    prepared: &PreparedDataset,
    pointer: &Pointer,
    sequence: u64,
    rules: &Rules,
) -> Result<Record, Failure> {
    let version = prepared.root().ok_or_else(|| Failure::new("the node does not say which version it has prepared"))?;
    let head = Head { name: args.dataset.name.clone(), version, length: prepared.manifest_bytes };
    let key = writer::of_record(pointer, args.key.as_deref())?;
    let record = stamps::version(pointer, &key, sequence, clock::unix_seconds(), &head.encode(), rules)?;
    writer::note_signed(pointer, args.key.as_deref(), sequence)?;
    Ok(record)
}

fn describe(args: &AddArgs, prepared: &PreparedDataset, pointer: &str, sequence: Option<u64>, put: Option<&Put>) {
    let (nodes, cells) = put.map_or((0, 0), |put| (put.nodes, put.cells));
    let PreparedDataset { version, files, bytes, .. } = prepared;
    let name = args.dataset.name.as_str();
    if args.json {
        return say_json(&AddOutput { name, pointer, version, sequence, files: *files, bytes: *bytes, nodes, cells });
    }
    say(pointer);
    if let Some(sequence) = sequence {
        note(format_args!(
            "version {sequence} of {name}: {files} file{}, {} of values; its head is stored on {nodes} nodes in {cells} cells",
            if *files == 1 { "" } else { "s" },
            text::bytes(*bytes),
        ));
    }
    note(format_args!("version root {version}"));
}
