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

/// What a node's accounts learn of a tunnel: of the cells that went through it, and its own two neighbours on it.
fn carried(net: &Net, node: usize) -> Vec<(Option<usize>, Option<usize>, u64)> {
    let number = |name: Option<tunnel::name::Name>| name.map(|name| (0..6).find(|&one| net.name(one) == name).unwrap());
    let of = |event: &Output| match event {
        Output::Carried { back, on, cells } => Some((number(*back), number(*on), *cells)),
        _ => None,
    };
    net.events(node).iter().filter_map(of).collect()
}

#[test]
fn each_node_charges_the_one_before_it_when_the_tunnel_is_over_and_both_count_alike() {
    for hops in 1..=5 {
        let mut net = Net::new(6, 8);
        let (near, far) = net.tunnel(hops);
        (0..30).for_each(|_| net.say(0, near, b"out"));
        (0..12).for_each(|_| net.say(hops, far, b"home"));
        assert!((0..=hops).all(|node| carried(&net, node).is_empty()), "nothing is told while it is in use");
        net.close(0, near);
        for node in 0..=hops {
            let (back, on) = (node.checked_sub(1), Some(node + 1).filter(|&next| next <= hops));
            assert_eq!(carried(&net, node), [(back, on, 42)], "node {node} of {hops}");
        }
    }
}

#[test]
fn what_is_forged_is_not_charged_for() {
    let mut net = Net::new(6, 9);
    let (near, _) = net.tunnel(3);
    (0..5).for_each(|_| net.say(0, near, b"out"));
    net.post(0, near, b"altered on the way");
    let mut flight = net.flights().pop_front().unwrap();
    let mut bytes = flight.cell.into_bytes();
    bytes[900] ^= 1;
    flight.cell = tunnel::cell::Cell::from_bytes(bytes);
    net.deliver(flight);
    net.run();
    let counted: Vec<u64> = (0..=3).flat_map(|node| carried(&net, node)).map(|(_, _, cells)| cells).collect();
    assert_eq!(counted, [6, 5, 5, 5], "who sent it has sent it; nobody has done anything for it");
}

#[test]
fn a_tunnel_through_which_nothing_went_costs_nothing() {
    let mut net = Net::new(6, 10);
    let (near, _) = net.tunnel(3);
    net.close(0, near);
    assert!((0..=3).all(|node| carried(&net, node).is_empty()));
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
