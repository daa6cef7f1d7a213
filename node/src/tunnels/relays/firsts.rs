//! The first relays of a node's tunnels, kept over restarts in `first-relays.rook`:
//!
//! ```text
//! "rookfrst" 8 bytes | version 1 | seed of the period 32 | names of the relays, 32 each, the first drawn first
//! ```
//!
//! Who could make a node draw anew by having it restart would have as many tries as restarts. A file that cannot be read is kept
//! aside as `first-relays.damaged`.

use std::path::{Path, PathBuf};
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
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Nothing before the first tunnel.
    firsts: Option<Firsts>,
    turn: usize,
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
        Self { path, inner: Mutex::new(Inner { firsts, turn: 0 }) }
    }

    /// The first relay of the next tunnel, of these links; one of those that are kept, as long as they are links.
    pub(super) fn choose(&self, seed: Seed, links: &[NodeId]) -> Option<NodeId> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = inner.turn;
        inner.turn = turn.wrapping_add(1);
        let firsts = inner.firsts.get_or_insert_with(|| Firsts::new(seed, []));
        let before = firsts.kept().to_vec();
        let chosen = firsts.choose(seed, links, turn, &mut rand::rng());
        if before != firsts.kept()
            && let Err(error) = self.save(firsts)
        {
            tracing::warn!(file = %self.path.display(), %error, "the first relays of tunnels cannot be kept: after a restart others are drawn");
        }
        chosen
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
        let used: Vec<_> = (0..6).map(|_| kept.choose(seed(), &links()).unwrap()).collect();
        assert!(used[0] != used[1] && used[2..] == [used[..2].to_vec(), used[..2].to_vec()].concat());
        let again = KeptFirsts::load(&inside);
        assert_eq!([again.choose(seed(), &links()), again.choose(seed(), &links())], [Some(used[0]), Some(used[1])]);
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
            assert!(KeptFirsts::load(folder.path()).choose(seed(), &links()).is_some());
            assert_eq!(fs::read(path.with_extension("damaged")).unwrap(), damaged);
        }
        // A folder in its place: it goes on, and says so.
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(KeptFirsts::load(folder.path()).choose(seed(), &links()).is_some());
    }
}
