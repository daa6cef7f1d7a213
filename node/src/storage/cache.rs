//! Records that were written or read lately, in memory: a get of one of them does not wait for the disk.

use std::sync::{Mutex, MutexGuard, PoisonError};

use grid::id::RecordKey;
use grid::record::Record;
use lru::LruCache;

/// The latest records, up to so many bytes.
#[derive(Debug)]
pub(super) struct Cache(Mutex<Contents>);

#[derive(Debug)]
struct Contents {
    records: LruCache<RecordKey, Record>,
    bytes: u64,
    room: u64,
}

impl Cache {
    /// With room for so many bytes of records.
    pub(super) fn new(room: u64) -> Self {
        Self(Mutex::new(Contents { records: LruCache::unbounded(), bytes: 0, room }))
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, key: &RecordKey) -> Option<Record> {
        self.lock().records.get(key).cloned()
    }

    pub(super) fn insert(&self, record: &Record) {
        let mut contents = self.lock();
        contents.bytes += record.weight();
        if let Some(old) = contents.records.put(record.key(), record.clone()) {
            contents.bytes -= old.weight();
        }
        while contents.bytes > contents.room {
            let Some((_, oldest)) = contents.records.pop_lru() else { return };
            contents.bytes -= oldest.weight();
        }
    }

    pub(super) fn remove(&self, key: &RecordKey) {
        let mut contents = self.lock();
        if let Some(old) = contents.records.pop(key) {
            contents.bytes -= old.weight();
        }
    }
}

#[cfg(test)]
mod tests {
    use grid::parameters::Parameters;
    use grid::record::Rules;

    use super::*;
    use crate::stamps::{self, Wanted};

    fn record(number: u8, length: usize) -> Record {
        stamps::small(&vec![number; length], &Wanted::default(), &Rules::of(&Parameters::local())).unwrap()
    }

    #[test]
    fn the_oldest_goes_when_there_is_no_room() {
        let cache = Cache::new(4 << 20);
        let records: Vec<Record> = (0..20).map(|number| record(number, 250_000)).collect();
        for record in &records {
            cache.insert(record);
            cache.insert(record);
            assert_eq!(cache.get(&records[0].key()), Some(records[0].clone()), "what is used stays");
        }
        let kept = records.iter().filter(|record| cache.get(&record.key()).is_some()).count();
        assert_eq!(kept, 16);
        assert!(cache.get(&records[1].key()).is_none() && cache.get(&records[19].key()).is_some());
        assert_eq!(cache.lock().bytes, 16 * records[0].weight());
        records.iter().for_each(|record| cache.remove(&record.key()));
        assert_eq!(cache.lock().bytes, 0);
    }
}
