#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm, reason = "a test may fail")]
#![allow(clippy::cast_possible_truncation, reason = "these tests run on 64 bits")]
#![allow(clippy::single_range_in_vec_init, reason = "lists of ranges are meant")]
//! Servers that lie, fail or end, each seen by the reader as what it is.

mod data_support;

use std::time::{Duration, Instant};

use bytes::Bytes;
use data_support::{Node, Sample, Setup, TEMPERATURE, all, hashes, leaves, sample};
use dataset::tree::GROUP;
use node::data::checksum::Checksum;
use node::data::client::{DataError, Wanted};
use node::data::contradiction::{Contradiction, ContradictionError};
use node::data::fault::Fault;
use node::data::signed::SignedAnswer;
use node::data::wire::Refusal;

async fn faulty(sample: &Sample, fault: Fault) -> (Node, Node) {
    let server = Setup { fault: Some(fault), ..Setup::serving(&sample.library) }.start().await;
    (server, Setup::default().start().await)
}

/// Reads all groups of the temperatures: how many were right, and what came then.
async fn groups(sample: &Sample, (server, reader): &(Node, Node)) -> (usize, Option<DataError>) {
    let stream = sample.stream(TEMPERATURE);
    let client = reader.client();
    let all = [0..stream.length.div_ceil(GROUP)];
    let chunks = client.chunks(&server.target(), &sample.version, TEMPERATURE, &stream, &all).await.unwrap();
    let (leaves, error) = leaves(chunks).await;
    let truth = sample.truth(TEMPERATURE, &sample.whole(TEMPERATURE));
    for (offset, bytes) in &leaves {
        assert_eq!(bytes, &truth[*offset as usize..][..bytes.len()]);
    }
    (leaves.len(), error)
}

async fn values(sample: &Sample, (server, reader): &(Node, Node)) -> Result<(Vec<u8>, SignedAnswer), DataError> {
    let (client, target) = (reader.client(), server.target());
    let slab = sample.whole(TEMPERATURE);
    all(client.values(&target, &sample.version, TEMPERATURE, &slab).await?).await
}

async fn check(sample: &Sample, (server, reader): &(Node, Node)) -> Vec<Bytes> {
    let (client, target) = (reader.client(), server.target());
    let wanted = Wanted { nonce: [3; 32], checksum: Checksum::Blake3, segment_bytes: 1 << 20, segments: 0..9 };
    let slab = sample.whole(TEMPERATURE);
    hashes(client.check(&target, &sample.version, TEMPERATURE, &slab, &wanted).await.unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_liar_is_found_at_the_first_wrong_group() {
    let sample = sample(true);
    let nodes = faulty(&sample, Fault::Lie { rate: 1.0 }).await;
    for _ in 0..10 {
        let (right, error) = groups(&sample, &nodes).await;
        // What is wrong is the next group, or a parent of it and others.
        match error {
            Some(DataError::Wrong(wrong)) => assert_eq!(wrong.group, right as u64),
            other => panic!("{other:?}"),
        }
    }
    let nodes = faulty(&sample, Fault::LastByte { rate: 1.0 }).await;
    let (right, error) = groups(&sample, &nodes).await;
    assert!(matches!(error, Some(DataError::Wrong(wrong)) if wrong.group == 533), "{error:?}");
    assert_eq!(right, 533);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_liar_signs_its_lies() {
    let sample = sample(true);
    let truth = sample.truth(TEMPERATURE, &sample.whole(TEMPERATURE));
    for (fault, last) in [(Fault::Lie { rate: 1.0 }, false), (Fault::LastByte { rate: 1.0 }, true)] {
        let (bytes, signed) = values(&sample, &faulty(&sample, fault).await).await.unwrap();
        let wrong: Vec<usize> = (0..truth.len()).filter(|&place| bytes[place] != truth[place]).collect();
        assert_eq!(wrong.len(), 1);
        assert_eq!(last, wrong[0] == truth.len() - 1);
        assert_eq!(signed.root, *blake3::hash(&bytes).as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_answers_to_one_request_convict() {
    let sample = sample(true);
    let nodes = faulty(&sample, Fault::Lie { rate: 0.5 }).await;
    let mut answers: Vec<SignedAnswer> = Vec::new();
    while !answers.iter().any(|answer| answer.root != answers[0].root) {
        assert!(answers.len() < 40);
        answers.push(values(&sample, &nodes).await.unwrap().1);
    }
    let (one, other) = (&answers[0], answers.last().unwrap());
    let (liar, reader) = (&nodes.0.peer, &nodes.1);
    assert!(Contradiction::of(liar, one, one).is_err());
    assert!(Contradiction::of(&reader.peer, one, other).is_err());
    let proof = Contradiction::of(liar, one, other).unwrap();
    assert_eq!(proof, Contradiction::of(liar, other, one).unwrap());
    let proof = Contradiction::decode(&proof.encode()).unwrap();
    assert_eq!(proof.verify(&reader.verifier).await.unwrap().id(), liar.id());
    // It is kept by others and passed on.
    let honest = Setup::serving(&sample.library).start().await;
    reader.client().report(&honest.target(), &proof).await.unwrap();
    assert_eq!(honest.data.reports().of(sample.version.root), [(liar.id(), proof.clone())]);
    let third = Setup::default().start().await;
    assert_eq!(third.client().reports(&honest.target(), &sample.version).await.unwrap(), std::slice::from_ref(&proof));
    // Nobody can make one up.
    let forged = SignedAnswer { root: [0; 32], ..one.clone() };
    let forged = Contradiction::of(liar, one, &forged).unwrap();
    assert!(matches!(forged.verify(&reader.verifier).await, Err(ContradictionError::Signature)));
    let error = reader.client().report(&honest.target(), &forged).await.unwrap_err();
    assert!(matches!(&error, DataError::Refused(Refusal::Malformed(why)) if why.contains("made up")), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn false_checkers_answer_right_and_check_wrong() {
    let sample = sample(true);
    let honest = Setup::serving(&sample.library).start().await;
    let right = check(&sample, &(honest, Setup::default().start().await)).await;
    for fault in [Fault::Frame, Fault::LazyCheck] {
        let nodes = faulty(&sample, fault).await;
        let truth = sample.truth(TEMPERATURE, &sample.whole(TEMPERATURE));
        assert!(values(&sample, &nodes).await.unwrap().0 == truth);
        assert_eq!(groups(&sample, &nodes).await, (534, None));
        assert!(check(&sample, &nodes).await.iter().zip(&right).all(|(wrong, right)| wrong != right));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_answer_is_noticed() {
    let sample = sample(true);
    let nodes = faulty(&sample, Fault::Truncate).await;
    let error = values(&sample, &nodes).await.unwrap_err();
    assert!(matches!(error, DataError::Ended { length: 8_736_000, .. }), "{error:?}");
    let (right, error) = groups(&sample, &nodes).await;
    assert!(matches!(error, Some(DataError::Ended { .. })), "{error:?}");
    assert!((100..300).contains(&right), "{right}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_answer_is_given_up_in_time() {
    let sample = sample(true);
    let nodes = faulty(&sample, Fault::Stall).await;
    let begun = Instant::now();
    let error = values(&sample, &nodes).await.unwrap_err();
    assert!(matches!(error, DataError::Stalled { .. }), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(20));
    let (right, error) = groups(&sample, &nodes).await;
    assert!(matches!(error, Some(DataError::Stalled { .. })), "{error:?}");
    assert!((100..300).contains(&right), "{right}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_is_noticed_at_once() {
    let sample = sample(true);
    let (server, reader) = (Setup::serving(&sample.library).start().await, Setup::default().start().await);
    let (client, target) = (reader.client(), server.target());
    let slab = sample.whole(TEMPERATURE);
    let mut answer = client.values(&target, &sample.version, TEMPERATURE, &slab).await.unwrap();
    answer.next().await.unwrap().unwrap();
    server.data.shutdown().await;
    let error = all(answer).await.unwrap_err();
    assert!(matches!(error, DataError::Ended { .. }), "{error:?}");
    let error = client.manifest(&target, &sample.version).await.unwrap_err();
    assert!(matches!(error, DataError::Open(_)), "{error:?}");
    assert!(error.to_string().contains("cannot be reached"), "{error}");
}
