//! What people keep to find a record again: `rook1` and 110 more characters.
//!
//! It is bech32m (BIP 350) with the human-readable part `rook` over:
//!
//! ```text
//! version 1 | nonce 8 | zero bits 1 | terms in their canonical encoding, 55 to 87
//! ```
//!
//! Of a text that is no pointer we say what is wrong with it, and where; it is never corrected silently.

mod typo;

use std::fmt;
use std::str::FromStr;

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32m, Hrp};
use grid::record::terms::MAX_TERMS;
use grid::record::{Pointer, PointerError, Rules, Stamp, Terms, TermsError};

use crate::stamps::Proofs;

/// The human-readable part.
const PREFIX: &str = "rook";

/// Characters before the payload.
const DATA: usize = "rook1".len();
/// Characters of checksum.
const CHECKSUM: usize = 6;
/// Bytes before the terms.
const BEFORE_TERMS: usize = 10;
/// Characters of a pointer without an application key: 65 bytes in groups of five bits.
const LENGTH: usize = DATA + 104 + CHECKSUM;
/// Characters of the longest pointer.
const LONGEST: usize = DATA + (8 * (BEFORE_TERMS + MAX_TERMS)).div_ceil(5) + CHECKSUM;

/// The only version so far.
const VERSION: u8 = 1;

/// Terms and a stamp in the form for people. Whether they go together only a grid can tell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PointerText {
    /// What was asked.
    pub terms: Terms,
    /// What was paid.
    pub stamp: Stamp,
}

/// Why a text is no pointer. Positions are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
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
    #[error("a pointer has {LENGTH} characters or some more, this has {found}: perhaps it was cut off")]
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
    #[error("the pointer is of a kind that this program does not know (version {0}): another one may")]
    Version(u8),
    /// The checksum is right, the terms cannot be.
    #[error(transparent)]
    Terms(#[from] TermsError),
}

impl PointerText {
    /// The pointer in a grid.
    ///
    /// # Errors
    /// [`PointerError`] if the stamp is not for these terms in this grid.
    pub fn check(self, rules: &Rules) -> Result<Pointer, PointerError> {
        Pointer::check(self.terms, self.stamp, rules, &Proofs)
    }
}

impl From<&Pointer> for PointerText {
    fn from(pointer: &Pointer) -> Self {
        Self { terms: pointer.terms().clone(), stamp: pointer.stamp() }
    }
}

impl fmt::Display for PointerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut payload = vec![VERSION];
        payload.extend(self.stamp.nonce);
        payload.push(self.stamp.bits);
        payload.extend(self.terms.to_bytes());
        let text = bech32::encode::<Bech32m>(Hrp::parse_unchecked(PREFIX), &payload).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl FromStr for PointerText {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        check_case(text)?;
        let text = text.to_ascii_lowercase();
        if !text.starts_with("rook1") {
            return Err(TextError::Prefix(text.chars().take(5).collect()));
        }
        typo::check_characters(&text)?;
        let Ok(checked) = CheckedHrpstring::new::<Bech32m>(&text) else { return Err(typo::locate(&text)) };
        let payload: Vec<u8> = checked.byte_iter().collect();
        let Some((&[version, nonce @ .., bits], terms)) = payload.split_first_chunk::<BEFORE_TERMS>() else {
            return Err(TextError::Length { found: text.len() });
        };
        if version != VERSION {
            return Err(TextError::Version(version));
        }
        let pointer = Self { terms: Terms::from_bytes(terms)?, stamp: Stamp { nonce, bits } };
        // The last group has more bits than the payload; only one value of them is right.
        match pointer.to_string() == text {
            true => Ok(pointer),
            false => Err(TextError::Checksum),
        }
    }
}

fn check_case(text: &str) -> Result<(), TextError> {
    let Some(first) = text.chars().find(char::is_ascii_alphabetic) else { return Ok(()) };
    let differs = |c: &char| c.is_ascii_alphabetic() && c.is_ascii_lowercase() != first.is_ascii_lowercase();
    match text.chars().enumerate().find(|(_, c)| differs(c)) {
        Some((at, found)) => Err(TextError::MixedCase { at: at + 1, found }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use grid::record::Subject;
    use grid::time::Day;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    fn pointer() -> impl Strategy<Value = PointerText> {
        let numbers = (any::<u64>(), any::<u16>(), any::<u8>(), any::<[u8; 8]>(), any::<u8>());
        (any::<[u8; 32]>(), numbers, prop::collection::vec(any::<u8>(), 0..=32)).prop_map(
            |(root, (size, days, priority, nonce, bits), application)| {
                let (subject, from) = (Subject::Immutable { root }, Day::new(2_461_366));
                let terms = Terms { subject, size, from, days, half_life: 0, priority, application };
                PointerText { terms, stamp: Stamp { nonce, bits } }
            },
        )
    }

    fn plain(byte: u8) -> PointerText {
        let (subject, from) = (Subject::Mutable { writer: [byte; 32], interval: 60 }, Day::new(2_461_366));
        let terms = Terms { subject, size: 7, from, days: 30, half_life: 0, priority: 0, application: Vec::new() };
        PointerText { terms, stamp: Stamp { nonce: [byte; 8], bits: 9 } }
    }

    fn place(index: Index, text: &str) -> usize {
        DATA + index.index(text.len() - DATA - 1)
    }

    fn parse(text: &str) -> Result<PointerText, TextError> {
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
            prop_assert_eq!(text.len() == LENGTH, pointer.terms.application.is_empty());
            prop_assert!(text.starts_with("rook1"));
            prop_assert_eq!(parse(&text), Ok(pointer.clone()));
            prop_assert_eq!(parse(&text.to_uppercase()), Ok(pointer));
        }

        #[test]
        fn a_typo_is_located(pointer in pointer(), index in any::<Index>(), seed in any::<usize>()) {
            let index = place(index, &pointer.to_string());
            let mut text: Vec<char> = pointer.to_string().chars().collect();
            let probably = text[index];
            let found = other(probably, seed);
            text[index] = found;
            let text: String = text.into_iter().collect();
            prop_assert_eq!(parse(&text), Err(TextError::Typo { at: index + 1, found, probably }));
        }

        #[test]
        fn a_character_of_no_pointer_is_located(pointer in pointer(), index in any::<Index>(), found in "[bio1 .é]") {
            let index = place(index, &pointer.to_string());
            let mut text: Vec<char> = pointer.to_string().chars().collect();
            let found = found.chars().next().unwrap();
            let probably = Some(text[index]);
            text[index] = found;
            let text: String = text.into_iter().collect();
            prop_assert_eq!(parse(&text), Err(TextError::Character { at: index + 1, found, probably }));
        }

        #[test]
        fn a_missing_character_is_found(pointer in pointer(), index in any::<Index>()) {
            let whole = pointer.to_string();
            let index = place(index, &whole);
            let mut text = whole.clone();
            text.remove(index);
            let Err(TextError::Missing { at, probably }) = parse(&text) else { panic!("{:?}", parse(&text)) };
            // Of several equal ones in a row, any may be the missing one.
            text.insert(at - 1, probably);
            prop_assert_eq!(text, whole);
        }

        #[test]
        fn an_extra_character_is_found(pointer in pointer(), index in any::<Index>(), seed in any::<usize>()) {
            let whole = pointer.to_string();
            let index = place(index, &whole);
            let mut text = whole.clone();
            text.insert(index, other('-', seed));
            let Err(TextError::Extra { at, .. }) = parse(&text) else { panic!("{:?}", parse(&text)) };
            text.remove(at - 1);
            prop_assert_eq!(text, whole);
        }

        #[test]
        fn exchanged_characters_are_found(pointer in pointer(), index in any::<Index>()) {
            let index = place(index, &pointer.to_string());
            let mut text: Vec<char> = pointer.to_string().chars().collect();
            prop_assume!(text[index] != text[index + 1]);
            text.swap(index, index + 1);
            let text: String = text.into_iter().collect();
            prop_assert_eq!(parse(&text), Err(TextError::Exchanged { at: index + 1 }));
        }

        #[test]
        fn a_part_is_too_short(byte: u8, length in 5..LENGTH - 1) {
            let text = &plain(byte).to_string()[..length];
            prop_assert_eq!(parse(text), Err(TextError::Length { found: length }));
        }

        #[test]
        fn any_text_is_refused_without_panic(text in ".*") {
            prop_assert!(parse(&text).is_err());
        }

        #[test]
        fn any_text_behind_the_prefix_is_refused_without_panic(text in "rook1.{0,130}") {
            prop_assert!(parse(&text).is_err());
        }
    }

    /// At this text, whose one mistake is a character that is missing, a common way to look for typos fails.
    #[test]
    fn a_mistake_is_found_where_a_typo_cannot_be_computed() {
        let text = "rook1q8apgv3d6uv8n4neqqa8x6k7dz8mndazysdsmvs8se39p5ujxyqqqqqqqqqqqqqqqqqqqqqqqqq\
                    qqqqqqqqqqqqqqjcadsqqqqqqqqwqqqqqqqqqqqqqqqqqqqqqqqel9mzk";
        assert_eq!(parse(text), Err(TextError::Missing { at: 56, probably: 'z' }));
    }

    #[test]
    fn the_longest_is_as_long_as_it_is_said_to_be() {
        let mut pointer = plain(1);
        pointer.terms.application = vec![7; 32];
        assert_eq!(pointer.to_string().len(), LONGEST);
        assert_eq!(parse(&format!("rook1{}", "q".repeat(LONGEST))), Err(TextError::Checksum));
    }

    #[test]
    fn other_prefixes_and_cases_are_named() {
        let text = plain(7).to_string();
        assert_eq!(parse(""), Err(TextError::Prefix(String::new())));
        assert_eq!(parse(&text.replace("rook", "r00k")), Err(TextError::Prefix("r00k1".into())));
        let mixed = text.replace("rook1", "rOok1");
        assert_eq!(parse(&mixed), Err(TextError::MixedCase { at: 2, found: 'O' }));
    }

    #[test]
    fn other_versions_are_named() {
        let mut payload = [9; 65];
        payload[0] = 2;
        let text = bech32::encode::<Bech32m>(Hrp::parse_unchecked(PREFIX), &payload).unwrap();
        assert_eq!(parse(&text), Err(TextError::Version(2)));
        payload[..11].copy_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]);
        let text = bech32::encode::<Bech32m>(Hrp::parse_unchecked(PREFIX), &payload).unwrap();
        assert_eq!(parse(&text), Err(TextError::Terms(TermsError::Kind(3))));
    }

    #[test]
    fn a_record_has_one_pointer_for_ever() {
        // Computed by another implementation too, written after BIP 350 alone.
        let text = "rook1qyqqqqqqqqqqqqqfqyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq7qqqqqqqqqqqq8qqjcadsqrcqqqqqqm7669z";
        assert_eq!(plain(0).to_string(), text);
        assert_eq!(parse(text), Ok(plain(0)));
    }
}
