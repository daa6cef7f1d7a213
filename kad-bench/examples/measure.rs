//! Measures a network of 64 nodes, or as many as the first argument says, and prints the figures as JSON.

use kad_bench::{Network, Plan};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut plan = Plan::default();
    if let Some(nodes) = std::env::args().nth(1) {
        plan.nodes = nodes.parse()?;
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let figures = runtime.block_on(async { Network::start(&plan).await?.measure(&plan).await })?;
    serde_json::to_writer_pretty(std::io::stdout(), &figures)?;
    Ok(())
}
