//! The first relays that an initiator keeps.
//!
//! Each first relay that is tried may be hostile, and a hostile one knows whose tunnels it relays. Who draws a new one for
//! every tunnel has had a hostile one soon; who keeps the same has one with chance f, or never (Wright et al., ACM TISSEC 7(4),
//! 2004; Øverlier and Syverson, IEEE S&P 2006). Two are in use by turns and not one, so that a tunnel stands by when
//! the other's first relay is gone: with both the chance is `1 - (1 - f)^2`, once in a period.

use alloc::vec::Vec;

use rand_core::Rng;

use super::Seed;
use crate::chance::pick;
use crate::id::NodeId;

/// First relays that are used by turns.
pub const USED: usize = 2;
/// First relays that are remembered, of which some may be away. An adversary that brings them down one after another, until one
/// of its own is drawn, has so many draws and no more, until all of them are away at once.
pub const REMEMBERED: usize = 6;

/// First relays, in the order in which they were drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firsts {
    seed: Seed,
    drawn: Vec<NodeId>,
}

impl Firsts {
    /// What was kept for the period of a seed, the first drawn first; nothing, for a new one. What is too much or twice is
    /// left out.
    pub fn new(seed: Seed, kept: impl IntoIterator<Item = NodeId>) -> Self {
        let mut drawn = Vec::new();
        for one in kept {
            if drawn.len() < REMEMBERED && !drawn.contains(&one) {
                drawn.push(one);
            }
        }
        Self { seed, drawn }
    }

    /// The first relay of a tunnel: of those kept that are `links` now the first two by turns. While there are fewer than two, one
    /// of the other links is drawn and kept. `None` if there is no link.
    ///
    /// When the period is over all links are others, and so are the first relays. When all that can be kept are away the
    /// one that was drawn longest ago is given up for a new one.
    pub fn choose<R: Rng>(&mut self, seed: Seed, links: &[NodeId], turn: usize, rng: &mut R) -> Option<NodeId> {
        if self.seed != seed {
            *self = Self::new(seed, []);
        }
        let mut there = self.there(links);
        while there.len() < USED {
            let is_new = |link: &&NodeId| !there.contains(link);
            let mut others: Vec<NodeId> = links.iter().filter(is_new).copied().collect();
            others.sort_unstable();
            others.dedup();
            let Some(&drawn) = pick(rng, &others) else { break };
            if self.drawn.len() >= REMEMBERED {
                let away = self.drawn.iter().position(|kept| !links.contains(kept));
                self.drawn.remove(away.unwrap_or(0));
            }
            self.drawn.push(drawn);
            there = self.there(links);
        }
        let used = there.get(..USED).unwrap_or(&there);
        (!used.is_empty()).then(|| used[turn % used.len()])
    }

    fn there(&self, links: &[NodeId]) -> Vec<NodeId> {
        self.drawn.iter().filter(|kept| links.contains(kept)).copied().collect()
    }

    /// For which period they are kept.
    pub fn seed(&self) -> &Seed {
        &self.seed
    }

    /// All that are kept, the first drawn first.
    pub fn kept(&self) -> &[NodeId] {
        &self.drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::GridId;
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    fn seed(period: u64) -> Seed {
        Seed::of(&GridId::from_bytes([7; 32]), period)
    }

    fn id(number: u8) -> NodeId {
        NodeId::from_bytes([number; 32])
    }

    proptest! {
        /// Whoever comes and goes, with tunnels laid all the time: one kept relay that is there is always used, and nobody
        /// new is drawn while two of them are.
        #[test]
        fn who_is_kept_and_there_is_used(steps in prop::collection::vec((prop::collection::btree_set(0..20_u8, 0..20), any::<u8>()), 1..60), draw: u64) {
            let (mut firsts, mut rng) = (Firsts::new(seed(1), []), ChaCha8Rng::seed_from_u64(draw));
            for (links, turn) in steps {
                let links: Vec<_> = links.into_iter().map(id).collect();
                let before = firsts.clone();
                let chosen = firsts.choose(seed(1), &links, usize::from(turn), &mut rng);
                prop_assert_eq!(chosen.is_some(), !links.is_empty());
                prop_assert!(chosen.is_none_or(|chosen| links.contains(&chosen) && firsts.kept().contains(&chosen)));
                let distinct: BTreeSet<_> = firsts.kept().iter().collect();
                prop_assert!(distinct.len() == firsts.kept().len() && distinct.len() <= REMEMBERED);
                let there = before.there(&links);
                if there.len() >= USED {
                    prop_assert_eq!(&before, &firsts);
                    prop_assert_eq!(chosen, Some(there[usize::from(turn) % USED]));
                }
            }
        }
    }

    #[test]
    fn two_are_used_by_turns_and_come_back_after_having_been_away() {
        let links: Vec<_> = (0..20).map(id).collect();
        let (mut firsts, mut rng) = (Firsts::new(seed(1), []), ChaCha8Rng::seed_from_u64(1));
        let mut choose = |links: &[NodeId], turn| firsts.choose(seed(1), links, turn, &mut rng).unwrap();
        let used: Vec<_> = (0..40).map(|turn| choose(&links, turn)).collect();
        assert!(used.iter().enumerate().all(|(turn, one)| *one == used[turn % 2]) && used[0] != used[1]);
        let without: Vec<_> = links.iter().filter(|link| **link != used[0]).copied().collect();
        let meanwhile: BTreeSet<_> = (0..40).map(|turn| choose(&without, turn)).collect();
        assert!(meanwhile.len() == 2 && meanwhile.contains(&used[1]));
        assert_eq!(choose(&links, 0), used[0], "it is back");
    }

    #[test]
    fn first_relays_are_other_ones_in_another_period_and_the_same_after_a_restart() {
        let links: Vec<_> = (0..20).map(id).collect();
        let (mut firsts, mut rng) = (Firsts::new(seed(1), []), ChaCha8Rng::seed_from_u64(3));
        firsts.choose(seed(1), &links, 0, &mut rng);
        let kept = firsts.kept().to_vec();
        let mut again = Firsts::new(*firsts.seed(), kept.iter().copied().chain([kept[0]]));
        assert_eq!(again.choose(seed(1), &links, 0, &mut rng), Some(kept[0]));
        assert_eq!(again.kept(), kept);
        firsts.choose(seed(2), &links, 0, &mut rng);
        assert!(firsts.kept() != kept && firsts.kept().len() == USED && *firsts.seed() == seed(2));
    }
}
