//! Which part of an answer is wanted: one range of bytes (RFC 9110, section 14), so that a download that broke off goes on
//! where it was.

use std::ops::Range;

use axum::http::header::{IF_RANGE, RANGE};
use axum::http::{HeaderMap, HeaderValue};

/// What of an answer is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it: no range is asked for, or none that is understood, or of another answer.
    All,
    /// These bytes, of which there is at least one.
    Bytes(Range<u64>),
    /// Bytes that it does not have.
    Nothing,
}

/// What a request wants of an answer of that length, which has this strong tag.
pub(super) fn wanted(request: &HeaderMap, tag: Option<&HeaderValue>, length: u64) -> Wanted {
    let mut ranges = request.get_all(RANGE).iter();
    let (Some(range), None) = (ranges.next(), ranges.next()) else { return Wanted::All };
    // A date is none of ours, and a weak tag proves nothing: then the whole answer is due (section 13.1.5).
    if request.get(IF_RANGE).is_some_and(|condition| Some(condition) != tag) {
        return Wanted::All;
    }
    range.to_str().ok().and_then(|range| parse(range, length)).unwrap_or(Wanted::All)
}

/// Of several ranges, or in other units, nothing is understood, which is allowed.
pub(crate) fn parse(range: &str, length: u64) -> Option<Wanted> {
    let (unit, range) = range.split_once('=')?;
    let (first, last) = range.trim().split_once('-').filter(|_| unit.trim().eq_ignore_ascii_case("bytes"))?;
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| saturating(text));
    let (start, end) = match (first.trim(), last.trim()) {
        ("", "") => return None,
        ("", suffix) => (length.saturating_sub(number(suffix)?), length),
        (first, "") => (number(first)?, length),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            (first, last.saturating_add(1).min(length))
        }
    };
    Some(if start < end { Wanted::Bytes(start..end) } else { Wanted::Nothing })
}

/// Digits as a number; of too many the greatest.
fn saturating(digits: &str) -> u64 {
    digits.parse().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(range: &'static str) -> Wanted {
        let request = HeaderMap::from_iter([(RANGE, HeaderValue::from_static(range))]);
        wanted(&request, None, 1000)
    }

    #[test]
    fn ranges_as_the_rfc_has_them() {
        for (range, expected) in [
            ("bytes=0-499", 0..500),
            ("bytes=500-999", 500..1000),
            ("bytes=-500", 500..1000),
            ("bytes=9500-", 9500..9500),
            ("bytes=0-0", 0..1),
            ("bytes=-1", 999..1000),
            ("Bytes= 10-99999999999999999999999", 10..1000),
            ("bytes=-5000", 0..1000),
            ("bytes=1000-", 1000..1000),
            ("bytes=-0", 1000..1000),
        ] {
            let expected = if expected.is_empty() { Wanted::Nothing } else { Wanted::Bytes(expected) };
            assert_eq!(of(range), expected, "{range}");
        }
        for range in [
            "bytes=0-0,5-6",
            "bytes=5-2",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "lines=1-2",
            "bytes",
            "bytes=+1-2",
            "bytes=1--2",
        ] {
            assert_eq!(of(range), Wanted::All, "{range}");
        }
    }

    #[test]
    fn a_range_of_another_answer_is_no_range() {
        let tag = HeaderValue::from_static("\"abc\"");
        let request = |condition: &'static str| {
            let headers = [(RANGE, "bytes=5-"), (IF_RANGE, condition)];
            HeaderMap::from_iter(headers.map(|(name, value)| (name, HeaderValue::from_static(value))))
        };
        assert_eq!(wanted(&request("\"abc\""), Some(&tag), 9), Wanted::Bytes(5..9));
        for other in ["\"abd\"", "W/\"abc\"", "Wed, 21 Oct 2015 07:28:00 GMT"] {
            assert_eq!(wanted(&request(other), Some(&tag), 9), Wanted::All, "{other}");
        }
        assert_eq!(wanted(&HeaderMap::new(), Some(&tag), 9), Wanted::All);
        let mut twice = request("\"abc\"");
        twice.append(RANGE, HeaderValue::from_static("bytes=1-2"));
        assert_eq!(wanted(&twice, Some(&tag), 9), Wanted::All);
    }
}
