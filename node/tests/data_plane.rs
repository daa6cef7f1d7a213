#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm, reason = "a test may fail")]
#![allow(clippy::cast_possible_truncation, reason = "these tests run on 64 bits")]
#![allow(clippy::single_range_in_vec_init, reason = "lists of ranges are meant")]
//! Servers of datasets and honest readers: everything that can be asked, over TCP and QUIC.

mod data_support;

use std::sync::Arc;
use std::time::Duration;

use data_support::{
    Computed, QUIC, SCALAR, Sample, Setup, TCP, TEMPERATURE, TOWN, all, hashes, leaves, sample, serve, span,
};
use dataset::manifest::VersionRoot;
use dataset::slab::Slab;
use dataset::tree::GROUP;
use node::data::challenge::Segments;
use node::data::checksum::Checksum;
use node::data::client::{DataClient, DataError, Target, Version, Wanted};
use node::data::limits::Limits;
use node::data::wire::{Refusal, Selection};

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_can_be_asked_is_answered() {
    let sample = sample(true);
    for listen in [TCP, QUIC] {
        let server = Setup { listen, ..Setup::serving(&sample.library) }.start().await;
        let reader = Setup::default().start().await;
        assert!(reader.data.listening().is_empty());
        let (client, target) = (reader.client(), server.target());
        let (encoded, manifest) = client.manifest(&target, &sample.version).await.unwrap();
        assert_eq!((VersionRoot::of(&encoded), &manifest), (sample.version.root, &sample.manifest));
        chunks_are_proved(&client, &target, &sample).await;
        values_are_the_values(&client, &target, &sample).await;
        checks_are_what_the_asker_computes(&client, &target, &sample).await;
        assert!(client.reports(&target, &sample.version).await.unwrap().is_empty());
    }
}

async fn chunks_are_proved(client: &DataClient, target: &Target, sample: &Sample) {
    for place in [TEMPERATURE, TOWN, SCALAR] {
        let stream = sample.stream(place);
        let mut whole = Vec::new();
        sample.source.read_range(place.1 as usize, 0..stream.length, &mut whole).unwrap();
        let last = stream.length.div_ceil(GROUP);
        let some = if last > 100 { vec![0..1, 3..4, 50..90, last - 1..last] } else { vec![0..last] };
        for groups in [vec![0..last], some] {
            let chunks = client.chunks(target, &sample.version, place, &stream, &groups).await.unwrap();
            let (leaves, error) = leaves(chunks).await;
            assert_eq!(error, None);
            let wanted: Vec<u64> = groups.iter().cloned().flatten().collect();
            assert_eq!(leaves.iter().map(|leaf| leaf.0 / GROUP).collect::<Vec<_>>(), wanted);
            for (offset, bytes) in leaves {
                let offset = usize::try_from(offset).unwrap();
                assert_eq!(bytes, whole[offset..][..bytes.len()]);
                assert_eq!(bytes.len(), (whole.len() - offset).min(GROUP as usize));
            }
        }
    }
}

fn slabs() -> Vec<((u32, u32), Slab)> {
    vec![
        (TEMPERATURE, Slab(vec![span(0, 120, 1), span(0, 130, 1), span(0, 140, 1)])),
        (TEMPERATURE, Slab(vec![span(1, 40, 3), span(5, 60, 2), span(139, 1, 1)])),
        (TEMPERATURE, Slab(vec![span(7, 1, 1), span(0, 130, 1), span(10, 20, 1)])),
        (TOWN, Slab(vec![span(0, 3000, 1)])),
        (TOWN, Slab(vec![span(3, 1400, 2)])),
        (TOWN, Slab(vec![span(39, 1, 1)])),
        (SCALAR, Slab(vec![])),
    ]
}

async fn values_are_the_values(client: &DataClient, target: &Target, sample: &Sample) {
    for (place, slab) in slabs() {
        let values = client.values(target, &sample.version, place, &slab).await.unwrap();
        let length = values.length();
        let (bytes, signed) = all(values).await.unwrap();
        assert_eq!(bytes, sample.truth(place, &slab), "{slab:?}");
        assert_eq!(length, bytes.len() as u64);
        assert_eq!(signed.root, *blake3::hash(&bytes).as_bytes());
        assert!(signed.is_by(target.server(), &data_support::parameters().grid_id()));
    }
}

async fn checks_are_what_the_asker_computes(client: &DataClient, target: &Target, sample: &Sample) {
    let each = |checksum| slabs().into_iter().map(move |(place, slab)| (checksum, place, slab));
    for (checksum, place, slab) in Checksum::ALL.into_iter().flat_map(each) {
        let truth = sample.truth(place, &slab);
        let segment_bytes = 16 << 10;
        let of = Selection::new(sample.version.place(place.0, place.1), &slab);
        let mut segments = Segments::new(&of, &[9; 32], checksum, segment_bytes, 0);
        let mut expected = Vec::new();
        truth.chunks(1000).for_each(|piece| segments.update(piece, &mut expected));
        segments.finish(&mut expected);
        let expected: Vec<&[u8]> = expected.chunks(checksum.bytes()).collect();
        let count = expected.len() as u64;
        for range in [0..count, count / 2..count, count / 3..count / 2, 1.min(count)..1.min(count)] {
            let wanted = Wanted { nonce: [9; 32], checksum, segment_bytes, segments: range.clone() };
            let check = client.check(target, &sample.version, place, &slab, &wanted).await.unwrap();
            let (start, end) = (range.start as usize, range.end as usize);
            assert_eq!(hashes(check).await.unwrap(), expected[start..end], "{slab:?} {range:?}");
        }
        let wanted = Wanted { nonce: [8; 32], checksum, segment_bytes, segments: 0..count };
        let check = client.check(target, &sample.version, place, &slab, &wanted).await.unwrap();
        assert!(hashes(check).await.unwrap().iter().zip(&expected).all(|(one, other)| one != other));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_answered_is_refused_in_words() {
    let sample = sample(true);
    let limits = Limits { max_answer_bytes: 1 << 20, ..data_support::impatient() };
    let server = Setup { limits, ..Setup::serving(&sample.library) }.start().await;
    let reader = Setup::default().start().await;
    let (client, target) = (reader.client(), server.target());
    let refusal = async |place, slab: Slab| match client.values(&target, &sample.version, place, &slab).await {
        Err(DataError::Refused(refusal)) => refusal.to_string(),
        other => panic!("{other:?}"),
    };
    let scalar = Slab(vec![]);
    assert!(refusal(TEMPERATURE, sample.whole(TEMPERATURE)).await.contains("8736000 bytes"));
    assert!(refusal((0, 3), scalar.clone()).await.contains("no variable 3 in a file 0"));
    assert!(refusal((1, 0), scalar.clone()).await.contains("no variable 0 in a file 1"));
    assert!(refusal(TEMPERATURE, scalar).await.contains("3 dimensions"));
    assert!(refusal(TOWN, Slab(vec![span(0, 3001, 1)])).await.contains("indices 0 to 2999"));
    assert!(refusal(TOWN, Slab(vec![span(0, 2, 0)])).await.contains("at least 1"));
    assert!(refusal(TOWN, Slab(vec![span(0, u64::MAX, u64::MAX)])).await.contains("indices 0 to 2999"));
    assert!(refusal(TEMPERATURE, Slab(vec![span(0, 1, 1); 1000])).await.contains("the selection 1000"));
    let stream = sample.stream(TEMPERATURE);
    for (groups, why) in [
        (vec![0..1, 533..535], "groups up to 535 of a stream of 534 groups"),
        (vec![5..6, 4..5], "not in order"),
        (vec![3..3], "empty"),
        (vec![], "empty"),
        (vec![0..u64::MAX], "a stream of 534 groups"),
    ] {
        match client.chunks(&target, &sample.version, TEMPERATURE, &stream, &groups).await {
            Err(DataError::Refused(refusal)) => assert!(refusal.to_string().contains(why), "{refusal}"),
            other => panic!("{other:?}"),
        }
    }
    let check = async |segment_bytes, segments| {
        let wanted = Wanted { nonce: [0; 32], checksum: Checksum::default(), segment_bytes, segments };
        match client.check(&target, &sample.version, TOWN, &sample.whole(TOWN), &wanted).await {
            Err(DataError::Refused(refusal)) => refusal.to_string(),
            other => panic!("{other:?}"),
        }
    };
    assert!(check(100, 0..1).await.contains("segments of 100 bytes"));
    assert!(check(u32::MAX, 0..1).await.contains("are possible"));
    assert!(check(1 << 20, 0..9).await.contains("segments 0 to 9"));
    // The connection is as good as new.
    client.manifest(&target, &sample.version).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_version_is_not_a_lie() {
    let sample = sample(true);
    let server = Setup::serving(&sample.library).start().await;
    let reader = Setup::default().start().await;
    let (client, target) = (reader.client(), server.target());
    let other = Version { dataset: "sample".into(), root: VersionRoot([7; 32]) };
    let served = vec![sample.version.root];
    let error = client.manifest(&target, &other).await.unwrap_err();
    assert_eq!(error, DataError::Refused(Refusal::UnknownVersion { served }));
    assert!(error.to_string().contains(&sample.version.root.to_string()), "{error}");
    let stranger = Version { dataset: "stranger".into(), ..other };
    let error = client.manifest(&target, &stranger).await.unwrap_err();
    assert_eq!(error, DataError::Refused(Refusal::UnknownVersion { served: vec![] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_roots_there_are_values_and_checks_only() {
    let sample = sample(false);
    let server = Setup::serving(&sample.library).start().await;
    let reader = Setup::default().start().await;
    let (client, target) = (reader.client(), server.target());
    let stream = dataset::manifest::Stream { length: 100, root: [0; 32] };
    let error = client.chunks(&target, &sample.version, TEMPERATURE, &stream, &[0..1]).await.unwrap_err();
    assert_eq!(error, DataError::Refused(Refusal::NoRoots));
    values_are_the_values(&client, &target, &sample).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_requests_at_once_are_all_answered() {
    let sample = sample(true);
    let limits = Limits { busy_wait: Duration::from_secs(2), ..data_support::impatient() };
    let server = Setup { limits: limits.clone(), ..Setup::serving(&sample.library) }.start().await;
    let reader = Setup { limits, ..Setup::default() }.start().await;
    let sample = Arc::new(sample);
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (client, target, sample) = (reader.client(), server.target(), sample.clone());
            tokio::spawn(async move {
                let slab = Slab(vec![span(7, 1, 1), span(0, 130, 1), span(10, 20, 1)]);
                let values = client.values(&target, &sample.version, TEMPERATURE, &slab).await.unwrap();
                assert_eq!(all(values).await.unwrap().0, sample.truth(TEMPERATURE, &slab));
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_vanishes_is_named() {
    let good = serve("bytes", Arc::new(Computed::new(10 << 20)), true);
    let mut broken = Computed::new(10 << 20);
    broken.broken_from = 5 << 20;
    let served = good.library.find(&good.version.root).unwrap();
    good.library.insert(node::data::library::Served {
        name: served.name.clone(),
        root: served.root,
        encoded: served.encoded.clone(),
        manifest: served.manifest.clone(),
        files: vec![node::data::library::ServedFile {
            source: Arc::new(broken),
            outboards: served.files[0].outboards.clone(),
        }],
    });
    let server = Setup::serving(&good.library).start().await;
    let reader = Setup::default().start().await;
    let (client, target) = (reader.client(), server.target());
    let values = client.values(&target, &good.version, (0, 0), &good.whole((0, 0))).await.unwrap();
    let error = all(values).await.unwrap_err();
    assert!(matches!(error, DataError::Failed { received: 5242880, .. }), "{error:?}");
    assert!(error.to_string().contains("it was pulled out"), "{error}");
    let chunks = client.chunks(&target, &good.version, (0, 0), &good.stream((0, 0)), &[0..640]).await.unwrap();
    let (leaves, error) = leaves(chunks).await;
    assert!(matches!(error, Some(DataError::Failed { .. })), "{error:?}");
    assert!(leaves.len() <= 320, "{}", leaves.len());
}

/// Both ends of a yamux connection that write bulk at once have been seen to wait for each other (rust-libp2p#5410).
#[tokio::test(flavor = "multi_thread")]
async fn bulk_goes_both_ways_at_once() {
    let sample = Arc::new(serve("bytes", Arc::new(Computed::new(16 << 20)), true));
    for listen in [TCP, QUIC] {
        let nodes = [
            Setup { listen, ..Setup::serving(&sample.library) }.start().await,
            Setup { listen, ..Setup::serving(&sample.library) }.start().await,
        ];
        // From now on there is one connection, which both use.
        nodes[0].client().manifest(&nodes[1].target(), &sample.version).await.unwrap();
        let read = |reader: usize| {
            let (client, target, sample) = (nodes[reader].client(), nodes[1 - reader].target(), sample.clone());
            tokio::spawn(async move {
                let values = client.values(&target, &sample.version, (0, 0), &sample.whole((0, 0))).await.unwrap();
                assert_eq!(all(values).await.unwrap().0.len(), 16 << 20);
            })
        };
        for task in (0..12).map(|number| read(number % 2)).collect::<Vec<_>>() {
            task.await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_accepts_and_says_nothing_is_given_up_in_time() {
    let sample = sample(true);
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("/ip4/127.0.0.1/tcp/{}", silent.local_addr().unwrap().port());
    let (server, reader) = (Setup::serving(&sample.library).start().await, Setup::default().start().await);
    let target = Target::new(&server.verifier, &server.peer, vec![address.parse().unwrap()]).unwrap();
    let asked = reader.client();
    let asked = asked.manifest(&target, &sample.version);
    let error = tokio::time::timeout(Duration::from_secs(15), asked).await.unwrap().unwrap_err();
    assert!(matches!(error, DataError::Open(_)), "{error:?}");
}
