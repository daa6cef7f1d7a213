//! Values to bytes and back: the one place that knows which serialisation the wire uses.
//!
//! It is bincode 2 with its standard configuration: integers little-endian and short when they are small, a variant's
//! number as such an integer, a list as its length and its elements, an array as its elements alone.

use bincode::config::{self, Config};
use bincode::error::DecodeError;
use bincode::serde as format;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::WireError;

/// No message is larger, whatever a frame's limit says.
pub const MAX_MESSAGE: usize = 64 << 20;

/// Up to here an input counts as small, and may claim only [`SMALL_CLAIM`].
const SMALL_INPUT: usize = 64 << 10;

/// What the values of a small input may come to in memory: bincode counts an integer at its full size, 16 bytes for
/// one of the input at the very most.
const SMALL_CLAIM: usize = 16 * SMALL_INPUT;

/// The bytes of a value.
///
/// # Panics
/// Never for the types of this program: writing to memory cannot fail, and none of them has a list of unknown length
/// or an `untagged` representation, which is all that bincode objects to.
#[expect(clippy::expect_used, reason = "see Panics")]
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    format::encode_to_vec(value, config::standard()).expect("a value of this program can be encoded")
}

/// The value of some bytes, all of them.
///
/// A length that the input claims is not believed: the lists and byte strings of `wire::bounded` reserve nothing
/// before the input has shown the bytes, and other types at most 1 MiB while the input is below 64 KiB.
///
/// # Errors
/// [`WireError`] if the bytes are not such a value, end too early, or go on after it.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    let length = bytes.len();
    if length > MAX_MESSAGE {
        return Err(WireError::TooLong { length, limit: MAX_MESSAGE });
    }
    match length <= SMALL_INPUT {
        true => decode_with(bytes, config::standard().with_limit::<SMALL_CLAIM>()),
        false => decode_with(bytes, config::standard().with_limit::<MAX_MESSAGE>()),
    }
}

fn decode_with<T: DeserializeOwned>(bytes: &[u8], config: impl Config) -> Result<T, WireError> {
    let (value, read) = format::borrow_decode_from_slice(bytes, config).map_err(explain)?;
    match bytes.len() - read {
        0 => Ok(value),
        extra => Err(WireError::Trailing { extra }),
    }
}

/// bincode's errors, of which most show themselves in the manner of a debugger.
#[expect(clippy::wildcard_enum_match_arm, reason = "some thirty kinds, all of them nonsense in the input")]
fn explain(error: DecodeError) -> WireError {
    match error {
        DecodeError::UnexpectedEnd { .. } => WireError::Truncated,
        DecodeError::LimitExceeded => WireError::Malformed("it claims more than it can hold".to_owned()),
        DecodeError::OtherString(what) => WireError::Malformed(what),
        other => WireError::Malformed(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let value = (7_u8, u64::MAX, vec![1_u16, 300], Some("rook".to_owned()));
        assert_eq!(decode::<(u8, u64, Vec<u16>, Option<String>)>(&encode(&value)).unwrap(), value);
    }

    #[test]
    fn trailing_bytes_are_an_error() {
        assert_eq!(decode::<u8>(&[1, 2, 3]).unwrap_err(), WireError::Trailing { extra: 2 });
    }

    #[test]
    fn missing_bytes_are_an_error() {
        assert_eq!(decode::<[u8; 4]>(&[1, 2, 3]).unwrap_err(), WireError::Truncated);
    }

    #[test]
    fn an_absurd_length_is_an_error() {
        let lie = encode(&(1_u64 << 60));
        assert!(decode::<Vec<u8>>(&lie).is_err());
        assert!(decode::<Vec<u64>>(&lie).is_err());
        assert!(decode::<String>(&lie).is_err());
    }

    #[test]
    fn many_small_integers_are_within_the_limit() {
        let value = vec![1_u64; SMALL_INPUT - 8];
        assert_eq!(decode::<Vec<u64>>(&encode(&value)).unwrap(), value);
        let value = vec![1_u64; SMALL_INPUT];
        assert_eq!(decode::<Vec<u64>>(&encode(&value)).unwrap(), value);
    }
}
