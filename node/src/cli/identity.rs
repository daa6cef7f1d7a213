//! `rook identity`: what an identity is, and whether it is good.

use std::path::PathBuf;

use ::grid::parameters::Parameters;
use hashcash::{Identity, VerifiedIdentity};
use serde::Serialize;

use super::text::{self, fields, say, say_json};
use super::{Failure, identity_file};
use crate::minting;

/// What can be done with an identity.
#[derive(Debug, clap::Subcommand)]
pub(super) enum IdentityCommand {
    /// Show an identity: its grid, id, date, bits and cell.
    Show {
        #[command(flatten)]
        which: Which,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check an identity by every rule of its grid: exit status 0, or 1 and the broken rule.
    Verify {
        #[command(flatten)]
        which: Which,
    },
}

/// Which identity.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// The identity file.
    file: PathBuf,
    /// The grid that it is of [default: the one it was minted for].
    #[arg(long, value_name = "local|main|FILE")]
    grid: Option<String>,
    /// A file whose first line is the passphrase.
    #[arg(long)]
    passphrase_file: Option<PathBuf>,
}

pub(super) fn identity(command: &IdentityCommand) -> Result<(), Failure> {
    match command {
        IdentityCommand::Show { which, json } => show(which, *json),
        IdentityCommand::Verify { which } => verify(which),
    }
}

impl Which {
    fn load(&self) -> Result<(Identity, Parameters), Failure> {
        let (secret, parameters) =
            identity_file::load(&self.file, self.passphrase_file.as_deref(), self.grid.as_deref())?;
        Ok((secret.identity().clone(), parameters))
    }
}

fn verify(which: &Which) -> Result<(), Failure> {
    let (identity, parameters) = which.load()?;
    let verified = minting::verify_on(&parameters, &identity, minting::today()).map_err(|broken| {
        Failure::new(format!("{} is no identity of grid {}: {broken}", which.file.display(), parameters.name))
    })?;
    say(format_args!("{} is good for grid {}: {} bits", which.file.display(), parameters.name, verified.bits()));
    Ok(())
}

/// What scripts get to see of an identity.
#[derive(Debug, Serialize)]
pub(super) struct IdentityOutput {
    grid: String,
    grid_id: String,
    id: String,
    minted: String,
    julian_day: u32,
    valid_until: String,
    bits: u32,
    cell: Vec<u16>,
    e: String,
    n: String,
}

impl IdentityOutput {
    pub(super) fn of(parameters: &Parameters, verified: &VerifiedIdentity) -> Self {
        let identity = verified.identity();
        let minted = identity.minted();
        Self {
            grid: parameters.name.clone(),
            grid_id: parameters.grid_id().to_string(),
            id: minting::node_id(identity).to_string(),
            minted: minted.to_iso(),
            julian_day: minted.number(),
            valid_until: minted.plus_days(parameters.identity_days.into()).to_iso(),
            bits: verified.bits(),
            cell: minting::cell(parameters, verified).map(|cell| cell.coordinates().to_vec()).unwrap_or_default(),
            e: hex(identity.exponent()),
            n: hex(identity.modulus()),
        }
    }

    pub(super) fn describe(&self) -> String {
        fields(&[
            ("grid", format!("{} ({})", self.grid, text::short(&self.grid_id))),
            ("id", self.id.clone()),
            ("cell", text::cell(&self.cell)),
            ("bits", self.bits.to_string()),
            ("minted", format!("{} (Julian day {})", self.minted, self.julian_day)),
            ("good until", self.valid_until.clone()),
        ])
    }
}

fn show(which: &Which, json: bool) -> Result<(), Failure> {
    let (identity, parameters) = which.load()?;
    // As of the day of its minting: an expired one can still be looked at.
    let verified = minting::verify_on(&parameters, &identity, identity.minted())?;
    let output = IdentityOutput::of(&parameters, &verified);
    match json {
        true => say_json(&output),
        false => {
            say(output.describe());
            say(fields(&[("e", output.e.clone()), ("n", output.n.clone())]));
            if let Err(broken) = minting::verify_on(&parameters, &identity, minting::today()) {
                say(format_args!("not good today: {broken}"));
            }
        }
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
