//! The terminal: taken over, listened to, and given back however the command ends.

use std::io;
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::screen::{Key, Screen};

/// How often it is looked whether anybody still wants to know of keys.
const PATIENCE: Duration = Duration::from_millis(100);

/// What the keys mean.
const KEYS: [(KeyCode, Key); 25] = [
    (KeyCode::Char('q'), Key::Quit),
    (KeyCode::Esc, Key::Back),
    (KeyCode::Tab, Key::Next),
    (KeyCode::BackTab, Key::Previous),
    (KeyCode::Left, Key::Move(-1, 0)),
    (KeyCode::Char('h'), Key::Move(-1, 0)),
    (KeyCode::Right, Key::Move(1, 0)),
    (KeyCode::Char('l'), Key::Move(1, 0)),
    (KeyCode::Up, Key::Move(0, -1)),
    (KeyCode::Char('k'), Key::Move(0, -1)),
    (KeyCode::Down, Key::Move(0, 1)),
    (KeyCode::Char('j'), Key::Move(0, 1)),
    (KeyCode::PageUp, Key::Page(-1)),
    (KeyCode::PageDown, Key::Page(1)),
    (KeyCode::Char(' '), Key::Page(1)),
    (KeyCode::Home, Key::Home),
    (KeyCode::Char('g'), Key::Home),
    (KeyCode::End, Key::End),
    (KeyCode::Char('G'), Key::End),
    (KeyCode::Char('a'), Key::Axes),
    (KeyCode::Char('s'), Key::Order),
    (KeyCode::Char('?'), Key::Help),
    (KeyCode::F(1), Key::Help),
    (KeyCode::Char('Q'), Key::Quit),
    (KeyCode::Enter, Key::Move(0, 1)),
];

/// What somebody at the terminal did.
#[derive(Debug)]
pub(super) enum Input {
    /// Pressed a key that means something.
    Key(Key),
    /// Changed the terminal's size.
    Resized,
    /// It cannot be read any more.
    Broken(io::Error),
}

/// The terminal, as long as the command has it.
#[derive(Debug)]
pub(super) struct Taken(DefaultTerminal);

impl Taken {
    /// Takes it over: another screen, no echo, each key at once. A panic gives it back before it says anything.
    pub(super) fn take() -> io::Result<Self> {
        match ratatui::try_init() {
            Ok(terminal) => Ok(Self(terminal)),
            Err(error) => {
                let _ = ratatui::try_restore();
                Err(error)
            }
        }
    }

    /// Draws the screen.
    pub(super) fn draw(&mut self, screen: &mut Screen) -> io::Result<()> {
        self.0.draw(|frame| screen.draw(frame)).map(|_| ())
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let _ = self.0.show_cursor();
        let _ = ratatui::try_restore();
    }
}

/// Listens to the terminal in a thread of its own, which ends when nobody listens to it.
pub(super) fn listen() -> Receiver<Input> {
    let (sender, inputs) = channel(64);
    std::thread::spawn(move || {
        if let Err(error) = tell(&sender) {
            let _ = sender.blocking_send(Input::Broken(error));
        }
    });
    inputs
}

fn tell(sender: &Sender<Input>) -> io::Result<()> {
    while !sender.is_closed() {
        if !event::poll(PATIENCE)? {
            continue;
        }
        let input = match event::read()? {
            Event::Key(event) => key(event).map(Input::Key),
            Event::Resize(..) => Some(Input::Resized),
            Event::FocusGained | Event::FocusLost | Event::Mouse(_) | Event::Paste(_) => None,
        };
        if input.is_some_and(|input| sender.blocking_send(input).is_err()) {
            return Ok(());
        }
    }
    Ok(())
}

/// What a key means, if anything.
fn key(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    if event.modifiers.contains(KeyModifiers::CONTROL) {
        return (event.code == KeyCode::Char('c')).then_some(Key::Quit);
    }
    if let KeyCode::Char(digit @ '1'..='9') = event.code {
        return digit.to_digit(10).and_then(|digit| usize::try_from(digit - 1).ok()).map(Key::Pane);
    }
    KEYS.iter().find(|(code, _)| *code == event.code).map(|(_, key)| *key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_the_help_says() {
        let pressed = |code| key(KeyEvent::new(code, KeyModifiers::NONE));
        assert_eq!(pressed(KeyCode::Char('q')), Some(Key::Quit));
        assert_eq!(pressed(KeyCode::Char('3')), Some(Key::Pane(2)));
        assert_eq!(pressed(KeyCode::Char('0')), None);
        assert_eq!(pressed(KeyCode::Char('c')), None);
        assert_eq!(key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Some(Key::Quit));
        assert_eq!(key(KeyEvent::new(KeyCode::Char('q'), KeyModifiers::CONTROL)), None);
        assert_eq!(key(KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT)), Some(Key::End));
    }
}
