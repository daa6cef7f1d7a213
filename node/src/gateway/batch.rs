//! What is fetched at a time: pieces of a stream, and the groups that cover them.

use std::ops::Range;

use dataset::tree::GROUP;

/// Some of the byte ranges that somebody wants of a stream, and the groups to be fetched for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// Byte ranges, ascending; none crosses the end of the batch.
    pub(super) pieces: Vec<Range<u64>>,
    /// Ranges of group numbers, ascending, that do not touch.
    pub(super) groups: Vec<Range<u64>>,
}

/// Groups of a full batch: 4 MiB. Large enough for the way there and back to be a small part of the time, small enough for
/// several to be under way at once.
pub(super) const FULL: u64 = 256;
/// Pieces of one batch, where they are small and close together.
const MAX_PIECES: usize = 1 << 16;

/// Ascending byte ranges that are cut into batches.
pub(super) struct Batches<I> {
    ranges: I,
    rest: Option<Range<u64>>,
}

impl<I: Iterator<Item = Range<u64>>> Batches<I> {
    pub(super) fn new(ranges: I) -> Self {
        Self { ranges, rest: None }
    }

    fn range(&mut self) -> Option<Range<u64>> {
        self.rest.take().or_else(|| self.ranges.find(|range| !range.is_empty()))
    }

    /// Whether there is another batch.
    pub(super) fn has_more(&mut self) -> bool {
        self.rest = self.range();
        self.rest.is_some()
    }

    /// The next batch, of no more groups than `most`.
    pub(super) fn next(&mut self, most: u64) -> Option<Batch> {
        let mut batch = Batch::default();
        let mut groups = 0;
        while let Some(range) = self.range() {
            let (first, end) = (range.start / GROUP, range.end.div_ceil(GROUP));
            let shared = u64::from(batch.groups.last().is_some_and(|last| last.end > first));
            let room = most - groups + shared;
            if room == 0 || batch.pieces.len() == MAX_PIECES {
                self.rest = Some(range);
                break;
            }
            let end = end.min(first + room);
            let cut = range.end.min(end * GROUP);
            groups += end - first - shared;
            batch.take(range.start..cut, first..end);
            if cut < range.end {
                self.rest = Some(cut..range.end);
                break;
            }
        }
        (!batch.pieces.is_empty()).then_some(batch)
    }
}

impl Batch {
    fn take(&mut self, piece: Range<u64>, groups: Range<u64>) {
        match self.pieces.last_mut() {
            Some(last) if last.end == piece.start => last.end = piece.end,
            _ => self.pieces.push(piece),
        }
        match self.groups.last_mut() {
            Some(last) if last.end >= groups.start => last.end = last.end.max(groups.end),
            _ => self.groups.push(groups),
        }
    }

    /// Appends the pieces, given the bytes of each group, in order. Each group is let go before the next is taken, so
    /// that who gives them away does not hold all of them twice.
    pub(super) fn cut<B: AsRef<[u8]>>(&self, groups: impl Iterator<Item = (u64, B)>, out: &mut Vec<u8>) {
        let mut pieces = self.pieces.as_slice();
        for (number, group) in groups {
            let bytes = group.as_ref();
            let here = number * GROUP..number * GROUP + bytes.len() as u64;
            let place = |at: u64| usize::try_from(at - here.start).unwrap_or(usize::MAX);
            while let Some((piece, rest)) = pieces.split_first().filter(|(piece, _)| piece.start < here.end) {
                let part = piece.start.max(here.start)..piece.end.min(here.end);
                out.extend_from_slice(bytes.get(place(part.start)..place(part.end)).unwrap_or_default());
                if piece.end > here.end {
                    break;
                }
                pieces = rest;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "tests use small numbers")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stream(length: u64) -> Vec<u8> {
        (0..length).map(|at| (at / 7 % 251) as u8).collect()
    }

    /// Ascending ranges within a stream, some of which touch.
    fn ranges() -> impl Strategy<Value = (u64, Vec<Range<u64>>)> {
        let steps = prop::collection::vec((0_u64..40_000, 1_u64..40_000), 0..40);
        (steps, 0_u64..20_000).prop_map(|(steps, rest)| {
            let mut at = 0;
            let ranges = steps.into_iter().map(|(gap, length)| {
                let start = at + gap;
                at = start + length;
                start..at
            });
            let ranges: Vec<_> = ranges.collect();
            (at + rest, ranges)
        })
    }

    fn all(ranges: impl Iterator<Item = Range<u64>>, most: u64) -> Vec<Batch> {
        let mut batches = Batches::new(ranges);
        std::iter::from_fn(|| {
            let has_more = batches.has_more();
            let batch = batches.next(most);
            assert_eq!(batch.is_some(), has_more);
            batch
        })
        .collect()
    }

    fn cut_all(length: u64, ranges: &[Range<u64>], most: u64) -> Vec<u8> {
        let stream = stream(length);
        let mut out = Vec::new();
        for batch in all(ranges.iter().cloned(), most) {
            let group = |number: u64| {
                let place = |at: u64| usize::try_from(at.min(length)).unwrap();
                (number, &stream[place(number * GROUP)..place((number + 1) * GROUP)])
            };
            batch.cut(batch.groups.iter().cloned().flatten().map(group), &mut out);
        }
        out
    }

    proptest! {
        #[test]
        fn batches_cover_what_is_wanted((length, ranges) in ranges(), most in 1_u64..40) {
            let stream = stream(length);
            let wanted: Vec<u8> = ranges.iter().flat_map(|r| stream[r.start as usize..r.end as usize].to_vec()).collect();
            prop_assert_eq!(cut_all(length, &ranges, most), wanted);
            for batch in all(ranges.iter().cloned(), most) {
                prop_assert!(batch.groups.windows(2).all(|pair| pair[0].end < pair[1].start));
                let groups: u64 = batch.groups.iter().map(|range| range.end - range.start).sum();
                prop_assert!(groups <= most);
                let bytes: u64 = batch.pieces.iter().map(|piece| piece.end - piece.start).sum();
                prop_assert!(bytes <= groups * GROUP);
            }
        }
    }

    #[test]
    fn a_long_range_is_cut_into_full_batches() {
        let all = all(std::iter::once(5..10 * FULL * GROUP), FULL);
        assert_eq!(all.len(), 10);
        assert!(all.iter().all(|batch| batch.groups.len() == 1 && batch.pieces.len() == 1));
        assert_eq!(all[0].pieces[0], 5..FULL * GROUP);
    }

    #[test]
    fn many_small_pieces_share_a_batch() {
        let points = (0..200_000_u64).map(|i| i * 8..i * 8 + 4);
        let pieces: Vec<_> = all(points, FULL).iter().map(|batch| batch.pieces.len()).collect();
        assert_eq!(pieces, [65536, 65536, 65536, 3392]);
    }
}
