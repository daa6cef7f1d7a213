//! Values that are kept in memory: the strings of a file, a table of text.

use std::ops::Range;

use crate::model::{Description, Dimension, Kind, Variable};
use crate::slab::Slab;
use crate::source::{Source, SourceError};

/// A file whose values are in memory, in canonical form.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    description: Description,
    streams: Vec<Vec<u8>>,
}

impl Memory {
    /// A file of these values, one canonical stream for each variable.
    ///
    /// # Errors
    /// A sentence on the first stream that does not fit its variable.
    pub fn new(description: Description, streams: Vec<Vec<u8>>) -> Result<Self, String> {
        description.check()?;
        if streams.len() != description.variables.len() {
            return Err(format!("{} streams for {} variables", streams.len(), description.variables.len()));
        }
        for (place, (variable, stream)) in description.variables.iter().zip(&streams).enumerate() {
            let elements: u64 = description.shape(place).iter().product();
            let fits = match variable.kind.width() {
                Some(width) => u64::try_from(stream.len()).is_ok_and(|bytes| bytes == elements * width),
                None => is_text(stream, elements),
            };
            if !fits {
                return Err(format!("{} bytes are not the values of {}", stream.len(), variable.name));
            }
        }
        Ok(Self { description, streams })
    }

    /// A file of one variable `bytes`, of unsigned bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let description = Description {
            dimensions: vec![Dimension { name: "place".into(), size, is_unlimited: false }],
            variables: vec![Variable {
                name: "bytes".into(),
                kind: Kind::U8,
                dimensions: vec![0],
                attributes: Vec::new(),
            }],
            ..Description::default()
        };
        Self { description, streams: vec![bytes.to_vec()] }
    }
}

impl Source for Memory {
    fn description(&self) -> &Description {
        &self.description
    }

    fn length(&self, variable: usize) -> Result<u64, SourceError> {
        Ok(u64::try_from(self.streams[variable].len()).unwrap_or(u64::MAX))
    }

    fn read(&self, variable: usize, slab: &Slab, out: &mut Vec<u8>) -> Result<(), SourceError> {
        let shape = self.description.shape(variable);
        take(&self.streams[variable], self.description.variables[variable].kind, slab, &shape, out);
        Ok(())
    }

    fn read_range(&self, variable: usize, range: Range<u64>, out: &mut Vec<u8>) -> Result<(), SourceError> {
        out.extend_from_slice(bytes(&self.streams[variable], range));
        Ok(())
    }
}

/// Appends a slab of a canonical stream that is in memory, in canonical form.
pub(crate) fn take(stream: &[u8], kind: Kind, slab: &Slab, shape: &[u64], out: &mut Vec<u8>) {
    let Some(width) = kind.width() else { return take_strings(stream, slab, shape, out) };
    for (first, count) in slab.runs(shape) {
        out.extend_from_slice(bytes(stream, first * width..(first + count) * width));
    }
}

fn take_strings(stream: &[u8], slab: &Slab, shape: &[u64], out: &mut Vec<u8>) {
    let texts = shape.iter().product::<u64>() + 1;
    let text = |place: u64| texts * 8 + offset(stream, place);
    let mut end = 0_u64;
    out.extend_from_slice(&end.to_be_bytes());
    for place in slab.runs(shape).flat_map(|(first, count)| first..first + count) {
        end += text(place + 1) - text(place);
        out.extend_from_slice(&end.to_be_bytes());
    }
    for (first, count) in slab.runs(shape) {
        out.extend_from_slice(bytes(stream, text(first)..text(first + count)));
    }
}

/// The canonical stream of texts; also what a slab of them is answered with.
pub fn strings<T: AsRef<str>>(texts: &[T]) -> Vec<u8> {
    let mut stream = 0_u64.to_be_bytes().to_vec();
    let mut end = 0_u64;
    for text in texts {
        end += u64::try_from(text.as_ref().len()).unwrap_or(u64::MAX);
        stream.extend_from_slice(&end.to_be_bytes());
    }
    texts.iter().for_each(|text| stream.extend_from_slice(text.as_ref().as_bytes()));
    stream
}

/// Whether a stream is the canonical form of so many texts.
fn is_text(stream: &[u8], texts: u64) -> bool {
    let Some(head) = texts.checked_add(1).and_then(|all| all.checked_mul(8)) else { return false };
    let length = u64::try_from(stream.len()).unwrap_or(u64::MAX);
    let Some(text) = length.checked_sub(head) else { return false };
    let ascending = (0..texts).all(|place| offset(stream, place) <= offset(stream, place + 1));
    ascending && offset(stream, 0) == 0 && offset(stream, texts) == text
}

/// The `place`th offset of a stream of texts.
fn offset(stream: &[u8], place: u64) -> u64 {
    bytes(stream, place * 8..place * 8 + 8).first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// A range of a stream in memory; the caller has checked that it lies within.
pub(crate) fn bytes(stream: &[u8], range: Range<u64>) -> &[u8] {
    let place = |place: u64| usize::try_from(place).unwrap_or(usize::MAX);
    stream.get(place(range.start)..place(range.end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::Span;

    #[test]
    fn a_slab_of_strings_is_what_the_strings_alone_would_be() {
        let texts = ["Ísafjörður", "", "Oslo", "København", "Reykjavík", "Þórshöfn"];
        let description = Description {
            dimensions: vec![
                Dimension { name: "a".into(), size: 2, is_unlimited: false },
                Dimension { name: "b".into(), size: 3, is_unlimited: false },
            ],
            variables: vec![Variable {
                name: "town".into(),
                kind: Kind::String,
                dimensions: vec![0, 1],
                attributes: Vec::new(),
            }],
            ..Description::default()
        };
        let memory = Memory::new(description.clone(), vec![strings(&texts)]).unwrap();
        let slab = Slab(vec![Span { start: 0, count: 2, stride: 1 }, Span { start: 0, count: 2, stride: 2 }]);
        let mut out = Vec::new();
        memory.read(0, &slab, &mut out).unwrap();
        assert_eq!(out, strings(&[texts[0], texts[2], texts[3], texts[5]]));
        let mut cut = strings(&texts);
        cut.pop();
        assert!(Memory::new(description.clone(), vec![cut]).is_err());
        assert!(Memory::new(description, vec![]).is_err());
    }
}
