//! Kademlia and S/Kademlia for millions of nodes: identifiers in order, and everything else derived from them.
//!
//! P. Maymounkov and D. Mazières, "Kademlia: A peer-to-peer information system based on the XOR metric" (IPTPS 2002);
//! I. Baumgart and S. Mies, "S/Kademlia: A practicable approach towards secure key-based routing" (ICPADS 2007) for
//! lookups over disjoint paths ([`search`]).
//!
//! A node's bucket `i` is for those who share exactly `i` first bits with it. They are a range of the sorted
//! identifiers, and which `k` of them a node knows is drawn from a hash of the seed, the node and the bucket, each
//! subset being as likely ([`table`]). So no table is stored, which leaves 12 bytes a node. It is the network that
//! the analyses of Kademlia assume too: full buckets, nobody offline, contacts of which none is preferred. A real
//! table is staler and prefers those who have been there long.

pub mod draws;
pub mod ids;
pub mod search;
pub(crate) mod shortlist;
pub mod table;

use crate::link::Position;
use draws::{Draws, mix};
use ids::Ids;

/// What hashes are taken for, so that they are different ones.
mod purpose {
    pub(super) const IDS: u64 = 1;
    pub(super) const HOSTILE: u64 = 2;
    pub(super) const POSITION: u64 = 3;
    pub(super) const BUCKET: u64 = 4;
}

/// A network.
#[derive(Clone, Debug)]
pub struct Kademlia {
    /// Contacts a bucket, and how many are given in one answer.
    k: usize,
    seed: u64,
    ids: Ids,
    /// Identifiers of the hostile nodes alone.
    hostile: Ids,
    /// Which nodes are hostile, a bit each.
    flags: Vec<u64>,
    /// A node that hostile identities found with its buckets empty.
    taken: Option<u32>,
}

impl Kademlia {
    /// A network of these identifiers. Who is in both lists is hostile.
    pub fn new(k: usize, seed: u64, honest: Vec<u64>, hostile: Vec<u64>) -> Self {
        let hostile = Ids::new(hostile);
        let mut all = honest;
        all.extend((0..hostile.count()).map(|node| hostile.at(node)));
        let ids = Ids::new(all);
        let mut flags = vec![0; (ids.count() as usize).div_ceil(64)];
        for node in 0..hostile.count() {
            if let Some(node) = ids.find(hostile.at(node)) {
                flags[node as usize / 64] |= 1 << (node % 64);
            }
        }
        Self { k, seed, ids, hostile, flags, taken: None }
    }

    /// A network of `nodes` random identifiers, of which about this share is hostile.
    pub fn random(k: usize, seed: u64, nodes: u32, hostile_share: f64) -> Self {
        let (mut honest, mut hostile) = (Vec::with_capacity(nodes as usize), Vec::new());
        let mut draws = Draws::new(mix(seed, purpose::HOSTILE));
        for id in random_ids(seed, nodes) {
            let is_hostile = hostile_share > 0.0 && draws.unit() < hostile_share;
            if is_hostile { hostile.push(id) } else { honest.push(id) }
        }
        Self::new(k, seed, honest, hostile)
    }

    /// Lets a node be one that starts with empty buckets, and hostile identities be the first to fill them. Who is in a
    /// bucket first stays there, so that honest nodes get what is left (Y. Marcus, E. Heilman and S. Goldberg,
    /// "Low-resource eclipse attacks on Ethereum's peer-to-peer network", 2018, is of this kind).
    pub fn take_first(&mut self, node: u32) {
        self.taken = Some(node);
    }

    /// Its identifiers.
    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    /// Contacts a bucket.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Whether a node is hostile.
    pub fn is_hostile(&self, node: u32) -> bool {
        self.flags[node as usize / 64] >> (node % 64) & 1 == 1
    }

    /// An honest node, each as likely; `None` if there is none.
    pub fn honest_node(&self, draws: &mut Draws) -> Option<u32> {
        if self.hostile.count() >= self.ids.count() {
            return None;
        }
        Some(loop {
            let node = draws.below(self.ids.count());
            if !self.is_hostile(node) {
                break node;
            }
        })
    }

    /// Where a node lies.
    fn position(&self, node: u32) -> Position {
        Position::of_hash(mix(self.seed ^ purpose::POSITION, self.ids.at(node)))
    }

    /// Bytes of memory that the model takes for a node.
    pub fn bytes_per_node(&self) -> f64 {
        self.ids.bytes_per_node() + 1.0 / 8.0
    }
}

/// Identifiers that nobody chose.
pub fn random_ids(seed: u64, count: u32) -> impl Iterator<Item = u64> {
    let seed = mix(seed, purpose::IDS);
    (0..count).map(move |number| mix(seed, u64::from(number)))
}
