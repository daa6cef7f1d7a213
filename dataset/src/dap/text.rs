//! Numbers and texts as they stand in a DAS and in ASCII answers.

use crate::model::Kind;

/// Writes a single: the shortest text that comes back, also by way of a double, as which netCDF's reader takes it first.
#[expect(clippy::cast_possible_truncation, reason = "that this rounding gives the number back is the question")]
pub(super) fn single(value: f32) -> String {
    let text = format!("{value:?}");
    let is_exact = text.parse::<f64>().is_ok_and(|double| (double as f32).to_bits() == value.to_bits());
    if is_exact || !value.is_finite() { text } else { format!("{:?}", f64::from(value)) }
}

/// Writes a double.
pub(super) fn double(value: f64) -> String {
    format!("{value:?}")
}

/// Writes one element in canonical form; text comes as its bytes.
pub(super) fn element(kind: Kind, bytes: &[u8]) -> String {
    match kind {
        Kind::I8 => integer(bytes, true),
        Kind::U8 => integer(bytes, false),
        Kind::I16 | Kind::I32 | Kind::I64 => integer(bytes, true),
        Kind::U16 | Kind::U32 | Kind::U64 => integer(bytes, false),
        Kind::F32 => single(f32::from_be_bytes(bytes.try_into().unwrap_or_default())),
        Kind::F64 => double(f64::from_be_bytes(bytes.try_into().unwrap_or_default())),
        Kind::Char | Kind::String => quoted(&String::from_utf8_lossy(bytes)),
    }
}

fn integer(bytes: &[u8], is_signed: bool) -> String {
    whole(bytes, is_signed).to_string()
}

/// A big-endian integer of up to 8 bytes.
pub(super) fn whole(bytes: &[u8], is_signed: bool) -> i128 {
    let unsigned = bytes.iter().fold(0_i128, |value, &byte| (value << 8) | i128::from(byte));
    let is_negative = is_signed && bytes.first().is_some_and(|&byte| byte & 0x80 != 0);
    if is_negative { unsigned - (1_i128 << (8 * bytes.len())) } else { unsigned }
}

/// Writes text in quotes. Quotes and backslashes are escaped; control characters but white space as `\ooo`. A backslash
/// at the end is `\134`: pydap takes a quote behind any backslash for text.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' if characters.peek().is_none() => quoted.push_str("\\134"),
            '\\' => quoted.push_str("\\\\"),
            '\n' | '\r' | '\t' => quoted.push(character),
            '\0'..='\u{1f}' | '\u{7f}' => quoted.push_str(&format!("\\{:03o}", u32::from(character))),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        #[expect(clippy::cast_possible_truncation, reason = "a client does the same")]
        fn numbers_come_back(single_bits: u32, double_bits: u64) {
            let (small, large) = (f32::from_bits(single_bits), f64::from_bits(double_bits));
            let read = single(small).parse::<f64>().unwrap() as f32;
            prop_assert!(read.to_bits() == small.to_bits() || read.is_nan() && small.is_nan());
            let read: f64 = double(large).parse().unwrap();
            prop_assert!(read.to_bits() == large.to_bits() || read.is_nan() && large.is_nan());
        }

        #[test]
        fn elements_are_the_numbers(value: i64) {
            prop_assert_eq!(element(Kind::I64, &value.to_be_bytes()), value.to_string());
            prop_assert_eq!(element(Kind::U64, &value.to_be_bytes()), value.cast_unsigned().to_string());
        }
    }

    #[test]
    fn texts_are_quoted() {
        assert_eq!(quoted("say \"hi\"\n\\"), "\"say \\\"hi\\\"\n\\134\"");
        assert_eq!(quoted("a\\b\u{1}ü"), "\"a\\\\b\\001ü\"");
        assert_eq!(single(f32::NAN), "NaN");
        assert_eq!(double(f64::NEG_INFINITY), "-inf");
        assert_eq!(element(Kind::I8, &[0xff]), "-1");
    }
}
