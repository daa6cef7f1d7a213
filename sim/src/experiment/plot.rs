//! Diagrams: an SVG for pages, and the same as PNG.
//!
//! Lines carry the 95 % confidence intervals of the means that they connect. Colours are those of M. Okabe and K. Ito,
//! *Color Universal Design* (2008), which people with any colour vision can tell apart; markers differ too. What an
//! experiment expects (a measure whose name ends in `_expected`) is a dashed line over the others.

mod curves;
mod paint;
mod png;
mod scale;

use super::file::Plot;
use super::run::Results;
use curves::Curves;

/// A diagram that was drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Its heading, which also stands in the picture.
    pub title: String,
    /// An SVG without background.
    svg: String,
    /// What could not be drawn, for people; empty if all could.
    pub remark: String,
}

/// Draws a diagram of results; `None` if no point has a figure for it.
///
/// # Errors
/// It names something that was not measured.
pub fn draw(results: &Results, plot: &Plot) -> Result<Option<Picture>, String> {
    let failed = |error: String| format!("{}: the plot {:?}: {error}", results.setup.experiment.name, plot.title);
    let curves = Curves::of(results, plot).map_err(failed)?;
    if curves.are_empty() {
        return Ok(None);
    }
    let svg = paint::paint(plot, &curves).map_err(|error| failed(error.to_string()))?;
    Ok(Some(Picture { title: plot.title.clone(), svg, remark: curves.remark() }))
}

impl Picture {
    /// A file of its own: dark on white.
    pub fn svg(&self) -> String {
        let background = r##"<rect width="100%" height="100%" fill="#FFFFFF"/>"##;
        self.svg.split_once('>').map_or_else(String::new, |(head, rest)| format!("{head}>{background}{rest}"))
    }

    /// A part of a page, in the page's text colour and on its background.
    pub fn inline_svg(&self) -> String {
        self.svg.replace(&format!("\"{}\"", paint::INK), "\"currentColor\"")
    }

    /// An image, two pixels for each of the SVG's.
    ///
    /// # Errors
    /// The picture cannot be rendered; none is known that cannot.
    pub fn png(&self) -> Result<Vec<u8>, String> {
        png::render(&self.svg()).map_err(|error| format!("the plot {:?}: {error}", self.title))
    }
}
