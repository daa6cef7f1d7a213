//! What is searched: a message, its nonce, the wanted zero bits; and all that can be computed before.

use std::ops::Range;

use sha1::{Digest as _, Sha1};

use crate::difficulty::leading_zero_bits;
use crate::search::schedule::{self, INITIAL, ROUNDS, Schedule};

/// Nonces tried together: the lanes of a batch.
pub const BATCH: usize = 64;
/// Largest stride. With it the nonces of a batch span `2^30`, so they differ in four bytes alone.
pub const MAX_STRIDE: u32 = 1 << 24;
const BLOCK: usize = 64;

/// Messages that differ in a nonce, of which one with a good digest is wanted.
///
/// There may be several *variants* of the message, of equal length, that begin to differ only in a
/// block after the nonce's: what they have in common is then computed once for all of them.
#[derive(Clone, Debug)]
pub struct Puzzle {
    variants: Vec<Vec<u8>>,
    difficulty: u32,
    numbering: Numbering,
    pub(super) prepared: Prepared,
}

/// How batches and lanes are numbered: the varied part of the nonce, as a big-endian integer, is
/// `batch * step + class + lane * stride`. The step is a multiple of the stride and of a power of two
/// above all that the lanes add, so the class modulo the stride is kept and the sum is an XOR.
#[derive(Clone, Debug)]
struct Numbering {
    part: Range<usize>,
    stride: u32,
    class: u32,
    step: u128,
    first: u128,
    count: u128,
}

/// What the kernels read.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    /// State before the nonce's block.
    pub(super) before: [u32; 5],
    /// The nonce's block, with zeros where the nonce is varied.
    block: [u32; 16],
    /// What each lane adds by XOR to the schedule of the nonce's block, by round.
    pub(super) lanes: Box<[[u32; BATCH]; ROUNDS]>,
    /// The same by lane, four rounds at a time in reverse: as the SHA instructions want it.
    pub(super) lanes_reversed: Box<[Schedule; BATCH]>,
    /// Constant blocks after the nonce's that all variants share.
    pub(super) shared: Vec<Constant>,
    /// The constant blocks after those, for each variant.
    pub(super) variants: Vec<Vec<Constant>>,
    /// The bits of the digest's first word that must be zero.
    pub(super) mask: u32,
}

/// A block that is the same in every attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Constant {
    /// `W[t] + K[t]`.
    pub(super) with_constants: Schedule,
    /// `W[t]`, four rounds at a time in reverse.
    pub(super) reversed: Schedule,
}

/// A nonce that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The message with the nonce in its place.
    pub message: Vec<u8>,
    /// Which variant of the message it is.
    pub variant: usize,
    /// How many leading zero bits its SHA-1 has.
    pub bits: u32,
}

/// A puzzle that cannot be searched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PuzzleError {
    /// More zero bits than a digest has.
    #[error("{0} zero bits are wanted, but a SHA-1 digest has only 160")]
    Difficulty(u32),
    /// The nonce is not within the message.
    #[error("the nonce is at {nonce:?}, outside the message of {length} bytes")]
    NonceOutside {
        /// Where the nonce should be.
        nonce: Range<usize>,
        /// Length of the message.
        length: usize,
    },
    /// Too few bytes of the nonce lie in one block.
    #[error(
        "only {usable} bytes of the nonce lie in one 64-byte block, too few for stride {stride}: use 16 bytes or more"
    )]
    NonceTooShort {
        /// Bytes that can be varied.
        usable: usize,
        /// The stride that was asked.
        stride: u32,
    },
    /// The stride is zero or too large.
    #[error("a stride of {0} cannot be used: choose one from 1 to {MAX_STRIDE}")]
    Stride(u32),
    /// The variants differ in length, or before the block after the nonce; or there are none.
    #[error("the variants of the message must be of one length and differ only after the block of the nonce")]
    Variants,
}

impl Puzzle {
    /// A puzzle with one message. The `nonce` bytes of `message` are where the search begins; it takes
    /// only nonces (as big-endian integers) that differ from that one by multiples of `stride`, none twice.
    /// Of a nonce that lies across two blocks only the longer part is varied.
    ///
    /// # Errors
    /// If the nonce is outside the message or too short, or a number is out of its range.
    pub fn new(message: Vec<u8>, nonce: Range<usize>, stride: u32, difficulty: u32) -> Result<Self, PuzzleError> {
        Self::with_variants(vec![message], nonce, stride, difficulty)
    }

    /// A puzzle with several variants of the message, see [`Puzzle`].
    ///
    /// # Errors
    /// As [`Puzzle::new`], and if the variants differ in length or too early.
    pub fn with_variants(
        variants: Vec<Vec<u8>>,
        nonce: Range<usize>,
        stride: u32,
        difficulty: u32,
    ) -> Result<Self, PuzzleError> {
        let length = variants.first().ok_or(PuzzleError::Variants)?.len();
        if nonce.is_empty() || nonce.end > length {
            return Err(PuzzleError::NonceOutside { nonce, length });
        }
        if difficulty > 160 {
            return Err(PuzzleError::Difficulty(difficulty));
        }
        let part = varied_part(&nonce);
        let block = part.start / BLOCK;
        let common = variants[0].len().min((block + 1) * BLOCK);
        if variants.iter().any(|other| other.len() != length || other[..common] != variants[0][..common]) {
            return Err(PuzzleError::Variants);
        }
        let numbering = Numbering::new(&variants[0], part, stride)?;
        let prepared = Prepared::new(&variants, block, &numbering, difficulty);
        Ok(Self { variants, difficulty, numbering, prepared })
    }

    /// How many batches there are; batch numbers are below this.
    pub fn batches(&self) -> u64 {
        u64::try_from(self.numbering.count).unwrap_or(u64::MAX)
    }

    /// Attempts in a batch: [`BATCH`] nonces with each variant.
    pub fn attempts_per_batch(&self) -> u64 {
        (BATCH * self.variants.len()) as u64
    }

    /// The wanted number of leading zero bits.
    pub fn difficulty(&self) -> u32 {
        self.difficulty
    }

    /// Number of variants of the message.
    pub fn variants(&self) -> usize {
        self.variants.len()
    }

    /// How many SHA-1 compressions one attempt takes, if blocks that attempts share are counted once
    /// for all of them.
    pub fn compressions_per_attempt(&self) -> f64 {
        let own = self.prepared.variants.first().map_or(0, Vec::len);
        #[expect(clippy::cast_precision_loss, reason = "a handful of blocks and variants")]
        let (own, shared) = (own as f64, (1 + self.prepared.shared.len()) as f64 / self.variants.len() as f64);
        own + shared
    }

    /// The message that is tried in this lane of this batch, in one of its variants.
    pub fn message(&self, batch: u64, lane: usize, variant: usize) -> Vec<u8> {
        let mut message = self.variants[variant].clone();
        self.set_nonce(&mut message, batch, lane);
        message
    }

    /// Changes the nonce in a message of this puzzle to that of another batch and lane.
    pub(super) fn set_nonce(&self, message: &mut [u8], batch: u64, lane: usize) {
        self.numbering.write(message, self.numbering.base(batch) | self.numbering.offset(lane));
    }

    /// The schedule of the nonce's block in a batch, without what the lanes add.
    pub(super) fn base_schedule(&self, batch: u64) -> Schedule {
        let varied = self.numbering.words(self.numbering.base(batch));
        schedule::expand(&std::array::from_fn(|i| self.prepared.block[i] | varied[i]))
    }

    /// The hit in this lane, if there is one: the whole digest, by the `sha1` crate.
    pub(super) fn check(&self, batch: u64, lane: usize, variant: usize) -> Option<Hit> {
        let message = self.message(batch, lane, variant);
        let bits = leading_zero_bits(&Sha1::digest(&message));
        (bits >= self.difficulty).then_some(Hit { message, variant, bits })
    }
}

/// The longer part of a nonce that lies within one block, at most 16 bytes (the last ones).
fn varied_part(nonce: &Range<usize>) -> Range<usize> {
    let blocks = nonce.start / BLOCK..=(nonce.end - 1) / BLOCK;
    let parts = blocks.map(|block| nonce.start.max(block * BLOCK)..nonce.end.min((block + 1) * BLOCK));
    let longest = parts.max_by_key(Range::len).unwrap_or_else(|| nonce.clone());
    longest.start.max(longest.end.saturating_sub(16))..longest.end
}

impl Numbering {
    fn new(message: &[u8], part: Range<usize>, stride: u32) -> Result<Self, PuzzleError> {
        if !(1..=MAX_STRIDE).contains(&stride) {
            return Err(PuzzleError::Stride(stride));
        }
        let span = (BATCH as u128 * u128::from(stride)).next_power_of_two();
        let step = span * u128::from(stride >> stride.trailing_zeros());
        // The number of nonces, less one where it is 2^128.
        let nonces = 1u128.checked_shl(8 * u32::try_from(part.len()).unwrap_or(u32::MAX)).unwrap_or(u128::MAX);
        let count = nonces / step;
        if count == 0 {
            return Err(PuzzleError::NonceTooShort { usable: part.len(), stride });
        }
        let start = message[part.clone()].iter().fold(0, |number, byte| number << 8 | u128::from(*byte));
        let class = u32::try_from(start % u128::from(stride)).unwrap_or_default();
        Ok(Self { part, stride, class, step, first: start / step % count, count })
    }

    /// The nonce that a batch starts from; its low bits, in which the lanes differ, are zero.
    fn base(&self, batch: u64) -> u128 {
        let left = self.count - self.first;
        let batch = u128::from(batch) % self.count;
        self.step * if batch < left { self.first + batch } else { batch - left }
    }

    /// What a lane adds.
    fn offset(&self, lane: usize) -> u128 {
        u128::from(self.class) + u128::from(self.stride) * lane as u128
    }

    /// Puts a number in the place of the varied part.
    fn write(&self, message: &mut [u8], number: u128) {
        message[self.part.clone()].copy_from_slice(&number.to_be_bytes()[16 - self.part.len()..]);
    }

    /// The number in its place in a block of zeros.
    fn words(&self, number: u128) -> [u32; 16] {
        let mut block = [0; BLOCK];
        let start = self.part.start % BLOCK;
        block[start..start + self.part.len()].copy_from_slice(&number.to_be_bytes()[16 - self.part.len()..]);
        schedule::words(&block)
    }
}

impl Prepared {
    fn new(variants: &[Vec<u8>], block: usize, numbering: &Numbering, difficulty: u32) -> Self {
        let mut blank = variants.to_vec();
        blank.iter_mut().for_each(|message| numbering.write(message, 0));
        let blocks: Vec<Vec<[u32; 16]>> = blank.iter().map(|message| schedule::blocks(message)).collect();
        let before = blocks[0][..block].iter().fold(INITIAL, schedule::compress_onto);
        let mut rest: Vec<Vec<Constant>> =
            blocks.iter().map(|blocks| blocks[block + 1..].iter().map(Constant::new).collect()).collect();
        let common = common_blocks(&rest);
        let shared = rest[0][..common].to_vec();
        rest.iter_mut().for_each(|blocks| drop(blocks.drain(..common)));
        let (lanes, lanes_reversed) = lane_tables(numbering);
        let mask = u32::MAX.checked_shl(32 - difficulty.min(32)).unwrap_or(0);
        Self { before, block: blocks[0][block], lanes, lanes_reversed, shared, variants: rest, mask }
    }
}

/// How many blocks at the beginning all variants share.
fn common_blocks(variants: &[Vec<Constant>]) -> usize {
    (0..variants[0].len()).take_while(|i| variants.iter().all(|blocks| blocks[*i] == variants[0][*i])).count()
}

fn lane_tables(numbering: &Numbering) -> (Box<[[u32; BATCH]; ROUNDS]>, Box<[Schedule; BATCH]>) {
    let mut lanes = Box::new([[0; BATCH]; ROUNDS]);
    let mut reversed = Box::new([[0; ROUNDS]; BATCH]);
    for lane in 0..BATCH {
        let schedule = schedule::expand(&numbering.words(numbering.offset(lane)));
        reversed[lane] = schedule::reversed(&schedule);
        for (round, word) in schedule.into_iter().enumerate() {
            lanes[round][lane] = word;
        }
    }
    (lanes, reversed)
}

impl Constant {
    fn new(block: &[u32; 16]) -> Self {
        let schedule = schedule::expand(block);
        Self { with_constants: schedule::with_constants(&schedule), reversed: schedule::reversed(&schedule) }
    }
}
