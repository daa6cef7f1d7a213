//! Tunnels are laid, used and closed.

use proptest::prelude::*;
use tunnel::payload::{Command, MOST, Payload};
use tunnel::table::Output;

use crate::net::Net;

#[test]
fn tunnels_of_every_length_carry_bytes_both_ways() {
    for hops in 1..=5 {
        let mut net = Net::new(6, 7);
        let (near, far) = net.tunnel(hops);
        for round in 0..50_u8 {
            net.say(0, near, &[round; 700]);
            net.say(hops, far, &[round ^ 0xff; MOST]);
        }
        let said = |at: usize| net.delivered(at).into_iter().map(|payload| payload.bytes).collect::<Vec<_>>();
        assert_eq!(said(hops), (0..50).map(|round| vec![round; 700]).collect::<Vec<_>>());
        assert_eq!(said(0), (0..50).map(|round| vec![round ^ 0xff; MOST]).collect::<Vec<_>>());
        for relay in 1..hops {
            assert_eq!((net.counts(relay).outward, net.counts(relay).homeward), (50, 51), "relay {relay} of {hops}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn whatever_is_said_is_heard(
        hops in 1..=5_usize,
        said in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..=MOST)), 0..20),
        seed in any::<u64>(),
    ) {
        let mut net = Net::new(6, seed);
        let (near, far) = net.tunnel(hops);
        for (outward, bytes) in &said {
            if *outward { net.say(0, near, bytes) } else { net.say(hops, far, bytes) }
        }
        let of = |way: bool| {
            let its = said.iter().filter(|(outward, _)| *outward == way);
            its.map(|(_, bytes)| Payload { command: Command::Data, bytes: bytes.clone() }).collect::<Vec<_>>()
        };
        prop_assert_eq!(net.delivered(hops), of(true));
        prop_assert_eq!(net.delivered(0), of(false));
    }
}

#[test]
fn closing_at_either_end_is_heard_at_the_other_and_leaves_nothing_behind() {
    for hops in 1..=5 {
        for near_closes in [true, false] {
            let mut net = Net::new(6, 3);
            let (near, far) = net.tunnel(hops);
            let (at, tunnel) = if near_closes { (0, near) } else { (hops, far) };
            net.close(at, tunnel);
            assert!((0..=hops).all(|node| net.table(node).is_empty()));
            let other = if near_closes { hops } else { 0 };
            assert!(net.events(other).iter().any(|event| matches!(event, Output::Ended { .. })));
            let late = net.with(at, |table, out| table.send(tunnel, Command::Data, b"late", out));
            assert!(late.is_err());
        }
    }
}
