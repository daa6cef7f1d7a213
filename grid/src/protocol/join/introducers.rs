//! Through whom this node may join: those that its owner has named, and those that were found on the same network.

use alloc::vec::Vec;

use rand_core::Rng;

use crate::chance::pick;
use crate::peer::Address;

/// Introducers that were found and are to be tried; more are not remembered.
const MAX_FOUND: usize = 16;

/// Those who may introduce this node, and which of them was of no use.
///
/// One that was named stays for as long as the node runs, and is tried again only after all others; one that was found is
/// believed nothing, and forgotten as soon as it fails.
#[derive(Debug, Default)]
pub(super) struct Introducers {
    named: Vec<Address>,
    found: Vec<Address>,
    /// Which one is in use.
    tried: Option<Address>,
    /// Those named that have failed since all were tried.
    failed: Vec<Address>,
}

impl Introducers {
    pub(super) fn name(&mut self, named: Vec<Address>) {
        self.named = named;
    }

    pub(super) fn has_named(&self) -> bool {
        !self.named.is_empty()
    }

    pub(super) fn has_found(&self) -> bool {
        !self.found.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.named.is_empty() && self.found.is_empty()
    }

    pub(super) fn is_named(&self, address: &Address) -> bool {
        self.named.contains(address)
    }

    /// Remembers one that was found and not named, unless it is known or there are too many.
    pub(super) fn find(&mut self, address: Address) {
        if !self.found.contains(&address) && self.found.len() < MAX_FOUND {
            self.found.push(address);
        }
    }

    /// Draws one to try among those that have not failed since all were tried.
    pub(super) fn draw<R: Rng>(&mut self, rng: &mut R) -> Option<Address> {
        if self.found.is_empty() && self.named.iter().all(|one| self.failed.contains(one)) {
            self.failed.clear();
        }
        let left: Vec<&Address> =
            self.named.iter().chain(&self.found).filter(|one| !self.failed.contains(one)).collect();
        let drawn = pick(rng, &left).map(|&one| one.clone())?;
        self.tried = Some(drawn.clone());
        Some(drawn)
    }

    pub(super) fn is_tried(&self, address: &Address) -> bool {
        self.tried.as_ref() == Some(address)
    }

    /// The one in use was of no use.
    pub(super) fn fail(&mut self) {
        let Some(tried) = self.tried.take() else { return };
        self.forget(&tried);
        if self.is_named(&tried) {
            self.failed.push(tried);
        }
    }

    /// The one in use has done what it was for.
    pub(super) fn part(&mut self) {
        self.tried = None;
    }

    /// Forgets one that was found.
    pub(super) fn forget(&mut self, address: &Address) {
        self.found.retain(|other| other != address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_core::SeedableRng;

    fn at(port: u16) -> Address {
        Address(format!("/ip4/127.0.0.1/tcp/{port}"))
    }

    /// Draws and fails `count` times.
    fn fail_all(introducers: &mut Introducers, rng: &mut ChaCha8Rng, count: usize) -> Vec<Address> {
        let failed = core::iter::repeat_with(|| {
            let drawn = introducers.draw(rng).expect("somebody is left");
            assert!(introducers.is_tried(&drawn));
            introducers.fail();
            assert!(!introducers.is_tried(&drawn));
            drawn
        });
        failed.take(count).collect()
    }

    #[test]
    fn each_is_tried_before_one_is_tried_again() {
        for seed in 0..50 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut introducers = Introducers::default();
            introducers.name((1..=5).map(at).collect());
            for _ in 0..3 {
                let mut round = fail_all(&mut introducers, &mut rng, 5);
                round.sort();
                assert_eq!(round, (1..=5).map(at).collect::<Vec<_>>(), "seed {seed}");
            }
        }
    }

    #[test]
    fn one_found_is_forgotten_when_it_fails_and_one_named_is_not() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut introducers = Introducers::default();
        introducers.name(vec![at(1)]);
        introducers.find(at(2));
        introducers.find(at(2));
        let mut both = fail_all(&mut introducers, &mut rng, 2);
        both.sort();
        assert_eq!(both, [at(1), at(2)]);
        assert!(!introducers.has_found());
        assert_eq!(fail_all(&mut introducers, &mut rng, 4), vec![at(1); 4]);
    }

    #[test]
    fn no_more_than_so_many_found_are_remembered() {
        let mut introducers = Introducers::default();
        (0..u16::MAX).map(at).for_each(|address| introducers.find(address));
        assert_eq!(introducers.found.len(), MAX_FOUND);
    }

    #[test]
    fn nobody_is_drawn_of_none() {
        let mut introducers = Introducers::default();
        assert!(introducers.is_empty());
        assert_eq!(introducers.draw(&mut ChaCha8Rng::seed_from_u64(1)), None);
        introducers.fail();
        assert!(introducers.is_empty());
    }
}
