//! `rook put`.

mod resume;

use std::fs::File;
use std::io::{self, Read, Seek};
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::grid::record::terms::MAX_SIZE;
use ::grid::record::{Pointer, Rules, Subject, Tree};
use serde::Serialize;

use self::resume::Resume;
use super::files::{read_small, refuse};
use super::signals::unless_interrupted;
use super::text::{self, note, say, say_json};
use super::transfer::{self, Meter, Upload};
use super::{Failure, api_address, quantity, stamping, writer};
use crate::api::client::Client;
use crate::api::types::Put;
use crate::clock;
use crate::pointer::PointerText;
use crate::stamps::{self, Wanted};

/// Store a file in the grid and print the pointer to it.
///
/// The pointer is paid for with work, see `rook price`. A file of any size can be put; when it was interrupted, the same
/// command goes on where it was.
#[derive(Debug, clap::Args)]
pub(super) struct PutArgs {
    /// The file; `-` reads standard input.
    file: PathBuf,
    /// Days for which it is to be kept.
    #[arg(long, default_value_t = 30)]
    days: u16,
    /// Days after which it matters half as much to a node that runs out of space; 0: never.
    #[arg(long, default_value_t = 0)]
    half_life: u16,
    /// Bits of work beyond the price: a node that runs out of space drops records of lower priority first.
    #[arg(long, default_value_t = 0)]
    priority: u8,
    /// Bits of work to save: the record is then kept last, served last and dropped first.
    #[arg(long, default_value_t = 0, conflicts_with = "priority")]
    underpay: u8,
    /// An application's own name for it, up to 32 bytes.
    #[arg(long, default_value = "")]
    application: String,
    /// Make a record that can be rewritten, with `rook rewrite`.
    #[arg(long, requires = "every")]
    mutable: bool,
    /// The least time between two versions of it: 1h, 10min, 1d.
    #[arg(long, value_parser = quantity::interval, requires = "mutable")]
    every: Option<u32>,
    /// The most bytes that a version may have [default: the first one's size, rounded up to a power of two].
    #[arg(long, value_parser = quantity::size, requires = "mutable")]
    max_size: Option<u64>,
    /// The file of the writer's key; made if it is not there [default: one of its own in the user's data folder].
    #[arg(long, requires = "mutable")]
    key: Option<PathBuf>,
    /// Store through a tunnel: no node learns who wrote it. Takes a second for the first tunnel.
    #[arg(long)]
    tunnel: bool,
    /// The node to ask: where its API listens [default: 127.0.0.1:7117].
    #[arg(long, value_parser = api_address)]
    api: Option<SocketAddr>,
    /// Print JSON: pointer, nodes, cells, ms; of a mutable record also sequence and key.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct PutOutput<'a> {
    #[serde(flatten)]
    put: &'a Put,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

/// Prints what came of a put.
pub(super) fn describe(put: &Put, sequence: Option<u64>, key: Option<&Path>, json: bool) {
    if json {
        return say_json(&PutOutput { put, sequence, key: key.map(|key| key.display().to_string()) });
    }
    say(&put.pointer);
    let version = sequence.map(|sequence| format!("version {sequence} ")).unwrap_or_default();
    note(format_args!(
        "{version}stored on {} nodes in {} cells, {}",
        put.nodes,
        put.cells,
        text::seconds(put.ms / 1e3)
    ));
    if let Some(key) = key {
        note(format_args!("rewrite it with `rook rewrite`; the writer's key is {}", key.display()));
    }
}

/// The rules of the grid that a node is in.
pub(super) async fn rules_of(client: &Client) -> Result<Rules, Failure> {
    let rules = client.status().await?.rules();
    rules.ok_or_else(|| Failure::new("the node does not say what its grid's rules are: it may be of another version"))
}

impl PutArgs {
    fn wanted(&self) -> Wanted {
        Wanted {
            days: self.days,
            half_life: self.half_life,
            priority: self.priority,
            application: self.application.clone().into_bytes(),
            underpay: self.underpay,
        }
    }
}

pub(super) async fn put(args: PutArgs) -> Result<(), Failure> {
    let client = Client::find(args.api)?.through_tunnel(args.tunnel);
    let rules = rules_of(&client).await?;
    match args.every.filter(|_| args.mutable) {
        Some(interval) => put_mutable(&args, interval, &client, rules).await,
        None => put_immutable(&args, client, rules).await,
    }
}

async fn put_mutable(args: &PutArgs, interval: u32, client: &Client, rules: Rules) -> Result<(), Failure> {
    let most = rules.limits.chunk.into();
    let (limit, advice) = match args.max_size.filter(|size| *size < most) {
        Some(size) => (size, "say a greater --max-size"),
        None => (most, "put it without --mutable, and let a mutable record hold its pointer"),
    };
    let value = read_small(&args.file, limit, advice)?;
    let size = args.max_size.unwrap_or_else(|| (value.len() as u64).next_power_of_two());
    let wanted = args.wanted();
    // The terms are checked before a key is made for them.
    wanted.terms(Subject::Mutable { writer: [0; 32], interval }, size).validate(&rules.limits)?;
    let (key, key_file) = writer::for_new_record(args.key.as_deref())?;
    let terms = wanted.terms(Subject::Mutable { writer: key.public(), interval }, size);
    let bits = wanted.bits(&terms, &rules);
    let pointer = stamping::pay(terms, bits, rules).await?;
    writer::note_signed(&pointer, args.key.as_deref(), 0)?;
    let record = stamps::version(&pointer, &key, 0, clock::unix_seconds(), &value, &rules)?;
    let again = format!(
        "it is paid for; if it is not there, `rook rewrite POINTER FILE --sequence 0` stores it\n  {}",
        PointerText::from(&pointer)
    );
    let put = async { client.put(&record).await.map_err(|error| Failure::new(format!("{error}\n  {again}"))) };
    let put = unless_interrupted(put, &again).await?;
    describe(&put, Some(0), Some(&key_file), args.json);
    Ok(())
}

async fn put_immutable(args: &PutArgs, client: Client, rules: Rules) -> Result<(), Failure> {
    let (file, size) = open(&args.file)?;
    let path = args.file.clone();
    let (file, tree) =
        tokio::task::spawn_blocking(move || transfer::hash(&file, &path, size, &rules).map(|tree| (file, tree)))
            .await??;
    let wanted = args.wanted();
    let terms = wanted.terms(Subject::Immutable { root: tree.root() }, size);
    terms.validate(&rules.limits)?;
    let bits = wanted.bits(&terms, &rules);
    // What takes neither long to pay for nor long to send needs no notes.
    let small = tree.cut().chunks() == 1 && stamps::is_quick(bits);
    let resume = if small { None } else { Resume::find(&terms, bits, &rules)? };
    let (pointer, resume) = match resume {
        Some(resume) => (resume.pointer().clone(), Some(resume)),
        None => {
            let pointer = stamping::pay(terms, bits, rules).await?;
            let resume = if small { None } else { Some(Resume::begin(&pointer, bits, &rules)?) };
            (pointer, resume)
        }
    };
    let left = match small {
        true => "the value may be stored already, or not",
        false => "what was put is not lost: the same command goes on where this ended",
    };
    let put = unless_interrupted(upload(client, file, tree, pointer, rules, resume), left).await?;
    describe(&put, None, None, args.json);
    Ok(())
}

async fn upload(
    client: Client,
    file: File,
    tree: Tree,
    pointer: Pointer,
    rules: Rules,
    mut resume: Option<Resume>,
) -> Result<Put, Failure> {
    let begun = std::time::Instant::now();
    let cut = tree.cut();
    let is_done = |number: &u32| resume.as_ref().is_some_and(|resume| resume.is_done(*number));
    let all = u32::try_from(cut.chunks()).unwrap_or(u32::MAX);
    let left: Vec<u32> = (0..all).filter(|number| !is_done(number)).collect();
    let there = (0..all).filter(is_done).filter_map(|number| cut.length(number)).sum();
    if there > 0 {
        note(format_args!("going on: {} of {} are there", text::bytes(there), text::bytes(cut.size)));
    }
    let mut meter = (all > 1).then(|| Meter::new("put", cut.size, there));
    let text = PointerText::from(&pointer).to_string();
    let upload = Upload { client, file: Arc::new(file), tree: Arc::new(tree), pointer, rules };
    let least = upload.run(left, |number, bytes| {
        meter.iter_mut().for_each(|meter| meter.advance(bytes));
        resume.as_mut().map_or(Ok(()), |resume| resume.done(number))
    });
    let least = least.await.map_err(|failure| match all {
        1 => failure,
        _ => Failure::new(format!("{failure}\n  what was put is not lost: the same command goes on where this ended")),
    })?;
    meter.iter().for_each(Meter::finish);
    resume.map_or(Ok(()), Resume::finish)?;
    let (nodes, cells) = least.map_or((0, 0), |put| (put.nodes, put.cells));
    Ok(Put { pointer: text, nodes, cells, ms: begun.elapsed().as_secs_f64() * 1e3 })
}

/// A file that can be read at any place; what cannot, standard input for example, is copied to a throw-away one first.
fn open(path: &Path) -> Result<(File, u64), Failure> {
    let is_standard_input = path == Path::new("-");
    if !is_standard_input {
        let file = File::open(path).map_err(refuse(path))?;
        let metadata = file.metadata().map_err(refuse(path))?;
        if metadata.is_file() {
            return Ok((file, metadata.len()));
        }
        // Of some there would be no end before the disk is full.
        if metadata.file_type().is_char_device() {
            let advice = "put a file, or pipe what is to be put into `rook put -`";
            return Err(Failure::new(format!("{} is a device: {advice}", path.display())));
        }
    }
    let mut copy = tempfile::tempfile().map_err(refuse(path))?;
    let size = match is_standard_input {
        true => io::copy(&mut io::stdin().lock().take(MAX_SIZE + 1), &mut copy),
        false => File::open(path).and_then(|file| io::copy(&mut file.take(MAX_SIZE + 1), &mut copy)),
    };
    let size = size.map_err(refuse(path))?;
    copy.rewind().map_err(refuse(path))?;
    Ok((copy, size))
}
