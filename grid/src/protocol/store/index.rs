//! What is held, what of it is dropped when space runs out, and what expires.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::id::RecordKey;
use crate::message::StoreFailure;
use crate::ranges::Items;
use crate::record::price::DecayedWorth;
use crate::record::{Holding, Record};
use crate::time::Day;

/// Keys of records that were refused for lack of space, so that they are not fetched again and again; forgotten with
/// the day.
const MAX_DECLINED: usize = 4096;

/// All records held, by key and by worth.
#[derive(Debug, Default)]
pub(super) struct Index {
    holdings: BTreeMap<RecordKey, Holding>,
    /// What others are told of: all that has not expired.
    items: Items,
    /// The cheapest first; of equals, what expires first.
    by_worth: BTreeSet<(DecayedWorth, Day, RecordKey)>,
    bytes: u64,
    /// The day for which `by_worth` is ordered, and `items` chosen.
    day: Day,
    declined: BTreeSet<RecordKey>,
}

impl Index {
    pub(super) fn len(&self) -> usize {
        self.holdings.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What is held, for comparisons.
    pub(super) fn items(&self) -> &Items {
        &self.items
    }

    pub(super) fn get(&self, key: &RecordKey) -> Option<&Holding> {
        self.holdings.get(key)
    }

    pub(super) fn contains(&self, key: &RecordKey) -> bool {
        self.holdings.contains_key(key)
    }

    pub(super) fn insert(&mut self, key: RecordKey, holding: Holding) {
        self.remove(&key);
        self.by_worth.insert((holding.worth_on(self.day), holding.expiry, key));
        self.bytes = self.bytes.saturating_add(holding.bytes);
        if self.day <= holding.expiry {
            self.items.insert(key, holding.mark);
        }
        self.holdings.insert(key, holding);
        self.declined.remove(&key);
    }

    pub(super) fn remove(&mut self, key: &RecordKey) {
        if let Some(holding) = self.holdings.remove(key) {
            self.by_worth.remove(&(holding.worth_on(self.day), holding.expiry, *key));
            self.bytes = self.bytes.saturating_sub(holding.bytes);
            self.items.remove(key);
        }
    }

    /// Puts the worth of everything to another day. What has expired by then stays for its grace, and others are not told
    /// of it any more: they would ask for it, and refuse it, every minute.
    pub(super) fn set_day(&mut self, today: Day) {
        if today != self.day {
            self.day = today;
            let entry = |(&key, holding): (&RecordKey, &Holding)| (holding.worth_on(today), holding.expiry, key);
            self.by_worth = self.holdings.iter().map(entry).collect();
            let current = self.holdings.iter().filter(|(_, holding)| today <= holding.expiry);
            self.items = current.map(|(&key, holding)| (key, holding.mark)).collect();
            self.declined.clear();
        }
    }

    /// Some of what has expired so many days ago, and more, `most` at most.
    pub(super) fn expired(&self, today: Day, grace: u32, most: usize) -> Vec<RecordKey> {
        let over = |(_, holding): &(&RecordKey, &Holding)| holding.expiry.plus(grace) < today;
        self.holdings.iter().filter(over).map(|(&key, _)| key).take(most).collect()
    }

    /// The cheapest, until the rest fits within so many bytes: for a quota that has become smaller.
    pub(super) fn beyond(&self, quota: u64) -> Vec<RecordKey> {
        let mut excess = self.bytes.saturating_sub(quota);
        let cheapest = self.by_worth.iter().map(|(_, _, key)| *key);
        let goes = |key: &RecordKey| {
            let is_over = excess > 0;
            excess = excess.saturating_sub(self.get(key).map_or(0, |holding| holding.bytes));
            is_over
        };
        cheapest.take_while(goes).collect()
    }

    /// What has to go so that a record fits within so many bytes. Only what matters less goes, and nothing that is
    /// `spared` because it is being written.
    ///
    /// # Errors
    /// [`StoreFailure::QuotaFull`] if all else matters as much.
    pub(super) fn make_room(
        &self,
        record: &Record,
        quota: u64,
        spared: impl Fn(&RecordKey) -> bool,
    ) -> Result<Vec<RecordKey>, StoreFailure> {
        let (key, fresh) = (record.key(), Holding::of(record));
        let held = self.get(&key).map_or(0, |holding| holding.bytes);
        let mut excess = (self.bytes - held).saturating_add(fresh.bytes).saturating_sub(quota);
        let (mut victims, worth) = (Vec::new(), fresh.worth_on(self.day));
        let others = self.by_worth.iter().filter(|(_, _, other)| *other != key && !spared(other));
        for (their_worth, _, victim) in others {
            if excess == 0 {
                break;
            }
            let Some(holding) = self.get(victim).filter(|_| *their_worth < worth) else { break };
            excess = excess.saturating_sub(holding.bytes);
            victims.push(*victim);
        }
        match excess {
            0 => Ok(victims),
            _ => Err(StoreFailure::QuotaFull { worth: fresh.worth.bits() }),
        }
    }

    /// Remembers what was refused for lack of space.
    pub(super) fn decline(&mut self, key: RecordKey) {
        if self.declined.len() < MAX_DECLINED {
            self.declined.insert(key);
        }
    }

    /// Whether it was refused for lack of space. When there are too many to remember, all that is not here was.
    pub(super) fn has_declined(&self, key: &RecordKey) -> bool {
        self.declined.contains(key) || (self.declined.len() >= MAX_DECLINED && !self.contains(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Mark, Worth};

    fn holding(expiry: u32) -> Holding {
        let (mark, worth) = (Mark::default(), Worth::from_bits(0));
        let (from, expiry) = (Day::new(1), Day::new(expiry));
        Holding { mark, bytes: 10, worth, from, expiry, half_life: 0, written: 0, twin: false }
    }

    #[test]
    fn what_has_expired_is_held_for_its_grace_and_not_told() {
        let mut index = Index::default();
        let key = |byte| RecordKey::from_bytes([byte; 32]);
        index.set_day(Day::new(10));
        index.insert(key(1), holding(10));
        index.insert(key(2), holding(11));
        index.insert(key(3), holding(9));
        let told = |index: &Index| index.items().keys().copied().collect::<Vec<_>>();
        assert_eq!((told(&index), index.len()), (Vec::from([key(1), key(2)]), 3));
        index.set_day(Day::new(11));
        assert_eq!((told(&index), index.len()), (Vec::from([key(2)]), 3));
        assert_eq!(index.expired(Day::new(11), 2, 9), []);
        assert_eq!(index.expired(Day::new(12), 2, 9), [key(3)]);
        // The clock was wrong: everything is as it was.
        index.set_day(Day::new(10));
        assert_eq!(told(&index), [key(1), key(2)]);
    }
}
