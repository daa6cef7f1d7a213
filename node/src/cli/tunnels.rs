//! `rook tunnels`.

use super::Failure;
use super::state::StateArgs;
use super::text::{self, say, say_json};
use crate::api::client::Client;
use crate::api::{CoverTraffic, OwnTunnel, Tunnels};

pub(super) async fn tunnels(args: StateArgs) -> Result<(), Failure> {
    let tunnels = Client::find(args.api)?.tunnels().await?;
    match args.json {
        true => say_json(&tunnels),
        false => lines(&tunnels).iter().for_each(say),
    }
    Ok(())
}

/// What there is to say of a node's tunnels to its owner.
pub(super) fn lines(tunnels: &Tunnels) -> Vec<String> {
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
    let mut lines: Vec<String> = own.iter().enumerate().map(|(number, tunnel)| one(number, tunnel)).collect();
    if own.is_empty() {
        lines.push("no tunnel of its own stands: the first `rook get --tunnel` lays one".into());
    }
    lines.push(match certified {
        true => format!("relays are drawn from certified rosters; {deceivers} relays were found to show forged ones"),
        false => {
            "no line of this node is certified yet, so relays are drawn from what they say of their neighbours".into()
        }
    });
    if !exit.is_empty() {
        lines.push(format!("strangers are let out of the grid: {}", exit.join(", ")));
    }
    lines.extend(cover.as_ref().map(covered));
    lines.push(format!("{circuits} circuits now, all in all {taken} set-ups taken for others and {refused} refused"));
    lines.push(format!("{outward} cells relayed outward, {homeward} homeward, {forged} forged or out of order"));
    lines
}

fn one(number: usize, tunnel: &OwnTunnel) -> String {
    let OwnTunnel { way, age_s, laid_in_ms, round_trip_ms, visits } = tunnel;
    let way: Vec<&str> = way.iter().map(|node| text::short(node)).collect();
    let what = match (visits, number) {
        (true, _) => "to a service",
        (false, 0) => "in use",
        (false, _) => "spare",
    };
    let [age, took] = [*age_s as f64, laid_in_ms / 1e3].map(text::seconds);
    let there_and_back = round_trip_ms.map(|ms| format!(", {} there and back", text::seconds(ms / 1e3)));
    format!("{what}, {age} old, laid in {took}{}, over {}", there_and_back.unwrap_or_default(), way.join(" > "))
}

fn covered(CoverTraffic { kbit_per_second, pace, links, gap_s }: &CoverTraffic) -> String {
    match links {
        0 => format!("cover: {kbit_per_second} kbit/s as soon as there is a link ({pace})"),
        _ => format!(
            "cover: {kbit_per_second} kbit/s on {links} links, whatever there is to send; each sends every {} ({pace})",
            text::seconds(*gap_s)
        ),
    }
}
