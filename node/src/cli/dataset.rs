//! `rook dataset`.

mod add;
pub(super) mod check;
mod get;
mod list;
mod reading;
mod serve;
mod show;
mod slices;

use std::net::SocketAddr;

use super::text::note;
use super::{Failure, api_address};
use crate::api::client::Client;
use crate::datasets::name::Name;

/// What can be done with datasets.
#[derive(Debug, clap::Subcommand)]
pub(super) enum DatasetCommand {
    Add(add::AddArgs),
    Serve(serve::ServeArgs),
    Get(get::GetArgs),
    Check(check::CheckArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    /// Stop publishing and serving a dataset; its files stay.
    Remove(NameArgs),
    /// Forget which pointer a name stands for: it is found out anew.
    Forget(NameArgs),
}

/// Which dataset of which node.
#[derive(Debug, clap::Args)]
pub(super) struct NameArgs {
    /// The dataset's name.
    name: Name,
    /// The node to ask: where its API listens [default: 127.0.0.1:7117].
    #[arg(long, value_parser = api_address)]
    api: Option<SocketAddr>,
}

pub(super) async fn dataset(command: DatasetCommand) -> Result<(), Failure> {
    match command {
        DatasetCommand::Add(args) => add::add(args).await,
        DatasetCommand::Serve(args) => serve::serve(args).await,
        DatasetCommand::Get(args) => get::get(args).await,
        DatasetCommand::Check(args) => check::check(args).await,
        DatasetCommand::List(args) => list::list(args).await,
        DatasetCommand::Show(args) => show::show(args).await,
        DatasetCommand::Remove(NameArgs { name, api }) => {
            Client::find(api)?.remove_dataset(name.as_str()).await?;
            note(format_args!("{name} is neither published nor served here any more; its head stays until it expires"));
            Ok(())
        }
        DatasetCommand::Forget(NameArgs { name, api }) => {
            Client::find(api)?.forget_dataset(name.as_str()).await?;
            note(format_args!("what {name} stands for is found out anew when somebody asks"));
            Ok(())
        }
    }
}
