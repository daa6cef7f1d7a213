//! Visits to services that others publish: where they can be met is asked through one tunnel, and they are met at the end of
//! another.

mod seeking;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::AsyncReadExt;
use futures::stream::{FuturesUnordered, StreamExt};
use grid::id::NodeId;
use libp2p::noise;
use lru::LruCache;
use tokio::time::{Instant, sleep, timeout};
use tunnel::bucket::Rate;
use yamux::Stream;

use super::builds::Builds;
use super::mux::Mux;
use super::publish::TAKEN;
use super::relays::Place;
use super::service::{Meeting, ServiceHost, ServiceKey, ServiceName};
use super::splice::as_visitor;
use super::talk::{Ask, ask, cell, longest};
use super::{FEEL, Ready, SILENT, TunnelError, Tunnels};
use crate::clock::unix_seconds;

/// Names of which it is remembered who has them.
const NAMES: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
/// Nodes of which it is remembered that a service was not met there, and for how long.
const FAILURES: NonZeroUsize = NonZeroUsize::new(256).unwrap();
const FAILED: Duration = Duration::from_secs(30);
/// For how long it is remembered where a service can be met.
const FRESH: Duration = Duration::from_secs(30);
/// Tunnels to meeting nodes that are kept.
const TUNNELS: usize = 32;
/// After how long a service is sought at another node as well: so many round trips of a tunnel, which are what it takes to lay one and to
/// be met at its end, within these bounds. As with connections to several addresses (RFC 8305), but those do without a tunnel.
const STAGGER: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(700)];
const STAGGER_ROUNDS: u32 = 8;
/// The same for asking once more where it is met, beside what still hangs where it was said to be.
const HANGS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];
const HANGS_ROUNDS: u32 = 2 * STAGGER_ROUNDS;
/// After how long it is asked anew where a service is met, when it is not reached where it was.
const SLOW: Duration = SILENT;
/// How often ways are drawn to where one service is met, which may itself be what breaks them, and of these to one node: two that are
/// gone leave some for a third.
const BUILDS: Rate = Rate { burst: 24, every: Duration::from_secs(10) };
const BUILDS_TO_ONE: Rate = Rate { burst: 8, every: Duration::from_secs(10) };
/// How long it may take to meet a service at one node.
const PATIENCE: Duration = Duration::from_secs(10);
/// Attempts at each node: the first may go through a tunnel that is broken without our knowing.
const ATTEMPTS: usize = 2;

/// Why a service could not be visited.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VisitError {
    /// It says that nobody takes the connection up.
    #[error("the service {0} is there, but nothing listens where it should")]
    Closed(ServiceHost),
    /// Something else is spoken there than among services, or somebody else answers.
    #[error("what answers is not the service: {0}")]
    Other(#[from] io::Error),
    /// More than one service has the name.
    #[error("more than one service is called {name}: say which, {}", names(hosts))]
    Several {
        /// The name.
        name: ServiceName,
        /// What each of them can be called.
        hosts: Vec<ServiceHost>,
    },
    /// The tunnel failed, or what is at its end.
    #[error(transparent)]
    Tunnel(#[from] TunnelError),
    /// Nobody has announced it.
    #[error("no service {0} is known")]
    Unknown(ServiceHost),
}

fn names(hosts: &[ServiceHost]) -> String {
    hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

/// A way to a service, on which nobody between can read.
pub(super) struct Visit {
    pub(super) stream: noise::Output<Stream>,
    /// The tunnel lasts as long as the visit.
    pub(super) tunnel: Mux,
}

type Places = Arc<[(Place, Meeting)]>;

/// What is remembered of services that were visited.
#[derive(Debug)]
pub(super) struct Visits {
    /// Who had a name when it was first asked for.
    pins: Mutex<LruCache<ServiceName, ServiceKey>>,
    places: Mutex<LruCache<ServiceName, (Instant, Places)>>,
    /// Where a service was not met, and when.
    failed: Mutex<LruCache<NodeId, Instant>>,
    tunnels: Mutex<BTreeMap<NodeId, Ready>>,
    builds: Mutex<LruCache<ServiceKey, Arc<Builds>>>,
    builds_to_one: Mutex<LruCache<(ServiceKey, NodeId), Arc<Builds>>>,
}

impl Default for Visits {
    fn default() -> Self {
        Self {
            pins: Mutex::new(LruCache::new(NAMES)),
            places: Mutex::new(LruCache::new(NAMES)),
            failed: Mutex::new(LruCache::new(FAILURES)),
            tunnels: Mutex::default(),
            builds: Mutex::new(LruCache::new(NAMES)),
            builds_to_one: Mutex::new(LruCache::new(NAMES)),
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Visits {
    /// The ways that may be drawn to where a service is met at one node.
    fn builds(&self, key: ServiceKey, node: NodeId) -> Arc<Builds> {
        let whole = lock(&self.builds).get_or_insert(key, || Arc::new(Builds::new(BUILDS))).clone();
        let part = || Arc::new(Builds::part(whole, BUILDS_TO_ONE));
        lock(&self.builds_to_one).get_or_insert((key, node), part).clone()
    }

    /// The places of the service that is meant. Who has a bare name is settled when it is first asked for.
    fn choose(&self, host: &ServiceHost, places: &Places) -> Result<(ServiceKey, Vec<Place>), VisitError> {
        let mut pins = lock(&self.pins);
        let key = match host.key.or_else(|| pins.get(&host.name).copied()) {
            Some(key) => key,
            None => {
                let keys: BTreeSet<ServiceKey> = places.iter().map(|(_, meeting)| meeting.key).collect();
                if keys.len() > 1 {
                    let full = |key| ServiceHost { name: host.name.clone(), key: Some(key) };
                    let hosts = keys.into_iter().map(full).collect();
                    return Err(VisitError::Several { name: host.name.clone(), hosts });
                }
                keys.into_iter().next().ok_or_else(|| VisitError::Unknown(host.clone()))?
            }
        };
        let mut of_key: Vec<_> = places.iter().filter(|(_, meeting)| meeting.key == key).collect();
        if of_key.is_empty() {
            return Err(VisitError::Unknown(host.clone()));
        }
        if host.key.is_none() {
            pins.put(host.name.clone(), key);
        }
        // The youngest tunnel is the likeliest to stand. Where a way just failed the node itself may be gone, and draw all the ways that
        // may be drawn to it.
        let failed = lock(&self.failed);
        let lately = |node| failed.peek(node).is_some_and(|since| since.elapsed() < FAILED);
        of_key.sort_by_key(|(place, meeting)| (lately(&place.node), std::cmp::Reverse(meeting.expires)));
        Ok((key, of_key.into_iter().map(|(place, _)| *place).collect()))
    }
}

/// So many round trips, within these bounds; the upper one if how long one takes is not known.
fn within(round_trip: Option<Duration>, rounds: u32, [least, most]: [Duration; 2]) -> Duration {
    round_trip.map_or(most, |round_trip| (round_trip * rounds).clamp(least, most))
}

impl Tunnels {
    /// Leads to a service.
    ///
    /// # Errors
    /// [`VisitError`]
    pub(super) async fn visit(&self, host: &ServiceHost) -> Result<Visit, VisitError> {
        let (mut known, mut anew) = (pin!(self.visit_where_known(host)), pin!(self.visit_anew(host)));
        // Where it was known to be met the nodes may be gone, and who is gone says nothing.
        tokio::select! {
            outcome = &mut known => match outcome {
                Some(outcome) => return outcome,
                None => return anew.await,
            },
            () = sleep(SLOW + self.0.builder.slack()) => {}
        }
        tokio::select! {
            outcome = &mut anew => outcome,
            outcome = &mut known => match outcome {
                Some(outcome) => outcome,
                None => anew.await,
            },
        }
    }

    /// Leads to a service where it was met a short while ago; `None` if that is not known, or it is not met there now.
    async fn visit_where_known(&self, host: &ServiceHost) -> Option<Result<Visit, VisitError>> {
        let kept = lock(&self.0.visits.places).get(&host.name).filter(|(since, _)| since.elapsed() < FRESH).cloned();
        let (key, nodes) = self.0.visits.choose(host, &kept?.1).ok()?;
        match self.reach(host, key, &nodes).await {
            Err(VisitError::Tunnel(error)) => {
                tracing::info!(%error, %host, "a service has moved");
                None
            }
            outcome => Some(outcome),
        }
    }

    /// Asks where a service is met, and leads there; again for a while where it is not met.
    async fn visit_anew(&self, host: &ServiceHost) -> Result<Visit, VisitError> {
        let attempt = || async {
            let outcome = self.visit_where_announced(host).await;
            outcome.inspect_err(|error| tracing::info!(%error, %host, "a service is not met"))
        };
        seeking::seek(attempt, self.by_rounds(HANGS_ROUNDS, HANGS)).await
    }

    async fn visit_where_announced(&self, host: &ServiceHost) -> Result<Visit, VisitError> {
        let places = self.seek(&host.name).await?;
        let (key, nodes) = self.0.visits.choose(host, &places)?;
        self.reach(host, key, &nodes).await
    }

    /// Asks through a tunnel where services of a name can be met.
    async fn seek(&self, name: &ServiceName) -> Result<Places, VisitError> {
        let answer = self.ask(&Ask::Meetings { topic: *name.topic().as_bytes() }).await?;
        let announced = answer.into_meetings().map_err(|error| TunnelError::far(&error))?;
        let (grid, now) = (self.0.node.credentials().verifier.grid(), unix_seconds());
        let shape = self.0.node.credentials().verifier.parameters().shape;
        let one = |announced: super::talk::Announced| {
            let node = NodeId::from_bytes(announced.node);
            let meeting = Meeting::check(&announced.note, &grid, &node, name, now);
            let meeting = meeting.inspect_err(|error| tracing::debug!(%error, "an announcement is not believed"));
            Some((Place { node, cell: cell(shape, announced.cell)? }, meeting.ok()?))
        };
        let places: Places = announced.into_iter().filter_map(one).collect();
        if !places.is_empty() {
            lock(&self.0.visits.places).put(name.clone(), (Instant::now(), places.clone()));
        }
        Ok(places)
    }

    /// As [`Tunnels::silence`]; before that the tunnels are felt through which it is asked next where the service is met, and no
    /// others: what makes them stir shows at their ends.
    async fn silence_is_felt(&self, mux: &Mux) {
        self.quiet(mux, FEEL + self.0.builder.slack()).await;
        self.0.stock.feel();
        self.silence(mux).await;
    }

    /// So many round trips of the longest tunnel that is kept, within these bounds, and what slots add.
    fn by_rounds(&self, rounds: u32, bounds: [Duration; 2]) -> Duration {
        let kept = self.0.stock.all().into_iter().chain(self.visiting());
        within(kept.filter_map(|ready| ready.mux.round_trip()).max(), rounds, bounds) + self.0.builder.slack()
    }

    /// Meets a service at the first of these nodes where it can be met.
    async fn reach(&self, host: &ServiceHost, key: ServiceKey, nodes: &[Place]) -> Result<Visit, VisitError> {
        let mut waiting = nodes.iter().cycle().take(nodes.len() * ATTEMPTS);
        let (mut trying, mut failed) = (FuturesUnordered::new(), None);
        loop {
            let next = waiting.next();
            let more = next.is_some();
            if let Some(&node) = next {
                trying.push(async move { (node.node, self.meet_at(host, key, node).await) });
            }
            tokio::select! {
                Some(outcome) = trying.next() => match outcome {
                    (node, Err(error @ VisitError::Tunnel(_))) => {
                        tracing::debug!(%error, %host, %node, "a service is not met there");
                        lock(&self.0.visits.failed).put(node, Instant::now());
                        failed = Some(error);
                    }
                    (node, outcome) => {
                        lock(&self.0.visits.failed).pop(&node);
                        return outcome;
                    }
                },
                () = sleep(self.by_rounds(STAGGER_ROUNDS, STAGGER)), if more => {}
                else => return Err(failed.unwrap_or_else(|| VisitError::Unknown(host.clone()))),
            }
        }
    }

    async fn meet_at(&self, host: &ServiceHost, key: ServiceKey, place: Place) -> Result<Visit, VisitError> {
        let me = self.0.node.credentials().own.borrow().id();
        let tunnel = match place.node == me {
            true => None,
            false => Some(self.tunnel_to(place, &self.0.visits.builds(key, place.node)).await?),
        };
        let Some(Ready { mux, way, .. }) = &tunnel else { return self.greet(host, key, None).await };
        let met = tokio::select! {
            met = timeout(PATIENCE, self.greet(host, key, Some(mux))) => {
                met.unwrap_or_else(|_| Err(TunnelError::Late(PATIENCE).into()))
            }
            () = self.silence_is_felt(mux) => Err(TunnelError::Broke.into()),
        };
        if let Err(VisitError::Tunnel(error)) = &met {
            self.forget_tunnel(mux);
            if error.is_the_tunnels() {
                self.0.relays.avoid(way);
            }
        }
        met
    }

    /// Meets the service at the end of a tunnel, or here, and sees that it is the service.
    async fn greet(&self, host: &ServiceHost, key: ServiceKey, tunnel: Option<&Mux>) -> Result<Visit, VisitError> {
        let broke = |_| TunnelError::Broke;
        let (stream, tunnel) = match tunnel {
            Some(mux) => {
                let mut stream = mux.open().await.map_err(broke)?;
                let answer = ask(&mut stream, &Ask::Visit { key: key.0 }, longest(&self.0.rules)).await;
                answer.and_then(super::talk::Answer::into_done).map_err(|error| TunnelError::far(&error))?;
                (stream, mux.clone())
            }
            // This node happens to be the one where the service is met.
            None => {
                let gone = || TunnelError::Far("this service is not met here".into());
                let mux = self.0.host.meetings().find(&key).ok_or_else(gone)?;
                (mux.open().await.map_err(broke)?, mux)
            }
        };
        let grid = self.0.node.credentials().verifier.grid();
        let greeted = as_visitor(stream, &grid, &key).await;
        let mut stream = greeted.map_err(|error| match error.kind() == io::ErrorKind::PermissionDenied {
            true => VisitError::Other(error),
            false => TunnelError::Far(format!("the service does not greet: {error}")).into(),
        })?;
        let mut taken = [0];
        stream.read_exact(&mut taken).await.map_err(|_| TunnelError::Broke)?;
        match taken == [TAKEN] {
            true => Ok(Visit { stream, tunnel }),
            false => Err(VisitError::Closed(host.clone())),
        }
    }

    /// A tunnel of which that node is the last one: one that is kept, or a new one.
    pub(super) async fn tunnel_to(&self, place: Place, builds: &Builds) -> Result<Ready, TunnelError> {
        let kept = {
            let mut tunnels = lock(&self.0.visits.tunnels);
            tunnels.retain(|_, ready| ready.is_fit());
            tunnels.get(&place.node).cloned()
        };
        if let Some(ready) = kept {
            return Ok(ready);
        }
        let (ready, _) = self.0.lay(Some(place), builds).await?;
        let mut tunnels = lock(&self.0.visits.tunnels);
        if tunnels.len() >= TUNNELS
            && let Some(oldest) = tunnels.iter().min_by_key(|(_, ready)| ready.since).map(|(node, _)| *node)
        {
            tunnels.remove(&oldest);
        }
        tunnels.insert(place.node, ready.clone());
        Ok(ready)
    }

    /// A tunnel of [`Self::tunnel_to`] did not do.
    pub(super) fn forget_tunnel(&self, mux: &Mux) {
        lock(&self.0.visits.tunnels).retain(|_, ready| !ready.mux.is_same(mux));
    }

    /// The ways of the tunnels to nodes that were chosen.
    pub(super) fn visiting(&self) -> Vec<Ready> {
        lock(&self.0.visits.tunnels).values().filter(|ready| ready.is_fit()).cloned().collect()
    }
}

#[cfg(test)]
mod tests;
