#![expect(clippy::single_range_in_vec_init, reason = "what is asked for is a list of ranges, often of one")]

use std::ops::Range;

use bao_tree::io::BaoContentItem;
use bao_tree::io::sync::DecodeResponseIter;
use proptest::prelude::*;

use super::*;
use crate::memory::Memory;

/// A stream of bytes that are all different from their neighbours.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|place| (place * 31 + place / 251).to_le_bytes()[0]).collect()
}

/// Groups of a stream, as ascending and disjoint ranges, from arbitrary pairs.
fn ranges(length: u64, pairs: &[(u64, u64)]) -> Vec<Range<u64>> {
    let mut runs: Vec<_> = pairs.iter().map(|(start, bytes)| start % length..(start % length) + bytes).collect();
    runs.sort_by_key(|run| run.start);
    groups_under(runs, length)
}

fn encoding(source: &dyn Source, outboard: &Outboard, groups: &[Range<u64>]) -> Vec<u8> {
    let mut encoded = Vec::new();
    encode(source, 0, outboard, groups, &mut encoded).unwrap();
    encoded
}

/// The groups' bytes with their places, as far as they are proved, and the group at which the proof fails.
fn decode(stream: Stream, groups: &[Range<u64>], encoded: &[u8]) -> (Vec<(u64, Vec<u8>)>, Option<String>) {
    let chunks = chunk_ranges(groups);
    let decoder = DecodeResponseIter::new(stream.root.into(), tree(stream.length), encoded, &chunks);
    let mut leaves = Vec::new();
    for item in decoder {
        match item {
            Ok(BaoContentItem::Leaf(leaf)) => leaves.push((leaf.offset, leaf.data.to_vec())),
            Ok(BaoContentItem::Parent(_)) => {}
            Err(error) => return (leaves, Some(error.to_string())),
        }
    }
    (leaves, None)
}

/// What must arrive: every group's place and bytes.
fn leaves(data: &[u8], groups: &[Range<u64>]) -> Vec<(u64, Vec<u8>)> {
    let leaf = |group: u64| {
        let start = usize::try_from(group * GROUP).unwrap();
        (group * GROUP, data[start..data.len().min(start + usize::try_from(GROUP).unwrap())].to_vec())
    };
    groups.iter().flat_map(Clone::clone).map(leaf).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_encoded_is_decoded(length in 1_usize..1_500_000, pairs in prop::collection::vec((any::<u64>(), 1_u64..400_000), 1..8)) {
        let data = bytes(length);
        let source = Memory::of_bytes(&data);
        let outboard = Outboard::of(&source, 0).unwrap();
        prop_assert_eq!(outboard.root, *blake3::hash(&data).as_bytes());
        prop_assert_eq!(Outboard::from_bytes(&outboard.to_bytes()), Some(outboard.clone()));
        let groups = ranges(outboard.length, &pairs);
        let encoded = encoding(&source, &outboard, &groups);
        prop_assert_eq!(decode(outboard.stream(), &groups, &encoded), (leaves(&data, &groups), None));
    }

    #[test]
    fn a_flipped_byte_is_found_in_its_group(length in 1_usize..400_000, pairs in prop::collection::vec((any::<u64>(), 1_u64..100_000), 1..4), place in any::<prop::sample::Index>(), flip in 1_u8..) {
        let data = bytes(length);
        let source = Memory::of_bytes(&data);
        let outboard = Outboard::of(&source, 0).unwrap();
        let groups = ranges(outboard.length, &pairs);
        let honest = encoding(&source, &outboard, &groups);
        let mut lie = honest.clone();
        let place = place.index(lie.len());
        lie[place] ^= flip;
        let (proved, error) = decode(outboard.stream(), &groups, &lie);
        prop_assert!(error.is_some(), "byte {} of {}", place, lie.len());
        // Whatever was proved is right, and it ends where the flipped byte arrives.
        let right = leaves(&data, &groups);
        prop_assert_eq!(&proved[..], &right[..proved.len()]);
        let (whole, _) = decode(outboard.stream(), &groups, &honest[..place]);
        prop_assert_eq!(whole.len(), proved.len());
    }

    #[test]
    fn every_byte_that_is_needed_lies_in_a_group(length in 1_u64..1_000_000, pairs in prop::collection::vec((0_u64..1_000_000, 1_u64..90_000), 0..20)) {
        let mut runs: Vec<_> = pairs.iter().map(|(start, bytes)| *start..(start + bytes).min(length)).collect();
        runs.sort_by_key(|run| run.start);
        let groups = groups_under(runs.clone(), length);
        prop_assert!(groups.iter().all(|range| !range.is_empty() && range.end <= length.div_ceil(GROUP)));
        prop_assert!(groups.windows(2).all(|pair| pair[0].end < pair[1].start));
        for group in 0..length.div_ceil(GROUP) {
            let bytes = group * GROUP..(group + 1) * GROUP;
            let needed = runs.iter().any(|run| run.start.max(bytes.start) < run.end.min(bytes.end));
            prop_assert_eq!(groups.iter().any(|range| range.contains(&group)), needed, "group {}", group);
        }
    }
}

#[test]
fn a_file_that_changed_is_not_served() {
    let data = bytes(100_000);
    let outboard = Outboard::of(&Memory::of_bytes(&data), 0).unwrap();
    let mut other = data.clone();
    other[70_000] ^= 1;
    let mut out = Vec::new();
    let error = encode(&Memory::of_bytes(&other), 0, &outboard, &[1..7], &mut out).unwrap_err();
    assert!(matches!(error, EncodeError::Changed { group: 4 }), "{error}");
    let mut wrong = outboard.clone();
    wrong.parents[0] ^= 1;
    let error = encode(&Memory::of_bytes(&data), 0, &wrong, &[0..7], &mut out).unwrap_err();
    assert!(matches!(error, EncodeError::Hashes), "{error}");
}

#[test]
fn groups_that_are_not_there_are_refused() {
    let source = Memory::of_bytes(&bytes(40_000));
    let outboard = Outboard::of(&source, 0).unwrap();
    let mut out = Vec::new();
    for groups in [vec![0..4], vec![1..1], vec![1..2, 0..1], vec![0..2, 1..3], vec![u64::MAX - 1..u64::MAX]] {
        let refused = encode(&source, 0, &outboard, &groups, &mut out);
        assert!(matches!(refused, Err(EncodeError::Range { groups: 3, .. })), "{groups:?}");
    }
    assert!(out.is_empty());
    assert_eq!(Outboard::from_bytes(&[255; 40]), None);
    assert_eq!(Outboard::from_bytes(&outboard.to_bytes()[..80]), None);
}

#[test]
fn an_empty_stream_has_a_root() {
    let outboard = Outboard::of(&Memory::of_bytes(&[]), 0).unwrap();
    assert_eq!(outboard.root, *blake3::hash(&[]).as_bytes());
    assert_eq!(Outboard::from_bytes(&outboard.to_bytes()), Some(outboard));
}
