//! A set of hosts from which one is picked at random in constant time.

use std::collections::BTreeMap;

use crate::chance::Chance;
use crate::identity::HostIndex;

/// Hosts, each once, in an order that says nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Crowd {
    hosts: Vec<HostIndex>,
    places: BTreeMap<HostIndex, usize>,
}

impl Crowd {
    pub(super) fn insert(&mut self, host: HostIndex) {
        self.places.entry(host).or_insert_with(|| {
            self.hosts.push(host);
            self.hosts.len() - 1
        });
    }

    /// The last one takes the place of the one that goes.
    pub(super) fn remove(&mut self, host: HostIndex) {
        if let Some(place) = self.places.remove(&host) {
            self.hosts.swap_remove(place);
            if let Some(&moved) = self.hosts.get(place) {
                self.places.insert(moved, place);
            }
        }
    }

    pub(super) fn contains(&self, host: HostIndex) -> bool {
        self.places.contains_key(&host)
    }

    pub(super) fn len(&self) -> usize {
        self.hosts.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = HostIndex> + '_ {
        self.hosts.iter().copied()
    }

    pub(super) fn pick(&self, chance: &mut Chance) -> Option<HostIndex> {
        chance.pick(&self.hosts)
    }
}

impl FromIterator<HostIndex> for Crowd {
    fn from_iter<I: IntoIterator<Item = HostIndex>>(hosts: I) -> Self {
        let mut crowd = Self::default();
        hosts.into_iter().for_each(|host| crowd.insert(host));
        crowd
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_a_set(steps in prop::collection::vec((any::<bool>(), 0..20_usize), 0..200)) {
            let (mut crowd, mut set) = (Crowd::default(), BTreeSet::new());
            for (comes, host) in steps {
                if comes {
                    crowd.insert(host);
                    set.insert(host);
                } else {
                    crowd.remove(host);
                    set.remove(&host);
                }
                prop_assert_eq!(crowd.iter().collect::<BTreeSet<_>>(), set.clone());
                prop_assert_eq!(crowd.len(), set.len());
                prop_assert!((0..20).all(|host| crowd.contains(host) == set.contains(&host)));
            }
        }
    }
}
