//! Names that are 16 or 32 random-looking bytes, each a type of its own so that they cannot be confused.

use core::fmt;

macro_rules! bytes_newtype {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $length]);

        impl $name {
            /// Takes the bytes as they are.
            pub const fn from_bytes(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// The bytes, in the order in which they travel.
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "("))?;
                self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                write!(f, "..)")
            }
        }
    };
}

/// The first eight bytes, or all if there are fewer, as a big-endian number.
pub(crate) fn leading_number(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte))
}

bytes_newtype! {
    /// A node's name: the SHA-256 of its public identity, so it cannot be chosen or shared.
    NodeId, 32
}

bytes_newtype! {
    /// A grid's name: the SHA-256 of its parameters' canonical encoding. It stands in every salt, signature and
    /// protocol name, so nodes of two grids cannot even talk.
    GridId, 32
}

bytes_newtype! {
    /// What a record, or a chunk of one, is found by: a hash over its terms and its stamp, so that nobody knows it
    /// before the work is done. See [`crate::record::Pointer::key`].
    RecordKey, 32
}

bytes_newtype! {
    /// Decides the cells that keep a record. Derived from the record's key, see [`crate::placement`].
    RoutingKey, 32
}

bytes_newtype! {
    /// One request on its way, drawn at random by its origin. It says nothing about who asks.
    RequestId, 16
}

bytes_newtype! {
    /// What an answer of a dataset server is told apart by: a keyed hash over its canonical bytes. Answers of one check
    /// are compared under one key, so a digest means nothing outside the check that it was asked for.
    AnswerDigest, 32
}

bytes_newtype! {
    /// A request to a dataset server: the hash of dataset, version root and constraint in canonical form.
    RequestDigest, 32
}

bytes_newtype! {
    /// A random number that somebody has drawn for one check and tells nobody before: it keys the checkers' digests and
    /// decides who they are.
    Nonce, 32
}
