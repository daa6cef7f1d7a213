//! Where the mistake in a pointer is, as far as its checksum can tell.

use bech32::Bech32m;
use bech32::primitives::decode::CheckedHrpstring;

use super::{DATA, LENGTH, LONGEST, TextError};

/// The characters that can stand behind `rook1`.
pub(super) const ALPHABET: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// Finds a character that no pointer has.
pub(super) fn check_characters(text: &str) -> Result<(), TextError> {
    let characters: Vec<char> = text.chars().collect();
    let wrong = |&(_, &c): &(usize, &char)| !ALPHABET.contains(c);
    let Some((at, &found)) = characters.iter().enumerate().skip(DATA).find(wrong) else { return Ok(()) };
    let fits = |&c: &char| {
        let mut fixed = characters.clone();
        fixed[at] = c;
        is_valid(&String::from_iter(fixed))
    };
    let probably = ALPHABET.chars().find(fits);
    Err(TextError::Character { at: at + 1, found, probably })
}

/// Finds the one mistake that explains why the checksum of `text`, which has only characters that may be, is wrong.
pub(super) fn locate(text: &str) -> TextError {
    if text.len() > LONGEST + 1 {
        return TextError::Checksum;
    }
    // What has few places to look at comes first.
    let found = exchanged(text).or_else(|| extra(text)).or_else(|| substituted(text)).or_else(|| missing(text));
    found.unwrap_or(match text.len() < LENGTH {
        true => TextError::Length { found: text.len() },
        false => TextError::Checksum,
    })
}

fn is_valid(text: &str) -> bool {
    text.len() >= LENGTH && CheckedHrpstring::new::<Bech32m>(text).is_ok()
}

/// One wrong character. All are tried: the corrector of the `bech32` crate panics at some texts.
fn substituted(text: &str) -> Option<TextError> {
    let places = (DATA..text.len()).flat_map(|index| ALPHABET.chars().map(move |c| (index, c)));
    let fits = |&(index, c): &(usize, char)| is_valid(&format!("{}{c}{}", &text[..index], &text[index + 1..]));
    let (index, probably) = places.into_iter().find(fits)?;
    Some(TextError::Typo { at: index + 1, found: text[index..].chars().next()?, probably })
}

fn exchanged(text: &str) -> Option<TextError> {
    let swap = |index: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.swap(index, index + 1);
        String::from_utf8(bytes).is_ok_and(|text| is_valid(&text))
    };
    let index = (DATA..text.len() - 1).find(|&index| swap(index))?;
    Some(TextError::Exchanged { at: index + 1 })
}

fn missing(text: &str) -> Option<TextError> {
    let places = (DATA..=text.len()).flat_map(|index| ALPHABET.chars().map(move |c| (index, c)));
    let fits = |&(index, c): &(usize, char)| is_valid(&format!("{}{c}{}", &text[..index], &text[index..]));
    let (index, probably) = places.into_iter().find(fits)?;
    Some(TextError::Missing { at: index + 1, probably })
}

fn extra(text: &str) -> Option<TextError> {
    let fits = |&index: &usize| is_valid(&format!("{}{}", &text[..index], &text[index + 1..]));
    let index = (DATA..text.len()).find(fits)?;
    Some(TextError::Extra { at: index + 1, found: text[index..].chars().next()? })
}
