//! What stands in a pane: a table, or a text in lines.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::words::{self, Mark, Palette, put};

/// Columns that one value of a table takes at most.
const WIDEST: usize = 32;

/// A column's name, and whether its values stand to the right.
pub(super) type Head = (&'static str, bool);

/// A table: columns that matter less stand further to the right, for the last ones are left out where there is no room.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// The columns.
    pub(super) heads: &'static [Head],
    /// The rows, each with its look.
    pub(super) rows: Vec<(Mark, Vec<String>)>,
    /// What to say if there are none.
    pub(super) empty: &'static str,
}

/// What stands in a pane.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// A table.
    Table(Table),
    /// Paragraphs, each with its look.
    Text(Vec<(Mark, String)>),
}

impl Content {
    /// Rows that all of it takes at that width.
    pub(super) fn height(&self, columns: usize) -> usize {
        match self {
            Self::Table(table) if table.rows.is_empty() => words::wrap(table.empty, columns).len(),
            Self::Table(table) => table.rows.len() + 1,
            Self::Text(paragraphs) => paragraphs.iter().map(|(_, text)| words::wrap(text, columns).len()).sum(),
        }
    }

    /// Rows that can be scrolled past in an area of that size.
    pub(super) fn beyond(&self, area: Rect) -> usize {
        self.height(area.width.into()).saturating_sub(area.height.into())
    }

    /// Draws what is to be seen after so many rows were scrolled past.
    pub(super) fn draw(&self, buffer: &mut Buffer, area: Rect, skip: usize, palette: Palette) {
        match self {
            Self::Table(table) if table.rows.is_empty() => {
                for (row, line) in words::wrap(table.empty, area.width.into()).iter().enumerate() {
                    put(buffer, area, (0, row), line, palette.of(Mark::Faint));
                }
            }
            Self::Table(table) => table.draw(buffer, area, skip, palette),
            Self::Text(paragraphs) => {
                let broken = paragraphs.iter().flat_map(|(mark, text)| {
                    words::wrap(text, area.width.into()).into_iter().map(|line| (*mark, line))
                });
                for (row, (mark, line)) in broken.skip(skip).take(area.height.into()).enumerate() {
                    put(buffer, area, (0, row), &line, palette.of(mark));
                }
            }
        }
    }
}

impl Table {
    /// The width of each column that fits, and the gap between them.
    fn columns(&self, room: usize) -> (Vec<usize>, usize) {
        let widest = |column: usize| {
            let values = self.rows.iter().filter_map(|(_, values)| values.get(column)).map(|value| words::width(value));
            values.chain([words::width(self.heads[column].0)]).max().unwrap_or_default().min(WIDEST)
        };
        let widths: Vec<usize> = (0..self.heads.len()).map(widest).collect();
        let all = widths.iter().sum::<usize>();
        let gap = if all + 2 * (widths.len().saturating_sub(1)) <= room { 2 } else { 1 };
        let mut taken = 0;
        let fits = |(column, width): &(usize, &usize)| {
            taken += **width + if *column == 0 { 0 } else { gap };
            *column == 0 || taken <= room
        };
        (widths.iter().enumerate().take_while(fits).map(|(_, width)| *width).collect(), gap)
    }

    fn draw(&self, buffer: &mut Buffer, area: Rect, skip: usize, palette: Palette) {
        let (widths, gap) = self.columns(area.width.into());
        let heads: Vec<String> = self.heads.iter().map(|(name, _)| (*name).to_owned()).collect();
        self.row(buffer, area, 0, (&widths, gap), (Mark::Strong, &heads), palette);
        let room = usize::from(area.height).saturating_sub(1);
        for (row, (mark, values)) in self.rows.iter().skip(skip).take(room).enumerate() {
            self.row(buffer, area, row + 1, (&widths, gap), (*mark, values), palette);
        }
    }

    fn row(
        &self,
        buffer: &mut Buffer,
        area: Rect,
        row: usize,
        (widths, gap): (&[usize], usize),
        (mark, values): (Mark, &[String]),
        palette: Palette,
    ) {
        let mut column = 0;
        for ((value, &width), &(_, right)) in values.iter().zip(widths).zip(self.heads) {
            let short = shorten(value, width);
            let indent = if right { width - words::width(&short).min(width) } else { 0 };
            put(buffer, area, (column + indent, row), &short, palette.of(mark));
            column += width + gap;
        }
    }
}

/// As much of a text as fits; what is left out shows.
pub(super) fn shorten(text: &str, columns: usize) -> String {
    if words::width(text) <= columns {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        let mut longer = short.clone();
        longer.push(c);
        if words::width(&longer) >= columns {
            break;
        }
        short = longer;
    }
    short.push('~');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(table: &Table, width: u16, skip: usize) -> Vec<String> {
        let area = Rect::new(0, 0, width, 3);
        let mut buffer = Buffer::empty(area);
        Content::Table(table.clone()).draw(&mut buffer, area, skip, Palette::new(false));
        let rows = buffer.content().chunks(width.into());
        rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>().trim_end().to_owned())
            .collect()
    }

    #[test]
    fn columns_are_aligned_and_the_last_ones_are_left_out() {
        let row = |name: &str, number: &str| (Mark::Plain, vec![name.to_owned(), number.to_owned(), "x".to_owned()]);
        let table = Table {
            heads: &[("name", false), ("n", true), ("far", false)],
            rows: vec![row("a", "10"), row("long one", "9"), row("c", "1")],
            empty: "",
        };
        assert_eq!(drawn(&table, 20, 0), ["name       n  far", "a         10  x", "long one   9  x"]);
        assert_eq!(drawn(&table, 12, 1), ["name      n", "long one  9", "c         1"]);
        assert_eq!(drawn(&table, 4, 0), ["name", "a", "long"]);
        assert_eq!(Content::Table(table).beyond(Rect::new(0, 0, 20, 3)), 1);
    }

    #[test]
    fn what_is_too_long_shows_it() {
        assert_eq!([shorten("abcdef", 4), shorten("abc", 4), shorten("abc", 0)], ["abc~", "abc", "~"]);
    }
}
