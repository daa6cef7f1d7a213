//! The last node of other people's tunnels: does for strangers what they ask through a tunnel.

use std::sync::Arc;
use std::time::Duration;

use grid::peer::Peer;
use grid::record::Rules;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use yamux::{Mode, Stream};

use super::mux::Mux;
use super::pipe::Pipe;
use super::talk::{Answer, Ask, TalkError, hear, longest, tell};
use crate::handle::NodeHandle;
use crate::pointer::PointerText;

/// Questions of strangers that are worked on at a time, of all tunnels together.
const AT_A_TIME: usize = 64;
/// How long a question may take to be read, and its answer to be written.
const PATIENCE: Duration = Duration::from_secs(20);

/// Serves strangers. Clones count together.
#[derive(Clone, Debug)]
pub(super) struct Host {
    node: NodeHandle,
    rules: Rules,
    slots: Arc<Semaphore>,
}

impl Host {
    pub(super) fn new(node: NodeHandle) -> Self {
        let rules = Rules::of(node.credentials().verifier.parameters());
        Self { node, rules, slots: Arc::new(Semaphore::new(AT_A_TIME)) }
    }

    /// Serves a tunnel that ends here, as long as it lasts.
    pub(super) fn welcome(&self, pipe: Pipe) {
        let (mux, streams) = Mux::start(pipe, Mode::Server);
        tokio::spawn(self.clone().serve(mux, streams));
    }

    async fn serve(self, mux: Mux, mut streams: mpsc::Receiver<Stream>) {
        while let Some(stream) = streams.recv().await {
            tokio::spawn(self.clone().one(stream));
        }
        drop(mux);
    }

    async fn one(self, mut stream: Stream) {
        if let Err(error) = self.converse(&mut stream).await {
            tracing::debug!(%error, "a stranger's stream came to nothing");
        }
    }

    async fn converse(&self, stream: &mut Stream) -> Result<(), TalkError> {
        let late = || TalkError::Failed("it took too long".into());
        let limit = longest(&self.rules);
        let question = timeout(PATIENCE, hear(stream, limit)).await.map_err(|_| late())??;
        let answer = match self.slots.try_acquire() {
            Ok(_slot) => self.answer(question).await,
            Err(_) => Answer::failed(&"the tunnel's last node is too busy just now: try again in a moment"),
        };
        timeout(PATIENCE, tell(stream, &answer)).await.map_err(|_| late())??;
        let closed = timeout(PATIENCE, futures::AsyncWriteExt::close(stream)).await.map_err(|_| late())?;
        Ok(closed.map_err(crate::wire::frame::FrameError::from)?)
    }

    async fn answer(&self, question: Ask) -> Answer {
        match question {
            Ask::Roster => match self.node.neighbours(false).await {
                Ok(neighbours) => Answer::roster(neighbours.iter().map(Peer::card)),
                Err(error) => Answer::failed(&error),
            },
            Ask::Get { pointer, chunk } => self.get(&pointer, chunk).await,
            Ask::Put { record } => match record.check(&self.rules) {
                Ok(record) => match self.node.put(record).await {
                    Ok(report) => Answer::Put { nodes: report.nodes, cells: report.cells },
                    Err(error) => Answer::failed(&error),
                },
                Err(error) => Answer::failed(&error),
            },
        }
    }

    async fn get(&self, pointer: &[u8], chunk: u32) -> Answer {
        let text = String::from_utf8_lossy(pointer);
        let pointer = match text.parse::<PointerText>() {
            Ok(text) => text.check(&self.rules),
            Err(error) => return Answer::failed(&error),
        };
        match pointer {
            Ok(pointer) => match self.node.get(&pointer, chunk).await {
                Ok(report) => Answer::got(&report, self.node.credentials().verifier.parameters().shape),
                Err(error) => Answer::failed(&error),
            },
            Err(error) => Answer::failed(&error),
        }
    }
}
