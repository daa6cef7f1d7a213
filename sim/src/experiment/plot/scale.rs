//! An axis: from where to where, in which steps, and where its ticks are.

use core::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use super::super::claims::short;

/// An axis of a diagram.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    is_log: bool,
    ticks: Vec<f64>,
    categories: Option<Vec<String>>,
}

impl Scale {
    /// An axis on which all of these numbers have a place; those of a logarithmic one are above 0.
    pub(super) fn of(numbers: impl Iterator<Item = f64>, is_log: bool) -> Self {
        let shown = numbers.filter(|number| number.is_finite() && !(is_log && *number <= 0.0));
        let (least, most) = shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), n| (a.min(n), b.max(n)));
        let (least, most) = if least <= most { (least, most) } else { (1.0, 1.0) };
        let (low, high) = if is_log { padded_log(least, most) } else { padded(least, most) };
        let ticks = if is_log { log_ticks(low, high) } else { ticks(low, high) };
        Self { low, high, is_log, ticks, categories: None }
    }

    /// Puts the ticks where the figures are, if those are few and far enough from each other.
    pub(super) fn with_ticks_at(mut self, mut numbers: Vec<f64>) -> Self {
        numbers.sort_by(f64::total_cmp);
        numbers.dedup();
        let apart = numbers.windows(2).all(|pair| self.share(pair[1]) - self.share(pair[0]) > 0.06);
        if apart && (2..=9).contains(&numbers.len()) {
            self.ticks = numbers;
        }
        self
    }

    /// An axis with these words at 0, 1, 2 ...
    #[expect(clippy::cast_precision_loss, reason = "a few categories")]
    pub(super) fn of_categories(words: &[String]) -> Self {
        let ticks: Vec<f64> = (0..words.len()).map(|place| place as f64).collect();
        let high = words.len() as f64 - 0.5;
        Self { low: -0.5, high, is_log: false, ticks, categories: Some(words.to_vec()) }
    }

    /// The nearest number that has a place on the axis.
    pub(super) fn clamped(&self, number: f64) -> f64 {
        number.clamp(self.low, self.high)
    }

    /// Whether it has a place on the axis.
    pub(super) fn shows(&self, number: f64) -> bool {
        (self.low..=self.high).contains(&number)
    }

    /// Which part of the way from the low end to the high one.
    fn share(&self, number: f64) -> f64 {
        if self.is_log {
            (number / self.low).ln() / (self.high / self.low).ln()
        } else {
            (number - self.low) / (self.high - self.low)
        }
    }
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    #[expect(clippy::cast_possible_truncation, reason = "a pixel of a picture")]
    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = self.share(*value).clamp(-1.0, 2.0);
        (f64::from(from) + share * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Scale {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the place of a category")]
    fn format_ext(&self, value: &f64) -> String {
        match &self.categories {
            Some(words) => words.get(value.round() as usize).cloned().unwrap_or_default(),
            None => tick(*value),
        }
    }
}

/// A number at a tick, in few letters.
fn tick(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if size >= 1e9 => format!("{value:e}"),
        size if size >= 1e6 => format!("{}M", short(value / 1e6)),
        size if size >= 1e4 => format!("{}k", short(value / 1e3)),
        size if size < 1e-3 => short_power(value),
        _ => short(value),
    }
}

fn short_power(value: f64) -> String {
    let text = format!("{value:.2e}");
    text.split_once('e').map_or_else(String::new, |(digits, power)| {
        format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'))
    })
}

fn padded(least: f64, most: f64) -> (f64, f64) {
    if least >= most {
        let room = if most == 0.0 { 1.0 } else { most.abs() * 0.1 };
        return (if least == 0.0 { 0.0 } else { least - room }, most + room);
    }
    let room = 0.04 * (most - least);
    let from_zero = least >= 0.0 && least < 0.4 * most;
    (if from_zero { 0.0 } else { least - room }, most + room)
}

fn padded_log(least: f64, most: f64) -> (f64, f64) {
    let room = if least >= most { 2.0 } else { (most / least).powf(0.04) };
    (least / room, most * room)
}

/// Some six ticks at round steps: 1, 2 or 5 times a power of ten.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / 6.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    let first = (low / step).ceil();
    // Multiplied, not added up, and rounded to a few digits: 0.3, not 0.30000000000000004.
    let at = |i: u32| {
        let value = (first + f64::from(i)) * step;
        format!("{value:.12e}").parse().unwrap_or(value)
    };
    (0..20).map(at).take_while(|tick| *tick <= high).collect()
}

/// Powers of ten, or with few of them 1, 2 and 5 times; every second or so if there are many.
fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (low.log10().floor(), high.log10().ceil());
    let decades = (high / low).log10();
    let factors: &[f64] = if decades <= 3.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let every = (decades / 8.0).ceil().max(1.0);
    let powers = (0..700).map(|i| first + f64::from(i) * every).take_while(|power| *power <= last);
    let all = powers.flat_map(|power| factors.iter().map(move |factor| factor * 10_f64.powf(power)));
    let rounded = all.map(|tick| format!("{tick:.6e}").parse().unwrap_or(tick));
    rounded.filter(|tick| (low..=high).contains(tick)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(0.0, 1.04), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
        assert_eq!(ticks(-3.0, 14.0), [0.0, 5.0, 10.0]);
        assert_eq!(log_ticks(0.9, 120.0), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
        assert_eq!(log_ticks(0.5e-4, 1.5), [1e-4, 1e-3, 1e-2, 0.1, 1.0]);
        assert_eq!(log_ticks(1e-30, 1.0).len(), 8);
    }

    #[test]
    fn every_figure_has_a_place() {
        for is_log in [false, true] {
            for numbers in [&[3.0][..], &[0.0], &[], &[0.001, 5e6], &[f64::NAN, 2.0], &[-4.0, 4.0]] {
                let scale = Scale::of(numbers.iter().copied(), is_log);
                assert!(scale.low < scale.high, "{numbers:?} {scale:?}");
                for &number in numbers.iter().filter(|number| number.is_finite() && !(is_log && **number <= 0.0)) {
                    assert!((0..=1000).contains(&scale.map(&number, (0, 1000))), "{numbers:?} {scale:?}");
                }
            }
        }
    }

    #[test]
    fn ticks_stand_at_the_figures_where_there_is_room() {
        let of = |numbers: &[f64]| Scale::of(numbers.iter().copied(), true).with_ticks_at(numbers.to_vec()).ticks;
        assert_eq!(of(&[1.0, 2.0, 4.0, 8.0]), [1.0, 2.0, 4.0, 8.0]);
        assert!(!of(&[1.0, 1.01, 1000.0]).contains(&1.01));
    }

    #[test]
    fn numbers_are_short() {
        let texts = [(0.0, "0"), (0.25, "0.25"), (4e6, "4M"), (2.5e6, "2.5M"), (20_000.0, "20k"), (5000.0, "5000")];
        for (value, text) in texts.into_iter().chain([(1e-4, "1e-4"), (2.5e-7, "2.5e-7"), (1e12, "1e12")]) {
            assert_eq!(tick(value), text);
        }
    }
}
