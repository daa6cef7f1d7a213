//! How far minting is. Nothing is saved up: an attempt succeeds or is lost, so all that can be said is how long it
//! takes on average, and how likely it would have ended by now.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use hashcash::difficulty::{chance_by_now, expected_attempts};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::text::{self, note};

/// Time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The bar's length.
const PARTS: u64 = 1000;

/// A bar on a terminal, a line every few seconds elsewhere.
pub(in crate::cli) struct Progress {
    difficulty: u32,
    bar: Option<ProgressBar>,
    last_line: Instant,
}

impl Progress {
    pub(in crate::cli) fn new(difficulty: u32) -> Self {
        let bar = std::io::stderr().is_terminal().then(bar);
        Self { difficulty, bar, last_line: Instant::now() }
    }

    pub(in crate::cli) fn show(&mut self, attempts: u64, elapsed: Duration) {
        let sentence = || sentence(self.difficulty, attempts, elapsed);
        match &self.bar {
            Some(bar) => {
                bar.set_position(parts(chance_by_now(self.difficulty, attempts)));
                bar.set_message(sentence());
            }
            None if self.last_line.elapsed() >= LINE_EVERY => {
                note(sentence());
                self.last_line = Instant::now();
            }
            None => {}
        }
    }

    pub(in crate::cli) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(PARTS), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} [{bar:24}] {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

fn parts(chance: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
    let parts = (chance * PARTS as f64) as u64;
    parts
}

/// Attempts, their rate, the expected time at this rate, and the chance of having ended by now.
pub(in crate::cli) fn sentence(difficulty: u32, attempts: u64, elapsed: Duration) -> String {
    let rate = attempts as f64 / elapsed.as_secs_f64().max(1e-3);
    if attempts == 0 {
        return "making the RSA key".to_owned();
    }
    format!(
        "{}attempts in {}, {}/s; 2^{difficulty} take {} on average; chance to be done by now {:.1} %",
        text::scaled(attempts as f64),
        text::duration(elapsed),
        text::scaled(rate),
        text::seconds(expected_attempts(difficulty) / rate),
        chance_by_now(difficulty, attempts) * 100.0
    )
}
