//! Who is said to be on the same network ([`crate::transport::lan`]): offered to the state machine as introducers, again and
//! again as long as they are there and not linked, ever less often.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use grid::peer::Address;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};

use super::Hub;
use crate::own::ip;
use crate::transport::TransportEvent;
use crate::transport::lan::Sighting;

/// When somebody is offered again who was not linked meanwhile; twice as long each time after.
const AGAIN: Duration = Duration::from_secs(10);
/// The longest such time. Somebody of another grid is dialled so often for nothing.
const SELDOM: Duration = Duration::from_secs(600);
/// Nodes that are remembered; for one beyond these somebody has to go who has been offered.
const REMEMBERED: usize = 64;
/// The same at one IP address, which is the one that a datagram came from. Those beyond are ignored.
const AT_ONE_PLACE: usize = 8;
/// Addresses of one of them.
const ADDRESSES: usize = 4;

/// Somebody who is said to be there.
struct Neighbour {
    addresses: Vec<Multiaddr>,
    offers: usize,
    next: Instant,
    wait: Duration,
}

impl Neighbour {
    fn new(now: Instant) -> Self {
        Self { addresses: Vec::new(), offers: 0, next: now, wait: AGAIN }
    }

    /// He is linked: should that end, he is offered soon.
    fn rest(&mut self, now: Instant) {
        (self.offers, self.next, self.wait) = (0, now + AGAIN, AGAIN);
    }

    /// Another of his addresses each time.
    fn offer(&mut self, now: Instant) -> Option<Multiaddr> {
        let address = self.addresses.get(self.offers % self.addresses.len().max(1)).cloned();
        self.offers += 1;
        self.next = now + self.wait;
        self.wait = (2 * self.wait).min(SELDOM);
        address
    }
}

/// All who are said to be there.
#[derive(Default)]
pub(super) struct Around(HashMap<PeerId, Neighbour>);

impl Around {
    fn note(&mut self, sighting: Sighting, now: Instant) {
        match sighting {
            Sighting::Seen(peer, address) => {
                if !self.0.contains_key(&peer) && !self.has_room(&address) {
                    return;
                }
                let known = &mut self.0.entry(peer).or_insert_with(|| Neighbour::new(now)).addresses;
                if known.len() < ADDRESSES && !known.contains(&address) {
                    let is_quic = address.iter().any(|part| part == Protocol::QuicV1);
                    known.insert(if is_quic { 0 } else { known.len() }, address);
                }
            }
            Sighting::Gone(peer, address) => {
                if let Some(neighbour) = self.0.get_mut(&peer) {
                    neighbour.addresses.retain(|other| *other != address);
                    if neighbour.addresses.is_empty() {
                        self.0.remove(&peer);
                    }
                }
            }
        }
    }

    /// Whether there is room for somebody at this address, after somebody else has gone if need be.
    fn has_room(&mut self, address: &Multiaddr) -> bool {
        let place = ip(address);
        let is_there = |other: &&Neighbour| other.addresses.iter().any(|address| ip(address) == place);
        if self.0.values().filter(is_there).count() >= AT_ONE_PLACE {
            return false;
        }
        if self.0.len() >= REMEMBERED {
            let offered = self.0.iter().filter(|(_, neighbour)| neighbour.offers > 0);
            let Some(most) = offered.max_by_key(|(_, neighbour)| neighbour.offers).map(|(&peer, _)| peer) else {
                return false;
            };
            self.0.remove(&most);
        }
        true
    }

    /// Whose turn it is to be offered.
    fn due(&mut self, linked: &HashSet<PeerId>, now: Instant) -> Vec<Multiaddr> {
        let mut due = Vec::new();
        for (peer, neighbour) in &mut self.0 {
            if linked.contains(peer) {
                neighbour.rest(now);
            } else if neighbour.next <= now {
                due.extend(neighbour.offer(now));
            }
        }
        due
    }
}

impl Hub {
    pub(super) fn on_sighting(&mut self, sighting: Sighting) {
        tracing::debug!(?sighting, "heard on this network");
        self.around.note(sighting, Instant::now());
    }

    pub(super) fn look_around(&mut self) {
        if self.around.0.is_empty() {
            return;
        }
        let linked = self.links.values().map(|link| link.peer).collect();
        for address in self.around.due(&linked, Instant::now()) {
            tracing::info!(%address, "somebody on this network may be a node of the grid");
            self.tell(TransportEvent::Found(Address(address.to_string())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(place: usize, peer: PeerId, transport: &str) -> Multiaddr {
        format!("/ip4/192.168.{}.{}/{transport}/p2p/{peer}", place / 250, place % 250).parse().unwrap()
    }

    fn seen(peer: PeerId, transport: &str) -> Sighting {
        Sighting::Seen(peer, at(7, peer, transport))
    }

    #[test]
    fn who_is_not_linked_is_offered_ever_less_often_at_another_address() {
        let (mut around, begin, peer) = (Around::default(), Instant::now(), PeerId::random());
        around.note(seen(peer, "tcp/7118"), begin);
        around.note(seen(peer, "udp/7118/quic-v1"), begin);
        let nobody = HashSet::new();
        let mut offers = Vec::new();
        for second in 0..3600 {
            let now = begin + Duration::from_secs(second);
            offers.extend(around.due(&nobody, now).into_iter().map(|address| (second, address.to_string())));
        }
        assert_eq!(offers[..5].iter().map(|(second, _)| *second).collect::<Vec<_>>(), [0, 10, 30, 70, 150]);
        assert!(offers[0].1.contains("quic") && offers[1].1.contains("tcp"), "{offers:?}");
        assert!((10..=14).contains(&offers.len()), "{}", offers.len());
        // Linked, it is left alone, and comes soon when that ends.
        let late = begin + Duration::from_secs(5000);
        assert!(around.due(&HashSet::from([peer]), late).is_empty());
        assert!(around.due(&nobody, late + AGAIN / 2).is_empty());
        assert_eq!(around.due(&nobody, late + AGAIN).len(), 1);
    }

    #[test]
    fn a_flood_takes_no_more_room_than_there_is() {
        let (mut around, now) = (Around::default(), Instant::now());
        let peers: Vec<PeerId> = (0..1000).map(|_| PeerId::random()).collect();
        // From one place.
        for &peer in &peers {
            (1..100).for_each(|port| around.note(seen(peer, &format!("tcp/{port}")), now));
        }
        assert_eq!(around.0.len(), AT_ONE_PLACE);
        assert!(around.0.values().all(|neighbour| neighbour.addresses.len() == ADDRESSES));
        // From many.
        let everywhere = |around: &mut Around, sighting: fn(PeerId, Multiaddr) -> Sighting| {
            for (place, &peer) in peers.iter().enumerate() {
                (1..100).for_each(|port| around.note(sighting(peer, at(place, peer, &format!("tcp/{port}"))), now));
            }
        };
        everywhere(&mut around, Sighting::Seen);
        assert_eq!(around.0.len(), REMEMBERED);
        // Somebody new gets in once those have been offered.
        assert_eq!(around.due(&HashSet::new(), now).len(), REMEMBERED);
        let honest = PeerId::random();
        around.note(Sighting::Seen(honest, at(2000, honest, "tcp/7118")), now);
        assert_eq!((around.0.len(), around.0.contains_key(&honest)), (REMEMBERED, true));
        assert_eq!(around.due(&HashSet::new(), now).len(), 1);
        // Nobody says any more that they are there.
        everywhere(&mut around, Sighting::Gone);
        let left: Vec<PeerId> = around.0.keys().copied().collect();
        for peer in left {
            for port in 1..100 {
                around.note(Sighting::Gone(peer, at(7, peer, &format!("tcp/{port}"))), now);
            }
        }
        assert_eq!(around.0.keys().collect::<Vec<_>>(), [&honest]);
    }
}
