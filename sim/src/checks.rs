//! The experiment "checks": dataset servers of which some lie, and a gateway that asks them a hundred thousand times.
//!
//! The policy and the state machine are those of [`grid::trust`]; only the servers are made up. The protocol of 2010 and
//! ours are policies of the same program.

pub mod plan;
pub mod report;
mod run;
mod servers;

use plan::{Conspiracy, Plan, Protocol};
use report::{Report, Row};
use run::{Run, Setting};

/// Carries out a plan.
///
/// # Errors
/// What is impossible about the plan.
pub fn simulate(plan: &Plan) -> Result<Report, String> {
    plan.check()?;
    let settings = settings(plan);
    let rows = settings.into_iter().map(|setting| row(plan, setting)).collect::<Result<_, String>>()?;
    Ok(Report { plan: plan.clone(), rows })
}

fn settings(plan: &Plan) -> Vec<Setting> {
    let mut settings = Vec::new();
    for &protocol in &plan.protocols {
        for &conspiracy in &plan.conspiracies {
            for &liars in &plan.liars {
                for &lie_rate in &plan.lie_rates {
                    settings.extend(with_check_rates(plan, protocol, conspiracy, liars, lie_rate));
                }
            }
        }
    }
    settings
}

/// What proves itself is not checked, so one rate stands for all.
fn with_check_rates(
    plan: &Plan,
    protocol: Protocol,
    conspiracy: Conspiracy,
    liars: f64,
    lie_rate: f64,
) -> impl Iterator<Item = Setting> {
    let count = if protocol.is_checked() { plan.check_rates.len() } else { 1 };
    let rates = plan.check_rates.iter().take(count);
    rates.map(move |&check_rate| Setting { protocol, conspiracy, liars, lie_rate, check_rate })
}

fn row(plan: &Plan, setting: Setting) -> Result<Row, String> {
    let seeds = plan.seed..plan.seed + u64::from(plan.seeds);
    let runs: Vec<_> = seeds.map(|seed| Ok(Run::new(plan, setting, seed)?.finish())).collect::<Result<_, String>>()?;
    Ok(Row::of(plan, setting, &runs))
}
