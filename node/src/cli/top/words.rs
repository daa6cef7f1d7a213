//! How things look in a terminal: colours, figures, and texts of others that must not break the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Span;

/// Characters of others' texts that are shown at most.
const LONGEST: usize = 400;

/// What is to be said by the look of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Nothing.
    Plain,
    /// This matters.
    Strong,
    /// All is well.
    Good,
    /// It is not.
    Bad,
    /// This does not matter much.
    Faint,
}

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Palette {
    colours: bool,
}

impl Palette {
    /// With colours or without.
    pub(super) const fn new(colours: bool) -> Self {
        Self { colours }
    }

    /// As the environment wants it (<https://no-color.org>).
    pub(super) fn of_environment() -> Self {
        Self::new(std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
    }

    /// How a text looks.
    pub(super) fn of(self, mark: Mark) -> Style {
        let style = Style::new();
        match mark {
            Mark::Plain => style,
            Mark::Strong => style.add_modifier(Modifier::BOLD),
            Mark::Good => self.on(style, Color::Green),
            Mark::Bad => self.on(style.add_modifier(Modifier::BOLD), Color::Red),
            Mark::Faint => style.add_modifier(Modifier::DIM),
        }
    }

    /// The frame of the pane that takes the keys, or of another.
    pub(super) fn frame(self, chosen: bool) -> Style {
        if chosen { self.on(Style::new(), Color::Cyan) } else { self.of(Mark::Faint) }
    }

    /// The node's own cell.
    pub(super) fn own(self) -> Style {
        let style = Style::new().add_modifier(Modifier::BOLD);
        if self.colours { style.fg(Color::Black).bg(Color::Yellow) } else { style }
    }

    /// A cell in which nodes are known, of four shades from few to many.
    pub(super) fn known(self, shade: usize) -> Style {
        let style = Style::new();
        match (self.colours, shade) {
            (false, _) => style,
            (true, 0) => style.fg(Color::Green),
            (true, 1) => style.fg(Color::LightGreen),
            (true, 2) => style.fg(Color::Black).bg(Color::Green),
            (true, _) => style.fg(Color::Black).bg(Color::LightGreen),
        }
    }

    /// A name of what can be chosen, chosen or not.
    pub(super) fn tab(self, chosen: bool) -> Style {
        if chosen { Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD) } else { self.of(Mark::Faint) }
    }

    fn on(self, style: Style, colour: Color) -> Style {
        if self.colours { style.fg(colour) } else { style }
    }
}

/// A text of somebody else on one line: no control characters, none that change the direction of others or have no width,
/// and not without end.
pub(super) fn clean(text: &str) -> String {
    let safe = |c: char| match c {
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => '\u{fffd}',
        c if c.is_whitespace() => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    let mut clean: String = text.chars().take(LONGEST).map(safe).collect();
    if text.chars().nth(LONGEST).is_some() {
        clean.push_str("...");
    }
    clean
}

/// Columns that a text takes.
pub(super) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// Writes a text on a row of an area, as far as it fits from that column of the area on.
pub(super) fn put(buffer: &mut Buffer, area: Rect, (column, row): (usize, usize), text: &str, style: Style) {
    let area = area.intersection(*buffer.area());
    if column >= area.width.into() || row >= area.height.into() {
        return;
    }
    let (Ok(across), Ok(down)) = (u16::try_from(column), u16::try_from(row)) else { return };
    let room = usize::from(area.width - across);
    buffer.set_stringn(area.x + across, area.y + down, text, room, style);
}

/// Breaks a text into lines of that many columns, between words where that is possible.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split_whitespace() {
        let room = columns.saturating_sub(width(&line) + usize::from(!line.is_empty()));
        if width(word) <= room {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for c in word.chars() {
            let mut longer = line.clone();
            longer.push(c);
            if width(&longer) > columns && !line.is_empty() {
                lines.push(std::mem::replace(&mut line, c.to_string()));
            } else {
                line = longer;
            }
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// A size in bytes, in the binary unit that suits it.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some(&(unit, name)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} B"),
    }
}

/// So many of something.
pub(super) fn plural(count: u64, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_others_are_tamed() {
        assert_eq!(clean("a\u{1b}[2J\tb\nc\u{202e}d"), "a\u{fffd}[2J b c\u{fffd}d");
        assert_eq!(clean(&"x".repeat(LONGEST + 1)).len(), LONGEST + 3);
    }

    #[test]
    fn lines_break_between_words_and_long_words_anywhere() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a abcdefgh i", 3), ["a", "abc", "def", "gh", "i"]);
        assert_eq!(wrap("\u{4e00}\u{4e8c}", 1), ["\u{4e00}", "\u{4e8c}"]);
        assert!(wrap("", 5).is_empty());
    }

    #[test]
    fn figures_are_short() {
        assert_eq!([size(0), size(1536), size(5 << 40)], ["0 B", "1.5 KiB", "5.0 TiB"]);
        assert_eq!([plural(1, "link", "links"), plural(2, "link", "links")], ["1 link", "2 links"]);
    }
}
