//! What a node tells of its neighbours and lines, as far as it holds.

use std::collections::BTreeMap;

use grid::cell::Line;
use grid::certified::Certificate;
use grid::id::NodeId;
use grid::peer::{Card, Peer};

use crate::verifier::Verifier;
use crate::wire::WireBrief;

/// A node's neighbours, by their cards, and the certificates of its lines.
#[derive(Debug)]
pub(super) struct Known {
    peers: Vec<Peer>,
    /// By line, the newest first.
    lines: BTreeMap<Line, Vec<Certificate>>,
}

impl Known {
    pub(super) fn new(mut peers: Vec<Peer>, certificates: Vec<Certificate>) -> Self {
        peers.sort_unstable_by_key(Peer::id);
        peers.dedup_by_key(|peer| peer.id());
        let mut lines = BTreeMap::<Line, Vec<Certificate>>::new();
        certificates.into_iter().for_each(|one| lines.entry(one.claim().line).or_default().push(one));
        lines.values_mut().for_each(|of_line| of_line.sort_by_key(|one| std::cmp::Reverse(one.claim().epoch)));
        Self { peers, lines }
    }

    /// Of what a node tells the cards that hold, of nodes on its lines, and the certificates that do. Milliseconds of a
    /// processor for each card that was not seen before.
    pub(super) fn verify(holder: &Peer, cards: Vec<Card>, lines: &[WireBrief], verifier: &Verifier) -> Self {
        let all: Vec<Option<Peer>> = cards.into_iter().map(|card| verifier.verify_now(card).ok()).collect();
        let (shape, grid) = (verifier.parameters().shape, verifier.grid());
        let one = |brief: &WireBrief| {
            let peer = |place: u16| all.get(usize::from(place)).and_then(Option::as_ref);
            let checked = brief.check(shape, &grid, peer);
            checked.inspect_err(|error| tracing::debug!(%error, "a relay's certificate does not hold")).ok()
        };
        let is_of_holder = |certificate: &Certificate| certificate.claim().line.contains(&holder.cell());
        let certificates = lines.iter().filter_map(one).filter(is_of_holder).collect();
        let is_neighbour = |peer: &Peer| peer.id() != holder.id() && holder.cell().is_neighbour(&peer.cell());
        Self::new(all.into_iter().flatten().filter(is_neighbour).collect(), certificates)
    }

    pub(super) fn peers(&self) -> &[Peer] {
        &self.peers
    }

    pub(super) fn peer(&self, node: NodeId) -> Option<&Peer> {
        self.peers.binary_search_by_key(&node, Peer::id).ok().and_then(|place| self.peers.get(place))
    }

    /// All certificates, line by line.
    pub(super) fn all_certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.lines.values().flatten()
    }

    /// The certificates of a line, the newest first.
    pub(super) fn certificates(&self, line: Line) -> impl Iterator<Item = &Certificate> + Clone {
        self.lines.get(&line).into_iter().flatten()
    }
}
