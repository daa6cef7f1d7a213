//! Through whom a tunnel leads: the rule is [`grid::mimics::Path`], here are the rosters that it needs.
//!
//! A relay's roster we ask of it through the tunnel that leads to it so far, so that it learns of us what any relay does; and
//! keep it for a while, so that later tunnels are laid in one pass. Every card in it is verified, and has to lie on the relay's
//! lines; the links are then drawn by us, not by the relay.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use grid::cell::Axis;
use grid::id::NodeId;
use grid::mimics::{Candidate, Path, Preset, Seed, links};
use grid::peer::{Card, Peer};
use lru::LruCache;
use tokio::time::{Instant, timeout};
use tunnel::keys::{Hop, OnionPublic};
use tunnel::name::Name;

use super::TunnelError;
use super::talk::{Ask, ask};
use super::task::Builder;
use crate::clock;
use crate::handle::NodeHandle;
use crate::verifier::Verifier;

/// Ways that are drawn until one can lead to a given node. On a plane of `g` by `g` cells one in `g / 2` can.
const DRAWS: usize = 64;
/// How long a relay may take to tell its roster.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a roster counts.
const FRESH: Duration = Duration::from_secs(300);
/// Rosters that are kept.
const ROSTERS: NonZeroUsize = NonZeroUsize::new(256).unwrap();

type Roster = Arc<[Peer]>;

/// What is known of who could be a relay.
#[derive(Debug)]
pub(super) struct Relays {
    node: NodeHandle,
    rosters: Mutex<LruCache<NodeId, (Instant, Roster)>>,
    limit: usize,
}

impl Relays {
    /// Nothing is known yet. Answers have at most `limit` bytes.
    pub(super) fn new(node: NodeHandle, limit: usize) -> Self {
        Self { node, rosters: Mutex::new(LruCache::new(ROSTERS)), limit }
    }

    fn verifier(&self) -> &Verifier {
        &self.node.credentials().verifier
    }

    /// Draws a way, and lays tunnels along it as far as it takes to learn where it can go on.
    ///
    /// # Errors
    /// [`TunnelError`] if a relay cannot be reached or nobody is left to be drawn; another way may do better.
    pub(super) async fn draw(&self, preset: Preset, builder: &Builder) -> Result<Vec<Peer>, TunnelError> {
        let me = self.node.credentials().own.borrow().clone();
        let (mut path, mut nodes) = (Path::new(me.id(), preset.relays), Vec::<Peer>::new());
        while path.end().is_some() {
            let (roster, holder) = self.next_roster(&me, &nodes, builder).await?;
            let candidates = match path.wants_last() {
                true => roster.iter().map(Peer::id).collect(),
                false => self.links(&holder, &roster, preset),
            };
            let drawn = path.extend(&candidates, &mut rand::rng()).ok_or(TunnelError::Nobody(nodes.len()))?;
            let drawn = roster.iter().find(|peer| peer.id() == drawn).cloned();
            nodes.push(drawn.ok_or(TunnelError::Nobody(nodes.len()))?);
        }
        Ok(nodes)
    }

    /// Draws ways of which the last node is one that was chosen, whoever chose it: the relays as ever, until the last one has
    /// that node among its neighbours.
    ///
    /// # Errors
    /// [`TunnelError::OutOfReach`] if that comes about in none of [`DRAWS`], or as [`Self::draw`].
    pub(super) async fn draw_to(
        &self,
        last: NodeId,
        preset: Preset,
        builder: &Builder,
    ) -> Result<Vec<Peer>, TunnelError> {
        let me = self.node.credentials().own.borrow().clone();
        for _ in 0..DRAWS {
            let (mut path, mut nodes) = (Path::new(me.id(), preset.relays), Vec::<Peer>::new());
            while !path.wants_last() {
                let (roster, holder) = self.next_roster(&me, &nodes, builder).await?;
                let candidates = self.links(&holder, &roster, preset);
                let drawn = path.extend(&candidates, &mut rand::rng()).ok_or(TunnelError::Nobody(nodes.len()))?;
                let drawn = roster.iter().find(|peer| peer.id() == drawn).cloned();
                nodes.push(drawn.ok_or(TunnelError::Nobody(nodes.len()))?);
            }
            let (roster, _) = self.next_roster(&me, &nodes, builder).await?;
            let is_on_way = nodes.iter().any(|peer| peer.id() == last);
            if let Some(last) = roster.iter().find(|peer| peer.id() == last)
                && !is_on_way
            {
                nodes.push(last.clone());
                return Ok(nodes);
            }
        }
        Err(TunnelError::OutOfReach)
    }

    /// The roster at the end of a way, and whose it is.
    async fn next_roster(&self, me: &Peer, way: &[Peer], builder: &Builder) -> Result<(Roster, Peer), TunnelError> {
        match way.last() {
            None => Ok((self.node.neighbours(true).await?.into(), me.clone())),
            Some(holder) => Ok((self.roster(way, builder).await?, holder.clone())),
        }
    }

    /// With whom a node has tunnel links, by its roster.
    fn links(&self, holder: &Peer, roster: &[Peer], preset: Preset) -> Vec<NodeId> {
        let shape = self.verifier().parameters().shape;
        let seed = Seed::at(&self.verifier().grid(), clock::unix_seconds());
        let one = |peer: &Peer| Candidate { id: peer.id(), cell: peer.cell() };
        let holder = one(holder);
        let on = |axis: Axis| {
            let others = roster.iter().map(one).filter(|other| other.id != holder.id);
            let others = others.filter(|other| {
                shape.axes().all(|a| a == axis || other.cell.coordinate(a) == holder.cell.coordinate(a))
            });
            others.chain([holder]).collect::<Vec<_>>()
        };
        shape.axes().flat_map(|axis| links(&seed, &holder, axis, shape.dims(), &on(axis), preset.mimics)).collect()
    }

    /// The roster of the last node of a way, from that node.
    async fn roster(&self, way: &[Peer], builder: &Builder) -> Result<Roster, TunnelError> {
        let Some(holder) = way.last() else { return Err(TunnelError::Nobody(0)) };
        if let Some(roster) = self.kept(&holder.id()) {
            return Ok(roster);
        }
        let mux = builder.lay(hops(self.verifier(), way)?).await?;
        let mut stream = mux.open().await.map_err(|_| TunnelError::Broke)?;
        let late = TunnelError::Late(PATIENCE);
        let answer = timeout(PATIENCE, ask(&mut stream, &Ask::Roster, self.limit)).await.map_err(|_| late)?;
        let cards = answer.and_then(super::talk::Answer::into_roster).map_err(|error| TunnelError::far(&error))?;
        let roster = self.verify(holder, cards).await;
        self.lock().put(holder.id(), (Instant::now(), roster.clone()));
        Ok(roster)
    }

    /// The cards that hold, of nodes on the holder's lines.
    async fn verify(&self, holder: &Peer, cards: Vec<Card>) -> Roster {
        let all = self.verifier().run(move |verifier| {
            cards.into_iter().filter_map(|card| verifier.verify_now(card).ok()).collect::<Vec<_>>()
        });
        let kept = |peer: &Peer| peer.id() != holder.id() && holder.cell().is_neighbour(&peer.cell());
        all.await.into_iter().filter(kept).collect()
    }

    fn kept(&self, node: &NodeId) -> Option<Roster> {
        self.lock().get(node).filter(|(since, _)| since.elapsed() < FRESH).map(|(_, roster)| roster.clone())
    }

    /// A way along which no tunnel could be laid: what was known of its nodes may be out of date.
    pub(super) fn forget(&self, way: &[Peer]) {
        let mut rosters = self.lock();
        way.iter().for_each(|peer| _ = rosters.pop(&peer.id()));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<NodeId, (Instant, Roster)>> {
        self.rosters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A way as tunnels are laid along it.
///
/// # Errors
/// [`TunnelError::Nobody`] if a credential names no onion key, which a verified one does.
pub(super) fn hops(verifier: &Verifier, way: &[Peer]) -> Result<Vec<Hop>, TunnelError> {
    let hop = |(place, peer): (usize, &Peer)| {
        let onion = verifier.onion_of(peer).ok_or(TunnelError::Nobody(place))?;
        Ok(Hop { name: Name::from_bytes(*peer.id().as_bytes()), onion: OnionPublic::from_bytes(onion) })
    };
    way.iter().enumerate().map(hop).collect()
}
