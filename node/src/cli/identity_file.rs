//! From an identity's file to the identity, and to the grid it was minted for.

use std::path::Path;

use ::grid::parameters::Parameters;
use hashcash::{Identity, SecretIdentity, file};

use super::Failure;
use super::text::note;
use crate::config::grid_file;
use crate::minting;

/// Reads an identity's file, and finds its grid: the one that was said, or the one in the file beside it, or the
/// preset that it fits.
pub(super) fn load(
    path: &Path,
    passphrase_file: Option<&Path>,
    grid: Option<&str>,
) -> Result<(SecretIdentity, Parameters), Failure> {
    let passphrase = passphrase_file.map(passphrase).transpose()?;
    let secret = file::read(path, passphrase.as_deref())?;
    if file::others_may_read(path)? {
        note(format_args!("warning: others can read {0}: close it with `chmod 600 {0}`", path.display()));
    }
    let parameters = match grid {
        Some(name) => grid_file::find(name)?,
        None => grid_of(path, secret.identity())?,
    };
    Ok((secret, parameters))
}

fn grid_of(path: &Path, identity: &Identity) -> Result<Parameters, Failure> {
    let beside = minting::grid_file_of(path);
    if beside.exists() {
        return Ok(grid_file::read(&beside)?);
    }
    match <[Parameters; 1]>::try_from(minting::presets_of(identity)) {
        Ok([parameters]) => Ok(parameters),
        Err(_) => Err(Failure::new(format!(
            "which grid is {} of? The file {}, which `rook mint` wrote beside it, is not there: say --grid local, main or \
             a grid file",
            path.display(),
            beside.display()
        ))),
    }
}

/// The first line of a file.
pub(super) fn passphrase(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("the passphrase file {}: {error}", path.display())))?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        Some(_) | None => {
            Err(Failure::new(format!("the passphrase file {} begins with an empty line", path.display())))
        }
    }
}
