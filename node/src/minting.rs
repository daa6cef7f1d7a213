//! Between a grid's parameters and the identities that they demand.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use grid::cell::Cell;
use grid::id::NodeId;
use grid::parameters::Parameters;
use hashcash::mint::{self, MintError, MintOptions};
use hashcash::{Identity, IdentityError, JulianDay, Rules, SecretIdentity, VerifiedIdentity};

/// What a grid demands of an identity.
pub fn rules(parameters: &Parameters) -> Rules {
    Rules {
        grid_id: *parameters.grid_id().as_bytes(),
        modulus_bits: parameters.modulus_bits.into(),
        difficulty: parameters.identity_bits.into(),
        lifetime_days: parameters.identity_days.into(),
        dims: parameters.shape.dims(),
        side: parameters.shape.side().into(),
    }
}

/// The day that this machine's clock shows.
pub fn today() -> JulianDay {
    // A clock before 1970 shows 1970; the identity's date is then of the future, and the error says so.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    JulianDay::from_unix_seconds(since.as_secs())
}

/// The name of the node with that identity.
pub fn node_id(identity: &Identity) -> NodeId {
    NodeId::from_bytes(identity.id())
}

/// The cell that an identity computes to; `None` if it was verified by the rules of another grid.
pub fn cell(parameters: &Parameters, identity: &VerifiedIdentity) -> Option<Cell> {
    parameters.shape.place(identity.residues()).ok()
}

/// The file beside an identity's that says which grid it was minted for.
pub fn grid_file_of(identity: &Path) -> PathBuf {
    let mut name = identity.as_os_str().to_owned();
    name.push(".grid.toml");
    name.into()
}

/// The presets by whose rules an identity is good, whatever its date.
pub fn presets_of(identity: &Identity) -> Vec<Parameters> {
    let good = |parameters: &Parameters| verify_on(parameters, identity, identity.minted()).is_ok();
    [Parameters::main(), Parameters::local()].into_iter().filter(good).collect()
}

/// Checks an identity as of a day.
///
/// # Errors
/// The first broken rule.
pub fn verify_on(
    parameters: &Parameters,
    identity: &Identity,
    day: JulianDay,
) -> Result<VerifiedIdentity, IdentityError> {
    identity.clone().verify(&rules(parameters), day)
}

/// Mints an identity for a grid that asks for little, on one core, without anybody watching.
///
/// # Errors
/// If the grid's parameters make no sense.
pub fn mint_quickly(parameters: &Parameters) -> Result<SecretIdentity, MintError> {
    let options = MintOptions { threads: 1, kernel: None };
    mint::mint(&rules(parameters), today(), &options, &mut rand::rng(), &())
}
