//! A network of 12 nodes gives figures that can be true.

use kad_bench::{KadError, Network, Plan};

const PLAN: Plan = Plan {
    nodes: 12,
    value_bytes: 1024,
    operations: 24,
    concurrent: 8,
    concurrent_operations: 100,
    kill_share: 0.3,
    seed: 7,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_small_network_gives_sane_figures() {
    // In a task of its own, so that it is known to be able to move between threads.
    let measured = tokio::spawn(async { Network::start(&PLAN).await?.measure(&PLAN).await });
    let figures = measured.await.expect("no panic").expect("a measurement");
    println!("{}", serde_json::to_string_pretty(&figures).expect("JSON"));
    assert_eq!(figures.put_failures, 0);
    assert_eq!(figures.get_failures, 0);
    assert!(figures.messages_per_get >= 0.0);
    // All others are nearest to each key: the lookup asks most of them, and then each gets the record.
    assert!(figures.messages_per_put > figures.messages_per_get);
    assert!((11.0..=22.0).contains(&figures.messages_per_put));
    assert!((6.0..=11.0).contains(&figures.links_per_node));
    assert!((0.0..=1.0).contains(&figures.success_after_kill));
    assert!((0.0..=1.0).contains(&figures.gets_from_own_store));
    assert!(0.0 < figures.put_p50_ms && figures.put_p50_ms <= figures.put_p95_ms);
    assert!(0.0 < figures.get_p50_ms && figures.get_p50_ms <= figures.get_p95_ms);
    assert!(figures.gets_per_s > 0.0);
}

#[tokio::test]
async fn one_node_is_no_network() {
    let alone = Plan { nodes: 1, ..PLAN };
    assert!(matches!(Network::start(&alone).await, Err(KadError::Plan(_))));
}
