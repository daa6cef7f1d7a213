#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm, reason = "a test may fail")]
#![allow(clippy::cast_possible_truncation, reason = "these tests run on 64 bits")]
#![allow(clippy::single_range_in_vec_init, reason = "lists of ranges are meant")]
//! Readers that break the rules, and what a server does about them. One test at a time, as memory is measured.

mod data_support;

use std::sync::Arc;
use std::time::Duration;

use data_support::raw::{Raw, drain};
use data_support::{Computed, Setup, TEMPERATURE, all, card_for, impatient, sample, serve};
use futures::{AsyncReadExt, AsyncWriteExt};
use libp2p::identity::Keypair;
use node::data::checksum::Checksum;
use node::data::client::DataError;
use node::data::limits::Limits;
use node::data::wire::{Ask, MAX_ASK, Refusal, Request, Selection, Status};
use node::wire::codec;
use tokio::sync::Mutex;
use tokio::time::timeout;

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// The process' resident memory.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_of_somebody_else_is_refused() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let sample = sample(true);
    let server = Setup::serving(&sample.library).start().await;
    let stolen = card_for(&server.verifier, &Keypair::generate_ed25519()).await;
    let thief = Setup::default().start_as(Keypair::generate_ed25519(), stolen, server.verifier.clone()).await;
    let error = thief.client().manifest(&server.target(), &sample.version).await.unwrap_err();
    assert!(matches!(&error, DataError::Refused(Refusal::BadCard(why)) if why.contains("another transport key")));
    let mut raw = Raw::connect(&server).await;
    let request = Request::Manifest { version: sample.version.root };
    let nameless = Ask { card: None, dataset: "sample".into(), request: request.clone() };
    assert_eq!(raw.send(&codec::encode(&nameless)).await.1, Status::Refused(Refusal::NoCard));
    assert!(matches!(raw.ask(request).await.1, Status::Ok { .. }));
    // Once on a connection is enough.
    assert!(matches!(raw.send(&codec::encode(&nameless)).await.1, Status::Ok { .. }));
    raw.card.identity[3] ^= 1;
    let bad = raw.ask(Request::Manifest { version: sample.version.root }).await.1;
    assert!(matches!(bad, Status::Refused(Refusal::BadCard(_))), "{bad:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_refused() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let sample = sample(true);
    let server = Setup::serving(&sample.library).start().await;
    let mut raw = Raw::connect(&server).await;
    for frame in [vec![], vec![0xff; 100], vec![0; 1 << 16]] {
        let status = raw.send(&frame).await.1;
        assert!(matches!(status, Status::Refused(Refusal::Malformed(_))), "{status:?}");
    }
    let mut stream = raw.stream().await;
    let too_long = u32::try_from(MAX_ASK + 1).unwrap();
    stream.write_all(&too_long.to_be_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await.unwrap();
    assert!(String::from_utf8_lossy(&reply).contains("the most is"), "{reply:?}");
    // A canonical form is demanded: it is what is signed.
    let mut of = Selection::new(sample.version.place(0, 1), &dataset::slab::Slab(vec![data_support::span(5, 1, 1)]));
    of.slab.0[0].stride = 2;
    let status = raw.ask(Request::Values(of)).await.1;
    assert!(matches!(&status, Status::Refused(Refusal::Malformed(why)) if why.contains("stride")), "{status:?}");
    // The number of a checksum that nobody knows; it stands behind the nonce.
    let of = Selection::new(sample.version.place(0, 2), &dataset::slab::Slab(vec![]));
    let (nonce, segments) = ([0xab; 32], 0..1);
    let check = Request::Check { of, nonce, checksum: Checksum::Md5, segment_bytes: 1 << 20, segments };
    assert!(matches!(raw.ask(check.clone()).await.1, Status::Ok { length: 16 }));
    let mut unknown = codec::encode(&Ask { card: None, dataset: "sample".into(), request: check });
    let place = unknown.windows(32).position(|window| window == nonce).unwrap() + 32;
    unknown[place] = 7;
    let status = raw.send(&unknown).await.1;
    assert!(
        matches!(&status, Status::Refused(Refusal::Malformed(why)) if why.contains("\"7\" is no checksum: take blake3")),
        "{status:?}"
    );
    // Who never finishes asking is cut.
    let mut stream = raw.stream().await;
    stream.write_all(&[0, 0, 1]).await.unwrap();
    stream.flush().await.unwrap();
    timeout(Duration::from_secs(10), drain(&mut stream)).await.unwrap();
    assert!(matches!(raw.ask(Request::Manifest { version: sample.version.root }).await.1, Status::Ok { .. }));
}

fn all_bytes(sample: &data_support::Sample) -> Request {
    Request::Values(Selection::new(sample.version.place(0, 0), &sample.whole((0, 0))))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_is_cut_and_makes_room() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let sample = serve("sample", Arc::new(Computed::new(64 << 20)), false);
    let limits = Limits { max_answers: 1, busy_wait: Duration::from_secs(1), ..impatient() };
    let server = Setup { limits: limits.clone(), ..Setup::serving(&sample.library) }.start().await;
    let mut raw = Raw::connect(&server).await;
    let (mut stream, status) = raw.ask(all_bytes(&sample)).await;
    assert_eq!(status, Status::Ok { length: 64 << 20 });
    let reader = Setup { limits, ..Setup::default() }.start().await;
    let values = reader.client().values(&server.target(), &sample.version, (0, 0), &sample.whole((0, 0))).await;
    assert_eq!(all(values.unwrap()).await.unwrap().0.len(), 64 << 20);
    assert!(timeout(Duration::from_secs(10), drain(&mut stream)).await.unwrap() < 32 << 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_a_little_now_and_then_is_cut() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let sample = serve("sample", Arc::new(Computed::new(64 << 20)), false);
    let limits = Limits { min_rate: 4 << 20, rate_grace: Duration::from_secs(2), ..impatient() };
    let server = Setup { limits, ..Setup::serving(&sample.library) }.start().await;
    let mut raw = Raw::connect(&server).await;
    let (mut stream, _) = raw.ask(all_bytes(&sample)).await;
    let mut buffer = vec![0; 256 << 10];
    let sip = async {
        while let Ok(1..) = stream.read(&mut buffer).await {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    timeout(Duration::from_secs(20), sip).await.expect("it is cut long before it has read 64 MiB at 1.3 MB/s");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_answer_takes_little_memory() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let sample = serve("sample", Arc::new(Computed::new(300 << 20)), true);
    let server = Setup::serving(&sample.library).start().await;
    let reader = Setup::default().start().await;
    let (client, target) = (reader.client(), server.target());
    let before = resident_mib();
    let mut highest = before;
    let mut values = client.values(&target, &sample.version, (0, 0), &sample.whole((0, 0))).await.unwrap();
    let (mut received, mut pieces) = (0, 0);
    while let Some(piece) = values.next().await.unwrap() {
        (received, pieces) = (received + piece.len(), pieces + 1);
        if pieces % 200 == 0 {
            // A reader that is slow for a while.
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        highest = highest.max(resident_mib());
    }
    assert_eq!(received, 300 << 20);
    let stream = sample.stream((0, 0));
    let mut chunks = client.chunks(&target, &sample.version, (0, 0), &stream, &[0..300 << 6]).await.unwrap();
    let (mut received, mut groups) = (0, 0);
    while let Some(leaf) = chunks.next().await.unwrap() {
        (received, groups) = (received + leaf.bytes.len(), groups + 1);
        if groups % 4000 == 0 {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        if groups % 16 == 0 {
            highest = highest.max(resident_mib());
        }
    }
    assert_eq!(received, 300 << 20);
    println!("memory grew by {} MiB", highest - before);
    assert!(highest - before < 48, "{} MiB", highest - before);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_counted() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let sample = sample(true);
    let limits = Limits { max_answers: 3, max_answers_per_reader: 2, ..impatient() };
    let server = Setup { limits, ..Setup::serving(&sample.library) }.start().await;
    let (one, other) = (Setup::default().start().await, Setup::default().start().await);
    let target = server.target();
    let slab = sample.whole(TEMPERATURE);
    let ask =
        async |node: &data_support::Node| node.client().values(&target, &sample.version, TEMPERATURE, &slab).await;
    let held = (ask(&one).await.unwrap(), ask(&one).await.unwrap());
    let busy = ask(&one).await.unwrap_err();
    assert_eq!(busy, DataError::Refused(Refusal::Busy { retry_ms: 10 }));
    assert!(busy.to_string().contains("10 ms"), "{busy}");
    let third = ask(&other).await.unwrap();
    assert!(matches!(ask(&other).await, Err(DataError::Refused(Refusal::Busy { .. }))));
    drop((held, third));
    // The server notices that nobody reads, and there is room again.
    let again = async {
        loop {
            match ask(&one).await {
                Ok(values) => return values,
                Err(DataError::Refused(Refusal::Busy { .. })) => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(error) => panic!("{error:?}"),
            }
        }
    };
    all(timeout(Duration::from_secs(10), again).await.unwrap()).await.unwrap();
}
