//! Sizes, times and rates as people write them: `1MiB`, `12h`, `24/day`.

use std::num::NonZeroU32;

use grid::trust::Proofs;

use crate::transport::Cover;

const SIZES: [(&str, u64); 9] = [
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tb", 1_000_000_000_000),
    ("tib", 1 << 40),
];
/// In kbit/s, 1,000 bits each.
const BIT_RATES: [(&str, u64); 3] = [("kbit/s", 1), ("mbit/s", 1_000), ("gbit/s", 1_000_000)];
const TIMES: [(&str, u64); 8] =
    [("s", 1), ("m", 60), ("min", 60), ("h", 3600), ("hour", 3600), ("d", 86_400), ("day", 86_400), ("week", 604_800)];

/// A number and its unit.
fn split(text: &str) -> (&str, String) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (&text[..end], text[end..].trim().to_ascii_lowercase())
}

fn scaled(text: &str, units: &[(&str, u64)], usual: u64) -> Option<u64> {
    let (number, unit) = split(text.trim());
    let number: u64 = number.parse().ok()?;
    let known = units.iter().find(|(name, _)| *name == unit || format!("{name}s") == unit).map(|(_, scale)| *scale);
    let scale = if unit.is_empty() { usual } else { known? };
    number.checked_mul(scale)
}

/// Bytes: a whole number, with a unit or without.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    scaled(text, &SIZES, 1).ok_or_else(|| "a size is a whole number of bytes, or like 256KiB, 1MiB, 5GB".to_owned())
}

/// Seconds: a whole number and a unit.
pub(crate) fn seconds(text: &str) -> Result<u64, String> {
    scaled(text, &TIMES, 1).ok_or_else(|| "a time is a whole number of seconds, or like 90s, 30min, 12h, 7d".to_owned())
}

/// What is sent in a second, in kbit/s: a whole number and a unit.
pub(crate) fn bit_rate(text: &str) -> Result<NonZeroU32, String> {
    let wrong = || {
        "a rate is like 205kbit/s, 2Mbit/s, 1Gbit/s: a whole number of at least 11kbit/s, a cell a second".to_owned()
    };
    // A number alone would be a guess, and bytes another.
    let rate = scaled(text, &BIT_RATES, 0).ok_or_else(wrong)?;
    u32::try_from(rate).ok().filter(|&rate| rate >= Cover::LEAST).and_then(NonZeroU32::new).ok_or_else(wrong)
}

/// The least interval of a mutable record, in seconds.
pub(super) fn interval(text: &str) -> Result<u32, String> {
    let seconds = seconds(text)?;
    match u32::try_from(seconds) {
        Ok(seconds) if seconds > 0 => Ok(seconds),
        Ok(_) | Err(_) => Err(format!("an interval is 1 s to {} s, not {seconds} s", u32::MAX)),
    }
}

/// So many a time, as the interval between two: `24/day` is 3,600 s.
pub(super) fn rate(text: &str) -> Result<u32, String> {
    let wrong = || "a rate is like 1/day, 24/day, 60/h; not more than one a second".to_owned();
    let (count, time) = text.split_once('/').ok_or_else(wrong)?;
    let count: u64 = count.trim().parse().map_err(|_| wrong())?;
    // A unit alone: "1/" means nothing, and "1/2h" is not "1/12h".
    let unit = Some(time.trim()).filter(|unit| unit.starts_with(|c: char| c.is_ascii_alphabetic()));
    let time = unit.and_then(|unit| scaled(&format!("1{unit}"), &TIMES, 1)).ok_or_else(wrong)?;
    let interval = time.checked_div(count).filter(|&interval| interval > 0).ok_or_else(wrong)?;
    u32::try_from(interval).map_err(|_| wrong())
}

/// A share, from 0 to 1.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("{text:?} is no share: say a number from 0 to 1, as 0.1"))
}

/// A switch.
pub(crate) fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("{text:?} is neither \"on\" nor \"off\"")),
    }
}

/// When proofs are wanted.
pub(crate) fn proofs(text: &str) -> Result<Proofs, String> {
    match text {
        "always" => Ok(Proofs::Always),
        "disputes" => Ok(Proofs::OnDispute),
        _ => Err(format!("{text:?} is neither `always` nor `disputes`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_people_write_them() {
        assert_eq!(size("1MiB"), Ok(1 << 20));
        assert_eq!(size("5 GB"), Ok(5_000_000_000));
        assert_eq!(size("77"), Ok(77));
        assert_eq!(seconds("12h"), Ok(43_200));
        assert_eq!(seconds("7days"), Ok(604_800));
        assert_eq!(interval("1h"), Ok(3600));
        assert_eq!(rate("24/day"), Ok(3600));
        assert_eq!(rate("1/week"), Ok(604_800));
        for wrong in ["", "MiB", "-1", "1.5MiB", "1XB", "99999999999999999999"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        for wrong in ["1", "0/day", "1/", "1/2h", "/day", "2/s", "x/day"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
        assert_eq!(bit_rate("205kbit/s").map(NonZeroU32::get), Ok(205));
        assert_eq!(bit_rate("2 Mbit/s").map(NonZeroU32::get), Ok(2000));
        for wrong in ["205", "10kbit/s", "0Mbit/s", "2MB/s", "-5kbit/s", "1.5Mbit/s", "99999999Gbit/s", "kbit/s", ""] {
            assert!(bit_rate(wrong).is_err(), "{wrong}");
        }
        assert!(interval("0s").is_err() && interval("9999999d").is_err());
    }
}
