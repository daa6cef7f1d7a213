//! Services of this node: each is kept to be met at nodes that do not know whose it is, and led to where it listens.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use futures::AsyncWriteExt;
use libp2p::identity::Keypair;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, sleep_until, timeout};
use tunnel::bucket::Rate;
use yamux::Stream;

use super::builds::Builds;
use super::mux::Mux;
use super::service::{ServiceKey, ServiceName, Statement};
use super::splice::{Local, as_service, splice};
use super::talk::{Ask, ask, longest};
use super::task::LayError;
use super::{Ready, TunnelError, Tunnels, USED};
use crate::clock::unix_seconds;
use crate::private;

/// Services of one node.
const MOST: usize = 32;
/// Nodes at which each is met: when one of them or a relay before it is gone, there are others, though a relay be on two of the ways.
const MEETINGS: usize = 3;
/// For how long it is announced that it is met there, in seconds: as long as a tunnel lives.
const SECONDS: u64 = 600;
/// How long the meeting node may take to announce it.
const MEETING: Duration = Duration::from_secs(20);
/// How often it is looked whether the tunnel to the meeting node still stands: one cell there and one back.
const BEAT: Duration = Duration::from_millis(500);
/// How often ways to meeting nodes are drawn for one service: a lost relay may take all of its tunnels at once, and of the ways that
/// are drawn next some still lead over it.
const BUILDS: Rate = Rate { burst: 24, every: Duration::from_secs(10) };
/// How often the meeting node is asked whether the service is still met there, and how long it may take to say so.
const STILL: Duration = Duration::from_secs(10);
/// Pauses between attempts to be met: they double.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(30)];
/// How long a visitor may take to show who is who, and the service to take the connection up.
const GREETING: Duration = Duration::from_secs(10);
/// How long [`Tunnels::publish`] waits for the service to be met somewhere.
const FIRST: Duration = Duration::from_secs(40);

/// What a visitor hears first: the service has taken the connection up, or it has not.
pub(super) const TAKEN: u8 = 0;
const CLOSED: u8 = 1;

/// A service of this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// What it is called.
    pub name: ServiceName,
    /// Its key.
    pub key: ServiceKey,
    /// Where it listens.
    pub to: SocketAddr,
    /// At how many nodes it can be met just now.
    pub meetings: usize,
}

/// Why a service is not published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// It is already.
    #[error("{0} is served already: stop that first")]
    Twice(ServiceName),
    /// There are too many.
    #[error("a node serves at most {MOST} services")]
    TooMany,
    /// The key cannot be kept.
    #[error("the service's key in {0} cannot be used: {1}")]
    Key(String, io::Error),
}

#[derive(Debug)]
struct Service {
    name: ServiceName,
    to: SocketAddr,
    keypair: Keypair,
    key: ServiceKey,
    met: watch::Sender<usize>,
    builds: Builds,
}

/// A service that is kept up as long as this lives.
#[derive(Debug)]
pub(super) struct Running {
    service: Arc<Service>,
    tasks: Vec<AbortHandle>,
}

impl Running {
    fn show(&self) -> Published {
        let Service { name, to, key, met, .. } = &*self.service;
        Published { name: name.clone(), key: *key, to: *to, meetings: *met.borrow() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

/// Loads the key of a service, or makes one that only this user can read.
fn load(folder: &Path, name: &ServiceName) -> Result<(Keypair, ServiceKey), PublishError> {
    let path = folder.join(format!("{name}.key"));
    let refuse = |error: io::Error| PublishError::Key(path.display().to_string(), error);
    private::create_folder(folder).map_err(refuse)?;
    let secret = match fs::read(&path) {
        Ok(secret) => secret,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret: [u8; 32] = rand::random();
            private::replace(&path, &secret).map_err(refuse)?;
            secret.to_vec()
        }
        Err(error) => return Err(refuse(error)),
    };
    let invalid = |error: &dyn std::fmt::Display| io::Error::new(io::ErrorKind::InvalidData, error.to_string());
    let keypair = Keypair::ed25519_from_bytes(secret).map_err(|error| refuse(invalid(&error)))?;
    let public = keypair.public().try_into_ed25519().map_err(|error| refuse(invalid(&error)))?;
    Ok((keypair, ServiceKey(public.to_bytes())))
}

/// Asks a tunnel's last node for a sign of life, again and again.
async fn beats(mux: &Mux) {
    while !mux.is_gone() {
        sleep(BEAT).await;
        mux.beat();
    }
}

impl Tunnels {
    /// Publishes what listens at an address, until [`Tunnels::unpublish`] or the node's end. Returns when it can be met, or
    /// when it has been tried for a while; it is tried on.
    ///
    /// # Errors
    /// [`PublishError`]
    pub async fn publish(&self, name: ServiceName, to: SocketAddr) -> Result<Published, PublishError> {
        let (keypair, key) = load(&self.0.folder, &name)?;
        let service = Arc::new(Service {
            name: name.clone(),
            to,
            keypair,
            key,
            met: watch::Sender::new(0),
            builds: Builds::new(BUILDS),
        });
        let mut met = service.met.subscribe();
        {
            let mut published = self.0.published.lock().await;
            if published.contains_key(&name) {
                return Err(PublishError::Twice(name));
            }
            if published.len() >= MOST {
                return Err(PublishError::TooMany);
            }
            let one = |_| tokio::spawn(self.clone().keep(service.clone())).abort_handle();
            let tasks = (0..MEETINGS).map(one).collect();
            published.insert(name, Running { service: service.clone(), tasks });
        }
        // That it is not met yet is said by the number.
        _ = timeout(FIRST, met.wait_for(|&met| met > 0)).await;
        let meetings = *service.met.borrow();
        Ok(Published { name: service.name.clone(), key, to, meetings })
    }

    /// Ends a service. Whether there was one.
    pub async fn unpublish(&self, name: &ServiceName) -> bool {
        self.0.published.lock().await.remove(name).is_some()
    }

    /// The services of this node.
    pub async fn published(&self) -> Vec<Published> {
        self.0.published.lock().await.values().map(Running::show).collect()
    }

    /// Has a service met at one node after another.
    async fn keep(self, service: Arc<Service>) {
        let (mut visits, mut pause) = (JoinSet::new(), PAUSES[0]);
        loop {
            match self.meet(&service).await {
                Ok((ready, mut streams)) => {
                    pause = PAUSES[0];
                    service.met.send_modify(|met| *met += 1);
                    let goes_on = self.hold(&service, &ready, &mut streams, &mut visits).await;
                    service.met.send_modify(|met| *met -= 1);
                    if goes_on {
                        // Visits that have begun go on until the relays end the tunnel.
                        visits.spawn(self.clone().outlast(service.clone(), ready, streams));
                    }
                }
                Err(TunnelError::Stopped(_) | TunnelError::Lay(LayError::Stopped)) => return,
                Err(error) => {
                    tracing::info!(%error, name = %service.name, "a service is not met at this node");
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSES[1]);
                }
            }
        }
    }

    /// Lays a tunnel, and asks its last node to let the service be met there.
    async fn meet(&self, service: &Service) -> Result<(Ready, mpsc::Receiver<Stream>), TunnelError> {
        let (ready, streams) = self.0.lay(None, &service.builds).await?;
        let (node, grid) = (ready.last()?, self.0.node.credentials().verifier.grid());
        let Service { name, key, keypair, .. } = service;
        let expires = unix_seconds() + SECONDS;
        let statement = Statement { grid: &grid, node: &node, name, key, expires };
        let [signature, proof] = statement.sign(keypair).ok_or(TunnelError::Broke)?;
        let name = name.as_str().as_bytes().to_vec();
        self.done(&ready.mux, &Ask::Meet { key: key.0, name, expires, signature, proof }, MEETING).await?;
        tracing::info!(name = %service.name, %node, "a service can be met");
        Ok((ready, streams))
    }

    /// Has it done by a tunnel's last node, within a time.
    async fn done(&self, mux: &Mux, question: &Ask, time: Duration) -> Result<(), TunnelError> {
        let talk = async {
            let mut stream = mux.open().await.map_err(|_| TunnelError::Broke)?;
            let answer = ask(&mut stream, question, longest(&self.0.rules)).await;
            answer.and_then(super::talk::Answer::into_done).map_err(|error| TunnelError::far(&error))
        };
        timeout(time, talk).await.map_err(|_| TunnelError::Late(time))?
    }

    /// Takes visits until the tunnel is old, which is said by true, or broken.
    async fn hold(
        &self,
        service: &Arc<Service>,
        ready: &Ready,
        streams: &mut mpsc::Receiver<Stream>,
        visits: &mut JoinSet<()>,
    ) -> bool {
        let lasts = async {
            tokio::select! {
                error = self.questions(&ready.mux, service) => {
                    tracing::info!(%error, name = %service.name, "a service is met there no longer");
                }
                () = beats(&ready.mux) => {}
                () = self.silence(&ready.mux) => {
                    tracing::info!(name = %service.name, "the tunnel to where a service is met is silent");
                    self.0.relays.avoid(&ready.way);
                }
            }
        };
        tokio::pin!(lasts);
        loop {
            tokio::select! {
                stream = streams.recv() => match stream {
                    Some(stream) => {
                        while visits.try_join_next().is_some() {}
                        visits.spawn(self.clone().take(service.clone(), stream, ready.mux.clone()));
                    }
                    None => return false,
                },
                () = &mut lasts => return false,
                () = sleep_until(ready.since + USED) => return true,
            }
        }
    }

    /// Asks the meeting node now and then, until it says that the service is not met there.
    async fn questions(&self, mux: &Mux, service: &Service) -> TunnelError {
        loop {
            sleep(STILL).await;
            if let Err(error) = self.done(mux, &Ask::Still { key: service.key.0 }, STILL).await {
                return error;
            }
        }
    }

    /// Takes visits over a tunnel that is old, for who has read an old announcement.
    async fn outlast(self, service: Arc<Service>, ready: Ready, mut streams: mpsc::Receiver<Stream>) {
        let mut visits = JoinSet::new();
        while let Some(stream) = streams.recv().await {
            while visits.try_join_next().is_some() {}
            visits.spawn(self.clone().take(service.clone(), stream, ready.mux.clone()));
        }
    }

    /// Leads one visitor to where the service listens. The tunnel lasts as long as the visit.
    async fn take(self, service: Arc<Service>, stream: Stream, _tunnel: Mux) {
        if let Err(error) = self.lead(&service, stream).await {
            tracing::debug!(%error, name = %service.name, "a visit ended badly");
        }
    }

    async fn lead(&self, service: &Service, stream: Stream) -> io::Result<()> {
        let grid = self.0.node.credentials().verifier.grid();
        let greeting = as_service(stream, &service.keypair, &grid, &service.key);
        let mut visitor = timeout(GREETING, greeting).await??;
        match timeout(GREETING, TcpStream::connect(service.to)).await {
            Ok(Ok(local)) => {
                local.set_nodelay(true)?;
                visitor.write_all(&[TAKEN]).await?;
                visitor.flush().await?;
                splice(visitor, Local(local)).await
            }
            Ok(Err(_)) | Err(_) => {
                tracing::warn!(name = %service.name, to = %service.to, "nobody takes up a visit to this service");
                visitor.write_all(&[CLOSED]).await?;
                visitor.close().await
            }
        }
    }
}
