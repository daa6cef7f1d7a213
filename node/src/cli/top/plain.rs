//! The same as plain text, all panes below each other, for what is no terminal.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::draw::line;
use super::header;
use super::map::Board;
use super::panes::Pane;
use super::screen::Screen;
use super::words::width;

/// Rows of one pane that are written at most.
const MOST: usize = 40;

impl Screen {
    /// Everything, in lines of that width.
    pub(super) fn plain(&mut self, columns: u16) -> String {
        let head = header::lines(self, columns.into(), usize::MAX);
        let mut text = written(columns, head.len(), |buffer| {
            for (row, parts) in head.iter().enumerate() {
                line(buffer, *buffer.area(), row, parts, self.palette);
            }
        });
        for pane in Pane::ALL {
            let content = self.content(pane);
            let rows = match pane == Pane::Map {
                true => Board::new(&self.look.status, &self.look.peers, self.view).size().1,
                false => content.height(columns.into()),
            };
            text.push_str(&format!("\n{}\n", self.title(pane)));
            text.push_str(&written(columns, rows.min(MOST), |buffer| {
                self.inside(buffer, *buffer.area(), pane, (&content, 0));
            }));
            if rows > MOST && pane != Pane::Map {
                text.push_str(&format!("... and {} rows more\n", rows - MOST));
            }
        }
        text
    }
}

/// What is drawn, as text.
fn written(columns: u16, rows: usize, draw: impl FnOnce(&mut Buffer)) -> String {
    let mut buffer = Buffer::empty(Rect::new(0, 0, columns, u16::try_from(rows).unwrap_or(u16::MAX)));
    draw(&mut buffer);
    let mut text = String::new();
    for row in buffer.content().chunks(columns.max(1).into()) {
        let (mut line, mut hidden) = (String::new(), 0);
        for cell in row {
            // The cell behind a wide character is empty, and is no space.
            if hidden > 0 {
                hidden -= 1;
                continue;
            }
            line.push_str(cell.symbol());
            hidden = width(cell.symbol()).saturating_sub(1);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
