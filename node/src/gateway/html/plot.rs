//! A quick look at values, as SVG: a line for one axis, coloured cells for two.

use std::fmt::Write;

use super::escape;

/// Width and height of the picture, in pixels.
const SIZE: (f64, f64) = (720.0, 400.0);
/// Room around the plot for its labels: left, top, right, bottom.
const MARGIN: (f64, f64, f64, f64) = (78.0, 34.0, 96.0, 46.0);
/// The most cells along either axis: more cannot be told apart at this size.
pub(in crate::gateway) const CELLS: u64 = 120;
/// The most points of a line.
pub(in crate::gateway) const POINTS: u64 = 1000;

/// Six colours of the *viridis* map (S. van der Walt, N. Smith, 2015), from the least value to the greatest.
const COLOURS: [[f64; 3]; 6] = [
    [68.0, 1.0, 84.0],
    [65.0, 68.0, 135.0],
    [42.0, 120.0, 142.0],
    [34.0, 168.0, 132.0],
    [122.0, 209.0, 81.0],
    [253.0, 231.0, 37.0],
];

/// One axis: what it is, and the values along it.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::gateway) struct Axis {
    pub(in crate::gateway) label: String,
    pub(in crate::gateway) values: Vec<f64>,
}

/// A line over one axis. Values that are no numbers leave a gap.
pub(in crate::gateway) fn line(title: &str, axis: &Axis, values: &[f64]) -> String {
    let (x, y) = (Scale::across(&axis.values), Scale::up(values));
    let mut svg = open(title, axis, &x, &y);
    let mut pen_down = false;
    let mut path = String::new();
    for (&at, &value) in axis.values.iter().zip(values) {
        if value.is_finite() && at.is_finite() {
            // Writing to a `String` cannot fail.
            _ = write!(path, "{}{:.1} {:.1} ", if pen_down { 'L' } else { 'M' }, x.place(at), y.place(value));
        }
        pen_down = value.is_finite() && at.is_finite();
    }
    _ = write!(svg, r##"<path d="{path}" fill="none" stroke="#2a788e" stroke-width="1.5"/></svg>"##);
    svg
}

/// Coloured cells over two axes, row by row: `rows` is the slower axis, drawn upward.
pub(in crate::gateway) fn cells(title: &str, rows: &Axis, columns: &Axis, values: &[f64]) -> String {
    let (x, y) = (Scale::across(&columns.values), Scale::up(&rows.values));
    let (least, greatest) = extremes(values);
    let mut svg = open(title, columns, &x, &y);
    let (wide, high) = (cell(x.length(), columns.values.len()), cell(y.length(), rows.values.len()));
    for (row, line) in values.chunks(columns.values.len().max(1)).enumerate() {
        let Some(&at) = rows.values.get(row) else { break };
        let bottom = y.cell(at, row, rows.values.len());
        for (column, value) in line.iter().enumerate().filter(|(_, value)| value.is_finite()) {
            let left = x.cell(columns.values[column], column, columns.values.len());
            let colour = colour((value - least) / (greatest - least));
            let (left, top) = (left - wide / 2.0, bottom - high / 2.0);
            _ = write!(
                svg,
                r#"<rect x="{left:.1}" y="{top:.1}" width="{:.1}" height="{:.1}" fill="{colour}"/>"#,
                wide + 0.3,
                high + 0.3
            );
        }
    }
    _ = write!(
        svg,
        r#"<text transform="translate(16 {:.0}) rotate(-90)" text-anchor="middle" fill="currentColor">{}</text>"#,
        f64::midpoint(MARGIN.1, SIZE.1 - MARGIN.3),
        escape(&rows.label)
    );
    legend(&mut svg, least, greatest);
    svg.push_str("</svg>");
    svg
}

fn cell(length: f64, count: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a plot has at most 1,000 points")]
    let count = count.max(1) as f64;
    length / count
}

fn open(title: &str, across: &Axis, x: &Scale, y: &Scale) -> String {
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" font-family="sans-serif" font-size="11" color="#445"><rect width="100%" height="100%" fill="#fff"/><text x="{}" y="16" font-size="13" fill="currentColor">{}</text>"##,
        SIZE.0,
        SIZE.1,
        MARGIN.0,
        escape(title)
    );
    let (bottom, right) = (SIZE.1 - MARGIN.3, SIZE.0 - MARGIN.2);
    for value in x.ticks() {
        let at = x.place(value);
        _ = write!(
            svg,
            r##"<path d="M{at:.1} {:.1}v{:.1}" stroke="#e4e8ee"/><text x="{at:.1}" y="{:.1}" text-anchor="middle" fill="currentColor">{}</text>"##,
            bottom,
            MARGIN.1 - bottom,
            bottom + 16.0,
            short(value)
        );
    }
    for value in y.ticks() {
        let at = y.place(value);
        _ = write!(
            svg,
            r##"<path d="M{:.1} {at:.1}H{right:.1}" stroke="#e4e8ee"/><text x="{:.1}" y="{:.1}" text-anchor="end" fill="currentColor">{}</text>"##,
            MARGIN.0,
            MARGIN.0 - 8.0,
            at + 4.0,
            short(value)
        );
    }
    _ = write!(
        svg,
        r#"<text x="{:.1}" y="{:.1}" text-anchor="middle" fill="currentColor">{}</text>"#,
        f64::midpoint(MARGIN.0, right),
        SIZE.1 - 8.0,
        escape(&across.label)
    );
    svg
}

fn legend(svg: &mut String, least: f64, greatest: f64) {
    let (left, bottom) = (SIZE.0 - MARGIN.2 + 16.0, SIZE.1 - MARGIN.3);
    let high = (bottom - MARGIN.1) / 24.0;
    for step in 0..24_u8 {
        let top = bottom - high * f64::from(step + 1);
        let colour = colour(f64::from(step) / 23.0);
        _ = write!(svg, r#"<rect x="{left:.1}" y="{top:.1}" width="14" height="{:.1}" fill="{colour}"/>"#, high + 0.3);
    }
    for (value, at) in
        [(least, bottom), (f64::midpoint(least, greatest), f64::midpoint(bottom, MARGIN.1)), (greatest, MARGIN.1)]
    {
        _ = write!(
            svg,
            r#"<text x="{:.1}" y="{:.1}" fill="currentColor">{}</text>"#,
            left + 18.0,
            at + 4.0,
            short(value)
        );
    }
}

/// The least and the greatest number; apart from each other, so that one can divide by the difference.
fn extremes(values: &[f64]) -> (f64, f64) {
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let (least, greatest) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    match (least.is_finite(), least < greatest) {
        (false, _) => (0.0, 1.0),
        (true, false) => (least - 0.5, least + 0.5),
        (true, true) => (least, greatest),
    }
}

fn colour(share: f64) -> String {
    let at = share.clamp(0.0, 1.0) * 5.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 4")]
    let below = at.floor().min(4.0) as usize;
    let [low, high] = [COLOURS[below], COLOURS[below + 1]];
    let rest = at - at.floor().min(4.0);
    let mix = |channel: usize| low[channel] + (high[channel] - low[channel]) * rest;
    format!("rgb({:.0},{:.0},{:.0})", mix(0), mix(1), mix(2))
}

/// A number in few characters.
fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        1e-3..1e5 => {
            let text = format!("{value:.3}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => format!("{value:.2e}"),
    }
}

/// From values to places on the picture.
struct Scale {
    least: f64,
    greatest: f64,
    from: f64,
    to: f64,
}

impl Scale {
    fn across(values: &[f64]) -> Self {
        let (least, greatest) = extremes(values);
        Self { least, greatest, from: MARGIN.0, to: SIZE.0 - MARGIN.2 }
    }

    fn up(values: &[f64]) -> Self {
        let (least, greatest) = extremes(values);
        Self { least, greatest, from: SIZE.1 - MARGIN.3, to: MARGIN.1 }
    }

    fn place(&self, value: f64) -> f64 {
        self.from + (self.to - self.from) * (value - self.least) / (self.greatest - self.least)
    }

    fn length(&self) -> f64 {
        (self.to - self.from).abs()
    }

    /// The middle of a cell: cells share the axis equally, in the direction in which its values run.
    fn cell(&self, value: f64, number: usize, count: usize) -> f64 {
        let step = cell(self.to - self.from, count);
        let middle = self.place(value);
        #[expect(clippy::cast_precision_loss, reason = "a plot has at most 1,000 points")]
        let (forward, backward) = (number as f64 + 0.5, (count - number) as f64 - 0.5);
        let (forward, backward) = (self.from + step * forward, self.from + step * backward);
        if (forward - middle).abs() <= (backward - middle).abs() { forward } else { backward }
    }

    /// Five or so round values (steps of 1, 2 or 5 times a power of ten).
    fn ticks(&self) -> Vec<f64> {
        let raw = (self.greatest - self.least) / 5.0;
        let power = 10_f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|unit| unit * power).find(|&step| step >= raw).unwrap_or(raw);
        let first = (self.least / step).ceil();
        (0..12).map(|n| (first + f64::from(n)) * step).take_while(|&value| value <= self.greatest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(values: &[f64]) -> Axis {
        Axis { label: "a < b".into(), values: values.to_vec() }
    }

    #[test]
    fn a_line_has_gaps_where_there_are_no_numbers() {
        let svg = line("t & u", &axis(&[0.0, 1.0, 2.0, 3.0]), &[1.0, f64::NAN, 2.0, 3.0]);
        assert_eq!(svg.matches('M').count() - svg.matches("<path d=\"M").count() + 1, 2, "{svg}");
        assert!(svg.contains("t &amp; u") && svg.contains("a &lt; b"));
        assert!(!svg.contains("NaN"));
    }

    #[test]
    fn cells_that_are_no_numbers_are_left_out() {
        let svg = cells("t", &axis(&[10.0, 0.0]), &axis(&[0.0, 1.0, 2.0]), &[1.0, 2.0, 3.0, f64::NAN, 5.0, 6.0]);
        assert_eq!(svg.matches("<rect").count(), 1 + 5 + 24);
        assert!(!svg.contains("NaN"));
    }

    #[test]
    fn nothing_and_constants_can_be_drawn() {
        for values in [&[][..], &[4.0], &[4.0, 4.0], &[f64::NAN], &[f64::INFINITY, 1.0]] {
            let svg = line("t", &axis(values), values);
            assert!(svg.ends_with("</svg>") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
        assert!(cells("t", &axis(&[]), &axis(&[]), &[]).ends_with("</svg>"));
    }

    #[test]
    fn ticks_are_round() {
        let scale = Scale { least: -3.2, greatest: 12.1, from: 0.0, to: 1.0 };
        assert_eq!(scale.ticks(), [0.0, 5.0, 10.0]);
        assert_eq!(short(0.25), "0.25");
        assert_eq!(short(1.0e9), "1.00e9");
    }
}
