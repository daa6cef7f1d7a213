//! What people keep to find a record again: `rook1` and 59 more characters.
//!
//! It is bech32m (BIP 350) with the human-readable part `rook` over a version byte, 0, and the record's key. Of a
//! text that is no pointer we say what is wrong with it, and where; it is never corrected silently.

mod typo;

use std::fmt;
use std::str::FromStr;

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32m, Hrp};
use grid::id::RecordKey;

/// The human-readable part.
const PREFIX: &str = "rook";

/// Characters of a pointer: `rook1`, 33 bytes in groups of five bits, six characters of checksum.
const LENGTH: usize = 64;

/// The only version so far: the key of an immutable record.
const VERSION: u8 = 0;

/// A record's key in the form for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pointer(RecordKey);

/// Why a text is no pointer. Positions are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PointerError {
    /// It does not begin with `rook1`.
    #[error("a pointer begins with \"rook1\", this begins with {0:?}")]
    Prefix(String),
    /// Small and capital letters.
    #[error("a pointer is all small or all capital letters; character {at} ({found:?}) breaks that")]
    MixedCase {
        /// Where the case changes.
        at: usize,
        /// The character.
        found: char,
    },
    /// A character that no pointer has.
    #[error(
        "character {at} ({found:?}) never stands in a pointer{}",
        probably.map(|c| format!(", it is probably {c:?}")).unwrap_or_default()
    )]
    Character {
        /// Where.
        at: usize,
        /// The character.
        found: char,
        /// What makes the checksum right.
        probably: Option<char>,
    },
    /// One character is missing, and we know which.
    #[error("a character is missing: character {at} is probably {probably:?}")]
    Missing {
        /// Where it should stand.
        at: usize,
        /// What makes the checksum right.
        probably: char,
    },
    /// One character is too much, and we know which.
    #[error("character {at} ({found:?}) is probably one too many")]
    Extra {
        /// Where it stands.
        at: usize,
        /// The character.
        found: char,
    },
    /// Too short or too long.
    #[error("a pointer has {LENGTH} characters, this has {found}: {}", match found < &LENGTH {
        true => "some are missing, perhaps it was cut off",
        false => "there are too many",
    })]
    Length {
        /// How many characters it has.
        found: usize,
    },
    /// One character is wrong, and we know which.
    #[error("there is a typo at character {at}: {found:?} is probably {probably:?}")]
    Typo {
        /// Where.
        at: usize,
        /// What stands there.
        found: char,
        /// What makes the checksum right.
        probably: char,
    },
    /// Two neighbouring characters are exchanged.
    #[error("characters {at} and {} are probably exchanged", at + 1)]
    Exchanged {
        /// Where the first of them stands.
        at: usize,
    },
    /// The checksum is wrong, and no single mistake explains it.
    #[error("the checksum is wrong, and there is more than one mistake: copy the pointer again")]
    Checksum,
    /// The checksum is right, the contents are not ours.
    #[error("the pointer is of a kind that this program does not know (version {0}): a newer one may")]
    Version(u8),
}

impl Pointer {
    /// The pointer to a record.
    pub const fn new(key: RecordKey) -> Self {
        Self(key)
    }

    /// The record's key.
    pub const fn key(self) -> RecordKey {
        self.0
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut payload = vec![VERSION];
        payload.extend(self.0.as_bytes());
        let text = bech32::encode::<Bech32m>(Hrp::parse_unchecked(PREFIX), &payload).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl FromStr for Pointer {
    type Err = PointerError;

    fn from_str(text: &str) -> Result<Self, PointerError> {
        check_case(text)?;
        let text = text.to_ascii_lowercase();
        if !text.starts_with("rook1") {
            return Err(PointerError::Prefix(text.chars().take(5).collect()));
        }
        typo::check_characters(&text)?;
        let Ok(checked) = CheckedHrpstring::new::<Bech32m>(&text) else { return Err(typo::locate(&text)) };
        let payload: Vec<u8> = checked.byte_iter().collect();
        if payload.first() != Some(&VERSION) {
            return Err(PointerError::Version(payload.first().copied().unwrap_or_default()));
        }
        let Ok(key) = payload[1..].try_into() else { return Err(PointerError::Length { found: text.len() }) };
        let pointer = Self(RecordKey::from_bytes(key));
        // The last group has one bit more than the payload; only one value of it is right.
        match pointer.to_string() == text {
            true => Ok(pointer),
            false => Err(PointerError::Checksum),
        }
    }
}

fn check_case(text: &str) -> Result<(), PointerError> {
    let Some(first) = text.chars().find(char::is_ascii_alphabetic) else { return Ok(()) };
    let differs = |c: &char| c.is_ascii_alphabetic() && c.is_ascii_lowercase() != first.is_ascii_lowercase();
    match text.chars().enumerate().find(|(_, c)| differs(c)) {
        Some((at, found)) => Err(PointerError::MixedCase { at: at + 1, found }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pointer() -> impl Strategy<Value = Pointer> {
        any::<[u8; 32]>().prop_map(|key| Pointer::new(RecordKey::from_bytes(key)))
    }

    fn parse(text: &str) -> Result<Pointer, PointerError> {
        text.parse()
    }

    /// A character of the alphabet that is not `c`.
    fn other(c: char, seed: usize) -> char {
        let others: Vec<char> = typo::ALPHABET.chars().filter(|&o| o != c).collect();
        others[seed % others.len()]
    }

    proptest! {
        #[test]
        fn a_pointer_reads_back(pointer in pointer()) {
            let text = pointer.to_string();
            prop_assert_eq!(text.len(), LENGTH);
            prop_assert!(text.starts_with("rook1"));
            prop_assert_eq!(parse(&text), Ok(pointer));
            prop_assert_eq!(parse(&text.to_uppercase()), Ok(pointer));
        }

        #[test]
        fn a_typo_is_located(pointer in pointer(), index in 5..LENGTH, seed in any::<usize>()) {
            let mut text: Vec<char> = pointer.to_string().chars().collect();
            let probably = text[index];
            let found = other(probably, seed);
            text[index] = found;
            let text: String = text.into_iter().collect();
            prop_assert_eq!(parse(&text), Err(PointerError::Typo { at: index + 1, found, probably }));
        }

        #[test]
        fn a_character_of_no_pointer_is_located(pointer in pointer(), index in 5..LENGTH, found in "[bio1 .é]") {
            let mut text: Vec<char> = pointer.to_string().chars().collect();
            let found = found.chars().next().unwrap();
            let probably = Some(text[index]);
            text[index] = found;
            let text: String = text.into_iter().collect();
            prop_assert_eq!(parse(&text), Err(PointerError::Character { at: index + 1, found, probably }));
        }

        #[test]
        fn a_missing_character_is_found(pointer in pointer(), index in 5..LENGTH) {
            let whole = pointer.to_string();
            let mut text = whole.clone();
            text.remove(index);
            let Err(PointerError::Missing { at, probably }) = parse(&text) else { panic!("{:?}", parse(&text)) };
            // Of several equal ones in a row, any may be the missing one.
            text.insert(at - 1, probably);
            prop_assert_eq!(text, whole);
        }

        #[test]
        fn an_extra_character_is_found(pointer in pointer(), index in 5..LENGTH, seed in any::<usize>()) {
            let whole = pointer.to_string();
            let mut text = whole.clone();
            text.insert(index, other('-', seed));
            let Err(PointerError::Extra { at, .. }) = parse(&text) else { panic!("{:?}", parse(&text)) };
            text.remove(at - 1);
            prop_assert_eq!(text, whole);
        }

        #[test]
        fn exchanged_characters_are_found(pointer in pointer(), index in 5..LENGTH - 1) {
            let mut text: Vec<char> = pointer.to_string().chars().collect();
            prop_assume!(text[index] != text[index + 1]);
            text.swap(index, index + 1);
            let text: String = text.into_iter().collect();
            prop_assert_eq!(parse(&text), Err(PointerError::Exchanged { at: index + 1 }));
        }

        #[test]
        fn a_part_is_too_short(pointer in pointer(), length in 5..LENGTH - 1) {
            let text = &pointer.to_string()[..length];
            prop_assert_eq!(parse(text), Err(PointerError::Length { found: length }));
        }

        #[test]
        fn any_text_is_refused_without_panic(text in ".*") {
            prop_assert!(parse(&text).is_err());
        }

        #[test]
        fn any_text_behind_the_prefix_is_refused_without_panic(text in "rook1.{0,80}") {
            prop_assert!(parse(&text).is_err());
        }
    }

    #[test]
    fn other_prefixes_and_cases_are_named() {
        let text = Pointer::new(RecordKey::from_bytes([7; 32])).to_string();
        assert_eq!(parse(""), Err(PointerError::Prefix(String::new())));
        assert_eq!(parse(&text.replace("rook", "r00k")), Err(PointerError::Prefix("r00k1".into())));
        let mixed = text.replace("rook1", "rOok1");
        assert_eq!(parse(&mixed), Err(PointerError::MixedCase { at: 2, found: 'O' }));
    }

    #[test]
    fn other_versions_are_named() {
        let mut payload = [9; 33];
        payload[0] = 1;
        let text = bech32::encode::<Bech32m>(Hrp::parse_unchecked(PREFIX), &payload).unwrap();
        assert_eq!(parse(&text), Err(PointerError::Version(1)));
    }

    #[test]
    fn a_record_has_one_pointer_for_ever() {
        let text = Pointer::new(RecordKey::from_bytes([0; 32])).to_string();
        assert_eq!(text, "rook1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqfvarae");
    }
}
