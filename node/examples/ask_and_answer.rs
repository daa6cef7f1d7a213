//! Two nodes inside a program, of which one offers a service and the other finds and asks it. Question and answer go along the grid:
//! neither node learns the other's address.
//!
//! ```text
//! cargo run --example ask_and_answer -- ADDRESS-OF-A-NODE
//! ```

#![allow(clippy::print_stdout, reason = "it talks to whoever tries it")]

#[path = "start/mod.rs"]
mod start;

use std::error::Error;
use std::time::Duration;

use grid::parameters::Parameters;
use grid::provider::{Provider, Topic};
use node::handle::NodeHandle;

/// What is offered, for so many seconds.
const NAME: &str = "capital letters";
const SECONDS: u64 = 600;
/// Questions that may wait; who asks more is told that the node is busy.
const WAITING: usize = 16;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let peer = std::env::args().nth(1).ok_or("which node is to introduce these? Its address is missing")?;
    let (parameters, folder) = (Parameters::local(), tempfile::tempdir()?);
    let server = start::node(&parameters, &folder.path().join("server"), peer.parse()?).await?;
    let client = start::node(&parameters, &folder.path().join("client"), peer.parse()?).await?;

    let serving = tokio::spawn(serve(server.clone()));
    let cells = server.provide(Topic::named(NAME), b"ASCII only".to_vec(), SECONDS).await?;
    println!("offered in {cells} cells");

    let provider = find(&client).await?;
    println!("found: {:?}", String::from_utf8_lossy(&provider.offer().note));
    let (node, cell) = (provider.peer().id(), provider.peer().cell());
    let answer = client.ask_node(node, cell, b"who asks whom".to_vec()).await?;
    println!("answer: {}", String::from_utf8_lossy(&answer));

    client.leave().await;
    server.leave().await;
    serving.await??;
    Ok(())
}

/// Answers questions until the node ends.
async fn serve(node: NodeHandle) -> Result<(), node::handle::Stopped> {
    let mut questions = node.serve(WAITING).await?;
    while let Some(question) = questions.recv().await {
        // Bytes from anybody: what cannot be answered is answered with nothing.
        let answer = question.bytes().is_ascii().then(|| question.bytes().to_ascii_uppercase().into());
        node.reply(question, answer).await?;
    }
    Ok(())
}

/// Finds somebody who offers it. The cells that know of offers may have heard of this one a moment ago.
async fn find(node: &NodeHandle) -> Result<Provider, Box<dyn Error>> {
    for _ in 0..20 {
        if let Some(provider) = node.providers(Topic::named(NAME)).await?.into_iter().next() {
            return Ok(provider);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Err("nobody offers it".into())
}
