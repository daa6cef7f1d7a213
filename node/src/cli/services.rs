//! `rook serve` and `rook socks`.

use std::net::SocketAddr;

use super::signals::unless_interrupted;
use super::text::{note, say, say_json, table};
use super::{Failure, api_address};
use crate::api::client::Client;
use crate::api::{Service, Socks};

/// Publish a service of yours in the grid, which others reach as NAME.rook without learning where it is.
///
/// The node keeps it up until it is stopped or ends. Who meets it is hidden from it as well. Without a name, show what the
/// node serves.
#[derive(Debug, clap::Args)]
pub(super) struct ServeArgs {
    /// What it is called: a to z, 0 to 9 and -.
    name: Option<String>,
    /// Where it listens: 127.0.0.1:8080.
    to: Option<SocketAddr>,
    /// End it.
    #[arg(long, requires = "name", conflicts_with = "to")]
    stop: bool,
    /// The node: where its API listens [default: 127.0.0.1:7117].
    #[arg(long, value_parser = api_address)]
    api: Option<SocketAddr>,
    /// Print JSON: name, host, full_host, to, meetings; without a name, services.
    #[arg(long)]
    json: bool,
}

/// Open a SOCKS5 proxy of the node to services of the grid: curl --socks5-hostname 127.0.0.1:1080 http://NAME.rook/
///
/// It is open until it is stopped or the node ends, and on this machine alone. Without --listen, show it, and what it
/// refused last.
#[derive(Debug, clap::Args)]
pub(super) struct SocksArgs {
    /// Where it listens, on this machine: 127.0.0.1:1080, or port 0 for any free one.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Close it.
    #[arg(long, conflicts_with = "listen")]
    stop: bool,
    /// The node: where its API listens [default: 127.0.0.1:7117].
    #[arg(long, value_parser = api_address)]
    api: Option<SocketAddr>,
    /// Print JSON: listen, refusal.
    #[arg(long)]
    json: bool,
}

pub(super) async fn serve(args: ServeArgs) -> Result<(), Failure> {
    let client = Client::find(args.api)?;
    match (&args.name, args.to) {
        (Some(name), _) if args.stop => {
            client.end_service(name).await?;
            note(format_args!("{name} is served no longer"));
        }
        (Some(name), Some(to)) => {
            let publishing = async { Ok(client.publish_service(name, to).await?) };
            let service = unless_interrupted(publishing, "it may be served already: `rook serve NAME --stop`").await?;
            match args.json {
                true => say_json(&service),
                false => describe(&service),
            }
        }
        (Some(_), None) => return Err(Failure::usage("where does it listen? `rook serve NAME 127.0.0.1:8080`")),
        (None, _) => list(&client, args.json).await?,
    }
    Ok(())
}

fn describe(service: &Service) {
    say(&service.full_host);
    match service.meetings {
        0 => note("it can be met at no node yet; the node goes on trying"),
        _ => note(format_args!("{} leads to {}, as long as your node runs", service.host, service.to)),
    }
}

async fn list(client: &Client, json: bool) -> Result<(), Failure> {
    let list = client.services().await?;
    if json {
        say_json(&list);
        return Ok(());
    }
    let row = |service: &Service| vec![service.full_host.clone(), service.to.clone(), service.meetings.to_string()];
    let rows: Vec<Vec<String>> = list.services.iter().map(row).collect();
    say(table(&["service", "leads to", "met at"], &rows));
    Ok(())
}

pub(super) async fn socks(args: SocksArgs) -> Result<(), Failure> {
    let client = Client::find(args.api)?;
    if args.stop {
        client.close_socks().await?;
        note("the proxy is closed");
        return Ok(());
    }
    let socks = match args.listen {
        Some(listen) => client.open_socks(listen).await?,
        None => client.socks().await?,
    };
    match args.json {
        true => say_json(&socks),
        false => show(&socks),
    }
    Ok(())
}

fn show(Socks { listen, refusal }: &Socks) {
    say(listen);
    match refusal {
        Some(why) => note(format_args!("refused last: {why}")),
        None => note(format_args!("curl --socks5-hostname {listen} http://NAME.rook/")),
    }
}
