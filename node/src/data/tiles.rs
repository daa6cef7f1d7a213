//! Cuts a slab into smaller ones that follow each other in its canonical form, so that no answer is ever in memory as a
//! whole.

use dataset::slab::{Slab, Span};

/// The tiles of a slab: parts along one axis, whole along all faster ones, one index along all slower ones.
#[derive(Clone, Debug)]
pub struct Tiles<'a> {
    slab: &'a Slab,
    /// The axis that is cut.
    axis: usize,
    /// Indices along it in each tile but the last.
    rows: u64,
    /// Elements for each of them.
    inner: u64,
}

impl<'a> Tiles<'a> {
    /// Tiles of at most `most` elements, or of one.
    pub fn new(slab: &'a Slab, most: u64) -> Self {
        let mut inner = 1_u64;
        for (axis, span) in slab.0.iter().enumerate().rev() {
            let all = inner.saturating_mul(span.count);
            if all > most || axis == 0 {
                return Self { slab, axis, rows: (most / inner.max(1)).clamp(1, span.count.max(1)), inner };
            }
            inner = all;
        }
        Self { slab, axis: 0, rows: 1, inner }
    }

    /// How many tiles there are.
    pub fn count(&self) -> u64 {
        match self.slab.elements() {
            0 => 0,
            _ => self.outer().saturating_mul(self.parts()),
        }
    }

    /// The place of a tile's first element in the slab's canonical form; of the tile after the last, their number.
    pub fn first(&self, number: u64) -> u64 {
        let (outer, part) = (number / self.parts(), number % self.parts());
        (outer * self.along() + part * self.rows) * self.inner
    }

    /// The tile that an element lies in.
    pub fn of(&self, element: u64) -> u64 {
        let row = element / self.inner.max(1);
        row / self.along() * self.parts() + row % self.along() / self.rows
    }

    /// A tile, in canonical form.
    pub fn tile(&self, number: u64) -> Slab {
        let (mut outer, part) = (number / self.parts(), number % self.parts());
        let mut spans = self.slab.0.clone();
        for (axis, span) in
            spans.iter_mut().enumerate().rev().skip(self.slab.0.len() - self.slab.0.len().min(self.axis + 1))
        {
            if axis == self.axis {
                let skipped = part * self.rows;
                *span = cut(span, skipped, self.rows.min(span.count - skipped));
            } else {
                let index = outer % span.count;
                outer /= span.count;
                *span = cut(span, index, 1);
            }
        }
        Slab(spans)
    }

    fn along(&self) -> u64 {
        self.slab.0.get(self.axis).map_or(1, |span| span.count).max(1)
    }

    fn parts(&self) -> u64 {
        self.along().div_ceil(self.rows)
    }

    fn outer(&self) -> u64 {
        self.slab.0.iter().take(self.axis).map(|span| span.count).product()
    }
}

fn cut(span: &Span, skipped: u64, count: u64) -> Span {
    Span { start: span.start + skipped * span.stride, count, stride: if count == 1 { 1 } else { span.stride } }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn elements(slab: &Slab, shape: &[u64]) -> Vec<u64> {
        slab.runs(shape).flat_map(|(start, count)| start..start + count).collect()
    }

    fn slabs() -> impl Strategy<Value = (Vec<u64>, Slab)> {
        let axis =
            (1_u64..7).prop_flat_map(|size| (Just(size), 0..size, 1_u64..4)).prop_flat_map(|(size, start, stride)| {
                (1..=(size - start).div_ceil(stride)).prop_map(move |count| (size, Span { start, count, stride }))
            });
        prop::collection::vec(axis, 0..5).prop_map(|axes| {
            let (shape, spans) = axes.into_iter().unzip();
            (shape, Slab(spans))
        })
    }

    proptest! {
        #[test]
        fn tiles_follow_each_other((shape, slab) in slabs(), most in 1_u64..60) {
            let slab = slab.canonical(&shape).unwrap();
            let tiles = Tiles::new(&slab, most);
            let mut all = Vec::new();
            for number in 0..tiles.count() {
                let tile = tiles.tile(number);
                prop_assert_eq!(&tile, &tile.canonical(&shape).unwrap());
                prop_assert!(tile.elements() <= most);
                let place = u64::try_from(all.len()).unwrap();
                prop_assert_eq!(tiles.first(number), place);
                for element in place..place + tile.elements() {
                    prop_assert_eq!(tiles.of(element), number);
                }
                all.extend(elements(&tile, &shape));
            }
            prop_assert_eq!(&all, &elements(&slab, &shape));
            prop_assert_eq!(tiles.first(tiles.count()), slab.elements());
        }
    }

    #[test]
    fn nothing_has_no_tiles() {
        let slab = Slab::whole(&[3, 0, 2]);
        assert_eq!(Tiles::new(&slab, 5).count(), 0);
    }
}
