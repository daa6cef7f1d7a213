//! Laying a tunnel: one cell out, one cell home, and all hops have keys.
//!
//! ```text
//! set-up    0           32      48                  84                                   1275
//!           | fresh X   | tag   | next 32, minute 4 | the next hop's set-up, cut         |
//!                               `-------------- text, encrypted ---------------------------'
//! answer    0       16                      64                                           1278
//!           | tag   | fresh Y 32, confirm 16 | the answer of the one behind, cut         |
//!                   `-------------- text, encrypted --------------------------------------'
//! ```
//!
//! Both are the nested seals of `onion`, with AES-128-GCM, whole tags of 16 bytes and a layer of 84 and 64 bytes. A hop
//! reads who is next, or zeros if it is the last one, and the minute in which the set-up was made; it appends 84 bytes of filler,
//! so that neither length nor position is told. The keys are those of [`crate::keys`].
//!
//! On its way home the answer gets a fresh key and the confirmation of each hop. Session keys need both fresh secrets,
//! which are forgotten at once: what was recorded stays closed when an onion key leaks later.

use std::fmt;

use aes_gcm::aead::consts::U16;
use rand_core::CryptoRng;
use thiserror::Error;

use crate::cell::{BODY, SET_UP};
use crate::gcm::{Forged, Gcm};
use crate::keys::{Asked, CONFIRMATION, Hop, OnionPublic, OnionSecret, SessionKeys, SetUpKeys};
use crate::name::Name;
use crate::onion::Form;

/// Bytes of a public key.
pub(crate) const KEY: usize = 32;
/// Bytes of what a layer says to its hop.
const BLOCK: usize = 36;
/// Bytes of what a hop says to the initiator.
pub(crate) const ANSWER: usize = KEY + CONFIRMATION;

pub(crate) const FORM: Form = Form { head: KEY, tag: 16, block: BLOCK, size: SET_UP };
pub(crate) const ANSWER_FORM: Form = Form { head: 0, tag: 16, block: ANSWER, size: BODY };

/// Stands for "you are the last one".
const NOBODY: Name = Name::from_bytes([0; 32]);

/// A set-up that does not open: truncated, altered, for another node, or none at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("this is no set-up for our onion key")]
pub struct Unreadable;

impl From<Forged> for Unreadable {
    fn from(Forged: Forged) -> Self {
        Self
    }
}

/// A set-up whose layer was taken off.
pub struct Taken {
    asked: Asked,
    keys: SetUpKeys,
    /// Who is next; none if we are the last one.
    pub next: Option<Name>,
    /// The minute of Unix time in which it was made.
    pub minute: u32,
}

impl Taken {
    /// Takes our layer off a set-up, and leaves it as it goes on.
    ///
    /// # Errors
    ///
    /// It does not open; it is left as it was.
    pub fn new(set_up: &mut [u8; SET_UP], me: Name, onion: &OnionSecret) -> Result<Self, Unreadable> {
        let fresh = fresh_key(set_up);
        let asked = Asked { hop: Hop { name: me, onion: onion.public() }, fresh };
        let keys = asked.set_up(onion, fresh).ok_or(Unreadable)?;
        let block = FORM.take::<U16, BLOCK>(&Gcm::new(&keys.outward), 0, set_up)?;
        let (next, minute) = read_block(&block);
        Ok(Self { asked, keys, next: (next != NOBODY).then_some(next), minute })
    }

    /// Agrees on the session's keys. None if the initiator's key has nothing in common with any.
    pub(crate) fn accept(&self, rng: &mut impl CryptoRng) -> Option<(SessionKeys, Answer)> {
        let fresh = OnionSecret::draw(rng);
        let keys = self.asked.accept(&fresh, &self.keys.shared)?;
        let mut block = [0; ANSWER];
        block[..KEY].copy_from_slice(fresh.public().as_bytes());
        block[KEY..].copy_from_slice(&keys.confirmation);
        Some((keys, Answer { key: Gcm::new(&self.keys.answer), block }))
    }
}

impl fmt::Debug for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Taken").field("next", &self.next).field("minute", &self.minute).finish_non_exhaustive()
    }
}

/// What a hop will put around the answer.
#[derive(Clone)]
pub(crate) struct Answer {
    key: Gcm<U16>,
    block: [u8; ANSWER],
}

impl Answer {
    /// Puts our layer around the answer of the one behind, or around zeros.
    pub(crate) fn put(&self, body: &mut [u8; BODY]) {
        ANSWER_FORM.put(&self.key, 0, &self.block, body);
    }
}

/// The fresh key in front of a set-up: no two set-ups have the same, and an altered one does not open.
pub(crate) fn fresh_key(set_up: &[u8; SET_UP]) -> OnionPublic {
    let key = set_up.first_chunk().unwrap_or_else(|| unreachable!("a set-up is longer than a key"));
    OnionPublic::from_bytes(*key)
}

/// What a layer says to its hop.
pub(crate) fn write_block(next: Option<Name>, minute: u32) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..32].copy_from_slice(next.unwrap_or(NOBODY).as_bytes());
    block[32..].copy_from_slice(&minute.to_be_bytes());
    block
}

fn read_block(block: &[u8; BLOCK]) -> (Name, u32) {
    let (mut name, mut minute) = ([0; 32], [0; 4]);
    name.copy_from_slice(&block[..32]);
    minute.copy_from_slice(&block[32..]);
    (Name::from_bytes(name), u32::from_be_bytes(minute))
}
