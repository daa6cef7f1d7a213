//! Through whom a tunnel leads: the rules are [`grid::mimics`] and [`grid::certified::Opinions`], here they get what they go by.
//!
//! A relay's roster we ask of it through the tunnel that leads to it so far, so that it learns of us what any relay does; and
//! keep it for a while, so that later tunnels are laid in one pass. Every card in it is verified. Once our own lines have
//! certified rosters, the relay's have to be certified as well, and the line on which the next one was drawn is asked of another
//! cell too, by the last node of a tunnel that is used for nothing else (the *witness*): so nobody is asked by us who
//! would then know that we use a relay of that line. The links are drawn by us, not by the relay.

pub(crate) mod firsts;
mod known;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path as FilePath;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grid::cell::{Axis, Cell, Line};
use grid::certified::{Certificate, Opinions};
use grid::id::NodeId;
use grid::mimics::{Candidate, Path, Preset, Seed, links, nearer};
use grid::peer::Peer;
use lru::LruCache;
use rand::seq::{IndexedRandom, SliceRandom};
use tokio::time::{Instant, timeout};
use tunnel::keys::{Hop, OnionPublic};
use tunnel::layer::HOPS;
use tunnel::name::Name;

use self::firsts::KeptFirsts;
use self::known::Known;
use super::talk::{Answer, Ask, TalkError, ask};
use super::task::{Builder, Laid};
use super::{Ready, TunnelError};
use crate::clock;
use crate::handle::NodeHandle;
use crate::verifier::Verifier;
use crate::wire::WireCertificate;

/// Relays that may deceive or lead nowhere until a way is given up.
const DOUBTS: usize = 8;
/// Ways that are drawn until one leads to somebody who can be asked for a second opinion, and how many of these begin with the first
/// relays that are kept.
const WITNESSES: usize = 5;
const KEPT: usize = 2;
/// Ways that are drawn until one can lead to a given node.
const DRAWS: usize = 64;
/// After how long a tunnel that is being laid is slow, and how much longer it is waited for.
const SLOW: Duration = Duration::from_millis(700);
const SLOWEST: Duration = Duration::from_secs(4);
/// How long a relay may take to tell its roster.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a line may take to tell its own.
const LINE_PATIENCE: Duration = Duration::from_secs(4);
/// Cells of a line that are asked until one answers.
const CELLS: usize = 3;
/// How long a roster counts; and how long one of which no line is certified that should be.
const FRESH: Duration = Duration::from_secs(300);
const UNCERTIFIED: Duration = Duration::from_secs(10);
/// Rosters that are kept.
const ROSTERS: NonZeroUsize = NonZeroUsize::new(256).unwrap();
/// For how long nodes are avoided that were on the way of a tunnel that failed: until others have found out which of them is gone.
const AVOIDED: Duration = Duration::from_secs(30);
/// Relays whose rosters were found to be forged that are remembered.
const DECEIVERS: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// Where a tunnel is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) node: NodeId,
    pub(super) cell: Cell,
}

/// What is known of who could be a relay.
#[derive(Debug)]
pub(super) struct Relays {
    node: NodeHandle,
    rosters: Mutex<LruCache<NodeId, (Instant, Arc<Known>)>>,
    opinions: Mutex<Opinions>,
    deceivers: Mutex<LruCache<NodeId, ()>>,
    /// Nodes that were on ways that failed, when the last one did, and how many: one of each way is gone.
    failed: Mutex<LruCache<NodeId, (Instant, u32)>>,
    firsts: KeptFirsts,
    witness: tokio::sync::Mutex<Option<Ready>>,
    limit: usize,
}

/// The certificates by which a step of a way is drawn.
type GoneBy = BTreeMap<Line, Certificate>;

/// A way that is being drawn, and what there is to draw it by.
struct Draw<'a> {
    me: Peer,
    own: Arc<Known>,
    path: Path,
    nodes: Vec<Peer>,
    preset: Preset,
    builder: &'a Builder,
    /// Whether certified lines are held against a second opinion: for all ways but those of witnesses.
    is_confirmed: bool,
    /// Whether it begins with one of the first relays that are kept: for all ways but those of witnesses that these two do not
    /// lead to. Both may be hostile, and who never has a witness never finds that out.
    is_kept: bool,
}

impl Relays {
    /// Nothing is known yet but the first relays that were kept in a folder. Answers have at most `limit` bytes.
    pub(super) fn new(node: NodeHandle, folder: &FilePath, limit: usize) -> Self {
        Self {
            node,
            rosters: Mutex::new(LruCache::new(ROSTERS)),
            opinions: Mutex::default(),
            deceivers: Mutex::new(LruCache::new(DECEIVERS)),
            failed: Mutex::new(LruCache::new(ROSTERS)),
            firsts: KeptFirsts::load(folder),
            witness: tokio::sync::Mutex::default(),
            limit,
        }
    }

    fn verifier(&self) -> &Verifier {
        &self.node.credentials().verifier
    }

    /// Draws a way, and lays tunnels along it as far as it takes to learn where it can go on; another one where a relay deceives or
    /// leads nowhere, which is remembered of it.
    ///
    /// # Errors
    /// [`TunnelError`] if a relay cannot be reached, or too many deceive; another way may do better.
    pub(super) async fn draw(&self, preset: Preset, builder: &Builder) -> Result<Vec<Peer>, TunnelError> {
        let mut doubts = 0;
        loop {
            match self.draw_once(preset, builder).await {
                Err(error) if error.is_a_relays() && doubts < DOUBTS => doubts += 1,
                outcome => return outcome,
            }
        }
    }

    async fn draw_once(&self, preset: Preset, builder: &Builder) -> Result<Vec<Peer>, TunnelError> {
        let mut draw = self.begin(preset, builder, true).await?;
        self.relays(&mut draw, None).await?;
        self.last(&mut draw).await?;
        Ok(draw.nodes)
    }

    /// Draws ways of which the last node is one that was chosen, whoever chose it: the relays as ever, but the last of them where
    /// few moves along the grid lead on to that node.
    ///
    /// # Errors
    /// [`TunnelError::OutOfReach`] if that comes about in none of [`DRAWS`], or as [`Self::draw`].
    pub(super) async fn draw_to(
        &self,
        last: Place,
        preset: Preset,
        builder: &Builder,
    ) -> Result<Vec<Peer>, TunnelError> {
        let mut doubts = 0;
        for _ in 0..DRAWS {
            let mut draw = self.begin(preset, builder, true).await?;
            match self.relays(&mut draw, Some(last.cell)).await {
                // This relay has no link that is near enough; another one may.
                Err(TunnelError::Nobody(place)) if place + 1 == preset.relays => continue,
                Err(error) if error.is_a_relays() && doubts < DOUBTS => {
                    doubts += 1;
                    continue;
                }
                outcome => outcome?,
            }
            if self.lead_on(&mut draw, last).await? {
                return Ok(draw.nodes);
            }
        }
        Err(TunnelError::OutOfReach)
    }

    async fn begin<'a>(
        &self,
        preset: Preset,
        builder: &'a Builder,
        is_confirmed: bool,
    ) -> Result<Draw<'a>, TunnelError> {
        let me = self.node.credentials().own.borrow().clone();
        let (peers, lines) = (self.node.neighbours(true).await?, self.node.certificates().await?);
        lock(&self.opinions).renew(&lines);
        let own = Arc::new(Known::new(peers, lines));
        let path = Path::new(me.id(), preset.relays);
        Ok(Draw { me, own, path, nodes: Vec::new(), preset, builder, is_confirmed, is_kept: true })
    }

    /// A tunnel by whose last node other lines are asked. Who is on its way is not held against another opinion: whoever
    /// has forged that learns which lines are asked about, and of the answers, which are signed, it can keep back some.
    async fn witness(&self, preset: Preset, builder: &Builder) -> Result<Ready, TunnelError> {
        let mut witness = self.witness.lock().await;
        if let Some(ready) = witness.as_ref().filter(|ready| ready.is_fit()) {
            return Ok(ready.clone());
        }
        *witness = None;
        let mut tries = 1;
        let ready = loop {
            match self.lay_witness(preset, builder, tries <= KEPT).await {
                Err(error) if error.is_the_tunnels() && tries < WITNESSES => {
                    tracing::debug!(%error, "nobody can be asked for a second opinion along this way");
                    tries += 1;
                }
                outcome => break outcome?,
            }
        };
        Ok(witness.insert(ready).clone())
    }

    async fn lay_witness(&self, preset: Preset, builder: &Builder, is_kept: bool) -> Result<Ready, TunnelError> {
        let mut draw = Draw { is_kept, ..self.begin(preset, builder, false).await? };
        self.relays(&mut draw, None).await?;
        self.last(&mut draw).await?;
        let laid = self.lay(&draw.nodes, builder).await?;
        Ok(Ready::new(laid, &draw.nodes).0)
    }

    /// The witness did not do: another one is laid when one is wanted.
    async fn dismiss(&self, mux: &Ready) {
        let mut witness = self.witness.lock().await;
        if witness.as_ref().is_some_and(|ready| ready.mux.is_same(&mux.mux)) {
            *witness = None;
        }
    }

    /// Draws all relays. The last of them is one from which a cell can be reached within the moves that are left, if one is said.
    async fn relays(&self, draw: &mut Draw<'_>, near: Option<Cell>) -> Result<(), TunnelError> {
        let moves = HOPS.saturating_sub(draw.preset.relays);
        while !draw.path.wants_last() {
            let (known, holder) = self.at_end(draw).await?;
            let gone_by = self.choose(&holder, &known);
            let mut all = self.links(&holder, &known, &gone_by, draw);
            if all.is_empty() && !draw.nodes.is_empty() {
                self.leads_nowhere(&holder);
            }
            if let Some(to) = near.filter(|_| draw.nodes.len() + 1 == draw.preset.relays) {
                all.retain(|one| usize::from(one.cell.distance(&to)) <= moves);
            }
            if draw.nodes.is_empty() {
                // As far as links are open.
                all.retain(|one| known.peer(one.id).is_some() && !self.is_distrusted(&one.id));
                if draw.is_kept {
                    let first = self.first(&all.iter().map(|one| one.id).collect::<Vec<_>>(), draw.builder);
                    all.retain(|one| Some(one.id) == first);
                }
            }
            self.extend(draw, &known, &holder, &gone_by, &all).await?;
        }
        Ok(())
    }

    /// The first relay of the next way, of these links.
    fn first(&self, links: &[NodeId], builder: &Builder) -> Option<NodeId> {
        self.firsts.best(self.seed(), links, |one| (builder.is_mute(one), self.failures(one)))
    }

    /// A relay shows nothing by which another one could be drawn: it is new on its lines, or keeps back what it knows. It is gone
    /// around for a while, and asked again.
    fn leads_nowhere(&self, relay: &Peer) {
        self.avoid(&[relay.id()]);
        lock(&self.rosters).pop(&relay.id());
    }

    /// Draws the last node, of all that are on the last relay's lines.
    async fn last(&self, draw: &mut Draw<'_>) -> Result<(), TunnelError> {
        let (known, holder) = self.at_end(draw).await?;
        let gone_by = self.choose(&holder, &known);
        let lines = self.lines(&holder, &known, &gone_by, draw);
        let all: Vec<Candidate> = lines.into_iter().flat_map(|(_, line)| line).collect();
        self.extend(draw, &known, &holder, &gone_by, &all).await
    }

    /// Leads a way on from its last relay to a node, along the grid. Whether it arrives.
    async fn lead_on(&self, draw: &mut Draw<'_>, last: Place) -> Result<bool, TunnelError> {
        loop {
            let (known, holder) = self.at_end(draw).await?;
            let is_fresh = |node: NodeId| node != draw.me.id() && draw.nodes.iter().all(|peer| peer.id() != node);
            if let Some(peer) = known.peer(last.node) {
                let arrives = is_fresh(last.node);
                draw.nodes.push(peer.clone());
                return Ok(arrives);
            }
            // One more for the node itself.
            if draw.nodes.len() + 2 > HOPS {
                return Ok(false);
            }
            let all: Vec<Candidate> = known.peers().iter().map(candidate).collect();
            let onward: Vec<NodeId> =
                nearer(&all, holder.cell(), last.cell).map(|one| one.id).filter(|&node| is_fresh(node)).collect();
            let next = onward.choose(&mut rand::rng()).and_then(|&node| known.peer(node));
            let Some(next) = next else { return Ok(false) };
            draw.nodes.push(next.clone());
        }
    }

    /// Draws the next one, and holds the line on which it is against a second opinion.
    async fn extend(
        &self,
        draw: &mut Draw<'_>,
        known: &Known,
        holder: &Peer,
        gone_by: &GoneBy,
        all: &[Candidate],
    ) -> Result<(), TunnelError> {
        let place = draw.nodes.len();
        let all = all.iter().map(|one| one.id).filter(|one| !self.is_distrusted(one));
        let mut by_failures = BTreeMap::<u32, Vec<NodeId>>::new();
        all.for_each(|one| by_failures.entry(self.failures(&one)).or_default().push(one));
        let drawn = by_failures.values().find_map(|all| draw.path.extend(all, &mut rand::rng()));
        let drawn = drawn.ok_or(TunnelError::Nobody(place))?;
        // Who keeps back a card may want another one to be drawn, so none is.
        let peer = known.peer(drawn).cloned();
        let peer = peer.ok_or_else(|| {
            self.leads_nowhere(holder);
            TunnelError::Nobody(place)
        })?;
        let is_wanted = draw.is_confirmed && !draw.nodes.is_empty() && lock(&self.opinions).are_wanted();
        if is_wanted {
            let axis = holder.cell().differing_axes(&peer.cell()).next().unwrap_or(Axis::FIRST);
            // A witness has a way of its own, which is drawn by this very function.
            Box::pin(self.settle(holder, axis, known, gone_by, draw)).await?;
        }
        draw.nodes.push(peer);
        Ok(())
    }

    /// What is known at the end of a way, and whose that is.
    async fn at_end(&self, draw: &Draw<'_>) -> Result<(Arc<Known>, Peer), TunnelError> {
        match draw.nodes.last() {
            None => Ok((draw.own.clone(), draw.me.clone())),
            Some(holder) => Ok((self.roster(&draw.nodes, draw.builder).await?, holder.clone())),
        }
    }

    fn seed(&self) -> Seed {
        Seed::at(&self.verifier().grid(), clock::unix_seconds())
    }

    /// The certificate of each line of a node to go by, where there is one.
    fn choose(&self, holder: &Peer, known: &Known) -> GoneBy {
        let opinions = lock(&self.opinions);
        let lines = self.verifier().parameters().shape.axes().map(|axis| Line::through(holder.cell(), axis));
        lines.filter_map(|line| Some((line, opinions.choose(known.certificates(line))?.clone()))).collect()
    }

    /// Who is on the lines of a node: those that are certified, or else, where that is not wanted yet, those that it names.
    fn lines(&self, holder: &Peer, known: &Known, gone_by: &GoneBy, draw: &Draw<'_>) -> Vec<(Axis, Vec<Candidate>)> {
        let shape = self.verifier().parameters().shape;
        let is_own = holder.id() == draw.me.id();
        let are_wanted = lock(&self.opinions).are_wanted();
        let on = |axis: Axis| {
            let line = Line::through(holder.cell(), axis);
            let certified = gone_by.get(&line);
            let mut members: Vec<Candidate> = match certified {
                Some(one) => one.roster().members().map(|(id, cell)| Candidate { id, cell }).collect(),
                None if is_own || !are_wanted => {
                    known.peers().iter().map(candidate).filter(|one| line.contains(&one.cell)).collect()
                }
                None => Vec::new(),
            };
            // A newcomer belongs to its own lines before it is certified.
            if (is_own || certified.is_none()) && !members.contains(&candidate(holder)) {
                members.push(candidate(holder));
            }
            (axis, members)
        };
        shape.axes().map(on).collect()
    }

    /// With whom a node has tunnel links.
    fn links(&self, holder: &Peer, known: &Known, gone_by: &GoneBy, draw: &Draw<'_>) -> Vec<Candidate> {
        let (seed, dims) = (self.seed(), self.verifier().parameters().shape.dims());
        let of_line = |(axis, line): (Axis, Vec<Candidate>)| {
            let linked = links(&seed, &candidate(holder), axis, dims, &line, draw.preset.mimics);
            line.into_iter().filter(move |one| linked.contains(&one.id))
        };
        self.lines(holder, known, gone_by, draw).into_iter().flat_map(of_line).collect()
    }

    fn is_distrusted(&self, node: &NodeId) -> bool {
        lock(&self.deceivers).contains(node) || lock(&self.opinions).is_liar(node)
    }

    /// Holds the certificate of a relay's line that was gone by against what another cell of the line says.
    async fn settle(
        &self,
        holder: &Peer,
        axis: Axis,
        known: &Known,
        gone_by: &GoneBy,
        draw: &Draw<'_>,
    ) -> Result<(), TunnelError> {
        let line = Line::through(holder.cell(), axis);
        let drawn_by = gone_by.get(&line).ok_or(TunnelError::Unconfirmed(line))?;
        let shown: Vec<Certificate> = known.certificates(line).cloned().collect();
        if lock(&self.opinions).is_settled(drawn_by) {
            return Ok(());
        }
        let witness = match self.witness(draw.preset, draw.builder).await {
            Ok(witness) => witness,
            Err(stopped @ TunnelError::Stopped(_)) => return Err(stopped),
            Err(error) => {
                tracing::debug!(%error, %line, "there is nobody by whom a second opinion could be asked for");
                return Err(TunnelError::Unconfirmed(line));
            }
        };
        let witness = &witness;
        let mut cells: Vec<Cell> = shown.iter().flat_map(|one| one.roster().members()).map(|(_, cell)| cell).collect();
        cells.sort_unstable();
        cells.dedup();
        cells.retain(|cell| *cell != holder.cell());
        cells.shuffle(&mut rand::rng());
        for cell in cells.into_iter().take(CELLS) {
            let second = match timeout(LINE_PATIENCE, self.ask_line(cell, axis, witness)).await {
                Ok(Ok(second)) => second,
                Ok(Err(TunnelError::Far(why))) => {
                    tracing::debug!(%cell, %why, "a line's roster is not told");
                    continue;
                }
                Ok(Err(_)) | Err(_) => {
                    self.dismiss(witness).await;
                    return Err(TunnelError::Unconfirmed(line));
                }
            };
            if lock(&self.opinions).check(&second).is_err() {
                continue;
            }
            let weighed = lock(&self.opinions).weigh(line, &shown, &second);
            match weighed {
                // Where that is the one of the epoch before, the next way is drawn by it.
                Ok(one) if one.claim() != drawn_by.claim() => return Err(TunnelError::Unconfirmed(line)),
                Ok(_) => return Ok(()),
                Err(doubt @ grid::certified::Doubt::Outweighed(_)) => {
                    let deceiver = holder.id();
                    tracing::warn!(%deceiver, %doubt, "a relay shows a forged roster; it is used no more");
                    let text =
                        format!("{deceiver} showed a forged roster of {line} when a tunnel was to lead through it");
                    let advice = "nothing is to be done: no tunnel leads through it any more";
                    self.node.metrics().warnings().warn("forged_roster", text, advice);
                    lock(&self.deceivers).put(deceiver, ());
                    lock(&self.rosters).pop(&deceiver);
                    return Err(doubt.into());
                }
                Err(doubt) => tracing::debug!(%cell, %doubt, "a second opinion does not help"),
            }
        }
        // The witness's last node may be one that tells nothing; or a new epoch has begun since the relay was asked.
        self.dismiss(witness).await;
        lock(&self.rosters).pop(&holder.id());
        Err(TunnelError::Unconfirmed(line))
    }

    /// Has the witness's last node ask a cell for the certified roster of one of its lines.
    async fn ask_line(&self, cell: Cell, axis: Axis, witness: &Ready) -> Result<Certificate, TunnelError> {
        let shape = self.verifier().parameters().shape;
        // An axis has a number below 17.
        let question = Ask::Line { cell: shape.index(cell), axis: u8::try_from(axis.index()).unwrap_or(u8::MAX) };
        let mut stream = witness.mux.open().await.map_err(|_| TunnelError::Broke)?;
        let answer = ask(&mut stream, &question, self.limit).await.and_then(Answer::into_line);
        let certificate = answer.map_err(|error| TunnelError::far(&error))?;
        self.certificate(certificate).await.map_err(|error| TunnelError::far(&TalkError::Malformed(error)))
    }

    async fn certificate(&self, certificate: WireCertificate) -> Result<Certificate, crate::wire::WireError> {
        let check = move |verifier: &Verifier| {
            let cards = certificate.cards().cloned();
            let peers =
                cards.map(|card| verifier.verify_now(card.into()).map_err(|_| crate::wire::WireError::RefusedCard));
            let peers = peers.collect::<Result<Vec<_>, _>>()?;
            certificate.check(verifier.parameters().shape, &verifier.grid(), &peers)
        };
        self.verifier().run(check).await
    }

    /// The roster of the last node of a way, from that node.
    async fn roster(&self, way: &[Peer], builder: &Builder) -> Result<Arc<Known>, TunnelError> {
        let Some(holder) = way.last() else { return Err(TunnelError::Nobody(0)) };
        if let Some(roster) = self.kept(&holder.id()) {
            return Ok(roster);
        }
        let Laid { mux, .. } = self.lay(way, builder).await?;
        let mut stream = mux.open().await.map_err(|_| TunnelError::Broke)?;
        let late = TunnelError::Late(PATIENCE);
        let answer = timeout(PATIENCE, ask(&mut stream, &Ask::Roster, self.limit)).await.map_err(|_| late)?;
        let (cards, lines) = answer.and_then(Answer::into_roster).map_err(|error| TunnelError::far(&error))?;
        let owner = holder.clone();
        let known = self.verifier().run(move |verifier| Known::verify(&owner, cards, &lines, verifier)).await;
        let known = Arc::new(known);
        lock(&self.rosters).put(holder.id(), (Instant::now(), known.clone()));
        Ok(known)
    }

    fn kept(&self, node: &NodeId) -> Option<Arc<Known>> {
        let (since, known) = lock(&self.rosters).get(node).cloned()?;
        let (age, opinions) = (since.elapsed(), lock(&self.opinions));
        // Its lines may have been certified since, or again where epochs are short.
        let counts = !opinions.are_wanted() || known.all_certificates().any(|one| opinions.check(one).is_ok());
        (age < UNCERTIFIED || counts && age < FRESH).then_some(known)
    }

    /// Lays a tunnel along a way. Of a relay that was killed nobody says anything for
    /// some seconds, so after a moment other ways are drawn around these nodes, until they answer.
    ///
    /// # Errors
    /// [`TunnelError`] if it does not come to stand; what was known of its nodes may be out of date and is forgotten.
    pub(super) async fn lay(&self, way: &[Peer], builder: &Builder) -> Result<Laid, TunnelError> {
        let ids: Vec<NodeId> = way.iter().map(Peer::id).collect();
        let laying = builder.lay(hops(self.verifier(), way)?);
        tokio::pin!(laying);
        let [slow, slowest] = [SLOW, SLOWEST].map(|time| time + builder.slack());
        let laid = match timeout(slow, &mut laying).await {
            Ok(laid) => laid.map_err(TunnelError::from),
            Err(_) => {
                self.avoid(&ids);
                let late = || TunnelError::Late(slow + slowest);
                timeout(slowest, &mut laying).await.map_err(|_| late()).and_then(|laid| laid.map_err(Into::into))
            }
        };
        match &laid {
            Ok(_) => self.trust(&ids),
            Err(_) => {
                self.avoid(&ids);
                let mut rosters = lock(&self.rosters);
                ids.iter().for_each(|node| _ = rosters.pop(node));
            }
        }
        laid
    }

    /// A tunnel along this way failed, or is silent: for a while its nodes are drawn only where there are no others. All of
    /// them, since it is not known which of them it was.
    pub(super) fn avoid(&self, way: &[NodeId]) {
        for &node in way {
            let failures = self.failures(&node) + 1;
            lock(&self.failed).put(node, (Instant::now(), failures));
        }
    }

    /// A tunnel along this way has brought an answer: nobody on it is gone.
    pub(super) fn trust(&self, way: &[NodeId]) {
        let mut failed = lock(&self.failed);
        way.iter().for_each(|node| _ = failed.pop(node));
    }

    /// On how many ways a node was that failed lately.
    pub(super) fn failures(&self, node: &NodeId) -> u32 {
        let failed = lock(&self.failed).peek(node).copied();
        failed.filter(|(since, _)| since.elapsed() < AVOIDED).map_or(0, |(_, failures)| failures)
    }

    /// Whether relays have to show certified rosters by now, and how many were found to deceive.
    pub(super) fn standing(&self) -> (bool, usize) {
        (lock(&self.opinions).are_wanted(), lock(&self.deceivers).len())
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn candidate(peer: &Peer) -> Candidate {
    Candidate { id: peer.id(), cell: peer.cell() }
}

/// A way as tunnels are laid along it.
///
/// # Errors
/// [`TunnelError::Nobody`] if a credential names no onion key, which a verified one does.
fn hops(verifier: &Verifier, way: &[Peer]) -> Result<Vec<Hop>, TunnelError> {
    let hop = |(place, peer): (usize, &Peer)| {
        let onion = verifier.onion_of(peer).ok_or(TunnelError::Nobody(place))?;
        Ok(Hop { name: Name::from_bytes(*peer.id().as_bytes()), onion: OnionPublic::from_bytes(onion) })
    };
    way.iter().enumerate().map(hop).collect()
}
