//! Byte strings and lists that believe no length: nothing is reserved before the input has shown the bytes.
//!
//! For serde's `serialize_with` and `deserialize_with`, with the bound as the first parameter. On the wire all of them
//! are a length and the elements.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::{Serialize, Serializer};

/// A list starts with room for so many elements, however many it claims.
const FIRST_ROOM: usize = 16;

/// Writes a byte string.
pub(crate) fn write_bytes<B: AsRef<[u8]>, S: Serializer>(bytes: &B, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_bytes(bytes.as_ref())
}

/// Reads a byte string of at most `MAX` bytes.
pub(crate) fn bytes<'de, const MAX: usize, B, D>(from: D) -> Result<B, D::Error>
where
    B: for<'a> From<&'a [u8]>,
    D: Deserializer<'de>,
{
    from.deserialize_bytes(BytesVisitor::<MAX, B>(PhantomData))
}

/// Reads a list of at most `MAX` elements.
pub(crate) fn list<'de, const MAX: usize, T, D>(from: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    from.deserialize_seq(ListVisitor::<MAX, T>(PhantomData))
}

/// A byte string of at most `MAX` bytes, where a field's attributes do not reach: in a list or an option.
pub(crate) struct Bytes<const MAX: usize>(pub(crate) Vec<u8>);

impl<const MAX: usize> Serialize for Bytes<MAX> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        write_bytes(&self.0, to)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Bytes<MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        bytes::<MAX, _, _>(from).map(Self)
    }
}

struct BytesVisitor<const MAX: usize, B>(PhantomData<B>);

impl<const MAX: usize, B: for<'a> From<&'a [u8]>> Visitor<'_> for BytesVisitor<MAX, B> {
    type Value = B;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {MAX} bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<B, E> {
        match bytes.len() <= MAX {
            true => Ok(bytes.into()),
            false => Err(E::custom(format_args!("{} bytes where at most {MAX} may be", bytes.len()))),
        }
    }
}

struct ListVisitor<const MAX: usize, T>(PhantomData<T>);

impl<'de, const MAX: usize, T: Deserialize<'de>> Visitor<'de> for ListVisitor<MAX, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {MAX}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<T>, A::Error> {
        let claimed = elements.size_hint().unwrap_or(0);
        if claimed > MAX {
            return Err(too_many::<MAX, _>());
        }
        let mut list = Vec::with_capacity(claimed.min(FIRST_ROOM));
        while let Some(element) = elements.next_element()? {
            if list.len() == MAX {
                return Err(too_many::<MAX, _>());
            }
            list.push(element);
        }
        Ok(list)
    }
}

fn too_many<const MAX: usize, E: Error>() -> E {
    E::custom(format_args!("a list of more than {MAX}"))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::super::codec::{decode, encode};
    use super::super::error::WireError;
    use super::Bytes;

    #[derive(Deserialize)]
    struct Names(#[serde(deserialize_with = "super::list::<3, _, _>")] Vec<u16>);

    #[test]
    fn bounds_are_inclusive() {
        assert_eq!(decode::<Bytes<3>>(&[3, 7, 8, 9]).unwrap().0, [7, 8, 9]);
        assert!(matches!(decode::<Bytes<2>>(&[3, 7, 8, 9]), Err(WireError::Malformed(_))));
        assert_eq!(decode::<Names>(&[3, 7, 8, 9]).unwrap().0, [7, 8, 9]);
        assert!(matches!(decode::<Names>(&[4, 7, 8, 9, 10]), Err(WireError::Malformed(_))));
    }

    #[test]
    fn bytes_are_written_as_a_list_would_be() {
        assert_eq!(encode(&Bytes::<9>(vec![1, 2])), encode(&vec![1_u8, 2]));
    }
}
