//! `rook price`.

use std::time::Duration;

use ::grid::record::{Rules, Subject, TermsError};
use serde::Serialize;

use super::Failure;
use super::quantity;
use super::text::{self, fields, note, say, say_json};
use crate::config::grid_file;
use crate::stamps::{self, Wanted};

/// Show what a record costs, in work, and how long that takes here.
#[derive(Debug, clap::Args)]
pub(super) struct PriceArgs {
    /// The value's size: 256KiB, 1MiB, 5GB.
    #[arg(long, value_parser = quantity::size)]
    size: u64,
    /// Days for which it is to be kept.
    #[arg(long, default_value_t = 30)]
    days: u16,
    /// Days after which it matters half as much to a node that runs out of space; 0: never.
    #[arg(long, default_value_t = 0)]
    half_life: u16,
    /// How often it may be rewritten: 1/day, 24/day; without this it cannot be.
    #[arg(long, value_parser = quantity::rate)]
    rewrites: Option<u32>,
    /// Bits of work beyond the price.
    #[arg(long, default_value_t = 0)]
    priority: u8,
    /// `local`, `main` or a grid file.
    #[arg(long, default_value = "main")]
    grid: String,
    /// Print JSON: bits, attempts, attempts_per_s_here, expected_seconds_here.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct PriceOutput {
    grid: String,
    size: u64,
    days: u16,
    half_life: u16,
    interval_s: Option<u32>,
    priority: u8,
    bits: u32,
    expected_attempts: f64,
    attempts_per_s_here: f64,
    expected_seconds_here: f64,
}

pub(super) fn price(args: &PriceArgs) -> Result<(), Failure> {
    let parameters = grid_file::find(&args.grid)?;
    let rules = Rules::of(&parameters);
    let wanted = Wanted { days: args.days, half_life: args.half_life, priority: args.priority, ..Wanted::default() };
    let subject = match args.rewrites {
        Some(interval) => Subject::Mutable { writer: [0; 32], interval },
        None => Subject::Immutable { root: [0; 32] },
    };
    let terms = wanted.terms(subject, args.size);
    match terms.validate(&rules.limits) {
        // It has a price all the same: that of the values which the mutable record points at, one after the other.
        Err(error @ TermsError::MutableSize { .. }) => note(format_args!("note: {error}")),
        checked => checked?,
    }
    let bits = rules.prices.bits(&terms);
    let rate = stamps::measure_rate(Duration::from_millis(200));
    let output = PriceOutput {
        grid: parameters.name.clone(),
        size: args.size,
        days: args.days,
        half_life: args.half_life,
        interval_s: args.rewrites,
        priority: args.priority,
        bits,
        expected_attempts: f64::from(bits).exp2(),
        attempts_per_s_here: rate.round(),
        expected_seconds_here: stamps::expected_seconds(bits, rate),
    };
    match args.json {
        true => say_json(&output),
        false => say(describe(&output, &rules)),
    }
    Ok(())
}

fn describe(output: &PriceOutput, rules: &Rules) -> String {
    let prices = rules.prices;
    let rewrites = match output.interval_s {
        Some(interval) => format!("one every {} at most", text::seconds(interval.into())),
        None => "none".to_owned(),
    };
    let table = format!(
        "2^{} for {} and {} day{}; twice as much for each doubling; a record that can be rewritten costs twice as much, \
         and twice again for each doubling of the rate above one a day",
        prices.base_bits,
        text::bytes(prices.size_unit.into()),
        prices.day_unit,
        if prices.day_unit == 1 { "" } else { "s" }
    );
    fields(&[
        ("grid", output.grid.clone()),
        ("size", text::bytes(output.size)),
        ("days", output.days.to_string()),
        ("rewrites", rewrites),
        ("price", format!("2^{} attempts on average", output.bits)),
        (
            "here",
            format!(
                "about {}, at {}attempts/s",
                text::seconds(output.expected_seconds_here),
                text::scaled(output.attempts_per_s_here)
            ),
        ),
        ("table", table),
    ])
}
