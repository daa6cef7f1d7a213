//! Where the mistake in a pointer is, as far as its checksum can tell.

use bech32::primitives::correction::CorrectableError;
use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32m, Fe32};

use super::{LENGTH, PointerError};

/// The characters that can stand behind `rook1`.
pub(super) const ALPHABET: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// Bytes of the text before the part that the checksum can correct.
const DATA: usize = "rook1".len();

/// Finds a character that no pointer has.
pub(super) fn check_characters(text: &str) -> Result<(), PointerError> {
    let characters: Vec<char> = text.chars().collect();
    let wrong = |&(_, &c): &(usize, &char)| !ALPHABET.contains(c);
    let Some((at, &found)) = characters.iter().enumerate().skip(DATA).find(wrong) else { return Ok(()) };
    let fits = |&c: &char| {
        let mut fixed = characters.clone();
        fixed[at] = c;
        is_valid(&String::from_iter(fixed))
    };
    let probably = ALPHABET.chars().find(fits);
    Err(PointerError::Character { at: at + 1, found, probably })
}

/// Finds the one mistake that explains why the checksum of `text`, which has only characters that may be, is wrong.
pub(super) fn locate(text: &str) -> PointerError {
    let found = match text.len() {
        LENGTH => substituted(text).or_else(|| exchanged(text)),
        length if length + 1 == LENGTH => missing(text),
        length if length == LENGTH + 1 => extra(text),
        _ => None,
    };
    found.unwrap_or(match text.len() {
        LENGTH => PointerError::Checksum,
        found => PointerError::Length { found },
    })
}

fn is_valid(text: &str) -> bool {
    text.len() == LENGTH && CheckedHrpstring::new::<Bech32m>(text).is_ok()
}

/// One wrong character: bech32m's code finds it.
fn substituted(text: &str) -> Option<PointerError> {
    let error = CheckedHrpstring::new::<Bech32m>(text).err()?;
    let corrector = error.correction_context::<Bech32m>()?;
    let mut errors = corrector.bch_errors()?;
    let (from_end, difference) = errors.next()?;
    let index = text.len().checked_sub(1 + from_end).filter(|&index| index >= DATA)?;
    if errors.next().is_some() {
        return None;
    }
    let found = text[index..].chars().next()?;
    let probably = (Fe32::from_char(found).ok()? + difference).to_char();
    let fixed = format!("{}{probably}{}", &text[..index], &text[index + 1..]);
    is_valid(&fixed).then_some(PointerError::Typo { at: index + 1, found, probably })
}

fn exchanged(text: &str) -> Option<PointerError> {
    let swap = |index: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.swap(index, index + 1);
        String::from_utf8(bytes).is_ok_and(|text| is_valid(&text))
    };
    let index = (DATA..text.len() - 1).find(|&index| swap(index))?;
    Some(PointerError::Exchanged { at: index + 1 })
}

fn missing(text: &str) -> Option<PointerError> {
    let places = (DATA..=text.len()).flat_map(|index| ALPHABET.chars().map(move |c| (index, c)));
    let fits = |&(index, c): &(usize, char)| is_valid(&format!("{}{c}{}", &text[..index], &text[index..]));
    let (index, probably) = places.into_iter().find(fits)?;
    Some(PointerError::Missing { at: index + 1, probably })
}

fn extra(text: &str) -> Option<PointerError> {
    let fits = |&index: &usize| is_valid(&format!("{}{}", &text[..index], &text[index + 1..]));
    let index = (DATA..text.len()).find(fits)?;
    Some(PointerError::Extra { at: index + 1, found: text[index..].chars().next()? })
}
