//! Faults on purpose: a dataset server that lies or fails, for demonstrations and tests.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use grid::parameters::Parameters;

/// What a faulty server does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// Changes one byte of such a share of its answers, anywhere in them.
    Lie {
        /// 0 to 1.
        rate: f64,
    },
    /// Answers right and checks wrong, so that honest servers look like liars.
    Frame,
    /// Ends each answer in the middle.
    Truncate,
    /// Begins each answer, and goes silent in the middle.
    Stall,
    /// Makes up the hashes of checks, without looking at the data.
    LazyCheck,
    /// Changes the last byte of such a share of its answers.
    LastByte {
        /// 0 to 1.
        rate: f64,
    },
}

/// Why there is no such fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// It is not known.
    #[error(
        "{0:?} is no fault: take lie:RATE, frame, truncate, stall, lazy or last-byte:RATE, with a RATE from 0 to 1"
    )]
    Unknown(String),
    /// It is not for a grid that people rely on.
    #[error("a faulty server is for demonstrations and tests, and is refused on the grid main: take another grid")]
    Main,
}

impl Fault {
    /// Refuses faults on the grid that people rely on.
    ///
    /// # Errors
    /// [`FaultError::Main`].
    pub fn check_grid(parameters: &Parameters) -> Result<(), FaultError> {
        let main = Parameters::main();
        match parameters.name == main.name || parameters.grid_id() == main.grid_id() {
            true => Err(FaultError::Main),
            false => Ok(()),
        }
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let unknown = || FaultError::Unknown(text.to_owned());
        let rate = |text: &str| text.parse().ok().filter(|rate| (0.0..=1.0).contains(rate)).ok_or_else(unknown);
        match text.split_once(':') {
            Some(("lie", text)) => Ok(Self::Lie { rate: rate(text)? }),
            Some(("last-byte", text)) => Ok(Self::LastByte { rate: rate(text)? }),
            Some(_) => Err(unknown()),
            None => match text {
                "lie" => Ok(Self::Lie { rate: 1.0 }),
                "last-byte" => Ok(Self::LastByte { rate: 1.0 }),
                "frame" => Ok(Self::Frame),
                "truncate" => Ok(Self::Truncate),
                "stall" => Ok(Self::Stall),
                "lazy" => Ok(Self::LazyCheck),
                _ => Err(unknown()),
            },
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lie { rate } => write!(f, "lie:{rate}"),
            Self::Frame => f.write_str("frame"),
            Self::Truncate => f.write_str("truncate"),
            Self::Stall => f.write_str("stall"),
            Self::LazyCheck => f.write_str("lazy"),
            Self::LastByte { rate } => write!(f, "last-byte:{rate}"),
        }
    }
}

/// A fault at work: which answers it strikes follows from the seed and the number of the answer.
#[derive(Debug)]
pub(crate) struct Mischief {
    fault: Fault,
    seed: u64,
    answers: AtomicU64,
}

impl Mischief {
    pub(crate) fn new(fault: Fault, seed: u64) -> Self {
        Self { fault, seed, answers: AtomicU64::new(0) }
    }

    /// What becomes of the next answer.
    pub(crate) fn next(&self) -> Prank {
        let number = self.answers.fetch_add(1, Ordering::Relaxed);
        let drawn = blake3::hash(&[self.seed.to_be_bytes(), number.to_be_bytes()].concat());
        let random =
            |part: usize| drawn.as_bytes()[part * 8..][..8].iter().fold(0_u64, |n, &byte| n << 8 | u64::from(byte));
        let strikes = |rate: f64| (random(0) as f64) < rate * 2_f64.powi(64);
        match self.fault {
            Fault::Lie { rate } if strikes(rate) => Prank::FlipAt(random(1)),
            Fault::LastByte { rate } if strikes(rate) => Prank::FlipLast,
            Fault::Lie { .. } | Fault::LastByte { .. } => Prank::None,
            Fault::Frame => Prank::Frame,
            Fault::Truncate => Prank::Truncate,
            Fault::Stall => Prank::Stall,
            Fault::LazyCheck => Prank::Lazy,
        }
    }
}

/// What is done to one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Prank {
    /// Nothing: the answer is honest.
    #[default]
    None,
    /// One byte is changed, at this number modulo the length.
    FlipAt(u64),
    /// The last byte is changed.
    FlipLast,
    /// The hashes of a check are wrong.
    Frame,
    /// The hashes of a check are made up.
    Lazy,
    /// The answer ends in the middle.
    Truncate,
    /// The answer stands still in the middle.
    Stall,
}

impl Prank {
    /// Does what is to be done to some bytes, which begin at `offset` of an answer of `length`.
    pub(crate) fn spoil(self, bytes: &mut [u8], offset: u64, length: u64) {
        let place = match self {
            Self::FlipAt(place) => place.checked_rem(length),
            Self::FlipLast => length.checked_sub(1),
            Self::None | Self::Frame | Self::Lazy | Self::Truncate | Self::Stall => None,
        };
        let within = place.and_then(|place| usize::try_from(place.checked_sub(offset)?).ok());
        if let Some(byte) = within.and_then(|place| bytes.get_mut(place)) {
            *byte ^= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_as_they_are_written() {
        for text in ["lie:0.1", "frame", "truncate", "stall", "lazy", "last-byte:0.25"] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
        for text in ["lie:2", "lie:x", "lie:NaN", "frame:1", "", "honest"] {
            assert_eq!(text.parse::<Fault>(), Err(FaultError::Unknown(text.into())));
        }
    }

    #[test]
    fn none_is_allowed_on_main() {
        assert_eq!(Fault::check_grid(&Parameters::main()), Err(FaultError::Main));
        assert_eq!(Fault::check_grid(&Parameters::local()), Ok(()));
    }

    #[test]
    fn a_rate_is_kept_and_a_seed_repeats() {
        let pranks = |rate, seed| {
            let mischief = Mischief::new(Fault::Lie { rate }, seed);
            (0..10_000).map(|_| mischief.next()).collect::<Vec<_>>()
        };
        let lies = pranks(0.1, 7).iter().filter(|prank| **prank != Prank::None).count();
        assert!((800..1200).contains(&lies), "{lies}");
        assert_eq!(pranks(0.1, 7), pranks(0.1, 7));
        assert!(pranks(1.0, 1).iter().all(|prank| *prank != Prank::None));
        assert!(pranks(0.0, 1).iter().all(|prank| *prank == Prank::None));
    }

    #[test]
    fn exactly_one_byte_is_changed() {
        for prank in [Prank::FlipAt(12_345), Prank::FlipLast] {
            let mut bytes = [0_u8; 100];
            for (number, piece) in bytes.chunks_mut(7).enumerate() {
                prank.spoil(piece, number as u64 * 7, 100);
            }
            let flipped: Vec<_> = (0..100).filter(|&place| bytes[place] != 0).collect();
            assert_eq!(flipped, [if prank == Prank::FlipLast { 99 } else { 45 }]);
        }
    }
}
