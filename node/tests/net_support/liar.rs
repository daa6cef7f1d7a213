//! A neighbour with a paid identity that answers what it likes, and says what it likes.

use std::sync::{Arc, Mutex};

use futures::io::{ReadHalf, WriteHalf};
use futures::{AsyncReadExt, AsyncWriteExt};
use grid::load::Load;
use grid::message::{Message, Request};
use grid::parameters::Parameters;
use grid::queue::Class;
use grid::record::Rules;
use grid::ways::Ways;
use hashcash::SecretIdentity;
use libp2p::Stream;
use libp2p::identity::Keypair;
use node::wire::piece::{Reached, Unit, Units, append_reached, whole_message};
use node::wire::{decode_message, encode_message};
use tokio::sync::mpsc;

use super::Node;
use super::attacker::Attacker;

/// What is said to a request.
type Answers = Box<dyn Fn(&Request) -> Vec<Message> + Send>;

/// Its link to its victim. It answers pings, so that it is not taken for dead.
pub struct Liar {
    /// Bytes to be written.
    say: mpsc::Sender<Vec<u8>>,
    heard: Arc<Mutex<Vec<Message>>>,
    attacker: Attacker,
}

impl Liar {
    pub async fn connect(
        grid: &Parameters,
        identity: &SecretIdentity,
        victim: &Node,
        answers: impl Fn(&Request) -> Vec<Message> + Send + 'static,
    ) -> Self {
        let mut attacker = Attacker::connect(&victim.address).await;
        let (reader, writer) = attacker.accepted_as(identity, victim).await.split();
        let (say, said) = mpsc::channel(1 << 10);
        let heard = Arc::<Mutex<Vec<Message>>>::default();
        tokio::spawn(write(writer, said));
        tokio::spawn(listen(reader, grid.clone(), say.clone(), heard.clone(), Box::new(answers)));
        Self { say, heard, attacker }
    }

    pub async fn say(&self, message: &Message) {
        self.say.send(whole_message(Class::Control, &encode_message(message))).await.unwrap();
    }

    /// What the victim has said so far that needs no card to be understood.
    pub fn heard(&self) -> Vec<Message> {
        self.heard.lock().unwrap().clone()
    }

    /// The key that its credential names.
    pub fn keypair(&self) -> &Keypair {
        &self.attacker.keypair
    }
}

async fn write(mut to: WriteHalf<Stream>, mut said: mpsc::Receiver<Vec<u8>>) {
    while let Some(bytes) = said.recv().await {
        if to.write_all(&bytes).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
}

async fn listen(
    from: ReadHalf<Stream>,
    grid: Parameters,
    say: mpsc::Sender<Vec<u8>>,
    heard: Arc<Mutex<Vec<Message>>>,
    answers: Answers,
) {
    let (mut units, mut marks) = (Units::new(from, 1 << 22), 0);
    let rules = Rules::of(&grid);
    // Ends when the victim cuts it.
    while let Ok(unit) = units.next().await {
        let mut bytes = Vec::new();
        match unit {
            Unit::Message(message) => {
                let read = decode_message(&message, grid.shape, &rules, &mut |_| None, &|_, _, _| None);
                // Those with cards are none of its business.
                let Ok(read) = read else { continue };
                let said = match &read.message {
                    Message::Ping(nonce) => {
                        vec![Message::Pong {
                            nonce: *nonce,
                            ways: Ways::none(grid.shape.dims()),
                            load: Load::default(),
                        }]
                    }
                    Message::Request(request) => answers(request),
                    _ => Vec::new(),
                };
                said.iter().for_each(|said| bytes.extend(whole_message(Class::Interactive, &encode_message(said))));
                heard.lock().unwrap().push(read.message);
            }
            Unit::Mark => {
                marks += 1;
                append_reached(&mut bytes, Reached { marks, at: marks });
            }
            Unit::Reached(_) | Unit::Cell(_) => {}
            Unit::LastWord => return,
        }
        if say.send(bytes).await.is_err() {
            return;
        }
    }
}
