//! What is shown and how it is looked at: answers of the node, and what the keys have chosen. No input or output.

use std::time::Duration;

use super::counts;
use super::look::Look;
use super::map::View;
use super::panes::{Pane, Rates};
use super::words::Palette;

/// What a key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// End.
    Quit,
    /// Leave the help, or end.
    Back,
    /// The next pane.
    Next,
    /// The one before.
    Previous,
    /// The pane of that number, from 0 on.
    Pane(usize),
    /// Move in the chosen pane, right and down.
    Move(i64, i64),
    /// Move so many pages down.
    Page(i64),
    /// To the beginning.
    Home,
    /// To the end.
    End,
    /// Other axes of the map.
    Axes,
    /// Another order of the chosen pane.
    Order,
    /// Show the keys, or hide them.
    Help,
}

/// How one pane is looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scroll {
    /// Rows that were scrolled past.
    pub(super) skip: usize,
    /// Rows that there was room for when it was drawn last.
    pub(super) page: usize,
    /// The number of its order.
    pub(super) order: usize,
}

/// Why the node does not answer.
#[derive(Clone, Debug)]
pub(super) struct Silence {
    /// Why.
    pub(super) why: String,
    /// For how long the figures are old.
    pub(super) age: Duration,
}

/// The screen.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) look: Look,
    pub(super) rates: Option<Rates>,
    pub(super) silence: Option<Silence>,
    /// The pane that takes the keys.
    pub(super) chosen: Pane,
    /// The list that is shown beside the map.
    pub(super) beside: Pane,
    pub(super) scrolls: [Scroll; Pane::ALL.len()],
    pub(super) view: View,
    pub(super) help: bool,
    pub(super) palette: Palette,
}

impl Screen {
    /// After the first look at a node.
    pub(super) fn new(look: Look, palette: Palette) -> Self {
        let view = View::first(look.status.dims.into());
        Self {
            look,
            rates: None,
            silence: None,
            chosen: Pane::Neighbours,
            beside: Pane::Neighbours,
            scrolls: Default::default(),
            view,
            help: false,
            palette,
        }
    }

    /// The node has answered again.
    pub(super) fn update(&mut self, look: Look) {
        let apart = look.at.saturating_sub(self.look.at);
        self.rates = Some(counts::rates(&self.look.counts, &look.counts, apart));
        if look.status.dims != self.look.status.dims {
            self.view = View::first(look.status.dims.into());
        }
        self.look = look;
        self.silence = None;
    }

    /// The node has not answered, so much time after the command was started.
    pub(super) fn miss(&mut self, why: String, at: Duration) {
        self.rates = None;
        self.silence = Some(Silence { why, age: at.saturating_sub(self.look.at) });
    }

    /// Does what a key means; `false` if that is to end.
    pub(super) fn press(&mut self, key: Key) -> bool {
        match key {
            Key::Quit => return false,
            Key::Back if !self.help => return false,
            Key::Back => self.help = false,
            Key::Help => self.help = !self.help,
            Key::Next => self.step(1),
            Key::Previous => self.step(Pane::ALL.len() - 1),
            Key::Pane(number) => self.choose(number),
            Key::Move(right, down) if self.chosen == Pane::Map => {
                let (x, y) = self.view.moved;
                self.view.moved = (x.saturating_add(right), y.saturating_add(down));
            }
            Key::Move(_, down) => self.scroll(down),
            Key::Page(pages) => {
                let page = i64::try_from(self.scrolls[index(self.chosen)].page.max(1)).unwrap_or(i64::MAX);
                self.press(Key::Move(0, page.saturating_mul(pages)));
            }
            Key::Home => {
                self.view.moved = if self.chosen == Pane::Map { (0, 0) } else { self.view.moved };
                self.scrolls[index(self.chosen)].skip = 0;
            }
            Key::End => self.scroll(i64::MAX),
            Key::Axes => self.view = self.view.next(self.look.status.dims.into()),
            Key::Order => {
                let orders = self.chosen.orders().len().max(1);
                let scroll = &mut self.scrolls[index(self.chosen)];
                *scroll = Scroll { order: (scroll.order + 1) % orders, skip: 0, ..*scroll };
            }
        }
        true
    }

    /// The order of a pane's rows, if it has several.
    pub(super) fn order(&self, pane: Pane) -> Option<&'static str> {
        pane.orders().get(self.scrolls[index(pane)].order).copied()
    }

    fn step(&mut self, by: usize) {
        self.choose((index(self.chosen) + by) % Pane::ALL.len());
    }

    fn choose(&mut self, number: usize) {
        let Some(&pane) = Pane::ALL.get(number) else { return };
        self.chosen = pane;
        if !matches!(pane, Pane::Map | Pane::Node) {
            self.beside = pane;
        }
    }

    /// Scrolling too far is set right when it is drawn.
    fn scroll(&mut self, down: i64) {
        let scroll = &mut self.scrolls[index(self.chosen)];
        let by = usize::try_from(down.unsigned_abs()).unwrap_or(usize::MAX);
        scroll.skip = if down < 0 { scroll.skip.saturating_sub(by) } else { scroll.skip.saturating_add(by) };
    }
}

/// The number of a pane, from 0 on.
pub(super) fn index(pane: Pane) -> usize {
    Pane::ALL.iter().position(|&one| one == pane).unwrap_or_default()
}
