//! Parts of dimensions, as people write them.

use std::str::FromStr;

use dataset::slab::Span;

/// `DIMENSION=FIRST:LAST` or `DIMENSION=FIRST:STRIDE:LAST`, both ends included, as DAP counts; or one index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) dimension: String,
    first: u64,
    stride: u64,
    last: u64,
}

impl FromStr for Slice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is no slice: write DIMENSION=FIRST:LAST or DIMENSION=FIRST:STRIDE:LAST, as time=0:11");
        let (dimension, range) = text.rsplit_once('=').ok_or_else(wrong)?;
        let numbers: Option<Vec<u64>> = range.split(':').map(|number| number.trim().parse().ok()).collect();
        let (first, stride, last) = match numbers.ok_or_else(wrong)?[..] {
            [only] => (only, 1, only),
            [first, last] => (first, 1, last),
            [first, stride, last] => (first, stride, last),
            _ => return Err(wrong()),
        };
        if stride == 0 || first > last {
            return Err(format!("{text:?}: a stride is at least 1, and the last index not before the first"));
        }
        Ok(Self { dimension: dimension.to_owned(), first, stride, last })
    }
}

impl Slice {
    /// The span of a dimension of that length.
    pub(super) fn span(&self, size: u64) -> Result<Span, String> {
        if self.last >= size {
            let (name, last) = (&self.dimension, self.last);
            return Err(format!("dimension {name} has {size} indices, from 0: {last} is past its end"));
        }
        let count = (self.last - self.first) / self.stride + 1;
        Ok(Span { start: self.first, count, stride: if count == 1 { 1 } else { self.stride } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_read() {
        let span = |text: &str| text.parse::<Slice>().and_then(|slice| slice.span(100));
        assert_eq!(span("a=b=3"), Ok(Span { start: 3, count: 1, stride: 1 }));
        assert_eq!(span("time=2:5"), Ok(Span { start: 2, count: 4, stride: 1 }));
        assert_eq!(span("time=2:3:9"), Ok(Span { start: 2, count: 3, stride: 3 }));
        assert_eq!(span("time=2:50:9"), Ok(Span { start: 2, count: 1, stride: 1 }));
        for wrong in ["time", "time=", "time=x", "time=1:2:3:4", "time=5:2", "time=1:0:5", "time=-1:3"] {
            assert!(wrong.parse::<Slice>().is_err(), "{wrong}");
        }
        assert!(span("time=0:100").unwrap_err().contains("past its end"));
    }
}
