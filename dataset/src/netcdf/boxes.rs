//! Hyperslabs that come to a range of a canonical stream, or to a larger hyperslab, one after the other.

use std::ops::Range;

use crate::slab::{Slab, Span};

/// The hyperslabs whose elements, one after the other, are this range of the elements: at most two for each axis but
/// the fastest, and one.
pub(super) fn under(shape: &[u64], range: Range<u64>) -> Vec<Slab> {
    let mut slabs = Vec::new();
    if !range.is_empty() {
        descend(shape, range, &mut Vec::new(), &mut slabs);
    }
    slabs
}

fn descend(shape: &[u64], range: Range<u64>, outer: &mut Vec<Span>, slabs: &mut Vec<Slab>) {
    let Some((_, inner)) = shape.split_first() else {
        slabs.push(Slab(outer.clone()));
        return;
    };
    let below: u64 = inner.iter().product();
    let mut next = range.start;
    while next < range.end {
        let index = next / below;
        let rows = if next.is_multiple_of(below) { (range.end - next) / below } else { 0 };
        outer.push(Span { start: index, count: rows.max(1), stride: 1 });
        if rows > 0 {
            let spans = outer.iter().copied().chain(inner.iter().map(|&size| Span::whole(size)));
            slabs.push(Slab(spans.collect()));
            next += rows * below;
        } else {
            let end = range.end.min((index + 1) * below);
            descend(inner, next - index * below..end - index * below, outer, slabs);
            next = end;
        }
        outer.pop();
    }
}

/// Calls for pieces of a slab, in order, of at most so many elements.
pub(super) fn split<E>(slab: &Slab, most: u64, each: &mut impl FnMut(&Slab) -> Result<(), E>) -> Result<(), E> {
    let long = slab.0.iter().position(|span| span.count > 1);
    let Some(axis) = long.filter(|_| slab.elements() > most) else { return each(slab) };
    let span = slab.0[axis];
    let rows = (most / (slab.elements() / span.count)).max(1);
    let mut taken = 0;
    while taken < span.count {
        let count = rows.min(span.count - taken);
        let mut piece = slab.clone();
        piece.0[axis] = Span { start: span.start + taken * span.stride, count, stride: span.stride };
        split(&piece, most, each)?;
        taken += count;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    fn elements(slabs: &[Slab], shape: &[u64]) -> Vec<u64> {
        let runs = slabs.iter().flat_map(|slab| slab.runs(shape).collect::<Vec<_>>());
        runs.flat_map(|(start, count)| start..start + count).collect()
    }

    proptest! {
        #[test]
        fn a_range_is_its_slabs(shape in prop::collection::vec(1_u64..6, 0..5), ends in any::<(u64, u64)>()) {
            let all: u64 = shape.iter().product();
            let (one, other) = (ends.0 % (all + 1), ends.1 % (all + 1));
            let range = one.min(other)..one.max(other);
            let slabs = under(&shape, range.clone());
            prop_assert!(slabs.len() < (2 * shape.len()).max(2));
            prop_assert_eq!(elements(&slabs, &shape), range.collect::<Vec<_>>());
        }

        #[test]
        fn a_slab_is_its_pieces(axes in prop::collection::vec((1_u64..9, 1_u64..4), 0..4), most in 1_u64..40) {
            let slab = Slab(axes.iter().map(|&(count, stride)| Span { start: 1, count, stride }).collect());
            let shape: Vec<u64> = slab.0.iter().map(|span| span.last() + 2).collect();
            let mut pieces = Vec::new();
            split(&slab, most, &mut |piece| -> Result<(), Infallible> { pieces.push(piece.clone()); Ok(()) }).unwrap();
            prop_assert!(pieces.iter().all(|piece| piece.elements() <= most));
            prop_assert_eq!(elements(&pieces, &shape), elements(&[slab], &shape));
        }
    }
}
