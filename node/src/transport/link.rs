//! One link: the exchange of credentials, then frames in both directions, each in a task of its own, so that neither
//! can wait for the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::AsyncWriteExt;
use futures::io::{AsyncReadExt, ReadHalf, WriteHalf};
use grid::id::NodeId;
use grid::peer::Peer;
use libp2p::{PeerId, Stream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::session::Session;
use super::{Inbox, Limits, TransportEvent};
use crate::wire::frame::{FrameError, read_frame, write_frame};
use crate::wire::greeting::Greeting;

/// The longest greeting: a card and a few bytes, or a refusal's text.
const MAX_GREETING: usize = 16 << 10;

/// Both sides have verified each other.
pub(crate) struct Proved {
    pub(crate) peer: Peer,
    pub(crate) reader: ReadHalf<Stream>,
    pub(crate) writer: WriteHalf<Stream>,
}

/// Why a link did not come to be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GreetingError {
    #[error("nothing was said within {0:?}")]
    TimedOut(Duration),
    #[error("the link broke before both sides had shown their credentials: {0}")]
    Broken(#[from] FrameError),
    #[error("it does not begin with a greeting: {0}")]
    Malformed(String),
    #[error("{0}")]
    TheirsRefused(String),
    #[error("it refuses this node: {0}")]
    OursRefused(String),
}

/// Shows our credential, checks the other's, and hears what the other thinks of ours.
pub(crate) async fn greet(
    stream: Stream,
    other: PeerId,
    session: &Session,
    limits: &Limits,
) -> Result<Proved, GreetingError> {
    let time = limits.hello_timeout;
    timeout(time, exchange(stream, other, session)).await.map_err(|_| GreetingError::TimedOut(time))?
}

async fn exchange(stream: Stream, other: PeerId, session: &Session) -> Result<Proved, GreetingError> {
    let (mut reader, mut writer) = stream.split();
    write_frame(&mut writer, &session.hello()).await?;
    let card = match read_greeting(&mut reader).await? {
        Greeting::Hello(hello) => hello.card,
        Greeting::Refused(why) => return Err(GreetingError::OursRefused(why)),
        Greeting::Accepted => return Err(GreetingError::Malformed("accepted before hello".into())),
    };
    let peer = match session.prove(other, card).await {
        Ok(peer) => peer,
        Err(why) => {
            // The other side should hear why; whether it does makes no difference to us.
            let refusal = Greeting::refused(&why).encode();
            _ = write_frame(&mut writer, &refusal).await;
            _ = writer.close().await;
            return Err(GreetingError::TheirsRefused(why));
        }
    };
    write_frame(&mut writer, &Greeting::Accepted.encode()).await?;
    match read_greeting(&mut reader).await? {
        Greeting::Accepted => Ok(Proved { peer, reader, writer }),
        Greeting::Refused(why) => Err(GreetingError::OursRefused(why)),
        Greeting::Hello(_) => Err(GreetingError::Malformed("a second hello".into())),
    }
}

async fn read_greeting(reader: &mut ReadHalf<Stream>) -> Result<Greeting, GreetingError> {
    let frame = read_frame(reader, MAX_GREETING).await?;
    Greeting::decode(&frame).map_err(|error| GreetingError::Malformed(error.to_string()))
}

/// The writing end that the driver holds. What does not fit into its bounds is not sent.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    frames: mpsc::Sender<Vec<u8>>,
    queued: Arc<AtomicUsize>,
    max_bytes: usize,
}

impl Outbox {
    /// An outbox, and where its frames come out.
    pub(crate) fn new(limits: &Limits) -> (Self, OutboxFrames) {
        let (frames, receiver) = mpsc::channel(limits.queue_frames);
        let queued = Arc::new(AtomicUsize::new(0));
        let outbox = Self { frames, queued: queued.clone(), max_bytes: limits.queue_bytes };
        (outbox, OutboxFrames { frames: receiver, queued })
    }

    /// Queues a frame; `false` if the queue is full, which means that the other side does not read.
    pub(crate) fn send(&self, frame: Vec<u8>) -> bool {
        let bytes = frame.len();
        let before = self.queued.fetch_add(bytes, Ordering::Relaxed);
        // A single frame always fits, however large.
        let fits = before == 0 || before + bytes <= self.max_bytes;
        let sent = fits && self.frames.try_send(frame).is_ok();
        if !sent {
            self.queued.fetch_sub(bytes, Ordering::Relaxed);
        }
        sent
    }
}

/// The end of an [`Outbox`] from which frames are written.
#[derive(Debug)]
pub(crate) struct OutboxFrames {
    frames: mpsc::Receiver<Vec<u8>>,
    queued: Arc<AtomicUsize>,
}

/// How the two directions of a link end without losing what is under way. Closing a connection drops what the other
/// side has not received yet, and QUIC does not say what has arrived. So a side that writes no more says so with an
/// *empty frame* if it knows that it has read all that the other said, or will ever say before it reads on; whoever
/// gets an empty frame and then the end of the stream may close at once, whoever gets the end alone waits a while.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ending {
    heard_all: Arc<AtomicBool>,
}

/// The empty frame.
pub(crate) const HEARD_ALL: &[u8] = &[];

/// Writes frames until the outbox is dropped and empty, then closes the stream; or until a write fails or stalls.
pub(crate) async fn write_all(
    mut writer: WriteHalf<Stream>,
    mut outbox: OutboxFrames,
    ending: Ending,
    stall: Duration,
) -> Result<(), String> {
    while let Some(frame) = outbox.frames.recv().await {
        let written = timeout(stall, write_frame(&mut writer, &frame)).await;
        outbox.queued.fetch_sub(frame.len(), Ordering::Relaxed);
        written.map_err(|_| "the other side does not read".to_owned())?.map_err(|error| error.to_string())?;
    }
    if ending.heard_all.load(Ordering::Acquire) {
        _ = timeout(stall, write_frame(&mut writer, HEARD_ALL)).await;
    }
    _ = timeout(stall, writer.close()).await;
    Ok(())
}

/// How a direction ended in the orderly way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The other side has heard all that we said.
    HeardAll,
    /// It may not have.
    Unsure,
}

/// What a reader needs besides the stream.
pub(crate) struct Reading {
    pub(crate) from: NodeId,
    pub(crate) session: Arc<Session>,
    pub(crate) max_frame: usize,
    pub(crate) inbox: Inbox,
}

impl Reading {
    /// Reads frames and passes on what they mean, in order, until the stream ends or something is wrong with it.
    pub(crate) async fn all(self, mut reader: ReadHalf<Stream>, ending: Ending) -> Result<End, String> {
        let mut end = End::Unsure;
        loop {
            match read_frame(&mut reader, self.max_frame).await {
                Ok(frame) if frame.is_empty() && end == End::Unsure => end = End::HeardAll,
                Ok(_) if end == End::HeardAll => return Err("something was said after the last word".into()),
                Ok(frame) => {
                    if !self.take(frame).await? {
                        break;
                    }
                }
                Err(FrameError::Closed) => break,
                // The end of the stream was lost, for the other side has closed the connection.
                Err(FrameError::Io(_)) if end == End::HeardAll => break,
                Err(error) => return Err(error.to_string()),
            }
        }
        ending.heard_all.store(true, Ordering::Release);
        Ok(end)
    }

    /// Reads what is under way on a surplus connection, until the other side ends it or has nothing to say on it either.
    pub(crate) async fn rest(self, mut reader: ReadHalf<Stream>) -> Result<(), String> {
        loop {
            match read_frame(&mut reader, self.max_frame).await {
                Ok(frame) if frame.is_empty() => return Ok(()),
                Ok(frame) => {
                    if !self.take(frame).await? {
                        return Ok(());
                    }
                }
                // The other side may close at once, as we say nothing on this connection.
                Err(FrameError::Closed | FrameError::Io(_)) => return Ok(()),
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// `false` if nobody listens any more.
    async fn take(&self, frame: Vec<u8>) -> Result<bool, String> {
        self.session.log(self.from, &frame);
        let decoded = self.session.decode(self.from, frame).await.map_err(|error| error.to_string())?;
        let Some(message) = decoded else { return Ok(true) };
        Ok(self.inbox.send(TransportEvent::Message { from: self.from, message }).await.is_ok())
    }
}
