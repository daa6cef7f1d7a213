//! Set-ups that are repeated, altered, cut short, out of date or none at all.

use std::time::Duration;

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tunnel::bucket::Rate;
use tunnel::cell::{CELL, Cell, CircuitId, Reading, SET_UP};
use tunnel::initiator::{Opening, PathError};
use tunnel::keys::{Hop, OnionPublic, OnionSecret};
use tunnel::replay::{Filter, Limits, Verdict};
use tunnel::setup::Taken;
use tunnel::table::{Config, OpenError, Output, Why};

use crate::net::{Flight, Net, START};

/// Where a cell that begins a circuit has the set-up.
const AT: usize = CELL - SET_UP;

fn set_up_of(cell: &Cell) -> &[u8] {
    &cell.as_bytes()[AT..]
}

/// The same set-up as the beginning of another circuit.
fn again(cell: &Cell, number: u16) -> Cell {
    Cell::set_up(CircuitId::opened(number).unwrap(), set_up_of(cell).try_into().unwrap())
}

#[test]
fn set_ups_that_are_repeated_lead_nowhere() {
    let mut net = Net::new(7, 11);
    let mut rng = ChaCha20Rng::seed_from_u64(11);
    let mut seen = Vec::new();
    for trial in 0..10_000_u64 {
        if trial % 100 == 0 {
            net.seen.clear();
            for _ in 0..4 {
                let hops = usize::try_from(1 + rng.next_u32() % 5).unwrap();
                net.tunnel(hops);
            }
            seen.extend(net.seen.iter().filter(|flight| matches!(flight.cell.read(), Reading::SetUp(_))).cloned());
        }
        let which = usize::try_from(rng.next_u64()).unwrap() % seen.len();
        let Flight { from, to, cell } = seen[which].clone();
        // By the same neighbour or another one, within the window.
        let from = if trial % 2 == 0 { from } else { 6 };
        net.now.steady += Duration::from_millis(1);
        let (before, circuits) = (net.counts(to), net.table(to).len());
        let cell = again(&cell, CircuitId::MOST - u16::try_from(trial % 1000).unwrap());
        net.deliver(Flight { from, to, cell });
        assert_eq!((net.counts(to).replayed, net.counts(to).set_ups), (before.replayed + 1, before.set_ups));
        assert_eq!(net.table(to).len(), circuits);
        let heard = net.flights().pop_front().unwrap();
        assert!(matches!(heard.cell.read(), Reading::Destroy(_)) && heard.to == from && net.flights().is_empty());
    }
}

#[test]
fn set_ups_that_are_altered_anywhere_do_not_open() {
    let mut rng = ChaCha20Rng::seed_from_u64(12);
    let secrets: Vec<OnionSecret> = (0..5).map(|_| OnionSecret::draw(&mut rng)).collect();
    let net = Net::new(5, 12);
    let hop = |at: usize| Hop { name: net.name(at), onion: secrets[at].public() };
    let path: Vec<Hop> = (0..5).map(hop).collect();
    for trial in 0..10_000_usize {
        // A set-up as it comes to each of the five, with one bit of it turned.
        let (at, length) = (trial % 5, 1 + trial / 5 % 5);
        let (_, mut set_up) = Opening::new(&path[..length.max(at + 1)], 1, &mut rng).unwrap();
        for before in 0..at {
            Taken::new(&mut set_up, path[before].name, &secrets[before]).unwrap();
        }
        let bit = usize::try_from(rng.next_u64()).unwrap() % (SET_UP * 8);
        let mut altered = set_up.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        let kept = altered.clone();
        assert!(Taken::new(&mut altered, path[at].name, &secrets[at]).is_err(), "bit {bit} at {at}");
        assert_eq!(altered, kept, "it is left as it was");
        assert!(Taken::new(&mut set_up, path[at].name, &secrets[at]).is_ok());
    }
}

#[test]
fn set_ups_that_are_cut_short_random_or_for_another_node_do_not_open() {
    let mut rng = ChaCha20Rng::seed_from_u64(13);
    let (secret, other) = (OnionSecret::draw(&mut rng), OnionSecret::draw(&mut rng));
    let net = Net::new(2, 13);
    let me = Hop { name: net.name(0), onion: secret.public() };
    let (_, whole) = Opening::new(&[me], 1, &mut rng).unwrap();
    assert!(Taken::new(&mut whole.clone(), me.name, &secret).is_ok());
    assert!(Taken::new(&mut whole.clone(), me.name, &other).is_err(), "another key");
    assert!(Taken::new(&mut whole.clone(), net.name(1), &secret).is_err(), "another name");
    for length in 0..SET_UP {
        let mut cut = whole.clone();
        let changes = cut[length..].iter().any(|&byte| byte != 0);
        cut[length..].fill(0);
        assert_eq!(Taken::new(&mut cut, me.name, &secret).is_err(), changes, "cut at {length}");
    }
    for _ in 0..1000 {
        let mut noise = [0; SET_UP];
        rng.fill_bytes(&mut noise);
        assert!(Taken::new(&mut noise, me.name, &secret).is_err());
    }
}

/// The points of small order on the curve and its twist, of which X25519 makes zeros (RFC 7748, section 6.1; the list is
/// Bernstein's, https://cr.yp.to/ecdh.html).
fn weak_keys() -> Vec<[u8; 32]> {
    let hex = |text: &str| std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap());
    [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ]
    .map(hex)
    .to_vec()
}

#[test]
fn keys_that_have_nothing_in_common_with_any_are_refused_on_both_sides() {
    let mut rng = ChaCha20Rng::seed_from_u64(14);
    let secret = OnionSecret::draw(&mut rng);
    let net = Net::new(3, 14);
    for weak in weak_keys() {
        let onion = OnionPublic::from_bytes(weak);
        let path = [Hop { name: net.name(1), onion: secret.public() }, Hop { name: net.name(2), onion }];
        assert_eq!(Opening::new(&path, 1, &mut rng).unwrap_err(), PathError::NoKey(1));
        let mut set_up = [0; SET_UP];
        set_up[..32].copy_from_slice(&weak);
        assert!(Taken::new(&mut set_up, net.name(1), &secret).is_err());
    }
}

#[test]
fn paths_that_are_none_are_refused() {
    let mut net = Net::new(7, 15);
    let mut rng = ChaCha20Rng::seed_from_u64(15);
    let nodes = net.path(6);
    let mut open = |path: &[Hop]| {
        let mut its = rng.clone();
        let refused = net.with(0, |table, out| table.open(START, path, &mut its, out)).unwrap_err();
        rng = its;
        refused
    };
    assert_eq!(open(&[]), OpenError::Path(PathError::Length(0)));
    assert_eq!(open(&nodes), OpenError::Path(PathError::Length(6)));
    assert_eq!(open(&[nodes[0], nodes[1], nodes[0]]), OpenError::Path(PathError::Twice(2)));
    let own = Hop { name: net.name(0), ..nodes[0] };
    let refused = net.with(0, |table, out| table.open(START, &[nodes[0], own], &mut rng, out));
    assert_eq!(refused, Err(OpenError::Ourselves));
}

#[test]
fn set_ups_out_of_their_time_are_refused() {
    for (ahead, taken) in [(-3, false), (-2, true), (0, true), (2, true), (3, false)] {
        let mut net = Net::new(3, 16);
        net.open(2);
        let its = net.flights().pop_front().unwrap();
        net.now.minute = net.now.minute.checked_add_signed(ahead).unwrap();
        net.deliver(its);
        assert_eq!((net.counts(1).set_ups, net.counts(1).stale), (u64::from(taken), u64::from(!taken)), "{ahead}");
    }
}

#[test]
fn floods_of_set_ups_are_bounded_by_neighbour_and_in_all() {
    let config = Config {
        circuits: 40,
        of_neighbour: 25,
        set_ups: Rate { burst: 30, every: Duration::from_secs(1) },
        ..Config::default()
    };
    let mut net = Net::with_config(4, 17, config);
    for _ in 0..35 {
        net.open(2);
        net.run();
    }
    // 25 circuits of the neighbour's; what it sends beyond that is refused before any arithmetic, and it hears so.
    assert_eq!((net.counts(1).set_ups, net.counts(1).no_room, net.table(1).len()), (25, 10, 25));
    assert_eq!(net.table(0).len(), 25);
    let refused = net.events(0).iter().filter(|event| matches!(event, Output::Ended { why: Why::Destroyed, .. }));
    assert_eq!(refused.count(), 10);
    // Closing them makes room, but not more than its rate: 25 of 30 are used up.
    let ready = net.events(0).iter().filter_map(|event| match event {
        Output::Ready { tunnel } => Some(*tunnel),
        _ => None,
    });
    let own: Vec<_> = ready.collect();
    own.into_iter().for_each(|tunnel| net.close(0, tunnel));
    assert!(net.table(1).is_empty());
    (0..10).for_each(|_| {
        net.open(2);
        net.run();
    });
    assert_eq!((net.counts(1).set_ups, net.table(1).len()), (30, 5));
    net.now.steady += Duration::from_secs(3);
    (0..10).for_each(|_| {
        net.open(2);
        net.run();
    });
    assert_eq!(net.counts(1).set_ups, 33);
}

#[test]
fn a_set_up_for_an_id_that_is_in_use_leaves_its_circuit_alone() {
    let mut net = Net::new(4, 18);
    let (near, _) = net.tunnel(2);
    let Flight { cell: used, .. } = net.seen[0].clone();
    let Reading::SetUp(id) = used.read() else { panic!("a set-up goes first") };
    net.seen.clear();
    net.open(3);
    let other = net.flights().pop_front().unwrap();
    net.deliver(Flight { cell: again(&other.cell, id.wire() & 0x7fff), ..other });
    net.run();
    assert_eq!((net.counts(1).out_of_turn, net.counts(1).set_ups), (1, 1));
    net.say(0, near, b"unharmed");
    assert_eq!(net.delivered(2).len(), 1);
}

#[test]
fn a_set_up_is_passed_on_before_the_keys_are_agreed_on_and_what_comes_too_early_ends_it() {
    let mut net = Net::new(4, 19);
    net.open(3);
    let first = net.flights().pop_front().unwrap();
    let Reading::SetUp(id) = first.cell.read() else { panic!("a set-up goes first") };
    net.deliver(first);
    assert!(net.table(1).is_unsettled());
    assert!(matches!(net.flights().front().unwrap().cell.read(), Reading::SetUp(_)), "it is on its way already");
    // Before the answer nothing may come from who laid it.
    let mut early = Box::new([0; CELL]);
    early[..2].copy_from_slice(&id.wire().to_be_bytes());
    net.deliver(Flight { from: 0, to: 1, cell: Cell::from_bytes(early) });
    assert_eq!((net.counts(1).out_of_turn, net.table(1).len()), (1, 0));
    net.settle(1);
    net.run();
    assert!(net.events(0).iter().any(|event| matches!(event, Output::Ended { why: Why::Destroyed, .. })));
    // Of what is gone nothing is kept, though nobody settles it.
    net.open(3);
    let first = net.flights().pop_front().unwrap();
    net.deliver(first);
    let near = net.name(0);
    net.with(1, |table, out| table.link_lost(near, out));
    assert!(net.table(1).is_unsettled());
    let now = net.now;
    net.with(1, |table, out| table.tick(now, out));
    assert!(!net.table(1).is_unsettled());
}

proptest! {
    /// Whenever nodes agree on keys, before the answer comes or when it does: the tunnel is the same.
    #[test]
    fn it_makes_no_difference_when_keys_are_agreed_on(hops in 2..6_usize, when in prop::collection::vec(any::<bool>(), 24)) {
        let mut net = Net::new(7, 20);
        let near = net.open(hops);
        let mut when = when.into_iter();
        while let Some(flight) = net.flights().pop_front() {
            let to = flight.to;
            net.deliver(flight);
            if when.next().unwrap_or(true) {
                net.settle(to);
            }
        }
        let ready = Output::Ready { tunnel: near };
        prop_assert!(net.events(0).contains(&ready));
        let far = net.events(hops).iter().find_map(|event| match event {
            Output::Arrived { tunnel } => Some(*tunnel),
            _ => None,
        });
        (1..=hops).for_each(|node| net.settle(node));
        net.say(0, near, b"outward");
        net.say(hops, far.unwrap(), b"homeward");
        prop_assert_eq!((net.delivered(hops).len(), net.delivered(0).len()), (1, 1));
    }

    /// Whatever the clock does while it runs on, no key is taken twice, nor one whose date is out of the window, and
    /// never more is kept than two generations.
    #[test]
    fn the_filter_takes_nothing_twice(
        steps in prop::collection::vec((0..4_u32, 0..12_u8, 0..9_u32), 1..300),
        window in 0..4_u32,
    ) {
        let limits = Limits { window, entries: 5 };
        let mut filter = Filter::new(limits);
        let (mut now, mut taken) = (1_000_u32, std::collections::BTreeSet::new());
        for (later, which, dated) in steps {
            now += later / 2;
            let minute = now + dated - 4;
            // A set-up's key never comes with another date: the date is sealed under it.
            let id = (which, minute);
            let mut bytes = [which; 32];
            bytes[..4].copy_from_slice(&minute.to_be_bytes());
            let key = OnionPublic::from_bytes(bytes);
            match filter.take(now, key, minute) {
                Verdict::Fresh => {
                    prop_assert!(minute.abs_diff(now) <= window);
                    prop_assert!(taken.insert(id), "{id:?} was taken twice");
                }
                Verdict::Stale => prop_assert!(minute.abs_diff(now) > window),
                Verdict::Replayed => prop_assert!(taken.contains(&id)),
                Verdict::Full => prop_assert!(filter.len() >= limits.entries),
            }
            prop_assert!(filter.len() <= 2 * limits.entries);
        }
    }
}

#[test]
fn a_clock_that_is_put_back_does_not_shut_the_filter_for_good() {
    let mut filter = Filter::new(Limits { window: 2, entries: 10 });
    let key = |byte| OnionPublic::from_bytes([byte; 32]);
    assert_eq!(filter.take(1_000_000, key(1), 1_000_000), Verdict::Fresh);
    assert_eq!(filter.take(999_999, key(1), 999_999), Verdict::Replayed);
    assert_eq!(filter.take(5_000, key(2), 5_000), Verdict::Fresh);
    assert_eq!(filter.take(5_000, key(1), 5_000), Verdict::Replayed);
}
