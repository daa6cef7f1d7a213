//! A node inside a program: it joins the grid `local` through a node that runs, stores a value, and finds it again by its pointer.
//!
//! ```text
//! cargo run --example put_and_get -- ADDRESS-OF-A-NODE
//! ```

#![allow(clippy::print_stdout, reason = "it talks to whoever tries it")]

#[path = "start/mod.rs"]
mod start;

use std::error::Error;

use grid::parameters::Parameters;
use grid::record::Rules;
use node::pointer::PointerText;
use node::stamps::{self, Wanted};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let peer = std::env::args().nth(1).ok_or("which node is to introduce this one? Its address is missing")?;
    let parameters = Parameters::local();
    let folder = tempfile::tempdir()?;
    let node = start::node(&parameters, folder.path(), peer.parse()?).await?;
    println!("joined as a node of cell {}", node.status().await?.cell);

    // Paying comes first: the stamp decides where the record will live.
    let rules = Rules::of(&parameters);
    let wanted = Wanted { days: 7, ..Wanted::default() };
    let record = tokio::task::spawn_blocking(move || stamps::small(b"a move of the rook", &wanted, &rules)).await??;
    let put = node.put(record.clone()).await?;
    println!("stored on {} nodes in {} cells", put.nodes, put.cells);
    let text = PointerText::from(record.pointer()).to_string();
    println!("{text}");

    // Whoever has the text finds the value; what comes was checked against it.
    let pointer = text.parse::<PointerText>()?.check(&rules)?;
    let found = node.get(&pointer, 0).await?;
    println!("found over {} hops: {}", found.hops, String::from_utf8_lossy(found.record.value()));
    node.leave().await;
    Ok(())
}
