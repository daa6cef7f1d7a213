//! Whether what an experiment's file claims is so.

use core::fmt;

use serde::Serialize;

use super::file::{Asked, Bounds};
use super::near::instead;
use super::run::Results;

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The claim in words.
    pub says: String,
    /// Of which measure.
    pub measure: String,
    /// What was asked of its mean.
    pub asked: String,
    /// Whether it holds at all of its points.
    pub holds: bool,
    /// Each of its points.
    pub findings: Vec<Finding>,
}

/// A claim at one point.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Which point.
    pub at: String,
    /// The measure's mean; none if it was not measured there.
    pub mean: Option<f64>,
    /// See [`super::statistics::Summary::ci95`].
    pub ci95: Option<f64>,
    /// Whether it is as claimed.
    pub holds: bool,
}

/// Holds every claim against the results.
///
/// # Errors
/// A claim about something that was measured nowhere.
pub fn judge(results: &Results) -> Result<Vec<Verdict>, String> {
    let small = results.setup.wishes.small;
    let claims = results.setup.experiment.claims.iter().filter_map(|claim| Some((claim, claim.version(small)?)));
    claims.map(|(claim, asked)| verdict(results, &claim.measure, &asked)).collect()
}

fn verdict(results: &Results, measure: &str, asked: &Asked<'_>) -> Result<Verdict, String> {
    let measures = results.measures();
    if !measures.contains(&measure) {
        let (name, instead) = (&results.setup.experiment.name, instead(measure, measures));
        return Err(format!("{name}: the claim {:?}: nothing measured {measure:?}; {instead}", asked.says));
    }
    let points = results.setup.points.iter().zip(&results.rows).filter(|(point, _)| point.is_at(asked.place));
    let findings: Vec<Finding> = points
        .map(|(point, row)| {
            let summary = row.measures.get(measure);
            let (mean, ci95) = (summary.map(|summary| summary.mean), summary.and_then(|summary| summary.ci95));
            Finding { at: point.label(), mean, ci95, holds: mean.is_some_and(|mean| asked.bounds.hold(mean)) }
        })
        .collect();
    let holds = findings.iter().all(|finding| finding.holds);
    let (says, measure, asked) = (asked.says.to_owned(), measure.to_owned(), asked.bounds.to_string());
    Ok(Verdict { says, measure, asked, holds, findings })
}

impl Bounds {
    /// Whether a mean is between them.
    pub fn hold(&self, mean: f64) -> bool {
        let near = self.near.is_none_or(|near| (mean - near).abs() <= self.reach(near));
        near && self.at_least.is_none_or(|least| mean >= least) && self.at_most.is_none_or(|most| mean <= most)
    }

    /// How far from `near` is still near.
    fn reach(&self, near: f64) -> f64 {
        self.within.unwrap_or(0.0) * if near == 0.0 { 1.0 } else { near.abs() }
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.at_least.map(|least| format!("at least {least}")));
        parts.extend(self.at_most.map(|most| format!("at most {most}")));
        parts.extend(self.near.map(|near| format!("{near} ± {}", short(self.reach(near)))));
        f.write_str(&parts.join(", "))
    }
}

/// Four significant digits, or as many as there are before the point.
pub fn short(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e15).contains(&size) {
        return format!("{value:.3e}");
    }
    let decimals = (0..8).find(|&decimals| size >= 1000.0 * 10_f64.powi(-decimals)).unwrap_or(8);
    let text = format!("{value:.*}", usize::try_from(decimals).unwrap_or(0));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A mean with its confidence interval.
pub fn with_interval(mean: f64, ci95: Option<f64>) -> String {
    match ci95 {
        Some(half) if half > 0.0 => format!("{} ± {}", short(mean), rough(half)),
        Some(_) | None => short(mean),
    }
}

/// Two significant digits.
fn rough(value: f64) -> String {
    let text = format!("{value:.1e}");
    text.parse().map_or(text, short)
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.holds { "holds" } else { "FAILS" };
        write!(f, "{sign}  {}: {} {}", self.says, self.measure, self.asked)?;
        let shown = self.findings.iter().filter(|finding| self.holds || !finding.holds);
        for Finding { at, mean, ci95, .. } in shown.clone().take(4) {
            let figure = mean.map_or_else(|| "not measured".into(), |mean| with_interval(mean, *ci95));
            write!(f, "\n         {figure} at {at}")?;
        }
        match shown.count().saturating_sub(4) {
            0 => Ok(()),
            more => write!(f, "\n         and at {more} more points"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_true() {
        let figures = [
            (0.0, "0"),
            (0.25, "0.25"),
            (5.399_96, "5.4"),
            (123_456.7, "123457"),
            (0.018_32, "0.01832"),
            (-3.5, "-3.5"),
            (1e-7, "1.000e-7"),
            (4_000_000.0, "4000000"),
            (99.995, "100"),
        ];
        for (value, text) in figures {
            assert_eq!(short(value), text);
        }
        assert_eq!(with_interval(5.4, Some(0.001_23)), "5.4 ± 0.0012");
        assert_eq!(with_interval(5.4, None), "5.4");
    }

    #[test]
    fn bounds_are_kept_on_both_sides() {
        let near = Bounds::new(None, None, Some(5.4), Some(0.01));
        assert!(near.hold(5.45) && near.hold(5.35) && !near.hold(5.46) && !near.hold(5.34) && !near.hold(f64::NAN));
        let zero = Bounds::new(None, None, Some(0.0), Some(0.5));
        assert!(zero.hold(-0.5) && !zero.hold(0.6));
        let range = Bounds::new(Some(1.0), Some(2.0), None, None);
        assert!(range.hold(1.0) && range.hold(2.0) && !range.hold(0.9) && !range.hold(2.1));
        assert_eq!(range.to_string(), "at least 1, at most 2");
    }
}
