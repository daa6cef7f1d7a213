//! Moving values of many chunks: several at a time, each tried again, with a bar.

use std::fs::File;
use std::io::IsTerminal;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::grid::record::{Cut, Pointer, Rules, Tree, TreeHash};
use futures::{StreamExt, TryStreamExt, stream};
use hyper::body::Bytes;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Failure;
use super::files::{refuse, write_out};
use super::text::{self, note};
use crate::api::client::{Client, ClientError, Found};
use crate::api::types::{FoundHeaders, Put};
use crate::pointer::PointerText;
use crate::stamps;

/// Chunks under way at the same time: with 256 KiB each, a few MiB of memory here and in the node.
const AT_ONCE: usize = 8;
/// How often a chunk is tried, and how long to wait before the second time; twice as long each time after.
const TRIES: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// Time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How far a transfer is: a bar on a terminal, a line now and then elsewhere.
pub(super) struct Meter {
    what: &'static str,
    total: u64,
    moved: u64,
    here: u64,
    begun: Instant,
    last_line: Instant,
    bar: Option<ProgressBar>,
}

impl Meter {
    /// Of so many bytes, some are there already. Small values need no meter.
    pub(super) fn new(what: &'static str, total: u64, moved: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{spinner} [{bar:24}] {msg}");
            style.into_iter().for_each(|style| bar.set_style(style.progress_chars("=> ")));
            bar
        });
        Self { what, total, moved, here: 0, begun: Instant::now(), last_line: Instant::now(), bar }
    }

    pub(super) fn advance(&mut self, bytes: u64) {
        self.moved += bytes;
        self.here += bytes;
        let rate = self.here as f64 / self.begun.elapsed().as_secs_f64().max(1e-3);
        let sentence = || {
            let left = self.total.saturating_sub(self.moved) as f64 / rate.max(1.0);
            let (moved, total) = (text::bytes(self.moved), text::bytes(self.total));
            format!("{} {moved} of {total}, {}B/s, {} left", self.what, text::scaled(rate), text::seconds(left))
        };
        match &self.bar {
            Some(bar) => {
                bar.set_position(self.moved);
                bar.set_message(sentence());
            }
            None if self.last_line.elapsed() >= LINE_EVERY => {
                note(sentence());
                self.last_line = Instant::now();
            }
            None => {}
        }
    }

    pub(super) fn finish(&self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
    }
}

/// The hashes of all chunks of a file.
pub(super) fn hash(file: &File, path: &Path, size: u64, rules: &Rules) -> Result<Tree, Failure> {
    let cut = stamps::cut(size, rules);
    let mut meter = Meter::new("hashed", size, 0);
    let hashes = (0..cut.chunks()).map(|number| {
        let number = u32::try_from(number).map_err(|_| Failure::new("the file is larger than any value may be"))?;
        let bytes = read_chunk(file, cut, number).map_err(refuse(path))?;
        meter.advance(bytes.len() as u64);
        Ok(cut.hash(number, &bytes))
    });
    let hashes: Vec<TreeHash> = hashes.collect::<Result<_, Failure>>()?;
    meter.finish();
    Tree::new(cut, hashes).ok_or_else(|| Failure::new("the file has another number of chunks than it should"))
}

fn read_chunk(file: &File, cut: Cut, number: u32) -> std::io::Result<Vec<u8>> {
    let length = usize::try_from(cut.length(number).unwrap_or(0)).unwrap_or(usize::MAX);
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, cut.start(number))?;
    Ok(bytes)
}

/// What is needed to put the chunks of a file.
pub(super) struct Upload {
    pub(super) client: Client,
    pub(super) file: Arc<File>,
    pub(super) tree: Arc<Tree>,
    pub(super) pointer: Pointer,
    pub(super) rules: Rules,
}

impl Upload {
    /// Puts these chunks; `done` hears of each. Returns the least nodes and cells that any of them is on.
    pub(super) async fn run(
        &self,
        chunks: Vec<u32>,
        mut done: impl FnMut(u32, u64) -> Result<(), Failure>,
    ) -> Result<Option<Put>, Failure> {
        let mut puts = stream::iter(chunks).map(|number| self.put(number)).buffer_unordered(AT_ONCE);
        let mut least: Option<Put> = None;
        while let Some((number, put)) = puts.try_next().await? {
            done(number, self.tree.cut().length(number).unwrap_or(0))?;
            least = Some(match least {
                Some(least) => Put { nodes: least.nodes.min(put.nodes), cells: least.cells.min(put.cells), ..least },
                None => put,
            });
        }
        Ok(least)
    }

    async fn put(&self, number: u32) -> Result<(u32, Put), Failure> {
        let (file, tree, pointer, rules) = (self.file.clone(), self.tree.clone(), self.pointer.clone(), self.rules);
        let record = tokio::task::spawn_blocking(move || {
            let bytes = read_chunk(&file, tree.cut(), number)?;
            stamps::chunk(&pointer, &tree, number, &bytes, &rules).map_err(std::io::Error::other)
        });
        let record =
            record.await?.map_err(|error| Failure::new(format!("the file changed while it was put: {error}")))?;
        let put = again(|| self.client.put(&record)).await?;
        Ok((number, put))
    }
}

/// Gets a chunk, tried again if need be.
async fn get_chunk(client: &Client, pointer: &PointerText, number: u32) -> Result<(u32, Found), Failure> {
    Ok((number, again(|| client.get(pointer, number)).await?))
}

/// Writes all chunks to standard output, in order.
pub(super) async fn stream_out(client: &Client, pointer: &PointerText, cut: Cut) -> Result<FoundHeaders, Failure> {
    let chunks = (0..).zip(0..cut.chunks()).map(|(number, _)| number);
    let mut gets =
        std::pin::pin!(stream::iter(chunks).map(|number| get_chunk(client, pointer, number)).buffered(AT_ONCE));
    let mut first = None;
    while let Some((_, Found { value, headers })) = gets.try_next().await? {
        write_out(&value)?;
        first.get_or_insert(headers);
    }
    first.ok_or_else(|| Failure::new("a value has at least one chunk"))
}

/// Gets these chunks, in any order; `done` takes each.
pub(super) async fn download(
    client: &Client,
    pointer: &PointerText,
    chunks: Vec<u32>,
    mut done: impl FnMut(u32, Bytes, &FoundHeaders) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let gets = stream::iter(chunks).map(|number| get_chunk(client, pointer, number)).buffer_unordered(AT_ONCE);
    let mut gets = std::pin::pin!(gets);
    while let Some((number, Found { value, headers })) = gets.try_next().await? {
        done(number, value, &headers)?;
    }
    Ok(())
}

/// Tries until it works, some times, as long as it may.
async fn again<T, F: Future<Output = Result<T, ClientError>>>(mut work: impl FnMut() -> F) -> Result<T, ClientError> {
    let mut wait = FIRST_WAIT;
    for _ in 1..TRIES {
        match work().await {
            Err(error) if error.may_pass() => tokio::time::sleep(wait).await,
            outcome => return outcome,
        }
        wait *= 2;
    }
    work().await
}
