//! Draws the screen, as large as it happens to be.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::widgets::{Block, BorderType, Widget};

use super::header::{self, Parts};
use super::listing::Content;
use super::map::Board;
use super::panes::{self, Pane};
use super::screen::{Screen, index};
use super::words::{Mark, Palette, put, width};

/// From this size on the map has a list beside it.
const TWO: (u16, u16) = (64, 18);
/// From this size on all panes are there at once.
const ALL: (u16, u16) = (130, 36);
/// Columns that the map's side takes at least, if there are any.
const LEFT: usize = 32;
/// Rows below the map that are wanted for the node's figures.
const FIGURES: usize = 8;
/// The keys in a line.
const KEYS: &str = "q end  Tab pane  arrows scroll  s sort  a axes  ? help";
/// The keys, for those who ask.
const HELP: [&str; 9] = [
    "q, Esc, Ctrl-C: end",
    "Tab, Shift-Tab: the next pane, the one before",
    "1 to 8: the pane of that number",
    "arrows, h j k l: scroll; on the map, move",
    "PgUp, PgDn: scroll by pages",
    "Home, End (g, G): to the beginning, to the end",
    "s: sort the pane by something else",
    "a: other axes of the map",
    "?: these lines, and back",
];

impl Screen {
    /// Draws a frame of the terminal.
    pub(super) fn draw(&mut self, frame: &mut Frame<'_>) {
        self.fill(frame.buffer_mut());
    }

    fn fill(&mut self, buffer: &mut Buffer) {
        let area = *buffer.area();
        let most = if area.height < TWO.1 { 1 } else { 2 };
        let lines = header::lines(self, area.width.into(), most);
        let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        let rows = [Constraint::Length(rows), Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)];
        let [head, tabs, body, keys] = Layout::vertical(rows).areas(area);
        for (row, parts) in lines.iter().enumerate() {
            line(buffer, head, row, parts, self.palette);
        }
        self.tabs(buffer, tabs);
        let (width, height) = (area.width, area.height);
        if self.help {
            self.help(buffer, body);
        } else if width >= ALL.0 && height >= ALL.1 {
            self.all(buffer, body);
        } else if width >= TWO.0 && height >= TWO.1 {
            let right = self.left(buffer, body);
            self.pane(buffer, right, self.beside, true);
        } else {
            self.pane(buffer, body, self.chosen, false);
        }
        put(buffer, keys, (0, 0), KEYS, self.palette.of(Mark::Faint));
    }

    /// The names of the panes, or, where there is no room for all, the numbers.
    fn tabs(&self, buffer: &mut Buffer, area: Rect) {
        let names = |all: bool| {
            Pane::ALL.map(|pane| match all || pane == self.chosen {
                true => format!("{} {}", index(pane) + 1, pane.name()),
                false => (index(pane) + 1).to_string(),
            })
        };
        let long = names(true);
        let fits = long.iter().map(|name| width(name) + 1).sum::<usize>() <= usize::from(area.width) + 1;
        let mut column = 0;
        for (name, pane) in (if fits { long } else { names(false) }).iter().zip(Pane::ALL) {
            put(buffer, area, (column, 0), name, self.palette.tab(pane == self.chosen));
            column += width(name) + 1;
        }
    }

    fn help(&self, buffer: &mut Buffer, area: Rect) {
        let block = Block::bordered().title("Keys").border_style(self.palette.frame(true));
        let inner = block.inner(area);
        block.render(area, buffer);
        let lines = HELP.map(|line| (Mark::Plain, line.to_owned()));
        Content::Text(lines.into()).draw(buffer, inner, 0, self.palette);
    }

    /// Map and figures at the left side; returns the rest.
    fn left(&mut self, buffer: &mut Buffer, area: Rect) -> Rect {
        let (columns, rows) = Board::new(&self.look.status, &self.look.peers, self.view).size();
        let (width, height) = (usize::from(area.width), usize::from(area.height));
        let columns = (columns + 2).max(LEFT).min(width * 2 / 5);
        let rows = (rows + 2).min(height.saturating_sub(FIGURES));
        let length = |number: usize| Constraint::Length(u16::try_from(number).unwrap_or(u16::MAX));
        let [left, right] = Layout::horizontal([length(columns), Constraint::Min(0)]).areas(area);
        let [map, figures] = Layout::vertical([length(rows), Constraint::Min(0)]).areas(left);
        self.pane(buffer, map, Pane::Map, true);
        self.pane(buffer, figures, Pane::Node, true);
        right
    }

    fn all(&mut self, buffer: &mut Buffer, area: Rect) {
        let right = self.left(buffer, area);
        let rows: [Rect; 3] = Layout::vertical([Constraint::Ratio(1, 3); 3]).areas(right);
        let halves = rows.into_iter().flat_map(|row| Layout::horizontal([Constraint::Ratio(1, 2); 2]).areas::<2>(row));
        for (pane, area) in Pane::ALL.into_iter().skip(2).zip(halves) {
            self.pane(buffer, area, pane, true);
        }
    }

    /// One pane, in a frame or below a line with its name.
    fn pane(&mut self, buffer: &mut Buffer, area: Rect, pane: Pane, framed: bool) {
        let chosen = pane == self.chosen;
        let content = self.content(pane);
        let block = Block::bordered().border_style(self.palette.frame(chosen));
        let block = block.border_type(if chosen { BorderType::Thick } else { BorderType::Plain });
        let inner = match framed {
            true => block.inner(area),
            false => Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area },
        };
        let table = matches!(content, Content::Table(_));
        let page = usize::from(inner.height).saturating_sub(usize::from(table));
        let scroll = &mut self.scrolls[index(pane)];
        (scroll.page, scroll.skip) = (page, scroll.skip.min(content.beyond(inner)));
        let skip = scroll.skip;
        let mut title = self.title(pane);
        let rows = content.height(inner.width.into()).saturating_sub(usize::from(table));
        if pane != Pane::Map && rows > page {
            title.push_str(&format!(", {}-{} of {rows}", skip + 1, skip + page));
        }
        match framed {
            true => block.title(title).render(area, buffer),
            false => put(buffer, area, (0, 0), &title, self.palette.of(Mark::Strong)),
        }
        self.inside(buffer, inner, pane, (&content, skip));
    }

    /// What stands in a pane.
    pub(super) fn inside(&mut self, buffer: &mut Buffer, area: Rect, pane: Pane, (content, skip): (&Content, usize)) {
        if pane == Pane::Map {
            let board = Board::new(&self.look.status, &self.look.peers, self.view);
            self.view.moved = board.draw(buffer, area, self.palette);
        } else {
            content.draw(buffer, area, skip, self.palette);
        }
        if self.silence.is_some() {
            buffer.set_style(area, self.palette.of(Mark::Faint));
        }
    }

    /// What stands in a pane that is no map.
    pub(super) fn content(&self, pane: Pane) -> Content {
        panes::content(pane, &self.look, self.rates.as_ref(), self.order(pane).unwrap_or_default())
    }

    /// A pane's name and what is to be known of it.
    pub(super) fn title(&self, pane: Pane) -> String {
        let mut title = pane.name().to_owned();
        if let Some(count) = panes::count(pane, &self.look) {
            title.push_str(&format!(" {count}"));
        }
        if pane == Pane::Map {
            title.push_str(&format!(": {}", self.view.title(self.look.status.dims.into())));
        }
        if let Some(order) = self.order(pane) {
            title.push_str(&format!(", by {order}"));
        }
        if self.silence.is_some() {
            title.push_str(" (old)");
        }
        title
    }
}

/// Writes the parts of a line.
pub(super) fn line(buffer: &mut Buffer, area: Rect, row: usize, parts: &Parts, palette: Palette) {
    let mut column = 0;
    for (mark, text) in parts {
        put(buffer, area, (column, row), text, palette.of(*mark));
        column += width(text) + header::GAP;
    }
}
