//! How long the longest text of a variable is: netCDF's clients of DAP2 have to be told before they read any.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use dataset::manifest::VersionRoot;
use dataset::model::Kind;
use dataset::slab::Slab;
use lru::LruCache;

use super::error::ReadError;
use super::http::Asked;
use super::reader::{FileReader, MOST_TEXTS};
use super::reading::Reading;

/// Files of which it is remembered.
const KEPT: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// Bytes of the longest text, by the variables' places.
type Longest = Arc<BTreeMap<usize, u64>>;

/// What was found out before, by version and file.
#[derive(Debug)]
pub(super) struct Remembered(Mutex<LruCache<(VersionRoot, usize), Longest>>);

impl Default for Remembered {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(KEPT)))
    }
}

impl Reading {
    /// The longest text of each variable of strings, but for those of more texts than one answer may have.
    pub(super) async fn longest_texts(&self, asked: &Asked) -> Result<Longest, ReadError> {
        let key = (asked.opened.version, asked.file);
        let remembered = || self.longest.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = remembered().get(&key).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let description = &asked.opened.manifest.files[asked.file].description;
        let reader = self.reader(asked.opened.clone(), asked.file);
        let mut longest = BTreeMap::new();
        for (place, variable) in description.variables.iter().enumerate() {
            let elements: u64 = description.shape(place).iter().product();
            if variable.kind == Kind::String && (1..=MOST_TEXTS).contains(&elements) {
                longest.insert(place, reader.longest_text(place, elements).await?);
            }
        }
        let longest = Arc::new(longest);
        remembered().put(key, Arc::clone(&longest));
        Ok(longest)
    }
}

impl FileReader {
    /// Reads the offsets that a variable of texts begins with, and leaves the texts.
    async fn longest_text(&self, variable: usize, elements: u64) -> Result<u64, ReadError> {
        let shape = self.opened.manifest.files[self.file].description.shape(variable);
        let mut values = self.values(variable, Slab::whole(&shape));
        let wanted = usize::try_from((elements + 1) * 8).unwrap_or(usize::MAX);
        let mut offsets = Vec::new();
        while offsets.len() < wanted {
            match values.recv().await {
                Some(piece) => offsets.extend_from_slice(&piece?),
                None => break,
            }
        }
        offsets.truncate(wanted);
        let number = |word: &[u8]| word.iter().fold(0_u64, |all, &byte| all << 8 | u64::from(byte));
        let offsets: Vec<u64> = offsets.chunks_exact(8).map(number).collect();
        Ok(offsets.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max().unwrap_or(0))
    }
}
