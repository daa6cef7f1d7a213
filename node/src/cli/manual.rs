//! `rook completions` and `rook man`: what the command line says of itself, for shells and for `man`.

use std::path::PathBuf;
use std::{fs, io};

use clap::Command;
use clap_complete::Shell;

use super::Failure;
use super::text::say;

/// Print completions for a shell.
///
/// For bash: `rook completions bash > ~/.local/share/bash-completion/completions/rook`.
#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

/// Print the manual page, or write those of all commands into a folder.
///
/// `rook man | man -l -` shows the first one.
#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {
    /// The folder, which is made if it is not there: rook.1, rook-run.1 and so on. Pages that are there are replaced.
    #[arg(short, long)]
    output: Option<PathBuf>,
}

pub(super) fn completions(args: &CompletionsArgs, mut command: Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "rook", &mut script);
    print(&script)
}

pub(super) fn man(args: &ManArgs, command: Command) -> Result<(), Failure> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let Some(folder) = &args.output else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        return print(&page);
    };
    let refuse =
        |error: io::Error| Failure::new(format!("the manual cannot be written into {}: {error}", folder.display()));
    fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder)).map_err(refuse)?;
    say(folder.display());
    Ok(())
}

/// To standard output; whoever reads it may have had enough.
fn print(bytes: &[u8]) -> Result<(), Failure> {
    match io::Write::write_all(&mut io::stdout(), bytes) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => Ok(outcome?),
    }
}
