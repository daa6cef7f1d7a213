//! A body without its beginning, so that a download that broke off goes on where it was: what lies before is neither read
//! nor coded, where sizes tell how much that is.

use super::{Body, Framing, Part};

impl Body {
    /// Whether [`Body::skip`] leaves something out.
    pub fn can_skip(&self) -> bool {
        self.framing == Framing::None && self.length.is_some() && self.parts.iter().all(|part| size(part).is_some())
    }

    /// The same without its first bytes, and how many bytes the rest begins too early, for only whole elements can be left
    /// out. `None` where nobody can tell without making the beginning: with texts or rows, whose sizes depend on the values,
    /// and in DAP4's chunks with their checksums.
    ///
    /// [`Body::length`] and [`Body::canonical`] stay those of the whole.
    pub fn skip(mut self, mut first: u64) -> Option<(Self, u64)> {
        let sizes: Vec<u64> = self.can_skip().then(|| self.parts.iter().map(size).collect()).flatten()?;
        let gone = sizes.iter().take_while(|&&size| first.checked_sub(size).map(|rest| first = rest).is_some()).count();
        self.parts.drain(..gone);
        match self.parts.first_mut() {
            Some(Part::Bytes(bytes)) => {
                bytes.drain(..usize::try_from(first).unwrap_or(usize::MAX).min(bytes.len()));
                first = 0;
            }
            Some(Part::Values { coder, skip, .. }) => {
                let (_, width) = coder.sizes()?;
                let elements = first / width;
                *skip = coder.skip(elements);
                // Behind the last element there may be padding.
                first -= elements.min(coder.elements()) * width;
            }
            Some(Part::Rows { .. } | Part::Checksum) | None => {}
        }
        Some((self, first))
    }
}

/// Bytes of a part's output.
fn size(part: &Part) -> Option<u64> {
    match part {
        Part::Bytes(bytes) => Some(bytes.len() as u64),
        Part::Values { coder, .. } => coder.sizes().map(|(all, _)| all),
        Part::Rows { .. } | Part::Checksum => None,
    }
}
