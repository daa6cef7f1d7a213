//! A hyperslab: along each axis a start, a count and a stride.

use serde::{Deserialize, Serialize};

/// A selection along one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    /// The first index.
    pub start: u64,
    /// How many indices.
    pub count: u64,
    /// The distance from one to the next; 1 in canonical form where there is only one.
    pub stride: u64,
}

/// A selection along every axis of a variable, slowest first; empty for a scalar.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Slab(pub Vec<Span>);

/// Why a slab does not fit a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SlabError {
    /// It has too many or too few axes.
    #[error("the variable has {expected} dimensions, the selection {found}")]
    Rank {
        /// Of the variable.
        expected: usize,
        /// Of the selection.
        found: usize,
    },
    /// It reaches past the end of an axis.
    #[error("dimension {axis} has indices 0 to {}, the selection reaches to {last}", size.saturating_sub(1))]
    Range {
        /// Which axis, counted from 0.
        axis: usize,
        /// How long it is.
        size: u64,
        /// The last index that was asked for.
        last: u64,
    },
    /// A stride or count of zero.
    #[error("dimension {axis}: a stride and a count are at least 1")]
    Zero {
        /// Which axis, counted from 0.
        axis: usize,
    },
}

impl Span {
    /// The whole of an axis.
    pub const fn whole(size: u64) -> Self {
        Self { start: 0, count: size, stride: 1 }
    }

    /// The last index; of an empty span the start.
    pub const fn last(&self) -> u64 {
        self.start.saturating_add(self.count.saturating_sub(1).saturating_mul(self.stride))
    }
}

impl Slab {
    /// All of a variable.
    pub fn whole(shape: &[u64]) -> Self {
        Self(shape.iter().map(|&size| Span::whole(size)).collect())
    }

    /// How many elements it selects.
    pub fn elements(&self) -> u64 {
        self.0.iter().fold(1, |all, span| all.saturating_mul(span.count))
    }

    /// The same selection in the one form that is compared and signed: a stride of 1 wherever there is one index only.
    ///
    /// # Errors
    /// [`SlabError`] if it does not fit the shape.
    pub fn canonical(&self, shape: &[u64]) -> Result<Self, SlabError> {
        if self.0.len() != shape.len() {
            return Err(SlabError::Rank { expected: shape.len(), found: self.0.len() });
        }
        let spans = self.0.iter().zip(shape).enumerate().map(|(axis, (span, &size))| {
            // An axis of no length, as an unlimited one that nothing was written along, is selected by nothing.
            if size == 0 && *span == Span::whole(0) {
                return Ok(*span);
            }
            if span.count == 0 || span.stride == 0 {
                return Err(SlabError::Zero { axis });
            }
            if span.last() >= size {
                return Err(SlabError::Range { axis, size, last: span.last() });
            }
            Ok(Span { stride: if span.count == 1 { 1 } else { span.stride }, ..*span })
        });
        spans.collect::<Result<_, _>>().map(Self)
    }

    /// The runs of neighbouring elements that it selects, in order, as places in the row-major array: first element and
    /// number of elements. The slab must fit the shape.
    pub fn runs(&self, shape: &[u64]) -> impl Iterator<Item = (u64, u64)> + Send + use<> {
        // Axes behind `inner` are taken whole, so that one run spans them all.
        let inner = (0..shape.len()).rev().find(|&axis| self.0[axis] != Span::whole(shape[axis]));
        let below: u64 = inner.map_or(1, |axis| shape[axis + 1..].iter().product());
        let (length, outer) = match inner {
            None => (shape.iter().product(), 0),
            Some(axis) if self.0[axis].stride == 1 => (self.0[axis].count * below, axis),
            Some(axis) => (below, axis + 1),
        };
        let count = if self.elements() == 0 { 0 } else { self.0[..outer].iter().map(|span| span.count).product() };
        let (slab, shape) = (self.clone(), shape.to_vec());
        (0..count).map(move |number| (slab.place(number, outer, &shape), length))
    }

    /// Where the `number`th run begins: its index along the first `outer` axes, and the starts along the others.
    fn place(&self, number: u64, outer: usize, shape: &[u64]) -> u64 {
        let (mut rest, mut place, mut size) = (number, 0, 1);
        for axis in (0..shape.len()).rev() {
            let span = &self.0[axis];
            let index = if axis < outer { rest % span.count } else { 0 };
            if axis < outer {
                rest /= span.count;
            }
            place += (span.start + index * span.stride) * size;
            size *= shape[axis];
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All selected elements, one after the other, by the definition.
    fn by_hand(slab: &Slab, shape: &[u64]) -> Vec<u64> {
        let mut places = vec![0];
        for (span, &size) in slab.0.iter().zip(shape) {
            let indices = |place: u64| (0..span.count).map(move |i| place * size + span.start + i * span.stride);
            places = places.into_iter().flat_map(indices).collect();
        }
        places
    }

    fn slabs() -> impl Strategy<Value = (Vec<u64>, Slab)> {
        let axis =
            (1_u64..9).prop_flat_map(|size| (Just(size), 0..size, 1_u64..4)).prop_flat_map(|(size, start, stride)| {
                (1..=(size - start).div_ceil(stride)).prop_map(move |count| (size, Span { start, count, stride }))
            });
        prop::collection::vec(axis, 0..4).prop_map(|axes| {
            let (shape, spans) = axes.into_iter().unzip();
            (shape, Slab(spans))
        })
    }

    proptest! {
        #[test]
        fn runs_are_the_selected_elements_in_order((shape, slab) in slabs()) {
            let slab = slab.canonical(&shape).unwrap();
            let runs: Vec<u64> = slab.runs(&shape).flat_map(|(start, count)| start..start + count).collect();
            prop_assert_eq!(runs, by_hand(&slab, &shape));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let slab = |start, count, stride| Slab(vec![Span { start, count, stride }]);
        assert_eq!(slab(0, 3, 2).canonical(&[5]), Ok(slab(0, 3, 2)));
        assert_eq!(slab(4, 1, 7).canonical(&[5]), Ok(slab(4, 1, 1)));
        assert_eq!(slab(0, 4, 2).canonical(&[5]), Err(SlabError::Range { axis: 0, size: 5, last: 6 }));
        assert_eq!(slab(0, 1, 0).canonical(&[5]), Err(SlabError::Zero { axis: 0 }));
        assert_eq!(slab(0, 0, 1).canonical(&[5]), Err(SlabError::Zero { axis: 0 }));
        assert_eq!(slab(0, 1, 1).canonical(&[]), Err(SlabError::Rank { expected: 0, found: 1 }));
        assert!(slab(0, u64::MAX, u64::MAX).canonical(&[5]).is_err());
        assert_eq!(Slab::whole(&[0, 4]).runs(&[0, 4]).count(), 0);
    }
}
