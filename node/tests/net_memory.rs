#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm, reason = "a test may fail")]
//! Peers that try to fill a node's memory: it stays bounded. One test at a time, as the process' memory is measured.

mod net_support;

use std::time::Duration;

use futures::{AsyncReadExt, AsyncWriteExt};
use grid::message::{Message, Request, RequestBody};
use grid::queue::Class;
use net_support::attacker::{Attacker, others_do_not_notice, tcp_address, victim_with_stall};
use net_support::{Setup, mint, parameters};
use node::wire::encode_message;
use node::wire::piece::whole_message;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Asks for echoes without ever reading one: 64 KiB each, a thousand of them.
#[tokio::test(flavor = "multi_thread")]
async fn who_never_reads_is_cut() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let (victim, honest) = victim_with_stall(Duration::from_secs(2)).await;
    let mut attacker = Attacker::connect(&victim.address).await;
    let stream = attacker.accepted(&victim).await;
    let before = resident_mib();
    let (_reader, mut writer) = stream.split();
    let flood = async {
        for number in 0..1000_u64 {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&number.to_be_bytes());
            let request = Request {
                id: grid::id::RequestId::from_bytes(id),
                target: victim.status().await.cell,
                hops: 0,
                hops_left: 2,
                class: Class::Interactive,
                paid: None,
                body: RequestBody::Echo(vec![0; 60_000].into()),
            };
            let message = whole_message(Class::Interactive, &encode_message(&Message::Request(request)));
            if writer.write_all(&message).await.is_err() {
                return;
            }
        }
    };
    _ = tokio::time::timeout(Duration::from_secs(20), flood).await;
    victim.until("it is cut", |status| status.status.links == 1).await;
    println!("memory grew by {} MiB", resident_mib().saturating_sub(before));
    assert!(resident_mib().saturating_sub(before) < 128);
    others_do_not_notice(&victim, &honest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_connections_shut_nobody_out() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let grid = parameters(1, 2);
    let mut setup = Setup::new(&grid, mint(&grid));
    setup.limits.hello_timeout = Duration::from_secs(3);
    let victim = setup.start().await;
    let before = resident_mib();
    let mut sockets = Vec::new();
    for _ in 0..1000 {
        if let Ok(socket) = TcpStream::connect(tcp_address(&victim)).await {
            sockets.push(socket);
        }
    }
    let refused = victim.until("most are refused", |s| s.counters.refused_connections > 800).await;
    // The gate opens again as the silent ones are cut.
    let honest = Setup::new(&grid, mint(&grid)).joining(&victim).start().await;
    honest.linked(1).await;
    others_do_not_notice(&victim, &honest).await;
    let grown = resident_mib().saturating_sub(before);
    println!(
        "{} connections: {} refused at the gate; memory grew by {grown} MiB",
        sockets.len(),
        refused.counters.refused_connections
    );
    assert!(grown < 64, "{grown} MiB");
}

/// The process' resident memory.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}
