//! How a node covers what it sends, as its owner says it.

use std::num::NonZeroU32;

use tunnel::slots::Pace;

use crate::cli::{Failure, quantity, text};
use crate::config::keys::flag_help;
use crate::transport::{Cover, LINKS};

/// Cover traffic.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Cover")]
pub(super) struct CoverArgs {
    #[arg(long, value_name = "RATE", value_parser = quantity::bit_rate, help = flag_help("", "cover"))]
    cover: Option<NonZeroU32>,
    #[arg(long, value_name = "poisson|constant", help = flag_help("", "cover_pace"))]
    cover_pace: Option<Pace>,
}

impl CoverArgs {
    /// What each of the identities of a node is to do, which share the rate; the file says what the flags do not.
    pub(super) fn settle(
        self,
        rate: Option<NonZeroU32>,
        pace: Option<Pace>,
        identities: usize,
    ) -> Result<Option<Cover>, Failure> {
        let Some(rate) = self.cover.or(rate) else {
            return match self.cover_pace.or(pace) {
                Some(_) => Err(Failure::usage(
                    "a pace of cover traffic means nothing without a rate: say --cover RATE as well",
                )),
                None => Ok(None),
            };
        };
        let share = rate.get() / u32::try_from(identities).unwrap_or(u32::MAX);
        match NonZeroU32::new(share).filter(|share| share.get() >= Cover::LEAST) {
            Some(kbit_per_second) => {
                Ok(Some(Cover { kbit_per_second, pace: self.cover_pace.or(pace).unwrap_or(Pace::Poisson) }))
            }
            None => Err(Failure::usage(format!(
                "--cover {rate}kbit/s leaves {share} kbit/s for each of {identities} identities, which is less than a cell a \
                 second: say at least {}kbit/s",
                identities * Cover::LEAST as usize
            ))),
        }
    }
}

/// What that costs, in words, for all identities together.
pub(super) fn cost(cover: &Cover, identities: usize) -> String {
    let identities = identities as u64;
    let (rate, day) = (u64::from(cover.kbit_per_second.get()) * identities, cover.bytes_a_day() * identities);
    format!(
        "cover traffic: {rate} kbit/s are sent at all times, {} a day, and about 6 % more for headers; the same comes in from \
         neighbours that do so too. With {LINKS} links each sends a cell every {}, for which what a tunnel or request sends waits \
         at each node on its way",
        text::bytes(day),
        text::seconds(cover.gap(LINKS).as_secs_f64())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(rate: Option<u32>, pace: Option<Pace>) -> CoverArgs {
        CoverArgs { cover: rate.and_then(NonZeroU32::new), cover_pace: pace }
    }

    #[test]
    fn flags_win_over_the_file_and_identities_share() {
        let settle = |flags: CoverArgs, rate, pace, identities| {
            flags
                .settle(NonZeroU32::new(rate), pace, identities)
                .unwrap()
                .map(|cover| (cover.kbit_per_second.get(), cover.pace))
        };
        assert_eq!(settle(args(None, None), 0, None, 1), None);
        assert_eq!(settle(args(None, None), 500, Some(Pace::Constant), 1), Some((500, Pace::Constant)));
        assert_eq!(
            settle(args(Some(900), Some(Pace::Poisson)), 500, Some(Pace::Constant), 3),
            Some((300, Pace::Poisson))
        );
    }

    #[test]
    fn too_little_and_a_pace_alone_are_refused() {
        let error = args(Some(32), None).settle(None, None, 3).unwrap_err().message;
        assert!(error.contains("32kbit/s leaves 10 kbit/s") && error.contains("33kbit/s"), "{error}");
        assert!(args(None, Some(Pace::Constant)).settle(None, None, 1).unwrap_err().message.contains("--cover RATE"));
    }

    #[test]
    fn the_cost_is_told_before() {
        let cost = cost(&Cover { kbit_per_second: NonZeroU32::new(205).unwrap(), pace: Pace::Poisson }, 1);
        assert!(
            cost.starts_with("cover traffic: 205 kbit/s")
                && cost.contains("2.1 GiB a day")
                && cost.contains("every 999 ms"),
            "{cost}"
        );
    }
}
