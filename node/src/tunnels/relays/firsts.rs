//! The first relays of a node's tunnels, kept over restarts in `first-relays.rook`:
//!
//! ```text
//! "rookfrst" 8 bytes | version 1 | seed of the period 32 | names of the relays, 32 each, the first drawn first
//! ```
//!
//! Who could make a node draw anew by having it restart would have as many tries as restarts. A file that cannot be read is kept
//! aside as `first-relays.damaged`.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::{fs, io};

use grid::id::NodeId;
use grid::mimics::{Firsts, REMEMBERED, Seed};

use crate::private;

const FILE: &str = "first-relays.rook";
const MAGIC: &[u8; 8] = b"rookfrst";
const VERSION: u8 = 1;
/// Bytes before the names.
const HEAD: usize = 8 + 1 + 32;

/// First relays, and where they are kept.
#[derive(Debug)]
pub(super) struct KeptFirsts {
    path: PathBuf,
    /// Nothing before the first tunnel.
    firsts: Mutex<Option<Firsts>>,
    turn: AtomicUsize,
}

impl KeptFirsts {
    /// Those in a folder, which need not be there yet.
    pub(super) fn load(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let firsts = match fs::read(&path) {
            Ok(bytes) => {
                let read = read(&bytes);
                if read.is_none() {
                    let aside = path.with_extension("damaged");
                    tracing::warn!(file = %path.display(), aside = %aside.display(), "the first relays of tunnels cannot be read; the file is put aside, and others are drawn");
                    _ = fs::rename(&path, aside);
                }
                read
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(file = %path.display(), %error, "the first relays of tunnels cannot be read; others are drawn");
                }
                None
            }
        };
        Self { path, firsts: Mutex::new(firsts), turn: AtomicUsize::new(0) }
    }

    /// One of those that are kept, by turns, as long as they are of these links.
    fn choose(&self, seed: Seed, links: &[NodeId], turn: usize) -> Option<NodeId> {
        let mut kept = self.firsts.lock().unwrap_or_else(PoisonError::into_inner);
        let firsts = kept.get_or_insert_with(|| Firsts::new(seed, []));
        let before = firsts.kept().to_vec();
        let chosen = firsts.choose(seed, links, turn, &mut rand::rng());
        if before != firsts.kept()
            && let Err(error) = self.save(firsts)
        {
            tracing::warn!(file = %self.path.display(), %error, "the first relays of tunnels cannot be kept: after a restart others are drawn");
        }
        chosen
    }

    /// The first relay of the next tunnel: of the two by turns the other one if that is better, by whether their links are mute and by how
    /// many ways failed over them lately. Where both are mute one further is used, as when they are away; and no third one, for then it is
    /// rather this node that is cut off, and each that is drawn is one more that comes to know it.
    pub(super) fn best(
        &self,
        seed: Seed,
        links: &[NodeId],
        standing: impl Fn(&NodeId) -> (bool, u32),
    ) -> Option<NodeId> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let of_two = |links: &[NodeId]| {
            let by_turn = self.choose(seed, links, turn)?;
            if standing(&by_turn) == (false, 0) {
                return Some(by_turn);
            }
            [Some(by_turn), self.choose(seed, links, turn.wrapping_add(1))].into_iter().flatten().min_by_key(&standing)
        };
        let first = of_two(links)?;
        if !standing(&first).0 {
            return Some(first);
        }
        let others: Vec<NodeId> = links.iter().filter(|one| **one != first).copied().collect();
        of_two(&others).filter(|one| !standing(one).0).or(Some(first))
    }

    fn save(&self, firsts: &Firsts) -> io::Result<()> {
        self.path.parent().map_or(Ok(()), private::create_folder)?;
        private::replace(&self.path, &write(firsts))
    }
}

pub(crate) fn write(firsts: &Firsts) -> Vec<u8> {
    let mut bytes = [&MAGIC[..], &[VERSION], firsts.seed().as_bytes()].concat();
    firsts.kept().iter().for_each(|node| bytes.extend(node.as_bytes()));
    bytes
}

pub(crate) fn read(bytes: &[u8]) -> Option<Firsts> {
    let (head, names) = bytes.split_at_checked(HEAD)?;
    let seed = head.strip_prefix(MAGIC)?.strip_prefix(&[VERSION])?;
    let (names, rest) = names.as_chunks::<32>();
    if !rest.is_empty() || names.len() > REMEMBERED {
        return None;
    }
    Some(Firsts::new(Seed::from_bytes(seed.try_into().ok()?), names.iter().map(|&name| NodeId::from_bytes(name))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use grid::id::GridId;

    fn seed() -> Seed {
        Seed::of(&GridId::from_bytes([7; 32]), 1)
    }

    fn links() -> Vec<NodeId> {
        (0..20).map(|number| NodeId::from_bytes([number; 32])).collect()
    }

    #[test]
    fn first_relays_are_the_same_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("not there yet");
        let kept = KeptFirsts::load(&inside);
        let used: Vec<_> = (0..6).map(|_| kept.best(seed(), &links(), |_| (false, 0)).unwrap()).collect();
        assert!(used[0] != used[1] && used[2..] == [used[..2].to_vec(), used[..2].to_vec()].concat());
        let again = KeptFirsts::load(&inside);
        assert_eq!([0, 1].map(|_| again.best(seed(), &links(), |_| (false, 0))), [Some(used[0]), Some(used[1])]);
    }

    #[test]
    fn one_of_a_mute_link_is_left_for_the_other_and_both_for_one_further() {
        let folder = tempfile::tempdir().unwrap();
        let kept = KeptFirsts::load(folder.path());
        let drawn = || read(&fs::read(folder.path().join(FILE)).unwrap()).unwrap().kept().to_vec();
        let best = |mute: &[NodeId], failed: &[NodeId]| {
            let standing = |one: &NodeId| (mute.contains(one), u32::from(failed.contains(one)));
            (0..20).map(|_| kept.best(seed(), &links(), standing).unwrap()).collect::<std::collections::BTreeSet<_>>()
        };
        let two = best(&[], &[]);
        assert_eq!((two.len(), drawn().len()), (2, 2));
        let [a, b]: [NodeId; 2] = drawn().try_into().unwrap();
        assert_eq!(best(&[a], &[]), [b].into());
        assert_eq!(best(&[], &[b]), [a].into());
        assert_eq!(best(&[a], &[b]), [b].into(), "who answers and failed, rather than who does not answer");
        assert_eq!(best(&[], &[a, b]), two, "failures alone bring no further one in");
        assert_eq!(drawn().len(), 2);
        let third = best(&[a, b], &[]);
        let [_, _, c]: [NodeId; 3] = drawn().try_into().unwrap();
        assert_eq!(third, [c].into());
        // All are mute: the node itself is cut off.
        let away = best(&links(), &[]);
        assert!(away.is_subset(&two) && drawn().len() == 3, "{away:?}");
        assert_eq!(best(&[a, b], &[]), third);
        assert_eq!(best(&[], &[]), two, "they are back");
    }

    #[test]
    fn a_damaged_file_is_kept_aside_and_others_are_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let whole = write(&Firsts::new(seed(), links().into_iter().take(3)));
        assert_eq!(read(&whole).unwrap().kept(), &links()[..3]);
        let longer = [&whole[..], &[1; 32 * REMEMBERED]].concat();
        for damaged in [&whole[..40], &whole[1..], &whole[..70], b"", &longer] {
            fs::write(&path, damaged).unwrap();
            assert!(KeptFirsts::load(folder.path()).best(seed(), &links(), |_| (false, 0)).is_some());
            assert_eq!(fs::read(path.with_extension("damaged")).unwrap(), damaged);
        }
        // A folder in its place: it goes on, and says so.
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(KeptFirsts::load(folder.path()).best(seed(), &links(), |_| (false, 0)).is_some());
    }
}
