//! `rook tunnels`.

use super::Failure;
use super::state::StateArgs;
use super::text::{self, say, say_json};
use crate::api::client::Client;
use crate::api::{CoverTraffic, Tunnels};

pub(super) async fn tunnels(args: StateArgs) -> Result<(), Failure> {
    let tunnels = Client::find(args.api)?.tunnels().await?;
    match args.json {
        true => say_json(&tunnels),
        false => describe(&tunnels),
    }
    Ok(())
}

fn describe(tunnels: &Tunnels) {
    let Tunnels {
        own,
        certified,
        deceivers,
        exit,
        cover,
        circuits,
        relayed: [outward, homeward],
        taken,
        refused,
        forged,
    } = tunnels;
    if own.is_empty() {
        say("no tunnel of its own stands: the first `rook get --tunnel` lays one");
    }
    for (number, tunnel) in own.iter().enumerate() {
        let way: Vec<&str> = tunnel.way.iter().map(|node| text::short(node)).collect();
        let what = match (tunnel.visits, number) {
            (true, _) => "to a service",
            (false, 0) => "in use",
            (false, _) => "spare",
        };
        say(format!("{what}, {} old, over {}", text::seconds(tunnel.age_s as f64), way.join(" > ")));
    }
    say(match certified {
        true => format!("relays are drawn from certified rosters; {deceivers} relays were found to show forged ones"),
        false => {
            "no line of this node is certified yet, so relays are drawn from what they say of their neighbours".into()
        }
    });
    if !exit.is_empty() {
        say(format!("strangers are let out of the grid: {}", exit.join(", ")));
    }
    if let Some(CoverTraffic { kbit_per_second, pace, links, gap_s }) = cover {
        let every = text::seconds(*gap_s);
        say(format!(
            "cover: {kbit_per_second} kbit/s on {links} links, whatever there is to send; each sends every {every} ({pace})"
        ));
    }
    say(format!("{circuits} circuits now, all in all {taken} set-ups taken for others and {refused} refused"));
    say(format!("{outward} cells relayed outward, {homeward} homeward, {forged} forged or out of order"));
}
