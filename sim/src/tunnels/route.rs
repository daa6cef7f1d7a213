//! Draws tunnels with the code that ships.

use grid::id::NodeId;
use grid::mimics::Path;

use super::Links;
use super::graph::Graph;
use super::net::Net;
use crate::chance::Chance;

/// Who draws tunnels.
pub(super) struct Router<'a> {
    pub(super) net: &'a Net,
    /// Before the last node.
    pub(super) relays: usize,
    /// Whom a node can have for a successor: among its links, or, for the last node, its neighbours.
    pub(super) successors: &'a dyn Fn(u32, bool) -> Vec<NodeId>,
}

impl Router<'_> {
    /// The relays of one, then its last node; the first relay may be given. `None` if somebody had nobody left.
    pub(super) fn draw(&self, initiator: u32, first: Option<u32>, chance: &mut Chance) -> Option<Vec<u32>> {
        let mut path = Path::new(self.net.home(initiator).id, self.relays);
        if let Some(first) = first {
            path.extend(&[self.net.home(first).id], chance.generator())?;
        }
        while let Some(end) = path.end() {
            let from = (self.successors)(Net::number(&end), path.wants_last());
            path.extend(&from, chance.generator())?;
        }
        Some(path.nodes().iter().map(Net::number).collect())
    }

    /// The whole way of one: the initiator, then all that it drew.
    pub(super) fn way(&self, initiator: u32, first: Option<u32>, chance: &mut Chance) -> Option<Vec<u32>> {
        let mut way = vec![initiator];
        way.extend(self.draw(initiator, first, chance)?);
        Some(way)
    }
}

/// Whom nodes have for successors where nobody lies, in a tunnel of this initiator.
pub(super) fn honest<'a>(
    net: &'a Net,
    graph: &'a Graph,
    links: Links,
    initiator: u32,
) -> impl Fn(u32, bool) -> Vec<NodeId> + 'a {
    move |end, last| match links {
        Links::Own => neighbours(net, initiator),
        Links::Free => neighbours(net, end),
        Links::Both | Links::Drawn if last => neighbours(net, end),
        Links::Both | Links::Drawn => names(net, graph.onward.of(end).iter().copied()),
    }
}

/// All neighbours of a node.
pub(super) fn neighbours(net: &Net, node: u32) -> Vec<NodeId> {
    names(net, net.neighbours(node))
}

fn names(net: &Net, nodes: impl Iterator<Item = u32>) -> Vec<NodeId> {
    nodes.map(|node| net.home(node).id).collect()
}
