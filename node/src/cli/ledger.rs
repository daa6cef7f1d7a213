//! `rook ledger`.

use super::Failure;
use super::state::StateArgs;
use super::text::{self, say, say_json, table};
use crate::api::client::Client;
use crate::api::types::{Account, Verdict};

pub(super) async fn ledger(args: StateArgs) -> Result<(), Failure> {
    let ledger = Client::find(args.api)?.ledger().await?;
    match args.json {
        true => say_json(&ledger),
        false if ledger.accounts.is_empty() => say("nothing was done for anybody, nor by anybody, yet"),
        false => say(table(&HEAD, &ledger.accounts.iter().map(row).collect::<Vec<_>>())),
    }
    Ok(())
}

const HEAD: [&str; 9] = ["id", "cell", "given", "received", "balance", "standing", "weight", "it served", "verdict"];

fn row(account: &Account) -> Vec<String> {
    let verdict = match account.verdict {
        Verdict::Open => "",
        Verdict::Fair => "fair",
        Verdict::Leech => "leech",
    };
    vec![
        text::short(&account.id).to_owned(),
        account.cell.as_deref().map_or_else(|| "-".to_owned(), text::cell),
        work(account.given),
        work(account.received),
        work(account.balance),
        format!("{:.2}", account.standing),
        format!("{:.2}", account.weight),
        format!("{} of {}", account.served_by_it, account.asked_of_it),
        verdict.to_owned(),
    ]
}

/// An amount in bytes, which may be owed.
pub(super) fn work(amount: f64) -> String {
    let sign = if amount <= -0.5 { "-" } else { "" };
    format!("{sign}{}B", text::scaled(amount.abs()))
}
