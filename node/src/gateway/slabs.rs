//! Which bytes of a stream a slab takes, and how texts are put together from theirs.

use std::ops::Range;

use dataset::slab::Slab;

/// The byte ranges that a slab takes of a stream whose elements have `width` bytes, ascending.
pub(super) fn byte_ranges(slab: &Slab, shape: &[u64], width: u64) -> impl Iterator<Item = Range<u64>> + Send + use<> {
    slab.runs(shape).map(move |(first, count)| first * width..(first + count) * width)
}

/// Ranges without their first bytes.
pub(super) fn without(
    mut skip: u64,
    ranges: impl Iterator<Item = Range<u64>> + Send,
) -> impl Iterator<Item = Range<u64>> + Send {
    ranges.filter_map(move |range| {
        let cut = skip.min(range.end - range.start);
        skip -= cut;
        (range.start + cut < range.end).then_some(range.start + cut..range.end)
    })
}

/// Where the offsets of a slab of texts stand in their stream: of each run one more than it has texts.
pub(super) fn offset_ranges(slab: &Slab, shape: &[u64]) -> impl Iterator<Item = Range<u64>> + Send + use<> {
    slab.runs(shape).map(|(first, count)| first * 8..(first + count + 1) * 8)
}

/// From the offsets of a slab of texts: the offsets that its canonical form begins with, and where the texts stand in the
/// stream. `None` if the offsets cannot be: they descend, or point past the stream's end.
pub(super) fn texts(slab: &Slab, shape: &[u64], offsets: &[u8], length: u64) -> Option<(Vec<u8>, Vec<Range<u64>>)> {
    let base = (shape.iter().product::<u64>() + 1) * 8;
    let mut words =
        offsets.chunks_exact(8).map(|word| word.iter().fold(0_u64, |all, &byte| all << 8 | u64::from(byte)));
    let (mut rebased, mut ranges, mut end) = (Vec::from([0; 8]), Vec::new(), 0_u64);
    for (_, count) in slab.runs(shape) {
        let mut before = words.next()?;
        let start = before;
        for _ in 0..count {
            let next = words.next()?;
            end += next.checked_sub(before)?;
            rebased.extend(end.to_be_bytes());
            before = next;
        }
        let range = base.checked_add(start)?..base.checked_add(before)?;
        if range.end > length {
            return None;
        }
        ranges.push(range);
    }
    Some((rebased, ranges))
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "tests use small numbers")]
mod tests {
    use super::*;
    use dataset::slab::Span;

    fn stream(texts: &[&str]) -> Vec<u8> {
        let mut end = 0_u64;
        let mut out = Vec::from([0; 8]);
        for text in texts {
            end += text.len() as u64;
            out.extend(end.to_be_bytes());
        }
        out.extend(texts.concat().as_bytes());
        out
    }

    #[test]
    fn the_first_bytes_are_left_out() {
        let ranges = || [3..5, 10..14, 20..21].into_iter();
        assert_eq!(without(0, ranges()).collect::<Vec<_>>(), ranges().collect::<Vec<_>>());
        assert_eq!(without(3, ranges()).collect::<Vec<_>>(), [11..14, 20..21]);
        assert_eq!(without(7, ranges()).count(), 0);
    }

    #[test]
    fn texts_are_put_together_from_their_offsets() {
        let all = stream(&["a", "", "ccc", "dd", "eeeee"]);
        let slab = Slab(vec![Span { start: 0, count: 3, stride: 2 }]);
        let take = |ranges: &mut dyn Iterator<Item = Range<u64>>| -> Vec<u8> {
            ranges.flat_map(|range| all[range.start as usize..range.end as usize].to_vec()).collect()
        };
        let offsets = take(&mut offset_ranges(&slab, &[5]));
        let (mut out, ranges) = texts(&slab, &[5], &offsets, all.len() as u64).unwrap();
        out.extend(take(&mut ranges.into_iter()));
        assert_eq!(out, stream(&["a", "ccc", "eeeee"]));
        assert_eq!(texts(&slab, &[5], &offsets, all.len() as u64 - 1), None, "past the end");
        assert_eq!(texts(&slab, &[5], &offsets[8..], all.len() as u64), None, "descending, or too few");
    }
}
