//! The lines of a diagram, out of the results.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::file::Plot;
use super::super::near::instead;
use super::super::run::{Results, Row};
use super::super::setup::{Point, plain};

/// The lines of a diagram.
#[derive(Debug)]
pub(super) struct Curves {
    /// In the order of the measures, then of the points; what was expected last, over the others.
    pub(super) all: Vec<Curve>,
    /// What stands at 0, 1, 2 .. of x, if x is not a number.
    pub(super) categories: Option<Vec<String>>,
    /// Figures that an axis cannot show: 0 or less where steps are factors.
    hidden: usize,
}

/// A line of a diagram.
#[derive(Debug)]
pub(super) struct Curve {
    /// For the legend.
    pub(super) label: String,
    /// Which colour and marker of those that were measured.
    pub(super) colour: usize,
    /// Whether it is what was expected.
    pub(super) expected: bool,
    /// In the order of the points.
    pub(super) dots: Vec<Dot>,
}

/// A mean in a diagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dot {
    pub(super) x: f64,
    pub(super) y: f64,
    /// The confidence interval of y.
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Curves {
    pub(super) fn of(results: &Results, plot: &Plot) -> Result<Self, String> {
        check_names(results, plot)?;
        let points: Vec<(&Point, &Row)> =
            results.setup.points.iter().zip(&results.rows).filter(|(point, _)| point.is_at(&plot.place)).collect();
        let x = Horizontal::of(&plot.x, &points);
        let series = series(results, plot, &points);
        let mut curves = Self { all: Vec::new(), categories: x.categories(), hidden: 0 };
        let (expected, measured): (Vec<&String>, Vec<&String>) = plot.y.0.iter().partition(|name| is_expected(name));
        for measure in measured {
            for (label, points) in group(&points, &series) {
                let (colour, dots) = (curves.all.len(), curves.dots(plot, measure, &x, &points));
                curves.all.push(Curve { label: named(plot, measure, &label), colour, expected: false, dots });
            }
        }
        for measure in expected {
            for (place, (_, points)) in group(&points, &series).iter().enumerate() {
                // They all look the same, so one line of the legend is for all.
                let label = if place == 0 { in_words(measure) } else { String::new() };
                let dots = curves.dots(plot, measure, &x, points);
                curves.all.push(Curve { label, colour: 0, expected: true, dots });
            }
        }
        curves.all.retain(|curve| !curve.dots.is_empty());
        Ok(curves)
    }

    fn dots(&mut self, plot: &Plot, measure: &str, x: &Horizontal, points: &[(&Point, &Row)]) -> Vec<Dot> {
        let mut dots = Vec::new();
        for &(point, row) in points {
            let (Some(x), Some(summary)) = (x.value(point, row), row.measures.get(measure)) else { continue };
            let (low, high) = summary.interval();
            let dot = Dot { x, y: summary.mean, low, high };
            let can_be_shown = !(plot.log_x && dot.x <= 0.0 || plot.log_y && dot.y <= 0.0);
            self.hidden += usize::from(!can_be_shown);
            dots.extend(can_be_shown.then_some(dot));
        }
        dots
    }

    pub(super) fn are_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn dots_of_all(&self) -> impl Iterator<Item = &Dot> + Clone {
        self.all.iter().flat_map(|curve| &curve.dots)
    }

    pub(super) fn remark(&self) -> String {
        match self.hidden {
            0 => String::new(),
            1 => "One figure is 0 or less and has no place on a logarithmic axis.".into(),
            some => format!("{some} figures are 0 or less and have no place on a logarithmic axis."),
        }
    }
}

/// What is drawn along x.
enum Horizontal<'a> {
    Number(&'a str),
    /// The values, in the order of the points.
    Category(&'a str, Vec<Value>),
    Measure(&'a str),
}

impl<'a> Horizontal<'a> {
    fn of(name: &'a str, points: &[(&Point, &Row)]) -> Self {
        let values: Vec<&Value> = points.iter().filter_map(|(point, _)| point.parameter(name)).collect();
        if values.is_empty() {
            return Self::Measure(name);
        }
        if values.iter().all(|value| value.is_number()) {
            return Self::Number(name);
        }
        let mut distinct: Vec<Value> = Vec::new();
        for value in values {
            if !distinct.contains(value) {
                distinct.push(value.clone());
            }
        }
        Self::Category(name, distinct)
    }

    fn categories(&self) -> Option<Vec<String>> {
        match self {
            Self::Category(_, values) => Some(values.iter().map(plain).collect()),
            Self::Number(_) | Self::Measure(_) => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "places of a few categories")]
    fn value(&self, point: &Point, row: &Row) -> Option<f64> {
        match self {
            Self::Number(name) => point.parameter(name)?.as_f64(),
            Self::Category(name, values) => {
                let value = point.parameter(name)?;
                values.iter().position(|known| known == value).map(|place| place as f64)
            }
            Self::Measure(name) => row.measures.get(name).map(|summary| summary.mean),
        }
    }
}

fn check_names(results: &Results, plot: &Plot) -> Result<(), String> {
    let measures = results.measures();
    let is_parameter = |name: &str| results.setup.points.iter().any(|point| point.parameters.contains_key(name));
    for (axis, name) in plot.y.0.iter().map(|name| ("y", name)).chain([("x", &plot.x)]) {
        let is_known = measures.contains(&name.as_str()) || axis == "x" && is_parameter(name);
        if !is_known {
            return Err(format!("nothing measured {axis} = {name:?}; {}", instead(name, measures)));
        }
    }
    Ok(())
}

/// The parameters that tell lines apart: those that are named, and those that differ although nobody says so, unless x is
/// a measure, along which they may lead.
fn series(results: &Results, plot: &Plot, points: &[(&Point, &Row)]) -> Vec<String> {
    let mut names = plot.series.0.clone();
    let x_is_parameter = points.iter().any(|(point, _)| point.parameter(&plot.x).is_some());
    if x_is_parameter {
        names.extend(
            results.setup.swept.iter().filter(|name| **name != plot.x && !plot.series.0.contains(name)).cloned(),
        );
    }
    let differs = |name: &String| {
        let mut values = points.iter().map(|(point, _)| point.parameter(name));
        let first = values.next();
        values.any(|value| Some(value) != first)
    };
    names.retain(differs);
    names
}

/// The points of each line, with what tells it from others, in the order of their first points.
fn group<'a>(points: &[(&'a Point, &'a Row)], series: &[String]) -> Vec<(String, Vec<(&'a Point, &'a Row)>)> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut groups: Vec<(String, Vec<_>)> = Vec::new();
    for &(point, row) in points {
        let value = |name: &String| point.parameter(name).map(|value| format!("{name} = {}", plain(value)));
        let label = series.iter().filter_map(value).collect::<Vec<_>>().join(", ");
        let place = *places.entry(label.clone()).or_insert(groups.len());
        if place == groups.len() {
            groups.push((label, Vec::new()));
        }
        groups[place].1.push((point, row));
    }
    groups
}

fn named(plot: &Plot, measure: &str, label: &str) -> String {
    match (plot.y.0.len() > 1, label.is_empty()) {
        (true, true) => in_words(measure),
        (true, false) => format!("{}, {label}", in_words(measure)),
        (false, _) => label.to_owned(),
    }
}

/// Whether a measure is what the model expects of another.
pub(super) fn is_expected(name: &str) -> bool {
    name.ends_with("_expected")
}

/// A measure's name for people, its unit in brackets.
pub(super) fn in_words(name: &str) -> String {
    let units = [("_ms", "ms"), ("_s", "s"), ("_days", "days"), ("_minutes", "minutes"), ("_hours", "hours")];
    let units = units.into_iter().find_map(|(ending, unit)| Some((name.strip_suffix(ending)?, unit)));
    match units {
        Some((name, "s")) if name.contains("_per_") => format!("{} and second", name.replace('_', " ")),
        Some((name, unit)) => format!("{} ({unit})", name.replace('_', " ")),
        None => name.replace('_', " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_words() {
        assert_eq!(in_words("get_p95_ms"), "get p95 (ms)");
        assert_eq!(in_words("repair_bytes_per_node_s"), "repair bytes per node and second");
        assert_eq!(in_words("success"), "success");
    }
}
