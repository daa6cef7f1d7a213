#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm, reason = "a test may fail")]
//! Questions to the services of a node go along the grid, over real links.

mod net_support;

use std::sync::Arc;

use grid::output::RequestFailure;
use net_support::{Setup, mint_in, parameters};
use node::demo::{self, Demo};
use node::handle::{NodeHandle, OperationError, Question};
use tokio::sync::mpsc::Receiver;

/// Answers every question with itself, backwards.
async fn serve(node: NodeHandle, mut questions: Receiver<Question>) {
    while let Some(question) = questions.recv().await {
        let mut reply = question.bytes().to_vec();
        reply.reverse();
        node.reply(question, Some(reply.into())).await.unwrap();
    }
}

async fn a_grid() -> Demo {
    let parameters = demo::parameters(2, 2).unwrap();
    let identities = demo::mint(&parameters, 10, |_| {}).await.unwrap();
    let demo = Demo::start(parameters, identities).await.unwrap();
    demo.joined().await.unwrap();
    demo.settled().await.unwrap();
    demo
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_is_reached_by_every_other() {
    let demo = a_grid().await;
    for node in &demo.nodes {
        // Instead of the services of the demonstration, and before anybody asks.
        let questions = node.handle.serve(16).await.unwrap();
        tokio::spawn(serve(node.handle.clone(), questions));
    }
    for asker in &demo.nodes {
        for asked in &demo.nodes {
            let id = asked.handle.status().await.unwrap().id;
            let question: Arc<[u8]> = format!("are you {id}?").into_bytes().into();
            let reply = asker.handle.ask_node(id, asked.cell, question.clone()).await.unwrap();
            assert!(reply.iter().rev().eq(question.iter()));
        }
    }
    demo.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_there_or_has_no_services_is_told_apart() {
    let grid = parameters(1, 2);
    let one = Setup::new(&grid, mint_in(&grid, &[0])).start().await;
    let other = Setup::new(&grid, mint_in(&grid, &[1])).joining(&one).start().await;
    one.linked(1).await;
    other.linked(1).await;
    let status = other.handle.status().await.unwrap();
    let asked = one.handle.ask_node(status.id, status.cell, *b"?").await;
    assert_eq!(asked, Err(OperationError::Failed(RequestFailure::Busy(status.cell))));
    let elsewhere = grid.shape.cell(&[0]).unwrap();
    let asked = one.handle.ask_node(status.id, elsewhere, *b"?").await;
    assert_eq!(asked, Err(OperationError::Failed(RequestFailure::Absent(elsewhere))));
    other.handle.leave().await;
    one.handle.leave().await;
}
