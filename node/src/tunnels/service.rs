//! Services that are published under a name: what they are called, and how one believes that somebody has them.
//!
//! A service is a key; its name is what the key's holder says, and others may say it too. Nodes that strangers can meet it at
//! announce that, with a note that the service has signed for that node and for a short time:
//!
//! ```text
//! note      = 1 | key 32 | expires 8 | signature 64
//! signature = Ed25519 over "rook service v1" | grid id 32 | meeting node 32 | expires 8 | key 32 | name
//! ```

use std::fmt;
use std::str::FromStr;

use grid::id::{GridId, NodeId};
use grid::provider::Topic;
use libp2p::identity::{Keypair, PeerId, ed25519};

/// The longest name: a label of the domain name system.
pub(super) const MAX_NAME: usize = 63;
/// The longest time for which a node is met, in seconds. A tunnel lives for ten minutes; the rest is for clocks that differ.
pub(super) const MAX_SECONDS: u64 = 900;
/// Bytes of a signature.
pub(super) const SIGNATURE: usize = 64;
/// Bytes of a note.
const NOTE: usize = 1 + 32 + 8 + SIGNATURE;
/// What a note of this kind begins with.
const VERSION: u8 = 1;
/// Characters of a key as people write it.
const KEY_TEXT: usize = 52;
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// What a service is called: 1 to 63 of a to z, 0 to 9 and `-`, which neither begins nor ends it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName(String);

/// Why something names no service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// It is no name.
    #[error("a service's name has 1 to 63 of a to z, 0 to 9 and -, and neither begins nor ends with -")]
    Name,
    /// It is no key.
    #[error("a service's key is written with 52 of a to z and 2 to 7")]
    Key,
    /// It is neither.
    #[error("a service is reached as NAME.rook or NAME.KEY.rook")]
    Host,
}

impl ServiceName {
    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where it is announced who can be met for it.
    pub(super) fn topic(&self) -> Topic {
        // A space is in no name, so that nothing else is announced there.
        Topic::named(&format!("rook service v1 {}", self.0))
    }
}

impl FromStr for ServiceName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.to_ascii_lowercase();
        let holds = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits = (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(holds);
        (fits && !text.starts_with('-') && !text.ends_with('-')).then_some(Self(text)).ok_or(NameError::Name)
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The public key of a service; as text in base 32 (RFC 4648), in lower case and without padding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceKey(pub(crate) [u8; 32]);

impl ServiceKey {
    fn public(&self) -> Option<ed25519::PublicKey> {
        ed25519::PublicKey::try_from_bytes(&self.0).ok()
    }

    /// As whom the service shows itself to those that reach it.
    pub(super) fn peer(&self) -> Option<PeerId> {
        Some(libp2p::identity::PublicKey::from(self.public()?).to_peer_id())
    }

    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.public().is_some_and(|public| public.verify(message, signature))
    }
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut bits, mut held) = (0_u32, 0_u32);
        for &byte in &self.0 {
            (bits, held) = (bits << 8 | u32::from(byte), held + 8);
            while held >= 5 {
                held -= 5;
                write!(f, "{}", letter(bits >> held))?;
            }
            bits &= (1 << held) - 1;
        }
        // 256 bits are 51 letters and one bit more, which begins the last letter.
        write!(f, "{}", letter(bits << (5 - held)))
    }
}

fn letter(bits: u32) -> char {
    ALPHABET[(bits & 31) as usize].into()
}

impl fmt::Debug for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceKey({self})")
    }
}

impl FromStr for ServiceKey {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.len() != KEY_TEXT {
            return Err(NameError::Key);
        }
        let (mut key, mut at, mut bits, mut held) = ([0; 32], 0, 0_u32, 0_u32);
        for letter in text.to_ascii_lowercase().bytes() {
            let value = ALPHABET.iter().zip(0_u32..).find(|&(&one, _)| one == letter).ok_or(NameError::Key)?.1;
            (bits, held) = (bits << 5 | value, held + 5);
            if held >= 8 {
                held -= 8;
                key[at] = u8::try_from(bits >> held & 0xff).map_err(|_| NameError::Key)?;
                at += 1;
                bits &= (1 << held) - 1;
            }
        }
        // Each key has one text: the bits that belong to none are zero.
        (bits == 0).then_some(Self(key)).ok_or(NameError::Key)
    }
}

/// A host that is asked for: `NAME.rook`, or `NAME.KEY.rook`, which can mean one service alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceHost {
    /// The name.
    pub name: ServiceName,
    /// The key, if it was said.
    pub key: Option<ServiceKey>,
}

impl FromStr for ServiceHost {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let parts: Vec<&str> = text.strip_suffix('.').unwrap_or(text).split('.').collect();
        let (name, key) = match parts[..] {
            [name, end] if end.eq_ignore_ascii_case("rook") => (name, None),
            [name, key, end] if end.eq_ignore_ascii_case("rook") => (name, Some(key.parse()?)),
            _ => return Err(NameError::Host),
        };
        Ok(Self { name: name.parse()?, key })
    }
}

impl fmt::Display for ServiceHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{}.{key}.rook", self.name),
            None => write!(f, "{}.rook", self.name),
        }
    }
}

/// That a service can be met at a node, said by the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meeting {
    pub(crate) key: ServiceKey,
    pub(crate) expires: u64,
    pub(crate) signature: Vec<u8>,
}

/// Why it is not believed that a service can be met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MeetingError {
    #[error("this is no note of a service")]
    Malformed,
    #[error("the service did not sign this")]
    Signature,
    #[error("it is over, or stands for too long")]
    Time,
}

/// What a service has signed for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statement<'a> {
    pub(crate) grid: &'a GridId,
    /// Where it is met.
    pub(crate) node: &'a NodeId,
    pub(crate) name: &'a ServiceName,
    pub(crate) key: &'a ServiceKey,
    pub(crate) expires: u64,
}

impl Statement<'_> {
    /// What is signed for all to see.
    fn public(&self) -> Vec<u8> {
        self.bytes(b"rook service v1")
    }

    /// What is signed for the meeting node alone: who has only read the announcement cannot take the service's place.
    fn private(&self) -> Vec<u8> {
        self.bytes(b"rook meeting v1")
    }

    fn bytes(&self, domain: &[u8; 15]) -> Vec<u8> {
        let fields: [&[u8]; 5] =
            [domain, self.grid.as_bytes(), self.node.as_bytes(), &self.expires.to_be_bytes(), &self.key.0];
        [&fields.concat(), self.name.0.as_bytes()].concat()
    }

    /// Both signatures.
    pub(crate) fn sign(&self, keypair: &Keypair) -> Option<[Vec<u8>; 2]> {
        Some([keypair.sign(&self.public()).ok()?, keypair.sign(&self.private()).ok()?])
    }

    /// Whether the service has signed it for all, and it stands now, by Unix time.
    pub(super) fn check(&self, signature: &[u8], now: u64) -> Result<(), MeetingError> {
        if self.expires <= now || self.expires > now.saturating_add(MAX_SECONDS) {
            return Err(MeetingError::Time);
        }
        self.key.has_signed(&self.public(), signature).then_some(()).ok_or(MeetingError::Signature)
    }

    /// Whether the service has signed it for the meeting node.
    pub(super) fn check_proof(&self, proof: &[u8]) -> Result<(), MeetingError> {
        self.key.has_signed(&self.private(), proof).then_some(()).ok_or(MeetingError::Signature)
    }
}

impl Meeting {
    /// As it is announced.
    pub(crate) fn note(&self) -> Vec<u8> {
        [&[VERSION][..], &self.key.0, &self.expires.to_be_bytes(), &self.signature].concat()
    }

    /// Reads what a node has announced under the service's name, and believes it if the service has signed it.
    pub(crate) fn check(
        note: &[u8],
        grid: &GridId,
        node: &NodeId,
        name: &ServiceName,
        now: u64,
    ) -> Result<Self, MeetingError> {
        let note: &[u8; NOTE] = note.try_into().map_err(|_| MeetingError::Malformed)?;
        let (&version, rest) = note.split_first().ok_or(MeetingError::Malformed)?;
        let (key, rest) = rest.split_first_chunk().ok_or(MeetingError::Malformed)?;
        let (expires, signature) = rest.split_first_chunk().ok_or(MeetingError::Malformed)?;
        if version != VERSION {
            return Err(MeetingError::Malformed);
        }
        let (key, expires) = (ServiceKey(*key), u64::from_be_bytes(*expires));
        Statement { grid, node, name, key: &key, expires }.check(signature, now)?;
        Ok(Self { key, expires, signature: signature.to_vec() })
    }
}

#[cfg(test)]
mod tests;
