//! Out of the grid, by way of a node that lets strangers out.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use grid::id::NodeId;
use rand::seq::SliceRandom;
use tokio::time::{Instant, timeout};
use tunnel::bucket::Rate;
use yamux::Stream;

use super::builds::Builds;
use super::exit::{Why, leads_to, topic};
use super::mux::Mux;
use super::relays::Place;
use super::talk::{self, Answer, Ask, ask, longest};
use super::{TunnelError, Tunnels};

/// For how long it is remembered who lets strangers out.
const FRESH: Duration = Duration::from_secs(60);
/// How often ways to exits are drawn.
const BUILDS: Rate = Rate { burst: 24, every: Duration::from_secs(10) };
/// Exits that are tried.
const EXITS: usize = 3;
/// How long an exit may take to connect.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why nobody was reached.
#[derive(Debug, thiserror::Error)]
pub(super) enum OutwardError {
    #[error("no node of the grid that is known lets strangers out to port {0}")]
    NoExit(u16),
    #[error("{1}")]
    Closed(Why, String),
    #[error(transparent)]
    Tunnel(#[from] TunnelError),
}

impl OutwardError {
    /// Whether another exit may do better: each has its own policy, its own view of the internet, and its own load.
    fn is_the_exits(&self) -> bool {
        match self {
            Self::Closed(Why::NotAllowed | Why::Busy, _) | Self::Tunnel(_) => true,
            Self::Closed(Why::Unreachable | Why::Refused, _) | Self::NoExit(_) => false,
        }
    }
}

/// Who lets strangers out, with their notes.
type Known = Arc<[(Place, Vec<u8>)]>;

/// Who lets strangers out, as far as it is known.
#[derive(Debug)]
pub(super) struct Exits {
    known: Mutex<Option<(Instant, Known)>>,
    builds: Builds,
}

impl Default for Exits {
    fn default() -> Self {
        Self { known: Mutex::default(), builds: Builds::new(BUILDS) }
    }
}

/// A way to somebody outside. The tunnel lasts as long as it does.
pub(super) struct Connected {
    pub(super) stream: Stream,
    pub(super) tunnel: Mux,
}

impl Tunnels {
    /// Connects to a host outside by way of an exit, which resolves its name. What is sent is read by the exit, as it is by
    /// any provider.
    ///
    /// # Errors
    /// [`OutwardError`]
    pub(super) async fn connect_outward(&self, host: &str, port: u16) -> Result<Connected, OutwardError> {
        let me = self.0.node.credentials().own.borrow().id();
        let known = self.exits().await?;
        let fits = |(place, note): &&(Place, Vec<u8>)| place.node != me && leads_to(note, port);
        let mut exits: Vec<Place> = known.iter().filter(fits).map(|(place, _)| *place).collect();
        exits.shuffle(&mut rand::rng());
        let mut failed = OutwardError::NoExit(port);
        for exit in exits.into_iter().take(EXITS) {
            match self.connect_by(exit, host, port).await {
                Err(error) if error.is_the_exits() => {
                    tracing::debug!(%error, exit = %exit.node, "an exit does not connect");
                    failed = error;
                }
                outcome => return outcome,
            }
        }
        Err(failed)
    }

    async fn exits(&self) -> Result<Known, TunnelError> {
        let kept = self.0.exits.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((since, known)) = kept
            && since.elapsed() < FRESH
        {
            return Ok(known);
        }
        let answer = self.ask(&Ask::Meetings { topic: *topic().as_bytes() }).await?;
        let announced = answer.into_meetings().map_err(|error| TunnelError::far(&error))?;
        let shape = self.0.node.credentials().verifier.parameters().shape;
        let one = |one: talk::Announced| {
            let (node, cell) = (NodeId::from_bytes(one.node), talk::cell(shape, one.cell)?);
            Some((Place { node, cell }, one.note))
        };
        let known: Known = announced.into_iter().filter_map(one).collect();
        if !known.is_empty() {
            *self.0.exits.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), known.clone()));
        }
        Ok(known)
    }

    async fn connect_by(&self, exit: Place, host: &str, port: u16) -> Result<Connected, OutwardError> {
        let tunnel = self.tunnel_to(exit, &self.0.exits.builds).await?.mux;
        let question = Ask::Connect { host: host.as_bytes().to_vec(), port };
        let talk = async {
            let mut stream = tunnel.open().await.map_err(|_| TunnelError::Broke)?;
            let answer = ask(&mut stream, &question, longest(&self.0.rules)).await.and_then(Answer::into_connected);
            Ok((answer.map_err(|error| TunnelError::far(&error))?, stream))
        };
        let asked: Result<_, TunnelError> = tokio::select! {
            asked = timeout(PATIENCE, talk) => asked.unwrap_or(Err(TunnelError::Late(PATIENCE))),
            () = self.silence(&tunnel) => Err(TunnelError::Broke),
        };
        match asked {
            Ok((Ok(()), stream)) => Ok(Connected { stream, tunnel }),
            Ok((Err((why, text)), _)) => Err(OutwardError::Closed(why, text)),
            Err(error) => {
                self.forget_tunnel(&tunnel);
                Err(error.into())
            }
        }
    }
}
