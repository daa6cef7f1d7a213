//! Reads objects by blocks, some of which are kept: a file's header is read in many small pieces, and each would cost
//! a round trip.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt, TryStreamExt, stream};
use hdf5_reader::storage::{Storage, StorageBuffer};
use hyper::body::Bytes;
use lru::LruCache;
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore};

use super::Shared;
use crate::datasets::store::{self, Fingerprint, StoreError, Watch};

/// Bytes of a block.
const BLOCK: u64 = 256 << 10;
/// Blocks that are kept, of all objects together: 32 MiB.
const KEPT: NonZeroUsize = NonZeroUsize::new(128).unwrap();
/// The most blocks that are fetched ahead of a reader that goes on and on.
const AHEAD: u64 = 8;
/// Reads of at least so many bytes go past the blocks: they are worth their round trip.
const LARGE: usize = 1 << 20;
/// Bytes of a piece of a large read, and how many pieces are fetched at once.
const PIECE: u64 = 4 << 20;
const PIECES: usize = 4;

/// The blocks that were read last.
pub(super) struct Cache {
    blocks: Mutex<LruCache<(u64, u64), Bytes>>,
    files: AtomicU64,
}

impl Default for Cache {
    fn default() -> Self {
        Self { blocks: Mutex::new(LruCache::new(KEPT)), files: AtomicU64::new(0) }
    }
}

impl Cache {
    fn get(&self, file: u64, block: u64) -> Option<Bytes> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner).get(&(file, block)).cloned()
    }

    fn put(&self, file: u64, block: u64, bytes: Bytes) {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner).put((file, block), bytes);
    }
}

/// An object that is read as it was under its fingerprint.
pub(super) struct ObjectFile {
    shared: Arc<Shared>,
    store: Arc<AmazonS3>,
    path: Path,
    name: String,
    expected: Fingerprint,
    /// What its blocks are kept under.
    number: u64,
    /// The block behind the last fetch, and how many that fetched: who goes on there gets twice as many.
    last: Mutex<(u64, u64)>,
    changed: AtomicBool,
}

impl ObjectFile {
    pub(super) fn new(
        shared: Arc<Shared>,
        store: Arc<AmazonS3>,
        path: Path,
        name: String,
        expected: Fingerprint,
    ) -> Self {
        let number = shared.cache.files.fetch_add(1, Ordering::Relaxed);
        Self { shared, store, path, name, expected, number, last: Mutex::default(), changed: AtomicBool::new(false) }
    }

    /// One request for each piece of a range; the store is told which state of the object is meant, and one that does
    /// not heed that is found out by the state that it says it sends.
    fn fetch(&self, range: Range<u64>) -> Result<Vec<Bytes>, StoreError> {
        let (store, path, end) = (Arc::clone(&self.store), self.path.clone(), range.end);
        let etag = self.expected.etag.clone();
        let pieces = range.step_by(usize::try_from(PIECE).unwrap_or(usize::MAX));
        let pieces: Vec<Range<u64>> = pieces.map(|start| start..(start + PIECE).min(end)).collect();
        let fetched = self.shared.ask(&self.name, async move {
            let fetch = |piece: Range<u64>| {
                let options = GetOptions::new().with_range(Some(GetRange::Bounded(piece))).with_if_match(etag.clone());
                let (store, path) = (Arc::clone(&store), path.clone());
                async move {
                    let answer = store.get_opts(&path, options).await?;
                    let state = (answer.meta.size, answer.meta.e_tag.clone());
                    Ok((state, answer.bytes().await?))
                }
            };
            stream::iter(pieces.into_iter().map(fetch)).buffered(PIECES).try_collect::<Vec<_>>().await
        });
        let fetched = fetched.inspect_err(|error| {
            if matches!(error, StoreError::Changed(_) | StoreError::Missing(_)) {
                self.changed.store(true, Ordering::Relaxed);
            }
        })?;
        let expected = (self.expected.size, self.expected.etag.clone());
        if fetched.iter().any(|(state, _)| *state != expected) {
            self.changed.store(true, Ordering::Relaxed);
            return Err(StoreError::Changed(self.name.clone()));
        }
        Ok(fetched.into_iter().map(|(_, bytes)| bytes).collect())
    }

    /// A block, from the cache or with some of those behind it.
    fn block(&self, block: u64) -> Result<Bytes, StoreError> {
        if let Some(bytes) = self.shared.cache.get(self.number, block) {
            return Ok(bytes);
        }
        let count = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let count = if last.0 == block && last.1 > 0 { (last.1 * 2).min(AHEAD) } else { 1 };
            *last = (block + count, count);
            count
        };
        let start = block * BLOCK;
        let fetched = self.fetch(start..(start + count * BLOCK).min(self.expected.size))?;
        let bytes = fetched.concat();
        // Copies: a block that is kept must not keep all others of its fetch.
        let mut blocks = bytes.chunks(usize::try_from(BLOCK).unwrap_or(usize::MAX)).map(Bytes::copy_from_slice);
        let first = blocks.next().unwrap_or_default();
        for (number, part) in (block..).zip(std::iter::once(first.clone()).chain(blocks)) {
            self.shared.cache.put(self.number, number, part);
        }
        Ok(first)
    }

    fn read(&self, range: Range<u64>, len: usize) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::with_capacity(len);
        let mut at = range.start;
        // By so much that a slow store still answers in time.
        while len >= LARGE && at < range.end {
            let end = (at + PIECE * PIECES as u64).min(range.end);
            self.fetch(at..end)?.iter().for_each(|piece| bytes.extend_from_slice(piece));
            at = end;
        }
        while at < range.end {
            let block = self.block(at / BLOCK)?;
            let skip = usize::try_from(at % BLOCK).unwrap_or(usize::MAX);
            let wanted = usize::try_from(range.end - at).unwrap_or(usize::MAX);
            let part = block.get(skip..).unwrap_or_default();
            let part = &part[..wanted.min(part.len())];
            if part.is_empty() {
                let what = format!("the store sends fewer bytes than the {} it has", self.expected.size);
                return Err(StoreError::Unreadable { name: self.name.clone(), what });
            }
            bytes.extend_from_slice(part);
            at += part.len() as u64;
        }
        Ok(bytes)
    }
}

impl Watch for ObjectFile {
    fn is_changed(&self) -> bool {
        // A look would cost a request; a read is told.
        self.changed.load(Ordering::Relaxed)
    }
}

impl Storage for ObjectFile {
    fn len(&self) -> u64 {
        self.expected.size
    }

    fn read_range(&self, offset: u64, len: usize) -> Result<StorageBuffer, hdf5_reader::error::Error> {
        let range = store::within(self.expected.size, offset, len)?;
        let bytes = self.read(range, len).map_err(store::gone)?;
        if bytes.len() != len {
            let what = format!("the store sends {} bytes instead of {len}", bytes.len());
            return Err(store::gone(StoreError::Unreadable { name: self.name.clone(), what }));
        }
        Ok(StorageBuffer::from_vec(bytes))
    }
}
