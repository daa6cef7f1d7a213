//! A grid's parameters as a file. Every parameter stands in it: a default that changed later would make another grid
//! of the same file.

use std::path::Path;

use grid::cell::Shape;
use grid::parameters::{Parameters, Proof};
use grid::record::PriceTable;

use super::error::{ConfigError, Problem, read_text};
use super::section::Section;

const KEYS: &[&str] = &[
    "name",
    "dims",
    "side",
    "bits",
    "modulus_bits",
    "identity_days",
    "proof",
    "replica_cells",
    "max_record_bytes",
    "max_message_bytes",
    "record_days",
    "stamp_base_bits",
    "stamp_size_unit",
    "stamp_day_unit",
];

/// The grid that `--grid` names: a preset, or else a file.
///
/// # Errors
/// [`ConfigError`] says what is wrong with the file, and on which line.
pub fn find(name: &str) -> Result<Parameters, ConfigError> {
    match Parameters::preset(name) {
        Some(parameters) => Ok(parameters),
        None => read(Path::new(name)),
    }
}

/// Reads a grid file.
///
/// # Errors
/// [`ConfigError`] says what is wrong with the file, and on which line.
pub fn read(file: &Path) -> Result<Parameters, ConfigError> {
    parse(file, &read_text(file)?)
}

/// Reads the text of a grid file; `file` is for messages.
///
/// # Errors
/// [`ConfigError`] says what is wrong with the text, and on which line.
pub fn parse(file: &Path, text: &str) -> Result<Parameters, ConfigError> {
    let section = Section::document(file, text, KEYS.to_vec())?;
    section.require_all()?;
    let dims = number(&section, "dims")?;
    let side = number(&section, "side")?;
    let refuse = |error| ConfigError::new(file, None, Problem::Parameters(error));
    let parameters = Parameters {
        name: section.text("name")?.unwrap_or_default(),
        shape: Shape::new(dims, side).map_err(|error| refuse(error.into()))?,
        identity_bits: number(&section, "bits")?,
        modulus_bits: number(&section, "modulus_bits")?,
        identity_days: number(&section, "identity_days")?,
        proof: section.parsed("proof", proof)?.unwrap_or(Proof::Sha1),
        replica_cells: number(&section, "replica_cells")?,
        max_record_bytes: number(&section, "max_record_bytes")?,
        max_message_bytes: number(&section, "max_message_bytes")?,
        record_days: number(&section, "record_days")?,
        prices: PriceTable {
            base_bits: number(&section, "stamp_base_bits")?,
            size_unit: number(&section, "stamp_size_unit")?,
            day_unit: number(&section, "stamp_day_unit")?,
        },
    };
    parameters.validate().map_err(refuse)?;
    Ok(parameters)
}

/// A number of the file's as the type that holds it; what it may be beyond that, the parameters check.
fn number<T: TryFrom<u64> + Bounded>(section: &Section<'_>, key: &str) -> Result<T, ConfigError> {
    let number = section.number(key, 0..=T::GREATEST)?.unwrap_or_default();
    T::try_from(number).map_err(|_| section.refuse(key, "too large".to_owned()))
}

/// Types with a greatest number.
trait Bounded {
    const GREATEST: u64;
}

impl Bounded for u8 {
    const GREATEST: u64 = u8::MAX as u64;
}

impl Bounded for u16 {
    const GREATEST: u64 = u16::MAX as u64;
}

impl Bounded for u32 {
    const GREATEST: u64 = u32::MAX as u64;
}

fn proof(name: &str) -> Result<Proof, String> {
    match name == Proof::Sha1.name() {
        true => Ok(Proof::Sha1),
        false => Err(format!("no such proof function; there is {:?}", Proof::Sha1.name())),
    }
}

/// The file of a grid, with comments for its readers.
pub fn write(parameters: &Parameters) -> String {
    let Parameters { name, shape, identity_bits, modulus_bits, identity_days, proof, .. } = parameters;
    let Parameters { replica_cells, max_record_bytes, max_message_bytes, record_days, .. } = parameters;
    let PriceTable { base_bits, size_unit, day_unit } = parameters.prices;
    format!(
        "# A grid's parameters. Whoever changes one of them has made another grid.
# Grid id: {}
name = {name:?}
# {} axes with {} coordinates each: {} cells
dims = {}
side = {}
# What an identity costs: leading zero bits, 2^{identity_bits} attempts on average
bits = {identity_bits}
modulus_bits = {modulus_bits}
identity_days = {identity_days}
proof = {:?}
# How many cells keep each record
replica_cells = {replica_cells}
max_record_bytes = {max_record_bytes}
max_message_bytes = {max_message_bytes}
# For how long at most, and what it costs: 2^stamp_base_bits attempts for each unit of size and time
record_days = {record_days}
stamp_base_bits = {base_bits}
stamp_size_unit = {size_unit}
stamp_day_unit = {day_unit}
",
        parameters.grid_id(),
        shape.dims(),
        shape.side(),
        shape.cells(),
        shape.dims(),
        shape.side(),
        proof.name(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Parameters, String> {
        super::parse(Path::new("g.toml"), text).map_err(|error| error.to_string())
    }

    fn error(text: &str) -> String {
        parse(text).unwrap_err()
    }

    #[test]
    fn a_grid_reads_back() {
        for parameters in [Parameters::main(), Parameters::local()] {
            assert_eq!(parse(&write(&parameters)), Ok(parameters));
        }
    }

    #[test]
    fn unknown_keys_are_named_with_line_and_suggestion() {
        let text = write(&Parameters::local()).replace("side =", "sides =");
        let error = error(&text);
        assert!(error.starts_with("g.toml, line 6: unknown key \"sides\", did you mean \"side\"?"), "{error}");
    }

    #[test]
    fn missing_keys_are_named() {
        assert_eq!(
            error("name = 'x'\ndims = 2\nside = 2\nbits = 1\nmodulus_bits = 2048\nidentity_days = 3\nproof = 'sha1'\n"),
            "g.toml: replica_cells, max_record_bytes, max_message_bytes, record_days, stamp_base_bits, stamp_size_unit, \
             stamp_day_unit are missing"
        );
    }

    #[test]
    fn wrong_types_and_ranges_are_named() {
        let good = write(&Parameters::local());
        let wrong = error(&good.replace("dims = 2", "dims = 'two'"));
        assert_eq!(wrong, "g.toml, line 5: dims must be a whole number from 0 to 255, not a text");
        let wrong = error(&good.replace("dims = 2", "dims = -2"));
        assert_eq!(wrong, "g.toml, line 5: dims must be a whole number from 0 to 255, not -2");
        let wrong = error(&good.replace("dims = 2", "dims = 9"));
        assert_eq!(wrong, "g.toml: a grid has 1 to 8 dimensions, not 9");
        let wrong = error(&good.replace("\"sha1\"", "\"scrypt\""));
        assert_eq!(wrong, "g.toml, line 11: proof: \"scrypt\": no such proof function; there is \"sha1\"");
        let wrong = error(&good.replace("dims = 2", "dims = "));
        assert!(wrong.starts_with("g.toml, line 5: is no TOML: "), "{wrong}");
    }
}
