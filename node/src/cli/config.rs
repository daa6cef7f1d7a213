//! `rook config`: the file that `rook run --config` takes.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Failure;
use super::files::write_new;
use super::run::check_file;
use super::text::{note, say, say_json, table};
use crate::config::keys::template;
use crate::config::run_file::{Setting, settings};

/// What can be done with the file.
#[derive(Debug, clap::Subcommand)]
pub(super) enum ConfigCommand {
    /// Write a file with all keys, each as a comment under what it is for.
    Init(InitArgs),
    /// Say what is wrong with a file, and with the files that it names.
    Check(CheckArgs),
    /// Show what holds for each key, and whether the file says so.
    Show(ShowArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct InitArgs {
    /// The file to write; one that is there is not overwritten [default: standard output].
    #[arg(short, long)]
    output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// The file.
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    /// The file [default: none, so that all is as usual].
    file: Option<PathBuf>,
    /// Print JSON: section, key, value (as TOML, null if there is none), said (by the file), about.
    #[arg(long)]
    json: bool,
}

pub(super) fn config(command: &ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Init(args) => init(args.output.as_deref()),
        ConfigCommand::Check(args) => check(&args.file),
        ConfigCommand::Show(args) => show(args),
    }
}

fn init(output: Option<&Path>) -> Result<(), Failure> {
    match output {
        Some(file) => {
            write_new(file, template().as_bytes())?;
            say(file.display());
        }
        None => say(template().trim_end()),
    }
    Ok(())
}

fn check(file: &Path) -> Result<(), Failure> {
    for missing in check_file(file)? {
        note(missing);
    }
    let said = settings(Some(file))?.iter().filter(|setting| setting.is_said).count();
    say(format_args!("{}: nothing is wrong with it; {said} keys are set", file.display()));
    Ok(())
}

#[derive(Serialize)]
struct SettingOutput<'a> {
    section: &'a str,
    key: &'a str,
    value: Option<&'a str>,
    said: bool,
    about: &'a str,
}

fn show(args: &ShowArgs) -> Result<(), Failure> {
    let all = settings(args.file.as_deref())?;
    let output = |setting: &'_ Setting| {
        let Setting { key, value, is_said } = setting;
        let key = if key.section.is_empty() { key.key.to_owned() } else { format!("{}.{}", key.section, key.key) };
        let value = value.as_deref().unwrap_or("-").split_whitespace().collect::<Vec<_>>().join(" ");
        vec![key, value, if *is_said { "the file" } else { "" }.to_owned()]
    };
    match args.json {
        true => say_json(&all.iter().map(SettingOutput::of).collect::<Vec<_>>()),
        false => say(table(&["key", "value", "said by"], &all.iter().map(output).collect::<Vec<_>>())),
    }
    Ok(())
}

impl<'a> SettingOutput<'a> {
    fn of(setting: &'a Setting) -> Self {
        let Setting { key, value, is_said } = setting;
        Self { section: key.section, key: key.key, value: value.as_deref(), said: *is_said, about: key.about }
    }
}
