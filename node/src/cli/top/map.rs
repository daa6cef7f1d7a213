//! The grid as a board of two axes through the node's own cell.

use std::collections::HashMap;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::words::{Mark, Palette, put};
use crate::api::types::{Peer, Status};

/// Rows below the board that say what its signs are.
const LEGEND: &str = "[n] own  n nodes  \u{b7} vacant";
/// Columns that a cell takes at most.
const WIDEST: usize = 4;

/// Which part of the grid is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct View {
    /// The axis that runs across.
    pub(super) across: usize,
    /// The axis that runs down; it does not matter where there is one only.
    pub(super) down: usize,
    /// Cells by which the own one is away from the middle, across and down.
    pub(super) moved: (i64, i64),
}

impl View {
    /// The first two axes, or the only one.
    pub(super) fn first(dims: usize) -> Self {
        Self { across: 0, down: usize::from(dims > 1), moved: (0, 0) }
    }

    /// The next two of that many axes.
    pub(super) fn next(self, dims: usize) -> Self {
        let (across, down) = match (self.across, self.down) {
            (across, down) if down + 1 < dims => (across, down + 1),
            (across, _) if across + 2 < dims => (across + 1, across + 2),
            _ => return Self::first(dims),
        };
        Self { across, down, moved: (0, 0) }
    }

    /// What is shown, in words.
    pub(super) fn title(self, dims: usize) -> String {
        match dims {
            0 | 1 => axis(self.across),
            _ => format!("{} across, {} down", axis(self.across), axis(self.down)),
        }
    }
}

/// An axis's name.
fn axis(number: usize) -> String {
    "xyzuvw".chars().nth(number).map_or_else(|| format!("axis {number}"), String::from)
}

/// One board, ready to be drawn.
#[derive(Debug)]
pub(super) struct Board<'a> {
    status: &'a Status,
    known: HashMap<&'a [u16], usize>,
    view: View,
}

/// The part of an axis that is to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    start: usize,
    end: usize,
}

impl Window {
    /// So many of `side` coordinates around `own`, moved by `moved`, which is set right if that leads too far.
    fn new(side: usize, own: usize, room: usize, moved: &mut i64) -> Self {
        let shown = side.min(room);
        let middle = own.saturating_sub(shown / 2).min(side - shown);
        let to = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let start = to(middle).saturating_add(*moved).clamp(0, to(side - shown));
        *moved = start - to(middle);
        let start = usize::try_from(start).unwrap_or_default();
        Self { start, end: start + shown }
    }
}

impl<'a> Board<'a> {
    /// What a node knows of the cells around it.
    pub(super) fn new(status: &'a Status, peers: &'a [Peer], view: View) -> Self {
        let mut known: HashMap<&[u16], usize> = HashMap::from([(status.cell.as_slice(), 1)]);
        for peer in peers.iter().filter(|peer| !peer.leaf) {
            *known.entry(&peer.cell).or_default() += 1;
        }
        Self { status, known, view }
    }

    /// Columns and rows that are enough for all of it.
    pub(super) fn size(&self) -> (usize, usize) {
        let side = usize::from(self.status.side);
        (self.label() + side * WIDEST, self.rows() + 2)
    }

    fn rows(&self) -> usize {
        if self.status.dims > 1 { self.status.side.into() } else { 1 }
    }

    /// Columns before the board, for the numbers of its rows.
    fn label(&self) -> usize {
        self.digits() + 1
    }

    fn digits(&self) -> usize {
        self.status.side.saturating_sub(1).to_string().len()
    }

    fn own(&self, axis: usize) -> usize {
        let own = usize::from(self.status.cell.get(axis).copied().unwrap_or_default());
        own.min(usize::from(self.status.side).saturating_sub(1))
    }

    /// Draws it; returns how far it is moved, which is no further than there is something to see.
    pub(super) fn draw(&self, buffer: &mut Buffer, area: Rect, palette: Palette) -> (i64, i64) {
        let (width, height) = (usize::from(area.width), usize::from(area.height));
        let side = usize::from(self.status.side);
        let room = width.saturating_sub(self.label());
        if side == 0 || room == 0 || height < 2 {
            return (0, 0);
        }
        let cell = (room / side).clamp(1, WIDEST);
        let (mut across, mut down) = self.view.moved;
        let columns = Window::new(side, self.own(self.view.across), room / cell, &mut across);
        let legend = usize::from(height > self.rows() + 1 || height > 8);
        let rows = Window::new(self.rows(), self.row_of_own(), height - 1 - legend, &mut down);
        self.numbers(buffer, area, (columns, rows), cell, palette);
        for row in rows.start..rows.end {
            for column in columns.start..columns.end {
                let (text, style) = self.cell((column, row), cell, palette);
                let place = (self.label() + (column - columns.start) * cell, row - rows.start + 1);
                put(buffer, area, place, &text, style);
            }
        }
        if legend > 0 {
            put(buffer, area, (0, rows.end - rows.start + 1), LEGEND, palette.of(Mark::Faint));
        }
        (across, down)
    }

    fn row_of_own(&self) -> usize {
        if self.status.dims > 1 { self.own(self.view.down) } else { 0 }
    }

    /// The numbers of columns and rows; those of the own cell stand out.
    fn numbers(
        &self,
        buffer: &mut Buffer,
        area: Rect,
        (columns, rows): (Window, Window),
        cell: usize,
        palette: Palette,
    ) {
        let mark = |own: bool| palette.of(if own { Mark::Strong } else { Mark::Faint });
        for column in columns.start..columns.end {
            let own = column == self.own(self.view.across);
            let text = match column.to_string() {
                number if number.len() < cell => format!("{number:^cell$}"),
                _ if own => format!("{:^cell$}", "v"),
                _ => continue,
            };
            put(buffer, area, (self.label() + (column - columns.start) * cell, 0), &text, mark(own));
        }
        for row in rows.start..rows.end {
            let own = row == self.row_of_own();
            let text = format!("{row:>digits$}{}", if own { ">" } else { "" }, digits = self.digits());
            put(buffer, area, (0, row - rows.start + 1), &text, mark(own));
        }
    }

    fn cell(&self, (column, row): (usize, usize), width: usize, palette: Palette) -> (String, ratatui::style::Style) {
        let mut cell = self.status.cell.clone();
        let numbers = [(self.view.down, row), (self.view.across, column)];
        for (axis, number) in numbers.into_iter().skip(usize::from(self.status.dims < 2)) {
            if let Some(coordinate) = cell.get_mut(axis) {
                *coordinate = u16::try_from(number).unwrap_or(u16::MAX);
            }
        }
        let apart = cell.iter().zip(&self.status.cell).filter(|(one, own)| one != own).count();
        let count = self.known.get(cell.as_slice()).copied().unwrap_or_default();
        let number = |room: usize| Some(count.to_string()).filter(|text| text.len() <= room).unwrap_or("+".into());
        match (apart, count) {
            (0, _) => {
                let text = match width {
                    0 | 1 => "@".to_owned(),
                    2 => format!("*{}", number(1)),
                    _ => format!("{:^width$}", format!("[{}]", number(width - 2))),
                };
                (text, palette.own())
            }
            (1, 0) => (format!("{:^width$}", '\u{b7}'), palette.of(Mark::Faint)),
            (_, 0) => (" ".repeat(width), palette.of(Mark::Plain)),
            (_, _) => {
                let most = self.known.values().copied().max().unwrap_or(1).max(1);
                let shade = (4 * (count - 1) / most).min(3);
                (format!("{:^width$}", number(width.saturating_sub(1).max(1))), palette.known(shade))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axes_go_round() {
        let mut view = View::first(3);
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push((view.across, view.down));
            view = view.next(3);
        }
        assert_eq!(seen, [(0, 1), (0, 2), (1, 2), (0, 1)]);
        assert_eq!(View::first(2).next(2), View::first(2));
        assert_eq!(View::first(1).next(1), View::first(1));
        assert_eq!(View::first(1).title(1), "x");
    }

    #[test]
    fn a_window_stays_on_the_board() {
        let mut moved = 0;
        assert_eq!(Window::new(4, 3, 10, &mut moved), Window { start: 0, end: 4 });
        assert_eq!(Window::new(100, 50, 10, &mut moved), Window { start: 45, end: 55 });
        moved = 1000;
        assert_eq!(Window::new(100, 50, 10, &mut moved), Window { start: 90, end: 100 });
        assert_eq!(moved, 45);
        moved = -1000;
        assert_eq!(Window::new(100, 50, 10, &mut moved), Window { start: 0, end: 10 });
    }
}
