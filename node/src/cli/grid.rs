//! `rook grid`: the parameters of a grid, as a file, for people and for scripts.

use std::path::PathBuf;
use std::time::Duration;

use ::grid::cell::Shape;
use ::grid::parameters::Parameters;
use ::grid::record::PriceTable;
use serde::Serialize;

use super::Failure;
use super::bench::rate_of_all_cores;
use super::files::write_new;
use super::text::{self, fields, note, say, say_json, table};
use crate::config::grid_file;
use crate::minting;

/// What can be done with a grid's parameters.
#[derive(Debug, clap::Subcommand)]
pub(super) enum GridCommand {
    /// Write the file of a new grid; everything else is as in the preset `main`.
    New(NewArgs),
    /// Show a grid's parameters and what follows from them.
    Show(ShowArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct NewArgs {
    /// The grid's name: 1 to 64 of a-z, 0-9 and '-'.
    #[arg(long)]
    name: String,
    /// d, the number of axes.
    #[arg(long)]
    dims: u8,
    /// g, the coordinates on each axis.
    #[arg(long)]
    side: u16,
    /// h, leading zero bits of an identity: 2^h attempts on average.
    #[arg(long)]
    bits: u8,
    /// What records cost: leading zero bits of a stamp for a kibibyte and a day.
    #[arg(long, default_value_t = Parameters::main().prices.base_bits)]
    stamp_bits: u8,
    /// The file to write; one that is there is not overwritten.
    #[arg(short, long)]
    output: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    /// `local`, `main` or a grid file.
    grid: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn grid(command: &GridCommand) -> Result<(), Failure> {
    match command {
        GridCommand::New(args) => new(args),
        GridCommand::Show(args) => show(args),
    }
}

fn new(args: &NewArgs) -> Result<(), Failure> {
    let parameters = Parameters {
        name: args.name.clone(),
        shape: Shape::new(args.dims, args.side)?,
        identity_bits: args.bits,
        prices: PriceTable { base_bits: args.stamp_bits, ..Parameters::main().prices },
        ..Parameters::main()
    };
    parameters.validate()?;
    write_new(&args.output, grid_file::write(&parameters).as_bytes())?;
    say(args.output.display());
    note(format_args!("grid {} with id {}", parameters.name, parameters.grid_id()));
    Ok(())
}

#[derive(Serialize)]
struct GridOutput {
    name: String,
    grid_id: String,
    dims: u8,
    side: u16,
    cells: u64,
    neighbour_cells: u64,
    bits: u8,
    modulus_bits: u16,
    identity_days: u16,
    proof: &'static str,
    replica_cells: u8,
    max_record_bytes: u32,
    max_message_bytes: u32,
    expected_attempts: f64,
    attempts_per_s_here: f64,
    expected_mint_seconds_here: f64,
}

impl GridOutput {
    fn of(parameters: &Parameters) -> Result<Self, Failure> {
        let expected_attempts = f64::from(parameters.identity_bits).exp2();
        let rate = rate_of_all_cores(&minting::rules(parameters), Duration::from_millis(200))?;
        Ok(Self {
            name: parameters.name.clone(),
            grid_id: parameters.grid_id().to_string(),
            dims: parameters.shape.dims(),
            side: parameters.shape.side(),
            cells: parameters.shape.cells(),
            neighbour_cells: parameters.shape.neighbour_cells(),
            bits: parameters.identity_bits,
            modulus_bits: parameters.modulus_bits,
            identity_days: parameters.identity_days,
            proof: parameters.proof.name(),
            replica_cells: parameters.replica_cells,
            max_record_bytes: parameters.max_record_bytes,
            max_message_bytes: parameters.max_message_bytes,
            expected_attempts,
            attempts_per_s_here: rate,
            expected_mint_seconds_here: expected_attempts / rate,
        })
    }
}

fn show(args: &ShowArgs) -> Result<(), Failure> {
    let parameters = grid_file::find(&args.grid)?;
    let output = GridOutput::of(&parameters)?;
    if args.json {
        say_json(&output);
        return Ok(());
    }
    say(grid_file::write(&parameters));
    let mint = text::seconds(output.expected_mint_seconds_here);
    say(fields(&[
        ("identity", format!("2^{} attempts, about {mint} on this machine", output.bits)),
        ("cells", format!("{}^{} = {}", output.side, output.dims, output.cells)),
        ("neighbour cells", format!("{}, a node's own included", output.neighbour_cells)),
        ("record", format!("up to {}, in {} cells", text::bytes(output.max_record_bytes.into()), output.replica_cells)),
    ]));
    say("");
    say(population(parameters.shape));
    Ok(())
}

/// What `x` nodes in a cell mean: neighbours, and how often a cell is vacant.
fn population(shape: Shape) -> String {
    let row = |x: u32| {
        let vacant = (-f64::from(x)).exp() * 100.0;
        let nodes = text::scaled(shape.cells() as f64 * f64::from(x));
        let neighbours = shape.neighbour_cells() * u64::from(x);
        vec![x.to_string(), nodes.trim().to_owned(), neighbours.to_string(), format!("{vacant:.2} %")]
    };
    table(&["nodes a cell (x)", "nodes", "neighbours (m)", "vacant cells"], &[1, 2, 4, 8, 16].map(row))
}
