//! Cells with payload: which layer is whose.
//!
//! ```text
//! outward   | tag 12 | text 1266: the next hop's body without its last 12 bytes |   + 12 bytes of filler, see below
//! homeward  | tag 12 | text 1266: the body of the one behind without its last 12 bytes |
//! ```
//!
//! Both are the nested seals of `onion`, with AES-128-GCM and tags of 12 bytes. Outward each hop checks the
//! whole cell before it passes it on, so that an altered one dies at the next honest hop. Homeward each hop seals the
//! whole cell, and the initiator checks what each has sealed.
//!
//! Numbers are never sent: each hop counts the cells of each circuit and direction, and the count is in the nonce. A
//! cell that is replayed, lost, out of order or another circuit's does not open, and ends the circuit.

use aes_gcm::aead::consts::U12;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::cell::BODY;
use crate::gcm::{Forged, Gcm, Secret};
use crate::keys::SessionKeys;
use crate::onion::{Form, Layer};
use crate::payload::FRAME;

/// The most nodes that a tunnel leads to: four relays and the last one.
pub const HOPS: usize = 5;
/// Bytes of a tag.
const TAG: usize = 12;
/// Bytes of all layers. A shorter tunnel leaves as many free, so that the last node does not learn how long it is.
pub(crate) const LAYERS: usize = HOPS * TAG;

pub(crate) const FORM: Form = Form { head: 0, tag: TAG, block: 0, size: BODY };

/// A hop's keys and counts.
#[derive(Clone)]
pub(crate) struct Hop {
    outward: Gcm<U12>,
    homeward: Gcm<U12>,
    out: u64,
    home: u64,
}

impl Hop {
    pub(crate) fn new(keys: &SessionKeys) -> Self {
        Self { outward: Gcm::new(&keys.outward), homeward: Gcm::new(&keys.homeward), out: 0, home: 0 }
    }

    /// Checks a cell that goes outward, and leaves it as it goes on; at the last hop with the frame in front.
    pub(crate) fn take(&mut self, body: &mut [u8; BODY]) -> Result<(), Forged> {
        let [] = FORM.take(&self.outward, self.out, body)?;
        self.out += 1;
        Ok(())
    }

    /// Puts a layer around a cell that goes homeward; at the last hop around a frame in front and zeros behind it.
    pub(crate) fn put(&mut self, body: &mut [u8; BODY]) {
        FORM.put(&self.homeward, self.home, &[], body);
        self.home += 1;
    }
}

/// The keys and counts of all hops, as the initiator has them.
#[derive(Clone)]
pub(crate) struct Path {
    outward: Vec<Layer<U12>>,
    homeward: Vec<Layer<U12>>,
    /// Fills what a short path leaves free. A key that no hop has: to the last one it must look like others' fillers.
    rest: Gcm<U12>,
    out: u64,
    home: u64,
}

impl Path {
    pub(crate) fn new(keys: &[SessionKeys], rng: &mut impl CryptoRng) -> Self {
        let of = |pick: fn(&SessionKeys) -> &_| keys.iter().map(|keys| Layer::new(pick(keys))).collect();
        let mut own = Zeroizing::new([0; Secret::SIZE]);
        rng.fill_bytes(own.as_mut());
        let rest = Gcm::new(&Secret::new(&own));
        Self { outward: of(|keys| &keys.outward), homeward: of(|keys| &keys.homeward), rest, out: 0, home: 0 }
    }

    /// Seals a body for the first hop; `write` puts the frame for the last hop in its place.
    pub(crate) fn seal<E>(
        &mut self,
        body: &mut [u8; BODY],
        write: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        write(&mut body[TAG..TAG + FRAME])?;
        self.rest.fill(self.out, &mut body[TAG + FRAME..]);
        FORM.wrap(&self.outward, self.out, body, |_, _| []);
        self.out += 1;
        Ok(())
    }

    /// Opens a body from the first hop and gives the frame.
    ///
    /// # Errors
    ///
    /// The first hop whose seal is broken.
    pub(crate) fn open<'a>(&mut self, body: &'a mut [u8; BODY]) -> Result<&'a [u8], usize> {
        FORM.unwrap(&self.homeward, self.home, body, |_, []| Ok(()))?;
        self.home += 1;
        Ok(&body[TAG..TAG + FRAME])
    }
}
