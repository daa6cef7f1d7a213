#![allow(clippy::print_stdout, reason = "a command line prints its results")]
//! `rook-sim`: runs simulations and prints figures.

mod checks_command;
mod churn_command;
mod experiments_command;
mod grow;
mod join;
mod run_command;
mod scale_command;
mod storm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde::Serialize;

/// Grid of Trust in simulated networks.
#[derive(Debug, Parser)]
#[command(name = "rook-sim", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Grow a network through one introducer, ask it, kill a part of it, ask again, let it repair, ask again.
    Join(join::Options),
    /// Grow a large network, ask it, and say what running it took.
    Grow(grow::Options),
    /// Let a crowd join all at once through one node of a small network.
    Storm(storm::Options),
    /// Let nodes come and go for an hour, while others put and get records.
    Churn(churn_command::Options),
    /// Ask dataset servers of which some lie, and check them: the protocol of 2010 beside ours.
    Checks(checks_command::Options),
    /// Build a network of millions and route lookups in it, on all cores.
    Scale(scale_command::Options),
    /// The experiments that ship.
    List(experiments_command::List),
    /// Print the file of an experiment that ships, to copy and change it.
    Show(experiments_command::Show),
    /// Run experiments: tables, diagrams, a report, and whether their claims hold.
    Run(run_command::Options),
}

/// Prints a report: as JSON, or for people.
fn tell<R: Serialize>(report: &R, json: bool, people: impl FnOnce(&R)) -> Result<(), String> {
    match json {
        true => println!("{}", serde_json::to_string_pretty(report).map_err(|error| error.to_string())?),
        false => people(report),
    }
    Ok(())
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Join(options) => options.run(),
        Command::Grow(options) => options.run(),
        Command::Storm(options) => options.run(),
        Command::Churn(options) => options.run(),
        Command::Checks(options) => options.run(),
        Command::Scale(options) => options.run(),
        Command::List(options) => options.run(),
        Command::Show(options) => options.run(),
        Command::Run(options) => options.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            #[expect(clippy::print_stderr, reason = "where a person looks for it")]
            {
                eprintln!("rook-sim: {message}");
            }
            ExitCode::FAILURE
        }
    }
}
