//! A variable of strings: loaded as a whole when somebody first asks, as their places depend on all lengths before.

use std::ops::Range;
use std::sync::OnceLock;

use hdf5_reader::Dataset;
use hdf5_reader::error::Error;

use crate::memory;
use crate::model::Kind;
use crate::slab::Slab;

/// The most bytes of one variable of strings, with 16 for each.
const LIMIT: u64 = 256 << 20;

pub(super) struct Texts {
    dataset: Dataset,
    stream: OnceLock<Vec<u8>>,
}

impl Texts {
    pub(super) fn new(dataset: Dataset) -> Self {
        Self { dataset, stream: OnceLock::new() }
    }

    pub(super) fn length(&self) -> Result<u64, Error> {
        Ok(u64::try_from(self.stream()?.len()).unwrap_or(u64::MAX))
    }

    pub(super) fn read(&self, slab: &Slab, shape: &[u64], out: &mut Vec<u8>) -> Result<(), Error> {
        memory::take(self.stream()?, Kind::String, slab, shape, out);
        Ok(())
    }

    pub(super) fn read_range(&self, range: Range<u64>, out: &mut Vec<u8>) -> Result<(), Error> {
        out.extend_from_slice(memory::bytes(self.stream()?, range));
        Ok(())
    }

    fn stream(&self) -> Result<&[u8], Error> {
        if let Some(stream) = self.stream.get() {
            return Ok(stream);
        }
        let stream = self.load()?;
        Ok(self.stream.get_or_init(|| stream))
    }

    fn load(&self) -> Result<Vec<u8>, Error> {
        let too_long = |bytes: u64| {
            Error::ResourceLimit(format!(
                "{bytes} bytes of strings; a variable may have {LIMIT}, with 16 for each string"
            ))
        };
        let heads = self.dataset.num_elements()?.saturating_mul(16);
        if heads > LIMIT {
            return Err(too_long(heads));
        }
        let texts = self.dataset.read_strings()?;
        let bytes =
            texts.iter().fold(heads, |all, text| all.saturating_add(u64::try_from(text.len()).unwrap_or(LIMIT)));
        if bytes > LIMIT { Err(too_long(bytes)) } else { Ok(memory::strings(&texts)) }
    }
}
