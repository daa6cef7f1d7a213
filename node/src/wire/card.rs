//! Cards as they travel, and the contact that a card may hold.
//!
//! A card is three byte strings, each with its length; the third is optional, with 0 or 1 before it:
//!
//! ```text
//! identity | credential | 0            the card of a node whose whereabouts the reader need not know
//! identity | credential | 1 | contact
//! ```

use grid::id::{GridId, NodeId};
use grid::peer::Card;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::bounded::{self, Bytes};

/// The longest identity of a card.
pub const MAX_IDENTITY: usize = 2 << 10;
/// The longest credential of a card.
pub const MAX_CREDENTIAL: usize = 4 << 10;
/// The longest contact of a card.
pub const MAX_CONTACT: usize = 8 << 10;
/// The most addresses of a contact.
pub const MAX_ADDRESSES: usize = 16;
/// The longest address of a contact.
pub const MAX_ADDRESS: usize = 256;
/// The longest signature of a contact.
pub const MAX_SIGNATURE: usize = 128;

/// A [`Card`] as it travels: nothing about it is verified, but its parts are of a bearable size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireCard {
    /// The public identity, at most [`MAX_IDENTITY`] bytes.
    #[serde(serialize_with = "bounded::write_bytes", deserialize_with = "bounded::bytes::<MAX_IDENTITY, _, _>")]
    pub identity: Vec<u8>,
    /// The credential, at most [`MAX_CREDENTIAL`] bytes.
    #[serde(serialize_with = "bounded::write_bytes", deserialize_with = "bounded::bytes::<MAX_CREDENTIAL, _, _>")]
    pub credential: Vec<u8>,
    /// An encoded [`Contact`], at most [`MAX_CONTACT`] bytes.
    #[serde(serialize_with = "write_contact", deserialize_with = "read_contact")]
    pub contact: Option<Vec<u8>>,
}

impl From<&Card> for WireCard {
    fn from(card: &Card) -> Self {
        Self {
            identity: card.identity.to_vec(),
            credential: card.credential.to_vec(),
            contact: card.contact.as_deref().map(<[u8]>::to_vec),
        }
    }
}

impl From<WireCard> for Card {
    fn from(card: WireCard) -> Self {
        Self {
            identity: card.identity.into(),
            credential: card.credential.into(),
            contact: card.contact.map(Into::into),
        }
    }
}

/// Where a node can be dialled, signed by its transport key. Its encoding is what a card holds:
///
/// ```text
/// version | number of addresses | length and bytes of each | length and bytes of the signature
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Greater is newer.
    pub version: u64,
    /// Binary multiaddrs, at most [`MAX_ADDRESSES`] of [`MAX_ADDRESS`] bytes.
    #[serde(serialize_with = "write_addresses", deserialize_with = "read_addresses")]
    pub addresses: Vec<Vec<u8>>,
    /// Over [`Contact::signed_bytes`], at most [`MAX_SIGNATURE`] bytes.
    #[serde(serialize_with = "bounded::write_bytes", deserialize_with = "bounded::bytes::<MAX_SIGNATURE, _, _>")]
    pub signature: Vec<u8>,
}

impl Contact {
    /// What the transport key signs:
    ///
    /// ```text
    /// "rook contact v1" | grid, 32 bytes | node, 32 bytes | version, 8 bytes | for each address: length, 2 bytes; bytes
    /// ```
    ///
    /// Numbers are big-endian. Addresses beyond 65,535 bytes cannot be told apart from shorter ones, but
    /// [`MAX_ADDRESS`] is far below.
    pub fn signed_bytes(grid_id: &GridId, node: &NodeId, version: u64, addresses: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = b"rook contact v1".to_vec();
        bytes.extend_from_slice(grid_id.as_bytes());
        bytes.extend_from_slice(node.as_bytes());
        bytes.extend_from_slice(&version.to_be_bytes());
        for address in addresses {
            let length = u16::try_from(address.len()).unwrap_or(u16::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(address);
        }
        bytes
    }
}

/// A byte string to write, without a copy.
struct Borrowed<'a>(&'a [u8]);

impl Serialize for Borrowed<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(self.0)
    }
}

fn write_contact<S: Serializer>(contact: &Option<Vec<u8>>, to: S) -> Result<S::Ok, S::Error> {
    contact.as_deref().map(Borrowed).serialize(to)
}

fn read_contact<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<u8>>, D::Error> {
    Ok(Option::<Bytes<MAX_CONTACT>>::deserialize(from)?.map(|bytes| bytes.0))
}

fn write_addresses<S: Serializer>(addresses: &[Vec<u8>], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(addresses.iter().map(|address| Borrowed(address)))
}

fn read_addresses<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Vec<u8>>, D::Error> {
    let addresses = bounded::list::<MAX_ADDRESSES, Bytes<MAX_ADDRESS>, D>(from)?;
    Ok(addresses.into_iter().map(|bytes| bytes.0).collect())
}

#[cfg(test)]
mod tests {
    use super::super::codec::{decode, encode};
    use super::*;

    fn card(identity: usize, credential: usize, contact: Option<usize>) -> WireCard {
        let bytes = |length| vec![7; length];
        WireCard { identity: bytes(identity), credential: bytes(credential), contact: contact.map(bytes) }
    }

    fn passes(card: &WireCard) -> bool {
        decode::<WireCard>(&encode(card)).is_ok_and(|read| read == *card)
    }

    #[test]
    fn bounds_of_a_card() {
        assert!(passes(&card(1, 2, None)));
        assert!(passes(&card(MAX_IDENTITY, MAX_CREDENTIAL, Some(MAX_CONTACT))));
        assert!(!passes(&card(MAX_IDENTITY + 1, 2, None)));
        assert!(!passes(&card(1, MAX_CREDENTIAL + 1, None)));
        assert!(!passes(&card(1, 2, Some(MAX_CONTACT + 1))));
    }

    #[test]
    fn bounds_of_a_contact() {
        let passes = |count, length, signature| {
            let contact =
                Contact { version: 1, addresses: vec![vec![4; length]; count], signature: vec![9; signature] };
            decode::<Contact>(&encode(&contact)).is_ok_and(|read| read == contact)
        };
        assert!(passes(MAX_ADDRESSES, MAX_ADDRESS, MAX_SIGNATURE));
        assert!(!passes(MAX_ADDRESSES + 1, 1, 1));
        assert!(!passes(1, MAX_ADDRESS + 1, 1));
        assert!(!passes(1, 1, MAX_SIGNATURE + 1));
    }

    #[test]
    fn a_card_converts_both_ways() {
        let wire = card(3, 4, Some(5));
        assert_eq!(WireCard::from(&Card::from(wire.clone())), wire);
    }

    #[test]
    fn signed_bytes_are_laid_out_as_documented() {
        let addresses = [vec![0xaa], vec![0xbb, 0xcc]];
        let bytes = Contact::signed_bytes(&GridId::from_bytes([1; 32]), &NodeId::from_bytes([2; 32]), 3, &addresses);
        let expected = [
            b"rook contact v1".as_slice(),
            &[1; 32],
            &[2; 32],
            &[0, 0, 0, 0, 0, 0, 0, 3],
            &[0, 1, 0xaa],
            &[0, 2, 0xbb, 0xcc],
        ];
        assert_eq!(bytes, expected.concat());
    }
}
