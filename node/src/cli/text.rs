//! How figures and tables look to people, and how commands speak: results on standard output, all else on standard
//! error. A reader who has gone away is no error.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

/// A line of the result.
pub(super) fn say(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// A line beside the result.
pub(super) fn note(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// The result for scripts.
pub(super) fn say_json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => say(text),
        Err(error) => note(format_args!("cannot write JSON: {error}")),
    }
}

/// Names and values, the values below each other.
pub(super) fn fields(fields: &[(&str, String)]) -> String {
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines: Vec<String> = fields.iter().map(|(name, value)| format!("{name:width$}  {value}")).collect();
    lines.join("\n")
}

/// Rows under a head, columns aligned: those of which every value begins with a digit to the right.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
    let columns = (0..head.len()).map(|column| {
        let values: Vec<String> = rows.iter().map(|row| cell(row, column)).collect();
        let width = values.iter().map(|value| value.chars().count()).chain([head[column].len()]).max();
        let is_number = |value: &String| value == "-" || value.starts_with(|c: char| c.is_ascii_digit());
        (width.unwrap_or_default(), !values.is_empty() && values.iter().all(is_number))
    });
    let columns: Vec<(usize, bool)> = columns.collect();
    let line = |values: Vec<String>| {
        let padded = values.iter().zip(&columns).map(|(value, &(width, right))| match right {
            true => format!("{value:>width$}"),
            false => format!("{value:width$}"),
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let head = line(head.iter().map(ToString::to_string).collect());
    let rows = rows.iter().map(|row| line((0..columns.len()).map(|column| cell(row, column)).collect()));
    std::iter::once(head).chain(rows).collect::<Vec<_>>().join("\n")
}

/// A time in the unit that suits it.
pub(super) fn duration(time: Duration) -> String {
    seconds(time.as_secs_f64())
}

/// A time in the unit that suits it; may be longer than any [`Duration`].
pub(super) fn seconds(seconds: f64) -> String {
    const UNITS: [(f64, &str); 5] =
        [(365.25 * 86_400.0, "years"), (86_400.0, "days"), (3600.0, "h"), (60.0, "min"), (1.0, "s")];
    match UNITS.iter().find(|(size, _)| seconds >= *size) {
        Some((size, unit)) => format!("{} {unit}", three_digits(seconds / size)),
        None if seconds >= 1e-3 => format!("{} ms", three_digits(seconds * 1e3)),
        None => format!("{} us", three_digits(seconds * 1e6)),
    }
}

/// A number with the prefix that suits it: 68.2 M.
pub(super) fn scaled(number: f64) -> String {
    const UNITS: [(f64, &str); 5] = [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    match UNITS.iter().find(|(size, _)| number >= *size) {
        Some((size, unit)) => format!("{} {unit}", three_digits(number / size)),
        None => format!("{} ", three_digits(number)),
    }
}

/// A size in bytes, in the binary unit that suits it.
pub(super) fn bytes(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
        1_073_741_824.. => format!("{:.1} GiB", bytes as f64 / 1_073_741_824.0),
    }
}

fn three_digits(number: f64) -> String {
    match number {
        number if number >= 99.95 => format!("{number:.0}"),
        number if number >= 9.995 => format!("{number:.1}"),
        number => format!("{number:.2}"),
    }
}

/// A cell as `[1, 0]`.
pub(super) fn cell(cell: &[u16]) -> String {
    format!("{cell:?}")
}

/// The beginning of a name of 64 hex digits.
pub(super) fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits() {
        assert_eq!(duration(Duration::from_micros(59)), "59.0 us");
        assert_eq!(duration(Duration::from_millis(1500)), "1.50 s");
        assert_eq!(seconds(86_400.0 * 20.0), "20.0 days");
        assert_eq!(scaled(68_200_000.0), "68.2 M");
        assert_eq!(scaled(12.0), "12.0 ");
        assert_eq!(bytes(1), "1 bytes");
        assert_eq!(bytes(262_144), "256.0 KiB");
    }

    #[test]
    fn numbers_stand_to_the_right() {
        let rows = [vec!["a".to_owned(), "10".to_owned()], vec!["long".to_owned(), "-".to_owned()]];
        assert_eq!(table(&["name", "n"], &rows), "name   n\na     10\nlong   -");
    }
}
