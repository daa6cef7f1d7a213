//! What servers are compared by: a keyed hash of each segment of an answer, by one of three functions.
//!
//! BLAKE3 has a keyed mode of its own; SHA-256 and MD5 are keyed as HMAC (RFC 2104). The key is always BLAKE3's: whoever
//! takes part computes BLAKE3 anyway, for the names of versions.

use std::fmt;
use std::str::FromStr;

use hmac::{HmacReset, KeyInit, Mac};
use serde::{Deserialize, Serialize};

/// The function by which answers are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub enum Checksum {
    /// BLAKE3, keyed: the fastest, and nobody knows how to forge it.
    #[default]
    Blake3,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-MD5, for peers that know nothing else. Who knows the key, as a checker does, can make two segments with the
    /// same hash within seconds (X. Wang and H. Yu, "How to break MD5 and other hash functions", 2005; RFC 6151).
    Md5,
}

/// There is no such function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no checksum: take blake3, which is usual, sha256, or md5, which can be forged")]
pub struct UnknownChecksum(String);

impl Checksum {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Blake3, Self::Sha256, Self::Md5];

    /// Bytes of a hash.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Blake3 | Self::Sha256 => 32,
            Self::Md5 => 16,
        }
    }

    /// What is to be said to whoever has chosen it.
    pub const fn warning(self) -> Option<&'static str> {
        match self {
            Self::Blake3 | Self::Sha256 => None,
            Self::Md5 => Some(
                "MD5 can be forged: a server that colludes with its checkers can pass off wrong answers. It is for servers that \
                 know nothing else; take blake3 wherever you can",
            ),
        }
    }

    /// A hasher with this key.
    pub(super) fn keyed(self, key: &[u8; 32]) -> Hasher {
        match self {
            Self::Blake3 => Hasher::Blake3(Box::new(blake3::Hasher::new_keyed(key))),
            Self::Sha256 => Hasher::Sha256(hmac(key)),
            Self::Md5 => Hasher::Md5(hmac(key)),
        }
    }
}

/// HMAC whose key fills half a block of either function.
fn hmac<M: KeyInit>(key: &[u8; 32]) -> M {
    match M::new_from_slice(key) {
        Ok(hmac) => hmac,
        Err(_) => unreachable!("HMAC takes keys of any length"),
    }
}

impl From<Checksum> for u32 {
    fn from(checksum: Checksum) -> Self {
        match checksum {
            Checksum::Blake3 => 0,
            Checksum::Sha256 => 1,
            Checksum::Md5 => 2,
        }
    }
}

impl TryFrom<u32> for Checksum {
    type Error = UnknownChecksum;

    fn try_from(number: u32) -> Result<Self, UnknownChecksum> {
        let found = Self::ALL.into_iter().find(|&checksum| u32::from(checksum) == number);
        found.ok_or_else(|| UnknownChecksum(number.to_string()))
    }
}

impl FromStr for Checksum {
    type Err = UnknownChecksum;

    fn from_str(name: &str) -> Result<Self, UnknownChecksum> {
        let found = Self::ALL.into_iter().find(|checksum| checksum.to_string() == name);
        found.ok_or_else(|| UnknownChecksum(name.to_owned()))
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blake3 => "blake3",
            Self::Sha256 => "sha256",
            Self::Md5 => "md5",
        })
    }
}

/// A keyed hash that is being computed.
#[derive(Clone, Debug)]
pub(super) enum Hasher {
    Blake3(Box<blake3::Hasher>),
    Sha256(HmacReset<sha2::Sha256>),
    Md5(HmacReset<md5::Md5>),
}

impl Hasher {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Blake3(hasher) => _ = hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Md5(hasher) => hasher.update(bytes),
        }
    }

    /// Appends the hash of what came since the last, and begins the next.
    pub(super) fn close(&mut self, hashes: &mut Vec<u8>) {
        match self {
            Self::Blake3(hasher) => {
                hashes.extend_from_slice(hasher.finalize().as_bytes());
                hasher.reset();
            }
            Self::Sha256(hasher) => hashes.extend_from_slice(&hasher.finalize_reset().into_bytes()),
            Self::Md5(hasher) => hashes.extend_from_slice(&hasher.finalize_reset().into_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(hash: &[u8]) -> String {
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn hash(checksum: Checksum, key: &[u8; 32], bytes: &[u8]) -> String {
        let (mut hasher, mut hashes) = (checksum.keyed(key), Vec::new());
        // What came before does not count.
        hasher.update(b"something else");
        hasher.close(&mut hashes);
        hashes.clear();
        hasher.update(bytes);
        hasher.close(&mut hashes);
        assert_eq!(hashes.len(), checksum.bytes());
        hex(&hashes)
    }

    /// What Python says: `hmac.new(bytes(range(32)), b"abc", "sha256").hexdigest()`, with `"md5"`, and of BLAKE3 its own
    /// library.
    #[test]
    fn hashes_are_those_of_other_libraries() {
        let key = std::array::from_fn(|place| u8::try_from(place).unwrap_or_default());
        assert_eq!(hash(Checksum::Sha256, &key, b"abc"), SHA256);
        assert_eq!(hash(Checksum::Md5, &key, b"abc"), MD5);
        assert_eq!(hash(Checksum::Blake3, &key, b"abc"), blake3::keyed_hash(&key, b"abc").to_hex().as_str());
    }

    const SHA256: &str = "f0133729c4163dede81e21cd47839256da58171238c8a0d874397c73b14e1e47";
    const MD5: &str = "402b833eacaf1bff45d89bba5d52c9da";

    #[test]
    fn names_are_read_as_they_are_written() {
        for checksum in Checksum::ALL {
            assert_eq!(checksum.to_string().parse(), Ok(checksum));
        }
        for name in ["", "sha1", "SHA256", "md5 "] {
            let error = name.parse::<Checksum>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{name:?} is no checksum: take blake3")), "{error}");
        }
        assert!(Checksum::Md5.warning().is_some() && Checksum::default().warning().is_none());
    }
}
