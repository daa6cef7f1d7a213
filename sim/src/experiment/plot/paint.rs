//! Paints lines as SVG.

use plotters::chart::ChartContext;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::super::file::Plot;
use super::curves::{Curve, Curves, in_words, is_expected};
use super::scale::Scale;

/// The colour of text and axes; no line has it.
pub(super) const INK: &str = "#1B1F24";
const INK_RGB: RGBColor = RGBColor(0x1B, 0x1F, 0x24);

/// Okabe and Ito's, without black and yellow, which a dark or a light page swallows.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x56, 0xB4, 0xE9),
];

const WIDTH: u32 = 1280;
const CHART: u32 = 760;
const MARGIN: u32 = 24;
const TEXT: u32 = 38;
const TITLE: u32 = 42;
const LINE_HEIGHT: u32 = 56;

/// More dots on a line than this have a band around them instead of bars.
const MANY_DOTS: usize = 40;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<Scale, Scale>>;
type Drawn<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

/// A picture without background, half as large on a page as its own measure.
pub(super) fn paint(plot: &Plot, curves: &Curves) -> Result<String, String> {
    let title = lines_of(&plot.title, TITLE);
    let legend = Legend::of(curves);
    let height = u32::try_from(title.len()).unwrap_or(1) * LINE_HEIGHT + CHART + legend.height() + 2 * MARGIN;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        paint_all(&root, plot, curves, &title, &legend).map_err(|error| error.to_string())?;
        root.present().map_err(|error| error.to_string())?;
    }
    // Plotters gives the measure only in pixels, and a title to whoever cannot see has to be added.
    let size = format!("width=\"{WIDTH}\" height=\"{height}\"");
    let half = format!("width=\"{}\" height=\"{}\" role=\"img\"", WIDTH / 2, height / 2);
    Ok(svg.replacen(&size, &half, 1))
}

fn paint_all<'a>(root: &Area<'a>, plot: &Plot, curves: &Curves, title: &[String], legend: &Legend) -> Drawn<'a> {
    let mut top = pixels(MARGIN);
    for line in title {
        root.draw_text(line, &text(TITLE, HPos::Left), (pixels(MARGIN), top))?;
        top += pixels(LINE_HEIGHT);
    }
    let (_, rest) = root.split_vertically(top);
    let (area, below) = rest.split_vertically(CHART);
    paint_chart(&area, plot, curves)?;
    legend.paint(&below, curves)
}

fn paint_chart<'a>(area: &Area<'a>, plot: &Plot, curves: &Curves) -> Drawn<'a> {
    let along = curves.dots_of_all().map(|dot| dot.x);
    let x = match &curves.categories {
        Some(words) => Scale::of_categories(words),
        None => Scale::of(along.clone(), plot.log_x).with_ticks_at(along.collect()),
    };
    let y = Scale::of(curves.dots_of_all().flat_map(|dot| [dot.low, dot.y, dot.high]), plot.log_y);
    let mut chart = ChartBuilder::on(area)
        .margin_left(MARGIN / 2)
        .margin_right(2 * MARGIN)
        .margin_top(MARGIN)
        .x_label_area_size(3 * TEXT)
        .y_label_area_size(5 * TEXT)
        .build_cartesian_2d(x, y.clone())?;
    let x_label = plot.x_label.clone().unwrap_or_else(|| in_words(&plot.x));
    let y_label = plot.y_label.clone().unwrap_or_else(|| y_words(plot));
    chart
        .configure_mesh()
        .axis_style(INK_RGB.stroke_width(2))
        .bold_line_style(INK_RGB.mix(0.15).stroke_width(2))
        .light_line_style(TRANSPARENT)
        .label_style(text(TEXT - 4, HPos::Left))
        .axis_desc_style(text(TEXT, HPos::Left))
        .x_desc(x_label)
        .y_desc(y_label)
        .draw()?;
    for curve in &curves.all {
        paint_curve(&mut chart, curve, &y)?;
    }
    Ok(())
}

fn y_words(plot: &Plot) -> String {
    let words: Vec<String> = plot.y.0.iter().filter(|name| !is_expected(name)).map(|name| in_words(name)).collect();
    words.join(", ")
}

fn paint_curve<'a>(chart: &mut Chart<'a>, curve: &Curve, y: &Scale) -> Drawn<'a> {
    let colour = colour(curve);
    let dots = || curve.dots.iter().map(|dot| (dot.x, dot.y));
    if curve.expected {
        chart.draw_series(DashedLineSeries::new(dots(), 10, 12, colour.stroke_width(3)))?;
        return Ok(());
    }
    chart.draw_series(LineSeries::new(dots(), colour.stroke_width(4)))?;
    if curve.dots.len() > MANY_DOTS {
        let above = curve.dots.iter().map(|dot| (dot.x, y.clamped(dot.high)));
        let below = curve.dots.iter().rev().map(|dot| (dot.x, y.clamped(dot.low)));
        chart.draw_series([Polygon::new(above.chain(below).collect::<Vec<_>>(), colour.mix(0.2))])?;
        return Ok(());
    }
    let style = colour.stroke_width(3);
    let uncertain = || curve.dots.iter().filter(|dot| dot.high > dot.low);
    let bars = uncertain().map(|dot| vec![(dot.x, y.clamped(dot.low)), (dot.x, y.clamped(dot.high))]);
    chart.draw_series(bars.map(|bar| PathElement::new(bar, style)))?;
    // A bar that goes on beyond the axis has no end there.
    let ends = uncertain().flat_map(|dot| [(dot.x, dot.low), (dot.x, dot.high)]).filter(|&(_, end)| y.shows(end));
    chart.draw_series(ends.map(|end| EmptyElement::at(end) + PathElement::new(vec![(-10, 0), (10, 0)], style)))?;
    chart.draw_series(dots().map(|(x, y)| EmptyElement::at((x, y)) + marker(curve, (0, 0))))?;
    Ok(())
}

fn colour(curve: &Curve) -> RGBColor {
    if curve.expected {
        return INK_RGB;
    }
    COLOURS[curve.colour % COLOURS.len()]
}

/// A circle, a square, a triangle or a diamond: lines of near colours differ in it, and so do those beyond the sixth.
fn marker(curve: &Curve, (x, y): (i32, i32)) -> Polygon<(i32, i32)> {
    let shape: &[(i32, i32)] = match (curve.colour + curve.colour / COLOURS.len()) % 4 {
        0 => &[(0, -9), (6, -7), (9, 0), (6, 7), (0, 9), (-6, 7), (-9, 0), (-6, -7)],
        1 => &[(-8, -8), (8, -8), (8, 8), (-8, 8)],
        2 => &[(0, -10), (10, 8), (-10, 8)],
        _ => &[(0, -12), (12, 0), (0, 12), (-12, 0)],
    };
    let corners: Vec<_> = shape.iter().map(|(dx, dy)| (x + dx, y + dy)).collect();
    Polygon::new(corners, colour(curve).filled())
}

/// What the lines are, below the chart.
struct Legend {
    columns: u32,
    rows: u32,
}

impl Legend {
    fn of(curves: &Curves) -> Self {
        let labels = || curves.all.iter().filter(|curve| !curve.label.is_empty());
        let longest = labels().map(|curve| width_of(&curve.label, TEXT)).max().unwrap_or(0);
        let columns = ((WIDTH - 2 * MARGIN) / (longest + 140)).clamp(1, 4);
        let count = u32::try_from(labels().count()).unwrap_or(u32::MAX);
        Self { columns, rows: count.div_ceil(columns) }
    }

    fn height(&self) -> u32 {
        if self.rows == 0 { 0 } else { MARGIN + self.rows * LINE_HEIGHT }
    }

    fn paint<'a>(&self, area: &Area<'a>, curves: &Curves) -> Drawn<'a> {
        let column = (WIDTH - 2 * MARGIN) / self.columns;
        let labelled = curves.all.iter().filter(|curve| !curve.label.is_empty());
        for (place, curve) in (0..).zip(labelled) {
            let x = pixels(MARGIN + place % self.columns * column);
            let y = pixels(MARGIN + place / self.columns * LINE_HEIGHT + LINE_HEIGHT / 2);
            paint_sample(area, curve, (x, y))?;
            area.draw_text(&curve.label, &text(TEXT, HPos::Left).pos(Pos::new(HPos::Left, VPos::Center)), (x + 90, y))?;
        }
        Ok(())
    }
}

/// A piece of a line, as in the chart.
fn paint_sample<'a>(area: &Area<'a>, curve: &Curve, (x, y): (i32, i32)) -> Drawn<'a> {
    let style = colour(curve).stroke_width(4);
    if curve.expected {
        for dash in [0, 26, 52] {
            area.draw(&PathElement::new(vec![(x + dash, y), (x + dash + 16, y)], style))?;
        }
        return Ok(());
    }
    area.draw(&PathElement::new(vec![(x, y), (x + 68, y)], style))?;
    area.draw(&marker(curve, (x + 34, y)))
}

fn text<'a>(size: u32, place: HPos) -> TextStyle<'a> {
    TextStyle::from(("sans-serif", size).into_font()).color(&INK_RGB).pos(Pos::new(place, VPos::Top))
}

/// A guess, as the font is the reader's: letters are about half as wide as high.
fn width_of(text: &str, size: u32) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX).saturating_mul(size) * 11 / 20
}

/// The text in lines that fit into the picture.
fn lines_of(text: &str, size: u32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width_of(line, size) + width_of(word, size) + size < WIDTH - 2 * MARGIN => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// What plotters counts with a sign.
fn pixels(length: u32) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}
