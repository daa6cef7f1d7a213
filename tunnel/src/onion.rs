//! Nested seals of constant size, after Sphinx (Danezis and Goldberg, "Sphinx: A Compact and Provably Secure Mix
//! Format", IEEE S&P 2009): each layer is sealed whole, and neither how many there are nor which one it is can be seen.
//!
//! ```text
//! | head | tag | block | inner packet, cut          |     head, tag and block together: a layer
//!               `------------- text -------------'
//! ```
//!
//! *Outward* a hop checks the tag over all of the text, decrypts it, takes the layer off the front and appends a filler
//! of the same length, which is a function of its key. The initiator computes the fillers of all hops beforehand and
//! seals each layer around them, so that each hop's tag covers them as well.
//!
//! *Homeward* a hop cuts a layer's length off the end, puts its block in front and seals the whole; its tag covers what
//! it has cut as well. That is never anything but the stream of keys that the initiator has, because the last node has
//! sealed zeros there; so the initiator puts it back and checks every tag, from the outermost to the innermost. Nobody
//! else can: no two hops share a key. But what an honest hop has sealed cannot be mended later: a mark that was set
//! before it breaks the tag within, one that is set after it breaks its own.

use aes_gcm::TagSize;

use crate::gcm::{Forged, Gcm, Secret, Stream};

/// The measures of a packet, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    /// In the clear, in front of the tag.
    pub(crate) head: usize,
    pub(crate) tag: usize,
    /// What a layer says to its hop, or the hop to the initiator.
    pub(crate) block: usize,
    /// The packet.
    pub(crate) size: usize,
}

/// The longest layer, that of a set-up.
const LONGEST: usize = 84;
/// The longest run of zeros that a last node cuts off what it seals.
const ZEROS: [u8; LONGEST] = [0; LONGEST];

impl Form {
    /// What a hop takes off or puts in front.
    pub(crate) const fn layer(self) -> usize {
        self.head + self.tag + self.block
    }

    /// Where the text begins.
    const fn start(self) -> usize {
        self.head + self.tag
    }

    /// What is encrypted.
    const fn text(self) -> usize {
        self.size - self.start()
    }

    /// A hop takes its layer off: gives its block and leaves the packet for the next hop.
    pub(crate) fn take<T: TagSize, const BLOCK: usize>(
        self,
        key: &Gcm<T>,
        number: u64,
        packet: &mut [u8],
    ) -> Result<[u8; BLOCK], Forged> {
        let block = self.open(key, number, &[], packet)?;
        packet.copy_within(self.layer().., 0);
        key.fill(number, &mut packet[self.size - self.layer()..]);
        Ok(block)
    }

    /// A hop puts its layer around what came from the one behind it.
    pub(crate) fn put<T: TagSize>(self, key: &Gcm<T>, number: u64, block: &[u8], packet: &mut [u8]) {
        let mut cut = ZEROS;
        let cut = &mut cut[..self.layer()];
        cut.copy_from_slice(&packet[self.size - self.layer()..]);
        packet.copy_within(..self.size - self.layer(), self.layer());
        self.seal(key, number, block, cut, packet);
    }

    /// Seals a packet whose text but for the block is there already.
    fn seal<T: TagSize>(self, key: &Gcm<T>, number: u64, block: &[u8], with: &[u8], packet: &mut [u8]) {
        let (front, text) = packet.split_at_mut(self.start());
        text[..self.block].copy_from_slice(block);
        key.seal(number, with, text, &mut front[self.head..]);
    }

    /// The initiator's packet for the first of these hops, from a packet that has the content for the last one in it:
    /// behind a layer's place, and before the room for the fillers.
    ///
    /// `front` writes the head and gives the block of each hop.
    pub(crate) fn wrap<T: TagSize, const BLOCK: usize>(
        self,
        hops: &[Layer<T>],
        number: u64,
        packet: &mut [u8],
        front: impl Fn(usize, &mut [u8]) -> [u8; BLOCK],
    ) {
        let fillers = self.fillers(hops, number);
        packet[self.size - fillers.len()..].copy_from_slice(&fillers);
        for (at, hop) in hops.iter().enumerate().rev() {
            if at + 1 == hops.len() {
                // Encrypted once more by the seal, it is the bare fillers again.
                hop.stream.add(number, self.text() - fillers.len(), &mut packet[self.size - fillers.len()..]);
            } else {
                packet.copy_within(..self.size - self.layer(), self.layer());
            }
            let block = front(at, &mut packet[..self.head]);
            self.seal(&hop.gcm, number, &block, &[], packet);
        }
    }

    /// The initiator takes off the layers of all hops, and hands each block on. What is left is the last hop's text.
    ///
    /// # Errors
    ///
    /// The first hop whose seal is broken: it, or who is before it, or the one behind it.
    pub(crate) fn unwrap<T: TagSize, const BLOCK: usize>(
        self,
        hops: &[Layer<T>],
        number: u64,
        packet: &mut [u8],
        mut each: impl FnMut(usize, [u8; BLOCK]) -> Result<(), Forged>,
    ) -> Result<(), usize> {
        let lost = self.lost(hops, number);
        let mut pieces = lost.chunks(self.layer());
        for (at, hop) in hops.iter().enumerate() {
            let cut = pieces.next().unwrap_or(&ZEROS[..self.layer()]);
            let block = self.open(&hop.gcm, number, cut, packet).map_err(|Forged| at)?;
            each(at, block).map_err(|Forged| at)?;
            if at + 1 < hops.len() {
                packet.copy_within(self.layer().., 0);
                packet[self.size - self.layer()..].copy_from_slice(cut);
            }
        }
        Ok(())
    }

    fn open<T: TagSize, const BLOCK: usize>(
        self,
        key: &Gcm<T>,
        number: u64,
        with: &[u8],
        packet: &mut [u8],
    ) -> Result<[u8; BLOCK], Forged> {
        let (front, text) = packet.split_at_mut(self.start());
        key.open(number, with, text, &front[self.head..])?;
        text.first_chunk().copied().ok_or(Forged)
    }

    /// What stands at the end of the last hop's text as it travels: the fillers of those before it.
    fn fillers<T: TagSize>(self, hops: &[Layer<T>], number: u64) -> Vec<u8> {
        let before = hops.len().saturating_sub(1);
        let mut fillers = Vec::with_capacity(before * self.layer());
        for hop in &hops[..before] {
            hop.stream.add(number, self.text() - fillers.len(), &mut fillers);
            let end = fillers.len();
            fillers.resize(end + self.layer(), 0);
            hop.gcm.fill(number, &mut fillers[end..]);
        }
        fillers
    }

    /// What each hop but the last has cut off what came to it, the first hop's first.
    fn lost<T: TagSize>(self, hops: &[Layer<T>], number: u64) -> Vec<u8> {
        let before = hops.len().saturating_sub(1);
        let mut lost = vec![0; before * self.layer()];
        // The last hop sealed zeros, and whoever is before it adds its stream to what it has not cut off.
        for (at, hop) in hops.iter().enumerate().skip(1).rev() {
            let left = at * self.layer();
            hop.stream.add(number, self.text() - left, &mut lost[..left]);
        }
        lost
    }
}

/// A hop's keys as the initiator has them.
#[derive(Clone)]
pub(crate) struct Layer<T: TagSize> {
    pub(crate) gcm: Gcm<T>,
    stream: Stream,
}

impl<T: TagSize> Layer<T> {
    pub(crate) fn new(secret: &Secret) -> Self {
        Self { gcm: Gcm::new(secret), stream: Stream::new(secret) }
    }
}
