//! `rook provide` and `rook providers`.

use std::net::SocketAddr;
use std::time::Duration;

use ::grid::provider::OFFER_SECONDS;

use super::quantity;
use super::signals::{Signals, unless_interrupted};
use super::text::{self, note, say, say_json, table};
use super::{Failure, api_address};
use crate::api::client::Client;

/// Announce that your node offers something: a name, or what a pointer points at.
#[derive(Debug, clap::Args)]
pub(super) struct ProvideArgs {
    /// A name, or a pointer, `rook1...`
    topic: String,
    /// What your node has to say to it, up to 512 bytes.
    #[arg(long, default_value = "")]
    note: String,
    /// For how long the offer stands, up to a day: 2h, 30min.
    #[arg(long = "for", value_parser = quantity::seconds, default_value_t = OFFER_SECONDS)]
    seconds: u64,
    /// Stay, and announce it again before it expires, until Ctrl-C.
    #[arg(long)]
    stay: bool,
    /// The node that offers it: where its API listens [default: 127.0.0.1:7117].
    #[arg(long, value_parser = api_address)]
    api: Option<SocketAddr>,
    /// Print JSON: cells, seconds.
    #[arg(long)]
    json: bool,
}

/// Show who offers something.
#[derive(Debug, clap::Args)]
pub(super) struct ProvidersArgs {
    /// A name, or a pointer, `rook1...`
    topic: String,
    /// The node to ask: where its API listens [default: 127.0.0.1:7117].
    #[arg(long, value_parser = api_address)]
    api: Option<SocketAddr>,
    /// Print JSON: providers, each with id, cell, note, expires_in_s.
    #[arg(long)]
    json: bool,
}

pub(super) async fn provide(args: ProvideArgs) -> Result<(), Failure> {
    let client = Client::find(args.api)?;
    let mut signals = Signals::new()?;
    loop {
        let offered = async { Ok(client.provide(&args.topic, &args.note, args.seconds).await?) };
        let offered = unless_interrupted(offered, "the offer may stand already, or not").await?;
        match args.json {
            true => say_json(&offered),
            false => note(format_args!(
                "announced in {} cells, for {}",
                offered.cells,
                text::seconds(offered.seconds as f64)
            )),
        }
        if !args.stay {
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(args.seconds.div_ceil(2))) => {}
            () = signals.wait() => return Ok(()),
        }
    }
}

pub(super) async fn providers(args: ProvidersArgs) -> Result<(), Failure> {
    let found = Client::find(args.api)?.providers(&args.topic).await?;
    if args.json {
        say_json(&found);
        return Ok(());
    }
    if found.providers.is_empty() {
        return Err(Failure::new("nobody is known to offer this"));
    }
    let row = |provider: &crate::api::types::Provider| {
        let left = text::seconds(provider.expires_in_s as f64);
        vec![
            text::short(&provider.id).to_owned(),
            text::cell(&provider.cell),
            left,
            provider.note.replace(char::is_control, " "),
        ]
    };
    let rows: Vec<Vec<String>> = found.providers.iter().map(row).collect();
    say(table(&["node", "cell", "stands for", "note"], &rows));
    Ok(())
}
