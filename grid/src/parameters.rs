//! A grid's parameters. Whoever changes one of them has made another grid.

use alloc::string::String;
use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use crate::cell::{GeometryError, Shape};
use crate::id::GridId;
use crate::record::PriceTable;

/// The proof function of identities. One so far; a memory-hard one may stand beside it later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proof {
    /// Leading zero bits of `SHA-1(e ‖ N)`.
    Sha1,
}

impl Proof {
    /// The name in files and in the canonical encoding.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
        }
    }
}

/// Everything that nodes of one grid must agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// What people call the grid: 1 to 64 of `a-z`, `0-9`, `-`.
    pub name: String,
    /// `d` and `g`.
    pub shape: Shape,
    /// `h`: leading zero bits that an identity's hash must have.
    pub identity_bits: u8,
    /// Size of the RSA modulus, in bits.
    pub modulus_bits: u16,
    /// Days that an identity is valid after it was minted.
    pub identity_days: u16,
    /// The proof function of identities.
    pub proof: Proof,
    /// `R`: cells that keep each record.
    pub replica_cells: u8,
    /// The largest value in one message, in bytes. Larger ones are cut into chunks of the greatest power of two below.
    pub max_record_bytes: u32,
    /// The most days that a record is kept.
    pub record_days: u16,
    /// What records cost.
    pub prices: PriceTable,
    /// The largest message on a link, in bytes.
    pub max_message_bytes: u32,
}

/// Why parameters cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParameterError {
    /// The name is empty, too long or has other characters.
    #[error("a grid's name is 1 to 64 of a-z, 0-9 and '-', not {0:?}")]
    Name(String),
    /// The shape is impossible.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    /// A number is outside what can work.
    #[error("{parameter} must be {least} to {greatest}, not {found}")]
    Range {
        /// Which.
        parameter: &'static str,
        /// The least allowed.
        least: u64,
        /// The greatest allowed.
        greatest: u64,
        /// What was given.
        found: u64,
    },
    /// RSA moduli come in multiples of 256 bits here.
    #[error("modulus_bits must be a multiple of 256, not {0}")]
    ModulusBits(u16),
    /// A record has to fit into a message.
    #[error(
        "max_message_bytes {message} leaves no room for a record of max_record_bytes {record} and its envelope ({envelope} bytes)"
    )]
    MessageTooSmall {
        /// The message limit.
        message: u32,
        /// The record limit.
        record: u32,
        /// What has to fit beside the record.
        envelope: u32,
    },
}

/// The shape of `main`.
const MAIN: Shape = shape(4, 8);
/// The shape of `local`.
const TINY: Shape = shape(2, 2);

/// A shape that is known to be possible: evaluated by the compiler, so a wrong one does not compile.
const fn shape(dims: u8, side: u16) -> Shape {
    match Shape::new(dims, side) {
        Ok(shape) => shape,
        Err(_) => panic!("impossible shape"),
    }
}

/// The prices of `local`: a gibibyte for a month is a second's work.
const PRICES: PriceTable = PriceTable { base_bits: 4, size_unit: 1024, day_unit: 1 };

/// The smallest chunk: what BLAKE3 hashes at the bottom of its tree.
const LEAST_CHUNK: u32 = 1024;

/// Bytes that must fit into a message beside a record's value.
const ENVELOPE: u32 = 4096;

impl Parameters {
    /// The public grid. One identity costs about a CPU-day: 2^42 attempts, at the 68 million attempts a second and
    /// core measured for the AVX-512 kernel on a Zen 5, take 18 hours. Shape after the design's middle example,
    /// d = 4 and g = 8: 4,096 cells, 29 neighbour cells.
    ///
    /// A kibibyte for a day costs 2^16 attempts, some hundred microseconds of a core; a gibibyte for a month 2^41, some
    /// hours of a core, at up to a dozen copies.
    pub fn main() -> Self {
        let prices = PriceTable { base_bits: 16, ..PRICES };
        Self { name: "main".into(), shape: MAIN, identity_bits: 42, prices, ..Self::base() }
    }

    /// A grid for trying out and for tests: a mint takes about a second, and a handful of nodes fill its four cells.
    pub fn local() -> Self {
        Self { name: "local".into(), shape: TINY, identity_bits: 20, ..Self::base() }
    }

    /// The preset of that name.
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "main" => Some(Self::main()),
            "local" => Some(Self::local()),
            _ => None,
        }
    }

    fn base() -> Self {
        Self {
            name: String::new(),
            shape: TINY,
            identity_bits: 20,
            modulus_bits: 2048,
            identity_days: 365,
            proof: Proof::Sha1,
            replica_cells: 3,
            max_record_bytes: 256 * 1024,
            record_days: 365,
            prices: PRICES,
            max_message_bytes: 1024 * 1024,
        }
    }

    /// Checks that the parameters can work together.
    ///
    /// # Errors
    /// The first [`ParameterError`] found.
    pub fn validate(&self) -> Result<(), ParameterError> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(allowed) {
            return Err(ParameterError::Name(self.name.clone()));
        }
        range("bits", self.identity_bits, 0, 64)?;
        range("modulus_bits", self.modulus_bits, 1024, 8192)?;
        range("identity_days", self.identity_days, 1, 36_500)?;
        range("replica_cells", self.replica_cells, 1, 16)?;
        range("max_record_bytes", self.max_record_bytes, LEAST_CHUNK.into(), 16 << 20)?;
        range("record_days", self.record_days, 1, 36_500)?;
        range("prices.base_bits", self.prices.base_bits, 0, 64)?;
        range("prices.size_unit", self.prices.size_unit, 1, 1 << 30)?;
        range("prices.day_unit", self.prices.day_unit, 1, 36_500)?;
        range("max_message_bytes", self.max_message_bytes, 64 << 10, 32 << 20)?;
        if !self.modulus_bits.is_multiple_of(256) {
            return Err(ParameterError::ModulusBits(self.modulus_bits));
        }
        if self.max_message_bytes < self.max_record_bytes + ENVELOPE {
            let (message, record) = (self.max_message_bytes, self.max_record_bytes);
            return Err(ParameterError::MessageTooSmall { message, record, envelope: ENVELOPE });
        }
        Ok(())
    }

    /// Bytes of the chunks that larger values are cut into: the greatest power of two that a record may have.
    pub fn chunk_bytes(&self) -> u32 {
        1 << self.max_record_bytes.max(LEAST_CHUNK).ilog2()
    }

    /// The bytes that the grid id is the hash of: a version tag, then every parameter, numbers as 8 bytes big-endian,
    /// texts behind their length.
    pub fn canonical_encoding(&self) -> Vec<u8> {
        let mut bytes = Vec::from(*b"rook grid v2");
        let text = |text: &str, bytes: &mut Vec<u8>| {
            bytes.extend((text.len() as u64).to_be_bytes());
            bytes.extend(text.as_bytes());
        };
        text(&self.name, &mut bytes);
        text(self.proof.name(), &mut bytes);
        let numbers: [u64; 12] = [
            self.shape.dims().into(),
            self.shape.side().into(),
            self.identity_bits.into(),
            self.modulus_bits.into(),
            self.identity_days.into(),
            self.replica_cells.into(),
            self.max_record_bytes.into(),
            self.max_message_bytes.into(),
            self.record_days.into(),
            self.prices.base_bits.into(),
            self.prices.size_unit.into(),
            self.prices.day_unit.into(),
        ];
        bytes.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
        bytes
    }

    /// The grid's name for machines.
    pub fn grid_id(&self) -> GridId {
        GridId::from_bytes(Sha256::digest(self.canonical_encoding()).into())
    }
}

fn range(parameter: &'static str, found: impl Into<u64>, least: u64, greatest: u64) -> Result<(), ParameterError> {
    let found = found.into();
    match (least..=greatest).contains(&found) {
        true => Ok(()),
        false => Err(ParameterError::Range { parameter, least, greatest, found }),
    }
}
