//! One link: the exchange of credentials, then messages in both directions, each in a task of its own, so that neither
//! can wait for the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::AsyncWriteExt;
use futures::io::{AsyncReadExt, ReadHalf, WriteHalf};
use grid::id::NodeId;
use grid::level::Level;
use grid::peer::Peer;
use libp2p::{Multiaddr, PeerId, Stream};
use tokio::time::timeout;

use super::cells::Cells;
use super::outbox::{Batches, Marks, Next};
use super::session::Session;
use super::slots::{LinkSlots, Slots};
use super::{Inbox, Limits, TransportEvent};
use crate::metrics::Metrics;
use crate::own::ip;
use crate::wire::frame::{FrameError, read_frame, write_frame};
use crate::wire::greeting::{Greeting, Seen};
use crate::wire::piece::{LAST_WORD, PieceError, SLOT, Unit, Units};

/// The longest greeting: a card and a few bytes, or a refusal's text.
const MAX_GREETING: usize = 16 << 10;

/// Both sides have verified each other.
pub(crate) struct Proved {
    pub(crate) peer: Peer,
    pub(crate) level: Level,
    /// Where it sees us, if we have dialled it.
    pub(crate) seen: Option<Multiaddr>,
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

/// Shows our credential, checks the other's, and hears what the other thinks of ours. The other is told where it is seen,
/// if it has dialled us.
pub(crate) async fn greet(
    stream: Stream,
    other: PeerId,
    seen: Seen,
    session: &Session,
    limits: &Limits,
) -> Result<Proved, GreetingError> {
    let time = limits.hello_timeout;
    timeout(time, exchange(stream, other, seen, session)).await.map_err(|_| GreetingError::TimedOut(time))?
}

async fn exchange(stream: Stream, other: PeerId, seen: Seen, session: &Session) -> Result<Proved, GreetingError> {
    let (mut reader, mut writer) = stream.split();
    write_frame(&mut writer, &session.hello()).await?;
    let (card, level) = match read_greeting(&mut reader).await? {
        Greeting::Hello(hello) => (hello.card, hello.level.into()),
        Greeting::Refused(why) => return Err(GreetingError::OursRefused(why)),
        Greeting::Accepted(_) => return Err(GreetingError::Malformed("accepted before hello".into())),
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
    write_frame(&mut writer, &Greeting::Accepted(seen).encode()).await?;
    match read_greeting(&mut reader).await? {
        Greeting::Accepted(Seen { address }) => {
            // One that we cannot read tells us nothing.
            let seen = Multiaddr::try_from(address).ok().filter(|address| ip(address).is_some());
            Ok(Proved { peer, level, seen, reader, writer })
        }
        Greeting::Refused(why) => Err(GreetingError::OursRefused(why)),
        Greeting::Hello(_) => Err(GreetingError::Malformed("a second hello".into())),
    }
}

async fn read_greeting(reader: &mut ReadHalf<Stream>) -> Result<Greeting, GreetingError> {
    let frame = read_frame(reader, MAX_GREETING).await?;
    Greeting::decode(&frame).map_err(|error| GreetingError::Malformed(error.to_string()))
}

/// How the two directions of a link end without losing what is under way. Closing a connection drops what the other
/// side has not received yet, and QUIC does not say what has arrived. So a side that writes no more says so with a
/// *last word* if it knows that it has read all that the other said, or will ever say before it reads on; whoever
/// gets a last word and then the end of the stream may close at once, whoever gets the end alone waits a while.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ending {
    heard_all: Arc<AtomicBool>,
}

/// Says the last word.
pub(crate) async fn say_last_word(writer: &mut WriteHalf<Stream>) -> std::io::Result<()> {
    writer.write_all(&[LAST_WORD]).await?;
    writer.flush().await
}

/// Why a link is cut that is not read.
const UNREAD: &str = "the other side does not read";

/// Writes what the outbox gives until that is dropped and empty, then closes the stream; or until a write fails, or the
/// other side does not read.
pub(crate) async fn write_all(
    mut writer: WriteHalf<Stream>,
    outbox: Batches,
    ending: Ending,
    stall: Duration,
) -> Result<(), String> {
    let mut batch = Vec::new();
    loop {
        match outbox.next(&mut batch, stall) {
            Next::Write => {
                let written = timeout(stall, write_batch(&mut writer, &batch)).await;
                written.map_err(|_| UNREAD.to_owned())?.map_err(|error| error.to_string())?;
                batch.clear();
            }
            Next::Wait => {
                // A link on which nothing waits holds no memory.
                batch = Vec::new();
                // After that time it is looked whether the other side has read on.
                _ = timeout(stall, outbox.changed()).await;
            }
            Next::Stalled => return Err(UNREAD.to_owned()),
            Next::End => break,
        }
    }
    close(writer, &ending, stall).await;
    Ok(())
}

/// The same on a link with send slots: something is written whenever one comes, and at no other time.
pub(crate) async fn write_slots(
    mut writer: WriteHalf<Stream>,
    outbox: Batches,
    ending: Ending,
    stall: Duration,
    (slots, metrics): (&Slots, &Metrics),
) -> Result<(), String> {
    let (mut slots, mut batch) = (LinkSlots::new(slots), Vec::with_capacity(SLOT));
    loop {
        slots.next().await;
        let Some(filling) = outbox.slot(&mut batch) else { break };
        metrics.counts().filled(filling);
        let written = timeout(stall, write_batch(&mut writer, &batch)).await;
        written.map_err(|_| UNREAD.to_owned())?.map_err(|error| error.to_string())?;
        batch.clear();
    }
    close(writer, &ending, stall).await;
    Ok(())
}

/// Says the last word if that is true, and closes the stream.
async fn close(mut writer: WriteHalf<Stream>, ending: &Ending, stall: Duration) {
    if ending.heard_all.load(Ordering::Acquire) {
        _ = timeout(stall, say_last_word(&mut writer)).await;
    }
    _ = timeout(stall, writer.close()).await;
}

async fn write_batch(writer: &mut WriteHalf<Stream>, batch: &[u8]) -> std::io::Result<()> {
    writer.write_all(batch).await?;
    writer.flush().await
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
    pub(crate) max_message: usize,
    pub(crate) inbox: Inbox,
    pub(crate) cells: Cells,
}

impl Reading {
    /// Reads messages and passes them on until the stream ends or something is wrong with it.
    pub(crate) async fn all(self, reader: ReadHalf<Stream>, marks: Marks, ending: Ending) -> Result<End, String> {
        let (mut units, mut end) = (Units::new(reader, self.max_message), End::Unsure);
        loop {
            match units.next().await {
                Ok(_) if end == End::HeardAll => return Err("something was said after the last word".into()),
                Ok(Unit::LastWord) => end = End::HeardAll,
                Ok(Unit::Mark) => marks.mark(),
                Ok(Unit::Cell(cell)) => self.cells.arrived(self.from, cell).await,
                Ok(Unit::Reached(reached)) => marks.reached(reached).map_err(|error| error.to_string())?,
                Ok(Unit::Message(message)) => {
                    if !self.take(message).await? {
                        break;
                    }
                }
                Err(PieceError::Closed) => break,
                // The end of the stream was lost, for the other side has closed the connection.
                Err(PieceError::Io(_)) if end == End::HeardAll => break,
                Err(error) => return Err(error.to_string()),
            }
        }
        ending.heard_all.store(true, Ordering::Release);
        Ok(end)
    }

    /// Reads what is under way on a surplus connection, until the other side ends it or has nothing to say on it either.
    /// Nobody answers its marks: it is about to write the rest without regard to them.
    pub(crate) async fn rest(self, reader: ReadHalf<Stream>) -> Result<(), String> {
        let mut units = Units::new(reader, self.max_message);
        loop {
            match units.next().await {
                Ok(Unit::LastWord) => return Ok(()),
                Ok(Unit::Mark | Unit::Reached(_)) => {}
                Ok(Unit::Cell(cell)) => self.cells.arrived(self.from, cell).await,
                Ok(Unit::Message(message)) => {
                    if !self.take(message).await? {
                        return Ok(());
                    }
                }
                // The other side may close at once, as we say nothing on this connection.
                Err(PieceError::Closed | PieceError::Io(_)) => return Ok(()),
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// `false` if nobody listens any more.
    async fn take(&self, message: Vec<u8>) -> Result<bool, String> {
        self.session.log(self.from, &message);
        let decoded = self.session.decode(self.from, message).await.map_err(|error| error.to_string())?;
        let Some(message) = decoded else { return Ok(true) };
        Ok(self.inbox.send(TransportEvent::Message { from: self.from, message }).await.is_ok())
    }
}
