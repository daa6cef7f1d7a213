//! A field in which some nodes are hostile.

use grid::cell::{Cell, Shape};
use grid::placement::first_cells;

use crate::chance::Chance;
use crate::field::scale::random_key;
use crate::field::{Field, FieldError, Node};

/// How many times as many of a key's cells are looked at as are to keep it, for some may be vacant.
const DRAWN: usize = 4;

/// A field in which some nodes are hostile: in each cell those of the highest ranks.
#[derive(Clone, Debug)]
pub(crate) struct Infested {
    all: Field,
    /// How many of each cell's nodes are honest.
    honest: Field,
}

impl Infested {
    /// The nodes of both fields together.
    pub(crate) fn new(honest: Field, hostile: &Field) -> Result<Self, FieldError> {
        Ok(Self { all: honest.and(hostile)?, honest })
    }

    /// So many honest and hostile nodes, each in a cell that chance gives it.
    pub(crate) fn random(shape: Shape, honest: u64, hostile: u64, seed: u64) -> Result<Self, FieldError> {
        let build = |nodes: u64, seed| match nodes {
            0 => Ok(Field::empty(shape)),
            _ => Field::random(shape, nodes, seed),
        };
        Self::new(build(honest, seed)?, &build(hostile, !seed)?)
    }

    /// All nodes.
    pub(crate) const fn all(&self) -> &Field {
        &self.all
    }

    /// The honest ones.
    pub(crate) const fn honest(&self) -> &Field {
        &self.honest
    }

    pub(crate) fn is_hostile(&self, node: Node) -> bool {
        node.rank() >= self.honest.count(node.cell())
    }

    /// A random honest node.
    pub(crate) fn random_honest(&self, chance: &mut Chance) -> Option<Node> {
        self.honest.random_node(chance)
    }

    /// The first cells of a random key in which somebody lives, `replicas` of them at most.
    pub(crate) fn random_homes(&self, replicas: usize, chance: &mut Chance) -> Vec<Cell> {
        let drawn = first_cells(self.all.shape(), &random_key(chance), DRAWN.saturating_mul(replicas));
        drawn.into_iter().filter(|&cell| self.all.count(cell) > 0).take(replicas).collect()
    }
}
