//! Which keys one node has and another lacks, at a cost in proportion to the difference: range-based set reconciliation
//! (A. Meyer, "Range-Based Set Reconciliation", arXiv:2212.13567).
//!
//! One side sends the fingerprint of all its keys. Where the other's differs it splits the range into parts of equally
//! many keys of its own, and sends the fingerprint of each; and so on, until a range holds so few keys that they are
//! named. With n keys and k differences that takes `log16(n / 64)` exchanges and O(k log n) fingerprints.
//!
//! A fingerprint hashes the keys of a range, in order. Sums or XORs would be quicker to keep up to date; but whoever
//! chooses what is stored can make two sets of equal sum, and then the difference is never found.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use crate::id::RecordKey;
use crate::record::Mark;

/// Into how many parts a range is split.
const PARTS: usize = 16;
/// A range of so few keys is not split any further: they are named.
const FEW: usize = 64;
/// Ranges in one message at most: 83 bytes each, so that with [`MAX_ITEMS`] it fits the smallest messages that a grid
/// may allow, of 64 KiB. What is left over is found by the next comparison.
pub const MAX_RANGES: usize = 256;
/// Items in one message at most, of up to 50 bytes each.
pub const MAX_ITEMS: usize = 800;

/// A record, or a chunk of one, and the state in which somebody has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Item {
    /// Which.
    pub key: RecordKey,
    /// In which state.
    pub mark: Mark,
}

/// What a node has.
pub type Items = BTreeMap<RecordKey, Mark>;

/// Whether a state of a record tells something to who has it in another one, or not at all.
pub fn is_news(mark: Mark, known: Option<&Mark>) -> bool {
    known.is_none_or(|known| {
        known.sequence < mark.sequence || (known.sequence == mark.sequence && known.tag != mark.tag)
    })
}

/// The keys from the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The least key.
    pub first: RecordKey,
    /// The greatest.
    pub last: RecordKey,
}

/// What the sender has in a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeReport {
    /// Which range.
    pub range: KeyRange,
    /// What is in it.
    pub content: RangeContent,
}

/// The keys of a range, in short or by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RangeContent {
    /// The first 16 bytes of the SHA-256 over the items, in the order of their keys.
    Fingerprint([u8; 16]),
    /// These are all that the sender has there: "send me the names of those that I lack".
    All(Vec<Item>),
    /// These the receiver lacks.
    Lacking(Vec<Item>),
}

/// What follows from another node's reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// To be sent back; nothing if all is equal.
    pub reply: Vec<RangeReport>,
    /// What the other has and we lack, or have in an earlier state.
    pub lacking: Vec<Item>,
}

impl KeyRange {
    /// All keys.
    pub const ALL: Self = Self { first: RecordKey::from_bytes([0; 32]), last: RecordKey::from_bytes([u8::MAX; 32]) };

    fn is_possible(&self) -> bool {
        self.first <= self.last
    }

    fn contains(&self, key: &RecordKey) -> bool {
        (self.first..=self.last).contains(key)
    }
}

/// The beginning of a comparison: everything, in short.
pub fn open(ours: &Items) -> RangeReport {
    let range = KeyRange::ALL;
    RangeReport { range, content: RangeContent::Fingerprint(fingerprint(all(ours))) }
}

/// Compares what another node reports with our own keys. Ranges have to ascend without overlapping, so that a message
/// never makes us go over our keys more than once; what comes after one that does not is not looked at.
pub fn compare(ours: &Items, theirs: &[RangeReport]) -> Findings {
    let mut findings = Findings::default();
    let mut before = None;
    for RangeReport { range, content } in theirs.iter().take(MAX_RANGES) {
        if !range.is_possible() || before.replace(range.last).is_some_and(|last| range.first <= last) {
            break;
        }
        let here = || ours.range(range.first..=range.last).map(|(&key, &mark)| Item { key, mark });
        let news = |item: &&Item| is_news(item.mark, ours.get(&item.key));
        match content {
            RangeContent::Fingerprint(fingerprint_of_theirs) => {
                if *fingerprint_of_theirs != fingerprint(here()) {
                    findings.look_closer(*range, here().collect());
                }
            }
            RangeContent::All(items) => {
                let items = || items.iter().filter(|item| range.contains(&item.key));
                let theirs: Items = items().map(|item| (item.key, item.mark)).collect();
                findings.lacking.extend(items().filter(news));
                let lacking: Vec<Item> = here().filter(|item| is_news(item.mark, theirs.get(&item.key))).collect();
                if !lacking.is_empty() {
                    findings.reply.push(RangeReport { range: *range, content: RangeContent::Lacking(lacking) });
                }
            }
            RangeContent::Lacking(items) => findings.lacking.extend(items.iter().filter(news)),
        }
    }
    findings.cut();
    findings
}

impl Findings {
    /// The range differs: name its keys if they are few, else report on its parts.
    fn look_closer(&mut self, range: KeyRange, ours: Vec<Item>) {
        if ours.len() <= FEW {
            return self.reply.push(RangeReport { range, content: RangeContent::All(ours) });
        }
        let mut parts = ours.chunks(ours.len().div_ceil(PARTS)).peekable();
        let mut first = range.first;
        while let Some(part) = parts.next() {
            let next = parts.peek().and_then(|part| part.first()).map(|item| item.key);
            // A part ends just before the next one begins, so that no key lies between two parts.
            let last = next.map_or(range.last, predecessor);
            let content = RangeContent::Fingerprint(fingerprint(part.iter().copied()));
            self.reply.push(RangeReport { range: KeyRange { first, last }, content });
            first = next.unwrap_or(range.last);
        }
    }

    /// Keeps to the bounds of a message.
    fn cut(&mut self) {
        self.reply.truncate(MAX_RANGES);
        let mut room = MAX_ITEMS;
        for report in &mut self.reply {
            match &mut report.content {
                RangeContent::Fingerprint(_) => {}
                // A list of all that is cut short would ask for what is there already: it is left for the next time.
                RangeContent::All(items) if items.len() > room => report.content = RangeContent::Lacking(Vec::new()),
                RangeContent::All(items) => room -= items.len(),
                RangeContent::Lacking(items) => {
                    items.truncate(room);
                    room -= items.len();
                }
            }
        }
        self.reply.retain(|report| report.content != RangeContent::Lacking(Vec::new()));
    }
}

fn all(items: &Items) -> impl Iterator<Item = Item> {
    items.iter().map(|(&key, &mark)| Item { key, mark })
}

fn fingerprint(items: impl Iterator<Item = Item>) -> [u8; 16] {
    let add = |hash: Sha256, Item { key, mark }: Item| {
        let hash = hash.chain_update(key.as_bytes()).chain_update(mark.sequence.to_be_bytes());
        hash.chain_update(mark.tag.to_be_bytes())
    };
    let digest = items.fold(Sha256::new(), add).finalize();
    let mut fingerprint = [0; 16];
    fingerprint.copy_from_slice(&digest[..16]);
    fingerprint
}

/// The greatest key below another; zero stays zero, which no part but the first begins with.
fn predecessor(key: RecordKey) -> RecordKey {
    let mut bytes = *key.as_bytes();
    for byte in bytes.iter_mut().rev() {
        *byte = byte.wrapping_sub(1);
        if *byte != u8::MAX {
            return RecordKey::from_bytes(bytes);
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(number: u32) -> RecordKey {
        RecordKey::from_bytes(Sha256::digest(number.to_be_bytes()).into())
    }

    fn item(number: u32, sequence: u64) -> Item {
        Item { key: key(number), mark: Mark { sequence, tag: 0 } }
    }

    fn keys(numbers: impl IntoIterator<Item = u32>) -> Items {
        numbers.into_iter().map(|number| (key(number), Mark::default())).collect()
    }

    /// One comparison, until nobody has anything more to say; returns the fingerprints and keys that were sent.
    fn once(one: &mut Items, two: &mut Items) -> usize {
        let (mut said, mut messages, mut size) = (alloc::vec![open(one)], 0, 0);
        let (mut listener, mut speaker) = (two, one);
        while !said.is_empty() {
            messages += 1;
            assert!(messages < 10 && said.len() <= MAX_RANGES, "it goes on for ever");
            let fresh = said.iter().map(weight).sum::<usize>();
            assert!(fresh <= MAX_ITEMS + MAX_RANGES);
            size += fresh;
            let Findings { reply, lacking } = compare(listener, &said);
            assert!(lacking.iter().all(|item| speaker.get(&item.key) == Some(&item.mark)), "only what the other has");
            listener.extend(lacking.into_iter().map(|item| (item.key, item.mark)));
            said = reply;
            core::mem::swap(&mut listener, &mut speaker);
        }
        size
    }

    /// Comparisons until all is equal; returns their number and what they cost.
    fn reconcile(one: &mut Items, two: &mut Items) -> (usize, usize) {
        let (mut times, mut size) = (0, 0);
        while one != two {
            times += 1;
            assert!(times < 100, "they never become equal");
            size += once(one, two);
        }
        (times, size)
    }

    fn weight(report: &RangeReport) -> usize {
        match &report.content {
            RangeContent::Fingerprint(_) => 1,
            RangeContent::All(keys) | RangeContent::Lacking(keys) => keys.len(),
        }
    }

    #[test]
    fn equal_sets_cost_one_fingerprint() {
        assert_eq!(once(&mut keys(0..5000), &mut keys(0..5000)), 1);
    }

    #[test]
    fn the_cost_goes_with_the_difference() {
        let all = keys(0..100_000);
        for missing in [1, 10, 100, 1000] {
            let (mut one, mut two) = (all.clone(), keys(missing..100_000));
            let (times, size) = reconcile(&mut two, &mut one);
            assert_eq!((one.len(), &two), (all.len(), &all));
            // A difference costs a way of three times 16 fingerprints, the keys of a part, and itself.
            assert!(size <= 130 * missing as usize + 20, "{missing} missing: {times} comparisons, {size} sent");
        }
    }

    #[test]
    fn a_newcomer_gets_everything() {
        let (mut old, mut new) = (keys(0..20_000), Items::new());
        let (times, size) = reconcile(&mut new, &mut old);
        assert_eq!(old.len(), 20_000);
        assert!(times <= 20_000 / MAX_ITEMS + 2 && size < 3 * 20_000, "{times} comparisons, {size} sent");
    }

    #[test]
    fn ranges_that_overlap_are_looked_at_once() {
        let report = RangeReport { range: KeyRange::ALL, content: RangeContent::Fingerprint([0; 16]) };
        let once = compare(&keys(0..1000), core::slice::from_ref(&report));
        assert_eq!(once.reply.len(), PARTS);
        assert_eq!(compare(&keys(0..1000), &alloc::vec![report; MAX_RANGES]), once);
    }

    #[test]
    fn impossible_ranges_are_not_looked_at() {
        let range = KeyRange { first: key(1).max(key(2)), last: key(1).min(key(2)) };
        let report = |content| RangeReport { range, content };
        let reports = [report(RangeContent::Fingerprint([0; 16])), report(RangeContent::All(alloc::vec![item(1, 0)]))];
        assert_eq!(compare(&keys(0..10), &reports), Findings::default());
    }

    proptest! {
        #[test]
        fn any_two_sets_become_one(
            one in prop::collection::btree_map(0..3000_u32, 0..3_u64, 0..1000),
            two in prop::collection::btree_map(0..3000_u32, 0..3_u64, 0..1000),
        ) {
            let items = |numbers: BTreeMap<u32, u64>| -> Items {
                numbers.into_iter().map(|(number, sequence)| item(number, sequence)).map(|i| (i.key, i.mark)).collect()
            };
            let (mut one, mut two) = (items(one), items(two));
            let mut union = one.clone();
            for (&key, &mark) in &two {
                union.entry(key).and_modify(|known| *known = mark.max(*known)).or_insert(mark);
            }
            reconcile(&mut one, &mut two);
            prop_assert_eq!(&one, &union);
            prop_assert_eq!(&two, &union);
        }

        #[test]
        fn made_up_reports_do_no_harm(first: [u8; 32], last: [u8; 32], fingerprint: [u8; 16], few in 0..200_u32) {
            let range = KeyRange { first: RecordKey::from_bytes(first), last: RecordKey::from_bytes(last) };
            let findings = compare(&keys(0..few), &[RangeReport { range, content: RangeContent::Fingerprint(fingerprint) }]);
            prop_assert!(findings.reply.iter().all(|report| report.range.is_possible()));
        }
    }
}
