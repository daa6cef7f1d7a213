//! The near end of a tunnel: who lays it and knows its path.

use std::fmt;

use aes_gcm::aead::consts::U16;
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::cell::{BODY, SET_UP};
use crate::gcm::Forged;
use crate::keys::{Asked, CONFIRMATION, Hop, OnionPublic, OnionSecret, SessionKeys, SetUpKeys, SharedSecret};
use crate::layer::{HOPS, Path};
use crate::onion::Layer;
use crate::payload::{self, Command, Payload, TooLong};
use crate::setup::{ANSWER, ANSWER_FORM, FORM, KEY, write_block};

/// Why no tunnel can be laid along a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PathError {
    /// The path has no node or more than [`HOPS`].
    #[error("a tunnel leads to 1 to {HOPS} nodes, not {0}")]
    Length(usize),
    /// An onion key has nothing in common with any other.
    #[error("the onion key of node {0} of the path is no key")]
    NoKey(usize),
    /// A node is on it twice.
    #[error("node {0} of the path is on it twice")]
    Twice(usize),
}

/// What is wrong with a cell that came home. Nodes of the path are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Broken {
    /// The seals of all nodes before this one are whole, and this one's is broken: it was altered, dropped or repeated
    /// between this node and the one before it; or further out, if nothing but the padding at its end was touched, which
    /// the relays cut off piece by piece and seal unseen.
    #[error("what came home was altered, dropped or repeated at node {0} of the path or beyond it")]
    Seal(usize),
    /// The node has not shown that it has the keys.
    #[error("node {0} of the path has not confirmed its keys")]
    Unconfirmed(usize),
    /// The last node says what nobody says.
    #[error("the last node of the path broke the rules")]
    Malformed,
}

/// A tunnel whose set-up is on its way.
pub struct Opening {
    /// Whom it asks, with which fresh key, and the secret of its set-up.
    hops: Vec<(Asked, OnionSecret, SharedSecret)>,
    answers: Vec<Layer<U16>>,
}

impl Opening {
    /// A set-up for these nodes, the first relay first.
    ///
    /// # Errors
    ///
    /// The path is empty or too long, a node is on it twice, or a key is none.
    pub fn new(path: &[Hop], minute: u32, rng: &mut impl CryptoRng) -> Result<(Self, Box<[u8; SET_UP]>), PathError> {
        check(path)?;
        let mut hops = Vec::with_capacity(path.len());
        let (mut layers, mut answers) = (Vec::<Layer<U16>>::new(), Vec::new());
        for (at, &hop) in path.iter().enumerate() {
            let secret = OnionSecret::draw(rng);
            let asked = Asked { hop, fresh: secret.public() };
            let SetUpKeys { shared, outward, answer } = asked.set_up(&secret, hop.onion).ok_or(PathError::NoKey(at))?;
            layers.push(Layer::new(&outward));
            answers.push(Layer::new(&answer));
            hops.push((asked, secret, shared));
        }
        let mut set_up = Box::new([0; SET_UP]);
        // Whatever stands behind the last layer must look like the fillers to the last node.
        rng.fill_bytes(set_up.as_mut());
        FORM.wrap(&layers, 0, set_up.as_mut(), |at, head| {
            head.copy_from_slice(hops[at].0.fresh.as_bytes());
            write_block(path.get(at + 1).map(|hop| hop.name), minute)
        });
        Ok((Self { hops, answers }, set_up))
    }

    /// Reads the answer.
    ///
    /// # Errors
    ///
    /// It was altered, or a node has not confirmed its keys.
    pub fn finish(&self, body: &mut [u8; BODY], rng: &mut impl CryptoRng) -> Result<Tunnel, Broken> {
        let mut keys: Vec<SessionKeys> = Vec::with_capacity(self.hops.len());
        let mut unconfirmed = None;
        let opened = ANSWER_FORM.unwrap(&self.answers, 0, body, |at, block: [u8; ANSWER]| {
            let confirmed = self.confirm(at, &block);
            unconfirmed = confirmed.is_none().then_some(at);
            keys.push(confirmed.ok_or(Forged)?);
            Ok(())
        });
        match (unconfirmed, opened) {
            (Some(at), _) => Err(Broken::Unconfirmed(at)),
            (None, Err(at)) => Err(Broken::Seal(at)),
            (None, Ok(())) => Ok(Tunnel { path: Path::new(&keys, rng) }),
        }
    }

    fn confirm(&self, at: usize, block: &[u8; ANSWER]) -> Option<SessionKeys> {
        let (theirs, confirmation): (&[u8; KEY], _) = block.split_first_chunk()?;
        let confirmation: &[u8; CONFIRMATION] = confirmation.first_chunk()?;
        let (asked, secret, shared) = self.hops.get(at)?;
        let keys = asked.session(secret, OnionPublic::from_bytes(*theirs), shared)?;
        bool::from(keys.confirmation.ct_eq(confirmation)).then_some(keys)
    }
}

fn check(path: &[Hop]) -> Result<(), PathError> {
    if path.is_empty() || path.len() > HOPS {
        return Err(PathError::Length(path.len()));
    }
    let twice = (1..path.len()).find(|&at| path[..at].iter().any(|hop| hop.name == path[at].name));
    twice.map_or(Ok(()), |at| Err(PathError::Twice(at)))
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opening({} nodes)", self.hops.len())
    }
}

/// A tunnel that stands.
#[derive(Clone)]
pub struct Tunnel {
    path: Path,
}

impl Tunnel {
    /// Seals the next cell for the last node.
    ///
    /// # Errors
    ///
    /// There are more bytes than a cell carries; nothing has happened then.
    pub fn seal(&mut self, command: Command, bytes: &[u8], body: &mut [u8; BODY]) -> Result<(), TooLong> {
        self.path.seal(body, |frame| payload::write(command, bytes, frame))
    }

    /// Opens the next cell of the last node.
    ///
    /// # Errors
    ///
    /// It was altered, or says what nobody says. The tunnel cannot be used any more.
    pub fn open(&mut self, body: &mut [u8; BODY]) -> Result<Payload, Broken> {
        let frame = self.path.open(body).map_err(Broken::Seal)?;
        payload::read(frame).ok_or(Broken::Malformed)
    }
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tunnel(..)")
    }
}
