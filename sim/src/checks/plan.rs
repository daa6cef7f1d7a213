//! What to simulate.

use grid::trust::policy::Policy;
use grid::trust::{Manifest, Proofs};
use serde::Serialize;

/// How answers are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// The protocol of 2010 as written.
    Seed,
    /// Every answer is checked, and two of three win.
    Majority,
    /// Ours, for a dataset whose publisher has signed nothing.
    Unsigned,
    /// Ours, with a signed manifest that is used when answers differ.
    OnDispute,
    /// Ours, with a signed manifest that every answer is proven against.
    Proven,
}

impl Protocol {
    /// Whether answers are compared, so that the check rate means something.
    pub const fn is_checked(self) -> bool {
        match self {
            Self::Seed | Self::Unsigned | Self::OnDispute => true,
            Self::Majority | Self::Proven => false,
        }
    }

    /// The policy that carries it out.
    pub fn policy(self, check_rate: f64) -> Policy {
        match self {
            Self::Seed => Policy::seed(check_rate),
            Self::Majority => Policy::majority(3),
            Self::Unsigned | Self::OnDispute | Self::Proven => Policy { check_rate, ..Policy::default() },
        }
    }

    /// What the publisher has signed.
    pub const fn manifest(self) -> Manifest {
        match self {
            Self::Seed | Self::Majority | Self::Unsigned => Manifest::None,
            Self::OnDispute => Manifest::Signed(Proofs::OnDispute),
            Self::Proven => Manifest::Signed(Proofs::Always),
        }
    }
}

/// Whether liars know of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conspiracy {
    /// Each lies for itself, and no two lies are the same. As a checker it tells the truth, so that it is not found out
    /// by that.
    Independent,
    /// When one lies, all others that are asked about the same request say the same.
    Colluding,
}

/// The options of the experiment.
#[derive(Clone, Debug, PartialEq, clap::Args, Serialize)]
pub struct Plan {
    /// Servers that offer the dataset, each in the cell of an identity of its own.
    #[arg(long, default_value_t = 100)]
    pub servers: u16,
    /// The grid's axes.
    #[arg(long, default_value_t = 3)]
    pub dims: u8,
    /// Coordinates on each axis.
    #[arg(long, default_value_t = 8)]
    pub side: u16,
    /// Requests of one gateway.
    #[arg(long, default_value_t = 100_000)]
    pub requests: u32,
    /// How answers are checked.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Protocol::SHOWN)]
    pub protocols: Vec<Protocol>,
    /// Whether liars know of each other.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Conspiracy::Independent, Conspiracy::Colluding])]
    pub conspiracies: Vec<Conspiracy>,
    /// Shares of the servers that lie.
    #[arg(long, value_delimiter = ',', default_values_t = [0.05, 0.2, 0.4], value_parser = share)]
    pub liars: Vec<f64>,
    /// Shares of their answers that are lies.
    #[arg(long, value_delimiter = ',', default_values_t = [1.0, 0.1, 0.01], value_parser = share)]
    pub lie_rates: Vec<f64>,
    /// Shares of answers that are checked (`byzantine_check_rate`).
    #[arg(long, value_delimiter = ',', default_values_t = [0.01, 0.1, 1.0], value_parser = share)]
    pub check_rates: Vec<f64>,
    /// Answers that a liar gives truthfully before it begins to lie.
    #[arg(long, default_value_t = 0)]
    pub honest_first: u32,
    /// Liars also lie when they check, at the same rate, whoever they check.
    #[arg(long)]
    pub checkers_lie: bool,
    /// The share of questions that nobody answers, whoever is asked.
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    pub unanswered: f64,
    /// How large an answer is.
    #[arg(long, default_value_t = 1_000_000)]
    pub answer_bytes: u32,
    /// How large a digest is.
    #[arg(long, default_value_t = 32)]
    pub digest_bytes: u32,
    /// The share that proofs against signed tree hashes add to an answer: 0.39 % for groups of 16 KiB.
    #[arg(long, default_value_t = 0.0039, value_parser = share)]
    pub proof_share: f64,
    /// Runs of each line, with one seed after another; the figures are means.
    #[arg(long, default_value_t = 3)]
    pub seeds: u8,
    /// The first seed: it decides everything that is left to chance.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl Protocol {
    /// Those that are compared unless somebody says otherwise.
    pub const SHOWN: [Self; 4] = [Self::Seed, Self::Unsigned, Self::OnDispute, Self::Proven];
}

impl Plan {
    /// Whether it can be carried out.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.servers < 2 {
            return Err("nobody can check a single server: --servers 2 or more".into());
        }
        if self.requests < 2 || self.seeds == 0 {
            return Err("there is nothing to do: --requests 2 or more, --seeds 1 or more".into());
        }
        if self.check_rates.is_empty() || self.liars.is_empty() || self.lie_rates.is_empty() {
            return Err("a list of shares is empty: --check-rates, --liars and --lie-rates need one at least".into());
        }
        Ok(())
    }

    /// How many servers lie.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a u16")]
    pub(super) fn liars_of(&self, share: f64) -> u16 {
        (share * f64::from(self.servers)).round() as u16
    }
}

fn share(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    if (0.0..=1.0).contains(&number) { Ok(number) } else { Err(format!("{number} is not in 0..1")) }
}
