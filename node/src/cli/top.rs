//! `rook top`: a running node's dashboard in a terminal.
//!
//! ```text
//! API --look--> Look --> Screen --draw--> terminal
//!                          ^
//! keys -----terminal-------'
//! ```
//!
//! What is shown is made of one [`look::Look`], without input or output (`screen`, `draw`); only this file, `look` and
//! `terminal` reach outside.

mod counts;
mod draw;
mod header;
mod listing;
mod look;
mod map;
mod panes;
mod plain;
mod screen;
mod tables;
mod terminal;
#[cfg(test)]
mod tests;
mod words;

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::MissedTickBehavior;

use self::look::{Look, look};
use self::screen::Screen;
use self::terminal::{Input, Taken};
use self::words::Palette;
use super::signals::Signals;
use super::{Failure, api_address};

/// The shortest time between two looks, in seconds: a look is seven questions.
const SHORTEST: f64 = 0.2;
/// The longest.
const LONGEST: f64 = 3600.0;
/// Columns of plain text, if COLUMNS says nothing.
const COLUMNS: u16 = 100;
/// What COLUMNS may say.
const FROM: u16 = 20;
const TO: u16 = 500;

/// Show a running node's dashboard in this terminal.
///
/// The grid as a map, neighbours, requests, queues, records, the ledger, dataset servers, tunnels, and warnings with what to
/// do. `?` shows the keys. Where standard output is no terminal one look is written as plain text. NO_COLOR is respected.
#[derive(Debug, clap::Args)]
pub(super) struct TopArgs {
    /// The node to ask: where its API listens [default: 127.0.0.1:7117].
    #[arg(long, value_parser = api_address)]
    api: Option<SocketAddr>,
    /// Seconds between two looks, 0.2 at least.
    #[arg(long, value_name = "SECONDS", value_parser = interval, default_value = "1")]
    interval: Duration,
    /// Write one look as plain text and end; as wide as COLUMNS says, or 100.
    #[arg(long)]
    once: bool,
}

fn interval(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (SHORTEST..=LONGEST).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| {
        format!("{text:?} is no number of seconds from {SHORTEST} to {LONGEST}: write 1 or 0.5, for example")
    })
}

pub(super) async fn top(args: TopArgs) -> Result<(), Failure> {
    let start = Instant::now();
    let first = look(args.api, start).await.map_err(Failure::new)?;
    if args.once || !io::stdout().is_terminal() {
        let text = Screen::new(first, Palette::new(false)).plain(columns(std::env::var("COLUMNS").ok()));
        return print(&text);
    }
    let screen = Screen::new(first, Palette::of_environment());
    show(screen, looks(args.api, start, args.interval), start).await
}

/// How wide plain text is.
fn columns(wished: Option<String>) -> u16 {
    wished.and_then(|wished| wished.parse::<u16>().ok()).map_or(COLUMNS, |wished| wished.clamp(FROM, TO))
}

/// To standard output; whoever reads it may have had enough.
fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Looks again and again, until nobody wants to know.
fn looks(api: Option<SocketAddr>, start: Instant, every: Duration) -> Receiver<Result<Look, String>> {
    let (sender, looks) = channel(1);
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first look was there before.
        ticks.tick().await;
        loop {
            ticks.tick().await;
            if sender.send(look(api, start).await).await.is_err() {
                return;
            }
        }
    });
    looks
}

/// Shows what comes until somebody wishes to end.
async fn show(mut screen: Screen, mut looks: Receiver<Result<Look, String>>, start: Instant) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let mut terminal = Taken::take().map_err(|error| broken(&error))?;
    let mut inputs = terminal::listen();
    loop {
        terminal.draw(&mut screen).map_err(|error| broken(&error))?;
        tokio::select! {
            looked = looks.recv() => match looked {
                Some(Ok(look)) => screen.update(look),
                Some(Err(why)) => screen.miss(why, start.elapsed()),
                None => return Err(Failure::new("looking at the node ended unexpectedly; report this")),
            },
            input = inputs.recv() => match input {
                Some(Input::Key(key)) if screen.press(key) => {}
                Some(Input::Key(_)) => return Ok(()),
                Some(Input::Resized) => {}
                Some(Input::Broken(error)) => return Err(broken(&error)),
                None => return Err(Failure::new("listening to the terminal ended unexpectedly; report this")),
            },
            () = signals.wait() => return Ok(()),
        }
    }
}

fn broken(error: &io::Error) -> Failure {
    Failure::new(format!("the terminal cannot be used: {error}; `rook top --once` writes plain text instead"))
}
