#![allow(warnings, clippy::all)]
mod net_support;
use net_support::*; use std::time::Duration;
#[tokio::test(flavor = "multi_thread")]
async fn zz() {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).with_ansi(false).init();
    let grid = parameters(2, 2);
    let ids: Vec<_> = (0..16).map(|_| mint(&grid)).collect();
    let t = std::time::Instant::now();
    let mut nodes: Vec<Node> = vec![];
    let mut hs = vec![];
    for id in ids { let mut s = Setup::new(&grid, id); s.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1"]; if let Some(f) = nodes.first() { s = s.joining(f); hs.push(tokio::spawn(s.start())); } else { nodes.push(s.start().await); } }
    for h in hs { nodes.push(h.await.unwrap()); }
    println!("started {:?}", t.elapsed());
    for k in 0..30 { tokio::time::sleep(Duration::from_millis(500)).await; let mut un = vec![]; for (i, n) in nodes.iter().enumerate() { let s = n.status().await; if !s.status.joined { un.push((i, s.status.links, s.status.neighbours, n.id)); } } println!("{:?} unjoined {:?}", t.elapsed(), un); if un.is_empty() { break; } }
}
