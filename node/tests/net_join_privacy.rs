#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm, reason = "a test may fail")]
//! On a join, neither the introducer nor a node on the way sees the home-cell node's address: every byte that they are
//! given is looked through.

mod net_support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use grid::id::NodeId;
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use net_support::{Setup, mint_in, parameters};
use node::daemon::FrameLog;

type Frames = Arc<Mutex<Vec<(NodeId, Vec<u8>)>>>;

fn log() -> (Frames, FrameLog) {
    let frames = Frames::default();
    let seen = frames.clone();
    (frames, FrameLog::new(move |from, frame| seen.lock().unwrap().push((from, frame.to_vec()))))
}

/// The forms in which an address could show: its whole bytes, its text, and its port with the protocol before it.
fn traces(address: &Multiaddr) -> Vec<Vec<u8>> {
    let bare: Multiaddr = address.iter().filter(|part| !matches!(part, Protocol::P2p(_))).collect();
    let port = bare.iter().find_map(|part| match part {
        Protocol::Tcp(port) => Some(Multiaddr::empty().with(Protocol::Tcp(port))),
        _ => None,
    });
    vec![bare.to_vec(), bare.to_string().into_bytes(), port.unwrap().to_vec()]
}

fn holds(frame: &[u8], trace: &[u8]) -> bool {
    frame.windows(trace.len()).any(|window| window == trace)
}

/// The numbers of the messages that carry requests and what comes of them, see docs/protocol.md.
const REQUESTS_AND_ANSWERS: std::ops::RangeInclusive<u8> = 2..=5;

#[tokio::test(flavor = "multi_thread")]
async fn nobody_on_the_way_is_told_the_address() {
    let grid = parameters(2, 3);
    // The introducer differs from the home cell in both coordinates; on the way lie the two corners.
    let (introducer_log, log_of_introducer) = log();
    let mut setup = Setup::new(&grid, mint_in(&grid, &[0, 0]));
    setup.frame_log = Some(log_of_introducer);
    let introducer = setup.start().await;
    let mut corners = Vec::new();
    for cell in [[0, 1], [1, 0]] {
        let (frames, frame_log) = log();
        let mut setup = Setup::new(&grid, mint_in(&grid, &cell)).joining(&introducer);
        setup.frame_log = Some(frame_log);
        corners.push((frames, setup.start().await));
    }
    let home = Setup::new(&grid, mint_in(&grid, &[1, 1])).joining(&introducer).start().await;
    home.until("the home node knows both corners", |status| status.status.neighbours == 2).await;
    for (_, corner) in &corners {
        corner.until("a corner knows introducer and home", |status| status.status.neighbours == 2).await;
    }
    // What the corners are told as the home node's neighbours is their right; the join begins now.
    corners.iter().for_each(|(frames, _)| frames.lock().unwrap().clear());

    let (newcomer_log, log_of_newcomer) = log();
    let mut setup = Setup::new(&grid, mint_in(&grid, &[1, 1])).joining(&introducer);
    setup.frame_log = Some(log_of_newcomer);
    let newcomer = setup.start().await;
    newcomer.until("the newcomer knows home and corners", |s| s.status.joined && s.status.neighbours == 3).await;
    tokio::time::sleep(Duration::from_secs(1)).await;

    let traces = traces(&home.address);
    let introducer_frames = introducer_log.lock().unwrap().clone();
    let answers = introducer_frames.iter().filter(|(_, frame)| frame[0] == 5).count();
    assert!(answers >= 1, "the introducer has passed answers on");
    for (from, frame) in &introducer_frames {
        for trace in &traces {
            assert!(!holds(frame, trace), "the introducer was told by {from}: {frame:02x?}");
        }
    }
    let mut passed_on = 0;
    for (frames, _) in &corners {
        for (from, frame) in frames.lock().unwrap().iter().filter(|(_, frame)| REQUESTS_AND_ANSWERS.contains(&frame[0]))
        {
            passed_on += 1;
            for trace in &traces {
                assert!(!holds(frame, trace), "a node on the way was told by {from}: {frame:02x?}");
            }
        }
    }
    assert!(passed_on > 0, "the join went over a corner");
    // The search itself finds the address where it may be: the newcomer was told it, by a neighbour, in the end.
    let newcomer_frames = newcomer_log.lock().unwrap();
    assert!(newcomer_frames.iter().any(|(_, frame)| holds(frame, &traces[0])), "the search would find it");
    println!("looked through {} frames at the introducer, {passed_on} on the way", introducer_frames.len());
}
