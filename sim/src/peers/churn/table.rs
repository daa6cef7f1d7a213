//! The buckets of a node, stored: who is in them is what the node has heard of and not found dead.

use crate::kademlia::ids::{BITS, shared_bits};
use crate::kademlia::table::Named;

/// Who a contact is: its number in the simulation, and its identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Contact {
    pub(super) node: u32,
    pub(super) id: u64,
}

/// One bucket: contacts, longest unheard first, and some who wait for a place, the newest last (sections 2.2 and 4.1 of
/// the paper on Kademlia).
#[derive(Clone, Debug, Default)]
struct Bucket {
    contacts: Vec<Contact>,
    waiting: Vec<Contact>,
    /// Whether the longest unheard is being asked if it is still there.
    asked: bool,
}

/// What hearing of somebody means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It was known.
    Known,
    /// It is a new contact.
    New,
    /// There is no place for it, unless this one, the longest unheard, does not answer.
    Full(Contact),
    /// There is no place for it, and somebody is being asked already.
    Waits,
}

impl Bucket {
    fn heard(&mut self, contact: Contact, k: usize) -> Heard {
        if let Some(place) = self.contacts.iter().position(|known| known.node == contact.node) {
            self.asked &= place > 0;
            self.contacts[place..].rotate_left(1);
            return Heard::Known;
        }
        if self.contacts.len() < k {
            self.contacts.push(contact);
            return Heard::New;
        }
        self.waiting.retain(|waiting| waiting.node != contact.node);
        if self.waiting.len() == k {
            self.waiting.remove(0);
        }
        self.waiting.push(contact);
        let longest = self.contacts.first().filter(|_| !self.asked);
        self.asked = true;
        longest.map_or(Heard::Waits, |&longest| Heard::Full(longest))
    }
}

/// All buckets of a node.
#[derive(Clone, Debug)]
pub(super) struct Table {
    id: u64,
    k: usize,
    buckets: Vec<Bucket>,
}

impl Table {
    pub(super) fn new(id: u64, k: usize) -> Self {
        Self { id, k, buckets: Vec::new() }
    }

    /// Somebody was heard of by themselves.
    pub(super) fn heard(&mut self, contact: Contact) -> Heard {
        let level = shared_bits(self.id, contact.id);
        if level >= BITS {
            return Heard::Known;
        }
        let level = level as usize;
        if self.buckets.len() <= level {
            self.buckets.resize_with(level + 1, Bucket::default);
        }
        self.buckets[level].heard(contact, self.k)
    }

    /// Somebody did not answer: who waits and was heard of last takes the place, and is a new contact.
    pub(super) fn failed(&mut self, contact: Contact) -> Option<Contact> {
        let bucket = self.buckets.get_mut(shared_bits(self.id, contact.id) as usize)?;
        bucket.waiting.retain(|waiting| waiting.node != contact.node);
        let place = bucket.contacts.iter().position(|known| known.node == contact.node)?;
        bucket.asked &= place > 0;
        bucket.contacts.remove(place);
        let next = bucket.waiting.pop()?;
        bucket.contacts.push(next);
        Some(next)
    }

    /// The contacts closest to a target, closest first.
    pub(super) fn closest(&self, target: u64, count: usize) -> Vec<Named> {
        let mut all: Vec<Named> = self.contacts().map(|known| named(known, target)).collect();
        if all.len() > count {
            all.select_nth_unstable(count);
            all.truncate(count);
        }
        all.sort_unstable();
        all
    }

    pub(super) fn contacts(&self) -> impl Iterator<Item = Contact> + '_ {
        self.buckets.iter().flat_map(|bucket| bucket.contacts.iter().copied())
    }

    /// The level of the deepest bucket with somebody in it.
    pub(super) fn depth(&self) -> u32 {
        let filled = self.buckets.iter().rposition(|bucket| !bucket.contacts.is_empty());
        u32::try_from(filled.unwrap_or(0)).unwrap_or(0)
    }

    /// Whether the node has to hand a record over to somebody it has just heard of: it is the closest to the key that it
    /// knows, but for the newcomer, and the newcomer is among the `k` closest (section 2.5).
    pub(super) fn owes(&self, key: u64, newcomer: Contact) -> bool {
        // A contact at level `l` is closer to the key than the node where the two differ at bit `l`.
        let differing = key ^ self.id;
        let closer = |(level, bucket): (usize, &Bucket)| {
            differing << level >> (BITS - 1) == 1 && bucket.contacts.iter().any(|known| known.node != newcomer.node)
        };
        if self.buckets.iter().enumerate().any(closer) {
            return false;
        }
        let ahead = self.contacts().filter(|known| known.id ^ key < newcomer.id ^ key).count();
        ahead + usize::from(differing < newcomer.id ^ key) < self.k
    }
}

pub(super) fn named(contact: Contact, target: u64) -> Named {
    Named { distance: contact.id ^ target, node: contact.node }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kademlia::draws::Draws;

    #[test]
    fn who_is_owed_a_record_is_what_the_rule_says() {
        let mut draws = Draws::new(4);
        let mut owed = 0;
        for _ in 0..400 {
            let mut table = Table::new(draws.number(), 4);
            for node in 0..30 {
                table.heard(Contact { node, id: table.id ^ (draws.number() >> draws.below(12)) });
            }
            let newcomer = Contact { node: 99, id: table.id ^ (draws.number() >> draws.below(12)) };
            table.heard(newcomer);
            let key = table.id ^ (draws.number() >> (8 + draws.below(16)));
            let others = || table.contacts().filter(|known| known.node != 99);
            let own = key ^ table.id;
            let closest = others().all(|known| known.id ^ key > own);
            let ahead =
                others().map(|known| known.id ^ key).chain([own]).filter(|&far| far < newcomer.id ^ key).count();
            assert_eq!(table.owes(key, newcomer), closest && ahead < 4);
            owed += u32::from(closest && ahead < 4);
        }
        assert!(owed > 10);
    }

    #[test]
    fn who_fails_is_replaced_by_who_waits() {
        let mut table = Table::new(0, 2);
        let contact = |node: u32| Contact { node, id: u64::from(node) | 1 << 63 };
        let heard = [1, 2, 3, 4, 2].map(|node| table.heard(contact(node)));
        assert_eq!(heard, [Heard::New, Heard::New, Heard::Full(contact(1)), Heard::Waits, Heard::Known]);
        assert_eq!(table.failed(contact(4)), None);
        assert_eq!(table.failed(contact(1)), Some(contact(3)));
        assert_eq!(table.contacts().map(|known| known.node).collect::<Vec<_>>(), [2, 3]);
        assert_eq!((table.heard(contact(5)), table.failed(contact(2))), (Heard::Full(contact(2)), Some(contact(5))));
        table.failed(contact(5));
        assert_eq!(table.closest(contact(3).id, 5), [Named { distance: 0, node: 3 }]);
        assert_eq!(table.depth(), 0);
    }
}
