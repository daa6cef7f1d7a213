//! A neighbour that is nothing but a nuisance: it says what it is told to say, as much of it as it likes, and counts what it
//! hears. It answers pings, so that it is not taken for dead.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures::io::{ReadHalf, WriteHalf};
use futures::{AsyncReadExt, AsyncWriteExt};
use grid::cell::Cell;
use grid::id::RequestId;
use grid::load::Load;
use grid::message::{Message, Refusal, Request, RequestBody};
use grid::parameters::Parameters;
use grid::postage::Paid;
use grid::queue::Class;
use grid::record::Rules;
use grid::ways::Ways;
use hashcash::SecretIdentity;
use libp2p::Stream;
use node::wire::piece::{Reached, Unit, Units, append_cell, append_reached, whole_message};
use node::wire::{decode_message, encode_message};
use tokio::sync::mpsc;

use super::Node;
use super::attacker::Attacker;

/// What came of its requests.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    pub answered: usize,
    /// Refused as "busy", each with the time after which to come again, in milliseconds, and the effort that is asked for.
    pub busy: Vec<(u128, u32)>,
    /// Refused as one that is being served already.
    pub looped: usize,
    /// Refused for any other reason.
    pub other: Vec<Refusal>,
}

/// A link of it to its victim.
pub struct Flooder {
    /// Bytes to be written.
    say: mpsc::Sender<Vec<u8>>,
    /// Those that wait for all others, lest it be taken for dead.
    bulk: mpsc::Sender<Vec<u8>>,
    heard: Arc<Mutex<Heard>>,
    cells: mpsc::UnboundedReceiver<tunnel::cell::Cell>,
    stalled: Arc<AtomicBool>,
    attacker: Attacker,
}

impl Flooder {
    pub async fn connect(grid: &Parameters, identity: SecretIdentity, victim: &Node) -> Self {
        let mut attacker = Attacker::connect(&victim.address).await;
        let stream = attacker.accepted_as(&identity, victim).await;
        let (reader, writer) = stream.split();
        let (say, said) = mpsc::channel(1 << 12);
        let heard = Arc::<Mutex<Heard>>::default();
        let ((arrivals, cells), stalled) = (mpsc::unbounded_channel(), Arc::<AtomicBool>::default());
        let (bulk, heap) = mpsc::channel(1);
        tokio::spawn(write(writer, said, heap));
        tokio::spawn(listen(reader, grid.clone(), say.clone(), heard.clone(), arrivals, stalled.clone()));
        Self { say, bulk, heard, cells, stalled, attacker }
    }

    /// Sends cells, one behind the other; returns when there is room for more.
    pub async fn send(&self, cells: &[tunnel::cell::Cell]) {
        let mut bytes = Vec::new();
        cells.iter().for_each(|cell| append_cell(&mut bytes, cell));
        self.bulk.send(bytes).await.unwrap();
    }

    /// The next cell that came.
    pub async fn cell(&mut self) -> tunnel::cell::Cell {
        self.cells.recv().await.unwrap()
    }

    /// The next cell, if one has come.
    pub fn try_cell(&mut self) -> Option<tunnel::cell::Cell> {
        self.cells.try_recv().ok()
    }

    /// Reads nothing any more.
    pub fn stall(&self) {
        self.stalled.store(true, Ordering::Relaxed);
    }

    /// The victim's onion key.
    pub fn onion(&self) -> [u8; 32] {
        let hello = self.attacker.heard.as_ref().unwrap();
        hashcash::Credential::from_bytes(&hello.card.credential).unwrap().onion_key
    }

    /// Says a request; whether there was room to.
    pub fn ask(&self, request: Request) -> bool {
        let bytes = whole_message(Class::Interactive, &encode_message(&Message::Request(request)));
        self.say.try_send(bytes).is_ok()
    }

    pub fn heard(&self) -> Heard {
        self.heard.lock().unwrap().clone()
    }
}

/// A request for an echo.
pub fn echo(id: RequestId, target: Cell, paid: Option<Paid>) -> Request {
    let body = RequestBody::Echo([].into());
    Request { id, target, hops: 0, hops_left: 2, class: Class::Interactive, paid, body }
}

async fn write(mut to: WriteHalf<Stream>, mut said: mpsc::Receiver<Vec<u8>>, mut heap: mpsc::Receiver<Vec<u8>>) {
    loop {
        let bytes = tokio::select! {
            biased;
            bytes = said.recv() => bytes,
            Some(bytes) = heap.recv() => Some(bytes),
        };
        let Some(bytes) = bytes else { return };
        to.write_all(&bytes).await.unwrap();
        // What is there already goes along.
        while let Ok(bytes) = said.try_recv() {
            to.write_all(&bytes).await.unwrap();
        }
        to.flush().await.unwrap();
    }
}

async fn listen(
    from: ReadHalf<Stream>,
    grid: Parameters,
    say: mpsc::Sender<Vec<u8>>,
    heard: Arc<Mutex<Heard>>,
    cells: mpsc::UnboundedSender<tunnel::cell::Cell>,
    stalled: Arc<AtomicBool>,
) {
    let (mut units, mut marks) = (Units::new(from, 1 << 22), 0);
    let rules = Rules::of(&grid);
    // Ends when the test drops the victim.
    while let Ok(unit) = units.next().await {
        if stalled.load(Ordering::Relaxed) {
            // With its connection, which stays open.
            std::future::pending::<()>().await;
        }
        match unit {
            Unit::Message(bytes) => {
                let read = decode_message(&bytes, grid.shape, &rules, &mut |_| None, &|_, _, _| None);
                // Those with cards are none of its business.
                let Ok(read) = read else { continue };
                if let Message::Ping(nonce) = read.message {
                    let pong = Message::Pong { nonce, ways: Ways::none(grid.shape.dims()), load: Load::default() };
                    say.send(whole_message(Class::Control, &encode_message(&pong))).await.unwrap();
                }
                heard.lock().unwrap().note(&read.message);
            }
            Unit::Mark => {
                marks += 1;
                let mut bytes = Vec::new();
                append_reached(&mut bytes, Reached { marks, at: marks });
                if say.send(bytes).await.is_err() {
                    return;
                }
            }
            // Few read them.
            Unit::Cell(cell) => _ = cells.send(cell),
            Unit::Reached(_) => {}
            Unit::LastWord => return,
        }
    }
}

impl Heard {
    /// What two of them heard.
    pub fn and(mut self, mut other: Self) -> Self {
        self.busy.append(&mut other.busy);
        self.other.append(&mut other.other);
        Self { answered: self.answered + other.answered, looped: self.looped + other.looped, ..self }
    }

    fn note(&mut self, message: &Message) {
        match message {
            Message::Answer(_) => self.answered += 1,
            Message::Refused(_, Refusal::Busy { retry_after, effort }) => {
                self.busy.push((retry_after.as_millis(), *effort));
            }
            Message::Refused(_, Refusal::Loop) => self.looped += 1,
            Message::Refused(_, other) => self.other.push(*other),
            _ => {}
        }
    }
}
